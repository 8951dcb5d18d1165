/// What `compile` has set: losses, metrics, optimizer and its state.
package final class Training {
  /// One for each output.
  package let goals: [Goal]
  /// The loss of the first output that has one.
  package let loss: Loss
  package var optimizer: Optimizer
  /// The optimizer's arrays, laid out as the gradients.
  package let slots: [NumberBuffer]
  let kernels: FlatKernels
  /// The names in logs of the loss, of the outputs' losses where there are several outputs, and of the metrics.
  let lossNames: [(slot: Slot, name: String)]
  package let metricNames: [(name: String, metric: Metric)]
  /// How many sums are kept over an epoch: one for each loss, and for each metric as many as it has.
  package let sumCounts: [Int]
  /// A rate set by hand or by a callback, which replaces the schedule.
  package var fixedRate: Double?

  init(
    _ optimizer: Optimizer, _ goals: [Goal], metricSizes: [Int], outputs: [String], _ weights: WeightMap,
    _ pool: ThreadPool
  ) throws {
    guard let loss = goals.lazy.compactMap(\.loss).first else {
      throw AthanorError(.argument, at: "compile", "no output has a loss", fix: "Give a loss for at least one output.")
    }
    self.optimizer = optimizer
    self.goals = goals
    self.loss = loss
    let isSingle = outputs.count == 1
    let named = zip(outputs, goals).enumerated()
    lossNames =
      [(.loss, "loss")]
      + (isSingle ? [] : named.filter { $1.1.loss != nil }.map { (.outputLoss($0), "\($1.0)_loss") })
    metricNames = Training.names(
      zip(outputs, goals).flatMap { output, goal in goal.metrics.map { (isSingle ? "" : "\(output)_", $0) } })
    sumCounts = lossNames.map { _ in 1 } + metricSizes
    slots = try optimizer.slotNames.enumerated().map { place, name in
      let numbers = try NumberBuffer(byteCount: weights.gradientCount * 4)
      let initial = place < optimizer.ruleSlotStart ? 0 : optimizer.rule.initialValue(ofSlot: name)
      if initial != 0 { numbers.floats.update(repeating: Float(initial)) }
      return numbers
    }
    kernels = try FlatKernels(pool: pool)
  }

  /// Names in logs as Keras makes them unique: `weighted_accuracy` beside `accuracy`, then `accuracy_1`.
  private static func names(_ metrics: [(prefix: String, metric: Metric)]) -> [(name: String, metric: Metric)] {
    var uses: [String: Int] = [:]
    var names = [String](repeating: "", count: metrics.count)
    let plain = metrics.indices.filter { !metrics[$0].metric.usesSampleWeights }
    for index in plain + metrics.indices.filter({ metrics[$0].metric.usesSampleWeights }) {
      let (prefix, metric) = metrics[index]
      var name = prefix + metric.name
      if metric.usesSampleWeights, uses[name] != nil { name = "\(prefix)weighted_\(metric.name)" }
      let count = uses[name, default: 0]
      uses[name] = count + 1
      names[index] = count == 0 ? name : "\(name)_\(count)"
    }
    return zip(names, metrics).map { ($0, $1.metric) }
  }

  /// The metrics of all outputs.
  package var metrics: [Metric] { metricNames.map(\.metric) }

  /// Whether an epoch may have so many sums; the mean of a metric has one more where data have a mask.
  func accepts(_ counts: [Int]) -> Bool {
    guard counts.count == sumCounts.count else { return false }
    return counts.indices.allSatisfy { index in
      let metric = index < lossNames.count ? nil : metricNames[index - lossNames.count].metric
      return counts[index] == sumCounts[index] || metric?.weighting.addsSum == true && (1...2).contains(counts[index])
    }
  }

  /// Whether higher values of a figure of this name are better.
  func isHigherBetter(_ name: String) -> Bool {
    metricNames.first { $0.name == name }?.metric.direction == .higher
  }

  private var lastRuns: (plan: Plan, runs: GradientRuns)?

  /// The weights that a plan computes gradients of.
  func runs(of plan: Plan, _ weights: WeightMap, _ declarations: [WeightDeclaration]) -> GradientRuns {
    if let lastRuns, lastRuns.plan === plan { return lastRuns.runs }
    let runs = GradientRuns(plan.gradientNames, weights, declarations)
    lastRuns = (plan, runs)
    return runs
  }

  func learningRate(at step: Int) -> Double { fixedRate ?? optimizer.learningRate.value(at: step) }

  /// Limits the gradients and takes one step; of several batches that make one step only the last one does.
  ///
  /// - Parameters:
  ///   - runs: The weights that have gradients.
  ///   - number: The number of the batch, from 1.
  func step(_ memory: ModelMemory, _ runs: GradientRuns, number: Int) {
    let steps = (number - 1) / optimizer.accumulation
    if accumulate(memory.gradients.floats, runs, isLast: number % optimizer.accumulation == 0) {
      takeStep(memory, runs, number: steps + 1, learningRate: learningRate(at: number - 1))
    }
    guard let average = optimizer.weightAverage, let place = optimizer.averagePlace else { return }
    let momentum = steps == 0 ? 0 : Float(average.momentum)
    for run in runs.runs {
      let (weights, averages) = (weights(run, memory), part(slots[place].floats, run.gradientOffset, run))
      for index in weights.indices {
        averages[index] = momentum * averages[index] + (1 - momentum) * weights[index]
      }
    }
    if let frequency = average.frequency, (steps + 1) % frequency == 0 { takeAverages(memory, runs) }
  }

  /// Ends a training: where the weights have moving averages they become these.
  func finish(_ memory: ModelMemory) {
    if let lastRuns { takeAverages(memory, lastRuns.runs) }
  }

  private func takeAverages(_ memory: ModelMemory, _ runs: GradientRuns) {
    guard let place = optimizer.averagePlace else { return }
    for run in runs.runs {
      _ = weights(run, memory).update(fromContentsOf: part(slots[place].floats, run.gradientOffset, run))
    }
  }

  /// Adds gradients to those of the batches before; of the last one makes their mean.
  ///
  /// - Returns: Whether the gradients are those of a step.
  private func accumulate(
    _ gradients: UnsafeMutableBufferPointer<Float>, _ runs: GradientRuns, isLast: Bool
  ) -> Bool {
    guard let place = optimizer.accumulatorPlace else { return true }
    let (sums, share) = (slots[place].floats, Float(optimizer.accumulation))
    for run in runs.runs {
      for index in run.gradientOffset..<run.gradientOffset + run.count {
        let sum = gradients[index] + sums[index]
        if isLast { gradients[index] = sum / share }
        sums[index] = isLast ? 0 : sum
      }
    }
    return isLast
  }

  private func takeStep(_ memory: ModelMemory, _ runs: GradientRuns, number: Int, learningRate: Double) {
    let gradients = memory.gradients.floats
    for clipping in optimizer.clipping?.steps ?? [] { clip(gradients, runs, clipping) }
    for run in runs.runs {
      optimizer.rule.apply(
        OptimizerStep(
          weights: weights(run, memory), gradients: part(gradients, run.gradientOffset, run),
          slots: slots[optimizer.ruleSlotStart...].map { part($0.floats, run.gradientOffset, run) },
          number: number, learningRate: learningRate, weightDecay: optimizer.weightDecay, kernels: kernels))
    }
  }

  private func weights(_ run: GradientRuns.Run, _ memory: ModelMemory) -> UnsafeMutableBufferPointer<Float> {
    part(memory.weights.stores[run.store].numbers.floats, run.offset, run)
  }

  private func part(
    _ buffer: UnsafeMutableBufferPointer<Float>, _ offset: Int, _ run: GradientRuns.Run
  ) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(rebasing: buffer[offset..<offset + run.count])
  }

  /// The sum of all gradients' squares.
  func sumOfSquares(_ gradients: UnsafeMutableBufferPointer<Float>, _ runs: GradientRuns) -> Double {
    runs.runs.reduce(0) { sum, run in
      let part = gradients[run.gradientOffset..<run.gradientOffset + run.count]
      return sum + kernels.sumOfSquares(UnsafeMutableBufferPointer(rebasing: part))
    }
  }

  private func clip(
    _ gradients: UnsafeMutableBufferPointer<Float>, _ runs: GradientRuns, _ clipping: Optimizer.Clipping
  ) {
    func scale(_ range: Range<Int>, _ norm: Double, _ limit: Double) {
      guard norm > limit else { return }
      kernels.scale(UnsafeMutableBufferPointer(rebasing: gradients[range]), by: limit / norm)
    }
    switch clipping {
    case .sequence: break
    case .value(let limit):
      for run in runs.runs {
        for index in run.gradientOffset..<run.gradientOffset + run.count {
          gradients[index] = min(max(gradients[index], Float(-limit)), Float(limit))
        }
      }
    case .norm(let limit):
      for range in runs.arrays {
        let part = UnsafeMutableBufferPointer(rebasing: gradients[range])
        scale(range, kernels.sumOfSquares(part).squareRoot(), limit)
      }
    case .globalNorm(let limit):
      let norm = sumOfSquares(gradients, runs).squareRoot()
      for run in runs.runs { scale(run.gradientOffset..<run.gradientOffset + run.count, norm, limit) }
    }
  }
}

