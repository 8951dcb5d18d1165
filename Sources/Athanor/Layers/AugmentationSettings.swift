/// The bounds between which an augmentation draws a number for each picture: `0.1` for -0.1 ... 0.1, or `[-0.1, 0.3]`.
///
/// - Example:
///   ```swift
///   RandomTranslation(heightFactor: 0.1, widthFactor: [0, 0.2])
///   ```
public struct RandomFactor: Hashable, Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, CustomStringConvertible
{
  /// The values as they were given: one for both directions, or two bounds.
  package let values: [Double]

  /// As far in both directions.
  public init(_ value: Double) { values = [value] }
  /// As far in both directions.
  public init(floatLiteral value: Double) { values = [value] }
  /// As far in both directions.
  public init(integerLiteral value: Int) { values = [Double(value)] }
  /// A lower and an upper bound.
  public init(arrayLiteral elements: Double...) { values = elements }
  /// A lower and an upper bound.
  public init(_ bounds: ClosedRange<Double>) { values = [bounds.lowerBound, bounds.upperBound] }

  /// The lower bound.
  public var lower: Double { values.count == 1 ? -abs(values[0]) : values.min() ?? 0 }
  /// The upper bound.
  public var upper: Double { values.count == 1 ? abs(values[0]) : values.max() ?? 0 }
  /// `-0.1 ... 0.1`
  public var description: String { "\(lower) ... \(upper)" }

  func require(_ name: String, within bounds: ClosedRange<Double> = -1e6...1e6) throws {
    guard (1...2).contains(values.count), values.allSatisfy({ bounds.contains($0) }) else {
      throw AthanorError(
        .argument, at: "",
        "\(name) is \(values.count == 1 ? "\(values[0])" : "\(values)") but must be one or two numbers from "
          + "\(bounds.lowerBound) to \(bounds.upperBound)")
    }
  }
}

extension RandomFactor: SettingValue {
  /// The lower and the upper bound.
  public var setting: JSONValue { [lower, upper].jsonValue }

  /// A number for both directions, or two bounds.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: RandomFactor?
  ) throws -> RandomFactor {
    if configuration.isMissing(key), let standard { return standard }
    guard let numbers = try configuration.numbers(key), (1...2).contains(numbers.count) else {
      throw configuration.error(key, expected: "a number or two bounds")
    }
    return numbers.count == 1 ? RandomFactor(numbers[0]) : [numbers[0], numbers[1]]
  }
}

/// What stands for places outside of a picture, shown for one row of the pixels a b c d.
public enum FillMode: String, Hashable, Sendable, CaseIterable, SettingValue {
  /// One number: `k k k k | a b c d | k k k k`.
  case constant
  /// The picture in a mirror: `d c b a | a b c d | d c b a`.
  case reflect
  /// The picture again: `a b c d | a b c d | a b c d`.
  case wrap
  /// The nearest pixel: `a a a a | a b c d | d d d d`.
  case nearest

  func fill(_ value: Double) -> PictureFill {
    switch self {
    case .constant: .constant(value)
    case .reflect: .reflect
    case .wrap: .wrap
    case .nearest: .nearest
    }
  }
}

/// What a picture has between its pixels.
public enum Interpolation: String, Hashable, Sendable, CaseIterable, SettingValue {
  /// The nearest pixel.
  case nearest
  /// The mean of the four pixels around, weighted by their nearness.
  case bilinear
}

extension ClosedRange: SettingValue where Bound == Double {
  /// The lower and the upper bound.
  public var setting: JSONValue { [lowerBound, upperBound].jsonValue }

  /// Two bounds.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: ClosedRange<Double>?
  ) throws -> ClosedRange<Double> {
    if configuration.isMissing(key), let standard { return standard }
    guard let numbers = try configuration.numbers(key), numbers.count == 2, let low = numbers.min(),
      let high = numbers.max()
    else { throw configuration.error(key, expected: "two bounds") }
    return low...high
  }
}

extension Settings {
  /// The range of the pixels' values, which is 0 ... 255 in Keras where a file does not say it.
  mutating func valueRange(_ range: inout ClosedRange<Double>) throws {
    try field("value_range", &range, default: 0...255)
  }

  /// What all augmentations of pictures have in files and is not a property here.
  mutating func augmentation() throws {
    neutral("seed")
    try fixed("data_format", "channels_last")
    neutral("bounding_box_format", isWritten: false)
  }
}

/// Layers that change pictures a little in training, so that a network learns what does not matter.
public enum Augmentation {
  /// Small rotations (up to 11 degrees), zooms (10 %) and translations (8 %) for pictures of a size, to stand in front of a network. They work
  /// in training alone; no prediction and no export has them.
  ///
  /// For pictures of less than 64 pixels they are smaller (4 degrees, 5 % and 5 %, at least one pixel), and each pixel is the nearest one of
  /// the picture.
  ///
  /// - Parameters:
  ///   - height: The pictures' height.
  ///   - width: The pictures' width.
  ///   - horizontalFlip: Whether left and right may be exchanged: right for most photographs, wrong for digits and letters, which become
  ///     others.
  /// - Example:
  ///   ```swift
  ///   let model = try Sequential(input: [28, 28, 1]) {
  ///     Augmentation.layers(height: 28, width: 28)
  ///     Conv2D(32, kernelSize: 3, activation: .relu)
  ///     Flatten()
  ///     Dense(10, activation: .softmax)
  ///   }
  ///   ```
  public static func layers(height: Int, width: Int, horizontalFlip: Bool = false) -> [any Layer] {
    // In small pictures a mean of neighbours blurs what tells classes apart, and a few pixels are much.
    let isSmall = min(height, width) < 64
    let interpolation: Interpolation = isSmall ? .nearest : .bilinear
    // Written forms have an even ground around them, which its edge continues; what a photograph's edge cuts is better mirrored.
    let fillMode: FillMode = horizontalFlip ? .reflect : .nearest
    func shift(_ length: Int) -> RandomFactor {
      RandomFactor(min(1, max(isSmall ? 0.05 : 0.08, 1 / Double(max(1, length)))))
    }
    return (horizontalFlip ? [RandomFlip(.horizontal)] : []) + [
      RandomRotation(isSmall ? 0.01 : 0.03, fillMode: fillMode, interpolation: interpolation),
      RandomZoom(heightFactor: isSmall ? 0.05 : 0.1, fillMode: fillMode, interpolation: interpolation),
      RandomTranslation(
        heightFactor: shift(height), widthFactor: shift(width), fillMode: fillMode, interpolation: interpolation),
    ]
  }
}
