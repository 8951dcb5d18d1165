import Athanor
import Testing

@Suite struct TrainingCurvesTests {
  private static let metrics: [String: [Double?]] = [
    "loss": [0.31, 0.12, 0.08, 0.05], "val_loss": [0.11, 0.07, 0.06, 0.09],
    "accuracy": [0.90, 0.96, 0.97, 0.98], "val_accuracy": [0.96, 0.97, 0.985, 0.98],
    "learning_rate": [1e-3, 1e-3, 2e-4, 4e-5],
  ]

  @Test func snapshot() throws {
    let curves = try TrainingCurves(epochs: [1, 2, 3, 4], metrics: Self.metrics)
    try expectSnapshot(curves.svg(), "training-curves")
  }

  @Test func aHistoryIsEnough() throws {
    var epochs: [History.Epoch] = []
    for number in 1...4 {
      var logs = Logs()
      for name in Self.metrics.keys where name != "learning_rate" { logs[name] = Self.metrics[name]?[number - 1] }
      let rate = try #require(Self.metrics["learning_rate"]?[number - 1])
      epochs.append(History.Epoch(number: number, seconds: 1, learningRate: rate, logs: logs))
    }
    let expected = try TrainingCurves(epochs: [1, 2, 3, 4], metrics: Self.metrics, title: "T")
    #expect(try TrainingCurves(History(epochs: epochs), title: "T") == expected)
    #expect(try parsed(TrainingCurves(History()).svg()).texts.contains("no values yet"))
  }

