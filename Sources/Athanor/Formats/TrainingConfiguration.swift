/// Optimizer, loss and metrics of a compiled model in Keras' JSON, the `training_config` of its files.
package struct TrainingConfiguration: Sendable {
  package var optimizer: Optimizer
  package let loss: Loss
  package let metrics: [Metric]

  /// What `compile` was given.
  package init(optimizer: Optimizer, loss: Loss, metrics: [Metric]) {
    self.optimizer = optimizer
    self.loss = loss
    self.metrics = metrics
  }

  /// The configuration in JSON; nil when a loss, a metric or the optimizer's rule has no name in files.
  ///
  /// - Parameter learningRate: The learning rate as the format has it: `kerasSerialized` for Keras, else `serialized`.
  package func serialized(learningRate: JSONValue?) -> JSONValue? {
    let metrics = metrics.compactMap(\.serialized)
    guard let learningRate, let optimizer = optimizer.serialized(learningRate: learningRate),
      let loss = loss.serialized,
      metrics.count == self.metrics.count
    else { return nil }
    return .object([
      "loss": loss, "loss_weights": .null, "metrics": .array(metrics), "weighted_metrics": .null,
      "run_eagerly": .flag(false), "steps_per_execution": .integer(1), "jit_compile": .flag(false),
      "optimizer_config": optimizer,
    ])
  }

  /// Reads the configuration.
  ///
  /// - Throws: `AthanorError` that names the place, when something is not known or not supported.
  package init(_ configuration: Configuration) throws {
    optimizer = try Optimizer(
      serialized: configuration["optimizer_config"], at: configuration.location(of: "optimizer_config"))
    loss = try Loss(serialized: configuration["loss"], at: configuration.location(of: "loss"))
    var list: [JSONValue] = []
    // Keras 3 may wrap the metrics of the one output in a list of its own.
    if case .array(let items) = configuration["metrics"] {
      list = items.flatMap { if case .array(let inner) = $0 { inner } else { [$0] } }
    }
    metrics = try list.map { try Metric(serialized: $0, at: configuration.location(of: "metrics")) }
  }
}
