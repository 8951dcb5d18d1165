/// A number that follows from bytes: FNV-1a with 64 bits (Fowler, Noll and Vo).
struct Fingerprint {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

  mutating func add(_ number: UInt32) { withUnsafeBytes(of: number.littleEndian) { $0.forEach { add($0) } } }

  /// A text, with its end.
  mutating func add(_ text: String) {
    text.utf8.forEach { add($0) }
    add(0xFF as UInt8)
  }
}
