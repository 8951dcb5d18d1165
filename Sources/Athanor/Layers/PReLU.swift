/// `x` above zero and `alpha * x` below, with an alpha for each number that is learnt: `[N, ...] -> [N, ...]`.
///
/// Weight: `alpha`, the shape of an example with 1 along the shared axes. Source: He et al. 2015, `keras.layers.PReLU`.
///
/// - Throws: when built: `AthanorError` if an axis that is not shared is open, or a shared one does not exist.
/// - Example:
///   ```swift
///   PReLU(sharedAxes: [1, 2])  // one alpha for each channel of pictures
///   ```
public struct PReLU: Layer {
  /// The axes, counted with the examples' as 0, along which all numbers have the same alpha.
  public var sharedAxes: [Int]
  /// How the alpha begins, what is added to the loss for it, and what limits it.
  public var alpha: WeightOptions
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a ReLU with learnt slopes.
  public init(
    sharedAxes: [Int] = [], alphaInitializer: Initializer = .zeros, alphaRegularizer: Regularizer? = nil,
    alphaConstraint: Constraint? = nil, name: String? = nil
  ) {
    self.sharedAxes = sharedAxes
    alpha = WeightOptions(alphaInitializer, regularizer: alphaRegularizer, constraint: alphaConstraint)
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard sharedAxes.allSatisfy({ (1..<max(1, input.shape.rank)).contains($0) }) else {
      throw AthanorError(
        .argument, at: "", "sharedAxes is \(sharedAxes), but the input has shape \(input.shape)",
        fix: "Give axes from 1 to \(max(1, input.shape.rank - 1)).")
    }
    let lengths = try (1..<max(1, input.shape.rank)).map { axis in
      if sharedAxes.contains(axis) { return 1 }
      guard let length = input.shape[axis] else {
        throw AthanorError(
          .shape, at: "", "axis \(axis) of input \(input.shape) is open, but each of its places needs an alpha",
          fix: "Share the axis.")
      }
      return length
    }
    let slope = try scope.weight("alpha", shape: lengths, alpha)
    return try relu(input) - relu(-input) * slope
  }
}

extension PReLU: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.weight("alpha", &alpha, default: .zeros)
    var axes = sharedAxes.isEmpty ? nil : sharedAxes
    try settings.field("shared_axes", &axes)
    sharedAxes = axes ?? []
  }
}
