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
    let areDigits = classCount == 10 && (classNames ?? (0...9).map(String.init)) == (0...9).map(String.init)
    return pictureShape == [28, 28, 1] && areDigits ? .digit : nil
  }
}

extension OutputKind {
  /// The key by which files name it where keys need a prefix.
  package static let fileKey = "athanor_output_kind"
}

extension Model {
  /// The key by which files name `pixelScale` where keys need a prefix.
  package static let pixelFileKey = "athanor_pixel_scale"
}

extension ModelRecipe {
  /// Takes over the scale of pixels that a file names.
  ///
  /// - Throws: `AthanorError` when it is no number other than 0.
  package mutating func takePixelScale(_ text: String?, at location: String) throws {
    guard let text else { return }
    guard let scale = Float(text), scale.isFinite, scale != 0 else {
      throw AthanorError(.data, at: location, "the scale of pixels is \"\(text.prefix(80))\"")
    }
    pixelScale = scale
  }

  /// Takes over the kind of the outputs that a file names; one that is not known becomes a warning.
  package mutating func takeOutputKind(named name: String?, at location: String) {
    guard let name else { return }
    outputKind = OutputKind(rawValue: name)
    guard outputKind == nil else { return }
    warnings.append(
      AthanorError(
        .unsupported, at: location,
        "the kind of outputs \"\(name.prefix(80))\" is not known, so it is told from the last operations",
        fix: "Use a newer Athanor."))
  }

  /// Takes over a preparation that a file names; one that is not known becomes a warning.
  package mutating func takePreparation(named name: String?, at location: String) {
    guard let name else { return }
    picturePreparation = PicturePreparation(rawValue: name)
    guard picturePreparation == nil else { return }
    warnings.append(
      AthanorError(
        .unsupported, at: location,
        "the preparation of pictures \"\(name.prefix(80))\" is not known, so pictures are only brought to size",
        fix: "Use a newer Athanor."))
  }
}
