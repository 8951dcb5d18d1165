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
  /// Each epoch goes through all examples once, a data set's in an order that follows from the model's seed and the epoch's number; the
  /// last batch may be smaller. Layers that draw random numbers before any weight, as those of augmentation, run in the background for the next batch, which is read one step
  /// ahead; with one thread they run in the step. A second call goes on with the weights and the optimizer's state of the first, counting epochs from `initialEpoch` again.
  ///
  /// - Parameters:
  ///   - data: What to learn from: a `Dataset`, or a stream of yours.
  ///   - epochs: The number of the last epoch.
  ///   - batchSize: The number of examples of one step.
  ///   - stepsPerEpoch: The number of batches after which an epoch ends, for streams that are long or have no end: the next epoch goes on
  ///     where this one ended, and from the beginning behind the end. nil for one pass through the data in each epoch.
  ///   - validation: Data to evaluate after each epoch.
  ///   - validationSteps: The most batches of `validation` that are evaluated; nil for all.
  ///   - validationSplit: Instead: the share of a data set, its LAST examples, that is kept for evaluation.
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
    _ data: any DataSource, epochs: Int = 1, batchSize: Int = 32, stepsPerEpoch: Int? = nil,
    validation: (any DataSource)? = nil, validationSteps: Int? = nil, validationSplit: Double = 0,
    initialEpoch: Int = 0,
    shuffle: Bool = true, classWeights: [Int: Float] = [:], callbacks: [any Callback] = [],
    verbose: Verbosity = .auto, resume: Bool = false
  ) throws -> History {
    let training = try requireCompiled()
    guard epochs >= 0, batchSize > 0, initialEpoch >= 0, (0..<1).contains(validationSplit) else {
      throw AthanorError(
        .argument, at: "fit",
        "epochs is \(epochs), batchSize \(batchSize), initialEpoch \(initialEpoch) and validationSplit \(validationSplit)",
        code: "batchSize must be at least 1, validationSplit at least 0 and below 1, the others not negative.")
    }
    guard (stepsPerEpoch ?? 1) > 0, (validationSteps ?? 1) > 0 else {
      throw AthanorError(
        .argument, at: "fit",
        "stepsPerEpoch is \(stepsPerEpoch.map(String.init) ?? "nil") and validationSteps "
          + "\(validationSteps.map(String.init) ?? "nil")",
        fix: "Both must be at least 1, or nil for all batches.")
    }
    if let place = classWeights.first(where: { !($0.value >= 0 && $0.value.isFinite) }) {
      throw AthanorError(
        .argument, at: "fit", "the weight of class \(place.key) is \(place.value) but must be zero or more")
    }
    let printer = ProgressPrinter(verbose, write: write)
    var (data, validation) = (data, validation)
    if validation == nil, validationSplit > 0, data.exampleCount != 0 {
      guard let whole = data.dataset else {
        throw AthanorError(
          .argument, at: "fit", "validationSplit is \(validationSplit), but the data source is no data set in memory",
          code: "Give validation: a source of its own.")
      }
      let kept = Int((Double(whole.count) * (1 - validationSplit)).rounded(.down))  // as Keras rounds
      guard kept > 0, kept < whole.count else {
        throw AthanorError(
          .argument, at: "fit",
          "validationSplit \(validationSplit) of \(whole.count) examples leaves \(kept) to learn from and "
            + "\(whole.count - kept) to validate on",
          code: "Give more data or another validationSplit.")
      }
      if let warning = whole.splitWarning(at: kept) { printer.say("Warning: \(warning)") }
      validation = whole.slice(kept..<whole.count)
      data = whole.slice(0..<kept)
      printer.say("Validating on the last \(whole.count - kept) of the examples, training on the first \(kept)")
    }
    guard classWeights.isEmpty || network.outputs.count == 1 else {
      throw AthanorError(
        .argument, at: "fit", "classWeights were given, but the model has \(network.outputs.count) outputs",
        code: "Give the data set sampleWeights by output.")
    }
    let reader = try BatchReader(data, for: self, "fit", batchSize: batchSize, classWeights: classWeights)
    for (port, input) in zip(network.inputs, reader.feed.inputs) where port.dtype == .float32 && input.dtype == .uint8 {
      pixelScale = input.scale
    }
    try adoptClassNames(of: data)
    if let preparation = data.picturePreparation { self.picturePreparation = preparation }
    if validationSplit == 0, let text = validation?.dataset.flatMap({ data.dataset?.classWarning(validation: $0) }) {
      printer.say("Warning: the validation data are not like the training data\(text).")
    }
    if !shuffle, data.dataset?.isSortedByClass == true {
      printer.say(
        "Warning: the data set is sorted by class and shuffle is false, so that each batch holds one class. Shuffle it first."
      )
    }
    if let validation { _ = try BatchReader(validation, for: self, "fit, validation", batchSize: batchSize) }
    let steps = stepsPerEpoch ?? data.exampleCount.map { ($0 + reader.batchSize - 1) / reader.batchSize }
    let names = training.lossNames.map(\.name) + training.metricNames.map(\.name)
    let context = TrainingContext(
      model: self, epochs: epochs, batchesPerEpoch: steps ?? (resume ? progress.epochBatches : nil), isResuming: resume,
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
      if let steps, progress.batch > steps {
        throw AthanorError(
          .argument, at: "fit", "the checkpoint is at batch \(progress.batch) of an epoch that now has \(steps)",
          fix: "Resume with the data and the batch size of the interrupted training.")
      }
    } else {
      progress.epoch = initialEpoch
      progress.batch = 0
      progress.epochBatches = nil
      progress.source = nil
      progress.totals = []
      progress.count = 0
      progress.history = History()
    }
    for callback in orderedCallbacks { try callback.trainingDidBegin(context) }

    let loop = TrainingLoop(
      model: self, training: training, context: context, callbacks: orderedCallbacks, printer: printer, data: data,
      reader: reader, steps: steps, continues: stepsPerEpoch != nil, validation: validation,
      validationSteps: validationSteps, shuffle: shuffle)
    while progress.epoch < epochs, !context.stopTraining { try loop.runEpoch() }
    training.finish(memory)
    for callback in orderedCallbacks { try callback.trainingDidEnd(context) }
    context.captureState()  // so that a model that is saved after training can be resumed
    return progress.history
  }
}

