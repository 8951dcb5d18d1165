/// Pictures without some rows and columns at their sides: `[N, H, W, C] -> [N, H - top - bottom, W - left - right, C]`. Source:
/// `keras.layers.Cropping2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture of fixed size, or nothing would be left.
/// - Example:
///   ```swift
///   Cropping2D(2)
///   ```
public struct Cropping2D: Layer {
  /// Rows taken away above and below.
  public var vertical: [Int]
  /// Columns taken away on the left and the right.
  public var horizontal: [Int]
  public let name: String?

  /// As many rows above as below, and columns on the left as on the right.
  public init(_ cropping: Size2D = 0, name: String? = nil) {
    self.init(top: cropping.height, bottom: cropping.height, left: cropping.width, right: cropping.width, name: name)
  }

  /// Each side by itself.
  public init(top: Int, bottom: Int, left: Int, right: Int, name: String? = nil) {
    vertical = [top, bottom]
    horizontal = [left, right]
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard (vertical + horizontal).allSatisfy({ (0...65_535).contains($0) }) else {
      throw AthanorError(.argument, at: "", "cropping is \(vertical), \(horizontal) but must lie in 0 ... 65535")
    }
    var axes = try input.shape.pictureAxes
    let lengths = [axes[1].length - vertical.reduce(0, +), axes[2].length - horizontal.reduce(0, +)]
    guard lengths.allSatisfy({ $0 > 0 }) else {
      throw AthanorError(
        .shape, at: "", "cropping by \(vertical), \(horizontal) leaves nothing of shape \(input.shape)",
        fix: "Take less away.")
    }
    for (axis, length) in zip([1, 2], lengths) { axes[axis] = axes[axis].with(length: length) }
    return try input.apply(Slice(start: [0, vertical[0], horizontal[0], 0], shape: Shape(axes: axes)))
  }
}

extension Cropping2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.sides("cropping", &vertical, &horizontal, default: 0)
    try settings.fixed("data_format", "channels_last")
  }
}

extension Cropping2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    let (from, to) = (nodes.inputShape, nodes.outputShape)
    guard let start = nodes.operation(Slice.self)?.start, from.rank == 4, nodes.isBatchKept, from[3] == to[3],
      let height = from[1], let width = from[2], let rows = to[1], let columns = to[2], rows > 0, columns > 0
    else { return nil }
    return nodes.layer(
      Cropping2D(
        top: start[1], bottom: height - rows - start[1], left: start[2], right: width - columns - start[2]))
  }
}

/// Each pixel several times: `[N, H, W, C] -> [N, H * height, W * width, C]`. Source: `keras.layers.UpSampling2D` with
/// `interpolation="nearest"`.
///
/// - Throws: when built: `AthanorError` if the input is no picture of fixed size, or a factor is not positive.
/// - Example:
///   ```swift
///   UpSampling2D(2)
///   ```
public struct UpSampling2D: Layer {
  /// How often each row and each column is repeated.
  public var size: Size2D
  public let name: String?

  /// Describes a repetition of pixels.
  public init(_ size: Size2D = 2, name: String? = nil) {
    self.size = size
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try size.require("size")
    let axes = try input.shape.pictureAxes
    let (batch, height, width, channels) = (axes[0], axes[1], axes[2], axes[3])
    let rows = height.with(length: height.length * size.height)
    let columns = width.with(length: width.length * size.width)
    // One axis at a time, so that exports need no more than five.
    func repeated(_ value: Value, _ before: [Shape.Axis], _ after: [Shape.Axis], _ count: Int) throws -> Value {
      func shape(_ count: Int) -> Shape { Shape(axes: before + [Shape.Axis(count)] + after) }
      return try value.reshaped(shape(1)).apply(BroadcastTo(shape: shape(count)))
    }
    let tall = try repeated(input, [batch, height], [width, channels], size.height)  // [N, H, height, W, C]
      .reshaped(Shape(axes: [batch, rows, width, channels]))
    return try repeated(tall, [batch, rows, width], [channels], size.width)  // [N, H', W, width, C]
      .reshaped(Shape(axes: [batch, rows, columns, channels]))  // [N, H', W', C]
  }
}

extension UpSampling2D: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("size", &size, default: 2)
    try settings.fixed("interpolation", "nearest")
    try settings.fixed("data_format", "channels_last")
  }
}

extension Shape {
  /// The axes of pictures `[N, H, W, C]`.
  var pictureAxes: [Axis] {
    get throws {
      _ = try Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid).outputSize(self, "window")
      return axes
    }
  }
}
