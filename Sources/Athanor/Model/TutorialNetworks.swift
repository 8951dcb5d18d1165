/// The two networks of the tutorial *Beginning Machine Learning with Keras & Core ML*, for pictures of 28 x 28 pixels.
public enum TutorialNetwork: String, Hashable, Sendable, CaseIterable {
  /// Sri Raghu Malireddi's: three convolutions, small enough for a phone (94,602 parameters for 10 classes).
  case malireddi
  /// François Chollet's: two convolutions and a large dense layer (1,199,882 parameters for 10 classes).
  case chollet

  /// The layers, in order.
  @SequentialBuilder public func layers(classes: Int = 10) -> [any GeneralLayer] {
    switch self {
    case .malireddi:
      Conv2D(32, kernelSize: 5, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.5)
      Conv2D(64, kernelSize: 3, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.2)
      Conv2D(128, kernelSize: 1, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.2)
      Flatten()
      Dense(128, activation: .relu)
      Dense(classes, activation: .softmax)
    case .chollet:
      Conv2D(32, kernelSize: 3, activation: .relu)
      Conv2D(64, kernelSize: 3, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.25)
      Flatten()
      Dense(128, activation: .relu)
      Dropout(0.5)
      Dense(classes, activation: .softmax)
    }
  }

  /// A model with new weights.
  ///
  /// - Throws: `AthanorError` when memory or threads cannot be had.
  public func model(
    input: [Int] = [28, 28, 1], classes: Int = 10, seed: UInt64 = 0, threads: Int? = nil
  ) throws -> Model {
    try Model(input: input, name: rawValue, seed: seed, threads: threads, layers: layers(classes: classes))
  }
}
