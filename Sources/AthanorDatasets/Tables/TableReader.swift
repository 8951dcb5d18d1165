import Athanor
import Foundation

/// Reads the records of a table in text form (CSV or TSV), one after another, with bounded memory.
///
/// Fields are separated by a comma, a semicolon or a tab, which the header line tells. A field in quotes may hold separators, line
/// breaks and doubled quotes (RFC 4180). Records end with LF, CRLF or CR; empty lines are passed over. A byte order mark of UTF-8 is
/// passed over too. One record, with all of its fields, has at most ``largestRecord`` bytes.
package final class TableReader {
  /// The most bytes of one record.
  static let largestRecord = 1 << 22
  /// The most columns of a table.
  static let mostColumns = 1 << 16
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
  private static let separators: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t")]

  package let path: String
  /// What separates fields.
  let separator: UInt8
  /// The names of the columns, as the first record has them.
  package private(set) var header: [String] = []
  /// The bytes of the present record as they stand in the file, without its end.
  private(set) var record: [UInt8] = []
  /// The number of the line on which the present record begins, from 1.
  private(set) var line = 1
  /// The fields of the present record, one after another, without quotes.
  private var content: [UInt8] = []
  /// Where each field ends in `content`.
  private var ends: [Int] = []
  private let descriptor: Int32
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var (position, filled) = (0, 0)
  /// The number of the line that is read next.
  private var nextLine = 1

  /// Opens a table and reads its header.
  ///
  /// - Throws: `AthanorError` when the file cannot be read, is no text, or has no header.
  package init(_ path: String) throws {
    self.path = path
    // Opening a pipe would wait for its other end.
    guard !FileBytes.isSpecial(path) else { throw TableReader.notPlain(path) }
    descriptor = try FileBytes.openForReading(path)
    do {
      let beginning = try TableReader.beginning(descriptor, path)
      separator = TableReader.separator(of: beginning)
    } catch {
      close(descriptor)
      throw error
    }
    var names: [String] = []
    if try skipByteOrderMark() {
      var isFound = try readRecord()
      while isFound, record.isEmpty { isFound = try readRecord() }
      if isFound { names = try readHeader() }
    }
    guard !names.isEmpty else {
      throw AthanorError(
        .data, at: path, "the table is empty", fix: "Its first line must hold the names of the columns.")
    }
    header = names
  }

  deinit { close(descriptor) }

  // MARK: Fields

  /// The number of fields of the present record.
  var fieldCount: Int { ends.count }

  /// Calls a closure with a field's bytes, without blanks around them.
  func withField<Result>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    try content.withUnsafeBufferPointer { bytes in
      var range = (index == 0 ? 0 : ends[index - 1])..<ends[index]
      func isBlank(_ place: Int) -> Bool { bytes[place] == 32 || bytes[place] == 9 }
      while !range.isEmpty, isBlank(range.lowerBound) { range = range.lowerBound + 1..<range.upperBound }
      while !range.isEmpty, isBlank(range.upperBound - 1) { range = range.lowerBound..<range.upperBound - 1 }
      return try body(UnsafeBufferPointer(rebasing: bytes[range]))
    }
  }

  /// A field's bytes as they are, with blanks around them.
  package func bytes(_ index: Int) -> ArraySlice<UInt8> {
    content[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// A field as text, without blanks around it.
  package func text(_ index: Int) -> String { withField(index) { String(decoding: $0, as: UTF8.self) } }

  /// Where the present record stands: `file:line`.
  package var place: String { "\(path):\(line)" }

  // MARK: Records

  /// Reads the next record.
  ///
  /// - Returns: Whether there is one.
  /// - Throws: `AthanorError` that names file and line, when the record has another number of fields than the header, is too long, or is no
  ///   text in UTF-8.
  package func next() throws -> Bool {
    repeat {
      guard try readRecord() else { return false }
    } while record.isEmpty && header.count > 1
    guard fieldCount == header.count else {
      throw AthanorError(
        .data, at: place,
        "the row has \(fieldCount) \(fieldCount == 1 ? "value" : "values") but the header \(header.count) columns",
        fix: "Put values that hold \(TableReader.name(of: separator)) or line breaks between quotes.")
    }
    return true
  }

  private func readHeader() throws -> [String] {
    var names: [String] = []
    for index in 0..<fieldCount {
      let name = text(index)
      names.append(name.isEmpty ? "column \(index + 1)" : name)
    }
    guard (0..<fieldCount).contains(where: { index in withField(index) { TableText.number($0) } == nil }) else {
      throw AthanorError(
        .data, at: place, "the first line holds numbers and no names of columns", fix: "Give the table a header line.")
    }
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw AthanorError(
        .data, at: place, "there are two columns named \"\(name)\"", fix: "Give each column a name of its own.")
    }
    return names
  }

  /// Reads one record into `record`, `content` and `ends`.
  private func readRecord() throws -> Bool {
    record.removeAll(keepingCapacity: true)
    content.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    line = nextLine
    guard var byte = try nextByte() else { return false }
    var quoteLine: Int?
    /// Whether the present field began with a quote, and whether that is closed.
    var (isQuoted, isClosed, isAtStart, isPlain) = (false, false, true, true)
    while true {
      if byte == 0 {
        throw AthanorError(
          .data, at: "\(path):\(nextLine)", "there is a zero byte", fix: "Save the table as text in UTF-8.")
      }
      if byte >= 0x80 { isPlain = false }
      if quoteLine != nil {
        if byte == UInt8(ascii: "\"") {
          quoteLine = nil
          isClosed = true
        } else {
          if byte == 10 { nextLine += 1 }
          content.append(byte)
        }
        record.append(byte)
      } else if byte == separator {
        record.append(byte)
        ends.append(content.count)
        (isQuoted, isClosed, isAtStart) = (false, false, true)
      } else if byte == 10 || byte == 13 {
        if byte == 13, try peek() == 10 { _ = try nextByte() }
        nextLine += 1
        break
      } else if byte == UInt8(ascii: "\""), isAtStart {
        (isQuoted, isAtStart) = (true, false)
        quoteLine = nextLine
        record.append(byte)
      } else if byte == UInt8(ascii: "\""), isQuoted, isClosed, record.last == byte {
        // A doubled quote within quotes stands for one.
        quoteLine = nextLine
        isClosed = false
        content.append(byte)
        record.append(byte)
      } else if isClosed, byte != 32, byte != 9 {
        throw AthanorError(
          .data, at: "\(path):\(nextLine)", "text stands behind the closing quote of a value",
          fix: "Double the quotes within a value in quotes: \"\".")
      } else {
        if !isClosed { content.append(byte) }
        isAtStart = false
        record.append(byte)
      }
      guard record.count <= TableReader.largestRecord, ends.count < TableReader.mostColumns else {
        throw AthanorError(
          .data, at: "\(path):\(quoteLine ?? line)",
          quoteLine == nil
            ? "the row has more than \(TableReader.largestRecord) bytes or \(TableReader.mostColumns) columns, the most that is read"
            : "the quote that begins here does not end within \(TableReader.largestRecord) bytes",
          fix: quoteLine == nil ? "Check that the file is a table." : "Close the quote.")
      }
      guard let next = try nextByte() else {
        if let quoteLine {
          throw AthanorError(
            .data, at: "\(path):\(quoteLine)", "the quote that begins here never ends", fix: "Close the quote.")
        }
        break
      }
      byte = next
    }
    ends.append(content.count)
    guard isPlain || String(validating: content, as: UTF8.self) != nil else {
      throw AthanorError(.data, at: place, "the text is not UTF-8", fix: "Save the table in UTF-8.")
    }
    return true
  }

  // MARK: Bytes

  private func nextByte() throws -> UInt8? {
    guard try fill() else { return nil }
    defer { position += 1 }
    return buffer[position]
  }

  private func peek() throws -> UInt8? { try fill() ? buffer[position] : nil }

  private func fill() throws -> Bool {
    if position < filled { return true }
    (position, filled) = (0, try FileBytes.read(descriptor, into: &buffer, path))
    return filled > 0
  }

  /// - Returns: Whether there is anything.
  private func skipByteOrderMark() throws -> Bool {
    guard try fill() else { return false }
    if buffer[0..<filled].starts(with: TableReader.byteOrderMark) { position = TableReader.byteOrderMark.count }
    return true
  }

  /// The first bytes of a file, which stay to be read.
  private static func beginning(_ descriptor: Int32, _ path: String) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = try FileBytes.read(descriptor, into: &bytes, path)
    guard lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw notPlain(path)
    }
    bytes.removeLast(bytes.count - count)
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw AthanorError(.data, at: path, "the text is UTF-16", fix: "Save the table in UTF-8.")
    }
    if FileBytes.isGitLFSPointer(bytes) {
      throw AthanorError(.data, at: path, FileBytes.gitLFSProblem, fix: FileBytes.gitLFSRemedy)
    }
    return bytes
  }

  private static func notPlain(_ path: String) -> AthanorError {
    AthanorError(.file, at: path, "is no plain file, but a table is read twice", fix: "Save it as a file.")
  }

  /// What separates the names in the header: the separator that stands there most often outside of quotes.
  private static func separator(of beginning: [UInt8]) -> UInt8 {
    var counts = [Int](repeating: 0, count: separators.count)
    var isQuoted = false
    // Empty lines before the header are passed over.
    let text = beginning.starts(with: byteOrderMark) ? beginning.dropFirst(byteOrderMark.count) : beginning[...]
    for byte in text.drop(while: { $0 == 10 || $0 == 13 }) {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if isQuoted { continue }
      if byte == 10 || byte == 13 { break }
      if let place = separators.firstIndex(of: byte) { counts[place] += 1 }
    }
    let most = counts.max() ?? 0
    return separators[counts.firstIndex(of: most) ?? 0]
  }

  /// A separator's name for messages.
  static func name(of separator: UInt8) -> String {
    switch separator {
    case UInt8(ascii: ";"): "semicolons"
    case UInt8(ascii: "\t"): "tabs"
    default: "commas"
    }
  }
}

