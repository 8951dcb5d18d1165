import Athanor
import AthanorCoreML
import Foundation
import SwiftProtobuf
import Testing

@Suite("A reader accounts for every field of a layer")
struct FieldMutationTests {
  /// What a file computes of noise; an error's text where it is refused.
  private enum Outcome: Equatable {
    case numbers([Int], [Float])
    case refused(String)
  }

  private func outcome(_ model: ProtoModel) throws -> Outcome {
    do {
      let file = try CoreMLFile(model: model.serializedBytes(), weights: [], path: "a.mlmodel")
      let model = try Model(file.recipe(), threads: 1)
      let shape = model.inputs[0].lengths.map { $0.fixed ?? 1 }
      let count = shape.reduce(1, *)
      let result = try model.predict(Tensor(shape: shape, (0..<count).map { Float($0 * 31 % 37) / 18 - 1.03 }))
      return .numbers(result.shape, result.floats)
    } catch let error as AthanorError {
      return .refused(error.description)
    }
  }

  /// The JSON of a message with another scalar in each place, and the names of the places.
  private func mutations(_ json: Any, _ path: [String] = []) -> [(path: [String], json: Any)] {
    switch json {
    case let object as [String: Any]:
      var all: [(path: [String], json: Any)] = []
      for (key, value) in object.sorted(by: { $0.key < $1.key }) {
        for (path, changed) in mutations(value, path + [key]) {
          all.append((path, object.merging([key: changed]) { $1 }))
        }
      }
      return all
    case let list as [Any]:
      // The first and the last tell as much as all of many numbers.
      var all: [(path: [String], json: Any)] = [(path + ["count"], list + [list.last ?? 1])]
      for index in Set([0, list.count - 1]).sorted() where index >= 0 {
        for (path, changed) in mutations(list[index], path + ["\(index)"]) {
          var copy = list
          copy[index] = changed
          all.append((path, copy))
        }
      }
      return all
    case let flag as Bool where "\(type(of: json))".contains("Bool"): return [(path, !flag)]
    case let number as NSNumber: return [(path, number.doubleValue + 1)]
    case let text as String:
      // Integers of 64 bits are texts there, and bytes in base 64.
      if let integer = Int64(text) { return [(path, "\(integer + 1)")] }
      if let bytes = Data(base64Encoded: text), !bytes.isEmpty, path.last == "raw" {
        return [(path, Data([bytes[0] &+ 1] + bytes.dropFirst()).base64EncodedString())]
      }
      return [(path, text + "_x")]
    default: return []
    }
  }

  @Test("Another value changes the result, or is an error", arguments: NetworkCase.all)
  func values(_ network: NetworkCase) throws {
    let expected = try outcome(network.model())
    guard case .numbers = expected else {
      Issue.record("\(expected)")
      return
    }
    let json = try JSONSerialization.jsonObject(with: network.layer.jsonUTF8Data())
    var count = 0
    for (path, changed) in mutations(json) where path.first != "name" {
      // The largest of a value and itself is the value.
      if network.testDescription == "max", path.first == "inputs" { continue }
      guard let layer = try? ProtoLayer(jsonUTF8Data: JSONSerialization.data(withJSONObject: changed)) else { continue }
      count += 1
      let outcome = try outcome(network.model(layer))
      #expect(outcome != expected || isHarmless(path.dropFirst().first ?? "", layer), "\(path.joined(separator: "."))")
    }
    #expect(count > 0)
  }

  /// Each field that a layer may have, set or set to another value, by the numbers under which files hold them.
  @Test("A further field changes the result, or is an error", arguments: NetworkCase.all)
  func fields(_ network: NetworkCase) throws {
    let expected = try outcome(network.model())
    let bytes: [UInt8] = try network.layer.serializedBytes()
    let kind = try #require(Mirror(reflecting: network.layer.kind as Any).children.first?.value)
    let number = try #require(fieldNumber(of: Mirror(reflecting: kind).children.first?.label ?? ""))
    for field in Array(1...25) + [30, 31, 32, 40, 41, 50, 51, 60, 70, 71, 80, 90, 91, 100, 101] {
      // An integer, a number of 32 bits, a message with a flag.
      for (wire, content) in [(0, [9]), (5, [0, 0, 0x60, 0x40]), (2, [2, 8, 9])] as [(Int, [UInt8])] {
        let inner = varint(field << 3 | wire) + content
        let more = varint(number << 3 | 2) + varint(inner.count) + inner
        guard let layer = try? ProtoLayer(serializedBytes: bytes + more), layer != network.layer else { continue }
        let outcome = try outcome(network.model(layer))
        guard outcome == expected else { continue }
        let alone = try ProtoLayer(serializedBytes: more).textFormatString().split(separator: "\n")
        let name = alone.count > 1 ? String(alone[1].drop { $0 == " " }.prefix { !" :".contains($0) }) : ""
        #expect(name.isEmpty || isHarmless(name, layer), "field \(field) (\(name)), wire type \(wire)")
      }
    }
  }

  private func varint(_ number: Int) -> [UInt8] {
    number < 128 ? [UInt8(number)] : [UInt8(number & 127 | 128)] + varint(number >> 7)
  }

  /// The number of the field that a layer's kind is.
  private func fieldNumber(of kind: String) -> Int? {
    (100..<1500).first { number in
      guard let layer = try? ProtoLayer(serializedBytes: varint(number << 3 | 2) + [0]), let found = layer.kind else {
        return false
      }
      return Mirror(reflecting: found).children.first?.label == kind
    }
  }

  private func isHarmless(_ field: String, _ layer: ProtoLayer) -> Bool {
    guard let kind = layer.kind,
      let message = Mirror(reflecting: kind).children.first?.value as? any SwiftProtobuf.Message
    else { return false }
    let snake = field.reduce("") { $0 + ($1.isUppercase ? "_" + $1.lowercased() : String($1)) }
    return HarmlessFields.all.contains("\(type(of: message).protoMessageName).\(snake)")
  }
}
