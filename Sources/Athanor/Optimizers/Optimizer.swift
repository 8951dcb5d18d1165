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
  }

  /// The step's formula.
  public let rule: any OptimizerRule
  /// How far each step goes.
  public var learningRate: LearningRate
  /// Decoupled weight decay: each step first takes `learningRate * weightDecay` of each weight away.
  public let weightDecay: Double
  /// How gradients are limited.
  public let clipping: Clipping?

  /// Puts an optimizer together from a rule.
  public init(
    _ rule: any OptimizerRule, learningRate: LearningRate, weightDecay: Double = 0, clipping: Clipping? = nil
  ) {
    self.rule = rule
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.clipping = clipping
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

  /// Moving averages of gradients and their squares (Kingma and Ba 2014). Source: `keras.optimizers.Adam`.
  public static func adam(
    learningRate: LearningRate = 0.001, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-7,
    weightDecay: Double = 0, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      Adam(beta1: beta1, beta2: beta2, epsilon: epsilon), learningRate: learningRate, weightDecay: weightDecay,
      clipping: clipping)
  }

  /// Adam with decoupled weight decay (Loshchilov and Hutter 2017). Source: `keras.optimizers.AdamW`.
  public static func adamW(
    learningRate: LearningRate = 0.001, weightDecay: Double = 0.004, beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-7, clipping: Clipping? = nil
  ) -> Optimizer {
    Optimizer(
      AdamW(adam: Adam(beta1: beta1, beta2: beta2, epsilon: epsilon)), learningRate: learningRate,
      weightDecay: weightDecay, clipping: clipping)
  }

  /// Equal when all of their settings are.
  public static func == (left: Optimizer, right: Optimizer) -> Bool {
    AnyHashable(left.rule) == AnyHashable(right.rule) && left.learningRate == right.learningRate
      && left.weightDecay == right.weightDecay && left.clipping == right.clipping
  }

  /// Hashes all settings.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(AnyHashable(rule))
    hasher.combine(learningRate)
    hasher.combine(weightDecay)
    hasher.combine(clipping)
  }

  /// - Throws: `AthanorError` when a number is out of range.
  package func validate() throws {
    try learningRate.validate()
    guard weightDecay >= 0, weightDecay.isFinite else {
      throw AthanorError(.argument, at: "optimizer", "weightDecay is \(weightDecay) but must be zero or more")
    }
    switch clipping {
    case .value(let limit), .norm(let limit), .globalNorm(let limit):
      guard limit > 0 else {
        throw AthanorError(.argument, at: "optimizer", "clipping to \(limit) needs a positive number")
      }
    case nil: break
    }
    try rule.validate()
  }
}

/// One step of an optimizer over all weights at once: flat arrays, in which each weight has the same place.
public struct OptimizerStep {
  /// The weights, to be changed.
  public let weights: UnsafeMutableBufferPointer<Float>
  /// The gradients, after clipping.
  public let gradients: UnsafeMutableBufferPointer<Float>
  /// What the rule keeps from step to step, one array for each of its slots, zero before the first step.
  public let slots: [UnsafeMutableBufferPointer<Float>]
  /// The number of this step, counted from 1.
  public let number: Int
  /// The learning rate of this step.
  public let learningRate: Double
  /// The decoupled weight decay, which the rule applies first: `w -= learningRate * weightDecay * w`.
  public let weightDecay: Double
  package let kernels: FlatKernels
}

/// The formula of an optimizer's step.
public protocol OptimizerRule: Hashable, Sendable {
  /// The names of the arrays that it keeps from step to step.
  var slotNames: [String] { get }
  /// Changes the weights.
  func apply(_ step: OptimizerStep)
  /// - Throws: `AthanorError` when a parameter is out of range.
  func validate() throws
}

/// `v = momentum * v - rate * g; w += v` (Nesterov: `w += momentum * v - rate * g`).
public struct SGD: OptimizerRule {
  /// How much of the last step is kept.
  public let momentum: Double
  /// Whether the gradient is taken ahead of the step.
  public let nesterov: Bool

  public var slotNames: [String] { momentum == 0 ? [] : ["momentum"] }

  public func apply(_ step: OptimizerStep) {
    step.kernels.sgd(
      step.weights, step.gradients, velocity: step.slots.first, rate: step.learningRate, decay: step.weightDecay,
      momentum: momentum, nesterov: nesterov)
  }

  public func validate() throws {
    guard momentum >= 0, momentum <= 1 else {
      throw AthanorError(.argument, at: "sgd", "momentum is \(momentum) but must lie in 0 ... 1")
    }
  }
}

/// `s = rho * s + (1 - rho) g^2; w -= rate * g / sqrt(s + epsilon)`
public struct RMSprop: OptimizerRule {
  /// How much of the average is kept at each step.
  public let rho: Double
  /// How much of the last step is kept.
  public let momentum: Double
  /// Added before the root.
  public let epsilon: Double
  /// Whether the variance is used instead of the mean square.
  public let centered: Bool

  public var slotNames: [String] {
    ["velocity"] + (momentum > 0 ? ["momentum"] : []) + (centered ? ["average_gradient"] : [])
  }

  public func apply(_ step: OptimizerStep) {
    step.kernels.rmsprop(
      step.weights, step.gradients, square: step.slots[0], average: centered ? step.slots[step.slots.count - 1] : nil,
      velocity: momentum > 0 ? step.slots[1] : nil, rate: step.learningRate, decay: step.weightDecay, rho: rho,
      momentum: momentum, epsilon: epsilon)
  }

  public func validate() throws {
    guard rho >= 0, rho < 1, momentum >= 0, momentum <= 1, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "rmsprop", "rho is \(rho), momentum \(momentum) and epsilon \(epsilon)",
        fix: "Rho must lie in 0 ..< 1, momentum in 0 ... 1 and epsilon be positive.")
    }
  }
}

/// `m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2); w -= alpha * m / (sqrt(v) + epsilon)`,
/// `alpha = rate * sqrt(1 - beta2^t) / (1 - beta1^t)`
public struct Adam: OptimizerRule {
  /// How much of the gradients' average is kept at each step.
  public let beta1: Double
  /// How much of the squares' average is kept at each step.
  public let beta2: Double
  /// Added to the root.
  public let epsilon: Double

  public var slotNames: [String] { ["momentum", "velocity"] }

  public func apply(_ step: OptimizerStep) {
    let t = Double(step.number)
    let alpha = step.learningRate * (1 - power(beta2, t)).squareRoot() / (1 - power(beta1, t))
    step.kernels.adam(
      step.weights, step.gradients, first: step.slots[0], second: step.slots[1], alpha: alpha, rate: step.learningRate,
      decay: step.weightDecay, beta1: beta1, beta2: beta2, epsilon: epsilon)
  }

  public func validate() throws {
    guard beta1 >= 0, beta1 < 1, beta2 >= 0, beta2 < 1, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "adam", "beta1 is \(beta1), beta2 \(beta2) and epsilon \(epsilon)",
        fix: "The betas must lie in 0 ..< 1 and epsilon be positive.")
    }
  }
}

/// Adam with decoupled weight decay: `w -= rate * weightDecay * w`, then Adam's step.
///
/// Each rule decays weights in this way; what sets AdamW apart is its name in files and its default decay.
public struct AdamW: OptimizerRule {
  /// The step behind the decay.
  public let adam: Adam

  public var slotNames: [String] { adam.slotNames }
  public func apply(_ step: OptimizerStep) { adam.apply(step) }
  public func validate() throws { try adam.validate() }
}
