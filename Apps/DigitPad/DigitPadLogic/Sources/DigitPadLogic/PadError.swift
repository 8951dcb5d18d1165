import Foundation

/// What the app shows instead of an answer.
public enum PadError: LocalizedError, Hashable {
  /// The app was built without the model.
  case modelMissing
  /// The file is a model, but not one of digits.
  case model(String)
  /// The model's result is not understood.
  case result(String)
  /// Memory for a picture could not be had.
  case picture

  public var errorDescription: String? {
    switch self {
    case .modelMissing: "The app has no model Digits.mlmodelc. Add Digits.mlpackage to its target and build it again."
    case .model(let problem): "The model Digits does not read digits: \(problem). Renew it with \"make app-model\"."
    case .result(let problem): "The model gave \(problem). Renew it with \"make app-model\"."
    case .picture: "There is not enough memory for a picture of 28 x 28 pixels."
    }
  }
}
