extension Model {
  /// The model's output for each example, for a model of one input and one output.
  ///
  /// - Parameters:
  ///   - inputs: `[N, ...]`. Bytes for a float32 input are multiplied by `inputScale`.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for inputs; by default `pixelScale` for bytes and 1 for everything else.
  /// - Returns: `[N, ...]`, of the output's element type.
  /// - Throws: `AthanorError` when the shape does not fit or the model has several inputs or outputs.
  public func predict(_ inputs: Tensor, batchSize: Int = 32, inputScale: Float? = nil) throws -> Tensor {
    try network.requireOneOfEach("predict")
    return try predictions(preparation.prepared([inputs], "predict", scale: inputScale), batchSize)[0]
  }

  /// The model's outputs for each example, by name.
  ///
  /// - Parameters:
  ///   - inputs: One tensor for each input, by name. Bytes for a float32 input are multiplied by `inputScale`.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for float32 inputs; by default `pixelScale` for bytes and 1 for everything else.
  /// - Returns: One tensor for each output.
  /// - Throws: `AthanorError` when an input is missing or a shape does not fit.
  /// - Example:
  ///   ```swift
  ///   let results = try model.predict(["picture": pictures, "age": ages])
  ///   print(results["kind"]!.shape)
  ///   ```
  public func predict(
    _ inputs: [String: Tensor], batchSize: Int = 32, inputScale: Float? = nil
  ) throws -> [String: Tensor] {
    let prepared = try preparation.prepared(preparation.inOrder(inputs, "predict"), "predict", scale: inputScale)
    return network.named(try predictions(prepared, batchSize))
  }

  /// The model's output for the inputs of a data set or a stream, for a model of one output.
  ///
  /// - Parameters:
  ///   - data: Inputs; targets are not looked at.
  ///   - batchSize: How many examples are computed at once.
  ///   - steps: The most batches that are read; nil for all.
  /// - Returns: `[N, ...]`, of the output's element type.
  /// - Throws: `AthanorError` when the shape does not fit or the model has several outputs.
  public func predict(_ data: any DataSource, batchSize: Int = 32, steps: Int? = nil) throws -> Tensor {
    try network.requireOneOutput("predict")
    let prediction = try Prediction(inputs: inputs, outputs: outputs, batchSize: batchSize, steps: steps)
    let reader = try BatchReader(data, for: self, "predict", batchSize: batchSize, withTargets: false)
    let cursor = try data.cursor(DataPass(seed: progress.seed, batchSize: reader.batchSize))
    var batch = 0
    return try prediction.run(expecting: data.exampleCount, compute) {
      guard batch != steps, try reader.next(cursor, "predict, batch \(batch + 1)") else { return nil }
      batch += 1
      return Prediction.Part(count: reader.count, feed: reader.feed, fill: reader.fill)
    }[0]
  }

  /// The outputs for inputs, both in the model's order.
  ///
  /// - Throws: `AthanorError` when a shape does not fit.
  package func predictions(of inputs: [Tensor], batchSize: Int, inputScale: Float? = nil) throws -> [Tensor] {
    try predictions(preparation.prepared(inputs, "predict", scale: inputScale), batchSize)
  }

  private func predictions(_ data: PreparedInputs, _ batchSize: Int) throws -> [Tensor] {
    try Prediction(inputs: inputs, outputs: outputs, batchSize: batchSize).run(data, compute)
  }

  private func compute(_ feed: Feed, _ fill: (Workspace) -> Void) throws {
    let workspace = try workspace(.predict, feed)
    fill(workspace)
    workspace.run(memory, pool: pool, seed: seed, step: predictionPasses.next(), profile: profile)
  }

  /// The loss and the metrics on a data set or a stream.
  ///
  /// - Parameters:
  ///   - data: Inputs and targets.
  ///   - batchSize: How many examples are computed at once.
  ///   - steps: The most batches that are read; nil for all.
  /// - Returns: `loss`, the loss of each output where there are several, then the metrics.
  /// - Throws: `AthanorError` when the model is not compiled or the data do not fit.
  public func evaluate(_ data: any DataSource, batchSize: Int = 32, steps: Int? = nil) throws -> Logs {
    try Prediction.check(batchSize, steps, "evaluate")
    let training = try requireCompiled()
    let reader = try BatchReader(data, for: self, "evaluate", batchSize: batchSize)
    let cursor = try data.cursor(DataPass(seed: progress.seed, batchSize: reader.batchSize))
    var totals = RunningTotals(training)
    var batch = 0
    while batch != steps, try reader.next(cursor, "evaluate, batch \(batch + 1)") {
      let workspace = try workspace(.evaluate, reader.feed)
      reader.fill(workspace)
      workspace.run(memory, pool: pool, seed: seed, step: predictionPasses.next(), profile: profile)
      totals.add(workspace, count: reader.count)
      batch += 1
    }
    return totals.logs
  }
}

