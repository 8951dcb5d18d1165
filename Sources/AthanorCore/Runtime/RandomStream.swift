import AthanorKernels

/// Random numbers that follow from a seed and a stream number alone: the same on each machine and at any number of threads.
///
/// Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// - Example:
///   ```swift
///   var random = RandomStream(seed: 1, stream: 0)
///   let order = Array(0..<10).shuffled(using: &random)
///   ```
public struct RandomStream: RandomNumberGenerator, Sendable {
  private let key: UInt64
  private let stream: UInt64
  private var counter: UInt64 = 0
  private var words: (UInt64, UInt64) = (0, 0)
  private var wordsLeft = 0

  /// Begins a stream.
  public init(seed: UInt64, stream: UInt64) {
    key = seed
    self.stream = stream
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    if wordsLeft == 0 {
      var out: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
      withUnsafeMutableBytes(of: &out) { bytes in
        ath_philox4x32(key, stream, counter, bytes.baseAddress?.assumingMemoryBound(to: UInt32.self))
      }
      counter &+= 1
      words = (UInt64(out.0) | UInt64(out.1) << 32, UInt64(out.2) | UInt64(out.3) << 32)
      wordsLeft = 2
    }
    wordsLeft -= 1
    return wordsLeft == 1 ? words.0 : words.1
  }

  /// A number in 0 ..< 1, a multiple of 2^-53.
  public mutating func nextUniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A shuffled 0 ..< count (Fisher and Yates), the same for each version of the standard library.
  package mutating func permutation(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      let other = Int(next().multipliedFullWidth(by: UInt64(last + 1)).high)
      order.swapAt(last, other)
    }
    return order
  }
}
