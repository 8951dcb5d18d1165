import ArgumentParser
import Athanor

struct Summary: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show a network's layers, output shapes and parameters; several networks side by side.")

  @Argument(
    help: ArgumentHelp(
      "A network (\(NetworkSource.names.joined(separator: ", "))) or a model file, or several.", valueName: "network"),
    completion: .names(NetworkSource.names))
  var networks: [String]
  @Flag(help: "Print one JSON object instead of a table, in a line for each network.") var json = false

  func run() throws {
    let models = try networks.map { try NetworkSource.model($0, threads: 1) }
    if json { return try models.forEach(printObject) }
    guard models.count > 1 else { return models.forEach { Terminal.print($0.summary()) } }
    let areNamesUnique = Set(models.map(\.name)).count == models.count
    Terminal.print(SummaryComparison(models, titles: areNamesUnique ? nil : networks).text(width: Terminal.width))
  }

  private func printObject(_ model: Model) throws {
    let trainable = model.weights.filter(\.isTrainable).reduce(0) { $0 + $1.tensor.count }
    try Terminal.json([
      "name": model.name, "input": model.inputShape, "parameters": model.parameterCount, "trainable": trainable,
      "layers": model.summaryRows.map {
        ["name": $0.name, "kind": $0.kind, "output": $0.output, "parameters": $0.parameters] as [String: Any]
      },
    ])
  }
}
