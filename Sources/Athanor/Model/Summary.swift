extension Model {
  /// The classic table of Keras: each layer's name and kind, output shape and number of parameters, then the totals.
  ///
  /// - Parameter width: How many characters the first column has at least; a long name is never cut.
  public func summary(width: Int = 28) -> String {
    var rows = [["Layer (type)", "Output Shape", "Param #"]]
    for (index, entry) in network.entries.enumerated() {
      let count = built.weights.filter { $0.layer == entry.name || $0.layer.hasPrefix(entry.name + "/") }
        .reduce(0) { $0 + $1.shape.reduce(1, *) }
      rows.append(["\(entry.name) (\(entry.layer.kind))", built.shapes[index].description, String(count)])
    }
    let columns = (0..<2).map { column in
      max(column == 0 ? width : 25, (rows.map { $0[column].count }.max() ?? 0) + 1)
    }
    func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
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
