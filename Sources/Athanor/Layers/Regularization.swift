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
  public var rate: Double
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
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("rate", &rate)
    settings.neutral("seed")
    settings.trainingOnly("noise_shape")
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
  public var momentum: Double
  /// Added to the variance so that it is never zero.
  public var epsilon: Double
  /// Whether a shift is learnt.
  public var center: Bool
  /// Whether a scale is learnt.
  public var scale: Bool
  /// The axis of the channels: the last one, which files may also count from the front.
  package var axis = -1
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
    let channels = try input.shape.channels(axis)
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
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.axis(&axis)
    try settings.field("momentum", &momentum, default: 0.99)
    try settings.field("epsilon", &epsilon, default: 1e-3)
    try settings.field("center", &center, default: true)
    try settings.field("scale", &scale, default: true)
    for key in ["beta_initializer", "moving_mean_initializer"] { try settings.trainingOnly(key, Initializer.zeros) }
    for key in ["gamma_initializer", "moving_variance_initializer"] { try settings.trainingOnly(key, Initializer.ones) }
    for key in ["beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint"] {
      settings.trainingOnly(key)
    }
    try settings.trainingOnly("synchronized", false)
    // Keras 2 on TensorFlow.
    try settings.fixed("renorm", false, isWritten: false)
    settings.neutral("fused", isWritten: false)
  }
}

extension Settings {
  /// The axis of the channels: a number, or one in a list as Keras 2 has it.
  mutating func axis(_ axis: inout Int) throws {
    var json = axis.jsonValue
    try field("axis", &json, default: .integer(-1))
    let axes = json.integer.map { [$0] } ?? json.integers ?? []
    guard axes.count == 1 else { throw error("axis", expected: "one axis") }
    axis = axes[0]
  }
}

extension Shape {
  /// The length of the last axis, which is to be the given one.
  func channels(_ axis: Int) throws -> Int {
    guard rank >= 2, let channels = lengths.last ?? nil else {
      throw AthanorError(.shape, at: "", "input has shape \(self) but at least 2 axes are needed")
    }
    guard axis == -1 || axis == rank - 1 else {
      throw AthanorError(
        .unsupported, at: "", "its channels lie along axis \(axis), but the input has shape \(self)",
        fix: "Only the last axis is supported.")
    }
    return channels
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
  public var function: ActivationFunction
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
  public init(unconfigured name: String) { self.init(.linear, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("activation", &function, default: .linear)
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
  public var slope: Double
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
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("negative_slope", &slope, default: 0.3, aliases: ["alpha"])
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
