import AthanorCore

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers in every run, and not those of the code under test.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }
}

/// The contents of one source of a graph.
enum Numbers: Hashable, Sendable {
  case real([Double])
  case int32([Int32])
  case uint8([UInt8])
  case uint16([UInt16])

  /// The bytes as a plan of this precision wants them.
  func bytes(_ precision: Precision) -> [UInt8] {
    func raw<Element>(_ values: [Element]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }
    switch self {
    case .real(let values): return precision == .double ? raw(values) : raw(values.map { Float($0) })
    case .int32(let values): return raw(values)
    case .uint8(let values): return values
    case .uint16(let values): return raw(values)
    }
  }

  /// Reads numbers back from bytes.
  static func values(_ bytes: [UInt8], _ dtype: DType, _ precision: Precision) -> [Double] {
    func read<Element>(_ type: Element.Type, _ convert: (Element) -> Double) -> [Double] {
      bytes.withUnsafeBytes { raw in
        (0..<raw.count / MemoryLayout<Element>.size).map {
          convert(raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.size, as: type))
        }
      }
    }
    switch dtype {
    case .float32: return precision == .double ? read(Double.self) { $0 } : read(Float.self) { Double($0) }
    case .float64: return read(Double.self) { $0 }
    case .int32: return read(Int32.self) { Double($0) }
    case .uint8: return read(UInt8.self) { Double($0) }
    case .uint16: return read(UInt16.self) { Double($0) }
    }
  }
}

/// How a source of a case is filled.
enum Filling: Hashable, Sendable {
  /// Different multiples of 0.01 around zero, never nearer to zero than 0.0025; `lane` keeps two inputs apart by that
  /// much too. So a maximum or a ReLU does not change sides when an element moves by a thousandth.
  case spread(lane: Int = 0)
  /// Within 0.2 ... 2.2.
  case positive
  /// Of either sign, at a distance of 0.3 ... 2.3 from zero.
  case awayFromZero
  /// -1, 0 or 1: ties, and the kinks themselves.
  case few
  /// Rows along the last axis that are positive and add up to 1.
  case probabilities
  /// 0 ..< count, and now and then one outside of it.
  case classes(Int, outside: Bool = false)
  /// All bytes.
  case bytes

  func numbers(_ type: ValueType, batch: Int, _ random: inout Random) -> Numbers {
    let shape = type.shape.bound(to: batch)
    let count = shape.reduce(1, *)
    func grid(_ element: (Int) -> Double) -> Numbers {
      .real((0..<count).shuffled(using: &random).map { element($0) })
    }
    switch self {
    case .spread(let lane):
      return grid { (Double($0 - count / 2) + 0.5 + Double(lane) * 0.25) * 0.01 * Swift.max(1, 200 / Double(count)) }
    case .positive: return grid { 0.2 + 2 * Double($0) / Double(count) }
    case .awayFromZero: return grid { (0.3 + 2 * Double($0) / Double(count)) * ($0 % 2 == 0 ? 1 : -1) }
    case .few: return .real((0..<count).map { _ in Double(random.below(3) - 1) })
    case .probabilities:
      let columns = shape.last ?? 1
      var values = (0..<count).map { _ in Double(random.below(1000) + 1) }
      for row in stride(from: 0, to: count, by: columns) {
        let sum = values[row..<row + columns].reduce(0, +)
        for place in row..<row + columns { values[place] /= sum }
      }
      return .real(values)
    case .classes(let classes, let outside):
      return .int32(
        (0..<count).map { place in
          outside && place % 5 == 1 ? [-1, Int32(classes)][place % 2] : Int32(random.below(classes))
        })
    case .bytes:
      return type.dtype == .uint8
        ? .uint8((0..<count).map { _ in UInt8(random.below(256)) })
        : .int32(
          (0..<count).map { _ in Int32(random.below(2001) - 1000) })
    }
  }
}
