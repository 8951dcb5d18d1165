/// A message of protocol buffers that is being written: fields in the order in which they are added.
struct ProtoMessage {
  private(set) var bytes: [UInt8] = []

  /// A whole number: a varint.
  mutating func add(_ field: Int, integer value: Int) {
    addTag(field, wire: 0)
    addVarint(UInt64(bitPattern: Int64(value)))
  }

  /// A number of 64 bits.
  mutating func add(_ field: Int, double value: Double) {
    addTag(field, wire: 1)
    bytes += littleEndian(value.bitPattern)
  }

  /// A number of 32 bits.
  mutating func add(_ field: Int, float value: Float) {
    addTag(field, wire: 5)
    bytes += littleEndian(value.bitPattern)
  }

  /// Several numbers of 64 bits, packed.
  mutating func add(_ field: Int, doubles values: [Double]) {
    add(field, bytes: values.flatMap { littleEndian($0.bitPattern) })
  }

  /// A text.
  mutating func add(_ field: Int, text: String) { add(field, bytes: Array(text.utf8)) }

  /// A message.
  mutating func add(_ field: Int, _ message: ProtoMessage) { add(field, bytes: message.bytes) }

  /// Bytes.
  mutating func add(_ field: Int, bytes content: [UInt8]) {
    addTag(field, wire: 2)
    addVarint(UInt64(content.count))
    bytes += content
  }

  private mutating func addTag(_ field: Int, wire: Int) { addVarint(UInt64(field << 3 | wire)) }

  private mutating func addVarint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// The bytes of a number, the lowest first.
func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A cyclic redundancy check of 32 bits, of the reflected kind: begins with all ones, and is inverted at the end.
package struct CyclicRedundancyCheck: Sendable {
  /// CRC-32C (Castagnoli), of TensorFlow's records.
  package static let castagnoli = CyclicRedundancyCheck(polynomial: 0x82F6_3B78)
  /// CRC-32, of PNG files.
  package static let png = CyclicRedundancyCheck(polynomial: 0xEDB8_8320)

  private let table: [UInt32]

  private init(polynomial: UInt32) {
    table = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 1 ? rest >> 1 ^ polynomial : rest >> 1 }
    }
  }

  /// The check of bytes.
  package func callAsFunction(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~0) { rest, byte in rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] }
  }
}
