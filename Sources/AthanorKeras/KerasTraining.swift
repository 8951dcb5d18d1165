import Athanor
import Foundation

/// Loss, metrics and optimizer in Keras' `training_config`.
enum KerasTraining {
  /// The configuration of a compiled model; nil when it holds something that Keras has no name for.
  static func config(_ training: Training) -> [String: Any]? {
    guard let loss = lossConfig(training.loss.name, training.loss.parameters),
      let optimizer = config(training.optimizer)
    else { return nil }
    let metrics = training.metrics.compactMap(config)
    guard metrics.count == training.metrics.count else { return nil }
    return [
      "loss": loss, "loss_weights": NSNull(), "metrics": metrics, "weighted_metrics": NSNull(), "run_eagerly": false,
      "steps_per_execution": 1, "jit_compile": false, "optimizer_config": optimizer,
    ]
  }

  /// A loss by its name, or with its parameters where they are not the usual ones; nil when Keras has none of this name.
  private static func lossConfig(_ name: String, _ parameters: [String: Double]) -> Any? {
    guard Loss.all.contains(where: { $0.name == name }) else { return nil }
    guard let delta = parameters["delta"], delta != 1 else { return name }
    return kerasObject("keras.losses", "Huber", ["name": "huber", "delta": delta])
  }

  private static func config(_ metric: Metric) -> Any? {
    if metric.name == "accuracy" { return "accuracy" }
    if let threshold = metric.parameters["threshold"] {
      guard let className = ["precision": "Precision", "recall": "Recall"][metric.name] else { return nil }
      if threshold == 0.5 { return className }
      return kerasObject(
        "keras.metrics", className,
        ["name": metric.name, "thresholds": threshold, "top_k": NSNull(), "class_id": NSNull()])
    }
    if let k = metric.parameters["k"].flatMap({ Int(exactly: $0) }) {
      guard metric.name == Metric.topKAccuracy(k).name else { return nil }
      return kerasObject("keras.metrics", "TopKCategoricalAccuracy", ["name": metric.name, "k": k])
    }
    return metric.direction == .lower ? lossConfig(metric.name, metric.parameters) : nil
  }

  private static func config(_ optimizer: Optimizer) -> [String: Any]? {
    var config: [String: Any] = [
      "learning_rate": learningRate(optimizer.learningRate), "weight_decay": NSNull(), "clipnorm": NSNull(),
      "global_clipnorm": NSNull(), "clipvalue": NSNull(), "use_ema": false, "ema_momentum": 0.99,
      "ema_overwrite_frequency": NSNull(), "loss_scale_factor": NSNull(), "gradient_accumulation_steps": NSNull(),
    ]
    if optimizer.weightDecay > 0 { config["weight_decay"] = optimizer.weightDecay }
    switch optimizer.clipping {
    case .value(let limit): config["clipvalue"] = limit
    case .norm(let limit): config["clipnorm"] = limit
    case .globalNorm(let limit): config["global_clipnorm"] = limit
    case nil: break
    }
    config["name"] = kerasName(optimizer)
    switch optimizer.rule {
    case let rule as SGD:
      config["momentum"] = rule.momentum
      config["nesterov"] = rule.nesterov
      return ["class_name": "SGD", "config": config]
    case let rule as RMSprop:
      config["rho"] = rule.rho
      config["momentum"] = rule.momentum
      config["epsilon"] = rule.epsilon
      config["centered"] = rule.centered
      return ["class_name": "RMSprop", "config": config]
    case let rule as Adam:
      config["beta_1"] = rule.beta1
      config["beta_2"] = rule.beta2
      config["epsilon"] = rule.epsilon
      config["amsgrad"] = false
      return ["class_name": rule.kerasName == "adamw" ? "AdamW" : "Adam", "config": config]
    default: return nil
    }
  }

  /// The name under which Keras keeps an optimizer's variables.
  static func kerasName(_ optimizer: Optimizer) -> String {
    switch optimizer.rule {
    case is SGD: "sgd"
    case is RMSprop: "rm_sprop"
    case let rule as Adam: rule.kerasName == "adamw" ? "adam_w" : "adam"
    default: "optimizer"
    }
  }

