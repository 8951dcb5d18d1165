/// A small grid of numbers as SVG shapes: positive ones in the first series' colour, negative ones in the second's, and the stronger the
/// larger; zero is the paper.
///
/// Each colour is drawn in 16 steps, as one path of level runs for each step. A grid is averaged down to at most 64 cells a side.
struct SignedPicture {
  /// From -16 to 16.
  private let steps: [Int]
  let width: Int
  let height: Int
  private static let strongest = 16

  /// Takes `height * width` numbers, row after row; `maximum` is the magnitude that is drawn in full colour.
  init(values: [Float], height: Int, width: Int, maximum: Float) {
    let step = max(1, (max(height, width) + 63) / 64)
    let (rows, columns) = ((height + step - 1) / step, (width + step - 1) / step)
    (self.height, self.width) = (rows, columns)
    steps = (0..<rows * columns).map { place in
      let (top, left) = (place / columns * step, place % columns * step)
      var (sum, count): (Float, Float) = (0, 0)
      for y in top..<min(top + step, height) {
        for x in left..<min(left + step, width) {
          sum += values[y * width + x]
          count += 1
        }
      }
      let share = sum / count / maximum
      return share.isFinite ? Int((min(max(share, -1), 1) * Float(Self.strongest)).rounded()) : 0
    }
  }

  /// The shapes, a unit to a cell; lines lie half a cell down.
  var shapes: [String] {
    let runs = PixelPicture.levelRuns(steps, width: width).filter { $0.key != 0 }
    return runs.sorted { $0.key < $1.key }.map { step, data in
      let share = Double(step.magnitude) / Double(Self.strongest)
      let opacity = share < 1 ? " stroke-opacity=\"\(FigureNumber.coordinate(share))\"" : ""
      return "<path class=\"\(step > 0 ? "ath-s1" : "ath-s2")\"\(opacity) d=\"\(data)\"/>"
    }
  }

  /// Draws what the colours mean, from -maximum (or 0) to maximum; returns where the rest may begin.
  static func drawKey(_ canvas: inout FigureCanvas, maximum: Float, isSigned: Bool, y: Double) -> Double {
    var x = FigurePage.margin
    func label(_ value: Float) {
      let text = FigureNumber.significant(Double(value), digits: 2)
      canvas.text(text, x: x, y: y, style: "ath-muted", size: 11.5)
      x += FigureText.width(text, size: 11.5) + 6
    }
    label(isSigned ? -maximum : 0)
    let start = x
    for step in stride(from: isSigned ? -strongest : 0, through: strongest, by: 2) {
      let opacity = Double(step.magnitude) / Double(strongest)
      if step != 0 {
        canvas.rectangle(
          x: x, y: y - 10, width: 10, height: 12, style: step > 0 ? "ath-f1" : "ath-f2", opacity: opacity)
      }
      x += 10
    }
    canvas.frame(x: start, y: y - 10, width: x - start, height: 12)
    x += 6
    label(maximum)
    return y + 18
  }
}

extension FigureCanvas {
  /// A picture made of shapes with a unit to a pixel, as large as a square allows, in the square's middle, with a thin frame.
  mutating func picture(
    _ shapes: [String], width: Int, height: Int, x: Double, y: Double, side: Double, title: String
  ) {
    let scale = side / Double(max(width, height, 1))
    let (across, down) = (Double(width) * scale, Double(height) * scale)
    let (left, top) = (x + (side - across) / 2, y + (side - down) / 2)
    // A stroke is centred on its line, so lines lie half a pixel down.
    let attributes = "shape-rendering=\"crispEdges\" stroke-width=\"1\""
    group(x: left, y: top, title: title, attributes: attributes) { inner in
      inner.element("<g transform=\"scale(\(FigureNumber.precise(scale))) translate(0 .5)\">")
      for shape in shapes { inner.element(shape) }
      inner.element("</g>")
    }
    frame(x: left, y: top, width: across, height: down)
  }

  /// A thin rectangle that is not filled.
  mutating func frame(x: Double, y: Double, width: Double, height: Double) {
    let edge = "M\(FigureNumber.coordinate(x)) \(FigureNumber.coordinate(y))h\(FigureNumber.coordinate(width))"
    let sides = "v\(FigureNumber.coordinate(height))h\(FigureNumber.coordinate(-width))z"
    stroke(edge + sides, style: "ath-axis", width: 1)
  }
}
