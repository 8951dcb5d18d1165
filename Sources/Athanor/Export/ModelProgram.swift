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
  /// The network that predicts, for one batch of inputs as `Model` takes them. Outputs are in the model's order.
  ///
  /// - Parameters:
  ///   - names: The inputs' names, in order.
  ///   - isPicture: Whether the (first) input is a picture.
  ///   - prepare: Writes what is done to the first input before the network sees it.
  /// - Throws: `AthanorError` that names the layer, when an operation cannot be exported.
  package init(
    _ source: Model, inputs names: [String], isPicture: Bool = false, batch: Int = 1,
    prepare: (ExportSite) throws -> ExportValue = { $0.inputs[0] }
  ) throws {
    let writer = ProgramWriter()
    let feed = source.network.plainFeed(examples: batch)
    let graph = try source.network.exportGraph(feed)
    var values = try source.knownValues(of: graph)
    for (index, (port, name)) in zip(source.inputs, names).enumerated() {
      try Program.requireExportable(port)
      let layout: Layout = isPicture && index == 0 ? .picture : .plain
      let shape = layout.programOrder(port.type(feed.lengths).shape.sizes)
      let input = writer.add(Program.Input(name: name, shape: shape, isPicture: layout == .picture))
      let site = ExportSite(inputs: [input], outputShapes: [input.shape], writer: writer)
      let prepared = try index == 0 ? prepare(site) : input
      if let value = graph.sources[.input(Slot.input(index).key)] { values[value] = prepared }
    }
    let results = try writer.write(graph, values)
    self = writer.program(
      outputs: try source.outputs.indices.map { index in
        guard let result = try results[Slot.output(index).key].map(ExportSite(writer: writer).plain),
          case .named(let name) = result.operand
        else {
          throw AthanorError(.unsupported, at: "export", "a result of the network does not depend on its input")
        }
        return Program.Result(name, shape: result.shape)
      })
  }

  private static func requireExportable(_ port: Port) throws {
    let location = "input \"\(port.name)\", export"
    guard port.dtype == .float32 else {
      throw AthanorError(
        .unsupported, at: location, "its elements are of type \(port.dtype.rawValue), and only float32 can be exported",
        fix: "Export a model of float32 inputs.")
    }
    if case .open(let name)? = port.exampleLengths.first(where: { $0.fixed == nil }) {
      throw AthanorError(
        .unsupported, at: location, "its length \"\(name)\" is open, and only the batch may be in exports",
        fix: "Make the model with a fixed length.")
    }
  }
}
