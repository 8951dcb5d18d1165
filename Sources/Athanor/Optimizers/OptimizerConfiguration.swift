/// The rules that files may name: one line each.
package let serializableRules: [any SerializableOptimizerRule.Type] = [
  SGD.self, RMSprop.self, Adam.self, AdamW.self, Adamax.self, Nadam.self, Adagrad.self, Adadelta.self, Ftrl.self,
  Lion.self,
]

/// An optimizer's rule that model files can hold: it declares its settings once, for reading and writing.
package protocol SerializableOptimizerRule: OptimizerRule {
  /// Keras' name of the class.
  static var className: String { get }
  /// How many arrays of one weight Keras stores one after another before those of the next weight, group after group of arrays.
  var slotGroups: [Int] { get }
  /// The optimizer with Keras' default settings.
  static var standard: Optimizer { get }
  /// Declares the settings in files, without those that all optimizers have.
  ///
  /// - Throws: `AthanorError` when a setting is of the wrong type or not supported.
  mutating func configure(_ settings: inout Settings) throws
  /// What Keras keeps behind the arrays of all weights.
  func trailingNumbers(step: Int) -> [(name: String, value: Double)]
  /// The same for the optimizers before TensorFlow 2.11.
  var olderSlotGroups: [Int] { get }
  /// Whether the optimizers before TensorFlow 2.11 added `epsilon` to the root, where today's add it under the root.
  var hadEpsilonOutside: Bool { get }
  /// Whether today's Keras has the rule with these settings.
  var isInKeras: Bool { get }
  /// Whether the setting `decay` of older files is the learning rate's.
  static var decaysRate: Bool { get }
}

extension SerializableOptimizerRule {
  package var slotGroups: [Int] { slotNames.map { _ in 1 } }
  package var olderSlotGroups: [Int] { slotNames.map { _ in 1 } }
  package func trailingNumbers(step: Int) -> [(name: String, value: Double)] { [] }
  package var hadEpsilonOutside: Bool { false }
  package var isInKeras: Bool { true }
  package static var decaysRate: Bool { true }

  fileprivate func warnOfOlderForm(_ configuration: Configuration) {
    // Only the older optimizers have a decay of their own.
    guard hadEpsilonOutside, configuration["decay"] != nil else { return }
    configuration.warn(
      "epsilon",
      "the older \(Self.className) added it to the root, and here it is added under the root, so that training goes on a little "
        + "differently")
  }

  /// The settings as files have them.
  package var settings: Configuration {
    var (rule, settings) = (self, Settings())
    // Writing fails for values alone that have no form in files; rules have none.
    try? rule.configure(&settings)
    return settings.written
  }

  /// The same rule with the settings of a file.
  fileprivate func reading(_ configuration: Configuration) throws -> Self {
    var (rule, settings) = (self, Settings(reading: configuration))
    try rule.configure(&settings)
    return rule
  }
}

extension SGD: SerializableOptimizerRule {
  package static var className: String { "SGD" }
  package static var standard: Optimizer { .sgd() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.field("momentum", &momentum, default: 0)
    try settings.field("nesterov", &nesterov, default: false)
  }
}

extension RMSprop: SerializableOptimizerRule {
  package static var className: String { "RMSprop" }
  // With momentum TensorFlow had a kernel of its own.
  package var hadEpsilonOutside: Bool { momentum == 0 }
  package static var standard: Optimizer { .rmsprop() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.field("rho", &rho, default: 0.9)
    try settings.field("momentum", &momentum, default: 0)
    try settings.field("epsilon", &epsilon, default: 1e-7)
    try settings.field("centered", &centered, default: false)
  }
}

extension Settings {
  fileprivate mutating func betas(
    _ beta1: inout Double, _ beta2: inout Double, default standard: Double = 0.999
  ) throws {
    try field("beta_1", &beta1, default: 0.9)
    try field("beta_2", &beta2, default: standard)
  }
}

extension Adam: SerializableOptimizerRule {
  package static var className: String { "Adam" }
  package var slotGroups: [Int] { amsgrad ? [2, 1] : [2] }
  package static var standard: Optimizer { .adam() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.betas(&beta1, &beta2)
    try settings.field("epsilon", &epsilon, default: 1e-7)
    try settings.field("amsgrad", &amsgrad, default: false)
  }
}

extension AdamW: SerializableOptimizerRule {
  package static var className: String { "AdamW" }
  package var slotGroups: [Int] { adam.slotGroups }
  package static var standard: Optimizer { .adamW() }
  package mutating func configure(_ settings: inout Settings) throws { try adam.configure(&settings) }
}

