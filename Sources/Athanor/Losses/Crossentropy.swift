extension Loss {
  /// `-sum(target * log(prediction))` over the classes; targets are rows of probabilities or class numbers.
  ///
  /// After a softmax it is computed from the softmax's input, which neither overflows nor loses small probabilities
  /// (as Keras on TensorFlow does); after anything else predictions are divided by their sum and kept within
  /// 1e-7 ... 1 - 1e-7. Source: `keras.losses.CategoricalCrossentropy`.
  public static let categoricalCrossentropy = Loss.categoricalCrossentropy()

  /// The crossentropy of probabilities, or of `softmax(prediction)`.
  ///
  /// - Parameters:
  ///   - fromLogits: Whether predictions are the inputs of a softmax that the model does not have.
  ///   - labelSmoothing: The share s that targets give to all classes alike: `target * (1 - s) + s / C` for C classes.
  public static func categoricalCrossentropy(fromLogits: Bool = false, labelSmoothing: Double = 0) -> Loss {
    Loss(ClassCrossentropy(isSparse: false, fromLogits: fromLogits, labelSmoothing: labelSmoothing))
  }

  /// The same for targets that are class numbers. Source: `keras.losses.SparseCategoricalCrossentropy`.
  public static let sparseCategoricalCrossentropy = Loss.sparseCategoricalCrossentropy()

  /// The same for targets that are class numbers.
  ///
  /// - Parameters:
  ///   - fromLogits: Whether predictions are the inputs of a softmax that the model does not have.
  ///   - ignoredClass: A class number whose examples, or time steps, have no loss and do not count; any integer.
  public static func sparseCategoricalCrossentropy(fromLogits: Bool = false, ignoredClass: Int? = nil) -> Loss {
    Loss(ClassCrossentropy(isSparse: true, fromLogits: fromLogits, ignoredClass: ignoredClass))
  }

  /// `-(target * log(prediction) + (1 - target) * log(1 - prediction))`, the mean over the outputs of an example.
  ///
  /// After a sigmoid it is computed from the sigmoid's input. Source: `keras.losses.BinaryCrossentropy`.
  public static let binaryCrossentropy = Loss.binaryCrossentropy()

  /// The binary crossentropy of probabilities, or of `sigmoid(prediction)`.
  ///
  /// - Parameters:
  ///   - fromLogits: Whether predictions are the inputs of a sigmoid that the model does not have.
  ///   - labelSmoothing: How far targets s are drawn to one half: `target * (1 - s) + s / 2`.
  public static func binaryCrossentropy(fromLogits: Bool = false, labelSmoothing: Double = 0) -> Loss {
    Loss(BinaryCrossentropy(fromLogits: fromLogits, labelSmoothing: labelSmoothing))
  }

  /// `-sum(alpha * (1 - p)^gamma * target * log(p))` over the classes: examples that are almost right count less (Lin et al. 2017).
  ///
  /// - Parameters:
  ///   - alpha: The weight of all classes, or of each.
  ///   - gamma: How much less certain predictions count.
  ///   - fromLogits: Whether predictions are the inputs of a softmax that the model does not have.
  ///   - labelSmoothing: As for `categoricalCrossentropy`.
  ///
  /// Source: `keras.losses.CategoricalFocalCrossentropy`.
  public static func categoricalFocalCrossentropy(
    alpha: [Double] = [0.25], gamma: Double = 2, fromLogits: Bool = false, labelSmoothing: Double = 0
  ) -> Loss {
    Loss(
      CategoricalFocalCrossentropy(
        alpha: alpha, gamma: gamma, fromLogits: fromLogits, labelSmoothing: labelSmoothing))
  }

  /// `(1 - q)^gamma * binaryCrossentropy`, where q is the probability of the right answer: examples that are almost right count less
  /// (Lin et al. 2017).
  ///
  /// - Parameters:
  ///   - alpha: The weight of targets that are 1, and `1 - alpha` that of those that are 0; nil for the same weight.
  ///   - gamma: How much less certain predictions count.
  ///   - fromLogits: Whether predictions are the inputs of a sigmoid that the model does not have.
  ///   - labelSmoothing: As for `binaryCrossentropy`.
  ///
  /// Source: `keras.losses.BinaryFocalCrossentropy`; `alpha` is its `apply_class_balancing`.
  public static func binaryFocalCrossentropy(
    alpha: Double? = nil, gamma: Double = 2, fromLogits: Bool = false, labelSmoothing: Double = 0
  ) -> Loss {
    Loss(
      BinaryFocalCrossentropy(
        isBalanced: alpha != nil, alpha: alpha ?? 0.25, gamma: gamma, fromLogits: fromLogits,
        labelSmoothing: labelSmoothing))
  }
}

