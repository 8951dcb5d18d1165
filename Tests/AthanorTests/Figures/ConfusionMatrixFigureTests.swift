import Athanor
import Testing

@Suite struct ConfusionMatrixFigureTests {
  @Test func snapshot() throws {
    let figure = try ConfusionMatrixFigure(
      counts: [[48, 2, 0], [5, 1045, 7], [0, 0, 0]], classNames: ["cat", "dog & <wolf>", "owl"])
    try expectSnapshot(figure.svg(), "confusion-matrix")
  }

  @Test func shares() throws {
    let figure = try ConfusionMatrixFigure(counts: [[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    #expect(figure.recalls == [0.8, 0.9, nil])
    #expect(figure.precisions == [8.0 / 9, 9.0 / 11, nil])
    #expect(figure.accuracy == 0.85)
    #expect(figure.total == 20)
    let parsed = try parsed(figure.svg())
    #expect(parsed.texts.contains("20 examples, accuracy 85.00%"))
    #expect(
      parsed.texts.filter { $0.hasSuffix("%") && !$0.contains("examples") } == ["80.0%", "90.0%", "88.9%", "81.8%"])
    #expect(parsed.texts.filter { $0 == "–" }.count == 2, "a class without examples has neither")
    #expect(parsed.summary.contains("Recall: 0 80.0%, 1 90.0%, 2 –."))
  }

  @Test func rowsAreTrueAndColumnsPredicted() throws {
    let figure = try parsed(ConfusionMatrixFigure(counts: [[0, 777], [0, 0]]).svg())
    let cell = try #require(figure.elements.first { $0.name == "rect" && $0.attributes["class"] == "ath-f2" })
    let grid = figure.elements.filter { $0.name == "line" && $0.attributes["class"] == "ath-grid" }
    let xs = grid.compactMap { Double($0.attributes["x1"] ?? "") }
    let ys = grid.compactMap { Double($0.attributes["y1"] ?? "") }
    let x = try #require(Double(cell.attributes["x"] ?? ""))
    let y = try #require(Double(cell.attributes["y"] ?? ""))
    let left = try #require(xs.min())
    let top = try #require(ys.min())
    #expect(x - left == 46.5 && y - top == 0.5, "the first row's second cell")
    #expect(figure.texts.contains("777"))
  }

  @Test(arguments: [0, 1, 2, 10, 11, 17, 25, 37, 50, 80])
  func everySizeIsWellFormed(classes: Int) throws {
    for names in [nil, (0..<classes).map { "a rather long name of class <\($0)>" }] {
      let counts = (0..<classes).map { row in (0..<classes).map { ($0 * 7 + row * 3) % 5 * ($0 == row ? 900 : 1) } }
      let figure = try parsed(ConfusionMatrixFigure(counts: counts, classNames: names).svg())
      let cells = figure.elements.filter { $0.name == "rect" && $0.attributes["fill-opacity"] != nil }
      #expect(cells.count >= counts.joined().filter { $0 > 0 && $0 < 900 }.count)
    }
  }

  @Test func enormousCountsAreWritten() throws {
    let figure = try parsed(ConfusionMatrixFigure(counts: [[.max, .max], [.max, .max]]).svg())
    #expect(figure.texts.filter { $0 == "9.2×10¹⁸" }.count == 4)
    #expect(figure.texts.contains("3.69×10¹⁹ examples, accuracy 50.00%"))
  }

  @Test func errors() {
    func text(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "nothing was thrown"
    }
    #expect(
      text { _ = try ConfusionMatrixFigure(counts: [[1, 2], [3]]) }
        == "ConfusionMatrixFigure: row 1 has 1 counts but there are 2 rows, and the matrix must be square. "
        + "Give one row and one column for each class.")
    #expect(
      text { _ = try ConfusionMatrixFigure(counts: [[1, -2], [3, 4]]) }
        == "ConfusionMatrixFigure: the count in row 0, column 1 is -2 but must be zero or more.")
    #expect(
      text { _ = try ConfusionMatrixFigure(counts: [[1]], classNames: ["a", "b"]) }
        == "ConfusionMatrixFigure: there are 2 class names but 1 classes. Give one name for each row, or none at all.")
  }
}
