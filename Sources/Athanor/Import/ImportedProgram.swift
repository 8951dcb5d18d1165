/// A program as a network of layers, with the numbers of their weights.
///
/// Its operations are composed one after another, as their kinds say. Then each node of the graph becomes the layer that computes the
/// same; an operation with a node for which there is none becomes an `ImportedOperation` as a whole.
package struct ImportedProgram {
  package let network: Network
  /// By name, `layer/weight`.
  package let weights: [String: Tensor]

  /// Lengths are as open as the file has them. A fixed first length of 1, or one that all inputs have, is taken for that of a batch, and may
  /// be any, as long as all operations leave examples apart; otherwise all lengths are those that the file begins with.
  ///
  /// - Parameter asLayers: Whether layers are looked for that compute the same; otherwise all operations stay as they are.
  /// - Throws: `AthanorError` that names the operation at fault.
  package init(_ program: Program, asLayers: Bool = true) throws {
    var firstError: (any Error)?
    for (candidate, batch) in program.readings {
      do {
        var walk = ImportWalk(candidate, batch: batch, asLayers: asLayers)
        (network, weights) = try walk.network()
        return
      } catch {
        firstError = firstError ?? error
      }
    }
    throw firstError ?? AthanorError(.unsupported, at: "", "it has no inputs")
  }
}

extension Program {
  /// The program with the lengths of its inputs as open as can be, and then less so; and the length that it has for a batch where it is not
  /// open in the file.
  fileprivate var readings: [(program: Program, batch: Int?)] {
    var (batched, sized, fixed) = (self, self, self)
    let isOpen = inputs.contains { $0.open.values.contains(Length.batchName) }
    let first = Set(inputs.filter { $0.shape.count > 1 && $0.open[0] == nil }.map { $0.shape[0] })
    let batch = isOpen ? nil : first.count == 1 ? first.first : 1
    for index in inputs.indices {
      let isExample =
        inputs[index].shape.count > 1 && inputs[index].shape[0] == batch ?? 1 && inputs[index].open[0] == nil
      if isExample { batched.inputs[index].open[0] = Length.batchName }
      fixed.inputs[index].open = [:]
      sized.inputs[index].open = batched.inputs[index].open.filter { $0.value == Length.batchName }
    }
    guard !inputs.isEmpty else { return [] }
    var readings = [(batched, batch)]
    // Without a length to begin with there is no other way.
    guard inputs.allSatisfy({ $0.shape.allSatisfy { $0 > 0 } }) else { return readings }
    for reading in [sized, fixed] where !readings.contains(where: { $0.0 == reading }) {
      readings.append((reading, batch))
    }
    return readings
  }
}

private struct ImportWalk {
  /// One layer and its only call.
  private struct Step {
    var layer: any SerializableLayer
    /// The operation that it stands for.
    let operation: Program.Operation?
    var arguments: [Network.Reference]
    let weights: [String: Tensor]
  }

  private static let importable = serializableLayers.compactMap { $0 as? any ImportableLayer.Type }

  private let program: Program
  private let builder = GraphBuilder()
  /// The values so far, by their names in the program.
  private var values: [String: ImportedValue] = [:]
  /// Where they are in the network.
  private var places: [ValueID: Network.Reference] = [:]
  private var steps: [Step] = []

  /// The length that the program has for a batch; nil where it is open there.
  private let batch: Int?
  private let asLayers: Bool

  init(_ program: Program, batch: Int?, asLayers: Bool) {
    self.program = program
    self.batch = batch
    self.asLayers = asLayers
  }

  mutating func network() throws -> (Network, [String: Tensor]) {
    let ports = program.inputs.map { input in
      Port(
        name: program.inputs.count == 1 ? "input_layer" : input.name, dtype: input.dtype, lengths: input.lengths,
        exampleAxis: input.lengths.firstIndex(of: .batch))
    }
    for (index, (port, input)) in zip(ports, program.inputs).enumerated() {
      _ = try Input(port: port, name: port.name).outcome.get()
      let value = try builder.source(.input(Slot.input(index).key), port.declaredType)
      places[value.id] = .input(index)
      values[input.name] = ImportedValue(value, layout: input.layout)
    }
    for operation in program.operations {
      do {
        try add(operation)
      } catch let error as AthanorError {
        throw error.within(program.places[operation.name] ?? "\(operation.name) (\(operation.kind))")
      }
    }
    var results = try program.outputs.map { try place(ofOutput: $0.name) }
    try joinSteps(&results)
    dropUnused(&results)
    return try finish(ports, results)
  }

