extension Metric {
  /// `sqrt(mean((p - t)^2))` of prediction p and target t, whatever a mask says, as in Keras. Source: `keras.metrics.RootMeanSquaredError`.
  public static let rootMeanSquaredError = Metric(RootMeanSquaredError())

  /// `sum(t / |t| * p / |p|)` over the last axis: 1 where both point the same way. Source: `keras.metrics.CosineSimilarity`.
  public static let cosineSimilarity = Metric(CosineSimilarity())

  /// How the scores of several outputs become one.
  public enum OutputAverage: String, Hashable, Sendable {
    /// Their mean.
    case uniform = "uniform_average"
    /// Their mean weighted by the targets' variance.
    case varianceWeighted = "variance_weighted_average"
  }

  /// The coefficient of determination, `1 - sum((t - p)^2) / sum((t - mean(t))^2)`. Source: `keras.metrics.R2Score`.
  ///
  /// - Parameters:
  ///   - average: How the scores of several outputs become one.
  ///   - regressorCount: The number of independent inputs for the adjusted score; 0 for the plain one.
  public static func r2Score(average: OutputAverage = .uniform, regressorCount: Int = 0) -> Metric {
    Metric(R2Score(average: average, regressorCount: regressorCount))
  }
}

struct RootMeanSquaredError: MetricFormula {
  var className: String { "RootMeanSquaredError" }
  var direction: Metric.Direction { .lower }
  var weighting: MetricWeighting { .meanWithoutMask }

  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let squares = try square(prediction - numbers(target, like: prediction, "rootMeanSquaredError"))
    return try meanSums(squares, weights, defaultName)
  }

  func result(_ totals: [Double], _ count: Double) -> Double { meanOfSums(totals, count).squareRoot() }
}

struct CosineSimilarity: MeanMetricFormula {
  var className: String { "CosineSimilarity" }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    try cosine(prediction, numbers(target, like: prediction, "cosineSimilarity"))
  }
}

struct R2Score: MetricFormula {
  var average: Metric.OutputAverage
  var regressorCount = 0

  var className: String { "R2Score" }
  var defaultName: String { "r2_score" }
  var weighting: MetricWeighting { .sums }

  mutating func configure(_ settings: inout Settings) throws {
    var name: String? = average.rawValue
    try settings.field("class_aggregation", &name, default: .some(Metric.OutputAverage.uniform.rawValue))
    guard let known = name.flatMap(Metric.OutputAverage.init) else {
      throw settings.error(
        "class_aggregation",
        expected: "\"uniform_average\" or \"variance_weighted_average\", which gives one number,")
    }
    average = known
    try settings.field("num_regressors", &regressorCount, default: 0)
  }

  /// For each output the sums of targets, of their squares, of squared distances and of weights; and the number of targets.
  func statistics(_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value {
    let target = try numbers(target, like: prediction, "r2Score")
    guard prediction.shape.rank == 2 else {
      throw AthanorError(.shape, at: "r2Score", "the output has shape \(prediction.shape) but must have two axes")
    }
    let ones = try target * 0 + 1
    let rows = try weights?.withRank(2)
    let parts = try [target, square(target), square(target - prediction), ones].map { part in
      try (rows.map { try part * $0 } ?? part).sum(axes: [0])
    }
    return try concatenate(parts + [ones.sum(axes: [0, 1]).reshaped([1])])
  }

  func result(_ totals: [Double], _ count: Double) -> Double {
    let outputs = (totals.count - 1) / 4
    func part(_ index: Int) -> ArraySlice<Double> { totals[index * outputs..<(index + 1) * outputs] }
    let variations = zip(zip(part(0), part(1)), part(3)).map { $0.1 - $0.0 * $0.0 / $1 }
    let scores = zip(part(2), variations).map { error, variation in
      let score = 1 - error / variation
      return score.isInfinite ? 0 : score
    }
    var score =
      average == .uniform
      ? scores.reduce(0, +) / Double(scores.count)
      : zip(scores, variations).reduce(0) { $0 + $1.0 * $1.1 } / variations.reduce(0, +)
    let (samples, regressors) = (totals[totals.count - 1], Double(regressorCount))
    if regressorCount > 0, regressors < samples - 1 {
      score = 1 - (1 - score) * (samples - 1) / (samples - regressors - 1)
    }
    return score
  }
}
