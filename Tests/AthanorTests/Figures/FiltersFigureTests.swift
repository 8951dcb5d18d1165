import Athanor
import Testing

@Suite struct FiltersFigureTests {
  /// Two filters of 2 x 3 over one channel, and four of 1 x 1 over two.
  private func model() throws -> Model {
    let model = try Sequential(input: [4, 4, 1], name: "tiny", threads: 1) {
      Conv2D(2, kernelSize: .init(2, 3), name: "first")
      Conv2D(4, kernelSize: 1, name: "second")
      Flatten()
      Dense(2)
    }
    // Filter 0 holds 1, 0, -1, 0.5, 0, 0 and filter 1 its negative.
    let filter: [Float] = [1, 0, -1, 0.5, 0, 0]
    try model.setWeights([
      "first/kernel": Tensor(shape: [2, 3, 1, 2], filter.flatMap { [$0, -$0] }),
      "second/kernel": Tensor(shape: [1, 1, 2, 4], [1, 2, 3, 4, -1, -2, -3, -4]),
    ])
    return model
  }

  private func paths(_ figure: ParsedFigure) -> [String] {
    figure.elements.filter { $0.name == "path" && $0.attributes["d"]?.contains("h") == true }.compactMap {
      let attributes = $0.attributes
      guard let style = attributes["class"], style != "ath-axis", let data = attributes["d"] else { return nil }
      return "\(style) \(attributes["stroke-opacity"] ?? "1") \(data)"
    }
  }

  @Test func snapshot() throws {
    try expectSnapshot(FiltersFigure(model()).svg(), "filters")
  }

  @Test func eachWeightIsACellOfItsColourAndStrength() throws {
    let figure = try parsed(FiltersFigure(model(), layer: "first").svg())
    #expect(
      paths(figure) == [
        "ath-s2 1 M2 0h1", "ath-s1 0.5 M0 1h1", "ath-s1 1 M0 0h1",
        "ath-s2 1 M0 0h1", "ath-s2 0.5 M0 1h1", "ath-s1 1 M2 0h1",
      ])
    #expect(figure.title == "Filters of first")
    #expect(figure.summary == "2 filters of 2 × 3 weights, between −1.0 and 1.0.")
  }

  @Test func severalChannelsStandInColumns() throws {
    let figure = try FiltersFigure(model(), layer: "second", limit: 3, title: "T")
    #expect((figure.shownCount, figure.count, figure.layer, figure.title) == (3, 4, "second", "T"))
    let drawn = try parsed(figure.svg())
    #expect(
      drawn.summary.hasPrefix("3 of 4 filters of 1 × 1 weights, a row each; columns: 2 channels, between −4.0 and 4.0"))
    #expect(
      paths(drawn) == [
        "ath-s1 0.25 M0 0h1", "ath-s2 0.25 M0 0h1", "ath-s1 0.5 M0 0h1", "ath-s2 0.5 M0 0h1", "ath-s1 0.75 M0 0h1",
        "ath-s2 0.75 M0 0h1",
      ])
  }

  @Test func depthwiseFiltersAreOneSquareEach() throws {
    let model = try Sequential(input: [4, 4, 3], threads: 1) { DepthwiseConv2D(kernelSize: 3, name: "depthwise") }
    let figure = try FiltersFigure(model)
    #expect((figure.shownCount, figure.count) == (3, 3))
    #expect(try parsed(figure.svg()).texts.contains("3 filters of 3 × 3 weights"))
  }

  @Test func weightsThatAreNotFiniteAreBlank() throws {
    let model = try model()
    try model.setWeights(["first/kernel": Tensor(shape: [2, 3, 1, 2], [Float](repeating: .nan, count: 12))])
    #expect(try paths(parsed(FiltersFigure(model).svg())) == [])
  }

  @Test func errors() throws {
    func text(_ body: () throws -> FiltersFigure) -> String {
      do { _ = try body() } catch { return "\(error)" }
      return "nothing was thrown"
    }
    let model = try model()
    #expect(
      text { try FiltersFigure(model, layer: "secnd") }
        == "layer \"secnd\": the model has no convolution of this name. Did you mean \"second\"? Its convolutions are first, second."
    )
    #expect(
      text { try FiltersFigure(model, limit: 0) } == "FiltersFigure: limit is 0 but must be at least 1.")
    let dense = try Sequential(input: [4], name: "flat", threads: 1) { Dense(2) }
    #expect(
      text { try FiltersFigure(dense) }
        == "model \"flat\": it has no convolutions, so there are no filters to draw. Give a model with Conv2D layers.")
  }
}