  private static func learningRate(_ rate: LearningRate) -> Any {
    let module = "keras.optimizers.schedules"
    switch rate {
    case .constant(let value): return value
    case .exponentialDecay(let initial, let steps, let rate, let staircase):
      return kerasObject(
        module, "ExponentialDecay",
        [
          "initial_learning_rate": initial, "decay_steps": steps, "decay_rate": rate, "staircase": staircase,
          "name": "ExponentialDecay",
        ])
    case .cosineDecay(let initial, let steps, let alpha):
      return kerasObject(
        module, "CosineDecay",
        [
          "initial_learning_rate": initial, "decay_steps": steps, "alpha": alpha, "name": "CosineDecay",
          "warmup_target": NSNull(), "warmup_steps": 0,
        ])
    case .piecewise(let boundaries, let values):
      return kerasObject(
        module, "PiecewiseConstantDecay", ["boundaries": boundaries, "values": values, "name": "PiecewiseConstant"])
    case .warmUp(let steps, .cosineDecay(let initial, let decaySteps, let alpha)):
      return kerasObject(
        module, "CosineDecay",
        [
          "initial_learning_rate": 0, "decay_steps": decaySteps, "alpha": alpha, "name": "CosineDecay",
          "warmup_target": initial, "warmup_steps": steps,
        ])
    // Keras warms up to a cosine alone; its readers get the rate to come.
    case .warmUp(_, let next): return learningRate(next)
    }
  }

  /// A rate that Keras' configuration cannot hold exactly, as its JSON in an attribute of our own; nil when it can.
  static func ownLearningRate(_ rate: LearningRate) -> [String: Any]? {
    if case .constant(let value) = rate {
      return shortest(value) == value ? nil : kerasObject("athanor", "Constant", ["value": value])
    }
    guard case .warmUp(let steps, let next) = rate else { return nil }
    if case .cosineDecay = next { return nil }
    var then = learningRate(next)
    if case .constant(let value) = next { then = kerasObject("athanor", "Constant", ["value": value]) }
    return kerasObject("athanor", "WarmUp", ["steps": steps, "then": ownLearningRate(next) ?? then])
  }

  // MARK: Reading

  static func loss(_ json: Any?, _ path: String) throws -> Loss {
    let aliases = ["mse": "mean_squared_error", "mae": "mean_absolute_error", "huber_loss": "huber"]
    var name = json as? String ?? ""
    if let object = json as? [String: Any] {
      let config = try KerasConfig(object["config"] is [String: Any] ? object["config"] : [String: Any](), path)
      guard try !config.flag("from_logits", default: false) else { throw config.refuse("from_logits", "false") }
      guard try config.number("label_smoothing", default: 0) == 0 else { throw config.refuse("label_smoothing", "0") }
      if object["class_name"] as? String == "Huber" { return .huber(delta: try config.number("delta", default: 1)) }
      // The name in the configuration may be the user's; the class tells which loss it is.
      let className = object["class_name"] as? String ?? ""
      let known = Loss.all.first { $0.name.replacingOccurrences(of: "_", with: "") == className.lowercased() }
      name = known?.name ?? config.values["name"] as? String ?? object["config"] as? String ?? className
    }
    name = aliases[name] ?? name
    guard let loss = Loss.all.first(where: { $0.name == name }) else {
      throw AthanorError(
        .unsupported, at: path, "there is no loss named \"\(name)\"",
        fix: "Load the file with compiled: false and call compile with a loss of your own.")
    }
    return loss
  }

  static func metrics(_ json: Any?, _ path: String) throws -> [Metric] {
    guard let list = json as? [Any] else { return [] }
    // Keras 3 may wrap the metrics of the one output in a list of its own.
    let flat = list.flatMap { $0 as? [Any] ?? [$0] }
    return try flat.map { item in
      let object = item as? [String: Any]
      let name = item as? String ?? object?["class_name"] as? String ?? ""
      switch name.lowercased() {
      case "accuracy", "acc", "categoricalaccuracy", "sparsecategoricalaccuracy", "binaryaccuracy",
        "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy":
        return .accuracy
      case "precision": return .precision(threshold: try threshold(config(item, path), of: name))
      case "recall": return .recall(threshold: try threshold(config(item, path), of: name))
      case "topkcategoricalaccuracy", "sparsetopkcategoricalaccuracy":
        return .topKAccuracy(try config(item, path).integer("k", default: 5))
      default:
        if let loss = try? loss(item, path) { return .loss(loss) }
        throw AthanorError(
          .unsupported, at: path, "there is no metric named \"\(name)\"",
          fix: "Load the file with compiled: false and call compile yourself.")
      }
    }
  }

  /// A metric's parameters; none when only its name is given.
  private static func config(_ metric: Any, _ path: String) throws -> KerasConfig {
    try KerasConfig((metric as? [String: Any])?["config"] ?? [String: Any](), path)
  }

