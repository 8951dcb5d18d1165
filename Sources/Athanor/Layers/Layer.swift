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
public protocol Layer: GeneralLayer {
  /// Declares the layer's weights and returns its result.
  ///
  /// - Parameters:
  ///   - input: The layer's input, `[N, ...]`.
  ///   - scope: Takes the declarations of weights and says whether the network is being trained.
  /// - Throws: `AthanorError` with an empty location when a parameter or the input's shape is wrong.
  func build(_ input: Value, _ scope: inout Scope) throws -> Value
}

extension Layer {
  /// Builds the layer on its one input.
  ///
  /// - Throws: `AthanorError` when there is not one input.
  public func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value] {
    guard inputs.count == 1 else {
      throw AthanorError(
        .argument, at: "", "it was called with \(inputs.count) inputs but takes one",
        fix: "Join them first, for example by a Concatenate layer.")
    }
    return [try build(inputs[0], &scope)]
  }
}

/// A layer with several inputs and one result, such as `Add` and `Concatenate`.
///
/// - Example:
///   ```swift
///   struct Difference: MergingLayer {
///     func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value { try inputs[0] - inputs[1] }
///   }
///   ```
public protocol MergingLayer: GeneralLayer {
  /// Declares the layer's weights and returns its result.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs, at least one.
  ///   - scope: Takes the declarations of weights and says whether the network is being trained.
  /// - Throws: `AthanorError` with an empty location when the inputs do not fit.
  func merge(_ inputs: [Value], _ scope: inout Scope) throws -> Value
}

extension MergingLayer {
  /// Builds the layer on its inputs.
  ///
  /// - Throws: `AthanorError` when the inputs do not fit.
  public func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value] { [try merge(inputs, &scope)] }
}

/// A part of a network with any number of inputs and results. `Layer` (one in, one out) and `MergingLayer` (several in, one out)
/// refine it.
public protocol GeneralLayer: Hashable, Sendable {
  /// The layer's name in the model; nil to be named by its kind and position, as Keras does (`conv2d_1`).
  var name: String? { get }

  /// The name of the layer's type, as a summary shows it: `Conv2D`.
  var kind: String { get }

  /// Declares the layer's weights and returns its results.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs.
  ///   - scope: Takes the declarations of weights and says whether the network is being trained.
  /// - Throws: `AthanorError` with an empty location when a parameter or an input's shape is wrong.
  func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value]

  /// What becomes of the masks of the inputs, for results whose mask `build` does not set itself; `stops` by default.
  var maskRule: MaskRule { get }
}

/// What a layer does with the masks of its inputs: they say which examples, or time steps of examples, count in losses and metrics.
public enum MaskRule: Hashable, Sendable {
  /// The results have no mask: one that arrives is lost, which `Model.warnings` says.
  case stops
  /// The results have no mask and need none.
  case consumes
  /// The results have the mask of the inputs. Where all of several inputs have one, what counts in one of them counts; otherwise all does.
  case passes
}

extension GeneralLayer {
  /// Masks do not go through the layer.
  public var maskRule: MaskRule { .stops }

  /// No name of its own: the layer is named by its kind and position.
  public var name: String? { nil }

  /// The name of the layer's type.
  public var kind: String { String(describing: type(of: self)) }

  /// Keras' spelling of the type's name: `MaxPooling2D` becomes `max_pooling2d`.
  package var automaticName: String { kind.snakeCased }
}
