import AthanorCore

/// The course of a training, as an SVG picture: loss, accuracy and every other metric by epoch, and the learning rate.
///
/// Each metric has a panel of its own, in which a metric called `val_` and its name is shown as its validation. Loss comes
/// first, then accuracy, then the others by name, and the learning rate (`learning_rate` or `lr`) last, on a logarithmic
/// axis when it varies by more than ten times. The best epoch of the validation (of the training where there is none) is
/// ringed, and last values stand at the right. Missing and NaN values leave gaps.
///
/// - Example:
///   ```swift
///   let curves = try TrainingCurves(
///     epochs: [1, 2, 3],
///     metrics: [
///       "loss": [0.31, 0.12, 0.08], "val_loss": [0.11, 0.09, 0.07],
///       "accuracy": [0.90, 0.96, 0.97], "val_accuracy": [0.96, 0.97, 0.98],
///       "learning_rate": [1e-3, 1e-3, 2e-4],
///     ])
///   let picture = curves.svg()
///   ```
public struct TrainingCurves: Hashable, Sendable {
  /// The epochs, in increasing order.
  public let epochs: [Double]
  /// By name, one value for each epoch; nil where there is none.
  public let metrics: [String: [Double?]]
  /// What is written above.
  public let title: String
  /// How many panels stand side by side, 1 to 3.
  public let columns: Int
  /// Which values of a metric are best, by its name without `val_`, where its name does not say so.
  public let goals: [String: LineChart.Goal]

  /// Makes the figure from plain data.
  ///
  /// - Parameters:
  ///   - epochs: The epochs, each greater than the one before; there may be none yet.
  ///   - metrics: By name, one value for each epoch; nil where there is none.
  ///   - title: What is written above.
  ///   - columns: How many panels stand side by side: 1 (all stacked) to 3. A last row with room to spare is filled.
  ///   - goals: Which values are best, by a metric's name without `val_`. A metric without an entry is best at its
  ///     highest when its name holds `acc`, `auc`, `precision`, `recall`, `f1`, `score`, `iou`, `dice` or `r2`, and at
  ///     its lowest otherwise.
  /// - Throws: `AthanorError` when a metric has another count of values than there are epochs, when the epochs are not
  ///   finite and increasing, or when `columns` is not 1, 2 or 3.
  public init(
    epochs: [Double], metrics: [String: [Double?]], title: String = "Training", columns: Int = 2,
    goals: [String: LineChart.Goal] = [:]
  ) throws {
    try LineChart.check(places: epochs, called: "epochs", at: "TrainingCurves")
    for (name, values) in metrics.sorted(by: { $0.key < $1.key }) where values.count != epochs.count {
      throw AthanorError(
        .argument, at: "TrainingCurves",
        "metric \"\(name)\" has \(values.count) values but there are \(epochs.count) epochs",
        fix: "Give one value for each epoch, nil where there is none.")
    }
    guard (1...3).contains(columns) else {
      throw AthanorError(.argument, at: "TrainingCurves", "columns is \(columns) but must be 1, 2 or 3")
    }
    self.epochs = epochs
    self.metrics = metrics
    self.title = title
    self.columns = columns
    self.goals = goals
  }

  /// Makes the figure from plain data with whole epochs, as the other initialiser does.
  public init(
    epochs: [Int], metrics: [String: [Double?]], title: String = "Training", columns: Int = 2,
    goals: [String: LineChart.Goal] = [:]
  ) throws {
    try self.init(epochs: epochs.map { Double($0) }, metrics: metrics, title: title, columns: columns, goals: goals)
  }

  /// Makes the figure of a training: its loss, metrics and learning rate.
  ///
  /// - Throws: `AthanorError` when `columns` is not 1, 2 or 3.
  /// - Example:
  ///   ```swift
  ///   let history = try model.fit(train, epochs: 10, validation: test)
  ///   let picture = try TrainingCurves(history).svg()
  ///   ```
  public init(
    _ history: History, title: String = "Training", columns: Int = 2, goals: [String: LineChart.Goal] = [:]
  ) throws {
    var metrics: [String: [Double?]] = [:]
    for name in Set(history.epochs.flatMap(\.logs.names)) { metrics[name] = history.epochs.map { $0.logs[name] } }
    metrics["learning_rate"] = history.epochs.map(\.learningRate)
    try self.init(epochs: history.epochs.map(\.number), metrics: metrics, title: title, columns: columns, goals: goals)
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let charts = panels()
    let columns = max(1, min(columns, charts.count))
    let width: Double = columns == 1 ? 600 : columns == 2 ? 860 : 1080
    let cells = Self.cells(charts, columns: columns, width: width)
    let left = cells.map(\.panel.leftGutter).max() ?? 0
    let right = cells.map(\.panel.rightGutter).max() ?? 0

    var canvas = FigureCanvas()
    let paired = charts.contains { $0.series.contains { $0.name == "validation" } }
    let legend = ["training", "validation"].enumerated().map { ($1, FigureSeriesStyle(index: $0)) }
    var y = FigurePage.header(&canvas, title: title, legend: paired ? legend : [], width: width) + 10
    var x = FigurePage.margin
    for (place, cell) in cells.enumerated() {
      let frame = FigureFrame(
        x: x + left, y: y + LineChartPanel.headHeight, width: cell.width - left - right, height: cell.height)
      cell.panel.draw(&canvas, in: frame, heading: Self.heading(cell.panel.chart), left: x)
      x += cell.width + Self.gap
      if place % columns == columns - 1 || place == cells.count - 1 {
        x = FigurePage.margin
        y = frame.y + cell.height + LineChartPanel.footHeight + 14
      }
    }
    if cells.isEmpty {
      canvas.text("no metrics yet", x: width / 2, y: y + 50, style: "ath-muted", anchor: .middle)
      y += 100
    }
    let words = cells.isEmpty ? "No metrics yet." : cells.map(\.panel.description).joined(separator: " ")
    return canvas.document(width: width, height: y + 6, title: title, description: words, theme: theme)
  }

