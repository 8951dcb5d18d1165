import Athanor
import AthanorCoreML
import Foundation
import SwiftProtobuf
import Testing

@Suite("A reader accounts for every field of a layer")
struct FieldMutationTests {
  private func outcome(_ model: ProtoModel) throws -> MutatedFile.Outcome { try MutatedFile.outcome(model) }

  @Test("Another value changes the result, or is an error", arguments: NetworkCase.all)
  func values(_ network: NetworkCase) throws {
    let expected = try outcome(network.model())
    guard case .numbers = expected else {
      Issue.record("\(expected)")
      return
    }
    let json = try JSONSerialization.jsonObject(with: network.layer.jsonUTF8Data())
    var count = 0
    for (path, changed) in MutatedFile.mutations(json) where path.first != "name" {
      // The largest of a value and itself is the value.
      if network.testDescription == "max", path.first == "inputs" { continue }
      guard let layer = try? ProtoLayer(jsonUTF8Data: JSONSerialization.data(withJSONObject: changed)) else { continue }
      count += 1
      let outcome = try outcome(network.model(layer))
      #expect(
        outcome != expected || MutatedFile.isHarmless(path.dropFirst().first ?? "", layer),
        "\(path.joined(separator: "."))")
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
        #expect(name.isEmpty || MutatedFile.isHarmless(name, layer), "field \(field) (\(name)), wire type \(wire)")
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
}
