/// The layers of several models side by side, and what they have in all.
///
/// Rows hold a layer's kind, the shape of its result for one example, and its number of parameters.
///
/// - Example:
///   ```swift
///   print(SummaryComparison([first, second]).text(width: 100))
///   ```
public struct SummaryComparison: Sendable {
  private struct Column {
    let title: String
    /// Kind, shape and parameters; the headings first.
    let rows: [[String]]
    let total, trainable: Int

    init(_ model: Model, title: String) {
      self.title = title
      rows =
        [["Layer", "Output Shape", "Param #"]]
        + model.summaryRows.map { row in
          let ofExample = row.output.replacing("(None, ", with: "(")
          return [row.kind + (row.isFrozen ? " (frozen)" : ""), ofExample, grouped(row.parameters)]
        }
      total = model.parameterCount
      trainable = model.weights.filter(\.isTrainable).reduce(0) { $0 + $1.tensor.count }
    }

    /// The table's lines, all of the same length.
    var lines: [String] {
      let widths = (0..<3).map { place in rows.map { $0[place].count }.max() ?? 0 }
      let table = rows.map { row in
        padded(row[0], widths[0]) + "  " + padded(row[1], widths[1]) + "  " + padded(row[2], widths[2], left: true)
      }
      let heading = "Model: \"\(title)\""
      let width = max(heading.count, table.first?.count ?? 0)
      let rule = String(repeating: "=", count: width)
      return [heading, rule.replacing("=", with: "_"), table[0], rule].map { padded($0, width) }
        + table.dropFirst().map { padded($0, width) } + [rule]
    }
  }

  private let columns: [Column]
  private static let gap = 4

  /// Compares models.
  ///
  /// - Parameters:
  ///   - models: The models, from left to right.
  ///   - titles: What they are called here; nil for their names.
  public init(_ models: [Model], titles: [String]? = nil) {
    columns = models.enumerated().map { place, model in
      Column(model, title: titles.flatMap { place < $0.count ? $0[place] : nil } ?? model.name)
    }
  }

  /// The comparison for a terminal.
  ///
  /// - Parameter width: How many characters fit in a line; where the models do not fit side by side, they stand one below the other.
  public func text(width: Int) -> String {
    let blocks = columns.map(\.lines)
    let widths = blocks.map { $0[0].count }
    guard widths.reduce(Self.gap * (blocks.count - 1), +) <= width else {
      return (blocks.map { $0.map(trimmed).joined(separator: "\n") } + [totals]).joined(separator: "\n\n")
    }
    // A shorter table ends with its last layer; the rules at the end stand in one line.
    let height = blocks.map(\.count).max() ?? 0
    let lines = (0..<height).map { line in
      zip(blocks, widths).map { block, width in
        if line == height - 1 { return block[block.count - 1] }
        return padded(line < block.count - 1 ? block[line] : "", width)
      }.joined(separator: String(repeating: " ", count: Self.gap))
    }
    return lines.map(trimmed).joined(separator: "\n") + "\n\n" + totals
  }

  private var totals: String {
    var rows = [
      [""] + columns.map(\.title), ["Total params"] + columns.map { grouped($0.total) },
      ["Trainable params"] + columns.map { grouped($0.trainable) },
      ["Non-trainable params"] + columns.map { grouped($0.total - $0.trainable) },
    ]
    if let first = columns.first, first.total > 0, columns.count > 1 {
      rows.append(
        ["Total, times the first"]
          + columns.map { FigureNumber.fixed(Double($0.total) / Double(first.total), decimals: 2) })
    }
    let widths = (0...columns.count).map { place in rows.map { $0[place].count }.max() ?? 0 }
    return rows.map { row in
      row.indices.map { padded(row[$0], widths[$0] + ($0 > 0 ? 3 : 0), left: $0 > 0) }.joined()
    }.joined(separator: "\n")
  }
}

private func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
  let blanks = String(repeating: " ", count: max(0, width - text.count))
  return left ? blanks + text : text + blanks
}

private func trimmed(_ line: String) -> String {
  var line = line
  while line.last == " " { line.removeLast() }
  return line
}

/// With commas between thousands.
func grouped(_ number: Int) -> String { FigureNumber.count(Double(number)) }
