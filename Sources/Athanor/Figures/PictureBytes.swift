/// A picture as bytes `[height, width, channels]` with 1 channel (gray) or 3 (red, green, blue).
package struct PictureBytes: Hashable, Sendable {
  package let bytes: [UInt8]
  package let height: Int
  package let width: Int
  package let channels: Int

  /// A picture of `height * width * channels` bytes.
  package init(bytes: [UInt8], height: Int, width: Int, channels: Int) {
    self.bytes = bytes
    self.height = height
    self.width = width
    self.channels = channels
  }

  /// The first pictures of a tensor.
  ///
  /// - Parameters:
  ///   - tensor: `[N, H, W]` or `[N, H, W, C]` with 1 or 3 channels: bytes, or numbers from 0 to 1; what lies beyond is taken for 0 or 1.
  ///   - limit: The most pictures that are taken.
  ///   - place: Where an error says that it was found.
  /// - Throws: `AthanorError` when it holds no pictures.
  package static func all(in tensor: Tensor, limit: Int = .max, at place: String) throws -> [PictureBytes] {
    let shape = tensor.shape
    let channels = shape.count == 4 ? shape[3] : 1
    guard [3, 4].contains(shape.count), [1, 3].contains(channels), shape[1] > 0, shape[2] > 0, tensor.dtype != .int32
    else {
      throw AthanorError(
        .shape, at: place,
        "there are \(tensor.dtype.rawValue)\(Shape.text(shape)) but pictures are [N, H, W] or [N, H, W, C] with 1 or 3 channels, "
          + "as bytes (uint8) or as numbers from 0 to 1",
        fix: "Give pictures.")
    }
    let first = tensor.slice(0..<min(limit, shape[0]))
    let bytes: [UInt8] =
      if case .uint8(let bytes) = first.storage { bytes } else {
        first.floats.map { $0 > 0 ? UInt8((min($0, 1) * 255).rounded()) : 0 }
      }
    let length = shape[1] * shape[2] * channels
    return (0..<first.shape[0]).map {
      PictureBytes(
        bytes: Array(bytes[$0 * length..<($0 + 1) * length]), height: shape[1], width: shape[2], channels: channels)
    }
  }

  /// Pictures of one size side by side, 8 in a row, with lines of gray between.
  package init(sheetOf pictures: [PictureBytes]) {
    let gap = 2
    let columns = min(8, max(pictures.count, 1))
    let rows = max((pictures.count + columns - 1) / columns, 1)
    let (tall, wide) = (pictures.first?.height ?? 1, pictures.first?.width ?? 1)
    channels = pictures.first?.channels ?? 1
    height = rows * (tall + gap) - gap
    width = columns * (wide + gap) - gap
    var sheet = [UInt8](repeating: 128, count: height * width * channels)
    for (place, picture) in pictures.enumerated() {
      let (row, column) = place.quotientAndRemainder(dividingBy: columns)
      for y in 0..<tall {
        let start = ((row * (tall + gap) + y) * width + column * (wide + gap)) * channels
        let line = picture.bytes[y * wide * channels..<(y + 1) * wide * channels]
        sheet.replaceSubrange(start..<start + line.count, with: line)
      }
    }
    bytes = sheet
  }

  /// The picture as a PNG file, not compressed.
  package var png: [UInt8] {
    func big(_ value: Int) -> [UInt8] { littleEndian(UInt32(truncatingIfNeeded: value).byteSwapped) }
    func chunk(_ kind: String, _ content: [UInt8]) -> [UInt8] {
      let body = Array(kind.utf8) + content
      return big(content.count) + body + big(Int(CyclicRedundancyCheck.png(body)))
    }
    let line = width * channels
    // Each line begins with the number of its filter: none.
    let lines = (0..<height).flatMap { [0] + bytes[$0 * line..<($0 + 1) * line] }
    var stream: [UInt8] = [0x78, 1]
    for start in stride(from: 0, to: lines.count, by: 0xFFFF) {
      let block = lines[start..<min(start + 0xFFFF, lines.count)]
      stream.append(start + block.count == lines.count ? 1 : 0)
      stream += littleEndian(UInt16(block.count)) + littleEndian(~UInt16(block.count)) + block
    }
    var (low, high) = (1, 0)  // Adler-32
    for byte in lines {
      low = (low + Int(byte)) % 65521
      high = (high + low) % 65521
    }
    let header = big(width) + big(height) + [8, channels == 1 ? 0 : 2, 0, 0, 0]
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", header)
      + chunk("IDAT", stream + big(high << 16 | low)) + chunk("IEND", [])
  }
}
