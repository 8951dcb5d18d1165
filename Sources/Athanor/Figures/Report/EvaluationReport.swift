import Foundation

/// What a model does on data, as one HTML file to look at, print and send: it holds everything it shows, needs no script and loads nothing.
///
/// For classes: accuracy, loss and metrics, the course of the training, the confusion matrix, the worst mistakes, precision, recall, F1 and the number of
/// examples of each class, ROC and precision-recall curves, and the balance of the classes. For numbers: mean absolute error, root of the mean squared
/// error, R², predictions beside true values, errors, and the largest of them. Then how it was made: command, versions and date.
///
/// - Example:
///   ```swift
///   var report = try EvaluationReport(
///     targets: classes, probabilities: model.predict(test), classNames: ["cat", "dog"], title: "Cats and dogs")
///   report.model = model.summaryLine
///   try report.html().write(toFile: "report.html", atomically: true, encoding: .utf8)
///   ```
public struct EvaluationReport: Sendable {
  /// What is written above.
  public var title: String
  /// The model in a line, for example `Model.summaryLine`.
  public var model: String?
  /// The data in a line.
  public var data: String?
  /// Loss and metrics as `evaluate` gives them.
  public var figures = Logs()
  /// The training; nil where it is not known.
  public var history: History?
  /// How many examples each class has; at first those of the report alone. nil for numbers.
  public var balance: ClassBalanceFigure?
  /// The command line that made the report.
  public var command: String?
  /// The versions of the programs that made it.
  public var environment = "Athanor \(AthanorVersion.current), \(ProcessInfo.processInfo.operatingSystemVersionString)"
  /// When it was made.
  public var date = Date()

  private enum Results: Sendable {
    case classes(ClassResults)
    case numbers(NumberResults)
  }

  private let results: Results

  /// Makes the report of a model that tells classes apart.
  ///
  /// - Parameters:
  ///   - targets: The class number of each example.
  ///   - probabilities: `[N, C]`; or `[N]` or `[N, 1]`, the probability of the second of two classes.
  ///   - classNames: The names of the classes by number; nil names them by number.
  ///   - pictures: The examples as pictures `[N, H, W]` or `[N, H, W, C]` with 1 or 3 channels, bytes or numbers from 0 to 1; nil for other data.
  ///   - exampleNames: What the examples are called, for example the numbers of their rows; nil numbers them from 0.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when counts do not fit, a class number is out of range, or a probability is not a number.
  public init(
    targets: [Int], probabilities: Tensor, classNames: [String]? = nil, pictures: Tensor? = nil,
    exampleNames: [String]? = nil, title: String = "Evaluation"
  ) throws {
    if let pictures, pictures.shape.first != targets.count {
      throw AthanorError(
        .shape, at: "EvaluationReport",
        "there are \(pictures.shape.first ?? 0) pictures but \(targets.count) targets",
        fix: "Give one picture for each example, or none at all.")
    }
    try self.init(
      targets: targets, probabilities: probabilities, classNames: classNames,
      picture: pictures.map { pictures in { pictures.slice($0..<$0 + 1) } }, exampleNames: exampleNames, title: title)
  }

  /// Makes the report of a model that tells classes apart, of pictures that need not lie in memory: those that are shown are asked for.
  ///
  /// - Parameters:
  ///   - targets: The class number of each example.
  ///   - probabilities: `[N, C]`; or `[N]` or `[N, 1]`, the probability of the second of two classes.
  ///   - classNames: The names of the classes by number; nil names them by number.
  ///   - picture: Gives the picture of an example, `[1, H, W]` or `[1, H, W, C]` with 1 or 3 channels, bytes or numbers from 0 to 1; nil for other
  ///     data.
  ///   - exampleNames: What the examples are called, for example their files; nil numbers them from 0.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when counts do not fit, a class number is out of range, or a probability is not a number; what `picture` throws.
  public init(
    targets: [Int], probabilities: Tensor, classNames: [String]? = nil, picture: ((Int) throws -> Tensor)?,
    exampleNames: [String]? = nil, title: String = "Evaluation"
  ) throws {
    try Self.check(exampleNames, count: targets.count)
    let found = try ClassResults(targets, probabilities, classNames, picture, exampleNames)
    results = .classes(found)
    balance = try? ClassBalanceFigure([.init("evaluated", found.matrix.supports)], classNames: found.matrix.classNames)
    self.title = title
  }

  /// Makes the report of a model that predicts a number.
  ///
  /// - Parameters:
  ///   - targets: The true number of each example.
  ///   - predictions: The predicted ones.
  ///   - targetName: What the number is, with its unit.
  ///   - exampleNames: What the examples are called, for example the numbers of their rows; nil numbers them from 0.
  ///   - title: What is written above.
  /// - Throws: `AthanorError` when counts differ or a number is not finite.
  public init(
    targets: [Double], predictions: [Double], targetName: String = "", exampleNames: [String]? = nil,
    title: String = "Evaluation"
  ) throws {
    try Self.check(exampleNames, count: targets.count)
    let figure = try RegressionFigure(targets: targets, predictions: predictions, targetName: targetName)
    results = .numbers(NumberResults(figure: figure, exampleNames: exampleNames))
    self.title = title
  }

