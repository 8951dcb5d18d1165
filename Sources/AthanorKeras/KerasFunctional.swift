import Athanor

/// Reads the layers and calls of a functional model.
struct KerasFunctionalReader {
  private let settings: Configuration
  private let context: KerasArchitecture.Context
  /// Whether calls are lists, as Keras 2 wrote them.
  private let isLegacy: Bool

  init(_ settings: Configuration, _ context: KerasArchitecture.Context) throws {
    self.settings = settings
    self.context = context
    isLegacy = try settings.objects("layers").contains { layer in
      guard case .array(let calls) = layer["inbound_nodes"], case .array = calls.first else { return false }
      return true
    }
  }

  /// A value that a call reads: a layer's name, the number of its call, and the number of the result.
  fileprivate struct History: Hashable {
    let layer: String
    let call: Int
    let result: Int
  }

  /// A call of a layer before it is known in which order calls can run.
  private struct Node {
    let entry: Int
    let arguments: [History]
    let isTraining: Bool?
    let location: String
  }

  /// Layers and calls as the file lists them.
  private struct Parts {
    var frozen = KerasArchitecture.Frozen()
    var ports: [String: Port] = [:]
    var entries: [Network.Entry] = []
    var nodes: [Node] = []
    /// The places of each layer's calls among `nodes`, in order.
    var nodesOfLayer: [String: [Int]] = [:]
    /// The layers that are models.
    var models: [String: Model.Form] = [:]
    /// The places of the model's inputs, by the names of their layers.
    var inputs: [String: Int] = [:]
  }

  /// - Throws: `AthanorError` that names the place, when something is damaged, not known or not supported.
  func read() throws -> (Network, KerasArchitecture.Frozen) {
    var parts = Parts()
    for (index, object) in try settings.objects("layers").enumerated() { try add(object, index, to: &parts) }
    let inputs = try ends("input_layers").map { end in
      guard let port = parts.ports[end.history.layer], end.history.call == 0, end.history.result == 0 else {
        throw settings.error("input_layers", expected: "names of inputs")
      }
      parts.inputs[end.history.layer] = parts.inputs.count
      return end.name.map(port.named) ?? port
    }
    let order = try sorted(parts.nodes) { try node($0, parts) }
    let callOfNode = Dictionary(order.enumerated().map { ($1, $0) }, uniquingKeysWith: { $1 })
    func reference(_ history: History) throws -> Network.Reference {
      guard let node = try node(history, parts) else { return .input(parts.inputs[history.layer] ?? 0) }
      return .result(call: callOfNode[node] ?? 0, index: history.result)
    }
    let calls = try order.map { place in
      let node = parts.nodes[place]
      return Network.Call(entry: node.entry, arguments: try node.arguments.map(reference), isTraining: node.isTraining)
    }
    let outputs = try ends("output_layers").reduce(into: [Network.Output]()) { outputs, end in
      var history = end.history
      // Among the outputs a model's first call is the one that made it, in Keras 3 as well.
      if !isLegacy, parts.models[history.layer] == .functional {
        history = History(layer: history.layer, call: history.call - 1, result: history.result)
      }
      let name = Network.unique(end.name ?? history.layer, among: Set(outputs.map(\.name)))
      outputs.append(Network.Output(name: name, reference: try reference(history)))
    }
    let network = Network(inputs: inputs, entries: parts.entries, calls: calls, outputs: outputs)
    do {
      try network.validate()
    } catch let error as AthanorError {
      throw error.within(settings.location)
    }
    return (network, parts.frozen)
  }

