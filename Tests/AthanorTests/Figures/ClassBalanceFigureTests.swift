import Athanor
import Testing

@Suite struct ClassBalanceFigureTests {
  private let splits: [ClassBalanceFigure.Split] = [
    .init("training", [1200, 300, 0]), .init("validation", [120, 31, 2]),
  ]

  @Test func snapshot() throws {
    let figure = try ClassBalanceFigure(splits, classNames: ["cat", "dog & <wolf>", "owl"])
    try expectSnapshot(figure.svg(), "class-balance")
  }

  @Test func barsAreCounts() throws {
    let drawn = try parsed(ClassBalanceFigure(splits).svg())
    #expect(drawn.texts[1] == "1,653 examples of 3 classes, the largest 660 times the least")
    #expect(
      drawn.texts.dropFirst(2) == ["training", "validation", "0", "1,200", "120", "1", "300", "31", "2", "0", "2"])
    let widths = drawn.elements.filter { $0.name == "rect" && ["ath-f1", "ath-f2"].contains($0.attributes["class"]) }
      .compactMap { Double($0.attributes["width"] ?? "") }.filter { $0 > 6 }
    let bars = widths.suffix(4)
    #expect(bars.count == 4 && (bars[bars.startIndex] / bars[bars.startIndex + 2] - 4).magnitude < 0.01)
    #expect(drawn.summary.hasSuffix("0 1,200 and 120, 1 300 and 31, 2 0 and 2."))
    let single = try parsed(ClassBalanceFigure([.init("all", [5, 0, 0])]).svg())
    #expect(single.texts[1] == "5 examples of 3 classes, 2 classes without any" && !single.texts.contains("all"))
    _ = try parsed(ClassBalanceFigure([]).svg())
    let many = try parsed(ClassBalanceFigure([.init("all", [Int](repeating: 7, count: 1000))]).svg())
    #expect(many.texts[1] == "7,000 examples of 1,000 classes, as many of each")
  }

  @Test func errors() {
    expectError(
      "ClassBalanceFigure: \"b\" has counts of 1 classes but there are 2. Give one count for each class, 0 where there is no example."
    ) {
      try ClassBalanceFigure([.init("a", [1, 2]), .init("b", [1])])
    }
    expectError("ClassBalanceFigure: \"a\" has a negative count. Give 0 or more.") {
      try ClassBalanceFigure([.init("a", [1, -2])])
    }
    expectError("ClassBalanceFigure: there are 1001 classes in 1 parts but at most 1,000 in 6 are drawn.") {
      try ClassBalanceFigure([.init("a", [Int](repeating: 1, count: 1001))])
    }
  }
}