  // MARK: Operations

  private mutating func add(_ operation: Program.Operation) throws {
    let (first, weights) = (builder.graph.nodes.count, WeightCollector(builder))
    var read: [String: ImportedValue] = [:]
    for name in operation.computedNames { read[name] = values[name] }
    let site = try ImportSite(
      operation, read, batch: batch, builder, weight: weights.declare)
    let results = try site.results()
    if !asLayers || !addLayers(operation, builder.graph.nodes[first...], weights.tensors, results.compactMap(\.id)) {
      try addOperation(site, weights.named, results)
    }
    for (result, value) in zip(operation.results, results) { values[result.name] = value }
  }

  /// The weights of one operation.
  private final class WeightCollector {
    private let builder: GraphBuilder
    private(set) var tensors: [ValueID: Tensor] = [:]
    private(set) var named: [String: Tensor] = [:]

    init(_ builder: GraphBuilder) { self.builder = builder }

    func declare(_ name: String, _ tensor: Tensor) throws -> Value {
      let source = Source.parameter("\(builder.graph.types.count) \(name)")
      let value = try builder.source(source, ValueType(.float32, Shape(tensor.shape)))
      (tensors[value.id], named[name]) = (tensor, tensor)
      return value
    }
  }

  /// Adds layers that compute the nodes; adds nothing and returns false where a node has none.
  private mutating func addLayers(
    _ operation: Program.Operation?, _ nodes: ArraySlice<Node>, _ weights: [ValueID: Tensor],
    _ results: [ValueID]
  ) -> Bool {
    var newSteps: [Step] = []
    var newPlaces: [ValueID: Network.Reference] = [:]
    let computing = nodes.filter { !($0.op is Constant) }
    var rest = ImportedNodes(builder.graph, computing[...], weights: weights)
    while !rest.isEmpty {
      guard let found = Self.importable.lazy.compactMap({ $0.imported(rest) }).first else { return false }
      let arguments = found.inputs.compactMap { newPlaces[$0] ?? places[$0] }
      guard arguments.count == found.inputs.count, let result = rest.outputs(of: found.nodeCount - 1).first else {
        return false
      }
      newPlaces[result] = .result(call: steps.count + newSteps.count, index: 0)
      rest = rest.dropFirst(found.nodeCount)
      // The operation's name is that of its last layer, behind changes of order or size.
      newSteps.append(
        Step(
          layer: found.layer, operation: rest.isEmpty ? operation : nil, arguments: arguments, weights: found.weights))
    }
    for result in results where newPlaces[result] == nil && places[result] == nil { return false }
    steps += newSteps
    places.merge(newPlaces) { $1 }
    return true
  }

  private mutating func addOperation(
    _ site: ImportSite, _ weights: [String: Tensor], _ results: [ImportedValue]
  ) throws {
    var names: [String] = []
    var (layouts, arguments): ([Layout], [Network.Reference]) = ([], [])
    for name in site.operation.computedNames where !names.contains(name) {
      guard let value = values[name], let id = value.id, let place = places[id] else { continue }
      names.append(name)
      layouts.append(value.layout)
      arguments.append(place)
    }
    let layer = try ImportedOperation(site.operation, inputs: names, layouts: layouts, batch: batch ?? 1)
    for (index, result) in results.enumerated() {
      guard let id = result.id, places[id] == nil else { continue }
      places[id] = .result(call: steps.count, index: index)
    }
    steps.append(Step(layer: layer, operation: site.operation, arguments: arguments, weights: weights))
  }

