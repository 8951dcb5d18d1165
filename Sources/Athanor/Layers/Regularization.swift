/// Sets some numbers to zero while training, so that no neuron relies on a few others: `[N, ...] -> [N, ...]`.
///
/// The kept ones are divided by `1 - rate`, so nothing changes in prediction (inverted dropout). Source:
/// Srivastava et al. 2014, `keras.layers.Dropout`.
///
/// - Throws: when built: `AthanorError` if the rate is not in 0 ..< 1.
/// - Example:
///   ```swift
///   Dropout(0.5)
///   ```
public struct Dropout: Layer {
  /// The share of numbers that are set to zero.
  public let rate: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a dropout.
  public init(_ rate: Double, name: String? = nil) {
    self.rate = rate
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard rate >= 0, rate < 1 else {
      throw AthanorError(.argument, at: "", "rate is \(rate) but must be at least 0 and below 1")
    }
    return scope.isTraining && rate > 0 ? try input.droppedOut(rate) : input
  }
}

extension Dropout: SerializableLayer {
  public static var className: String { "Dropout" }

  public var configuration: Configuration {
    ["rate": rate, "seed": JSONValue.null, "noise_shape": JSONValue.null]
  }

  public init(configuration: Configuration, name: String) throws {
    guard configuration.isMissing("noise_shape") else { throw configuration.error("noise_shape", expected: "null") }
    self.init(try configuration.number("rate"), name: name)
  }
}

/// Brings each channel to mean 0 and variance 1, then scales and shifts it: `[N, ..., C] -> [N, ..., C]`.
///
/// While training, mean and variance are the batch's; in prediction they are moving averages:
/// `moving = moving * momentum + batch * (1 - momentum)`. Weights: `gamma [C]`, `beta [C]`, not trained `moving_mean [C]`,
/// `moving_variance [C]`. Source: Ioffe and Szegedy 2015, `keras.layers.BatchNormalization` with `axis=-1`.
///
/// - Throws: when built: `AthanorError` if momentum or epsilon is out of range.
/// - Example:
///   ```swift
///   BatchNormalization()
///   ```
public struct BatchNormalization: Layer {
  /// How much of the moving averages stays at each step.
  public let momentum: Double
  /// Added to the variance so that it is never zero.
  public let epsilon: Double
  /// Whether a shift is learnt.
  public let center: Bool
  /// Whether a scale is learnt.
  public let scale: Bool
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a batch normalisation.
  public init(
    momentum: Double = 0.99, epsilon: Double = 1e-3, center: Bool = true, scale: Bool = true, name: String? = nil
  ) {
    self.momentum = momentum
    self.epsilon = epsilon
    self.center = center
    self.scale = scale
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard momentum >= 0, momentum <= 1, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "", "momentum is \(momentum) and epsilon \(epsilon)",
        fix: "Momentum must lie in 0 ... 1 and epsilon be positive.")
    }
    guard input.shape.rank >= 2, let channels = input.shape.lengths.last ?? nil else {
      throw AthanorError(.shape, at: "", "input has shape \(input.shape) but at least 2 axes are needed")
    }
    let gamma = scale ? try scope.weight("gamma", shape: [channels], initializer: .ones) : nil
    let beta = center ? try scope.weight("beta", shape: [channels], initializer: .zeros) : nil
    let movingMean = try scope.weight("moving_mean", shape: [channels], initializer: .zeros, isTrainable: false)
    let movingVariance = try scope.weight("moving_variance", shape: [channels], initializer: .ones, isTrainable: false)
    guard scope.isTraining, scope.isTrainable else {
      return try input.batchNormalized(
        mean: movingMean, variance: movingVariance, gamma: gamma, beta: beta, epsilon: epsilon)
    }
    let (y, mean, variance) =
      try scope.mask(of: input).map { try normalized(input, $0, gamma, beta) }
      ?? input.batchNormalized(gamma: gamma, beta: beta, epsilon: epsilon)
    try scope.update(movingMean, to: movingMean * momentum + mean * (1 - momentum))
    try scope.update(movingVariance, to: movingVariance * momentum + variance * (1 - momentum))
    return y
  }

  /// Mean and variance of what counts alone, as Keras computes them; what does not count is normalised as well.
  private func normalized(
    _ input: Value, _ mask: Value, _ gamma: Value?, _ beta: Value?
  ) throws -> (y: Value, mean: Value, variance: Value) {
    guard mask.shape.rank == input.shape.rank - 1 else {
      throw AthanorError(
        .shape, at: "", "the input has shape \(input.shape), but its mask \(mask.shape)",
        fix: "BatchNormalization needs a mask that has all axes of the input but the last.")
    }
    let axes = Array(0..<input.shape.rank - 1)
    let factors = try mask.withRank(input.shape.rank)  // [N, ..., 1]
    let count = try mask.sum(axes: axes) + 1e-7  // []
    let mean = try (input * factors).sum(axes: axes) / count  // [C]
    let variance = try (square(input - mean) * factors).sum(axes: axes) / count  // [C]
    var factor = try rsqrt(variance + epsilon)  // [C]
    if let gamma { factor = try factor * gamma }
    let y = try (input - mean) * factor  // [N, ..., C]
    return (try beta.map { try y + $0 } ?? y, mean, variance)
  }
}

