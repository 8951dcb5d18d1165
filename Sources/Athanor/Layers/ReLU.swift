/// `max(x, 0)`, or more generally `maximum` above it, `x` above `threshold` and `slope * (x - threshold)` below:
/// `[N, ...] -> [N, ...]`. Source: `keras.layers.ReLU`.
///
/// - Throws: when built: `AthanorError` if the maximum or the slope is negative.
/// - Example:
///   ```swift
///   ReLU(maximum: 6)
///   ```
public struct ReLU: Layer {
  /// The greatest result; nil for any.
  public var maximum: Double?
  /// The slope below the threshold.
  public var slope: Double
  /// Where the rising part begins.
  public var threshold: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a ReLU.
  public init(maximum: Double? = nil, slope: Double = 0, threshold: Double = 0, name: String? = nil) {
    self.maximum = maximum
    self.slope = slope
    self.threshold = threshold
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try ActivationFunction.relu(maximum: maximum, slope: slope, threshold: threshold).apply(input)
  }
}

extension ReLU: SerializableLayer, FunctionLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("max_value", &maximum)
    try settings.field("negative_slope", &slope, default: 0)
    try settings.field("threshold", &threshold, default: 0)
  }

  var asFunction: ActivationFunction? { .relu(maximum: maximum, slope: slope, threshold: threshold) }
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

extension LeakyReLU: SerializableLayer, FunctionLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("negative_slope", &slope, default: 0.3, aliases: ["alpha"])
  }

  var asFunction: ActivationFunction? { .leakyReLU(slope: slope) }
}

/// `x` above zero and `alpha * (exp(x) - 1)` below: `[N, ...] -> [N, ...]`. Source: Clevert et al. 2015, `keras.layers.ELU`.
///
/// - Throws: when built: `AthanorError` if alpha is negative.
/// - Example:
///   ```swift
///   ELU(alpha: 0.5)
///   ```
public struct ELU: Layer {
  /// The scale below zero.
  public var alpha: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes an ELU.
  public init(alpha: Double = 1, name: String? = nil) {
    self.alpha = alpha
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value { try elu(input, alpha: alpha) }
}

extension ELU: SerializableLayer, FunctionLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("alpha", &alpha, default: 1)
  }

  var asFunction: ActivationFunction? { .elu(alpha: alpha) }
}

extension ReLU: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard nodes.operation(Binary.self)?.function == .maximum, nodes.number(1) == 0, let next = nodes.next,
      next.operation(Binary.self)?.function == .minimum, let maximum = next.number(1), maximum >= 0
    else { return nil }
    return nodes.layer(ReLU(maximum: maximum), nodes: 2)
  }
}
