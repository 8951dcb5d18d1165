import Foundation

/// An immutable copy of a model for prediction, safe to call from many tasks at once.
///
/// All callers share weights and plans. At most one workspace for each core and one more are made, whatever the number of callers; each
/// computes on one thread.
///
/// - Example:
///   ```swift
///   let predictor = try model.predictor()
///   let probabilities = try predictor.predict(pictures)  // [N, 10]
///   ```
public final class Predictor: @unchecked Sendable {  // `condition` guards what changes
  /// The inputs: names, element types and lengths.
  public let inputs: [Port]
  /// The outputs: names, element types and lengths.
  public let outputs: [Port]
  /// The shape of one example of the (first) input; 0 for an open length.
  public let inputShape: [Int]
  /// The shape of the (first) output, nil for open lengths.
  public let outputShape: Shape
  private let network: Network
  private let memory: ModelMemory
  private let preparation: InputPreparation
  private let seed: UInt64
  private let condition = NSCondition()
  private var passes = PredictionPasses()
  private var planCache = PlanCache()
  private var idle: [Worker] = []
  /// How many workspaces there are, idle or not.
  package private(set) var workspaceCount = 0
  package static let workspaceLimit = ThreadPool.coreCount + 1

  /// A workspace and the thread that computes in it.
  private struct Worker {
    let workspace: Workspace
    let pool: ThreadPool
  }

  init(_ model: Model) throws {
    (inputs, outputs, network, preparation) = (model.inputs, model.outputs, model.network, model.preparation)
    (inputShape, outputShape) = (model.inputShape, model.outputShape)
    seed = model.seed
    memory = try ModelMemory(model.weightMap.copy(), withGradients: false)
  }

  /// The model's output for each example, for a model of one input and one output.
  ///
  /// - Parameters:
  ///   - inputs: `[N, ...]`. Bytes for a float32 input are multiplied by `inputScale`.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for inputs; by default the model's `pixelScale` for bytes and 1 for everything else.
  /// - Throws: `AthanorError` when the shape does not fit or the model has several inputs or outputs.
  public func predict(_ inputs: Tensor, batchSize: Int = 32, inputScale: Float? = nil) throws -> Tensor {
    try network.requireOneOfEach("predict")
    return try predictions(preparation.prepared([inputs], "predict", scale: inputScale), batchSize)[0]
  }

  /// The model's outputs for each example, by name.
  ///
  /// - Parameters:
  ///   - inputs: One tensor for each input, by name.
  ///   - batchSize: How many examples are computed at once.
  ///   - inputScale: The factor for float32 inputs; by default the model's `pixelScale` for bytes and 1 for everything else.
  /// - Throws: `AthanorError` when an input is missing or a shape does not fit.
  public func predict(
    _ inputs: [String: Tensor], batchSize: Int = 32, inputScale: Float? = nil
  ) throws -> [String: Tensor] {
    let prepared = try preparation.prepared(preparation.inOrder(inputs, "predict"), "predict", scale: inputScale)
    return network.named(try predictions(prepared, batchSize))
  }

  private func predictions(_ data: PreparedInputs, _ batchSize: Int) throws -> [Tensor] {
    var worker: Worker?
    defer { if let worker { give(worker) } }
    return try Prediction(inputs: inputs, outputs: outputs, batchSize: batchSize).run(data) { feed, use in
      let plan = try plan(feed)
      let taken = try worker ?? take(plan)
      worker = taken
      if taken.workspace.plan !== plan { try taken.workspace.use(plan) }
      use(taken.workspace)
      taken.workspace.run(memory, pool: taken.pool, seed: seed, step: nextPass())
    }
  }

  private func plan(_ feed: Feed) throws -> Plan {
    condition.lock()
    defer { condition.unlock() }
    return try planCache.plans(PlanCache.Key(purpose: .predict, feed: feed)) {
      try Plans(main: Plan(network.predictionGraph(feed), weights: memory.weights))
    }.main
  }

  private func nextPass() -> UInt64 {
    condition.lock()
    defer { condition.unlock() }
    return passes.next()
  }

  /// An idle worker, a new one, or the next that becomes idle.
  private func take(_ plan: Plan) throws -> Worker {
    condition.lock()
    defer { condition.unlock() }
    while idle.isEmpty, workspaceCount >= Predictor.workspaceLimit { condition.wait() }
    if let worker = idle.popLast() { return worker }
    let worker = Worker(workspace: try Workspace(plan), pool: try ThreadPool(threadCount: 1))
    workspaceCount += 1
    return worker
  }

  private func give(_ worker: Worker) {
    condition.lock()
    idle.append(worker)
    condition.signal()
    condition.unlock()
  }
}

extension Model {
  /// An immutable copy of the model with its present weights, safe to call from many tasks at once.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  public func predictor() throws -> Predictor { try Predictor(self) }
}
