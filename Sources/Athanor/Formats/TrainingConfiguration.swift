/// Optimizer, losses and metrics of a compiled model in JSON: Keras' form, and Athanor's own.
package struct TrainingConfiguration: Sendable {
  package var optimizer: Optimizer
  /// One for each output.
  package let goals: [Goal]
  /// What the file says and is not taken over.
  package private(set) var warnings: [AthanorError] = []

  /// What `compile` was given.
  package init(optimizer: Optimizer, goals: [Goal]) {
    self.optimizer = optimizer
    self.goals = goals
  }

  package init(_ training: Training) { self.init(optimizer: training.optimizer, goals: training.goals) }

  // MARK: Keras

  /// Keras' `training_config` of `.h5` files; nil when a loss, a metric or the optimizer's rule has no name in files.
  ///
  /// - Parameter outputs: The names under which losses and metrics are kept; nil to keep them in the order of the outputs.
  package func kerasTrainingConfiguration(outputs: [String]?) -> JSONValue? {
    kerasConfiguration(outputs).map { configuration, optimizer in
      var configuration = configuration
      configuration["optimizer_config"] = optimizer
      return configuration.jsonValue
    }
  }

  /// The same as Keras' `compile_config` of `.keras` files.
  package func kerasCompileConfiguration(outputs: [String]?) -> JSONValue? {
    kerasConfiguration(outputs).map { configuration, optimizer in
      var configuration = configuration
      if case .object(var values) = optimizer {
        values["module"] = .text("keras.optimizers")
        values["registered_name"] = .null
        configuration["optimizer"] = .object(values)
      }
      return configuration.jsonValue
    }
  }

  private func kerasConfiguration(_ outputs: [String]?) -> (configuration: Configuration, optimizer: JSONValue)? {
    var (losses, metrics, weighted): ([JSONValue], [JSONValue], [JSONValue]) = ([], [], [])
    for goal in goals {
      let known = goal.metrics.compactMap { metric in metric.serialized.map { ($0, metric.usesSampleWeights) } }
      guard known.count == goal.metrics.count else { return nil }
      metrics.append(.array(known.filter { !$0.1 }.map(\.0)))
      weighted.append(.array(known.filter(\.1).map(\.0)))
      let loss = goal.loss?.serialized
      guard (loss == nil) == (goal.loss == nil) else { return nil }
      losses.append(loss ?? .null)
    }
    guard optimizer.clipping?.steps.count ?? 0 <= 1, optimizer.serializableRule?.isInKeras == true,
      let rate = optimizer.learningRate.kerasSerialized,
      let optimizer = optimizer.serialized(learningRate: rate)
    else { return nil }
    func values(_ values: [JSONValue]) -> JSONValue {
      guard let outputs else { return .array(values) }
      return .object(Dictionary(zip(outputs, values), uniquingKeysWith: { $1 }))
    }
    let isSingle = goals.count == 1 && outputs == nil
    let weights = goals.map(\.weight)
    return (
      [
        "loss": isSingle ? losses[0] : values(losses),
        "loss_weights": weights.allSatisfy { $0 == 1 } ? .null : values(weights.map(\.jsonValue)),
        "metrics": isSingle ? metrics[0] : values(metrics),
        "weighted_metrics": weighted.allSatisfy { $0 == .array([]) }
          ? .null : isSingle ? weighted[0] : values(weighted),
        "run_eagerly": false, "steps_per_execution": 1, "jit_compile": false,
      ], optimizer
    )
  }

  /// Reads Keras' configuration: `training_config` of `.h5` files or `compile_config` of `.keras` files.
  ///
  /// - Parameters:
  ///   - outputs: The names of the model's outputs.
  ///   - isOld: Whether a Keras before version 3 wrote it, where a list of metrics holds for each output.
  /// - Throws: `AthanorError` that names the place, when something is not known or not supported.
  package init(keras configuration: Configuration, outputs: [String], isOld: Bool = false) throws {
    let configuration = configuration.reported
    let report = configuration.report
    let key = configuration.isMissing("optimizer_config") ? "optimizer" : "optimizer_config"
    guard !configuration.isMissing(key) else {
      throw AthanorError(.data, at: configuration.location, "it names no optimizer")
    }
    optimizer = try Optimizer(serialized: configuration[key], at: configuration.location(of: key), report: report)
    let losses = try configuration.byOutput("loss", outputs)
    let weights = try configuration.byOutput("loss_weights", outputs)
    func metrics(_ key: String, of output: Int) throws -> [Metric] {
      try configuration.byOutput(key, outputs, isListForAll: isOld)[output].enumerated().map { index, json in
        try Metric(
          serialized: json,
          at: configuration.location(of: outputs.count == 1 ? "\(key)[\(index)]" : "\(key)[\(output)][\(index)]"),
          report: report)
      }
    }
    goals = try outputs.indices.map { output in
      Goal(
        loss: try losses[output].first.map {
          try Loss(
            serialized: $0, at: configuration.location(of: outputs.count == 1 ? "loss" : "loss[\(output)]"),
            report: report)
        },
        weight: weights[output].first?.number ?? 1,
        metrics: try metrics("metrics", of: output) + metrics("weighted_metrics", of: output).map { $0.weighted() })
    }
    // How the graph is run.
    configuration.ignore("run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss")
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
        "metrics": goal.metrics.filter { !$0.usesSampleWeights }.map { known($0.serialized, $0.name) },
        "weighted_metrics": goal.metrics.filter(\.usesSampleWeights).map { known($0.serialized, $0.name) },
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
      func metrics(_ key: String) throws -> [Metric] {
        guard case .array(let metrics) = goal[key] else { throw goal.error(key, expected: "a list") }
        return try metrics.enumerated().map { index, json in
          let place = "\(key)[\(index)]"
          return try Metric(
            serialized: value(place, json, in: goal) ?? json, at: goal.location(of: place), report: report)
        }
      }
      let loss =
        goal.isMissing("loss")
        ? nil
        : try Loss(serialized: value("loss", goal["loss"], in: goal), at: goal.location(of: "loss"), report: report)
      let weight = try goal.number("weight")
      let all =
        try metrics("metrics")
        + (goal.isMissing("weighted_metrics") ? [] : metrics("weighted_metrics").map { $0.weighted() })
      goal.warnAboutUnread()
      return Goal(loss: loss, weight: weight, metrics: all)
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
    warn(of: configuration.warnings)
  }
}