  private mutating func place(ofOutput name: String) throws -> Network.Reference {
    let first = builder.graph.nodes.count
    let place = "output \"\(name)\""
    guard let value = values[name] else {
      throw AthanorError(.data, at: place, "nothing computes it from the input", fix: "The file is damaged.")
    }
    guard let result = try value.constant == nil ? builder.plain(value).id : nil else {
      throw AthanorError(.unsupported, at: place, "it is the same whatever the input, which is not supported")
    }
    guard builder.graph.type(of: result).shape.axes.count(where: { $0.openNames.contains(Length.batchName) }) <= 1
    else {
      throw AthanorError(.unsupported, at: place, "two of its axes count examples, which are computed each by itself")
    }
    guard addLayers(nil, builder.graph.nodes[first...], [:], []), let reference = places[result] else {
      throw AthanorError(.unsupported, at: place, "its axes cannot be put in the program's order")
    }
    return reference
  }

  // MARK: Layers

  /// Joins layers with those behind them whose work they can do.
  private mutating func joinSteps(_ results: inout [Network.Reference]) throws {
    var readers: [Network.Reference: Int] = [:]
    for reference in steps.flatMap(\.arguments) + results { readers[reference, default: 0] += 1 }
    var joined: [Network.Reference: Network.Reference] = [:]
    for place in steps.indices {
      steps[place].arguments = steps[place].arguments.map { joined[$0] ?? $0 }
      let result = Network.Reference.result(call: place, index: 0)
      guard steps[place].arguments.count == 1, case .result(let before, 0) = steps[place].arguments[0],
        readers[steps[place].arguments[0]] == 1, let layer = steps[before].layer as? any AbsorbingLayer,
        let both = try layer.absorbing(steps[place].layer)
      else { continue }
      steps[before].layer = both
      joined[result] = steps[place].arguments[0]
      readers[steps[place].arguments[0]] = readers[result]
    }
    results = results.map { joined[$0] ?? $0 }
  }

  /// Drops layers of whose results nothing is read.
  private mutating func dropUnused(_ results: inout [Network.Reference]) {
    var isNeeded = [Bool](repeating: false, count: steps.count)
    func need(_ references: [Network.Reference]) {
      for case .result(let call, _) in references { isNeeded[call] = true }
    }
    need(results)
    for place in steps.indices.reversed() where isNeeded[place] { need(steps[place].arguments) }
    var newPlace: [Int] = []
    for isNeeded in isNeeded { newPlace.append((newPlace.last ?? -1) + (isNeeded ? 1 : 0)) }
    func renumbered(_ reference: Network.Reference) -> Network.Reference {
      guard case .result(let call, let index) = reference else { return reference }
      return .result(call: newPlace[call], index: index)
    }
    steps = steps.indices.filter { isNeeded[$0] }.map { place in
      var step = steps[place]
      step.arguments = step.arguments.map(renumbered)
      return step
    }
    results = results.map(renumbered)
  }

  private func finish(
    _ ports: [Port], _ results: [Network.Reference]
  ) throws -> (Network, [String: Tensor]) {
    let names = self.names()
    let entries = try zip(names, steps).map { Network.Entry(name: $0, layer: try $1.layer.named($0)) }
    let calls = steps.enumerated().map { Network.Call(entry: $0, arguments: $1.arguments, isTraining: nil) }
    let outputs = zip(program.outputs, results).map { output, reference in
      // A single output is named by its layer, as everywhere.
      guard results.count == 1, case .result(let call, _) = reference else {
        return Network.Output(name: output.name, reference: reference)
      }
      return Network.Output(name: names[call], reference: reference)
    }
    let network = Network(inputs: ports, entries: entries, calls: calls, outputs: outputs)
    try network.validate()
    var weights: [String: Tensor] = [:]
    for (name, step) in zip(names, steps) {
      for (weight, tensor) in step.weights { weights["\(name)/\(weight)"] = tensor }
    }
    return (network, weights)
  }

  /// The layers' names: those of their operations, where they can be.
  private func names() -> [String] {
    var taken: Set<String> = []
    let wanted = steps.map { step -> String? in
      guard let operation = step.operation else { return nil }
      return [operation.layerName, operation.name].map { $0.split(separator: "/").joined(separator: ".") }
        .first { !$0.isEmpty && taken.insert($0).inserted }
    }
    var unique = UniqueNames(taken)
    return zip(steps, wanted).map { step, name in
      name ?? unique.new(step.operation?.kind.name ?? step.layer.automaticName)
    }
  }
}