  /// The threshold of `Precision` or `Recall`, which Keras keeps as a number, a list or null (0.5).
  private static func threshold(_ config: KerasConfig, of name: String) throws -> Double {
    guard config.isMissing("top_k") else { throw config.refuse("top_k", "null") }
    guard config.isMissing("class_id") else { throw config.refuse("class_id", "null") }
    guard let list = config.values["thresholds"] as? [Any] else {
      return try config.number("thresholds", default: 0.5)
    }
    guard list.count <= 1 else {
      throw AthanorError(
        .unsupported, at: "\(config.path).thresholds", "\(name) has \(list.count) thresholds but only one is supported",
        fix: "Load the file with compiled: false and call compile with one metric for each threshold.")
    }
    guard let number = list.first as? NSNumber else { throw config.refuse("thresholds", "a number") }
    return number.exactDouble
  }

  static func optimizer(_ json: Any?, _ path: String) throws -> Optimizer {
    let object = try KerasConfig(json, path)
    let config = try KerasConfig(object.values["config"], path + ".config")
    let rate = try learningRate(config.values["learning_rate"] ?? config.values["lr"], path + ".learning_rate")
    let decay = try config.number("weight_decay", default: 0)
    var clipping: Optimizer.Clipping?
    if !config.isMissing("clipvalue") { clipping = .value(try config.number("clipvalue")) }
    if !config.isMissing("clipnorm") { clipping = .norm(try config.number("clipnorm")) }
    if !config.isMissing("global_clipnorm") { clipping = .globalNorm(try config.number("global_clipnorm")) }
    switch try object.text("class_name").split(separator: ">").last.map({ $0.lowercased() }) {
    case "sgd":
      return .sgd(
        learningRate: rate, momentum: try config.number("momentum", default: 0),
        nesterov: try config.flag("nesterov", default: false), weightDecay: decay, clipping: clipping)
    case "rmsprop":
      return .rmsprop(
        learningRate: rate, rho: try config.number("rho", default: 0.9),
        momentum: try config.number("momentum", default: 0), epsilon: try config.number("epsilon", default: 1e-7),
        centered: try config.flag("centered", default: false), weightDecay: decay, clipping: clipping)
    case let name? where name == "adam" || name == "adamw":
      guard try !config.flag("amsgrad", default: false) else { throw config.refuse("amsgrad", "false") }
      let betas = (try config.number("beta_1", default: 0.9), try config.number("beta_2", default: 0.999))
      let epsilon = try config.number("epsilon", default: 1e-7)
      return name == "adam"
        ? .adam(
          learningRate: rate, beta1: betas.0, beta2: betas.1, epsilon: epsilon, weightDecay: decay, clipping: clipping)
        : .adamW(
          learningRate: rate, weightDecay: decay, beta1: betas.0, beta2: betas.1, epsilon: epsilon, clipping: clipping)
    default: throw object.refuse("class_name", "SGD, RMSprop, Adam or AdamW")
    }
  }

  static func learningRate(_ json: Any?, _ path: String) throws -> LearningRate {
    if let number = json as? NSNumber { return .constant(shortest(number.exactDouble)) }
    let object = try KerasConfig(json, path)
    let config = try KerasConfig(object.values["config"], path + ".config")
    let initial = try config.number("initial_learning_rate", default: 0)
    switch try object.text("class_name") {
    case "ExponentialDecay":
      return .exponentialDecay(
        initial: initial, steps: try config.integer("decay_steps"), rate: try config.number("decay_rate"),
        staircase: try config.flag("staircase", default: false))
    case "CosineDecay":
      let alpha = try config.number("alpha", default: 0)
      let steps = try config.integer("decay_steps")
      if config.isMissing("warmup_target") { return .cosineDecay(initial: initial, steps: steps, alpha: alpha) }
      let decay = LearningRate.cosineDecay(initial: try config.number("warmup_target"), steps: steps, alpha: alpha)
      let warmUp = try config.integer("warmup_steps", default: 0)
      if warmUp == 0 { return decay }
      guard initial == 0 else { throw config.refuse("initial_learning_rate", "0, from which a warm-up begins,") }
      return .warmUp(steps: warmUp, then: decay)
    case "Constant": return .constant(try config.number("value"))
    case "WarmUp":
      return .warmUp(
        steps: try config.integer("steps"), then: try learningRate(config.values["then"], path + ".then"))
    case "PiecewiseConstantDecay":
      guard let boundaries = config.values["boundaries"] as? [NSNumber],
        let values = config.values["values"] as? [NSNumber]
      else { throw config.refuse("boundaries", "a list of integers") }
      return .piecewise(boundaries: boundaries.map(\.intValue), values: values.map(\.exactDouble))
    default: throw object.refuse("class_name", "a known schedule")
    }
  }

  /// Keras holds the rate as a 32-bit number: 0.0010000000474974513 is meant as 0.001.
  private static func shortest(_ value: Double) -> Double {
    Double(Float(value)) == value ? Double(String(Float(value))) ?? value : value
  }
}
