// With prediction p and target t; where nothing else is said, the mean over the outputs of an example.

extension Loss {
  /// `(p - t)^2`. Source: `keras.losses.MeanSquaredError`.
  public static let meanSquaredError = Loss(
    NumberLoss("MeanSquaredError", isMetric: true, aliases: ["mse"]) { p, t in try square(p - t) })

  /// `|p - t|`. Source: `keras.losses.MeanAbsoluteError`.
  public static let meanAbsoluteError = Loss(
    NumberLoss("MeanAbsoluteError", isMetric: true, aliases: ["mae"]) { p, t in try abs(p - t) })

  /// `100 |(t - p) / max(|t|, 1e-7)|`. Source: `keras.losses.MeanAbsolutePercentageError`.
  public static let meanAbsolutePercentageError = Loss(
    NumberLoss("MeanAbsolutePercentageError", isMetric: true, aliases: ["mape"]) { p, t in
      try abs((t - p) / abs(t).binary(.maximum, 1e-7)) * 100
    })

  /// `(log(max(p, 1e-7) + 1) - log(max(t, 1e-7) + 1))^2`. Source: `keras.losses.MeanSquaredLogarithmicError`.
  public static let meanSquaredLogarithmicError = Loss(
    NumberLoss("MeanSquaredLogarithmicError", isMetric: true, aliases: ["msle"]) { p, t in
      try square(log(p.binary(.maximum, 1e-7) + 1) - log(t.binary(.maximum, 1e-7) + 1))
    })

  /// `log(cosh(p - t))`, computed as `d + softplus(-2 d) - log 2` with `d = p - t`. Source: `keras.losses.LogCosh`.
  public static let logCosh = Loss(
    NumberLoss("LogCosh", metricClassName: "LogCoshError", aliases: ["logcosh"]) { p, t in
      let distance = try p - t
      return try distance + softplus(distance * -2) - 0.69314718055994531
    })

  /// `-sum(t / |t| * p / |p|)` over the last axis: -1 where both point the same way. Source: `keras.losses.CosineSimilarity`.
  public static let cosineSimilarity = Loss(
    NumberLoss("CosineSimilarity", aliases: ["cosine_proximity"], isElementwise: false, takesClasses: true) { p, t in
      try -cosine(p, t)
    })

  /// `sum(t * log(t / p))` over the last axis, both within 1e-7 ... 1. Source: `keras.losses.KLDivergence`.
  public static let klDivergence = Loss(
    NumberLoss(
      "KLDivergence", isMetric: true, aliases: ["kld", "kullback_leibler_divergence"], isElementwise: false,
      takesClasses: true
    ) { p, t in
      let t = try t.clipped(1e-7, 1)
      return try (t * log(t / p.clipped(1e-7, 1))).sum(axes: [p.shape.rank - 1])
    })

  /// `p - t * log(p + 1e-7)`. Source: `keras.losses.Poisson`.
  public static let poisson = Loss(
    NumberLoss("Poisson", isMetric: true) { p, t in try p - t * log(p + 1e-7) })

  /// `max(1 - t * p, 0)` for targets of -1 and 1; those of 0 and 1 are taken for such. Source: `keras.losses.Hinge`.
  public static let hinge = Loss(
    NumberLoss("Hinge", isMetric: true) { p, t in try relu(1 - signs(t) * p) })

  /// `max(1 - t * p, 0)^2` for targets of -1 and 1; those of 0 and 1 are taken for such. Source: `keras.losses.SquaredHinge`.
  public static let squaredHinge = Loss(
    NumberLoss("SquaredHinge", isMetric: true) { p, t in try square(relu(1 - signs(t) * p)) })

  /// `max(max((1 - t) * p) - sum(t * p) + 1, 0)` over the last axis, for rows with a 1 at the right class. Source:
  /// `keras.losses.CategoricalHinge`.
  public static let categoricalHinge = Loss(
    NumberLoss("CategoricalHinge", isMetric: true, isElementwise: false, takesClasses: true) { p, t in
      let last = p.shape.rank - 1
      return try relu(((1 - t) * p).max(axes: [last]) - (t * p).sum(axes: [last]) + 1)
    })