/// The crossentropy of rows of probabilities, or of class numbers.
struct ClassCrossentropy: LossFormula {
  let isSparse: Bool
  var fromLogits = false
  var labelSmoothing = 0.0
  var ignoredClass: Int?

  var className: String { isSparse ? "SparseCategoricalCrossentropy" : "CategoricalCrossentropy" }
  var metricClassName: String? { className }
  var targets: Loss.Targets { isSparse ? .classes : .any }
  var isElementwise: Bool { false }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("from_logits", &fromLogits, default: false)
    if isSparse {
      try settings.field("ignore_class", &ignoredClass)
    } else {
      try settings.field("label_smoothing", &labelSmoothing, default: 0)
    }
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    guard !isSparse || target.type.dtype == .int32 else {
      throw AthanorError(
        .shape, at: swiftName,
        "targets have shape \(Shape.text(target.shape.withoutBatch)) for each example but must be class numbers",
        code: "Give integers [N], or use .categoricalCrossentropy for rows of probabilities.")
    }
    try requireClasses(prediction, target, swiftName)
    try requireSeveralClasses(prediction, swiftName)
    if let logits = fromLogits ? prediction : prediction.softmaxLogits {
      let isPlain = labelSmoothing == 0 && ignoredClass == nil
      return try logits.softmaxCrossentropy(isPlain ? target : rows(target, prediction))
    }
    try requireProbabilities(prediction, swiftName, "softmax")
    let probabilities = try prediction.dividedBySum().clipped(1e-7, 1 - 1e-7)
    return try -(rows(target, prediction) * log(probabilities)).sum(axes: [prediction.shape.rank - 1])
  }

  private func rows(_ target: Value, _ prediction: Value) throws -> Value {
    let rows = try smoothedRows(target, prediction, labelSmoothing, swiftName)  // [..., C]
    guard let ignoredClass else { return rows }
    return try rows * target.isNotClass(ignoredClass).withRank(rows.shape.rank)
  }
}

struct BinaryCrossentropy: LossFormula {
  var fromLogits = false
  var labelSmoothing = 0.0

  var className: String { "BinaryCrossentropy" }
  var metricClassName: String? { className }
  var aliases: [String] { ["bce"] }
  var targets: Loss.Targets { .numbers }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("from_logits", &fromLogits, default: false)
    try settings.field("label_smoothing", &labelSmoothing, default: 0)
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    let target = try smoothed(numbers(target, like: prediction, swiftName), labelSmoothing, swiftName)
    if let logits = fromLogits ? prediction : prediction.sigmoidLogits {
      return try softplus(logits) - logits * target
    }
    try requireProbabilities(prediction, swiftName, "sigmoid")
    return try binaryCrossentropy(prediction, target)
  }
}

struct CategoricalFocalCrossentropy: LossFormula {
  var alpha = [0.25]
  var gamma = 2.0
  var fromLogits = false
  var labelSmoothing = 0.0

  var className: String { "CategoricalFocalCrossentropy" }
  var targets: Loss.Targets { .any }
  var isElementwise: Bool { false }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("alpha", &alpha, default: [0.25])
    try settings.field("gamma", &gamma, default: 2)
    try settings.field("from_logits", &fromLogits, default: false)
    try settings.field("label_smoothing", &labelSmoothing, default: 0)
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    try requireClasses(prediction, target, swiftName)
    try requireSeveralClasses(prediction, swiftName)
    if !fromLogits { try requireProbabilities(prediction, swiftName, "softmax") }
    let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 0
    guard alpha.count == 1 || alpha.count == classes else {
      throw AthanorError(
        .argument, at: swiftName, "alpha has \(alpha.count) numbers but there are \(classes) classes",
        fix: "Give one number, or one for each class.")
    }
    let rows = try smoothedRows(target, prediction, labelSmoothing, swiftName)  // [..., C]
    let p = try (fromLogits ? softmax(prediction) : prediction).dividedBySum().clipped(1e-7, 1 - 1e-7)
    let weights =
      alpha.count == 1 ? try p.builder.constant(alpha[0]) : try p.builder.constant(alpha, [classes])  // [C]
    let losses = try (1 - p).raised(to: gamma) * weights * -(rows * log(p))
    return try losses.sum(axes: [prediction.shape.rank - 1])
  }
}

struct BinaryFocalCrossentropy: LossFormula {
  var isBalanced = false
  var alpha = 0.25
  var gamma = 2.0
  var fromLogits = false
  var labelSmoothing = 0.0

