import Athanor
import CZlib

/// Decompresses gzip files (RFC 1952) with a limit on what comes out.
package enum Gzip {
  /// What came out, and whether that is everything.
  package struct Output {
    /// The decompressed bytes, at most as many as the limit.
    package let bytes: [UInt8]
    /// Whether the compressed content ended within the limit, with its check sums intact.
    package let isComplete: Bool
  }

  /// Whether bytes begin as a gzip file does.
  package static func isGzip(_ bytes: [UInt8]) -> Bool {
    bytes.count >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B
  }

  /// Decompresses up to `limit` bytes.
  ///
  /// - Parameters:
  ///   - input: A gzip file of one or more members.
  ///   - path: The file's name for errors.
  ///   - limit: The most bytes that are produced.
  /// - Throws: `AthanorError` naming the byte at which the file is truncated or damaged.
  package static func inflate(_ input: [UInt8], path: String, limit: Int) throws -> Output {
    var stream = z_stream()
    let gzipOnly = MAX_WBITS + 16
    guard inflateInit2_(&stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw AthanorError(.data, at: path, "zlib could not be started")
    }
    defer { inflateEnd(&stream) }

    var output: [UInt8] = []
    output.reserveCapacity(min(limit, 1 << 26))
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    var position = 0
    while true {
      let (status, used, made) = step(&stream, input, from: position, into: &chunk, room: limit - output.count)
      guard made <= limit - output.count else { return Output(bytes: output, isComplete: false) }
      position += used
      output.append(contentsOf: chunk[0..<made])
      switch status {
      case Z_STREAM_END:
        guard try startsAnotherMember(input, at: position, path: path) else {
          return Output(bytes: output, isComplete: true)
        }
        inflateReset(&stream)
      case Z_OK where made > 0 || used > 0: continue
      case Z_OK, Z_BUF_ERROR:
        throw AthanorError(
          .data, at: path, "the compressed content is cut off at byte \(input.count), the file's end",
          fix: "The file is incomplete; remove it and get it again.")
      default:
        let detail = stream.msg.map { String(cString: $0) } ?? "code \(status)"
        throw AthanorError(
          .data, at: path, "the compressed content is damaged at byte \(position) (\(detail))",
          fix: "Remove the file and get it again.")
      }
    }
  }

  /// One call of zlib: its status, the bytes used and the bytes made.
  ///
  /// With no room left, zlib still gets one spare byte so that it can check the end of a stream; that byte, when it is
  /// written, shows that there is more than the limit.
  private static func step(
    _ stream: inout z_stream, _ input: [UInt8], from position: Int, into chunk: inout [UInt8], room: Int
  ) -> (status: Int32, used: Int, made: Int) {
    input.withUnsafeBufferPointer { source in
      chunk.withUnsafeMutableBufferPointer { target in
        let available = min(source.count - position, 1 << 30)
        let capacity = min(target.count, max(room, 1))
        stream.next_in = source.baseAddress.map { UnsafeMutablePointer(mutating: $0 + position) }
        stream.avail_in = UInt32(available)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(capacity)
        let status = CZlib.inflate(&stream, Z_NO_FLUSH)
        let made = capacity - Int(stream.avail_out)
        return (status, available - Int(stream.avail_in), made)
      }
    }
  }

  /// Whether a further member follows; zeros that pad the file to a block's end do not count.
  private static func startsAnotherMember(_ input: [UInt8], at position: Int, path: String) throws -> Bool {
    guard let next = input[position...].firstIndex(where: { $0 != 0 }) else { return false }
    guard next == position, input.count - position >= 2, input[position] == 0x1F, input[position + 1] == 0x8B else {
      throw AthanorError(
        .data, at: path, "the compressed content ends at byte \(position) but other bytes follow it",
        fix: "Remove the file and get it again.")
    }
    return true
  }
}
