import Athanor
import AthanorCore
import Foundation
import Testing

/// Pictures that are given one batch after another, without a number of examples; the batch `broken` cannot be read.
private struct Pictures: DataSource {
  let data: Dataset
  var broken: Int?
  let count = Count()
  var ports: DataPorts { data.ports }

  /// How many batches were asked for.
  final class Count { var batches = 0 }

  func cursor(_ pass: DataPass) -> any DataCursor { Cursor(data.cursor(pass), broken, count) }

  private final class Cursor: DataCursor {
    let cursor: any DataCursor
    let broken: Int?
    let count: Count
    init(_ cursor: any DataCursor, _ broken: Int?, _ count: Count) {
      (self.cursor, self.broken, self.count) = (cursor, broken, count)
    }
    func fill(_ batch: Batch) throws -> Int {
      count.batches += 1
      if count.batches == broken {
        throw AthanorError(.data, at: "picture 7", "it cannot be read", fix: "Mend it.")
      }
      return try cursor.fill(batch)
    }
    var position: [String: Int]? { cursor.position }
    func move(to position: [String: Int]) throws { try cursor.move(to: position) }
  }
}

@Suite("Random layers that run ahead of a training step")
struct BatchPreparationTests {
  private func model(threads: Int) throws -> Model {
    let model = try Sequential(input: [6, 6, 1], seed: 4, threads: threads) {
      RandomFlip()
      RandomRotation(0.1)
      RandomContrast(0.3)
      Conv2D(3, kernelSize: 3, activation: .relu, name: "conv")
      Flatten()
      Dropout(0.2)
      Dense(3, activation: .softmax)
    }
    try model.compile(
      optimizer: .adam(learningRate: 0.01), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    return model
  }

  private func pictures(_ count: Int) throws -> Dataset {
    let bytes = (0..<count * 36).map { UInt8(truncatingIfNeeded: ($0 * 37) ^ ($0 >> 3)) }
    return try Dataset(
      inputs: Tensor(shape: [count, 6, 6, 1], bytes: bytes),
      targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 % 3) }))
  }

  private func split(_ model: Model) throws -> SplitGraph? {
    var feed = model.network.plainFeed(examples: 4)
    feed.targets = [Feed.Target(dtype: .int32, exampleShape: [])]
    let plan = try model.workspace(.train, feed).plan
    return try SplitGraph(plan.graph, inputs: [Slot.input(0).key], name: { "cut\($0)" })
  }

  private func randomOrigins(_ graph: Graph) -> [String] {
    var origins: [String] = []
    for node in graph.nodes where node.op is any RandomOp && origins.last != node.origin { origins.append(node.origin) }
    return origins
  }

  @Test("A training's graph is cut behind the last random layer before a weight; what needs no input stays")
  func cut() throws {
    let split = try #require(try split(model(threads: 1)))
    #expect(randomOrigins(split.preparation) == ["random_flip", "random_rotation", "random_contrast"])
    #expect(randomOrigins(split.step) == ["dropout"])
    #expect(split.preparation.sources.keys.map { "\($0)" } == ["input(\"input0\")"])
    #expect(split.preparation.results.map { "\($0.result)" } == ["output(\"cut0\")"])
    #expect(split.step.sources[.input("input0")] == nil && split.step.sources[.input("cut0")] != nil)
    #expect(split.step.sources[.input("target0")] != nil)
  }

  @Test("Networks without random layers before their weights are not cut")
  func whole() throws {
    let model = try Sequential(input: [6, 6, 1], seed: 4, threads: 2) {
      Rescaling(2)
      Flatten()
      Dense(4)
      GaussianNoise(0.1)
      Dropout(0.5)
      Dense(3, activation: .softmax)
    }
    try model.compile(optimizer: .sgd(), loss: .sparseCategoricalCrossentropy)
    #expect(try split(model) == nil)
  }

  @Test("The weights are those of one thread, which computes all in its order", arguments: [2, 3, 5])
  func sameBits(threads: Int) throws {
    func run(_ threads: Int) throws -> ([Logs], [[UInt32]]) {
      let model = try model(threads: threads)
      let data = try pictures(34)
      var logs: [Logs] = []
      // Steps of other calls draw numbers too, and a layer that is frozen is another graph.
      let between = ClosureCallback(batchDidEnd: { batch, figures, context in
        logs.append(figures)
        if batch == 2 { try context.model.trainOnBatch(data.slice(0..<5)) }
        if batch == 3, context.model.progress.epoch == 1 { try context.model.freeze("conv") }
      })
      try model.fit(
        data, epochs: 3, batchSize: 8, validation: pictures(9), classWeights: [1: 2], callbacks: [between],
        verbose: .silent)
      try model.fit(
        Pictures(data: data), epochs: 3, batchSize: 8, stepsPerEpoch: 3, callbacks: [between], verbose: .silent)
      return (logs, weightBits(model))
    }
    let (alone, together) = (try run(1), try run(threads))
    #expect(alone.0 == together.0)
    #expect(alone.1 == together.1)
  }

  @Test("A training that was stopped goes on to the bit, though a batch was read ahead")
  func resume() throws {
    let data = Pictures(data: try pictures(34))
    let whole = try model(threads: 2)
    try whole.fit(data, epochs: 3, batchSize: 8, verbose: .silent)
    let stopped = try model(threads: 2)
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in
      if context.model.progress.epoch == 1, batch == 2 { context.stopTraining = true }
    })
    try stopped.fit(data, epochs: 3, batchSize: 8, callbacks: [stop], verbose: .silent)
    let folder = try TemporaryFolder()
    try stopped.save(to: folder.path("stopped.safetensors"))
    let resumed = try Model(contentsOf: folder.path("stopped.safetensors"), threads: 2)
    try resumed.fit(data, epochs: 3, batchSize: 8, verbose: .silent, resume: true)
    #expect(weightBits(resumed) == weightBits(whole))
  }

  @Test("One batch is read ahead of a step, but none beyond the epoch; with one thread none is")
  func readAhead() throws {
    for (threads, expected) in [(1, [1, 2, 3]), (2, [2, 3, 3])] {
      let source = Pictures(data: try pictures(24))
      var read: [Int] = []
      let watch = ClosureCallback(batchDidEnd: { _, _, _ in read.append(source.count.batches) })
      try model(threads: threads).fit(source, batchSize: 8, stepsPerEpoch: 3, callbacks: [watch], verbose: .silent)
      #expect(read == expected, "\(threads) threads")
    }
  }

  @Test("A batch that cannot be read is told when its step comes, behind the steps before")
  func errors() throws {
    for threads in [1, 2] {
      let model = try model(threads: threads)
      expectError("fit, epoch 1, batch 3: picture 7: it cannot be read. Mend it.") {
        try model.fit(Pictures(data: pictures(34), broken: 3), batchSize: 8, verbose: .silent)
      }
      #expect(model.step == 2)
    }
  }

  @Test("Pixels that are no numbers are found, whether or not their layers ran ahead")
  func notANumber() throws {
    var pixels = [Float](repeating: 0.5, count: 8 * 36)
    pixels[200] = .nan
    let data = try Dataset(
      inputs: Tensor(shape: [8, 6, 6, 1], pixels), targets: Tensor(shape: [8], integers: [0, 1, 2, 0, 1, 2, 0, 1]))
    for (threads, origin) in [
      (1, "the batch itself (input)"), (2, "the batch itself, or what random layers made of it"),
    ] {
      let text = errorText { try model(threads: threads).fit(data, batchSize: 8, verbose: .silent) }
      #expect(text.contains("a number became NaN or infinite, first in \(origin); the weights"), "\(text)")
    }
  }
}
