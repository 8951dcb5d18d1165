import Athanor
import Foundation
import Testing

/// A stream of numbered examples that tells what is read of it.
private final class Stream: DataSource {
  let count: Int
  let isMovable: Bool
  let exampleCount: Int?
  var ports = DataPorts(
    inputs: [Port(lengths: [.batch, 3])], targets: [Port(dtype: .int32, lengths: [.batch])],
    sampleWeights: [Port(lengths: [.batch])])
  /// What stands in place of an example's class.
  var classOf: (Int) -> Int32 = { Int32($0 % 3) }
  var weightOf: (Int) -> Float = { 0.5 + Float($0 % 2) }
  /// The passes, and the number of examples that were read.
  var passes: [Int] = []
  var examplesRead = 0

  init(_ count: Int, isMovable: Bool = true, exampleCount: Int? = nil) {
    self.count = count
    self.isMovable = isMovable
    self.exampleCount = exampleCount
  }

  func cursor(_ pass: DataPass) -> any DataCursor {
    passes.append(pass.number)
    return isMovable ? MovableCursor(self) : Cursor(self)
  }

  static func input(_ example: Int) -> [Float] { (0..<3).map { Float((example * 7 + $0 * 5) % 11) / 11 - 0.5 } }

  /// The same examples in memory.
  func inMemory() throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [count, 3], (0..<count).flatMap(Stream.input)),
      targets: Tensor(shape: [count], integers: (0..<count).map(classOf)),
      sampleWeights: (0..<count).map(weightOf))
  }

  class Cursor: DataCursor {
    let stream: Stream
    var next = 0

    init(_ stream: Stream) { self.stream = stream }

    func fill(_ batch: Batch) throws -> Int {
      let count = min(batch.capacity, stream.count - next)
      for place in 0..<count {
        try batch.set(.input, place, to: Stream.input(next))
        try batch.set(.target, place, to: [stream.classOf(next)])
        try batch.set(.sampleWeights, place, to: [stream.weightOf(next)])
        next += 1
      }
      stream.examplesRead += count
      return count
    }

    var position: [String: Int]? { nil }
    func move(to position: [String: Int]) throws { Issue.record("it cannot be moved") }
  }

  final class MovableCursor: Cursor {
    override var position: [String: Int]? { ["next": next] }
    override func move(to position: [String: Int]) throws { next = position["next"] ?? 0 }
  }
}

/// A source of which a test fills the batches.
private struct ClosureSource: DataSource {
  let ports: DataPorts
  let fill: (Batch, Int) throws -> Int

  func cursor(_ pass: DataPass) -> any DataCursor { Cursor(fill: fill) }

  final class Cursor: DataCursor {
    let fill: (Batch, Int) throws -> Int
    var batches = 0
    init(fill: @escaping (Batch, Int) throws -> Int) { self.fill = fill }
    func fill(_ batch: Batch) throws -> Int {
      batches += 1
      return try fill(batch, batches)
    }
  }
}

/// Collects the number of batches that callbacks see at the beginning of an epoch.
private final class CountWatch: Callback {
  var counts: [Int?] = []
  func epochDidBegin(_ epoch: Int, _ context: TrainingContext) throws { counts.append(context.batchesPerEpoch) }
}

