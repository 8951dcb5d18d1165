/// The gradients of a batch's loss, from `Model.gradients`: to look at, to add up over several batches, and to apply.
///
/// - Example:
///   ```swift
///   var sum = try model.gradients(first)
///   sum += try model.gradients(second)
///   try model.apply(sum.scaled(by: 0.5))
///   ```
public struct Gradients: Sendable {
  /// The loss and the metrics of the batch, before the step; of a sum those of its first batch.
  public let logs: Logs
  /// In the model's layout; zero between the arrays.
  package private(set) var numbers: [Float]
  package private(set) var names: Set<String>
  fileprivate let weights: WeightMap

  fileprivate init(logs: Logs, numbers: [Float], names: Set<String>, weights: WeightMap) {
    self.logs = logs
    self.numbers = numbers
    self.names = names
    self.weights = weights
  }

  /// The loss of the batch.
  public var loss: Double { logs["loss"] ?? .nan }

  /// The names of the weights that have a gradient: those that the loss reaches and whose layers are not frozen.
  public var weightNames: [String] { weights.spans.map(\.name).filter(names.contains) }

  /// The gradient with respect to a weight; nil when it has none.
  public subscript(name: String) -> Tensor? {
    guard names.contains(name), let span = weights[name] else { return nil }
    let part = numbers[span.gradientOffset..<span.gradientOffset + span.count]
    return Tensor(uncheckedShape: span.shape, .float32(Array(part)))
  }

  /// All gradients times a number.
  public func scaled(by factor: Float) -> Gradients {
    var result = self
    for index in numbers.indices { result.numbers[index] *= factor }
    return result
  }

  /// Adds the gradients of another batch of the same model.
  public static func += (left: inout Gradients, right: Gradients) {
    for index in left.numbers.indices where index < right.numbers.count { left.numbers[index] += right.numbers[index] }
    left.names.formUnion(right.names)
  }
}

extension Model {
  /// One step of training on a batch: `gradients` and `apply` in one.
  ///
  /// - Returns: The loss and the metrics of this batch, before the step.
  /// - Throws: `AthanorError` when the model is not compiled, the data do not fit or the loss is not finite.
  @discardableResult
  public func trainOnBatch(_ batch: Dataset) throws -> Logs {
    let training = try requireCompiled()
    let reader = try wholeBatch(batch, "trainOnBatch")
    let workspace = try workspace(.train, reader.feed)
    try takeStep(workspace, training, "trainOnBatch") { reader.fill(workspace) }
    return logs(of: workspace, training, reader.count)
  }

  /// A reader that has read all examples as one batch.
  private func wholeBatch(_ data: Dataset, _ what: String) throws -> BatchReader {
    let reader = try BatchReader(data, for: self, what, batchSize: max(1, data.count))
    _ = try reader.next(data.cursor(DataPass(batchSize: max(1, data.count))), what)
    return reader
  }

  /// The loss of a batch and its gradients, by a forward and a backward pass in training mode: dropout draws new masks, and moving
  /// averages move. Weights change by `apply` alone.
  ///
  /// - Throws: `AthanorError` when the model is not compiled, the data do not fit, or a number is not finite.
  /// - Example:
  ///   ```swift
  ///   for batch in batches { try model.apply(model.gradients(batch)) }
  ///   ```
  public func gradients(_ batch: Dataset) throws -> Gradients {
    let training = try requireCompiled()
    let reader = try wholeBatch(batch, "gradients")
    let workspace = try workspace(.train, reader.feed)
    let runs = try computeGradients(workspace, training, "gradients") { reader.fill(workspace) }
    var numbers = [Float](repeating: 0, count: weightMap.gradientCount)
    for range in runs.arrays { for index in range { numbers[index] = memory.gradients.floats[index] } }
    return Gradients(
      logs: logs(of: workspace, training, reader.count), numbers: numbers, names: workspace.plan.gradientNames,
      weights: weightMap)
  }

