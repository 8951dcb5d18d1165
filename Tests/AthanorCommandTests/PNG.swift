import Foundation

/// Writes PNG files without compression (PNG specification, RFC 1950 and RFC 1951), so that no test needs a library for it.
enum PNG {
  /// A picture of one colour, with a bar of another down its middle third if one is given.
  static func plain(width: Int, height: Int, color: [UInt8], bar: [UInt8]? = nil) -> Data {
    func row(_ middle: [UInt8]) -> [UInt8] {  // filter type 0
      [0] + (0..<width).map { 3 * $0 / width == 1 ? middle : color }.joined()
    }
    let (edge, center) = (row(color), row(bar ?? color))
    let pixels = Array((0..<height).map { 3 * $0 / height == 1 ? center : edge }.joined())

    var stream: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: pixels.count, by: 65535) {
      let block = pixels[start..<min(start + 65535, pixels.count)]
      let length = UInt16(block.count)
      let isLast = start + 65535 >= pixels.count
      stream += [isLast ? 1 : 0, UInt8(length & 255), UInt8(length >> 8), UInt8(~length & 255), UInt8(~length >> 8)]
      stream += block
    }
    stream += bytes(adler32(pixels))

    let kind: UInt8 = color.count == 1 ? 0 : 2
    let header = bytes(UInt32(width)) + bytes(UInt32(height)) + [8, kind, 0, 0, 0]
    return Data([0x89] + Array("PNG\r\n".utf8) + [0x1A, 0x0A])
      + chunk("IHDR", header) + chunk("IDAT", stream) + chunk("IEND", [])
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> Data {
    let body = Array(name.utf8) + data
    return Data(bytes(UInt32(data.count)) + body + bytes(crc32(body)))
  }

  private static func bytes(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }

  private static func adler32(_ bytes: [UInt8]) -> UInt32 {
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
    }
    return high << 16 | low
  }
}
