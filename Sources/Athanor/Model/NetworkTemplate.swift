/// Networks by name that fit themselves to the data: the two of the tutorial *Beginning Machine Learning with Keras & Core ML*, and two
/// general ones.
///
/// - Example:
///   ```swift
///   let model = try NetworkTemplate.cnn.model(input: [64, 64, 3], classes: 5)
///   ```
public enum NetworkTemplate: String, Hashable, Sendable, CaseIterable {
  /// Sri Raghu Malireddi's: three convolutions, small enough for a phone (94,602 parameters for 10 digits). For pictures of 16 x 16 pixels
  /// or more.
  case malireddi
  /// François Chollet's: two convolutions and a large dense layer (1,199,882 parameters for 10 digits). For pictures of 6 x 6 pixels or
  /// more; larger ones than MNIST's are pooled further, so that the dense layer keeps its size.
  case chollet
  /// Pairs of convolutions with batch normalisation (Ioffe and Szegedy 2015), halved in size until the maps are 4 to 7 pixels high, and the
  /// mean of each map (global pooling, Lin et al. 2013). For pictures of any size.
  case cnn
  /// Two dense layers behind a flattened input. For inputs of any shape.
  case mlp

  /// The layers, in order.
  ///
  /// - Parameters:
  ///   - input: The shape of one example; height, width and channels for networks of pictures.
  ///   - classes: The number of classes.
  /// - Throws: `AthanorError` when the network does not take such an input.
  public func layers(input: [Int] = [28, 28, 1], classes: Int = 10) throws -> [any GeneralLayer] {
    guard input.allSatisfy({ $0 > 0 }), self == .mlp ? !input.isEmpty : input.count == 3 else {
      throw AthanorError(
        .shape, at: rawValue, "examples have shape \(input) but pictures of [height, width, channels] are needed",
        fix: "Use the network mlp.")
    }
    guard let side = input.prefix(2).min(), side >= smallestSide else {
      throw AthanorError(
        .shape, at: rawValue,
        "pictures have \(input[0]) x \(input[1]) pixels but at least \(smallestSide) x \(smallestSide) are needed",
        fix: "Use the network cnn, or larger pictures.")
    }
    switch self {
    case .malireddi: return malireddi(classes)
    case .chollet: return chollet(input, classes)
    case .cnn: return cnn(side, classes)
    case .mlp: return mlp(input, classes)
    }
  }

  /// The shortest side of the pictures that the network takes.
  private var smallestSide: Int {
    switch self {
    case .malireddi: 16
    case .chollet: 6
    case .cnn, .mlp: 1
    }
  }

  /// A model with new weights.
  ///
  /// - Parameters:
  ///   - input: The shape of one example.
  ///   - classes: The number of classes.
  ///   - augmentation: Layers before the first one that change examples in training.
  ///   - seed: The seed of the weights, dropouts and orders.
  ///   - threads: The number of threads; nil for one on each core.
  /// - Throws: `AthanorError` when the network does not take such an input, or memory or threads are not available.
  public func model(
    input: [Int] = [28, 28, 1], classes: Int = 10, augmentation: [any GeneralLayer] = [], seed: UInt64 = 0,
    threads: Int? = nil
  ) throws -> Model {
    try Model(
      input: input, name: rawValue, seed: seed, threads: threads,
      layers: augmentation + layers(input: input, classes: classes))
  }

  @SequentialBuilder private func malireddi(_ classes: Int) -> [any GeneralLayer] {
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
  }

  @SequentialBuilder private func chollet(_ input: [Int], _ classes: Int) -> [any GeneralLayer] {
    Conv2D(32, kernelSize: 3, activation: .relu)
    Conv2D(64, kernelSize: 3, activation: .relu)
    // 2 for MNIST; at most 16 x 16 places are left of larger pictures.
    MaxPooling2D(Size2D(input.prefix(2).map { max(2, ($0 - 4 + 15) / 16) }))
    Dropout(0.25)
    Flatten()
    Dense(128, activation: .relu)
    Dropout(0.5)
    Dense(classes, activation: .softmax)
  }

  private func cnn(_ side: Int, _ classes: Int) -> [any GeneralLayer] {
    func convolution(_ filters: Int, strides: Size2D = 1) -> [any GeneralLayer] {
      [
        Conv2D(filters, kernelSize: 3, strides: strides, padding: .same, useBias: false),
        // Moving averages follow within tens of steps, for small data sets.
        BatchNormalization(momentum: 0.9), ReLU(),
      ]
    }
    // Large pictures are halved at once: a convolution at 224 x 224 would cost more than all others.
    var (height, filters) = (side > 96 ? side / 2 : side, 32)
    var layers = convolution(filters, strides: side > 96 ? 2 : 1)
    while height >= 8 {
      height /= 2
      filters = min(2 * filters, 256)
      layers += [MaxPooling2D(2)] + convolution(filters) + convolution(filters)
    }
    if filters == 32 { layers += convolution(64) }
    return layers + [GlobalAveragePooling2D(), Dropout(0.25), Dense(classes, activation: .softmax)]
  }

  private func mlp(_ input: [Int], _ classes: Int) -> [any GeneralLayer] {
    (input.count > 1 ? [Flatten()] : [])
      + [
        Dense(256, activation: .relu), Dropout(0.2), Dense(128, activation: .relu), Dropout(0.2),
        Dense(classes, activation: .softmax),
      ]
  }
}
