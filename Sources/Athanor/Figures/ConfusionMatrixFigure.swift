import AthanorCore

/// Which classes are taken for which, as an SVG picture: a row for each true class, a column for each predicted one.
///
/// A cell holds the count of examples of its row's class that were predicted as its column's class; empty cells are zero.
/// Right answers on the diagonal are blue by their share of the row, mistakes are orange by their share of the row beside
/// the largest such share, so that a mistake of one in a hundred can be seen. At the right stands each class's recall
/// (the share of its examples that were found) and below its precision (the share of its predictions that are right); a
/// dash stands where there is nothing to divide by.
///
/// - Example:
///   ```swift
///   let figure = try ConfusionMatrixFigure(counts: [[48, 2], [5, 45]], classNames: ["cat", "dog"])
///   let picture = figure.svg()
///   ```
public struct ConfusionMatrixFigure: Hashable, Sendable {
  /// By true class, then by predicted class.
  public let counts: [[Int]]
  /// The names of the classes, by number.
  public let classNames: [String]
  /// What is written above.
  public let title: String

  /// Makes the figure from counts.
  ///
  /// - Parameters:
  ///   - counts: A row for each true class with a count for each predicted class, zero or more.
  ///   - classNames: A name for each class; nil names them by number.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when the counts are not a square, one is negative, or the count of names is another.
  public init(counts: [[Int]], classNames: [String]? = nil, title: String = "Confusion matrix") throws {
    for (number, row) in counts.enumerated() {
      guard row.count == counts.count else {
        throw AthanorError(
          .shape, at: "ConfusionMatrixFigure",
          "row \(number) has \(row.count) counts but there are \(counts.count) rows, and the matrix must be square",
          fix: "Give one row and one column for each class.")
      }
      if let column = row.firstIndex(where: { $0 < 0 }) {
        throw AthanorError(
          .argument, at: "ConfusionMatrixFigure",
          "the count in row \(number), column \(column) is \(row[column]) but must be zero or more")
      }
    }
    if let classNames, classNames.count != counts.count {
      throw AthanorError(
        .argument, at: "ConfusionMatrixFigure",
        "there are \(classNames.count) class names but \(counts.count) classes",
        fix: "Give one name for each row, or none at all.")
    }
    self.counts = counts
    self.classNames = classNames ?? counts.indices.map { String($0) }
    self.title = title
  }

  /// How many examples were counted.
  public var total: Double { counts.joined().reduce(0) { $0 + Double($1) } }

  /// The share of all examples whose class was predicted right; nil when there are none.
  public var accuracy: Double? {
    let right = counts.indices.reduce(0) { $0 + Double(counts[$1][$1]) }
    return total > 0 ? right / total : nil
  }

  /// The share of a class's examples that were found, by class; nil for a class without examples.
  public var recalls: [Double?] {
    counts.enumerated().map { number, row in
      let all = row.reduce(0) { $0 + Double($1) }
      return all > 0 ? Double(row[number]) / all : nil
    }
  }

  /// The share of a class's predictions that are right, by class; nil for a class that was never predicted.
  public var precisions: [Double?] {
    counts.indices.map { number in
      let all = counts.reduce(0) { $0 + Double($1[number]) }
      return all > 0 ? Double(counts[number][number]) / all : nil
    }
  }

  /// The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), by class; nil for a class without examples that was never predicted.
  public var f1Scores: [Double?] {
    counts.indices.map { number in
      let predicted = counts.reduce(0) { $0 + Double($1[number]) }
      let all = counts[number].reduce(predicted) { $0 + Double($1) }
      return all > 0 ? 2 * Double(counts[number][number]) / all : nil
    }
  }

  /// How many examples each class has.
  public var supports: [Int] { counts.map { $0.reduce(0) { $0.addingReportingOverflow($1).partialValue } } }

  /// The figure as an SVG document.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let layout = ConfusionMatrixLayout(self)
    var canvas = FigureCanvas()
    _ = FigurePage.header(&canvas, title: title, subtitle: summary, width: layout.width)
    if counts.isEmpty {
      canvas.text("no classes", x: layout.width / 2, y: 120, style: "ath-muted", anchor: .middle)
    } else {
      layout.drawTitles(&canvas)
      layout.drawCells(&canvas)
      layout.drawShares(&canvas)
      layout.drawKey(&canvas)
    }
    let recall = zip(classNames, recalls).map { "\($0) \(ConfusionMatrixLayout.percent($1))" }.joined(separator: ", ")
    return canvas.document(
      width: layout.width, height: layout.height, title: title,
      description: "\(summary). Rows are true classes, columns predicted ones. Recall: \(recall).", theme: theme)
  }

  private var summary: String {
    let examples = "\(FigureNumber.count(total)) \(total == 1 ? "example" : "examples")"
    guard let accuracy else { return examples }
    return "\(examples), accuracy \(FigureNumber.percent(accuracy, decimals: 2))"
  }
}
