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
  /// The number of rows.
  public let height: Int
  /// The number of columns.
  public let width: Int
  /// 1 for gray, 3 for red, green and blue.
  public let channels: Int
  /// The bytes, channels last.
  public let pixels: [UInt8]

  /// Puts a picture together.
  ///
  /// - Throws: `AthanorError` when the number of bytes does not fit, or there are not 1 or 3 channels.
  public init(height: Int, width: Int, channels: Int, pixels: [UInt8]) throws {
    guard height > 0, width > 0, channels == 1 || channels == 3, pixels.count == height * width * channels else {
      throw AthanorError(
        .argument, at: "Picture", "\(pixels.count) bytes were given for \(height) x \(width) pixels of \(channels) channels",
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

  /// The picture in another size; each new pixel is the mean of the area that it covers.
  ///
  /// - Throws: `AthanorError` when a length is not in 1 ... 16,384.
  public func resized(height newHeight: Int, width newWidth: Int) throws -> Picture {
    guard (1...16384).contains(newHeight), (1...16384).contains(newWidth) else {
      throw AthanorError(.argument, at: "Picture.resized", "a size of \(newHeight) x \(newWidth) was asked for")
    }
    if newHeight == height, newWidth == width { return self }
    let rows = Picture.coverage(from: height, to: newHeight)
    let columns = Picture.coverage(from: width, to: newWidth)
    var result = [UInt8](repeating: 0, count: newHeight * newWidth * channels)
    for (i, row) in rows.enumerated() {
      for (j, column) in columns.enumerated() {
        for channel in 0..<channels {
          var sum = 0.0
          for (y, a) in row { for (x, b) in column { sum += a * b * Double(pixels[(y * width + x) * channels + channel]) } }
          result[(i * newWidth + j) * channels + channel] = UInt8(min(max(sum.rounded(), 0), 255))
        }
      }
    }
    return Picture(unchecked: newHeight, newWidth, channels, result)
  }

  /// For each new place, the old places that it covers with their shares (area when shrinking, linear when growing).
  private static func coverage(from old: Int, to new: Int) -> [[(Int, Double)]] {
    let scale = Double(old) / Double(new)
    return (0..<new).map { place in
      if scale >= 1 {
        let (start, end) = (Double(place) * scale, Double(place + 1) * scale)
        return (Int(start)..<min(Int(end.rounded(.up)), old)).map { source in
          (source, (min(end, Double(source + 1)) - max(start, Double(source))) / scale)
        }
      }
      let position = min(max((Double(place) + 0.5) * scale - 0.5, 0), Double(old - 1))
      let first = Int(position)
      let share = position - Double(first)
      return first + 1 < old ? [(first, 1 - share), (first + 1, share)] : [(first, 1)]
    }
  }

  /// A drawn or photographed digit as MNIST has them: white on black, its longer side 20 pixels, its centre of mass in the
  /// middle of 28 x 28. A picture that already is gray, 28 x 28 and white on black stays as it is.
  ///
  /// - Throws: `AthanorError` when the picture is empty: all of one shade.
  public func mnistNormalized() throws -> Picture {
    let gray = gray()
    let border = gray.borderMean
    if height == 28, width == 28, border < 32 { return gray }
    let light = border > 127
    let low = Int(gray.pixels.min() ?? 0)
    let high = Int(gray.pixels.max() ?? 0)
    guard high - low >= 16 else {
      throw AthanorError(.data, at: "Picture", "it is empty: all of one shade", fix: "Draw a digit first.")
    }
    // Ink from 0 to 255, whatever the contrast.
    let ink = gray.pixels.map { value in
      UInt8(255 * (light ? high - Int(value) : Int(value) - low) / (high - low))
    }
    let picture = Picture(unchecked: height, width, 1, ink)
    let marked = ink.indices.filter { ink[$0] > 50 }
    let rows = marked.map { $0 / width }
    let columns = marked.map { $0 % width }
    guard let top = rows.min(), let bottom = rows.max(), let left = columns.min(), let right = columns.max() else {
      return gray
    }
    let (boxHeight, boxWidth) = (bottom - top + 1, right - left + 1)
    let longer = max(boxHeight, boxWidth)
    let box = picture.cropped(top: top, left: left, height: boxHeight, width: boxWidth)
    let digit = try box.resized(
      height: max(1, (20 * boxHeight + longer / 2) / longer), width: max(1, (20 * boxWidth + longer / 2) / longer))
    return digit.centred()
  }

  private var borderMean: Int {
    var sum = 0
    var count = 0
    for y in 0..<height {
      for x in 0..<width where y == 0 || x == 0 || y == height - 1 || x == width - 1 {
        sum += Int(pixels[y * width + x])
        count += 1
      }
    }
    return sum / max(count, 1)
  }

  func cropped(top: Int, left: Int, height newHeight: Int, width newWidth: Int) -> Picture {
    var result: [UInt8] = []
    for y in top..<top + newHeight {
      let start = (y * width + left) * channels
      result += pixels[start..<start + newWidth * channels]
    }
    return Picture(unchecked: newHeight, newWidth, channels, result)
  }

  /// In the middle of 28 x 28 by its centre of mass.
  private func centred() -> Picture {
    var (mass, sumY, sumX) = (0, 0, 0)
    for y in 0..<height {
      for x in 0..<width {
        let value = Int(pixels[y * width + x])
        mass += value
        sumY += value * y
        sumX += value * x
      }
    }
    let centreY = Double(sumY) / Double(max(mass, 1)) + 0.5
    let centreX = Double(sumX) / Double(max(mass, 1)) + 0.5
    let top = min(max(Int((14 - centreY).rounded()), 0), 28 - height)
    let left = min(max(Int((14 - centreX).rounded()), 0), 28 - width)
    var result = [UInt8](repeating: 0, count: 28 * 28)
    for y in 0..<height { for x in 0..<width { result[(top + y) * 28 + left + x] = pixels[y * width + x] } }
    return Picture(unchecked: 28, 28, 1, result)
  }
}
