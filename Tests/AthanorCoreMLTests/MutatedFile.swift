import Athanor
import AthanorCoreML
import Foundation
import SwiftProtobuf

/// Files with one value changed, for tests that a reader accounts for it.
enum MutatedFile {
  /// What a file computes of noise; an error's text where it is refused.
  enum Outcome: Equatable {
    case numbers([Int], [Float])
    case refused(String)
  }

  static func outcome(_ model: ProtoModel, weights: [UInt8] = []) throws -> Outcome {
    do {
      let file = try CoreMLFile(model: model.serializedBytes(), weights: weights, path: "a.mlmodel")
      let isPicture = file.declaration.picture != nil
      let model = try Model(file.recipe(), threads: 1)
      let shape = model.inputs[0].lengths.map { $0.fixed ?? 1 }
      let count = shape.reduce(1, *)
      let input =
        isPicture
        ? try Tensor(shape: shape, bytes: (0..<count).map { UInt8($0 * 31 % 256) })
        : try Tensor(shape: shape, (0..<count).map { Float($0 * 31 % 37) / 18 - 1.03 })
      let result = try model.predict(input)
      return .numbers(result.shape, result.floats)
    } catch let error as AthanorError {
      return .refused(error.description)
    }
  }

  /// The JSON of a message with another scalar in each place, and the names of the places.
  static func mutations(_ json: Any, _ path: [String] = []) -> [(path: [String], json: Any)] {
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

  static func isHarmless(_ field: String, _ layer: ProtoLayer) -> Bool {
    guard let kind = layer.kind,
      let message = Mirror(reflecting: kind).children.first?.value as? any SwiftProtobuf.Message
    else { return false }
    let snake = field.reduce("") { $0 + ($1.isUppercase ? "_" + $1.lowercased() : String($1)) }
    return HarmlessFields.all.contains("\(type(of: message).protoMessageName).\(snake)")
  }
}
