import Foundation
import Testing

/// SplitMix64: the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}

/// Every beginning of a file, and many copies of it with one to four bits turned.
func mutations(of file: [UInt8], flips: Int, seed: UInt64 = 1) -> some Sequence<[UInt8]> {
  var generator = SeededGenerator(seed: seed)
  var number = 0
  return AnyIterator {
    defer { number += 1 }
    if number < file.count { return Array(file.prefix(number)) }
    guard number < file.count + flips else { return nil }
    var copy = file
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      copy[Int.random(in: copy.indices, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
    }
    return copy
  }
}