  private static func check(_ names: [String]?, count: Int) throws {
    guard let names, names.count != count else { return }
    throw AthanorError(
      .argument, at: "EvaluationReport", "there are \(names.count) names of examples but \(count) targets",
      fix: "Give one name for each example, or none at all.")
  }

  /// The report as an HTML document.
  public func html() -> String {
    typealias Page = ReportPage
    let (cards, sections) =
      switch results {
      case .classes(let results): (results.cards, results.sections)
      case .numbers(let results): (results.cards, results.sections)
      }
    let known = Set(cards.map(\.name))
    let more = figures.entries.filter { !known.contains($0.name) }
      .map { (name: $0.name, value: FigureNumber.significant($0.value, digits: 4)) }
    var body = Page.cards(cards + more) + sections
    if let balance { body += Page.section("Balance of the classes", Page.figures([balance.svg()])) }
    if let history, !history.epochs.isEmpty, let curves = try? TrainingCurves(history, columns: 1) {
      body += Page.section("Course of the training", Page.figures([curves.svg()]))
    }
    body += Page.section("How this report was made", origin)
    let lines = [model, data].compactMap { $0 }
    return Page.document(title: title, subtitle: lines.joined(separator: " · "), body: body)
  }

  private var origin: String {
    let time = date.ISO8601Format().replacing("T", with: " ").replacing("Z", with: " UTC")
    let line = command.map { "<pre>\(ReportPage.text($0))</pre>\n" } ?? ""
    return line
      + "<dl class=\"facts\"><dt>Versions</dt><dd>\(ReportPage.text(environment))</dd><dt>Date</dt><dd>\(time)</dd></dl>\n"
  }
}

/// What a model made of examples of classes.
private struct ClassResults: Sendable {
  let matrix: ConfusionMatrixFigure
  private let roc: ROCFigure
  private let precisionRecall: PrecisionRecallFigure
  private let mistakes: [Mistake]
  private let mistakeCount: Int
  private let showsPictures: Bool
  private let areNamed: Bool

  private struct Mistake: Sendable {
    let example: String
    let truth: String
    let prediction: String
    let probability: Double
    let picture: PictureBytes?
  }

  private static let mistakeLimit = 24
  /// The most classes whose matrix can be read.
  private static let matrixLimit = 60

  init(
    _ targets: [Int], _ probabilities: Tensor, _ classNames: [String]?, _ picture: ((Int) throws -> Tensor)?,
    _ exampleNames: [String]?
  ) throws {
    roc = try ROCFigure(probabilities: probabilities, targets: targets, classNames: classNames)
    precisionRecall = try PrecisionRecallFigure(
      probabilities: probabilities, targets: targets, classNames: classNames)
    let width = probabilities.shape.count == 2 ? probabilities.shape[1] : 1
    let values = probabilities.floats
    let answers = targets.indices.map { example -> (classNumber: Int, probability: Float) in
      guard width > 1 else {
        let second = values[example]
        return second > 0.5 ? (1, second) : (0, 1 - second)
      }
      let row = values[example * width..<(example + 1) * width]
      let best = row.indices.max { (row[$0], $1) < (row[$1], $0) } ?? row.startIndex
      return (best - row.startIndex, row[best])
    }
    let counts = try ConfusionMatrix(
      targets: targets, predictions: answers.map(\.classNumber), classCount: max(width, 2)
    ).counts
    matrix = try ConfusionMatrixFigure(counts: counts, classNames: classNames)
    let wrong = targets.indices.filter { targets[$0] != answers[$0].classNumber }
    // The worst mistakes are those in which the model was surest.
    let worst = wrong.sorted { (answers[$0].probability, $1) > (answers[$1].probability, $0) }
      .prefix(ClassResults.mistakeLimit)
    let names = matrix.classNames
    mistakes = try worst.map { example in
      let pictures = try picture.map {
        try PictureBytes.all(in: $0(example), limit: 1, at: "EvaluationReport, pictures")
      }
      return Mistake(
        example: exampleNames?[example] ?? String(example), truth: names[targets[example]],
        prediction: names[answers[example].classNumber], probability: Double(answers[example].probability),
        picture: pictures?.first)
    }
    mistakeCount = wrong.count
    showsPictures = picture != nil
    areNamed = exampleNames != nil
  }

  var cards: [(name: String, value: String)] {
    func mean(_ values: [Double?]) -> Double {
      let present = values.compactMap { $0 }
      return present.reduce(0, +) / Double(present.count)
    }
    return [
      ("examples", FigureNumber.count(matrix.total)),
      ("accuracy", FigureNumber.percent(matrix.accuracy ?? .nan, decimals: 2)),
      ("mistakes", FigureNumber.count(Double(mistakeCount))), ("mean F1", number(mean(matrix.f1Scores))),
      ("mean AUC", number(mean(roc.areas))), ("mean AP", number(mean(precisionRecall.averagePrecisions))),
    ]
  }