  @Test func panelsStandInOrderAndPairValidation() throws {
    var metrics = Self.metrics
    metrics["val_top_5_accuracy"] = [0.9, 0.95, 0.99, 1]
    metrics["mean_error"] = [4, 3, 2, 1]
    let figure = try parsed(TrainingCurves(epochs: [1, 2, 3, 4], metrics: metrics, title: "A & <B>").svg())
    let headings = ["Loss", "Accuracy", "Mean error", "Top 5 accuracy", "Learning rate (logarithmic scale)"]
    #expect(figure.texts.filter { headings.contains($0) } == headings)
    #expect(figure.title == "A & <B>")
    #expect(figure.texts.filter { $0 == "training" || $0 == "validation" } == ["training", "validation"])
    #expect(
      figure.texts.filter { $0.hasPrefix("best") } == [
        "best 0.0600, epoch 3", "best 98.50%, epoch 3", "best 1.00, epoch 4", "best 100%, epoch 4",
      ])
    #expect(
      figure.summary.hasPrefix(
        "Loss: training from 0.310 to 0.0500; validation from 0.110 to 0.0900, best 0.0600, epoch 3."))
  }

  @Test func goalsCanBeGiven() throws {
    let metrics: [String: [Double?]] = ["reward": [1, 9, 4]]
    let guessed = try parsed(TrainingCurves(epochs: [1, 2, 3], metrics: metrics).svg())
    #expect(guessed.texts.contains("best 1.00, epoch 1"))
    let given = try parsed(TrainingCurves(epochs: [1, 2, 3], metrics: metrics, goals: ["reward": .highest]).svg())
    #expect(given.texts.contains("best 9.00, epoch 2"))
  }

  @Test func learningRateIsLogarithmicOnlyBeyondTenTimes() throws {
    func headings(_ rates: [Double?]) throws -> [String] {
      let curves = try TrainingCurves(epochs: [1, 2], metrics: ["lr": rates])
      return try parsed(curves.svg()).texts.filter { $0.hasPrefix("Learning") }
    }
    #expect(try headings([1e-3, 1e-4]) == ["Learning rate"])
    #expect(try headings([1e-3, 0.9e-4]) == ["Learning rate (logarithmic scale)"])
    #expect(try headings([1e-3, 0]) == ["Learning rate"])
  }

  @Test func missingValuesLeaveGaps() throws {
    let chart = try LineChart(
      title: "gaps", x: [1, 2, 3, 4, 5, 6],
      series: [.init("a", [1, 2, .nan, 3, nil, 4]), .init("b", [nil, nil, nil, nil, nil, nil])])
    let figure = try parsed(chart.svg())
    let lines = figure.elements.filter { $0.name == "path" && $0.attributes["class"] == "ath-s1" }
    let path = try #require(lines.last?.attributes["d"])
    #expect(path.filter { $0 == "M" }.count == 1, "only epochs 1 and 2 are neighbours: \(path)")
    #expect(path.filter { $0 == "L" }.count == 1)
    let dots = figure.elements.filter { $0.name == "circle" && $0.attributes["class"] == "ath-f1" }
    #expect(dots.count == 4 + 1, "a marker for each value, and one in the legend")
  }

  @Test func pathsBreakAtGaps() {
    func point(_ x: Double, _ y: Double) -> LineChartPoint? { LineChartPoint(x: x, y: y) }
    let points = [point(0, 1), point(1, 2), nil, point(3, 1), nil, point(5, 1), point(7, 1), point(9, 4)]
    #expect(LineChartPoint.path(points, joining: .straight) == "M0 1L1 2M5 1L7 1L9 4")
    #expect(LineChartPoint.path(points, joining: .steps) == "M0 1H0.5V2H1M5 1H7H8V4H9")
    #expect(LineChartPoint.path([], joining: .straight) == "")
  }

  @Test(arguments: FigureTheme.allCases)
  func everyThingThatCanBeDrawnIsWellFormed(theme: FigureTheme) throws {
    let hard: [[Double?]] = [
      [nil, nil, nil], [.nan, .infinity, -.infinity], [0, 0, 0], [-1, 0, 1], [1e300, 1, 2], [1e99, -1e99, 0],
      [1e-99, 2e-99, 3e-99], [.leastNonzeroMagnitude, 1, 1e38], [7, 7, 7], [1, 1 + 1e-15, 1],
      [1e9 + 1, 1e9 + 2, 1e9 + 3],
    ]
    for values in hard {
      for name in ["loss", "accuracy", "val_loss", "lr", "val_", "<&>\"'\u{0}", ""] {
        for columns in 1...3 {
          let curves = try TrainingCurves(
            epochs: [-5, 0.5, 1e6], metrics: [name: values, "other": [1, 2, 3]], columns: columns)
          _ = try parsed(curves.svg(theme: theme))
        }
      }
      for scale in LineChart.Scale.allCases {
        for unit in LineChart.Unit.allCases {
          let series = LineChart.Series("series", values, goal: .lowest)
          let chart = try LineChart(title: "", x: [1, 2, 4], series: [series], scale: scale, unit: unit)
          _ = try parsed(chart.svg(theme: theme))
        }
      }
    }
  }

  @Test func oneEpochOrNone() throws {
    let one = try parsed(TrainingCurves(epochs: [3], metrics: ["loss": [0.5], "val_loss": [0.25]]).svg())
    #expect(one.texts.contains("3") && one.texts.contains("0.500") && one.texts.contains("0.250"))
    #expect(!one.texts.contains { $0.hasPrefix("best") })
    let none = try parsed(TrainingCurves(epochs: [Int](), metrics: ["loss": [], "accuracy": []]).svg())
    #expect(none.texts.filter { $0 == "no values yet" }.count == 2)
    let nothing = try parsed(TrainingCurves(epochs: [Int](), metrics: [:]).svg())
    #expect(nothing.texts.contains("no metrics yet"))
  }

  @Test func themes() throws {
    let curves = try TrainingCurves(epochs: [1, 2, 3, 4], metrics: Self.metrics)
    #expect(curves.svg().contains("@media (prefers-color-scheme:dark)"))
    #expect(!curves.svg(theme: .light).contains("@media") && curves.svg(theme: .light).contains("#ffffff"))
    #expect(!curves.svg(theme: .dark).contains("@media") && curves.svg(theme: .dark).contains("#0d1117"))
  }

  @Test func errors() {
    func text(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "nothing was thrown"
    }
    #expect(
      text { _ = try TrainingCurves(epochs: [1, 2], metrics: ["loss": [1]]) }
        == "TrainingCurves: metric \"loss\" has 1 values but there are 2 epochs. "
        + "Give one value for each epoch, nil where there is none.")
    #expect(
      text { _ = try TrainingCurves(epochs: [1, 1], metrics: [:]) }
        == "TrainingCurves: epochs[1] is 1.0 after 1.0 but must be greater than the one before. "
        + "Sort by epochs and keep each only once.")
    #expect(
      text { _ = try TrainingCurves(epochs: [Double.nan], metrics: [:]) }
        == "TrainingCurves: epochs[0] is nan but must be finite and below 1e100. Leave out places without a position.")
    #expect(
      text { _ = try TrainingCurves(epochs: [1], metrics: [:], columns: 4) }
        == "TrainingCurves: columns is 4 but must be 1, 2 or 3.")
    #expect(
      text { _ = try LineChart(title: "", x: [1], series: [.init("a", [])]) }
        == "LineChart: series \"a\" has 0 values but there are 1 places on the x axis. "
        + "Give one value for each place, nil where there is none.")
  }
}
