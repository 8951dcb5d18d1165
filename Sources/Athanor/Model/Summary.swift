extension Model {
  /// The classic table of Keras: each layer's name and kind, output shape and number of parameters, then the totals.
  ///
  /// - Parameter width: How many characters the first column has at least; a long name is never cut.
  public func summary(width: Int = 28) -> String {
    var rows = [["Layer (type)", "Output Shape", "Param #"]]
    rows += summaryRows.map { ["\($0.name) (\($0.kind))", $0.output, String($0.parameters)] }
    let columns = (0..<2).map { column in
      max(column == 0 ? width : 25, (rows.map { $0[column].count }.max() ?? 0) + 1)
    }
    func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let lines = rows.map { row in
      var line = pad(row[0], columns[0]) + " " + pad(row[1], columns[1]) + " " + row[2]
      while line.last == " " { line.removeLast() }
      return line
    }
    let length = max(columns[0] + columns[1] + 12, lines.map(\.count).max() ?? 0)
    let rule = String(repeating: "_", count: length)
    let heavy = String(repeating: "=", count: length)
    let trainable = built.weights.filter(\.isTrainable).reduce(0) { $0 + $1.shape.reduce(1, *) }
    return
      ([
        "Model: \"\(name)\"", rule, lines[0], heavy,
      ] + Array(lines.dropFirst().map { [$0] }.joined(separator: [rule])) + [
        heavy, "Total params: \(grouped(parameterCount))", "Trainable params: \(grouped(trainable))",
        "Non-trainable params: \(grouped(parameterCount - trainable))", rule,
      ]).joined(separator: "\n")
  }

  private func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.enumerated().map { index, digit in
      (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digit)
    }.joined()
  }
}

extension Model {
  /// A row of the summary.
  public struct SummaryRow: Hashable, Sendable {
    /// The layer's name.
    public let name: String
    /// The layer's kind.
    public let kind: String
    /// The output shape as the summary shows it.
    public let output: String
    /// The number of parameters.
    public let parameters: Int
  }

  /// The rows of the summary, for programs.
  public var summaryRows: [SummaryRow] {
    network.entries.enumerated().map { index, entry in
      let own = built.weights.filter { $0.layer == entry.name || $0.layer.hasPrefix(entry.name + "/") }
      return SummaryRow(
        name: entry.name, kind: entry.layer.kind, output: built.shapes[index].description,
        parameters: own.reduce(0) { $0 + $1.shape.reduce(1, *) })
    }
  }

  /// The figures of the epochs so far.
  public var history: History { progress.history }
}
