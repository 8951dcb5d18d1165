/// Changes the contrast of pictures while training: `[N, H, W, C] -> [N, H, W, C]`, `y = (x - mean) * f + mean` with the mean of each
/// picture's channel, cut to the range of values.
///
/// The factor f is drawn for each picture from `1 - lower ... 1 + upper`. Predictions are of the pictures as they are. Source:
/// `keras.layers.RandomContrast`.
///
/// - Throws: when built: `AthanorError` if the input is no picture, or the bounds are not in order.
/// - Example:
///   ```swift
///   RandomContrast(0.2)
///   ```
public struct RandomContrast: Layer {
  /// By how much the factor may be below 1; from `-upper` to `upper`, because Keras' files have the smaller one first.
  public var lower: Double
  /// By how much the factor may be above 1; at most 1.
  public var upper: Double
  /// The range of the pixels' values. Bytes of a data set arrive as 0 ... 1; in Keras it is 0 ... 255 unless one says otherwise.
  public var valueRange: ClosedRange<Double>
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// As far below 1 as above it.
  public init(_ factor: Double, valueRange: ClosedRange<Double> = 0...1, name: String? = nil) {
    self.init(lower: factor, upper: factor, valueRange: valueRange, name: name)
  }

  /// Describes a random contrast.
  public init(lower: Double, upper: Double, valueRange: ClosedRange<Double> = 0...1, name: String? = nil) {
    self.lower = lower
    self.upper = upper
    self.valueRange = valueRange
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard -upper <= lower, lower <= upper, upper <= 1 else {
      throw AthanorError(
        .argument, at: "", "lower is \(lower) and upper \(upper)",
        fix: "upper must lie in 0 ... 1, and lower in -upper ... upper.")
    }
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    let perPicture = [axes[0], Shape.Axis(1), Shape.Axis(1)]
    let factor = try input.uniformNumbers(from: 1 - lower, to: 1 + upper)  // [N, 1]
      .reshaped(Shape(axes: perPicture + [Shape.Axis(1)]))
    let mean = try input.mean(axes: [1, 2]).reshaped(Shape(axes: perPicture + [axes[3]]))  // [N, 1, 1, C]
    return try (input * factor + mean * (1 - factor)).clipped(valueRange.lowerBound, valueRange.upperBound)
  }
}

extension RandomContrast: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    var factor: [Double] = [lower, upper]
    try settings.field("factor", &factor)
    guard let low = factor.min(), let high = factor.max(), factor.count <= 2 else {
      throw settings.error("factor", expected: "a number or two bounds")
    }
    (lower, upper) = (low, high)
    try settings.valueRange(&valueRange)
    try settings.augmentation()
  }
}

/// Makes pictures brighter or darker while training: `[N, H, W, C] -> [N, H, W, C]`, `y = x + d * (high - low)`, cut to the range of values
/// `low ... high`.
///
/// The summand's part d is drawn for each picture. Predictions are of the pictures as they are. Source: `keras.layers.RandomBrightness`.
///
/// - Throws: when built: `AthanorError` if the input is no picture, or the factor is not in -1 ... 1.
/// - Example:
///   ```swift
///   RandomBrightness(0.1)
///   ```
public struct RandomBrightness: Layer {
  /// What is added, as a part of the range of values.
  public var factor: RandomFactor
  /// The range of the pixels' values. Bytes of a data set arrive as 0 ... 1; in Keras it is 0 ... 255 unless one says otherwise.
  public var valueRange: ClosedRange<Double>
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random brightness.
  public init(_ factor: RandomFactor, valueRange: ClosedRange<Double> = 0...1, name: String? = nil) {
    self.factor = factor
    self.valueRange = valueRange
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try factor.require("factor", within: -1...1)
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    let width = valueRange.upperBound - valueRange.lowerBound
    let summand = try input.uniformNumbers(from: factor.lower * width, to: factor.upper * width)  // [N, 1]
      .reshaped(Shape(axes: [axes[0], Shape.Axis(1), Shape.Axis(1), Shape.Axis(1)]))
    return try (input + summand).clipped(valueRange.lowerBound, valueRange.upperBound)
  }
}

extension RandomBrightness: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("factor", &factor)
    try settings.valueRange(&valueRange)
    try settings.augmentation()
  }
}

