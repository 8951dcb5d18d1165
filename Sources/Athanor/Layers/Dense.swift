/// A fully connected layer: `y = activation(x . kernel + bias)`, `[N, ..., D] -> [N, ..., units]`.
///
/// Weights: `kernel [D, units]`, `bias [units]`. Source: `keras.layers.Dense`.
///
/// - Throws: when built: `AthanorError` if `units` is not positive or the input has no axis besides the batch.
/// - Example:
///   ```swift
///   Dense(10, activation: .softmax)
///   ```
public struct Dense: Layer {
  /// How many numbers come out for each example.
  public var units: Int
  /// What is applied to the sums.
  public var activation: ActivationFunction
  /// Whether a bias is added.
  public var useBias: Bool
  /// How the kernel begins, what is added to the loss for it, and what limits it.
  public var kernel: WeightOptions
  /// How the bias begins, what is added to the loss for it, and what limits it.
  public var bias: WeightOptions
  /// The penalty for the results, divided by the number of examples, that is added to the loss; nil for none.
  public var activityRegularizer: Regularizer?
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a fully connected layer.
  public init(
    _ units: Int, activation: ActivationFunction = .linear, useBias: Bool = true,
    kernelInitializer: Initializer = .glorotUniform, biasInitializer: Initializer = .zeros,
    kernelRegularizer: Regularizer? = nil, biasRegularizer: Regularizer? = nil, activityRegularizer: Regularizer? = nil,
    kernelConstraint: Constraint? = nil, biasConstraint: Constraint? = nil, name: String? = nil
  ) {
    self.units = units
    self.activation = activation
    self.useBias = useBias
    kernel = WeightOptions(kernelInitializer, regularizer: kernelRegularizer, constraint: kernelConstraint)
    bias = WeightOptions(biasInitializer, regularizer: biasRegularizer, constraint: biasConstraint)
    self.activityRegularizer = activityRegularizer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard units > 0 else { throw AthanorError(.argument, at: "", "units is \(units) but must be at least 1") }
    guard input.shape.rank >= 2 else {
      throw AthanorError(
        .shape, at: "", "input has shape \(input.shape) but at least 2 axes (batch, features) are needed")
    }
    guard let depth = input.shape.lengths.last ?? nil else {
      throw AthanorError(
        .shape, at: "", "the last axis of input \(input.shape) is open, but a kernel needs a fixed number of features",
        fix: "Reduce the open axis first, for example by GlobalAveragePooling2D.")
    }
    let kernel = try scope.weight("kernel", shape: [depth, units], self.kernel)
    var y = try input.matmul(kernel)  // [N, ..., units]
    if useBias { y = try y + scope.weight("bias", shape: [units], bias) }
    return try scope.penalized(activation.apply(y), activityRegularizer)
  }
}

extension Dense: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("units", &units)
    try settings.field("activation", &activation, default: .linear)
    try settings.field("use_bias", &useBias, default: true)
    try settings.weight("kernel", &kernel, default: .glorotUniform)
    try settings.weight("bias", &bias, default: .zeros)
    try settings.regularizer("activity_regularizer", &activityRegularizer)
  }
}

extension Dense: ImportableLayer, AbsorbingLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard nodes.operation(MatMul.self) == MatMul(), let kernel = nodes.weight(1) else { return nil }
    let layer = Dense(kernel.shape[1], useBias: nodes.bias != nil)
    return nodes.layer(
      layer, weights: ["kernel": kernel, "bias": nodes.bias], nodes: nodes.bias == nil ? 1 : 2)
  }

  package func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)? {
    activated(by: next, \.activation)
  }
}
