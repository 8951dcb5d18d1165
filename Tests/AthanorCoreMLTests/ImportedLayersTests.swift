import Athanor
import AthanorCore
import AthanorCoreML
import Foundation
import Testing

/// Read models have the layers that they were exported of.
@Suite struct ImportedLayersTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func reread(_ model: Model, _ ending: String, _ options: CoreMLOptions = CoreMLOptions()) throws -> Model {
    let path = "\(folder.path)/a.\(ending)"
    try? FileManager.default.removeItem(atPath: path)
    try model.export(to: path, as: .coreML(options))
    return try Model(contentsOf: path, threads: 1)
  }

  /// What a summary says of the layers, without dropouts, which exports leave out.
  private func rows(_ model: Model) -> [String] {
    model.summaryRows.filter { $0.kind != "Dropout" }.map { "\($0.name) \($0.kind) \($0.output) \($0.parameters)" }
  }

  @Test(arguments: [NetworkTemplate.malireddi, .chollet], ["mlpackage", "mlmodel"])
  func tutorial(_ network: NetworkTemplate, _ ending: String) throws {
    let model = try network.model(seed: 5, threads: 1)
    let copy = try reread(model, ending, CoreMLOptions(input: .picture(), labels: .integers(Array(0...9))))
    #expect(rows(copy) == rows(model) && copy.summaryRows.count == model.layers.count { !($0 is Dropout) })
    for (layer, read) in zip(model.layers.filter { !($0 is Dropout) }, copy.layers) {
      #expect((read as? Conv2D)?.activation == (layer as? Conv2D)?.activation)
      #expect((read as? Dense)?.activation == (layer as? Dense)?.activation)
    }
    for (weight, read) in zip(model.weights, copy.weights) { #expect(weight.tensor == read.tensor) }
    #expect(copy.pixelScale == model.pixelScale && copy.classNames == (0...9).map(String.init))
    let inputs = try Tensor(shape: [2, 28, 28, 1], bytes: (0..<2 * 784).map { UInt8($0 * 37 % 251) })
    #expect(try copy.predict(inputs) == model.predict(inputs))
  }

  @Test(arguments: ["mlpackage", "mlmodel"])
  func normalisation(_ ending: String) throws {
    let model = try Sequential(input: [8, 6, 3], seed: 3, threads: 1) {
      Conv2D(4, kernelSize: 3, padding: .same, useBias: false, name: "first")
      BatchNormalization(epsilon: 0.002, name: "pictures")
      Activation(.relu, name: "relu")
      MaxPooling2D(2, name: "pool")
      Flatten(name: "flat")
      Dense(5, name: "rows")
      BatchNormalization(name: "normal")
      Dense(3, activation: .softmax, name: "last")
    }
    var random = RandomStream(seed: 2, stream: 1)
    for weight in model.weights {
      let numbers = weight.tensor.floats.map { _ in Float(random.nextUniform()) + 0.25 }
      try model.setWeights([weight.name: Tensor(shape: weight.tensor.shape, numbers)])
    }
    let copy = try reread(model, ending, CoreMLOptions(input: .picture()))
    #expect(copy.summaryRows == model.summaryRows)
    #expect((copy.layers[1] as? BatchNormalization)?.epsilon == 0.002)
    for (weight, read) in zip(model.weights, copy.weights) { #expect(weight == read) }
    let inputs = try Tensor(shape: [6, 8, 6, 3], bytes: (0..<864).map { UInt8($0 * 29 % 251) })
    #expect(try copy.predict(inputs) == model.predict(inputs))
    try copy.freeze("first", "pictures")
    try copy.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
    let data = try Dataset(inputs: inputs, targets: Tensor(shape: [6], integers: [0, 1, 2, 0, 1, 2]))
    try copy.fit(data, epochs: 2, batchSize: 3, verbose: .silent)
    let moved = zip(model.weights, copy.weights).filter { $0.tensor != $1.tensor }.map(\.0.name)
    #expect(
      moved == [
        "rows/kernel", "rows/bias", "normal/gamma", "normal/beta", "normal/moving_mean", "normal/moving_variance",
        "last/kernel", "last/bias",
      ])
    try copy.save(to: "\(folder.path)/a.safetensors")
    let saved = try Model(contentsOf: "\(folder.path)/a.safetensors", threads: 1)
    #expect(try saved.predict(inputs) == copy.predict(inputs) && saved.summary() == copy.summary())
    #expect(try reread(saved, ending, CoreMLOptions(input: .picture())).predict(inputs) == copy.predict(inputs))
    #expect(try copy.truncated(after: "pool").outputShape == [nil, 4, 3, 4])
  }

  /// What coremltools converted, in layers.
  @Test(arguments: ImportGolden.all.keys.sorted().filter { !$0.contains("int8") && !$0.contains("palette") })
  func others(_ name: String) throws {
    let model = try Model(contentsOf: ImportGolden.folder.appendingPathComponent(name).path, threads: 1)
    #expect(model.summaryRows.map(\.kind) == Self.kinds[name])
    try model.save(to: "\(folder.path)/a.safetensors")
    let golden = try #require(ImportGolden.all[name]).inputs
    let inputs = try Tensor(shape: golden.shape, golden.values)
    let saved = try Model(contentsOf: "\(folder.path)/a.safetensors", threads: 1)
    #expect(try saved.predict(inputs) == model.predict(inputs))
  }

  private static let classifier = [
    "Rescaling", "Conv2D", "MaxPooling2D", "ZeroPadding2D", "Conv2D", "ReLU", "Conv2D", "Flatten", "Dense",
  ]
  private static let pictures = [
    "Permute", "Conv2D", "MaxPooling2D", "ZeroPadding2D", "Conv2D", "ReLU", "Conv2D", "Flatten", "Dense",
  ]
  private static let branches = [
    "Input", "Permute", "ZeroPadding2D", "Conv2D", "prelu operation", "Conv2D", "Add", "GlobalAveragePooling2D",
    "Dense",
    "Reshape", "Reshape", "Permute", "Multiply", "ZeroPadding2D", "AveragePooling2D", "avg_pool operation",
    "max_pool operation", "slice_by_index operation", "slice_by_index operation", "Permute", "Concatenate",
    "reduce_max operation", "Dense",
  ]
  private static let rows = [
    "Input", "Dense", "layer_norm operation", "Activation", "Dense", "Add", "Reshape", "Permute", "Flatten",
    "clip operation", "Dense", "Rescaling", "sub operation", "Activation",
  ]
  private static let kinds = [
    "classifier.mlmodel": classifier, "classifier.mlpackage": classifier, "pictures.mlmodel": pictures,
    "pictures.mlpackage": pictures, "branches.mlmodel": branches, "branches.mlpackage": branches,
    "rows.mlpackage": rows, "rows-half.mlpackage": rows,
    // The older format has no normalisation of rows.
    "rows.mlmodel": [
      "Input", "Dense", "Reshape", "reduce_mean operation", "Subtract", "square operation", "reduce_mean operation",
      "sqrt operation", "Rescaling", "real_div operation", "mul operation", "add operation", "Flatten", "Activation",
      "Multiply", "Dense", "Add", "Reshape", "Permute", "Flatten", "clip operation", "Dense", "Rescaling", "Activation",
    ],
  ]
}
