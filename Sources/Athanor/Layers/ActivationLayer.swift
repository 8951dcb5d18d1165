/// Applies a function to each number, or softmax to the last axis: `[N, ...] -> [N, ...]`. Source: `keras.layers.Activation`.
///
/// - Throws: when built: `AthanorError` if a parameter of the function is out of range.
/// - Example:
///   ```swift
///   Activation(.gelu)
///   ```
public struct Activation: Layer {
  /// The function.
  public var function: ActivationFunction
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes an activation as a layer of its own.
  public init(_ function: ActivationFunction, name: String? = nil) {
    self.function = function
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value { try function.apply(input) }
}

extension Activation: SerializableLayer, FunctionLayer {
  public init(unconfigured name: String) { self.init(.linear, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("activation", &function, default: .linear)
  }

  var asFunction: ActivationFunction? { function }
}

/// `exp(x) / sum(exp(x))` along an axis: `[N, ...] -> [N, ...]`. Source: `keras.layers.Softmax`.
///
/// - Throws: when built: `AthanorError` if the input has no such axis, or it counts the examples.
/// - Example:
///   ```swift
///   Softmax()
///   ```
public struct Softmax: Layer {
  /// The axis, counted with the examples' as 0; negative from the end.
  public var axis: Int
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a softmax.
  public init(axis: Int = -1, name: String? = nil) {
    self.axis = axis
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let place = try input.shape.position(of: axis)
    guard place > 0 else {
      throw AthanorError(
        .argument, at: "", "axis \(axis) of shape \(input.shape) counts the examples",
        fix: "Give an axis from 1 to \(max(1, input.shape.rank - 1)), or from -1 backwards.")
    }
    let last = input.shape.rank - 1
    if place == last { return try softmax(input) }
    var order = Array(0...last)
    order.swapAt(place, last)
    return try softmax(input.transposed(order)).transposed(order)
  }
}

extension Softmax: SerializableLayer, FunctionLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("axis", &axis, default: -1)
  }

  var asFunction: ActivationFunction? { axis == -1 ? .softmax : nil }
}

/// A layer that applies a function to each number, or to each row. In files it may also stand in the place of an activation.
protocol FunctionLayer: Layer, SerializableLayer {
  /// The same as a function; nil where no activation is the same.
  var asFunction: ActivationFunction? { get }
}

extension Activation: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    let alpha = nodes.operation(Unary.self)?.alpha ?? 0
    return (ActivationFunction.all + [.elu(alpha: alpha), .leakyReLU(slope: alpha)])
      .first { nodes.isComputed(by: $0.apply) }
      .map { nodes.layer(Activation($0)) }
  }
}