@Suite("Data sources")
struct DataSourceTests {
  private func model(threads: Int = 1) throws -> Model {
    let model = try Sequential(input: [3], seed: 5, threads: threads) {
      Dense(4, activation: .tanh)
      Dropout(0.2)
      Dense(3, activation: .softmax)
    }
    try model.compile(
      optimizer: .adam(learningRate: 0.01), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    return model
  }

  private func figures(_ history: History) -> [Logs] { history.epochs.map(\.logs) }

  @Test(
    "A stream trains, validates, evaluates and predicts to the bits of the same data in memory", arguments: [nil, 20])
  func sameBits(_ exampleCount: Int?) throws {
    let stream = Stream(20, exampleCount: exampleCount)
    let (streamed, inMemory) = (try model(), try model())
    let first = try streamed.fit(stream, epochs: 3, batchSize: 6, validation: Stream(7), verbose: .silent)
    let second = try inMemory.fit(
      stream.inMemory(), epochs: 3, batchSize: 6, validation: Stream(7).inMemory(), shuffle: false, verbose: .silent)
    #expect(figures(first) == figures(second))
    #expect(first.epochs.count == 3 && first["val_accuracy"].allSatisfy { $0.isFinite })
    #expect(weightBits(streamed) == weightBits(inMemory))
    #expect(stream.passes == [1, 2, 3])
    #expect(try streamed.evaluate(stream, batchSize: 6) == inMemory.evaluate(stream.inMemory(), batchSize: 6))
    #expect(
      try streamed.evaluate(stream, batchSize: 6, steps: 2) == inMemory.evaluate(Stream(12).inMemory(), batchSize: 6))
    let predicted = try streamed.predict(stream, batchSize: 6)
    #expect(predicted == (try inMemory.predict(stream.inMemory())) && predicted.shape == [20, 3])
    #expect(try streamed.predict(stream, batchSize: 6, steps: 1).shape == [6, 3])
  }

