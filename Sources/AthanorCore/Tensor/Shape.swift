/// The length of one axis of what goes into a model: fixed, or open and named.
///
/// Open lengths of one name are equal in every call; `nil` in a list of lengths is an open length.
public enum Length: Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// The same in every call.
  case fixed(Int)
  /// Chosen anew in every call, for example the number of examples or of time steps.
  case open(String)

  /// A fixed length.
  public init(integerLiteral value: Int) { self = .fixed(value) }

  /// The length where it is fixed; nil where it is open.
  public var fixed: Int? { if case .fixed(let length) = self { length } else { nil } }

  /// `28`, or `None` for an open length, as Keras prints it.
  public var description: String { fixed.map(String.init) ?? "None" }
}

/// The lengths of a value's axes within a graph.
///
/// A graph is built for concrete lengths. An axis whose length differs from call to call (examples, time) is open: it shows as `nil` and
/// prints as `None`, as in Keras: `(None, 28, 28, 1)`. In a shape that is written down, `nil` stands for an open axis of the
/// value that is reshaped or compared, in order.
public struct Shape: Hashable, Sendable, CustomStringConvertible, ExpressibleByArrayLiteral {
  /// One axis: its length in this graph, and the open lengths from which that follows.
  package struct Axis: Hashable, Sendable {
    /// `Int.min` where only a value can tell: a nil that was written down.
    package let length: Int
    /// The names of the open lengths that the length depends on; empty for a fixed length.
    package let openNames: Set<String>

    package init(_ length: Int, openNames: Set<String> = []) {
      self.length = length
      self.openNames = openNames
    }

    package static let unresolved = Axis(.min)

    package var isResolved: Bool { length != .min }
    package var isOpen: Bool { !isResolved || !openNames.isEmpty }
    /// The length where it is the same in every call.
    package var fixed: Int? { isOpen ? nil : length }

    /// An axis whose length follows from this one.
    package func with(length: Int) -> Axis { Axis(length, openNames: openNames) }

    /// Whether both are fixed or both open, and equally long; an unresolved one is as long as any open one.
    package func matches(_ other: Axis) -> Bool {
      isOpen == other.isOpen && (length == other.length || !isResolved || !other.isResolved)
    }
  }

  package let axes: [Axis]

  package init(axes: some Sequence<Axis>) { self.axes = Array(axes) }

  /// Makes a shape from lengths, nil for an open one.
  public init(_ lengths: [Int?]) { axes = lengths.map { $0.map { Axis($0) } ?? .unresolved } }

  /// Makes a shape from lengths, nil for an open one.
  public init(arrayLiteral elements: Int?...) { self.init(elements) }

  /// How many axes there are.
  public var rank: Int { axes.count }

  /// The length of each axis; nil for an open one.
  public var lengths: [Int?] { axes.map(\.fixed) }

  /// The length of each axis in this graph.
  package var sizes: [Int] { axes.map(\.length) }

  /// The length of one axis; nil for an open one.
  public subscript(axis: Int) -> Int? { axes[axis].fixed }

  /// Equal when the fixed lengths are, and the same axes are open and equally long.
  public static func == (left: Shape, right: Shape) -> Bool {
    left.rank == right.rank && zip(left.axes, right.axes).allSatisfy { $0.matches($1) }
  }

  /// Hashes the lengths, nil for an open one.
  public func hash(into hasher: inout Hasher) { hasher.combine(lengths) }

  /// `(None, 28, 28, 1)`, and `(None,)` for one axis, as Keras prints it.
  public var description: String { Shape.text(lengths) }

  package static func text(_ lengths: [Int?]) -> String {
    let parts = lengths.map { $0.map(String.init) ?? "None" }
    return parts.count == 1 ? "(\(parts[0]),)" : "(\(parts.joined(separator: ", ")))"
  }

