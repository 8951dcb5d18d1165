/// What figures with a curve for each class have in common.
struct ClassCurves: Hashable, Sendable {
  struct Curve: Hashable, Sendable {
    let name: String
    /// nil for a class without examples, or without others, which has no curve.
    let area: Double?
    let points: [ThresholdCurve.Point]
  }

  let curves: [Curve]

  /// The most curves that are drawn.
  private static let limit = 12

  /// - Throws: `AthanorError` when counts or numbers do not fit.
  init(
    _ probabilities: Tensor, targets: [Int], classNames: [String]?, at place: String,
    _ content: (ThresholdCurve) -> (area: Double?, points: [ThresholdCurve.Point])
  ) throws {
    let found = try ThresholdCurve.perClass(probabilities, targets: targets, at: place)
    let classes = max(found.count, 2)
    if let classNames, classNames.count != classes {
      throw AthanorError(
        .argument, at: place, "there are \(classNames.count) class names but \(classes) classes",
        fix: "Give one name for each class, or none at all.")
    }
    curves = found.map { number, curve in
      let (area, points) = content(curve)
      return Curve(name: classNames?[number] ?? String(number), area: area, points: points)
    }
  }

  /// The mean over the classes that have a curve; nil where none has.
  var mean: Double? {
    let areas = curves.compactMap(\.area)
    return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
  }

  /// The figure: a square plot, and beside it the classes with their areas, the least ones where there are too many.
  func svg(
    title: String, xTitle: String, yTitle: String, areaName: String, inSteps: Bool, hasDiagonal: Bool,
    theme: FigureTheme
  ) -> String {
    let side = 340.0
    let shown =
      curves.count <= ClassCurves.limit
      ? curves
      : Array(
        curves.enumerated().sorted { ($0.1.area ?? 2, $0.0) < ($1.1.area ?? 2, $1.0) }.prefix(ClassCurves.limit).map(
          \.1))
    func number(_ area: Double?) -> String { area.map { FigureNumber.fixed($0, decimals: 4) } ?? "–" }
    let few = shown.count < curves.count ? "; the \(shown.count) least of \(curves.count) classes" : ""
    let subtitle = (curves.count > 1 ? "mean \(areaName) \(number(mean))" : "\(areaName) \(number(mean))") + few
    let width = 640.0
    var canvas = FigureCanvas()
    let top = FigurePage.header(&canvas, title: title, subtitle: subtitle, width: width)
    let axis = FigureAxis(linear: 0, 1, count: 5)
    let plot = FigurePlot(
      frame: FigureFrame(x: FigurePage.margin + FigurePlot.gutter - 6, y: top + 6, width: side, height: side), x: axis,
      y: axis, xTitle: xTitle, yTitle: yTitle)
    plot.drawAxes(&canvas)
    if hasDiagonal {
      let (start, end) = (plot.place(0, 0), plot.place(1, 1))
      canvas.line(start.x, start.y, end.x, end.y, style: "ath-axis", dash: "2 4", crisp: false)
    }
    let left = plot.frame.x + side + 20
    canvas.text(
      areaName, x: width - FigurePage.margin, y: plot.frame.y + 10, style: "ath-muted", anchor: .end, size: 11.5)
    for (place, curve) in shown.enumerated() {
      let style = FigureSeriesStyle(index: place)
      let path = plot.path(curve.points, inSteps: inSteps)
      if !path.isEmpty { canvas.stroke(path, style: style.stroke, width: 2, dash: style.dash) }
      let y = plot.frame.y + 32 + Double(place) * 22
      canvas.stroke(
        "M\(FigureNumber.coordinate(left)) \(FigureNumber.coordinate(y - 4))h28", style: style.stroke, width: 2,
        dash: style.dash)
      canvas.text(
        FigureText.fitted(curve.name, size: 12, limit: width - FigurePage.margin - left - 36 - 46), x: left + 36, y: y)
      canvas.text(number(curve.area), x: width - FigurePage.margin, y: y, anchor: .end)
    }
    let words = curves.map { "\($0.name) \(number($0.area))" }.joined(separator: ", ")
    return canvas.document(
      width: width, height: plot.frame.y + side + FigurePlot.foot + FigurePage.margin - 6, title: title,
      description: "\(yTitle) over \(xTitle), a curve for each class against all others. \(areaName): \(words).",
      theme: theme)
  }
}

