import Athanor
import Testing

@Suite("Dropout")
struct DropoutTests {
  /// A network whose gradient of the input is dropout's mask.
  private func masked(_ rate: Double, seed: UInt64 = 3) throws -> (model: Model, batch: Dataset) {
    let model = try Sequential(input: [1], seed: seed) {
      Dense(4001, useBias: false, kernelInitializer: .ones)
      Dropout(rate)
    }
    let sum = Loss("sum") { prediction, target in try (prediction * target).sum(axes: [1]) }
    try model.compile(optimizer: .sgd(learningRate: 0), loss: sum)
    let ones = try Tensor(shape: [1, 4001], [Float](repeating: 1, count: 4001))
    return (model, try Dataset(inputs: Tensor(shape: [1, 1], [1]), targets: ones))
  }

  private func mask(_ model: Model, _ batch: Dataset) throws -> [Float] {
    try #require(try model.gradients(batch)["dense/kernel"]).floats
  }

  @Test("It drops its share and divides the rest by the share that is kept", arguments: [0.2, 0.5, 0.75])
  func share(_ rate: Double) throws {
    let (model, batch) = try masked(rate)
    let gradients = try model.gradients(batch)
    let mask = try #require(gradients["dense/kernel"]).floats
    #expect(Set(mask) == [0, Float(1 / (1 - rate))])
    let dropped = Double(mask.count { $0 == 0 }) / Double(mask.count)
    #expect((dropped - rate).magnitude < 0.03)  // four standard deviations
    // The output is the mask as well: forward and backward drop the same places.
    #expect(gradients.loss == Double(mask.reduce(0, +)))
  }

  @Test("Prediction and evaluation drop nothing")
  func inference() throws {
    let (model, batch) = try masked(0.5)
    #expect(try model.predict(batch).floats == [Float](repeating: 1, count: 4001))
    #expect(try model.evaluate(batch)["loss"] == 4001)
  }

  @Test("Each forward pass drops other places, each seed too, and the same seed the same")
  func seeds() throws {
    let (model, batch) = try masked(0.5)
    let first = try mask(model, batch)
    // Forward passes count, not updates.
    let second = try mask(model, batch)
    #expect(second != first)
    #expect(try mask(model, batch) != second)
    let (twin, _) = try masked(0.5)
    #expect(try mask(twin, batch) == first)
    let (other, _) = try masked(0.5, seed: 4)
    #expect(try mask(other, batch) != first)
  }
}
