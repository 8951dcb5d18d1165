/// What `compile` has set: loss, metrics, optimizer and its state.
package final class Training {
  package let loss: Loss
  package let metrics: [Metric]
  package var optimizer: Optimizer
  package let slots: [NumberBuffer]
  let kernels: FlatKernels
  /// A rate set by hand or by a callback, which replaces the schedule.
  package var fixedRate: Double?

  init(_ optimizer: Optimizer, _ loss: Loss, _ metrics: [Metric], _ memory: WeightMemory, _ pool: ThreadPool) throws {
    self.optimizer = optimizer
    self.loss = loss
    self.metrics = metrics
    slots = try optimizer.rule.slotNames.map { _ in try NumberBuffer(byteCount: memory.parameters.count * 4) }
    kernels = try FlatKernels(pool: pool)
  }

  func learningRate(at step: Int) -> Double { fixedRate ?? optimizer.learningRate.value(at: step) }

  /// Limits the gradients and takes one step.
  ///
  /// - Parameter number: The step's number, from 1.
  func step(_ memory: WeightMemory, number: Int) {
    let gradients = flat(memory.memory.gradients, memory.parameters.count)
    clip(gradients, memory.parameters)
    optimizer.rule.apply(
      OptimizerStep(
        weights: flat(memory.memory.parameters, memory.parameters.count), gradients: gradients,
        slots: slots.map { flat($0, memory.parameters.count) }, number: number,
        learningRate: learningRate(at: number - 1), weightDecay: optimizer.weightDecay, kernels: kernels))
  }

  private func flat(_ buffer: NumberBuffer, _ count: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: buffer.floats[0..<count])
  }

  private func clip(_ gradients: UnsafeMutableBufferPointer<Float>, _ layout: ArrayLayout) {
    func limit(_ part: UnsafeMutableBufferPointer<Float>, _ length: Double) {
      let norm = kernels.sumOfSquares(part).squareRoot()
      if norm > length { kernels.scale(part, by: length / norm) }
    }
    switch optimizer.clipping {
    case nil: break
    case .value(let limit):
      for index in gradients.indices { gradients[index] = min(max(gradients[index], Float(-limit)), Float(limit)) }
    case .norm(let length):
      for entry in layout.entries {
        limit(UnsafeMutableBufferPointer(rebasing: gradients[entry.offset..<entry.offset + entry.count]), length)
      }
    case .globalNorm(let length): limit(gradients, length)
    }
  }
}

extension Model {
  /// Sets how the model is trained, and checks that loss and metrics go with its output.
  ///
  /// - Parameters:
  ///   - optimizer: How weights follow gradients.
  ///   - loss: What is minimised.
  ///   - metrics: What is reported beside the loss.
  /// - Throws: `AthanorError` when a parameter is out of range or the loss does not go with the output.
  public func compile(optimizer: Optimizer = .rmsprop(), loss: Loss, metrics: [Metric] = []) throws {
    try optimizer.validate()
    guard !network.entries.isEmpty else {
      throw AthanorError(.argument, at: "compile", "the model has no layers", fix: "Add layers first.")
    }
    var names: Set<String> = []
    for metric in metrics {
      let isReserved = metric.name == "loss" || metric.name == "learning_rate" || metric.name.hasPrefix("val_")
      guard !isReserved, !metric.name.isEmpty, !metric.name.contains(where: { $0 == "," || $0.isNewline }) else {
        throw AthanorError(
          .argument, at: "compile", "a metric is named \"\(metric.name)\"",
          fix:
            "Choose a name without commas that is not \"loss\" or \"learning_rate\" and does not begin with \"val_\".")
      }
    }
    for metric in metrics where !names.insert(metric.name).inserted {
      throw AthanorError(
        .argument, at: "compile", "metric \"\(metric.name)\" is given twice", fix: "Name each metric once.")
    }
    // The output's shape decides which targets are possible; one of the two must work.
    let shape = built.output.shape
    let rows = ValueType(.float32, shape)
    let numbers = ValueType(.int32, Shape(shape.rank > 1 ? Array(shape.lengths.dropLast()) : shape.lengths))
    do {
      _ = try network.lossGraph(
        Network.Feed(target: numbers), loss: loss, metrics: metrics, isTraining: true)
    } catch {
      _ = try network.lossGraph(Network.Feed(target: rows), loss: loss, metrics: metrics, isTraining: true)
    }
    workspaces = [:]
    training = try Training(optimizer, loss, metrics, weightMemory, pool)
    progress = TrainingProgress(seed: seed)
  }

  package func requireCompiled() throws -> Training {
    guard let training else {
      throw AthanorError(
        .argument, at: "model \"\(name)\"", "it has no loss yet",
        fix: "Call model.compile(optimizer: .adam(), loss: ...) first.")
    }
    return training
  }

  /// The learning rate of the next step; setting it replaces a schedule.
  ///
  /// Zero before `compile`.
  public var learningRate: Double {
    get { training?.learningRate(at: progress.step) ?? 0 }
    set {
      guard let training else { return }
      training.fixedRate = newValue
      progress.fixedRate = newValue
    }
  }

  /// How many steps of training have been taken since `compile`.
  public var step: Int { progress.step }
}

/// Where training stands, to be saved beside the weights.
package struct TrainingProgress: Hashable, Sendable, Codable {
  package var seed: UInt64
  /// Steps taken in all.
  package var step = 0
  /// Epochs completed, and batches of the next one that are done.
  package var epoch = 0
  package var batch = 0
  /// The running sums of the unfinished epoch.
  package var totals: [[Double]] = []
  package var count = 0.0
  package var history = History()
  /// A learning rate that replaces the optimizer's.
  package var fixedRate: Double?
  /// What each callback remembers, by its key.
  package var callbacks: [String: [String: Double]] = [:]

  package init(seed: UInt64) { self.seed = seed }
}
