import CZlib

extension PNGChunk {
  /// Whether the compressed data of a PNG file hold far more than its rows of pixels.
  ///
  /// Deflate makes up to 1,032 bytes of one. A small file can hold gigabytes behind its last row, and libpng reads them all to check how
  /// they end.
  static func haveSurplus(_ chunks: [PNGChunk], of file: [UInt8], height: Int, width: Int) -> Bool {
    // A pixel has at most 8 bytes, and each row of each of seven passes one more.
    let limit = height * width * 8 + 14 * height + 1 << 20
    let data = chunks.filter { $0.name.elementsEqual("IDAT".utf8) }.flatMap { file[$0.content] }
    return data.count > limit / 1032 && inflatedCount(data, limit: limit) > limit
  }

  /// How many bytes come out, counted until they are more than the limit; damage is left to the decoder.
  private static func inflatedCount(_ data: [UInt8], limit: Int) -> Int {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return 0 }
    defer { inflateEnd(&stream) }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    var count = 0
    data.withUnsafeBufferPointer { source in
      stream.next_in = source.baseAddress.map { UnsafeMutablePointer(mutating: $0) }
      stream.avail_in = UInt32(clamping: source.count)
      var status = Z_OK
      while status == Z_OK, count <= limit {
        chunk.withUnsafeMutableBufferPointer { target in
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(target.count)
          status = inflate(&stream, Z_NO_FLUSH)
          count += target.count - Int(stream.avail_out)
        }
      }
    }
    return count
  }
}
