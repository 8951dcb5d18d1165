/// The layers of a model with their names: the description from which graphs are built.
package struct Network: Sendable {
  package struct Entry: Sendable {
    package let name: String
    package let layer: any Layer
  }

  /// The shape of one example.
  package let inputShape: [Int]
  package let inputName: String
  package private(set) var entries: [Entry] = []

  /// - Throws: `AthanorError` when a length is not positive.
  package init(inputShape: [Int], inputName: String = "input_layer") throws {
    guard inputShape.allSatisfy({ $0 > 0 }), Tensor.elementCount(of: inputShape).map({ $0 <= Scope.limit }) == true
    else {
      throw AthanorError(
        .shape, at: "input",
        "its shape is \(Shape.text(inputShape)) but each length must be at least 1, and all together fit into memory",
        fix: "Give the shape of one example without the batch, for example [28, 28, 1].")
    }
    self.inputShape = inputShape
    self.inputName = inputName
  }

  /// Adds a layer at the end, named by itself or by its kind and position.
  ///
  /// - Throws: `AthanorError` when its name is taken.
  package mutating func append(_ layer: any Layer) throws {
    let taken = Set(entries.map(\.name))
    if let name = layer.name {
      guard !taken.contains(name), !name.isEmpty, !name.contains("/") else {
        throw AthanorError(
          .argument, at: "layer \"\(name)\"", "its name is taken, empty or contains a slash",
          fix: "Give each layer a name of its own.")
      }
      entries.append(Entry(name: name, layer: layer))
      return
    }
    var name = layer.automaticName
    var number = 0
    while taken.contains(name) {
      number += 1
      name = "\(layer.automaticName)_\(number)"
    }
    entries.append(Entry(name: name, layer: layer))
  }

  /// What one pass through the layers gave.
  package struct Built {
    package let output: Value
    package let weights: [WeightDeclaration]
    /// The shape after each layer.
    package let shapes: [Shape]
  }

  /// Builds the layers' graph on an input.
  ///
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  package func build(_ input: Value, isTraining: Bool) throws -> Built {
    var scope = Scope(isTraining: isTraining, builder: input.builder)
    var value = input
    var shapes: [Shape] = []
    for (index, entry) in entries.enumerated() {
      do {
        value = try scope.build(entry.layer, value, name: entry.name)
      } catch let error as AthanorError {
        throw error.within("\(entry.name) (layer \(index + 1), \(entry.layer.kind))")
      }
      shapes.append(value.shape)
    }
    return Built(output: value, weights: scope.weights, shapes: shapes)
  }

  /// How inputs and targets arrive: what a plan is made for besides its batch size.
  package struct Feed: Hashable, Sendable {
    package var inputType: DType = .float32
    package var inputScale: Float = 1
    /// int32 `[nil]` for class numbers, float32 `[nil, ...]` for numbers; nil for prediction.
    package var target: ValueType?

    package init(inputType: DType = .float32, inputScale: Float = 1, target: ValueType? = nil) {
      self.inputType = inputType
      self.inputScale = inputScale
      self.target = target
    }
  }

  /// The graph that computes predictions, with a bias and ReLU fused where possible.
  package func predictionGraph(_ feed: Feed) throws -> Graph {
    let builder = GraphBuilder()
    let built = try build(try input(builder, feed), isTraining: false)
    builder.setResult(.output("prediction"), built.output)
    return try Passes.finish(Passes.fuseBiasAndActivation(builder.graph))
  }

  /// The graph that computes predictions, of forward operations alone, for exporters.
  package func exportGraph(_ feed: Feed) throws -> Graph {
    let builder = GraphBuilder()
    let built = try build(try input(builder, feed), isTraining: false)
    builder.setResult(.output("prediction"), built.output)
    return try Passes.removeUnused(Passes.fuseBiasAndActivation(builder.graph))
  }

  /// The graph that computes the loss and the metrics' sums; for training, with the gradients.
  package func lossGraph(_ feed: Feed, loss: Loss, metrics: [Metric], isTraining: Bool) throws -> Graph {
    guard let targetType = feed.target else { return try predictionGraph(feed) }
    let builder = GraphBuilder()
    let built = try build(try input(builder, feed), isTraining: isTraining)
    let target = try builder.source(.input("target"), targetType)
    let weights = try builder.source(.input("sampleWeights"), ValueType(.float32, [nil]))
    builder.origin = "loss \(loss.name)"
    let mean = try (loss.reduced(built.output, target) * weights).mean(axes: [0])  // []
    builder.setResult(.output("loss"), mean)
    for (index, metric) in metrics.enumerated() {
      builder.origin = "metric \(metric.name)"
      let sums = try metric.statistics(built.output, target)
      guard sums.shape.rank == 1, sums.shape[0] != nil else {
        throw AthanorError(
          .shape, at: "metric \(metric.name)", "its sums have shape \(sums.shape) but must be a vector [K]",
          fix: "Sum over the batch.")
      }
      builder.setResult(.output("metric\(index)"), sums)
    }
    builder.origin = ""
    if !isTraining { builder.setResult(.output("prediction"), built.output) }
    let forward = try Passes.fuseBiasAndActivation(builder.graph)
    guard isTraining, let loss = forward.results.first(where: { $0.result == .output("loss") })?.value else {
      return try Passes.finish(forward)
    }
    let training = GraphBuilder(forward)
    try training.addGradients(of: Value(training, loss))
    return try Passes.finish(training.graph)
  }

  private func input(_ builder: GraphBuilder, _ feed: Feed) throws -> Value {
    builder.origin = "input"
    defer { builder.origin = "" }
    let input = try builder.source(.input("input"), ValueType(feed.inputType, Shape([nil] + inputShape)))
    let isPlain = feed.inputType == .float32 && feed.inputScale == 1
    return isPlain ? input : try input.converted(scale: feed.inputScale)
  }
}
