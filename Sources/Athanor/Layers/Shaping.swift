/// All numbers of an example in one row, those of the last axis (channels) together: `[N, ...] -> [N, product]`. Source:
/// `keras.layers.Flatten`.
///
/// - Throws: nothing of its own; any input will do.
/// - Example:
///   ```swift
///   Flatten()
///   ```
public struct Flatten: Layer {
  public let name: String?

  /// Describes a flattening.
  public init(name: String? = nil) { self.name = name }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try input.reshaped(Shape(axes: [input.shape.axes[0], input.shape.merged(1..<input.shape.rank)]))  // [N, D]
  }
}

extension Flatten: SerializableLayer {
  public static var className: String { "Flatten" }

  public var configuration: Configuration { ["data_format": "channels_last"] }

  public init(configuration: Configuration, name: String) throws {
    try configuration.requireChannelsLast()
    self.init(name: name)
  }
}

/// The numbers of an example in another shape: `[N, ...] -> [N] + targetShape`. Source: `keras.layers.Reshape`.
///
/// - Throws: when built: `AthanorError` if the products of the lengths differ.
/// - Example:
///   ```swift
///   Reshape([28, 28, 1])
///   ```
public struct Reshape: Layer {
  /// The new shape of one example; at most one length may be -1, which is then computed.
  public let targetShape: [Int]
  public let name: String?

  /// Describes a reshaping.
  public init(_ targetShape: [Int], name: String? = nil) {
    self.targetShape = targetShape
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    var lengths = targetShape
    let known = Tensor.elementCount(of: lengths.filter { $0 != -1 }).map { $0 <= Scope.limit ? $0 : 0 } ?? 0
    if let open = lengths.firstIndex(of: -1) { lengths[open] = known == 0 ? 0 : input.shape.elementsPerExample / known }
    guard known > 0, lengths.allSatisfy({ $0 > 0 }) else {
      throw AthanorError(
        .argument, at: "", "targetShape is \(targetShape) but lengths must be at least 1, with at most one -1")
    }
    return try input.reshaped(Shape([input.shape[0]] + lengths))
  }
}

extension Reshape: SerializableLayer {
  public static var className: String { "Reshape" }

  public var configuration: Configuration { ["target_shape": targetShape] }

  public init(configuration: Configuration, name: String) throws {
    self.init(try configuration.integers("target_shape"), name: name)
  }
}

/// The same row of numbers several times: `[N, F] -> [N, count, F]`. Source: `keras.layers.RepeatVector`.
///
/// - Throws: when built: `AthanorError` if the input has other axes or `count` is not in 1 ... 65535.
/// - Example:
///   ```swift
///   RepeatVector(3)
///   ```
public struct RepeatVector: Layer {
  /// How often.
  public let count: Int
  public let name: String?

  /// Describes a repetition.
  public init(_ count: Int, name: String? = nil) {
    self.count = count
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let axes = input.shape.axes
    guard axes.count == 2 else {
      throw AthanorError(
        .shape, at: "", "input has shape \(input.shape) but 2 axes (batch, features) are needed",
        fix: "Put Flatten() before it.")
    }
    guard (1...65_535).contains(count) else {
      throw AthanorError(.argument, at: "", "count is \(count) but must lie in 1 ... 65535")
    }
    let row = try input.reshaped(Shape(axes: [axes[0], Shape.Axis(1), axes[1]]))  // [N, 1, F]
    return try row.apply(BroadcastTo(shape: Shape(axes: [axes[0], Shape.Axis(count), axes[1]])))  // [N, count, F]
  }
}

extension RepeatVector: SerializableLayer {
  public static var className: String { "RepeatVector" }

  public var configuration: Configuration { ["n": count] }

  public init(configuration: Configuration, name: String) throws {
    self.init(try configuration.integer("n"), name: name)
  }
}

/// Rows and columns of zeros around pictures: `[N, H, W, C] -> [N, top + H + bottom, left + W + right, C]`. Source:
/// `keras.layers.ZeroPadding2D`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or a length is negative.
/// - Example:
///   ```swift
///   ZeroPadding2D(2)
///   ```
public struct ZeroPadding2D: Layer {
  /// Rows above and below.
  public let vertical: [Int]
  /// Columns to the left and the right.
  public let horizontal: [Int]
  public let name: String?

  /// As many rows above as below, and columns to the left as to the right.
  public init(_ padding: Size2D = 1, name: String? = nil) {
    self.init(top: padding.height, bottom: padding.height, left: padding.width, right: padding.width, name: name)
  }

  /// Each side by itself.
  public init(top: Int, bottom: Int, left: Int, right: Int, name: String? = nil) {
    vertical = [top, bottom]
    horizontal = [left, right]
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard (vertical + horizontal).allSatisfy({ (0...65_535).contains($0) }) else {
      throw AthanorError(.argument, at: "", "padding is \(vertical), \(horizontal) but must lie in 0 ... 65535")
    }
    _ = try Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid).outputSize(input.shape, "window")
    return try input.padded(before: [0, vertical[0], horizontal[0], 0], after: [0, vertical[1], horizontal[1], 0])
  }
}

extension ZeroPadding2D: SerializableLayer {
  public static var className: String { "ZeroPadding2D" }

  public var configuration: Configuration { ["padding": [vertical, horizontal], "data_format": "channels_last"] }

  public init(configuration: Configuration, name: String) throws {
    try configuration.requireChannelsLast()
    // One number, one for each axis, or one for each side.
    guard case .array(let axes) = configuration["padding"], axes.count == 2, let vertical = axes[0].integers,
      let horizontal = axes[1].integers, vertical.count == 2, horizontal.count == 2
    else {
      self.init(try configuration.size("padding", default: 1), name: name)
      return
    }
    self.init(top: vertical[0], bottom: vertical[1], left: horizontal[0], right: horizontal[1], name: name)
  }
}
