extension Model {
  /// What the model computes for each example.
  ///
  /// - Parameters:
  ///   - inputs: `[N, ...]`. Bytes are multiplied by `inputScale`.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for inputs; by default `pixelScale` for bytes and 1 for everything else.
  /// - Returns: `[N, ...]`, 32-bit floating-point numbers.
  /// - Throws: `AthanorError` when the shape does not fit.
  public func predict(_ inputs: Tensor, batchSize: Int = 32, inputScale: Float? = nil) throws -> Tensor {
    guard batchSize > 0 else {
      throw AthanorError(.argument, at: "predict", "batchSize is \(batchSize) but must be at least 1")
    }
    let inputs = try preparedInputs(inputs, "predict")
    let feed = Network.Feed(
      inputType: inputs.dtype, inputScale: inputScale ?? (inputs.dtype == .uint8 ? pixelScale : 1), target: nil)
    let count = inputs.shape[0]
    let targets = Tensor(uncheckedShape: [count], .uint8([UInt8](repeating: 0, count: count)))
    let filler = BatchFiller(data: try Dataset(inputs: inputs, targets: targets), feed: feed, classWeights: [:])
    let rows = Array(0..<count)
    let batchSize = min(batchSize, max(count, 1))
    var results: [Float] = []
    results.reserveCapacity(count * outputShape.elementsPerExample)
    for start in stride(from: 0, to: count, by: batchSize) {
      let batch = rows[start..<min(start + batchSize, count)]
      let workspace = try workspace(.predict, batchSize: batch.count, feed: feed)
      filler.fill(workspace, batch)
      workspace.run(weightMemory.memory, pool: pool, profile: profile)
      results.append(contentsOf: workspace.floats("prediction"))
    }
    return Tensor(uncheckedShape: outputShape.bound(to: count), .float32(results))
  }

  /// What the model computes for the inputs of a data set.
  ///
  /// - Throws: `AthanorError` when the shape does not fit.
  public func predict(_ data: Dataset, batchSize: Int = 32) throws -> Tensor {
    try predict(data.inputs, batchSize: batchSize, inputScale: data.givenScale)
  }

  /// The loss and the metrics on a data set.
  ///
  /// - Returns: `loss`, then the metrics.
  /// - Throws: `AthanorError` when the model is not compiled or the data do not fit.
  public func evaluate(_ data: Dataset, batchSize: Int = 32) throws -> Logs {
    guard batchSize > 0 else {
      throw AthanorError(.argument, at: "evaluate", "batchSize is \(batchSize) but must be at least 1")
    }
    let training = try requireCompiled()
    let (prepared, feed) = try prepared(data, "evaluate")
    let filler = BatchFiller(data: prepared, feed: feed, classWeights: [:])
    let rows = Array(0..<prepared.count)
    let batchSize = min(batchSize, rows.count)
    var totals = RunningTotals(training.metrics)
    for start in stride(from: 0, to: rows.count, by: batchSize) {
      let batch = rows[start..<min(start + batchSize, rows.count)]
      let workspace = try workspace(.evaluate, batchSize: batch.count, feed: feed)
      filler.fill(workspace, batch)
      workspace.run(weightMemory.memory, pool: pool, profile: profile)
      totals.add(workspace, count: batch.count)
    }
    return totals.logs
  }
}

/// The sums of loss and metrics over the batches so far.
struct RunningTotals {
  let metrics: [Metric]
  /// The loss's sum first, then each metric's sums.
  var sums: [[Double]]
  var count = 0.0

  init(_ metrics: [Metric]) {
    self.metrics = metrics
    sums = []
  }

  mutating func add(_ workspace: Workspace, count batchCount: Int) {
    if sums.isEmpty {
      sums = [[0]] + metrics.indices.map { [Double](repeating: 0, count: workspace.floats("metric\($0)").count) }
    }
    sums[0][0] += Double(workspace.floats("loss")[0]) * Double(batchCount)
    for index in metrics.indices {
      for (place, value) in workspace.floats("metric\(index)").enumerated() { sums[index + 1][place] += Double(value) }
    }
    count += Double(batchCount)
  }

  var logs: Logs {
    var logs = Logs()
    guard !sums.isEmpty, count > 0 else { return logs }
    logs["loss"] = sums[0][0] / count
    for (metric, totals) in zip(metrics, sums.dropFirst()) { logs[metric.name] = metric.result(totals, count) }
    return logs
  }
}
