import Athanor
import Testing

/// A training of 100 steps by the real Keras.
struct TrainingGolden: Decodable {
  let before: [String: GoldenArray]
  let after: [String: GoldenArray]
  /// The figures of every tenth step.
  let logs: [String: GoldenArray]
  let logsAlone: [String: GoldenArray]?
  /// The figures of the last batch after training, in evaluation.
  let evaluation: [String: Double]?

  /// Trains from the same weights and compares the figures of 100 steps, and the weights.
  func compare(_ model: Model, _ step: (Int) throws -> Logs) throws {
    try model.setWeights(before.mapValues { try $0.tensor })
    try compare((0..<100).map(step), logs)
    try compare(model)
  }

  func compare(_ logs: [Logs], _ golden: [String: GoldenArray]) throws {
    #expect(Set(logs[0].entries.map(\.name)) == Set(golden.keys))
    for (name, expected) in golden {
      let values = stride(from: 9, to: 100, by: 10).map { logs[$0][name].map { Float($0) } ?? .nan }
      expectClose(values, expected.values, within: 2e-5, name)
    }
  }

  /// Within 1e-4, and within 1 % of the way that the weights have gone.
  private func compare(_ model: Model) throws {
    #expect(Set(model.weights.map(\.name)) == Set(after.keys))
    for weight in model.weights {
      let (before, after) = (try #require(before[weight.name]), try #require(after[weight.name]))
      expectClose(weight.tensor.floats, after.values, within: 1e-4, weight.name)
      let way = zip(before.values, after.values).map { ($0 - $1) * ($0 - $1) }.reduce(0, +).squareRoot()
      let distance = zip(weight.tensor.floats, after.values).map { (Double($0) - $1) * (Double($0) - $1) }
      #expect(way > 1e-3, "\(weight.name) has not moved")
      #expect(distance.reduce(0, +).squareRoot() <= 0.01 * way, "\(weight.name)")
    }
  }
}

/// Numbers from -1 to 1 in steps of 1/512, as Tools/make_training_goldens.py makes them.
struct NumberSequence {
  var state: Int

  mutating func integers(_ shape: Int..., below limit: Int) throws -> Tensor {
    try Tensor(shape: shape, integers: numbers(shape.reduce(1, *), below: limit).map { Int32($0) })
  }

  mutating func numbers(_ shape: Int..., scale: Float = 1, plus offset: Float = 0) throws -> Tensor {
    try Tensor(
      shape: shape, numbers(shape.reduce(1, *), below: 1025).map { Float($0 - 512) / 512 * scale + offset })
  }

  private mutating func numbers(_ count: Int, below limit: Int) -> [Int] {
    (0..<count).map { _ in
      state = (state * 1_103_515_245 + 12345) % (1 << 31)
      return (state >> 16) % limit
    }
  }
}
