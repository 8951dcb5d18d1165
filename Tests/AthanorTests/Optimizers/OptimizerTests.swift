import Athanor
import Testing

@Suite("Optimizers")
struct OptimizerTests {
  struct Golden: Decodable {
    let after: GoldenArray?
    let kernel: GoldenArray?
    let bias: GoldenArray?
    let gradients: GoldenArray?
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    let optimizer: Optimizer
    var testDescription: String { golden }
    init(_ golden: String, _ optimizer: Optimizer) {
      self.golden = golden
      self.optimizer = optimizer
    }
  }

  static let cases = [
    Case("sgd", .sgd(learningRate: 0.05)),
    Case("sgd_momentum", .sgd(learningRate: 0.05, momentum: 0.9)),
    Case("sgd_nesterov", .sgd(learningRate: 0.05, momentum: 0.8, nesterov: true)),
    Case("sgd_weight_decay", .sgd(learningRate: 0.05, momentum: 0.9, weightDecay: 0.1)),
    Case("sgd_clip_value", .sgd(learningRate: 0.05, clipping: .value(0.3))),
    Case("sgd_clip_norm", .sgd(learningRate: 0.05, clipping: .norm(0.7))),
    Case("sgd_global_clip_norm", .sgd(learningRate: 0.05, clipping: .globalNorm(0.7))),
    Case("sgd_exponential", .sgd(learningRate: .exponentialDecay(initial: 0.1, steps: 5, rate: 0.7))),
    Case("rmsprop", .rmsprop(learningRate: 0.02)),
    Case(
      "rmsprop_momentum_centered", .rmsprop(learningRate: 0.02, rho: 0.8, momentum: 0.5, epsilon: 1e-3, centered: true)),
    Case("rmsprop_weight_decay", .rmsprop(learningRate: 0.02, momentum: 0.3, weightDecay: 0.05)),
    Case("adam", .adam(learningRate: 0.02)),
    Case("adam_parameters", .adam(learningRate: 0.02, beta1: 0.7, beta2: 0.95, epsilon: 1e-2)),
    Case("adam_weight_decay_clip", .adam(learningRate: 0.02, weightDecay: 0.1, clipping: .globalNorm(1))),
    Case(
      "adam_cosine",
      .adam(learningRate: .warmUp(steps: 4, then: .cosineDecay(initial: 0.05, steps: 12, alpha: 0.1)))),
    Case("adamw", .adamW(learningRate: 0.02)),
    Case("adamw_weight_decay", .adamW(learningRate: 0.02, weightDecay: 0.2)),
    Case("adam_amsgrad", .adam(learningRate: 0.02, amsgrad: true, weightDecay: 0.05)),
    Case("adamw_amsgrad", .adamW(learningRate: 0.02, amsgrad: true)),
    Case("adamax", .adamax(learningRate: 0.02)),
    Case("adamax_parameters", .adamax(learningRate: 0.02, beta1: 0.7, beta2: 0.9, epsilon: 1e-3, weightDecay: 0.1)),
    Case("nadam", .nadam(learningRate: 0.02)),
    Case("nadam_parameters", .nadam(learningRate: 0.02, beta1: 0.7, beta2: 0.9, epsilon: 1e-3, clipping: .norm(1))),
    Case("adagrad", .adagrad(learningRate: 0.2)),
    Case("adagrad_parameters", .adagrad(learningRate: 0.2, initialAccumulator: 0.5, epsilon: 1e-2, weightDecay: 0.1)),
    Case("adadelta", .adadelta(learningRate: 1)),
    Case("adadelta_parameters", .adadelta(learningRate: 1, rho: 0.8, epsilon: 1e-3)),
    Case("ftrl", .ftrl(learningRate: 0.1)),
    Case(
      "ftrl_parameters",
      .ftrl(
        learningRate: 0.1, learningRatePower: -0.7, initialAccumulator: 0.2, l1: 0.05, l2: 0.1, l2Shrinkage: 0.02,
        beta: 0.3)),
    Case("lion", .lion(learningRate: 0.02)),
    Case("lion_parameters", .lion(learningRate: 0.02, beta1: 0.7, beta2: 0.8, weightDecay: 0.1)),
    Case(
      "adam_accumulation",
      Optimizer.adam(learningRate: .inverseTimeDecay(initial: 0.05, steps: 4, rate: 0.5), clipping: .norm(0.7))
        .accumulating(3)),
    Case(
      "sgd_average",
      Optimizer.sgd(learningRate: 0.05, momentum: 0.9).averaging(.init(momentum: 0.7, frequency: 4))),
    Case(
      "rmsprop_accumulation_average",
      Optimizer.rmsprop(learningRate: 0.02).accumulating(2).averaging(.init(momentum: 0.5, frequency: 2))),
    Case("sgd_two_limits", .sgd(learningRate: 0.05, clipping: .sequence([.value(0.3), .norm(0.5)]))),
  ]

