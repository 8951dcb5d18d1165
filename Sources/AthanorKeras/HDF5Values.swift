import Athanor

/// A type: section IV.A.2.d.
struct HDF5Type {
  private enum Class: Int {
    case integer = 0
    case float = 1
    case text = 3
    case opaque = 5
    case variable = 9
  }

  let size: Int
  private let typeClass: Class?
  private let bits: Int
  private let properties: HDF5Cursor

  init(_ cursor: inout HDF5Cursor) throws {
    typeClass = Class(rawValue: try cursor.integer(1) & 15)
    bits = try cursor.integer(3)
    size = try cursor.integer(4)
    properties = cursor
  }

  /// Whether it is of texts, of fixed or variable length.
  var isText: Bool { typeClass == .text || isVariable && bits & 15 == 1 }

  var isNumeric: Bool { typeClass == .integer || typeClass == .float || typeClass == .opaque && size == 2 }

  /// Whether its elements lie in a heap.
  var isVariable: Bool { typeClass == .variable }

  private static let unsupported = HDF5Problem(
    text: "its numbers are of a type that is not supported",
    fix: "Save them as floating-point numbers of 16, 32 or 64 bits, or integers.")

  /// The elements of raw bytes, as 32-bit floating-point numbers or integers; integers that do not fit are 64-bit floating-point numbers
  /// (states of random numbers, which are not read, are such).
  func storage(_ raw: UnsafeRawBufferPointer) throws -> Tensor.Storage {
    switch typeClass {
    case .integer: return try integers(raw)
    case .float: return .float32(try floats(raw))
    // NumPy has no bfloat16, so that Keras writes its numbers as two bytes without a type.
    case .opaque where size == 2:
      return .float32((HDF5Type.copy(raw) as [UInt16]).map { Float(bitPattern: UInt32($0) << 16) })
    default: throw HDF5Type.unsupported
    }
  }

  private func integers(_ raw: UnsafeRawBufferPointer) throws -> Tensor.Storage {
    var cursor = properties
    guard try cursor.integer(2) == 0, try cursor.integer(2) == size * 8 else { throw HDF5Type.unsupported }
    func narrow<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws -> Tensor.Storage {
      let values: [Number] = try elements(raw) { $0 }
      let narrow = values.compactMap { Int32(exactly: $0) }
      return narrow.count == values.count ? .int32(narrow) : .float64(values.map { Double($0) })
    }
    switch (size, bits & 8 != 0) {
    case (1, true): return try narrow(Int8.self)
    case (1, false): return try narrow(UInt8.self)
    case (2, true): return try narrow(Int16.self)
    case (2, false): return try narrow(UInt16.self)
    case (4, true): return bits & 1 == 0 ? .int32(HDF5Type.copy(raw)) : try narrow(Int32.self)
    case (4, false): return try narrow(UInt32.self)
    case (8, true): return try narrow(Int64.self)
    case (8, false): return try narrow(UInt64.self)
    default: throw HDF5Type.unsupported
    }
  }

  private func floats(_ raw: UnsafeRawBufferPointer) throws -> [Float] {
    var cursor = properties
    let (offset, precision) = (try cursor.integer(2), try cursor.integer(2))
    // Places and sizes of exponent and fraction; the exponent's bias, and the sign's place.
    let parts = [try cursor.integer(1), try cursor.integer(1), try cursor.integer(1), try cursor.integer(1)]
    let bias = try cursor.integer(4)
    guard offset == 0, precision == size * 8, bits >> 8 & 255 == precision - 1, bits & 0x40 == 0 else {
      throw HDF5Type.unsupported
    }
    switch (size, parts, bias) {
    case (2, [10, 5, 0, 10], 15): return try elements(raw) { (bits: UInt16) in number(halfPattern: bits) }
    case (2, [7, 8, 0, 7], 127): return try elements(raw) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
    case (4, [23, 8, 0, 23], 127):
      return bits & 1 == 0 ? HDF5Type.copy(raw) : try elements(raw) { (bits: UInt32) in Float(bitPattern: bits) }
    case (8, [52, 11, 0, 52], 1023):
      return try elements(raw) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    default: throw HDF5Type.unsupported
    }
  }

