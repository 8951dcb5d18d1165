import Athanor

/// A training loop written by hand: gradients of several small batches are added up before each step.
public enum OwnTrainingLoop {
  /// Returns the loss before each step.
  public static func run() throws -> [Double] {
    let model = try Sequential(input: [5], seed: 11) {
      Dense(32, activation: .relu)
      BatchNormalization()
      Dropout(0.1)
      Dense(1)
    }
    try model.compile(
      optimizer: .adam(learningRate: .schedule("inverse root") { 0.05 / Double($0 + 1).squareRoot() }),
      loss: .meanSquaredError)
    var random = RandomStream(seed: 12, stream: 0)
    func batch(_ count: Int) throws -> Dataset {
      let rows = (0..<count).map { _ in (0..<5).map { _ in Float(random.nextUniform()) * 2 - 1 } }
      return try Dataset(
        inputs: Tensor(shape: [count, 5], rows.flatMap { $0 }),
        targets: Tensor(shape: [count, 1], rows.map { $0[0] * $0[1] + $0[2] }))
    }
    var losses: [Double] = []
    for _ in 0..<60 {
      var gradients = try model.gradients(batch(16))
      losses.append(gradients.loss)
      for _ in 1..<4 { gradients += try model.gradients(batch(16)) }
      try model.apply(gradients.scaled(by: 0.25))
    }
    print("loss", losses.first ?? .nan, "->", losses.last ?? .nan)
    return losses
  }
}
