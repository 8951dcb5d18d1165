/// One array of a model's weights.
public struct Weight: Hashable, Sendable {
  /// `layer/weight`, for example `conv2d/kernel`.
  public let name: String
  /// Its numbers, laid out as in Keras.
  public let tensor: Tensor
  /// Whether training changes it by its gradient: it is no state, and its layer is not frozen.
  public let isTrainable: Bool
  /// Whether it has a gradient; a state such as a moving average otherwise.
  package let isParameter: Bool
}

extension Model {
  package var weightMap: WeightMap { memory.weights }

  /// All weights in the order of the layers.
  public var weights: [Weight] {
    built.weights.compactMap { weight in
      guard let span = weightMap[weight.name] else { return nil }
      return Weight(
        name: weight.name, tensor: tensor(of: span),
        isTrainable: weight.isParameter && !built.isFrozen(weight.name, frozen), isParameter: weight.isParameter)
    }
  }

  private func tensor(of span: WeightMap.Span) -> Tensor {
    Tensor(uncheckedShape: span.shape, .float32(Array(weightMap.values(of: span))))
  }

  /// Replaces weights by name; others stay.
  ///
  /// - Throws: `AthanorError` when there is no weight of a name or a shape differs; then nothing is changed.
  public func setWeights(_ tensors: [String: Tensor]) throws {
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      guard let span = weightMap[name] else {
        throw AthanorError(
          .argument, at: "weight \"\(name)\"", "the model has no weight of this name",
          fix: AthanorError.suggestion(for: name, among: built.weights.map(\.name).sorted()) + "See model.weights.")
      }
      guard span.shape == tensor.shape else {
        throw AthanorError(
          .shape, at: "weight \"\(name)\"",
          "the model's has shape \(Shape.text(span.shape)) but \(Shape.text(tensor.shape)) was given",
          fix: "The file or array belongs to another network.")
      }
    }
    for (name, tensor) in tensors {
      if let span = weightMap[name] { _ = weightMap.values(of: span).update(fromContentsOf: tensor.floats) }
    }
  }

  /// Copies the weights of the same names and shapes.
  package func copyWeights(from other: Model) {
    for span in weightMap.spans {
      guard let source = other.weightMap[span.name], source.shape == span.shape else { continue }
      _ = weightMap.values(of: span).update(fromContentsOf: other.weightMap.values(of: source))
    }
  }

  /// The numbers of all weights, trained and not, by name, to be put back later.
  package func snapshot() -> [String: [Float]] {
    Dictionary(weightMap.spans.map { ($0.name, Array(weightMap.values(of: $0))) }, uniquingKeysWith: { $1 })
  }

  /// - Throws: `AthanorError` when numbers that were read from a file are not those of this model's weights.
  package func checkSnapshot(_ snapshot: [String: [Float]]) throws {
    guard weightMap.spans.allSatisfy({ snapshot[$0.name]?.count == $0.count }) else {
      throw AthanorError(
        .data, at: "fit", "the best weights in the checkpoint are those of another network",
        fix: "Resume the model that was read from the checkpoint.")
    }
  }

  package func restore(_ snapshot: [String: [Float]]) {
    for span in weightMap.spans {
      guard let numbers = snapshot[span.name] else { continue }
      _ = weightMap.values(of: span).update(fromContentsOf: numbers)
    }
  }
}
