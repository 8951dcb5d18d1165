/// A metric that files know: its settings, declared once for reading and writing, and what it computes.
///
/// A new metric is a formula, and its line in `Metric.all`.
package protocol MetricFormula: Sendable {
  /// Keras' name of the class.
  var className: String { get }
  /// The name in logs where no other is given; Keras' class in snake case by default.
  var defaultName: String { get }
  /// Other names in files, in lower case.
  var aliases: [String] { get }
  /// Which way is better.
  var direction: Metric.Direction { get }
  var weighting: MetricWeighting { get }
  /// Declares the settings in files.
  ///
  /// - Throws: `AthanorError` when a setting is of the wrong type or not supported.
  mutating func configure(_ settings: inout Settings) throws
  /// Predictions, targets and the weights of these to the sums of a batch: a vector `[K]`.
  ///
  /// - Throws: `AthanorError` when shapes do not fit or a setting is out of range.
  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value
  /// The sums over all batches and the number of examples to the figure.
  func result(_ totals: [Double], _ count: Double) -> Double
  /// The metric in Keras' JSON; nil when Keras has no form for it.
  func serialized(name: String) -> JSONValue?
}

extension MetricFormula {
  package var defaultName: String { className.snakeCased }
  package var aliases: [String] { [] }
  package var direction: Metric.Direction { .higher }
  package mutating func configure(_ settings: inout Settings) throws {}

  /// The settings as files have them.
  package var settings: Configuration {
    var (formula, settings) = (self, Settings())
    // Writing fails for values alone that have no form in files; metrics have none.
    try? formula.configure(&settings)
    return settings.written
  }

  package func serialized(name: String) -> JSONValue? {
    var configuration = settings
    configuration["name"] = .text(name)
    configuration["dtype"] = .text("float32")
    return .instance(of: className, in: "keras.metrics", configuration)
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
}

/// A metric that is the mean of one number for each example, or for each time step.
package protocol MeanMetricFormula: MetricFormula {
  /// Predictions and targets to `[N, ...]`.
  func values(_ prediction: Value, _ target: Value) throws -> Value
}

extension MeanMetricFormula {
  package var weighting: MetricWeighting { .mean }

  package func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    try meanSums(values(prediction, target), weights, defaultName)
  }

  package func result(_ totals: [Double], _ count: Double) -> Double { meanOfSums(totals, count) }
}

/// A loss as a metric.
struct LossMetric: MeanMetricFormula {
  var loss: any LossFormula

  /// Metrics without a class of their own are functions of losses that Keras wraps.
  var className: String { loss.metricClassName ?? "MeanMetricWrapper" }
  var defaultName: String { loss.metricClassName == "LogCoshError" ? "logcosh" : loss.functionName }
  var aliases: [String] { loss.aliases + [loss.functionName] }
  var direction: Metric.Direction { .lower }
  mutating func configure(_ settings: inout Settings) throws { try loss.configure(&settings) }
  func values(_ prediction: Value, _ target: Value) throws -> Value { try loss.values(prediction, target) }

  func serialized(name: String) -> JSONValue? {
    var configuration = loss.settings
    configuration["name"] = .text(name)
    configuration["dtype"] = .text("float32")
    if loss.metricClassName == nil {
      configuration["fn"] =
        ([
          "module": "builtins", "class_name": "function", "config": loss.functionName,
          "registered_name": "function",
        ] as Configuration).jsonValue
    }
    return .instance(of: className, in: "keras.metrics", configuration)
  }
}

extension Metric {
  /// A loss as a metric, for example `.loss(.meanAbsoluteError)`; for a batch its mean, whatever the loss's reduction.
  public static func loss(_ loss: Loss) -> Metric {
    if let formula = loss.formula {
      let metric = Metric(LossMetric(loss: formula))
      return loss.name == formula.functionName ? metric.named(formula.functionName) : metric.named(loss.name)
    }
    return Metric.mean(loss.name, direction: .lower) { try loss.perExample($0, $1) }
  }

  /// The metrics with their default settings, for files.
  package static let all: [Metric] =
    [
      accuracy, binaryAccuracy(), categoricalAccuracy, sparseCategoricalAccuracy, exactAccuracy, topKAccuracy(),
      sparseTopKAccuracy(), truePositives(), trueNegatives(), falsePositives(), falseNegatives(), precision(), recall(),
      auc(), sensitivityAtSpecificity(0.5), specificityAtSensitivity(0.5), precisionAtRecall(0.5),
      recallAtPrecision(0.5), f1Score(), fBetaScore(), rootMeanSquaredError, cosineSimilarity, r2Score(),
    ]
    + Loss.all.compactMap(\.formula).filter { $0.className != "CosineSimilarity" }.map { Metric(LossMetric(loss: $0)) }

  /// The metric in Keras' JSON; nil when files have no name for it.
  package var serialized: JSONValue? { formula?.serialized(name: name) }

  /// Makes the metric that Keras' JSON describes. It is called what Keras calls it.
  ///
  /// - Throws: `AthanorError` when it is not known or a setting is not supported.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue, at location: String, report: ReadingReport? = nil) throws {
    let named = try NamedFormula(
      json, at: location, report: report, wrappers: ["MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"])
    func isNamed(_ formula: any MetricFormula) -> Bool {
      named.name == formula.className || named.isFunction && formula.isCalled(named.name)
    }
    // Keras takes the text "accuracy" for the accuracy that goes with the output, and the class Accuracy for equality.
    guard let formula = Metric.all.lazy.compactMap(\.formula).first(where: isNamed) else {
      throw AthanorError(
        .unsupported, at: location, "there is no metric named \"\(named.name)\"")
    }
    let configuration = named.configuration
    let name = try configuration.text("name", default: named.isFunction ? named.name : formula.defaultName)
    self = Metric(try formula.reading(configuration)).named(name)
    configuration.ignore("fn")
    configuration.warn("dtype", unless: [.text("float32"), .float32Policy])
    configuration.warnAboutUnread()
  }
}

extension MetricFormula {
  /// Whether a text, or the name of a function, means this metric.
  fileprivate func isCalled(_ name: String) -> Bool {
    name == className.snakeCased || name == defaultName || aliases.contains(name.lowercased())
  }
}
