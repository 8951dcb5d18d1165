import Athanor
import AthanorCore
import AthanorCoreML
import AthanorONNX
import Foundation
import Testing

@Suite struct ExportTests {
  private static let labels = CoreMLOptions.Labels.integers(Array(0...9))

  private func folder() throws -> String {
    let path = NSTemporaryDirectory() + "athanor-coreml-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// The kinds of operation of a program, constants left out.
  private func operations(_ program: CoreMLProgram) -> [String] {
    let block = program.model.program.functions["main"]?.blocks["CoreML5"]
    return block?.operations.map(\.type).filter { $0 != "const" } ?? []
  }

  /// The tutorial's network becomes exactly its own layers: nothing is transposed when the model runs.
  @Test func malireddi() throws {
    let model = try NetworkTemplate.malireddi.model()
    let program = try CoreMLProgram(model, CoreMLOptions(input: .picture(), labels: Self.labels))
    #expect(
      operations(program) == [
        "mul", "conv", "relu", "max_pool", "conv", "relu", "max_pool", "conv", "relu", "max_pool", "reshape", "linear",
        "relu", "linear", "softmax", "identity", "classify",
      ])
    let description = program.model.description_p
    #expect(program.model.version == 6)
    #expect(description.inputs.map(\.name) == ["image"] && description.inputs[0].type.image.colorSpace == 10)
    #expect(description.outputs.map(\.name) == ["classLabel", "classLabelProbabilities"])
    #expect(description.predictedFeatureName == "classLabel")
    #expect(description.predictedProbabilitiesName == "classLabelProbabilities")
    #expect(program.weights.count > 4 * 94_000)
  }

