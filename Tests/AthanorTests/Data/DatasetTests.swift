import Athanor
import Testing

@Suite("Dataset")
struct DatasetTests {
  private func data() throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [5, 2], bytes: Array(0..<10)), targets: Tensor(shape: [5], integers: [4, 3, 2, 1, 0]),
      sampleWeights: [1, 2, 3, 4, 5], classNames: ["a", "b", "c", "d", "e"])
  }

  @Test("Slices take inputs, targets and weights together")
  func slices() throws {
    let part = try data().slice(1..<4)
    #expect(part.count == 3)
    #expect(part.inputs == (try Tensor(shape: [3, 2], bytes: [2, 3, 4, 5, 6, 7])))
    #expect(part.targets == (try Tensor(shape: [3], integers: [3, 2, 1])))
    #expect(part.sampleWeights == [2, 3, 4])
    #expect(part.classNames?.count == 5)
    #expect(part.inputScale == Float(1) / 255)
    #expect(try data().slice(2..<2).count == 0)
    let doubles = try Dataset(
      inputs: Tensor(shape: [3, 1], storage: .float64([1, 2, 3])), targets: Tensor(shape: [3, 1], [4, 5, 6]))
    #expect(doubles.slice(1..<2).inputs.floats == [2])
    #expect(doubles.slice(1..<2).targets.floats == [5])
    #expect(doubles.inputScale == 1)
  }

  @Test("prefix takes what there is")
  func prefix() throws {
    #expect(try data().prefix(2).targets.floats == [4, 3])
    #expect(try data().prefix(99) == data())
    #expect(try data().prefix(-1).count == 0)
  }

  @Test("Errors")
  func errors() throws {
    let inputs = try Tensor(shape: [2, 1], [1, 2])
    let targets = try Tensor(shape: [2], integers: [0, 1])
    expectError(
      "Dataset: there are 2 inputs but 1 targets. Each input needs exactly one target; check that both come from the same split."
    ) { try Dataset(inputs: inputs, targets: Tensor(shape: [1], integers: [0])) }
    expectError(
      "Dataset: inputs [] and targets [2] need a first axis of examples. Give inputs of shape [N, ...] and targets of shape [N] or [N, ...]."
    ) { try Dataset(inputs: Tensor(shape: [], [1]), targets: targets) }
    expectError("Dataset: there are 2 inputs but 1 sample weights. Give one weight for each input.") {
      try Dataset(inputs: inputs, targets: targets, sampleWeights: [1])
    }
    expectError("Dataset: sample weight 1 is -1.0 but must be zero or more and finite.") {
      try Dataset(inputs: inputs, targets: targets, sampleWeights: [1, -1])
    }
    expectError("Dataset: sample weight 0 is nan but must be zero or more and finite.") {
      try Dataset(inputs: inputs, targets: targets, sampleWeights: [.nan, 1])
    }
  }
}
