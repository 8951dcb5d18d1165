import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("A training that was stopped goes on from its file as if it had not been")
struct ResumeTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func model(threads: Int = 2) throws -> Model {
    let model = try Sequential(input: [9, 8, 2], name: "net", seed: 31, threads: threads) {
      Conv2D(5, kernelSize: 3, activation: .relu)
      BatchNormalization()
      MaxPooling2D(2)
      Dropout(0.3)
      Flatten()
      Dense(7, activation: .elu(alpha: 0.6))
      Dropout(0.5)
      Dense(4, activation: .softmax)
    }
    try model.compile(
      optimizer: .adam(learningRate: .constant(1 / 300), clipping: .globalNorm(1.1)),
      loss: .sparseCategoricalCrossentropy,
      metrics: [.accuracy, .topKAccuracy(2)])
    return model
  }

  private func data(_ count: Int, seed: UInt64) throws -> Dataset {
    try Dataset(
      inputs: noise([count, 9, 8, 2], seed: seed),
      targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 * 7 % 4) }))
  }

  /// Ends a training after a batch, or with batch 0 after an epoch.
  private final class Stop: Callback {
    let epoch: Int
    let batch: Int
    init(_ epoch: Int, _ batch: Int) {
      self.epoch = epoch
      self.batch = batch
    }
    func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {
      if context.model.progress.epoch + 1 == epoch, batch == self.batch { context.stopTraining = true }
    }
    func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
      if epoch == self.epoch, batch == 0 { context.stopTraining = true }
    }
  }

  private func callbacks(_ checkpoint: ModelCheckpoint) -> [any Callback] {
    [
      EarlyStopping(monitor: .validationLoss, minDelta: 0.001, patience: 5),
      ReduceLROnPlateau(monitor: .loss, factor: 0.3, patience: 1, minDelta: 0.2), checkpoint,
    ]
  }

  /// Everything of a history but the time it took.
  private func figures(_ history: History) -> [[UInt64]] {
    history.epochs.map { epoch in
      [UInt64(epoch.number), epoch.learningRate.bitPattern] + epoch.logs.entries.map(\.value.bitPattern)
    }
  }

  @Test(
    "Weights, the optimizer's state, history and callbacks are the same bits",
    arguments: [(2, 3), (1, 1), (3, 4), (2, 0), (1, 0)])
  func resume(_ place: (epoch: Int, batch: Int)) throws {
    let (train, test) = (try data(53, seed: 2), try data(11, seed: 3))
    let everyBatches: Int? = place.batch == 0 ? nil : 1
    func checkpoint(_ name: String) -> ModelCheckpoint {
      ModelCheckpoint(
        folder.path(name), monitor: place.batch == 0 ? .validationLoss : .loss, everyBatches: everyBatches)
    }
    func fit(_ model: Model, _ callbacks: [any Callback], resume: Bool = false) throws -> History {
      try model.fit(
        train, epochs: 5, batchSize: 12, validation: test, callbacks: callbacks, verbose: .silent, resume: resume)
    }
    let whole = try model()
    let history = try fit(whole, callbacks(checkpoint("whole.h5")))
    #expect(history.epochs.count == 5)
    #expect(Set(history.epochs.map(\.learningRate)).count > 2)  // the plateau is met before and after most stops

    let interrupted = try model(threads: 1)
    _ = try fit(interrupted, callbacks(checkpoint("part.h5")) + [Stop(place.epoch, place.batch)])
    #expect(interrupted.step == (place.batch == 0 ? place.epoch * 5 : (place.epoch - 1) * 5 + place.batch))

    let resumed = try Model(contentsOf: folder.path("part.h5"), threads: 4)
    #expect(resumed.step == interrupted.step)
    #expect(weightBits(resumed) == weightBits(interrupted))
    let rest = try fit(resumed, callbacks(checkpoint("part.h5")), resume: true)
    #expect(figures(rest) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
    #expect(try slotBits(resumed) == slotBits(whole))
    #expect(resumed.step == whole.step)
    #expect(resumed.learningRate == whole.learningRate)
    for key in ["0 EarlyStopping", "1 ReduceLROnPlateau"] {
      #expect(resumed.progress.callbacks[key] == whole.progress.callbacks[key])
    }
  }

  @Test("A model that is saved after training goes on too")
  func afterFit() throws {
    let train = try data(24, seed: 4)
    let whole = try model()
    try whole.fit(train, epochs: 4, batchSize: 7, verbose: .silent)
    let first = try model()
    try first.fit(train, epochs: 2, batchSize: 7, verbose: .silent)
    try first.save(to: folder.path("half.h5"))
    let second = try Model(contentsOf: folder.path("half.h5"), threads: 1)
    try second.fit(train, epochs: 4, batchSize: 7, verbose: .silent, resume: true)
    #expect(weightBits(second) == weightBits(whole))
    #expect(second.progress.history.epochs.count == 4)
  }

  /// Steps along the sign of a trace of the gradients; no file can name it.
  private struct Rule: OptimizerRule {
    var slotNames: [String] { ["trace"] }

    func apply(_ step: OptimizerStep) {
      for index in step.weights.indices {
        step.slots[0][index] = step.slots[0][index] * 0.7 + step.gradients[index]
        step.weights[index] -= Float(step.learningRate) * (step.slots[0][index] > 0 ? 1 : -1)
      }
    }

    func validate() throws {}
  }

  private func compileAsOnlyHere(_ model: Model) throws {
    let loss = Loss("own") { prediction, target in
      try square(prediction - target.oneHot(4)).mean(axes: [1])
    }
    let metric = Metric("pair") { prediction, target in
      let hits = try (prediction * target.oneHot(4)).sum(axes: [0, 1]).reshaped([1])
      return try concatenate([hits, prediction.sum(axes: [0, 1]).reshaped([1])])
    } result: { totals, count in
      totals[0] / count + totals[1]
    }
    try model.compile(optimizer: Optimizer(Rule(), learningRate: 0.003), loss: loss, metrics: [metric, .recall])
  }

  @Test("Own losses, metrics and optimizers, too", arguments: [(2, 3), (2, 0)])
  func own(_ place: (epoch: Int, batch: Int)) throws {
    let train = try data(53, seed: 2)
    func fit(_ model: Model, _ callbacks: [any Callback] = [], resume: Bool = false) throws -> History {
      try model.fit(train, epochs: 4, batchSize: 12, callbacks: callbacks, verbose: .silent, resume: resume)
    }
    let (whole, interrupted) = (try model(), try model())
    try compileAsOnlyHere(whole)
    let history = try fit(whole)
    try compileAsOnlyHere(interrupted)
    _ = try fit(
      interrupted,
      [
        Stop(place.epoch, place.batch),
        ModelCheckpoint(folder.path("part.h5"), monitor: .loss, everyBatches: place.batch == 0 ? nil : 1),
      ])
    let resumed = try Model(contentsOf: folder.path("part.h5"))
    #expect(resumed.training == nil)
    #expect(
      resumed.warnings.map { $0.replacingOccurrences(of: folder.url.path + "/", with: "") } == [
        "part.h5, training_config: it was compiled with a loss, a metric or an optimizer that has no name in Keras' files, so the model is "
          + "not compiled. Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the file stands."
      ])
    _ = try resumed.predict(noise([2, 9, 8, 2]))
    try resumed.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
    #expect(
      folder.errorText { try fit(resumed, resume: true) }.hasPrefix("part.h5, "))
    #expect(resumed.step == 0 && weightBits(resumed) == weightBits(interrupted))
    try compileAsOnlyHere(resumed)
    #expect(try figures(fit(resumed, resume: true)) == figures(history))
    #expect(weightBits(resumed) == weightBits(whole))
    #expect(try slotBits(resumed) == slotBits(whole))
  }

  @Test("An optimizer that does not fit the file")
  func misfit() throws {
    let (model, train) = (try model(), try data(24, seed: 4))
    try model.fit(train, batchSize: 7, verbose: .silent)
    try model.save(to: folder.path("a.h5"))
    let other = try Model(contentsOf: folder.path("a.h5"), compiled: false)
    try other.compile(optimizer: .sgd(), loss: .sparseCategoricalCrossentropy)
    #expect(
      folder.errorText { try other.fit(train, batchSize: 7, verbose: .silent, resume: true) }
        == "a.h5, optimizer: it has 16 arrays but the optimizer that the model is compiled with needs 0. "
        + "Compile with the optimizer of the interrupted training.")
  }

  @Test("A checkpoint's ending says whether Keras or Athanor alone is to read it")
  func endings() throws {
    let model = try model()
    try model.fit(
      data(24, seed: 4),
      callbacks: [
        ModelCheckpoint(folder.path("best.{epoch:02d}.h5")),
        ModelCheckpoint(folder.path("best.{epoch:02d}.safetensors")),
      ], verbose: .silent)
    let files = try ["h5", "safetensors"].map { try Model(contentsOf: folder.path("best.01.\($0)")) }
    #expect(weightBits(files[0]) == weightBits(model) && weightBits(files[1]) == weightBits(model))
    #expect(try slotBits(files[0]) == slotBits(model) && slotBits(files[1]) == slotBits(model))
  }
}
