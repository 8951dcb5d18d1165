/// One array of a batch, by its name.
public enum BatchPart: Hashable, Sendable, CustomStringConvertible {
  /// An input.
  case input(String)
  /// What an output is compared with.
  case target(String)
  /// The weights of the examples, or of their time steps, in an output's loss.
  case sampleWeights(String)
  /// What counts in an output's loss and metrics.
  case mask(String)

  /// The one input, which needs no name.
  public static let input = BatchPart.input("")
  /// The one target, which needs no name.
  public static let target = BatchPart.target("")
  /// The sample weights of all outputs.
  public static let sampleWeights = BatchPart.sampleWeights("")
  /// The mask of all outputs.
  public static let mask = BatchPart.mask("")

  /// `input "age"`
  public var description: String {
    let (kind, name) =
      switch self {
      case .input(let name): ("input", name)
      case .target(let name): ("target", name)
      case .sampleWeights(let name): ("sample weights", name)
      case .mask(let name): ("mask", name)
      }
    return name.isEmpty ? kind : "\(kind) \"\(name)\""
  }
}

/// The types of a batch's elements.
public protocol BatchElement {
  /// The type's name.
  static var dtype: DType { get }
}

extension Float: BatchElement { public static var dtype: DType { .float32 } }
extension Double: BatchElement { public static var dtype: DType { .float64 } }
extension Int32: BatchElement { public static var dtype: DType { .int32 } }
extension UInt8: BatchElement { public static var dtype: DType { .uint8 } }

/// The memory of one batch, which a cursor fills in place; it is used again for the next batch and holds its numbers until they are
/// written over.
public final class Batch {
  /// The most examples that it takes.
  public let capacity: Int
  /// The open lengths of the present batch, by name.
  private(set) var lengths: [String: Int] = [:]
  private var arrays: [BatchPart: Memory] = [:]
  private let openNames: Set<String>

  private struct Memory {
    let port: Port
    var buffer: NumberBuffer?

    /// The number of elements of one example; nil when an open length is not set or there are too many.
    func elementCount(_ lengths: [String: Int]) -> Int? {
      let sizes = port.exampleLengths.map { length -> Int? in
        switch length {
        case .fixed(let length): length
        case .open(let name): lengths[name]
        }
      }
      let known = sizes.compactMap(\.self)
      return known.count == sizes.count ? Tensor.elementCount(of: known) : nil
    }
  }

  /// Makes memory for the arrays of a source, as `fit` does.
  ///
  /// - Throws: `AthanorError` when a port is impossible or given twice, or memory is not available.
  public init(_ ports: DataPorts, capacity: Int) throws {
    guard capacity > 0 else {
      throw AthanorError(.argument, at: "data source", "a batch was asked for that holds \(capacity) examples")
    }
    self.capacity = capacity
    openNames = Set(
      ports.all.flatMap(\.port.exampleLengths).compactMap { if case .open(let name) = $0 { name } else { nil } })
    for (part, port) in ports.all {
      let fixed = port.exampleLengths.compactMap(\.fixed)
      guard [.float32, .float64, .int32, .uint8].contains(port.dtype), port.lengths.first == .batch,
        port.exampleAxis == 0, !port.exampleLengths.contains(.batch), fixed.allSatisfy({ $0 > 0 }),
        Tensor.elementCount(of: [capacity] + fixed).map({ $0 <= Scope.limit }) == true
      else {
        throw AthanorError(
          .argument, at: "data source", "\(part) is declared as \(port) for batches of \(capacity)",
          code: "Declare lengths of at least 1 behind .batch, and elements of type float32, float64, int32 or uint8.")
      }
      guard arrays.updateValue(Memory(port: port), forKey: part) == nil else {
        throw AthanorError(.argument, at: "data source", "\(part) is declared twice", fix: "Declare each array once.")
      }
    }
    for part in Array(arrays.keys) { try reserve(part) }
  }

  /// Sets an open length of this batch, for example the number of time steps, before arrays that depend on it are filled.
  ///
  /// - Throws: `AthanorError` when no array has an open length of this name, it is not positive, or memory is not available.
  public func setLength(_ name: String, _ length: Int) throws {
    guard openNames.contains(name), length > 0 else {
      throw AthanorError(
        .argument, at: "", "open length \"\(name)\" is set to \(length)",
        fix: openNames.isEmpty
          ? "The data source declares no open lengths."
          : "Set lengths of at least 1; there are \(openNames.sorted().joined(separator: ", ")).")
    }
    guard lengths.updateValue(length, forKey: name) != length else { return }
    for (part, memory) in arrays where memory.port.exampleLengths.contains(.open(name)) { try reserve(part) }
  }

