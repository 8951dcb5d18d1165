import Athanor

/// Writes Keras' JSON of a model.
struct KerasArchitectureWriter {
  /// The two forms of Keras' files.
  enum Form {
    /// `.h5`: class names alone.
    case legacy
    /// `.keras` and JSON: classes with their modules.
    case current
  }

  private let form: Form
  private let frozen: Set<String>

  /// The JSON of a whole model.
  ///
  /// - Throws: `AthanorError` that names the layer, when Keras' files cannot hold something.
  static func json(_ model: Model, _ form: Form) throws -> Configuration {
    if let alias = model.built.aliases.keys.min() {
      throw AthanorError(
        .unsupported, at: "model \"\(model.name)\"",
        "weight \"\(alias)\" belongs to two models within it, which Keras' files cannot say",
        fix: "Save it as .safetensors, or its weights alone as .weights.h5.")
    }
    return try KerasArchitectureWriter(form: form, frozen: model.frozen)
      .json(model.network, model.form, name: model.name, types: model.built.types, path: "")
  }

  private func json(
    _ network: Network, _ kind: Model.Form, name: String, types: [[ValueType]], path: String
  ) throws -> Configuration {
    for port in network.inputs where port.exampleAxis != 0 {
      throw AthanorError(
        .unsupported, at: "input \"\(port.name)\"", "its examples are not along the first axis, as Keras needs them",
        fix: "Save the model as .safetensors.")
    }
    var settings: Configuration = ["name": name, "trainable": !Network.isFrozen(path, frozen)]
    switch kind {
    case .sequential:
      let input = network.inputs[0]
      settings["dtype"] = .float32Policy
      settings["layers"] = .array(
        [object("InputLayer", KerasInput.configuration(input)).jsonValue]
          + (try network.entries.map { try layer($0, path).jsonValue }))
      settings["build_input_shape"] = KerasInput.batchShape(input)
    case .functional:
      settings["layers"] = .array(try functional(network, types, path).map(\.jsonValue))
      settings["input_layers"] = list(network.inputs.map { history($0.name, 0, 0) })
      let outputs = network.kerasOutputs.map { output -> (String, JSONValue) in
        guard case .result(let call, let index) = output.reference else {
          return (output.name, history(network.kerasName(of: output.reference), 0, 0))
        }
        let entry = network.entries[network.calls[call].entry]
        // A functional model has one call more: the one that made it.
        let first = (entry.layer as? NestedNetwork)?.form == .functional ? 1 : 0
        return (output.name, history(entry.name, network.number(of: call) + first, index))
      }
      settings["output_layers"] =
        network.hasKerasOutputNames
        ? list(outputs.map(\.1)) : .object(Dictionary(outputs, uniquingKeysWith: { $1 }))
    }
    var object: Configuration = ["class_name": kind.rawValue, "config": settings]
    guard form == .current else { return object }
    object["module"] = .text(kind == .sequential ? "keras" : "keras.src.models.functional")
    object["registered_name"] = kind == .sequential ? .null : .text(kind.rawValue)
    return object
  }

  /// Several inputs or outputs are a list, a single one is itself: what the model gives when it is called follows from it.
  private func list(_ ends: [JSONValue]) -> JSONValue { ends.count == 1 ? ends[0] : .array(ends) }

  // MARK: Layers

  /// A class of Keras with its settings.
  private func object(_ className: String, _ settings: Configuration) -> Configuration {
    var object: Configuration = ["class_name": className, "config": settings]
    guard form == .current else { return object }
    let parts = className.split(separator: ">")
    object["class_name"] = .text(parts.last.map(String.init) ?? className)
    object["module"] = parts.count > 1 ? .null : .text("keras.layers")
    object["registered_name"] = parts.count > 1 ? .text(className) : .null
    return object
  }

