/// A drawing under way: elements in the order they are painted, and at the end the SVG document.
///
/// The origin is the upper left corner, and a unit is a pixel at the drawing's own size.
package struct FigureCanvas {
  /// Which point of a text its place means.
  package enum Anchor: String {
    case start, middle, end
  }

  private var elements: [String] = []

  /// An empty drawing.
  package init() {}

  /// A filled rectangle.
  package mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, style: String, corner: Double = 0, opacity: Double = 1
  ) {
    let place = "x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width))\" height=\"\(n(height))\""
    let rounding = corner > 0 ? " rx=\"\(n(corner))\"" : ""
    let see = opacity < 1 ? " fill-opacity=\"\(n(opacity))\"" : ""
    elements.append("<rect class=\"\(style)\" \(place)\(rounding)\(see)/>")
  }

  /// A straight line; `crisp` keeps level and upright ones to whole pixels.
  package mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String, width: Double = 1, dash: String = "",
    crisp: Bool = true
  ) {
    let rendering = crisp ? " shape-rendering=\"crispEdges\"" : ""
    let thickness = width == 1 ? "" : " stroke-width=\"\(n(width))\""
    elements.append(
      "<line class=\"\(style)\" x1=\"\(n(x1))\" y1=\"\(n(y1))\" x2=\"\(n(x2))\" y2=\"\(n(y2))\""
        + "\(thickness)\(dashes(dash))\(rendering)/>")
  }

  /// A stroked path that is not filled.
  package mutating func stroke(_ data: String, style: String, width: Double, dash: String = "") {
    elements.append(
      "<path class=\"\(style)\" d=\"\(data)\" fill=\"none\" stroke-width=\"\(n(width))\""
        + " stroke-linecap=\"round\" stroke-linejoin=\"round\"\(dashes(dash))/>")
  }

  /// A circle, painted as its style says.
  package mutating func circle(_ x: Double, _ y: Double, radius: Double, style: String, width: Double = 0) {
    let thickness = width > 0 ? " stroke-width=\"\(n(width))\"" : ""
    elements.append("<circle class=\"\(style)\" cx=\"\(n(x))\" cy=\"\(n(y))\" r=\"\(n(radius))\"\(thickness)/>")
  }

  /// A filled path, painted as its style says.
  package mutating func shape(_ data: String, style: String, width: Double = 0) {
    let thickness = width > 0 ? " stroke-width=\"\(n(width))\"" : ""
    elements.append("<path class=\"\(style)\" d=\"\(data)\"\(thickness)/>")
  }

  /// A line of text, escaped here; `y` is its baseline, and `rotation` is in degrees clockwise about its place.
  package mutating func text(
    _ text: String, x: Double, y: Double, style: String = "ath-ink", anchor: Anchor = .start, size: Double = 12,
    bold: Bool = false, rotation: Double = 0
  ) {
    var attributes = "class=\"\(style)\" x=\"\(n(x))\" y=\"\(n(y))\""
    if anchor != .start { attributes += " text-anchor=\"\(anchor.rawValue)\"" }
    if size != 12 { attributes += " font-size=\"\(n(size))\"" }
    if bold { attributes += " font-weight=\"600\"" }
    if rotation != 0 { attributes += " transform=\"rotate(\(n(rotation)) \(n(x)) \(n(y)))\"" }
    elements.append("<text \(attributes)>\(FigureText.escaped(text))</text>")
  }

  /// What `draw` adds, moved to a place, under a title that assistive technology reads out.
  package mutating func group(
    x: Double, y: Double, title: String, attributes: String = "", draw: (inout FigureCanvas) -> Void
  ) {
    let more = attributes.isEmpty ? "" : " " + attributes
    elements.append("<g transform=\"translate(\(n(x)) \(n(y)))\"\(more)><title>\(FigureText.escaped(title))</title>")
    draw(&self)
    elements.append("</g>")
  }

  /// An element as it is.
  package mutating func element(_ text: String) {
    elements.append(text)
  }

  /// The whole SVG document, on a background of its own.
  package func document(
    width: Double, height: Double, title: String, description: String, theme: FigureTheme
  ) -> String {
    let fonts = "system-ui,-apple-system,&quot;Segoe UI&quot;,Roboto,&quot;Helvetica Neue&quot;,Arial,sans-serif"
    let size = "width=\"\(n(width))\" height=\"\(n(height))\" viewBox=\"0 0 \(n(width)) \(n(height))\""
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) role=\"img\" font-family=\"\(fonts)\" font-size=\"12\">",
      "<title>\(FigureText.escaped(title))</title>",
      "<desc>\(FigureText.escaped(description))</desc>",
      "<style>\(theme.styleSheet)</style>",
      "<rect class=\"ath-paper\" x=\"0.5\" y=\"0.5\" width=\"\(n(width - 1))\" height=\"\(n(height - 1))\" rx=\"8\"/>",
    ]
    lines += elements
    lines.append("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  private func n(_ value: Double) -> String { FigureNumber.coordinate(value) }

  private func dashes(_ dash: String) -> String { dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"" }
}

/// How a series looks, so that it is told apart by colour, dash and marker alike.
package struct FigureSeriesStyle: Hashable, Sendable {
  /// Its number, from zero.
  package let index: Int

  /// The style of the series with this number.
  package init(index: Int) { self.index = index }

  private var colour: Int { index % FigureTheme.colourCount + 1 }
  /// The class that strokes in its colour.
  package var stroke: String { "ath-s\(colour)" }
  /// The class that fills in its colour.
  package var fill: String { "ath-f\(colour)" }
  /// Its line's dashes; the first six series differ in colour too, later ones in the pair of both.
  package var dash: String {
    ["", "6 4", "2 4", "10 4 2 4", "12 4", "1 5"][(index + index / FigureTheme.colourCount) % 6]
  }

  /// Draws its marker around a place.
  package func mark(_ canvas: inout FigureCanvas, _ x: Double, _ y: Double, radius r: Double = 3) {
    let hollow = "ath-hollow \(stroke)"
    switch index % 6 {
    case 0: canvas.circle(x, y, radius: r, style: fill)
    case 1: canvas.circle(x, y, radius: r, style: hollow, width: 1.5)
    case 2: canvas.rectangle(x: x - r, y: y - r, width: 2 * r, height: 2 * r, style: fill)
    case 3:
      canvas.shape(polygon([(x, y - r * 1.3), (x + r * 1.3, y), (x, y + r * 1.3), (x - r * 1.3, y)]), style: fill)
    case 4: canvas.shape(polygon([(x, y - r * 1.2), (x + r * 1.2, y + r), (x - r * 1.2, y + r)]), style: fill)
    default:
      canvas.shape(
        polygon([(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]), style: hollow, width: 1.5)
    }
  }

  private func polygon(_ points: [(Double, Double)]) -> String {
    let places = points.map { "\(FigureNumber.coordinate($0.0)) \(FigureNumber.coordinate($0.1))" }
    return "M" + places.joined(separator: "L") + "z"
  }
}
