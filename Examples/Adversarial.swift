import Athanor

/// A generative adversarial network (Goodfellow et al. 2014) that learns a distribution of points in the plane.
///
/// The discriminator is trained alone; inside of the model that trains the generator it is frozen, and both share its weights.
public enum Adversarial {
  /// Takes some steps, and returns the models.
  public static func run(steps: Int = 60) throws -> (generator: Model, discriminator: Model, combined: Model) {
    let generator = try Sequential(input: [4], name: "generator", seed: 5) {
      Dense(16, activation: .relu)
      Dense(2)
    }
    let discriminator = try Sequential(input: [2], name: "discriminator", seed: 6) {
      Dense(16, activation: .leakyReLU)
      Dropout(0.2)
      Dense(1, activation: .sigmoid)
    }
    try discriminator.compile(optimizer: .adam(learningRate: 0.01), loss: .binaryCrossentropy)

    let noise = Input([4], name: "noise")
    let combined = try Model(inputs: [noise], outputs: [discriminator(generator(noise))], name: "gan")
    try combined.freeze("discriminator")
    try combined.compile(optimizer: .adam(learningRate: 0.01), loss: .binaryCrossentropy)

    var random = RandomStream(seed: 7, stream: 0)
    func numbers(_ shape: [Int]) throws -> Tensor {
      try Tensor(shape: shape, (0..<shape.reduce(1, *)).map { _ in Float(random.nextUniform()) * 2 - 1 })
    }
    let (ones, zeros) = (
      try Tensor(shape: [32, 1], [Float](repeating: 1, count: 32)),
      try Tensor(shape: [32, 1], [Float](repeating: 0, count: 32))
    )
    for step in 1...steps {
      // Real points lie around (2, -1).
      let real = try Tensor(
        shape: [32, 2], numbers([32, 2]).floats.enumerated().map { $1 * 0.3 + ($0 % 2 == 0 ? 2 : -1) })
      let made = try generator.predict(numbers([32, 4]))
      let onReal = try discriminator.trainOnBatch(Dataset(inputs: real, targets: ones))
      let onMade = try discriminator.trainOnBatch(Dataset(inputs: made, targets: zeros))
      let deceived = try combined.trainOnBatch(Dataset(inputs: numbers([32, 4]), targets: ones))
      if step % 20 == 0 {
        print(
          "step \(step): discriminator", onReal["loss"] ?? .nan, onMade["loss"] ?? .nan, "generator",
          deceived["loss"] ?? .nan)
      }
    }
    return (generator, discriminator, combined)
  }
}
