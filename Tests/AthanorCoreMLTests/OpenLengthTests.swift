import Athanor
import AthanorCore
import AthanorCoreML
import Foundation
import Testing

/// Open lengths besides the batch, and integers, in Core ML.
@Suite struct OpenLengthTests {
  private func exported(
    _ model: Model, _ options: CoreMLOptions, ending: String = "mlpackage"
  ) throws -> (report: ExportReport, file: CoreMLFile, copy: Model) {
    let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).\(ending)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let report = try model.export(to: path, as: .coreML(options))
    return (report, try CoreMLFile(path), try Model(contentsOf: path))
  }

  private func numbers(_ shape: [Int]) throws -> Tensor {
    var random = RandomStream(seed: 3, stream: UInt64(shape.reduce(1, *)))
    return try Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform()) * 2 - 1 })
  }

  private func expectEqual(_ model: Model, _ copy: Model, _ inputs: [String: Tensor], _ limit: Float = 1e-5) throws {
    // A single input has the reader's name.
    let renamed = zip(copy.inputs, model.inputs).compactMap { port, own in inputs[own.name].map { (port.name, $0) } }
    let (expected, got) = (try model.predict(inputs), try copy.predict(Dictionary(renamed) { $1 }))
    #expect(expected.count == got.count)
    for (name, tensor) in expected {
      let other = try #require(got[name])
      #expect(tensor.shape == other.shape && tensor.count > 0, "\(name)")
      #expect(zip(tensor.floats, other.floats).allSatisfy { abs($0 - $1) < limit }, "\(name)")
    }
  }

  private func refusal(_ model: Model, _ options: CoreMLOptions = CoreMLOptions(), to path: String? = nil) -> String {
    do {
      try model.checkExport(to: path, as: .coreML(options))
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  private func steps() throws -> Model {
    let a = Input(lengths: [.open("a"), 8], name: "first"), b = Input(lengths: [.open("b"), 8], name: "second")
    let x = Concatenate(axis: 1)(Dense(16, activation: .tanh)(a), Dense(16, activation: .relu)(b))
    let steps = Dense(5, activation: .softmax, name: "steps")(x)
    return try Model(inputs: [a, b], outputs: [steps, Dense(3, name: "whole")(TimeAverage()(x))], seed: 4)
  }

  @Test(arguments: [CoreMLOptions.Precision.float32, .float16], [nil, 1...4])
  func twoOpenInputs(_ precision: CoreMLOptions.Precision, _ batch: ClosedRange<Int>?) throws {
    let model = try steps()
    var ranges = ["a": 1...64, "b": 2...100]
    ranges[Length.batchName] = batch
    let (report, file, copy) = try exported(
      model, CoreMLOptions(precision: precision, flexibility: .lengths(ranges)))
    #expect(report.largestDifference <= report.limit)
    #expect(
      file.facts.inputs.map(\.type) == [
        "float32 (1, 1, 8), lengths \(batch == nil ? "1" : "1 to 4"), 1 to 64, 8",
        "float32 (1, 2, 8), lengths \(batch == nil ? "1" : "1 to 4"), 2 to 100, 8",
      ])
    // Core ML infers the shapes of outputs where a length is open.
    #expect(file.model.description_p.outputs.map(\.type.array.shape) == [[], batch == nil ? [1, 3] : []])
    let limit: Float = precision == .float32 ? 1e-5 : 2e-2
    for lengths in [(1, 4), (7, 2)] {
      try expectEqual(
        model, copy, ["first": numbers([3, lengths.0, 8]), "second": numbers([3, lengths.1, 8])], limit)
    }
  }

  /// A picture's size is open in the model itself; its padding depends on it.
  @Test(arguments: ["mlpackage", "mlmodel"])
  func pictures(_ ending: String) throws {
    let picture = Input([nil, nil, 3], name: "picture")
    var x = MaxPooling2D(2, padding: .same)(Conv2D(4, kernelSize: 3, strides: 2, padding: .same)(picture))
    x = GlobalAveragePooling2D()(AveragePooling2D(3, strides: 2, padding: .same)(x))
    let model = try Model(inputs: [picture], outputs: [Dense(2)(x)], seed: 2)
    let (report, file, copy) = try exported(
      model, CoreMLOptions(input: .picture(), flexibility: .sizeRange([5, 6], [20, 31])), ending: ending)
    #expect(report.largestDifference <= report.limit)
    #expect(file.facts.inputs.map(\.type) == ["RGB picture 5 x 6, heights 5 to 20, widths 6 to 31"])
    for size in [(9, 12), (16, 11), (10, 15)] {
      let bytes = (0..<size.0 * size.1 * 3).map { UInt8($0 * 31 % 256) }
      let picture = try Tensor(shape: [1, size.0, size.1, 3], bytes: bytes)
      let (expected, got) = (try model.predict(picture), try copy.predict(picture))
      #expect(expected.shape == got.shape && zip(expected.floats, got.floats).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  /// Reshaping infers one open length, since lengths are copied only where the number of axes stays.
  @Test func shapes() throws {
    let steps = Input([nil, 6], name: "steps")
    let split = Reshaped(shape: [nil, nil, 2, 3], name: "split")(steps)
    let model = try Model(
      inputs: [steps], outputs: [Flatten(name: "flat")(steps), split, Permute([2, 1], name: "turned")(steps)])
    let options = CoreMLOptions(flexibility: .lengths(["length_1": 1...32]))
    let (report, file, copy) = try exported(model, options)
    #expect(report.largestDifference <= report.limit)
    let block = try #require(file.model.program.functions["main"]?.blocks["CoreML5"])
    let shapes = block.operations.filter { $0.type == "const" && $0.outputs[0].name.hasSuffix("_shape") }
    #expect(
      shapes.compactMap { $0.attributes["val"]?.immediate.tensor.int32S.values } == [[1, -1], [1, -1, 2, 3]])
    for length in [1, 9] { try expectEqual(model, copy, ["steps": numbers([3, length, 6])]) }
    #expect(
      refusal(model, CoreMLOptions(flexibility: .lengths(["length_1": 1...32, "batch": 1...4])))
        == "flat, export: its result of shape (None, None) has several open lengths, and other axes than its input. Leave one of them open, or keep the number of axes."
    )
  }

  @Test(arguments: [DType.uint8, .int32], [CoreMLOptions.Precision.float32, .float16])
  func integers(_ dtype: DType, _ precision: CoreMLOptions.Precision) throws {
    let codes = Input([5], dtype: dtype, name: "codes"), row = Input([nil, 4], name: "row")
    let model = try Model(
      inputs: [codes, row],
      outputs: [
        Dense(3, name: "product")(Numbers()(codes)), Choice(name: "choice")(row), Reshape([5, 1], name: "same")(codes),
        OneHotChoice(name: "best")(row),
      ])
    let options = CoreMLOptions(precision: precision, flexibility: .lengths(["length_1": 1...8]))
    let (report, file, copy) = try exported(model, options)
    #expect(report.largestDifference <= report.limit)
    // There are no arrays of bytes.
    #expect(file.model.description_p.inputs.map(\.type.array.dataType) == [131104, 65568])
    #expect(file.model.description_p.outputs.map(\.type.array.dataType) == [65568, 131104, 131104, 65568])
    #expect(copy.inputs.map(\.dtype) == [.int32, .float32] && copy.outputs[1].dtype == .int32)
    let values: [UInt8] = (0..<15).map { UInt8($0) }
    for length in [2, 5] {
      let row = try Tensor(shape: [3, length, 4], (0..<12 * length).map { Float($0 * 7 % 13) })
      try expectEqual(model, copy, ["codes": Tensor(shape: [3, 5], bytes: values), "row": row], 0.2)
    }
  }

  /// A model of bytes takes a picture's as they are.
  @Test func pictureOfBytes() throws {
    let picture = Input([6, 7, 1], dtype: .uint8, name: "picture")
    let x = GlobalAveragePooling2D()(Conv2D(3, kernelSize: 3)(Numbers()(picture)))
    let model = try Model(inputs: [picture], outputs: [x], seed: 2)
    let (report, file, _) = try exported(model, CoreMLOptions(input: .picture()))
    #expect(report.largestDifference <= report.limit && file.facts.inputs[0].type == "gray picture 6 x 7")
    #expect(
      refusal(model, CoreMLOptions(input: .picture(scale: 2)))
        == "Core ML: a picture is to go in, but the model takes elements of type uint8. Leave scale and bias out: it takes the bytes as they are."
    )
  }

  @Test func refusals() throws {
    let model = try steps()
    #expect(
      refusal(model)
        == "Core ML: the length \"a\" is open, and Core ML has to know how long it can be. Give flexibility: .lengths([\"a\": 1...512]), or make the model with a fixed length."
    )
    #expect(
      refusal(model, CoreMLOptions(flexibility: .lengths(["a": 1...5])))
        == "Core ML: the length \"b\" is open, and Core ML has to know how long it can be. Give flexibility: .lengths([\"b\": 1...512]), or make the model with a fixed length."
    )
    #expect(
      refusal(model, CoreMLOptions(flexibility: .lengths(["c": 1...5])))
        == "Core ML: there is no open length \"c\". The model has batch, a, b.")
    #expect(
      refusal(model, CoreMLOptions(flexibility: .lengths(["a": 5...5])))
        == "Core ML: the length \"a\" is 5...5. It must begin with 1 or more and end above.")
    let row = Input([nil], name: "row"), codes = Input([3], dtype: .int32)
    #expect(
      refusal(try Model(inputs: [row], outputs: [Activation(.relu)(row)]), to: "x.mlmodel")
        == "Core ML: the length \"length_1\" is open, and a .mlmodel takes arrays of fixed lengths. Export an .mlpackage."
    )
    #expect(
      refusal(try Model(inputs: [codes], outputs: [Numbers()(codes)]), to: "x.mlmodel")
        == "Core ML: elements of type int32 are to go into a .mlmodel, which takes float32. Export an .mlpackage.")
  }
}

/// The mean over time: `[N, T, C] -> [N, C]`.
private struct TimeAverage: Layer {
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.mean(axes: [1]) }
}

private struct Reshaped: Layer {
  let shape: Shape
  var name: String?
  func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.reshaped(shape) }
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
