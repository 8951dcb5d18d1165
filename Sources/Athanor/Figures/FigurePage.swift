/// A rectangle of a drawing.
package struct FigureFrame: Hashable, Sendable {
  /// The left edge.
  package var x: Double
  /// The upper edge.
  package var y: Double
  /// From left to right.
  package var width: Double
  /// From top to bottom.
  package var height: Double
}

/// What all figures have in common: margins, the title line and the legend.
package enum FigurePage {
  /// The space around everything.
  package static let margin = 22.0

  /// What the legend shows of a series.
  package enum LegendSample {
    /// A stretch of its line with its marker.
    case line
    /// A bar in its colour.
    case bar
  }

  /// Draws the title and the legend, on one line where both fit; returns where the rest may begin.
  package static func header(
    _ canvas: inout FigureCanvas, title: String, subtitle: String = "", legend: [(String, FigureSeriesStyle)] = [],
    samples: LegendSample = .line, width: Double
  ) -> Double {
    let space = width - 2 * margin
    var y = margin
    let shown = FigureText.fitted(title, size: 17, limit: space)
    if !shown.isEmpty {
      y += 16
      canvas.text(shown, x: margin, y: y, size: 17, bold: true)
    }
    if !subtitle.isEmpty {
      y += 20
      canvas.text(
        FigureText.fitted(subtitle, size: 12.5, limit: space), x: margin, y: y, style: "ath-muted", size: 12.5)
    }
    let widths = legend.map { 34 + FigureText.width($0.0, size: 12) + 18 }
    let total = widths.reduce(0, +)
    // On the line of the title, or of the subtitle below it.
    let line = subtitle.isEmpty ? FigureText.width(shown, size: 17) * 1.05 : FigureText.width(subtitle, size: 12.5)
    let fits = line + total + 24 <= space
    var x = fits ? width - margin - total + 18 : margin
    if !legend.isEmpty && !fits { y += 24 }
    for (entry, entryWidth) in zip(legend, widths) {
      if x + entryWidth > width - margin + 18 && x > margin {
        x = margin
        y += 20
      }
      switch samples {
      case .line:
        canvas.stroke(
          "M\(FigureNumber.coordinate(x)) \(FigureNumber.coordinate(y - 5))h28", style: entry.1.stroke, width: 2,
          dash: entry.1.dash)
        entry.1.mark(&canvas, x + 14, y - 5)
      case .bar: canvas.rectangle(x: x, y: y - 11, width: 28, height: 12, style: entry.1.fill, corner: 2)
      }
      canvas.text(FigureText.fitted(entry.0, size: 12, limit: space - 34), x: x + 34, y: y - 1)
      x += entryWidth
    }
    return y + 14
  }
}
