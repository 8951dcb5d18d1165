/// One step of an optimizer over all weights at once: flat arrays, in which each weight has the same place.
public struct OptimizerStep {
  /// The weights, to be changed.
  public let weights: UnsafeMutableBufferPointer<Float>
  /// The gradients, after clipping.
  public let gradients: UnsafeMutableBufferPointer<Float>
  /// What the rule keeps from step to step, one array for each of its slots.
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
  /// What the numbers of an array are before the first step; 0 by default.
  func initialValue(ofSlot name: String) -> Double
  /// Changes the weights.
  func apply(_ step: OptimizerStep)
  /// - Throws: `AthanorError` when a parameter is out of range.
  func validate() throws
}

extension OptimizerRule {
  /// Zero.
  public func initialValue(ofSlot name: String) -> Double { 0 }
}

/// `v = momentum * v - rate * g; w += v` (Nesterov: `w += momentum * v - rate * g`).
public struct SGD: OptimizerRule {
  /// How much of the last step is kept.
  public internal(set) var momentum = 0.0
  /// Whether the gradient is taken ahead of the step.
  public internal(set) var nesterov = false

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
  public internal(set) var rho = 0.9
  /// How much of the last step is kept.
  public internal(set) var momentum = 0.0
  /// Added before the root.
  public internal(set) var epsilon = 1e-7
  /// Whether the variance is used instead of the mean square.
  public internal(set) var centered = false

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
  public internal(set) var beta1 = 0.9
  /// How much of the squares' average is kept at each step.
  public internal(set) var beta2 = 0.999
  /// Added to the root.
  public internal(set) var epsilon = 1e-7
  /// Whether the largest v so far stands for v in the step.
  public internal(set) var amsgrad = false

  public var slotNames: [String] { ["momentum", "velocity"] + (amsgrad ? ["velocity_hat"] : []) }

  public func apply(_ step: OptimizerStep) {
    let t = Double(step.number)
    let alpha = step.learningRate * (1 - power(beta2, t)).squareRoot() / (1 - power(beta1, t))
    if amsgrad { return applyLargest(step, Float(alpha)) }
    step.kernels.adam(
      step.weights, step.gradients, first: step.slots[0], second: step.slots[1], alpha: alpha, rate: step.learningRate,
      decay: step.weightDecay, beta1: beta1, beta2: beta2, epsilon: epsilon)
  }

  private func applyLargest(_ step: OptimizerStep, _ alpha: Float) {
    let (rest1, rest2, epsilon) = (Float(1 - beta1), Float(1 - beta2), Float(epsilon))
    let (w, g, keep) = (step.weights, step.gradients, step.keptShare)
    let (first, second, largest) = (step.slots[0], step.slots[1], step.slots[2])
    for index in w.indices {
      first[index] += (g[index] - first[index]) * rest1
      second[index] += (g[index] * g[index] - second[index]) * rest2
      largest[index] = max(largest[index], second[index])
      w[index] = w[index] * keep - first[index] * alpha / (largest[index].squareRoot() + epsilon)
    }
  }

  public func validate() throws { try validateBetas("adam", beta1, beta2, epsilon) }
}

/// Adam with decoupled weight decay: `w -= rate * weightDecay * w`, then Adam's step.
///
/// Each rule decays weights in this way; what sets AdamW apart is its name in files and its default decay.
public struct AdamW: OptimizerRule {
  /// The step behind the decay.
  public internal(set) var adam = Adam()

  public var slotNames: [String] { adam.slotNames }
  public func apply(_ step: OptimizerStep) { adam.apply(step) }
  public func validate() throws { try adam.validate() }
}
