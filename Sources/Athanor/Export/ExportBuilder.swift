import AthanorCore

/// An emitter that can be led through a whole graph.
package protocol ExportBuilder: ExportEmitter {
  /// The layer whose operations are being written; names begin with it.
  var origin: String { get set }
  /// Why an operation could not be written.
  var failure: AthanorError? { get }
}

extension ExportBuilder {
  /// Writes the graph's operations for the input's batch and returns the prediction.
  package func write(_ graph: Graph, _ input: ExportValue, of source: Model) throws -> ExportValue {
    var values = try knownValues(of: graph, source)
    if let value = graph.sources[.input(Slot.input(0).key)] { values[value] = input }
    for node in graph.nodes where node.outputs.contains(where: { values[$0] == nil }) {
      guard let op = node.op as? any ForwardOp else { continue }
      origin = node.origin
      let shapes = node.outputs.map { graph.type(of: $0).shape.sizes }
      do {
        let inputs = try node.inputs.map { input in
          guard let value = values[input] else {
            throw AthanorError(.unsupported, at: "", "it needs a value that was not written")
          }
          return value
        }
        let results = try op.export(ExportSite(inputs: inputs, outputShapes: shapes, emitter: self))
        if let failure { throw failure }
        for (output, result) in zip(node.outputs, results) { values[output] = result }
      } catch let error as AthanorError {
        throw error.within("\(node.origin), export")
      }
    }
    let prediction = graph.results.first { $0.result == .output(Slot.output(0).key) }.flatMap { values[$0.value] }
    guard let prediction else { throw AthanorError(.unsupported, at: "export", "the network has no output") }
    return prediction
  }

  /// The weights, and all that is computed from them alone.
  private func knownValues(of graph: Graph, _ source: Model) throws -> [ValueID: ExportValue] {
    var known: [ValueID: ExportValue] = [:]
    for weight in source.weights {
      for place in [Source.parameter(weight.name), .state(weight.name)] {
        guard let value = graph.sources[place] else { continue }
        known[value] = ExportValue(.constant(weight.tensor), shape: weight.tensor.shape)
      }
    }
    var isKnown = Set(known.keys)
    var folded = graph
    var computed: [ValueID] = []
    for (result, _) in graph.results { folded.removeResult(result) }
    for node in graph.nodes where node.inputs.allSatisfy(isKnown.contains) && node.outputs.count == 1 {
      isKnown.insert(node.outputs[0])
      computed.append(node.outputs[0])
      folded.setResult(.output("known\(node.outputs[0].index)"), node.outputs[0])
    }
    guard !computed.isEmpty else { return known }
    let plan = try Plan(Passes.removeUnused(folded), weights: source.weightMap)
    let workspace = try Workspace(plan)
    workspace.run(source.memory, pool: source.pool)
    for value in computed {
      let shape = graph.type(of: value).shape.sizes
      let numbers = Array(workspace.floats("known\(value.index)"))
      known[value] = ExportValue(.constant(Tensor(uncheckedShape: shape, .float32(numbers))), shape: shape)
    }
    return known
  }
}
