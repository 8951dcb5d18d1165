/// Convolution of each channel by itself, with `depthMultiplier` kernels for each: `[N, H, W, C] -> [N, H', W', C * depthMultiplier]`.
///
/// `y[n, i, j, c * depthMultiplier + m] = activation(bias[...] + sum over r, s of x[n, i * stride + r * dilation, ..., c] * kernel[r, s, c, m])`.
/// Weights: `kernel [height, width, C, depthMultiplier]`, `bias [C * depthMultiplier]`. Source: `keras.layers.DepthwiseConv2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or the kernel does not fit.
/// - Example:
///   ```swift
///   DepthwiseConv2D(kernelSize: 3, padding: .same)
///   ```
public struct DepthwiseConv2D: Layer {
  /// Height and width of the kernel.
  public var kernelSize: Size2D
  /// By how many pixels the kernel moves.
  public var strides: Size2D
  /// What happens at the border.
  public var padding: Padding
  /// How many kernels each channel has.
  public var depthMultiplier: Int
  /// The distance between neighbouring places of the kernel; 1 for an ordinary convolution.
  public var dilation: Size2D
  /// What is applied to the sums.
  public var activation: ActivationFunction
  /// Whether a bias is added.
  public var useBias: Bool
  /// How the kernel begins, what is added to the loss for it, and what limits it.
  public var depthwise: WeightOptions
  /// How the bias begins, what is added to the loss for it, and what limits it.
  public var bias: WeightOptions
  /// The penalty for the results, divided by the number of examples, that is added to the loss; nil for none.
  public var activityRegularizer: Regularizer?
  public let name: String?

  /// Describes a depthwise convolution.
  public init(
    kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, depthMultiplier: Int = 1, dilation: Size2D = 1,
    activation: ActivationFunction = .linear, useBias: Bool = true, depthwiseInitializer: Initializer = .glorotUniform,
    biasInitializer: Initializer = .zeros, depthwiseRegularizer: Regularizer? = nil,
    biasRegularizer: Regularizer? = nil, activityRegularizer: Regularizer? = nil,
    depthwiseConstraint: Constraint? = nil, biasConstraint: Constraint? = nil, name: String? = nil
  ) {
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.depthMultiplier = depthMultiplier
    self.dilation = dilation
    self.activation = activation
    self.useBias = useBias
    depthwise = WeightOptions(depthwiseInitializer, regularizer: depthwiseRegularizer, constraint: depthwiseConstraint)
    bias = WeightOptions(biasInitializer, regularizer: biasRegularizer, constraint: biasConstraint)
    self.activityRegularizer = activityRegularizer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let window = try kernelWindow(kernelSize, strides, padding, dilation)
    var y = try input.depthwiseConv2D(window, depthMultiplier, "kernel", depthwise, &scope)
    if useBias {
      y = try y + scope.weight("bias", shape: [y.shape[3] ?? 0], bias)
    }
    return try scope.penalized(activation.apply(y), activityRegularizer)
  }
}

extension Value {
  /// Convolution of each channel by itself: a convolution with one group for each channel.
  fileprivate func depthwiseConv2D(
    _ window: Window2D, _ multiplier: Int, _ name: String, _ options: WeightOptions, _ scope: inout Scope
  ) throws -> Value {
    guard multiplier > 0 else {
      throw AthanorError(.argument, at: "", "depthMultiplier is \(multiplier) but must be at least 1")
    }
    _ = try window.outputSize(shape, "kernel")
    let channels = shape[3] ?? 0
    let kernel = try scope.weight(name, shape: window.kernel + [channels, multiplier], options)
    // The kernels of one channel are the filters of its group, in order.
    let grouped = try kernel.reshaped(Shape(window.kernel + [1, channels * multiplier]))
    return try conv2D(grouped, window, groups: channels)  // [N, H', W', C * m]
  }
}

extension DepthwiseConv2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(kernelSize: 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("kernel_size", &kernelSize)
    try settings.field("strides", &strides, default: 1)
    try settings.field("padding", &padding, default: .valid)
    try settings.field("depth_multiplier", &depthMultiplier, default: 1)
    try settings.fixed("data_format", "channels_last")
    try settings.field("dilation_rate", &dilation, default: 1)
    try settings.field("activation", &activation, default: .linear)
    try settings.field("use_bias", &useBias, default: true)
    try settings.weight("depthwise", &depthwise, default: .glorotUniform)
    try settings.weight("bias", &bias, default: .zeros)
    try settings.regularizer("activity_regularizer", &activityRegularizer)
    // Keras 2 wrote what a layer of this kind does not have.
    try settings.fixed("groups", 1, isWritten: false)
  }
}

extension DepthwiseConv2D: AbsorbingLayer {
  package func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)? {
    activated(by: next, \.activation)
  }
}