  /// The elements as they are; Swift runs on little-endian machines only.
  private static func copy<Element: BitwiseCopyable>(_ raw: UnsafeRawBufferPointer) -> [Element] {
    let count = raw.count / MemoryLayout<Element>.stride
    return [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: raw[..<(count * MemoryLayout<Element>.stride)]))
      initializedCount = count
    }
  }

  /// The elements in another type; bit 0 of the type's bits says that the highest byte comes first.
  private func elements<Stored: FixedWidthInteger & BitwiseCopyable, Element: BitwiseCopyable>(
    _ raw: UnsafeRawBufferPointer, _ convert: (Stored) throws -> Element
  ) throws -> [Element] {
    let (count, isBig) = (raw.count / MemoryLayout<Stored>.stride, bits & 1 != 0)
    return try [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      for index in 0..<count {
        let stored = raw.loadUnaligned(fromByteOffset: index * MemoryLayout<Stored>.stride, as: Stored.self)
        buffer.initializeElement(at: index, to: try convert(isBig ? stored.byteSwapped : stored))
      }
      initializedCount = count
    }
  }
}

/// A shape: section IV.A.2.b.
struct HDF5Shape {
  let lengths: [Int]
  /// Whether there are no elements at all, not even one.
  let isNull: Bool

  init(_ cursor: inout HDF5Cursor) throws {
    let version = try cursor.version(1...2, of: "its shape")
    let rank = try cursor.integer(1)
    guard rank <= 32 else { throw HDF5Problem(text: "its shape has \(rank) axes, more than 32") }
    try cursor.take(1)
    if version == 1 {
      try cursor.take(5)
      isNull = false
    } else {
      isNull = try cursor.integer(1) == 2
    }
    lengths = try (0..<rank).map { _ in try cursor.integer(8) }
    // Products of lengths fit in any order, also where one of them is zero.
    let (product, overflow) = lengths.reduce((1, false)) { result, length in
      let (product, overflow) = result.0.multipliedReportingOverflow(by: max(length, 1))
      return (product, result.1 || overflow)
    }
    guard !overflow, product <= Int.max >> 8 else {
      throw HDF5Problem(text: "it claims shape \(Shape.text(lengths)), which is more than the file can hold")
    }
  }
}

/// An attribute: section IV.A.2.m.
struct HDF5Attribute {
  let type: HDF5Type
  let shape: [Int]
  let isNull: Bool
  let value: HDF5Cursor

  static func read(_ file: HDF5Bytes, _ cursor: inout HDF5Cursor) throws -> (name: String, attribute: HDF5Attribute) {
    let version = try cursor.version(1...3, of: "an attribute")
    let flags = try cursor.integer(1)
    let lengths = [try cursor.integer(2), try cursor.integer(2), try cursor.integer(2)]
    if version == 3 { try cursor.take(1) }
    var parts: [HDF5Cursor] = []
    for length in lengths {
      parts.append(HDF5Cursor(file, try cursor.take(length)))
      if version == 1 { try cursor.take((8 - length % 8) % 8) }
    }
    let name = try file.text(parts[0].rest)
    guard !name.isEmpty else { throw HDF5Problem(text: "an attribute has no name") }
    guard version == 1 || flags & 3 == 0 else {
      throw HDF5Problem(
        text: "attribute \(name) has a named type, which is not supported", fix: "Save it without named types.")
    }
    let shape = try HDF5Shape(&parts[2])
    let attribute = HDF5Attribute(
      type: try HDF5Type(&parts[1]), shape: shape.lengths, isNull: shape.isNull, value: cursor)
    return (name, attribute)
  }
}

