/// How a model's numbers are shown.
package enum OutputReading: Hashable, Sendable {
  /// Probabilities of classes of which one is right.
  case probabilities
  /// Probabilities that do not depend on each other.
  case independent
  /// The probability of the only class.
  case certain
  /// Numbers of which the largest is the model's choice.
  case scores
  /// One number.
  case value

  /// Its name in JSON.
  package var key: String {
    switch self {
    case .probabilities, .independent, .certain: "probabilities"
    case .scores: "scores"
    case .value: "values"
    }
  }

  /// - Parameter fromLogits: Whether numbers that no softmax was applied to are made probabilities.
  package init(of model: Model, fromLogits: Bool = false) {
    let isSingle = model.outputShape.lengths.last == 1
    switch model.outputKind {
    case .softmax, .logSoftmax: self = isSingle ? .certain : .probabilities
    case .sigmoid: self = isSingle ? .probabilities : .independent
    case .other: self = fromLogits ? .probabilities : isSingle ? .value : .scores
    }
  }
}

/// What a model says of an example, in the words of its classes.
package struct ClassAnswer: Hashable, Sendable {
  /// The names of the classes in the order of the numbers; one for a single number.
  package let names: [String]
  /// What the numbers are.
  package let reading: OutputReading

  /// - Parameter names: The names of the classes; nil for their numbers.
  /// - Throws: `AthanorError` when the model's output is no row of numbers.
  package init(of model: Model, names: [String]?, fromLogits: Bool = false, at location: String) throws {
    guard model.outputs.count == 1, model.outputShape.rank == 2, let width = model.outputShape[1] else {
      let shape = Shape(Array(model.outputShape.lengths.dropFirst()))
      throw AthanorError(
        .shape, at: location, "each prediction has shape \(shape) but one probability for each class is needed",
        fix: "Use a model that ends with a Dense layer.")
    }
    reading = OutputReading(of: model, fromLogits: fromLogits)
    let count = model.classCount ?? (width > 1 || reading == .certain ? width : 2)
    self.names = reading == .value ? ["value"] : names ?? (0..<count).map(String.init)
  }

  /// The answer as JSON: `label` and the numbers by the names of their classes, or the one number; null for what is not finite.
  package func fields(_ numbers: [Float]) -> [String: JSONValue] {
    if reading == .value { return [reading.key: .array(numbers.map(JSONValue.init(finite:)))] }
    let byName = Dictionary(zip(names, numbers.map(JSONValue.init(finite:)))) { first, _ in first }
    var fields: [String: JSONValue] = [reading.key: .object(byName)]
    if let best = numbers.indices.max(by: { numbers[$0] < numbers[$1] }) { fields["label"] = .text(names[best]) }
    return fields
  }
}
