/// A network in JSON:
///
///     {"inputs":[{"name":"x","dtype":"float32","lengths":["batch",28,28,1],"example_axis":0}],
///      "layers":[{"class_name":"Dense","config":{"name":"dense","trainable":true,...}},
///                {"class_name":"Functional","network":{...},"config":{"name":"base","trainable":true}}],
///      "calls":[{"layer":0,"arguments":[{"input":0}],"training":null}],
///      "outputs":[{"name":"dense","value":{"call":0,"result":0}}]}
///
/// Layers are Keras' JSON, models within the network its own; the names of open lengths stand where lengths are.
extension Network {
  /// The network in JSON.
  ///
  /// - Parameters:
  ///   - frozen: The layers that are not trained, by path.
  ///   - path: The path of the network within the model; empty or with a slash at its end.
  /// - Throws: `AthanorError` that names the layer when files cannot hold it.
  func serialized(frozen: Set<String>, path: String = "") throws -> JSONValue {
    let layers = try entries.map { entry -> JSONValue in
      let full = path + entry.name
      let isTrainable = !frozen.contains(full)
      guard let nested = entry.layer as? NestedNetwork else {
        return try entry.layer.serialized(name: entry.name, isTrainable: isTrainable)
      }
      do {
        let network = try nested.network.serialized(frozen: frozen, path: full + "/")
        let settings: Configuration = ["name": entry.name, "trainable": isTrainable]
        return .object(["class_name": .text(nested.kind), "network": network, "config": settings.jsonValue])
      } catch let error as AthanorError {
        throw error.within(entry.name)
      }
    }
    let configuration: Configuration = [
      "inputs": inputs.map(\.serialized), "layers": layers, "calls": calls.map(\.serialized),
      "outputs": outputs.map { ["name": $0.name, "value": $0.reference.serialized] as Configuration },
    ]
    return configuration.jsonValue
  }

  /// The network that JSON describes, and the layers that are not trained, by path.
  ///
  /// - Parameters:
  ///   - json: What `serialized` gives.
  ///   - weights: Where the weights of models within the network lie, by their names in the whole model.
  /// - Throws: `AthanorError` that names the place, when something is missing, not known or cannot be.
  static func read(
    _ json: Configuration, path: String = "", weights: WeightMap, custom: [any SerializableLayer.Type]
  ) throws -> (network: Network, frozen: Set<String>) {
    var frozen: Set<String> = []
    let entries = try json.objects("layers").enumerated().map { index, object -> Entry in
      let settings = try object.nested("config")
      let name = try settings.text("name")
      if try !settings.flag("trainable") { frozen.insert(path + name) }
      guard !object.isMissing("network") else {
        return Entry(name: name, layer: try object.layer(index, customLayers: custom))
      }
      let prefix = path + name + "/"
      let nested = try read(object.nested("network"), path: prefix, weights: weights, custom: custom)
      frozen.formUnion(nested.frozen)
      try settings.requireAllRead()
      // What is frozen is known of the whole model.
      let layer = NestedNetwork(
        name: name, form: Model.Form(rawValue: try object.text("class_name", default: "")), network: nested.network,
        weights: weights.part(prefix), frozen: [])
      try object.requireAllRead()
      return Entry(name: name, layer: layer)
    }
    let network = Network(
      inputs: try json.objects("inputs").map(Port.init), entries: entries,
      calls: try json.objects("calls").map(Call.init), outputs: try json.objects("outputs").map(Output.init))
    try json.requireAllRead()
    do {
      try network.validate()
    } catch let error as AthanorError {
      throw error.within(json.location)
    }
    return (network, frozen)
  }

  /// The most calls that a file may ask for, those within its models among them.
  private static let callLimit = 50_000

  /// Checks what a file says of a network: names, references, and the number of calls.
  ///
  /// - Throws: `AthanorError` when a name is empty or taken, a call or an output reads what is not there before it, or a layer is never called.
  package func validate() throws {
    try checkNames("input", inputs.map(\.name))
    try checkNames("layer", entries.map(\.name))
    try checkNames("output", outputs.map(\.name))
    guard !inputs.isEmpty, !outputs.isEmpty else {
      throw damaged("", "it has \(inputs.count) inputs and \(outputs.count) outputs but needs at least one of each")
    }
    for port in inputs { try port.validate() }
    for (place, call) in calls.enumerated() {
      guard entries.indices.contains(call.entry), !call.arguments.isEmpty else {
        throw damaged("calls[\(place)]", "it has no arguments, or there is no layer \(call.entry)")
      }
      for argument in call.arguments where !exists(argument, before: place) {
        throw damaged("calls[\(place)]", "it reads \(argument.serialized), which is not there before it")
      }
    }
    for output in outputs where !exists(output.reference, before: calls.count) {
      throw damaged("output \"\(output.name)\"", "it is \(output.reference.serialized), which is not there")
    }
    let called = Set(calls.map(\.entry))
    if let unused = entries.indices.first(where: { !called.contains($0) }) {
      throw damaged("layer \"\(entries[unused].name)\"", "it is never called")
    }
    guard callCount <= Network.callLimit else {
      throw damaged("", "it has more than \(Network.callLimit) calls")
    }
  }