/// Reads arrays.
enum HDF5Values {
  static func array(_ file: HDF5Bytes, _ header: HDF5Header) throws -> Tensor {
    guard var typeMessage = header.messages(.type).first, var shapeMessage = header.messages(.shape).first,
      var layout = header.messages(.layout).first
    else { throw HDF5Problem(text: "its type, shape or layout is missing") }
    guard header.messages(.externalFiles).isEmpty else {
      throw HDF5Problem(text: "its numbers are kept in another file", fix: "Save it as one file.")
    }
    var filters = HDF5Filters()
    if var message = header.messages(.filters).first { filters = try HDF5Filters(file, &message) }
    let (type, shape) = (try HDF5Type(&typeMessage), try HDF5Shape(&shapeMessage))
    guard type.isNumeric else { throw HDF5Problem(text: "it is neither of floating-point numbers nor of integers") }
    guard !shape.isNull else { throw HDF5Problem(text: "it holds no numbers") }
    guard let count = Tensor.elementCount(of: shape.lengths), (1...16).contains(type.size),
      file.canHold(count, elementSize: max(4, type.size))
    else {
      throw HDF5Problem(text: "it claims shape \(Shape.text(shape.lengths)), which is more than the file can hold")
    }
    let place = try HDF5Layout(file, &layout, shape.lengths, elementSize: type.size)
    let storage: Tensor.Storage
    switch place {
    case .bytes(let range):
      storage = try type.storage(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
    case .chunks(let tree, let lengths):
      var chunks = HDF5Chunks(shape: shape.lengths, chunk: lengths, fill: try fill(file, header, type.size))
      if let tree { try chunks.read(file, tree, filters) }
      storage = try chunks.bytes.withUnsafeBytes(type.storage)
    }
    return Tensor(uncheckedShape: shape.lengths, storage)
  }

  /// The bytes of the element that stands for those never written: section IV.A.2.f.
  private static func fill(_ file: HDF5Bytes, _ header: HDF5Header, _ size: Int) throws -> [UInt8] {
    let zero = [UInt8](repeating: 0, count: size)
    guard var cursor = header.messages(.fill).first else { return zero }
    if try cursor.version(1...3, of: "its fill value") == 3 {
      guard try cursor.integer(1) & 32 != 0 else { return zero }
    } else {
      try cursor.take(2)
      guard try cursor.integer(1) != 0 else { return zero }
    }
    let length = try cursor.integer(4)
    guard length == size else { return zero }
    return Array(file.bytes[try cursor.take(size)])
  }
}

/// Where the numbers of an array lie: section IV.A.2.i.
enum HDF5Layout {
  case bytes(Range<Int>)
  /// The B-tree of chunks and the chunks' lengths; numbers that were never written are an array without chunks.
  case chunks(tree: Int?, lengths: [Int])

  init(_ file: HDF5Bytes, _ cursor: inout HDF5Cursor, _ shape: [Int], elementSize: Int) throws {
    let size = shape.reduce(elementSize, *)
    let version = try cursor.version(1...5, of: "its layout")
    var rank = version < 3 ? try cursor.integer(1) : 0
    let layoutClass = try cursor.integer(1)
    if version < 3 { try cursor.take(5) }
    switch layoutClass {
    case 0:
      // Versions 1 and 2 repeat the shape before the length.
      if version < 3 { try cursor.take(4 * rank) }
      guard try cursor.integer(version < 3 ? 4 : 2) >= size else { throw HDF5Layout.short }
      self = .bytes(try cursor.take(size))
    case 1:
      guard let address = try cursor.address() else {
        self = .chunks(tree: nil, lengths: shape)
        return
      }
      if version >= 3 {
        guard try cursor.integer(8) >= size else { throw HDF5Layout.short }
      }
      self = .bytes(try file.cursor(address, count: size).rest)
    case 2:
      guard version <= 3 else {
        throw HDF5Problem(
          text: "its numbers are kept in chunks of a form that is not supported",
          fix: "Save the file without chunks, or in the form that the oldest versions of HDF5 read.")
      }
      if version == 3 { rank = try cursor.integer(1) }
      let tree = try cursor.address()
      let lengths = try (0..<rank).map { _ in try cursor.integer(4) }
      guard rank == shape.count + 1, lengths.last == elementSize, !lengths.contains(0) else {
        throw HDF5Problem(text: "its chunks are not of its shape")
      }
      self = .chunks(tree: tree, lengths: Array(lengths.dropLast()))
    default: throw HDF5Problem(text: "its numbers are kept in other arrays", fix: "Save it as one file.")
    }
  }