extension Network {
  func requireOneOfEach(_ what: String) throws {
    guard inputs.count == 1 else {
      throw AthanorError(
        .argument, at: what,
        "one tensor was given but the model has the inputs \(inputs.map(\.name).joined(separator: ", "))",
        code: "Give them by name: predict([\(inputs.map { "\"\($0.name)\": ..." }.joined(separator: ", "))]).",
        command: "Give athanor predict the numbers of each: --inputs NAME=FILE.npy.")
    }
    try requireOneOutput(what)
  }

  func requireOneOutput(_ what: String) throws {
    guard outputs.count == 1 else {
      throw AthanorError(
        .argument, at: what, "the model has the outputs \(outputs.map(\.name).joined(separator: ", "))",
        code: "Give the inputs by name, [\"\(inputs[0].name)\": ...]; the results then come by name.",
        command: "Give athanor predict numbers: --inputs NAME=FILE.npy --outputs FOLDER.")
    }
  }

  /// Results by the outputs' names.
  func named(_ results: [Tensor]) -> [String: Tensor] {
    Dictionary(zip(outputs.map(\.name), results), uniquingKeysWith: { first, _ in first })
  }
}

/// Numbers the forward passes of predictions, from which dropouts that were called with `training: true` draw their masks.
///
/// They are far from those of training, whose masks follow from the passes before it and from nothing else.
struct PredictionPasses {
  private var number: UInt64 = 1 << 63

  mutating func next() -> UInt64 {
    defer { number &+= 1 }
    return number
  }
}

/// Computes predictions batch by batch.
struct Prediction {
  let outputs: [Port]
  /// Whether examples are the first axis everywhere; only then can they be taken apart.
  private let isBatched: Bool
  private let batchSize: Int

  /// One batch of inputs.
  struct Part {
    let count: Int
    let feed: Feed
    let fill: (Workspace) -> Void
  }

  /// - Throws: `AthanorError` when the batch size is not positive.
  init(inputs: [Port], outputs: [Port], batchSize: Int, steps: Int? = nil) throws {
    try Prediction.check(batchSize, steps, "predict")
    self.outputs = outputs
    self.batchSize = batchSize
    isBatched = (inputs + outputs).allSatisfy { $0.exampleAxis == 0 }
  }

  static func check(_ batchSize: Int, _ steps: Int?, _ what: String) throws {
    guard batchSize > 0 else {
      throw AthanorError(.argument, at: what, "batchSize is \(batchSize) but must be at least 1")
    }
    if let steps, steps < 1 {
      throw AthanorError(.argument, at: what, "steps is \(steps) but must be at least 1, or nil for all batches")
    }
  }

  /// - Parameter compute: Prepares a workspace for a feed, lets it be filled, and runs it; its results are read then.
  func run(
    _ data: PreparedInputs, _ compute: (Feed, (Workspace) -> Void) throws -> Void
  ) throws -> [Tensor] {
    var start = 0
    return try run(expecting: data.count, compute) {
      guard start < data.count || start == 0 && !isBatched else { return nil }
      let rows = start..<(isBatched ? min(start + batchSize, data.count) : max(data.count, 1))
      start = rows.upperBound
      return Part(count: rows.count, feed: isBatched ? data.feed.with(examples: rows.count) : data.feed) { workspace in
        if isBatched { data.fill(workspace, rows) } else { data.fillWhole(workspace) }
      }
    }
  }

