/// How data enter a graph: what a plan is made for.
package struct Feed: Hashable, Sendable {
  package struct Input: Hashable, Sendable {
    package var dtype: DType
    /// The factor applied to the elements; 1 for none.
    package var scale: Float = 1
  }

  /// What an output is compared with: class numbers (int32) or numbers (float32), and the lengths of one example.
  package struct Target: Hashable, Sendable {
    package var dtype: DType
    package var exampleShape: [Int]
    /// The lengths of the sample weights of one example: none, or as many time steps as it has.
    package var weightShape: [Int] = []
    /// The lengths of the mask of one example; nil where the data have none.
    package var maskShape: [Int]?

    package init(dtype: DType, exampleShape: [Int]) {
      self.dtype = dtype
      self.exampleShape = exampleShape
    }
  }

  package var inputs: [Input]
  /// One for each output; nil where there is no loss and no metric.
  package var targets: [Target?] = []
  /// What open lengths are, by name.
  package var lengths: [String: Int]

  /// The same data in a batch of another size.
  package func with(examples: Int) -> Feed {
    var feed = self
    feed.lengths[Length.batchName] = examples
    return feed
  }
}

extension Network {
  /// The feed of inputs as they are declared, in batches of the given size.
  package func plainFeed(examples: Int = 1) -> Feed {
    Feed(inputs: inputs.map { Feed.Input(dtype: $0.dtype) }, lengths: [Length.batchName: examples])
  }

  /// The graph that computes predictions, with a bias and ReLU fused where possible.
  package func predictionGraph(_ feed: Feed) throws -> Graph { try Passes.finish(forwardGraph(feed)) }

  /// The graph that computes predictions, of forward operations alone, for exporters.
  package func exportGraph(_ feed: Feed) throws -> Graph { try Passes.removeUnused(forwardGraph(feed)) }

  private func forwardGraph(_ feed: Feed) throws -> Graph {
    let builder = GraphBuilder()
    let built = try build(values(builder, feed), isTraining: false)
    for (index, output) in built.outputs.enumerated() { builder.setResult(.output(Slot.output(index).key), output) }
    return try Passes.fuseBiasAndActivation(builder.graph)
  }

  /// The graph that computes the loss and the metrics' sums; for training, with the gradients.
  ///
  /// - Parameters:
  ///   - feed: How inputs and targets arrive.
  ///   - goals: The loss and metrics of each output.
  ///   - isTraining: Whether layers train and gradients are computed.
  ///   - frozen: The layers that are not trained.
  package func lossGraph(_ feed: Feed, _ goals: [Goal], isTraining: Bool, frozen: Set<String> = []) throws -> Graph {
    let builder = GraphBuilder()
    let built = try build(values(builder, feed), isTraining: isTraining, frozen: frozen)
    var total: Value?
    var metricCount = 0
    let isSingle = outputs.count == 1
    for (index, (goal, prediction)) in zip(goals, built.outputs).enumerated() {
      guard goal.isUsed, let target = feed.targets[index] else { continue }
      builder.origin = ""
      let examples = feed.lengths[Length.batchName] ?? 1
      func source(_ slot: Slot, _ dtype: DType, _ exampleShape: [Int]) throws -> Value {
        let type = Network.targetType(dtype, exampleShape, prediction.shape, examples: examples)
        return try builder.source(.input(slot.key), type)
      }
      let expected = try source(.target(index), target.dtype, target.exampleShape)
      let given = try target.maskShape.map { try source(.mask(index), .float32, $0) }
      let mask = try Value.intersection(
        built.masks[index], given?.checked("a mask", for: prediction, outputs[index].name))
      let weights =
        goal.usesSampleWeights
        ? try source(.sampleWeights(index), .float32, target.weightShape)
          .checked("an array of sample weights", for: prediction, outputs[index].name) : nil
      if let loss = goal.loss, let weights {
        builder.origin = isSingle ? "loss \(loss.name)" : "\(outputs[index].name) loss \(loss.name)"
        let mean = try loss.total(prediction, expected, weights: weights, mask: mask)  // []
        if !isSingle { builder.setResult(.output(Slot.outputLoss(index).key), mean) }
        let weighted = goal.weight == 1 ? mean : try mean * goal.weight
        total = try total.map { try $0 + weighted } ?? weighted
      }
      for metric in goal.metrics {
        builder.origin = "metric \(metric.name)"
        let sums = try metric.statistics(prediction, expected, metric.weights(weights, mask: mask))
        guard sums.shape.rank == 1, sums.shape[0] != nil else {
          throw AthanorError(
            .shape, at: "metric \(metric.name)", "its sums have shape \(sums.shape) but must be a vector [K]",
            fix: "Sum over the batch.")
        }
        builder.setResult(.output(Slot.metric(metricCount).key), sums)
        metricCount += 1
      }
    }
    builder.origin = "regularization"
    if let loss = total { total = try built.penalties(builder, frozen).reduce(loss, +) }
    builder.origin = ""
    if let total { builder.setResult(.output(Slot.loss.key), total) }
    let forward = try Passes.fuseBiasAndActivation(builder.graph)
    guard isTraining, let loss = forward.results.first(where: { $0.result == .output(Slot.loss.key) })?.value else {
      return try Passes.finish(forward)
    }
    let training = GraphBuilder(forward)
    try training.addGradients(of: Value(training, loss)) { !built.isFrozen($0, frozen) }
    return try Passes.finish(training.graph)
  }

