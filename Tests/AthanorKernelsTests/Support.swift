import AthanorKernels
import Testing

/// A block of memory as the kernels want it: aligned to 64 bytes, and with a guard behind it that must stay as it was.
final class Buffer<Element: Sendable & Equatable> {
  let count: Int
  let pointer: UnsafeMutablePointer<Element>
  private let guardValue: Element
  private static var guardCount: Int { 64 }

  init(_ values: [Element], guardValue: Element) {
    count = values.count
    self.guardValue = guardValue
    let bytes = (values.count + Self.guardCount) * MemoryLayout<Element>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    pointer = memory.bindMemory(to: Element.self, capacity: values.count + Self.guardCount)
    for (place, value) in values.enumerated() { (pointer + place).initialize(to: value) }
    (pointer + values.count).initialize(repeating: guardValue, count: Self.guardCount)
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  var values: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// False when something wrote behind the end.
  var isGuardIntact: Bool { (0..<Self.guardCount).allSatisfy { pointer[count + $0] == guardValue } }
}

/// The two element types of the tables.
protocol Real: BinaryFloatingPoint, Sendable {
  static var tableOfDoubles: Bool { get }
}
extension Float: Real { static var tableOfDoubles: Bool { false } }
extension Double: Real { static var tableOfDoubles: Bool { true } }

extension Buffer where Element: Real {
  convenience init(_ values: [Element]) { self.init(values, guardValue: 12_345) }
  /// Contents that a kernel must not depend on.
  convenience init(undefined count: Int) { self.init(Array(repeating: Element.nan, count: count)) }
}

extension Buffer where Element: FixedWidthInteger {
  convenience init(_ values: [Element]) { self.init(values, guardValue: 77) }
  convenience init(undefined count: Int) { self.init(Array(repeating: 99, count: count)) }
}

/// Scratch of exactly the size that a kernel asked for.
func scratch(_ bytes: Int) -> Buffer<UInt8> { Buffer<UInt8>(undefined: bytes) }

/// Team of threads for the life of a test.
final class Pool {
  let handle: OpaquePointer

  init(_ threads: Int) throws {
    guard let made = ath_pool_create(Int32(threads)) else { throw NoThreads() }
    handle = made
  }

  deinit { ath_pool_destroy(handle) }

  struct NoThreads: Error {}
}

/// A float table with its name, as a test argument.
struct Table: Sendable, CustomTestStringConvertible {
  let instructions: ath_instructions

  var testDescription: String { String(cString: kernels.name) }

  /// Only made for sets that exist here.
  var kernels: ath_kernel_table { ath_kernels_f32(instructions).pointee }

  /// Every float table that this CPU and this build have.
  static let all: [Table] = [
    ATH_INSTRUCTIONS_REFERENCE, ATH_INSTRUCTIONS_NEON, ATH_INSTRUCTIONS_AVX2, ATH_INSTRUCTIONS_AVX512,
  ].filter { ath_kernels_f32($0) != nil }.map(Table.init)

  static var double: ath_kernel_table { ath_kernels_f64().pointee }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers in every run.
struct Random {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func int(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(next() % UInt64(range.count)) }

  /// Uniform in the range, exactly the same as a Float and as a Double.
  mutating func float(_ range: ClosedRange<Float> = -1...1) -> Float {
    let unit = Float(next() >> 40) / Float(1 << 24)
    return range.lowerBound + unit * (range.upperBound - range.lowerBound)
  }

  mutating func floats(_ count: Int, _ range: ClosedRange<Float> = -1...1) -> [Float] {
    (0..<count).map { _ in float(range) }
  }
}

/// Half a unit in the last place of 1: the largest relative error of one rounding to Float.
let roundoff = 0x1p-24

extension Array where Element == Float {
  var doubles: [Double] { map(Double.init) }
}

/// The largest |got - want| / allowed over all elements; at most 1 when everything is within its tolerance. Infinite
/// when a NaN or an infinity is on one side alone.
func worst(_ got: [Float], _ want: [Double], allowed: (Int) -> Double) -> Double {
  guard got.count == want.count else { return .infinity }
  var result = 0.0
  for place in got.indices {
    let value = Double(got[place])
    if value.isNaN && want[place].isNaN || value == want[place] { continue }
    let error = abs(value - want[place]) / allowed(place)
    if error.isNaN { return .infinity }
    result = Swift.max(result, error)
  }
  return result
}

/// Equal bit by bit, NaN included.
func identical(_ a: [Float], _ b: [Float]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.bitPattern == $1.bitPattern }
}

/// Calls a kernel. The objects that own its memory are named so that none is released before the kernel has returned.
func call<Arguments, Result>(
  _ kernel: (UnsafePointer<Arguments>?, OpaquePointer?) -> Result, _ arguments: Arguments,
  on pool: Pool, keeping owners: [AnyObject]
) -> Result {
  withExtendedLifetime((pool, owners)) {
    withUnsafePointer(to: arguments) { kernel($0, pool.handle) }
  }
}

/// Runs a kernel with teams of 1, 2 and 4 threads; the results must be identical to the last bit.
func onEveryTeam(_ body: (Pool) throws -> [[Float]]) throws -> (results: [[Float]], agree: Bool) {
  var first: [[Float]]?
  var agree = true
  for threads in [1, 2, 4] {
    let pool = try Pool(threads)
    let results = try body(pool)
    if let first { agree = agree && zip(first, results).allSatisfy(identical) } else { first = results }
  }
  return (first ?? [], agree)
}
