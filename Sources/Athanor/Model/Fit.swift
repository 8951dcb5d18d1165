import Foundation

/// How much `fit` prints.
public enum Verbosity: Hashable, Sendable, ExpressibleByIntegerLiteral {
  /// A progress bar on a terminal, and one line for each epoch elsewhere.
  case auto
  /// Nothing.
  case silent
  /// A progress bar, as Keras' `verbose=1`.
  case bar
  /// One line for each epoch, as Keras' `verbose=2`.
  case line

  /// Keras' numbers: 0 silent, 1 bar, 2 line.
  public init(integerLiteral value: Int) {
    self = value == 0 ? .silent : value == 1 ? .bar : .line
  }
}

extension Model {
  /// Trains the model.
  ///
  /// Each epoch goes through all examples once, in an order that follows from the model's seed and the epoch's number; the last batch may
  /// be smaller. A second call goes on with the weights and the optimizer's state of the first, counting epochs from `initialEpoch` again.
  ///
  /// - Parameters:
  ///   - data: What to learn from.
  ///   - epochs: The number of the last epoch.
  ///   - batchSize: The number of examples of one step.
  ///   - validation: Data to evaluate after each epoch.
  ///   - validationSplit: Instead: the share of `data`, its LAST examples, that is kept for evaluation.
  ///   - initialEpoch: How many epochs are already done.
  ///   - shuffle: Whether the order changes from epoch to epoch.
  ///   - classWeights: The weight of a class's examples in the loss; 1 where not given. For models of one output.
  ///   - callbacks: Objects notified before and after each epoch and batch.
  ///   - verbose: How much is printed.
  ///   - resume: Whether to go on from the point at which a loaded checkpoint was saved, in the middle of an epoch if need be, with the
  ///     same numbers as if training had never stopped. `data`, `batchSize` and `callbacks` must then be as they were.
  /// - Returns: The figures of all epochs.
  /// - Throws: `AthanorError` when data do not fit, a callback refuses, the loss stops being a number, or there is nothing to resume;
  ///   `CancellationError` when the task is cancelled, after the batch that is being computed.
  @discardableResult
  public func fit(
    _ data: Dataset, epochs: Int = 1, batchSize: Int = 32, validation: Dataset? = nil, validationSplit: Double = 0,
    initialEpoch: Int = 0, shuffle: Bool = true, classWeights: [Int: Float] = [:], callbacks: [any Callback] = [],
    verbose: Verbosity = .auto, resume: Bool = false
  ) throws -> History {
    let training = try requireCompiled()
    guard epochs >= 0, batchSize > 0, initialEpoch >= 0, (0..<1).contains(validationSplit) else {
      throw AthanorError(
        .argument, at: "fit",
        "epochs is \(epochs), batchSize \(batchSize), initialEpoch \(initialEpoch) and validationSplit \(validationSplit)",
        fix: "batchSize must be at least 1, validationSplit at least 0 and below 1, the others not negative.")
    }
    if let place = classWeights.first(where: { !($0.value >= 0 && $0.value.isFinite) }) {
      throw AthanorError(
        .argument, at: "fit", "the weight of class \(place.key) is \(place.value) but must be zero or more")
    }
    let printer = ProgressPrinter(verbose, write: write)
    var (data, validation) = (data, validation)
    if validation == nil, validationSplit > 0, data.count > 0 {
      let kept = Int((Double(data.count) * (1 - validationSplit)).rounded(.down))  // as Keras rounds
      guard kept > 0, kept < data.count else {
        throw AthanorError(
          .argument, at: "fit",
          "validationSplit \(validationSplit) of \(data.count) examples leaves \(kept) to learn from and "
            + "\(data.count - kept) to validate on",
          fix: "Give more data or another validationSplit.")
      }
      validation = data.slice(kept..<data.count)
      data = data.slice(0..<kept)
      printer.say("Validating on the last \(validation?.count ?? 0) of the examples, training on the first \(kept)")
    }
    guard classWeights.isEmpty || network.outputs.count == 1 else {
      throw AthanorError(
        .argument, at: "fit", "classWeights were given, but the model has \(network.outputs.count) outputs",
        fix: "Give the data set sampleWeights by output.")
    }
    var prepared = try prepared(data, "fit")
    prepared.classWeights = classWeights
    for (port, input) in zip(network.inputs, prepared.feed.inputs) where port.dtype == .float32 && input.dtype == .uint8
    {
      pixelScale = input.scale
    }
    let batchSize = min(batchSize, prepared.count)
    if let validation { _ = try self.prepared(validation, "fit, validation") }
    let names = training.lossNames.map(\.name) + training.metricNames.map(\.name)
    let context = TrainingContext(
      model: self, epochs: epochs, batchesPerEpoch: (prepared.count + batchSize - 1) / batchSize, isResuming: resume,
      monitors: names + (validation == nil ? [] : names.map { "val_" + $0 }), callbacks: callbacks, say: printer.say)
    let orderedCallbacks = callbacks.filter { !$0.savesModel } + callbacks.filter(\.savesModel)

    if resume {
      try adoptLoadedState()
      training.fixedRate = progress.fixedRate
      for (index, callback) in callbacks.enumerated() {
        let key = TrainingContext.key(index, callback)
        if let state = progress.callbacks[key] { callback.state = state }
        if let arrays = progress.callbackArrays[key] { callback.arrays = arrays }
      }
      progress.callbackArrays = [:]
      guard progress.batch <= context.batchesPerEpoch else {
        throw AthanorError(
          .argument, at: "fit",
          "the checkpoint is at batch \(progress.batch) of an epoch that now has \(context.batchesPerEpoch)",
          fix: "Resume with the data and the batch size of the interrupted training.")
      }
    } else {
      progress.epoch = initialEpoch
      progress.batch = 0
      progress.totals = []
      progress.count = 0
      progress.history = History()
    }
    for callback in orderedCallbacks { try callback.trainingDidBegin(context) }

    let loop = TrainingLoop(
      model: self, training: training, context: context, callbacks: orderedCallbacks, printer: printer,
      data: prepared, batchSize: batchSize, validation: validation, shuffle: shuffle)
    while progress.epoch < epochs, !context.stopTraining { try loop.runEpoch() }
    for callback in orderedCallbacks { try callback.trainingDidEnd(context) }
    context.captureState()  // so that a model that is saved after training can be resumed
    return progress.history
  }
}