/// The weights that a step changes, as stretches of flat memory: those that have a gradient. All others, and their optimizer state, stay.
struct GradientRuns {
  struct Run {
    let store: Int
    let offset: Int
    let gradientOffset: Int
    var count: Int
  }

  /// Stretches without a gap between arrays, in order.
  private(set) var runs: [Run] = []
  /// Each array's place among the gradients.
  private(set) var arrays: [Range<Int>] = []

  /// The limits on weights, kept after each step.
  let constraints: [(constraint: Constraint, span: WeightMap.Span)]

  init(_ names: Set<String>, _ weights: WeightMap, _ declarations: [WeightDeclaration]) {
    constraints = declarations.compactMap { weight in
      guard let constraint = weight.constraint, names.contains(weight.name) else { return nil }
      return weights[weight.name].map { (constraint, $0) }
    }
    let spans = weights.spans.filter { $0.isParameter && names.contains($0.name) }
    for span in spans.sorted(by: { $0.gradientOffset < $1.gradientOffset }) {
      arrays.append(span.gradientOffset..<span.gradientOffset + span.count)
      if let last = runs.last, last.store == span.store, last.offset + last.count == span.offset {
        runs[runs.count - 1].count += span.blockCount
      } else {
        runs.append(
          Run(store: span.store, offset: span.offset, gradientOffset: span.gradientOffset, count: span.blockCount))
      }
    }
  }
}

