import Athanor
import CTurboJPEG
import Foundation

extension Picture {
  /// Decodes a JPEG picture and turns it upright.
  static func jpeg(_ data: Data, _ name: String, _ pixelLimit: Int) throws -> Picture {
    guard let handle = tjInitDecompress() else {
      throw AthanorError(.data, at: name, "the JPEG decoder could not be started")
    }
    defer { tjDestroy(handle) }
    func reason() -> String { tjGetErrorStr2(handle).map { String(cString: $0) } ?? "" }
    func refuse(_ reason: String) -> AthanorError {
      AthanorError(
        .data, at: name, "it is a damaged or unsupported JPEG picture: \(reason)", fix: "Save the picture again.")
    }
    let orientation = exifOrientation(data)
    let (picture, defect) = try data.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      var (width, height, subsampling, colorspace): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
      guard tjDecompressHeader3(handle, start, UInt(bytes.count), &width, &height, &subsampling, &colorspace) == 0
      else { throw refuse(reason()) }
      try requireSize(Int(height), Int(width), data, name, pixelLimit)
      let format: TJPF
      let samples: Int
      switch colorspace {
      case Int32(TJCS_GRAY.rawValue): (format, samples) = (TJPF_GRAY, 1)
      case Int32(TJCS_CMYK.rawValue), Int32(TJCS_YCCK.rawValue): (format, samples) = (TJPF_CMYK, 4)
      default: (format, samples) = (TJPF_RGB, 3)
      }
      var pixels = [UInt8](repeating: 0, count: Int(height) * Int(width) * samples)
      func decode(_ flags: Int32) -> Bool {
        tjDecompress2(
          handle, start, UInt(bytes.count), &pixels, width, 0, height, Int32(format.rawValue), TJFLAG_LIMITSCANS | flags
        )
          == 0
      }
      var defect: String?
      // The decoder keeps one warning; the first one must be harmless, and the last one too.
      if !decode(TJFLAG_STOPONWARNING) {
        let first = reason()
        guard tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue), isHarmless(first) else { throw refuse(first) }
        if !decode(0) {
          guard tjGetErrorCode(handle) == Int32(TJERR_WARNING.rawValue), reason() == first else {
            throw refuse(reason())
          }
        }
        defect = first
      }
      let channels = samples == 1 ? 1 : 3
      if samples == 4 { pixels = colors(ofCMYK: pixels) }
      return (Picture(unchecked: Int(height), Int(width), channels, pixels), defect)
    }
    return picture.turned(orientation).noting(
      (orientation == 1 ? [] : [.turned(orientation: orientation)]) + (defect.map { [.defect($0)] } ?? []))
  }

  /// Whether a warning of libjpeg leaves the pixels whole: bytes behind them, before the marker of the end, or an unusual number in a header.
  private static func isHarmless(_ warning: String) -> Bool {
    warning.hasSuffix("extraneous bytes before marker 0xd9")
      || warning.hasPrefix("Warning: unknown JFIF revision number")
      || warning.hasPrefix("Unknown Adobe color transform code")
  }

  /// RGB of CMYK whose numbers are inverted, as Adobe's programs write them: `K - (255 - C) * K / 255`, as Pillow rounds.
  private static func colors(ofCMYK samples: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(samples.count / 4 * 3)
    for start in stride(from: 0, to: samples.count, by: 4) {
      let key = Int(samples[start + 3])
      for sample in samples[start..<start + 3] {
        let product = (255 - Int(sample)) * key + 128
        result.append(UInt8(max(key - (product >> 8 + product) >> 8, 0)))
      }
    }
    return result
  }

  /// The orientation that the EXIF segment of a JPEG file gives, from 1 (upright) to 8; 1 where it says nothing that is known.
  ///
  /// Source: CIPA DC-008 (Exif 2.32), 4.6.4, tag 274.
  static func exifOrientation(_ data: Data) -> Int {
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
      if marker == 0xE1, content.starts(with: "Exif\0\0".utf8) {
        return orientation(ofTIFF: Array(content.dropFirst(6)))
      }
      place += 2 + length
    }
    return 1
  }

  private static func orientation(ofTIFF bytes: [UInt8]) -> Int {
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
      // A short number, left in its field of four bytes.
      guard number(place + 2, 2) == 3, let value = number(place + 8, 2), (1...8).contains(value) else { return 1 }
      return value
    }
    return 1
  }

  /// The picture upright, for an orientation from 1 to 8: which side of the picture row 0 and column 0 of the pixels are.
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
  }
}
