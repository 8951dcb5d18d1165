import Athanor
import Foundation
import Testing

/// A loss, a metric of three sums and an optimizer that no file can name.
enum Own {
  static let loss = Loss("cubic", targets: .numbers) { prediction, target in
    let distance = try abs(prediction - target)
    return try (distance * distance * distance).mean(axes: [1])
  }

  static let metric = Metric("spread", direction: .lower) { prediction, target in
    let distance = try prediction - target
    let square = try (distance * distance).sum(axes: [0, 1]).reshaped([1])
    return try concatenate([
      square, distance.sum(axes: [0, 1]).reshaped([1]), abs(distance).sum(axes: [0, 1]).reshaped([1]),
    ])
  } result: { totals, count in
    (totals[0] - totals[1] * totals[1] / count) / count + totals[2] * 1e-3
  }

  /// Steps along the sign of a trace of the gradients.
  struct Rule: OptimizerRule {
    var slotNames: [String] { ["trace", "age of /it"] }

    func apply(_ step: OptimizerStep) {
      for index in step.weights.indices {
        step.slots[0][index] = step.slots[0][index] * 0.7 + step.gradients[index]
        step.slots[1][index] += 1
        let trace = step.slots[0][index]
        step.weights[index] -= Float(step.learningRate) * (trace > 0 ? 1 : trace < 0 ? -1 : 0) / step.slots[1][index]
      }
    }

    func validate() throws {}
  }

  static let optimizer = Optimizer(Rule(), learningRate: .exponentialDecay(initial: 0.05, steps: 9, rate: 0.9))

  /// Ends a training as a crash would: nothing after it is run.
  final class Crash: Callback {
    struct Signal: Error {}
    let epoch: Int
    let batch: Int
    var savesModel: Bool { true }  // so that it comes behind the checkpoint

    init(_ epoch: Int, _ batch: Int) {
      self.epoch = epoch
      self.batch = batch
    }

    func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {
      if context.model.progress.epoch + 1 == epoch, batch == self.batch { throw Signal() }
    }

    func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
      if epoch == self.epoch, batch == 0 { throw Signal() }
    }
  }
}

