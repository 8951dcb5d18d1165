import Athanor
import Testing

@Suite("Predictor")
struct PredictorTests {
  private func model() throws -> Model {
    try Sequential(input: [9, 9, 1], seed: 5) {
      Conv2D(5, kernelSize: 3, activation: .relu)
      BatchNormalization()
      MaxPooling2D(2)
      Dropout(0.5)
      Flatten()
      Dense(4, activation: .softmax)
    }
  }

  @Test("Many tasks at once get what one after another gets")
  func concurrent() async throws {
    let model = try model()
    try model.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
    let batches = try (0..<24).map { try noise([1 + $0 % 5, 9, 9, 1], seed: UInt64($0)) }
    try model.fit(
      Dataset(inputs: batches[4], targets: Tensor(shape: [5], integers: [0, 1, 2, 3, 0])), verbose: .silent)
    let expected = try batches.map { try model.predict($0) }
    let predictor = try model.predictor()
    #expect(predictor.inputShape == [9, 9, 1])
    #expect(predictor.outputShape == [nil, 4])
    let results = try await withThrowingTaskGroup(of: (Int, Tensor).self) { group in
      for _ in 0..<3 {
        for (index, batch) in batches.enumerated() {
          group.addTask { (index, try predictor.predict(batch, batchSize: 1 + index % 3)) }
        }
      }
      var results: [(Int, Tensor)] = []
      for try await result in group { results.append(result) }
      return results
    }
    #expect(results.count == 72)
    for (index, result) in results { #expect(result == expected[index]) }
  }

  @Test("Training goes on without changing it")
  func immutable() throws {
    let model = try model()
    let inputs = try noise([3, 9, 9, 1])
    let predictor = try model.predictor()
    let before = try predictor.predict(inputs)
    #expect(before == (try model.predict(inputs)))
    try model.setWeights(["dense/bias": Tensor(shape: [4], [9, 0, 0, 0])])
    #expect(try predictor.predict(inputs) == before)
    #expect(try model.predict(inputs) != before)
    expectError(
      "predict: inputs have shape (3, 9, 9) but the model needs (examples, 9, 9, 1). The number of elements is right: make the tensor with shape [3, 9, 9, 1]."
    ) { try predictor.predict(noise([3, 9, 9])) }
  }
}
