import Athanor
import Testing

@Suite("Training loops of one's own")
struct OwnLoopTests {
  private func model(_ clipping: Optimizer.Clipping? = .globalNorm(0.5)) throws -> Model {
    let model = try Sequential(input: [7, 6, 2], seed: 8) {
      Conv2D(5, kernelSize: 3, activation: .relu)
      BatchNormalization(momentum: 0.9)
      MaxPooling2D(2)
      Dropout(0.4)
      Flatten()
      Dense(6, activation: .tanh)
      Dropout(0.3)
      Dense(4, activation: .softmax)
    }
    try model.compile(
      optimizer: .sgd(
        learningRate: .cosineDecay(initial: 0.1, steps: 30), momentum: 0.9, weightDecay: 0.01, clipping: clipping),
      loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    return model
  }

  private func data(_ count: Int = 21) throws -> Dataset {
    try Dataset(
      inputs: noise([count, 7, 6, 2]), targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 * 3 % 4) }))
  }

  private func batches(_ data: Dataset, _ size: Int) -> [Dataset] {
    stride(from: 0, to: data.count, by: size).map { data.slice($0..<min($0 + size, data.count)) }
  }

  @Test(
    "A loop of gradients and apply gives fit's numbers bit for bit",
    arguments: [nil, Optimizer.Clipping.globalNorm(0.5), .value(0.01)])
  func likeFit(_ clipping: Optimizer.Clipping?) throws {
    let data = try data()
    let (fitted, own, steps) = (try model(clipping), try model(clipping), try model(clipping))
    let history = try fitted.fit(data, epochs: 3, batchSize: 8, shuffle: false, verbose: .silent)
    var losses: [Double] = []
    for _ in 0..<3 {
      var (sum, count) = (0.0, 0)
      for batch in batches(data, 8) {
        let gradients = try own.gradients(batch)
        try own.apply(gradients)
        #expect(try steps.trainOnBatch(batch) == gradients.logs)
        sum += gradients.loss * Double(batch.count)
        count += batch.count
      }
      losses.append(sum / Double(count))
    }
    #expect(history["loss"] == losses)
    #expect(weightBits(own) == weightBits(fitted))
    #expect(weightBits(steps) == weightBits(fitted))
    #expect(own.step == 9)
    #expect(own.learningRate == fitted.learningRate)
  }

  @Test("Each forward pass draws new masks and moves averages, whether or not a step follows")
  func withoutApply() throws {
    let (model, data) = (try model(), try data(8))
    let averages = { model.weights.filter { $0.name.contains("/moving_") }.map(\.tensor) }
    let others = { model.weights.filter { !$0.name.contains("/moving_") }.map(\.tensor) }
    let before = (averages(), others())
    let first = try model.gradients(data)
    let between = averages()
    let second = try model.gradients(data)
    #expect(first.loss != second.loss)
    #expect(first["dense/kernel"] != second["dense/kernel"])
    #expect(before.0 != between)
    #expect(between != averages())
    #expect(others() == before.1)
    #expect(model.step == 0)
  }

  @Test("Gradients that are added up over two batches are those of both together")
  func accumulation() throws {
    func model() throws -> Model {
      let model = try Sequential(input: [5], seed: 2) {
        Dense(6, activation: .tanh)
        Dense(3, activation: .softmax)
      }
      try model.compile(optimizer: .sgd(learningRate: 0.5), loss: .sparseCategoricalCrossentropy)
      return model
    }
    let data = try Dataset(
      inputs: noise([8, 5]), targets: Tensor(shape: [8], integers: [0, 1, 2, 2, 1, 0, 0, 1]))
    let (accumulated, joined) = (try model(), try model())
    var sum = try accumulated.gradients(data.slice(0..<4))
    sum += try accumulated.gradients(data.slice(4..<8))
    let whole = try joined.gradients(data)
    for name in whole.weightNames {
      let mean = try #require(sum.scaled(by: 0.5)[name])
      expectClose(mean.floats, try #require(whole[name]).floats.map { Double($0) }, within: 1e-6, name)
    }
    try accumulated.apply(sum.scaled(by: 0.5))
    try joined.apply(whole)
    for (left, right) in zip(accumulated.weights, joined.weights) {
      expectClose(left.tensor.floats, right.tensor.floats.map { Double($0) }, within: 1e-6, left.name)
    }
    #expect(accumulated.step == 1)
  }

  @Test("Gradients of another model, or that are not finite, are refused")
  func refused() throws {
    let (model, data) = (try model(), try data(4))
    let gradients = try model.gradients(data)
    let before = weightBits(model)
    let other = try Sequential(input: [3]) { Dense(1) }
    try other.compile(loss: .meanSquaredError)
    expectError(
      "apply: the gradients are those of another model. Apply them to the model whose gradients(_:) made them."
    ) { try other.apply(gradients) }
    expectError(
      "apply: a gradient is NaN or infinite; the weights are unchanged. Lower the learning rate, or leave this batch out."
    ) { try model.apply(gradients.scaled(by: .infinity)) }
    #expect(weightBits(model) == before)
    #expect(model.step == 0)
    let fresh = try Sequential(input: [3]) { Dense(1) }
    expectError("model \"sequential\": it has no loss yet. Call model.compile(optimizer: .adam(), loss: ...) first.") {
      try fresh.apply(gradients)
    }
  }
}
