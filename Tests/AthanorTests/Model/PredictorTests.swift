import Athanor
import Foundation
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

  @Test(
    "64 callers of Chollet's network at once: the bits of one caller, in at most one workspace for each core and one more"
  )
  func manyCallers() async throws {
    let model = try NetworkTemplate.chollet.model(seed: 3)
    let inputs = try noise([9, 28, 28, 1])
    let predictor = try model.predictor()
    #expect(predictor.workspaceCount == 0)
    let expected = try predictor.predict(inputs, batchSize: 9)
    #expect(predictor.workspaceCount == 1)
    #expect(expected == (try model.predict(inputs, batchSize: 9)))
    let sizes = [1, 2, 4, 9]
    let results = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        // Threads, not tasks: there are fewer of those than callers.
        let results = Results()
        let threads = (0..<64).map { caller in
          let thread = Thread {
            results.add((0..<3).compactMap { try? predictor.predict(inputs, batchSize: sizes[(caller + $0) % 4]) })
          }
          thread.stackSize = 1 << 20
          return thread
        }
        for thread in threads { thread.start() }
        results.wait(for: 64)
        continuation.resume(returning: results.all)
      }
    }
    #expect(results.count == 192)
    #expect(results.allSatisfy { $0 == expected })
    #expect((2...Predictor.workspaceLimit).contains(predictor.workspaceCount))
  }

  /// What many threads have computed.
  private final class Results: @unchecked Sendable {  // `condition` guards what changes
    private let condition = NSCondition()
    private var tensors: [Tensor] = []
    private var finished = 0

    func add(_ results: [Tensor]) {
      condition.lock()
      tensors += results
      finished += 1
      condition.signal()
      condition.unlock()
    }

    func wait(for count: Int) {
      condition.lock()
      while finished < count { condition.wait() }
      condition.unlock()
    }

    var all: [Tensor] {
      condition.lock()
      defer { condition.unlock() }
      return tensors
    }
  }

  @Test("Several inputs and outputs by name, and a caller that fails gives its workspace back")
  func byName() throws {
    let (x, y) = (Input([nil, 3], name: "x"), Input([2], name: "y"))
    let model = try Model(inputs: [x, y], outputs: [Dense(2, name: "a")(x), Dense(1, name: "b")(y)])
    let predictor = try model.predictor()
    for length in [1, 9, 4] {
      let inputs = try ["x": noise([5, length, 3]), "y": noise([5, 2])]
      #expect(try predictor.predict(inputs, batchSize: 2) == model.predict(inputs))
    }
    for _ in 0..<2 * Predictor.workspaceLimit {
      expectError("predict: input \"y\" is missing; there is x. Give one tensor for each of x, y.") {
        try predictor.predict(["x": noise([5, 2, 3])])
      }
    }
    #expect(predictor.workspaceCount == 1)
  }
}
