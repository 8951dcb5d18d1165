import Athanor

/// Reads IDX, the format of MNIST: a magic number, the length of each axis (32 bits, big-endian), then bytes.
///
/// Files may be compressed with gzip or not, whatever their names say.
package enum IDX {
  /// What an IDX file holds.
  package enum Content: Hashable, Sendable {
    /// Pictures of `height` rows and `width` columns: magic number 0x00000803.
    case pictures(height: Int, width: Int)
    /// Class numbers below `classCount`: magic number 0x00000801.
    case labels(classCount: Int)

    var magic: UInt32 {
      switch self {
      case .pictures: 0x0000_0803
      case .labels: 0x0000_0801
      }
    }

    var headerByteCount: Int {
      switch self {
      case .pictures: 16
      case .labels: 8
      }
    }
  }

  /// The largest content that is read: 2 GiB.
  static let maximumByteCount = 1 << 31

  /// Reads a whole file.
  ///
  /// - Parameters:
  ///   - path: Where the file lies.
  ///   - content: What it must hold.
  /// - Returns: The bytes after the header, and how many examples they are.
  /// - Throws: `AthanorError` naming the file and the byte when the file is missing, truncated, damaged, too long, of
  ///   another kind or size, or holds a label out of range.
  package static func read(_ path: String, _ content: Content) throws -> (bytes: [UInt8], count: Int) {
    try read(FileBytes.read(path, limit: maximumByteCount), path: path, content)
  }

  /// The same for a file's bytes; `path` is its name for errors.
  package static func read(_ file: [UInt8], path: String, _ content: Content) throws -> (bytes: [UInt8], count: Int) {
    let (count, total) = try header(of: file, path: path, content)
    let isCompressed = Gzip.isGzip(file)
    let all: [UInt8]
    var isLonger = file.count > total
    if isCompressed {
      let output = try Gzip.inflate(file, path: path, limit: total)
      all = output.bytes
      isLonger = !output.isComplete
    } else {
      all = file
    }
    let place = isCompressed ? " of the decompressed content" : ""
    guard all.count >= total else {
      throw AthanorError(
        .data, at: path,
        "ends at byte \(all.count)\(place) but its header promises \(total) bytes (\(describe(count, content)))",
        fix: "The file is incomplete; remove it and get it again.")
    }
    guard !isLonger else {
      throw AthanorError(
        .data, at: path,
        "goes on after byte \(total)\(place), where its header says that it ends (\(describe(count, content)))",
        fix: "Remove the file and get it again.")
    }
    let body = Array(all[content.headerByteCount..<total])
    try checkLabels(body, path: path, place: place, content)
    return (body, count)
  }

  /// The whole file of some labels, as the sums of published files are computed from it.
  package static func labelFile(_ labels: [UInt8]) -> [UInt8] {
    let count = UInt32(truncatingIfNeeded: labels.count)
    return [0, 0, 8, 1] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) } + labels
  }

  /// How many examples a file's header promises, without reading the rest.
  ///
  /// - Throws: `AthanorError` naming the file and the byte when the header is not one of this kind.
  package static func count(_ path: String, _ content: Content) throws -> Int {
    try header(of: FileBytes.read(path, limit: maximumByteCount), path: path, content).count
  }

  /// The number of examples and the whole length in bytes that a header promises.
  private static func header(of file: [UInt8], path: String, _ content: Content) throws -> (count: Int, total: Int) {
    let size = content.headerByteCount
    let isCompressed = Gzip.isGzip(file)
    let start = isCompressed ? try Gzip.inflate(file, path: path, limit: size).bytes : Array(file.prefix(size))
    let place = isCompressed ? " of the decompressed content" : ""
    try checkMagic(start, path: path, place: place, content)
    guard start.count == size else {
      throw AthanorError(
        .data, at: path, "ends at byte \(start.count)\(place), within the header of \(size) bytes",
        fix: "The file is incomplete; remove it and get it again.")
    }
    let lengths = stride(from: 4, to: size, by: 4).map { Int(word(start, at: $0)) }
    let count = lengths[0]
    if case .pictures(let height, let width) = content, lengths[1] != height || lengths[2] != width {
      throw AthanorError(
        .data, at: path,
        "bytes 8 to 15\(place) say that pictures have \(lengths[1]) rows and \(lengths[2]) columns "
          + "but \(height) and \(width) were expected",
        fix: "Check that the file belongs to this data set.")
    }
    guard count > 0 else {
      throw AthanorError(
        .data, at: path, "bytes 4 to 7\(place) say that there are no examples", fix: "Get the file again.")
    }
    guard let bodySize = Tensor.elementCount(of: lengths), bodySize <= maximumByteCount - size else {
      throw AthanorError(
        .data, at: path,
        "bytes 4 to 7\(place) promise \(count) examples, more than the \(maximumByteCount) bytes that are read",
        fix: "Check that the file belongs to this data set.")
    }
    return (count, bodySize + size)
  }

  private static func checkMagic(_ start: [UInt8], path: String, place: String, _ content: Content) throws {
    guard !start.isEmpty else {
      throw AthanorError(
        .data, at: path, "is empty but an IDX file begins with a header of \(content.headerByteCount) bytes",
        fix: "Remove the file and get it again.")
    }
    guard start.count >= 4 else {
      throw AthanorError(
        .data, at: path, "ends at byte \(start.count)\(place), within the header of \(content.headerByteCount) bytes",
        fix: "The file is incomplete; remove it and get it again.")
    }
    let magic = word(start, at: 0)
    guard magic != content.magic else { return }
    let remedy: String
    switch (magic, content) {
    case (0x0000_0801, .pictures): remedy = "It holds labels; check that the two files are not swapped."
    case (0x0000_0803, .labels): remedy = "It holds pictures; check that the two files are not swapped."
    default:
      remedy =
        start[0] == UInt8(ascii: "<")
        ? "It looks like a web page; get the file again." : "Check that it is an IDX file."
    }
    throw AthanorError(
      .data, at: path,
      "bytes 0 to 3\(place) hold the magic number \(hexadecimal(magic)) but \(hexadecimal(content.magic)) was expected",
      fix: remedy)
  }

  private static func checkLabels(_ body: [UInt8], path: String, place: String, _ content: Content) throws {
    guard case .labels(let classCount) = content, let index = body.firstIndex(where: { $0 >= classCount }) else {
      return
    }
    throw AthanorError(
      .data, at: path,
      "byte \(index + content.headerByteCount)\(place) holds label \(body[index]) (example \(index)) "
        + "but labels go from 0 to \(classCount - 1)",
      fix: "Check that the file belongs to this data set.")
  }

  private static func describe(_ count: Int, _ content: Content) -> String {
    switch content {
    case .pictures(let height, let width): "\(count) pictures of \(height) x \(width)"
    case .labels: "\(count) labels"
    }
  }

  private static func word(_ bytes: [UInt8], at place: Int) -> UInt32 {
    bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
  }
}