  /// A dense layer that is fed the identity, with the sum of output times target as its loss: the kernel's gradient is the target.
  @Test("Weights after 1, 5 and 17 steps are those of Keras", arguments: cases)
  func parity(_ test: Case) throws {
    let all = try goldens("optimizers", as: [String: Golden].self)
    #expect(Set(all.keys) == Set(Self.cases.map(\.golden) + ["common"]))
    let common = try #require(all["common"])
    let gradients = try #require(common.gradients).tensor
    let after = try #require(all[test.golden]?.after)
    let model = try Sequential(input: [3]) { Dense(5) }
    try model.setWeights([
      "dense/kernel": try #require(common.kernel).tensor, "dense/bias": try #require(common.bias).tensor,
    ])
    let sum = Loss("sum") { prediction, target in try (prediction * target).sum(axes: [1]) * 3 }
    try model.compile(optimizer: test.optimizer, loss: sum)
    let identity = try Tensor(shape: [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])
    var row = 0
    for step in 0..<gradients.shape[0] {
      let target = try Tensor(shape: [3, 5], Array(gradients.floats[step * 15..<(step + 1) * 15]))
      try model.trainOnBatch(Dataset(inputs: identity, targets: target))
      guard [0, 4, 16].contains(step) else { continue }
      let weights = model.weights.flatMap(\.tensor.floats)
      expectClose(weights, Array(after.values[row * 20..<(row + 1) * 20]), within: 3e-6, "step \(step + 1)")
      row += 1
    }
    #expect(row == 3)
    #expect(model.step == 17)
  }

  @Test("At the end of fit the weights are their moving averages")
  func averages() throws {
    let data = try Dataset(inputs: noise([6, 2]), targets: noise([6, 1], seed: 2))
    func model(_ optimizer: Optimizer) throws -> Model {
      let model = try Sequential(input: [2], seed: 3) { Dense(1) }
      try model.compile(optimizer: optimizer, loss: .meanSquaredError)
      return model
    }
    let plain = try model(.sgd(learningRate: 0.5))
    var (average, steps): ([Float], Int) = ([], 0)
    for _ in 0..<2 {
      for start in [0, 2, 4] {
        try plain.trainOnBatch(data.slice(start..<start + 2))
        let weights = plain.weights.flatMap(\.tensor.floats)
        average = steps == 0 ? weights : zip(average, weights).map { 0.75 * $0 + 0.25 * $1 }
        steps += 1
      }
    }
    let averaged = try model(Optimizer.sgd(learningRate: 0.5).averaging(.init(momentum: 0.75)))
    try averaged.fit(data, epochs: 2, batchSize: 2, shuffle: false, verbose: .silent)
    #expect(averaged.weights.flatMap(\.tensor.floats) == average)
    #expect(average != plain.weights.flatMap(\.tensor.floats))
  }

  @Test("A rule of one's own")
  func custom() throws {
    struct SignDescent: OptimizerRule {
      var slotNames: [String] { ["seen"] }
      func apply(_ step: OptimizerStep) {
        for index in step.weights.indices {
          step.slots[0][index] += 1
          step.weights[index] -= Float(step.learningRate) * (step.gradients[index] > 0 ? 1 : -1) * step.slots[0][index]
        }
      }
      func validate() throws {}
    }
    let model = try Sequential(input: [1]) { Dense(1, useBias: false, kernelInitializer: .zeros) }
    try model.compile(optimizer: Optimizer(SignDescent(), learningRate: 0.5), loss: .meanSquaredError)
    let data = try Dataset(inputs: Tensor(shape: [1, 1], [1]), targets: Tensor(shape: [1, 1], [9]))
    try model.trainOnBatch(data)
    try model.trainOnBatch(data)
    #expect(model.weights[0].tensor.floats == [1.5])
  }

