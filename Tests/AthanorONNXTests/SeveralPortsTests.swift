import Athanor
import AthanorONNX
import Foundation
import Testing

/// Models of several inputs and outputs as ONNX.
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

  @Test func roundTrip() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString).onnx")
    defer { try? FileManager.default.removeItem(at: file) }
    let model = try model()
    let report = try model.export(to: file.path, as: .onnx())
    #expect(report.largestDifference <= report.limit && report.examples == 32)
    let copy = try Model(contentsOf: file.path)
    #expect(copy.inputs.map(\.name) == ["picture", "age"] && copy.outputs.map(\.name) == ["kind", "size"])
    let inputs = try ["picture": numbers([5, 9, 8, 3]), "age": numbers([5, 2])]
    let (expected, got) = (try model.predict(inputs), try copy.predict(inputs))
    for name in ["kind", "size"] {
      let (a, b) = (try #require(expected[name]), try #require(got[name]))
      #expect(a.shape == b.shape && zip(a.floats, b.floats).allSatisfy { abs($0 - $1) < 1e-5 })
    }
    #expect(try Set(#require(got["kind"]).floats).count > 3)
  }
}
