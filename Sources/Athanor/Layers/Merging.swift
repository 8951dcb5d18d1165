/// The sum of values, element by element: `[N, ...], [N, ...], ... -> [N, ...]`; shapes broadcast. Source: `keras.layers.Add`.
///
/// - Throws: when built: `AthanorError` if there are fewer than two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   x = Add()(x, Conv2D(16, kernelSize: 3, padding: .same)(x))
///   ```
public struct Add: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a sum.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value { try folded(inputs) { try $0 + $1 } }
}

extension Add: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

extension Add: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? { pointwise(nodes, .add, Add()) }
}

/// The first value minus the second: `[N, ...], [N, ...] -> [N, ...]`; shapes broadcast. Source: `keras.layers.Subtract`.
///
/// - Throws: when built: `AthanorError` if there are not two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   Subtract()(left, right)
///   ```
public struct Subtract: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a difference.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try requireTwo(inputs)
    return try folded(inputs) { try $0 - $1 }
  }
}

extension Subtract: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

extension Subtract: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? { pointwise(nodes, .subtract, Subtract()) }
}

/// The product of values, element by element: `[N, ...], [N, ...], ... -> [N, ...]`; shapes broadcast. Source:
/// `keras.layers.Multiply`.
///
/// - Throws: when built: `AthanorError` if there are fewer than two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   Multiply()(x, gate)
///   ```
public struct Multiply: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a product.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value { try folded(inputs) { try $0 * $1 } }
}

extension Multiply: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

extension Multiply: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? { pointwise(nodes, .multiply, Multiply()) }
}

/// The mean of values, element by element: `[N, ...], [N, ...], ... -> [N, ...]`; shapes broadcast. Source: `keras.layers.Average`.
///
/// - Throws: when built: `AthanorError` if there are fewer than two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   Average()(left, right)
///   ```
public struct Average: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a mean.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try folded(inputs) { try $0 + $1 }.floating / Double(inputs.count)
  }
}

extension Average: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

/// The greatest of values, element by element: `[N, ...], [N, ...], ... -> [N, ...]`; shapes broadcast. Source:
/// `keras.layers.Maximum`.
///
/// - Throws: when built: `AthanorError` if there are fewer than two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   Maximum()(left, right)
///   ```
public struct Maximum: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a maximum.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try folded(inputs) { try maximum($0, $1) }
  }
}

extension Maximum: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

extension Maximum: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? { pointwise(nodes, .maximum, Maximum()) }
}

/// The smallest of values, element by element: `[N, ...], [N, ...], ... -> [N, ...]`; shapes broadcast. Source:
/// `keras.layers.Minimum`.
///
/// - Throws: when built: `AthanorError` if there are fewer than two inputs or their shapes do not broadcast.
/// - Example:
///   ```swift
///   Minimum()(left, right)
///   ```
public struct Minimum: MergingLayer {
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a minimum.
  public init(name: String? = nil) { self.name = name }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try folded(inputs) { try minimum($0, $1) }
  }
}

extension Minimum: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }
  public mutating func configure(_ settings: inout Settings) {}
}

extension Minimum: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? { pointwise(nodes, .minimum, Minimum()) }
}

/// Values one after another along an axis: `[N, ..., A], [N, ..., B], ... -> [N, ..., A + B + ...]`. Source:
/// `keras.layers.Concatenate`.
///
/// - Throws: when built: `AthanorError` if the axis is that of the examples or the other axes differ.
/// - Example:
///   ```swift
///   x = Concatenate()(GlobalAveragePooling2D()(x), age)
///   ```
public struct Concatenate: MergingLayer {
  /// The axis, counted with the examples' as 0; negative from the end.
  public var axis: Int
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a concatenation.
  public init(axis: Int = -1, name: String? = nil) {
    self.axis = axis
    self.name = name
  }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try requireTwo(inputs, atLeast: true)
    let place = try inputs[0].shape.position(of: axis)
    guard place > 0 else {
      throw AthanorError(
        .argument, at: "", "axis \(axis) of shape \(inputs[0].shape) counts the examples",
        fix: "Give an axis from 1 to \(max(1, inputs[0].shape.rank - 1)), or from -1 backwards.")
    }
    let result = try concatenate(inputs, axis: place)  // [N, ..., A + B + ...]
    if let mask = try mask(inputs, place, scope) { scope.setMask(mask, of: result) }
    return result
  }

  /// Along an axis of the masks they are joined, with ones for what has none; along a later one what counts in one input counts.
  private func mask(_ inputs: [Value], _ place: Int, _ scope: Scope) throws -> Value? {
    let masks = inputs.map { scope.mask(of: $0) }
    guard let rank = masks.compactMap({ $0?.shape.rank }).max(), rank > place else {
      return try MaskedValue.union(masks)
    }
    return try concatenate(
      zip(inputs, masks).map { input, mask in
        if let mask, mask.shape.rank == rank { return mask }
        // Nothing is greater than infinity, and NaN is neither.
        let ones = try 1 - input.max(axes: Array(rank..<input.shape.rank)).greater(.infinity)
        return try mask.map { try ones * $0.withRank(rank) } ?? ones
      }, axis: place)
  }
}

