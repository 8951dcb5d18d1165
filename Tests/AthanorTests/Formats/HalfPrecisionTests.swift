import Athanor
import Testing

#if !(os(macOS) && arch(x86_64))
  @Suite("16-bit floating-point numbers")
  struct HalfPrecisionTests {
    @Test("Every one is read as it is and comes back; what lies between goes to the nearest, ties to even")
    func conversions() {
      for bits in UInt16.min...UInt16.max {
        let half = Float16(bitPattern: bits)
        if half.isNaN {
          #expect(number(halfPattern: bits).isNaN)
          #expect(Float16(bitPattern: halfPattern(Float(half))).isNaN)
        } else {
          #expect(number(halfPattern: bits).bitPattern == Float(half).bitPattern)
          #expect(halfPattern(Float(half)) == bits)
        }
      }
      var state: UInt32 = 1
      for _ in 0..<200_000 {
        state = state &* 1_664_525 &+ 1_013_904_223
        let value = Float(bitPattern: state)
        guard !value.isNaN else { continue }
        #expect(halfPattern(value) == Float16(value).bitPattern, "\(value)")
      }
    }
  }
#endif
