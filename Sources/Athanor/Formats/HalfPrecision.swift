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

/// The number that 16 bits stand for (IEEE 754).
package func number(halfPattern bits: UInt16) -> Float {
  let sign: Float = bits & 0x8000 == 0 ? 1 : -1
  let (exponent, fraction) = (Int(bits >> 10 & 0x1F), Float(bits & 0x3FF))
  switch exponent {
  case 0: return sign * fraction * 0x1p-24
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default: return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
  }
}