  /// Shapes for a message: with the lengths of open axes where they would otherwise look alike.
  package static func texts(_ shapes: [Shape]) -> [String] {
    let texts = shapes.map(\.description)
    return Set(texts).count == 1 && Set(shapes.map(\.sizes)).count > 1 ? shapes.map { text($0.sizes) } : texts
  }

  /// The names of all open lengths.
  package var openNames: Set<String> { axes.reduce(into: []) { $0.formUnion($1.openNames) } }

  /// The lengths without the first axis.
  package var withoutBatch: [Int?] { Array(lengths.dropFirst()) }

  /// The lengths, with one number for all open ones.
  package func bound(to length: Int) -> [Int] { lengths.map { $0 ?? length } }

  /// The same shape with each unresolved axis of the given length.
  package func resolved(to length: Int, openName: String) -> Shape {
    Shape(axes: axes.map { $0.isResolved ? $0 : Axis(length, openNames: [openName]) })
  }

  /// More elements than this in the fixed lengths of one value are taken for a mistake; below it sizes in bytes and sums of lengths
  /// cannot overflow, nor where open lengths multiply them by at most `maximumOpenProduct`.
  package static let maximumElements = 1 << 40
  private static let maximumOpenProduct = 1 << 18

  /// The product of all fixed lengths; nil when a length is negative or memory can hold no such value.
  package var checkedElementsPerExample: Int? {
    func product(_ lengths: [Int], limit: Int) -> Int? {
      guard lengths.allSatisfy({ $0 <= limit }) else { return nil }
      return Tensor.elementCount(of: lengths).flatMap { $0 <= limit ? $0 : nil }
    }
    let fixed = product(axes.filter { !$0.isOpen }.map(\.length), limit: Shape.maximumElements)
    let open = axes.filter { $0.isOpen && $0.isResolved }.map(\.length)
    guard let fixed, let all = product(open, limit: Shape.maximumElements),
      fixed.multipliedReportingOverflow(by: all).overflow == false,
      fixed * all <= Shape.maximumElements * Shape.maximumOpenProduct
    else { return nil }
    return fixed
  }

  /// The product of all fixed lengths, for the shape of a value in a graph.
  package var elementsPerExample: Int { axes.reduce(1) { $0 * ($1.fixed ?? 1) } }

  /// The product of the axes in a range, as one axis.
  package func merged(_ range: Range<Int>) -> Axis {
    axes[range].reduce(Axis(1)) { Axis($0.length * $1.length, openNames: $0.openNames.union($1.openNames)) }
  }

  /// The shape that elementwise arithmetic on two shapes gives, by NumPy's rule of broadcasting; nil when they do not fit. Open axes
  /// are never broadcast.
  package static func broadcast(_ left: Shape, _ right: Shape) -> Shape? {
    let rank = max(left.rank, right.rank)
    var result: [Axis] = []
    for axis in 0..<rank {
      let i = axis - (rank - left.rank)
      let j = axis - (rank - right.rank)
      let a = i < 0 ? Axis(1) : left.axes[i]
      let b = j < 0 ? Axis(1) : right.axes[j]
      if a.matches(b) {
        result.append(a.isResolved ? Axis(a.length, openNames: a.openNames.union(b.openNames)) : b)
      } else if b.fixed == 1 {
        result.append(a)
      } else if a.fixed == 1 {
        result.append(b)
      } else {
        return nil
      }
    }
    return Shape(axes: result)
  }
}

/// What a value in a graph holds: the type of its elements and its shape.
public struct ValueType: Hashable, Sendable, CustomStringConvertible {
  /// The type of the elements. A plan for checking gradients computes `float32` in double.
  public let dtype: DType
  /// The lengths of the axes.
  public let shape: Shape

  /// Puts a type together.
  public init(_ dtype: DType = .float32, _ shape: Shape) {
    self.dtype = dtype
    self.shape = shape
  }

  /// `float32(None, 28, 28, 1)`
  public var description: String { "\(dtype.rawValue)\(shape)" }
}
