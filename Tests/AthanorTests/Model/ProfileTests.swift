import Athanor
import Foundation
import Testing

@Suite("Profile")
struct ProfileTests {
  @Test("Training, evaluation and prediction are noted, operation by operation")
  func operations() throws {
    let model = try Sequential(input: [8, 8, 1], threads: 1) {
      Conv2D(4, kernelSize: 3, activation: .relu)
      Flatten()
      Dense(3, activation: .softmax)
    }
    try model.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
    let data = try Dataset(
      inputs: Tensor(shape: [6, 8, 8, 1], [Float](repeating: 0.5, count: 6 * 64)),
      targets: Tensor(shape: [6], integers: [0, 1, 2, 0, 1, 2]))
    let profile = Profile()
    model.profile = profile
    try model.fit(data, epochs: 2, batchSize: 3, verbose: 0)
    let step = try #require(profile.entries.first { $0.origin == "optimizer" })
    #expect(step.runs == 4)
    let forward = try #require(profile.entries.first { $0.origin == "conv2d" && $0.floatingPointOperations > 0 })
    // 3 images, 6 x 6 pixels, 3 x 3 x 1 products for each of 4 channels, 2 operations each, 4 batches.
    #expect(forward.floatingPointOperations == Double(3 * 36 * 9 * 4 * 2 * 4))
    #expect(forward.runs == 4 && forward.seconds > 0 && forward.bytes > 0)
    let runs = forward.runs
    _ = try model.predict(data)
    _ = try model.evaluate(data)
    #expect(profile.entries.first { $0.origin == "conv2d" && $0.operation == forward.operation }?.runs == runs + 2)

    let lines = profile.table().split(separator: "\n")
    #expect(lines.count == profile.entries.count + 2)
    #expect(lines[0].hasPrefix("Layer") && lines[0].hasSuffix("GB/s"))
    let trace = try #require(try JSONSerialization.jsonObject(with: Data(profile.chromeTrace().utf8)) as? [String: Any])
    let events = try #require(trace["traceEvents"] as? [[String: Any]])
    #expect(events.count == profile.entries.reduce(0) { $0 + $1.runs })
    #expect(events.allSatisfy { ($0["dur"] as? Double ?? -1) >= 0 })
  }

  @Test("Weights are the same with and without a profile")
  func sameNumbers() throws {
    func weights(_ profile: Profile?) throws -> [Float] {
      let model = try Sequential(input: [4], seed: 3, threads: 1) { Dense(2) }
      try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
      model.profile = profile
      let data = try Dataset(
        inputs: Tensor(shape: [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]), targets: Tensor(shape: [2, 2], [1, 0, 0, 1]))
      try model.fit(data, epochs: 3, batchSize: 1, verbose: 0)
      return model.weights.flatMap(\.tensor.floats)
    }
    #expect(try weights(nil) == weights(Profile()))
  }
}
