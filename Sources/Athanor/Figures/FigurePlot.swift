/// A frame with two axes, into which lines and points are drawn.
struct FigurePlot {
  let frame: FigureFrame
  let x: FigureAxis
  let y: FigureAxis
  let xTitle: String
  let yTitle: String

  /// The space that labels and titles need below the frame, and to its left.
  static let foot = 38.0
  static let gutter = 58.0

  private func n(_ value: Double) -> String { FigureNumber.coordinate(value) }

  /// Where a pair of numbers lies.
  func place(_ x: Double, _ y: Double) -> LineChartPoint {
    LineChartPoint(
      x: frame.x + frame.width * self.x.position(x), y: frame.y + frame.height * (1 - self.y.position(y)))
  }

  /// Draws grid, axes and titles.
  func drawAxes(_ canvas: inout FigureCanvas) {
    let (right, bottom) = (frame.x + frame.width, frame.y + frame.height)
    for tick in y.ticks {
      let place = place(x.low, tick.value).y.rounded() + 0.5
      canvas.line(frame.x, place, right, place, style: "ath-grid")
      canvas.text(tick.label, x: frame.x - 8, y: place + 3.5, style: "ath-muted", anchor: .end, size: 11)
    }
    for tick in x.ticks {
      let place = place(tick.value, y.low).x.rounded() + 0.5
      canvas.line(place, frame.y, place, bottom, style: "ath-grid")
      canvas.text(tick.label, x: place, y: bottom + 17, style: "ath-muted", anchor: .middle, size: 11)
    }
    canvas.frame(x: frame.x.rounded() + 0.5, y: frame.y.rounded() + 0.5, width: frame.width, height: frame.height)
    canvas.text(
      xTitle, x: frame.x + frame.width / 2, y: bottom + 33, style: "ath-muted", anchor: .middle, size: 11.5)
    canvas.text(
      yTitle, x: frame.x - FigurePlot.gutter + 12, y: frame.y + frame.height / 2, style: "ath-muted", anchor: .middle,
      size: 11.5, rotation: -90)
  }

  /// The path along points, or in steps that reach each point's height before its place; points that lie on the one before to half a unit are left
  /// out.
  func path(_ points: [ThresholdCurve.Point], inSteps: Bool = false) -> String {
    var (text, last): (String, LineChartPoint?) = ("", nil)
    for (index, point) in points.enumerated() {
      let next = place(point.x, point.y)
      guard let before = last else {
        text = "M\(n(next.x)) \(n(next.y))"
        last = next
        continue
      }
      let isNear = (next.x - before.x).magnitude < 0.5 && (next.y - before.y).magnitude < 0.5
      if isNear, index + 1 < points.count { continue }
      text += inSteps ? "V\(n(next.y))H\(n(next.x))" : "L\(n(next.x)) \(n(next.y))"
      last = next
    }
    return text
  }

  /// One path of small squares around points, each place to half a unit once.
  func marks(_ points: [ThresholdCurve.Point]) -> String {
    var (text, seen): (String, Set<LineChartPoint>) = ("", [])
    for point in points {
      let place = place(point.x, point.y)
      let rounded = LineChartPoint(x: (place.x * 2).rounded() / 2, y: (place.y * 2).rounded() / 2)
      if seen.insert(rounded).inserted { text += "M\(n(rounded.x - 1.5)) \(n(rounded.y - 1.5))h3v3h-3z" }
    }
    return text
  }
}