  /// What works in training alone is in no file.
  @Test func augmentation() throws {
    func network(_ layers: [any Layer]) throws -> Model {
      try Model(input: [8, 8, 1], layers: layers + [Conv2D(4, kernelSize: 3), Flatten(), Dense(2)])
    }
    let layers: [any Layer] =
      Augmentation.layers(height: 8, width: 8, horizontalFlip: true)
      + [
        RandomContrast(0.2), RandomBrightness(0.2), RandomErasing(), RandomCrop(height: 8, width: 8),
        GaussianNoise(0.1),
      ]
    #expect(
      try operations(CoreMLProgram(network(layers), CoreMLOptions()))
        == operations(CoreMLProgram(network([]), CoreMLOptions())))
    #expect(
      try CoreMLNetwork(network(layers), CoreMLOptions()).model.neuralNetwork.layers.map(\.name)
        == CoreMLNetwork(network([]), CoreMLOptions()).model.neuralNetwork.layers.map(\.name))
    for filter in [ResizingFilter.nearest, .bilinear, .area] {
      try Model(input: [8, 9, 3], layers: [Resizing(height: 5, width: 12, filter: filter), Flatten()])
        .checkExport(as: .coreML())
    }
  }

  /// The same network in the older format: layers in order, the picture scaled before them.
  @Test func malireddiAsNeuralNetwork() throws {
    let model = try NetworkTemplate.malireddi.model()
    let description = try CoreMLNetwork(model, CoreMLOptions(input: .picture(), labels: Self.labels)).model
    let network = description.neuralNetworkClassifier
    #expect(
      network.layers.map(\.name) == [
        "conv2d_conv", "conv2d_relu", "max_pooling2d_max_pool", "conv2d_1_conv", "conv2d_1_relu",
        "max_pooling2d_1_max_pool", "conv2d_2_conv", "conv2d_2_relu", "max_pooling2d_2_max_pool", "flatten_reshape",
        "dense_linear", "dense_relu", "dense_1_linear", "dense_1_softmax",
      ])
    #expect(zip(network.layers, network.layers.dropFirst()).allSatisfy { $0.outputs == $1.inputs })
    #expect(description.version == 1 && network.integerLabels.values == (0...9).map { Int64($0) })
    #expect(network.preprocessing.map(\.scaler.channelScale) == [1 / 255])
    #expect(network.probabilities == "dense_1_softmax")
    #expect(network.layers[3].convolution.kernelChannels == 32 && network.layers[3].convolution.outputChannels == 64)
  }

  /// Per-channel factors become layers of their own; what the older format lacks is named.
  @Test func neuralNetworkOfOtherLayers() throws {
    let model = try Sequential(input: [6, 6, 3]) {
      Conv2D(4, kernelSize: 3, padding: .same, useBias: false)
      BatchNormalization()
      Activation(.elu)
      GlobalAveragePooling2D()
      Dense(2)
    }
    let description = try CoreMLNetwork(model, CoreMLOptions(input: .picture(), precision: .float16)).model
    #expect(description.version == 2 && description.neuralNetwork.layers.last?.outputs == ["output"])
    #expect(description.neuralNetwork.layers[0].convolution.weights.halves.count == 2 * 27 * 4)
    let other = try Sequential(input: [6]) { Dense(2, activation: .gelu) }
    #expect(
      text { _ = try CoreMLNetwork(other, CoreMLOptions()) }
        == "dense, export: the .mlmodel format has no layer for it (gelu). "
        + "Export an .mlpackage, which iOS 15 and macOS 12 read.")
  }

  /// The path says which of the two formats is meant; nothing is written.
  @Test func checksForTheKindOfFile() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let gelu = try Sequential(input: [6]) { Dense(2, activation: .gelu) }
    let pictures = try Sequential(input: [6, 6, 3]) { Conv2D(2, kernelSize: 3) }
    let flat = try Sequential(input: [6]) { Dense(2, activation: .relu) }
    try flat.checkExport(to: "\(folder)/x.mlmodel", as: .coreML())
    for model in [gelu, pictures, flat] {
      try model.checkExport(as: .coreML())
      try model.checkExport(to: "\(folder)/x.mlpackage", as: .coreML())
    }
    #expect(
      text { try gelu.checkExport(to: "\(folder)/x.mlmodel", as: .coreML()) }
        == "dense, export: the .mlmodel format has no layer for it (gelu). "
        + "Export an .mlpackage, which iOS 15 and macOS 12 read.")
    #expect(
      text { try pictures.checkExport(to: "\(folder)/x.mlmodel", as: .coreML()) }
        == "Core ML: the network's result has shape (None, 4, 4, 2). "
        + "A .mlmodel gives one row of numbers; export an .mlpackage.")
    #expect(
      text { try flat.checkExport(to: "\(folder)/x.mlmodel", as: .coreML(CoreMLOptions(flexibility: .batch(1...8)))) }
        == "Core ML: a .mlmodel takes one example at a time. Export an .mlpackage.")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
  }

  @Test func halfPrecisionIsHalfTheSize() throws {
    let model = try NetworkTemplate.malireddi.model()
    let whole = try CoreMLProgram(model, CoreMLOptions()),
      half = try CoreMLProgram(model, CoreMLOptions(precision: .float16))
    #expect(half.weights.count < whole.weights.count * 52 / 100)
    #expect(operations(half).filter { $0 == "cast" }.count == 2)
  }

  /// What Xcode shows.
  @Test func metadata() throws {
    let model = try Sequential(input: [2]) { Dense(3, activation: .softmax) }
    let options = CoreMLOptions(
      labels: .texts(["a", "b", "c"]), inputName: "numbers", author: "Ada", license: "MIT", version: "1.2",
      summary: "Adds.", metadata: ["key": "value"])
    let description = try CoreMLProgram(model, options).model.description_p
    #expect(description.inputs[0].name == "numbers" && description.inputs[0].type.array.shape == [1, 2])
    #expect(description.metadata.author == "Ada" && description.metadata.license == "MIT")
    #expect(description.metadata.version == "1.2" && description.metadata.shortDescription == "Adds.")
    #expect(description.metadata.userDefined == ["key": "value"])
    #expect(description.outputs[0].type.kind == .string(ProtoEmpty()))
  }

  /// Batch normalisation's constants are computed when it is exported; names that Core ML refuses are changed.
  @Test func constantsAreFolded() throws {
    let model = try Sequential(input: [4, 4, 2]) {
      Conv2D(3, kernelSize: 3, padding: .same, name: "1st-conv.x")
      BatchNormalization()
      GlobalAveragePooling2D()
    }
    let program = try CoreMLProgram(model, CoreMLOptions())
    #expect(!operations(program).contains("rsqrt") && !operations(program).contains("sqrt"))
    let names = program.model.program.functions["main"]?.blocks["CoreML5"]?.operations.flatMap {
      $0.outputs.map(\.name)
    }
    #expect(names?.contains("_1st_conv_x_conv") == true)
    #expect(names?.allSatisfy { $0.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_]*/#) != nil } == true)
    #expect(Set(names ?? []).count == names?.count)
  }

  @Test func packageOnDisk() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = try Sequential(input: [2]) { Dense(30) }
    let path = "\(folder)/Model.mlpackage"
    for _ in 0..<2 {  // the second replaces the first
      try model.export(to: path, as: .coreML())
      let manifest = try JSONSerialization.jsonObject(
        with: Data(contentsOf: URL(fileURLWithPath: "\(path)/Manifest.json")))
      let object = try #require(manifest as? [String: Any])
      let entries = try #require(object["itemInfoEntries"] as? [String: [String: String]])
      #expect(object["fileFormatVersion"] as? String == "1.0.0")
      let root = try #require(entries[object["rootModelIdentifier"] as? String ?? ""]?["path"])
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(path)/Data/\(root)"))
      let decoded = try ProtoModel(serializedBytes: bytes)
      #expect(decoded.program.functions["main"]?.inputs.map(\.name) == ["input"])
      #expect(FileManager.default.fileExists(atPath: "\(path)/Data/com.apple.CoreML/weights/weight.bin"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["Model.mlpackage"])
    }
  }

  @Test("An export of the same model is the same file again")
  func reproducible() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = try NetworkTemplate.malireddi.model()
    let options = CoreMLOptions(input: .picture(), labels: .integers(Array(0...9)), author: "Ada", license: "MIT")
    let formats: [(String, ExportFormat)] = [
      ("mlpackage", .coreML(options)), ("mlmodel", .coreML(options)),
      ("onnx", .onnx(metadata: ["a": "1", "b": "2", "c": "3", "d": "4"])),
    ]
    for (ending, format) in formats {
      func bytes(_ name: String) throws -> [String: Data] {
        let path = "\(folder)/\(name)"
        // Names of files stand in some of them.
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try model.export(to: "\(path)/Model.\(ending)", as: format)
        let files = try FileManager.default.subpathsOfDirectory(atPath: path)
        return Dictionary(
          uniqueKeysWithValues: files.compactMap { file in
            FileManager.default.contents(atPath: "\(path)/\(file)").map { (file, $0) }
          })
      }
      let first = try bytes("first-\(ending)")
      #expect(!first.isEmpty)
      #expect(try bytes("second-\(ending)") == first)
    }
  }

  private func text(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func refusals() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let model = try Sequential(input: [2]) { Dense(3, activation: .softmax) }
    func export(_ options: CoreMLOptions) -> String { text { try model.checkExport(as: .coreML(options)) } }
    #expect(
      export(CoreMLOptions(labels: .texts(["a", "b"])))
        == "Core ML: 2 class labels were given, but the model's output has shape (None, 3). "
        + "Give one label for each of the model's outputs, in their order.")
    #expect(
      export(CoreMLOptions(labels: .texts(["a", "b", "a"])))
        == "Core ML: the class label \"a\" is given twice. Give each class a label of its own.")
    #expect(
      export(CoreMLOptions(input: .picture()))
        == "Core ML: a picture is to go in, but the model takes (2,) and not height, width and 1 or 3 channels. "
        + "Export with input: .array.")
    #expect(
      text { try model.export(to: "\(folder)/x.model", as: .coreML()) }
        == "\(folder)/x.model: a Core ML model's name must end with .mlpackage or .mlmodel. Choose such a name.")
    #expect(
      export(CoreMLOptions(inputName: "my input"))
        == "Core ML: the name \"my input\" holds something that Core ML refuses. "
        + "Use letters, digits and underscores, and begin with no digit.")
    #expect(
      export(CoreMLOptions(outputName: "tensor"))
        == "Core ML: the name \"tensor\" is a word of its language. Take another name.")
    #expect(
      text { try model.checkExport(to: "x.model", as: .coreML()) }
        == "x.model: a Core ML model's name must end with .mlpackage or .mlmodel. Choose such a name.")
    let taken = "\(folder)/taken.mlpackage"
    try Data("mine".utf8).write(to: URL(fileURLWithPath: taken))
    #expect(
      text { try model.export(to: taken, as: .coreML()) }
        == "\(taken): something that is no Core ML package is there. Remove it or choose another name.")
    #expect(try String(contentsOfFile: taken, encoding: .utf8) == "mine")
    #expect(text { try model.export(to: "\(taken)/a.mlpackage", as: .coreML()) }.hasPrefix(taken))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["taken.mlpackage"])
  }

  /// Every function comes back from a file with the same numbers.
  @Test(arguments: Pointwise.all)
  fileprivate func pointwise(_ function: OperationKind.Function) throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).mlpackage"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [3, 4], threads: 1) { Pointwise(function: function) }
    let report = try model.export(to: path, as: .coreML())
    #expect(report.examples == 32 && report.largestDifference <= report.limit)
  }

  @Test func cumulativeSums() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).mlpackage"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [4, 3, 2], threads: 1) { CumulativeSums() }
    let report = try model.export(to: path, as: .coreML())
    #expect(report.largestDifference <= report.limit)
  }
}

/// Sums along rows, and those of the elements after each along columns.
private struct CumulativeSums: Layer {
  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.cumulativeSum(axis: 1)
      + input.apply(CumulativeSum(axis: 2, isExclusive: true, isReversed: true))  // [N, H, W, C]
  }
}

/// A pointwise function of the input, or of the input and a multiple of it, as a layer.
private struct Pointwise: Layer {
  let function: OperationKind.Function

  static let all: [OperationKind.Function] =
    UnaryFunction.allCases.map { .unary($0) }
    + BinaryFunction.allCases.filter { $0.row.name != nil }.map { .binary($0) }

  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let x = try input + 0.25
    switch function {
    case .unary(let function): return try x.unary(function, alpha: 0.5)
    case .binary(let function): return try x.binary(function, input * 2 + 0.5)
    }
  }
}
