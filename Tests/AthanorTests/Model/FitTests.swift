import Athanor
import Testing

@Suite("fit, evaluate, predict")
struct FitTests {
  /// Eleven points and a line through them.
  private func points(_ count: Int = 11, sampleWeights: [Float]? = nil) throws -> Dataset {
    let x = try noise([count, 3], seed: 8)
    let numbers = x.floats
    let y: [Float] = (0..<count).map { row in numbers[row * 3] - 2 * numbers[row * 3 + 1] + 0.5 }
    return try Dataset(inputs: x, targets: Tensor(shape: [count, 1], y), sampleWeights: sampleWeights)
  }

  private func line(_ optimizer: Optimizer = .sgd(learningRate: 0.1), seed: UInt64 = 1) throws -> Model {
    let model = try Sequential(input: [3], seed: seed) { Dense(1) }
    try model.compile(optimizer: optimizer, loss: .meanSquaredError, metrics: [.loss(.meanAbsoluteError)])
    return model
  }

  @Test("It learns a line")
  func learns() throws {
    let model = try line(.adam(learningRate: 0.05))
    let history = try model.fit(points(64), epochs: 60, batchSize: 8, verbose: .silent)
    #expect(try #require(history["loss"].first) > 0.5)
    #expect(try #require(history["loss"].last) < 1e-3)
    #expect(history.epochs.map(\.number) == Array(1...60))
  }

  /// With a learning rate of zero the figures of an epoch are exactly those of the data set as a whole.
  @Test("The last, partial batch counts by its examples", arguments: [1, 2, 4, 11, 30, Int.max])
  func partialBatch(_ batchSize: Int) throws {
    let data = try points()
    let model = try line(.sgd(learningRate: 0))
    let predictions = try model.predict(data).floats
    let errors: [Double] = zip(predictions, data.targets.floats).map { Double($0 - $1) }
    let squares: Double = errors.reduce(0) { $0 + $1 * $1 } / 11
    let distances: Double = errors.reduce(0) { $0 + $1.magnitude } / 11
    let history = try model.fit(data, batchSize: batchSize, verbose: .silent)
    let figures = try model.evaluate(data, batchSize: batchSize)
    for logs in [try #require(history.epochs.first).logs, figures] {
      #expect(logs.names == ["loss", "mean_absolute_error"])
      #expect((try #require(logs["loss"]) - squares).magnitude < 1e-6)
      #expect((try #require(logs["mean_absolute_error"]) - distances).magnitude < 1e-6)
    }
    #expect(model.step == (10 + min(batchSize, 11)) / min(batchSize, 11))
  }

