import Athanor

/// Reads NumPy's `.npy` format, versions 1 to 3, of whole numbers in row-major order.
///
/// Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays". The header is a literal of a Python
/// dictionary; it is read as text, nothing in it is ever run, and arrays of objects (pickles) are refused.
package struct NumPyArray: Hashable, Sendable {
  /// The length of each axis.
  package let shape: [Int]
  /// How an element is stored.
  package let element: Element
  /// The elements, little-endian.
  package let bytes: [UInt8]

  /// The kinds of elements that are read.
  package enum Element: String, Hashable, Sendable, CaseIterable {
    case uint8 = "|u1"
    case int8 = "|i1"
    case uint16 = "<u2"
    case int16 = "<i2"
    case uint32 = "<u4"
    case int32 = "<i4"
    case uint64 = "<u8"
    case int64 = "<i8"

    var byteCount: Int {
      switch self {
      case .uint8, .int8: 1
      case .uint16, .int16: 2
      case .uint32, .int32: 4
      case .uint64, .int64: 8
      }
    }

    var isSigned: Bool {
      switch self {
      case .int8, .int16, .int32, .int64: true
      case .uint8, .uint16, .uint32, .uint64: false
      }
    }
  }

  /// The largest header that is read; NumPy itself stops at 10,000 bytes.
  private static let maximumHeaderByteCount = 1 << 16

  /// Reads a file's contents.
  ///
  /// - Parameters:
  ///   - file: The whole file.
  ///   - path: Its name for errors.
  /// - Throws: `AthanorError` naming the byte when the file is truncated, damaged, in Fortran order, or of other elements.
  package init(_ file: [UInt8], path: String) throws {
    let (header, start) = try NumPyArray.headerText(file, path: path)
    var parser = PythonLiteralParser(header, path: path)
    let fields = try parser.dictionary()
    guard case .text(let type)? = fields["descr"], let element = Element(rawValue: type) else {
      let found = if case .text(let type)? = fields["descr"] { "\"\(type)\"" } else { "no simple type" }
      let known = Element.allCases.map(\.rawValue).joined(separator: ", ")
      throw AthanorError(
        .unsupported, at: path, "its elements are \(found) but only whole numbers are read (\(known))",
        fix: "Save the array with .astype(\"uint8\").")
    }
    guard case .tuple(let shape)? = fields["shape"] else {
      throw AthanorError(.data, at: path, "its header has no shape", fix: "The file is damaged; get it again.")
    }
    guard case .truth(let isFortranOrder)? = fields["fortran_order"] else {
      throw AthanorError(
        .data, at: path, "its header does not say in which order elements are",
        fix: "The file is damaged; get it again.")
    }
    guard !isFortranOrder || shape.count < 2 else {
      throw AthanorError(
        .unsupported, at: path, "its elements are in Fortran order but row-major order is needed",
        fix: "Save the array with numpy.ascontiguousarray.")
    }
    guard let count = Tensor.elementCount(of: shape + [element.byteCount]) else {
      throw AthanorError(.data, at: path, "its shape \(shape) is impossible", fix: "The file is damaged; get it again.")
    }
    guard file.count - start == count else {
      throw AthanorError(
        .data, at: path,
        "ends at byte \(file.count) but its header promises an end at byte \(start) + \(count) (shape \(shape), \(type))",
        fix: "The file is damaged; get it again.")
    }
    self.shape = shape
    self.element = element
    self.bytes = Array(file[start...])
  }

  /// The elements as integers; nil where one does not fit.
  package func integer(at index: Int) -> Int? {
    let size = element.byteCount
    let place = index * size
    var value: UInt64 = 0
    for offset in (0..<size).reversed() { value = value << 8 | UInt64(bytes[place + offset]) }
    guard element.isSigned else { return Int(exactly: value) }
    let shift = UInt64(64 - size * 8)
    return Int(Int64(bitPattern: value << shift) >> Int64(shift))
  }

  /// The header's text and the byte where the elements begin.
  private static func headerText(_ file: [UInt8], path: String) throws -> (text: [UInt8], end: Int) {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    guard file.count >= 10, file.starts(with: magic) else {
      throw AthanorError(
        .data, at: path, "bytes 0 to 5 are not NumPy's magic text", fix: "Check that it is an array that NumPy saved.")
    }
    let version = file[6]
    guard (1...3).contains(version), version == 1 || file.count >= 12 else {
      throw AthanorError(.unsupported, at: path, "byte 6 says version \(version) but versions 1 to 3 are known")
    }
    let start = version == 1 ? 10 : 12
    let length = file[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= maximumHeaderByteCount, length <= file.count - start else {
      throw AthanorError(
        .data, at: path, "byte 8 promises a header of \(length) bytes but \(file.count - start) bytes follow",
        fix: "The file is damaged; get it again.")
    }
    return (Array(file[start..<start + length]), start + length)
  }
}

/// Reads the few Python literals that a `.npy` header is made of.
private struct PythonLiteralParser {
  enum Literal {
    case text(String)
    case truth(Bool)
    case tuple([Int])
  }

  private let text: [UInt8]
  private let path: String
  private var place = 0

  init(_ text: [UInt8], path: String) {
    self.text = text
    self.path = path
  }

  /// `{'key': literal, ...}`
  mutating func dictionary() throws -> [String: Literal] {
    var fields: [String: Literal] = [:]
    try expect("{")
    while !accept("}") {
      let key = try quoted()
      try expect(":")
      fields[key] = try literal()
      if !accept(",") {
        try expect("}")
        break
      }
    }
    return fields
  }

  private mutating func literal() throws -> Literal {
    skipSpaces()
    if accept("(") { return .tuple(try lengths()) }
    if accept("True") { return .truth(true) }
    if accept("False") { return .truth(false) }
    return .text(try quoted())
  }

  private mutating func lengths() throws -> [Int] {
    var result: [Int] = []
    while !accept(")") {
      skipSpaces()
      let digits = text[place...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard let value = Int(String(decoding: digits, as: UTF8.self)), result.count < 64 else {
        throw damage("a length")
      }
      place += digits.count
      result.append(value)
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return result
  }

  private mutating func quoted() throws -> String {
    skipSpaces()
    guard place < text.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(text[place]),
      let end = text[(place + 1)...].firstIndex(of: text[place])
    else { throw damage("a text in quotes") }
    defer { place = end + 1 }
    return String(decoding: text[(place + 1)..<end], as: UTF8.self)
  }

  private mutating func accept(_ token: String) -> Bool {
    skipSpaces()
    guard text[place...].starts(with: token.utf8) else { return false }
    place += token.utf8.count
    return true
  }

  private mutating func expect(_ token: String) throws {
    guard accept(token) else { throw damage("\"\(token)\"") }
  }

  private mutating func skipSpaces() {
    while place < text.count, text[place] == UInt8(ascii: " ") || text[place] == UInt8(ascii: "\n") { place += 1 }
  }

  private func damage(_ expected: String) -> AthanorError {
    AthanorError(
      .data, at: path, "byte \(place) of its header's text is not \(expected)",
      fix: "The file is damaged; get it again.")
  }
}