  private static let short = HDF5Problem(text: "it holds fewer numbers than its shape says")
}

/// Puts an array together from its chunks: section III.A.1, kind 1.
struct HDF5Chunks {
  let shape: [Int]
  let chunk: [Int]
  private let elementSize: Int
  private(set) var bytes: [UInt8]

  /// - Parameter fill: The bytes of an element that no chunk holds.
  init(shape: [Int], chunk: [Int], fill: [UInt8]) {
    (self.shape, self.chunk, elementSize) = (shape, chunk, fill.count)
    let count = shape.reduce(1, *)
    bytes = [UInt8](repeating: 0, count: count * fill.count)
    guard fill.contains(where: { $0 != 0 }) else { return }
    for index in bytes.indices { bytes[index] = fill[index % fill.count] }
  }

  mutating func read(_ file: HDF5Bytes, _ tree: Int, _ filters: HDF5Filters) throws {
    let limit = file.bytes.count.multipliedReportingOverflow(by: filters.maximumRatio)
    guard let count = Tensor.elementCount(of: chunk), limit.overflow || count <= limit.partialValue / elementSize else {
      throw HDF5Problem.outside
    }
    let size = count * elementSize
    guard filters.isEmpty || file.canHold(size, elementSize: 1) else { throw HDF5Problem.endless }
    try HDF5Tree.visit(file, tree, kind: 1, keySize: 8 + 8 * (shape.count + 1)) { key, address in
      var key = key
      let (stored, skipped) = (try key.integer(4), try key.integer(4))
      guard stored == size || !filters.isEmpty else { throw HDF5Problem(text: "a chunk is damaged") }
      let origin = try shape.map { _ in try key.integer(8) }
      let place = UnsafeRawBufferPointer(rebasing: file.bytes[try file.cursor(address, count: stored).rest])
      guard !filters.isEmpty else { return try copy(file, place, to: origin) }
      // The same chunk may be named many times.
      try file.countReadings(size / 64)
      let elements = try filters.elements(place, skipped: skipped, size: size)
      try elements.withUnsafeBytes { try copy(file, $0, to: origin) }
    }
  }

  /// Copies the rows of a chunk that lie within the array.
  private mutating func copy(_ file: HDF5Bytes, _ elements: UnsafeRawBufferPointer, to origin: [Int]) throws {
    guard zip(origin, shape).allSatisfy({ $0 < $1 }), zip(origin, chunk).allSatisfy({ $0 % $1 == 0 }) else {
      throw HDF5Problem(text: "a chunk lies outside of the array")
    }
    let used = zip(zip(shape, origin), chunk).map { min($0.0 - $0.1, $1) }
    let rows = used.dropLast().reduce(1, *)
    let length = (used.last ?? 1) * elementSize
    try file.countReadings(rows * (1 + length / 64))
    for row in 0..<rows {
      var (rest, from, to, fromStride, toStride) = (row, 0, 0, 1, 1)
      for axis in shape.indices.reversed() {
        var index = 0
        if axis < shape.count - 1 { (rest, index) = rest.quotientAndRemainder(dividingBy: used[axis]) }
        from += index * fromStride
        to += (origin[axis] + index) * toStride
        fromStride *= chunk[axis]
        toStride *= shape[axis]
      }
      let source = elements[from * elementSize..<from * elementSize + length]
      bytes.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[to * elementSize..<to * elementSize + length])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source))
      }
    }
  }
}
