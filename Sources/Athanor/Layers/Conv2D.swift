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
  public var filters: Int
  /// Height and width of the kernel.
  public var kernelSize: Size2D
  /// By how many pixels the kernel moves.
  public var strides: Size2D
  /// What happens at the border.
  public var padding: Padding
  /// The distance between neighbouring places of the kernel; 1 for an ordinary convolution.
  public var dilation: Size2D
  /// Into how many independent groups the channels are split.
  public var groups: Int
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

  /// Describes a convolution.
  public init(
    _ filters: Int, kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, dilation: Size2D = 1,
    groups: Int = 1, activation: ActivationFunction = .linear, useBias: Bool = true,
    kernelInitializer: Initializer = .glorotUniform, biasInitializer: Initializer = .zeros,
    kernelRegularizer: Regularizer? = nil, biasRegularizer: Regularizer? = nil, activityRegularizer: Regularizer? = nil,
    kernelConstraint: Constraint? = nil, biasConstraint: Constraint? = nil, name: String? = nil
  ) {
    self.filters = filters
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.activation = activation
    self.useBias = useBias
    kernel = WeightOptions(kernelInitializer, regularizer: kernelRegularizer, constraint: kernelConstraint)
    bias = WeightOptions(biasInitializer, regularizer: biasRegularizer, constraint: biasConstraint)
    self.activityRegularizer = activityRegularizer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard filters > 0 else { throw AthanorError(.argument, at: "", "filters is \(filters) but must be at least 1") }
    let window = try kernelWindow(kernelSize, strides, padding, dilation)
    _ = try window.outputSize(input.shape, "kernel")
    let channels = input.shape[3] ?? 0
    guard groups > 0, channels % groups == 0, filters % groups == 0 else {
      throw AthanorError(
        .argument, at: "", "\(channels) input channels and \(filters) filters cannot be split into \(groups) groups",
        fix: "Both must be multiples of groups.")
    }
    let kernel = try scope.weight(
      "kernel", shape: [kernelSize.height, kernelSize.width, channels / groups, filters], self.kernel
    )
    var y = try input.conv2D(kernel, window, groups: groups)  // [N, H', W', filters]
    if useBias { y = try y + scope.weight("bias", shape: [filters], bias) }
    return try scope.penalized(activation.apply(y), activityRegularizer)
  }
}

/// The window of a convolution.
///
/// - Throws: `AthanorError` when a length is not positive.
func kernelWindow(
  _ kernelSize: Size2D, _ strides: Size2D, _ padding: Padding, _ dilation: Size2D
) throws -> Window2D {
  try kernelSize.require("kernelSize")
  try strides.require("strides")
  try dilation.require("dilation")
  return Window2D(kernel: kernelSize.pair, strides: strides.pair, dilations: dilation.pair, padding: padding.window)
}

extension Conv2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, kernelSize: 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("filters", &filters)
    try settings.field("kernel_size", &kernelSize)
    try settings.field("strides", &strides, default: 1)
    try settings.field("padding", &padding, default: .valid)
    try settings.fixed("data_format", "channels_last")
    try settings.field("dilation_rate", &dilation, default: 1)
    try settings.field("groups", &groups, default: 1)
    try settings.field("activation", &activation, default: .linear)
    try settings.field("use_bias", &useBias, default: true)
    try settings.weight("kernel", &kernel, default: .glorotUniform)
    try settings.weight("bias", &bias, default: .zeros)
    try settings.regularizer("activity_regularizer", &activityRegularizer)
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
    activated(by: next, \.activation)
  }
}
