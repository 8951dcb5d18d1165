import AthanorDatasets
import Foundation

/// The big-endian bytes of a number.
func bigEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// The little-endian bytes of a number.
func littleEndian<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// An IDX file of pictures.
func idxPictures(_ pictures: [[UInt8]], height: UInt32, width: UInt32) -> [UInt8] {
  bigEndian(UInt32(0x803)) + bigEndian(UInt32(pictures.count)) + bigEndian(height) + bigEndian(width)
    + pictures.flatMap { $0 }
}

/// An IDX file of labels.
func idxLabels(_ labels: [UInt8]) -> [UInt8] { bigEndian(UInt32(0x801)) + bigEndian(UInt32(labels.count)) + labels }

/// The check sum of gzip, zip and PNG (CRC-32, RFC 1952, section 8).
func crc32(_ bytes: [UInt8]) -> UInt32 {
  ~bytes.reduce(UInt32.max) { sum, byte in
    (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
  }
}

/// Bytes as a deflate stream of stored blocks (RFC 1951, section 3.2.4).
func stored(_ bytes: [UInt8]) -> [UInt8] {
  var result: [UInt8] = []
  var rest = bytes[...]
  repeat {
    let block = rest.prefix(65_535)
    rest = rest.dropFirst(65_535)
    let length = UInt16(block.count)
    result += [rest.isEmpty ? 1 : 0] + littleEndian(length) + littleEndian(~length) + block
  } while !rest.isEmpty
  return result
}

/// Bytes as a gzip file.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
  [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + stored(bytes) + littleEndian(crc32(bytes))
    + littleEndian(UInt32(bytes.count))
}

/// A NumPy file.
///
/// - Parameters:
///   - header: The text of the header's dictionary.
///   - version: 1 has a length of two bytes, later ones of four.
func npy(_ header: String, _ content: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let text = Array(header.utf8) + [0x0A]
  let length = version == 1 ? littleEndian(UInt16(text.count)) : littleEndian(UInt32(text.count))
  return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + content
}

/// The header of an array in row-major order.
func npyHeader(_ type: String, _ shape: [Int]) -> String {
  let lengths = shape.map { "\($0)," }.joined(separator: " ")
  return "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(lengths)), }"
}

/// A zip archive whose members are not compressed.
func zipArchive(_ members: [(name: String, content: [UInt8])]) -> [UInt8] {
  var files: [UInt8] = []
  var directory: [UInt8] = []
  for (name, content) in members {
    let sizes = littleEndian(crc32(content)) + littleEndian(UInt32(content.count)) + littleEndian(UInt32(content.count))
    // Version 2.0, no flags, stored, 1 January 1980.
    let common: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0] + sizes + littleEndian(UInt16(name.utf8.count)) + [0, 0]
    directory += [0x50, 0x4B, 1, 2, 20, 0] + common + [UInt8](repeating: 0, count: 10)
    directory += littleEndian(UInt32(files.count)) + Array(name.utf8)
    files += [0x50, 0x4B, 3, 4] + common + Array(name.utf8) + content
  }
  let counts = littleEndian(UInt16(members.count)) + littleEndian(UInt16(members.count))
  return files + directory + [0x50, 0x4B, 5, 6, 0, 0, 0, 0] + counts + littleEndian(UInt32(directory.count))
    + littleEndian(UInt32(files.count)) + [0, 0]
}

/// The colour types of PNG (PNG specification, section 11.2.2).
enum PNGColor: UInt8 {
  case gray = 0
  case rgb = 2
  case palette = 3
  case grayAlpha = 4
  case rgba = 6
}

/// A PNG file, made without libpng.
///
/// - Parameters:
///   - rows: The bytes of each row, packed as the bit depth says.
///   - extra: Chunks between the header and the pixels, such as `PLTE`.
///   - surplus: How many zeros follow the last row in the compressed data.
func png(
  width: Int, _ rows: [[UInt8]], _ color: PNGColor, depth: UInt8 = 8,
  extra: [(kind: String, content: [UInt8])] = [], surplus: Int = 0
) -> [UInt8] {
  func chunk(_ kind: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(kind.utf8) + content
    return bigEndian(UInt32(content.count)) + body + bigEndian(crc32(body))
  }
  let header = bigEndian(UInt32(width)) + bigEndian(UInt32(rows.count)) + [depth, color.rawValue, 0, 0, 0]
  let unfiltered = rows.flatMap { [UInt8(0)] + $0 } + [UInt8](repeating: 0, count: surplus)
  var (a, b): (UInt32, UInt32) = (1, 0)  // Adler-32, RFC 1950
  for byte in unfiltered {
    a = (a + UInt32(byte)) % 65_521
    b = (b + a) % 65_521
  }
  let pixels = [0x78, 1] + stored(unfiltered) + bigEndian(b << 16 | a)
  let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
  return signature + chunk("IHDR", header) + extra.flatMap { chunk($0.kind, $0.content) } + chunk("IDAT", pixels)
    + chunk("IEND", [])
}
