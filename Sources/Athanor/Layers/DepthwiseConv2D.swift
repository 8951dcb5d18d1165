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
  /// What the kernel holds before training.
  public var depthwiseInitializer: Initializer
  /// What the bias holds before training.
  public var biasInitializer: Initializer
  public let name: String?

  /// Describes a depthwise convolution.
  public init(
    kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, depthMultiplier: Int = 1, dilation: Size2D = 1,
    activation: ActivationFunction = .linear, useBias: Bool = true, depthwiseInitializer: Initializer = .glorotUniform,
    biasInitializer: Initializer = .zeros, name: String? = nil
  ) {
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.depthMultiplier = depthMultiplier
    self.dilation = dilation
    self.activation = activation
    self.useBias = useBias
    self.depthwiseInitializer = depthwiseInitializer
    self.biasInitializer = biasInitializer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let window = try kernelWindow(kernelSize, strides, padding, dilation)
    var y = try input.depthwiseConv2D(window, depthMultiplier, "kernel", depthwiseInitializer, &scope)
    if useBias {
      y = try y + scope.weight("bias", shape: [y.shape[3] ?? 0], initializer: biasInitializer)
    }
    return try activation.apply(y)
  }
}

extension Value {
  /// Convolution of each channel by itself: a convolution with one group for each channel.
  fileprivate func depthwiseConv2D(
    _ window: Window2D, _ multiplier: Int, _ name: String, _ initializer: Initializer, _ scope: inout Scope
  ) throws -> Value {
    guard multiplier > 0 else {
      throw AthanorError(.argument, at: "", "depthMultiplier is \(multiplier) but must be at least 1")
    }
    _ = try window.outputSize(shape, "kernel")
    let channels = shape[3] ?? 0
    let kernel = try scope.weight(name, shape: window.kernel + [channels, multiplier], initializer: initializer)
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
    try settings.weight("depthwise", &depthwiseInitializer, default: .glorotUniform)
    try settings.weight("bias", &biasInitializer, default: .zeros)
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
  /// What the first kernel holds before training.
  public var depthwiseInitializer: Initializer
  /// What the second kernel holds before training.
  public var pointwiseInitializer: Initializer
  /// What the bias holds before training.
  public var biasInitializer: Initializer
  public let name: String?

  /// Describes a separable convolution.
  public init(
    _ filters: Int, kernelSize: Size2D, strides: Size2D = 1, padding: Padding = .valid, depthMultiplier: Int = 1,
    dilation: Size2D = 1, activation: ActivationFunction = .linear, useBias: Bool = true,
    depthwiseInitializer: Initializer = .glorotUniform, pointwiseInitializer: Initializer = .glorotUniform,
    biasInitializer: Initializer = .zeros, name: String? = nil
  ) {
    self.filters = filters
    self.kernelSize = kernelSize
    self.strides = strides
    self.padding = padding
    self.depthMultiplier = depthMultiplier
    self.dilation = dilation
    self.activation = activation
    self.useBias = useBias
    self.depthwiseInitializer = depthwiseInitializer
    self.pointwiseInitializer = pointwiseInitializer
    self.biasInitializer = biasInitializer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard filters > 0 else { throw AthanorError(.argument, at: "", "filters is \(filters) but must be at least 1") }
    let window = try kernelWindow(kernelSize, strides, padding, dilation)
    let depthwise = try input.depthwiseConv2D(
      window, depthMultiplier, "depthwise_kernel", depthwiseInitializer, &scope)  // [N, H', W', C * m]
    let pointwise = try scope.weight(
      "pointwise_kernel", shape: [1, 1, depthwise.shape[3] ?? 0, filters], initializer: pointwiseInitializer)
    let pixel = Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid)
    var y = try depthwise.conv2D(pointwise, pixel, groups: 1)  // [N, H', W', filters]
    if useBias { y = try y + scope.weight("bias", shape: [filters], initializer: biasInitializer) }
    return try activation.apply(y)
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
    try settings.weight("depthwise", &depthwiseInitializer, default: .glorotUniform)
    try settings.weight("pointwise", &pointwiseInitializer, default: .glorotUniform)
    try settings.weight("bias", &biasInitializer, default: .zeros)
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
