/// The frame and the pieces of a report: HTML without scripts and without addresses of other files.
enum ReportPage {
  /// A text in HTML.
  static func text(_ text: String) -> String { FigureText.escaped(text) }

  /// A heading with what follows it; nothing where nothing follows.
  static func section(_ heading: String, _ content: String) -> String {
    content.isEmpty ? "" : "<section>\n<h2>\(text(heading))</h2>\n\(content)</section>\n"
  }

  /// Numbers with what they are, large.
  static func cards(_ cards: [(name: String, value: String)]) -> String {
    let items = cards.map { "<div><dt>\(text($0.name))</dt><dd>\(text($0.value))</dd></div>\n" }
    return "<dl class=\"cards\">\n\(items.joined())</dl>\n"
  }

  /// A table; columns that hold numbers are set to the right.
  static func table(_ headings: [String], numbers: Set<Int>, _ rows: [[String]]) -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      let contents = cells.enumerated().map { column, cell in
        "<\(tag)\(numbers.contains(column) ? " class=\"n\"" : "")><bdi>\(text(cell))</bdi></\(tag)>"
      }
      return "<tr>\(contents.joined())</tr>\n"
    }
    let body = rows.map { row($0, "td") }.joined()
    return
      "<div class=\"scroll\"><table>\n<thead>\(row(headings, "th"))</thead>\n<tbody>\n\(body)</tbody>\n</table></div>\n"
  }

  /// Figures beside each other where there is room; they share the page's style sheet.
  static func figures(_ drawings: [String]) -> String {
    let figures = drawings.map { drawing in
      let inner = drawing.replacing("<style>\(FigureTheme.automatic.styleSheet)</style>\n", with: "")
        .replacing(" xmlns=\"http://www.w3.org/2000/svg\"", with: "")
      return "<figure>\n\(inner)</figure>\n"
    }
    return "<div class=\"figures\">\n\(figures.joined())</div>\n"
  }

  /// The whole page.
  static func document(title: String, subtitle: String, body: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(text(title))</title>
    <style>
    \(FigureTheme.automatic.styleSheet)
    \(style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(text(title))</h1>
    <p class="lead">\(text(subtitle))</p>
    \(body)</main>
    </body>
    </html>

    """
  }

  private static let style = """
    :root { --page: #f6f8fa; --paper: #ffffff; --ink: #1f2328; --muted: #59636e; --edge: #d8dee4 }
    @media (prefers-color-scheme: dark) {
      :root { --page: #010409; --paper: #0d1117; --ink: #e6edf3; --muted: #9aa5b1; --edge: #30363d }
    }
    body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
      font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif }
    main { max-width: 70rem; margin: 0 auto; padding: 1rem clamp(0.75rem, 3vw, 2rem) 3rem }
    h1 { margin: 0.5rem 0 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere }
    h2 { margin: 2rem 0 0.75rem; font-size: 1.2rem }
    .lead { margin: 0.4rem 0 1.25rem; color: var(--muted); overflow-wrap: anywhere }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.75rem; margin: 0 }
    .cards div, .scroll, pre { background: var(--paper); border: 1px solid var(--edge); border-radius: 8px }
    .cards div { padding: 0.6rem 0.8rem }
    dt { color: var(--muted); font-size: 0.85rem }
    .cards dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums }
    .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; align-items: start }
    figure { margin: 0; overflow-x: auto }
    figure svg { display: block; max-width: 100%; height: auto }
    .scroll { overflow-x: auto }
    summary { margin: 0.75rem 0 0.5rem; color: var(--muted); cursor: pointer }
    table { border-collapse: collapse; width: 100%; font-size: 0.95rem; font-variant-numeric: tabular-nums }
    th, td { padding: 0.35rem 0.8rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--edge) }
    th { color: var(--muted); font-weight: 600 }
    tbody tr:last-child td { border-bottom: 0 }
    .n { text-align: right }
    td:first-child { max-width: 24rem; overflow: hidden; text-overflow: ellipsis }
    @media screen and (max-width: 40rem) {
      figure svg { min-width: 30rem }
      th, td { padding: 0.3rem 0.4rem }
      table { font-size: 0.85rem }
    }
    pre { margin: 0 0 1rem; padding: 0.8rem; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.9rem }
    .facts { margin: 0 }
    .facts dd { margin: 0 0 0.5rem; overflow-wrap: anywhere }
    @media print {
      :root { --page: #ffffff }
      main { max-width: none; padding: 0 }
      figure svg { width: auto; max-height: 20cm }
      .cards div, .facts, figure, tr { break-inside: avoid }
      h2 { break-after: avoid }
    }
    """
}
