/// Rows of texts in columns of even width, for a terminal.
package struct TextTable {
  package let lines: [String]

  /// - Parameter rightAligned: Columns of numbers.
  package init(_ rows: [[String]], rightAligned: Set<Int> = []) {
    // What a file says must not move the terminal's cursor.
    let rows = rows.map { row in row.map { text in String(text.map { TextTable.isPrintable($0) ? $0 : "?" }) } }
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    lines = rows.map { row in
      var line = row.enumerated().map { column, text in
        let space = String(repeating: " ", count: widths[column] - text.count)
        return rightAligned.contains(column) ? space + text : text + space
      }.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  private static func isPrintable(_ character: Character) -> Bool {
    character.unicodeScalars.allSatisfy { $0.value >= 32 && !(127...159).contains($0.value) }
  }
}