extension Adamax: SerializableOptimizerRule {
  package static var className: String { "Adamax" }
  package var slotGroups: [Int] { [2] }
  package static var standard: Optimizer { .adamax() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.betas(&beta1, &beta2)
    try settings.field("epsilon", &epsilon, default: 1e-7)
  }
}

extension Nadam: SerializableOptimizerRule {
  package static var className: String { "Nadam" }
  package var slotGroups: [Int] { [2] }
  package static var standard: Optimizer { .nadam() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.betas(&beta1, &beta2)
    try settings.field("epsilon", &epsilon, default: 1e-7)
    if !isInKeras || settings.source != nil {
      try settings.field("decay", &scheduleDecay, default: 1, aliases: ["schedule_decay"])
    }
  }

  package var isInKeras: Bool { scheduleDecay == 1 }
  package static var decaysRate: Bool { false }

  package func trailingNumbers(step: Int) -> [(name: String, value: Double)] {
    [("variable", momentumProduct(step))]
  }
}

extension Adagrad: SerializableOptimizerRule {
  package static var className: String { "Adagrad" }
  package var hadEpsilonOutside: Bool { true }
  package static var standard: Optimizer { .adagrad() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.field("initial_accumulator_value", &initialAccumulator, default: 0.1)
    try settings.field("epsilon", &epsilon, default: 1e-7)
  }
}

extension Adadelta: SerializableOptimizerRule {
  package static var className: String { "Adadelta" }
  package var slotGroups: [Int] { [2] }
  package static var standard: Optimizer { .adadelta() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.field("rho", &rho, default: 0.95)
    try settings.field("epsilon", &epsilon, default: 1e-7)
  }
}

extension Ftrl: SerializableOptimizerRule {
  package static var className: String { "Ftrl" }
  package var slotGroups: [Int] { [2] }
  package var olderSlotGroups: [Int] { [2] }
  package static var standard: Optimizer { .ftrl() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.field("learning_rate_power", &learningRatePower, default: -0.5)
    try settings.field("initial_accumulator_value", &initialAccumulator, default: 0.1)
    try settings.field("l1_regularization_strength", &l1, default: 0)
    try settings.field("l2_regularization_strength", &l2, default: 0)
    try settings.field("l2_shrinkage_regularization_strength", &l2Shrinkage, default: 0)
    try settings.field("beta", &beta, default: 0)
  }
}

extension Lion: SerializableOptimizerRule {
  package static var className: String { "Lion" }
  package static var standard: Optimizer { .lion() }
  package mutating func configure(_ settings: inout Settings) throws {
    try settings.betas(&beta1, &beta2, default: 0.99)
  }
}

extension Optimizer {
  /// The rule, if files can hold it.
  package var serializableRule: (any SerializableOptimizerRule)? { rule as? any SerializableOptimizerRule }

  /// The name under which Keras keeps the optimizer's variables.
  package var variableName: String { serializableRule.map { type(of: $0).className.snakeCased } ?? "optimizer" }

  /// The arrays of so many weights in Keras' order: those of all optimizers first, then the rule's, group by group.
  ///
  /// - Parameter isOlder: Whether an optimizer before TensorFlow 2.11 kept them.
  package func slotOrder(weightCount: Int, isOlder: Bool = false) -> [(weight: Int, slot: Int)] {
    let separate = rule.slotNames.map { _ in 1 }
    let ruleGroups = (isOlder ? serializableRule?.olderSlotGroups : serializableRule?.slotGroups) ?? separate
    var (order, start): ([(weight: Int, slot: Int)], Int) = ([], 0)
    for size in [Int](repeating: 1, count: ruleSlotStart) + ruleGroups {
      for weight in 0..<weightCount { order += (start..<start + size).map { (weight, $0) } }
      start += size
    }
    return order
  }

