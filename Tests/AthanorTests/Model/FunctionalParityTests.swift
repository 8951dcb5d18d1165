import Athanor
import Testing

/// Models that are no chains, trained for 100 steps from the same weights and batches as the real Keras.
@Suite("Functional models beside Keras")
struct FunctionalParityTests {
  struct Golden: Decodable {
    let before: [String: GoldenArray]
    let after: [String: GoldenArray]
    /// The figures of every tenth step.
    let logs: [String: GoldenArray]
    let logsAlone: [String: GoldenArray]?
  }

  private static let all = Result { try goldens("functional", as: [String: Golden].self) }
  private let examples = 8

  private func golden(_ name: String) throws -> Golden { try #require(try FunctionalParityTests.all.get()[name]) }

  /// Numbers from -1 to 1 in steps of 1/512, as Tools/make_training_goldens.py makes them.
  private struct Sequence {
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

  /// The figures of 100 steps.
  private func train(_ golden: Golden, _ model: Model, _ step: (Int) throws -> Logs) throws {
    try model.setWeights(golden.before.mapValues { try $0.tensor })
    try compare((0..<100).map(step), golden.logs)
    try compare(model, golden)
  }

  private func compare(_ logs: [Logs], _ golden: [String: GoldenArray]) throws {
    #expect(Set(logs[0].entries.map(\.name)) == Set(golden.keys))
    for (name, expected) in golden {
      let values = stride(from: 9, to: 100, by: 10).map { logs[$0][name].map { Float($0) } ?? .nan }
      expectClose(values, expected.values, within: 2e-5, name)
    }
  }

  /// Within 1e-4, and within 1 % of the way that the weights have gone.
  private func compare(_ model: Model, _ golden: Golden) throws {
    #expect(Set(model.weights.map(\.name)) == Set(golden.after.keys))
    for weight in model.weights {
      let (before, after) = (try #require(golden.before[weight.name]), try #require(golden.after[weight.name]))
      expectClose(weight.tensor.floats, after.values, within: 1e-4, weight.name)
      let way = zip(before.values, after.values).map { ($0 - $1) * ($0 - $1) }.reduce(0, +).squareRoot()
      let distance = zip(weight.tensor.floats, after.values).map { (Double($0) - $1) * (Double($0) - $1) }
      #expect(way > 1e-3, "\(weight.name) has not moved")
      #expect(distance.reduce(0, +).squareRoot() <= 0.01 * way, "\(weight.name)")
    }
  }

  @Test("Two inputs and two outputs", arguments: ["adam", "sgd"])
  func twoInputsTwoOutputs(_ optimizer: String) throws {
    let golden = try golden("two_inputs_two_outputs_\(optimizer)")
    let picture = Input([6, 6, 2], name: "picture")
    let age = Input([1], name: "age")
    var x = Conv2D(3, kernelSize: 3, padding: .same, activation: .tanh, name: "first")(picture)
    x = Add(name: "sum")(x, Conv2D(3, kernelSize: 3, padding: .same, name: "second")(x))
    x = Concatenate(name: "join")(GlobalAveragePooling2D(name: "mean")(x), age)
    let kind = Dense(3, activation: .softmax, name: "kind")(x)
    let size = Dense(1, name: "size")(x)
    let model = try Model(inputs: [picture, age], outputs: [kind, size])
    try model.compile(
      optimizer: optimizer == "adam" ? .adam(learningRate: 0.001) : .sgd(learningRate: 0.01, momentum: 0.9),
      losses: ["kind": .sparseCategoricalCrossentropy, "size": .meanSquaredError], lossWeights: ["size": 0.1],
      metrics: ["kind": [.accuracy]])
    #expect(Set(golden.logs.keys) == ["loss", "kind_loss", "size_loss", "kind_accuracy"])
    var numbers = Sequence(state: 2)
    try train(golden, model) { _ in
      let inputs = try [
        "picture": numbers.numbers(examples, 6, 6, 2), "age": numbers.numbers(examples, 1),
      ]
      let targets = try [
        "kind": numbers.integers(examples, below: 3), "size": numbers.numbers(examples, 1),
      ]
      return try model.trainOnBatch(
        Dataset(
          inputs: inputs, targets: targets, sampleWeights: ["size": numbers.numbers(examples, plus: 1).floats]))
    }
  }

  @Test("A layer that two inputs share")
  func siamese() throws {
    let (left, right) = (Input([5], name: "left"), Input([5], name: "right"))
    let encode = SharedLayer(Dense(4, activation: .tanh, name: "encode"))
    let (a, b) = (encode(left), encode(right))
    let x = Concatenate(name: "join")(
      Subtract(name: "difference")(a, b), Dot(axes: 1, normalize: true, name: "angle")(a, b))
    let model = try Model(inputs: [left, right], outputs: [Dense(1, activation: .sigmoid, name: "same")(x)])
    try model.compile(optimizer: .adam(learningRate: 0.001), loss: .binaryCrossentropy, metrics: [.accuracy])
    var numbers = Sequence(state: 3)
    try train(golden("siamese"), model) { _ in
      let inputs = try ["left": numbers.numbers(examples, 5), "right": numbers.numbers(examples, 5)]
      let same = try numbers.integers(examples, 1, below: 2)
      return try model.trainOnBatch(
        Dataset(inputs: inputs, targets: ["same": Tensor(shape: [examples, 1], same.floats)]))
    }
  }

  @Test("A BatchNormalization that is called twice moves its averages twice in a step")
  func sharedBatchNormalization() throws {
    let (left, right) = (Input([3], name: "left"), Input([3], name: "right"))
    let norm = SharedLayer(BatchNormalization(momentum: 0.9, name: "norm"))
    let x = Multiply(name: "product")(norm(left), Dense(3, name: "dense")(norm(right)))
    let model = try Model(inputs: [left, right], outputs: [Dense(2, name: "last")(x)])
    try model.compile(optimizer: .sgd(learningRate: 0.01, momentum: 0.9), loss: .meanSquaredError)
    var numbers = Sequence(state: 4)
    try train(golden("shared_batch_normalization"), model) { _ in
      let inputs = try ["left": numbers.numbers(examples, 3), "right": numbers.numbers(examples, 3, scale: 3, plus: 1)]
      return try model.trainOnBatch(Dataset(inputs: inputs, targets: ["last": numbers.numbers(examples, 2)]))
    }
  }

  @Test("A generator trained through a discriminator that stays, and is trained alone in between")
  func frozenInside() throws {
    let golden = try golden("frozen_inside")
    let (picture, noise) = (Input([4], name: "picture"), Input([3], name: "noise"))
    let x = BatchNormalization(momentum: 0.9, name: "norm")(Dense(5, activation: .tanh, name: "look")(picture))
    let discriminator = try Model(
      inputs: [picture], outputs: [Dense(1, activation: .sigmoid, name: "judge")(x)], name: "discriminator")
    let generated = Dense(4, name: "draw")(Dense(5, activation: .tanh, name: "think")(noise))
    let gan = try Model(inputs: [noise], outputs: [discriminator(generated)], name: "gan")
    let generator = try gan.truncated(after: "draw")
    try gan.freeze("discriminator")
    try discriminator.compile(optimizer: .adam(learningRate: 0.001), loss: .binaryCrossentropy)
    try gan.compile(optimizer: .adamW(learningRate: 0.001, weightDecay: 0.1), loss: .binaryCrossentropy)
    let ones = try Tensor(shape: [examples, 1], [Float](repeating: 1, count: examples))
    let both = try Tensor(shape: [2 * examples, 1], (0..<2 * examples).map { $0 < examples ? 1 : 0 })
    var (numbers, alone) = (Sequence(state: 5), [Logs]())
    // Keras names a weight by its layer alone, also within a model that was called.
    let prefixed = Golden(
      before: named(golden.before), after: named(golden.after), logs: golden.logs, logsAlone: nil)
    try train(prefixed, gan) { _ in
      let real = try numbers.numbers(examples, 4, plus: 1)
      let drawn = try generator.predict(numbers.numbers(examples, 3))
      alone.append(
        try discriminator.trainOnBatch(
          Dataset(inputs: Tensor(shape: [2 * examples, 4], real.floats + drawn.floats), targets: both)))
      return try gan.trainOnBatch(Dataset(inputs: numbers.numbers(examples, 3), targets: ones))
    }
    try compare(alone, #require(golden.logsAlone))
  }

  private func named(_ weights: [String: GoldenArray]) -> [String: GoldenArray] {
    Dictionary(
      uniqueKeysWithValues: weights.map { name, array in
        let isInside = ["look", "norm", "judge"].contains { name.hasPrefix($0 + "/") }
        return (isInside ? "discriminator/\(name)" : name, array)
      })
  }
}
