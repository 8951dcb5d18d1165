/// Optimizer, losses and metrics of a compiled model in JSON: Keras' `training_config` for models of one output, and Athanor's own form
/// for all.
package struct TrainingConfiguration: Sendable {
  package var optimizer: Optimizer
  /// One for each output.
  package let goals: [Goal]
  /// What the file says and is not taken over.
  package private(set) var warnings: [String] = []

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
    let configuration = configuration.reported
    let report = configuration.report
    optimizer = try Optimizer(
      serialized: configuration["optimizer_config"], at: configuration.location(of: "optimizer_config"), report: report)
    let loss = try Loss(serialized: configuration["loss"], at: configuration.location(of: "loss"), report: report)
    var list: [JSONValue] = []
    // Keras 3 may wrap the metrics of the one output in a list of its own.
    if case .array(let items) = configuration["metrics"] {
      list = items.flatMap { if case .array(let inner) = $0 { inner } else { [$0] } }
    }
    let metrics = try list.enumerated().map { index, json in
      try Metric(serialized: json, at: configuration.location(of: "metrics[\(index)]"), report: report)
    }
    var weights = configuration
    if case .object(let byOutput) = configuration["loss_weights"] {
      weights["loss_weights"] = .array(Array(byOutput.values))
    }
    goals = [Goal(loss: loss, weight: try weights.numbers("loss_weights")?.first ?? 1, metrics: metrics)]
    // How the graph is run.
    configuration.ignore("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss")
    configuration.warn("weighted_metrics", unless: [.array([]), .object([:])])
    configuration.warnAboutUnread()
    warnings = report?.warnings ?? []
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
    let configuration = configuration.reported
    let report = configuration.report
    func value(_ key: String, _ json: JSONValue?, in place: Configuration) throws -> JSONValue? {
      guard case .object(let values) = json, case .text(let name) = values[TrainingConfiguration.custom] else {
        return json
      }
      throw AthanorError(
        .unsupported, at: place.location(of: key), "\"\(name)\" is known to the program alone that wrote it")
    }
    optimizer = try Optimizer(
      serialized: value("optimizer", configuration["optimizer"], in: configuration),
      at: configuration.location(of: "optimizer"), report: report)
    goals = try configuration.objects("goals").map { goal in
      guard case .array(let metrics) = goal["metrics"] else { throw goal.error("metrics", expected: "a list") }
      let loss =
        goal.isMissing("loss")
        ? nil
        : try Loss(serialized: value("loss", goal["loss"], in: goal), at: goal.location(of: "loss"), report: report)
      let weight = try goal.number("weight")
      goal.warnAboutUnread()
      return Goal(
        loss: loss, weight: weight,
        metrics: try metrics.enumerated().map { index, json in
          let key = "metrics[\(index)]"
          return try Metric(
            serialized: value(key, json, in: goal) ?? json, at: goal.location(of: key), report: report)
        })
    }
    configuration.warnAboutUnread()
    warnings = report?.warnings ?? []
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
    warnings += configuration.warnings.filter { !warnings.contains($0) }
  }
}
