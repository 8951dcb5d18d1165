import Athanor

/// One set of weights for two inputs: whether two vectors belong together.
public enum Siamese {
  /// Trains on pairs of noisy copies of four patterns, and returns the model.
  public static func run() throws -> (model: Model, history: History) {
    let left = Input([8], name: "left"), right = Input([8], name: "right")
    let encode = SharedLayer(Dense(16, activation: .relu, name: "encode"))
    let difference = encode(left) - encode(right)
    let same = Dense(1, activation: .sigmoid, name: "same")(difference * difference)
    let model = try Model(inputs: [left, right], outputs: [same], seed: 3)
    print(model.summary())
    try model.compile(optimizer: .adam(learningRate: 0.02), loss: .binaryCrossentropy, metrics: [.accuracy])

    var random = RandomStream(seed: 4, stream: 0)
    func noisy(_ pattern: Int) -> [Float] {
      (0..<8).map { ($0 % 4 == pattern ? 1 : 0) + Float(random.nextUniform() - 0.5) * 0.4 }
    }
    var (lefts, rights, targets) = ([Float](), [Float](), [Float]())
    for pair in 0..<200 {
      let first = pair % 4
      let second = pair % 2 == 0 ? first : (first + 1 + pair / 4 % 3) % 4
      lefts += noisy(first)
      rights += noisy(second)
      targets.append(first == second ? 1 : 0)
    }
    let data = try Dataset(
      inputs: ["left": Tensor(shape: [200, 8], lefts), "right": Tensor(shape: [200, 8], rights)],
      targets: ["same": Tensor(shape: [200, 1], targets)])
    let history = try model.fit(data, epochs: 40, batchSize: 20, verbose: .silent)
    print("accuracy", history["accuracy"].last ?? .nan)
    return (model, history)
  }
}
