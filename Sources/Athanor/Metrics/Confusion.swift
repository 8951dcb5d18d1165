extension Metric {
  /// The number of outputs above the threshold that should be. Source: `keras.metrics.TruePositives`.
  public static func truePositives(threshold: Double = 0.5) -> Metric {
    Metric(ConfusionCount(kind: .truePositives, thresholds: given(threshold)))
  }

  /// The number of outputs not above the threshold that should not be. Source: `keras.metrics.TrueNegatives`.
  public static func trueNegatives(threshold: Double = 0.5) -> Metric {
    Metric(ConfusionCount(kind: .trueNegatives, thresholds: given(threshold)))
  }

  /// The number of outputs above the threshold that should not be. Source: `keras.metrics.FalsePositives`.
  public static func falsePositives(threshold: Double = 0.5) -> Metric {
    Metric(ConfusionCount(kind: .falsePositives, thresholds: given(threshold)))
  }

  /// The number of outputs not above the threshold that should be. Source: `keras.metrics.FalseNegatives`.
  public static func falseNegatives(threshold: Double = 0.5) -> Metric {
    Metric(ConfusionCount(kind: .falseNegatives, thresholds: given(threshold)))
  }

  /// Of the outputs above the threshold, the share that should be, whatever a mask says, as in Keras.
  ///
  /// - Parameters:
  ///   - threshold: What a positive output is above; 0.5 by default, and with `topK` any.
  ///   - topK: Counts only the k largest outputs of an example as positive.
  ///   - classID: Looks at the output of one class alone.
  ///
  /// Source: `keras.metrics.Precision`.
  public static func precision(threshold: Double? = nil, topK: Int? = nil, classID: Int? = nil) -> Metric {
    Metric(ConfusionShare(kind: .precision, thresholds: threshold.map { [$0] }, topK: topK, classID: classID))
  }

  /// Of the outputs that should be above the threshold, the share that is, whatever a mask says, as in Keras.
  ///
  /// - Parameters:
  ///   - threshold: What a positive output is above; 0.5 by default, and with `topK` any.
  ///   - topK: Counts only the k largest outputs of an example as positive.
  ///   - classID: Looks at the output of one class alone.
  ///
  /// Source: `keras.metrics.Recall`.
  public static func recall(threshold: Double? = nil, topK: Int? = nil, classID: Int? = nil) -> Metric {
    Metric(ConfusionShare(kind: .recall, thresholds: threshold.map { [$0] }, topK: topK, classID: classID))
  }

  /// Of the outputs above the threshold, the share that should be, at threshold 0.5.
  public static let precision = Metric.precision()
  /// Of the outputs that should be above the threshold, the share that is, at threshold 0.5.
  public static let recall = Metric.recall()

  /// Files say nothing of the usual threshold.
  private static func given(_ threshold: Double) -> [Double]? { threshold == 0.5 ? nil : [threshold] }

  /// How the scores of several classes become one.
  public enum Average: String, Hashable, Sendable, CaseIterable {
    /// One score of the counts of all classes together.
    case micro
    /// The mean of the classes' scores.
    case macro
    /// The mean weighted by how often a class is the target.
    case weighted
  }

  /// `2 p r / (p + r)` of precision p and recall r. Source: `keras.metrics.F1Score`.
  ///
  /// - Parameters:
  ///   - average: How the scores of several classes become one.
  ///   - threshold: What a positive output is above; nil for the largest of each example.
  public static func f1Score(average: Average = .macro, threshold: Double? = nil) -> Metric {
    Metric(FScore(hasBeta: false, average: average, threshold: threshold))
  }

  /// `(1 + beta^2) p r / (beta^2 p + r)` of precision p and recall r. Source: `keras.metrics.FBetaScore`.
  ///
  /// - Parameters:
  ///   - beta: How many times as much recall counts as precision.
  ///   - average: How the scores of several classes become one.
  ///   - threshold: What a positive output is above; nil for the largest of each example.
  public static func fBetaScore(beta: Double = 1, average: Average = .macro, threshold: Double? = nil) -> Metric {
    Metric(FScore(hasBeta: true, beta: beta, average: average, threshold: threshold))
  }
}

/// 1 where a target is not 0, else 0.
func flags(_ target: Value, _ prediction: Value, _ what: String) throws -> Value {
  try 1 - numbers(target, like: prediction, what).binary(.equal, 0)
}

extension Value {
  /// The sum over all axes as a vector of one.
  fileprivate func total() throws -> Value { try sum(axes: Array(0..<shape.rank)).reshaped([1]) }

  /// The numbers of one class, `[..., 1]`.
  func ofClass(_ index: Int, _ what: String) throws -> Value {
    let classes = shape.lengths.last.flatMap { $0 } ?? 0
    guard (0..<classes).contains(index) else {
      throw AthanorError(.argument, at: what, "classID is \(index) but there are \(classes) classes")
    }
    let leading = shape.rank - 1
    return try sliced(
      start: [Int](repeating: 0, count: leading) + [index], lengths: [Int?](repeating: nil, count: leading) + [1])
  }

  /// 1 at the k largest numbers of each row, the first ones of equal, else 0.
  fileprivate func isAmongLargest(_ k: Int, _ what: String) throws -> Value {
    let classes = shape.lengths.last.flatMap { $0 } ?? 0
    guard k > 0, k <= classes else {
      throw AthanorError(.argument, at: what, "topK is \(k) but there are \(classes) classes")
    }
    var (rest, chosen) = (self, try self * 0)
    for _ in 0..<k {
      let next = try rest.argMax().oneHot(classes)
      chosen = try chosen + next
      rest = try rest - next * 1e30
    }
    return chosen
  }
}

