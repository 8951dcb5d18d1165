/// A network that reads digits: Core ML in the app, a stand-in in tests.
public protocol DigitClassifier: Sendable {
  /// The probability of each digit.
  ///
  /// - Parameter picture: `[28, 28]` shades of gray as `DigitPreparation` makes them.
  func probabilities(of picture: [UInt8]) async throws -> [Int64: Double]
}

/// Draws, prepares and reads, away from the main actor.
public actor DigitReader {
  /// The side in pixels of the picture that is drawn before it is prepared.
  public static let side = 280
  private let classifier: any DigitClassifier

  /// - Parameter classifier: The network that reads what was drawn.
  public init(_ classifier: any DigitClassifier) { self.classifier = classifier }

  /// What the network says of a drawing; nil when there is nothing on the canvas.
  public func read(_ drawing: Drawing) async throws -> Reading? {
    let pixels = drawing.pixels(side: Self.side)
    guard let picture = DigitPreparation.prepared(gray: pixels, width: Self.side, height: Self.side) else { return nil }
    return try Reading(picture: picture, probabilities: await classifier.probabilities(of: picture))
  }
}
