/// How far predictions are from targets, chosen by a leading dot: `.categoricalCrossentropy`, `.meanSquaredError`.
///
/// A loss gives one number for each example, or for each time step; training minimises the mean over the batch (with sample weights: the
/// sum of weighted losses divided by their number; with a mask: by the number of those that count, as Keras does). Add your own in an extension by composing values.
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

  /// Its name, as Keras spells it where Keras has it.
  public let name: String
  /// Its parameters by name.
  public let parameters: [String: Double]
  /// The kind of target that it compares predictions with.
  public let targets: Targets
  /// Whether files know it by its name; one of your own stays your own, whatever its name.
  private(set) var isBuiltIn = false
  package let perExample: @Sendable (_ prediction: Value, _ target: Value) throws -> Value

  /// Makes a loss.
  ///
  /// - Parameters:
  ///   - name: How it is called in files and messages.
  ///   - parameters: What distinguishes it from others of that name.
  ///   - targets: The kind of target that it takes; integers are converted to numbers for `.numbers`.
  ///   - perExample: Predictions `[N, ...]` and targets (the same shape, or class numbers `[N]` as int32) to `[N]` or
  ///     `[N, ...]`, whose mean over all further axes is taken.
  public init(
    _ name: String, parameters: [String: Double] = [:], targets: Targets = .any,
    _ perExample: @escaping @Sendable (_ prediction: Value, _ target: Value) throws -> Value
  ) {
    self.name = name
    self.parameters = parameters
    self.targets = targets
    self.perExample = perExample
  }

  private var builtIn: Loss {
    var loss = self
    loss.isBuiltIn = true
    return loss
  }

  /// `-sum(target * log(prediction))` over the classes; targets are rows of probabilities or class numbers.
  ///
  /// After a softmax it is computed from the softmax's input, which neither overflows nor loses small probabilities
  /// (as Keras on TensorFlow does); after anything else predictions are divided by their sum and kept within
  /// 1e-7 ... 1 - 1e-7. Source: `keras.losses.CategoricalCrossentropy`.
  public static let categoricalCrossentropy = Loss.categoricalCrossentropy(fromLogits: false)

  /// The crossentropy of probabilities, or of `softmax(prediction)`.
  ///
  /// - Parameter fromLogits: Whether predictions are the inputs of a softmax that the model does not have.
  public static func categoricalCrossentropy(fromLogits: Bool) -> Loss {
    Loss("categorical_crossentropy", parameters: logits(fromLogits)) { prediction, target in
      try classCrossentropy(prediction, target, fromLogits: fromLogits, "categoricalCrossentropy")
    }.builtIn
  }

  private static let fromLogitsKey = "from_logits"

  private static func logits(_ fromLogits: Bool) -> [String: Double] { fromLogits ? [fromLogitsKey: 1] : [:] }

  private static func classCrossentropy(
    _ prediction: Value, _ target: Value, fromLogits: Bool, _ what: String
  ) throws -> Value {
    try requireClasses(prediction, target, what)
    if fromLogits { return try prediction.softmaxCrossentropy(target) }
    if let logits = prediction.softmaxLogits { return try logits.softmaxCrossentropy(target) }
    try requireProbabilities(prediction, what, "softmax")
    let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 0
    let rows = target.type.dtype == .int32 ? try target.oneHot(classes) : target
    let last = prediction.shape.rank - 1
    let total = try prediction.sum(axes: [last]).reshaped(Shape(Array(prediction.shape.lengths.dropLast()) + [1]))
    let probabilities = try (prediction / total).clipped(1e-7, 1 - 1e-7)
    return try -(rows * log(probabilities)).sum(axes: [last])
  }

  /// The same for targets that are class numbers. Source: `keras.losses.SparseCategoricalCrossentropy`.
  public static let sparseCategoricalCrossentropy = Loss.sparseCategoricalCrossentropy(fromLogits: false)

  /// The same for targets that are class numbers.
  ///
  /// - Parameter fromLogits: Whether predictions are the inputs of a softmax that the model does not have.
  public static func sparseCategoricalCrossentropy(fromLogits: Bool) -> Loss {
    Loss("sparse_categorical_crossentropy", parameters: logits(fromLogits), targets: .classes) { prediction, target in
      guard target.type.dtype == .int32 else {
        throw AthanorError(
          .shape, at: "sparseCategoricalCrossentropy",
          "targets have shape \(Shape.text(target.shape.withoutBatch)) for each example but must be class numbers",
          fix: "Give integers [N], or use .categoricalCrossentropy for rows of probabilities.")
      }
      return try classCrossentropy(prediction, target, fromLogits: fromLogits, "sparseCategoricalCrossentropy")
    }.builtIn
  }

  /// `-(target * log(prediction) + (1 - target) * log(1 - prediction))`, the mean over the outputs of an example.
  ///
  /// After a sigmoid it is computed from the sigmoid's input. Source: `keras.losses.BinaryCrossentropy`.
  public static let binaryCrossentropy = Loss.binaryCrossentropy(fromLogits: false)

  /// The binary crossentropy of probabilities, or of `sigmoid(prediction)`.
  ///
  /// - Parameter fromLogits: Whether predictions are the inputs of a sigmoid that the model does not have.
  public static func binaryCrossentropy(fromLogits: Bool) -> Loss {
    Loss("binary_crossentropy", parameters: logits(fromLogits), targets: .numbers) { prediction, target in
      let target = try numbers(target, like: prediction, "binaryCrossentropy")
      if let logits = fromLogits ? prediction : prediction.sigmoidLogits {
        return try softplus(logits) - logits * target
      }
      try requireProbabilities(prediction, "binaryCrossentropy", "sigmoid")
      let p = try prediction.clipped(1e-7, 1 - 1e-7)
      return try -(target * log(p) + (1 - target) * log(1 - p))
    }.builtIn
  }

  /// `(prediction - target)^2`, the mean over the outputs of an example. Source: `keras.losses.MeanSquaredError`.
  public static let meanSquaredError = Loss("mean_squared_error", targets: .numbers) { prediction, target in
    try square(prediction - numbers(target, like: prediction, "meanSquaredError"))
  }.builtIn

  /// `|prediction - target|`, the mean over the outputs of an example. Source: `keras.losses.MeanAbsoluteError`.
  public static let meanAbsoluteError = Loss("mean_absolute_error", targets: .numbers) { prediction, target in
    try abs(prediction - numbers(target, like: prediction, "meanAbsoluteError"))
  }.builtIn

  /// Squared near zero and linear beyond `delta` (Huber 1964). Source: `keras.losses.Huber`.
  public static let huber = Loss.huber(delta: 1)

  /// `d^2 / 2` for `|d| <= delta`, else `delta * (|d| - delta / 2)`; delta must be positive.
  public static func huber(delta: Double) -> Loss {
    Loss("huber", parameters: ["delta": delta], targets: .numbers) { prediction, target in
      guard delta > 0 else { throw AthanorError(.argument, at: "huber", "delta is \(delta) but must be positive") }
      let distance = try abs(prediction - numbers(target, like: prediction, "huber"))
      // With m = min(|d|, delta) both cases are m * (|d| - m / 2).
      let near = try distance.clipped(0, delta)
      return try near * (distance - near * 0.5)
    }.builtIn
  }

  /// The losses without parameters, for files and command lines.
  public static let all: [Loss] = [
    categoricalCrossentropy, sparseCategoricalCrossentropy, binaryCrossentropy, meanSquaredError, meanAbsoluteError,
    huber,
  ]

  /// The losses that take the input of a softmax or sigmoid that the model does not have.
  private static let allFromLogits: [Loss] = [
    categoricalCrossentropy(fromLogits: true), sparseCategoricalCrossentropy(fromLogits: true),
    binaryCrossentropy(fromLogits: true),
  ]

  /// The loss of each example, `[N]`, or of each place along the first axes: the mean over all further ones.
  package func reduced(_ prediction: Value, _ target: Value, rank: Int = 1) throws -> Value {
    let loss = try perExample(prediction, target)
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

  /// The mean over the batch as Keras takes it: weighted losses are divided by their number, whatever the weights are, and with a mask by
  /// the number of those that count; 0 when none does.
  package func mean(_ prediction: Value, _ target: Value, weights: Value, mask: Value?) throws -> Value {
    let rank = max(weights.shape.rank, mask?.shape.rank ?? 1)
    let losses = try reduced(prediction, target, rank: rank)  // [N] or [N, T]
    var weights = try weights.withRank(rank)
    if let mask {
      let count = try mask.sum(axes: Array(0..<mask.shape.rank)).binary(.maximum, 1)  // []
      let share = try mask.builder.constant(Double(mask.shape.sizes.reduce(1, *))) / count  // []
      weights = try weights * mask.withRank(rank) * share
    }
    return try (losses * weights).mean(axes: Array(0..<rank))  // []
  }
}