  /// Adds a layer with its calls, or an input.
  private func add(_ object: Configuration, _ index: Int, to parts: inout Parts) throws {
    let name = try object.text("name", default: object.nested("config").text("name"))
    guard parts.nodesOfLayer[name] == nil, parts.ports[name] == nil else {
      throw AthanorError(.data, at: object.location, "the name \"\(name)\" is taken", fix: "The file is damaged.")
    }
    guard case .array(let list) = object["inbound_nodes"] else {
      throw object.error("inbound_nodes", expected: "a list")
    }
    if object.isKerasInput {
      parts.ports[name] = try KerasInput.port(object.nested("config"), context, isInputLayer: true)?.named(name)
      return try object.accountAsLayer("config")
    }
    let calls = try list.enumerated().map { try call($1, at: "\(object.location(of: "inbound_nodes"))[\($0)]") }
    let layer: any GeneralLayer
    let hasConstants = calls.contains { $0.values.contains { $0.constant != nil } }
    if let operation = try KerasOperation(object, name: name, hasConstants) {
      guard let first = calls.first, calls.count == 1 else {
        throw AthanorError(.data, at: object.location, "the operation is called \(calls.count) times")
      }
      layer = try operation.layer(first.values)
      try object.accountAsLayer("config")
    } else {
      layer = try object.kerasLayer(index, context, &parts.frozen)
    }
    if let model = layer as? NestedNetwork { parts.models[name] = model.form }
    // Keras 3 runs each call as the whole model runs, whatever the call says; that of a Dropout says `false` by itself.
    if !isLegacy, let said = calls.lazy.compactMap(\.isTraining).first(where: { $0 || layer is NestedNetwork }) {
      object.warn("inbound_nodes", "training=\(said) of a call is not followed, as in Keras 3")
    }
    parts.nodesOfLayer[name] = calls.indices.map { parts.nodes.count + $0 }
    parts.nodes += calls.map { call in
      Node(
        entry: parts.entries.count, arguments: call.values.compactMap(\.history),
        isTraining: isLegacy ? call.isTraining : nil, location: call.location)
    }
    parts.entries.append(Network.Entry(name: name, layer: layer))
  }

  /// The place of the call that gives a value; nil for an input.
  private func node(_ history: History, _ parts: Parts) throws -> Int? {
    if parts.inputs[history.layer] != nil, history.call == 0, history.result == 0 { return nil }
    // In Keras 2 a model's first call is the one that made it.
    let call = history.call - (isLegacy && parts.models[history.layer] != nil ? 1 : 0)
    guard let places = parts.nodesOfLayer[history.layer], places.indices.contains(call) else {
      throw AthanorError(
        .data, at: settings.location,
        "result \(history.result) of call \(history.call) of layer \"\(history.layer.prefix(80))\" is read, which does not exist",
        fix: "The file is damaged.")
    }
    return places[call]
  }

  // MARK: Inputs and outputs

  /// An input or output; with a name where the model was made with a dictionary.
  private struct End {
    let name: String?
    let history: History
  }

  /// What `input_layers` and `output_layers` list: `["x", 0, 0]`, a list of such, or an object of such.
  private func ends(_ key: String) throws -> [End] {
    func history(_ value: JSONValue) -> History? {
      guard case .array(let parts) = value, parts.count == 3, case .text(let layer) = parts[0],
        let call = parts[1].integer, let result = parts[2].integer
      else { return nil }
      return History(layer: layer, call: call, result: result)
    }
    func ends(_ value: JSONValue, name: String?) throws -> [End] {
      if let history = history(value) { return [End(name: name, history: history)] }
      switch value {
      case .array(let values): return try values.flatMap { try ends($0, name: nil) }
      case .object(let values):
        return try values.sorted { $0.key < $1.key }.flatMap { try ends($0.value, name: $0.key) }
      default: throw settings.error(key, expected: "[layer, call, result], or a list of such")
      }
    }
    guard let value = settings[key] else { throw settings.error(key, expected: "a list") }
    return try ends(value, name: nil)
  }

  // MARK: Calls

  /// What a call is given: a value of the network, or a number.
  struct Argument {
    fileprivate var history: History?
    var constant: Double?
    /// The type of a tensor's elements, where the file says it; whether a number is an integer.
    fileprivate var dtype: String?
    fileprivate var isInteger = false
  }

  private struct ParsedCall {
    var values: [Argument] = []
    var isTraining: Bool?
    let location: String
  }

