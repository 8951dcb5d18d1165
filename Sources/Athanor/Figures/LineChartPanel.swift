/// One chart of a figure: its axes, and how it is drawn into a frame.
package struct LineChartPanel {
  /// The height of the tick labels and the axis title below the frame.
  package static let footHeight = 38.0
  /// The height of the heading above the frame.
  package static let headHeight = 32.0

  package let chart: LineChart
  package let styles: [FigureSeriesStyle]
  /// For each series its values that can be drawn, nil for the others.
  package let values: [[Double?]]
  private let xAxis: FigureAxis
  private let yAxis: FigureAxis?

  /// Chooses the axes for a frame of about this size; there is no vertical axis when there is nothing to draw.
  package init(chart: LineChart, styles: [FigureSeriesStyle], plotWidth: Double, plotHeight: Double) {
    self.chart = chart
    self.styles = styles
    values = chart.series.map { series in
      series.values.map { value in
        guard let value, value.isFinite, value.magnitude < FigureNumber.limit else { return nil }
        return chart.scale == .linear || value > 0 ? value : nil
      }
    }
    let wide = Int(max(plotWidth, 100) / 55)
    xAxis = FigureAxis(
      linear: chart.x.first ?? 0, chart.x.last ?? 0, count: wide,
      wholeNumbers: chart.x.allSatisfy { $0 == $0.rounded() })
    let present = values.joined().compactMap { $0 }
    yAxis = Self.yAxis(chart, present, count: max(3, Int(plotHeight / (chart.scale == .linear ? 38 : 22))))
  }

  private static func yAxis(_ chart: LineChart, _ present: [Double], count: Int) -> FigureAxis? {
    guard var low = present.min(), var high = present.max() else { return nil }
    if chart.scale == .logarithmic {
      // About 6 % of the decades on both sides; the logarithm of 1.4 is 0.146.
      let decades = FigureNumber.logarithm(high) - FigureNumber.logarithm(low)
      for _ in 0...Int(decades * 0.06 / 0.146) {
        low /= 1.4
        high *= 1.4
      }
      return FigureAxis(logarithmic: low, high, count: count)
    }
    let flat = high - low <= max(low.magnitude, high.magnitude) * 1e-9
    let pad = flat ? (high == 0 ? 1 : high.magnitude * 0.1) : (high - low) * 0.07
    // A range that begins near zero shows zero: lengths then compare as the numbers do.
    low = low >= 0 && low < 0.4 * high ? 0 : low - pad
    high += pad
    if chart.unit == .percent && present.allSatisfy({ (0...1).contains($0) }) {
      low = max(low, 0)
      high = min(high, 1 + (1 - low) * 0.05)
    }
    return FigureAxis(linear: low, high, count: count, percent: chart.unit == .percent)
  }

  /// The width that tick labels need to the left of the frame.
  package var leftGutter: Double {
    (yAxis?.ticks.map { FigureText.width($0.label, size: 11) }.max() ?? 0) + 8
  }

  /// The width that last values need to the right of the frame.
  package var rightGutter: Double {
    (values.indices.compactMap { lastLabel($0) }.map { FigureText.width($0, size: 12) }.max() ?? 0) + 10
  }

  /// Where a series is best: the first of equal values; nil when it has no goal or fewer than two values.
  package func best(_ index: Int) -> Int? {
    let present = values[index].enumerated().compactMap { place, value in value.map { (place, $0) } }
    guard present.count > 1 else { return nil }
    switch chart.series[index].goal {
    case .none: return nil
    case .lowest: return present.min { $0.1 < $1.1 }?.0
    // `max` would return the last of equal values.
    case .highest: return present.min { $0.1 > $1.1 }?.0
    }
  }

  /// What the chart says, in words.
  package var description: String {
    let lines = chart.series.indices.map { index -> String in
      let name = chart.series[index].name
      guard let first = values[index].compactMap({ $0 }).first, let last = lastLabel(index) else {
        return "\(name) has no values"
      }
      let best = bestLabel(index).map { ", \($0)" } ?? ""
      return "\(name) from \(label(first)) to \(last)\(best)"
    }
    return lines.isEmpty ? "\(chart.title): no values." : "\(chart.title): \(lines.joined(separator: "; "))."
  }

  /// Draws the chart; the frame is the plot alone, and `heading` stands above it, beginning at `left`.
  package func draw(_ canvas: inout FigureCanvas, in frame: FigureFrame, heading: String, left: Double) {
    if !heading.isEmpty {
      let shown = FigureText.fitted(heading, size: 13.5, limit: frame.x + frame.width - left)
      canvas.text(shown, x: left, y: frame.y - 15, size: 13, bold: true)
    }
    drawAxes(&canvas, frame)
    guard let yAxis else {
      canvas.text(
        "no values yet", x: frame.x + frame.width / 2, y: frame.y + frame.height / 2 + 4, style: "ath-muted",
        anchor: .middle)
      return
    }
    let points = values.map { line in
      zip(chart.x, line).map { x, value in
        value.map { LineChartPoint(x: place(x, frame), y: frame.y + frame.height * (1 - yAxis.position($0))) }
      }
    }
    for index in points.indices { drawGuide(&canvas, points[index], best(index), frame) }
    for index in points.indices { drawLine(&canvas, points[index], styles[index]) }
    for index in points.indices { drawMarkers(&canvas, points[index], styles[index], best(index)) }
    drawLastLabels(&canvas, points, frame)
    for index in points.indices {
      if let text = bestLabel(index), let place = best(index), let point = points[index][place] {
        let label = LineChartLabel(text: text, around: point, above: chart.series[index].goal == .lowest)
        label.draw(&canvas, style: styles[index].fill, in: frame, avoiding: points)
      }
    }
  }

  private func place(_ x: Double, _ frame: FigureFrame) -> Double {
    let inset = 8.0
    return frame.x + inset + (frame.width - 2 * inset) * xAxis.position(x)
  }

  private func drawAxes(_ canvas: inout FigureCanvas, _ frame: FigureFrame) {
    let bottom = frame.y + frame.height
    for tick in yAxis?.ticks ?? [] {
      let y = (bottom - frame.height * (yAxis?.position(tick.value) ?? 0)).rounded() + 0.5
      canvas.line(frame.x, y, frame.x + frame.width, y, style: "ath-grid")
      canvas.text(tick.label, x: frame.x - 8, y: y + 3.5, style: "ath-muted", anchor: .end, size: 11)
    }
    let base = bottom.rounded() + 0.5
    canvas.line(frame.x, base, frame.x + frame.width, base, style: "ath-axis")
    for tick in chart.x.isEmpty ? [] : xAxis.ticks {
      let x = place(tick.value, frame).rounded() + 0.5
      canvas.line(x, base, x, base + 4, style: "ath-axis")
      canvas.text(tick.label, x: x, y: base + 17, style: "ath-muted", anchor: .middle, size: 11)
    }
    canvas.text(
      FigureText.fitted(chart.xTitle, size: 11.5, limit: frame.width), x: frame.x + frame.width / 2, y: base + 33,
      style: "ath-muted", anchor: .middle, size: 11.5)
  }

  private func drawGuide(_ canvas: inout FigureCanvas, _ points: [LineChartPoint?], _ best: Int?, _ frame: FigureFrame)
  {
    guard let best, let point = points[best] else { return }
    let x = point.x.rounded() + 0.5
    canvas.line(x, point.y, x, frame.y + frame.height, style: "ath-axis", dash: "2 3")
  }

  private func drawLine(_ canvas: inout FigureCanvas, _ points: [LineChartPoint?], _ style: FigureSeriesStyle) {
    let path = LineChartPoint.path(points, joining: chart.joining)
    if !path.isEmpty { canvas.stroke(path, style: style.stroke, width: 2, dash: style.dash) }
  }

  private func drawMarkers(
    _ canvas: inout FigureCanvas, _ points: [LineChartPoint?], _ style: FigureSeriesStyle, _ best: Int?
  ) {
    let present = points.compactMap { $0 }
    let spacing = present.count > 1 ? (present[present.count - 1].x - present[0].x) / Double(present.count - 1) : 100
    let all = chart.joining == .straight && spacing >= 12
    for (place, point) in points.enumerated() {
      guard let point else { continue }
      let alone = (place == 0 || points[place - 1] == nil) && (place + 1 == points.count || points[place + 1] == nil)
      if place == best { canvas.circle(point.x, point.y, radius: 6.5, style: "ath-hollow \(style.stroke)", width: 1.5) }
      if all || alone || place == best || point == present.last { style.mark(&canvas, point.x, point.y) }
    }
  }

  private func drawLastLabels(_ canvas: inout FigureCanvas, _ points: [[LineChartPoint?]], _ frame: FigureFrame) {
    var labels = points.indices.compactMap { index -> (y: Double, text: String, style: String)? in
      guard let point = points[index].last(where: { $0 != nil }) ?? nil, let text = lastLabel(index) else { return nil }
      return (point.y, text, styles[index].fill)
    }
    labels.sort { ($0.y, $0.text) < ($1.y, $1.text) }
    let gap = 14.0
    for place in labels.indices.dropFirst() { labels[place].y = max(labels[place].y, labels[place - 1].y + gap) }
    // What was pushed below the frame pushes the others back up.
    var limit = frame.y + frame.height
    for place in labels.indices.reversed() {
      labels[place].y = min(labels[place].y, limit)
      limit = labels[place].y - gap
    }
    for label in labels {
      canvas.text(label.text, x: frame.x + frame.width + 6, y: label.y + 4, style: label.style, size: 11.5, bold: true)
    }
  }

  private func lastLabel(_ index: Int) -> String? {
    values[index].compactMap { $0 }.last.map(label)
  }

  private func bestLabel(_ index: Int) -> String? {
    guard let place = best(index), let value = values[index][place] else { return nil }
    let x = chart.x[place]
    let name = x == x.rounded() ? FigureNumber.count(x) : FigureNumber.withoutZeros(FigureNumber.significant(x))
    // "epoch 8" reads well, "time (s) 8" does not.
    let word = !chart.xTitle.isEmpty && chart.xTitle.allSatisfy(\.isLetter)
    return "best \(label(value))" + (word ? ", \(chart.xTitle) \(name)" : " at \(name)")
  }

  private func label(_ value: Double) -> String {
    switch chart.unit {
    case .number where chart.joining == .steps: FigureNumber.withoutZeros(FigureNumber.significant(value))
    case .number: FigureNumber.significant(value)
    case .percent: FigureNumber.percent(value, decimals: 2)
    }
  }
}