extension Model {
  /// Trains the model on a thread of its own, so that the caller's executor stays free; parameters as for `fit`.
  ///
  /// The model must not be used elsewhere until the call returns. Cancelling the task ends the training after the batch that is being
  /// computed.
  ///
  /// - Returns: The figures of all epochs.
  /// - Throws: as `fit`; `CancellationError` when the task is cancelled.
  /// - Example:
  ///   ```swift
  ///   let history = try await model.fitInBackground(train, epochs: 10)
  ///   ```
  @discardableResult
  public nonisolated(nonsending) func fitInBackground(
    _ data: Dataset, epochs: Int = 1, batchSize: Int = 32, validation: Dataset? = nil, validationSplit: Double = 0,
    initialEpoch: Int = 0, shuffle: Bool = true, classWeights: [Int: Float] = [:], callbacks: [any Callback] = [],
    verbose: Verbosity = .auto, resume: Bool = false
  ) async throws -> History {
    let isCancelled = CancellationFlag()
    let work = UncheckedTransfer((self, callbacks))
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let thread = Thread {
          let (model, callbacks) = work.value
          continuation.resume(
            with: Result {
              try CancellationFlag.$current.withValue(isCancelled) {
                try model.fit(
                  data, epochs: epochs, batchSize: batchSize, validation: validation,
                  validationSplit: validationSplit, initialEpoch: initialEpoch, shuffle: shuffle,
                  classWeights: classWeights, callbacks: callbacks, verbose: verbose, resume: resume)
              }
            })
        }
        thread.stackSize = 8 << 20
        thread.start()
      }
    } onCancel: {
      isCancelled.set()
    }
  }
}

