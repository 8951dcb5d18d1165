import Athanor
import AthanorCoreML
import Foundation
import SwiftProtobuf
import Testing

/// The constants and fields that coremltools writes.
@Suite("A reader accounts for every constant of a file that coremltools wrote")
struct GoldenMutationTests {
  private func path(_ name: String) -> String {
    ImportGolden.folder.appendingPathComponent(name).path
  }

  /// Each integer and flag of a value alone, all of its numbers at once, and a text.
  private func mutations(_ tensor: ProtoTensorValue) -> [ProtoTensorValue] {
    func changed(_ change: (inout ProtoTensorValue) -> Void) -> ProtoTensorValue {
      var copy = tensor
      change(&copy)
      return copy
    }
    switch tensor.kind {
    case .floats(let list): return [changed { $0.floats.values = list.values.map { $0 + 1 } }]
    case .int32S(let list): return list.values.indices.map { place in changed { $0.int32S.values[place] += 1 } }
    case .bools(let list): return list.values.indices.map { place in changed { $0.bools.values[place].toggle() } }
    case .strings(let list): return list.values.indices.map { place in changed { $0.strings.values[place] += "_x" } }
    case .bytes(let bytes):
      // The highest bit of each number of 16 bits; of half precision the sign.
      return [
        changed {
          $0.bytes.values = Data(bytes.values.enumerated().map { $0.offset % 2 == 1 ? $0.element ^ 0x40 : $0.element })
        }
      ]
    default: return []
    }
  }

  /// The value of a constant, changed; of numbers in the weight file the first byte that says a sign or an exponent.
  private func mutations(
    _ value: ProtoValue, _ weights: [UInt8]
  ) -> [(value: ProtoValue, weights: [UInt8])] {
    switch value.content {
    case .immediate(let immediate):
      guard case .tensor(let tensor) = immediate.kind else { return [] }
      return mutations(tensor).map { changed in (value.with { $0.immediate.tensor = changed }, weights) }
    case .blobFile(let blob):
      guard case .tensor(let type) = value.type.kind else { return [] }
      let start = Int(blob.offset)
      func integer(_ place: Int) -> Int { weights[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int($1) } }
      let (count, place) = (integer(start + 8), integer(start + 16))
      let width = [10: 2, 11: 4][type.dataType] ?? 1
      var changed = weights
      for byte in stride(from: place + width - 1, to: place + count, by: width) {
        changed[byte] ^= width == 1 ? 1 : 0x40
      }
      return [(value, changed)]
    case nil: return []
    }
  }

  /// What was changed in all goldens, and what of that changed a result or was an error.
  private struct Places {
    var all: [String: Int] = [:]
    var seen: Set<String> = []

    mutating func note(_ place: String, _ isSeen: Bool) {
      all[place, default: 0] += 1
      if isSeen { seen.insert(place) }
    }

    var unseen: Set<String> { Set(all.keys).subtracting(seen) }
  }

  /// In these networks nothing depends on them: a padded row or column lies outside of the windows, no number reaches the upper bound,
  /// and ends are masked or those of the array.
  private static let neutralConstants: Set<String> = [
    "avg_pool.pad 3", "clip.beta 0", "max_pool.pad 1", "slice_by_index.end 0", "slice_by_index.end 1",
    "slice_by_index.end 2", "slice_by_index.end_mask 0", "slice_by_index.end_mask 1", "slice_by_index.end_mask 2",
  ]

