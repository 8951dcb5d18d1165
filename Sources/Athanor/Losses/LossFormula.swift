/// A loss that files know: its settings, declared once for reading and writing, and what it computes.
///
/// A new loss is a formula, and its line in `Loss.all`.
package protocol LossFormula: Sendable {
  /// Keras' name of the class. Keras' function has the same name in snake case.
  var className: String { get }
  /// Other names of the function in files.
  var aliases: [String] { get }
  /// Keras' name of the metric's class with this formula; nil where there is none.
  var metricClassName: String? { get }
  /// What it compares predictions with.
  var targets: Loss.Targets { get }
  /// Whether `values` has a number for each number of the prediction; Keras takes the mean over the last axis.
  var isElementwise: Bool { get }
  /// The class number that has no loss.
  var ignoredClass: Int? { get }
  /// Declares the settings in files.
  ///
  /// - Throws: `AthanorError` when a setting is of the wrong type or not supported.
  mutating func configure(_ settings: inout Settings) throws
  /// Predictions and targets to losses `[N, ...]`.
  ///
  /// - Throws: `AthanorError` when shapes do not fit or a setting is out of range.
  func values(_ prediction: Value, _ target: Value) throws -> Value
}

extension LossFormula {
  package var aliases: [String] { [] }
  package var metricClassName: String? { nil }
  package var ignoredClass: Int? { nil }
  package var isElementwise: Bool { true }
  package mutating func configure(_ settings: inout Settings) throws {}

  /// Keras' name of the function.
  package var functionName: String { className.snakeCased }

  /// The name in Swift, for messages: `MeanSquaredError` is `meanSquaredError`, `KLDivergence` is `klDivergence`.
  var swiftName: String { functionName.camelCased }

  /// The settings as files have them.
  package var settings: Configuration {
    var (formula, settings) = (self, Settings())
    // Writing fails for values alone that have no form in files; losses have none.
    try? formula.configure(&settings)
    return settings.written
  }

  /// The same formula with the settings of a file.
  ///
  /// - Throws: `AthanorError` that names the place, when one is of the wrong type or not supported.
  func reading(_ configuration: Configuration) throws -> Self {
    var (formula, settings) = (self, Settings(reading: configuration))
    try formula.configure(&settings)
    try settings.fixed("axis", -1)
    return formula
  }

  /// Whether a file means this loss by a name: of the class, of the function, or another one.
  func isNamed(_ name: String) -> Bool {
    name == className || name == functionName || aliases.contains(name.lowercased())
  }
}

extension String {
  /// `mean_squared_error` as `meanSquaredError`.
  var camelCased: String {
    let words = split(separator: "_")
    return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

/// A loss or a metric as files name it: by a text, or by an object with a class, or a function, and settings.
struct NamedFormula {
  /// The name of the class or the function.
  let name: String
  /// Whether the name is one of a function or a text, so that it is also what Keras calls the result.
  let isFunction: Bool
  let configuration: Configuration

  /// - Parameter wrappers: Classes whose setting `fn` says what is meant.
  /// - Throws: `AthanorError` that names the place.
  init(_ json: JSONValue?, at location: String, report: ReadingReport?, wrappers: [String]) throws {
    let object: Configuration
    switch json {
    case .text(let text):
      (name, isFunction) = (text, true)
      configuration = try Configuration(.object([:]), at: location, report: report)
      return
    case .object: object = try Configuration(json, at: location, report: report)
    default: throw AthanorError(.data, at: location, "a name or an object was expected")
    }
    let className = try object.text("class_name")
    if case .text(let function) = object["config"] {
      (name, isFunction) = (function, true)
      configuration = try Configuration(.object([:]), at: location, report: report)
      return
    }
    let settings = object.isMissing("config") ? .object([:]) : object["config"]
    configuration = try Configuration(settings, at: location, report: report)
    guard wrappers.contains(className) else {
      (name, isFunction) = (className, false)
      return
    }
    switch configuration["fn"] {
    case .text(let function): name = function
    case .object: name = try configuration.nested("fn").text("config")
    default: throw configuration.error("fn", expected: "a function")
    }
    isFunction = true
  }
}

extension Loss {
  /// The loss in Keras' JSON: its name, or with settings an instance of its class; nil when files have no name for it.
  package var serialized: JSONValue? {
    guard let formula else { return nil }
    let standard = Loss.all.first { $0.formula?.className == formula.className }
    if name == formula.functionName, reduction == .sumOverBatchSize, formula.settings == standard?.formula?.settings {
      return .text(name)
    }
    var configuration = formula.settings
    configuration["name"] = .text(name)
    configuration["reduction"] = .text(reduction.rawValue)
    return .instance(of: formula.className, in: "keras.losses", configuration)
  }

  /// Makes the loss that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when it is not known or a setting is not supported.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    let named = try NamedFormula(json, at: location, report: report, wrappers: ["LossFunctionWrapper"])
    guard let formula = Loss.formula(named: named.name) else {
      throw AthanorError(
        .unsupported, at: location, "there is no loss named \"\(named.name)\"")
    }
    let configuration = named.configuration
    self = Loss(try formula.reading(configuration))
    name = try configuration.text("name", default: named.isFunction ? formula.functionName : name)
    if let function = configuration["fn"], case .text(let function) = function, !formula.isNamed(function) {
      throw configuration.error("fn", expected: formula.functionName)
    }
    reduction = try Loss.reduction(configuration)
    configuration.warn("dtype", unless: [.text("float32"), .float32Policy])
    configuration.warnAboutUnread()
  }

  private static func reduction(_ configuration: Configuration) throws -> Reduction {
    switch configuration["reduction"] {
    case nil, .text("auto"): return .sumOverBatchSize
    case .text(let text):
      if let reduction = Reduction(rawValue: text) { return reduction }
    default: break
    }
    let names = Reduction.allCases.map { "\"\($0.rawValue)\"" }
    throw configuration.error("reduction", expected: names.joined(separator: ", "))
  }

  /// The formula that a file means by a name.
  static func formula(named name: String) -> (any LossFormula)? {
    all.lazy.compactMap(\.formula).first { $0.isNamed(name) }
  }
}
