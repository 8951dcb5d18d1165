import Athanor
import Crypto

/// SHA-256 sums, as hexadecimal text.
package enum Checksum {
  /// The SHA-256 sum of some bytes in lower-case hexadecimal digits.
  package static func sha256(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(SHA256.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
