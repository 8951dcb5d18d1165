/// Where everything of a confusion matrix is, and how it is drawn.
struct ConfusionMatrixLayout {
  private let figure: ConfusionMatrixFigure
  private let classes: Int
  /// The side of a cell.
  private let cell: Double
  /// The size of a class name.
  private let nameSize: Double
  private let names: [String]
  /// Whether column names are slanted because one is wider than its column.
  private let slanted: Bool
  /// The upper left corner of the first cell.
  private let left: Double
  private let top: Double
  /// The space between the cells and the shares beside and below them.
  private let gap = 8.0

  let width: Double
  let height: Double

  init(_ figure: ConfusionMatrixFigure) {
    self.figure = figure
    classes = figure.counts.count
    let side: Double =
      switch classes {
      case ...10: 46
      case ...16: 38
      case ...24: 32
      case ...36: 26
      default: 22
      }
    let size = min(12, side * 0.5)
    let names = figure.classNames.map { FigureText.fitted($0, size: size, limit: 160) }
    let widest = names.map { FigureText.width($0, size: size) }.max() ?? 0
    cell = side
    nameSize = size
    self.names = names
    slanted = widest > side - 4
    let beside = max(widest, FigureText.width("precision", size: 11.5))
    left = (FigurePage.margin + 26 + beside + 8).rounded(.up)
    // Slanted by 45 degrees, a name rises by 0.71 of its width, and the last one leans as far to the right.
    let rise = slanted ? widest * 0.71 + 18 : size + 4
    top = (62 + 26 + rise).rounded(.up)
    let right = left + side * Double(classes) + gap + 56
    let lean = slanted ? left + side * (Double(classes) - 0.5) + widest * 0.71 + 12 : 0
    width = max(right, lean, 440) + FigurePage.margin
    height = classes == 0 ? 170 : top + side * Double(classes) + gap + (side < 38 ? 46 : 24) + 46
  }

  private var side: Double { cell * Double(classes) }
  private var sharesLeft: Double { left + side + gap }
  private var sharesTop: Double { top + side + gap }

  /// A share as shown beside a class; a dash for none.
  static func percent(_ share: Double?) -> String {
    share.map { FigureNumber.percent($0, decimals: 1) } ?? "–"
  }

  /// The axis titles and the names of the classes.
  func drawTitles(_ canvas: inout FigureCanvas) {
    canvas.text("predicted class", x: left + side / 2, y: 80, style: "ath-muted", anchor: .middle)
    canvas.text(
      "true class", x: FigurePage.margin + 11, y: top + side / 2, style: "ath-muted", anchor: .middle, rotation: -90)
    for (number, name) in names.enumerated() {
      let middle = (Double(number) + 0.5) * cell
      canvas.text(name, x: left - 8, y: top + middle + nameSize * 0.35, anchor: .end, size: nameSize)
      if slanted {
        canvas.text(name, x: left + middle + nameSize * 0.3, y: top - 7, size: nameSize, rotation: -45)
      } else {
        canvas.text(name, x: left + middle, y: top - 8, anchor: .middle, size: nameSize)
      }
    }
  }

  /// The heat map with its counts.
  func drawCells(_ canvas: inout FigureCanvas) {
    for line in 0...classes {
      let place = Double(line) * cell
      canvas.line(left, top + place, left + side, top + place, style: "ath-grid")
      canvas.line(left + place, top, left + place, top + side, style: "ath-grid")
    }
    let widest = figure.counts.joined().map { FigureText.width(Self.text($0), size: 1) }.max() ?? 1
    let size = max(4, min(13, (cell - 4) / max(widest, 0.1), cell * 0.5))
    let worst = worstShare
    for (row, counts) in figure.counts.enumerated() {
      let all = counts.reduce(0) { $0 + Double($1) }
      for (column, count) in counts.enumerated() where count > 0 {
        let right = row == column
        let share = Double(count) / all
        // Mistakes stay pale enough for dark ink in light mode and light ink in dark mode.
        let opacity = right ? 0.08 + 0.92 * share : 0.1 + 0.52 * share / worst
        let x = left + Double(column) * cell
        let y = top + Double(row) * cell
        canvas.rectangle(
          x: x + 0.5, y: y + 0.5, width: cell - 1, height: cell - 1, style: right ? "ath-f1" : "ath-f2",
          corner: cell > 30 ? 3 : 1, opacity: opacity)
        canvas.text(
          Self.text(count), x: x + cell / 2, y: y + cell / 2 + size * 0.36,
          style: opacity > 0.72 ? "ath-inverse" : "ath-ink", anchor: .middle, size: size, bold: right)
      }
    }
  }

  private static func text(_ count: Int) -> String {
    count < 1_000_000 ? String(count) : FigureNumber.scientific(Double(count), decimals: 1)
  }

  /// The largest share of its row that a mistake has, or 1 when there is none.
  private var worstShare: Double {
    var worst = 0.0
    for (row, counts) in figure.counts.enumerated() {
      let all = counts.reduce(0) { $0 + Double($1) }
      for (column, count) in counts.enumerated() where column != row && all > 0 {
        worst = max(worst, Double(count) / all)
      }
    }
    return worst > 0 ? worst : 1
  }

  /// Recall at the right, precision below, with their titles.
  func drawShares(_ canvas: inout FigureCanvas) {
    let size = min(11.5, cell * 0.46)
    canvas.text("recall", x: sharesLeft + 48, y: top - 8, style: "ath-muted", anchor: .end, size: 11.5)
    for (number, recall) in figure.recalls.enumerated() {
      let y = top + (Double(number) + 0.5) * cell + size * 0.35
      canvas.text(Self.percent(recall), x: sharesLeft + 48, y: y, anchor: .end, size: size)
    }
    canvas.text("precision", x: left - 8, y: sharesTop + 14, style: "ath-muted", anchor: .end, size: 11.5)
    for (number, precision) in figure.precisions.enumerated() {
      let x = left + (Double(number) + 0.5) * cell
      if cell < 38 {
        canvas.text(
          Self.percent(precision), x: x + size * 0.35, y: sharesTop + 4, anchor: .end, size: size, rotation: -90)
      } else {
        canvas.text(Self.percent(precision), x: x, y: sharesTop + 14, anchor: .middle, size: size)
      }
    }
  }

  /// What the colours mean.
  func drawKey(_ canvas: inout FigureCanvas) {
    let y = height - FigurePage.margin
    var x = FigurePage.margin + 4
    for (style, meaning) in [("ath-f1", "right"), ("ath-f2", "mistaken")] {
      for (place, opacity) in [0.1, 0.36, style == "ath-f1" ? 1 : 0.62].enumerated() {
        canvas.rectangle(x: x + Double(place) * 13, y: y - 10, width: 12, height: 12, style: style, opacity: opacity)
      }
      canvas.text(meaning, x: x + 46, y: y, style: "ath-muted", size: 11.5)
      x += 46 + FigureText.width(meaning, size: 11.5) + 18
    }
    canvas.text("stronger: a larger share of the row", x: x, y: y, style: "ath-muted", size: 11.5)
  }
}
