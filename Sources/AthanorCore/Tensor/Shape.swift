/// The lengths of a value's axes within a graph; the batch axis stays open until a plan is made.
///
/// A `nil` length means "the batch size", wherever it stands. It prints as Keras prints it:
/// `(None, 28, 28, 1)`.
public struct Shape: Hashable, Sendable, CustomStringConvertible, ExpressibleByArrayLiteral {
  /// The length of each axis; nil for the batch.
  public let lengths: [Int?]

  /// Makes a shape from lengths, nil for the batch.
  public init(_ lengths: [Int?]) { self.lengths = lengths }

  /// Makes a shape from lengths, nil for the batch.
  public init(arrayLiteral elements: Int?...) { self.init(elements) }

  /// How many axes there are.
  public var rank: Int { lengths.count }

  /// The length of one axis; nil for the batch.
  public subscript(axis: Int) -> Int? { lengths[axis] }

  /// `(None, 28, 28, 1)`, and `(None,)` for one axis, as Keras prints it.
  public var description: String { Shape.text(lengths) }

  package static func text(_ lengths: [Int?]) -> String {
    let parts = lengths.map { $0.map(String.init) ?? "None" }
    return parts.count == 1 ? "(\(parts[0]),)" : "(\(parts.joined(separator: ", ")))"
  }

  /// The shape without its first axis, the batch.
  package var withoutBatch: [Int?] { Array(lengths.dropFirst()) }

  /// The same shape with the batch size put in.
  package func bound(to batch: Int) -> [Int] { lengths.map { $0 ?? batch } }

  /// More elements than this in one value (for each example) are taken for a mistake; below it sizes in bytes and sums of
  /// lengths cannot overflow.
  package static let mostElements = 1 << 40

  /// The product of all lengths but the batch's; nil when a length is negative or there are more than `mostElements`.
  package var checkedElementsPerExample: Int? {
    guard lengths.allSatisfy({ ($0 ?? 0) <= Shape.mostElements }) else { return nil }
    return Tensor.elementCount(of: lengths.map { $0 ?? 1 }).flatMap { $0 <= Shape.mostElements ? $0 : nil }
  }

  /// The product of all lengths but the batch's, for the shape of a value in a graph.
  package var elementsPerExample: Int { lengths.reduce(1) { $0 * ($1 ?? 1) } }

  /// The shape that elementwise arithmetic on two shapes gives, by NumPy's rule of broadcasting; nil when they do not fit.
  package static func broadcast(_ left: Shape, _ right: Shape) -> Shape? {
    let rank = max(left.rank, right.rank)
    var result: [Int?] = []
    for axis in 0..<rank {
      let i = axis - (rank - left.rank)
      let j = axis - (rank - right.rank)
      let a: Int? = i < 0 ? 1 : left[i]
      let b: Int? = j < 0 ? 1 : right[j]
      if a == b || b == 1 {
        result.append(a)
      } else if a == 1 {
        result.append(b)
      } else {
        return nil
      }
    }
    return Shape(result)
  }
}

/// What a value in a graph holds: the type of its elements and its shape.
public struct ValueType: Hashable, Sendable, CustomStringConvertible {
  /// The type of the elements. `float32` stands for the plan's precision: a plan for checking gradients computes it in double.
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
