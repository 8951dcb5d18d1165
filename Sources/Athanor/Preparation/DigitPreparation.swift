/// Prepares a picture of one handwritten digit as the digits of MNIST were prepared: white on black, its longer side 20 pixels with smooth
/// edges, its centre of mass in the middle of 28 x 28 pixels.
///
/// A network that was trained on MNIST knows digits in this form alone: drawn elsewhere on the canvas, larger, or black on white, they are
/// read as something else. The same preparation therefore belongs in front of the network wherever a person draws. The steps:
///
/// 1. Ink and paper: the border of the picture is paper, whether light or dark. Shades that differ from it no more than the border's own
///    shades do among themselves (noise, shadows) are paper too.
/// 2. The smallest box around the ink is cut out. Strokes thinner than a tenth of its longer side (2 pixels of 20) are widened to that, and
///    strokes thicker than 3.5 pixels of 20 made thinner: seven in ten digits of MNIST lie between.
/// 3. The box is scaled to a longer side of 20 pixels with a triangle filter as wide as a new pixel, so that edges stay smooth.
/// 4. It is placed in 28 x 28 pixels with its centre of mass in row and column 14, counted from 0.
///
/// A picture that has this form already (28 x 28, white on black, 20 pixels, centred) keeps its pixels.
///
/// The recipe is that of the page of MNIST (LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998). This file needs
/// nothing but the standard library.
///
/// - Example:
///   ```swift
///   // A canvas of 280 x 280 gray pixels, row after row.
///   if let digit = DigitPreparation.prepared(gray: canvas, width: 280, height: 280) {
///     let prediction = try model.predict(Tensor(shape: [1, 28, 28, 1], bytes: digit))
///   }
///   ```
nonisolated public enum DigitPreparation {
  /// The side of a prepared picture, in pixels.
  public static let side = 28
  private static let digitSide = 20

  /// The prepared picture of a digit.
  ///
  /// - Parameters:
  ///   - pixels: `[height, width]` shades of gray, 0 to 255, row after row.
  ///   - width: The picture's width in pixels.
  ///   - height: The picture's height in pixels.
  /// - Returns: `[28, 28]` shades of gray, row after row; nil when the picture is blank (its shades differ by less than 16 of 255) or
  ///   `pixels` are not `width * height`.
  public static func prepared(gray pixels: [UInt8], width: Int, height: Int) -> [UInt8]? {
    guard width > 0, height > 0, pixels.count / width == height, pixels.count % width == 0 else { return nil }
    let picture = Gray(width: width, height: height, pixels: pixels)
    if picture.isPrepared { return pixels }
    guard let ink = picture.ink(), let box = ink.box(above: 50) else { return nil }
    let digit = ink.cropped(to: box).withUsualStrokes()
    let longer = max(digit.width, digit.height)
    func scaled(_ length: Int) -> Int { max(1, (digitSide * length + longer / 2) / longer) }
    return digit.resized(width: scaled(digit.width), height: scaled(digit.height)).centred().pixels
  }

  /// A picture in shades of gray.
  nonisolated private struct Gray {
    let width, height: Int
    var pixels: [UInt8]

    struct Box {
      var top, left, bottom, right: Int
      var width: Int { right - left + 1 }
      var height: Int { bottom - top + 1 }
    }

    // MARK: Ink and paper

    /// Ink from 0 (paper) to 255, whatever the contrast; nil for a blank picture.
    func ink() -> Gray? {
      let (low, high) = (Int(pixels.min() ?? 0), Int(pixels.max() ?? 0))
      guard high - low >= 16 else { return nil }
      // Medians, because ink may touch the border.
      let border = self.border.sorted()
      let paper = border[border.count / 2]
      let paperIsLight = 2 * paper > low + high
      let contrast = paperIsLight ? paper - low : high - paper
      let spread = border.map { abs($0 - paper) }.sorted()[border.count / 2]
      // 2.5 standard deviations of normally distributed noise.
      let noise = min(spread * 15 / 4, contrast / 2)
      let shades = (0...255).map { value in
        let difference = paperIsLight ? paper - value : value - paper
        return UInt8(min(max(255 * (difference - noise) / (contrast - noise), 0), 255))
      }
      return Gray(width: width, height: height, pixels: pixels.map { shades[Int($0)] })
    }

    /// The shades of the outermost pixels.
    private var border: [Int] {
      var result = (pixels.prefix(width) + pixels.suffix(width)).map(Int.init)
      for start in stride(from: 0, to: pixels.count, by: width) {
        result += [Int(pixels[start]), Int(pixels[start + width - 1])]
      }
      return result
    }

    /// The smallest box around everything brighter than a threshold; nil when nothing is.
    func box(above threshold: UInt8) -> Box? {
      var box = Box(top: height, left: width, bottom: -1, right: -1)
      for y in 0..<height {
        for x in 0..<width where pixels[y * width + x] > threshold {
          (box.top, box.bottom) = (min(box.top, y), max(box.bottom, y))
          (box.left, box.right) = (min(box.left, x), max(box.right, x))
        }
      }
      return box.bottom < 0 ? nil : box
    }

    func cropped(to box: Box) -> Gray {
      let rows = (box.top...box.bottom).flatMap { y in pixels[y * width + box.left...y * width + box.right] }
      return Gray(width: box.width, height: box.height, pixels: rows)
    }

    /// Whether it has MNIST's form already.
    var isPrepared: Bool {
      guard width == side, height == side, border.reduce(0, +) < 32 * border.count, let box = box(above: 0),
        digitSide - 3...digitSide ~= max(box.width, box.height)
      else { return false }
      let (x, y) = centreOfMass
      return abs(x - 14) <= 1 && abs(y - 14) <= 1
    }

    // MARK: Strokes

    /// With strokes between a tenth and `widest` of the longer side.
    func withUsualStrokes() -> Gray {
      let longer = Double(max(height, width))
      if strokeWidth < longer / 10 {
        // 160 pixels are enough to see a tenth of them, and keep the brush below small.
        let small = maximaOfBlocks(of: max(1, max(height, width) / 160))
        let missing = Double(max(small.height, small.width)) / 10 - small.strokeWidth
        return missing > 0 ? small.brushed(radius: missing / 2) : small
      }
      let excess = strokeWidth - longer * Gray.widest
      guard excess > 0 else { return self }
      let side = max(1, max(height, width) / 160)
      let small = side == 1 ? self : resized(width: width / side, height: height / side)
      let thin = small.thinned(radius: excess / 2 / Double(side))
      return thin.box(above: 50).map(thin.cropped) ?? self
    }

    /// The greatest width of strokes, as a share of the longer side: 3.5 of 20 pixels.
    private static let widest = 0.175

    /// Roughly how wide strokes are: twice their area by the length of their outline.
    ///
    /// Steps between pixels make an outline longer than it is, by 4 / pi for lines of all directions.
    private var strokeWidth: Double {
      func isInk(_ y: Int, _ x: Int) -> Bool {
        y >= 0 && x >= 0 && y < height && x < width && pixels[y * width + x] > 127
      }
      var (area, outline) = (0, 0)
      for y in 0...height {
        for x in 0...width {
          let here = isInk(y, x)
          if here { area += 1 }
          if here != isInk(y - 1, x) { outline += 1 }
          if here != isInk(y, x - 1) { outline += 1 }
        }
      }
      return 8 * Double(area) / (Double.pi * Double(max(outline, 1)))
    }

    /// Smaller by a whole factor; each new pixel is the brightest of a square, so that thin strokes stay.
    private func maximaOfBlocks(of length: Int) -> Gray {
      guard length > 1 else { return self }
      let (newWidth, newHeight) = ((width + length - 1) / length, (height + length - 1) / length)
      var result = [UInt8](repeating: 0, count: newHeight * newWidth)
      for y in 0..<height {
        for x in 0..<width {
          let place = y / length * newWidth + x / length
          result[place] = max(result[place], pixels[y * width + x])
        }
      }
      return Gray(width: newWidth, height: newHeight, pixels: result)
    }

    /// Every pixel made a round dot with a soft edge, in a picture that has room for it.
    private func brushed(radius: Double) -> Gray {
      let margin = Int(radius.rounded(.up))
      let (newWidth, newHeight) = (width + 2 * margin, height + 2 * margin)
      var dot: [(offset: Int, share: Double)] = []
      for dy in -margin...margin {
        for dx in -margin...margin {
          let share = min(radius + 1 - Double(dy * dy + dx * dx).squareRoot(), 1)
          if share > 0 { dot.append((dy * newWidth + dx, share)) }
        }
      }
      var result = [UInt8](repeating: 0, count: newHeight * newWidth)
      for y in 0..<height {
        for x in 0..<width where pixels[y * width + x] > 0 {
          let (value, centre) = (Double(pixels[y * width + x]), (y + margin) * newWidth + x + margin)
          for (offset, share) in dot { result[centre + offset] = max(result[centre + offset], UInt8(value * share)) }
        }
      }
      return Gray(width: newWidth, height: newHeight, pixels: result)
    }

    /// The ink that a brush of paper leaves when it goes around it, in a picture of the same size.
    private func thinned(radius: Double) -> Gray {
      let margin = Int(radius.rounded(.up))
      // Paper all around, so that ink at the edge is thinned from outside too.
      let paper = [UInt8](repeating: 255, count: margin)
      let edge = [UInt8](repeating: 255, count: margin * (width + 2 * margin))
      var inverted = edge
      for start in stride(from: 0, to: pixels.count, by: width) {
        inverted += paper + pixels[start..<start + width].map { 255 - $0 } + paper
      }
      let sheet = Gray(width: width + 2 * margin, height: height + 2 * margin, pixels: inverted + edge)
      let brushed = sheet.brushed(radius: radius)
      let (first, right, bottom) = (2 * margin, 2 * margin + width - 1, 2 * margin + height - 1)
      let inside = brushed.cropped(to: Box(top: first, left: first, bottom: bottom, right: right))
      return Gray(width: width, height: height, pixels: inside.pixels.map { 255 - $0 })
    }

    // MARK: Size and place

    func resized(width newWidth: Int, height newHeight: Int) -> Gray {
      let (columns, rows) = (Gray.filter(from: width, to: newWidth), Gray.filter(from: height, to: newHeight))
      var narrow = [Double](repeating: 0, count: height * newWidth)
      for y in 0..<height {
        for (x, taps) in columns.enumerated() {
          narrow[y * newWidth + x] = taps.reduce(0) { $0 + $1.weight * Double(pixels[y * width + $1.index]) }
        }
      }
      var result = [UInt8](repeating: 0, count: newHeight * newWidth)
      for (y, taps) in rows.enumerated() {
        for x in 0..<newWidth {
          let value = taps.reduce(0) { $0 + $1.weight * narrow[$1.index * newWidth + x] }
          result[y * newWidth + x] = UInt8(min(max(value.rounded(), 0), 255))
        }
      }
      return Gray(width: newWidth, height: newHeight, pixels: result)
    }

    /// The weights of a triangle filter for each new pixel: one new pixel wide to either side when it shrinks, else one old pixel.
    private static func filter(from old: Int, to new: Int) -> [[(index: Int, weight: Double)]] {
      let scale = Double(old) / Double(new)
      let radius = max(scale, 1)
      return (0..<new).map { place in
        let centre = (Double(place) + 0.5) * scale - 0.5
        let near = max(0, Int((centre - radius).rounded(.up)))...min(old - 1, Int((centre + radius).rounded(.down)))
        let weights = near.map { max(0, 1 - abs(Double($0) - centre) / radius) }
        let sum = weights.reduce(0, +)
        return zip(near, weights).map { ($0, $1 / sum) }
      }
    }

    private var centreOfMass: (x: Double, y: Double) {
      var (mass, sumX, sumY) = (0, 0, 0)
      for y in 0..<height {
        for x in 0..<width {
          let value = Int(pixels[y * width + x])
          mass += value
          sumX += value * x
          sumY += value * y
        }
      }
      return (Double(sumX) / Double(max(mass, 1)), Double(sumY) / Double(max(mass, 1)))
    }

    func centred() -> Gray {
      let centre = centreOfMass
      let top = min(max(Int((14 - centre.y).rounded()), 0), side - height)
      let left = min(max(Int((14 - centre.x).rounded()), 0), side - width)
      var result = [UInt8](repeating: 0, count: side * side)
      for y in 0..<height { for x in 0..<width { result[(top + y) * side + left + x] = pixels[y * width + x] } }
      return Gray(width: side, height: side, pixels: result)
    }
  }
}
