/// A height and a width, written as one number when they are equal: `3` or `[5, 3]`.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  /// The values as they were given: one for both, or height and width.
  package let values: [Int]

  /// The same height and width.
  public init(integerLiteral value: Int) { values = [value] }
  /// Height and width.
  public init(arrayLiteral elements: Int...) { values = elements }
  /// Height and width.
  public init(_ height: Int, _ width: Int) { values = [height, width] }

  /// Height and width.
  package init(_ pair: [Int]) { values = pair }

  /// The length along the vertical axis.
  public var height: Int { values.first ?? 0 }
  /// The length along the horizontal axis.
  public var width: Int { values.last ?? 0 }
  /// `[height, width]`
  package var pair: [Int] { [height, width] }
  /// `3x3`
  public var description: String { "\(height)x\(width)" }

  package func require(_ name: String, atLeast least: Int = 1) throws {
    guard values.count == 1 || values.count == 2, height >= least, width >= least else {
      throw AthanorError(
        .argument, at: "", "\(name) is \(values) but must be one or two numbers of at least \(least)")
    }
    guard height <= 65_535, width <= 65_535 else {
      throw AthanorError(.argument, at: "", "\(name) is \(values) but must be at most 65535")
    }
  }
}

/// What happens at the border of a picture when a window moves over it.
public enum Padding: String, Hashable, Sendable, CaseIterable {
  /// Only places where the whole window lies within the picture.
  case valid
  /// Zeros are added evenly, the odd one at the bottom and right, so that `ceil(length / stride)` places result.
  case same

  var window: Window2D.Padding { self == .valid ? .valid : .same }

  /// nil where so many places are meant, whatever the picture's size.
  init?(_ window: Window2D.Padding) {
    guard let padding = Padding.allCases.first(where: { $0.window == window }) else { return nil }
    self = padding
  }
}
