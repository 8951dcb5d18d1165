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
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.fixed("data_format", "channels_last")
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
  public var targetShape: [Int]
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
  public init(unconfigured name: String) { self.init([], name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("target_shape", &targetShape)
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
  public var count: Int
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
        fix: "Put a Flatten layer before it.")
    }
    guard (1...65_535).contains(count) else {
      throw AthanorError(.argument, at: "", "count is \(count) but must lie in 1 ... 65535")
    }
    let row = try input.reshaped(Shape(axes: [axes[0], Shape.Axis(1), axes[1]]))  // [N, 1, F]
    return try row.apply(BroadcastTo(shape: Shape(axes: [axes[0], Shape.Axis(count), axes[1]])))  // [N, count, F]
  }
}

extension RepeatVector: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("n", &count)
  }
}

/// The axes of an example in another order: axis i of the result is axis `dims[i]` of the input, the examples' being 0. Source:
/// `keras.layers.Permute`.
///
/// - Throws: when built: `AthanorError` if `dims` does not name each axis from 1 on once.
/// - Example:
///   ```swift
///   Permute([2, 3, 1])  // [N, C, H, W] -> [N, H, W, C]
///   ```
public struct Permute: Layer {
  /// The axes of the input, from 1, in the order of the result.
  public var dims: [Int]
  public let name: String?

  /// Describes a change of order.
  public init(_ dims: [Int], name: String? = nil) {
    self.dims = dims
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard dims.sorted() == Array(1..<max(1, input.shape.rank)) else {
      throw AthanorError(
        .argument, at: "", "dims is \(dims), but the input has shape \(input.shape)",
        fix: "Name each axis from 1 to \(input.shape.rank - 1) once.")
    }
    return try input.transposed([0] + dims)  // [N, ...]
  }
}

extension Permute: SerializableLayer {
  public init(unconfigured name: String) { self.init([], name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("dims", &dims)
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
  public var vertical: [Int]
  /// Columns to the left and the right.
  public var horizontal: [Int]
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
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.sides("padding", &vertical, &horizontal, default: 1)
    try settings.fixed("data_format", "channels_last")
  }
}

extension Settings {
  /// Lengths at the sides of pictures: one number, one for each axis, or one for each side.
  mutating func sides(
    _ key: String, _ vertical: inout [Int], _ horizontal: inout [Int], default standard: Int
  ) throws {
    var sides = [vertical, horizontal].jsonValue
    try field(key, &sides, default: .integer(standard))
    let axes: [JSONValue] = if case .array(let values) = sides { values } else { [sides, sides] }
    let pairs = axes.map { $0.integer.map { [$0, $0] } ?? $0.integers ?? [] }
    guard pairs.count == 2, pairs[0].count == 2, pairs[1].count == 2 else {
      throw error(key, expected: "one integer, two, or two for each axis")
    }
    (vertical, horizontal) = (pairs[0], pairs[1])
  }
}

extension Flatten: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard nodes.operation(ReshapeOp.self) != nil, nodes.outputShape.rank == 2, nodes.isBatchKept else { return nil }
    return nodes.layer(Flatten())
  }
}

extension Reshape: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    let lengths = nodes.outputShape.withoutBatch.compactMap(\.self)
    guard nodes.operation(ReshapeOp.self) != nil, nodes.isBatchKept, lengths.count == nodes.outputShape.rank - 1,
      lengths.allSatisfy({ $0 > 0 })
    else { return nil }
    return nodes.layer(Reshape(lengths))
  }
}

extension Permute: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let order = nodes.operation(Transpose.self)?.order, order.first == 0 else { return nil }
    return nodes.layer(Permute(Array(order.dropFirst())))
  }
}

extension ZeroPadding2D: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let op = nodes.operation(Pad.self), op.value == 0, op.before.count == 4,
      [op.before[0], op.before[3], op.after[0], op.after[3]] == [0, 0, 0, 0],
      (op.before + op.after).allSatisfy({ $0 <= 65_535 })
    else { return nil }
    return nodes.layer(
      ZeroPadding2D(top: op.before[1], bottom: op.after[1], left: op.before[2], right: op.after[2]))
  }
}