  @Test("Equal when all settings are")
  func equality() {
    #expect(Optimizer.adam() == .adam())
    #expect(Optimizer.adam() != .adamW(weightDecay: 0))
    #expect(Optimizer.adam() != .sgd(learningRate: 0.001))
    #expect(Optimizer.sgd() != .sgd(clipping: .norm(1)))
    #expect(Set([Optimizer.sgd(), .sgd(), .rmsprop()]).count == 2)
  }

  @Test("Settings out of range are refused by compile")
  func errors() throws {
    let model = try Sequential(input: [1]) { Dense(1) }
    func refuse(_ optimizer: Optimizer, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      expectError(text, sourceLocation: sourceLocation) {
        try model.compile(optimizer: optimizer, loss: .meanSquaredError)
      }
    }
    refuse(.sgd(momentum: 1.5), "sgd: momentum is 1.5 but must lie in 0 ... 1.")
    refuse(.sgd(weightDecay: -1), "optimizer: weightDecay is -1.0 but must be zero or more.")
    refuse(.sgd(clipping: .norm(0)), "optimizer: clipping to 0.0 needs a positive number.")
    refuse(
      .rmsprop(rho: 1),
      "rmsprop: rho is 1.0, momentum 0.0 and epsilon 1e-07. Rho must lie in 0 ..< 1, momentum in 0 ... 1 and epsilon be positive."
    )
    refuse(
      .adam(beta1: 1),
      "adam: beta1 is 1.0, beta2 0.999 and epsilon 1e-07. The betas must lie in 0 ..< 1 and epsilon be positive.")
    refuse(
      .adamax(beta2: 1),
      "adamax: beta1 is 0.9, beta2 1.0 and epsilon 1e-07. The betas must lie in 0 ..< 1 and epsilon be positive.")
    refuse(
      .adagrad(initialAccumulator: -1),
      "adagrad: initialAccumulator is -1.0 and epsilon 1e-07. The accumulator must be zero or more and epsilon be positive."
    )
    refuse(
      .adadelta(rho: 1), "adadelta: rho is 1.0 and epsilon 1e-07. Rho must lie in 0 ..< 1 and epsilon be positive.")
    refuse(
      .ftrl(learningRatePower: 0.5),
      "ftrl: learningRatePower is 0.5, initialAccumulator 0.1, l1 0.0, l2 0.0, l2Shrinkage 0.0 and beta 0.0. The power must be zero or less, and the others zero or more."
    )
    refuse(.lion(beta1: 0), "lion: beta1 is 0.0 and beta2 0.99. Beta1 must be above 0, and both at most 1.")
    refuse(Optimizer.sgd().accumulating(0), "optimizer: accumulation is over 0 batches but needs at least 1.")
    refuse(
      Optimizer.sgd().averaging(.init(momentum: 2)),
      "optimizer: the weights' average has momentum 2.0 and frequency 0. The momentum must lie in 0 ... 1, and the frequency be at least 1."
    )
    refuse(
      .sgd(clipping: .sequence([.value(1), .norm(-1)])), "optimizer: clipping to -1.0 needs a positive number.")
    refuse(
      .adam(learningRate: .polynomialDecay(initial: 0.1, steps: 0)),
      "learning rate: polynomialDecay(initial: 0.1, steps: 0, end: 0.0001, power: 1.0) needs numbers above zero.")
    refuse(
      .adam(learningRate: .inverseTimeDecay(initial: 0.1, steps: 1, rate: -1)),
      "learning rate: inverseTimeDecay(initial: 0.1, steps: 1, rate: -1.0) needs numbers above zero.")
    refuse(
      .adam(learningRate: .cosineRestarts(initial: 0.1, steps: 1, stepFactor: 0.5)),
      "learning rate: cosineRestarts(initial: 0.1, steps: 1, stepFactor: 0.5, rateFactor: 1.0, alpha: 0.0) needs numbers above zero and a stepFactor of at least 1."
    )
    refuse(.adam(learningRate: .constant(-0.1)), "learning rate: it is -0.1 but must be zero or more and finite.")
    refuse(
      .adam(learningRate: .exponentialDecay(initial: 0.1, steps: 0, rate: 0.5)),
      "learning rate: exponentialDecay(initial: 0.1, steps: 0, rate: 0.5) needs numbers above zero.")
    refuse(
      .adam(learningRate: .cosineDecay(initial: -1, steps: 5)),
      "learning rate: cosineDecay(initial: -1.0, steps: 5, alpha: 0.0) needs numbers above zero.")
    refuse(
      .adam(learningRate: .piecewise(boundaries: [5, 3], values: [1, 2, 3])),
      "learning rate: piecewise needs rising boundaries and one value more than boundaries, but has [5, 3] and [1.0, 2.0, 3.0]."
    )
    refuse(
      .adam(learningRate: .piecewise(boundaries: [5], values: [1])),
      "learning rate: piecewise needs rising boundaries and one value more than boundaries, but has [5] and [1.0].")
    refuse(.adam(learningRate: .warmUp(steps: 0, then: 0.1)), "learning rate: warmUp needs at least 1 step but has 0.")
    refuse(
      .adam(learningRate: .warmUp(steps: 3, then: .constant(.nan))),
      "learning rate: it is nan but must be zero or more and finite.")
  }
}

