import AthanorCore

extension Model {
  /// The weights, and all that is computed from them alone.
  fileprivate func knownValues(of graph: Graph, _ writer: ProgramWriter) throws -> [ValueID: ExportValue] {
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
      let type = writer.inProgram(graph.type(of: node.outputs[0]))
      guard type.dtype == .float32, !type.shape.axes.contains(where: \.isOpen) else { continue }
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
  /// The network that predicts, for inputs as `Model` takes them. Outputs are in the model's order.
  ///
  /// - Parameters:
  ///   - names: The inputs' names, in order.
  ///   - isPicture: Whether the (first) input is a picture, whose bytes are numbers in the program.
  ///   - fixedLengths: The open lengths of the model that are fixed in the program, by name.
  ///   - prepare: Writes what is done to the first input before the network sees it.
  /// - Throws: `AthanorError` that names the layer, when an operation cannot be exported.
  package init(
    _ source: Model, inputs names: [String], isPicture: Bool = false, fixedLengths: [String: Int] = [:],
    prepare: (ExportSite) throws -> ExportValue = { $0.inputs[0] }
  ) throws {
    let writer = ProgramWriter(fixedLengths: fixedLengths.keys)
    let feed = Feed(inputs: source.inputs.map { Feed.Input(dtype: $0.dtype) }, lengths: fixedLengths)
    let graph = try source.network.exportGraph(feed)
    var values = try source.knownValues(of: graph, writer)
    for (index, (port, name)) in zip(source.inputs, names).enumerated() {
      let isPicture = isPicture && index == 0
      var declared = Program.Input(
        name: name, dtype: isPicture ? .float32 : port.dtype, shape: port.type(feed.lengths).shape.sizes,
        isPicture: isPicture)
      declared.shape = declared.layout.programOrder(declared.shape)
      for (axis, length) in declared.layout.programOrder(port.lengths).enumerated() {
        if case .open(let name) = length, fixedLengths[name] == nil { declared.open[axis] = name }
      }
      let input = writer.add(declared)
      let site = ExportSite(inputs: [input], outputTypes: [input.type], writer: writer)
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
        return Program.Result(name, dtype: result.dtype, shape: result.shape)
      })
  }
}