  private func call(_ json: JSONValue, at location: String) throws -> ParsedCall {
    var call = ParsedCall(location: location)
    if case .array(let list) = json {
      // Keras 2: [[layer, call, result, {further arguments}], ...], or one of them alone
      var items = list
      if case .text = list.first { items = [json] }
      for (index, item) in items.enumerated() {
        guard case .array(let parts) = item, parts.count == 3 || parts.count == 4, let history = legacy(parts) else {
          throw AthanorError(
            .data, at: location, "[layer, call, result, arguments] was expected", fix: "The file is damaged.")
        }
        call.values.append(Argument(history: history))
        if parts.count == 4, index == 0 {
          try add(settings.at(parts[3], "\(location)[\(index)][3]"), to: &call)
        }
      }
      return call
    }
    let object = try settings.at(json, location)
    guard case .array(let arguments) = object["args"] else { throw object.error("args", expected: "a list") }
    call.values = try arguments.flatMap { try values($0, object.location(of: "args"), depth: 0) }
    try add(object.nested("kwargs"), to: &call)
    try object.requireAllRead()
    return call
  }

  private func legacy(_ parts: [JSONValue]) -> History? {
    guard case .text(let layer) = parts[0], let call = parts[1].integer, let result = parts[2].integer else {
      return nil
    }
    return History(layer: layer, call: call, result: result)
  }

  /// Arguments by name: `training`; `mask` where there is none; for operations further tensors and numbers.
  private func add(_ arguments: Configuration, to call: inout ParsedCall) throws {
    for (key, value) in arguments.values.sorted(by: { $0.key < $1.key }) where !value.isEmpty && key != "name" {
      if key == "training" {
        call.isTraining = try arguments.flag(key)
        continue
      }
      let values: [Argument]
      if case .array(let parts) = value,
        let history = legacy(parts + [.null, .null, .null].prefix(max(0, 3 - parts.count)))
      {
        values = [Argument(history: history)]
      } else if ["x1", "x2", "y", "x", "inputs"].contains(key) {
        values = try self.values(value, arguments.location(of: key), depth: 0)
      } else {
        throw AthanorError(
          .unsupported, at: arguments.location(of: key), "a call with the argument \"\(key)\" is not supported",
          fix: "Call the layer on tensors alone.")
      }
      call.values += values
    }
  }

  /// The tensors and numbers in a call's argument: alone, in lists or in objects, which are read in the order of their keys.
  private func values(_ json: JSONValue, _ location: String, depth: Int) throws -> [Argument] {
    func damaged() -> AthanorError {
      AthanorError(
        .unsupported, at: location, "a tensor, a number or a list of them was expected",
        fix: "Call the layer on tensors alone.")
    }
    guard depth < 32 else { throw damaged() }
    if let number = json.number {
      let isInteger = if case .integer = json { true } else { false }
      return [Argument(constant: number, isInteger: isInteger)]
    }
    switch json {
    case .null: return []
    case .array(let items): return try items.flatMap { try values($0, location, depth: depth + 1) }
    case .object(let fields):
      switch fields["class_name"] {
      case .text("__keras_tensor__"):
        let tensor = try settings.at(json, location).nested("config")
        guard case .array(let parts) = tensor["keras_history"], parts.count == 3, let history = legacy(parts) else {
          throw tensor.error("keras_history", expected: "[layer, call, result]")
        }
        let dtype = try tensor.text("dtype", default: "float32")
        tensor.ignore("shape")
        try tensor.requireAllRead()
        return [Argument(history: history, dtype: dtype)]
      case .text("__tuple__"):
        return try fields["items"].map { try values($0, location, depth: depth + 1) } ?? []
      case nil:
        return try fields.sorted { $0.key < $1.key }.flatMap { try values($0.value, location, depth: depth + 1) }
      default: throw damaged()
      }
    default: throw damaged()
    }
  }

  // MARK: Order

  /// The nodes in an order in which they can run, without recursion.
  ///
  /// - Throws: `AthanorError` when a call reads what does not exist, or its own result.
  private func sorted(_ nodes: [Node], _ place: (History) throws -> Int?) throws -> [Int] {
    var order: [Int] = []
    var (isFinished, isEntered) = (
      [Bool](repeating: false, count: nodes.count), [Bool](repeating: false, count: nodes.count)
    )
    for start in nodes.indices where !isFinished[start] {
      var path: [(node: Int, rest: ArraySlice<Int>)] = []
      func enter(_ node: Int) throws {
        if isFinished[node] { return }
        guard !isEntered[node] else {
          throw AthanorError(
            .data, at: nodes[node].location, "the call reads a value that follows from its own result",
            fix: "The file is damaged.")
        }
        isEntered[node] = true
        path.append((node, try nodes[node].arguments.compactMap(place)[...]))
      }
      try enter(start)
      while let last = path.indices.last {
        if let argument = path[last].rest.popFirst() {
          try enter(argument)
        } else {
          let node = path.removeLast().node
          isFinished[node] = true
          order.append(node)
        }
      }
    }
    return order
  }
}

