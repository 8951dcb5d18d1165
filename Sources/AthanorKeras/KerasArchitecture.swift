import Athanor

/// Reads Keras' JSON of a model: `Sequential`, and functional models in the forms of Keras 2 and 3, with models and shared layers in
/// them.
///
/// A functional model lists its layers, and for each its calls: a call reads results of other calls by layer, number of the call and
/// number of the result.
struct KerasArchitecture {
  let name: String
  let form: Model.Form
  let network: Network
  /// The layers that are not trained, by path.
  let frozen: Frozen

  /// What is not trained, by path.
  struct Frozen {
    /// Layers, and models of which no layer is trained.
    var layers: Set<String> = []
    /// Models that are not trained as such, whatever their layers are: older files keep their arrays in one order.
    var models: Set<String> = []
  }

  /// What a reader needs to know besides the JSON.
  struct Context {
    /// Where the weights of models within the model lie, by their names in the whole model.
    var weights = WeightMap()
    let custom: [any SerializableLayer.Type]
    /// Whether open lengths of different inputs may differ.
    var hasIndependentLengths = true
    /// The path of the model within the whole; empty or with a slash at its end.
    var path = ""
  }

  /// - Throws: `AthanorError` that names the place, when something is damaged, not known or not supported.
  init(_ object: Configuration, _ context: Context) throws {
    try object.accountAsLayer("config", "keras_version", "backend")
    let className = try object.text("class_name").split(separator: ">").last.map(String.init) ?? ""
    switch className {
    case "Sequential":
      form = .sequential
      // Before version 2.2 Keras kept the layers alone.
      let isList = if case .array = object["config"] { true } else { false }
      let settings = isList ? object : try object.nested("config")
      (network, frozen) = try KerasArchitecture.chain(settings, layers: isList ? "config" : "layers", context)
      name = try settings.text("name", default: "sequential")
      try KerasArchitecture.account(settings)
    case "Functional", "Model":
      form = .functional
      let settings = try object.nested("config")
      (network, frozen) = try KerasFunctionalReader(settings, context).read()
      name = try settings.text("name", default: "functional")
      try KerasArchitecture.account(settings)
    default:
      throw AthanorError(
        .unsupported, at: object.location,
        "it is a model of class \"\(className)\", but only Sequential and functional ones can be read",
        code:
          "A model that is a class of its own cannot be told from its file: define it in code and call loadWeights(from:).",
        command: "A model that is a class of its own cannot be told from its file."
      )
    }
  }

  /// Checks that nothing else is said of a model.
  private static func account(_ settings: Configuration) throws {
    settings.ignore("trainable", "build_input_shape")
    try settings.requireFloat32("dtype")
    try settings.requireAllRead()
  }

  // MARK: Chains

  private static func chain(
    _ settings: Configuration, layers key: String, _ context: Context
  ) throws -> (Network, Frozen) {
    let objects = try settings.objects(key)
    var frozen = Frozen()
    var input: Port?
    if let first = objects.first {
      let configuration = try first.nested("config")
      if let port = try KerasInput.port(configuration, context, isInputLayer: first.isKerasInput) { input = port }
    }
    let shape = settings["build_input_shape"]
    if input == nil, case .array(let lengths) = shape {
      input = try KerasInput.port("input_layer", .float32, lengths, settings, "build_input_shape", context)
    }
    guard let input else {
      throw AthanorError(
        .data, at: settings.location, "the shape of its input is not given",
        code: "Define the model in code, where its input has a shape, and call loadWeights(from:).",
        command:
          "Give its first layer an input shape in Keras and save it again; a Swift program can load its weights into a model."
      )
    }
    var network = try Network(input: Input(port: input, name: input.name))
    for (index, object) in objects.enumerated() where !object.isKerasInput {
      let entry = try object.kerasLayer(index, context, &frozen)
      do {
        try network.append(entry)
      } catch let error as AthanorError {
        throw error.within(object.location)
      }
    }
    return (network, frozen)
  }
}

