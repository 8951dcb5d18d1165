import Athanor
import Foundation

/// A picture in memory: one byte for each pixel and channel, `[height, width, channels]`, row by row.
///
/// - Example:
///   ```swift
///   let digit = try Picture(contentsOf: "seven.png").mnistNormalized()
///   let probabilities = try model.predict(digit.tensor())  // [1, 10]
///   ```
public struct Picture: Hashable, Sendable {
  /// What reading a file did besides decoding it.
  public enum Note: Hashable, Sendable {
    /// The picture was turned or mirrored as the EXIF orientation of the file says, a number from 2 to 8.
    case turned(orientation: Int)
    /// The file has a defect that leaves its pixels whole; what the decoder says of it.
    case defect(String)
  }

  /// The longest side of a resized picture.
  static let sideLimit = 16_384

  /// The number of rows.
  public let height: Int
  /// The number of columns.
  public let width: Int
  /// 1 for gray, 3 for red, green and blue.
  public let channels: Int
  /// The bytes, channels last.
  public let pixels: [UInt8]
  /// What reading the file did; none for a picture that was made otherwise. Equal pictures may differ in them.
  public private(set) var notes: [Note] = []

  /// Puts a picture together.
  ///
  /// - Throws: `AthanorError` when the number of bytes does not fit, or there are not 1 or 3 channels.
  public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) throws {
    guard height > 0, width > 0, channels == 1 || channels == 3,
      pixels.count == Tensor.elementCount(of: [height, width, channels])
    else {
      throw AthanorError(
        .argument, at: "Picture",
        "\(pixels.count) bytes were given for \(height) x \(width) pixels of \(channels) channels",
        fix: "Give height * width * channels bytes, with 1 or 3 channels.")
    }
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  init(unchecked height: Int, _ width: Int, _ channels: Int, _ pixels: [UInt8]) {
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
  }

  /// The same picture with notes.
  func noting(_ notes: [Note]) -> Picture {
    var picture = self
    picture.notes = notes
    return picture
  }

  /// Whether size, channels and pixels are the same.
  public static func == (left: Picture, right: Picture) -> Bool {
    (left.height, left.width, left.channels) == (right.height, right.width, right.channels)
      && left.pixels == right.pixels
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(height)
    hasher.combine(width)
    hasher.combine(channels)
    hasher.combine(pixels)
  }

  /// The picture as a batch of one: `[1, height, width, channels]`.
  public func tensor() -> Tensor {
    Tensor(uncheckedShape: [1, height, width, channels], .uint8(pixels))
  }

  /// The picture in shades of gray: `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601, as Keras and Pillow do).
  public func gray() -> Picture {
    guard channels == 3 else { return self }
    let values = (0..<height * width).map { place in
      let (r, g, b) = (Int(pixels[3 * place]), Int(pixels[3 * place + 1]), Int(pixels[3 * place + 2]))
      return UInt8((299 * r + 587 * g + 114 * b + 500) / 1000)
    }
    return Picture(unchecked: height, width, 1, values)
  }

  /// The picture with three equal channels when it is gray.
  public func color() -> Picture {
    channels == 3 ? self : Picture(unchecked: height, width, 3, pixels.flatMap { [$0, $0, $0] })
  }

  /// The picture in another size, by a filter.
  ///
  /// - Throws: `AthanorError` when a length is not in 1 ... 16,384.
  /// - Example:
  ///   ```swift
  ///   let small = try picture.resized(height: 64, width: 64, filter: .antialiasedBilinear)
  ///   ```
  public func resized(
    height newHeight: Int, width newWidth: Int, filter: ResizingFilter = .area
  ) throws -> Picture {
    guard (1...Picture.sideLimit).contains(newHeight), (1...Picture.sideLimit).contains(newWidth) else {
      throw AthanorError(
        .argument, at: "Picture.resized", "a size of \(newHeight) x \(newWidth) was asked for",
        fix: "Give a height and a width from 1 to \(Picture.sideLimit).")
    }
    if newHeight == height, newWidth == width { return self }
    let columns = filter.taps(from: width, to: newWidth)
    let stride = newWidth * channels
    /// A row of this picture in the new width.
    func resize(_ row: Int, to target: UnsafeMutableBufferPointer<Double>) {
      pixels.withUnsafeBufferPointer { pixels in
        for (column, taps) in columns.enumerated() {
          for channel in 0..<channels {
            var (sum, place) = (0.0, (row * width + taps.first) * channels + channel)
            for weight in taps.weights {
              sum += weight * Double(pixels[place])
              place += channels
            }
            target[column * channels + channel] = sum
          }
        }
      }
    }
    // Each row is made once: those that the next new row needs too are kept.
    var (resized, sums) = ([Int: [Double]](), [Double](repeating: 0, count: stride))
    var result = [UInt8](repeating: 0, count: newHeight * stride)
    for (row, taps) in filter.taps(from: height, to: newHeight).enumerated() {
      resized = resized.filter { $0.key >= taps.first }
      for place in 0..<stride { sums[place] = 0 }
      for (offset, weight) in taps.weights.enumerated() {
        let source = taps.first + offset
        let values =
          resized[source]
          ?? [Double](unsafeUninitializedCapacity: stride) { target, count in
            resize(source, to: target)
            count = stride
          }
        resized[source] = values
        for place in 0..<stride { sums[place] += weight * values[place] }
      }
      for place in 0..<stride {
        result[row * stride + place] = UInt8(min(max(sums[place].rounded(), 0), 255))
      }
    }
    return Picture(unchecked: newHeight, newWidth, channels, result)
  }
}
