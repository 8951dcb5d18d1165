/// The work of `fit` on one epoch after another.
final class TrainingLoop {
  private let model: Model
  private let training: Training
  private let context: TrainingContext
  private let callbacks: [any Callback]
  private let printer: ProgressPrinter
  private let data: any DataSource
  private let reader: BatchReader
  /// The number of batches of an epoch; nil where the end of the source ends it.
  private let steps: Int?
  /// Whether an epoch goes on in the pass in which the one before it ended.
  private let continues: Bool
  private let validation: (any DataSource)?
  private let validationSteps: Int?
  private let shuffle: Bool
  private var cursor: (any DataCursor)?
  /// What reading one batch ahead of the present step gave: a batch, nil at the end of the pass, or an error, which is thrown when its step comes.
  private var batchAhead: Result<ReadBatch?, any Error>?
  private var preparer: BatchPreparer?

  /// The batch that the reader holds.
  private struct ReadBatch {
    let feed: Feed
    let count: Int
    /// Where the cursor stands behind it.
    let position: [String: Int]?
  }

  init(
    model: Model, training: Training, context: TrainingContext, callbacks: [any Callback], printer: ProgressPrinter,
    data: any DataSource, reader: BatchReader, steps: Int?, continues: Bool, validation: (any DataSource)?,
    validationSteps: Int?, shuffle: Bool
  ) {
    self.model = model
    self.training = training
    self.context = context
    self.callbacks = callbacks
    self.printer = printer
    self.data = data
    self.reader = reader
    self.steps = steps
    self.continues = continues
    self.validation = validation
    self.validationSteps = validationSteps
    self.shuffle = shuffle
  }

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

    while steps.map({ model.progress.batch < $0 }) ?? true {
      try CancellationFlag.check()
      let place = place(ofBatch: model.progress.batch)
      guard let batch = try readBatch(place) else { break }
      let plans = try plans(batch.feed)
      let workspace = try model.workspace(plans.main)
      guard totals.fits(workspace) else {
        throw AthanorError(
          .argument, at: place, "the metrics of the unfinished epoch were counted with a mask, or now are",
          fix: "Resume with the data of the interrupted training.")
      }
      do {
        try model.takeStep(workspace, training, place) { try fill(workspace, plans) }
      } catch let error as AthanorError
        where error.kind == .numeric && callbacks.contains(where: { $0 is TerminateOnNaN })
      {
        printer.endLine()
        context.message("Training ends: \(error)")
        context.stopTraining = true
        return
      }
      totals.add(workspace, count: batch.count)
      model.progress.batch += 1
      model.progress.totals = totals.sums
      model.progress.count = totals.count
      model.progress.source?.batches += 1
      model.progress.source?.position = batch.position
      let logs = totals.logs
      printer.batch(model.progress.batch, logs, seconds())
      for callback in callbacks { try callback.batchDidEnd(model.progress.batch, logs, context) }
      if context.stopTraining, model.progress.batch != steps {
        printer.endLine()
        return
      }
    }

    let batches = model.progress.batch
    if let steps, batches < steps {
      printer.say("The data ended after \(batches) of the \(steps) batches of epoch \(epoch)")
    }
    context.batchesPerEpoch = steps ?? context.batchesPerEpoch ?? batches
    var logs = totals.logs
    if let validation {
      let figures = try model.evaluate(validation, batchSize: reader.batchSize, steps: validationSteps)
      for entry in figures.entries { logs["val_" + entry.name] = entry.value }
    }
    model.progress.epoch = epoch
    model.progress.batch = 0
    model.progress.epochBatches = context.batchesPerEpoch
    if !continues { endPass() }
    model.progress.totals = []
    model.progress.count = 0
    model.progress.history.epochs.append(
      History.Epoch(number: epoch, seconds: seconds(), learningRate: model.learningRate, logs: logs))
    printer.endEpoch(logs, seconds(), batches: batches)
    for callback in callbacks { try callback.epochDidEnd(epoch, logs, context) }
  }

  /// The plans of a step; all in one where each operation is to be measured.
  private func plans(_ feed: Feed) throws -> Plans { try model.plans(model.profile == nil ? .fit : .train, feed) }

  /// Fills the inputs of a step. Where random layers have a plan of their own, reads the next batch and starts them on it.
  private func fill(_ workspace: Workspace, _ plans: Plans) throws {
    reader.fill(workspace)
    guard let preparation = plans.preparation else { return }
    let preparer = try self.preparer ?? BatchPreparer(threadCount: model.threadCount)
    self.preparer = preparer
    let pass = model.progress.pass
    try preparer.finish(preparation, model, pass: pass, into: workspace, fill: reader.fill)
    let next = model.progress.batch + 1
    guard steps.map({ next < $0 }) ?? true else { return }
    batchAhead = Result {
      guard let batch = try read(place(ofBatch: next)) else { return nil }
      if let preparation = try self.plans(batch.feed).preparation {
        try preparer.begin(preparation, model, pass: pass + 1, fill: reader.fill)
      }
      return batch
    }
  }

  private func place(ofBatch batch: Int) -> String { "fit, epoch \(model.progress.epoch + 1), batch \(batch + 1)" }

  // MARK: The data source

  /// The next batch, from the cursor as it stands.
  ///
  /// - Returns: nil at the end of the pass.
  private func read(_ place: String) throws -> ReadBatch? {
    if let ahead = batchAhead {
      batchAhead = nil
      return try ahead.get()
    }
    let cursor = try openedCursor(place)
    guard try reader.next(cursor, place) else { return nil }
    return ReadBatch(feed: reader.feed, count: reader.count, position: cursor.position)
  }

  /// Reads the next batch of the epoch.
  ///
  /// - Returns: nil where there is none.
  private func readBatch(_ place: String) throws -> ReadBatch? {
    let isNew = cursor == nil && model.progress.source == nil
    if let batch = try read(place) { return batch }
    // An epoch may begin at the very end of the pass that the last one has read.
    let isEmpty = model.progress.source?.batches == 0
    endPass(next: (model.progress.source?.pass ?? 0) + 1)
    guard model.progress.batch == 0 else { return nil }
    if !isNew, !isEmpty, let batch = try read(place) { return batch }
    throw AthanorError(
      .data, at: place, "the data source gave no examples", fix: "Check the folder or file it reads.")
  }

  /// The cursor behind the batches that are done.
  private func openedCursor(_ place: String) throws -> any DataCursor {
    if let cursor { return cursor }
    // Checkpoints of older versions say only which batch of the epoch is next.
    let source =
      model.progress.source ?? SourceProgress(pass: model.progress.epoch + 1, batches: model.progress.batch)
    let opened: any DataCursor
    do {
      opened = try data.cursor(
        DataPass(
          number: source.pass, seed: model.progress.seed, shuffle: shuffle, batchSize: reader.batchSize))
      if let position = source.position { try opened.move(to: position) }
    } catch let error as AthanorError {
      throw error.within(place)
    }
    if source.position == nil {
      for batch in 0..<source.batches where try !reader.next(opened, place) {
        throw AthanorError(
          .argument, at: "fit",
          "the checkpoint is behind batch \(source.batches) of the data source, which now ends after \(batch)",
          fix: "Resume with the data and the batch size of the interrupted training.")
      }
    }
    model.progress.source = source
    cursor = opened
    return opened
  }

  /// Lets the next batch be the first one of another pass; of the next epoch's where no number is given.
  private func endPass(next pass: Int? = nil) {
    cursor = nil
    model.progress.source = pass.map { SourceProgress(pass: $0) }
  }
}
