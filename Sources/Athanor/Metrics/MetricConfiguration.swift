extension Metric {
  /// The metric in Keras' JSON; nil when files have no name for it.
  package var serialized: JSONValue? {
    guard isBuiltIn else { return nil }
    if name == Metric.accuracy.name { return .text(name) }
    if let threshold = parameters["threshold"] {
      guard let className = Metric.thresholdClasses[name] else { return nil }
      if threshold == 0.5 { return .text(className) }
      return .instance(
        of: className, in: "keras.metrics",
        ["name": name, "thresholds": threshold, "top_k": JSONValue.null, "class_id": JSONValue.null])
    }
    if let k = parameters["k"].flatMap({ Int(exactly: $0) }) {
      guard name == Metric.topKAccuracy(k).name else { return nil }
      return .instance(of: "TopKCategoricalAccuracy", in: "keras.metrics", ["name": name, "k": k])
    }
    guard direction == .lower else { return nil }
    return Loss.serialized(name, parameters)
  }

  /// Keras' classes of the metrics that have a threshold, by name.
  private static let thresholdClasses = [precision.name: "Precision", recall.name: "Recall"]

  /// Makes the metric that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when it is not known or a parameter is not supported.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue, at location: String, report: ReadingReport? = nil) throws {
    let object = try? Configuration(json, at: location, report: report)
    var name = ""
    if case .text(let text) = object?["class_name"] ?? json { name = text }
    func settings() throws -> Configuration {
      try Configuration(object?["config"] ?? .object([:]), at: location, report: report)
    }
    switch name.lowercased() {
    case "accuracy", "acc", "categoricalaccuracy", "sparsecategoricalaccuracy", "binaryaccuracy",
      "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy":
      self = .accuracy
    case "precision": self = .precision(threshold: try Metric.threshold(settings(), of: name))
    case "recall": self = .recall(threshold: try Metric.threshold(settings(), of: name))
    case "topkcategoricalaccuracy", "sparsetopkcategoricalaccuracy":
      self = .topKAccuracy(try settings().integer("k", default: 5))
    default:
      guard let loss = try? Loss(serialized: json, at: location, report: report) else {
        throw AthanorError(
          .unsupported, at: location, "there is no metric named \"\(name)\"",
          fix: "Load the file with compiled: false and call compile yourself.")
      }
      self = .loss(loss)
    }
    var given = name
    if object != nil, let settings = try? settings() {
      if case .text(let text) = settings["name"] { given = text }
      settings.warn("dtype", unless: [.text("float32"), .float32Policy])
      settings.warn("threshold", unless: [.number(0.5)])
      settings.warnAboutUnread()
    }
    guard given.snakeCased != self.name else { return }
    report?.warn(
      AthanorError(.unsupported, at: location, "the metric \"\(given)\" is called \"\(self.name)\" here").description)
  }

  /// The threshold of `Precision` or `Recall`, which Keras keeps as a number, a list or null (0.5).
  private static func threshold(_ configuration: Configuration, of name: String) throws -> Double {
    for key in ["top_k", "class_id"] where !configuration.isMissing(key) {
      throw configuration.error(key, expected: "null")
    }
    let thresholds = try configuration.numbers("thresholds") ?? []
    guard thresholds.count <= 1 else {
      throw AthanorError(
        .unsupported, at: configuration.location(of: "thresholds"),
        "\(name) has \(thresholds.count) thresholds but only one is supported",
        fix: "Load the file with compiled: false and call compile with one metric for each threshold.")
    }
    return thresholds.first ?? 0.5
  }
}
