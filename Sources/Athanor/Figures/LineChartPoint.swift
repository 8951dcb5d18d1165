/// A value's place in the drawing.
package struct LineChartPoint: Hashable, Sendable {
  /// From the left edge.
  package var x: Double
  /// From the upper edge.
  package var y: Double

  /// A place.
  package init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }

  /// The path through the points, broken where one is missing; a point without neighbours has no path.
  package static func path(_ points: [LineChartPoint?], joining: LineChart.Joining) -> String {
    var text = ""
    for (place, point) in points.enumerated() {
      guard let point else { continue }
      guard place > 0, let before = points[place - 1] else {
        let continues = place + 1 < points.count && points[place + 1] != nil
        if continues { text += "M\(n(point.x)) \(n(point.y))" }
        continue
      }
      switch joining {
      case .straight: text += "L\(n(point.x)) \(n(point.y))"
      case .steps:
        text += point.y == before.y ? "H\(n(point.x))" : "H\(n((before.x + point.x) / 2))V\(n(point.y))H\(n(point.x))"
      }
    }
    return text
  }

  private static func n(_ value: Double) -> String { FigureNumber.coordinate(value) }
}

/// The text beside a chart's best value, which looks for a place where it covers no line.
package struct LineChartLabel {
  /// What it says.
  package let text: String
  /// The value it belongs to.
  package let around: LineChartPoint
  /// Whether it had better stand above the value than below.
  package let above: Bool

  private let size = 11.5

  /// Makes a label.
  package init(text: String, around: LineChartPoint, above: Bool) {
    self.text = text
    self.around = around
    self.above = above
  }

  /// Draws it at the candidate that covers the fewest points of the lines, the nearest of equals.
  package func draw(
    _ canvas: inout FigureCanvas, style: String, in frame: FigureFrame, avoiding lines: [[LineChartPoint?]]
  ) {
    let width = FigureText.width(text, size: size * 1.06)
    let furthest = max(frame.x + 2, frame.x + frame.width - width - 2)
    let offsets: [Double] =
      above ? [-13, 22, 4, -27, 36, -44, 52, -64, 72, -90] : [22, -13, 4, 36, -27, 52, -44, 72, -64, 98]
    let shifts = [-0.5 * width, -width - 12, 12]
    var chosen = LineChartPoint(x: min(max(around.x - width / 2, frame.x + 2), furthest), y: around.y + offsets[0])
    var fewest = Int.max
    for offset in offsets {
      for shift in shifts {
        let left = min(max(around.x + shift, frame.x + 2), furthest)
        let baseline = around.y + offset
        guard baseline - 10 >= frame.y, baseline + 3 <= frame.y + frame.height else { continue }
        let box = FigureFrame(x: left - 2, y: baseline - 11, width: width + 4, height: 15)
        let covered = lines.reduce(0) { $0 + Self.count(of: $1, inside: box) }
        if covered < fewest {
          fewest = covered
          chosen = LineChartPoint(x: left, y: baseline)
        }
      }
    }
    canvas.text(
      text, x: chosen.x + width / 2, y: chosen.y, style: "\(style) ath-halo", anchor: .middle, size: size, bold: true)
  }

  /// How much of a line is inside of a box, in sixteenths of its pieces.
  private static func count(of line: [LineChartPoint?], inside box: FigureFrame) -> Int {
    var total = 0
    for (place, point) in line.enumerated() {
      guard let point else { continue }
      let before = place > 0 ? line[place - 1] ?? point : point
      for part in 1...16 {
        let share = Double(part) / 16
        let x = before.x + (point.x - before.x) * share
        let y = before.y + (point.y - before.y) * share
        if x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height { total += 1 }
      }
    }
    return total
  }
}
