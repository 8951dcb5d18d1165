import Athanor
import AthanorCoreML
import Foundation
import Testing

/// Models of several inputs and outputs as ML Programs.
@Suite struct SeveralPortsTests {
  private func model() throws -> Model {
    let picture = Input([9, 8, 3], name: "picture"), age = Input([2], name: "age")
    var x = Conv2D(4, kernelSize: 3, padding: .same, activation: .relu)(picture)
    x = Add()(x, BatchNormalization()(Conv2D(4, kernelSize: 3, padding: .same)(x)))
    x = Concatenate()(GlobalAveragePooling2D()(x), age)
    let kind = Dense(3, activation: .softmax, name: "kind")(x), size = Dense(1, name: "size")(x)
    return try Model(inputs: [picture, age], outputs: [kind, size], seed: 4)
  }

  private func numbers(_ shape: [Int]) throws -> Tensor {
    var random = RandomStream(seed: 3, stream: UInt64(shape.count))
    return try Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform()) * 2 - 1 })
  }

  @Test(arguments: [CoreMLOptions.Precision.float32, .float16])
  func roundTrip(_ precision: CoreMLOptions.Precision) throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString).mlpackage")
    defer { try? FileManager.default.removeItem(at: file) }
    let model = try model()
    let report = try model.export(to: file.path, as: .coreML(CoreMLOptions(precision: precision)))
    #expect(report.largestDifference <= report.limit)
    let copy = try Model(contentsOf: file.path)
    #expect(copy.inputs.map(\.name) == ["picture", "age"] && copy.outputs.map(\.name) == ["kind", "size"])
    let inputs = try ["picture": numbers([5, 9, 8, 3]), "age": numbers([5, 2])]
    let (expected, got) = (try model.predict(inputs), try copy.predict(inputs))
    for name in ["kind", "size"] {
      let (a, b) = (try #require(expected[name]), try #require(got[name]))
      #expect(a.shape == b.shape && zip(a.floats, b.floats).allSatisfy { abs($0 - $1) < 2e-2 })
    }
  }

  /// Words of Core ML's language name no value of a file.
  @Test func reservedWords() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString).mlpackage")
    defer { try? FileManager.default.removeItem(at: file) }
    let x = Input([2], name: "tensor"), y = Input([2], name: "fp16")
    let sum = Dense(3, activation: .relu, name: "bool")(x + y)
    let model = try Model(inputs: [x, y], outputs: [Dense(1, name: "true")(sum), Dense(1, name: "program")(sum)])
    try model.export(to: file.path, as: .coreML())
    let function = try #require(CoreMLFile(file.path).model.program.functions["main"])
    let names =
      function.inputs.map(\.name)
      + function.blocks.values.flatMap { $0.operations.flatMap { $0.outputs.map(\.name) } + $0.outputs }
    #expect(names.contains("tensor_1") && names.contains("fp16_1") && names.contains("true_1"))
    #expect(names.allSatisfy { !["tensor", "fp16", "bool", "true", "program"].contains($0) })
  }

  /// The picture is scaled as its bytes are; the other input stays numbers.
  @Test func picture() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString).mlpackage")
    defer { try? FileManager.default.removeItem(at: file) }
    let report = try model().export(to: file.path, as: .coreML(CoreMLOptions(input: .picture())))
    #expect(report.largestDifference <= report.limit)
  }

  @Test func refusals() throws {
    let model = try model()
    var error = #expect(throws: AthanorError.self) {
      try model.checkExport(to: "x.mlmodel", as: .coreML(CoreMLOptions(input: .picture())))
    }
    #expect(
      error?.description
        == "Core ML: the model has 2 inputs and 2 outputs, and a .mlmodel one of each here. Export an .mlpackage.")
    error = #expect(throws: AthanorError.self) { try model.checkExport(as: .coreML(CoreMLOptions(outputName: "y"))) }
    #expect(
      error?.description
        == "Core ML: outputName is given, but the model has 2 inputs and 2 outputs. Leave it out; inputs and outputs then have the names of the model's."
    )
  }
}