  @Test("Weights of examples scale the loss, not the metrics")
  func sampleWeights() throws {
    let weights: [Float] = [0, 2, 1, 0.5, 3, 0, 1, 1, 4, 0.25, 1]
    let data = try points(sampleWeights: weights)
    let model = try line(.sgd(learningRate: 0))
    let errors: [Double] = zip(try model.predict(data).floats, data.targets.floats).map { Double($0 - $1) }
    let weighted: [Double] = zip(errors, weights).map { $0 * $0 * Double($1) }
    let expected: Double = weighted.reduce(0, +) / 11
    let logs = try model.evaluate(data, batchSize: 4)
    #expect((try #require(logs["loss"]) - expected).magnitude < 1e-6)
    #expect(try logs["mean_absolute_error"] == model.evaluate(points(), batchSize: 4)["mean_absolute_error"])
    #expect(
      (try #require(try model.fit(data, batchSize: 4, verbose: .silent)["loss"].first) - expected).magnitude < 1e-6)
  }

  @Test("Validation looks at its examples' weights")
  func validationWeights() throws {
    let weighted = try points(sampleWeights: [0, 2, 1, 0.5, 3, 0, 1, 1, 4, 0.25, 1])
    let model = try line(.sgd(learningRate: 0))
    let history = try model.fit(points(), validation: weighted, verbose: .silent)
    #expect(try history["val_loss"].first == model.evaluate(weighted)["loss"])
    #expect(history["val_loss"] != history["loss"])
  }

  @Test(
    "Weights of classes are weights of the examples, also for a column of zeros and ones", arguments: [true, false])
  func classWeights(_ asNumbers: Bool) throws {
    let classes: [Int32] = [0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
    let targets =
      asNumbers
      ? try Tensor(shape: [11, 1], classes.map { Float($0) }) : try Tensor(shape: [11, 1], integers: classes)
    func train(_ sampleWeights: [Float]?, _ classWeights: [Int: Float]) throws -> [[UInt32]] {
      let model = try Sequential(input: [3], seed: 1) { Dense(1, activation: .sigmoid) }
      try model.compile(optimizer: .sgd(learningRate: 0.1), loss: .binaryCrossentropy)
      let data = try Dataset(inputs: noise([11, 3], seed: 8), targets: targets, sampleWeights: sampleWeights)
      try model.fit(data, epochs: 2, batchSize: 4, classWeights: classWeights, verbose: .silent)
      return weightBits(model)
    }
    let byClass = try train(nil, [1: 3])
    let weights: [Float] = classes.map { $0 == 1 ? 3 : 1 }
    #expect(try byClass == train(weights, [:]))
    #expect(try byClass != train(nil, [:]))
  }

  @Test("validationSplit keeps the last examples, rounded as Keras does, and says so")
  func validationSplit() throws {
    let data = try points(7)
    let model = try line(.sgd(learningRate: 0))
    let output = Output()
    output.listen(to: model)
    // Keras trains on floor(7 * 0.75) = 5.
    let history = try model.fit(data, batchSize: 4, validationSplit: 0.25, verbose: .line)
    #expect(output.text.hasPrefix("Validating on the last 2 of the examples, training on the first 5\nEpoch 1/1\n"))
    let logs = try #require(history.epochs.first).logs
    #expect(logs["val_loss"] == (try model.evaluate(data.slice(5..<7)))["loss"])
    #expect(
      (try #require(logs["loss"]) - (try #require(try model.evaluate(data.slice(0..<5))["loss"]))).magnitude < 1e-6)
    #expect(logs.names == ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"])
  }

  @Test("Shuffling: by seed and epoch, each example once; or not at all")
  func shuffle() throws {
    /// The order in which the examples come: the loss of a batch of one tells which it is.
    func orders(seed: UInt64, shuffle: Bool) throws -> [[Int]] {
      let model = try Sequential(input: [1], seed: seed) { Activation(.linear) }
      let first = Loss("first") { prediction, _ in try prediction.sum(axes: [1]) }
      try model.compile(optimizer: .sgd(learningRate: 0), loss: first)
      var orders: [[Int]] = []
      var sum = 0.0
      let data = try Dataset(inputs: Tensor(shape: [9, 1], (0..<9).map { Float($0) }), targets: Tensor(zeros: [9, 1]))
      try model.fit(
        data, epochs: 3, batchSize: 1, shuffle: shuffle,
        callbacks: [
          ClosureCallback(batchDidEnd: { batch, logs, _ in
            if batch == 1 { orders.append([]); sum = 0 }
            let total = (logs["loss"] ?? .nan) * Double(batch)
            orders[orders.count - 1].append(Int((total - sum).rounded()))
            sum = total
          })
        ], verbose: .silent)
      return orders
    }
    let shuffled = try orders(seed: 1, shuffle: true)
    #expect(shuffled.count == 3 && shuffled.allSatisfy { $0.sorted() == Array(0..<9) })
    #expect(Set(shuffled + [Array(0..<9)]).count == 4)
    #expect(try orders(seed: 1, shuffle: true) == shuffled)
    #expect(try orders(seed: 2, shuffle: true) != shuffled)
    #expect(try orders(seed: 1, shuffle: false) == Array(repeating: Array(0..<9), count: 3))
  }

  @Test("initialEpoch: epochs are counted from it")
  func initialEpoch() throws {
    let model = try line()
    let history = try model.fit(points(), epochs: 5, initialEpoch: 3, verbose: .silent)
    #expect(history.epochs.map(\.number) == [4, 5])
    #expect(try model.fit(points(), epochs: 3, initialEpoch: 3, verbose: .silent).epochs.isEmpty)
  }

  @Test("A second call goes on with weights and optimizer")
  func twoCalls() throws {
    let (data, once) = (try points(), try line(.adam()))
    try once.fit(data, epochs: 4, verbose: .silent)
    let twice = try line(.adam())
    try twice.fit(data, epochs: 2, verbose: .silent)
    try twice.fit(data, epochs: 4, initialEpoch: 2, verbose: .silent)
    #expect(weightBits(once) == weightBits(twice))
  }

  @Test("trainOnBatch gives the figures before the step and takes it")
  func trainOnBatch() throws {
    let (data, model) = (try points(), try line())
    let before = try model.evaluate(data)
    #expect(try model.trainOnBatch(data) == before)
    #expect(try #require(model.evaluate(data)["loss"]) < #require(before["loss"]))
    let whole = try line()
    try whole.fit(data, batchSize: 11, shuffle: false, verbose: .silent)
    #expect(weightBits(whole) == weightBits(model))
  }

  @Test("Predictions do not depend on the batch size; bytes are scaled")
  func predict() throws {
    let model = try Sequential(input: [5, 5, 1]) {
      Conv2D(3, kernelSize: 3, activation: .relu)
      Flatten()
      Dense(2, activation: .softmax)
    }
    let bytes = (0..<11 * 25).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let pixels = try Tensor(shape: [11, 5, 5, 1], bytes: bytes)
    let expected = try model.predict(pixels, batchSize: 11)
    #expect(expected.shape == [11, 2])
    for batchSize in [1, 4, 32, Int.max] { #expect(try model.predict(pixels, batchSize: batchSize) == expected) }
    let floats = try Tensor(shape: [11, 5, 5, 1], bytes.map { Float($0) / 255 })
    expectClose(try model.predict(floats).floats, expected.floats.map { Double($0) }, within: 1e-6)
    let doubles = try Tensor(shape: [11, 5, 5, 1], storage: .float64(bytes.map { Double($0) }))
    expectClose(
      try model.predict(doubles, inputScale: 1 / 255).floats, expected.floats.map { Double($0) }, within: 1e-6)
    #expect(try model.predict(Tensor(shape: [0, 5, 5, 1], [])).shape == [0, 2])
  }

  @Test("Callbacks that stop within an epoch and after one")
  func stopping() throws {
    let model = try line()
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in if batch == 2 { context.stopTraining = true } })
    #expect(try model.fit(points(), epochs: 3, batchSize: 4, callbacks: [stop], verbose: .silent).epochs.isEmpty)
    #expect(model.step == 2)
    let after = ClosureCallback(epochDidEnd: { epoch, _, context in if epoch == 2 { context.stopTraining = true } })
    #expect(try model.fit(points(), epochs: 9, callbacks: [after], verbose: .silent).epochs.count == 2)
  }

  @Test("The learning rate can be read, set, and follows its schedule")
  func learningRate() throws {
    let model = try line(.sgd(learningRate: .piecewise(boundaries: [1], values: [0.5, 0.125])))
    #expect(model.learningRate == 0.5)
    let history = try model.fit(points(), epochs: 2, batchSize: 11, verbose: .silent)
    #expect(model.learningRate == 0.125)
    #expect(history.epochs.map(\.learningRate) == [0.5, 0.125])
    model.learningRate = 0.25
    #expect(model.learningRate == 0.25)
    #expect(try Sequential(input: [1]) { Dense(1) }.learningRate == 0)
  }

  @Test("Classes for each place of a row")
  func sequences() throws {
    let model = try Sequential(input: [4, 3]) { Dense(5, activation: .softmax) }
    try model.compile(optimizer: .adam(learningRate: 0.1), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    let targets = try Tensor(shape: [2, 4], integers: [0, 1, 2, 3, 4, 0, 1, 2])
    let data = try Dataset(inputs: noise([2, 4, 3]), targets: targets)
    let history = try model.fit(data, epochs: 300, verbose: .silent)
    #expect(history["accuracy"].last == 1)
    let wrong = try Dataset(
      inputs: noise([2, 4, 3]), targets: Tensor(shape: [2, 4], integers: [0, 1, 2, 3, 4, 5, 1, 2]))
    expectError(
      "evaluate: example 1 is of class 5 but the model's 5 outputs are classes 0 to 4. Give the last layer as many units as there are classes, and number classes from 0."
    ) { try model.evaluate(wrong) }
  }
}