  /// Squared near zero and linear beyond 1 (Huber 1964). Source: `keras.losses.Huber`.
  public static let huber = Loss.huber(delta: 1)

  /// `d^2 / 2` for `|d| <= delta`, else `delta * (|d| - delta / 2)`, with `d = p - t`; delta must be positive.
  public static func huber(delta: Double) -> Loss { Loss(Huber(delta: delta)) }
}

/// A loss of numbers without settings.
struct NumberLoss: LossFormula {
  let className: String
  let metricClassName: String?
  let aliases: [String]
  let isElementwise: Bool
  /// Whether class numbers may stand for rows.
  let takesClasses: Bool
  private let function: @Sendable (_ prediction: Value, _ target: Value) throws -> Value

  init(
    _ className: String, isMetric: Bool = false, metricClassName: String? = nil, aliases: [String] = [],
    isElementwise: Bool = true, takesClasses: Bool = false,
    _ function: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value
  ) {
    self.className = className
    self.metricClassName = metricClassName ?? (isMetric ? className : nil)
    self.aliases = aliases
    self.isElementwise = isElementwise
    self.takesClasses = takesClasses
    self.function = function
  }

  var targets: Loss.Targets { takesClasses ? .any : .numbers }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    try function(prediction, numbers(target, like: prediction, swiftName))
  }
}

struct Huber: LossFormula {
  var delta = 1.0

  var className: String { "Huber" }
  var aliases: [String] { ["huber_loss"] }
  var targets: Loss.Targets { .numbers }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("delta", &delta, default: 1)
    try settings.fixed("from_logits", false, isWritten: false)
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    guard delta > 0 else { throw AthanorError(.argument, at: "huber", "delta is \(delta) but must be positive") }
    let distance = try abs(prediction - numbers(target, like: prediction, "huber"))
    // With m = min(|d|, delta) both cases are m * (|d| - m / 2).
    let near = try distance.clipped(0, delta)
    return try near * (distance - near * 0.5)
  }
}

/// `sum(t / |t| * p / |p|)` over the last axis.
func cosine(_ p: Value, _ t: Value) throws -> Value {
  func direction(_ x: Value) throws -> Value {
    let last = x.shape.rank - 1
    let inverse = try rsqrt(square(x).sum(axes: [last])).binary(.minimum, 1e7)
    return try x * inverse.withRank(x.shape.rank)
  }
  return try (direction(t) * direction(p)).sum(axes: [p.shape.rank - 1])
}

/// Targets of 0 and 1 as -1 and 1, when the whole batch has no others.
private func signs(_ t: Value) throws -> Value {
  let isOther = try 1 - (t.binary(.equal, 0) + t.binary(.equal, 1))
  let isBinary = try 1 - isOther.max(axes: Array(0..<t.shape.rank))  // []
  return try t * (isBinary + 1) - isBinary
}

/// Targets as numbers of the prediction's shape; class numbers `[N]` serve an output `[N, 1]`, and become rows for several outputs.
package func numbers(_ target: Value, like prediction: Value, _ what: String) throws -> Value {
  var target = target
  if target.type.dtype == .int32 {
    let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 1
    let isRows = classes > 1 && target.shape.rank < prediction.shape.rank
    target = isRows ? try target.oneHot(classes) : try target.converted()
  }
  if target.shape != prediction.shape, target.shape.rank == 1, prediction.shape == [nil, 1] {
    target = try target.reshaped([nil, 1])
  }
  guard target.shape == prediction.shape else {
    throw AthanorError(
      .shape, at: what,
      "targets have shape \(target.shape) but the model's output has shape \(prediction.shape)",
      fix: "Give targets of the output's shape, or change the last layer.")
  }
  return target
}
