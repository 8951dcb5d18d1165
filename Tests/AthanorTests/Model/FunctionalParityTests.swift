import Athanor
import Testing

/// Models that are no chains, trained for 100 steps from the same weights and batches as the real Keras.
@Suite("Functional models beside Keras")
struct FunctionalParityTests {
  private static let all = Result { try goldens("functional", as: [String: TrainingGolden].self) }
  private let examples = 8

  private func golden(_ name: String) throws -> TrainingGolden {
    try #require(try FunctionalParityTests.all.get()[name])
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
    var numbers = NumberSequence(state: 2)
    try golden.compare(model) { _ in
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
    var numbers = NumberSequence(state: 3)
    try golden("siamese").compare(model) { _ in
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
    var numbers = NumberSequence(state: 4)
    try golden("shared_batch_normalization").compare(model) { _ in
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
    var (numbers, alone) = (NumberSequence(state: 5), [Logs]())
    // Keras names a weight by its layer alone, also within a model that was called.
    let prefixed = TrainingGolden(
      before: named(golden.before), after: named(golden.after), logs: golden.logs, logsAlone: nil,
      evaluation: nil)
    try prefixed.compare(gan) { _ in
      let real = try numbers.numbers(examples, 4, plus: 1)
      let drawn = try generator.predict(numbers.numbers(examples, 3))
      alone.append(
        try discriminator.trainOnBatch(
          Dataset(inputs: Tensor(shape: [2 * examples, 4], real.floats + drawn.floats), targets: both)))
      return try gan.trainOnBatch(Dataset(inputs: numbers.numbers(examples, 3), targets: ones))
    }
    try golden.compare(alone, #require(golden.logsAlone))
  }

  private func named(_ weights: [String: GoldenArray]) -> [String: GoldenArray] {
    Dictionary(
      uniqueKeysWithValues: weights.map { name, array in
        let isInside = ["look", "norm", "judge"].contains { name.hasPrefix($0 + "/") }
        return (isInside ? "discriminator/\(name)" : name, array)
      })
  }
}
