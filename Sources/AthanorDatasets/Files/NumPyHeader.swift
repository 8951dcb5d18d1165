import Athanor

/// What a `.npy` file says of its elements.
///
/// The header is a literal of a Python dictionary; it is read as text, nothing in it is ever run.
struct NumPyHeader {
  let shape: [Int]
  let element: NumPyArray.Element
  let isBigEndian: Bool
  /// Whether the first axis changes fastest.
  let isFortranOrder: Bool
  /// The byte where the elements begin.
  let end: Int

  /// The largest header that is read; NumPy itself stops at 10,000 bytes.
  private static let maximumByteCount = 1 << 16
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Reads a file's header.
  ///
  /// - Throws: `AthanorError` naming the byte when it is damaged or describes other elements than numbers.
  init(of file: [UInt8], path: String) throws {
    let (text, end) = try NumPyHeader.text(of: file, path: path)
    var parser = PythonLiteralParser(text, path: path)
    let fields = try parser.dictionary()
    guard case .text(let type)? = fields["descr"], let element = NumPyArray.Element(description: type) else {
      let found = if case .text(let type)? = fields["descr"] { "\"\(type)\"" } else { "no simple type" }
      let known = NumPyArray.Element.allCases.map(\.rawValue).joined(separator: ", ")
      throw AthanorError(
        .unsupported, at: path, "its elements are \(found) but only numbers are read (\(known))",
        fix: "Save the array as NumPy's astype(\"float32\") makes it.")
    }
    guard case .tuple(let shape)? = fields["shape"] else {
      throw AthanorError(.data, at: path, "its header has no shape", fix: "The file is damaged; get it again.")
    }
    guard case .truth(let isFortranOrder)? = fields["fortran_order"] else {
      throw AthanorError(
        .data, at: path, "its header does not say in which order elements are",
        fix: "The file is damaged; get it again.")
    }
    guard let count = Tensor.elementCount(of: shape + [element.byteCount]) else {
      throw AthanorError(.data, at: path, "its shape \(shape) is impossible", fix: "The file is damaged; get it again.")
    }
    guard file.count - end == count else {
      throw AthanorError(
        .data, at: path,
        "ends at byte \(file.count) but its header promises an end at byte \(end) + \(count) (shape \(shape), \(type))",
        fix: "The file is damaged; get it again.")
    }
    (self.shape, self.element, self.isFortranOrder, self.end) = (shape, element, isFortranOrder, end)
    isBigEndian = type.first == ">"
  }

  /// The header of an array in row-major order, in version 1.0: with the magic text it fills a multiple of 64 bytes.
  static func bytes(shape: [Int], _ element: NumPyArray.Element) -> [UInt8] {
    let lengths = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var text = "{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': (\(lengths)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    return magic + [1, 0, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
  }

  /// The header's text and the byte where the elements begin.
  private static func text(of file: [UInt8], path: String) throws -> (text: [UInt8], end: Int) {
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
    guard length <= maximumByteCount, length <= file.count - start else {
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
