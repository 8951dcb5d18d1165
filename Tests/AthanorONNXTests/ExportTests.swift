import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

@Suite struct OnnxExportTests {
  /// The tutorial's network: its layers, between one change of order for the input and none after.
  @Test func malireddi() throws {
    let model = try OnnxNetwork(NetworkTemplate.malireddi.model(), metadata: ["author": "Ada"]).model
    #expect(
      model.graph.nodes.map(\.type) == [
        "Transpose", "Conv", "Relu", "MaxPool", "Conv", "Relu", "MaxPool", "Conv", "Relu", "MaxPool", "Reshape", "Gemm",
        "Relu", "Gemm", "Softmax", "Identity",
      ])
    #expect(model.irVersion == 8 && model.operatorSets.map(\.version) == [17])
    #expect(model.properties.map { [$0.key, $0.value] } == [["author", "Ada"]])
    #expect(model.graph.inputs.map(\.name) == ["input"] && model.graph.outputs.map(\.name) == ["output"])
    let lengths = model.graph.inputs[0].type.tensor.shape.lengths
    #expect(lengths.map(\.kind) == [.name("N"), .value(28), .value(28), .value(1)])
    let parameters = model.graph.initializers.filter { $0.dataType == 1 }.map { $0.shape.reduce(1, *) }.reduce(0, +)
    #expect(parameters == 94_602)
  }

  /// A check for a file is about its name too.
  @Test func checks() throws {
    let model = try Sequential(input: [3]) { Dense(2) }
    try model.checkExport(as: .onnx())
    try model.checkExport(to: "x.onnx", as: .onnx())
    let error = #expect(throws: AthanorError.self) { try model.checkExport(to: "x.mlmodel", as: .onnx()) }
    #expect(error?.description == "x.mlmodel: an ONNX model's name must end with .onnx. Choose such a name.")
  }

  /// What works in training alone is in no file.
  @Test func augmentation() throws {
    func types(_ layers: [any Layer]) throws -> [String] {
      try OnnxNetwork(
        Model(input: [8, 8, 1], layers: layers + [Conv2D(4, kernelSize: 3), Flatten(), Dense(2)])
      ).model.graph.nodes.map(\.type)
    }
    let layers: [any Layer] =
      Augmentation.layers(height: 8, width: 8, horizontalFlip: true)
      + [
        RandomContrast(0.2), RandomBrightness(0.2), RandomErasing(), RandomCrop(height: 8, width: 8),
        GaussianNoise(0.1),
      ]
    #expect(try types(layers) == types([]))
    // A smaller part is cut out and resized in predictions too.
    let cropped = try Model(input: [8, 8, 1], layers: [RandomCrop(height: 6, width: 5), Flatten(), Dense(2)])
    try cropped.checkExport(as: .onnx())
    try Model(input: [8, 9, 3], layers: [Resizing(height: 5, width: 12, filter: .antialiasedBilinear), Flatten()])
      .checkExport(as: .onnx())
  }

  /// What a file cannot hold is refused with the layer's name.
  @Test func masking() throws {
    let model = try Sequential(input: [3, 2]) {
      Masking()
      Dense(1)
    }
    let error = #expect(throws: AthanorError.self) { try model.checkExport(as: .onnx()) }
    #expect(
      error?.description == "masking, export: equal is not available in exported files. Export a network without it.")
  }

  /// Every name is defined once, before it is read.
  @Test func namesAreInOrder() throws {
    let model = try Sequential(input: [8, 8, 3]) {
      ZeroPadding2D(1)
      Conv2D(4, kernelSize: 3, activation: .gelu)
      BatchNormalization()
      AveragePooling2D(2)
      Activation(.silu)
      Reshape([-1, 4])
      Dense(5, activation: .tanh)
      Flatten()
      Dense(2)
    }
    let graph = try OnnxNetwork(model).model.graph
    var known = Set(graph.inputs.map(\.name) + graph.initializers.map(\.name))
    #expect(known.count == graph.inputs.count + graph.initializers.count)
    for node in graph.nodes {
      #expect(known.isSuperset(of: node.inputs), "\(node.name)")
      #expect(node.outputs.allSatisfy { known.insert($0).inserted }, "\(node.name)")
    }
    #expect(known.contains("output"))
  }

  @Test func fileOnDisk() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [2]) { Dense(3) }
    try model.export(to: path, as: .onnx())
    let decoded = try OnnxModel(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(decoded.graph.nodes.map(\.type) == ["Gemm", "Identity"])
    #expect(throws: AthanorError.self) { try model.export(to: path + ".txt", as: .onnx()) }
  }

  /// Every function comes back from a file with the same numbers.
  @Test(arguments: Pointwise.all)
  fileprivate func pointwise(_ function: OperationKind.Function) throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [3, 4], threads: 1) { Pointwise(function: function) }
    let report = try model.export(to: path, as: .onnx())
    #expect(report.examples == 32 && report.largestDifference <= report.limit)
  }

  @Test func cumulativeSums() throws {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Sequential(input: [4, 3, 2], threads: 1) { CumulativeSums() }
    let report = try model.export(to: path, as: .onnx())
    #expect(report.largestDifference <= report.limit)
    let nodes = try OnnxModel(serializedBytes: Data(contentsOf: URL(fileURLWithPath: path))).graph.nodes.filter {
      $0.type == "CumSum"
    }
    #expect(nodes.map { $0.attributes.map(\.integer) } == [[0, 0], [1, 1]])
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
