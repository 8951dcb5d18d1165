/// How weights follow their gradients, chosen by a leading dot: `.adam()`, `.sgd(learningRate: 0.1, momentum: 0.9)`.
///
/// Defaults and formulas are Keras'. Add your own by an `OptimizerRule`.
///
/// - Example:
///   ```swift
///   try model.compile(optimizer: .adam(learningRate: 0.002, clipping: .globalNorm(1)), loss: .categoricalCrossentropy)
///   ```
public struct Optimizer: Hashable, Sendable {
  /// How gradients are limited before a step.
  public enum Clipping: Hashable, Sendable {
    /// Each number is kept within plus and minus this value.
    case value(Double)
    /// Each weight array's gradient is scaled down to at most this length.
    case norm(Double)
    /// All gradients together are scaled down to at most this length.
    case globalNorm(Double)
    /// One after another, as optimizers did before Keras 2.11 that had several; Keras 3 knows only one.
    case sequence([Clipping])
  }

  /// A moving average of the weights: `average = momentum * average + (1 - momentum) * w` after each step, from the first step's weights.
  ///
  /// The weights become their averages at the end of `fit`, and where asked for in between. Source: the argument `use_ema` of Keras' optimizers.
  public struct WeightAverage: Hashable, Sendable {
    /// How much of the average is kept at each step.
    public let momentum: Double
    /// After how many steps the weights become their averages; nil for the end of `fit` alone.
    public let frequency: Int?

    /// Makes the setting.
    public init(momentum: Double = 0.99, frequency: Int? = nil) {
      self.momentum = momentum
      self.frequency = frequency
    }
  }

  /// The step's formula.
  public let rule: any OptimizerRule
  /// How far each step goes.
  public var learningRate: LearningRate
  /// Decoupled weight decay: each step first takes `learningRate * weightDecay` of each weight away.
  public let weightDecay: Double
  /// How gradients are limited.
  public let clipping: Clipping?
  /// How many batches' gradients are averaged for one step. Source: the argument `gradient_accumulation_steps` of Keras' optimizers.
  public internal(set) var accumulation = 1
  /// The moving average of the weights that is kept beside them; nil for none.
  public internal(set) var weightAverage: WeightAverage?

  /// Puts an optimizer together from a rule.
  public init(
    _ rule: any OptimizerRule, learningRate: LearningRate, weightDecay: Double = 0, clipping: Clipping? = nil
  ) {
    self.rule = rule
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.clipping = clipping
  }

  /// The same optimizer, which averages the gradients of so many batches for one step.
  ///
  /// `Model.step` counts batches, and so do schedules, as in Keras.
  public func accumulating(_ batches: Int) -> Optimizer {
    var optimizer = self
    optimizer.accumulation = batches
    return optimizer
  }

  /// The same optimizer, which keeps a moving average of the weights; nil for none.
  public func averaging(_ average: WeightAverage?) -> Optimizer {
    var optimizer = self
    optimizer.weightAverage = average
    return optimizer
  }

