/// Mirrors pictures while training, each with a probability of one half: `[N, H, W, C] -> [N, H, W, C]`.
///
/// With `horizontalAndVertical` both directions are drawn by themselves. Predictions are of the pictures as they are. Source:
/// `keras.layers.RandomFlip`.
///
/// - Throws: when built: `AthanorError` if the input is no picture.
/// - Example:
///   ```swift
///   RandomFlip(.horizontal)
///   ```
public struct RandomFlip: Layer {
  /// What may be exchanged.
  public enum Mode: String, Hashable, Sendable, CaseIterable, SettingValue {
    /// Left and right.
    case horizontal
    /// Top and bottom.
    case vertical
    /// Either, or both.
    case horizontalAndVertical = "horizontal_and_vertical"
  }

  /// What may be exchanged.
  public var mode: Mode
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random flip.
  public init(_ mode: Mode = .horizontalAndVertical, name: String? = nil) {
    self.mode = mode
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    /// Places `0 ... length - 1`, half of the time in the other order: factor and summand.
    func flipped(_ applies: Bool, _ axis: Int) throws -> (Value, Value) {
      guard applies else { return (try input.column(1), try input.column(0)) }
      let isFlipped = try input.uniformNumbers(from: 0, to: 1).greater(0.5)  // [N, 1]
      return (try 1 - isFlipped * 2, try isFlipped * Double(axes[axis].length - 1))
    }
    let (width, left) = try flipped(mode != .vertical, 2)
    let (height, top) = try flipped(mode != .horizontal, 1)
    let zero = try input.column(0)
    return try input.affineSampled(
      concatenate([width, zero, left, zero, height, top]), fill: .nearest, isBilinear: false)
  }
}

extension RandomFlip: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("mode", &mode, default: .horizontalAndVertical)
    try settings.augmentation()
  }
}

/// Turns pictures around their centre while training: `[N, H, W, C] -> [N, H, W, C]`.
///
/// The angle is drawn for each picture, as a part of a whole turn: 0.1 for -36 ... 36 degrees. Predictions are of the pictures as they are.
/// Behind another bilinear rotation, translation or zoom with the same fill mode both are one sampling, so that pictures are blurred once;
/// Keras samples twice. Source: `keras.layers.RandomRotation`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or the factor not finite.
/// - Example:
///   ```swift
///   RandomRotation(0.05, fillMode: .constant)
///   ```
public struct RandomRotation: Layer {
  /// The angle, as a part of a whole turn.
  public var factor: RandomFactor
  /// What stands for places outside of a picture.
  public var fillMode: FillMode
  /// What a picture has between its pixels.
  public var interpolation: Interpolation
  /// The number for `FillMode.constant`.
  public var fillValue: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random rotation.
  public init(
    _ factor: RandomFactor, fillMode: FillMode = .reflect, interpolation: Interpolation = .bilinear,
    fillValue: Double = 0, name: String? = nil
  ) {
    self.factor = factor
    self.fillMode = fillMode
    self.interpolation = interpolation
    self.fillValue = fillValue
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try factor.require("factor")
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    let turns = try input.uniformNumbers(from: factor.lower, to: factor.upper)  // [N, 1]
    let (cosine, sine) = (try cos(turns * 2 * .pi), try sin(turns * 2 * .pi))
    let (x, y) = (Double(axes[2].length - 1) / 2, Double(axes[1].length - 1) / 2)
    let matrix = try concatenate([
      cosine, -sine, x - cosine * x + sine * y,
      sine, cosine, y - sine * x - cosine * y,
    ])  // [N, 6]
    return try input.affineSampled(
      matrix, fill: fillMode.fill(fillValue), isBilinear: interpolation == .bilinear)
  }
}

extension RandomRotation: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("factor", &factor)
    try settings.sampling(&fillMode, &interpolation, &fillValue)
  }
}