extension JSONValue {
  /// Whether it is null, or holds nothing else: the masks of several inputs that have none.
  fileprivate var isEmpty: Bool {
    switch self {
    case .null: true
    case .array(let values): values.allSatisfy(\.isEmpty)
    case .object(let values): values.values.allSatisfy(\.isEmpty)
    default: false
    }
  }
}

/// An operation on symbols, which Keras keeps beside the layers: `x + 3`, `relu(x)`. It becomes the layer that computes the same.
private struct KerasOperation {
  private let object: Configuration
  private let className: String
  private let name: String

  /// Nil for a layer.
  ///
  /// - Parameter hasConstants: Whether it is called on a number, as no layer is: legacy files do not say what is an operation.
  init?(_ object: Configuration, name: String, _ hasConstants: Bool) throws {
    let module = try object.text("module", default: "")
    guard module.contains(".ops.") || hasConstants else { return nil }
    self.object = object
    className = try object.text("class_name")
    self.name = name
  }

  /// - Throws: `AthanorError` that names the operation when no layer computes it.
  func layer(_ arguments: [KerasFunctionalReader.Argument]) throws -> any GeneralLayer {
    let settings = try object.nested("config")
    for (key, value) in settings.values where value != .null && key != "name" && key != "dtype" {
      guard key == "axis", value.integer == -1 else { throw unsupported(" with \(key) \(value)") }
    }
    let constants = arguments.map(\.constant)
    try requireNoOverflow(arguments)
    let json: (kind: String, settings: Configuration)?
    switch (className, constants.first ?? nil, constants.count > 1 ? constants[1] : nil) {
    case ("Add", nil, nil), ("Subtract", nil, nil), ("Multiply", nil, nil), ("Maximum", nil, nil),
      ("Minimum", nil, nil):
      json = constants.count == 2 ? (className, [:]) : nil
    case ("Add", let offset?, nil), ("Add", nil, let offset?): json = ("Rescaling", ["scale": 1.0, "offset": offset])
    case ("Subtract", nil, let offset?): json = ("Rescaling", ["scale": 1.0, "offset": -offset])
    case ("Subtract", let offset?, nil): json = ("Rescaling", ["scale": -1.0, "offset": offset])
    case ("Multiply", let scale?, nil), ("Multiply", nil, let scale?):
      json = ("Rescaling", ["scale": scale, "offset": 0.0])
    case ("Divide", nil, let divisor?), ("TrueDivide", nil, let divisor?):
      json = ("Rescaling", ["scale": 1 / divisor, "offset": 0.0])
    case (let function, nil, nil) where constants.count == 1: json = ("Activation", ["activation": function.snakeCased])
    default: json = nil
    }
    guard var json else { throw unsupported() }
    json.settings["name"] = .text(name)
    let layer: Configuration = ["class_name": json.kind, "config": json.settings]
    do {
      return try Configuration(layer.jsonValue, at: object.location).layer(0, customLayers: [])
    } catch is AthanorError {
      throw unsupported()
    }
  }

  /// Sums, differences and products of short integers wrap around in Keras, as long as no floating-point number is among them.
  private func requireNoOverflow(_ arguments: [KerasFunctionalReader.Argument]) throws {
    guard ["Add", "Subtract", "Multiply"].contains(className) else { return }
    let short = ["bool", "uint8", "int8", "uint16", "int16"]
    guard let dtype = arguments.lazy.compactMap(\.dtype).first(where: short.contains),
      arguments.allSatisfy({ $0.isInteger || $0.dtype.map(short.contains) == true })
    else { return }
    throw unsupported(" of integers of type \(dtype), which wrap around,")
  }

  private func unsupported(_ detail: String = "") -> AthanorError {
    AthanorError(
      .unsupported, at: object.location, "the operation \"\(className)\"\(detail) on symbols is not supported",
      fix: "Make it a layer; supported are sums, differences and products with a tensor or a number, and activations.")
  }
}