extension BatchNormalization: SerializableLayer {
  public static var className: String { "BatchNormalization" }

  public var configuration: Configuration {
    [
      "axis": -1, "momentum": momentum, "epsilon": epsilon, "center": center, "scale": scale,
      "beta_initializer": Initializer.zeros.serialized, "gamma_initializer": Initializer.ones.serialized,
      "moving_mean_initializer": Initializer.zeros.serialized,
      "moving_variance_initializer": Initializer.ones.serialized, "beta_regularizer": JSONValue.null,
      "gamma_regularizer": JSONValue.null, "beta_constraint": JSONValue.null, "gamma_constraint": JSONValue.null,
      "synchronized": false,
    ]
  }

  public init(configuration: Configuration, name: String) throws {
    let axes = try configuration.numbers("axis") ?? [-1]  // Keras 2 wrote a list
    guard axes == [-1] || axes == [3] else { throw configuration.error("axis", expected: "-1, the last axis,") }
    self.init(
      momentum: try configuration.number("momentum", default: 0.99),
      epsilon: try configuration.number("epsilon", default: 1e-3),
      center: try configuration.flag("center", default: true), scale: try configuration.flag("scale", default: true),
      name: name)
  }
}

/// Applies a function to each number, or softmax to the last axis: `[N, ...] -> [N, ...]`. Source: `keras.layers.Activation`.
///
/// - Throws: when built: `AthanorError` if a parameter of the function is out of range.
/// - Example:
///   ```swift
///   Activation(.gelu)
///   ```
public struct Activation: Layer {
  /// The function.
  public let function: ActivationFunction
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes an activation as a layer of its own.
  public init(_ function: ActivationFunction, name: String? = nil) {
    self.function = function
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value { try function.apply(input) }
}

extension Activation: SerializableLayer {
  public static var className: String { "Activation" }

  public var configuration: Configuration { get throws { try ["activation": function.serialized] } }

  public init(configuration: Configuration, name: String) throws {
    self.init(try configuration.activation(), name: name)
  }
}

/// `x` above zero and `slope * x` below: `[N, ...] -> [N, ...]`. Source: `keras.layers.LeakyReLU`.
///
/// - Throws: when built: `AthanorError` if the slope is negative.
/// - Example:
///   ```swift
///   LeakyReLU(slope: 0.1)
///   ```
public struct LeakyReLU: Layer {
  /// The slope below zero.
  public let slope: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a leaky ReLU; Keras' default slope is 0.3.
  public init(slope: Double = 0.3, name: String? = nil) {
    self.slope = slope
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value { try leakyRelu(input, slope: slope) }
}

extension LeakyReLU: SerializableLayer {
  public static var className: String { "LeakyReLU" }

  public var configuration: Configuration { ["negative_slope": slope] }

  public init(configuration: Configuration, name: String) throws {
    // Keras 2 called it alpha.
    let slope = try configuration.number("alpha", default: 0.3)
    self.init(slope: try configuration.number("negative_slope", default: slope), name: name)
  }
}

extension BatchNormalization: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let op = nodes.operation(BatchNormPrediction.self), op.epsilon > 0, let mean = nodes.weight(1),
      let variance = nodes.weight(2)
    else { return nil }
    let layer = BatchNormalization(epsilon: op.epsilon, center: op.hasBeta, scale: op.hasGamma)
    return nodes.layer(
      layer,
      weights: [
        "moving_mean": mean, "moving_variance": variance, "gamma": op.hasGamma ? nodes.weight(3) : nil,
        "beta": op.hasBeta ? nodes.weight(nodes.inputs.count - 1) : nil,
      ])
  }
}

extension Activation: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    let alpha = nodes.operation(Unary.self)?.alpha ?? 0
    return (ActivationFunction.all + [.elu(alpha: alpha), .leakyReLU(slope: alpha)])
      .first { nodes.isComputed(by: $0.apply) }
      .map { nodes.layer(Activation($0)) }
  }
}
