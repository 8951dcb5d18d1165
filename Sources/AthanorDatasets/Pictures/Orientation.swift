import Foundation

/// The orientation that files give in EXIF data, from 1 (upright) to 8; 1 where they say nothing that is known.
///
/// Source: CIPA DC-008 (Exif 2.32), 4.6.4, tag 274.
enum Orientation {
  /// That of the first EXIF segment of a JPEG file.
  static func ofJPEG(_ data: Data) -> Int {
    let file = Array(data.prefix(1 << 18))
    var place = 2
    while place + 4 <= file.count, file[place] == 0xFF {
      let marker = file[place + 1]
      if marker == 0xFF {
        place += 1
        continue
      }
      let length = Int(file[place + 2]) << 8 | Int(file[place + 3])
      guard marker != 0xDA, marker != 0xD9, length >= 2, place + 2 + length <= file.count else { return 1 }
      let content = file[place + 4..<place + 2 + length]
      if marker == 0xE1, content.starts(with: header) { return ofTIFF(Array(content.dropFirst(header.count))) }
      place += 2 + length
    }
    return 1
  }

  /// That of the `eXIf` chunk of a PNG file. Source: PNG (third edition), 11.3.4.2.
  static func ofPNG(_ file: [UInt8], _ chunks: [PNGChunk]) -> Int {
    guard let chunk = chunks.first(where: { $0.name == Array("eXIf".utf8) }) else { return 1 }
    let content = file[chunk.content]
    return ofTIFF(Array(content.starts(with: header) ? content.dropFirst(header.count) : content))
  }

  private static let header = Array("Exif\0\0".utf8)

  private static func ofTIFF(_ bytes: [UInt8]) -> Int {
    guard bytes.count >= 8 else { return 1 }
    let isLittle = bytes[0] == UInt8(ascii: "I")
    func number(_ place: Int, _ count: Int) -> Int? {
      guard place >= 0, place + count <= bytes.count else { return nil }
      let part = bytes[place..<place + count]
      return (isLittle ? part.reversed() : Array(part)).reduce(0) { $0 << 8 | Int($1) }
    }
    guard number(2, 2) == 42, let directory = number(4, 4), let count = number(directory, 2) else { return 1 }
    for entry in 0..<count {
      let place = directory + 2 + 12 * entry
      guard let tag = number(place, 2) else { return 1 }
      guard tag == 274 else { continue }
      // One number of a short or long type, with or without sign, left in its field of four bytes.
      let sizes = [3: 2, 4: 4, 8: 2, 9: 4]
      guard let type = number(place + 2, 2), let size = sizes[type], number(place + 4, 4) == 1,
        let value = number(place + 8, size), (1...8).contains(value)
      else { return 1 }
      return value
    }
    return 1
  }
}

/// A chunk of a PNG file.
struct PNGChunk {
  let name: [UInt8]
  let content: Range<Int>
  /// With its length, name and checksum.
  let whole: Range<Int>

  /// The chunks of a file, up to one that is cut off.
  static func all(of file: [UInt8]) -> [PNGChunk] {
    var chunks: [PNGChunk] = []
    var place = 8
    while place + 12 <= file.count {
      let length = file[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= file.count - place - 12 else { break }
      let end = place + 12 + length
      chunks.append(
        PNGChunk(name: Array(file[place + 4..<place + 8]), content: place + 8..<end - 4, whole: place..<end))
      place = end
    }
    return chunks
  }
}

extension Picture {
  /// The picture upright, and noted, for an orientation from 1 to 8: which side of the picture row 0 and column 0 of the pixels are.
  func turned(_ orientation: Int) -> Picture {
    guard orientation > 1 else { return self }
    let isSideways = orientation > 4
    let (newHeight, newWidth) = isSideways ? (width, height) : (height, width)
    var result: [UInt8] = []
    result.reserveCapacity(pixels.count)
    for y in 0..<newHeight {
      for x in 0..<newWidth {
        let (row, column) = isSideways ? (x, y) : (y, x)
        let sourceRow = [3, 4, 6, 7].contains(orientation) ? height - 1 - row : row
        let sourceColumn = [2, 3, 7, 8].contains(orientation) ? width - 1 - column : column
        let start = (sourceRow * width + sourceColumn) * channels
        result += pixels[start..<start + channels]
      }
    }
    return Picture(unchecked: newHeight, newWidth, channels, result)
      .noting([.turned(orientation: orientation)] + notes)
  }
}
