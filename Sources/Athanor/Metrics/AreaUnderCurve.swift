extension Metric {
  /// The curve whose area is meant.
  public enum Curve: String, Hashable, Sendable {
    /// True positives over false positives, as shares of all that should and should not be positive.
    case roc = "ROC"
    /// Precision over recall.
    case pr = "PR"
    /// The gain of precision over that of recall.
    case prGain = "PRGAIN"
  }

  /// How the area between two thresholds is taken.
  public enum Summation: String, Hashable, Sendable {
    /// As if the curve were straight between two thresholds; for `.pr` by the formula of Davis and Goadrich (2006).
    case interpolation
    /// The smaller of both heights.
    case minoring
    /// The larger of both heights.
    case majoring
  }

  /// The area under a curve of thresholds, which are spread evenly over 0 ... 1.
  ///
  /// - Parameters:
  ///   - curve: Which curve.
  ///   - thresholdCount: How many thresholds there are.
  ///   - summation: How the area between two of them is taken.
  ///   - isMultiLabel: Whether each output has a curve of its own, and the mean of their areas is the figure.
  ///   - fromLogits: Whether predictions are the inputs of a sigmoid that the model does not have.
  ///   - thresholds: Other thresholds, beside 0 and 1.
  ///
  /// Source: `keras.metrics.AUC`.
  public static func auc(
    curve: Curve = .roc, thresholdCount: Int = 200, summation: Summation = .interpolation, isMultiLabel: Bool = false,
    fromLogits: Bool = false, thresholds: [Double]? = nil
  ) -> Metric {
    Metric(
      AreaUnderCurve(
        curve: curve, thresholdCount: thresholdCount, summation: summation, isMultiLabel: isMultiLabel,
        fromLogits: fromLogits, thresholds: thresholds))
  }

  /// The best share of positives found at thresholds that leave at least this share of negatives unnamed. Source:
  /// `keras.metrics.SensitivityAtSpecificity`.
  public static func sensitivityAtSpecificity(_ specificity: Double, thresholdCount: Int = 200, classID: Int? = nil)
    -> Metric
  {
    Metric(
      BestThreshold(
        kind: .sensitivityAtSpecificity, value: specificity, thresholdCount: thresholdCount, classID: classID))
  }

  /// The best share of negatives left unnamed at thresholds that find at least this share of positives. Source:
  /// `keras.metrics.SpecificityAtSensitivity`.
  public static func specificityAtSensitivity(_ sensitivity: Double, thresholdCount: Int = 200, classID: Int? = nil)
    -> Metric
  {
    Metric(
      BestThreshold(
        kind: .specificityAtSensitivity, value: sensitivity, thresholdCount: thresholdCount, classID: classID))
  }

  /// The best precision at thresholds with at least this recall. Source: `keras.metrics.PrecisionAtRecall`.
  public static func precisionAtRecall(_ recall: Double, thresholdCount: Int = 200, classID: Int? = nil) -> Metric {
    Metric(BestThreshold(kind: .precisionAtRecall, value: recall, thresholdCount: thresholdCount, classID: classID))
  }

  /// The best recall at thresholds with at least this precision. Source: `keras.metrics.RecallAtPrecision`.
  public static func recallAtPrecision(_ precision: Double, thresholdCount: Int = 200, classID: Int? = nil) -> Metric {
    Metric(BestThreshold(kind: .recallAtPrecision, value: precision, thresholdCount: thresholdCount, classID: classID))
  }
}

/// What is positive and negative above each of several thresholds.
private struct ThresholdCounts {
  var truePositives: [Double]
  var falsePositives: [Double]
  let positives: Double
  let negatives: Double

  var trueNegatives: [Double] { falsePositives.map { negatives - $0 } }
  var falseNegatives: [Double] { truePositives.map { positives - $0 } }
  var recalls: [Double] { ratios(truePositives, falseNegatives) }
  var precisions: [Double] { ratios(truePositives, falsePositives) }
  var specificities: [Double] { ratios(trueNegatives, falsePositives) }
  var falsePositiveRates: [Double] { ratios(falsePositives, trueNegatives) }

  private func ratios(_ part: [Double], _ rest: [Double]) -> [Double] { zip(part, rest).map { share($0, $0 + $1) } }