extension Configuration {
  /// What Keras keeps for each output: one value for all, a list in the order of the outputs, or an object by their names.
  ///
  /// - Parameter isListForAll: Whether a list without lists in it holds for each output.
  /// - Throws: `AthanorError` when there are more than outputs, or there is no output of a name.
  fileprivate func byOutput(
    _ key: String, _ outputs: [String], isListForAll: Bool = false
  ) throws -> [[JSONValue]] {
    func all(_ value: JSONValue) -> [JSONValue] {
      if case .array(let values) = value { values.flatMap(all) } else { value == .null ? [] : [value] }
    }
    switch self[key] {
    case nil, .null: return outputs.map { _ in [] }
    case .array(let values):
      let isFlat = !values.contains { if case .array = $0 { true } else { false } }
      if outputs.count == 1 || isListForAll && isFlat { return outputs.map { _ in all(.array(values)) } }
      guard values.count == outputs.count else { throw error(key, expected: "a list of \(outputs.count) values") }
      return values.map(all)
    case .object(let values) where values["class_name"] == nil:
      if let name = values.keys.sorted().first(where: { !outputs.contains($0) }) {
        throw AthanorError(
          .data, at: location(of: key), "there is no output named \"\(name.prefix(80))\"",
          fix: "The outputs are \(outputs.joined(separator: ", ")).")
      }
      return outputs.map { values[$0].map(all) ?? [] }
    case let value?: return outputs.map { _ in [value] }
    }
  }
}
