import Athanor
import Testing

@Suite("The same numbers again")
struct ReproducibilityTests {
  private func model(seed: UInt64 = 11, threads: Int, schedule: LearningRate = 0.003) throws -> Model {
    let model = try Sequential(input: [13, 11, 2], seed: seed, threads: threads) {
      Conv2D(7, kernelSize: 3, activation: .relu)
      BatchNormalization()
      MaxPooling2D(2)
      Dropout(0.3)
      Conv2D(9, kernelSize: [3, 2], padding: .same, useBias: false)
      BatchNormalization()
      Activation(.gelu)
      AveragePooling2D(2)
      Flatten()
      Dense(17, activation: .tanh)
      Dropout(0.5)
      Dense(5, activation: .softmax)
    }
    try model.compile(
      optimizer: .adam(learningRate: schedule, clipping: .globalNorm(1)), loss: .sparseCategoricalCrossentropy,
      metrics: [.accuracy])
    return model
  }

  private func data(_ count: Int = 53) throws -> Dataset {
    try Dataset(
      inputs: noise([count, 13, 11, 2], seed: 2),
      targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 * 7 % 5) }))
  }

  /// Everything of a history but the time it took.
  private func figures(_ history: History) -> [[UInt64]] {
    history.epochs.map { epoch in
      [UInt64(epoch.number), epoch.learningRate.bitPattern] + epoch.logs.entries.map(\.value.bitPattern)
    }
  }

  @Test("One seed, 1, 2 and 4 threads: the same bits in weights and history")
  func threads() throws {
    let (train, test) = (try data(), try data(9))
    var results: [(weights: [[UInt32]], history: [[UInt64]], predictions: [UInt32])] = []
    for threads in [1, 2, 4] {
      let model = try model(threads: threads)
      #expect(model.threadCount == threads)
      let history = try model.fit(train, epochs: 3, batchSize: 16, validation: test, verbose: .silent)
      results.append((weightBits(model), figures(history), try model.predict(test).floats.map(\.bitPattern)))
    }
    for result in results.dropFirst() {
      #expect(result.weights == results[0].weights)
      #expect(result.history == results[0].history)
      #expect(result.predictions == results[0].predictions)
    }
    let other = try model(seed: 12, threads: 1)
    try other.fit(train, epochs: 3, batchSize: 16, verbose: .silent)
    #expect(weightBits(other) != results[0].weights)
  }

  /// What a checkpoint holds.
  private struct Snapshot {
    let weights: [String: [Float]]
    let slots: [[Float]]
    let progress: TrainingProgress

    init(_ context: TrainingContext) throws {
      context.captureState()
      try self.init(context.model)
    }

    init(_ model: Model) throws {
      weights = model.snapshot()
      slots = try #require(model.training).slots.map { Array($0.floats) }
      progress = model.progress
    }

    func restore(into model: Model) throws {
      model.restore(weights)
      for (slot, numbers) in zip(try #require(model.training).slots, slots) {
        _ = slot.floats.update(fromContentsOf: numbers)
      }
      model.progress = progress
    }
  }

  private func callbacks() -> [any Callback] {
    [
      EarlyStopping(monitor: .validationLoss, patience: 50),
      ReduceLROnPlateau(monitor: .loss, factor: 0.5, patience: 1, minDelta: 0.5),
    ]
  }

  /// Stops after a batch, goes on in another model as another program would, and compares with a training that never stopped.
  @Test(
    "A training that was stopped goes on as if it had not been",
    arguments: [(2, 3), (1, 1), (2, 4), (3, 0)], [true, false])
  func resume(_ place: (epoch: Int, batch: Int), _ hasSchedule: Bool) throws {
    let (train, test) = (try data(), try data(9))
    let schedule: LearningRate = hasSchedule ? .cosineDecay(initial: 0.01, steps: 20) : 0.003
    func others() -> [any Callback] { hasSchedule ? [EarlyStopping(patience: 50)] : callbacks() }

    let whole = try model(threads: 2, schedule: schedule)
    let history = try whole.fit(
      train, epochs: 4, batchSize: 16, validation: test, callbacks: others(), verbose: .silent)
    #expect(history.epochs.count == 4)
    if !hasSchedule { #expect(Set(history.epochs.map(\.learningRate)).count > 1) }

    var snapshot: Snapshot?
    let interrupted = try model(threads: 1, schedule: schedule)
    let saver = ClosureCallback(
      batchDidEnd: { batch, _, context in
        guard context.model.progress.epoch + 1 == place.epoch, batch == place.batch else { return }
        snapshot = try Snapshot(context)
        context.stopTraining = true
      },
      epochDidEnd: { epoch, _, context in
        guard place.batch == 0, epoch == place.epoch else { return }
        snapshot = try Snapshot(context)
        context.stopTraining = true
      })
    try interrupted.fit(
      train, epochs: 4, batchSize: 16, validation: test, callbacks: others() + [saver], verbose: .silent)

    let resumed = try model(seed: 11, threads: 4, schedule: schedule)
    try resumed.fit(test, epochs: 1, verbose: .silent)  // whatever it knew is replaced
    try #require(snapshot).restore(into: resumed)
    let rest = try resumed.fit(
      train, epochs: 4, batchSize: 16, validation: test, callbacks: others(), verbose: .silent, resume: true)
    #expect(figures(rest) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
    #expect(resumed.step == whole.step)
  }

  @Test("A model that is taken after fit has ended knows what its callbacks knew, and a rate that was set")
  func afterFit() throws {
    let train = try data()
    func callbacks() -> [any Callback] { [ReduceLROnPlateau(monitor: .loss, factor: 0.5, patience: 2, minDelta: 9)] }
    func fit(_ model: Model, epochs: Int, resume: Bool = false) throws -> History {
      try model.fit(
        train, epochs: epochs, batchSize: 16, callbacks: callbacks(), verbose: .silent, resume: resume)
    }
    let whole = try model(threads: 1)
    whole.learningRate = 0.002
    let history = try fit(whole, epochs: 6)
    #expect(history.epochs.map(\.learningRate) == [0.002, 0.002, 0.002, 0.001, 0.001, 0.0005])
    let half = try model(threads: 1)
    half.learningRate = 0.002
    _ = try fit(half, epochs: 4)
    let resumed = try model(threads: 1)
    try Snapshot(half).restore(into: resumed)
    #expect(try figures(fit(resumed, epochs: 6, resume: true)) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
  }

  @Test("Resuming with another batch size is refused")
  func otherBatchSize() throws {
    let model = try model(threads: 1)
    try model.fit(data(), epochs: 1, batchSize: 32, verbose: .silent)
    (model.progress.epoch, model.progress.batch) = (0, 4)
    expectError(
      "fit: the checkpoint is at batch 4 of an epoch that now has 2. Resume with the data and the batch size of the interrupted training."
    ) { try model.fit(data(), epochs: 1, batchSize: 32, verbose: .silent, resume: true) }
  }

  /// Central differences in single precision, with a step that suits them.
  @Test("Gradients are those of finite differences")
  func finiteDifferences() throws {
    let model = try Sequential(input: [5, 4, 2], seed: 3) {
      Conv2D(3, kernelSize: 2, activation: .tanh)
      BatchNormalization()
      Flatten()
      Dense(4, activation: .sigmoid)
      Dense(3, activation: .softmax)
    }
    try model.compile(loss: .sparseCategoricalCrossentropy)
    let batch = try Dataset(inputs: noise([6, 5, 4, 2]), targets: Tensor(shape: [6], integers: [0, 1, 2, 2, 1, 0]))
    let gradients = try model.gradients(batch)
    func trained() -> [Tensor] { model.weights.filter(\.isTrainable).map(\.tensor) }
    let before = trained()
    #expect(gradients.weightNames == model.weights.filter(\.isTrainable).map(\.name))
    let step: Float = 0.02
    for weight in model.weights where weight.isTrainable {
      let analytic = try #require(gradients[weight.name]).floats
      for place in stride(from: 0, to: analytic.count, by: max(1, analytic.count / 7)) {
        func loss(_ change: Float) throws -> Double {
          var values = weight.tensor.floats
          values[place] += change
          try model.setWeights([weight.name: Tensor(shape: weight.tensor.shape, values)])
          defer { try? model.setWeights([weight.name: weight.tensor]) }
          return try model.gradients(batch).loss
        }
        let near = try (loss(step) - loss(-step)) / Double(2 * step)
        let far = try (loss(2 * step) - loss(-2 * step)) / Double(4 * step)
        let numeric = (4 * near - far) / 3
        #expect(
          (numeric - Double(analytic[place])).magnitude < 2e-4,
          "\(weight.name) \(place): \(analytic[place]), \(numeric)")
      }
    }
    #expect(trained() == before)
    #expect(model.step == 0)
  }
}