  /// - Parameters:
  ///   - count: The number of examples; nil when it is not known.
  ///   - compute: As above.
  ///   - next: The next batch; nil when there is none.
  func run(
    expecting count: Int?, _ compute: (Feed, (Workspace) -> Void) throws -> Void, _ next: () throws -> Part?
  ) throws -> [Tensor] {
    var results = outputs.map { Storage($0.dtype) }
    var shapes = outputs.map { $0.lengths.map { $0.fixed ?? 0 } }
    var done = 0
    while let part = try next() {
      var used: Workspace?
      try compute(part.feed) { workspace in
        used = workspace
        part.fill(workspace)
      }
      guard let workspace = used else { continue }
      for (index, port) in outputs.enumerated() {
        let key = Slot.output(index).key
        let shape = workspace.plan.outputs[key]?.shape ?? []
        guard done == 0 || shape.dropFirst() == shapes[index].dropFirst() else {
          throw AthanorError(
            .shape, at: "predict",
            "output \"\(port.name)\" has shape \(Shape.text(shape)) for a batch but \(Shape.text(shapes[index])) for the one before",
            fix: "Predict batches of one length, or one batch at a time.")
        }
        results[index].append(workspace.output(key), expecting: (count ?? 0) / max(part.count, 1) + 1)
        shapes[index] = shape
      }
      done += part.count
    }
    return zip(results, shapes).map { storage, shape in
      Tensor(uncheckedShape: isBatched ? [done] + shape.dropFirst() : shape, storage.elements)
    }
  }

  /// The elements of one output, batch after batch.
  private struct Storage {
    let dtype: DType
    private var bytes: [UInt8] = []

    init(_ dtype: DType) { self.dtype = dtype }

    mutating func append(_ part: UnsafeMutableRawBufferPointer?, expecting batches: Int) {
      guard let part else { return }
      if bytes.isEmpty { bytes.reserveCapacity(part.count * batches) }
      bytes.append(contentsOf: part)
    }

    var elements: Tensor.Storage {
      func array<Element>(of type: Element.Type) -> [Element] {
        bytes.withUnsafeBytes { source in
          [Element](unsafeUninitializedCapacity: source.count / MemoryLayout<Element>.stride) { target, count in
            count = target.count
            UnsafeMutableRawBufferPointer(target).copyMemory(
              from: UnsafeRawBufferPointer(rebasing: source[..<(target.count * MemoryLayout<Element>.stride)]))
          }
        }
      }
      switch dtype {
      case .int32: return .int32(array(of: Int32.self))
      case .uint8: return .uint8(bytes)
      case .uint16: return .int32(array(of: UInt16.self).map { Int32($0) })
      case .float64: return .float64(array(of: Double.self))
      case .float32: return .float32(array(of: Float.self))
      }
    }
  }
}

/// The sums of loss and metrics over the batches so far.
struct RunningTotals {
  /// The outputs' names and losses where there are several, and the metrics' names in logs.
  private let goals: [(slot: Slot, name: String)]
  private let metrics: [(name: String, metric: Metric)]
  /// The loss's sum first, then those of the outputs, then each metric's sums.
  var sums: [[Double]] = []
  var count = 0.0

  init(_ training: Training) {
    goals = training.lossNames
    metrics = training.metricNames
  }

  /// Whether a workspace has the sums that were added so far: data with and without a mask differ in them.
  func fits(_ workspace: Workspace) -> Bool {
    sums.isEmpty
      || metrics.indices.allSatisfy {
        sums[goals.count + $0].count == workspace.floats(Slot.metric($0).key).count
      }
  }

  mutating func add(_ workspace: Workspace, count batchCount: Int) {
    if sums.isEmpty {
      sums =
        goals.map { _ in [0] }
        + metrics.indices.map { [Double](repeating: 0, count: workspace.floats(Slot.metric($0).key).count) }
    }
    for (index, goal) in goals.enumerated() {
      sums[index][0] += Double(workspace.floats(goal.slot.key)[0]) * Double(batchCount)
    }
    for index in metrics.indices {
      for (place, value) in workspace.floats(Slot.metric(index).key).enumerated() {
        sums[goals.count + index][place] += Double(value)
      }
    }
    count += Double(batchCount)
  }

  var logs: Logs {
    var logs = Logs()
    guard !sums.isEmpty, count > 0 else { return logs }
    for (goal, total) in zip(goals, sums) { logs[goal.name] = total[0] / count }
    for ((name, metric), totals) in zip(metrics, sums.dropFirst(goals.count)) {
      logs[name] = metric.result(totals, count)
    }
    return logs
  }
}
