/// How many examples each class has in each part of the data, as an SVG picture: bars by class.
///
/// - Example:
///   ```swift
///   let figure = try ClassBalanceFigure(
///     [.init("training", [900, 120]), .init("validation", [100, 13])], classNames: ["cat", "dog"])
///   let picture = figure.svg()
///   ```
public struct ClassBalanceFigure: Hashable, Sendable {
  /// A part of the data.
  public struct Split: Hashable, Sendable {
    /// What it is called.
    public let name: String
    /// The number of examples of each class.
    public let counts: [Int]

    /// A part with its counts.
    public init(_ name: String, _ counts: [Int]) {
      self.name = name
      self.counts = counts
    }
  }

  /// The parts of the data.
  public let splits: [Split]
  /// The names of the classes by number.
  public let classNames: [String]
  /// What is written above.
  public let title: String

  /// Makes the figure from counts.
  ///
  /// - Parameters:
  ///   - splits: The parts of the data, each with one count for each class.
  ///   - classNames: The names of the classes by number; nil names them by number.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when the numbers of counts differ, one is negative, or there are more than 1,000 classes or 6 parts.
  public init(_ splits: [Split], classNames: [String]? = nil, title: String = "Class balance") throws {
    let classes = classNames?.count ?? splits.first?.counts.count ?? 0
    for split in splits {
      guard split.counts.count == classes else {
        throw AthanorError(
          .argument, at: "ClassBalanceFigure",
          "\"\(split.name)\" has counts of \(split.counts.count) classes but there are \(classes)",
          fix: "Give one count for each class, 0 where there is no example.")
      }
      guard split.counts.allSatisfy({ $0 >= 0 }) else {
        throw AthanorError(
          .argument, at: "ClassBalanceFigure", "\"\(split.name)\" has a negative count", fix: "Give 0 or more.")
      }
    }
    guard classes <= 1000, splits.count <= FigureTheme.colourCount else {
      throw AthanorError(
        .argument, at: "ClassBalanceFigure",
        "there are \(classes) classes in \(splits.count) parts but at most 1,000 in \(FigureTheme.colourCount) are drawn"
      )
    }
    self.splits = splits
    self.classNames = classNames ?? (0..<classes).map { String($0) }
    self.title = title
  }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let (thickness, width) = (12.0, 600.0)
    let rowHeight = Double(max(splits.count, 1)) * (thickness + 2) + 10
    let names = classNames.map { FigureText.fitted($0, size: 12.5, limit: 150) }
    let left = FigurePage.margin + (names.map { FigureText.width($0, size: 12.5) }.max() ?? 0).rounded(.up) + 12
    let largest = splits.flatMap(\.counts).max() ?? 0
    let numberWidth = FigureText.width(FigureNumber.count(Double(largest)), size: 11) + 8
    let room = width - FigurePage.margin - numberWidth - left
    var canvas = FigureCanvas()
    let legend = splits.count > 1 ? splits.enumerated().map { ($1.name, FigureSeriesStyle(index: $0)) } : []
    let top =
      FigurePage.header(&canvas, title: title, subtitle: subtitle, legend: legend, samples: .bar, width: width) + 4
    for (row, name) in names.enumerated() {
      let y = top + Double(row) * rowHeight
      canvas.text(name, x: left - 12, y: y + (rowHeight - 10) / 2 + 4, anchor: .end, size: 12.5)
      for (place, split) in splits.enumerated() {
        let count = Double(split.counts[row])
        let length = largest > 0 ? room * count / Double(largest) : 0
        let bar = y + Double(place) * (thickness + 2)
        let style = FigureSeriesStyle(index: place)
        if length > 0 {
          canvas.rectangle(x: left, y: bar, width: max(length, 1), height: thickness, style: style.fill, corner: 2)
        }
        canvas.text(
          FigureNumber.count(count), x: left + length + 6, y: bar + thickness - 2, style: "ath-muted", size: 11)
      }
    }
    let bottom = top + Double(names.count) * rowHeight - 10
    canvas.line(left.rounded() - 0.5, top - 3, left.rounded() - 0.5, max(bottom, top) + 3, style: "ath-axis")
    let words = classNames.indices.map { row in
      "\(classNames[row]) " + splits.map { FigureNumber.count(Double($0.counts[row])) }.joined(separator: " and ")
    }
    return canvas.document(
      width: width, height: max(bottom, top) + FigurePage.margin, title: title,
      description: "\(subtitle): \(words.joined(separator: ", ")).", theme: theme)
  }

  /// How many examples there are, and how the largest class compares with the least.
  private var subtitle: String {
    let totals = classNames.indices.map { row in splits.reduce(0.0) { $0 + Double($1.counts[row]) } }
    let examples =
      FigureNumber.count(totals.reduce(0, +)) + (totals.reduce(0, +) == 1 ? " example of " : " examples of ")
    let classes = FigureText.counted(totals.count, "class", "classes")
    guard let least = totals.min(), let most = totals.max(), totals.count > 1 else { return examples + classes }
    if least == most { return "\(examples)\(classes), as many of each" }
    if least == 0 {
      return "\(examples)\(classes), \(FigureText.counted(totals.count { $0 == 0 }, "class", "classes")) without any"
    }
    return
      "\(examples)\(classes), the largest \(FigureNumber.withoutZeros(FigureNumber.fixed(most / least, decimals: 1))) times the least"
  }
}