@Suite("A training that only its program can describe goes on from its file with the same bits")
struct NativeResumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func model(threads: Int = 2) throws -> Model {
    let left = Input([6], name: "left"), right = Input([6], name: "right")
    let encode = SharedLayer(Dense(8, activation: .tanh, name: "encode"))
    var x = Concatenate()(encode(left), Dense(5, name: "still")(right))
    x = BatchNormalization()(NoisyScale(1.5)(x))
    let model = try Model(
      inputs: [left, right], outputs: [Dense(3)(x), Dense(2, name: "second")(encode(right))], seed: 12, threads: threads
    )
    try model.freeze("still")
    try compile(model)
    return model
  }

  private func compile(_ model: Model, metrics: [Metric] = [Own.metric], optimizer: Optimizer = Own.optimizer) throws {
    let outputs = model.outputs.map(\.name)
    try model.compile(
      optimizer: optimizer, losses: [outputs[0]: Own.loss, outputs[1]: .meanSquaredError],
      lossWeights: [outputs[1]: 0.3], metrics: [outputs[0]: metrics])
  }

  private func data(_ model: Model, _ count: Int, seed: UInt64) throws -> Dataset {
    let shapes = ["left": [count, 6], "right": [count, 6]]
    var targets: [String: Tensor] = [:]
    for port in model.outputs {
      targets[port.name] = try noise([count, port.exampleLengths[0].fixed ?? 0], seed: seed + 9)
    }
    return try Dataset(
      inputs: shapes.mapValues { try noise($0, seed: seed + UInt64($0[0])) }, targets: targets)
  }

  private func figures(_ history: History) -> [[UInt64]] {
    history.epochs.map { epoch in
      [UInt64(epoch.number), epoch.learningRate.bitPattern] + epoch.logs.entries.map(\.value.bitPattern)
    }
  }

  /// The greatest loss is called the best, so that the best epoch is an early one.
  private func stopping() -> EarlyStopping {
    EarlyStopping(monitor: .validationLoss, patience: 50, mode: .max, restoreBestWeights: true)
  }

  private func fit(_ model: Model, _ callbacks: [any Callback], resume: Bool = false) throws -> History {
    try model.fit(
      data(model, 31, seed: 2), epochs: 5, batchSize: 8, validation: data(model, 7, seed: 3), callbacks: callbacks,
      verbose: .silent, resume: resume)
  }

  private func load(_ name: String) throws -> Model {
    try Model(contentsOf: folder.path(name), threads: 3, custom: NativeModels.custom)
  }

  /// A file that a training left which crashed after a batch, or with batch 0 after an epoch.
  private func crashed(_ epoch: Int, _ batch: Int) throws -> String {
    let checkpoint = ModelCheckpoint(
      folder.path("part.safetensors"), monitor: .loss, everyBatches: batch == 0 ? nil : 1)
    let model = try model(threads: 1)
    #expect(throws: Own.Crash.Signal.self) { try fit(model, [stopping(), checkpoint, Own.Crash(epoch, batch)]) }
    return "part.safetensors"
  }

  @Test(
    "Own loss, metric, optimizer and layer, frozen and shared layers, and the best weights",
    arguments: [(3, 2), (2, 1), (1, 3), (4, 4), (2, 0), (1, 0), (5, 0)])
  func resume(_ place: (epoch: Int, batch: Int)) throws {
    let whole = try model()
    let best = stopping()
    let history = try fit(whole, [best])
    #expect(history.epochs.count == 5 && best.state["bestEpoch"] == 1)
    let last = try model()
    _ = try fit(last, [])
    #expect(weightBits(last) != weightBits(whole))  // the best weights were put back

    let path = try crashed(place.epoch, place.batch)
    let resumed = try load(path)
    #expect(resumed.training == nil && resumed.frozenLayers == ["still"])
    #expect(
      resumed.warnings == [
        "\(folder.path(path)), training.optimizer: \"Rule\" is known to the program alone that wrote it, so the model is not compiled. "
          + "Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the file stands."
      ])
    try compile(resumed)
    let stopping = stopping()
    let rest = try fit(resumed, [stopping], resume: true)
    #expect(figures(rest) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
    #expect(NativeModels.slotBits(resumed) == NativeModels.slotBits(whole))
    #expect(resumed.step == whole.step)
    #expect(stopping.state == best.state)
  }

  @Test("A file that was written when training had ended knows the best weights as well")
  func afterTheEnd() throws {
    let model = try model()
    _ = try fit(model, [stopping()])
    try model.save(to: folder.path("end.safetensors"))
    let names = try SafetensorsReader(folder.path("end.safetensors")).entries.keys
    #expect(!names.contains { $0.hasPrefix("callbacks/") })  // they are the model's
    let resumed = try load("end.safetensors")
    try compile(resumed)
    let (train, test) = (try data(model, 31, seed: 2), try data(model, 7, seed: 3))
    try resumed.fit(
      train, epochs: 6, batchSize: 8, validation: test, callbacks: [stopping()], verbose: .silent, resume: true)
    #expect(weightBits(resumed) == weightBits(model))
  }

  @Test("What the model is compiled with must fit the file; nothing changes until it does")
  func misfits() throws {
    let path = folder.path(try crashed(2, 2))
    let model = try load("part.safetensors")
    let before = weightBits(model)
    func refuse(_ text: String, _ compile: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) throws
    {
      try compile()
      expectError(text, sourceLocation: sourceLocation) { try fit(model, [], resume: true) }
      #expect(weightBits(model) == before && model.step == 0, sourceLocation: sourceLocation)
      #expect(
        NativeModels.slotBits(model).values.allSatisfy { $0.allSatisfy { $0 == 0 } }, sourceLocation: sourceLocation)
    }
    let remedy = "Compile with the optimizer of the interrupted training."
    try refuse(
      "\(path), optimizer: tensor \"optimizer/age of /it/batch_normalization/beta\" is left over for the optimizer that the model is "
        + "compiled with, which keeps momentum, velocity. \(remedy)"
    ) { try compile(model, optimizer: .adam()) }
    try refuse(
      "\(path), optimizer: tensor \"optimizer/age of /it/batch_normalization/beta\" is left over for the optimizer that the model is "
        + "compiled with, which keeps nothing. \(remedy)"
    ) { try compile(model, optimizer: .sgd()) }
    try refuse(
      "\(path), progress: the unfinished epoch has sums [1, 1, 1, 3] of losses and metrics but the model is compiled for "
        + "[1, 1, 1, 1]. Compile with the losses and metrics of the interrupted training."
    ) { try compile(model, metrics: [.loss(.meanAbsoluteError)]) }
    try compile(model)
    let whole = try self.model()
    _ = try fit(whole, [])
    _ = try fit(model, [], resume: true)
    #expect(weightBits(model) == weightBits(whole))
  }

  @Test("A slot that the optimizer needs and the file lacks")
  func missingSlot() throws {
    let model = try NativeModels.shared()
    try model.save(to: folder.path("a.safetensors"))
    let copy = try Model(contentsOf: folder.path("a.safetensors"), threads: 1, compiled: false)
    try copy.compile(optimizer: .adam(), loss: .binaryCrossentropy)
    expectError(
      "\(folder.path("a.safetensors")), optimizer: tensor \"optimizer/velocity/batch_normalization/beta\" is missing for the optimizer "
        + "that the model is compiled with, which keeps momentum, velocity. "
        + "Compile with the optimizer of the interrupted training."
    ) { try copy.fit(NativeModels.data(copy, 4), verbose: .silent, resume: true) }
  }

  @Test("Whoever trains anew has nothing to go on with but the new training")
  func anew() throws {
    let model = try load(try crashed(2, 2))
    try compile(model)
    let train = try data(model, 31, seed: 2)
    try model.fit(train, epochs: 1, batchSize: 8, verbose: .silent)
    #expect(model.step == 4 && model.pendingState == nil)
    try model.fit(train, epochs: 2, batchSize: 8, verbose: .silent, resume: true)
    #expect(model.step == 8 && model.history.epochs.count == 2)
  }
}