/// Fills a rectangle of pictures while training: `[N, H, W, C] -> [N, H, W, C]`.
///
/// For each picture are drawn: a probability from `factor`, and by it whether anything is erased; the squares of the rectangle's height and
/// width, as parts of the picture's, from `scale`; and its place. Predictions are of the pictures as they are. Source: Zhong et al. 2017,
/// `keras.layers.RandomErasing`.
///
/// - Throws: when built: `AthanorError` if the input is no picture, factor or scale lie outside of 0 ... 1, or the fill value is neither one number
///   nor one for each of three channels.
/// - Example:
///   ```swift
///   RandomErasing([0.5, 0.5], fillValue: [0.5])
///   ```
public struct RandomErasing: Layer {
  /// The bounds of the probability; a single number for 0 up to it.
  public var factor: RandomFactor
  /// The bounds of the squares of height and width, as parts of the picture's; a single number for 0 up to it.
  public var scale: RandomFactor
  /// What the rectangle is filled with: one number, or one for each of three channels; nil for random numbers, normally distributed.
  public var fillValue: [Double]?
  /// The range of the pixels' values. Bytes of a data set arrive as 0 ... 1; in Keras it is 0 ... 255 unless one says otherwise.
  public var valueRange: ClosedRange<Double>
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random erasing.
  public init(
    _ factor: RandomFactor = 1, scale: RandomFactor = [0.02, 0.33], fillValue: [Double]? = nil,
    valueRange: ClosedRange<Double> = 0...1, name: String? = nil
  ) {
    self.factor = factor
    self.scale = scale
    self.fillValue = fillValue
    self.valueRange = valueRange
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try factor.require("factor", within: 0...1)
    try scale.require("scale", within: 0...1)
    let (input, axes) = try input.pictures
    if let fillValue {
      guard fillValue.count == 1 || fillValue.count == 3 && axes[3].fixed == 3, fillValue.allSatisfy(\.isFinite) else {
        throw AthanorError(
          .argument, at: "", "fillValue is \(fillValue), but the input has shape \(input.shape)",
          fix: "Give one finite number, or one for each of three channels.")
      }
    }
    guard scope.isTraining else { return input }
    func numbers(_ from: Double, _ to: Double) throws -> Value {
      try input.uniformNumbers(from: from, to: to)
        .reshaped(Shape(axes: [axes[0], Shape.Axis(1), Shape.Axis(1), Shape.Axis(1)]))
    }
    /// 1 for the rows, or columns, of the rectangle.
    func isErased(_ axis: Int) throws -> Value {
      let length = axes[axis].length
      let size = try sqrt(numbers(max(0, scale.lower), scale.upper)) * Double(length)
      let start = try numbers(0, 1) * (Double(length) - size)  // [N, 1, 1, 1]
      let places = try input.builder.constant(
        (0..<length).map(Double.init), (1...3).map { $0 == axis ? length : 1 })
      return try places.binary(.greaterEqual, start) * (start + size).greater(places)
    }
    let (columns, rows) = (try isErased(2), try isErased(1))  // [N, 1, W, 1], [N, H, 1, 1]
    let probability = try numbers(max(0, factor.lower), factor.upper)
    let applies = try probability.greater(numbers(0, 1))  // [N, 1, 1, 1]
    let (low, high) = (valueRange.lowerBound, valueRange.upperBound)
    let filling =
      try fillValue.map { try input.builder.constant($0.map { min(max($0, low), high) }, [$0.count]) }
      ?? (input.normalNumbers() * high).clipped(low, high)
    return try filling.chosen(where: rows * applies * columns, else: input)
  }
}

extension RandomErasing: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.probability("factor", &factor, default: 1)
    try settings.probability("scale", &scale, default: [0.02, 0.33])
    try settings.field("fill_value", &fillValue)
    try settings.valueRange(&valueRange)
    try settings.augmentation()
  }
}

extension Settings {
  /// Bounds of which the lower one is not negative.
  fileprivate mutating func probability(
    _ key: String, _ factor: inout RandomFactor, default standard: RandomFactor
  ) throws {
    var bounds: RandomFactor = [max(0, factor.lower), factor.upper]
    try field(key, &bounds, default: standard)
    factor = [max(0, bounds.lower), bounds.upper]
  }
}
