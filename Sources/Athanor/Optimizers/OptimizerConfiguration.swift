/// The rules that files may name: one line each.
private let serializableRules: [any SerializableOptimizerRule.Type] = [SGD.self, RMSprop.self, Adam.self, AdamW.self]

/// An optimizer's rule that model files can hold: it writes its settings as JSON and is made from them again.
package protocol SerializableOptimizerRule: OptimizerRule {
  /// Keras' name of the class.
  static var className: String { get }
  /// Whether Keras stores all slots of one weight before those of the next, and not all weights of one slot.
  static var storesSlotsByWeight: Bool { get }
  /// The settings in files, without those that all optimizers have.
  var configuration: Configuration { get }
  /// Makes the rule from its settings.
  ///
  /// - Throws: `AthanorError` when a setting is of the wrong type or not supported.
  init(configuration: Configuration) throws
}

extension SGD: SerializableOptimizerRule {
  package static var className: String { "SGD" }
  package static var storesSlotsByWeight: Bool { false }
  package var configuration: Configuration { ["momentum": momentum, "nesterov": nesterov] }

  package init(configuration: Configuration) throws {
    self.init(
      momentum: try configuration.number("momentum", default: 0),
      nesterov: try configuration.flag("nesterov", default: false))
  }
}

extension RMSprop: SerializableOptimizerRule {
  package static var className: String { "RMSprop" }
  package static var storesSlotsByWeight: Bool { false }
  package var configuration: Configuration {
    ["rho": rho, "momentum": momentum, "epsilon": epsilon, "centered": centered]
  }

  package init(configuration: Configuration) throws {
    self.init(
      rho: try configuration.number("rho", default: 0.9), momentum: try configuration.number("momentum", default: 0),
      epsilon: try configuration.number("epsilon", default: 1e-7),
      centered: try configuration.flag("centered", default: false))
  }
}

extension Adam: SerializableOptimizerRule {
  package static var className: String { "Adam" }
  package static var storesSlotsByWeight: Bool { true }
  package var configuration: Configuration {
    ["beta_1": beta1, "beta_2": beta2, "epsilon": epsilon, "amsgrad": false]
  }

  package init(configuration: Configuration) throws {
    guard try !configuration.flag("amsgrad", default: false) else {
      throw configuration.error("amsgrad", expected: "false")
    }
    self.init(
      beta1: try configuration.number("beta_1", default: 0.9),
      beta2: try configuration.number("beta_2", default: 0.999),
      epsilon: try configuration.number("epsilon", default: 1e-7))
  }
}

extension AdamW: SerializableOptimizerRule {
  package static var className: String { "AdamW" }
  package static var storesSlotsByWeight: Bool { Adam.storesSlotsByWeight }
  package var configuration: Configuration { adam.configuration }
  package init(configuration: Configuration) throws { self.init(adam: try Adam(configuration: configuration)) }
}

extension Optimizer {
  /// The rule, if files can hold it.
  package var serializableRule: (any SerializableOptimizerRule)? { rule as? any SerializableOptimizerRule }

  /// The name under which Keras keeps the optimizer's variables.
  package var variableName: String { serializableRule.map { type(of: $0).className.snakeCased } ?? "optimizer" }

  /// The optimizer in Keras' JSON; nil when files cannot hold its rule.
  ///
  /// - Parameter learningRate: The rate as the format has it.
  package func serialized(learningRate: JSONValue) -> JSONValue? {
    guard let rule = serializableRule else { return nil }
    var configuration: Configuration = [
      "name": variableName, "learning_rate": learningRate,
      "weight_decay": weightDecay > 0 ? weightDecay.jsonValue : .null,
      "clipnorm": JSONValue.null, "global_clipnorm": JSONValue.null, "clipvalue": JSONValue.null, "use_ema": false,
      "ema_momentum": 0.99, "ema_overwrite_frequency": JSONValue.null, "loss_scale_factor": JSONValue.null,
      "gradient_accumulation_steps": JSONValue.null,
    ]
    switch clipping {
    case .value(let limit): configuration["clipvalue"] = .number(limit)
    case .norm(let limit): configuration["clipnorm"] = .number(limit)
    case .globalNorm(let limit): configuration["global_clipnorm"] = .number(limit)
    case nil: break
    }
    for (key, value) in rule.configuration.values { configuration[key] = value }
    return .object(["class_name": .text(type(of: rule).className), "config": configuration.jsonValue])
  }

  /// Makes the optimizer that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when the class is not known or a setting is wrong.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    let object = try Configuration(json, at: location, report: report)
    let configuration = try Configuration(object["config"], at: object.location(of: "config"), report: report)
    let rate = try LearningRate(
      serialized: configuration[configuration.isMissing("learning_rate") ? "lr" : "learning_rate"],
      at: object.location(of: "learning_rate"), report: report)
    var clipping: Clipping?
    if !configuration.isMissing("clipvalue") { clipping = .value(try configuration.number("clipvalue")) }
    if !configuration.isMissing("clipnorm") { clipping = .norm(try configuration.number("clipnorm")) }
    if !configuration.isMissing("global_clipnorm") {
      clipping = .globalNorm(try configuration.number("global_clipnorm"))
    }
    // Older files have a package before the name: "Custom>Adam".
    let className = try object.text("class_name").split(separator: ">").last?.lowercased()
    guard let kind = serializableRules.first(where: { $0.className.lowercased() == className }) else {
      let names = serializableRules.map { $0.className }
      throw object.error(
        "class_name", expected: "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
    }
    let rule: any OptimizerRule = try kind.init(configuration: configuration)
    let weightDecay = try configuration.number("weight_decay", default: 0)
    self.init(rule, learningRate: rate, weightDecay: weightDecay, clipping: clipping)
    configuration.ignore("name", "jit_compile", "is_legacy_optimizer")
    // Both keep arrays of their own.
    guard try !configuration.flag("use_ema", default: false) else {
      throw configuration.error("use_ema", expected: "false")
    }
    guard try configuration.integer("gradient_accumulation_steps", default: 1) == 1 else {
      throw configuration.error("gradient_accumulation_steps", expected: "null")
    }
    // They mean something with `use_ema` alone.
    configuration.ignore("ema_momentum", "ema_overwrite_frequency")
    configuration.warn("decay", unless: [.integer(0)])
    configuration.warnAboutUnread()
  }
}
