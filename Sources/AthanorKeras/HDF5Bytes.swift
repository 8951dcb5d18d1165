/// What is wrong with a part of an HDF5 file; whoever reads the part says where it is.
struct HDF5Problem: Error {
  let text: String
  var fix = "The file is damaged or of another kind."

  static let outside = HDF5Problem(text: "it leads out of the file")
  static let endless = HDF5Problem(text: "it leads to more than the file can hold")
}

/// The bytes of an HDF5 file, and how much of them may still be read.
///
/// Parts may name each other in any order, so that a damaged file could lead in circles; each reading counts, and there is an end of it.
/// Source of all that is read: HDF5 File Format Specification 3.0, of which comments name the sections.
final class HDF5Bytes {
  let bytes: UnsafeRawBufferPointer
  /// How many numbers of headers, nodes and heaps may still be read.
  private var readingsLeft: Int
  /// How many bytes all results together may still take; links let many names stand for the same bytes of the file.
  private var resultsLeft: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    readingsLeft = max(1 << 24, bytes.count.multipliedReportingOverflow(by: 2).partialValue)
    // An integer of 8 bits takes 32, and attributes and arrays may have several names.
    resultsLeft = max(64 << 20, bytes.count.multipliedReportingOverflow(by: 8).partialValue)
  }

  func countReadings(_ count: Int = 1) throws {
    guard count <= readingsLeft else { throw HDF5Problem.endless }
    readingsLeft -= count
  }

  /// Whether results of so many bytes may be made; they count.
  func canHold(_ count: Int, elementSize: Int) -> Bool {
    let (size, overflow) = count.multipliedReportingOverflow(by: elementSize)
    guard !overflow, size <= resultsLeft else { return false }
    resultsLeft -= size
    return true
  }

  /// A cursor over the bytes from an address on, or over `count` of them.
  func cursor(_ address: Int?, count: Int? = nil) throws -> HDF5Cursor {
    guard let address, address >= 0, address <= bytes.count, (count ?? 0) >= 0, (count ?? 0) <= bytes.count - address
    else { throw HDF5Problem.outside }
    return HDF5Cursor(self, address..<address + (count ?? bytes.count - address))
  }

  /// A cursor behind the four letters that a part begins with.
  func cursor(_ address: Int?, signature: StaticString) throws -> HDF5Cursor {
    var cursor = try cursor(address)
    let place = try cursor.take(4)
    guard zip(bytes[place], 0..<4).allSatisfy({ $0 == signature.utf8Start[$1] }) else {
      throw HDF5Problem(text: "\(signature) was expected at byte \(place.lowerBound)")
    }
    return cursor
  }

  /// A text up to its first zero.
  func text(_ place: Range<Int>) throws -> String {
    let end = bytes[place].firstIndex(of: 0) ?? place.upperBound
    try countReadings((end - place.lowerBound) / 64)
    guard canHold(end - place.lowerBound, elementSize: 1) else { throw HDF5Problem.endless }
    return String(decoding: bytes[place.lowerBound..<end], as: UTF8.self)
  }
}

/// Reads a part of a file from its begin to its end.
struct HDF5Cursor {
  private let file: HDF5Bytes
  private(set) var place: Int
  let end: Int

  /// - Parameter range: Lies within the file.
  init(_ file: HDF5Bytes, _ range: Range<Int>) {
    self.file = file
    (place, end) = (range.lowerBound, range.upperBound)
  }

  var rest: Range<Int> { place..<end }

  /// The next bytes.
  @discardableResult
  mutating func take(_ count: Int) throws -> Range<Int> {
    try file.countReadings()
    guard count >= 0, count <= end - place else { throw HDF5Problem.outside }
    defer { place += count }
    return place..<place + count
  }

  /// The next bytes as an unsigned number, the lowest first; at most eight.
  mutating func number(_ width: Int) throws -> UInt64 {
    try take(width).reversed().reduce(0) { $0 << 8 | UInt64(file.bytes[$1]) }
  }

  mutating func integer(_ width: Int) throws -> Int {
    guard let value = Int(exactly: try number(width)) else { throw HDF5Problem.outside }
    return value
  }

  /// An address in the file; nil for the one that stands for none.
  mutating func address() throws -> Int? {
    let value = try number(8)
    guard value != .max else { return nil }
    guard value <= UInt64(file.bytes.count) else { throw HDF5Problem.outside }
    return Int(value)
  }

  /// Checks a version.
  mutating func version(_ known: ClosedRange<Int>, of part: StaticString) throws -> Int {
    let version = try integer(1)
    guard known.contains(version) else { throw HDF5Problem(text: "\(part) has version \(version), which is not known") }
    return version
  }
}

/// The superblock, with which a file begins: section II.A.
enum HDF5Superblock {
  /// Where the header of the root group lies.
  ///
  /// - Returns: nil when it is not an HDF5 file or cut short.
  static func root(_ file: HDF5Bytes) throws -> Int? {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    guard file.bytes.starts(with: signature) else { return nil }
    var cursor = try file.cursor(signature.count)
    let version = try cursor.version(0...3, of: "the superblock")
    if version < 2 { try cursor.take(4) }
    let (offsetWidth, lengthWidth) = (try cursor.integer(1), try cursor.integer(1))
    guard offsetWidth == 8, lengthWidth == 8 else {
      throw HDF5Problem(text: "its addresses have \(offsetWidth) bytes and its lengths \(lengthWidth), which must be 8")
    }
    // Sizes of nodes and flags.
    try cursor.take(version == 0 ? 9 : version == 1 ? 13 : 1)
    guard try cursor.number(8) == 0 else { throw HDF5Problem(text: "its addresses do not count from its first byte") }
    try cursor.take(8)
    guard try cursor.number(8) <= UInt64(file.bytes.count) else { return nil }
    // In versions 0 and 1 the root group is an entry of a symbol table.
    if version < 2 { try cursor.take(16) }
    return try cursor.address()
  }
}
