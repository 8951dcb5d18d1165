import AthanorCore

/// The layers of a model and how they are connected, as an SVG picture: a box for each call of a layer, with its name, its kind and the
/// shape of its result, and lines that lead from where values come from down to where they go.
///
/// Inputs and outputs have thick borders, frozen layers dashed ones; a model within the model is one box. A layer that is called
/// several times has several boxes.
///
/// - Example:
///   ```swift
///   let picture = try NetworkFigure(model).svg()
///   ```
public struct NetworkFigure: Hashable, Sendable {
  struct Box: Hashable, Sendable {
    let name: String
    let detail: String
    /// What a reader of the picture is told when pointing at the box.
    let hint: String
    var isEnd = false
    var isFrozen = false
  }

  let boxes: [Box]
  /// From a box to a later one.
  let edges: [[Int]]
  /// What is written above.
  public let title: String
  private let subtitle: String

  /// The most calls that are drawn.
  private static let limit = 5000
  private static let boxHeight = 40.0
  private static let rowHeight = 66.0

  /// Makes the figure of a model.
  ///
  /// - Throws: `AthanorError` when the model has more than 5,000 calls of layers.
  public init(_ model: Model) throws {
    let network = model.network
    guard network.calls.count <= NetworkFigure.limit else {
      throw AthanorError(
        .unsupported, at: "model \"\(model.name)\"",
        "it has \(network.calls.count) calls of layers, but at most \(NetworkFigure.limit) are drawn",
        code: "Draw a part of it: truncated(after:).",
        command: "")
    }
    title = model.name
    let rows = model.summaryRows
    let row = Dictionary(rows.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    var boxes = network.inputs.map { port in
      Box(
        name: port.name, detail: "Input \(Shape.text(port.lengths.map(\.fixed)))", hint: port.description, isEnd: true)
    }
    var edges: [[Int]] = []
    func place(_ reference: Network.Reference) -> Int {
      switch reference {
      case .input(let input): input
      case .result(let call, _): network.inputs.count + call
      }
    }
    for (index, call) in network.calls.enumerated() {
      let entry = network.entries[call.entry]
      let shapes = model.built.types[index].map(\.shape.description).joined(separator: ", ")
      let weights = row[entry.name]?.parameters ?? 0
      boxes.append(
        Box(
          name: entry.name, detail: "\(entry.layer.kind) \(shapes)",
          hint: "\(entry.name): \(entry.layer.kind), \(shapes), \(weights) weights",
          isFrozen: row[entry.name]?.isFrozen ?? false))
      edges += call.arguments.map { [place($0), network.inputs.count + index] }
    }
    for output in network.outputs { boxes[place(output.reference)].isEnd = true }
    self.boxes = boxes
    self.edges = edges
    let frozen = rows.contains(where: \.isFrozen) ? ", frozen layers with dashed borders" : ""
    subtitle = "\(network.entries.count) layers, \(model.parameterCount) weights\(frozen)"
  }

  /// The picture.
  public func svg(theme: FigureTheme = .automatic) -> String {
    let margin = FigurePage.margin
    let widths = boxes.map { box in
      24 + max(FigureText.width(box.name, size: 12) * 1.05, FigureText.width(box.detail, size: 11))
    }
    let layout = NetworkLayout(widths: widths, edges: edges.map { (from: $0[0], to: $0[1]) })
    let width = max(layout.width, 320) + 2 * margin
    let left = (width - layout.width) / 2
    var canvas = FigureCanvas()
    let top = FigurePage.header(&canvas, title: title, subtitle: subtitle, width: width) + 8
    func y(_ row: Int) -> Double { top + Double(row) * NetworkFigure.rowHeight }
    for (edge, line) in zip(edges, layout.lines) {
      canvas.stroke(
        path(line.map { $0 + left }, firstRow: layout.rows[edge[0]], top: top), style: "ath-axis", width: 1.25)
    }
    for (index, box) in boxes.enumerated() {
      let (x, y) = (left + layout.middles[index] - widths[index] / 2, y(layout.rows[index]))
      canvas.group(x: x, y: y, title: box.hint) { canvas in
        canvas.outline(
          width: widths[index], height: NetworkFigure.boxHeight, thickness: box.isEnd ? 2.25 : 1,
          dash: box.isFrozen ? "5 3" : "")
        canvas.text(box.name, x: widths[index] / 2, y: 17, anchor: .middle, bold: true)
        canvas.text(box.detail, x: widths[index] / 2, y: 32, style: "ath-muted", anchor: .middle, size: 11)
      }
    }
    let height = y(layout.rows.max() ?? 0) + NetworkFigure.boxHeight + margin
    let description = boxes.prefix(200).map(\.hint).joined(separator: "; ")
    return canvas.document(width: width, height: height, title: title, description: description, theme: theme)
  }

  /// A line through the middles of rows: straight beside boxes, bent between rows.
  private func path(_ middles: [Double], firstRow: Int, top: Double) -> String {
    func n(_ value: Double) -> String { FigureNumber.coordinate(value) }
    var data = ""
    for (index, (upper, lower)) in zip(middles, middles.dropFirst()).enumerated() {
      let start = top + Double(firstRow + index) * NetworkFigure.rowHeight + NetworkFigure.boxHeight
      let end = top + Double(firstRow + index + 1) * NetworkFigure.rowHeight
      let middle = (start + end) / 2
      if index == 0 { data += "M\(n(upper)) \(n(start))" } else { data += "V\(n(start))" }
      data += "C\(n(upper)) \(n(middle)) \(n(lower)) \(n(middle)) \(n(lower)) \(n(end))"
    }
    return data
  }
}

extension FigureCanvas {
  /// The border of a box on the paper's colour.
  fileprivate mutating func outline(width: Double, height: Double, thickness: Double, dash: String) {
    let dashes = dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
    element(
      "<rect class=\"ath-hollow ath-s1\" width=\"\(FigureNumber.coordinate(width))\" height=\"\(FigureNumber.coordinate(height))\""
        + " rx=\"6\" stroke-width=\"\(FigureNumber.coordinate(thickness))\"\(dashes)/>")
  }
}
