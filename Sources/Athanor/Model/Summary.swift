extension Model {
  /// The classic table of Keras: each layer's name and kind, output shape and number of parameters, then the totals.
  ///
  /// - Parameter width: How many characters the first column has at least; a long name is never cut.
  public func summary(width: Int = 28) -> String {
    let isChain = network.isChain
    var rows = [["Layer (type)", "Output Shape", "Param #"] + (isChain ? [] : ["Connected to"])]
    rows += summaryRows.map { row in
      let name = "\(row.name) (\(row.kind))" + (row.isFrozen ? " (frozen)" : "")
      return [name, row.output, String(row.parameters)] + (isChain ? [] : [row.connectedTo.joined(separator: ", ")])
    }
    let least = [width, 25, isChain ? 0 : 12]
    let columns = least.indices.map { column in
      max(least[column], (rows.map { $0[column].count }.max() ?? 0) + 1)
    }
    let lines = rows.map { row in
      var line = row.enumerated().map { column, text in
        column == row.count - 1 ? text : text + String(repeating: " ", count: max(0, columns[column] - text.count))
      }.joined(separator: " ")
      while line.last == " " { line.removeLast() }
      return line
    }
    let length = max(columns[0] + columns[1] + 12, lines.map(\.count).max() ?? 0)
    let rule = String(repeating: "_", count: length)
    let heavy = String(repeating: "=", count: length)
    let trainable = built.weights.filter { $0.isParameter && !built.isFrozen($0.name, frozen) }
      .reduce(0) { $0 + $1.shape.reduce(1, *) }
    return
      ([
        "Model: \"\(name)\"", rule, lines[0], heavy,
      ] + Array(lines.dropFirst().map { [$0] }.joined(separator: [rule])) + [
        heavy, "Total params: \(grouped(parameterCount))", "Trainable params: \(grouped(trainable))",
        "Non-trainable params: \(grouped(parameterCount - trainable))", rule,
      ]).joined(separator: "\n")
  }
}

extension Model {
  /// The model in a line: its name, how many layers and parameters it has, and what goes in and comes out.
  public var summaryLine: String {
    func text(_ ports: [Port]) -> String { ports.map { Shape.text($0.lengths.map(\.fixed)) }.joined(separator: ", ") }
    return
      "\(name): \(network.entries.count) layers, \(grouped(parameterCount)) parameters, input \(text(inputs)), output \(text(outputs))"
  }

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
    /// The inputs and layers whose results the layer reads, for all of its calls.
    public var connectedTo: [String] = []
    /// Whether training leaves the layer as it is.
    public var isFrozen = false
  }

  /// The rows of the summary, for programs. The inputs of a model that is no chain have rows too.
  public var summaryRows: [SummaryRow] {
    let inputs =
      network.isChain
      ? []
      : network.inputs.map { port in
        SummaryRow(
          name: port.name, kind: "Input", output: Shape.text(port.lengths.map(\.fixed)), parameters: 0)
      }
    return inputs
      + network.entries.indices.map { index in
        let entry = network.entries[index]
        let calls = network.calls.indices.filter { network.calls[$0].entry == index }
        let own = built.weights.filter { $0.layer == entry.name || $0.layer.hasPrefix(entry.name + "/") }
        let outputs = calls.first.map { built.types[$0].map(\.shape.description) } ?? []
        return SummaryRow(
          name: entry.name, kind: entry.layer.kind, output: outputs.joined(separator: ", "),
          parameters: own.reduce(0) { $0 + $1.shape.reduce(1, *) },
          connectedTo: calls.flatMap { network.sources(of: network.calls[$0]) },
          isFrozen: Network.isFrozen(entry.name, frozen))
      }
  }

  /// The figures of the epochs so far.
  public var history: History { progress.history }
}
