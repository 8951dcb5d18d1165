/// Marks time steps that do not count: those whose features are all equal to `maskValue`. `[N, T, C] -> [N, T, C]` with a mask `[N, T]`,
/// or `[N, C] -> [N, C]` with a mask `[N]`.
///
/// Masked steps become zero. The mask goes with the values through layers that keep the steps (`Dense`, `Dropout`, `Add` ...) to the
/// losses and the metrics that are means: they leave out what does not count, and divide by the number of what does. Source:
/// `keras.layers.Masking`.
///
/// - Throws: when built: `AthanorError` if the input has less than 2 axes or `maskValue` is not finite.
/// - Example:
///   ```swift
///   let steps = Input([nil, 8])
///   let x = Dense(16, activation: .relu)(Masking(maskValue: -1)(steps))  // [N, T, 16]
///   ```
public struct Masking: Layer {
  /// The value of all features of a masked step.
  public var maskValue: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a masking.
  public init(maskValue: Double = 0, name: String? = nil) {
    self.maskValue = maskValue
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard input.shape.rank >= 2, maskValue.isFinite else {
      throw AthanorError(
        .argument, at: "", "maskValue is \(maskValue) and the input has shape \(input.shape)",
        fix: "Give a finite value, and an input of at least 2 axes, the last of which holds features.")
    }
    let features = input.shape.rank - 1
    let mask = try (1 - input.binary(.equal, maskValue)).max(axes: [features])  // [N, T]
    let result = try input * mask.withRank(features + 1)  // [N, T, C]
    scope.setMask(mask, of: result)
    return result
  }
}

extension Masking: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("mask_value", &maskValue, default: 0)
  }
}
