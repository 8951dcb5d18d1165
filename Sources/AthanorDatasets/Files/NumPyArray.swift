import Athanor

/// An array in NumPy's `.npy` format, versions 1 to 3: integers, flags and floating-point numbers.
///
/// Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays". Arrays of objects (pickles) are refused.
package struct NumPyArray: Hashable, Sendable {
  /// The length of each axis.
  package let shape: [Int]
  /// How an element is stored.
  package let element: Element
  /// The elements in row-major order, little-endian.
  package let bytes: [UInt8]

  /// The kinds of elements that are read.
  package enum Element: String, Hashable, Sendable, CaseIterable {
    case bool = "|b1"
    case uint8 = "|u1"
    case int8 = "|i1"
    case uint16 = "<u2"
    case int16 = "<i2"
    case uint32 = "<u4"
    case int32 = "<i4"
    case uint64 = "<u8"
    case int64 = "<i8"
    case float16 = "<f2"
    case float32 = "<f4"
    case float64 = "<f8"

    /// The element that a header describes, in any byte order.
    init?(description: String) {
      guard let order = description.first, "<>|=".contains(order),
        let element = Element.allCases.first(where: { $0.rawValue.dropFirst() == description.dropFirst() })
      else { return nil }
      self = element
    }

    /// The element in which tensors of a type are written.
    init(_ dtype: DType) {
      switch dtype {
      case .float32: self = .float32
      case .float64: self = .float64
      case .int32: self = .int32
      case .uint8: self = .uint8
      case .uint16: self = .uint16
      }
    }

    var byteCount: Int {
      switch self {
      case .bool, .uint8, .int8: 1
      case .uint16, .int16, .float16: 2
      case .uint32, .int32, .float32: 4
      case .uint64, .int64, .float64: 8
      }
    }
  }

  // MARK: Reading

  /// Reads a file's contents, in either byte order and either order of axes.
  ///
  /// - Parameters:
  ///   - file: The whole file.
  ///   - path: Its name for errors.
  /// - Throws: `AthanorError` naming the byte when the file is truncated, damaged or of other elements.
  package init(_ file: [UInt8], path: String) throws {
    let header = try NumPyHeader(of: file, path: path)
    (shape, element) = (header.shape, header.element)
    var bytes = Array(file[header.end...])
    let size = element.byteCount
    if header.isFortranOrder, !bytes.isEmpty { bytes = NumPyArray.rowMajor(bytes, shape, size) }
    if header.isBigEndian, size > 1 {
      for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<start + size].reverse() }
    }
    self.bytes = bytes
  }

  /// Brings elements whose first axis changes fastest into row-major order.
  private static func rowMajor(_ bytes: [UInt8], _ shape: [Int], _ size: Int) -> [UInt8] {
    var steps: [Int] = []
    var step = size
    for length in shape {
      steps.append(step)
      step *= length
    }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var place = [Int](repeating: 0, count: shape.count)
    var offset = 0
    while result.count < bytes.count {
      result += bytes[offset..<offset + size]
      for axis in shape.indices.reversed() {
        place[axis] += 1
        offset += steps[axis]
        if place[axis] < shape[axis] { break }
        offset -= steps[axis] * shape[axis]
        place[axis] = 0
      }
    }
    return result
  }

  /// The array as a tensor for a model's input.
  ///
  /// Bytes stay bytes, so that pixels are scaled as they enter a model. All other integers and flags become int32, or bytes for an input
  /// of bytes; float16 becomes float32.
  ///
  /// - Parameters:
  ///   - dtype: The type of elements that the input takes.
  ///   - path: The file's name for errors.
  /// - Throws: `AthanorError` that names the place of an integer that does not fit.
  package func tensor(for dtype: DType, path: String) throws -> Tensor {
    let storage: Tensor.Storage =
      switch element {
      case .float16: .float32(stored(UInt16.self).map { number(halfPattern: $0) })
      case .float32: .float32(stored(Float.self))
      case .float64: .float64(stored(Double.self))
      case .uint8: .uint8(bytes)
      case .bool: try integers(bytes.map { $0 == 0 ? UInt8(0) : 1 }, dtype, path)
      case .int8: try integers(stored(Int8.self), dtype, path)
      case .uint16: try integers(stored(UInt16.self), dtype, path)
      case .int16: try integers(stored(Int16.self), dtype, path)
      case .uint32: try integers(stored(UInt32.self), dtype, path)
      case .int32: try integers(stored(Int32.self), dtype, path)
      case .uint64: try integers(stored(UInt64.self), dtype, path)
      case .int64: try integers(stored(Int64.self), dtype, path)
      }
    return try Tensor(shape: shape, storage: storage)
  }

  /// The elements as they are stored; Swift runs on little-endian machines only.
  private func stored<Number: BitwiseCopyable>(_ type: Number.Type) -> [Number] {
    let capacity = bytes.count / MemoryLayout<Number>.stride
    return [Number](unsafeUninitializedCapacity: capacity) { target, count in
      bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(target).copyMemory(from: $0) }
      count = capacity
    }
  }

  private func integers<Stored: FixedWidthInteger>(
    _ values: [Stored], _ dtype: DType, _ path: String
  ) throws -> Tensor.Storage {
    dtype == .uint8 ? .uint8(try narrowed(values, path)) : .int32(try narrowed(values, path))
  }

  private func narrowed<Stored: FixedWidthInteger, Narrow: FixedWidthInteger>(
    _ values: [Stored], _ path: String
  ) throws -> [Narrow] {
    try values.enumerated().map { index, value in
      guard let narrow = Narrow(exactly: value) else {
        var (rest, place) = (index, [Int]())
        for length in shape.reversed() {
          place.insert(rest % length, at: 0)
          rest /= length
        }
        throw AthanorError(
          .data, at: path, "element \(place) is \(value), which does not fit \(Narrow.bitWidth)-bit integers",
          fix: "Give integers from \(Narrow.min) to \(Narrow.max).")
      }
      return narrow
    }
  }

  // MARK: Writing

  /// Writes a tensor, of its own element type, in version 1.0 of the format.
  ///
  /// - Throws: `AthanorError` when the file cannot be written; an older file of this name is then untouched.
  package static func write(_ tensor: Tensor, to path: String) throws {
    try FileBytes.write(to: path) { append in
      try NumPyHeader.bytes(shape: tensor.shape, Element(tensor.dtype)).withUnsafeBytes(append)
      try tensor.withBytes(append)
    }
  }
}
