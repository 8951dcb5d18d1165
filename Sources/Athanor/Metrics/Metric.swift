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
  public let name: String
  /// Its parameters by name: `threshold` of precision and recall, `k` of `topKAccuracy`.
  public let parameters: [String: Double]
  /// Which way is better.
  public let direction: Direction
  /// Predictions, targets and what counts of them to the sums of a batch.
  package let statistics: @Sendable (_ prediction: Value, _ target: Value, _ mask: Value?) throws -> Value
  package let result: @Sendable (_ totals: [Double], _ count: Double) -> Double
  /// Whether files know it by its name; one of your own stays your own, whatever its name.
  private(set) var isBuiltIn = false
  /// Whether masks add a second sum, what counts, to the first.
  let isMean: Bool

  /// Makes a metric from sums. It sees all predictions, also those that a mask leaves out.
  ///
  /// - Parameters:
  ///   - name: Its name in logs and files; `acc` becomes `accuracy`.
  ///   - parameters: What distinguishes it from others of that kind.
  ///   - direction: Which way is better.
  ///   - statistics: Predictions and targets of a batch to a vector `[K]` of sums over the batch.
  ///   - result: The sums over all batches and the number of examples to the figure.
  public init(
    _ name: String, parameters: [String: Double] = [:], direction: Direction = .higher,
    statistics: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value,
    result: @escaping @Sendable (_ totals: [Double], _ count: Double) -> Double
  ) {
    self.init(
      name, parameters, direction, isMean: false, { prediction, target, _ in try statistics(prediction, target) },
      result)
  }

  private init(
    _ name: String, _ parameters: [String: Double], _ direction: Direction, isMean: Bool,
    _ statistics: @escaping @Sendable (_ prediction: Value, _ target: Value, _ mask: Value?) throws -> Value,
    _ result: @escaping @Sendable (_ totals: [Double], _ count: Double) -> Double
  ) {
    self.name = Logs.canonical(name)
    self.parameters = parameters
    self.direction = direction
    self.isMean = isMean
    self.statistics = statistics
    self.result = result
  }

  /// A metric that is the mean of one number for each example, or for each time step; under a mask of what counts.
  ///
  /// - Parameters:
  ///   - name: Its name in logs and files.
  ///   - parameters: What distinguishes it from others of that kind.
  ///   - direction: Which way is better.
  ///   - perExample: Predictions and targets to `[N]`, or `[N, ...]`, whose mean over further axes is taken.
  public static func mean(
    _ name: String, parameters: [String: Double] = [:], direction: Direction = .higher,
    perExample: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value
  ) -> Metric {
    Metric(
      name, parameters, direction, isMean: true,
      { prediction, target, mask in
        let values = try perExample(prediction, target)
        guard let mask else { return try values.meanBehind(1).sum(axes: [0]).reshaped([1]) }
        let rank = mask.shape.rank
        guard values.shape.rank >= rank else {
          throw AthanorError(
            .shape, at: "metric \(name)", "it gives shape \(values.shape), but the mask has \(rank) axes",
            fix: "Use a metric that has a number for each time step.")
        }
        let counted = try values.meanBehind(rank) * mask  // [N] or [N, T]
        return try concatenate([counted, mask].map { try $0.meanBehind(1).sum(axes: [0]).reshaped([1]) })
      },
      { totals, count in
        let count = totals.count == 2 ? totals[1] : count
        return count > 0 ? totals[0] / count : 0
      })
  }

  private func builtIn(_ isBuiltIn: Bool = true) -> Metric {
    var metric = self
    metric.isBuiltIn = isBuiltIn
    return metric
  }

  /// The share of right answers; which kind follows from the output, as in Keras.
  ///
  /// One output: on which side of 0.5 it lies (`binary_accuracy`). Several: whether the largest is the target's class, given as
  /// a number (`sparse_categorical_accuracy`) or a row (`categorical_accuracy`).
  public static let accuracy = Metric.mean("accuracy") { prediction, target in
    if prediction.shape.lengths.last == 1 {
      let target = try numbers(target, like: prediction, "accuracy")
      return try prediction.greater(0.5).equal(target)
    }
    return try prediction.argMax().converted().equal(classNumbers(target, prediction, "accuracy").converted())
  }.builtIn()

  /// The share of examples whose class is among the k largest outputs. Source: `keras.metrics.TopKCategoricalAccuracy`.
  public static func topKAccuracy(_ k: Int = 5) -> Metric {
    Metric.mean("top_\(k)_accuracy", parameters: ["k": Double(k)]) { prediction, target in
      guard k > 0 else { throw AthanorError(.argument, at: "topKAccuracy", "k is \(k) but must be at least 1") }
      return try prediction.inTopK(k, classNumbers(target, prediction, "topKAccuracy"))
    }.builtIn()
  }

  /// Of the outputs above the threshold, the share that should be, whatever a mask says, as in Keras. Source: `keras.metrics.Precision`.
  public static func precision(threshold: Double = 0.5) -> Metric {
    Metric("precision", parameters: ["threshold": threshold]) { prediction, target in
      try positives(prediction, target, threshold, "precision") { predicted, _ in predicted }
    } result: { totals, _ in
      totals[1] > 0 ? totals[0] / totals[1] : 0
    }.builtIn()
  }

  /// Of the outputs that should be above the threshold, the share that is, whatever a mask says, as in Keras. Source: `keras.metrics.Recall`.
  public static func recall(threshold: Double = 0.5) -> Metric {
    Metric("recall", parameters: ["threshold": threshold]) { prediction, target in
      try positives(prediction, target, threshold, "recall") { _, actual in actual }
    } result: { totals, _ in
      totals[1] > 0 ? totals[0] / totals[1] : 0
    }.builtIn()
  }

  /// Of the outputs above the threshold, the share that should be, at threshold 0.5.
  public static let precision = Metric.precision()
  /// Of the outputs that should be above the threshold, the share that is, at threshold 0.5.
  public static let recall = Metric.recall()

  /// A loss as a metric, for example `.loss(.meanAbsoluteError)`.
  public static func loss(_ loss: Loss) -> Metric {
    Metric.mean(loss.name, parameters: loss.parameters, direction: .lower) { try loss.perExample($0, $1) }
      .builtIn(loss.isBuiltIn)
  }

  /// True positives, and what they are a share of: `[2]`.
  private static func positives(
    _ prediction: Value, _ target: Value, _ threshold: Double, _ what: String, _ whole: (Value, Value) -> Value
  ) throws -> Value {
    let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 1
    let rows =
      target.type.dtype == .int32 && classes > 1
      ? try target.oneHot(classes) : try numbers(target, like: prediction, what)
    let predicted = try prediction.greater(threshold)
    let actual = try rows.greater(0.5)
    let axes = Array(0..<prediction.shape.rank)
    return try concatenate([
      (predicted * actual).sum(axes: axes).reshaped([1]), whole(predicted, actual).sum(axes: axes).reshaped([1]),
    ])
  }
}

/// Targets as class numbers: themselves, or the place of the largest in each row.
private func classNumbers(_ target: Value, _ prediction: Value, _ what: String) throws -> Value {
  try requireClasses(prediction, target, what)
  return target.type.dtype == .int32 ? target : try target.argMax()
}