extension Plan {
  /// The parameters whose gradients it computes.
  var gradientNames: Set<String> {
    Set(graph.results.compactMap { if case .gradient(let name) = $0.result { name } else { nil } })
  }
}

extension Model {
  /// Sets how the model is trained, and checks that loss and metrics go with its output.
  ///
  /// - Parameters:
  ///   - optimizer: How weights follow gradients.
  ///   - loss: The loss that is minimised; for a model of several outputs the sum of the losses of all.
  ///   - metrics: Figures reported beside the loss, for each output.
  ///   - weightedMetrics: Figures that count examples by their sample weights.
  /// - Throws: `AthanorError` when a parameter is out of range or the loss does not go with the output.
  public func compile(
    optimizer: Optimizer = .rmsprop(), loss: Loss, metrics: [Metric] = [], weightedMetrics: [Metric] = []
  ) throws {
    try Model.checkDuplicates(metrics)
    try Model.checkDuplicates(weightedMetrics)
    try compile(
      optimizer,
      network.outputs.map { _ in Goal(loss: loss, metrics: metrics + weightedMetrics.map { $0.weighted() }) })
  }

  /// Sets how a model of several outputs is trained, and checks that losses and metrics go with them.
  ///
  /// Figures are named as Keras names them: `loss` for the weighted sum, `kind_loss` and `kind_accuracy` for the output `kind`.
  ///
  /// - Parameters:
  ///   - optimizer: How weights follow gradients.
  ///   - losses: The loss of each output that is trained, by name.
  ///   - lossWeights: The factors of the losses in the sum that is minimised; 1 where not given.
  ///   - metrics: Figures reported beside the losses, by output.
  ///   - weightedMetrics: Figures that count examples by their sample weights, by output.
  /// - Throws: `AthanorError` when there is no output of a name, a parameter is out of range or a loss does not go with its output.
  public func compile(
    optimizer: Optimizer = .rmsprop(), losses: [String: Loss], lossWeights: [String: Double] = [:],
    metrics: [String: [Metric]] = [:], weightedMetrics: [String: [Metric]] = [:]
  ) throws {
    let names = outputs.map(\.name)
    for (what, keys) in [
      ("losses", Array(losses.keys)), ("lossWeights", Array(lossWeights.keys)), ("metrics", Array(metrics.keys)),
      ("weightedMetrics", Array(weightedMetrics.keys)),
    ] {
      guard let unknown = keys.sorted().first(where: { !names.contains($0) }) else { continue }
      throw AthanorError(
        .argument, at: "compile", "\(what) names \"\(unknown)\", but the model has no output of this name",
        fix: AthanorError.suggestion(for: unknown, among: names) + "It has \(names.joined(separator: ", ")).")
    }
    for list in metrics.values { try Model.checkDuplicates(list) }
    for list in weightedMetrics.values { try Model.checkDuplicates(list) }
    try compile(
      optimizer,
      names.map { name in
        Goal(
          loss: losses[name], weight: lossWeights[name] ?? 1,
          metrics: (metrics[name] ?? []) + (weightedMetrics[name] ?? []).map { $0.weighted() })
      })
  }