  private func number(_ value: Double?) -> String { FigureNumber.fixed(value ?? .nan, decimals: 4) }

  var sections: String {
    let drawn = matrix.counts.count <= ClassResults.matrixLimit
    return ReportPage.section("Each class", classTable)
      + ReportPage.section(
        drawn ? "Which classes are taken for which" : "The most frequent mistakes",
        drawn ? ReportPage.figures([matrix.svg()]) : confusions)
      + ReportPage.section(worstHeading, worst)
      + ReportPage.section("At every threshold", ReportPage.figures([roc.svg(), precisionRecall.svg()]))
  }

  private var classTable: String {
    let rows = matrix.classNames.enumerated().map { place, name in
      // A single probability has the curves of the second class alone.
      let column = roc.areas.count == 1 ? place - 1 : place
      return [
        name, number(matrix.precisions[place]), number(matrix.recalls[place]), number(matrix.f1Scores[place]),
        roc.areas.indices.contains(column) ? number(roc.areas[column]) : "–",
        roc.areas.indices.contains(column) ? number(precisionRecall.averagePrecisions[column]) : "–",
        FigureNumber.count(Double(matrix.supports[place])),
      ]
    }
    return ReportPage.table(
      ["class", "precision", "recall", "F1", "AUC", "AP", "examples"], numbers: [1, 2, 3, 4, 5, 6], rows)
  }

  private var confusions: String {
    var pairs: [(truth: Int, prediction: Int, count: Int)] = []
    for (truth, row) in matrix.counts.enumerated() {
      for (prediction, count) in row.enumerated() where count > 0 && prediction != truth {
        pairs.append((truth, prediction, count))
      }
    }
    let names = matrix.classNames
    let most = pairs.sorted { ($0.count, $1.truth, $1.prediction) > ($1.count, $0.truth, $0.prediction) }.prefix(25)
    return ReportPage.table(
      ["class", "taken for", "examples"], numbers: [2],
      most.map { [names[$0.truth], names[$0.prediction], FigureNumber.count(Double($0.count))] })
  }

  private var worstHeading: String {
    mistakes.count < mistakeCount
      ? "The worst \(mistakes.count) of \(FigureText.counted(mistakeCount, "mistake"))" : "The mistakes"
  }

  private var worst: String {
    guard !mistakes.isEmpty else { return "<p>There is none.</p>\n" }
    let rows = ReportPage.table(
      ["example", "class", "taken for", "probability"], numbers: [3],
      mistakes.map { [$0.example, $0.truth, $0.prediction, FigureNumber.percent($0.probability, decimals: 1)] })
    guard showsPictures else { return rows }
    let sheet = mistakes.compactMap { mistake -> MistakesFigure.Mistake? in
      guard let picture = mistake.picture else { return nil }
      return try? MistakesFigure.Mistake(
        pixels: picture.bytes, height: picture.height, width: picture.width, channels: picture.channels,
        truth: mistake.truth, prediction: mistake.prediction,
        probability: (0...1).contains(mistake.probability) ? mistake.probability : nil)
    }
    let figure = try? MistakesFigure(mistakes: sheet, title: "", columns: 4)
    return (figure.map { ReportPage.figures([$0.svg()]) } ?? "")
      + (areNamed ? "<details><summary>Which examples these are</summary>\n\(rows)</details>\n" : "")
  }
}

/// What a model made of examples with a number each.
private struct NumberResults: Sendable {
  let figure: RegressionFigure
  let exampleNames: [String]?

  private static let limit = 20

  var cards: [(name: String, value: String)] {
    [
      ("examples", FigureNumber.count(Double(figure.targets.count))),
      ("MAE", FigureNumber.significant(figure.meanAbsoluteError, digits: 4)),
      ("RMSE", FigureNumber.significant(figure.rootMeanSquaredError, digits: 4)),
      ("R²", FigureNumber.fixed(figure.r2, decimals: 4)),
    ]
  }

  var sections: String {
    let errors = zip(figure.predictions, figure.targets).map { $0 - $1 }
    let largest = errors.indices.sorted { (errors[$0].magnitude, $1) > (errors[$1].magnitude, $0) }.prefix(
      NumberResults.limit)
    func number(_ value: Double) -> String { FigureNumber.significant(value, digits: 5) }
    let rows = largest.map { example in
      [
        exampleNames?[example] ?? String(example), number(figure.targets[example]),
        number(figure.predictions[example]), number(errors[example]),
      ]
    }
    return ReportPage.section("Predictions and errors", ReportPage.figures([figure.svg()]))
      + ReportPage.section(
        "The largest errors",
        rows.isEmpty
          ? "" : ReportPage.table(["example", "true", "predicted", "error"], numbers: [1, 2, 3], rows))
  }
}