  var className: String { "BinaryFocalCrossentropy" }
  var targets: Loss.Targets { .numbers }

  mutating func configure(_ settings: inout Settings) throws {
    try settings.field("apply_class_balancing", &isBalanced, default: false)
    try settings.field("alpha", &alpha, default: 0.25)
    try settings.field("gamma", &gamma, default: 2)
    try settings.field("from_logits", &fromLogits, default: false)
    try settings.field("label_smoothing", &labelSmoothing, default: 0)
  }

  func values(_ prediction: Value, _ target: Value) throws -> Value {
    if !fromLogits { try requireProbabilities(prediction, swiftName, "sigmoid") }
    let y = try smoothed(numbers(target, like: prediction, swiftName), labelSmoothing, swiftName)
    let p = fromLogits ? try sigmoid(prediction) : prediction
    let right = try y * p + (1 - y) * (1 - p)
    let losses = try (1 - right).raised(to: gamma) * binaryCrossentropy(p, y)
    return isBalanced ? try losses * (y * alpha + (1 - y) * (1 - alpha)) : losses
  }
}

private func binaryCrossentropy(_ prediction: Value, _ target: Value) throws -> Value {
  let p = try prediction.clipped(1e-7, 1 - 1e-7)
  return try -(target * log(p) + (1 - target) * log(1 - p))
}

private func checkSmoothing(_ smoothing: Double, _ what: String) throws {
  guard (0...1).contains(smoothing) else {
    throw AthanorError(.argument, at: what, "labelSmoothing is \(smoothing) but must lie in 0 ... 1")
  }
}

private func smoothed(_ target: Value, _ smoothing: Double, _ what: String) throws -> Value {
  try checkSmoothing(smoothing, what)
  return smoothing == 0 ? target : try target * (1 - smoothing) + 0.5 * smoothing
}

/// Targets as rows of probabilities `[..., C]`.
private func smoothedRows(_ target: Value, _ prediction: Value, _ smoothing: Double, _ what: String) throws -> Value {
  try checkSmoothing(smoothing, what)
  let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 0
  let rows = target.type.dtype == .int32 ? try target.oneHot(classes) : target
  return smoothing == 0 ? rows : try rows * (1 - smoothing) + smoothing / Double(classes)
}

extension Value {
  /// Each row divided by its sum. Errors about numbers that are not finite say what may be the reason here.
  fileprivate func dividedBySum() throws -> Value {
    let origin = builder.origin
    defer { builder.origin = origin }
    builder.origin =
      "\(origin), where outputs are divided by their sum, which is 0 when all are, as behind relu (use softmax)"
    let last = shape.rank - 1
    let total = try sum(axes: [last]).reshaped(Shape(Array(shape.lengths.dropLast()) + [1]))
    return try self / total
  }

  /// Each element to a power.
  fileprivate func raised(to exponent: Double) throws -> Value {
    switch exponent {
    case 1: self
    case 2: try square(self)
    default: try power(builder.constant(exponent))
    }
  }
}

/// Refuses predictions that are visibly no probabilities: results of a layer without activation, or of one that leaves 0 ... 1.
private func requireProbabilities(_ prediction: Value, _ what: String, _ activation: String) throws {
  guard prediction.isVisiblyUnbounded else { return }
  throw AthanorError(
    .argument, at: what, "predictions must be probabilities, but the output comes from a layer without \(activation)",
    code: "Give the last layer activation: .\(activation), or use .\(what)(fromLogits: true).",
    command: "Give a model whose last layer has the activation \(activation).")
}

/// Refuses a crossentropy over one class, which is 0 whatever the prediction.
private func requireSeveralClasses(_ prediction: Value, _ what: String) throws {
  guard prediction.shape.lengths.last == 1 else { return }
  throw AthanorError(
    .argument, at: what, "the output has one number, so there is one class, and the loss is always 0",
    code: "Use .binaryCrossentropy behind a sigmoid, or give the last layer one unit for each class.",
    command: "Give a model whose last layer has one unit for each class.")
}

/// Checks that targets are class numbers or rows of the prediction's shape.
package func requireClasses(_ prediction: Value, _ target: Value, _ what: String) throws {
  let rows = Shape(Array(prediction.shape.lengths.dropLast()))
  guard prediction.shape.rank >= 2,
    target.type.dtype == .int32 ? target.shape == rows : target.shape == prediction.shape
  else {
    throw AthanorError(
      .shape, at: what,
      "targets have shape \(target.shape) but the model's output has shape \(prediction.shape)",
      fix:
        "Give class numbers \(rows) as integers, or rows \(prediction.shape); or give the last layer as many units as "
        + "there are classes.")
  }
}