extension Value {
  /// The mean over all axes behind the first ones.
  func meanBehind(_ rank: Int) throws -> Value { shape.rank > rank ? try mean(axes: Array(rank..<shape.rank)) : self }
}

/// Targets as numbers of the prediction's shape; class numbers `[N]` serve an output `[N, 1]`.
package func numbers(_ target: Value, like prediction: Value, _ what: String) throws -> Value {
  var target = target
  if target.type.dtype == .int32 { target = try target.converted() }
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

/// Refuses predictions that are visibly no probabilities: results of a layer without activation, or of one that leaves 0 ... 1.
private func requireProbabilities(_ prediction: Value, _ what: String, _ activation: String) throws {
  guard prediction.isVisiblyUnbounded else { return }
  throw AthanorError(
    .argument, at: what, "predictions must be probabilities, but the output comes from a layer without \(activation)",
    fix: "Give the last layer activation: .\(activation), or use .\(what)(fromLogits: true).")
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

extension Loss {
  /// Keras' name of the class: `mean_squared_error` is `MeanSquaredError`.
  private var className: String {
    name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// The loss in Keras' JSON: its name, or with parameters an instance of its class; nil when files have no name for it.
  package var serialized: JSONValue? { isBuiltIn ? Loss.serialized(name, parameters) : nil }

  /// A loss, or a metric that is one, in Keras' JSON; nil when files have no name for it.
  static func serialized(_ name: String, _ parameters: [String: Double]) -> JSONValue? {
    guard let known = Loss.all.first(where: { $0.name == name }) else { return nil }
    if parameters == known.parameters { return .text(name) }
    var configuration = Configuration(parameters)
    configuration["name"] = .text(name)
    if parameters[fromLogitsKey] != nil { configuration[fromLogitsKey] = .flag(true) }
    return .instance(of: known.className, in: "keras.losses", configuration)
  }

  /// Makes the loss that Keras' JSON describes.
  ///
  /// - Throws: `AthanorError` when it is not known or a parameter is not supported.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    var name = ""
    var configuration: Configuration = [:]
    if case .text(let text) = json {
      name = text
    } else if let object = try? Configuration(json, at: location, report: report) {
      if case .object = object["config"] {
        configuration = try Configuration(object["config"], at: location, report: report)
      }
      guard try configuration.number("label_smoothing", default: 0) == 0 else {
        throw configuration.error("label_smoothing", expected: "0")
      }
      let className = try object.text("class_name", default: "")
      if let known = Loss.all.first(where: { $0.className.lowercased() == className.lowercased() }) {
        // The name in the settings may be the user's.
        name = known.name
      } else if case .text(let text) = configuration["name"] ?? object["config"] {
        name = text
      } else {
        name = className
      }
    }
    let aliases = ["mse": "mean_squared_error", "mae": "mean_absolute_error", "huber_loss": "huber"]
    name = aliases[name] ?? name
    let takesLogits = try configuration.flag(Loss.fromLogitsKey, default: false)
    guard let loss = (takesLogits ? Loss.allFromLogits : Loss.all).first(where: { $0.name == name }) else {
      if takesLogits { throw configuration.error(Loss.fromLogitsKey, expected: "false") }
      throw AthanorError(
        .unsupported, at: location, "there is no loss named \"\(name)\"",
        fix: "Load the file with compiled: false and call compile with a loss of your own.")
    }
    self = loss.name == Loss.huber.name ? .huber(delta: try configuration.number("delta", default: 1)) : loss
    configuration.ignore("name")
    configuration.warn("reduction", unless: [.text("sum_over_batch_size"), .text("auto")])
    configuration.warn("dtype", unless: [.text("float32"), .float32Policy])
    configuration.warn("axis", unless: [.integer(-1)])
    configuration.warnAboutUnread()
  }
}