  @Test(
    "A training that was stopped goes on where the stream stood", arguments: [true, false],
    [(1, 2, nil), (2, 4, nil), (2, 1, 3)] as [(Int, Int, Int?)])
  func resume(_ isMovable: Bool, _ place: (epoch: Int, batch: Int, steps: Int?)) throws {
    func fit(_ model: Model, _ stream: Stream, _ callbacks: [any Callback] = [], resume: Bool = false) throws -> History
    {
      try model.fit(
        stream, epochs: 4, batchSize: 6, stepsPerEpoch: place.steps, callbacks: callbacks, verbose: .silent,
        resume: resume)
    }
    let whole = try model()
    let history = try fit(whole, Stream(20, isMovable: isMovable))
    let interrupted = try model()
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in
      if context.model.progress.epoch + 1 == place.epoch, batch == place.batch { context.stopTraining = true }
    })
    _ = try fit(interrupted, Stream(20, isMovable: isMovable), [stop])
    let folder = try TemporaryFolder()
    try interrupted.save(to: folder.path("stopped.safetensors"))
    let resumed = try Model(contentsOf: folder.path("stopped.safetensors"))
    let stream = Stream(20, isMovable: isMovable)
    let done = resumed.progress.batch * 6
    let rest = try fit(resumed, stream, resume: true)
    #expect(figures(rest) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
    // Four batches of 20 examples in a pass; with three steps in an epoch the second epoch begins with the last of them.
    if place.steps == nil {
      let rest = 20 - min(done, 20) + 20 * (4 - place.epoch)
      #expect(stream.examplesRead == rest + (isMovable ? 0 : min(done, 20)))
    } else {
      #expect(history.epochs.count == 4 && whole.step == 3 + 1 + 3 + 1)
    }
  }

  @Test("stepsPerEpoch cuts a stream; an epoch ends early where a pass does")
  func stepsPerEpoch() throws {
    let stream = Stream(20)
    let model = try model()
    let output = Output()
    output.listen(to: model)
    var batches: [Int] = []
    let watch = ClosureCallback(
      batchDidEnd: { batch, _, context in
        #expect(context.batchesPerEpoch == 3)
        batches.append(batch)
      })
    try model.fit(stream, epochs: 3, batchSize: 6, stepsPerEpoch: 3, callbacks: [watch], verbose: .line)
    #expect(batches == [1, 2, 3, 1, 1, 2, 3])
    #expect(stream.passes == [1, 2])
    let lines = output.text.split(separator: "\n").map { $0.prefix(while: { $0 != "-" }) }
    #expect(
      lines == [
        "Epoch 1/3", "3/3 ", "Epoch 2/3", "The data ended after 1 of the 3 batches of epoch 2", "1/1 ", "Epoch 3/3",
        "3/3 ",
      ])
    let even = Stream(12)
    try model.fit(even, epochs: 3, batchSize: 6, stepsPerEpoch: 2, verbose: .silent)
    #expect(even.passes == [1, 2, 3])
    try model.fit(Stream(12).inMemory(), epochs: 2, batchSize: 6, stepsPerEpoch: 1, verbose: .silent)
    let source = try #require(model.progress.source)
    #expect(source.pass == 1 && source.batches == 2 && source.position == ["batch": 2])
  }

  @Test("Callbacks learn the number of batches from the first epoch; files are saved at the same places")
  func unknownCount() throws {
    let model = try model()
    let watch = CountWatch()
    let folder = try TemporaryFolder()
    let saver = ModelCheckpoint(folder.path("{epoch}-{batch}.safetensors"), everyBatches: 3)
    try model.fit(Stream(20), epochs: 3, batchSize: 6, callbacks: [watch, saver], verbose: .silent)
    #expect(watch.counts == [nil, 4, 4])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
    #expect(names == ["1-3.safetensors", "2-2.safetensors", "3-1.safetensors", "3-4.safetensors"])
    let resumed = try Model(contentsOf: folder.path("2-2.safetensors"))
    watch.counts = []
    try resumed.fit(Stream(20), epochs: 3, batchSize: 6, callbacks: [watch], verbose: .silent, resume: true)
    #expect(watch.counts == [4] && weightBits(resumed) == weightBits(model))
  }

  @Test("An epoch of unknown length is printed without a total, as in Keras")
  func printing() {
    var text = ""
    var logs = Logs()
    logs["loss"] = 1.5
    let printer = ProgressPrinter(.bar, isTerminal: true, write: { text += $0 }, columns: { nil })
    printer.beginEpoch(1, of: 2, batches: nil)
    printer.batch(1, logs, 0.2)
    printer.batch(12, logs, 2.4)
    printer.endEpoch(logs, 2.4, batches: 12)
    printer.beginEpoch(2, of: 2, batches: 12)
    printer.batch(6, logs, 0.6)
    printer.endEpoch(logs, 1.3, batches: 13)
    let expected = """
      Epoch 1/2
      <      1/Unknown 0s 200ms/step - loss: 1.5000\
      <     12/Unknown 2s 200ms/step - loss: 1.5000\
      <12/12 ━━━━━━━━━━━━━━━━━━━━ 2s 200ms/step - loss: 1.5000
      Epoch 2/2
      < 6/12 ━━━━━━━━━━────────── 0s 100ms/step - loss: 1.5000\
      <13/13 ━━━━━━━━━━━━━━━━━━━━ 1s 100ms/step - loss: 1.5000

      """
    #expect(text.replacing("\r", with: "<") == expected)
  }

  @Test("Shares of a data set are its batches, one after the other", arguments: [1, 2, 3, 5])
  func shares(_ count: Int) throws {
    let data = try Stream(20).inMemory()
    func batches(_ share: Int, of shareCount: Int) throws -> [[Float]] {
      let cursor = data.cursor(
        try DataPass(number: 2, seed: 9, shuffle: true, batchSize: 3, share: share, shareCount: shareCount))
      let batch = try Batch(data.ports, capacity: 3)
      var result: [[Float]] = []
      while case let count = try cursor.fill(batch), count > 0 {
        result.append(try batch.withElements(.input, as: Float.self) { Array($0[..<(count * 3)]) })
        let moved = data.cursor(
          try DataPass(number: 2, seed: 9, shuffle: true, batchSize: 3, share: share, shareCount: shareCount))
        try moved.move(to: #require(cursor.position))
        #expect(moved.position == cursor.position)
      }
      return result
    }
    let whole = try batches(0, of: 1)
    #expect(whole.map(\.count) == [9, 9, 9, 9, 9, 9, 6] && Set(whole.flatMap { $0 }).count > 5)
    var parts = try (0..<count).map { try batches($0, of: count)[...] }
    var joined: [[Float]] = []
    for place in whole.indices {
      let next = parts[place % count].popFirst()
      joined.append(try #require(next))
    }
    #expect(joined == whole && parts.allSatisfy(\.isEmpty))
  }

  @Test("Open lengths differ from batch to batch")
  func openLengths() throws {
    let x = Input([nil, 2])
    let model = try Model(inputs: [x], outputs: [Dense(1)(x)])
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    func source(_ steps: @escaping (Int) -> Int) -> ClosureSource {
      ClosureSource(
        ports: DataPorts(
          inputs: [Port(lengths: [.batch, .open("T"), 2])], targets: [Port(lengths: [.batch, .open("T"), 1])])
      ) { batch, number in
        guard number <= 3 else { return 0 }
        try batch.setLength("T", steps(number))
        try batch.withElements(.input, as: Float.self) { $0.update(repeating: Float(number)) }
        try batch.withElements(.target, as: Float.self) { $0.update(repeating: 1) }
        return 2
      }
    }
    let history = try model.fit(source { $0 * 2 }, epochs: 2, batchSize: 2, verbose: .silent)
    #expect(try #require(history["loss"].last) < history["loss"][0])
    #expect(try model.predict(source { _ in 4 }, batchSize: 2).shape == [6, 4, 1])
    expectError(
      "predict: output \"dense\" has shape (2, 4, 1) for a batch but (2, 2, 1) for the one before. Predict batches of one length, or one batch at a time."
    ) { try model.predict(source { $0 * 2 }, batchSize: 2) }
  }

  @Test("Elements are brought into the model's types")
  func conversions() throws {
    let model = try Sequential(input: [2], threads: 1) { Dense(1) }
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let source = ClosureSource(
      ports: DataPorts(
        inputs: [Port(dtype: .float64, lengths: [.batch, 2])], targets: [Port(dtype: .uint8, lengths: [.batch, 1])])
    ) { batch, number in
      try batch.set(.input, 0, to: [0.25, -0.5])
      try batch.set(.target, 0, to: [UInt8(3)])
      return number == 1 ? 1 : 0
    }
    let data = try Dataset(inputs: Tensor(shape: [1, 2], [0.25, -0.5]), targets: Tensor(shape: [1, 1], [3]))
    #expect(try model.evaluate(source) == model.evaluate(data))
  }

  @Test("Errors name the batch")
  func errors() throws {
    let model = try model()
    let before = weightBits(model)
    func refuse(_ source: any DataSource, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      expectError(text, sourceLocation: sourceLocation) {
        try model.fit(source, epochs: 1, batchSize: 4, verbose: .silent)
      }
    }
    let stream = Stream(9)
    stream.classOf = { $0 == 2 ? 3 : 0 }
    refuse(
      stream,
      "fit, epoch 1, batch 1: example 2 is of class 3 but the model's 3 outputs are classes 0 to 2. Give the last layer as many units as there are classes, and number classes from 0."
    )
    stream.classOf = { _ in 0 }
    stream.weightOf = { $0 == 3 ? -1 : 1 }
    refuse(
      stream, "fit, epoch 1, batch 1: a sample weight of example 3 is -1.0 but must be zero or more and finite.")
    stream.ports.inputs = [Port(name: "x", lengths: [.batch, 3])]
    refuse(stream, "fit: input \"x\" is given, which the model does not have. It has input_layer.")
    stream.ports.inputs = [Port(lengths: [.batch, .open("T")])]
    refuse(
      stream,
      "fit: inputs have shape (None, None) but the model needs (examples, 3). Resize the data, or define the model with input: [nil]."
    )
    stream.ports.inputs = [Port(lengths: [.batch, 3]), Port(lengths: [.batch, 3])]
    refuse(stream, "data source: input \"\" is declared twice. Declare each array once.")
    stream.ports.inputs = [Port(dtype: .uint8, lengths: [.batch, 3])]
    refuse(
      stream,
      "fit, epoch 1, batch 1: input has elements of type uint8, not float32. Fill it with elements of the type that the data source declares."
    )
    refuse(Stream(0), "fit, epoch 1, batch 1: the data source gave no examples. Check the folder or file it reads.")
    let ports = DataPorts(inputs: [Port(lengths: [.batch, 3])], targets: [Port(dtype: .int32, lengths: [.batch])])
    refuse(
      ClosureSource(ports: ports) { _, _ in 5 },
      "fit, epoch 1, batch 1: the data source filled 5 examples of a batch of 4. DataCursor.fill returns the number of examples that it has written, at most batch.capacity."
    )
    refuse(
      ClosureSource(ports: ports) { batch, _ in
        try batch.set(.input, 1, to: [Float(1), 2])
        return 1
      },
      "fit, epoch 1, batch 1: 2 elements are set for example 1 of input. An example has 3 elements, and the batch 4 examples, counted from 0."
    )
    refuse(
      ClosureSource(ports: ports) { batch, _ in
        try batch.set(.mask, 0, to: [Float(1)])
        return 1
      },
      "fit, epoch 1, batch 1: there is no mask in the batch. The data source declares input, target.")
    refuse(
      ClosureSource(ports: ports) { batch, _ in
        try batch.setLength("T", 3)
        return 1
      },
      "fit, epoch 1, batch 1: open length \"T\" is set to 3. The data source declares no open lengths.")
    refuse(
      ClosureSource(
        ports: DataPorts(
          inputs: ports.inputs, targets: ports.targets, sampleWeights: [Port(lengths: [.batch, .open("T")])])
      ) { _, _ in 1 },
      "fit, epoch 1, batch 1: open length \"T\" of sample weights is not set. Call batch.setLength in fill.")
    refuse(
      ClosureSource(ports: DataPorts(inputs: [Port(lengths: [3, .batch])])) { _, _ in 1 },
      "fit: inputs have shape (None, None) but the model needs (examples, 3). Resize the data, or define the model with input: [nil]."
    )
    expectError(
      "fit: validationSplit is 0.5, but the data source is no data set in memory. Give validation: a source of its own."
    ) { try model.fit(Stream(9), validationSplit: 0.5, verbose: .silent) }
    expectError(
      "fit: stepsPerEpoch is 0 and validationSteps nil. Both must be at least 1, or nil for all batches."
    ) { try model.fit(Stream(9), stepsPerEpoch: 0) }
    expectError("evaluate: steps is 0 but must be at least 1, or nil for all batches.") {
      try model.evaluate(Stream(9), steps: 0)
    }
    expectError(
      "DataPass: number is 0, batchSize 1 and share 2 of 2. number, batchSize and shareCount must be at least 1, and share at least 0 and below shareCount."
    ) { try DataPass(number: 0, batchSize: 1, share: 2, shareCount: 2) }
    #expect(weightBits(model) == before)
  }

  @Test("Resuming with a stream that is shorter, or cannot go on, is refused")
  func shorter() throws {
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in context.stopTraining = batch == 3 })
    let model = try model()
    try model.fit(Stream(20), epochs: 1, batchSize: 6, callbacks: [stop], verbose: .silent)
    expectError(
      "fit: the checkpoint is at batch 3 of an epoch that now has 2. Resume with the data and the batch size of the interrupted training."
    ) { try model.fit(Stream(12).inMemory(), batchSize: 6, verbose: .silent, resume: true) }
    expectError(
      "fit, epoch 1, batch 4: the checkpoint is at position [\"next\": 18] of a data set of 4 batches. Resume with the data and the batch size of the interrupted training."
    ) { try model.fit(Stream(20).inMemory(), batchSize: 6, verbose: .silent, resume: true) }
    model.progress.source?.position = nil
    expectError(
      "fit: the checkpoint is behind batch 3 of the data source, which now ends after 1. Resume with the data and the batch size of the interrupted training."
    ) { try model.fit(Stream(5), batchSize: 6, verbose: .silent, resume: true) }
  }
}