/// Whether a training on another thread is to end.
final class CancellationFlag: @unchecked Sendable {  // `isSet` is guarded by `lock`
  /// The flag of the training that runs in this context.
  @TaskLocal static var current: CancellationFlag?
  private let lock = NSLock()
  private var isSet = false

  func set() { lock.withLock { isSet = true } }

  /// - Throws: `CancellationError` when the task or the training is cancelled.
  static func check() throws {
    try Task.checkCancellation()
    if let current, current.lock.withLock({ current.isSet }) { throw CancellationError() }
  }
}

/// Hands values to another thread while the sender waits for it.
private struct UncheckedTransfer<Value>: @unchecked Sendable {  // only one thread uses the value at a time
  let value: Value
  init(_ value: Value) { self.value = value }
}

/// The work of `fit` on one epoch after another.
private struct TrainingLoop {
  let model: Model
  let training: Training
  let context: TrainingContext
  let callbacks: [any Callback]
  let printer: ProgressPrinter
  let data: PreparedData
  let batchSize: Int
  let validation: Dataset?
  let shuffle: Bool

  func runEpoch() throws {
    let epoch = model.progress.epoch + 1
    let clock = ContinuousClock()
    let start = clock.now
    func seconds() -> Double { Double((clock.now - start) / .nanoseconds(1)) * 1e-9 }
    printer.beginEpoch(epoch, of: context.epochs, batches: context.batchesPerEpoch)
    if model.progress.batch == 0 { for callback in callbacks { try callback.epochDidBegin(epoch, context) } }
    var totals = RunningTotals(training)
    totals.sums = model.progress.totals
    totals.count = model.progress.count
    var random = RandomStream(seed: model.progress.seed, stream: 2 << 32 | UInt64(epoch))
    let order = shuffle ? random.permutation(data.count) : Array(0..<data.count)

    while model.progress.batch < context.batchesPerEpoch {
      let first = model.progress.batch * batchSize
      let rows = order[first..<min(first + batchSize, order.count)]
      try CancellationFlag.check()
      let workspace = try model.workspace(.train, data.feed.with(examples: rows.count))
      do {
        try model.takeStep(workspace, training, "fit, epoch \(epoch), batch \(model.progress.batch + 1)") {
          data.fill(workspace, rows)
        }
      } catch let error as AthanorError
        where error.kind == .numeric && callbacks.contains(where: { $0 is TerminateOnNaN })
      {
        printer.endLine()
        context.message("Training ends: \(error)")
        context.stopTraining = true
        return
      }
      totals.add(workspace, count: rows.count)
      model.progress.batch += 1
      model.progress.totals = totals.sums
      model.progress.count = totals.count
      let logs = totals.logs
      printer.batch(model.progress.batch, logs, seconds())
      for callback in callbacks { try callback.batchDidEnd(model.progress.batch, logs, context) }
      if context.stopTraining, model.progress.batch < context.batchesPerEpoch {
        printer.endLine()
        return
      }
    }

    var logs = totals.logs
    if let validation {
      let figures = try model.evaluate(validation, batchSize: batchSize)
      for entry in figures.entries { logs["val_" + entry.name] = entry.value }
    }
    model.progress.epoch = epoch
    model.progress.batch = 0
    model.progress.totals = []
    model.progress.count = 0
    model.progress.history.epochs.append(
      History.Epoch(number: epoch, seconds: seconds(), learningRate: model.learningRate, logs: logs))
    printer.endEpoch(logs, seconds())
    for callback in callbacks { try callback.epochDidEnd(epoch, logs, context) }
  }
}
