import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// Read models have the layers that they were exported of.
@Suite final class ImportedLayersTests {
  private let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
  private let native = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).safetensors"

  deinit {
    for path in [path, native] { try? FileManager.default.removeItem(atPath: path) }
  }

  private func reread(_ model: Model) throws -> Model {
    try model.export(to: path, as: .onnx())
    return try Model(contentsOf: path, threads: 1)
  }

  /// What a summary says of the layers, without dropouts, which exports leave out.
  private func rows(_ model: Model) -> [String] {
    model.summaryRows.filter { $0.kind != "Dropout" }.map { "\($0.name) \($0.kind) \($0.output) \($0.parameters)" }
  }

  @Test(arguments: [NetworkTemplate.malireddi, .chollet])
  func tutorial(_ network: NetworkTemplate) throws {
    let model = try network.model(seed: 5, threads: 1)
    let copy = try reread(model)
    #expect(rows(copy) == rows(model) && copy.summaryRows.count == model.layers.count { !($0 is Dropout) })
    let layers = model.layers.filter { !($0 is Dropout) }
    for (layer, read) in zip(layers, copy.layers) {
      #expect((read as? Conv2D)?.activation == (layer as? Conv2D)?.activation)
      #expect((read as? Dense)?.activation == (layer as? Dense)?.activation)
    }
    for (weight, read) in zip(model.weights, copy.weights) { #expect(weight.tensor == read.tensor) }
    let noise = (0..<2 * 784).map { Float($0 * 37 % 101) / 100 }
    let inputs = try Tensor(shape: [2, 28, 28, 1], noise)
    #expect(try copy.predict(inputs) == model.predict(inputs))
  }

  /// Normalisations keep their averages, train, and are saved; a part of the model is a model.
  @Test func normalisation() throws {
    let model = try Sequential(input: [8, 6, 2], seed: 3, threads: 1) {
      Conv2D(4, kernelSize: 3, padding: .same, useBias: false, name: "first")
      BatchNormalization(epsilon: 0.002, name: "pictures")
      Activation(.relu, name: "relu")
      MaxPooling2D(2, name: "pool")
      GlobalAveragePooling2D(name: "mean")
      BatchNormalization(scale: false, name: "rows")
      Dense(3, activation: .softmax, name: "last")
    }
    var random = RandomStream(seed: 2, stream: 1)
    for weight in model.weights {
      let numbers = weight.tensor.floats.map { _ in Float(random.nextUniform()) + 0.25 }
      try model.setWeights([weight.name: Tensor(shape: weight.tensor.shape, numbers)])
    }
    let copy = try reread(model)
    #expect(copy.summaryRows.map(\.name) == model.summaryRows.map(\.name))
    #expect(copy.summaryRows.map(\.kind) == model.summaryRows.map(\.kind))
    #expect((copy.layers[1] as? BatchNormalization)?.epsilon == 0.002)
    for weight in model.weights {
      #expect(copy.weights.contains { $0.name == weight.name && $0.tensor == weight.tensor })
    }
    let inputs = try Tensor(shape: [6, 8, 6, 2], (0..<576).map { Float($0 * 29 % 71) / 70 })
    #expect(try copy.predict(inputs) == model.predict(inputs))
    #expect(try copy.truncated(after: "pool").predict(inputs) == model.truncated(after: "pool").predict(inputs))
    try copy.freeze("first", "pictures")
    try copy.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
    let data = try Dataset(inputs: inputs, targets: Tensor(shape: [6], integers: [0, 1, 2, 0, 1, 2]))
    try copy.fit(data, epochs: 2, batchSize: 3, verbose: .silent)
    let moved = copy.weights.filter { weight in !model.weights.contains { $0.tensor == weight.tensor } }.map(\.name)
    #expect(
      moved == ["rows/gamma", "rows/beta", "rows/moving_mean", "rows/moving_variance", "last/kernel", "last/bias"])
    try copy.save(to: native)
    let saved = try Model(contentsOf: native, threads: 1)
    #expect(try saved.predict(inputs) == copy.predict(inputs) && saved.summary() == copy.summary())
    // Exported again it is the same model.
    let again = try reread(saved)
    #expect(again.summaryRows.map(\.kind) == copy.summaryRows.map(\.kind))
    #expect(try again.predict(inputs) == copy.predict(inputs))
  }

  /// Functions that ONNX spells out come back as the functions that they were.
  @Test func spelledOut() throws {
    let model = try Sequential(input: [6, 5, 2], seed: 3, threads: 1) {
      Conv2D(3, kernelSize: 3, activation: .gelu)
      ReLU(maximum: 6)
      Flatten()
      Dense(4, activation: .gelu)
      Activation(.gelu)
    }
    let copy = try reread(model)
    #expect(rows(copy) == rows(model))
    #expect((copy.layers[0] as? Conv2D)?.activation == .gelu && (copy.layers[1] as? ReLU)?.maximum == 6)
    let inputs = try Tensor(shape: [2, 6, 5, 2], (0..<120).map { Float($0 * 29 % 71) / 20 })
    #expect(try copy.predict(inputs) == model.predict(inputs))
  }

  /// Channels that stand behind other axes than a picture's.
  @Test func steps() throws {
    let model = try Sequential(input: [7, 3], seed: 3, threads: 1) {
      Dense(4)
      BatchNormalization()
      Permute([2, 1])
      Flatten()
      Dense(3)
    }
    let copy = try reread(model)
    #expect(rows(copy) == rows(model))
    let inputs = try Tensor(shape: [2, 7, 3], (0..<42).map { Float($0 * 29 % 71) / 20 })
    #expect(try copy.predict(inputs) == model.predict(inputs))
  }

  /// What other programs exported, in layers.
  @Test(arguments: [
    "pictures-dynamo.onnx", "pictures-script.onnx", "rows-dynamo.onnx", "rows-script.onnx", "keras-tf2onnx.onnx",
    "branches-dynamo.onnx", "branches-script.onnx",
  ])
  func others(_ name: String) throws {
    let model = try Model(contentsOf: OnnxGolden.folder.appendingPathComponent(name).path, threads: 1)
    #expect(model.summaryRows.map(\.kind) == Self.kinds[name])
    try model.save(to: native)
    let golden = try #require(OnnxGolden.all[name]).inputs
    let inputs = try Tensor(shape: golden.shape, golden.values)
    #expect(try Model(contentsOf: native, threads: 1).predict(inputs) == model.predict(inputs))
  }

  private static let pictures = [
    "Permute", "Conv2D", "MaxPooling2D", "ZeroPadding2D", "Conv2D", "ReLU", "Conv2D", "Flatten", "Dense",
  ]
  private static let rows = [
    "Input", "Dense", "layer_norm operation", "Activation", "Multiply", "Dense", "Add", "Reshape", "Permute", "Flatten",
    "clip operation", "Dense", "Rescaling", "sub operation", "Activation",
  ]
  private static let kinds = [
    "pictures-dynamo.onnx": pictures, "pictures-script.onnx": pictures, "rows-dynamo.onnx": rows,
    "rows-script.onnx": rows,
    "keras-tf2onnx.onnx": [
      "Rescaling", "Conv2D", "mul operation", "add operation", "AveragePooling2D", "Conv2D", "Flatten", "Dense",
      "Dense",
    ],
    "branches-dynamo.onnx": [
      "Input", "Permute", "ZeroPadding2D", "Conv2D", "prelu operation", "Conv2D", "Add", "GlobalAveragePooling2D",
      "Dense",
      "Reshape", "Reshape", "Permute", "Multiply", "ZeroPadding2D", "AveragePooling2D", "avg_pool operation",
      "max_pool operation", "slice_axes operation", "slice_axes operation", "Permute", "Concatenate",
      "reduce_max operation", "Dense",
    ],
    "branches-script.onnx": [
      "Input", "Permute", "ZeroPadding2D", "Conv2D", "prelu operation", "Conv2D", "Add", "GlobalAveragePooling2D",
      "Dense", "Reshape", "Reshape", "Permute", "Multiply", "ZeroPadding2D", "AveragePooling2D", "avg_pool operation",
      "max_pool operation", "Permute", "slice_axes operation", "Permute", "slice_axes operation", "Permute",
      "Concatenate", "reduce_max operation", "Dense",
    ],
  ]
}