  private func layer(_ entry: Network.Entry, _ path: String) throws -> Configuration {
    let full = path + entry.name
    if let model = entry.layer as? NestedNetwork {
      do {
        let types = try model.network.declared().types
        return try json(model.network, model.form, name: entry.name, types: types, path: full + "/")
      } catch let error as AthanorError {
        throw error.within(entry.name)
      }
    }
    guard !(entry.layer is any NativeLayer) else {
      throw AthanorError(
        .unsupported, at: "\(entry.name) (\(entry.layer.kind))", "it has no Keras name",
        fix: "Save it as .safetensors, or its weights alone as .weights.h5.")
    }
    let json = try Configuration(
      entry.layer.serialized(name: entry.name, isTrainable: !Network.isFrozen(full, frozen)), at: "")
    let settings = try json.nested("config")
    if let name = ActivationFunction.namesBeyondKeras.first(where: { settings["activation"] == .text($0) }) {
      throw AthanorError(
        .unsupported, at: "\(entry.name) (\(entry.layer.kind))", "Keras 3 has no activation \"\(name)\"",
        fix: "Save it as .safetensors, or its weights alone as .weights.h5.")
    }
    return object(try json.text("class_name"), settings)
  }

  // MARK: Functional models

  /// Inputs and layers in Keras' order, with their calls.
  private func functional(
    _ network: Network, _ types: [[ValueType]], _ path: String
  ) throws -> [Configuration] {
    try KerasOrder(network).operations.map { operation in
      var json: Configuration
      switch operation {
      case .input(let place):
        let port = network.inputs[place]
        json = object("InputLayer", KerasInput.configuration(port))
        json["name"] = .text(port.name)
        json["inbound_nodes"] = .array([])
      case .layer(let place):
        let entry = network.entries[place]
        json = try layer(entry, path)
        json["name"] = .text(entry.name)
        json["inbound_nodes"] = .array(
          try network.calls.filter { $0.entry == place }.map { call in
            guard call.isTraining == nil else {
              throw AthanorError(
                .unsupported, at: "\(entry.name) (\(entry.layer.kind))",
                "it is called with training: \(call.isTraining == true), which Keras' files cannot hold",
                fix: "Save the model as .safetensors.")
            }
            let tensors = call.arguments.map { tensor($0, network, types) }
            let argument = entry.layer is any Layer || tensors.count == 1 && entry.layer is NestedNetwork
            return
              (["args": [argument ? tensors[0] : .array(tensors)], "kwargs": [:] as Configuration] as Configuration)
              .jsonValue
          })
      }
      return json
    }
  }

  private func history(_ layer: String, _ call: Int, _ result: Int) -> JSONValue {
    .array([.text(layer), .integer(call), .integer(result)])
  }

  /// A value of the network as Keras has it: shape, type, and where it comes from.
  private func tensor(_ reference: Network.Reference, _ network: Network, _ types: [[ValueType]]) -> JSONValue {
    let name = network.kerasName(of: reference)
    let settings: Configuration
    switch reference {
    case .input(let place):
      let port = network.inputs[place]
      settings = [
        "shape": KerasInput.batchShape(port), "dtype": port.dtype.rawValue, "keras_history": history(name, 0, 0),
      ]
    case .result(let call, let index):
      let type = types[call][index]
      settings = [
        "shape": type.shape.lengths.map { $0 }, "dtype": type.dtype.rawValue,
        "keras_history": history(name, network.number(of: call), index),
      ]
    }
    return (["class_name": "__keras_tensor__", "config": settings] as Configuration).jsonValue
  }
}

extension Network {
  /// How many calls of the same layer come before a call.
  fileprivate func number(of call: Int) -> Int {
    calls[..<call].reduce(0) { $0 + ($1.entry == calls[call].entry ? 1 : 0) }
  }
}

extension KerasInput {
  /// The lengths with the batch, null for open ones.
  static func batchShape(_ port: Port) -> JSONValue { port.lengths.map(\.fixed).jsonValue }

  /// The settings of Keras' `InputLayer`.
  static func configuration(_ port: Port) -> Configuration {
    [
      "batch_shape": batchShape(port), "dtype": port.dtype.rawValue, "sparse": false, "ragged": false,
      "name": port.name, "optional": false,
    ]
  }
}

extension Port {
  /// The port under another name.
  func named(_ name: String) -> Port { Port(name: name, dtype: dtype, lengths: lengths, exampleAxis: exampleAxis) }
}