  /// The calls of all layers, those of models counted for each of their calls; not much more than the limit.
  private var callCount: Int {
    let counts = entries.map { 1 + (($0.layer as? NestedNetwork)?.network.callCount ?? 0) }
    return calls.reduce(0) { min($0 + counts[$1.entry], Network.callLimit + 1) }
  }

  private func checkNames(_ what: String, _ names: [String]) throws {
    var known: Set<String> = []
    for name in names where name.isEmpty || what == "layer" && name.contains("/") || !known.insert(name).inserted {
      throw damaged("\(what) \"\(name.prefix(80))\"", "its name is taken, empty or contains a slash")
    }
  }

  private func exists(_ reference: Reference, before call: Int) -> Bool {
    switch reference {
    case .input(let index): inputs.indices.contains(index)
    case .result(let place, let index): (0..<call).contains(place) && (0..<Network.callLimit).contains(index)
    }
  }

  private func damaged(_ location: String, _ problem: String) -> AthanorError {
    AthanorError(.data, at: location, problem, fix: "The file is damaged.")
  }
}

extension Network.Reference {
  fileprivate var serialized: JSONValue {
    switch self {
    case .input(let index): ["input": index].jsonValue
    case .result(let call, let index): ["call": call, "result": index].jsonValue
    }
  }

  fileprivate init(_ json: Configuration) throws {
    self =
      json.isMissing("input")
      ? .result(call: try json.integer("call"), index: try json.integer("result")) : .input(try json.integer("input"))
    try json.requireAllRead()
  }
}

extension Network.Call {
  fileprivate var serialized: Configuration {
    ["layer": entry, "arguments": arguments.map(\.serialized), "training": isTraining]
  }

  fileprivate init(_ json: Configuration) throws {
    self.init(
      entry: try json.integer("layer"), arguments: try json.objects("arguments").map(Network.Reference.init),
      isTraining: json.isMissing("training") ? nil : try json.flag("training"))
    try json.requireAllRead()
  }
}

extension Network.Output {
  fileprivate init(_ json: Configuration) throws {
    self.init(name: try json.text("name"), reference: try Network.Reference(json.nested("value")))
    try json.requireAllRead()
  }
}

extension Port {
  fileprivate var serialized: Configuration {
    let lengths = lengths.map { length -> JSONValue in
      switch length {
      case .fixed(let length): .integer(length)
      case .open(let name): .text(name)
      }
    }
    return ["name": name, "dtype": dtype.rawValue, "lengths": lengths, "example_axis": exampleAxis]
  }

  fileprivate init(_ json: Configuration) throws {
    guard let dtype = DType(rawValue: try json.text("dtype")) else {
      throw json.error("dtype", expected: "a type of elements")
    }
    guard case .array(let values) = json["lengths"] else { throw json.error("lengths", expected: "a list") }
    let lengths = try values.map { value -> Length in
      switch value {
      case .integer(let length): .fixed(length)
      case .text(let name): .open(name)
      default: throw json.error("lengths", expected: "a list of lengths or their names")
      }
    }
    self.init(
      name: try json.text("name"), dtype: dtype, lengths: lengths,
      exampleAxis: json.isMissing("example_axis") ? nil : try json.integer("example_axis"))
    try json.requireAllRead()
  }

  /// - Throws: `AthanorError` when data cannot have this form.
  fileprivate func validate() throws {
    let type = try Input(port: self, name: name).outcome.get()
    guard exampleAxis.map({ lengths.indices.contains($0) && lengths[$0].fixed == nil }) ?? true,
      Tensor.elementCount(of: type.shape.sizes).map({ $0 <= Scope.limit }) == true
    else {
      throw AthanorError(
        .data, at: "input \"\(name)\"", "its axes are impossible: \(self), examples along axis \(exampleAxis ?? -1)",
        fix: "The file is damaged.")
    }
  }
}

extension WeightMap {
  /// The weights whose names begin with a prefix, without it.
  package func part(_ prefix: String) -> WeightMap {
    var part = WeightMap()
    for span in spans where span.name.hasPrefix(prefix) {
      part.append(String(span.name.dropFirst(prefix.count)), from: self, name: span.name)
    }
    return part
  }
}