  /// - Throws: as the public forms.
  package func compile(_ optimizer: Optimizer, _ goals: [Goal]) throws {
    try optimizer.validate()
    guard !network.calls.isEmpty else {
      throw AthanorError(.argument, at: "compile", "the model has no layers", fix: "Add layers first.")
    }
    for (output, goal) in zip(network.outputs, goals) {
      guard goal.weight >= 0, goal.weight.isFinite else {
        throw AthanorError(
          .argument, at: "compile", "the loss weight of \"\(output.name)\" is \(goal.weight)",
          fix: "Give a finite number of zero or more.")
      }
      try Model.checkNames(goal.metrics)
    }
    let sums = try goals.indices.flatMap { goals[$0].isUsed ? try metricSizes(of: goals[$0], output: $0) : [] }
    try setTraining(
      Training(optimizer, goals, metricSizes: sums, outputs: network.outputs.map(\.name), weightMap, pool))
  }

  private static func checkNames(_ metrics: [Metric]) throws {
    for metric in metrics {
      let isReserved = metric.name == "loss" || metric.name == "learning_rate" || metric.name.hasPrefix("val_")
      guard !isReserved, !metric.name.isEmpty, !metric.name.contains(where: { $0 == "," || $0.isNewline }) else {
        throw AthanorError(
          .argument, at: "compile", "a metric is named \"\(metric.name)\"",
          fix:
            "Choose a name without commas that is not \"loss\" or \"learning_rate\" and does not begin with \"val_\".")
      }
    }
    for metric in metrics where metric.usesSampleWeights && metric.weighting == .none {
      throw AthanorError(
        .argument, at: "compile", "metric \"\(metric.name)\" takes no sample weights",
        fix: "Give it among metrics, or make it by Metric.mean.")
    }
  }

  private static func checkDuplicates(_ metrics: [Metric]) throws {
    var names: Set<String> = []
    for metric in metrics where !names.insert(metric.name).inserted {
      throw AthanorError(
        .argument, at: "compile", "metric \"\(metric.name)\" is given twice", fix: "Name each metric once.")
    }
  }

  /// Checks that a goal goes with its output, and counts the sums of each metric.
  ///
  /// The output's shape decides which targets are possible; one kind that the loss takes must work.
  private func metricSizes(of goal: Goal, output index: Int) throws -> [Int] {
    let sizes = built.outputs[index].shape.sizes
    let kinds = [
      Feed.Target(dtype: .int32, exampleShape: Array(sizes.dropFirst().dropLast())),
      Feed.Target(dtype: .float32, exampleShape: Array(sizes.dropFirst())),
    ].filter { goal.loss?.targets.accepts($0.dtype) ?? true }
    var lengths: [String: Int] = [:]
    for (port, value) in zip(network.inputs, network.inputs.map(\.declaredType.shape)) {
      for case (.open(let name), let length) in zip(port.lengths, value.sizes) { lengths[name] = length }
    }
    var failure: AthanorError?
    for kind in kinds {
      var (goals, targets) = ([Goal](repeating: Goal(), count: network.outputs.count), [Feed.Target?]())
      goals[index] = goal
      targets = goals.indices.map { $0 == index ? kind : nil }
      let feed = Feed(
        inputs: network.inputs.map { Feed.Input(dtype: $0.dtype) }, targets: targets, lengths: lengths)
      do {
        let graph = try network.lossGraph(feed, goals, isTraining: goal.loss != nil)
        return goal.metrics.indices.map { metric in
          let sums = graph.results.first { $0.result == .output(Slot.metric(metric).key) }
          return sums.map { graph.type(of: $0.value).shape.sizes.reduce(1, *) } ?? 0
        }
      } catch let error as AthanorError {
        failure = error
      }
    }
    if let failure {
      throw network.outputs.count == 1 ? failure : failure.within("output \"\(network.outputs[index].name)\"")
    }
    return []
  }

  package func requireCompiled() throws -> Training {
    guard let training else {
      throw AthanorError(
        .argument, at: "model \"\(name)\"", "it has no loss yet",
        code: "Call model.compile(optimizer: .adam(), loss: ...) first.")
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

  /// The number of steps of training that have been taken since `compile`.
  public var step: Int { progress.step }
}
