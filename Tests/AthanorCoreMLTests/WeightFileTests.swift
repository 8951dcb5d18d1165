import AthanorCoreML
import Testing

@Suite struct WeightFileTests {
  /// The header, and each array at a multiple of 64 bytes behind its metadata.
  @Test func layout() {
    var file = WeightFile()
    let first = file.append([UInt8](repeating: 7, count: 70), .float32)
    let second = file.append([1, 2], .float16)
    let bytes = file.bytes
    func number(_ place: Int, _ count: Int) -> Int {
      (0..<count).reversed().reduce(0) { $0 << 8 | Int(bytes[place + $1]) }
    }
    #expect((first, second) == (64, 256))
    #expect(bytes.count == 384)
    #expect([number(0, 4), number(4, 4)] == [2, 2])
    for (place, type, size) in [(first, 2, 70), (second, 1, 2)] {
      #expect(number(place, 4) == 0xDEAD_BEEF)
      #expect([number(place + 4, 4), number(place + 8, 8), number(place + 16, 8)] == [type, size, place + 64])
    }
    #expect(bytes[128..<198].allSatisfy { $0 == 7 } && bytes[198..<256].allSatisfy { $0 == 0 })
    #expect(Array(bytes[320..<323]) == [1, 2, 0])
  }

  @Test func numbersAreLittleEndian() {
    #expect([UInt8]([1.5], as: .float32) == [0, 0, 0xC0, 0x3F])
    #expect([UInt8]([1.5, -2], as: .float16) == [0, 0x3E, 0, 0xC0])
  }
}