extension Concatenate: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("axis", &axis, default: -1)
  }
}

extension Concatenate: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let axis = nodes.operation(AthanorCore.Concatenate.self)?.axis, axis > 0, nodes.inputs.count > 1 else {
      return nil
    }
    return nodes.layer(Concatenate(axis: axis), inputs: nodes.inputs.count)
  }
}

/// Products of two values summed along one axis of each: `[N, A], [N, A] -> [N, 1]`; of matrices
/// `[N, A, B], [N, A, C] -> [N, B, C]` with `axes: 1`. Source: `keras.layers.Dot`.
///
/// - Throws: when built: `AthanorError` if there are not two inputs of 2 or 3 axes, or the summed axes differ in length.
/// - Example:
///   ```swift
///   let likeness = Dot(axes: -1, normalize: true)(left, right)  // [N, 1], the cosine of the angle
///   ```
public struct Dot: MergingLayer {
  /// The summed axis of the first value; negative from the end.
  public var firstAxis: Int
  /// The summed axis of the second value; negative from the end.
  public var secondAxis: Int
  /// Whether both are first divided by their length along that axis, so that the result is the cosine of the angle.
  public var normalize: Bool
  public let name: String?
  public var maskRule: MaskRule { .consumes }

  /// Describes products along the same axis of both values.
  public init(axes: Int, normalize: Bool = false, name: String? = nil) {
    self.init(axes: axes, axes, normalize: normalize, name: name)
  }

  /// Describes products along an axis of each value.
  public init(axes firstAxis: Int, _ secondAxis: Int, normalize: Bool = false, name: String? = nil) {
    self.firstAxis = firstAxis
    self.secondAxis = secondAxis
    self.normalize = normalize
    self.name = name
  }

  public func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value {
    try requireTwo(inputs)
    var (left, right) = (inputs[0], inputs[1])
    let (first, second) = (try left.shape.position(of: firstAxis), try right.shape.position(of: secondAxis))
    guard (2...3).contains(left.shape.rank), (2...3).contains(right.shape.rank), first > 0, second > 0 else {
      throw AthanorError(
        .shape, at: "",
        "axes \(firstAxis) and \(secondAxis) of shapes \(left.shape) and \(right.shape) cannot be summed",
        fix: "Give values of 2 or 3 axes, and axes other than the examples'.")
    }
    if normalize {
      left = try normalized(left, first)
      right = try normalized(right, second)
    }
    // As matrices [N, B, A] and [N, A, C].
    func column(_ value: Value) -> Shape { Shape(axes: value.shape.axes + [Shape.Axis(1)]) }
    if left.shape.rank == 2, right.shape.rank == 2 { return try (left * right).sum(axes: [1]).reshaped([nil, 1]) }
    func matrix(_ value: Value, summed axis: Int, at place: Int) throws -> Value {
      let matrix = try value.shape.rank == 2 ? value.reshaped(column(value)) : value  // summed along axis 1 or `axis`
      return (value.shape.rank == 2 ? 1 : axis) == place ? matrix : try matrix.transposed([0, 2, 1])
    }
    let rows = try matrix(left, summed: first, at: 2)
    let columns = try matrix(right, summed: second, at: 1)
    let product = try rows.matmul(columns)  // [N, B, C]
    guard left.shape.rank == 2 || right.shape.rank == 2 else { return product }
    let kept = product.shape.axes.enumerated().filter { $0.offset != (left.shape.rank == 2 ? 1 : 2) }
    return try product.reshaped(Shape(axes: kept.map(\.element)))
  }