  /// Gradient descent, with momentum if asked for. Source: `keras.optimizers.SGD`.
  public static func sgd(
    learningRate: LearningRate = 0.01, momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0,
    clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      SGD(momentum: momentum, nesterov: nesterov), learningRate: learningRate, weightDecay: weightDecay,
      clipping: clipping)
  }

  /// Steps divided by a moving root mean square of gradients (Hinton 2012). Source: `keras.optimizers.RMSprop`.
  public static func rmsprop(
    learningRate: LearningRate = 0.001, rho: Double = 0.9, momentum: Double = 0, epsilon: Double = 1e-7,
    centered: Bool = false, weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      RMSprop(rho: rho, momentum: momentum, epsilon: epsilon, centered: centered), learningRate: learningRate,
      weightDecay: weightDecay, clipping: clipping)
  }

  /// Moving averages of gradients and their squares (Kingma and Ba 2014); amsgrad: the largest average of squares so far counts (Reddi et
  /// al. 2018). Source: `keras.optimizers.Adam`.
  public static func adam(
    learningRate: LearningRate = 0.001, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7,
    amsgrad: Bool = false, weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, amsgrad: amsgrad), learningRate: learningRate,
      weightDecay: weightDecay, clipping: clipping)
  }

  /// Adam with decoupled weight decay (Loshchilov and Hutter 2017). Source: `keras.optimizers.AdamW`.
  public static func adamW(
    learningRate: LearningRate = 0.001, weightDecay: Double = 0.004, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-7, amsgrad: Bool = false, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      AdamW(adam: Adam(beta1: beta1, beta2: beta2, epsilon: epsilon, amsgrad: amsgrad)), learningRate: learningRate,
      weightDecay: weightDecay, clipping: clipping)
  }

  /// Adam with the largest gradient so far, which fades, for the root of the squares (Kingma and Ba 2014). Source:
  /// `keras.optimizers.Adamax`.
  public static func adamax(
    learningRate: LearningRate = 0.001, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7,
    weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Adamax(beta1: beta1, beta2: beta2, epsilon: epsilon), learningRate: learningRate, weightDecay: weightDecay,
      clipping: clipping)
  }

  /// Adam with Nesterov's momentum (Dozat 2015). Source: `keras.optimizers.Nadam`.
  public static func nadam(
    learningRate: LearningRate = 0.001, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7,
    weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Nadam(beta1: beta1, beta2: beta2, epsilon: epsilon), learningRate: learningRate, weightDecay: weightDecay,
      clipping: clipping)
  }

  /// Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011). Source: `keras.optimizers.Adagrad`.
  public static func adagrad(
    learningRate: LearningRate = 0.001, initialAccumulator: Double = 0.1, epsilon: Double = 1e-7,
    weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Adagrad(initialAccumulator: initialAccumulator, epsilon: epsilon), learningRate: learningRate,
      weightDecay: weightDecay, clipping: clipping)
  }

  /// Steps in proportion to the steps before (Zeiler 2012). Source: `keras.optimizers.Adadelta`.
  public static func adadelta(
    learningRate: LearningRate = 0.001, rho: Double = 0.95, epsilon: Double = 1e-7, weightDecay: Double = 0,
    clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Adadelta(rho: rho, epsilon: epsilon), learningRate: learningRate, weightDecay: weightDecay, clipping: clipping)
  }

  /// Follows the regularized leader (McMahan et al. 2013). Source: `keras.optimizers.Ftrl`.
  public static func ftrl(
    learningRate: LearningRate = 0.001, learningRatePower: Double = -0.5, initialAccumulator: Double = 0.1,
    l1: Double = 0, l2: Double = 0, l2Shrinkage: Double = 0, beta: Double = 0, weightDecay: Double = 0,
    clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Ftrl(
        learningRatePower: learningRatePower, initialAccumulator: initialAccumulator, l1: l1, l2: l2,
        l2Shrinkage: l2Shrinkage, beta: beta), learningRate: learningRate, weightDecay: weightDecay, clipping: clipping)
  }

  /// Steps of one size, by the sign of an average of gradients (Chen et al. 2023). Source: `keras.optimizers.Lion`.
  public static func lion(
    learningRate: LearningRate = 0.001, beta1: Double = 0.9, beta2: Double = 0.99, weightDecay: Double = 0,
    clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Lion(beta1: beta1, beta2: beta2), learningRate: learningRate, weightDecay: weightDecay, clipping: clipping)
  }

  /// Equal when all of their settings are.
  public static func == (left: Optimizer, right: Optimizer) -> Bool {
    AnyHashable(left.rule) == AnyHashable(right.rule) && left.learningRate == right.learningRate
      && left.weightDecay == right.weightDecay && left.clipping == right.clipping
      && left.accumulation == right.accumulation && left.weightAverage == right.weightAverage
  }

  /// Hashes all settings.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(AnyHashable(rule))
    hasher.combine(learningRate)
    hasher.combine(weightDecay)
    hasher.combine(clipping)
    hasher.combine(accumulation)
    hasher.combine(weightAverage)
  }

  /// - Throws: `AthanorError` when a number is out of range.
  package func validate() throws {
    try learningRate.validate()
    guard weightDecay >= 0, weightDecay.isFinite else {
      throw AthanorError(.argument, at: "optimizer", "weightDecay is \(weightDecay) but must be zero or more")
    }
    for step in clipping?.steps ?? [] {
      guard let limit = step.limit, !(limit > 0) else { continue }
      throw AthanorError(.argument, at: "optimizer", "clipping to \(limit) needs a positive number")
    }
    guard accumulation > 0 else {
      throw AthanorError(
        .argument, at: "optimizer", "accumulation is over \(accumulation) batches but needs at least 1")
    }
    if let weightAverage, !(0...1).contains(weightAverage.momentum) || weightAverage.frequency ?? 1 < 1 {
      throw AthanorError(
        .argument, at: "optimizer",
        "the weights' average has momentum \(weightAverage.momentum) and frequency \(weightAverage.frequency ?? 0)",
        fix: "The momentum must lie in 0 ... 1, and the frequency be at least 1.")
    }
    try rule.validate()
  }

  private static let averageSlot = "average"
  private static let accumulatorSlot = "gradient_accumulator"

  /// The names of the arrays that are kept for each weight, under Keras' names: those of all optimizers first, then the rule's.
  package var slotNames: [String] {
    commonSlotNames + rule.slotNames
  }

  private var commonSlotNames: [String] {
    (weightAverage == nil ? [] : [Optimizer.averageSlot]) + (accumulation > 1 ? [Optimizer.accumulatorSlot] : [])
  }

  /// The place of the first array of the rule.
  package var ruleSlotStart: Int { commonSlotNames.count }
  package var averagePlace: Int? { slotNames.firstIndex(of: Optimizer.averageSlot) }
  package var accumulatorPlace: Int? { slotNames.firstIndex(of: Optimizer.accumulatorSlot) }
}

extension Optimizer.Clipping {
  /// The limits in the order in which they are applied.
  package var steps: [Optimizer.Clipping] {
    if case .sequence(let steps) = self { steps.flatMap(\.steps) } else { [self] }
  }

  fileprivate var limit: Double? {
    switch self {
    case .value(let limit), .norm(let limit), .globalNorm(let limit): limit
    case .sequence: nil
    }
  }
}