/// Keras' `InputLayer`, and what first layers say of their input.
enum KerasInput {
  /// The input that a layer's settings describe; nil when they say nothing of it.
  ///
  /// - Throws: `AthanorError` that names the place.
  static func port(
    _ settings: Configuration, _ context: KerasArchitecture.Context, isInputLayer: Bool
  ) throws -> Port? {
    let key = settings.isMissing("batch_shape") ? "batch_input_shape" : "batch_shape"
    guard case .array(let lengths) = settings[key] else {
      if isInputLayer { throw settings.error(key, expected: "a list of lengths") }
      return nil
    }
    guard isInputLayer else { return try port("input_layer", .float32, lengths, settings, key, context) }
    for key in ["sparse", "ragged", "optional"] where try settings.flag(key, default: false) {
      throw AthanorError(
        .unsupported, at: settings.location(of: key), "inputs with \(key): true are not supported",
        fix: "Save the model with a dense input.")
    }
    let port = try port(
      settings.text("name", default: "input_layer"), dtype(settings), lengths, settings, key, context)
    try settings.requireAllRead()
    return port
  }

  private static func dtype(_ settings: Configuration) throws -> DType {
    var name = "float32"
    switch settings["dtype"] {
    case nil, .null: break
    case .text(let text): name = text
    default: name = try settings.nested("dtype").nested("config").text("name")
    }
    switch name {
    case "float32": return .float32
    case let name where Configuration.otherPrecisions.contains(name):
      settings.warn("dtype", ofPrecision: name)
      return .float32
    case "int32", "int64", "int16", "int8", "uint16": return .int32
    case "uint8", "bool": return .uint8
    default: throw settings.error("dtype", expected: "float32, int32 or uint8")
    }
  }

  static func port(
    _ name: String, _ dtype: DType, _ lengths: [JSONValue], _ settings: Configuration, _ key: String,
    _ context: KerasArchitecture.Context
  ) throws -> Port {
    guard !lengths.isEmpty else { throw settings.error(key, expected: "a list of lengths that begins with the batch") }
    let example = try lengths.enumerated().dropFirst().map { axis, value -> Length in
      if value == .null {
        return .open(context.hasIndependentLengths ? "\(name)_length_\(axis)" : "length_\(axis)")
      }
      guard let length = value.integer else { throw settings.error(key, expected: "a list of lengths or null") }
      return .fixed(length)
    }
    let port = Port(name: name, dtype: dtype, lengths: [.batch] + example)
    if case .failure(let error) = Input(port: port, name: name).outcome { throw error.within(settings.location) }
    return port
  }
}

extension Configuration {
  /// An object within this one.
  func at(_ json: JSONValue, _ location: String) throws -> Configuration {
    try Configuration(json, at: location, report: report)
  }

  /// Checks that nothing else stands beside the settings of a layer or model than where its class comes from, how it was built, and its
  /// calls, which are read elsewhere.
  func accountAsLayer(_ further: String...) throws {
    ignore(
      "class_name", "module", "registered_name", "build_config", "compile_config", "name", "shared_object_id",
      "inbound_nodes")
    for key in further { ignore(key) }
    try requireAllRead()
  }

  var isKerasInput: Bool { self["class_name"] == .text("InputLayer") }

  /// The layer that an object of a model's list describes, perhaps a model.
  ///
  /// - Parameter frozen: Takes the paths of layers that are not trained.
  /// - Throws: `AthanorError` that names the place.
  func kerasLayer(
    _ index: Int, _ context: KerasArchitecture.Context, _ frozen: inout KerasArchitecture.Frozen
  ) throws -> any GeneralLayer {
    let settings = try nested("config")
    guard !settings.isMissing("layers") || isKerasModelOfLayers else {
      let layer = try layer(index, customLayers: context.custom)
      try accountAsLayer()
      if try !settings.flag("trainable", default: true), let name = layer.name {
        frozen.layers.insert(context.path + name)
      }
      return layer
    }
    let name = try settings.text("name", default: try text("name", default: "model_\(index)"))
    var inner = context
    inner.path = "\(context.path)\(name)/"
    let model = try KerasArchitecture(self, inner)
    frozen.layers.formUnion(model.frozen.layers)
    frozen.models.formUnion(model.frozen.models)
    // Keras freezes a model by freezing its layers, which may be trained again one by one; their own flags hold.
    if try !settings.flag("trainable", default: true) {
      frozen.models.insert(context.path + name)
      let isWhole = model.network.entries.allSatisfy { entry in
        Network.isFrozen(inner.path + entry.name, model.frozen.layers)
      }
      if isWhole {
        frozen.layers.subtract(model.frozen.layers)
        frozen.layers.insert(context.path + name)
      }
    }
    return NestedNetwork(
      name: name, form: model.form, network: model.network, weights: context.weights.part(inner.path), frozen: [])
  }

  /// Whether it is a model that the earliest Keras kept as a list of layers.
  private var isKerasModelOfLayers: Bool {
    if case .array = self["config"] { true } else { false }
  }
}
