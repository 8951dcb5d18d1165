import Athanor
import Foundation

/// Text and JSON for the terminal.
enum Terminal {
  /// Writes to standard error; a text that begins with "Error:" or "Warning:" begins in colour where a terminal has colours.
  static func error(_ text: String) {
    var text = isatty(2) == 1 ? visible(text) : text
    if hasColours, let (word, colour) = colours.first(where: { text.hasPrefix($0.word) }) {
      text = "\u{1B}[\(colour)m\(word)\u{1B}[0m" + text.dropFirst(word.count)
    }
    FileHandle.standardError.write(Data(text.utf8))
  }

  /// Writes a line to standard output.
  static func print(_ item: Any) { Swift.print(isatty(1) == 1 ? visible("\(item)") : "\(item)") }

  /// A text as a terminal may show it: control characters, which names of files and classes may hold, are written as `\u{1B}`.
  static func visible(_ text: String) -> String {
    let isControl = { (scalar: Unicode.Scalar) in
      scalar.properties.generalCategory == .control && !"\n\t".unicodeScalars.contains(scalar)
    }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    // A line that is written again begins so.
    if text.hasPrefix("\r") { return "\r" + visible(String(text.dropFirst())) }
    return text.unicodeScalars.map {
      isControl($0) ? "\\u{\(String($0.value, radix: 16, uppercase: true))}" : String($0)
    }
    .joined()
  }

  /// Red for what ends the program, yellow for what does not.
  private static let colours = [(word: "Error:", colour: 31), (word: "Warning:", colour: 33)]

  /// Whether standard error is a terminal with colours, and nobody has asked for none (https://no-color.org).
  private static let hasColours: Bool = {
    let environment = ProcessInfo.processInfo.environment
    return isatty(2) == 1 && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
  }()

  /// One JSON object in one line, keys sorted; numbers that are not finite become null.
  static func json(_ object: [String: Any?]) throws {
    let data = try JSONSerialization.data(
      withJSONObject: writable(object), options: [.sortedKeys, .withoutEscapingSlashes])
    Swift.print(String(decoding: data, as: UTF8.self))
    fflush(nil)
  }

  /// The same with null in the place of what JSON cannot say, at any depth.
  private static func writable(_ value: Any?) -> Any {
    switch value {
    case let number as Double where !number.isFinite: NSNull()
    case let number as Float where !number.isFinite: NSNull()
    case let object as [String: Any?]: object.mapValues(writable)
    case let array as [Any?]: array.map(writable)
    case let value?: value
    case nil: NSNull()
    }
  }

  /// A word as a shell takes it.
  static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || "-_./,:=+@%".utf8.contains(byte)
    }
    return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// How many characters fit in a line: those of the terminal, else `COLUMNS`, else 80.
  static var width: Int {
    TerminalSize.columns ?? ProcessInfo.processInfo.environment["COLUMNS"].flatMap(Int.init) ?? 80
  }

  static func write(_ text: String, to path: String) throws {
    try FileBytes.write(Array(text.utf8), to: path)
  }
}
