extension UnsafeRawBufferPointer {
  /// The number at a place, its lowest byte first.
  func number<Number: FixedWidthInteger>(_ place: Int, as type: Number.Type) -> Number {
    Number(littleEndian: loadUnaligned(fromByteOffset: place, as: type))
  }
}

/// An attribute whose name, type, shape and value lie within it.
///
/// Version (1 byte), flags (1), lengths of name, type and shape (2 each), in version 3 the name's encoding (1); then these three and the
/// value. In version 1 each of the three is filled up to a multiple of 8. Source: HDF5 File Format Specification 3.0, section IV.A.2.m.
struct HDF5Attribute {
  /// The bytes of the value.
  let value: Range<Int>
  let hasTextsOfVariableLength: Bool

  /// - Returns: nil when the attribute is damaged, or of a version that does not exist.
  init?(_ bytes: UnsafeRawBufferPointer, _ place: Range<Int>) {
    guard place.count >= 8 else { return nil }
    let version = bytes[place.lowerBound]
    guard (1...3).contains(version) else { return nil }
    let lengths = [2, 4, 6].map { Int(bytes.number(place.lowerBound + $0, as: UInt16.self)) }
    var starts = [place.lowerBound + (version == 3 ? 9 : 8)]
    for length in lengths { starts.append(starts[starts.count - 1] + (version == 1 ? (length + 7) / 8 * 8 : length)) }
    let (type, shape, begin) = (starts[1], starts[2], starts[3])
    guard lengths[0] >= 1, begin <= place.upperBound else { return nil }
    value = begin..<place.upperBound
    // A type or shape that lies elsewhere in the file; Keras has none.
    guard version == 1 || bytes[place.lowerBound + 1] & 3 == 0 else {
      hasTextsOfVariableLength = false
      return
    }
    guard lengths[1] >= 8, lengths[2] >= 4 else { return nil }
    hasTextsOfVariableLength = bytes[type] & 0x0F == 9
    // A shape: version, rank, flags; then 8 bytes for each length, from 8 on in version 1 and from 4 on in version 2.
    let (rank, first) = (Int(bytes[shape + 1]), bytes[shape] == 1 ? 8 : 4)
    guard rank <= 32, first + 8 * rank <= lengths[2] else { return nil }
    var size = UInt64(bytes.number(type + 4, as: UInt32.self))
    // A null shape (version 2, kind 2) has no value.
    if bytes[shape] == 2, bytes[shape + 3] == 2 { size = 0 }
    for axis in 0..<rank {
      let (product, overflow) = size.multipliedReportingOverflow(
        by: bytes.number(shape + first + 8 * axis, as: UInt64.self))
      if overflow { return nil }
      size = product
    }
    guard size <= UInt64(value.count) else { return nil }
  }
}

/// The headers of version 2, which HDF5 2.0 writes unless it is told otherwise.
///
/// "OHDR", version (1 byte), flags (1), four times (16) and two limits (4) where flags say so, the length of the messages (1, 2, 4 or 8); then
/// messages: kind (1), length (2), flags (1), number (2) where flags say so. A message of kind 16 leads to further ones, between "OCHK" and a
/// checksum of 4 bytes. Source: HDF5 File Format Specification 3.0, section IV.A.1.b.
enum HDF5Headers {
  /// Whether messages lie within their headers, attributes are whole, and their texts are objects of heaps with the right lengths.
  ///
  /// - Parameter heaps: The sizes of the heaps' objects by number, by the heaps' addresses.
  static func areWhole(_ bytes: UnsafeRawBufferPointer, _ heaps: [UInt64: [UInt32: UInt64]]) -> Bool {
    let signature: UInt32 = 0x5244_484F  // "OHDR", the first letter in the lowest byte
    guard bytes.count >= 32 else { return true }
    for place in 0...bytes.count - 32
    where bytes.number(place, as: UInt32.self) == signature && bytes[place + 4] == 2 && bytes[place + 5] < 64 {
      guard isWhole(bytes, place, heaps) else { return false }
    }
    return true
  }

  private static func isWhole(
    _ bytes: UnsafeRawBufferPointer, _ header: Int, _ heaps: [UInt64: [UInt32: UInt64]]
  ) -> Bool {
    let flags = bytes[header + 5]
    let width = 1 << Int(flags & 3)
    var begin = header + 6 + (flags & 0x20 != 0 ? 16 : 0) + (flags & 0x10 != 0 ? 4 : 0)
    guard begin + width <= bytes.count else { return false }
    let length = (0..<width).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[begin + $1]) }
    begin += width
    guard length <= UInt64(bytes.count - begin) else { return false }
    let messageHeader = flags & 4 != 0 ? 6 : 4
    var chunks = [begin..<begin + Int(length)]
    var count = 0
    while let chunk = chunks.popLast() {
      count += 1
      guard count <= 4096 else { return false }
      var place = chunk.lowerBound
      // What is shorter than a message is a gap.
      while place + messageHeader <= chunk.upperBound {
        let content = place + messageHeader
        let end = content + Int(bytes.number(place + 1, as: UInt16.self))
        guard end <= chunk.upperBound else { return false }
        switch bytes[place] {
        case 12:
          guard let attribute = HDF5Attribute(bytes, content..<end), texts(attribute, bytes, heaps) else {
            return false
          }
        case 16:
          guard let next = continuation(bytes, content..<end) else { return false }
          chunks.append(next)
        default: break
        }
        place = end
      }
    }
    return true
  }

  /// The messages of a further chunk: its address (8 bytes) and length (8) are given.
  private static func continuation(_ bytes: UnsafeRawBufferPointer, _ message: Range<Int>) -> Range<Int>? {
    guard message.count >= 16 else { return nil }
    let address = bytes.number(message.lowerBound, as: UInt64.self)
    let length = bytes.number(message.lowerBound + 8, as: UInt64.self)
    guard address <= UInt64(bytes.count), length >= 8, length <= UInt64(bytes.count) - address,
      bytes.number(Int(address), as: UInt32.self) == 0x4B48_434F  // "OCHK"
    else { return nil }
    return Int(address) + 4..<Int(address + length) - 4
  }

  /// Each text is its length (4 bytes), the address of its heap (8) and its number there (4).
  private static func texts(
    _ attribute: HDF5Attribute, _ bytes: UnsafeRawBufferPointer, _ heaps: [UInt64: [UInt32: UInt64]]
  ) -> Bool {
    guard attribute.hasTextsOfVariableLength else { return true }
    return stride(from: attribute.value.lowerBound, through: attribute.value.upperBound - 16, by: 16).allSatisfy {
      guard let objects = heaps[bytes.number($0 + 4, as: UInt64.self)] else { return true }
      return objects[bytes.number($0 + 12, as: UInt32.self)] == UInt64(bytes.number($0, as: UInt32.self))
    }
  }
}
