extension JSONValue {
  /// Parses a text.
  ///
  /// - Parameters:
  ///   - text: The whole text, one value with white space around it.
  ///   - location: The file and the place in it, for errors.
  /// - Throws: `AthanorError` when it is not JSON, holds a key twice or a number too large for 64-bit floating point, or is nested deeper
  ///   than 512.
  package init(parsing text: String, at location: String) throws {
    var text = text
    self = try text.withUTF8 { bytes in
      var parser = JSONParser(bytes: bytes, location: location)
      return try parser.document()
    }
  }
}

/// A recursive-descent parser of JSON (RFC 8259) over valid UTF-8.
private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let location: String
  var place = 0
  var depth = 0

  /// A hostile text would exhaust the stack without a limit. Threads of Apple's systems have 512 KB, and a level takes up to 2.5 KB of
  /// it in a program that is not optimised; a model within a model takes six levels.
  private static let depthLimit = 128

  init(bytes: UnsafeBufferPointer<UInt8>, location: String) {
    self.bytes = bytes
    self.location = location
  }

  mutating func document() throws -> JSONValue {
    let value = try value()
    skipSpace()
    guard place == bytes.count else { throw invalid() }
    return value
  }

  private func invalid() -> AthanorError {
    AthanorError(.data, at: location, "it is not valid JSON", fix: "The file is damaged or of another kind.")
  }

  /// The byte at the present place, zero behind the end.
  private var byte: UInt8 { place < bytes.count ? bytes[place] : 0 }

  private mutating func skipSpace() {
    while byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { place += 1 }
  }

  /// Steps over a byte if it is the next one behind white space.
  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard place < bytes.count, bytes[place] == UInt8(ascii: character) else { return false }
    place += 1
    return true
  }

  private mutating func value() throws -> JSONValue {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JSONParser.depthLimit else { throw invalid() }
    skipSpace()
    switch byte {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"): return try word("true", .flag(true))
    case UInt8(ascii: "f"): return try word("false", .flag(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    guard place + word.utf8CodeUnitCount <= bytes.count else { throw invalid() }
    for offset in 0..<word.utf8CodeUnitCount where bytes[place + offset] != word.utf8Start[offset] { throw invalid() }
    place += word.utf8CodeUnitCount
    return value
  }

  private mutating func array() throws -> JSONValue {
    place += 1
    var values: [JSONValue] = []
    if take("]") { return .array(values) }
    repeat { values.append(try value()) } while take(",")
    guard take("]") else { throw invalid() }
    return .array(values)
  }

  private mutating func object() throws -> JSONValue {
    place += 1
    var values: [String: JSONValue] = [:]
    if take("}") { return .object(values) }
    repeat {
      skipSpace()
      guard byte == UInt8(ascii: "\"") else { throw invalid() }
      let key = try string()
      guard take(":") else { throw invalid() }
      guard values.updateValue(try value(), forKey: key) == nil else {
        throw AthanorError(
          .data, at: location, "it holds the key \"\(key.prefix(80))\" twice",
          fix: "The file is damaged or of another kind.")
      }
    } while take(",")
    guard take("}") else { throw invalid() }
    return .object(values)
  }

  /// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
  private mutating func number() throws -> JSONValue {
    let start = place
    var isInteger = true
    if byte == UInt8(ascii: "-") { place += 1 }
    let first = byte
    let digits = skipDigits()
    guard digits == 1 || digits > 1 && first != UInt8(ascii: "0") else { throw invalid() }
    if byte == UInt8(ascii: ".") {
      isInteger = false
      place += 1
      guard skipDigits() > 0 else { throw invalid() }
    }
    if byte | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      place += 1
      if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { place += 1 }
      guard skipDigits() > 0 else { throw invalid() }
    }
    let text = String(decoding: bytes[start..<place], as: UTF8.self)
    if isInteger, let integer = Int(text) { return .integer(integer) }
    guard let number = Double(text), number.isFinite else { throw invalid() }
    return .number(number)
  }

  private mutating func skipDigits() -> Int {
    let start = place
    while place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) { place += 1 }
    return place - start
  }

  private mutating func string() throws -> String {
    place += 1
    var result = ""
    var start = place
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\""):
        result += String(decoding: bytes[start..<place], as: UTF8.self)
        place += 1
        return result
      case UInt8(ascii: "\\"):
        result += String(decoding: bytes[start..<place], as: UTF8.self)
        place += 1
        result.unicodeScalars.append(try escape())
        start = place
      case 0..<0x20: throw invalid()
      default: place += 1
      }
    }
    throw invalid()
  }

  /// The character behind a backslash.
  private mutating func escape() throws -> Unicode.Scalar {
    defer { place += 1 }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try codeUnit()
      // Characters beyond 16 bits are written as two surrogates.
      if 0xD800..<0xDC00 ~= code {
        place += 1
        guard byte == UInt8(ascii: "\\") else { throw invalid() }
        place += 1
        guard byte == UInt8(ascii: "u") else { throw invalid() }
        let low = try codeUnit()
        guard 0xDC00..<0xE000 ~= low else { throw invalid() }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw invalid() }
      return scalar
    default: throw invalid()
    }
  }

  /// The four hexadecimal digits behind a `u`; ends at the last of them.
  private mutating func codeUnit() throws -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      place += 1
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { throw invalid() }
      code = code << 4 | UInt32(digit)
    }
    return code
  }
}
