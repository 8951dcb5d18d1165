import Athanor

extension Picture {
  /// A drawn or photographed digit as MNIST has them: `DigitPreparation` of its shades of gray.
  ///
  /// - Throws: `AthanorError` when the picture is empty: all of one shade.
  public func mnistNormalized() throws -> Picture {
    guard let pixels = DigitPreparation.prepared(gray: gray().pixels, width: width, height: height) else {
      throw AthanorError(.data, at: "Picture", "it is empty: all of one shade", fix: "Draw a digit first.")
    }
    return Picture(unchecked: DigitPreparation.side, DigitPreparation.side, 1, pixels)
  }
}
