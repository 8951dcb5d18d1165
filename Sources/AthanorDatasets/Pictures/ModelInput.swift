import Athanor

extension Model {
  /// A picture as the model takes it: prepared, gray or in colour, of its size, in its order of axes.
  ///
  /// - Parameters:
  ///   - picture: A picture of any size.
  ///   - preparation: What is done to it besides; nil for nothing. See ``Model/picturePreparation``.
  /// - Returns: A batch of one picture, bytes: `[1, H, W, C]`, or as the model has its axes. A length that the model leaves open is that of
  ///   the picture.
  /// - Throws: `AthanorError` when the model takes no pictures, or there is nothing on the picture to prepare.
  /// - Example:
  ///   ```swift
  ///   let picture = try Picture(contentsOf: "seven.png")
  ///   let probabilities = try model.predict(model.input(for: picture, preparation: model.picturePreparation))  // [1, 10]
  ///   ```
  public func input(for picture: Picture, preparation: PicturePreparation?) throws -> Tensor {
    try requirePictureInput().tensor(of: picture, preparation: preparation)
  }

  /// - Returns: How the model takes pictures.
  /// - Throws: `AthanorError` when it takes none.
  package func requirePictureInput(at location: String = "Model.input(for:)") throws -> PictureInput {
    if let pictureInput { return pictureInput }
    throw AthanorError(
      .shape, at: location, "the model takes \(Shape(inputShape)) but pictures have height, width and 1 or 3 channels",
      fix: "Use a model of pictures.")
  }
}

extension PictureInput {
  /// A picture as the model takes it, a batch of one: prepared, gray or in colour, of its size, in its order of axes.
  ///
  /// - Throws: `AthanorError` when there is nothing on the picture to prepare.
  package func tensor(of picture: Picture, preparation: PicturePreparation?) throws -> Tensor {
    let prepared =
      switch preparation {
      case .digit: try picture.mnistNormalized()
      case nil: picture
      }
    let colored = shape[2] == 1 ? prepared.gray() : prepared.color()
    let (height, width) = (shape[0] > 0 ? shape[0] : colored.height, shape[1] > 0 ? shape[1] : colored.width)
    return try arranged(colored.resized(height: height, width: width).tensor())
  }
}