  /// A panel, the width of its part of the row, and the height of its plot.
  private struct Cell {
    var panel: LineChartPanel
    var width: Double
    var height: Double
  }

  private static let gap = 30.0

  /// The panels with their sizes; those of a last row that is not full share its whole width.
  private static func cells(_ charts: [LineChart], columns: Int, width: Double) -> [Cell] {
    let rest = charts.count % columns
    return charts.enumerated().map { place, chart in
      let inLastRow = rest > 0 && place >= charts.count - rest
      let count = Double(inLastRow ? rest : columns)
      let share = (width - 2 * FigurePage.margin - gap * (count - 1)) / count
      let strip = chart.joining == .steps && charts.count > 1 && (inLastRow || columns == 1)
      let height = strip ? 90.0 : 190
      let panel = LineChartPanel(chart: chart, styles: styles(chart), plotWidth: share - 90, plotHeight: height)
      return Cell(panel: panel, width: share, height: height)
    }
  }

  /// The panels in their order.
  private func panels() -> [LineChart] {
    let names = Set(metrics.keys.map(Self.base)).sorted { Self.rank($0) < Self.rank($1) }
    return names.compactMap { name in
      let training = metrics[name]
      let validation = metrics["val_" + name]
      let present = [training, validation].compactMap { $0 }.joined().compactMap { $0 }.filter(\.isFinite)
      let rate = Self.isRate(name)
      let goal = goals[name] ?? (rate ? .none : Self.goal(name))
      var series: [LineChart.Series] = []
      if let training {
        let called = rate ? "learning rate" : "training"
        series.append(LineChart.Series(called, training, goal: validation == nil ? goal : .none))
      }
      if let validation { series.append(LineChart.Series("validation", validation, goal: goal)) }
      let share = ["acc", "precision", "recall"].contains { name.lowercased().contains($0) }
      return try? LineChart(
        title: Self.title(name), x: epochs, xTitle: "epoch", series: series,
        scale: Self.scale(present, ratio: rate ? 10 : 1000),
        unit: share && present.allSatisfy { (0...1).contains($0) } ? .percent : .number,
        joining: rate ? .steps : .straight)
    }
  }

  private static func styles(_ chart: LineChart) -> [FigureSeriesStyle] {
    chart.series.map { series in
      FigureSeriesStyle(index: chart.joining == .steps ? 2 : series.name == "validation" ? 1 : 0)
    }
  }

  private static func heading(_ chart: LineChart) -> String {
    chart.scale == .logarithmic ? chart.title + " (logarithmic scale)" : chart.title
  }

  private static func base(_ name: String) -> String {
    name.hasPrefix("val_") && name.count > 4 ? String(name.dropFirst(4)) : name
  }

  private static func isRate(_ name: String) -> Bool { name == "learning_rate" || name == "lr" }

  private static func rank(_ name: String) -> (Int, String) {
    if name == "loss" { return (0, name) }
    if name == "accuracy" || name == "acc" { return (1, name) }
    return (isRate(name) ? 3 : 2, name)
  }

  private static func goal(_ name: String) -> LineChart.Goal {
    let higher = ["acc", "auc", "precision", "recall", "f1", "score", "iou", "dice", "r2"]
    return higher.contains { name.lowercased().contains($0) } ? .highest : .lowest
  }

  private static func scale(_ present: [Double], ratio: Double) -> LineChart.Scale {
    let shown = present.filter { $0.magnitude < FigureNumber.limit }
    guard let low = shown.min(), let high = shown.max(), low > 0 else { return .linear }
    return high / low > ratio * (1 + 1e-9) ? .logarithmic : .linear
  }

  private static func title(_ name: String) -> String {
    let words = name == "lr" ? "learning rate" : String(name.map { $0 == "_" ? " " : $0 })
    return words.prefix(1).uppercased() + words.dropFirst()
  }
}
