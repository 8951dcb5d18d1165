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
    let orientation = Orientation.ofJPEG(data)
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
    return picture.noting(defect.map { [.defect($0)] } ?? []).turned(orientation)
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
}