/// The receiver operating characteristic of each class against all others, as an SVG picture: the share of a class's examples that are found, over
/// the share of the others that are taken for it, at every threshold.
///
/// Beside it stands the area under each curve (AUC), as scikit-learn's `roc_auc_score` computes it; 0.5 is chance, the dotted line. Of more than 12
/// classes those of the least area are drawn.
///
/// - Example:
///   ```swift
///   let figure = try ROCFigure(probabilities: model.predict(test), targets: classes, classNames: ["cat", "dog"])
///   let picture = figure.svg()
///   ```
public struct ROCFigure: Hashable, Sendable {
  /// What is written above.
  public let title: String
  private let curves: ClassCurves

  /// Makes the figure of predictions.
  ///
  /// - Parameters:
  ///   - probabilities: `[N, C]`; or `[N]` or `[N, 1]`, the probability of the second of two classes, which then has the one curve.
  ///   - targets: The class number of each example.
  ///   - classNames: The names of the classes by number; nil names them by number.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when counts do not fit, a class number is out of range, or a probability is not a number.
  public init(probabilities: Tensor, targets: [Int], classNames: [String]? = nil, title: String = "ROC curves") throws {
    self.title = title
    curves = try ClassCurves(probabilities, targets: targets, classNames: classNames, at: "ROCFigure") {
      ($0.area, $0.characteristic)
    }
  }

  /// The area under each class's curve; nil for a class without examples, or without examples of others.
  public var areas: [Double?] { curves.curves.map(\.area) }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    curves.svg(
      title: title, xTitle: "false positive rate", yTitle: "true positive rate", areaName: "AUC", inSteps: false,
      hasDiagonal: true, theme: theme)
  }
}

/// Precision over recall of each class against all others, as an SVG picture: the share of a class's predictions that are right, over the share
/// of its examples that are found, at every threshold.
///
/// Beside it stands each class's average precision (AP), the area under its steps, as scikit-learn's `average_precision_score` computes it. Of more
/// than 12 classes those of the least are drawn.
///
/// - Example:
///   ```swift
///   let figure = try PrecisionRecallFigure(probabilities: model.predict(test), targets: classes)
///   let picture = figure.svg()
///   ```
public struct PrecisionRecallFigure: Hashable, Sendable {
  /// What is written above.
  public let title: String
  private let curves: ClassCurves

  /// Makes the figure of predictions.
  ///
  /// - Parameters:
  ///   - probabilities: `[N, C]`; or `[N]` or `[N, 1]`, the probability of the second of two classes, which then has the one curve.
  ///   - targets: The class number of each example.
  ///   - classNames: The names of the classes by number; nil names them by number.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when counts do not fit, a class number is out of range, or a probability is not a number.
  public init(
    probabilities: Tensor, targets: [Int], classNames: [String]? = nil, title: String = "Precision and recall"
  ) throws {
    self.title = title
    curves = try ClassCurves(probabilities, targets: targets, classNames: classNames, at: "PrecisionRecallFigure") {
      // From the height of the first threshold at recall 0.
      let points = $0.precisionRecall
      return ($0.averagePrecision, points.prefix(1).map { ThresholdCurve.Point(x: 0, y: $0.y) } + points)
    }
  }

  /// Each class's average precision; nil for a class without examples.
  public var averagePrecisions: [Double?] { curves.curves.map(\.area) }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    curves.svg(
      title: title, xTitle: "recall", yTitle: "precision", areaName: "AP", inSteps: true, hasDiagonal: false,
      theme: theme)
  }
}
