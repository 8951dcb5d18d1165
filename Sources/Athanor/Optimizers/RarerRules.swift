// Loops over flat arrays, in Swift. Each number depends on its own alone, so the bits are the same at any number of threads.

extension OptimizerStep {
  /// What decoupled weight decay leaves of each weight.
  var keptShare: Float { Float(1 - learningRate * weightDecay) }
}

func validateBetas(_ rule: String, _ beta1: Double, _ beta2: Double, _ epsilon: Double) throws {
  guard beta1 >= 0, beta1 < 1, beta2 >= 0, beta2 < 1, epsilon > 0 else {
    throw AthanorError(
      .argument, at: rule, "beta1 is \(beta1), beta2 \(beta2) and epsilon \(epsilon)",
      fix: "The betas must lie in 0 ..< 1 and epsilon be positive.")
  }
}

/// `m += (g - m)(1 - beta1); u = max(beta2 * u, |g|); w -= rate * m / ((1 - beta1^t)(u + epsilon))`
public struct Adamax: OptimizerRule {
  /// How much of the gradients' average is kept at each step.
  public internal(set) var beta1 = 0.9
  /// How much of the largest gradient is kept at each step.
  public internal(set) var beta2 = 0.999
  /// Added to the largest gradient.
  public internal(set) var epsilon = 1e-7

  public var slotNames: [String] { ["momentum", "norm"] }

  public func apply(_ step: OptimizerStep) {
    let (rest1, beta2, epsilon) = (Float(1 - beta1), Float(beta2), Float(epsilon))
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let correction = Float(1 - power(beta1, Double(step.number)))
    let (average, largest) = (step.slots[0], step.slots[1])
    for index in w.indices {
      average[index] += (g[index] - average[index]) * rest1
      largest[index] = max(beta2 * largest[index], abs(g[index]))
      w[index] = w[index] * keep - rate * average[index] / (correction * (largest[index] + epsilon))
    }
  }

  public func validate() throws { try validateBetas("adamax", beta1, beta2, epsilon) }
}

/// `m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2);
/// w -= rate * (u' m / (1 - p u') + (1 - u) g / (1 - p)) / (sqrt(v / (1 - beta2^t)) + epsilon)`,
/// where u and u' are `beta1 (1 - 0.96^(d t) / 2)` of this step and the next, and p is the product of all u so far. d is 1, and 0.004 in
/// files that were written before TensorFlow 2.11.
public struct Nadam: OptimizerRule {
  /// How much of the gradients' average is kept at each step.
  public internal(set) var beta1 = 0.9
  /// How much of the squares' average is kept at each step.
  public internal(set) var beta2 = 0.999
  /// Added to the root.
  public internal(set) var epsilon = 1e-7

  /// How fast the momentum grows to `beta1`.
  public internal(set) var scheduleDecay = 1.0

  public var slotNames: [String] { ["momentum", "velocity"] }

  /// The momentum of a step, counted from 1.
  private func momentum(_ step: Int) -> Double { beta1 * (1 - 0.5 * power(0.96, scheduleDecay * Double(step))) }

  /// The product of the momenta of all steps so far.
  func momentumProduct(_ steps: Int) -> Double {
    var product = 1.0
    for step in 0..<max(steps, 0) where product > 0 {
      product *= momentum(step + 1)
      if product < 1e-300 { product = 0 }
    }
    return product
  }

  public func apply(_ step: OptimizerStep) {
    let (rest1, rest2, epsilon) = (Float(1 - beta1), Float(1 - beta2), Float(epsilon))
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let (now, next, product) = (momentum(step.number), momentum(step.number + 1), momentumProduct(step.number))
    let ofAverage = Float(next / (1 - product * next))
    let ofGradient = Float((1 - now) / (1 - product))
    let correction = Float(1 - power(beta2, Double(step.number)))
    let (first, second) = (step.slots[0], step.slots[1])
    for index in w.indices {
      first[index] += (g[index] - first[index]) * rest1
      second[index] += (g[index] * g[index] - second[index]) * rest2
      let ahead = ofAverage * first[index] + ofGradient * g[index]
      w[index] = w[index] * keep - ahead * rate / ((second[index] / correction).squareRoot() + epsilon)
    }
  }

  public func validate() throws {
    try validateBetas("nadam", beta1, beta2, epsilon)
    guard scheduleDecay >= 0, scheduleDecay.isFinite else {
      throw AthanorError(.argument, at: "nadam", "its scheduleDecay is \(scheduleDecay)", fix: "It must be 0 or more.")
    }
  }
}

/// `s += g^2; w -= rate * g / sqrt(s + epsilon)`
public struct Adagrad: OptimizerRule {
  /// What s is before the first step.
  public internal(set) var initialAccumulator = 0.1
  /// Added before the root.
  public internal(set) var epsilon = 1e-7

  public var slotNames: [String] { ["accumulator"] }
  /// The accumulator begins above zero.
  public func initialValue(ofSlot name: String) -> Double { initialAccumulator }

  public func apply(_ step: OptimizerStep) {
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let (sum, epsilon) = (step.slots[0], Float(epsilon))
    for index in w.indices {
      sum[index] += g[index] * g[index]
      w[index] = w[index] * keep - rate * g[index] / (sum[index] + epsilon).squareRoot()
    }
  }

