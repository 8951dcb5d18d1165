import Athanor
import CZlib

/// How the chunks of an array are compressed: section IV.A.2.l.
struct HDF5Filters {
  private enum Filter {
    case deflate
    /// The first bytes of all elements stand together, then the second ones.
    case shuffle(elementSize: Int)
    /// A checksum of four bytes behind the data, which is not looked at.
    case checksum
  }

  private var filters: [Filter] = []

  /// Chunks as they are.
  init() {}

  init(_ file: HDF5Bytes, _ cursor: inout HDF5Cursor) throws {
    let version = try cursor.version(1...2, of: "its compression")
    let count = try cursor.integer(1)
    if version == 1 { try cursor.take(6) }
    for _ in 0..<count {
      let kind = try cursor.integer(2)
      let nameLength = version == 1 || kind >= 256 ? try cursor.integer(2) : 0
      try cursor.take(2)
      let valueCount = try cursor.integer(2)
      let name = try file.text(cursor.take(nameLength))
      let values = try (0..<valueCount).map { _ in try cursor.integer(4) }
      if version == 1, valueCount % 2 == 1 { try cursor.take(4) }
      switch kind {
      case 1: filters.append(.deflate)
      case 2: filters.append(.shuffle(elementSize: max(1, values.first ?? 1)))
      case 3: filters.append(.checksum)
      default:
        let known = [
          4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "LZF", 32001: "Blosc", 32004: "LZ4", 32015: "Zstandard",
        ]
        let title = known[kind] ?? (name.isEmpty ? "filter \(kind)" : "filter \(kind), \"\(name.prefix(40))\"")
        throw HDF5Problem(
          text: "its numbers are compressed by \(title), which is not supported",
          fix: "Save the file without compression, or with gzip.")
      }
    }
  }

  /// Nothing that deflate has packed is more than so many times as large.
  static let deflateRatio = 1032

  /// How many times as large as the file has them chunks may be.
  var maximumRatio: Int {
    filters.contains { if case .deflate = $0 { true } else { false } } ? HDF5Filters.deflateRatio : 1
  }

  /// Whether chunks are kept otherwise than as the elements themselves.
  var isEmpty: Bool { filters.isEmpty }

  /// The elements of a chunk.
  ///
  /// - Parameters:
  ///   - stored: The chunk as the file has it.
  ///   - skipped: Bit i says that filter i was not applied.
  ///   - size: The bytes of the elements.
  /// - Throws: `HDF5Problem` when they are not so many.
  func elements(_ stored: UnsafeRawBufferPointer, skipped: Int, size: Int) throws -> [UInt8] {
    var bytes = Array(stored)
    for (index, filter) in filters.enumerated().reversed() where skipped >> index & 1 == 0 {
      switch filter {
      case .checksum: bytes.removeLast(min(4, bytes.count))
      case .deflate:
        // A checksum may have been taken before.
        var unpacked = [UInt8](repeating: 0, count: size + 4)
        var length = uLongf(unpacked.count)
        guard uncompress(&unpacked, &length, bytes, uLong(bytes.count)) == Z_OK else {
          throw HDF5Problem(text: "a compressed chunk is damaged")
        }
        unpacked.removeLast(unpacked.count - Int(length))
        bytes = unpacked
      case .shuffle(let elementSize):
        let count = bytes.count / elementSize
        var result = bytes
        for byte in 0..<elementSize {
          for element in 0..<count { result[element * elementSize + byte] = bytes[byte * count + element] }
        }
        bytes = result
      }
    }
    guard bytes.count == size else { throw HDF5Problem(text: "a compressed chunk is damaged") }
    return bytes
  }
}
