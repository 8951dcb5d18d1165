import Athanor

extension Picture {
  /// A drawn or photographed digit as MNIST has them: white on black, its longer side 20 pixels, its centre of mass in the
  /// middle of 28 x 28. A picture that already is 28 x 28 and white on black keeps its pixels.
  ///
  /// What is ink and what is paper follows from the picture's border, which is taken for paper, and so is what
  /// differs no more from it than the border's own shades do among themselves. Strokes that would be
  /// thinner than two pixels, like those of a pen on a large sheet, are thickened to two: four in five of MNIST's
  /// digits have strokes of that width or more.
  ///
  /// - Throws: `AthanorError` when the picture is empty: all of one shade.
  public func mnistNormalized() throws -> Picture {
    let gray = gray()
    let low = Int(gray.pixels.min() ?? 0)
    let high = Int(gray.pixels.max() ?? 0)
    guard high - low >= 16 else {
      throw AthanorError(.data, at: "Picture", "it is empty: all of one shade", fix: "Draw a digit first.")
    }
    let border = gray.border
    let paper = border.reduce(0) { $0 + Int($1) } / border.count
    if height == 28, width == 28, paper < 32 { return gray }
    let paperIsLight = 2 * paper > low + high
    let contrast = paperIsLight ? paper - low : high - paper
    // Shades that differ from the paper no more than the paper itself does (noise, shadows) are paper.
    let spread = border.map { abs(Int($0) - paper) }.sorted()[border.count * 9 / 10]
    let noise = min(spread * 3 / 2, contrast / 2)
    // Ink from 0 to 255, whatever the contrast.
    let ink = gray.pixels.map { value in
      let difference = paperIsLight ? paper - Int(value) : Int(value) - paper
      return UInt8(min(max(255 * (difference - noise) / (contrast - noise), 0), 255))
    }
    let picture = Picture(unchecked: height, width, 1, ink)
    guard let box = picture.inkBox(above: 50) else { return gray }
    let digit = picture.cropped(top: box.top, left: box.left, height: box.height, width: box.width).thickened()
    let longer = max(digit.height, digit.width)
    return try digit.resized(
      height: max(1, (20 * digit.height + longer / 2) / longer), width: max(1, (20 * digit.width + longer / 2) / longer)
    ).centred()
  }

  /// The shades of the outermost pixels.
  private var border: [UInt8] {
    let top = pixels.prefix(width)
    let bottom = pixels.suffix(width)
    var result = Array(top + bottom)
    for start in stride(from: 0, to: pixels.count, by: width) {
      result.append(pixels[start])
      result.append(pixels[start + width - 1])
    }
    return result
  }

  /// The smallest box around everything brighter than a threshold; nil when nothing is.
  private func inkBox(above threshold: UInt8) -> (top: Int, left: Int, height: Int, width: Int)? {
    var (top, bottom, left, right) = (height, -1, width, -1)
    for y in 0..<height {
      for x in 0..<width where pixels[y * width + x] > threshold {
        (top, bottom) = (min(top, y), max(bottom, y))
        (left, right) = (min(left, x), max(right, x))
      }
    }
    return bottom < 0 ? nil : (top, left, bottom - top + 1, right - left + 1)
  }

  private func cropped(top: Int, left: Int, height newHeight: Int, width newWidth: Int) -> Picture {
    var result: [UInt8] = []
    for y in top..<top + newHeight {
      let start = (y * width + left) * channels
      result += pixels[start..<start + newWidth * channels]
    }
    return Picture(unchecked: newHeight, newWidth, channels, result)
  }

  /// With strokes of at least a tenth of the longer side, two of MNIST's twenty pixels.
  private func thickened() -> Picture {
    guard strokeWidth < Double(max(height, width)) / 10 else { return self }
    // A tenth of 160 pixels is enough to see, and keeps the brush below small.
    let picture = maximaOfBlocks(of: max(1, max(height, width) / 160))
    let missing = Double(max(picture.height, picture.width)) / 10 - picture.strokeWidth
    return missing > 0 ? picture.brushed(radius: missing / 2) : picture
  }

  /// Roughly how wide strokes are: twice their area by their outline's length.
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
  private func maximaOfBlocks(of side: Int) -> Picture {
    guard side > 1 else { return self }
    let (newHeight, newWidth) = ((height + side - 1) / side, (width + side - 1) / side)
    var result = [UInt8](repeating: 0, count: newHeight * newWidth)
    for y in 0..<height {
      for x in 0..<width {
        let place = y / side * newWidth + x / side
        result[place] = max(result[place], pixels[y * width + x])
      }
    }
    return Picture(unchecked: newHeight, newWidth, 1, result)
  }

  /// Every pixel made a round dot of a radius with a soft edge, on a picture that has room for it.
  private func brushed(radius: Double) -> Picture {
    let margin = Int(radius.rounded(.up))
    let (newHeight, newWidth) = (height + 2 * margin, width + 2 * margin)
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
    return Picture(unchecked: newHeight, newWidth, 1, result)
  }

  /// In 28 x 28 pixels with its centre of mass in row and column 14, counted from 0, where MNIST's digits have theirs.
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
    let centreY = Double(sumY) / Double(max(mass, 1))
    let centreX = Double(sumX) / Double(max(mass, 1))
    let top = min(max(Int((14 - centreY).rounded()), 0), 28 - height)
    let left = min(max(Int((14 - centreX).rounded()), 0), 28 - width)
    var result = [UInt8](repeating: 0, count: 28 * 28)
    for y in 0..<height { for x in 0..<width { result[(top + y) * 28 + left + x] = pixels[y * width + x] } }
    return Picture(unchecked: 28, 28, 1, result)
  }
}