  /// One step of the optimizer: clips the gradients and changes the weights that have one.
  ///
  /// - Throws: `AthanorError` when the model is not compiled, the gradients are another model's, or a number is not finite.
  public func apply(_ gradients: Gradients) throws {
    let training = try requireCompiled()
    guard gradients.numbers.count == weightMap.gradientCount,
      gradients.names.allSatisfy({ weightMap[$0]?.isParameter == true })
    else {
      throw AthanorError(
        .argument, at: "apply", "the gradients are those of another model",
        code: "Apply them to the model whose gradients(_:) made them.")
    }
    guard gradients.numbers.allSatisfy(\.isFinite) else {
      throw AthanorError(
        .numeric, at: "apply", "a gradient is NaN or infinite; the weights are unchanged",
        fix: "Lower the learning rate, or leave this batch out.")
    }
    let runs = GradientRuns(gradients.names.filter { !built.isFrozen($0, frozen) }, weightMap, built.weights)
    for range in runs.arrays { for index in range { memory.gradients.floats[index] = gradients.numbers[index] } }
    applyStep(training, runs)
  }

  /// Makes sure that there is a training to go on with.
  ///
  /// - Throws: `AthanorError` when there is none, or a loaded state does not go with how the model was compiled.
  func adoptLoadedState() throws {
    try pendingState?(self)
    pendingState = nil
    guard progress.step > 0 || hasLoadedProgress else {
      throw AthanorError(
        .argument, at: "fit", "resume is true, but the model has neither been trained nor read from a checkpoint",
        code: "Load the checkpoint with Model(contentsOf:), or leave resume out.",
        command: "Start from it without --resume.")
    }
  }

  private func logs(of workspace: Workspace, _ training: Training, _ count: Int) -> Logs {
    var totals = RunningTotals(training)
    totals.add(workspace, count: count)
    return totals.logs
  }

  /// Fills a workspace, runs it and changes the weights.
  ///
  /// - Throws: `AthanorError` when the loss or a gradient is not finite; the weights are then those before the step.
  func takeStep(
    _ workspace: Workspace, _ training: Training, _ what: @autoclosure () -> String, fill: () throws -> Void
  ) throws {
    applyStep(training, try computeGradients(workspace, training, what(), fill: fill))
  }

  /// A forward and a backward pass in training mode.
  ///
  /// - Throws: `AthanorError` when the loss or a gradient is not finite; the states are then those before.
  private func computeGradients(
    _ workspace: Workspace, _ training: Training, _ what: @autoclosure () -> String, fill: () throws -> Void
  ) throws -> GradientRuns {
    let plan = workspace.plan
    let runs = training.runs(of: plan, weightMap, built.weights)
    let pass = UInt64(progress.pass)
    try measured("batch", "fill", fill)
    workspace.run(memory, pool: pool, seed: progress.seed, step: pass, profile: profile)
    guard workspace.floats(Slot.loss.key)[0].isFinite, training.sumOfSquares(memory.gradients.floats, runs).isFinite
    else {
      let place = workspace.firstNonFinite(memory, pool: pool, seed: progress.seed, step: pass)
      let origin = place.map(describe) ?? "the gradients' sum"
      throw AthanorError(
        .numeric, at: what(),
        "a number became NaN or infinite, first in \(origin); the weights are those before this batch",
        code: "Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1).",
        command: "Look for NaN in the data, or lower the learning rate: --learning-rate.")
    }
    progress.pass += 1
    memory.commitUpdates(of: plan)
    return runs
  }

  private func describe(_ place: Workspace.NonFinite) -> String {
    if let operation = place.operation { return "\(place.origin), in \(operation)" }
    func name(_ kind: String, _ index: Int, _ names: [String]) -> String {
      names.count == 1 ? kind : "\(kind) \"\(names[index])\""
    }
    let (inputs, outputs) = (network.inputs.map(\.name), network.outputs.map(\.name))
    let named =
      inputs.indices.map { (Slot.input($0), name("input", $0, inputs)) }
      + outputs.indices.map { (Slot.target($0), name("target", $0, outputs)) }
      + outputs.indices.map { (Slot.sampleWeights($0), name("sample weights", $0, outputs)) }
    guard let slot = named.first(where: { $0.0.key == place.origin }) else {
      return "the batch itself, or what random layers made of it"
    }
    return "the batch itself (\(slot.1))"
  }

  private func applyStep(_ training: Training, _ runs: GradientRuns) {
    pendingState = nil  // another training has begun
    progress.step += 1
    measured("optimizer", "step") {
      training.step(memory, runs, number: progress.step)
      for (constraint, span) in runs.constraints { constraint.apply(to: weightMap.values(of: span), span.shape) }
    }
  }

  private func measured(_ origin: String, _ operation: String, _ body: () throws -> Void) rethrows {
    if let profile { try profile.measure(origin, operation, body) } else { try body() }
  }
}