  /// The sums of a batch, for each label: true positives, then false ones above each threshold, then positives and negatives.
  ///
  /// - Parameters:
  ///   - scores: `[N, ...]`, of which a number counts as positive where it is greater than a bound.
  ///   - actual: The same shape, 1 where it should be positive.
  ///   - perLabel: Whether the last axis holds labels; else all numbers are one label.
  static func statistics(
    _ scores: Value, _ actual: Value, _ weights: Value?, bounds: [Double], perLabel: Bool
  ) throws -> Value {
    let width = perLabel ? scores.shape.sizes[scores.shape.rank - 1] : 1
    let rows = scores.shape.sizes.reduce(1, *) / max(width, 1)
    let column = Shape(axes: [scores.shape.axes[0].with(length: rows), Shape.Axis(width), Shape.Axis(1)])
    let above = try scores.reshaped(column).greater(scores.builder.constant(bounds, [bounds.count]))  // [M, L, K]
    let each = try weights.map { try ($0.withRank(scores.shape.rank) * (scores * 0 + 1)).reshaped(column) }
    let flags = try actual.reshaped(column)  // [M, L, 1]
    let parts = try [flags, 1 - flags].map { part in try each.map { try part * $0 } ?? part }
    let counts = try parts.map { try ($0 * above).sum(axes: [0]).reshaped([width * bounds.count]) }
    return try concatenate(counts + parts.map { try $0.sum(axes: [0]).reshaped([width]) })
  }

  static func read(_ totals: [Double], thresholds: Int) -> [ThresholdCounts] {
    let labels = totals.count / (2 * thresholds + 2)
    return (0..<labels).map { label in
      func part(_ start: Int) -> [Double] {
        Array(totals[start + label * thresholds..<start + (label + 1) * thresholds])
      }
      let ends = 2 * labels * thresholds
      return ThresholdCounts(
        truePositives: part(0), falsePositives: part(labels * thresholds), positives: totals[ends + label],
        negatives: totals[ends + labels + label])
    }
  }
}

/// A share of a whole; 0 of nothing.
private func share(_ part: Double, _ whole: Double) -> Double { whole == 0 ? 0 : part / whole }

struct AreaUnderCurve: MetricFormula {
  var curve: Metric.Curve = .roc
  var thresholdCount = 200
  var summation: Metric.Summation = .interpolation
  var isMultiLabel = false
  var fromLogits = false
  /// Thresholds between 0 and 1 that are not spread evenly.
  var thresholds: [Double]?

  var className: String { "AUC" }
  var weighting: MetricWeighting { .sums }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("num_thresholds", &thresholdCount, default: 200)
    var (curveName, summationName) = (curve.rawValue, summation.rawValue)
    try settings.field("curve", &curveName, default: Metric.Curve.roc.rawValue)
    try settings.field("summation_method", &summationName, default: Metric.Summation.interpolation.rawValue)
    guard let knownCurve = Metric.Curve(rawValue: curveName.uppercased()) else {
      throw settings.error("curve", expected: "\"ROC\", \"PR\" or \"PRGAIN\"")
    }
    guard let knownSummation = Metric.Summation(rawValue: summationName.lowercased()) else {
      throw settings.error("summation_method", expected: "\"interpolation\", \"minoring\" or \"majoring\"")
    }
    (curve, summation) = (knownCurve, knownSummation)
    try settings.field("multi_label", &isMultiLabel, default: false)
    try settings.field("from_logits", &fromLogits, default: false)
    try settings.field("thresholds", &thresholds)
    // It follows from the output.
    settings.neutral("num_labels")
    var weights: JSONValue?
    try settings.field("label_weights", &weights)
    if weights != nil { throw settings.error("label_weights", expected: "null") }
  }

  private var count: Int { thresholds.map { $0.count + 2 } ?? thresholdCount }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    guard count > 1 else {
      throw AthanorError(.argument, at: "auc", "thresholdCount is \(count) but must be at least 2")
    }
    let scores = fromLogits ? try sigmoid(prediction) : prediction
    let actual = try flags(target, prediction, "auc")
    if let thresholds {
      let bounds = [-1e-7] + thresholds.sorted() + [1 + 1e-7]
      return try ThresholdCounts.statistics(scores, actual, weights, bounds: bounds, perLabel: isMultiLabel)
    }
    // Threshold i is passed where `scores * (count - 1) > i`; the first by everything.
    let steps = try scores.clipped(0, 1) * Double(count - 1)
    let bounds = [-1] + (1..<count).map { Double($0) }
    return try ThresholdCounts.statistics(steps, actual, weights, bounds: bounds, perLabel: isMultiLabel)
  }

  func result(_ totals: [Double], _ count: Double) -> Double {
    let areas = ThresholdCounts.read(totals, thresholds: self.count).map(area)
    return areas.reduce(0, +) / Double(max(areas.count, 1))
  }

  private func area(_ counts: ThresholdCounts) -> Double {
    if curve == .pr, summation == .interpolation { return interpolatedPrecision(counts) }
    let (x, y) = points(counts)
    return x.indices.dropLast().reduce(0) { area, index in
      let height =
        switch summation {
        case .interpolation: (y[index] + y[index + 1]) / 2
        case .minoring: min(y[index], y[index + 1])
        case .majoring: max(y[index], y[index + 1])
        }
      return area + (x[index] - x[index + 1]) * height
    }
  }

  private func points(_ counts: ThresholdCounts) -> (x: [Double], y: [Double]) {
    switch curve {
    case .roc: return (counts.falsePositiveRates, counts.recalls)
    case .pr: return (counts.recalls, counts.precisions)
    case .prGain:
      let scale = share(counts.positives, counts.negatives)
      func gains(_ wrong: [Double], _ none: Double) -> [Double] {
        zip(counts.truePositives, wrong).map { $0 == 0 ? none : 1 - scale * $1 / $0 }
      }
      return (gains(counts.falseNegatives, 0).map { max($0, 0) }, gains(counts.falsePositives, 1))
    }
  }

  /// Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves".
  private func interpolatedPrecision(_ counts: ThresholdCounts) -> Double {
    let (tp, fp) = (counts.truePositives, counts.falsePositives)
    return tp.indices.dropLast().reduce(0) { area, index in
      let (p, next) = (tp[index] + fp[index], tp[index + 1] + fp[index + 1])
      let difference = tp[index] - tp[index + 1]
      let slope = share(difference, max(p - next, 0))
      let intercept = tp[index + 1] - slope * next
      let ratio = p > 0 && next > 0 ? p / next : 1
      return area + share(slope * (difference + intercept * naturalLogarithm(ratio)), max(counts.positives, 0))
    }
  }
}