  @Test("Another constant of an ML Program changes the result, or is an error")
  func programs() throws {
    var places = Places()
    for name in try FileManager.default.contentsOfDirectory(atPath: ImportGolden.folder.path).sorted()
    where name.hasSuffix(".mlpackage") && name != "pictures.mlpackage" {  // the classifier without labels
      let folder = path(name) + "/Data/com.apple.CoreML"
      let model = try ProtoModel(serializedBytes: Data(contentsOf: URL(fileURLWithPath: "\(folder)/model.mlmodel")))
      let weights = (try? [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(folder)/weights/weight.bin")))) ?? []
      let expected = try MutatedFile.outcome(model, weights: weights)
      guard case .numbers = expected else {
        Issue.record("\(name): \(expected)")
        continue
      }
      let function = try #require(model.program.functions["main"])
      let operations = try #require(function.blocks[function.opset]).operations
      for (index, operation) in operations.enumerated() {
        func check(_ place: String, _ weights: [UInt8], _ change: (inout ProtoOperation) -> Void) throws {
          var changed = model
          change(
            &changed.program.functions["main", default: function].blocks[function.opset, default: ProtoBlock()]
              .operations[index])
          places.note(place, try MutatedFile.outcome(changed, weights: weights) != expected)
        }
        for (attribute, value) in operation.attributes where attribute != "name" {
          // A constant is named for what reads it.
          let reader = operations.lazy.compactMap { reader in
            reader.inputs.first { $0.value.bindings.contains { $0.name == operation.outputs[0].name } }
              .map { "\(reader.type).\($0.key)" }
          }.first
          let place = operation.type == "const" ? reader ?? "nothing" : "\(operation.type).\(attribute)"
          for (number, (value, weights)) in mutations(value, weights).enumerated() {
            try check("\(place) \(number)", weights) { $0.attributes[attribute] = value }
          }
        }
        for (argument, bound) in operation.inputs {
          for (place, binding) in bound.bindings.enumerated() {
            guard case .value(let value) = binding.kind else { continue }
            for (number, (value, weights)) in mutations(value, weights).enumerated() {
              try check("\(operation.type).\(argument) \(number)", weights) {
                $0.inputs[argument]?.bindings[place].value = value
              }
            }
          }
        }
      }
    }
    #expect(places.all.count > 60)
    #expect(places.unseen.sorted() == GoldenMutationTests.neutralConstants.sorted())
  }

  /// No number reaches the bound; a further axis of length 1 is broadcast.
  private static let neutralFields: Set<String> = ["clip.maximum", "constantNd.shape.count"]

  @Test("Another field of a layer changes the result, or is an error")
  func networks() throws {
    var places = Places()
    for name in try FileManager.default.contentsOfDirectory(atPath: ImportGolden.folder.path).sorted()
    where name.hasSuffix(".mlmodel") && name != "pictures.mlmodel" {
      let model = try ProtoModel(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path(name))))
      let expected = try MutatedFile.outcome(model)
      guard case .numbers = expected else {
        Issue.record("\(name): \(expected)")
        continue
      }
      let isClassifier = if case .neuralNetworkClassifier = model.kind { true } else { false }
      let network = isClassifier ? model.neuralNetworkClassifier : model.neuralNetwork
      for (index, layer) in network.layers.enumerated() {
        let json = try JSONSerialization.jsonObject(with: layer.jsonUTF8Data())
        for (path, mutated) in MutatedFile.mutations(json) where path.first != "name" {
          guard let layer = try? ProtoLayer(jsonUTF8Data: JSONSerialization.data(withJSONObject: mutated)),
            !MutatedFile.isHarmless(path.dropFirst().first ?? "", layer)
          else { continue }
          var (changed, other) = (model, network)
          other.layers[index] = layer
          if isClassifier { changed.neuralNetworkClassifier = other } else { changed.neuralNetwork = other }
          // Of many numbers one may well have no effect.
          let place = path.contains("floats") ? path.dropLast() : path[...]
          places.note(place.joined(separator: "."), try MutatedFile.outcome(changed) != expected)
        }
      }
    }
    #expect(places.all.count > 60)
    #expect(places.unseen.sorted() == GoldenMutationTests.neutralFields.sorted())
  }
}

extension ProtoValue {
  fileprivate func with(_ change: (inout ProtoValue) -> Void) -> ProtoValue {
    var copy = self
    change(&copy)
    return copy
  }
}
