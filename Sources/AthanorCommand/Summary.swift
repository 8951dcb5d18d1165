import ArgumentParser
import Athanor

struct Summary: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show a network's layers, output shapes and parameters.")

  @Argument(help: "A network (malireddi or chollet) or a model file.") var network: String
  @Flag(help: "Print one JSON object instead of a table.") var json = false

  func run() throws {
    let model = try NetworkSource.model(network, threads: 1)
    guard json else { return print(model.summary()) }
    let trainable = model.weights.filter(\.isTrainable).reduce(0) { $0 + $1.tensor.count }
    try Terminal.json([
      "name": model.name, "input": model.inputShape, "parameters": model.parameterCount, "trainable": trainable,
      "layers": model.summaryRows.map {
        ["name": $0.name, "kind": $0.kind, "output": $0.output, "parameters": $0.parameters] as [String: Any]
      },
    ])
  }
}
