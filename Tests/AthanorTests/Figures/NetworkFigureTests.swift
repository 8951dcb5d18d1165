import Athanor
import Testing

@Suite struct NetworkFigureTests {
  private func model() throws -> Model {
    let picture = Input([6, 6, 2], name: "picture"), age = Input([1], name: "age")
    let shared = SharedLayer(Dense(4, name: "shared & <frozen>"))
    let features = GlobalAveragePooling2D(name: "pool")(Conv2D(3, kernelSize: 3, name: "conv")(picture))
    let both = Concatenate(name: "both")(features, age)
    let first = shared(both), second = shared(first)
    let size = Dense(1, name: "size")(first)
    let model = try Model(
      inputs: [picture, age], outputs: [Add(name: "sum")(first, second), size], name: "two of each", threads: 1)
    try model.freeze("shared & <frozen>")
    return model
  }

  @Test func snapshot() throws { try expectSnapshot(NetworkFigure(model()).svg(), "network") }

  @Test func boxesAndLines() throws {
    let figure = try parsed(NetworkFigure(model()).svg())
    // Two inputs and seven calls, of which two are of one layer; nine arguments.
    let boxes = figure.elements.filter { $0.name == "rect" && $0.attributes["class"]?.contains("ath-s1") == true }
    #expect(boxes.count == 9)
    #expect(boxes.filter { $0.attributes["stroke-dasharray"] != nil }.count == 2)
    #expect(boxes.filter { $0.attributes["stroke-width"] == "2.25" }.count == 4, "inputs and outputs")
    #expect(figure.elements.filter { $0.name == "path" }.count == 9)
    #expect(figure.texts.filter { $0 == "shared & <frozen>" }.count == 2)
  }

  /// Boxes of a row stand apart, and lines lead from box to box through every row between.
  @Test func layout() {
    var random = FigureTestNumbers()
    for count in [1, 2, 10, 60] {
      let widths = (0..<count).map { _ in Double.random(in: 40...200, using: &random) }
      let edges = (1..<count).flatMap { to in
        (0..<Int.random(in: 1...3, using: &random)).map { _ in (from: Int.random(in: 0..<to, using: &random), to: to) }
      }
      let layout = NetworkLayout(widths: widths, edges: edges)
      for (edge, line) in zip(edges, layout.lines) {
        #expect(layout.rows[edge.from] < layout.rows[edge.to])
        #expect(line.count == layout.rows[edge.to] - layout.rows[edge.from] + 1)
        #expect(line.first == layout.middles[edge.from] && line.last == layout.middles[edge.to])
      }
      for left in 0..<count {
        #expect(layout.middles[left] - widths[left] / 2 >= -1e-9)
        #expect(layout.middles[left] + widths[left] / 2 <= layout.width + 1e-9)
        for right in 0..<left where layout.rows[left] == layout.rows[right] {
          let distance = abs(layout.middles[left] - layout.middles[right])
          #expect(distance >= (widths[left] + widths[right]) / 2 + 17.9)
        }
      }
    }
  }
}