/// Convolution of each channel by itself, and then of all channels pixel by pixel: `[N, H, W, C] -> [N, H', W', filters]`.
///
/// Weights: `depthwise_kernel [height, width, C, depthMultiplier]`, `pointwise_kernel [1, 1, C * depthMultiplier, filters]`,
/// `bias [filters]`. Source: `keras.layers.SeparableConv2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or the kernel does not fit.
/// - Example:
///   ```swift
///   SeparableConv2D(64, kernelSize: 3, padding: .same, activation: .relu)
///   ```
public struct SeparableConv2D: Layer {
  /// How many channels come out.
  public var filters: Int
  /// Height and width of the kernel.
  public var kernelSize: Size2D
  /// By how many pixels the kernel moves.
  public var strides: Size2D
  /// What happens at the border.
  public var padding: Padding
  /// How many kernels each channel has.
  public var depthMultiplier: Int
  /// The distance between neighbouring places of the kernel; 1 for an ordinary convolution.
  public var dilation: Size2D
  /// What is applied to the sums.
  public var activation: ActivationFunction
  /// Whether a bias is added.
  public var useBias: Bool
  /// How the depthwise kernel begins, what is added to the loss for it, and what limits it.
  public var depthwise: WeightOptions
  /// How the pointwise kernel begins, what is added to the loss for it, and what limits it.
  public var pointwise: WeightOptions
  /// How the bias begins, what is added to the loss for it, and what limits it.
  public var bias: WeightOptions
  /// The penalty for the results, divided by the number of examples, that is added to the loss; nil for none.
  public var activityRegularizer: Regularizer?
  public let name: String?

  /// Describes a separable convolution.
  public init(
    _ filters: Int, kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, depthMultiplier: Int = 1,
    dilation: Size2D = 1, activation: ActivationFunction = .linear, useBias: Bool = true,
    depthwiseInitializer: Initializer = .glorotUniform, pointwiseInitializer: Initializer = .glorotUniform,
    biasInitializer: Initializer = .zeros, depthwiseRegularizer: Regularizer? = nil,
    pointwiseRegularizer: Regularizer? = nil, biasRegularizer: Regularizer? = nil,
    activityRegularizer: Regularizer? = nil, depthwiseConstraint: Constraint? = nil,
    pointwiseConstraint: Constraint? = nil, biasConstraint: Constraint? = nil, name: String? = nil
  ) {
    self.filters = filters
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.depthMultiplier = depthMultiplier
    self.dilation = dilation
    self.activation = activation
    self.useBias = useBias
    depthwise = WeightOptions(depthwiseInitializer, regularizer: depthwiseRegularizer, constraint: depthwiseConstraint)
    pointwise = WeightOptions(pointwiseInitializer, regularizer: pointwiseRegularizer, constraint: pointwiseConstraint)
    bias = WeightOptions(biasInitializer, regularizer: biasRegularizer, constraint: biasConstraint)
    self.activityRegularizer = activityRegularizer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard filters > 0 else { throw AthanorError(.argument, at: "", "filters is \(filters) but must be at least 1") }
    let window = try kernelWindow(kernelSize, strides, padding, dilation)
    let channels = try input.depthwiseConv2D(
      window, depthMultiplier, "depthwise_kernel", depthwise, &scope)  // [N, H', W', C * m]
    let kernel = try scope.weight(
      "pointwise_kernel", shape: [1, 1, channels.shape[3] ?? 0, filters], pointwise)
    let pixel = Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid)
    var y = try channels.conv2D(kernel, pixel, groups: 1)  // [N, H', W', filters]
    if useBias { y = try y + scope.weight("bias", shape: [filters], bias) }
    return try scope.penalized(activation.apply(y), activityRegularizer)
  }
}

extension SeparableConv2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, kernelSize: 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("filters", &filters)
    try settings.field("kernel_size", &kernelSize)
    try settings.field("strides", &strides, default: 1)
    try settings.field("padding", &padding, default: .valid)
    try settings.field("depth_multiplier", &depthMultiplier, default: 1)
    try settings.fixed("data_format", "channels_last")
    try settings.field("dilation_rate", &dilation, default: 1)
    try settings.field("activation", &activation, default: .linear)
    try settings.field("use_bias", &useBias, default: true)
    try settings.weight("depthwise", &depthwise, default: .glorotUniform)
    try settings.weight("pointwise", &pointwise, default: .glorotUniform)
    try settings.weight("bias", &bias, default: .zeros)
    try settings.regularizer("activity_regularizer", &activityRegularizer)
    // Keras 2 wrote what a layer of this kind does not have.
    try settings.fixed("groups", 1, isWritten: false)
    for key in ["kernel_initializer", "kernel_regularizer", "kernel_constraint"] {
      settings.neutral(key, isWritten: false)
    }
  }
}

extension SeparableConv2D: AbsorbingLayer {
  package func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)? {
    activated(by: next, \.activation)
  }
}