  /// Whether a weight (or layer) of this path lies in a frozen layer.
  package static func isFrozen(_ path: String, _ frozen: Set<String>) -> Bool {
    guard !frozen.isEmpty else { return false }
    var prefix = Substring(path)
    while !prefix.isEmpty {
      if frozen.contains(String(prefix)) { return true }
      prefix = prefix.lastIndex(of: "/").map { prefix[..<$0] } ?? ""
    }
    return false
  }

  /// Axes of the target are open where those of the prediction are.
  private static func targetType(
    _ dtype: DType, _ exampleShape: [Int], _ prediction: Shape, examples: Int
  ) -> ValueType {
    let axes = ([examples] + exampleShape).enumerated().map { axis, length in
      if axis == 0 { return Shape.Axis(length, openNames: [Length.batchName]) }
      let open = axis < prediction.rank && prediction.axes[axis].isOpen && prediction.axes[axis].length == length
      return open ? prediction.axes[axis] : Shape.Axis(length)
    }
    return ValueType(dtype, Shape(axes: axes))
  }

  private func values(_ builder: GraphBuilder, _ feed: Feed) throws -> [Value] {
    builder.origin = "input"
    defer { builder.origin = "" }
    return try zip(inputs, feed.inputs).enumerated().map { index, part in
      let (port, input) = part
      let value = try builder.source(.input(Slot.input(index).key), port.type(feed.lengths, dtype: input.dtype))
      let isPlain = input.dtype == port.dtype && input.scale == 1
      return isPlain ? value : try value.converted(scale: input.scale)
    }
  }
}

extension Network.Built {
  /// What is added to the loss for weights that are trained, and by the layers.
  fileprivate func penalties(_ builder: GraphBuilder, _ frozen: Set<String>) throws -> [Value] {
    try losses
      + weights.compactMap { weight in
        guard let regularizer = weight.regularizer, !isFrozen(weight.name, frozen) else { return nil }
        do {
          return try regularizer.penalty(
            of: builder.source(.parameter(weight.name), ValueType(.float32, Shape(weight.shape))))
        } catch let error as AthanorError {
          throw error.within("weight \"\(weight.name)\"")
        }
      }
  }
}

extension Value {
  /// Refuses weights or masks that do not have the first axes of an output.
  fileprivate func checked(_ what: String, for prediction: Value, _ output: String) throws -> Value {
    let fits =
      shape.rank <= prediction.shape.rank && zip(shape.sizes, prediction.shape.sizes).allSatisfy { $0 == $1 }
    guard fits else {
      throw AthanorError(
        .shape, at: "output \"\(output)\"",
        "\(what) of shape \(Shape.text(shape.sizes)) does not go with shape \(Shape.text(prediction.shape.sizes))",
        fix: "Give one number for each example, [N], or for each of its time steps, [N, T].")
    }
    return self
  }
}

/// What training does with one output.
package struct Goal: Sendable {
  package var loss: Loss?
  /// The factor of this loss in the sum that is minimised.
  package var weight: Double
  /// Those that use sample weights too.
  package var metrics: [Metric]

  package init(loss: Loss? = nil, weight: Double = 1, metrics: [Metric] = []) {
    self.loss = loss
    self.weight = weight
    self.metrics = metrics
  }

  package var isUsed: Bool { loss != nil || !metrics.isEmpty }

  /// Whether the sample weights of the data enter the graph.
  var usesSampleWeights: Bool { loss != nil || metrics.contains(where: \.usesSampleWeights) }
}