  /// Calls a closure with all elements of an array in row-major order, those of `capacity` examples.
  ///
  /// - Throws: `AthanorError` when there is no such array or its elements have another type; what the closure throws.
  public func withElements<Element: BatchElement, Result>(
    _ part: BatchPart, as type: Element.Type, _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) throws -> Result {
    try body(elements(part, as: type).elements)
  }

  /// Writes the elements of one example, from 0, in row-major order.
  ///
  /// - Throws: `AthanorError` when there is no such array or example, or the elements have another type or number.
  public func set<Element: BatchElement>(_ part: BatchPart, _ example: Int, to values: [Element]) throws {
    let (elements, width) = try elements(part, as: Element.self)
    guard (0..<capacity).contains(example), values.count == width else {
      throw AthanorError(
        .data, at: "", "\(values.count) elements are set for example \(example) of \(part)",
        fix: "An example has \(width) elements, and the batch \(capacity) examples, counted from 0.")
    }
    _ = UnsafeMutableBufferPointer(rebasing: elements[example * width..<(example + 1) * width])
      .update(fromContentsOf: values)
  }

  private func elements<Element: BatchElement>(
    _ part: BatchPart, as type: Element.Type
  ) throws -> (elements: UnsafeMutableBufferPointer<Element>, width: Int) {
    guard let memory = arrays[part] else {
      throw AthanorError(
        .argument, at: "", "there is no \(part) in the batch",
        fix: "The data source declares \(arrays.keys.map(\.description).sorted().joined(separator: ", ")).")
    }
    guard memory.port.dtype == Element.dtype else {
      throw AthanorError(
        .argument, at: "", "\(part) has elements of type \(memory.port.dtype.rawValue), not \(Element.dtype.rawValue)",
        fix: "Fill it with elements of the type that the data source declares.")
    }
    guard let width = memory.elementCount(lengths), let buffer = memory.buffer else {
      throw AthanorError(
        .argument, at: "", "\(part) of type \(memory.port) has open lengths that are not set",
        code: "Call setLength for each open length of the batch first.")
    }
    let start = buffer.base.assumingMemoryBound(to: Element.self)
    return (UnsafeMutableBufferPointer(start: start, count: capacity * width), width)
  }

  /// The bytes of an array; nil when there is none or its lengths are not known.
  func bytes(_ part: BatchPart) -> UnsafeMutableRawBufferPointer? {
    guard let memory = arrays[part], let width = memory.elementCount(lengths), let buffer = memory.buffer else {
      return nil
    }
    return UnsafeMutableRawBufferPointer(
      start: buffer.base, count: capacity * width * memory.port.dtype.byteCount)
  }

  /// Copies rows of a tensor to the beginning of an array; nothing where the batch has none of this name.
  ///
  /// - Throws: `AthanorError` when they do not fit.
  func copy(_ rows: some RandomAccessCollection<Int>, of tensor: Tensor, to part: BatchPart) throws {
    guard let place = bytes(part) else { return }
    guard place.count >= rows.count * tensor.shape.dropFirst().reduce(tensor.dtype.byteCount, *) else {
      throw AthanorError(
        .data, at: "", "\(part) of shape \(Shape.text(tensor.shape)) does not fit into the batch",
        fix: "Declare the ports of the data set, and fill batches of the size for which the cursor was made.")
    }
    tensor.copyRows(rows, to: place)
  }

  /// Forgets the open lengths, which differ from batch to batch.
  func begin() {
    if !openNames.isEmpty { lengths = [:] }
  }

  /// Makes an array's memory large enough.
  private func reserve(_ part: BatchPart) throws {
    guard var memory = arrays[part], let width = memory.elementCount(lengths) else { return }
    guard let count = Tensor.elementCount(of: [capacity, width]), count <= Scope.limit else {
      throw AthanorError(
        .argument, at: "", "\(part) would have \(width) elements in each of \(capacity) examples",
        fix: "Use shorter lengths or smaller batches.")
    }
    let size = count * memory.port.dtype.byteCount
    guard size > memory.buffer?.byteCount ?? -1 else { return }
    memory.buffer = nil
    memory.buffer = try NumberBuffer(byteCount: size)
    arrays[part] = memory
  }
}
