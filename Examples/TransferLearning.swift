import Athanor

/// A new head on a trained model: the base is cut at a layer, frozen, and trained further only after the head.
public enum TransferLearning {
  /// Trains a base on one task and a head on another; returns both models.
  public static func run() throws -> (base: Model, model: Model, history: History) {
    let base = try Sequential(input: [6], name: "base", seed: 8) {
      Dense(24, activation: .relu, name: "hidden")
      Dense(12, activation: .relu, name: "features")
      Dense(3, activation: .softmax)
    }
    try base.compile(optimizer: .adam(learningRate: 0.01), loss: .sparseCategoricalCrossentropy)
    try base.fit(points(300) { $0[0] > 0.3 ? 2 : $0[1] > 0 ? 1 : 0 }, epochs: 10, verbose: .silent)

    let features = try base.truncated(after: "features", name: "features")
    let input = Input([6])
    let model = try Model(
      inputs: [input], outputs: [Dense(2, activation: .softmax, name: "head")(features(input))], seed: 9)
    try model.freeze("features")
    try model.compile(
      optimizer: .adam(learningRate: 0.02), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    print(model.summary())
    let data = try points(200) { $0[0] + $0[1] > 0 ? 1 : 0 }
    try model.fit(data, epochs: 10, verbose: .silent)
    // Fine-tuning: all layers, smaller steps.
    try model.unfreeze("features")
    model.learningRate = 0.002
    let history = try model.fit(data, epochs: 5, verbose: .silent)
    print("accuracy", history["accuracy"].last ?? .nan)
    return (base, model, history)
  }

  private static func points(_ count: Int, _ label: ([Float]) -> Int32) throws -> Dataset {
    var random = RandomStream(seed: 10, stream: 0)
    let rows = (0..<count).map { _ in (0..<6).map { _ in Float(random.nextUniform()) * 2 - 1 } }
    return try Dataset(
      inputs: Tensor(shape: [count, 6], rows.flatMap { $0 }), targets: Tensor(shape: [count], integers: rows.map(label))
    )
  }
}
