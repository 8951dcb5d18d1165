extension Metric {
  /// The metric in Keras' JSON; nil when files have no name for it.
  package var serialized: JSONValue? {
    if name == "accuracy" { return .text("accuracy") }
    if name == "precision" { return .text("Precision") }
    if name == "recall" { return .text("Recall") }
    if direction == .lower, Loss.all.contains(where: { $0.name == name }) { return .text(name) }
    return Metric.topK(name).map {
      .instance(of: "TopKCategoricalAccuracy", in: "keras.metrics", ["name": name, "k": $0])
    }
  }

  private static func topK(_ name: String) -> Int? {
    let parts = name.split(separator: "_")
    return parts.count == 3 && parts[0] == "top" && parts[2] == "accuracy" ? Int(parts[1]) : nil
  }

  /// Makes the metric that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when it is not known or a parameter is not supported.
  package init(serialized json: JSONValue, at location: String) throws {
    let object = try? Configuration(json, at: location)
    var name = ""
    if case .text(let text) = object?["class_name"] ?? json { name = text }
    switch name.lowercased() {
    case "accuracy", "acc", "categoricalaccuracy", "sparsecategoricalaccuracy", "binaryaccuracy",
      "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy":
      self = .accuracy
    case "precision": self = .precision
    case "recall": self = .recall
    case "topkcategoricalaccuracy", "sparsetopkcategoricalaccuracy":
      let configuration = try Configuration(object?["config"] ?? .object([:]), at: location)
      self = .topKAccuracy(try configuration.integer("k", default: 5))
    default:
      if let loss = try? Loss(serialized: json, at: location) {
        self = .loss(loss)
        return
      }
      throw AthanorError(
        .unsupported, at: location, "there is no metric named \"\(name)\"",
        fix: "Load the file with compiled: false and call compile yourself.")
    }
  }
}
