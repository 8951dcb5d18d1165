/// Whether a figure is drawn for light or dark surroundings.
///
/// Either way a figure brings its own background, so that it stays readable wherever it is shown.
///
/// - Example:
///   ```swift
///   let slide = curves.svg(theme: .dark)
///   ```
public enum FigureTheme: String, Hashable, Sendable, CaseIterable {
  /// Light, or dark where the reader's browser or system asks for it (`prefers-color-scheme`).
  case automatic
  /// Always dark ink on white.
  case light
  /// Always light ink on near black.
  case dark

  /// The style sheet's text.
  ///
  /// Plain rules without custom properties, which some renderers of SVG do not know.
  package var styleSheet: String {
    switch self {
    case .automatic: Self.rules(.light) + "@media (prefers-color-scheme:dark){" + Self.rules(.dark) + "}"
    case .light: Self.rules(.light)
    case .dark: Self.rules(.dark)
    }
  }

  /// How many series have a colour of their own.
  package static let colourCount = 6

  private struct Palette {
    var paper: String
    var edge: String
    var ink: String
    var muted: String
    var grid: String
    var axis: String
    /// Ink on a cell filled with a series' colour.
    var inverse: String
    /// Told apart with any colour vision, 4.5 to 1 or better against the paper: blue, orange, green, purple, ochre, grey.
    var series: [String]

    static let light = Palette(
      paper: "#ffffff", edge: "#d8dee4", ink: "#1f2328", muted: "#59636e", grid: "#e7ebef", axis: "#9aa4ae",
      inverse: "#ffffff", series: ["#0b69b7", "#bf4b00", "#007a5a", "#a03c83", "#7d6300", "#57606a"])
    static let dark = Palette(
      paper: "#0d1117", edge: "#30363d", ink: "#e6edf3", muted: "#9aa5b1", grid: "#20262e", axis: "#59636e",
      inverse: "#0d1117", series: ["#58b0f5", "#f59b42", "#34c79a", "#e08cc6", "#e3c341", "#a8b2bd"])
  }

  private static func rules(_ palette: Palette) -> String {
    var text = ".ath-paper{fill:\(palette.paper);stroke:\(palette.edge)}.ath-ink{fill:\(palette.ink)}"
    text += ".ath-muted{fill:\(palette.muted)}.ath-inverse{fill:\(palette.inverse)}"
    text += ".ath-grid{stroke:\(palette.grid)}.ath-axis{stroke:\(palette.axis)}"
    text += ".ath-hollow{fill:\(palette.paper)}"
    text += ".ath-halo{stroke:\(palette.paper);stroke-width:4;stroke-linejoin:round;paint-order:stroke}"
    for (place, colour) in palette.series.enumerated() {
      text += ".ath-s\(place + 1){stroke:\(colour)}.ath-f\(place + 1){fill:\(colour)}"
    }
    return text
  }
}
