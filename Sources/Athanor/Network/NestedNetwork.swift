/// A model as a layer of another one: its network, with the weights that both share.
package struct NestedNetwork: GeneralLayer {
  /// The name that the model was given; nil to be named by its class and position.
  package let name: String?
  /// How the model was made.
  package let form: Model.Form
  package let network: Network
  /// Where the model's weights lie.
  package let weights: WeightMap
  /// The layers that the model does not train.
  package let frozen: Set<String>
  /// Where weights lie decides: a model is itself wherever it is called.
  private let identity: [ObjectIdentifier]

  package init(
    name: String?, form: Model.Form? = nil, network: Network, weights: WeightMap, frozen: Set<String>
  ) {
    self.name = name
    self.form = form ?? Model.Form(of: network)
    self.network = network
    self.weights = weights
    self.frozen = frozen
    identity = weights.stores.map { ObjectIdentifier($0) }
  }

  package var kind: String { form.rawValue }
  /// The layers within it decide.
  package var maskRule: MaskRule { .consumes }

  package func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value] {
    guard inputs.count == network.inputs.count else {
      throw AthanorError(
        .argument, at: "", "it was called with \(inputs.count) inputs but takes \(network.inputs.count)",
        fix: "Call it on one symbol for each input.")
    }
    for (value, port) in zip(inputs, network.inputs) {
      let expected = port.declaredType
      let fits =
        value.shape.rank == expected.shape.rank
        && zip(value.shape.axes, expected.shape.axes).allSatisfy { $1.isOpen || $0.fixed == $1.fixed }
      guard value.type.dtype == expected.dtype, fits else {
        throw AthanorError(
          .shape, at: "", "input \"\(port.name)\" is of type \(value.type) but the model takes \(expected)",
          fix: "Call it on a symbol of that shape.")
      }
    }
    let outputs = try network.build(inputs.map { MaskedValue(value: $0, mask: scope.mask(of: $0)) }, &scope).outputs
    for output in outputs { if let mask = output.mask { scope.setMask(mask, of: output.value) } }
    return outputs.map(\.value)
  }

  package static func == (left: Self, right: Self) -> Bool {
    left.identity == right.identity && left.name == right.name
      && left.network.entries.map(\.name) == right.network.entries.map(\.name)
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(identity)
    hasher.combine(name)
  }
}

extension Network {
  /// The models among the layers, by name.
  var nestedNetworks: [String: NestedNetwork] {
    Dictionary(
      entries.compactMap { entry in (entry.layer as? NestedNetwork).map { (entry.name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// Where the weights of the models among the layers lie, by their names here.
  var nestedStorage: [String: WeightStorage] {
    var storage: [String: WeightStorage] = [:]
    for (name, nested) in nestedNetworks {
      for span in nested.weights.spans {
        let store = ObjectIdentifier(nested.weights.stores[span.store])
        storage["\(name)/\(span.name)"] = WeightStorage(store: store, offset: span.offset)
      }
    }
    return storage
  }

  /// The layers' names, those of models within this one behind a slash.
  var layerPaths: [String] {
    let nested = nestedNetworks
    return entries.flatMap { entry in
      [entry.name] + (nested[entry.name]?.network.layerPaths ?? []).map { "\(entry.name)/\($0)" }
    }
  }
}

extension Model {
  /// Calls the model on symbols: it becomes a layer of another model and shares its weights with it.
  ///
  /// Called twice, it is one layer with one set of weights. Layers that are frozen in this model are frozen in the other one at first.
  ///
  /// - Parameters:
  ///   - inputs: One symbol for each input.
  ///   - training: Whether this call is built for training; nil to follow the other model.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  /// - Returns: The first output.
  /// - Example:
  ///   ```swift
  ///   let judgement = discriminator(generator(noise))
  ///   let gan = try Model(inputs: [noise], outputs: [judgement])
  ///   try gan.freeze(discriminator.name)
  ///   ```
  public func callAsFunction(
    _ inputs: Symbol..., training: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> Symbol {
    LayerCall.results(cell, inputs, training, file, line)[0]
  }

  /// Calls the model on symbols and returns all of its outputs.
  ///
  /// - Parameters:
  ///   - inputs: One symbol for each input.
  ///   - training: Whether this call is built for training; nil to follow the other model.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func outputs(
    of inputs: [Symbol], training: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> [Symbol] {
    LayerCall.results(cell, inputs, training, file, line)
  }

  /// The part of the model that ends at a layer: a model with the same weights, for features, other heads or a look inside.
  ///
  /// - Parameters:
  ///   - layer: The layer whose (last) result is the new model's output.
  ///   - name: The new model's name; nil for this model's.
  /// - Throws: `AthanorError` when there is no such layer.
  /// - Example:
  ///   ```swift
  ///   let features = try model.truncated(after: "flatten")
  ///   ```
  public func truncated(after layer: String, name: String? = nil) throws -> Model {
    let part = try network.truncated(after: layer)
    let model = try Model(
      part, name: name ?? givenName, seed: seed, threads: threadCount, sharing: weightMap, frozen: frozen)
    (model.pixelScale, model.picturePreparation) = (pixelScale, picturePreparation)
    return model
  }
}