/// The best of one share at thresholds at which another one is large enough.
struct BestThreshold: MetricFormula {
  enum Kind: String {
    case sensitivityAtSpecificity = "SensitivityAtSpecificity"
    case specificityAtSensitivity = "SpecificityAtSensitivity"
    case precisionAtRecall = "PrecisionAtRecall"
    case recallAtPrecision = "RecallAtPrecision"

    /// Keras' key of the share that is given.
    var key: String {
      switch self {
      case .sensitivityAtSpecificity: "specificity"
      case .specificityAtSensitivity: "sensitivity"
      case .precisionAtRecall: "recall"
      case .recallAtPrecision: "precision"
      }
    }
  }

  let kind: Kind
  var value: Double
  var thresholdCount = 200
  var classID: Int?

  var className: String { kind.rawValue }
  var weighting: MetricWeighting { .sums }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field(kind.key, &value)
    try settings.field("num_thresholds", &thresholdCount, default: 200)
    try settings.field("class_id", &classID)
  }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let what = defaultName.camelCased
    guard thresholdCount > 0, (0...1).contains(value) else {
      throw AthanorError(
        .argument, at: what, "it was asked for a share of \(value) at \(thresholdCount) thresholds",
        fix: "Give a share in 0 ... 1 and at least one threshold.")
    }
    var (scores, actual) = (prediction, try flags(target, prediction, what))
    if let classID { (scores, actual) = (try scores.ofClass(classID, what), try actual.ofClass(classID, what)) }
    if thresholdCount > 2 { scores = try scores.clipped(0, 1) * Double(thresholdCount - 1) }
    let bounds = thresholdCount == 1 ? [0.5] : (0..<thresholdCount).map { Double($0) }
    return try ThresholdCounts.statistics(scores, actual, weights, bounds: bounds, perLabel: false)
  }

  func result(_ totals: [Double], _ count: Double) -> Double {
    ThresholdCounts.read(totals, thresholds: thresholdCount).first.map { counts in
      let (constrained, dependent) =
        switch kind {
        case .sensitivityAtSpecificity: (counts.specificities, counts.recalls)
        case .specificityAtSensitivity: (counts.recalls, counts.specificities)
        case .precisionAtRecall: (counts.recalls, counts.precisions)
        case .recallAtPrecision: (counts.precisions, counts.recalls)
        }
      return zip(constrained, dependent).reduce(0) { $1.0 >= value ? max($0, $1.1) : $0 }
    } ?? 0
  }
}
