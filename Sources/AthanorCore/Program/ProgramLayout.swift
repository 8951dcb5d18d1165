/// How the elements of a value in a graph and of the same value in a program correspond. Pictures have their channels last in graphs
/// (`[N, H, W, C]`) and first in programs (`[N, C, H, W]`).
package enum Layout: Hashable, Sendable {
  /// Both alike.
  case plain
  /// `[N, H, W, C]` in the graph, `[N, C, H, W]` in the program.
  case picture
  /// `[N, H * W * C]` in the graph, `[N, C * H * W]` in the program: flattened from a picture of these lengths.
  case flattened(height: Int, width: Int, channels: Int)

  /// The order of axes that makes a program's picture of a graph's.
  package static let toProgram = [0, 3, 1, 2]
  /// The order of axes that makes a graph's picture of a program's.
  package static let toGraph = [0, 2, 3, 1]

  /// The layout of a picture after it was flattened; one pixel or one channel has the same order either way.
  package static func flattening(height: Int, width: Int, channels: Int) -> Layout {
    height * width == 1 || channels == 1 ? .plain : .flattened(height: height, width: width, channels: channels)
  }

  /// An axis of the graph's value as one of the program's.
  package func programAxis(_ axis: Int) -> Int {
    self == .picture ? Layout.toProgram.firstIndex(of: axis) ?? axis : axis
  }

  /// An axis of the program's value as one of the graph's.
  package func graphAxis(_ axis: Int) -> Int {
    self == .picture ? Layout.toGraph.firstIndex(of: axis) ?? axis : axis
  }

  /// One entry for each axis of the graph's value, for the axes of the program's.
  package func programOrder<Entry>(_ entries: [Entry]) -> [Entry] {
    self == .picture && entries.count == 4 ? Layout.toProgram.map { entries[$0] } : entries
  }

  /// One entry for each axis of the program's value, for the axes of the graph's.
  package func graphOrder<Entry>(_ entries: [Entry]) -> [Entry] {
    self == .picture && entries.count == 4 ? Layout.toGraph.map { entries[$0] } : entries
  }
}

/// A value on one side, that of the graph or that of the program, with its correspondence to the other.
package protocol LaidOut {
  var layout: Layout { get set }
  /// The numbers, when they are known; they lie as on this side.
  var constant: Tensor? { get }
  /// How many axes it has.
  var rank: Int { get }
  init(constant: Tensor)
}

/// Where values of one side are computed.
package protocol LayoutSide {
  associatedtype Element: LaidOut
  /// The order of axes that makes the other side's picture of this side's, and the reverse.
  static var toOtherSide: [Int] { get }
  static var fromOtherSide: [Int] { get }
  /// The axes in another order, after which the value has the given layout.
  func transposed(_ x: Element, _ order: [Int], _ layout: Layout) throws -> Element
  /// A flattened picture as a picture.
  func unflattened(_ x: Element, height: Int, width: Int, channels: Int) throws -> Element
  /// A value `[N, ...]` of which all axes but the first become one.
  func flattened(_ x: Element) throws -> Element
}

extension LayoutSide {
  /// The value as the other side has it.
  package func plain(_ x: Element) throws -> Element {
    switch x.layout {
    case .plain: return x
    case .picture: return try transposed(x, Self.toOtherSide, .plain)
    case .flattened(let height, let width, let channels):
      return try flattened(plain(unflattened(x, height: height, width: width, channels: channels)))
    }
  }

  /// A picture in this side's order.
  package func picture(_ x: Element) throws -> Element {
    if x.layout == .picture { return x }
    let value = try plain(x)
    guard value.rank == 4 else {
      throw AthanorError(
        .unsupported, at: "", "its input has \(value.rank) axes but a batch of pictures (4 axes) is needed")
    }
    return try transposed(value, Self.fromOtherSide, .picture)
  }

  /// For what is done element by element: values in one layout, and that layout. Pictures stay as they are as long as all else is
  /// pictures or known numbers.
  package func aligned(_ values: [Element]) throws -> (values: [Element], layout: Layout) {
    let computed = values.filter { $0.constant == nil }
    if computed.contains(where: { $0.layout == .picture }), computed.allSatisfy({ $0.rank == 4 }),
      values.allSatisfy({ $0.rank <= 4 })
    {
      return (try values.map { try $0.constant.map(besidePictures) ?? picture($0) }, .picture)
    }
    if let first = computed.first, computed.allSatisfy({ $0.layout == first.layout }),
      first.layout == .plain || values.allSatisfy({ $0.constant.map { $0.count == 1 } ?? true })
    {
      return (values, first.layout)
    }
    return (try values.map(plain), .plain)
  }

  /// Numbers of the other side, for example `[C]` or `[C, 1, 1]`, in the order of this side's pictures, without ones in front.
  private func besidePictures(_ tensor: Tensor) -> Element {
    let lengths = [Int](repeating: 1, count: max(0, 4 - tensor.shape.count)) + tensor.shape
    return Element(constant: tensor.reshaped(to: lengths).transposed(Self.fromOtherSide).trimmed)
  }

  /// A matrix `[M, K]` whose columns follow the other side's order of a flattened picture, in this side's order.
  package func columns(_ matrix: Tensor, following layout: Layout) -> Tensor {
    guard case .flattened(let height, let width, let channels) = layout, matrix.shape.count == 2,
      matrix.shape[1] == height * width * channels
    else { return matrix }
    let lengths = Self.toOtherSide == Layout.toGraph ? [height, width, channels] : [channels, height, width]
    return matrix.reshaped(to: [matrix.shape[0]] + lengths).transposed(Self.fromOtherSide).reshaped(to: matrix.shape)
  }
}
