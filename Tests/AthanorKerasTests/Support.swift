import Athanor
import AthanorKeras
import Foundation
import Testing

/// A folder that is removed when the last user has gone.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { url.appendingPathComponent(name).path }

  /// The names in it, hidden ones among them.
  var contents: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() } }

  /// The text of the error that a closure throws, without this folder's path; a mark when it throws none.
  func errorText(_ body: () throws -> some Any) -> String {
    do {
      _ = try body()
      return "(no error)"
    } catch let error as AthanorError {
      return error.description.replacingOccurrences(of: url.path + "/", with: "")
    } catch {
      return "(another error) \(error)"
    }
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}

/// The folder of the files that Keras has made.
let goldenFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")

/// The path of a file that Keras has made.
func golden(_ name: String) -> String { goldenFolder.appendingPathComponent(name).path }

/// Numbers without pattern, the same for the same seed.
func noise(_ shape: [Int], seed: UInt64 = 1) throws -> Tensor {
  var random = RandomStream(seed: seed, stream: 77)
  return try Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform() * 2 - 1) })
}

/// The bits of a tensor's numbers.
func bits(_ tensor: Tensor) -> [UInt32] { tensor.floats.map(\.bitPattern) }

/// The names of all of a model's weights with their bits.
func weightBits(_ model: Model) -> [String: [UInt32]] {
  Dictionary(uniqueKeysWithValues: model.weights.map { ($0.name, bits($0.tensor)) })
}

/// The bits of the optimizer's state.
func slotBits(_ model: Model) throws -> [[UInt32]] {
  let count = model.weightMap.gradientCount
  return try #require(model.training).slots.map { $0.floats.prefix(count).map(\.bitPattern) }
}

/// Gives every weight numbers without pattern; variances stay positive.
func fillWeights(_ model: Model, seed: UInt64 = 5) throws {
  var tensors: [String: Tensor] = [:]
  for (index, weight) in model.weights.enumerated() {
    let numbers = try noise(weight.tensor.shape, seed: seed + UInt64(index))
    tensors[weight.name] =
      weight.name.hasSuffix("variance")
      ? try Tensor(shape: numbers.shape, numbers.floats.map { $0 * $0 + 0.1 }) : numbers
  }
  try model.setWeights(tensors)
}
