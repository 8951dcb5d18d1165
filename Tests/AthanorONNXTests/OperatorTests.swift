import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// Small networks of one operator or a few (`Tools/make_onnx_cases.py`), with onnxruntime's results.
struct OnnxCase: Decodable {
  struct Array: Decodable {
    let type: String
    let shape: [Int]
    let values: [Double]

    var tensor: Tensor {
      Tensor(
        uncheckedShape: shape,
        type == "uint8" ? .uint8(values.map { UInt8($0) }) : .float32(values.map { Float($0) }))
    }
  }
  let model: Data
  let input: Array
  let output: Array
  let tolerance: Float

  static let all: [String: OnnxCase] = {
    let path = OnnxGolden.folder.appendingPathComponent("operators.json")
    guard let data = try? Data(contentsOf: path) else { return [:] }
    return (try? JSONDecoder().decode([String: OnnxCase].self, from: data)) ?? [:]
  }()
}

@Suite final class OperatorTests {
  private let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @Test func casesAreThere() { #expect(OnnxCase.all.count >= 80) }

  @Test(arguments: OnnxCase.all.keys.sorted())
  func operators(_ name: String) throws {
    let aCase = try #require(OnnxCase.all[name])
    try aCase.model.write(to: URL(fileURLWithPath: path))
    let model = try Model(contentsOf: path, threads: 1)
    func check(_ model: Model) throws {
      let result = try model.predict(aCase.input.tensor)
      #expect(result.shape == aCase.output.shape)
      for (got, want) in zip(result.floats, aCase.output.values.map { Float($0) }) where got != want {
        #expect(abs(got - want) <= aCase.tolerance * max(1, abs(want)))
      }
    }
    try check(model)
    // Athanor's own file holds the same network.
    let saved = path + ".safetensors"
    defer { try? FileManager.default.removeItem(atPath: saved) }
    try model.save(to: saved)
    try check(Model(contentsOf: saved, threads: 1))
  }

  /// The page lists what the reader's table has, word for word.
  @Test func documentation() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("Documentation/onnx.md"), encoding: .utf8)
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map(String.init)
    #expect(text.contains("operator sets 1 to \(OnnxFiles.newestOperatorSet) of"))
    #expect(rows == OnnxFiles.operators.map { "| \($0.name) | \($0.limits) |" })
  }
}

/// Tensors in files beside the model.
@Suite final class ExternalDataTests {
  private let folder = NSTemporaryDirectory() + "athanor-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: folder + "/model/deeper", withIntermediateDirectories: true)
    let numbers: [Float] = [1, 2, 3, 4]
    try numbers.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: folder + "/model/weights.data"))
    try numbers.withUnsafeBytes { Data($0) }.write(to: URL(fileURLWithPath: folder + "/outside.data"))
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/model/link.data", withDestinationPath: "../outside.data")
    try FileManager.default.createSymbolicLink(
      atPath: folder + "/model/deeper/inner.data", withDestinationPath: "../weights.data")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// `x * a + b` with both numbers of two in other files.
  private func model(_ a: [String: String], _ b: [String: String]? = nil) throws -> Model {
    let tensors = zip(["a", "b"], [a, b ?? a]).map { name, place in
      OnnxTensor.with { tensor in
        (tensor.name, tensor.dataType, tensor.shape, tensor.location) = (name, 1, [2], 1)
        tensor.external = place.sorted { $0.key < $1.key }.map { pair in
          .with { ($0.key, $0.value) = (pair.key, pair.value) }
        }
      }
    }
    let file = OnnxModel.with { file in
      file.operatorSets = [.with { $0.version = 18 }]
      file.graph.inputs = [
        .with { input in
          (input.name, input.type.tensor.dataType) = ("x", 1)
          input.type.tensor.shape.lengths = [.with { $0.name = "n" }, .with { $0.value = 2 }]
        }
      ]
      file.graph.nodes = [
        .with { ($0.type, $0.inputs, $0.outputs) = ("Mul", ["x", "a"], ["z"]) },
        .with { ($0.type, $0.inputs, $0.outputs) = ("Add", ["z", "b"], ["y"]) },
      ]
      file.graph.initializers = tensors
      file.graph.outputs = [.with { $0.name = "y" }]
    }
    let path = folder + "/model/m.onnx"
    try Data(file.serializedData()).write(to: URL(fileURLWithPath: path))
    return try Model(contentsOf: path, threads: 1)
  }

  private func refusal(_ place: [String: String]) -> String {
    do {
      _ = try model(place)
      return "no error"
    } catch {
      return "\(error)".replacingOccurrences(of: folder + "/model/m.onnx: tensor \"a\": ", with: "")
    }
  }

  @Test func twoTensorsInOneFile() throws {
    let first = ["location": "weights.data", "offset": "0", "length": "8"]
    let second = ["location": "deeper/inner.data", "offset": "8", "checksum": "abc"]
    let model = try model(first, second)
    #expect(try model.predict(Tensor(shape: [2, 2], [1, 1, 10, 10])).floats == [4, 6, 13, 24])
  }

  @Test func refusals() {
    #expect(
      refusal(["location": "missing.data"])
        == "its numbers lie in \"missing.data\", which is not in the model's folder. Put that file beside the model.")
    for path in ["../outside.data", folder + "/outside.data", "deeper/../../outside.data", ""] {
      #expect(
        refusal(["location": path])
          == "its numbers lie in \"\(path)\", which is no path within the model's folder. Save the model's data beside it."
      )
    }
    #expect(
      refusal(["location": "link.data"])
        == "its numbers lie in \"link.data\", a link that leads out of the model's folder. Put the file itself beside the model."
    )
    #expect(
      refusal(["location": "deeper"])
        == "its numbers lie in \"deeper\", which is no plain file. Export the model again.")
    #expect(
      refusal(["location": "weights.data", "offset": "12", "length": "8"])
        == "its numbers are bytes 12 to 20 of \"weights.data\", which has 16. Copy that file anew: it is shorter than the model says."
    )
    #expect(
      refusal(["location": "weights.data", "offset": "\(Int.max)", "length": "8"]).hasSuffix(
        "of \"weights.data\", which has 16. Copy that file anew: it is shorter than the model says."))
    #expect(
      refusal(["location": "weights.data", "length": "12"])
        == "it has 12 bytes in \"weights.data\", but its shape needs 8. Export the model again.")
    #expect(
      refusal(["location": "weights.data"])
        == "it has 16 bytes in \"weights.data\", but its shape needs 8. Export the model again.")
    #expect(
      refusal(["location": "weights.data", "offset": "-8"])
        == "its offset in another file is \"-8\". Export the model again.")
    #expect(
      refusal(["location": "weights.data", "surprise": "1"])
        == "its place in another file has the entry \"surprise\", which is not known or comes twice. Export the model again."
    )
  }
}
