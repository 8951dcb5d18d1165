import ArgumentParser
import Athanor
import Foundation

/// What the classes of a model are called, and what its numbers are.
struct ClassOptions: ParsableArguments {
  @Option(
    help:
      "The names of the classes in order: a,b,c, or a file with one in a line; by default those that the model has.",
    completion: .file())
  var labels: String?
  @Flag(help: "The model ends without softmax: make probabilities of its numbers.") var fromLogits = false

  /// The names, those that are given or those of the model; nil when there are none.
  ///
  /// - Throws: `AthanorError` when there are not `count`, or they are the model's in another order.
  func names(for model: Model, count: Int, _ file: String) throws -> [String]? {
    guard let labels else { return model.classNames }
    guard reading(of: model) != .value else {
      throw AthanorError(
        .argument, at: "--labels", "\(file) gives one number that is no probability, so there are no classes to name",
        fix: "Say --from-logits where it is the logit of the second of two classes, or leave the labels out.")
    }
    let names = try ClassOptions.names(labels, "--labels")
    guard names.count == count else {
      throw AthanorError(
        .argument, at: "--labels", "\(names.count) names are given but \(file) tells \(count) classes apart",
        fix: "Give \(count) names, separated by commas.")
    }
    try model.requireOrder(of: names, "--labels")
    return names
  }

  /// The names in a file, or in a text that separates them by commas.
  static func names(_ text: String, _ option: String) throws -> [String] {
    if !text.contains(","), FileBytes.isFile(text) { return try ClassNames.read(text) }
    return try ClassNames.checked(
      text.split(separator: ",", omittingEmptySubsequences: false).map(String.init), option)
  }

  func reading(of model: Model) -> OutputReading { OutputReading(of: model, fromLogits: fromLogits) }
}

extension OutputReading {
  /// The heading of its column.
  var column: String {
    switch self {
    case .probabilities, .independent, .certain: "probability"
    case .scores: "score"
    case .value: "value"
    }
  }

  func text(_ number: Float) -> String {
    switch self {
    case .probabilities, .independent, .certain: String(format: "%.1f %%", number * 100)
    case .scores, .value: String(format: "%.4g", number)
    }
  }

  /// What a person has to know to read the numbers.
  func note(_ file: String) -> String? {
    switch self {
    case .probabilities: nil
    case .independent:
      "\(file) ends with sigmoids: several labels may hold at once, and the probabilities do not add up to 100 %."
    case .scores: "\(file) ends without softmax, so its numbers are scores; --from-logits makes probabilities of them."
    case .certain:
      "\(file) ends with a softmax of one number, which is 1 whatever the picture; a single sigmoid tells two classes apart."
    case .value:
      "\(file) gives one number that is no probability; --from-logits makes the probability of the second of two classes of it."
    }
  }
}
