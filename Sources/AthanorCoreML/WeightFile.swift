import AthanorCore

/// The file of an ML Program's large constants ("blob storage", version 2): a header, then for each array 64 bytes of metadata and
/// its numbers, everything at multiples of 64 bytes and little-endian.
package struct WeightFile {
  package enum Element: UInt32 {
    case float16 = 1
    case float32 = 2
  }

  private var count: UInt32 = 0
  private var body: [UInt8] = []

  package init() {}

  /// Adds an array and returns where its metadata begins.
  package mutating func append(_ bytes: [UInt8], _ element: Element) -> Int {
    let offset = 64 + body.count
    body.append(littleEndian: 0xDEAD_BEEF as UInt32)
    body.append(littleEndian: element.rawValue)
    body.append(littleEndian: UInt64(bytes.count))
    body.append(littleEndian: UInt64(offset + 64))
    body += [UInt8](repeating: 0, count: 40)
    body += bytes
    body += [UInt8](repeating: 0, count: (64 - body.count % 64) % 64)
    count += 1
    return offset
  }

  package var bytes: [UInt8] {
    var header: [UInt8] = []
    header.append(littleEndian: count)
    header.append(littleEndian: 2 as UInt32)
    return header + [UInt8](repeating: 0, count: 56) + body
  }
}

extension [UInt8] {
  mutating func append(littleEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  /// Numbers as the file holds them.
  package init(_ values: [Float], as element: WeightFile.Element) {
    self = []
    reserveCapacity(values.count * 4)
    for value in values {
      switch element {
      case .float32: append(littleEndian: value.bitPattern)
      case .float16: append(littleEndian: halfPattern(value))
      }
    }
  }
}

/// The bits of the 16-bit floating-point number nearest to a value, ties to even (IEEE 754); `Float16` is not everywhere.
package func halfPattern(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 { return sign | 0x7E00 }  // NaN
  if magnitude >= 0x477F_F000 { return sign | 0x7C00 }  // rounds to infinity
  if magnitude < 0x3880_0000 {  // below the smallest normal number: multiples of 2^-24
    return sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
  }
  let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1) - 0x3800_0000
  return sign | UInt16(truncatingIfNeeded: rounded >> 13)
}
