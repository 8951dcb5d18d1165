import AthanorCore

/// A line chart of one or more series over a common axis, as an SVG picture.
///
/// Series differ in colour, dash and marker, so that no colour vision is needed to tell them apart; the last value of each
/// stands at the right edge, and the best one is ringed when the series has a goal. A value that is missing, NaN, infinite
/// (or 1e100 and beyond), or not above zero on a logarithmic axis leaves a gap. The text is the same on every platform.
///
/// - Example:
///   ```swift
///   let chart = try LineChart(
///     title: "Throughput", x: [1, 2, 4, 8], xTitle: "threads",
///     series: [.init("pictures per second", [910, 1790, 3400, 6100], goal: .highest)])
///   let picture = chart.svg()
///   ```
public struct LineChart: Hashable, Sendable {
  /// How the vertical axis is divided.
  public enum Scale: String, Hashable, Sendable, CaseIterable {
    /// Equal distances are equal differences.
    case linear
    /// Equal distances are equal ratios; only values above zero can be shown.
    case logarithmic
  }

  /// What the values are, which decides how they are written.
  public enum Unit: String, Hashable, Sendable, CaseIterable {
    /// Plain numbers, with three digits: `0.0213`.
    case number
    /// Shares of one, as percentages: 0.9923 is `99.23%`.
    case percent
  }

  /// Which value of a series is its best.
  public enum Goal: String, Hashable, Sendable, CaseIterable {
    /// None is better than another; nothing is ringed.
    case none
    /// The least, as for a loss.
    case lowest
    /// The greatest, as for an accuracy.
    case highest
  }

  /// How neighbouring values are connected.
  public enum Joining: String, Hashable, Sendable, CaseIterable {
    /// With straight lines.
    case straight
    /// With steps half-way between two places, for values that are set rather than measured.
    case steps
  }

  /// A line of a chart: a name, and a value (or none) for each place on the horizontal axis.
  public struct Series: Hashable, Sendable {
    /// What the legend calls it.
    public let name: String
    /// One for each place; nil leaves a gap.
    public let values: [Double?]
    /// Which of the values is ringed.
    public let goal: Goal

    /// Makes a series.
    public init(_ name: String, _ values: [Double?], goal: Goal = .none) {
      self.name = name
      self.values = values
      self.goal = goal
    }
  }

  /// What the chart shows, written above it.
  public let title: String
  /// The places on the horizontal axis, in increasing order.
  public let x: [Double]
  /// What the horizontal axis counts, with its unit, for example `epoch` or `time (s)`.
  public let xTitle: String
  /// The lines, in the order of the legend.
  public let series: [Series]
  /// How the vertical axis is divided.
  public let scale: Scale
  /// What the values are.
  public let unit: Unit
  /// How neighbouring values are connected.
  public let joining: Joining

  /// Makes a chart.
  ///
  /// - Parameters:
  ///   - title: What the chart shows, with its unit if it has one.
  ///   - x: The places on the horizontal axis, each greater than the one before.
  ///   - xTitle: What the horizontal axis counts.
  ///   - series: The lines; each has one value for each place.
  ///   - scale: How the vertical axis is divided.
  ///   - unit: What the values are.
  ///   - joining: How neighbouring values are connected.
  /// - Throws: `AthanorError` when a series has another count of values than there are places, or when the places are not
  ///   finite and increasing.
  public init(
    title: String, x: [Double], xTitle: String = "", series: [Series], scale: Scale = .linear, unit: Unit = .number,
    joining: Joining = .straight
  ) throws {
    try Self.check(places: x, called: "x", at: "LineChart")
    for line in series where line.values.count != x.count {
      throw AthanorError(
        .argument, at: "LineChart",
        "series \"\(line.name)\" has \(line.values.count) values but there are \(x.count) places on the x axis",
        fix: "Give one value for each place, nil where there is none.")
    }
    self.title = title
    self.x = x
    self.xTitle = xTitle
    self.series = series
    self.scale = scale
    self.unit = unit
    self.joining = joining
  }

  /// The chart as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let width = 640.0
    var canvas = FigureCanvas()
    let styles = series.indices.map { FigureSeriesStyle(index: $0) }
    let legend = series.count > 1 ? Array(zip(series.map(\.name), styles)) : []
    let top = FigurePage.header(&canvas, title: title, legend: legend, width: width)
    let panel = LineChartPanel(chart: self, styles: styles, plotWidth: width - 160, plotHeight: 260)
    let frame = FigureFrame(
      x: FigurePage.margin + panel.leftGutter, y: top + (scale == .logarithmic ? LineChartPanel.headHeight : 8),
      width: width - 2 * FigurePage.margin - panel.leftGutter - panel.rightGutter, height: 260)
    panel.draw(
      &canvas, in: frame, heading: scale == .logarithmic ? "Logarithmic scale" : "", left: FigurePage.margin)
    return canvas.document(
      width: width, height: frame.y + frame.height + LineChartPanel.footHeight + FigurePage.margin, title: title,
      description: panel.description, theme: theme)
  }

  /// Checks that places on an axis are finite and increasing.
  package static func check(places: [Double], called name: String, at location: String) throws {
    for (index, place) in places.enumerated() {
      guard place.isFinite, place.magnitude < FigureNumber.limit else {
        throw AthanorError(
          .argument, at: location, "\(name)[\(index)] is \(place) but must be finite and below 1e100",
          fix: "Leave out places without a position.")
      }
      if index > 0 && place <= places[index - 1] {
        throw AthanorError(
          .argument, at: location,
          "\(name)[\(index)] is \(place) after \(places[index - 1]) but must be greater than the one before",
          fix: "Sort by \(name) and keep each only once.")
      }
    }
  }
}
