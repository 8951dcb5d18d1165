/// A figure that is reported beside the loss, chosen by a leading dot: `.accuracy`, `.topKAccuracy(3)`.
///
/// For each batch a metric computes a vector of sums, which are added over the batches of an epoch; from the totals comes
/// the figure. So the figure for an epoch is exact whatever the batch size.
///
/// - Example:
///   ```swift
///   extension Metric {
///     static let closeEnough = Metric.mean("close_enough") { prediction, target in
///       try (0.1 - abs(prediction - target)).greater(0).mean(axes: [1])  // [N]
///     }
///   }
///   ```
public struct Metric: Sendable {
  /// Which way is better.
  public enum Direction: Hashable, Sendable { case higher, lower }

  /// Its name in logs and files.
  public private(set) var name: String
  /// Which way is better.
  public let direction: Direction
  /// Predictions, targets and the weights of these to the sums of a batch.
  package let statistics: @Sendable (_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value
  package let result: @Sendable (_ totals: [Double], _ count: Double) -> Double
  /// What files say of it; nil for one of your own, whatever its name.
  package let formula: (any MetricFormula)?
  /// What weights do to the sums.
  let weighting: MetricWeighting
  /// Whether the sample weights of the data count.
  private(set) var usesSampleWeights = false

  /// Makes a metric from sums. It sees all predictions, also those that a mask leaves out, and takes no sample weights.
  ///
  /// - Parameters:
  ///   - name: Its name in logs and files; `acc` becomes `accuracy`.
  ///   - direction: Which way is better.
  ///   - statistics: Predictions and targets of a batch to a vector `[K]` of sums over the batch.
  ///   - result: The sums over all batches and the number of examples to the figure.
  public init(
    _ name: String, direction: Direction = .higher,
    statistics: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value,
    result: @escaping @Sendable (_ totals: [Double], _ count: Double) -> Double
  ) {
    self.init(
      name, direction, .none, { prediction, target, _ in try statistics(prediction, target) }, result)
  }

  private init(
    _ name: String, _ direction: Direction, _ weighting: MetricWeighting,
    _ statistics: @escaping @Sendable (_ prediction: Value, _ target: Value, _ weights: Value?) throws -> Value,
    _ result: @escaping @Sendable (_ totals: [Double], _ count: Double) -> Double
  ) {
    self.name = Logs.canonical(name)
    self.direction = direction
    self.weighting = weighting
    self.statistics = statistics
    self.result = result
    formula = nil
  }

  package init(_ formula: some MetricFormula) {
    name = formula.defaultName
    direction = formula.direction
    weighting = formula.weighting
    statistics = { try formula.statistics($0, $1, $2) }
    result = { formula.result($0, $1) }
    self.formula = formula
  }

  /// A metric that is the mean of one number for each example, or for each time step; under a mask of what counts.
  ///
  /// - Parameters:
  ///   - name: Its name in logs and files.
  ///   - direction: Which way is better.
  ///   - perExample: Predictions and targets to `[N]`, or `[N, ...]`, whose mean over further axes is taken.
  public static func mean(
    _ name: String, direction: Direction = .higher,
    perExample: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value
  ) -> Metric {
    Metric(
      name, direction, .mean,
      { prediction, target, weights in try meanSums(perExample(prediction, target), weights, name) }, meanOfSums)
  }

  /// The same metric under another name, which logs and files keep.
  public func named(_ name: String) -> Metric {
    var metric = self
    metric.name = Logs.canonical(name)
    return metric
  }

  /// The same metric with the sample weights of the data.
  func weighted() -> Metric {
    var metric = self
    metric.usesSampleWeights = true
    return metric
  }

  /// What counts for the metric, and how much: sample weights where it uses them, and the mask where it reads one.
  func weights(_ sampleWeights: Value?, mask: Value?) throws -> Value? {
    try Value.intersection(usesSampleWeights ? sampleWeights : nil, weighting == .mean ? mask : nil)
  }
}

/// What weights do to the sums of a metric.
package enum MetricWeighting: Hashable, Sendable {
  /// The metric takes no weights.
  case none
  /// The sums are weighted; masks are not read.
  case sums
  /// The sum is weighted, and the sum of the weights is a second one; masks are weights.
  case mean
  /// The same, but masks are not read.
  case meanWithoutMask

  /// Whether weights add a second sum.
  var addsSum: Bool { self == .mean || self == .meanWithoutMask }
}

/// The sums of a mean: of one number for each example, and with weights also theirs.
func meanSums(_ values: Value, _ weights: Value?, _ name: String) throws -> Value {
  guard let weights else { return try values.meanBehind(1).sum(axes: [0]).reshaped([1]) }
  let rank = weights.shape.rank
  guard values.shape.rank >= rank else {
    throw AthanorError(
      .shape, at: "metric \(name)", "it gives shape \(values.shape), but the mask has \(rank) axes",
      fix: "Use a metric that has a number for each time step.")
  }
  let counted = try values.meanBehind(rank) * weights  // [N] or [N, T]
  return try concatenate([counted, weights].map { try $0.meanBehind(1).sum(axes: [0]).reshaped([1]) })
}

/// The mean of such sums; 0 where nothing counts.
@Sendable func meanOfSums(_ totals: [Double], _ count: Double) -> Double {
  let count = totals.count == 2 ? totals[1] : count
  return count > 0 ? totals[0] / count : 0
}
