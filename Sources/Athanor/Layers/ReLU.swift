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
    guard maximum ?? 0 >= 0, slope >= 0, slope.isFinite, threshold.isFinite else {
      throw AthanorError(
        .argument, at: "", "maximum is \(maximum.map { "\($0)" } ?? "nil"), slope \(slope) and threshold \(threshold)",
        fix: "Maximum and slope must be 0 or more, slope and threshold finite.")
    }
    var y: Value
    if threshold == 0 {
      y = slope > 0 ? try leakyRelu(input, slope: slope) : try relu(input)
      // The steps of the ops that exports know: max(min(x, maximum), 0).
      if let maximum { y = try slope > 0 ? y.binary(.minimum, maximum) : input.clipped(0, maximum) }
      return y
    }
    y = try input * input.greater(threshold)
    if let maximum { y = try y.clipped(0, maximum) }
    return try slope > 0 ? y - relu(threshold - input) * slope : y
  }
}

extension ReLU: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("max_value", &maximum)
    try settings.field("negative_slope", &slope, default: 0)
    try settings.field("threshold", &threshold, default: 0)
  }
}

extension ReLU: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard nodes.operation(Binary.self)?.function == .maximum, nodes.number(1) == 0, let next = nodes.next,
      next.operation(Binary.self)?.function == .minimum, let maximum = next.number(1), maximum >= 0
    else { return nil }
    return nodes.layer(ReLU(maximum: maximum), nodes: 2)
  }
}
