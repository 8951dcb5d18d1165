import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// Open lengths besides the batch, and integers, as ONNX.
@Suite struct OpenLengthTests {
  private func exported(_ model: Model) throws -> (report: ExportReport, graph: OnnxGraph, copy: Model) {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let report = try model.export(to: path, as: .onnx())
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    return (report, try OnnxModel(serializedBytes: bytes).graph, try Model(contentsOf: path))
  }

  private func numbers(_ shape: [Int]) throws -> Tensor {
    var random = RandomStream(seed: 3, stream: UInt64(shape.reduce(1, *)))
    return try Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform()) * 2 - 1 })
  }

  private func expectEqual(_ model: Model, _ copy: Model, _ inputs: [String: Tensor]) throws {
    // A single input has the reader's name.
    let renamed = zip(copy.inputs, model.inputs).compactMap { port, own in inputs[own.name].map { (port.name, $0) } }
    let (expected, got) = (try model.predict(inputs), try copy.predict(Dictionary(renamed) { $1 }))
    #expect(expected.count == got.count)
    for (name, tensor) in expected {
      let other = try #require(got[name])
      #expect(tensor.shape == other.shape && tensor.dtype == other.dtype && tensor.count > 0, "\(name)")
      #expect(zip(tensor.floats, other.floats).allSatisfy { abs($0 - $1) < 1e-5 }, "\(name)")
    }
  }

  private func declared(_ values: [OnnxValueInfo]) -> [[OnnxValueType.Length.OneOf_Kind?]] {
    values.map { $0.type.tensor.shape.lengths.map(\.kind) }
  }

  /// Lengths keep their names; one that follows from several has a name of its own.
  @Test func twoOpenInputs() throws {
    let a = Input(lengths: [.open("a"), 8], name: "a"), b = Input(lengths: [.open("b"), 8], name: "b")
    let x = Concatenate(axis: 1)(Dense(16, activation: .tanh)(a), Dense(16, activation: .relu)(b))
    let steps = Dense(5, activation: .softmax, name: "steps")(x)
    let model = try Model(inputs: [a, b], outputs: [steps, Dense(3, name: "whole")(TimeAverage()(x))], seed: 4)
    let (report, graph, copy) = try exported(model)
    #expect(report.largestDifference <= report.limit && report.examples == 32)
    #expect(
      declared(graph.inputs) == [
        [.name("N"), .name("a"), .value(8)], [.name("N"), .name("b"), .value(8)],
      ])
    #expect(declared(graph.outputs) == [[.name("N"), .name("a_b"), .value(5)], [.name("N"), .value(3)]])
    #expect(copy.inputs.map(\.lengths) == model.inputs.map(\.lengths))
    for lengths in [(1, 4), (7, 2)] {
      try expectEqual(model, copy, ["a": numbers([3, lengths.0, 8]), "b": numbers([3, lengths.1, 8])])
    }
  }

  /// A length after valid windows is another one, whatever its name.
  @Test(arguments: [Padding.valid, .same])
  func pictures(_ padding: Padding) throws {
    let picture = Input([nil, nil, 3], name: "picture")
    let x = MaxPooling2D(2, padding: padding)(Conv2D(4, kernelSize: 3, strides: 2, padding: padding)(picture))
    let y = AveragePooling2D(3, strides: 1, padding: .same, name: "map")(x)
    let model = try Model(
      inputs: [picture], outputs: [y, Dense(2, name: "kind")(GlobalAveragePooling2D()(y))], seed: 2)
    let (report, graph, copy) = try exported(model)
    #expect(report.largestDifference <= report.limit)
    #expect(
      declared(graph.outputs)[0] == [.name("N"), .name("length_1_1"), .name("length_2_1"), .value(4)])
    for size in [(9, 12), (16, 11), (10, 15)] {
      try expectEqual(model, copy, ["picture": numbers([2, size.0, size.1, 3])])
    }
  }

  /// Reshaping keeps what is open.
  @Test func shapes() throws {
    let steps = Input([nil, 6], name: "steps")
    let model = try Model(
      inputs: [steps],
      outputs: [
        Flatten(name: "flat")(steps), Reshaped(shape: [nil, nil, 2, 3], name: "split")(steps),
        Permute([2, 1], name: "turned")(steps), Ends(name: "ends")(steps),
      ])
    let (report, graph, copy) = try exported(model)
    #expect(report.largestDifference <= report.limit)
    let names = Set(graph.nodes.filter { $0.type == "Reshape" }.map { $0.inputs[1] })
    let shapes = graph.initializers.filter { names.contains($0.name) }.map { tensor in
      tensor.data.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
    }
    #expect(shapes == [[0, -1], [0, 0, 2, 3]])
    for length in [1, 9] { try expectEqual(model, copy, ["steps": numbers([3, length, 6])]) }
  }

  @Test(arguments: [DType.uint8, .int32])
  func integers(_ dtype: DType) throws {
    let codes = Input([5], dtype: dtype, name: "codes"), row = Input([nil, 4], name: "row")
    let model = try Model(
      inputs: [codes, row],
      outputs: [
        Dense(3, name: "product")(Numbers()(codes)), Choice(name: "choice")(row), Reshape([5, 1], name: "same")(codes),
        OneHotChoice(name: "best")(row),
      ])
    let (report, graph, copy) = try exported(model)
    #expect(report.largestDifference <= report.limit)
    let number: Int32 = dtype == .uint8 ? 2 : 6
    #expect(graph.inputs.map(\.type.tensor.dataType) == [number, 1])
    #expect(graph.outputs.map(\.type.tensor.dataType) == [1, 6, number, 1])
    let values: [UInt8] = (0..<15).map { UInt8($0 * 17) }
    for length in [2, 5] {
      try expectEqual(
        model, copy, ["codes": Tensor(shape: [3, 5], bytes: values), "row": numbers([3, length, 4])])
    }
  }

  @Test func refusals() throws {
    let map = Input([4, nil, nil], name: "map")
    let twice = try Model(inputs: [map], outputs: [Reshaped(shape: [nil, 2, 2, nil, nil], name: "parts")(map)])
    var error = #expect(throws: AthanorError.self) { try twice.checkExport(as: .onnx()) }
    #expect(
      error?.description
        == "parts, export: shape (None, 4, None, None) is to become (None, 2, 2, None, None), with more than one new open length. Files can infer one; fix the others."
    )
    let steps = Input([nil, 4], name: "steps")
    let repeated = try Model(inputs: [steps], outputs: [Repeated(name: "all")(steps)])
    error = #expect(throws: AthanorError.self) { try repeated.checkExport(as: .onnx()) }
    #expect(
      error?.description
        == "all, export: shape (None, 1, 4) is repeated to (None, None, 4), as often as an open length says. Files repeat values a fixed number of times."
    )
  }
}

/// The mean over time: `[N, T, C] -> [N, C]`.
private struct TimeAverage: Layer {
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.mean(axes: [1]) }
}

/// The mean over time, for each step: `[N, T, C] -> [N, T, C]`.
private struct Repeated: Layer {
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.mean(axes: [1]).reshaped([nil, 1, 4]).apply(BroadcastTo(shape: input.shape))
  }
}

private struct Reshaped: Layer {
  let shape: Shape
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.reshaped(shape) }
}

/// Some of the features, at each step.
private struct Ends: Layer {
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.sliced(start: [0, 0, 4], lengths: [nil, nil, 2])
  }
}

/// Integers as numbers.
private struct Numbers: Layer {
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.converted(scale: 0.5, offset: 1) }
}

/// The greatest feature: `[..., C] -> int32 [...]`.
private struct Choice: Layer {
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.argMax() }
}

private struct OneHotChoice: Layer {
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.argMax().oneHot(4) }
}
