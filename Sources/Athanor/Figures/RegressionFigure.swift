/// How predicted numbers lie beside the true ones, as an SVG picture: predictions over true values, and errors over predictions.
///
/// On the dotted line a prediction is right. Points that fall upon one another are drawn once.
///
/// - Example:
///   ```swift
///   let figure = try RegressionFigure(targets: [1, 2, 3], predictions: [1.1, 1.9, 3.2], targetName: "price")
///   let picture = figure.svg()
///   ```
public struct RegressionFigure: Hashable, Sendable {
  /// The true values.
  public let targets: [Double]
  /// The predicted ones, in the same order.
  public let predictions: [Double]
  /// What the values are.
  public let targetName: String
  /// What is written above.
  public let title: String

  /// Makes the figure.
  ///
  /// - Parameters:
  ///   - targets: The true values.
  ///   - predictions: One for each target.
  ///   - targetName: What the values are, with their unit.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when the counts differ or a number is not finite.
  public init(targets: [Double], predictions: [Double], targetName: String = "", title: String = "Predictions") throws {
    guard targets.count == predictions.count else {
      throw AthanorError(
        .data, at: "RegressionFigure", "there are \(targets.count) targets but \(predictions.count) predictions",
        fix: "Give one prediction for each target.")
    }
    for (name, numbers) in [("target", targets), ("prediction", predictions)] {
      if let place = numbers.firstIndex(where: { !$0.isFinite || $0.magnitude >= FigureNumber.limit }) {
        throw AthanorError(
          .numeric, at: "RegressionFigure", "\(name) \(place) is \(numbers[place]) but must be finite and below 1e100")
      }
    }
    (self.targets, self.predictions, self.targetName, self.title) = (targets, predictions, targetName, title)
  }

  /// Each prediction less its target.
  private var errors: [Double] { zip(predictions, targets).map { $0 - $1 } }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  /// The mean absolute error; NaN without examples.
  public var meanAbsoluteError: Double { mean(errors.map(\.magnitude)) }
  /// The root of the mean squared error; NaN without examples.
  public var rootMeanSquaredError: Double { mean(errors.map { $0 * $0 }).squareRoot() }
  /// The share of the targets' variance that is predicted, 1 − Σ (yᵢ − ŷᵢ)² / Σ (yᵢ − ȳ)²; NaN where all targets are alike.
  public var r2: Double {
    let centre = mean(targets)
    let variance = targets.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
    return variance > 0 ? 1 - errors.reduce(0) { $0 + $1 * $1 } / variance : .nan
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (width, side) = (640.0, 228.0)
    let summary =
      "\(FigureText.counted(targets.count, "example")), MAE \(FigureNumber.significant(meanAbsoluteError)), RMSE "
      + "\(FigureNumber.significant(rootMeanSquaredError)), R² \(FigureNumber.fixed(r2, decimals: 4))"
    var canvas = FigureCanvas()
    let top = FigurePage.header(&canvas, title: title, subtitle: summary, width: width) + 6
    let suffix = targetName.isEmpty ? "" : " " + FigureText.fitted(targetName, size: 11.5, limit: 140)
    func frame(_ column: Double) -> FigureFrame {
      FigureFrame(
        x: FigurePage.margin + FigurePlot.gutter + column * (side + FigurePlot.gutter + 22), y: top, width: side,
        height: side)
    }
    let values = Self.range(targets + predictions)
    let residuals = Self.range(errors + [0])
    let axis = FigureAxis(linear: values.low, values.high, count: 4)
    let left = FigurePlot(
      frame: frame(0), x: axis, y: axis, xTitle: "true" + suffix, yTitle: "predicted" + suffix)
    let right = FigurePlot(
      frame: frame(1), x: axis, y: FigureAxis(linear: residuals.low, residuals.high, count: 5),
      xTitle: "predicted" + suffix, yTitle: "error (predicted − true)")
    for (plot, start, end, points) in [
      (left, (values.low, values.low), (values.high, values.high), zip(targets, predictions).map { $0 }),
      (right, (values.low, 0), (values.high, 0), zip(predictions, errors).map { $0 }),
    ] {
      plot.drawAxes(&canvas)
      let (from, to) = (plot.place(start.0, start.1), plot.place(end.0, end.1))
      canvas.line(from.x, from.y, to.x, to.y, style: "ath-axis", dash: "2 4", crisp: false)
      let marks = plot.marks(points.map { ThresholdCurve.Point(x: $0.0, y: $0.1) })
      if !marks.isEmpty { canvas.shape(marks, style: "ath-f1") }
    }
    return canvas.document(
      width: width, height: top + side + FigurePlot.foot + FigurePage.margin, title: title, description: summary + ".",
      theme: theme)
  }

  /// The range of numbers with a little room at both ends.
  private static func range(_ numbers: [Double]) -> (low: Double, high: Double) {
    let (low, high) = (numbers.min() ?? 0, numbers.max() ?? 1)
    let room = high > low ? (high - low) * 0.05 : max(high.magnitude * 0.1, 1)
    return (low - room, high + room)
  }
}
