extension Metric {
  /// The share of right answers; which kind follows from the output, as in Keras.
  ///
  /// One output: on which side of 0.5 it lies (`binaryAccuracy`). Several: whether the largest is the target's class, given as
  /// a number (`sparseCategoricalAccuracy`) or a row (`categoricalAccuracy`). Source: the text `"accuracy"` in Keras' `compile`.
  public static let accuracy = Metric(Accuracy(kind: .fitting))

  /// The share of outputs on the target's side of a threshold, each output for itself. Source: `keras.metrics.BinaryAccuracy`.
  public static func binaryAccuracy(threshold: Double = 0.5) -> Metric {
    Metric(Accuracy(kind: .binary, threshold: threshold))
  }

  /// The share of examples whose largest output is the class in the target's row. Source: `keras.metrics.CategoricalAccuracy`.
  public static let categoricalAccuracy = Metric(Accuracy(kind: .categorical))

  /// The share of examples whose largest output is the target's class number. Source: `keras.metrics.SparseCategoricalAccuracy`.
  public static let sparseCategoricalAccuracy = Metric(Accuracy(kind: .sparse))

  /// The share of outputs that equal the target. Source: `keras.metrics.Accuracy`.
  public static let exactAccuracy = Metric(Accuracy(kind: .exact))

  /// The share of examples whose class is among the k largest outputs. Source: `keras.metrics.TopKCategoricalAccuracy`.
  public static func topKAccuracy(_ k: Int = 5) -> Metric {
    Metric(TopKAccuracy(isSparse: false, k: k)).named("top_\(k)_accuracy")
  }

  /// The same for targets that are class numbers. Source: `keras.metrics.SparseTopKCategoricalAccuracy`.
  public static func sparseTopKAccuracy(_ k: Int = 5) -> Metric {
    Metric(TopKAccuracy(isSparse: true, k: k)).named("top_\(k)_accuracy")
  }
}

struct Accuracy: MeanMetricFormula {
  enum Kind: String { case fitting, binary, categorical, sparse, exact }

  let kind: Kind
  var threshold = 0.5

  var className: String {
    switch kind {
    case .fitting: "accuracy"
    case .binary: "BinaryAccuracy"
    case .categorical: "CategoricalAccuracy"
    case .sparse: "SparseCategoricalAccuracy"
    case .exact: "Accuracy"
    }
  }

  var aliases: [String] { kind == .fitting ? ["acc", "accuracy"] : [] }

  mutating func configure(_ settings: inout Settings) throws {
    if kind == .binary { try settings.field("threshold", &threshold, default: 0.5) }
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    let isBinary = kind == .binary || kind == .fitting && prediction.shape.lengths.last == 1
    if kind == .exact { return try prediction.equal(numbers(target, like: prediction, "exactAccuracy")) }
    let what = kind == .fitting ? "accuracy" : defaultName.camelCased
    if isBinary { return try prediction.greater(threshold).equal(numbers(target, like: prediction, what)) }
    return try prediction.argMax().converted().equal(classNumbers(target, prediction, what).converted())
  }

  func serialized(name: String) -> JSONValue? {
    guard kind == .fitting else { return instance(name) }
    // Only under these names does Keras choose the kind.
    return aliases.contains(name.lowercased()) ? .text(name) : nil
  }

  private func instance(_ name: String) -> JSONValue {
    var configuration = settings
    configuration["name"] = .text(name)
    configuration["dtype"] = .text("float32")
    return .instance(of: className, in: "keras.metrics", configuration)
  }
}

struct TopKAccuracy: MeanMetricFormula {
  let isSparse: Bool
  var k = 5

  var className: String { isSparse ? "SparseTopKCategoricalAccuracy" : "TopKCategoricalAccuracy" }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("k", &k, default: 5)
    if isSparse { try settings.fixed("from_sorted_ids", false, isWritten: false) }
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    guard k > 0 else { throw AthanorError(.argument, at: "topKAccuracy", "k is \(k) but must be at least 1") }
    return try prediction.inTopK(k, classNumbers(target, prediction, "topKAccuracy"))
  }
}

/// Targets as class numbers: themselves, or the place of the largest in each row.
private func classNumbers(_ target: Value, _ prediction: Value, _ what: String) throws -> Value {
  try requireClasses(prediction, target, what)
  return target.type.dtype == .int32 ? target : try target.argMax()
}
