import Athanor

/// The file of an ML Program's large constants ("blob storage", version 2): a header, then for each array 64 bytes of metadata and
/// its numbers, everything at multiples of 64 bytes and little-endian.
package struct WeightFile {
  package enum Element: UInt32 {
    case float16 = 1
    case float32 = 2
    case uint8 = 3
    case int8 = 4
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
      case .uint8: append(UInt8(clamping: Int(value)))
      case .int8: append(UInt8(bitPattern: Int8(clamping: Int(value))))
      }
    }
  }
}

/// Numbers of some bits each, packed from the lowest bit of each byte (ML Programs) or from the highest (neural networks).
package func unpacked(_ bytes: [UInt8], bits: Int, count: Int, lowestFirst: Bool) -> [UInt8] {
  guard bits < 8 else { return Array(bytes.prefix(count)) }
  return (0..<count).map { index in
    var value: UInt8 = 0
    for bit in 0..<bits {
      let place = index * bits + bit
      guard place / 8 < bytes.count else { break }
      let byte = bytes[place / 8]
      if lowestFirst {
        value |= (byte >> (place % 8) & 1) << bit
      } else {
        value = value << 1 | (byte >> (7 - place % 8) & 1)
      }
    }
    return value
  }
}

/// The reverse of `unpacked`.
package func packed(_ values: [UInt8], bits: Int, lowestFirst: Bool) -> [UInt8] {
  guard bits < 8 else { return values }
  var bytes = [UInt8](repeating: 0, count: (values.count * bits + 7) / 8)
  for (index, value) in values.enumerated() {
    for bit in 0..<bits where value >> (lowestFirst ? bit : bits - 1 - bit) & 1 == 1 {
      let place = index * bits + bit
      bytes[place / 8] |= 1 << (lowestFirst ? place % 8 : 7 - place % 8)
    }
  }
  return bytes
}
