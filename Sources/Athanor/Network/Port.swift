/// An input or output of a model: its name, the type of its elements, and the lengths of its axes.
public struct Port: Hashable, Sendable, CustomStringConvertible {
  /// Its name: that of the input, or of the layer that computes the output.
  public let name: String
  /// The type of the elements.
  public let dtype: DType
  /// The lengths of all axes, the examples' among them.
  public let lengths: [Length]
  /// The axis that counts examples; nil where there is none.
  public let exampleAxis: Int?

  /// Describes an input or output; the only one of a data source needs no name.
  public init(name: String = "", dtype: DType = .float32, lengths: [Length], exampleAxis: Int? = 0) {
    self.name = name
    self.dtype = dtype
    self.lengths = lengths
    self.exampleAxis = exampleAxis
  }

  /// The lengths of one example.
  public var exampleLengths: [Length] { lengths.enumerated().filter { $0.offset != exampleAxis }.map(\.element) }

  /// `picture: float32(None, 28, 28, 1)`
  public var description: String { "\(name): \(dtype.rawValue)\(Shape.text(lengths.map(\.fixed)))" }

  /// The type of its value in a graph.
  ///
  /// - Parameter openLengths: What open lengths are, by name.
  package func type(_ openLengths: [String: Int], dtype: DType? = nil) -> ValueType {
    let axes = lengths.map { length in
      switch length {
      case .fixed(let length): Shape.Axis(length)
      case .open(let name): Shape.Axis(openLengths[name] ?? Port.declaredLength(name), openNames: [name])
      }
    }
    return ValueType(dtype ?? self.dtype, Shape(axes: axes))
  }

  /// The type in the graph that a network is declared with, before any data are seen: there open lengths only need to be long enough
  /// for windows that move along them.
  package var declaredType: ValueType { type([:]) }

  /// A prime number, so that lengths which follow from it by division and rounding are not it again by chance.
  private static func declaredLength(_ name: String) -> Int { name == Length.batchName ? 2 : 521 }

  /// The port of a value of a declared graph.
  package init(name: String, _ type: ValueType) {
    let lengths = type.shape.axes.map { axis in
      axis.fixed.map(Length.fixed) ?? .open(axis.openNames.sorted().joined(separator: "_"))
    }
    let examples = type.shape.axes.firstIndex { $0.openNames.contains(Length.batchName) }
    self.init(name: name, dtype: type.dtype, lengths: lengths, exampleAxis: examples)
  }
}

extension Length {
  package static let batchName = "batch"
  /// The open length that counts the examples of a batch.
  public static let batch = Length.open(batchName)
}
