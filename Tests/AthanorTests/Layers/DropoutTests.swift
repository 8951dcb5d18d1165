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

  @Test("Numbers along an axis of length 1 of the noise share their fate")
  func noiseShape() throws {
    let examples = Input([4, 3])
    let model = try Model(
      inputs: [examples], outputs: [Dropout(0.5, noiseShape: [nil, 1, 3])(examples, training: true)], seed: 3)
    let ones = try Tensor(shape: [400, 4, 3], [Float](repeating: 1, count: 4800))
    let result = try model.predict(ones).floats
    #expect(Set(result) == [0, 2])
    for example in 0..<400 {
      let rows = (0..<4).map { row in Array(result[(example * 4 + row) * 3..<(example * 4 + row + 1) * 3]) }
      #expect(rows.allSatisfy { $0 == rows[0] })
    }
    let dropped = result.count { $0 == 0 }
    #expect((1800...3000).contains(dropped))  // 2400, and eight standard deviations on either side
    expectError(
      "dropout (layer 1, Dropout): noiseShape is (None, 2, 3), but the input has shape (None, 4, 3). "
        + "Give for each axis nil, 1, or its length."
    ) { try Model(input: [4, 3], layers: [Dropout(0.5, noiseShape: [nil, 2, 3])]) }
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