/// The number of outputs of one kind.
struct ConfusionCount: MetricFormula {
  enum Kind: String {
    case truePositives = "TruePositives"
    case trueNegatives = "TrueNegatives"
    case falsePositives = "FalsePositives"
    case falseNegatives = "FalseNegatives"
  }

  let kind: Kind
  var thresholds: [Double]?

  var className: String { kind.rawValue }
  var weighting: MetricWeighting { .sums }
  var direction: Metric.Direction { kind == .truePositives || kind == .trueNegatives ? .higher : .lower }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.threshold(&thresholds, of: className)
  }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let actual = try flags(target, prediction, defaultName.camelCased)
    let predicted = try prediction.greater(thresholds?.first ?? 0.5)
    var counted =
      switch kind {
      case .truePositives: try predicted * actual
      case .trueNegatives: try (1 - predicted) * (1 - actual)
      case .falsePositives: try predicted * (1 - actual)
      case .falseNegatives: try (1 - predicted) * actual
      }
    if let weights { counted = try counted * weights.withRank(counted.shape.rank) }
    return try counted.total()
  }

  func result(_ totals: [Double], _ count: Double) -> Double { totals[0] }
}

/// True positives as a share of all that are predicted, or of all that should be.
struct ConfusionShare: MetricFormula {
  enum Kind: String { case precision = "Precision", recall = "Recall" }

  let kind: Kind
  var thresholds: [Double]?
  var topK: Int?
  var classID: Int?

  var className: String { kind.rawValue }
  var weighting: MetricWeighting { .sums }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.threshold(&thresholds, of: className)
    try settings.field("top_k", &topK)
    try settings.field("class_id", &classID)
  }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let what = defaultName
    var actual = try flags(target, prediction, what)
    // Keras' threshold beside top_k is below every number.
    var predicted = try prediction.greater(thresholds?.first ?? (topK == nil ? 0.5 : -1e10))
    if let topK { predicted = try predicted * prediction.isAmongLargest(topK, what) }
    if let classID { (actual, predicted) = (try actual.ofClass(classID, what), try predicted.ofClass(classID, what)) }
    let parts = [try predicted * actual, kind == .precision ? predicted : actual]
    return try concatenate(
      parts.map { part in
        try (weights.map { try part * $0.withRank(part.shape.rank) } ?? part).total()
      })
  }

  func result(_ totals: [Double], _ count: Double) -> Double { totals[1] > 0 ? totals[0] / totals[1] : 0 }
}

struct FScore: MetricFormula {
  let hasBeta: Bool
  var beta = 1.0
  var average: Metric.Average
  var threshold: Double?

  var className: String { hasBeta ? "FBetaScore" : "F1Score" }
  var defaultName: String { hasBeta ? "fbeta_score" : "f1_score" }
  var weighting: MetricWeighting { .sums }

  mutating func configure(_ settings: inout Settings) throws {
    if hasBeta { try settings.field("beta", &beta, default: 1) }
    var name: String? = average.rawValue
    try settings.field("average", &name)
    guard let known = name.flatMap(Metric.Average.init) else {
      throw settings.error("average", expected: "\"micro\", \"macro\" or \"weighted\", which gives one number,")
    }
    average = known
    try settings.field("threshold", &threshold)
  }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let what = hasBeta ? "fBetaScore" : "f1Score"
    let actual = try numbers(target, like: prediction, what)
    guard prediction.shape.rank == 2 else {
      throw AthanorError(.shape, at: what, "the output has shape \(prediction.shape) but must have two axes")
    }
    var predicted: Value
    if let threshold {
      predicted = try prediction.greater(threshold)
    } else {
      let largest = try prediction.max(axes: [1]).withRank(2)  // [N, 1]
      predicted = try prediction.binary(.greaterEqual, largest) * abs(prediction).greater(1e-9)
    }
    let parts = try [predicted * actual, predicted * (1 - actual), (1 - predicted) * actual, actual]
    let rows = try weights?.withRank(2)
    return try concatenate(parts.map { part in try (rows.map { try part * $0 } ?? part).sum(axes: [0]) })
  }

  /// True positives, false positives, false negatives and targets of each class.
  func result(_ totals: [Double], _ count: Double) -> Double {
    let classes = totals.count / 4
    var parts = (0..<4).map { Array(totals[$0 * classes..<($0 + 1) * classes]) }
    if average == .micro { parts = parts.map { [$0.reduce(0, +)] } }
    let epsilon = 1e-7
    let scores = parts[0].indices.map { index in
      let (tp, fp, fn) = (parts[0][index], parts[1][index], parts[2][index])
      let (precision, recall) = (tp / (tp + fp + epsilon), tp / (tp + fn + epsilon))
      return precision * recall / (beta * beta * precision + recall + epsilon) * (1 + beta * beta)
    }
    guard average == .weighted else { return scores.reduce(0, +) / Double(scores.count) }
    let all = parts[3].reduce(0, +) + epsilon
    return zip(scores, parts[3]).reduce(0) { $0 + $1.0 * $1.1 / all }
  }
}

extension Settings {
  /// One threshold, which Keras keeps as a number, a list of one, or null.
  ///
  /// - Throws: `AthanorError` when there are several: Keras' figure is then a list.
  fileprivate mutating func threshold(_ thresholds: inout [Double]?, of name: String) throws {
    try field("thresholds", &thresholds)
    guard let source, let thresholds, thresholds.count > 1 else { return }
    throw AthanorError(
      .unsupported, at: source.location(of: "thresholds"),
      "\(name) has \(thresholds.count) thresholds but only one is supported",
      fix: "Give one metric for each threshold.")
  }
}