/// Moves pictures while training: `[N, H, W, C] -> [N, H, W, C]`.
///
/// Both ways are drawn for each picture, as parts of its height and width; positive ones go down and to the right. Predictions are of the
/// pictures as they are. Several such layers in a row may be one sampling, see ``RandomRotation``. Source: `keras.layers.RandomTranslation`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or a factor not in -1 ... 1.
/// - Example:
///   ```swift
///   RandomTranslation(heightFactor: 0.1, widthFactor: 0.1)
///   ```
public struct RandomTranslation: Layer {
  /// The way down, as a part of the height.
  public var heightFactor: RandomFactor
  /// The way to the right, as a part of the width.
  public var widthFactor: RandomFactor
  /// What stands for places outside of a picture.
  public var fillMode: FillMode
  /// What a picture has between its pixels.
  public var interpolation: Interpolation
  /// The number for `FillMode.constant`.
  public var fillValue: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random translation.
  public init(
    heightFactor: RandomFactor, widthFactor: RandomFactor, fillMode: FillMode = .reflect,
    interpolation: Interpolation = .bilinear, fillValue: Double = 0, name: String? = nil
  ) {
    self.heightFactor = heightFactor
    self.widthFactor = widthFactor
    self.fillMode = fillMode
    self.interpolation = interpolation
    self.fillValue = fillValue
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    try heightFactor.require("heightFactor", within: -1...1)
    try widthFactor.require("widthFactor", within: -1...1)
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    let down = try input.uniformNumbers(from: heightFactor.lower, to: heightFactor.upper) * Double(axes[1].length)
    let right = try input.uniformNumbers(from: widthFactor.lower, to: widthFactor.upper) * Double(axes[2].length)
    let (zero, one) = (try input.column(0), try input.column(1))
    return try input.affineSampled(
      concatenate([one, zero, -right, zero, one, -down]), fill: fillMode.fill(fillValue),
      isBilinear: interpolation == .bilinear)
  }
}

extension RandomTranslation: SerializableLayer {
  public init(unconfigured name: String) { self.init(heightFactor: 0, widthFactor: 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("height_factor", &heightFactor)
    try settings.field("width_factor", &widthFactor)
    try settings.sampling(&fillMode, &interpolation, &fillValue)
  }
}

/// Enlarges or reduces pictures around their centre while training: `[N, H, W, C] -> [N, H, W, C]`.
///
/// The part by which more is seen is drawn for each picture: -0.2 shows 80 % of its height, which is enlarged; 0.2 shows 120 %. Predictions are of
/// the pictures as they are. Several such layers in a row may be one sampling, see ``RandomRotation``. Source: `keras.layers.RandomZoom`.
///
/// - Throws: when built: `AthanorError` if the input is no picture or a factor not above -1 and at most 1.
/// - Example:
///   ```swift
///   RandomZoom(heightFactor: 0.1)
///   ```
public struct RandomZoom: Layer {
  /// By which part of the height more is seen.
  public var heightFactor: RandomFactor
  /// By which part of the width more is seen; nil for the number that was drawn for the height.
  public var widthFactor: RandomFactor?
  /// What stands for places outside of a picture.
  public var fillMode: FillMode
  /// What a picture has between its pixels.
  public var interpolation: Interpolation
  /// The number for `FillMode.constant`.
  public var fillValue: Double
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a random zoom.
  public init(
    heightFactor: RandomFactor, widthFactor: RandomFactor? = nil, fillMode: FillMode = .reflect,
    interpolation: Interpolation = .bilinear, fillValue: Double = 0, name: String? = nil
  ) {
    self.heightFactor = heightFactor
    self.widthFactor = widthFactor
    self.fillMode = fillMode
    self.interpolation = interpolation
    self.fillValue = fillValue
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let bounds = (-1.0).nextUp...1
    try heightFactor.require("heightFactor", within: bounds)
    try widthFactor?.require("widthFactor", within: bounds)
    let (input, axes) = try input.pictures
    guard scope.isTraining else { return input }
    let height = try input.uniformNumbers(from: 1 + heightFactor.lower, to: 1 + heightFactor.upper)  // [N, 1]
    let width = try widthFactor.map { try input.uniformNumbers(from: 1 + $0.lower, to: 1 + $0.upper) } ?? height
    let zero = try input.column(0)
    let matrix = try concatenate([
      width, zero, (1 - width) * (Double(axes[2].length - 1) / 2),
      zero, height, (1 - height) * (Double(axes[1].length - 1) / 2),
    ])  // [N, 6]
    return try input.affineSampled(
      matrix, fill: fillMode.fill(fillValue), isBilinear: interpolation == .bilinear)
  }
}

extension RandomZoom: SerializableLayer {
  public init(unconfigured name: String) { self.init(heightFactor: 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("height_factor", &heightFactor)
    try settings.field("width_factor", &widthFactor)
    try settings.sampling(&fillMode, &interpolation, &fillValue)
  }
}

extension Settings {
  fileprivate mutating func sampling(
    _ fillMode: inout FillMode, _ interpolation: inout Interpolation, _ fillValue: inout Double
  ) throws {
    try field("fill_mode", &fillMode, default: .reflect)
    try field("interpolation", &interpolation, default: .bilinear)
    try field("fill_value", &fillValue, default: 0)
    try augmentation()
  }
}

extension Value {
  /// Pictures `[N, H, W, C]` of floating-point numbers, with their axes.
  var pictures: (value: Value, axes: [Shape.Axis]) {
    get throws { (try floating, try shape.pictureAxes) }
  }

  /// The same number for each example, `[N, 1]`.
  func column(_ number: Double) throws -> Value {
    try builder.constant(number, Shape(axes: [shape.axes[0], Shape.Axis(1)]))
  }
}
