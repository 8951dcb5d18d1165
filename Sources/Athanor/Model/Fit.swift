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
  ///   - batchSize: How many examples one step looks at.
  ///   - validation: Data to evaluate after each epoch.
  ///   - validationSplit: Instead: the share of `data`, its LAST examples, that is kept for evaluation.
  ///   - initialEpoch: How many epochs are already done.
  ///   - shuffle: Whether the order changes from epoch to epoch.
  ///   - classWeights: How much examples of a class count; 1 where not given.
  ///   - callbacks: Who takes part.
  ///   - verbose: How much is printed.
  ///   - resume: Whether to go on from the point at which a loaded checkpoint was saved, in the middle of an epoch if need be, with the
  ///     same numbers as if training had never stopped. `data`, `batchSize` and `callbacks` must then be as they were.
  /// - Returns: The figures of all epochs.
  /// - Throws: `AthanorError` when data do not fit, a callback refuses, or the loss stops being a number.
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
    let (prepared, feed) = try prepared(data, "fit")
    if feed.inputType == .uint8 { pixelScale = feed.inputScale }
    let batchSize = min(batchSize, prepared.count)
    let preparedValidation = try validation.map { try self.prepared($0, "fit, validation").data }
    let names = ["loss"] + training.metrics.map(\.name)
    let context = TrainingContext(
      model: self, epochs: epochs, batchesPerEpoch: (prepared.count + batchSize - 1) / batchSize, isResuming: resume,
      monitors: names + (validation == nil ? [] : names.map { "val_" + $0 }), callbacks: callbacks, say: printer.say)
    let told = callbacks.filter { !$0.savesModel } + callbacks.filter(\.savesModel)

    if resume {
      training.fixedRate = progress.fixedRate
      for (index, callback) in callbacks.enumerated() {
        if let state = progress.callbacks[TrainingContext.key(index, callback)] { callback.state = state }
      }
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
    for callback in told { try callback.trainingDidBegin(context) }

    let loop = TrainingLoop(
      model: self, training: training, context: context, callbacks: told, printer: printer,
      filler: BatchFiller(data: prepared, feed: feed, classWeights: classWeights), batchSize: batchSize,
      validation: preparedValidation, shuffle: shuffle)
    while progress.epoch < epochs, !context.stopTraining { try loop.runEpoch() }
    for callback in told { try callback.trainingDidEnd(context) }
    context.captureState()  // so that a model that is saved after training can be resumed
    return progress.history
  }

  /// One step of training on a batch, for a training loop of your own.
  ///
  /// - Returns: The loss and the metrics of this batch, before the step.
  /// - Throws: `AthanorError` when the model is not compiled, the data do not fit or the loss is not finite.
  @discardableResult
  public func trainOnBatch(_ batch: Dataset) throws -> Logs {
    let training = try requireCompiled()
    let (prepared, feed) = try prepared(batch, "trainOnBatch")
    let filler = BatchFiller(data: prepared, feed: feed, classWeights: [:])
    let workspace = try workspace(.train, batchSize: prepared.count, feed: feed)
    try takeStep(workspace, training, "trainOnBatch") { filler.fill(workspace, Array(0..<prepared.count)[...]) }
    var totals = RunningTotals(training.metrics)
    totals.add(workspace, count: prepared.count)
    return totals.logs
  }

  /// The loss of a batch, and its gradient with respect to each trained weight, by name; nothing is changed.
  ///
  /// - Throws: `AthanorError` when the model is not compiled or the data do not fit.
  public func valueAndGradients(_ batch: Dataset) throws -> (loss: Float, gradients: [String: Tensor]) {
    _ = try requireCompiled()
    let (prepared, feed) = try prepared(batch, "valueAndGradients")
    let workspace = try workspace(.train, batchSize: prepared.count, feed: feed)
    BatchFiller(data: prepared, feed: feed, classWeights: [:]).fill(workspace, Array(0..<prepared.count)[...])
    workspace.run(weightMemory.memory, pool: pool, seed: progress.seed, step: UInt64(progress.step))
    var gradients: [String: Tensor] = [:]
    for entry in weightMemory.parameters.entries {
      let numbers = weightMemory.memory.gradients.floats[entry.offset..<entry.offset + entry.count]
      gradients[entry.name] = Tensor(uncheckedShape: entry.shape, .float32(Array(numbers)))
    }
    return (workspace.floats("loss")[0], gradients)
  }

  /// Fills a workspace, runs it and changes the weights.
  ///
  /// - Throws: `AthanorError` when the loss or a gradient is not finite; the weights are then those before the step.
  func takeStep(
    _ workspace: Workspace, _ training: Training, _ what: @autoclosure () -> String, fill: () -> Void
  ) throws {
    let memory = weightMemory.memory
    measured("batch", "fill", fill)
    workspace.run(memory, pool: pool, seed: progress.seed, step: UInt64(progress.step), profile: profile)
    let gradients = UnsafeMutableBufferPointer(rebasing: memory.gradients.floats[0..<weightMemory.parameters.count])
    guard workspace.floats("loss")[0].isFinite, training.kernels.sumOfSquares(gradients).isFinite else {
      let place = workspace.firstNonFinite(memory, pool: pool, seed: progress.seed, step: UInt64(progress.step))
      let origin =
        place.map { $0.operation == "input" ? $0.origin : "\($0.origin), in \($0.operation)" } ?? "the gradients' sum"
      throw AthanorError(
        .numeric, at: what(),
        "a number became NaN or infinite, first in \(origin); the weights are those before this batch",
        fix: "Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1).")
    }
    progress.step += 1
    measured("optimizer", "step") {
      weightMemory.commitUpdates()
      training.step(weightMemory, number: progress.step)
    }
  }

  private func measured(_ origin: String, _ operation: String, _ body: () -> Void) {
    if let profile { profile.measure(origin, operation, body) } else { body() }
  }
}

/// The work of `fit` on one epoch after another.
private struct TrainingLoop {
  let model: Model
  let training: Training
  let context: TrainingContext
  let callbacks: [any Callback]
  let printer: ProgressPrinter
  let filler: BatchFiller
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
    var totals = RunningTotals(training.metrics)
    totals.sums = model.progress.totals
    totals.count = model.progress.count
    var random = RandomStream(seed: model.progress.seed, stream: 2 << 32 | UInt64(epoch))
    let order = shuffle ? random.permutation(filler.data.count) : Array(0..<filler.data.count)

    while model.progress.batch < context.batchesPerEpoch {
      let first = model.progress.batch * batchSize
      let rows = order[first..<min(first + batchSize, order.count)]
      let workspace = try model.workspace(.train, batchSize: rows.count, feed: filler.feed)
      do {
        try model.takeStep(workspace, training, "fit, epoch \(epoch), batch \(model.progress.batch + 1)") {
          filler.fill(workspace, rows)
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
