/// A part of a network: a description of what it computes and which weights it has. It holds no weights itself.
///
/// Write your own as a struct: declare weights through the scope, compose values, return the result. Gradient, speed, summary,
/// checkpoints and exports come from the composition.
///
/// - Example:
///   ```swift
///   struct Scale: Layer {
///     func build(_ input: Value, _ scope: inout Scope) throws -> Value {
///       let factor = try scope.weight("factor", shape: [1], initializer: .ones)
///       return try input * factor  // [N, ...]
///     }
///   }
///   ```
public protocol Layer: Hashable, Sendable {
  /// The layer's name in the model; nil to be named by its kind and position, as Keras does (`conv2d_1`).
  var name: String? { get }

  /// Declares the layer's weights and returns what it computes.
  ///
  /// - Parameters:
  ///   - input: What comes in, `[N, ...]`.
  ///   - scope: Takes the declarations of weights and says whether the network is being trained.
  /// - Throws: `AthanorError` with an empty location when a parameter or the input's shape is wrong.
  func build(_ input: Value, _ scope: inout Scope) throws -> Value
}

extension Layer {
  /// No name of its own: the layer is named by its kind and position.
  public var name: String? { nil }

  /// The name of the layer's type, as a summary shows it: `Conv2D`.
  public var kind: String { String(describing: type(of: self)) }

  /// Keras' spelling of the type's name: `MaxPooling2D` becomes `max_pooling2d`.
  package var automaticName: String { kind.snakeCased }
}

/// A weight that a layer has declared.
package struct WeightDeclaration: Hashable, Sendable {
  /// `layer/weight`
  package let name: String
  package let layer: String
  package let shape: [Int]
  package let initializer: Initializer
  package let isTrainable: Bool
}

/// Where a layer declares its weights while the network is built.
public struct Scope {
  /// Whether the graph being built is for training (dropout drops, batch normalisation looks at the batch).
  public let isTraining: Bool
  package let builder: GraphBuilder
  package internal(set) var weights: [WeightDeclaration] = []
  /// The path of layers, outermost first.
  package internal(set) var path: [String] = []

  package init(isTraining: Bool, builder: GraphBuilder) {
    self.isTraining = isTraining
    self.builder = builder
  }

  /// More elements than this are a mistake, and would overflow sizes in bytes.
  static let limit = 1 << 40

  /// Declares a weight.
  ///
  /// - Parameters:
  ///   - name: Its name within the layer, for example `kernel`.
  ///   - shape: Its shape; every length at least 1.
  ///   - initializer: What it holds before training.
  ///   - isTrainable: False for moving averages, which change by `update` alone.
  /// - Throws: `AthanorError` when a length is not positive or the name is taken.
  public mutating func weight(
    _ name: String, shape: [Int], initializer: Initializer = .glorotUniform, isTrainable: Bool = true
  ) throws -> Value {
    guard shape.allSatisfy({ $0 > 0 }), Tensor.elementCount(of: shape).map({ $0 <= Scope.limit }) == true else {
      throw AthanorError(
        .shape, at: "", "weight \"\(name)\" would have shape \(Shape.text(shape))",
        fix: "Each length must be at least 1, and all together fit into memory.")
    }
    let fullName = (path + [name]).joined(separator: "/")
    guard !weights.contains(where: { $0.name == fullName }) else {
      throw AthanorError(
        .argument, at: "", "weight \"\(name)\" is declared twice", fix: "Give each weight of a layer its own name.")
    }
    weights.append(
      WeightDeclaration(
        name: fullName, layer: path.joined(separator: "/"), shape: shape, initializer: initializer,
        isTrainable: isTrainable))
    return try builder.source(
      isTrainable ? .parameter(fullName) : .state(fullName), ValueType(.float32, Shape(shape)))
  }

  /// Says what a weight that is not trained holds after each step of training.
  public func update(_ weight: Value, to value: Value) {
    guard case .source(.state(let name)) = builder.graph.definition(of: weight.id) else { return }
    builder.setResult(.update(name), value)
  }

  /// Builds a layer inside of this one; its weights are named `outer/inner/weight`.
  public mutating func build(_ layer: any Layer, _ input: Value, name: String? = nil) throws -> Value {
    let outer = builder.origin
    path.append(name ?? layer.name ?? layer.automaticName)
    builder.origin = path.joined(separator: "/")
    defer {
      path.removeLast()
      builder.origin = outer
    }
    return try layer.build(input, &self)
  }
}

/// A height and a width, written as one number when they are equal: `3` or `[5, 3]`.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  /// The values as they were given: one for both, or height and width.
  package let values: [Int]

  /// The same height and width.
  public init(integerLiteral value: Int) { values = [value] }
  /// Height and width.
  public init(arrayLiteral elements: Int...) { values = elements }
  /// Height and width.
  public init(_ height: Int, _ width: Int) { values = [height, width] }

  /// The length along the vertical axis.
  public var height: Int { values.first ?? 0 }
  /// The length along the horizontal axis.
  public var width: Int { values.last ?? 0 }
  /// `[height, width]`
  package var pair: [Int] { [height, width] }
  /// `3x3`
  public var description: String { "\(height)x\(width)" }

  package func require(_ name: String, atLeast least: Int = 1) throws {
    guard values.count == 1 || values.count == 2, height >= least, width >= least else {
      throw AthanorError(
        .argument, at: "", "\(name) is \(values) but must be one or two numbers of at least \(least)")
    }
    guard height <= 65_535, width <= 65_535 else {
      throw AthanorError(.argument, at: "", "\(name) is \(values) but must be at most 65535")
    }
  }
}

/// What happens at the border of a picture when a window moves over it.
public enum Padding: String, Hashable, Sendable, CaseIterable {
  /// Only places where the whole window lies within the picture.
  case valid
  /// Zeros are added evenly, the odd one at the bottom and right, so that `ceil(length / stride)` places result.
  case same

  var window: Window2D.Padding { self == .valid ? .valid : .same }
}