  /// The optimizer in Keras' JSON; nil when files cannot hold its rule.
  ///
  /// - Parameter learningRate: The rate as the format has it.
  package func serialized(learningRate: JSONValue) -> JSONValue? {
    guard let rule = serializableRule else { return nil }
    let overwriting = weightAverage?.frequency
    var configuration: Configuration = [
      "name": variableName, "learning_rate": learningRate,
      "weight_decay": weightDecay > 0 ? weightDecay.jsonValue : .null,
      "clipnorm": JSONValue.null, "global_clipnorm": JSONValue.null, "clipvalue": JSONValue.null,
      "use_ema": weightAverage != nil, "ema_momentum": weightAverage?.momentum ?? 0.99,
      "ema_overwrite_frequency": overwriting.map(\.jsonValue) ?? .null, "loss_scale_factor": JSONValue.null,
      "gradient_accumulation_steps": accumulation > 1 ? accumulation.jsonValue : .null,
    ]
    for step in clipping?.steps ?? [] {
      switch step {
      case .value(let limit): configuration["clipvalue"] = .number(limit)
      case .norm(let limit): configuration["clipnorm"] = .number(limit)
      case .globalNorm(let limit): configuration["global_clipnorm"] = .number(limit)
      case .sequence: break
      }
    }
    for (key, value) in rule.settings.values { configuration[key] = value }
    return .object(["class_name": .text(type(of: rule).className), "config": configuration.jsonValue])
  }

  /// Makes the optimizer that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when the class is not known or a setting is wrong.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    // A text names a class.
    let isText = if case .text = json { true } else { false }
    let object = try Configuration(isText ? .object(["class_name": json ?? .null]) : json, at: location, report: report)
    let configuration = try object.nested("config")
    // Older files have a package before the name: "Custom>Adam".
    let className = try object.text("class_name").split(separator: ">").last?.lowercased()
    // That of TensorFlow 2.11 and later has a number behind its name.
    if className?.hasPrefix("lossscaleoptimizer") == true {
      configuration.ignore("name", "initial_scale", "dynamic_growth_steps", "dynamic", "is_legacy_optimizer")
      self = try Optimizer(
        serialized: configuration["inner_optimizer"] ?? configuration["optimizer"],
        at: configuration.location(of: "inner_optimizer"), report: report)
      object.warn(
        "class_name", "the loss is not scaled, because computations are done in float32; its inner optimizer is used")
      return
    }
    guard let kind = serializableRules.first(where: { $0.className.lowercased() == className }) else {
      let names = serializableRules.map { $0.className }
      throw object.error(
        "class_name", expected: "\(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
    }
    let standard = kind.standard
    let weightDecay =
      configuration["weight_decay"] == nil ? standard.weightDecay : try configuration.number("weight_decay", default: 0)
    self = Optimizer(
      try standard.serializableRule?.reading(configuration) ?? standard.rule,
      learningRate: try Optimizer.learningRate(
        configuration, default: standard.learningRate, decays: kind.decaysRate),
      weightDecay: weightDecay, clipping: try Optimizer.clipping(configuration))
    serializableRule?.warnOfOlderForm(configuration)
    configuration.ignore("name", "jit_compile", "is_legacy_optimizer")
    let momentum = try configuration.number("ema_momentum", default: 0.99)
    let frequency =
      configuration.isMissing("ema_overwrite_frequency")
      ? nil : try configuration.integer("ema_overwrite_frequency")
    if try configuration.flag("use_ema", default: false) {
      weightAverage = WeightAverage(momentum: momentum, frequency: frequency)
    }
    accumulation = try configuration.integer("gradient_accumulation_steps", default: 1)
    configuration.warnAboutUnread()
  }

  /// Keras 3 allows one limit; earlier optimizers applied all that were given, in this order.
  private static func clipping(_ configuration: Configuration) throws -> Clipping? {
    var steps: [Clipping] = []
    for (key, clipping) in [
      ("clipvalue", Clipping.value), ("clipnorm", Clipping.norm), ("global_clipnorm", Clipping.globalNorm),
    ] where !configuration.isMissing(key) {
      steps.append(clipping(try configuration.number(key)))
    }
    return steps.count > 1 ? .sequence(steps) : steps.first
  }

  private static func learningRate(
    _ configuration: Configuration, default standard: LearningRate, decays: Bool
  ) throws -> LearningRate {
    let key = configuration.isMissing("learning_rate") ? "lr" : "learning_rate"
    let rate =
      configuration.isMissing(key)
      ? standard
      : try LearningRate(
        serialized: configuration[key], at: configuration.location(of: key), report: configuration.report)
    // Before Keras 2.11 each optimizer had a decay of its own.
    let decay = decays ? try configuration.number("decay", default: 0) : 0
    guard decay != 0 else { return rate }
    guard case .constant(let initial) = rate else {
      throw configuration.error("decay", expected: "0 beside a schedule")
    }
    return .inverseTimeDecay(initial: initial, steps: 1, rate: decay)
  }
}