  public func validate() throws {
    guard initialAccumulator >= 0, initialAccumulator.isFinite, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "adagrad", "initialAccumulator is \(initialAccumulator) and epsilon \(epsilon)",
        fix: "The accumulator must be zero or more and epsilon be positive.")
    }
  }
}

/// `s = rho s + (1 - rho) g^2; d = -g sqrt(a + epsilon) / sqrt(s + epsilon); a = rho a + (1 - rho) d^2; w += rate * d`
public struct Adadelta: OptimizerRule {
  /// How much of the averages is kept at each step.
  public internal(set) var rho = 0.95
  /// Added before the roots.
  public internal(set) var epsilon = 1e-7

  public var slotNames: [String] { ["accumulated_grad", "accumulated_delta_var"] }

  public func apply(_ step: OptimizerStep) {
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let (squares, steps) = (step.slots[0], step.slots[1])
    let (rho, rest, epsilon) = (Float(rho), Float(1 - rho), Float(epsilon))
    for index in w.indices {
      squares[index] = rho * squares[index] + rest * (g[index] * g[index])
      let change = -((steps[index] + epsilon).squareRoot() * g[index] / (squares[index] + epsilon).squareRoot())
      steps[index] = rho * steps[index] + rest * (change * change)
      w[index] = w[index] * keep + rate * change
    }
  }

  public func validate() throws {
    guard rho >= 0, rho < 1, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "adadelta", "rho is \(rho) and epsilon \(epsilon)",
        fix: "Rho must lie in 0 ..< 1 and epsilon be positive.")
    }
  }
}

/// `s' = s + g^2; z += g + 2 l2Shrinkage w - (s'^-power - s^-power) / rate * w;
/// w = (clip(z, -l1, l1) - z) / (s'^-power / rate + 2 l2 + beta / rate)`
public struct Ftrl: OptimizerRule {
  /// How the rate falls with the sum of squares: -0.5 for its root, 0 for a constant rate.
  public internal(set) var learningRatePower = -0.5
  /// What s is before the first step.
  public internal(set) var initialAccumulator = 0.1
  /// How strongly weights are drawn to exactly zero.
  public internal(set) var l1 = 0.0
  /// How strongly weights are drawn towards zero.
  public internal(set) var l2 = 0.0
  /// The same through the gradient.
  public internal(set) var l2Shrinkage = 0.0
  /// Slows the first steps down.
  public internal(set) var beta = 0.0

  public var slotNames: [String] { ["accumulator", "linear"] }
  /// The accumulator begins above zero.
  public func initialValue(ofSlot name: String) -> Double { name == "linear" ? 0 : initialAccumulator }

  public func apply(_ step: OptimizerStep) {
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let (sum, linear) = (step.slots[0], step.slots[1])
    let (l1, shrinkage) = (Float(l1), Float(2 * l2Shrinkage))
    let ridge = 2 * (Float(l2) + Float(beta) / (2 * rate))
    let exponent = -learningRatePower
    func raised(_ x: Float) -> Float { exponent == 0.5 ? x.squareRoot() : Float(power(Double(x), exponent)) }
    for index in w.indices {
      let weight = w[index] * keep
      let next = sum[index] + g[index] * g[index]
      let power = raised(next)
      linear[index] += g[index] + shrinkage * weight - (power - raised(sum[index])) / rate * weight
      let z = linear[index]
      w[index] = (min(max(z, -l1), l1) - z) / (power / rate + ridge)
      sum[index] = next
    }
  }

  public func validate() throws {
    let numbers = [initialAccumulator, l1, l2, l2Shrinkage, beta, -learningRatePower]
    guard numbers.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
      throw AthanorError(
        .argument, at: "ftrl",
        "learningRatePower is \(learningRatePower), initialAccumulator \(initialAccumulator), l1 \(l1), l2 \(l2), "
          + "l2Shrinkage \(l2Shrinkage) and beta \(beta)",
        fix: "The power must be zero or less, and the others zero or more.")
    }
  }
}

/// `w -= rate * sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g`
public struct Lion: OptimizerRule {
  /// How much of the average decides on the step.
  public internal(set) var beta1 = 0.9
  /// How much of the average is kept at each step.
  public internal(set) var beta2 = 0.99

  public var slotNames: [String] { ["momentum"] }

  public func apply(_ step: OptimizerStep) {
    let (w, g, keep, rate) = (step.weights, step.gradients, step.keptShare, Float(step.learningRate))
    let (average, beta1, beta2) = (step.slots[0], Float(beta1), Float(beta2))
    for index in w.indices {
      let direction = average[index] * beta1 + g[index] * (1 - beta1)
      w[index] = w[index] * keep - (direction > 0 ? rate : direction < 0 ? -rate : 0)
      average[index] = average[index] * beta2 + g[index] * (1 - beta2)
    }
  }

  public func validate() throws {
    guard beta1 > 0, beta1 <= 1, beta2 >= 0, beta2 <= 1 else {
      throw AthanorError(
        .argument, at: "lion", "beta1 is \(beta1) and beta2 \(beta2)",
        fix: "Beta1 must be above 0, and both at most 1.")
    }
  }
}
