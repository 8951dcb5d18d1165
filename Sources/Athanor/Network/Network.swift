/// A description of what a model computes: inputs, layers with their names, and calls of the layers in an order in which they can run.
///
/// `Sequential` and functional models both only make a network.
package struct Network: Sendable {
  package struct Entry: Sendable {
    package let name: String
    package let layer: any GeneralLayer

    package init(name: String, layer: any GeneralLayer) {
      self.name = name
      self.layer = layer
    }
  }

  /// A value of the network.
  package enum Reference: Hashable, Sendable {
    case input(Int)
    case result(call: Int, index: Int)
  }

  /// One use of a layer; a layer with several has one set of weights.
  package struct Call: Sendable {
    package let entry: Int
    package let arguments: [Reference]
    /// Whether the layer is built for training, whatever the rest is built for; nil to follow it.
    package let isTraining: Bool?

    package init(entry: Int, arguments: [Reference], isTraining: Bool?) {
      self.entry = entry
      self.arguments = arguments
      self.isTraining = isTraining
    }
  }

  package struct Output: Sendable {
    package let name: String
    package let reference: Reference

    package init(name: String, reference: Reference) {
      self.name = name
      self.reference = reference
    }
  }

  package private(set) var inputs: [Port]
  package private(set) var entries: [Entry] = []
  package private(set) var calls: [Call] = []
  package private(set) var outputs: [Output]

  /// A chain without layers yet.
  ///
  /// - Throws: `AthanorError` when the input's shape is impossible.
  package init(input: Input) throws {
    _ = try input.outcome.get()
    let name = input.name ?? Network.inputName
    inputs = [Port(name: name, dtype: input.elementType, lengths: [.batch] + input.exampleLengths)]
    outputs = [Output(name: name, reference: .input(0))]
  }

  private static let inputName = "input_layer"

  /// A network whose parts are at hand; `validate` checks them.
  package init(inputs: [Port], entries: [Entry], calls: [Call], outputs: [Output]) {
    self.inputs = inputs
    self.entries = entries
    self.calls = calls
    self.outputs = outputs
  }

  // MARK: Chains

  /// Whether each layer is called once, on the result of the one before.
  package var isChain: Bool {
    guard inputs.count == 1, outputs.count == 1, calls.count == entries.count else { return false }
    let results = [Reference.input(0)] + calls.indices.map { .result(call: $0, index: 0) }
    return outputs[0].reference == results[calls.count]
      && calls.enumerated().allSatisfy {
        $1.entry == $0 && $1.arguments == [results[$0]] && $1.isTraining == nil
      }
  }

  /// Adds a layer at the end of a chain, named by itself or by its kind and position.
  ///
  /// - Throws: `AthanorError` when its name is taken.
  package mutating func append(_ layer: any GeneralLayer) throws {
    let name = try add(layer)
    calls.append(Call(entry: entries.count - 1, arguments: [outputs[0].reference], isTraining: nil))
    outputs = [Output(name: name, reference: .result(call: calls.count - 1, index: 0))]
  }

  private mutating func add(_ layer: any GeneralLayer) throws -> String {
    let taken = Set(entries.map(\.name))
    if let name = layer.name {
      guard !taken.contains(name), !name.isEmpty, !name.contains("/") else {
        throw AthanorError(
          .argument, at: "layer \"\(name)\"", "its name is taken, empty or contains a slash",
          fix: "Give each layer a name of its own; for one set of weights in several places make one SharedLayer.")
      }
      entries.append(Entry(name: name, layer: layer))
      return name
    }
    let name = Network.unique(layer.automaticName, among: taken)
    entries.append(Entry(name: name, layer: layer))
    return name
  }

  package static func unique(_ wanted: String, among taken: Set<String>) -> String {
    var (name, number) = (wanted, 0)
    while taken.contains(name) {
      number += 1
      name = "\(wanted)_\(number)"
    }
    return name
  }

  // MARK: Functional models

  /// The network between symbols.
  ///
  /// - Throws: `AthanorError` that names the layer, when a symbol keeps an error, an output needs an input that is not listed, or a name is
  ///   taken.
  package init(inputs symbols: [Symbol], outputs results: [Symbol]) throws {
    guard !symbols.isEmpty, !results.isEmpty else {
      throw AthanorError(
        .argument, at: "Model", "it has \(symbols.count) inputs and \(results.count) outputs",
        fix: "Give at least one of each.")
    }
    for symbol in results { _ = try symbol.outcome.get() }
    inputs = []
    outputs = []
    var known: [Symbol: Reference] = [:]
    for (index, symbol) in symbols.enumerated() {
      let type = try symbol.outcome.get()
      guard known.updateValue(.input(index), forKey: symbol) == nil else {
        throw AthanorError(.argument, at: "Model", "input \(index + 1) is listed twice", fix: "List each input once.")
      }
      inputs.append(try Network.port(symbol, type, among: inputs))
    }
    // Depth first, arguments before the calls that read them; without recursion, for networks of any depth.
    var entryOfCell: [ObjectIdentifier: Int] = [:]
    var callOf: [ObjectIdentifier: Int] = [:]
    var pending = Array(results.reversed())
    while let symbol = pending.last {
      guard known[symbol] == nil else {
        pending.removeLast()
        continue
      }
      guard case .result(let call, let index) = symbol.origin else {
        throw Network.unlisted(symbol)
      }
      if let place = callOf[ObjectIdentifier(call)] {
        known[symbol] = .result(call: place, index: index)
        continue
      }
      let missing = call.arguments.filter { known[$0] == nil }
      guard missing.isEmpty else {
        pending += missing.reversed()
        continue
      }
      let cell = ObjectIdentifier(call.cell)
      if entryOfCell[cell] == nil {
        entryOfCell[cell] = entries.count
        _ = try add(call.cell.layer)
      }
      callOf[ObjectIdentifier(call)] = calls.count
      calls.append(
        Call(
          entry: entryOfCell[cell] ?? 0, arguments: call.arguments.compactMap { known[$0] },
          isTraining: call.isTraining))
    }
    for symbol in results {
      guard let reference = known[symbol] else { continue }
      outputs.append(Output(name: outputName(reference), reference: reference))
    }
  }

  /// Each input is a place where data enter, also where a symbol in the middle of another network was listed.
  private static func port(_ symbol: Symbol, _ type: ValueType, among ports: [Port]) throws -> Port {
    let taken = Set(ports.map(\.name))
    let wanted = (symbol as? Input)?.name
    if let wanted, taken.contains(wanted) || wanted.isEmpty {
      throw AthanorError(
        .argument, at: "input \"\(wanted)\"", "its name is taken or empty", fix: "Give each input a name of its own.")
    }
    let name = wanted ?? unique(inputName, among: taken)
    guard case .input(let port?) = symbol.origin else { return Port(name: name, type) }
    return Port(name: name, dtype: port.dtype, lengths: port.lengths, exampleAxis: port.exampleAxis)
  }

  private static func unlisted(_ symbol: Symbol) -> AthanorError {
    let name = (symbol as? Input)?.name.map { " \"\($0)\"" } ?? ""
    return AthanorError(
      .argument, at: "Model", "an output is computed from the input\(name) of type \(symbol), which is not listed",
      code: "List it among inputs:.")
  }

  private func outputName(_ reference: Reference) -> String {
    let name =
      switch reference {
      case .input(let index): inputs[index].name
      case .result(let call, _): entries[calls[call].entry].name
      }
    return Network.unique(name, among: Set(outputs.map(\.name)))
  }

  /// One layer between inputs and outputs with names of their own.
  ///
  /// - Throws: `AthanorError` when an input is impossible or a name is taken.
  package init(_ layer: any GeneralLayer, inputs: [Port], outputs names: [String]) throws {
    for port in inputs { _ = try Input(port: port, name: port.name).outcome.get() }
    self.inputs = inputs
    outputs = []
    let name = try add(layer)
    calls = [Call(entry: 0, arguments: inputs.indices.map { .input($0) }, isTraining: nil)]
    outputs = names.indices.map { index in
      Output(name: names.count == 1 ? name : names[index], reference: .result(call: 0, index: index))
    }
  }

  // MARK: Parts

  /// The part of the network that ends at a layer's last call, and the names of the layers that it needs.
  ///
  /// - Throws: `AthanorError` when there is no such layer.
  package func truncated(after layer: String) throws -> Network {
    guard let last = calls.lastIndex(where: { entries[$0.entry].name == layer }) else {
      throw AthanorError(
        .argument, at: "layer \"\(layer)\"", "the model has no layer of this name",
        fix: AthanorError.suggestion(for: layer, among: entries.map(\.name))
          + "It has \(entries.map(\.name).joined(separator: ", ")).")
    }
    var isNeeded = [Bool](repeating: false, count: calls.count)
    isNeeded[last] = true
    for place in calls.indices.reversed() where isNeeded[place] {
      for case .result(let call, _) in calls[place].arguments { isNeeded[call] = true }
    }
    var part = self
    (part.entries, part.calls) = ([], [])
    var (newEntry, newCall): ([Int: Int], [Int: Int]) = ([:], [:])
    for place in calls.indices where isNeeded[place] {
      let call = calls[place]
      if newEntry[call.entry] == nil {
        newEntry[call.entry] = part.entries.count
        part.entries.append(entries[call.entry])
      }
      newCall[place] = part.calls.count
      let arguments = call.arguments.map { reference -> Reference in
        if case .result(let call, let index) = reference {
          .result(call: newCall[call] ?? 0, index: index)
        } else {
          reference
        }
      }
      part.calls.append(Call(entry: newEntry[call.entry] ?? 0, arguments: arguments, isTraining: call.isTraining))
    }
    part.outputs = [Output(name: layer, reference: .result(call: part.calls.count - 1, index: 0))]
    return part
  }

  /// The same network for other lengths of its inputs.
  package func with(inputs ports: [Port]) -> Network {
    var network = self
    network.inputs = ports
    return network
  }

  // MARK: Building

  /// The values and weights of one pass through the layers.
  package struct Built {
    package let outputs: [Value]
    /// What counts of each output; nil where all does.
    package let masks: [Value?]
    /// The paths of the layers at which masks were lost.
    package let lostMasks: [String]
    /// What the layers themselves add to the loss.
    package let losses: [Value]
    package let weights: [WeightDeclaration]
    /// The types of each call's results.
    package let types: [[ValueType]]
    /// Further names of weights, where models within the network share them.
    package let aliases: [String: String]

    /// Whether one of the layers that have a weight is frozen.
    package func isFrozen(_ weight: String, _ frozen: Set<String>) -> Bool {
      Network.isFrozen(weight, frozen)
        || aliases.contains { $0.value == weight && Network.isFrozen($0.key, frozen) }
    }
  }

  /// Builds the layers' graph on the inputs.
  ///
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  package func build(_ values: [Value], isTraining: Bool, frozen: Set<String> = []) throws -> Built {
    guard let builder = values.first?.builder else {
      return Built(outputs: [], masks: [], lostMasks: [], losses: [], weights: [], types: [], aliases: [:])
    }
    var scope = Scope(isTraining: isTraining, builder: builder, frozen: frozen, storage: nestedStorage)
    let (outputs, types) = try build(values.map { MaskedValue(value: $0) }, &scope)
    return Built(
      outputs: outputs.map(\.value), masks: outputs.map(\.mask), lostMasks: scope.lostMasks,
      losses: scope.losses, weights: scope.weights, types: types, aliases: scope.aliases)
  }

  /// Builds the layers' graph inside of a layer.
  func build(
    _ values: [MaskedValue], _ scope: inout Scope
  ) throws -> (outputs: [MaskedValue], types: [[ValueType]]) {
    var results: [[MaskedValue]] = []
    func value(_ reference: Reference) throws -> MaskedValue {
      switch reference {
      case .input(let index):
        guard values.indices.contains(index) else {
          throw AthanorError(
            .argument, at: "", "it was called with \(values.count) inputs but takes \(inputs.count)",
            fix: "Call it on one symbol for each input.")
        }
        return values[index]
      case .result(let call, let index):
        guard results[call].indices.contains(index) else {
          throw AthanorError(
            .argument, at: "",
            "it reads result \(index + 1) of layer \"\(entries[calls[call].entry].name)\", which has \(results[call].count)"
          )
        }
        return results[call][index]
      }
    }
    for call in calls {
      let entry = entries[call.entry]
      do {
        results.append(
          try scope.call(entry.layer, call.arguments.map(value), name: entry.name, isTraining: call.isTraining))
      } catch let error as AthanorError {
        throw error.within("\(entry.name) (layer \(call.entry + 1), \(entry.layer.kind))")
      }
    }
    return (try outputs.map { try value($0.reference) }, results.map { $0.map(\.value.type) })
  }

  /// The network as it is declared, before any data are seen.
  ///
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  package func declared() throws -> Built {
    let builder = GraphBuilder()
    let values = try inputs.enumerated().map { try builder.source(.input(Slot.input($0).key), $1.declaredType) }
    return try build(values, isTraining: true)
  }

  /// The layers whose results a call reads; none for inputs.
  package func sources(of call: Call) -> [String] {
    call.arguments.map { reference in
      switch reference {
      case .input(let index): inputs[index].name
      case .result(let call, _): entries[calls[call].entry].name
      }
    }
  }
}

/// The sources and results of a model's graphs, by the place of the input or output.
package enum Slot: Hashable, Sendable {
  case input(Int)
  case output(Int)
  case target(Int)
  case sampleWeights(Int)
  case mask(Int)
  /// What random layers made of the inputs ahead of the step.
  case prepared(Int)
  /// The loss that training minimises.
  case loss
  /// The loss of one output.
  case outputLoss(Int)
  /// The sums of a metric, counted over all outputs.
  case metric(Int)

  /// The name in the graph.
  package var key: String {
    switch self {
    case .input(let index): "input\(index)"
    case .output(let index): "output\(index)"
    case .target(let index): "target\(index)"
    case .sampleWeights(let index): "sampleWeights\(index)"
    case .mask(let index): "mask\(index)"
    case .prepared(let index): "prepared\(index)"
    case .loss: "loss"
    case .outputLoss(let index): "loss\(index)"
    case .metric(let index): "metric\(index)"
    }
  }
}
