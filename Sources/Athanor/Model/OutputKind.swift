import Foundation

/// What the numbers of a model's output are, as its last operations say.
public enum OutputKind: String, Hashable, Sendable, CaseIterable {
  /// Probabilities of classes of which one is right; their sum is 1.
  case softmax
  /// The logarithms of such probabilities, as PyTorch's `LogSoftmax` gives them.
  case logSoftmax
  /// Probabilities that do not depend on each other: of one label, or of each of several that may hold at once.
  case sigmoid
  /// Any numbers: scores that no softmax was applied to (logits), or what a regression predicts.
  case other
}

extension Model {
  /// What the numbers of the (first) output are.
  public var outputKind: OutputKind { declaredOutputKind ?? OutputKind(of: built.outputs[0]) }

  /// What files have to say of the outputs, because their last operations do not show it; nil where these do.
  package var statedOutputKind: OutputKind? {
    declaredOutputKind == OutputKind(of: built.outputs[0]) ? nil : declaredOutputKind
  }

  /// How many classes the (first) output tells apart: its length, but two for a single sigmoid, whose number is the probability of the
  /// second; nil where it is not one row of numbers for each example, or a single number of another kind.
  public var classCount: Int? {
    guard outputShape.rank == 2, let count = outputShape[1] else { return nil }
    return count > 1 ? count : outputKind == .sigmoid ? 2 : nil
  }

  /// The probabilities of the classes `[N, classCount]` for outputs `[N, ...]` of this model; see `OutputKind.probabilities`.
  package func probabilities(of outputs: Tensor, fromLogits: Bool = false) -> Tensor {
    outputKind.probabilities(of: outputs, fromLogits: fromLogits)
  }

  /// A model with the same weights whose output is the probabilities of `classCount` classes, for exports of classifiers.
  ///
  /// - Throws: `AthanorError` when the output is none of one class out of several.
  package func withProbabilities(fromLogits: Bool) throws -> Model {
    let isSingle = outputShape[1] == 1
    func refuse(_ what: String, _ remedy: String) -> AthanorError {
      AthanorError(
        .argument, at: "labels", "the model \(what), so its numbers are no probabilities of one class", fix: remedy)
    }
    switch outputKind {
    case .softmax: return self
    case .logSoftmax: return try extended([Activation(.exponential, name: "probabilities")])
    case .sigmoid:
      guard isSingle else {
        throw refuse(
          "ends with \(outputShape[1] ?? 0) sigmoids that do not depend on each other",
          "Export it without class labels.")
      }
    case .other:
      guard fromLogits else {
        throw refuse(
          "ends without softmax",
          "Say that they are logits (fromLogits, --from-logits), or export it without class labels.")
      }
      guard isSingle else { return try extended([Activation(.softmax, name: "probabilities")]) }
    }
    let pair = try extended(
      (outputKind == .other ? [Activation(.sigmoid, name: "probability")] : []) + [Dense(2, name: "both_classes")])
    try pair.setWeights([
      "both_classes/kernel": Tensor(uncheckedShape: [1, 2], .float32([-1, 1])),
      "both_classes/bias": Tensor(uncheckedShape: [2], .float32([1, 0])),
    ])
    return pair
  }

  private func extended(_ layers: [any GeneralLayer]) throws -> Model {
    var larger = network
    for layer in layers { try larger.append(layer) }
    let model = try Model(larger, name: name, seed: seed, threads: threadCount, frozen: frozen)
    model.copyWeights(from: self)
    model.takeFacts(from: self)
    model.declaredOutputKind = .softmax
    return model
  }
}

extension OutputKind {
  /// The probabilities of the classes `[N, classCount]` for outputs `[N, ...]` of this kind.
  ///
  /// A single sigmoid `p` gives `1 - p` and `p`, logarithms their exponentials. Several sigmoids and other numbers stay as they are.
  ///
  /// - Parameter fromLogits: Whether numbers of kind `other` are logits, of which a softmax (of a single one a sigmoid) makes probabilities.
  package func probabilities(of outputs: Tensor, fromLogits: Bool = false) -> Tensor {
    guard outputs.shape.count == 2, outputs.shape[1] > 0 else { return outputs }
    let (values, width) = (outputs.floats, outputs.shape[1])
    func pairs(_ values: [Float]) -> Tensor {
      Tensor(uncheckedShape: [values.count, 2], .float32(values.flatMap { [1 - $0, $0] }))
    }
    switch self {
    case .sigmoid where width == 1: return pairs(values)
    case .logSoftmax: return Tensor(uncheckedShape: outputs.shape, .float32(values.map { Float(exp(Double($0))) }))
    case .other where fromLogits && width == 1: return pairs(values.map { Float(1 / (1 + exp(-Double($0)))) })
    case .other where fromLogits:
      let rows = stride(from: 0, to: values.count, by: width).flatMap { start -> [Float] in
        let row = values[start..<start + width].map(Double.init)
        let largest = row.max() ?? 0
        let powers = row.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { Float($0 / sum) }
      }
      return Tensor(uncheckedShape: outputs.shape, .float32(rows))
    case .softmax, .sigmoid, .other: return outputs
    }
  }

  init(of output: Value) {
    if let (_, inputs) = output.definition(as: ReshapeOp.self),
      output.shape.lengths.last == inputs[0].shape.lengths.last
    {
      self.init(of: inputs[0])
    } else if output.softmaxLogits != nil {
      self = .softmax
    } else if output.isLogSoftmax {
      self = .logSoftmax
    } else {
      self = output.sigmoidLogits != nil ? .sigmoid : .other
    }
  }
}
