import AthanorCore

extension Model {
  /// The weights, and all that is computed from them alone.
  fileprivate func knownValues(of graph: Graph) throws -> [ValueID: ExportValue] {
    var known: [ValueID: ExportValue] = [:]
    for weight in weights {
      for place in [Source.parameter(weight.name), .state(weight.name)] {
        guard let value = graph.sources[place] else { continue }
        known[value] = ExportValue(constant: weight.tensor)
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
    let plan = try Plan(Passes.removeUnused(folded), weights: weightMap)
    let workspace = try Workspace(plan)
    workspace.run(memory, pool: pool)
    for value in computed {
      let shape = graph.type(of: value).shape.sizes
      let numbers = Array(workspace.floats("known\(value.index)"))
      known[value] = ExportValue(constant: Tensor(uncheckedShape: shape, .float32(numbers)))
    }
    return known
  }
}

extension Program {
  /// The network that predicts, for one batch of inputs as `Model` takes them.
  ///
  /// - Parameters:
  ///   - input: The input's name and whether it is a picture.
  ///   - prepare: Writes what is done to the input before the network sees it.
  /// - Throws: `AthanorError` that names the layer, when an operation cannot be exported.
  package init(
    _ source: Model, input name: String, isPicture: Bool = false, batch: Int = 1,
    prepare: (ExportSite) throws -> ExportValue = { $0.inputs[0] }
  ) throws {
    let writer = ProgramWriter()
    let layout: Layout = isPicture ? .picture : .plain
    let shape = layout.programOrder([batch] + source.inputShape)
    let input = writer.add(Program.Input(name: name, shape: shape, isPicture: isPicture))
    let prepared = try prepare(ExportSite(inputs: [input], outputShapes: [input.shape], writer: writer))
    let graph = try source.network.exportGraph(source.network.plainFeed(examples: batch))
    var values = try source.knownValues(of: graph)
    if let value = graph.sources[.input(Slot.input(0).key)] { values[value] = prepared }
    let outputs = try writer.write(graph, values)
    guard let prediction = try outputs[Slot.output(0).key].map(ExportSite(writer: writer).plain),
      case .named(let result) = prediction.operand
    else {
      throw AthanorError(.unsupported, at: "export", "the network's result does not depend on its input")
    }
    self = writer.program(outputs: [Program.Result(result, shape: prediction.shape)])
  }
}
