/// Sets some numbers to zero while training, so that no neuron relies on a few others: `[N, ...] -> [N, ...]`.
///
/// The kept ones are divided by `1 - rate`, so nothing changes in prediction (inverted dropout). Source:
/// Srivastava et al. 2014, `keras.layers.Dropout`.
///
/// - Throws: when built: `AthanorError` if the rate is not in 0 ..< 1, or the noise's shape does not broadcast to the input's.
/// - Example:
///   ```swift
///   Dropout(0.5)
///   ```
public struct Dropout: Layer {
  /// The share of numbers that are set to zero.
  public var rate: Double
  /// The shape of what is drawn, nil for a length of the input and 1 where all numbers along an axis share their fate; nil to draw for each
  /// number. `[nil, 1, 1, 1]` drops whole examples.
  public var noiseShape: [Int?]?
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a dropout.
  public init(_ rate: Double, noiseShape: [Int?]? = nil, name: String? = nil) {
    self.rate = rate
    self.noiseShape = noiseShape
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard rate >= 0, rate < 1 else {
      throw AthanorError(.argument, at: "", "rate is \(rate) but must be at least 0 and below 1")
    }
    guard let noiseShape else { return scope.isTraining && rate > 0 ? try input.droppedOut(rate) : input }
    let axes = input.shape.axes
    guard noiseShape.count == axes.count,
      zip(noiseShape, axes).allSatisfy({ $0 == nil || $0 == 1 || $0 == $1.fixed })
    else {
      throw AthanorError(
        .argument, at: "", "noiseShape is \(Shape.text(noiseShape)), but the input has shape \(input.shape)",
        fix: "Give for each axis nil, 1, or its length.")
    }
    guard scope.isTraining, rate > 0 else { return input }
    let drawn = Shape(axes: zip(noiseShape, axes).map { $0 == 1 ? Shape.Axis(1) : $1 })
    let part = try input.apply(Slice(start: axes.map { _ in 0 }, shape: drawn))
    // Nothing is greater than infinity, and NaN is neither.
    return try input * (1 - part.greater(.infinity)).droppedOut(rate)
  }
}

extension Dropout: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("rate", &rate)
    settings.neutral("seed")
    var shape = noiseShape.jsonValue
    try settings.field("noise_shape", &shape, default: .null)
    switch shape {
    case .null: noiseShape = nil
    case .array(let lengths) where lengths.allSatisfy({ $0 == .null || $0.integer != nil }):
      noiseShape = lengths.map(\.integer)
    default: throw settings.error("noise_shape", expected: "null or a list of lengths")
    }
  }
}

/// Adds random numbers to its input while training: `[N, ...] -> [N, ...]`, `y = x + deviation * n`, with n normally distributed of mean 0
/// and variance 1, drawn for each number.
///
/// Nothing changes in prediction. Source: `keras.layers.GaussianNoise`.
///
/// - Throws: when built: `AthanorError` if the deviation is not in 0 ... 1.
/// - Example:
///   ```swift
///   GaussianNoise(0.1)
///   ```
public struct GaussianNoise: Layer {
  /// The standard deviation of what is added.
  public var deviation: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a noise.
  public init(_ deviation: Double, name: String? = nil) {
    self.deviation = deviation
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard (0...1).contains(deviation) else {
      throw AthanorError(.argument, at: "", "deviation is \(deviation) but must be at least 0 and at most 1")
    }
    let input = try input.floating
    return scope.isTraining && deviation > 0 ? try input + input.normalNumbers() * deviation : input
  }
}

extension GaussianNoise: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("stddev", &deviation)
    settings.neutral("seed")
  }
}

/// Adds a penalty for the size of its input, divided by the number of examples, to the loss, and passes the input on:
/// `[N, ...] -> [N, ...]`. The penalty is `l1 * sum(|x|) + l2 * sum(x^2)`. Source: `keras.layers.ActivityRegularization`.
///
/// - Throws: when built: `AthanorError` if a factor is negative.
/// - Example:
///   ```swift
///   ActivityRegularization(l1: 0.001)
///   ```
public struct ActivityRegularization: Layer {
  /// The factor of the absolute values.
  public var l1: Double
  /// The factor of the squares.
  public var l2: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a penalty for results.
  public init(l1: Double = 0, l2: Double = 0, name: String? = nil) {
    self.l1 = l1
    self.l2 = l2
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try scope.penalized(input, .l1l2(l1: l1, l2: l2))
  }
}

extension ActivityRegularization: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("l1", &l1, default: 0)
    try settings.field("l2", &l2, default: 0)
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
  /// How the shift begins, what is added to the loss for it, and what limits it.
  public var beta: WeightOptions
  /// How the scale begins, what is added to the loss for it, and what limits it.
  public var gamma: WeightOptions
  /// The axis of the channels: the last one, which files may also count from the front.
  package var axis = -1
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a batch normalisation.
  public init(
    momentum: Double = 0.99, epsilon: Double = 1e-3, center: Bool = true, scale: Bool = true,
    betaInitializer: Initializer = .zeros, gammaInitializer: Initializer = .ones, betaRegularizer: Regularizer? = nil,
    gammaRegularizer: Regularizer? = nil, betaConstraint: Constraint? = nil, gammaConstraint: Constraint? = nil,
    name: String? = nil
  ) {
    self.momentum = momentum
    self.epsilon = epsilon
    self.center = center
    self.scale = scale
    beta = WeightOptions(betaInitializer, regularizer: betaRegularizer, constraint: betaConstraint)
    gamma = WeightOptions(gammaInitializer, regularizer: gammaRegularizer, constraint: gammaConstraint)
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard momentum >= 0, momentum <= 1, epsilon > 0 else {
      throw AthanorError(
        .argument, at: "", "momentum is \(momentum) and epsilon \(epsilon)",
        fix: "Momentum must lie in 0 ... 1 and epsilon be positive.")
    }
    let channels = try input.shape.channels(axis)
    let gamma = scale ? try scope.weight("gamma", shape: [channels], self.gamma) : nil
    let beta = center ? try scope.weight("beta", shape: [channels], self.beta) : nil
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
    var axes = [axis]
    try settings.axes(&axes)
    guard axes.count == 1 else { throw settings.error("axis", expected: "one axis") }
    axis = axes[0]
    try settings.field("momentum", &momentum, default: 0.99)
    try settings.field("epsilon", &epsilon, default: 1e-3)
    try settings.field("center", &center, default: true)
    try settings.field("scale", &scale, default: true)
    try settings.weight("beta", &beta, default: .zeros)
    try settings.weight("gamma", &gamma, default: .ones)
    try settings.trainingOnly("moving_mean_initializer", Initializer.zeros)
    try settings.trainingOnly("moving_variance_initializer", Initializer.ones)
    try settings.trainingOnly("synchronized", false)
    try settings.fixed("renorm", false, isWritten: false)
    // It means something with `renorm` alone; `fused` says how Keras 2 computes.
    for key in ["renorm_momentum", "fused"] { settings.neutral(key, isWritten: false) }
  }
}

extension Settings {
  /// The axes of the channels: a number, or a list.
  mutating func axes(_ axes: inout [Int]) throws {
    var json = axes.count == 1 ? axes[0].jsonValue : axes.jsonValue
    try field("axis", &json, default: .integer(-1))
    guard let read = json.integer.map({ [$0] }) ?? json.integers else { throw error("axis", expected: "one axis") }
    axes = read
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
