/// The largest value in each window of a picture: `[N, H, W, C] -> [N, H', W', C]`. Source: `keras.layers.MaxPooling2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or the window does not fit.
/// - Example:
///   ```swift
///   MaxPooling2D(2)
///   ```
public struct MaxPooling2D: Layer {
  /// Height and width of the window.
  public var poolSize: Size2D
  /// By how many pixels the window moves; nil for its own size.
  public var strides: Size2D?
  /// What happens at the border; places outside of the picture never win.
  public var padding: Padding
  public let name: String?

  /// Describes a max-pooling.
  public init(_ poolSize: Size2D = 2, strides: Size2D? = nil, padding: Padding = .valid, name: String? = nil) {
    self.poolSize = poolSize
    self.strides = strides
    self.padding = padding
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.maxPooled(poolingWindow(poolSize, strides, padding))  // [N, H', W', C]
  }
}

extension MaxPooling2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try configurePooling(&settings, &poolSize, &strides, &padding)
  }
}

extension MaxPooling2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let window = nodes.operation(MaxPool2DOp.self)?.window, let padding = Padding(window.padding) else {
      return nil
    }
    return nodes.layer(
      MaxPooling2D(Size2D(window.kernel), strides: Size2D(window.strides), padding: padding))
  }
}

/// The mean of each window of a picture, counting only places within it: `[N, H, W, C] -> [N, H', W', C]`. Source:
/// `keras.layers.AveragePooling2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or the window does not fit.
/// - Example:
///   ```swift
///   AveragePooling2D(2)
///   ```
public struct AveragePooling2D: Layer {
  /// Height and width of the window.
  public var poolSize: Size2D
  /// By how many pixels the window moves; nil for its own size.
  public var strides: Size2D?
  /// What happens at the border; places outside of the picture are not counted.
  public var padding: Padding
  public let name: String?

  /// Describes an average-pooling.
  public init(_ poolSize: Size2D = 2, strides: Size2D? = nil, padding: Padding = .valid, name: String? = nil) {
    self.poolSize = poolSize
    self.strides = strides
    self.padding = padding
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.averagePooled(poolingWindow(poolSize, strides, padding))  // [N, H', W', C]
  }
}

extension AveragePooling2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try configurePooling(&settings, &poolSize, &strides, &padding)
  }
}

extension AveragePooling2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let window = nodes.operation(AveragePool2DOp.self)?.window, let padding = Padding(window.padding) else {
      return nil
    }
    return nodes.layer(
      AveragePooling2D(Size2D(window.kernel), strides: Size2D(window.strides), padding: padding))
  }
}

private func poolingWindow(_ poolSize: Size2D, _ strides: Size2D?, _ padding: Padding) throws -> Window2D {
  try poolSize.require("poolSize")
  try strides?.require("strides")
  return Window2D(kernel: poolSize.pair, strides: (strides ?? poolSize).pair, padding: padding.window)
}

private func configurePooling(
  _ settings: inout Settings, _ poolSize: inout Size2D, _ strides: inout Size2D?, _ padding: inout Padding
) throws {
  try settings.field("pool_size", &poolSize, default: 2)
  var steps = strides ?? poolSize
  try settings.field("strides", &steps, default: poolSize)
  strides = steps
  try settings.field("padding", &padding, default: .valid)
  try settings.fixed("data_format", "channels_last")
}

/// The mean of each channel over a whole picture: `[N, H, W, C] -> [N, C]`. Source:
/// `keras.layers.GlobalAveragePooling2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture.
/// - Example:
///   ```swift
///   GlobalAveragePooling2D()
///   ```
public struct GlobalAveragePooling2D: Layer {
  /// Whether height and width stay as axes of length 1.
  public var keepAxes: Bool
  public let name: String?

  /// Describes a global average-pooling.
  public init(keepAxes: Bool = false, name: String? = nil) {
    self.keepAxes = keepAxes
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try globallyPooled(input, keepAxes) { try $0.mean(axes: [1, 2]) }  // [N, C]
  }
}

extension GlobalAveragePooling2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.fixed("data_format", "channels_last")
    try settings.field("keepdims", &keepAxes, default: false)
  }
}

extension GlobalAveragePooling2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    globalPooling(nodes, .mean) { GlobalAveragePooling2D(keepAxes: $0) }
  }
}

/// The largest value of each channel over a whole picture: `[N, H, W, C] -> [N, C]`. Source:
/// `keras.layers.GlobalMaxPooling2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture.
/// - Example:
///   ```swift
///   GlobalMaxPooling2D()
///   ```
public struct GlobalMaxPooling2D: Layer {
  /// Whether height and width stay as axes of length 1.
  public var keepAxes: Bool
  public let name: String?

  /// Describes a global max-pooling.
  public init(keepAxes: Bool = false, name: String? = nil) {
    self.keepAxes = keepAxes
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try globallyPooled(input, keepAxes) { try $0.max(axes: [1, 2]) }  // [N, C]
  }
}

extension GlobalMaxPooling2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.fixed("data_format", "channels_last")
    try settings.field("keepdims", &keepAxes, default: false)
  }
}

extension GlobalMaxPooling2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    globalPooling(nodes, .max) { GlobalMaxPooling2D(keepAxes: $0) }
  }
}

private func globallyPooled(_ input: Value, _ keepAxes: Bool, _ pool: (Value) throws -> Value) throws -> Value {
  _ = try Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid).outputSize(input.shape, "window")
  let pooled = try pool(input)
  return keepAxes ? try pooled.reshaped([input.shape[0], 1, 1, input.shape[3]]) : pooled
}

private func globalPooling(
  _ nodes: ImportedNodes, _ function: ReduceFunction, _ layer: (_ keepAxes: Bool) -> any SerializableLayer
) -> ImportedLayer? {
  let shape = nodes.inputShape
  guard let op = nodes.operation(Reduce.self), op.function == function, op.axes == 1..<3, shape.rank == 4 else {
    return nil
  }
  let keepsAxes =
    nodes.next?.operation(ReshapeOp.self) != nil
    && nodes.next?.outputShape == Shape(axes: [shape.axes[0], Shape.Axis(1), Shape.Axis(1), shape.axes[3]])
  return nodes.layer(layer(keepsAxes), nodes: keepsAxes ? 2 : 1)
}
