import Athanor
import Foundation
import Testing

@Suite("Reports")
struct EvaluationReportTests {
  private let golden: CurveGolden
  private let hostile = ["<script>alert(1)</script>", "a & b", "\"'>", "none\u{202E}\n"]

  init() throws { golden = try goldens("curves") }

  private func report(names: [String]? = nil, pictures: Bool = false) throws -> EvaluationReport {
    let count = golden.targets.count
    let bytes = (0..<count * 12).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    var report = try EvaluationReport(
      targets: golden.targets, probabilities: golden.probabilities.tensor, classNames: names,
      pictures: pictures ? Tensor(shape: [count, 2, 2, 3], bytes: bytes) : nil,
      exampleNames: (0..<count).map { "row \($0 + 2)" }, title: "Cats & dogs")
    report.environment = "Athanor"
    report.date = Date(timeIntervalSince1970: 1_800_000_000)
    return report
  }

  /// The contents of elements of a name, tags within them left out.
  private func contents(_ tag: String, of html: String) throws -> [String] {
    let expression = try Regex("<\(tag)(?: [^>]*)?>(.*?)</\(tag)>").dotMatchesNewlines()
    return html.matches(of: expression).map { match in
      String(match.output[1].substring ?? "").replacing(#/<[^>]*>/#, with: "")
    }
  }

  @Test("The figures of each class are scikit-learn's")
  func classes() throws {
    let html = try report().html()
    let rows = try contents("tr", of: html)
    func four(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "–" }
    for number in 0..<4 {
      let known = golden.classes[number]
      // scikit-learn says 0 of a class that neither is there nor was predicted.
      let isKnown = golden.support[number] > 0
      let cells = [
        String(number), isKnown ? four(golden.precision[number]) : "–", isKnown ? four(golden.recall[number]) : "–",
        isKnown ? four(golden.f1[number]) : "–", four(known.auc), four(known.averagePrecision),
        String(golden.support[number]),
      ]
      #expect(rows.contains(cells.joined()), "\(cells)")
    }
    let cards = try contents("dd", of: html)
    #expect(cards[0] == "60" && cards[1] == String(format: "%.2f%%", golden.accuracy * 100))
    let mistakes = Int((60 * (1 - golden.accuracy)).rounded())
    #expect(cards[2] == String(mistakes))
    #expect(try contents("h1", of: html) == ["Cats &amp; dogs"])
    #expect(
      try contents("h2", of: html) == [
        "Each class", "Which classes are taken for which", "The mistakes", "At every threshold",
        "Balance of the classes", "How this report was made",
      ])
    // A mistake is told by its row, the surest first.
    #expect(rows.filter { $0.hasPrefix("row ") }.count == mistakes)
    #expect(cards.suffix(2) == ["Athanor", "2027-01-15 08:00:00 UTC"])
  }

  @Test("Only the pictures that are shown are asked for")
  func asked() throws {
    var asked: [Int] = []
    let probabilities = try golden.probabilities.tensor
    let html = try EvaluationReport(
      targets: golden.targets, probabilities: probabilities,
      picture: { example in
        asked.append(example)
        return try Tensor(shape: [1, 1, 1, 1], bytes: [UInt8(example)])
      }
    ).html()
    #expect(asked.count == Int((60 * (1 - golden.accuracy)).rounded()) && asked.first == 40)
    #expect(html.contains("fill=\"#282828\"") && !html.contains("<details>"))
  }