  /// `x / max(|x|, 1e-12)` along an axis.
  private func normalized(_ value: Value, _ axis: Int) throws -> Value {
    let kept = value.shape.axes.enumerated().map { $0.offset == axis ? Shape.Axis(1) : $0.element }
    let squares = try square(value).sum(axes: [axis]).reshaped(Shape(axes: kept))
    return try value * rsqrt(squares.binary(.maximum, 1e-24))
  }
}

extension Dot: SerializableLayer {
  public init(unconfigured name: String) { self.init(axes: -1, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    var axes = firstAxis == secondAxis ? firstAxis.jsonValue : [firstAxis, secondAxis].jsonValue
    try settings.field("axes", &axes)
    guard let pair = axes.integer.map({ [$0, $0] }) ?? axes.integers, pair.count == 2 else {
      throw settings.error("axes", expected: "one axis or two")
    }
    (firstAxis, secondAxis) = (pair[0], pair[1])
    try settings.field("normalize", &normalize, default: false)
  }
}

private func pointwise(
  _ nodes: ImportedNodes, _ function: BinaryFunction, _ layer: any SerializableLayer
) -> ImportedLayer? {
  // Of values with fewer axes the layers keep the first axis first, where graphs align the last ones.
  nodes.operation(Binary.self)?.function == function && nodes.inputRanks.count == 1
    ? nodes.layer(layer, inputs: 2) : nil
}

/// Combines values one after another, in floating point; integers of 32 bits alone give such integers.
private func folded(_ inputs: [Value], _ combine: (Value, Value) throws -> Value) throws -> Value {
  try requireTwo(inputs, atLeast: true)
  let values = try aligned(inputs)
  let result = try values.dropFirst().reduce(values[0], combine)
  return inputs.allSatisfy { $0.type.dtype == .int32 } ? try result.asIntegers() : result
}

/// Values as Keras brings them together: those of fewer axes get axes of length 1 behind the first one, and integers become numbers.
///
/// - Throws: `AthanorError` for bytes alone, whose sums and products would wrap around.
private func aligned(_ inputs: [Value]) throws -> [Value] {
  guard inputs.contains(where: { $0.type.dtype != .uint8 }) else {
    throw AthanorError(
      .unsupported, at: "", "all of its inputs are bytes, which wrap around at 256",
      fix: "Put a Rescaling layer before one of them.")
  }
  let rank = inputs.map(\.shape.rank).max() ?? 0
  return try inputs.map { input in
    let (value, missing) = (try input.floating, rank - input.shape.rank)
    guard missing > 0, let first = value.shape.axes.first else { return value }
    let ones = [Shape.Axis](repeating: Shape.Axis(1), count: missing)
    return try value.reshaped(Shape(axes: [first] + ones + value.shape.axes.dropFirst()))  // [N, 1, ..., A]
  }
}

private func requireTwo(_ inputs: [Value], atLeast: Bool = false) throws {
  guard inputs.count == 2 || (atLeast && inputs.count > 2) else {
    throw AthanorError(
      .argument, at: "", "it was called with \(inputs.count) inputs but needs \(atLeast ? "at least 2" : "2")",
      fix: "Call it on several inputs.")
  }
}

extension Shape {
  /// The place of an axis that may be counted from the end.
  func position(of axis: Int) throws -> Int {
    guard (-rank..<rank).contains(axis) else {
      throw AthanorError(
        .argument, at: "", "axis \(axis) was asked for, but the input has shape \(self)",
        fix: "Give an axis from 1 to \(rank - 1), or from -1 backwards.")
    }
    return axis < 0 ? axis + rank : axis
  }
}

extension Symbol {
  /// The sum, element by element: an `Add` layer.
  public static func + (left: Symbol, right: Symbol) -> Symbol { Add()(left, right) }
  /// The difference, element by element: a `Subtract` layer.
  public static func - (left: Symbol, right: Symbol) -> Symbol { Subtract()(left, right) }
  /// The product, element by element: a `Multiply` layer.
  public static func * (left: Symbol, right: Symbol) -> Symbol { Multiply()(left, right) }
}