extension Model {
  /// Trains the model on a thread of its own, so that the caller's executor stays free; parameters as for `fit`.
  ///
  /// The model and the data source must not be used elsewhere until the call returns. Cancelling the task ends the training after the batch that is being
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
    _ data: any DataSource, epochs: Int = 1, batchSize: Int = 32, stepsPerEpoch: Int? = nil,
    validation: (any DataSource)? = nil, validationSteps: Int? = nil, validationSplit: Double = 0,
    initialEpoch: Int = 0,
    shuffle: Bool = true, classWeights: [Int: Float] = [:], callbacks: [any Callback] = [],
    verbose: Verbosity = .auto, resume: Bool = false
  ) async throws -> History {
    let isCancelled = CancellationFlag()
    let work = UncheckedTransfer((self, data, validation, callbacks))
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let thread = Thread {
          let (model, data, validation, callbacks) = work.value
          continuation.resume(
            with: Result {
              try CancellationFlag.$current.withValue(isCancelled) {
                try model.fit(
                  data, epochs: epochs, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch, validation: validation,
                  validationSteps: validationSteps, validationSplit: validationSplit, initialEpoch: initialEpoch,
                  shuffle: shuffle, classWeights: classWeights, callbacks: callbacks, verbose: verbose, resume: resume)
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

/// Hands values to another thread while the sender does not use them.
struct UncheckedTransfer<Value>: @unchecked Sendable {  // only one thread uses the value at a time
  let value: Value
  init(_ value: Value) { self.value = value }
}