  @Test("Everything that is known is shown: model, data, loss, training, command")
  func all() throws {
    var report = try report(pictures: true)
    report.model = try Sequential(input: [2]) { Dense(3) }.summaryLine
    report.data = "60 pictures"
    report.figures["loss"] = 0.125
    report.figures["accuracy"] = 0.5
    report.command = "athanor evaluate 'a b.h5' --report <r>.html"
    var logs = Logs()
    logs["loss"] = 1
    report.history = History(epochs: [.init(number: 1, seconds: 1, learningRate: 0.1, logs: logs)])
    let html = report.html()
    #expect(
      html.contains(
        "<p class=\"lead\">sequential: 1 layers, 9 parameters, input (None, 2), output (None, 3) · 60 pictures</p>"))
    #expect(html.contains("<dt>loss</dt><dd>0.1250</dd>"))
    #expect(try contents("dt", of: html).filter { $0 == "accuracy" }.count == 1)
    #expect(try contents("pre", of: html) == ["athanor evaluate &#39;a b.h5&#39; --report &lt;r&gt;.html"])
    #expect(try contents("h2", of: html).contains("Course of the training"))
    // Drawn as pictures, and what they are called may be looked up.
    #expect(html.contains("shape-rendering=\"crispEdges\" stroke-width=\"1\""))
    let names = try contents("details", of: html)
    #expect(names.count == 1 && names[0].contains("row 42"))
  }

  @Test("It is one file that loads nothing and runs nothing, whatever the classes are called")
  func selfContained() throws {
    for pictures in [false, true] {
      var report = try report(names: hostile, pictures: pictures)
      (report.title, report.command, report.model) = (hostile[0], hostile[0], hostile[2])
      let html = report.html()
      for part in ["<script", "http:", "https:", "//", "src=", "href=", "url(", "@import", "onload"] {
        #expect(!html.contains(part), "\(part)")
      }
      #expect(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""))
      #expect(html.contains("prefers-color-scheme: dark") && html.contains("@media print"))
      // The figures are well-formed by themselves, and so is what is between them.
      let inner =
        try #require(html.firstRange(of: "<body>")).upperBound..<#require(html.firstRange(of: "</body>")).lowerBound
      #expect(ParsedFigure("<body>\(html[inner])</body>") != nil)
      #expect(html.components(separatedBy: "<style>").count == 2)
    }
  }

  @Test("Predictions of numbers")
  func numbers() throws {
    var report = try EvaluationReport(
      targets: golden.true, predictions: golden.predicted, targetName: "price (€)", title: "Prices")
    report.figures["loss"] = 0.5
    let html = report.html()
    let cards = try contents("dd", of: html)
    #expect(
      Array(cards.prefix(5)) == [
        "60", String(format: "%.4f", golden.mae), String(format: "%.4f", golden.rmse),
        String(format: "%.4f", golden.r2), "0.5000",
      ])
    #expect(
      try contents("h2", of: html) == ["Predictions and errors", "The largest errors", "How this report was made"])
    let errors = zip(golden.true, golden.predicted).map { ($0 - $1).magnitude }
    let worst = try #require(errors.indices.max { errors[$0] < errors[$1] })
    #expect(try contents("tr", of: html)[1].hasPrefix(String(worst)))
    let figure = try RegressionFigure(targets: golden.true, predictions: golden.predicted, targetName: "price (€)")
    #expect((figure.meanAbsoluteError - golden.mae).magnitude < 1e-12)
    #expect((figure.rootMeanSquaredError - golden.rmse).magnitude < 1e-12 && (figure.r2 - golden.r2).magnitude < 1e-12)
    try expectSnapshot(figure.svg(), "regression")
    _ = try parsed(figure.svg())
    for numbers in [[], [3.0], [1e-9, 1e-9], [-1e90, 1e90]] {
      _ = try parsed(RegressionFigure(targets: numbers, predictions: numbers).svg())
      #expect(try EvaluationReport(targets: numbers, predictions: numbers).html().contains("<dt>R²</dt>"))
    }
  }

  @Test("One probability, no mistakes, many classes, no examples")
  func ends() throws {
    let single = try EvaluationReport(
      targets: [0, 1, 1], probabilities: Tensor(shape: [3, 1], [0.2, 0.9, 0.5]), classNames: ["no", "yes"]
    ).html()
    let rows = try contents("tr", of: single)
    #expect(rows[1] == "no0.50001.00000.6667––1" && rows[2] == "yes1.00000.50000.66671.00001.00002")
    #expect(rows.contains("2yesno50.0%"))
    let right = try EvaluationReport(targets: [1], probabilities: Tensor(shape: [1, 2], [0, 1])).html()
    #expect(right.contains("<p>There is none.</p>"))
    let classes = 70
    let shifted = (0..<classes * classes).map { Float(($0 % classes + classes - $0 / classes) % classes == 1 ? 1 : 0) }
    let many = try EvaluationReport(
      targets: Array(0..<classes), probabilities: Tensor(shape: [classes, classes], shifted)
    ).html()
    #expect(try contents("h2", of: many).contains("The most frequent mistakes"))
    #expect(try contents("h2", of: many).contains("The worst 24 of 70 mistakes"))
    let empty = try EvaluationReport(targets: [], probabilities: Tensor(zeros: [0, 3])).html()
    #expect(empty.contains("<dt>accuracy</dt><dd>–</dd>"))
  }

  @Test func errors() throws {
    let probabilities = try Tensor(shape: [1, 2], [0, 1])
    expectError(
      "EvaluationReport: there are 2 names of examples but 1 targets. Give one name for each example, or none at all."
    ) { try EvaluationReport(targets: [1], probabilities: probabilities, exampleNames: ["a", "b"]) }
    expectError(
      "EvaluationReport: there are 2 pictures but 1 targets. Give one picture for each example, or none at all."
    ) { try EvaluationReport(targets: [1], probabilities: probabilities, pictures: Tensor(zeros: [2, 2, 2])) }
    expectError(
      "EvaluationReport, pictures: there are float32(1, 3) but pictures are [N, H, W] or [N, H, W, C] with 1 or 3 channels, as bytes "
        + "(uint8) or as numbers from 0 to 1. Give pictures."
    ) { try EvaluationReport(targets: [0], probabilities: probabilities, pictures: Tensor(zeros: [1, 3])) }
    expectError("RegressionFigure: there are 1 targets but 2 predictions. Give one prediction for each target.") {
      try EvaluationReport(targets: [1], predictions: [1, 2])
    }
    expectError("RegressionFigure: prediction 0 is nan but must be finite and below 1e100.") {
      try EvaluationReport(targets: [1], predictions: [.nan])
    }
  }
}
