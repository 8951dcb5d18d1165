/// How far predictions are from targets, chosen by a leading dot: `.categoricalCrossentropy`, `.meanSquaredError`.
///
/// A loss gives one number for each example, or for each time step; training minimises the mean over the batch (with sample weights: the
/// sum of weighted losses divided by their number; with a mask: by the number of those that count, as Keras does), or another
/// `Reduction`. Add your own in an extension by composing values.
///
/// - Example:
///   ```swift
///   extension Loss {
///     static let cubic = Loss("cubic") { prediction, target in
///       let distance = try abs(prediction - target)          // [N, D]
///       return try (distance * distance * distance).mean(axes: [1])  // [N]
///     }
///   }
///   ```
public struct Loss: Sendable {
  /// What predictions are compared with.
  public enum Targets: Hashable, Sendable {
    /// Class numbers: integers `[N]`, or `[N, ...]` without the prediction's last axis.
    case classes
    /// Numbers of the prediction's shape.
    case numbers
    /// Either.
    case any

    func accepts(_ dtype: DType) -> Bool { self == .any || (self == .classes) == (dtype == .int32) }
  }

  /// How the losses `l` of a batch, times their sample weights `w`, become one number. Source: the argument `reduction` of `keras.losses`.
  public enum Reduction: String, Hashable, Sendable, CaseIterable {
    /// `sum(w * l) / count(l)`; with a mask divided by what counts.
    case sumOverBatchSize = "sum_over_batch_size"
    /// The same.
    case mean
    /// `sum(w * l)`
    case sum
    /// `sum(w * l) / sum(w)`
    case meanWithSampleWeight = "mean_with_sample_weight"
  }

  /// Its name, as Keras spells it where Keras has it.
  public internal(set) var name: String
  /// The kind of target that it compares predictions with.
  public let targets: Targets
  /// How the losses of a batch become one number.
  public internal(set) var reduction = Reduction.sumOverBatchSize
  /// What files say of it; nil for one of your own, whatever its name.
  package let formula: (any LossFormula)?
  package let perExample: @Sendable (_ prediction: Value, _ target: Value) throws -> Value

  /// Makes a loss.
  ///
  /// - Parameters:
  ///   - name: How it is called in files and messages.
  ///   - targets: The kind of target that it takes; integers are converted to numbers for `.numbers`.
  ///   - perExample: Predictions `[N, ...]` and targets (the same shape, or class numbers `[N]` as int32) to `[N]` or
  ///     `[N, ...]`, whose mean over all further axes is taken.
  public init(
    _ name: String, targets: Targets = .any,
    _ perExample: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value
  ) {
    self.name = name
    self.targets = targets
    self.perExample = perExample
    formula = nil
  }

  package init(_ formula: some LossFormula) {
    name = formula.functionName
    targets = formula.targets
    perExample = { try formula.values($0, $1) }
    self.formula = formula
  }

  /// The same loss under another name, which files keep.
  public func named(_ name: String) -> Loss {
    var loss = self
    loss.name = name
    return loss
  }

  /// The same loss with another reduction: `.meanSquaredError.reduced(by: .sum)`.
  public func reduced(by reduction: Reduction) -> Loss {
    var loss = self
    loss.reduction = reduction
    return loss
  }

  /// The losses with their default settings, for files and command lines.
  public static let all: [Loss] = [
    categoricalCrossentropy, sparseCategoricalCrossentropy, binaryCrossentropy, categoricalFocalCrossentropy(),
    binaryFocalCrossentropy(), klDivergence, poisson, meanSquaredError, meanAbsoluteError, meanAbsolutePercentageError,
    meanSquaredLogarithmicError, huber, logCosh, cosineSimilarity, hinge, squaredHinge, categoricalHinge,
  ]

  /// The class number that has no loss; nil when all have one.
  package var ignoredClass: Int? { formula?.ignoredClass }

  /// The loss of each example, `[N]`, or of each place along the first axes: the mean over all further ones.
  private func reduced(_ loss: Value, to rank: Int) throws -> Value {
    guard loss.shape.rank >= 1, loss.shape[0] == nil else {
      throw AthanorError(
        .shape, at: "loss \(name)", "it gives shape \(loss.shape) but one number for each example, (None,), is needed",
        fix: "Do not reduce the first axis, the batch.")
    }
    guard loss.shape.rank >= rank else {
      throw AthanorError(
        .shape, at: "loss \(name)",
        "it gives shape \(loss.shape), but weights or a mask have \(rank) axes",
        fix: "Give one weight for each example, [N], or use a loss that has a number for each time step.")
    }
    return try loss.meanBehind(rank)
  }

  /// The loss of a batch by its `reduction`; 0 when a mask leaves out everything.
  package func total(_ prediction: Value, _ target: Value, weights: Value, mask: Value?) throws -> Value {
    let mask = try Value.intersection(mask, ignoredClass.map { try target.isNotClass($0) })
    let rank = max(weights.shape.rank, mask?.shape.rank ?? 1)
    let each = try perExample(prediction, target)
    let losses = try reduced(each, to: rank)  // [N] or [N, T]
    let axes = Array(0..<rank)
    var weights = try weights.withRank(rank)
    switch reduction {
    case .sumOverBatchSize, .mean:
      if let mask {
        let count = try mask.sum(axes: Array(0..<mask.shape.rank)).binary(.maximum, 1)  // []
        let share = try mask.builder.constant(Double(mask.shape.sizes.reduce(1, *))) / count  // []
        weights = try weights * mask.withRank(rank) * share
      }
      return try (losses * weights).mean(axes: axes)  // []
    case .sum:
      if let mask { weights = try weights * mask.withRank(rank) }
      // Keras sums one number for each row of an elementwise loss, its mean over the last axis.
      let rows = each.shape.sizes.dropLast(formula?.isElementwise == true && each.shape.rank > 1 ? 1 : 0)
      let inner = rows.reduce(1, *) / max(losses.shape.sizes.reduce(1, *), 1)
      let sum = try (losses * weights).sum(axes: axes)  // []
      return inner == 1 ? sum : try sum * Double(inner)
    case .meanWithSampleWeight:
      if let mask { weights = try weights * mask.withRank(rank) }
      let sum = try (losses * weights).sum(axes: axes)  // []
      return try sum / weights.sum(axes: axes).binary(.maximum, 1e-30)
    }
  }
}

extension Value {
  /// The mean over all axes behind the first ones.
  func meanBehind(_ rank: Int) throws -> Value { shape.rank > rank ? try mean(axes: Array(rank..<shape.rank)) : self }

  /// 0 where class numbers are the given one, else 1.
  func isNotClass(_ number: Int) throws -> Value {
    let numbers = type.dtype == .int32 ? try converted() : self
    return try 1 - numbers.binary(.equal, Double(number))
  }

  /// What counts in both masks.
  static func intersection(_ left: Value?, _ right: Value?) throws -> Value? {
    guard let left, let right else { return left ?? right }
    let rank = Swift.max(left.shape.rank, right.shape.rank)
    return try left.withRank(rank) * right.withRank(rank)
  }
}
