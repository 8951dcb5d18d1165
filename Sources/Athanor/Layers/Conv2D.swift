/// Two-dimensional convolution of pictures: `[N, H, W, C] -> [N, H', W', filters]`.
///
/// `y[n, i, j, k] = activation(bias[k] + sum over r, s, c of x[n, i * stride + r * dilation, ..., c] * kernel[r, s, c, k])`.
/// Weights: `kernel [height, width, C / groups, filters]`, `bias [filters]`. Source: `keras.layers.Conv2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture, the kernel does not fit, or channels and filters are
///   not multiples of `groups`.
/// - Example:
///   ```swift
///   Conv2D(32, kernelSize: 5, activation: .relu)
///   ```
public struct Conv2D: Layer {
  /// How many channels come out.
  public let filters: Int
  /// Height and width of the kernel.
  public let kernelSize: Size2D
  /// By how many pixels the kernel moves.
  public let strides: Size2D
  /// What happens at the border.
  public let padding: Padding
  /// The distance between neighbouring places of the kernel; 1 for an ordinary convolution.
  public let dilation: Size2D
  /// Into how many independent groups the channels are split.
  public let groups: Int
  /// What is applied to the sums.
  public let activation: ActivationFunction
  /// Whether a bias is added.
  public let useBias: Bool
  /// What the kernel holds before training.
  public let kernelInitializer: Initializer
  /// What the bias holds before training.
  public let biasInitializer: Initializer
  public let name: String?

  /// Describes a convolution.
  public init(
    _ filters: Int, kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, dilation: Size2D = 1,
    groups: Int = 1, activation: ActivationFunction = .linear, useBias: Bool = true,
    kernelInitializer: Initializer = .glorotUniform, biasInitializer: Initializer = .zeros, name: String? = nil
  ) {
    self.filters = filters
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.activation = activation
    self.useBias = useBias
    self.kernelInitializer = kernelInitializer
    self.biasInitializer = biasInitializer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard filters > 0 else { throw AthanorError(.argument, at: "", "filters is \(filters) but must be at least 1") }
    try kernelSize.require("kernelSize")
    try strides.require("strides")
    try dilation.require("dilation")
    let window = Window2D(
      kernel: kernelSize.pair, strides: strides.pair, dilations: dilation.pair, padding: padding.window)
    _ = try window.outputSize(input.shape, "kernel")
    let channels = input.shape[3] ?? 0
    guard groups > 0, channels % groups == 0, filters % groups == 0 else {
      throw AthanorError(
        .argument, at: "", "\(channels) input channels and \(filters) filters cannot be split into \(groups) groups",
        fix: "Both must be multiples of groups.")
    }
    let kernel = try scope.weight(
      "kernel", shape: [kernelSize.height, kernelSize.width, channels / groups, filters], initializer: kernelInitializer
    )
    var y = try input.conv2D(kernel, window, groups: groups)  // [N, H', W', filters]
    if useBias { y = try y + scope.weight("bias", shape: [filters], initializer: biasInitializer) }
    return try activation.apply(y)
  }
}

extension Conv2D: SerializableLayer {
  public static var className: String { "Conv2D" }

  public var configuration: Configuration {
    get throws {
      try [
        "filters": filters, "kernel_size": kernelSize.pair, "strides": strides.pair, "padding": padding.rawValue,
        "data_format": "channels_last", "dilation_rate": dilation.pair, "groups": groups,
        "activation": activation.serialized, "use_bias": useBias, "kernel_initializer": kernelInitializer.serialized,
        "bias_initializer": biasInitializer.serialized, "kernel_regularizer": JSONValue.null,
        "bias_regularizer": JSONValue.null, "activity_regularizer": JSONValue.null, "kernel_constraint": JSONValue.null,
        "bias_constraint": JSONValue.null,
      ]
    }
  }

  public init(configuration: Configuration, name: String) throws {
    try configuration.requireChannelsLast()
    self.init(
      try configuration.integer("filters"), kernelSize: try configuration.size("kernel_size"),
      strides: try configuration.size("strides", default: 1), padding: try configuration.padding(),
      dilation: try configuration.size("dilation_rate", default: 1),
      groups: try configuration.integer("groups", default: 1), activation: try configuration.activation(),
      useBias: try configuration.flag("use_bias", default: true),
      kernelInitializer: try configuration.initializer("kernel_initializer", default: .glorotUniform),
      biasInitializer: try configuration.initializer("bias_initializer", default: .zeros), name: name)
  }
}

extension Conv2D: ImportableLayer, AbsorbingLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let op = nodes.operation(Conv2DOp.self), let kernel = nodes.weight(1),
      let padding = Padding(op.window.padding)
    else { return nil }
    let layer = Conv2D(
      kernel.shape[3], kernelSize: Size2D(op.window.kernel), strides: Size2D(op.window.strides), padding: padding,
      dilation: Size2D(op.window.dilations), groups: op.groups, useBias: nodes.bias != nil)
    return nodes.layer(
      layer, weights: ["kernel": kernel, "bias": nodes.bias], nodes: nodes.bias == nil ? 1 : 2)
  }

  package func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)? {
    try activated(by: next, insteadOf: activation)
  }
}