@Suite("Learning-rate schedules")
struct LearningRateTests {
  @Test(
    "The rates of 32 steps are those of Keras",
    arguments: [
      ("exponential", LearningRate.exponentialDecay(initial: 0.1, steps: 7, rate: 0.5)),
      ("exponential_staircase", .exponentialDecay(initial: 0.1, steps: 7, rate: 0.5, staircase: true)),
      ("cosine", .cosineDecay(initial: 0.2, steps: 20)),
      ("cosine_alpha", .cosineDecay(initial: 0.2, steps: 20, alpha: 0.25)),
      ("cosine_warm_up", .warmUp(steps: 6, then: .cosineDecay(initial: 0.2, steps: 20))),
      ("piecewise", .piecewise(boundaries: [4, 9, 15], values: [0.4, 0.2, 0.1, 0.05])),
      ("cosine_warm_up_from", .warmUp(steps: 6, from: 0.05, then: .cosineDecay(initial: 0.2, steps: 20, alpha: 0.1))),
      ("cosine_restarts", .cosineRestarts(initial: 0.2, steps: 5)),
      (
        "cosine_restarts_equal",
        .cosineRestarts(initial: 0.2, steps: 7, stepFactor: 1, rateFactor: 0.8, alpha: 0.1)
      ),
      ("polynomial", .polynomialDecay(initial: 0.2, steps: 12, end: 0.01, power: 2)),
      ("polynomial_cycle", .polynomialDecay(initial: 0.2, steps: 12, end: 0.01, power: 0.5, cycle: true)),
      ("inverse_time", .inverseTimeDecay(initial: 0.2, steps: 3, rate: 0.5)),
      ("inverse_time_staircase", .inverseTimeDecay(initial: 0.2, steps: 3, rate: 0.5, staircase: true)),
    ])
  func parity(_ name: String, _ schedule: LearningRate) throws {
    let golden = try #require(try goldens("schedules", as: [String: GoldenArray].self)[name])
    for (step, expected) in golden.values.enumerated() {
      #expect((schedule.value(at: step) - expected).magnitude < 1e-7, "step \(step)")
    }
  }

  @Test("A constant stays, a warm-up of a constant ends at it")
  func constant() {
    let rate: LearningRate = 0.25
    #expect(rate == .constant(0.25))
    #expect([0, 9, 10_000].map(rate.value) == [0.25, 0.25, 0.25])
    #expect((0...5).map(LearningRate.warmUp(steps: 4, then: 1).value) == [0, 0.25, 0.5, 0.75, 1, 1])
  }
}
