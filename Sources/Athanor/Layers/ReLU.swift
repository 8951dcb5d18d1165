/// `max(x, 0)`, and no more than `maximum` where that is given: `[N, ...] -> [N, ...]`. Source: `keras.layers.ReLU`.
///
/// - Throws: when built: `AthanorError` if the maximum is negative.
/// - Example:
///   ```swift
///   ReLU(maximum: 6)
///   ```
public struct ReLU: Layer {
  /// The greatest result; nil for any.
  public let maximum: Double?
  public let name: String?

  /// Describes a ReLU.
  public init(maximum: Double? = nil, name: String? = nil) {
    self.maximum = maximum
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard let maximum else { return try relu(input) }
    guard maximum >= 0 else {
      throw AthanorError(.argument, at: "", "maximum is \(maximum) but must be 0 or more")
    }
    return try input.clipped(0, maximum)
  }
}

extension ReLU: SerializableLayer {
  public static var className: String { "ReLU" }

  public var configuration: Configuration { ["max_value": maximum, "negative_slope": 0.0, "threshold": 0.0] }

  public init(configuration: Configuration, name: String) throws {
    for key in ["negative_slope", "threshold"] where try configuration.number(key, default: 0) != 0 {
      throw configuration.error(key, expected: "0")
    }
    self.init(
      maximum: configuration.isMissing("max_value") ? nil : try configuration.number("max_value"), name: name)
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
