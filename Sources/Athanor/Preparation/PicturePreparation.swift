/// What is done to a picture before it goes into a model, besides size and scale, so that it looks like those of the training.
public enum PicturePreparation: String, Hashable, Sendable, CaseIterable {
  /// ``DigitPreparation``: a handwritten digit as MNIST has them.
  case digit = "mnist-digit"

  /// The key by which files name it where keys need a prefix.
  package static let fileKey = "athanor_picture_preparation"

  /// A sentence for people who use an exported file elsewhere.
  package var advice: String {
    switch self {
    case .digit:
      "The network knows digits as MNIST has them: white on black, 20 pixels high or wide, centred by mass in 28 x 28 (DigitPreparation)."
    }
  }
}

extension Model {
  /// The preparation of pictures for this model: its own; where it says nothing, that of MNIST's digits for gray pictures of 28 x 28 in ten
  /// classes without names, or named 0 to 9.
  package var usualPreparation: PicturePreparation? {
    if let picturePreparation { return picturePreparation }
    let areDigits = classCount == 10 && classNames.map { $0 == (0...9).map(String.init) } ?? true
    return pictureShape == [28, 28, 1] && areDigits ? .digit : nil
  }
}
