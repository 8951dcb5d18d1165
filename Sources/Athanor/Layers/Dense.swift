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
  public let units: Int
  /// What is applied to the sums.
  public let activation: ActivationFunction
  /// Whether a bias is added.
  public let useBias: Bool
  /// What the kernel holds before training.
  public let kernelInitializer: Initializer
  /// What the bias holds before training.
  public let biasInitializer: Initializer
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a fully connected layer.
  public init(
    _ units: Int, activation: ActivationFunction = .linear, useBias: Bool = true,
    kernelInitializer: Initializer = .glorotUniform, biasInitializer: Initializer = .zeros, name: String? = nil
  ) {
    self.units = units
    self.activation = activation
    self.useBias = useBias
    self.kernelInitializer = kernelInitializer
    self.biasInitializer = biasInitializer
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
    let kernel = try scope.weight("kernel", shape: [depth, units], initializer: kernelInitializer)
    var y = try input.matmul(kernel)  // [N, ..., units]
    if useBias { y = try y + scope.weight("bias", shape: [units], initializer: biasInitializer) }
    return try activation.apply(y)
  }
}

extension Dense: SerializableLayer {
  public static var className: String { "Dense" }

  public var configuration: Configuration {
    get throws {
      try [
        "units": units, "activation": activation.serialized, "use_bias": useBias,
        "kernel_initializer": kernelInitializer.serialized, "bias_initializer": biasInitializer.serialized,
        "kernel_regularizer": JSONValue.null, "bias_regularizer": JSONValue.null, "kernel_constraint": JSONValue.null,
        "bias_constraint": JSONValue.null,
      ]
    }
  }

  public init(configuration: Configuration, name: String) throws {
    self.init(
      try configuration.integer("units"), activation: try configuration.activation(),
      useBias: try configuration.flag("use_bias", default: true),
      kernelInitializer: try configuration.initializer("kernel_initializer", default: .glorotUniform),
      biasInitializer: try configuration.initializer("bias_initializer", default: .zeros), name: name)
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
    try activated(by: next, insteadOf: activation)
  }
}