/// What a value's text says, and how it is written.
package enum TableText {
  /// A value as a field of a table: within quotes where it holds a quote, the separator, the end of a line, or blanks at its ends (RFC 4180).
  package static func field(_ text: String, separator: UInt8 = UInt8(ascii: ",")) -> String {
    let bytes = text.utf8
    func isBlank(_ byte: UInt8?) -> Bool { byte == 32 || byte == 9 }
    let needsQuotes =
      isBlank(bytes.first) || isBlank(bytes.last)
      || bytes.contains { [separator, 10, 13, UInt8(ascii: "\"")].contains($0) }
    return needsQuotes ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
  }

  /// The texts that stand for a missing value, in lower case.
  private static let missing: Set<String> = ["", "na", "n/a", "nan", "null", "?"]

  /// Whether a value is missing: an empty one, NA, N/A, NaN, null or ?.
  static func isMissing(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.count <= 4 && missing.contains(String(decoding: bytes, as: UTF8.self).lowercased())
  }

  /// A finite number that float32 can hold; nil for anything else.
  ///
  /// - Parameter decimalComma: Whether a comma may stand for the decimal point.
  static func number(_ bytes: UnsafeBufferPointer<UInt8>, decimalComma: Bool = false) -> Double? {
    guard let first = bytes.first, bytes.count <= 400,
      first == UInt8(ascii: "-") || first == UInt8(ascii: "+") || first == UInt8(ascii: ".")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return nil }
    var text = String(decoding: bytes, as: UTF8.self)
    if decimalComma, bytes.contains(UInt8(ascii: ",")) {
      guard !bytes.contains(UInt8(ascii: ".")) else { return nil }
      text = text.replacing(",", with: ".")
    }
    // Not hexadecimal.
    guard let number = Double(text), Float(number).isFinite, !text.contains("x"), !text.contains("X") else {
      return nil
    }
    return number
  }

  /// Whether a text is a date or a time: three groups of digits such as 2024-05-31, 31.5.2024 or 5/31/24, perhaps with a time, or a time
  /// such as 17:30.
  static func isDate(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard (4...40).contains(bytes.count) else { return false }
    let text = String(decoding: bytes, as: UTF8.self)
    let date =
      #/([0-9]{4}([-/.])[0-9]{1,2}\2[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\3([0-9]{4}|[0-9]{2}))([T ][0-9:.]+ ?(Z|[AaPp][Mm]|[+-][0-9:]+)?)?/#
    if text.wholeMatch(of: date) != nil { return true }
    return text.wholeMatch(of: #/[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?/#) != nil
  }
}
