import Foundation

/// An immutable copy of a model for prediction, safe to call from many tasks at once.
///
/// - Example:
///   ```swift
///   let predictor = try model.predictor()
///   let probabilities = try predictor.predict(pictures)  // [N, 10]
///   ```
public final class Predictor: @unchecked Sendable {  // `idle` is guarded by `lock`; all else is immutable
  /// The shape of one example that goes in.
  public let inputShape: [Int]
  /// The shape of what comes out, nil for the batch.
  public let outputShape: Shape
  private let source: () throws -> Model
  private let lock = NSLock()
  private var idle: [Model] = []

  init(_ model: Model) throws {
    inputShape = model.inputShape
    outputShape = model.outputShape
    let (layers, name, shape, scale) = (model.layers, model.name, model.inputShape, model.pixelScale)
    let memory = try WeightMemory(model.weightMemory.declarations, withGradients: false)
    memory.copy(from: model.weightMemory)
    source = {
      let copy = try Model(input: shape, name: name, threads: 1, layers: layers)
      copy.weightMemory.copy(from: memory)
      copy.pixelScale = scale
      return copy
    }
    idle = [try source()]
  }

  /// What the model computes for each example.
  ///
  /// - Parameters:
  ///   - inputs: `[N, ...]`. Bytes are multiplied by `inputScale`.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for inputs; by default the model's `pixelScale` for bytes and 1 for everything else.
  /// - Throws: `AthanorError` when the shape does not fit.
  public func predict(_ inputs: Tensor, batchSize: Int = 32, inputScale: Float? = nil) throws -> Tensor {
    let model = try lock.withLock { idle.popLast() } ?? source()
    defer { lock.withLock { idle.append(model) } }
    return try model.predict(inputs, batchSize: batchSize, inputScale: inputScale)
  }
}

extension Model {
  /// An immutable copy of the model with its present weights, safe to call from many tasks at once.
  ///
  /// - Throws: `AthanorError` when memory cannot be had.
  public func predictor() throws -> Predictor { try Predictor(self) }
}
