import Athanor
import Testing

/// Whole trainings beside those of Keras: convolution, batch normalization, Adam, uneven last batches, validation.
@Suite("fit beside Keras")
struct FitGoldenTests {
  struct Golden: Decodable {
    let x: GoldenArray
    let y: GoldenArray
    let vx: GoldenArray
    let vy: GoldenArray
    let weights: GoldenArray
    let before: [String: GoldenArray]
    let history: [String: GoldenArray]
    let after: [String: GoldenArray]
  }

  @Test("History and final weights", arguments: ["plain", "class_weights", "sample_weights"])
  func parity(_ name: String) throws {
    let golden = try #require(try goldens("fit", as: [String: Golden].self)[name])
    let model = try Sequential(input: [6, 5, 2]) {
      Conv2D(3, kernelSize: 3, padding: .same, activation: .relu)
      BatchNormalization(momentum: 0.8)
      MaxPooling2D(2)
      Flatten()
      Dense(4, activation: .softmax)
    }
    try model.setWeights(golden.before.mapValues { try $0.tensor })
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    let history = try model.fit(
      Dataset(
        inputs: golden.x.tensor, targets: golden.y.integers,
        sampleWeights: name == "sample_weights" ? golden.weights.floats : nil),
      epochs: 3, batchSize: 4, validation: Dataset(inputs: golden.vx.tensor, targets: golden.vy.integers),
      shuffle: false,
      classWeights: name == "class_weights" ? [0: 0.5, 1: 2, 2: 1.5, 3: 0] : [:], verbose: .silent)
    #expect(golden.history.count == 4)
    for (figure, expected) in golden.history {
      expectClose(history[figure].map { Float($0) }, expected.values, within: 2e-5, figure)
    }
    #expect(golden.after.count == model.weights.count)
    for weight in model.weights {
      expectClose(weight.tensor.floats, try #require(golden.after[weight.name]).values, within: 1e-4, weight.name)
    }
  }

  @Test("Rows of probabilities and class numbers train alike, also with class weights")
  func rowsAndClasses() throws {
    let golden = try #require(try goldens("fit", as: [String: Golden].self)["class_weights"])
    func train(_ targets: Tensor, _ loss: Loss) throws -> Model {
      let model = try Sequential(input: [6, 5, 2], seed: 4) {
        Flatten()
        Dense(4, activation: .softmax)
      }
      try model.compile(optimizer: .adam(), loss: loss)
      try model.fit(
        Dataset(inputs: golden.x.tensor, targets: targets), epochs: 2, batchSize: 4,
        classWeights: [0: 0.5, 1: 2, 2: 1.5, 3: 0], verbose: .silent)
      return model
    }
    let rows = golden.y.values.flatMap { label in (0..<4).map { Float(Double($0) == label ? 1 : 0) } }
    let byRow = try train(Tensor(shape: [11, 4], rows), .categoricalCrossentropy)
    let byClass = try train(golden.y.integers, .sparseCategoricalCrossentropy)
    for (left, right) in zip(byRow.weights, byClass.weights) {
      expectClose(left.tensor.floats, right.tensor.floats.map { Double($0) }, within: 1e-6, left.name)
    }
  }
}
