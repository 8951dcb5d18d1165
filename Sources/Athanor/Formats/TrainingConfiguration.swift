/// Optimizer, losses and metrics of a compiled model in JSON: Keras' `training_config` for models of one output, and Athanor's own form
/// for all.
package struct TrainingConfiguration: Sendable {
  package var optimizer: Optimizer
  /// One for each output.
  package let goals: [Goal]

  /// What `compile` was given.
  package init(optimizer: Optimizer, goals: [Goal]) {
    self.optimizer = optimizer
    self.goals = goals
  }

  package init(_ training: Training) { self.init(optimizer: training.optimizer, goals: training.goals) }

  // MARK: Keras

  /// The configuration as Keras has it; nil when a loss, a metric or the optimizer's rule has no name in files, or there are several outputs.
  package var kerasSerialized: JSONValue? {
    guard goals.count == 1 else { return nil }
    let metrics = goals[0].metrics.compactMap(\.serialized)
    guard let rate = optimizer.learningRate.kerasSerialized, let optimizer = optimizer.serialized(learningRate: rate),
      let loss = goals[0].loss?.serialized, metrics.count == goals[0].metrics.count
    else { return nil }
    return .object([
      "loss": loss, "loss_weights": goals[0].weight == 1 ? .null : [goals[0].weight].jsonValue,
      "metrics": .array(metrics), "weighted_metrics": .null,
      "run_eagerly": .flag(false), "steps_per_execution": .integer(1), "jit_compile": .flag(false),
      "optimizer_config": optimizer,
    ])
  }

  /// Reads Keras' configuration of a model of one output.
  ///
  /// - Throws: `AthanorError` that names the place, when something is not known or not supported.
  package init(keras configuration: Configuration) throws {
    optimizer = try Optimizer(
      serialized: configuration["optimizer_config"], at: configuration.location(of: "optimizer_config"))
    let loss = try Loss(serialized: configuration["loss"], at: configuration.location(of: "loss"))
    var list: [JSONValue] = []
    // Keras 3 may wrap the metrics of the one output in a list of its own.
    if case .array(let items) = configuration["metrics"] {
      list = items.flatMap { if case .array(let inner) = $0 { inner } else { [$0] } }
    }
    let metrics = try list.map { try Metric(serialized: $0, at: configuration.location(of: "metrics")) }
    var weights = configuration
    if case .object(let byOutput) = configuration["loss_weights"] {
      weights["loss_weights"] = .array(Array(byOutput.values))
    }
    goals = [Goal(loss: loss, weight: try weights.numbers("loss_weights")?.first ?? 1, metrics: metrics)]
  }

  // MARK: Athanor

  /// The key under which the name of a loss, a metric or a rule stands that only the program which defines it can make.
  private static let custom = "custom"

  /// The configuration, exactly; of what has no name in files the name in the program.
  package var serialized: JSONValue {
    func known(_ json: JSONValue?, _ name: String) -> JSONValue {
      json ?? [TrainingConfiguration.custom: name].jsonValue
    }
    let goals = goals.map { goal -> Configuration in
      [
        "loss": goal.loss.map { known($0.serialized, $0.name) }, "weight": goal.weight,
        "metrics": goal.metrics.map { known($0.serialized, $0.name) },
      ]
    }
    let rule = known(
      optimizer.learningRate.serialized.flatMap { optimizer.serialized(learningRate: $0) },
      "\(type(of: optimizer.rule))")
    return (["optimizer": rule, "goals": goals] as Configuration).jsonValue
  }

  /// Reads Athanor's form.
  ///
  /// - Throws: `AthanorError` that names the place, when something is damaged, not known, or of the program's own.
  package init(_ configuration: Configuration) throws {
    func value(_ key: String, _ json: JSONValue?, in place: Configuration) throws -> JSONValue? {
      guard case .object(let values) = json, case .text(let name) = values[TrainingConfiguration.custom] else {
        return json
      }
      throw AthanorError(
        .unsupported, at: place.location(of: key), "\"\(name)\" is known to the program alone that wrote it")
    }
    optimizer = try Optimizer(
      serialized: value("optimizer", configuration["optimizer"], in: configuration),
      at: configuration.location(of: "optimizer"))
    goals = try configuration.objects("goals").map { goal in
      guard case .array(let metrics) = goal["metrics"] else { throw goal.error("metrics", expected: "a list") }
      return Goal(
        loss: goal.isMissing("loss")
          ? nil : try Loss(serialized: value("loss", goal["loss"], in: goal), at: goal.location(of: "loss")),
        weight: try goal.number("weight"),
        metrics: try metrics.map { json in
          let location = goal.location(of: "metrics")
          return try Metric(serialized: value("metrics", json, in: goal) ?? json, at: location)
        })
    }
  }
}

extension Model {
  /// Compiles the model as a file says.
  ///
  /// - Throws: `AthanorError` when losses and metrics do not go with its outputs.
  package func compile(_ configuration: TrainingConfiguration) throws {
    guard configuration.goals.count == network.outputs.count else {
      throw AthanorError(
        .data, at: "",
        "it has losses for \(configuration.goals.count) outputs but the model has \(network.outputs.count)")
    }
    try compile(configuration.optimizer, configuration.goals)
  }
}
