import Athanor

/// Names in older files that are others here: those of layers and models that contain a slash, as the Keras of TensorFlow 2 allowed, for a
/// slash stands between a model and its layer here; names that differ from another in Unicode's normal form alone, which are equal
/// here; and that of an activation which Keras 3 computes otherwise.
struct KerasNames {
  /// By the bytes of the name in the file.
  private var newNames: [[UInt8]: String] = [:]
  /// Whether a Keras before version 3 wrote the file.
  let isOld: Bool

  /// - Parameters:
  ///   - architecture: The JSON of a model.
  ///   - version: The version of Keras that wrote it; empty where the file does not say.
  init(_ architecture: JSONValue, version: String) {
    isOld = version.hasPrefix("1.") || version.hasPrefix("2.")
    var names: Set<[UInt8]> = []
    KerasNames.collect(architecture, &names)
    let sorted = names.sorted { $0.lexicographicallyPrecedes($1) }
    let slash = UInt8(ascii: "/")
    var taken: Set<String> = []
    for bytes in sorted.filter({ !$0.contains(slash) }) + sorted.filter({ $0.contains(slash) }) {
      let name = String(decoding: bytes.map { $0 == slash ? UInt8(ascii: "_") : $0 }, as: UTF8.self)
      let new = Network.unique(name, among: taken)
      taken.insert(new)
      if Array(new.utf8) != bytes { newNames[bytes] = new }
    }
  }

  /// Warns of names that are others here, and of an activation that files of today's Keras cannot hold.
  func warn(_ architecture: Configuration) {
    if isOld, KerasNames.hasHardSigmoid(architecture.jsonValue) {
      architecture.warn(
        "config",
        "its hard_sigmoid is that of Keras 2, for which the files of Keras 3 have no name: save the model as .safetensors"
      )
    }
    for (bytes, new) in newNames.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let name = String(decoding: bytes, as: UTF8.self)
      architecture.warn("config", "the layer \"\(name)\" is called \"\(new)\" here")
    }
  }

  /// What a layer is called here.
  func renamed(_ name: String) -> String { newNames[Array(name.utf8)] ?? name }

  /// The configuration with the new names wherever one stands: layers, their calls, inputs, outputs and what is kept by output.
  func renamed(_ configuration: Configuration) -> Configuration {
    newNames.isEmpty && !isOld ? configuration : configuration.replacing(renamed(configuration.jsonValue))
  }

  private func renamed(_ json: JSONValue) -> JSONValue {
    switch json {
    case .text(let text): .text(renamed(text))
    case .array(let values): .array(values.map(renamed))
    case .object(let values):
      .object(
        Dictionary(
          values.map { (renamed($0), isOld && $0 == "activation" ? activation($1) : renamed($1)) },
          uniquingKeysWith: { $1 }))
    default: json
    }
  }

  private func activation(_ json: JSONValue) -> JSONValue {
    json == .text(ActivationFunction.hardSigmoid.name)
      ? .text(ActivationFunction.legacyHardSigmoid.name) : renamed(json)
  }

  private static func hasHardSigmoid(_ json: JSONValue) -> Bool {
    switch json {
    case .array(let values): values.contains(where: hasHardSigmoid)
    case .object(let values):
      values["activation"] == .text(ActivationFunction.hardSigmoid.name)
        || values.values.contains(where: hasHardSigmoid)
    default: false
    }
  }

  /// Collects the names of everything that has a class.
  private static func collect(_ json: JSONValue, _ names: inout Set<[UInt8]>) {
    switch json {
    case .array(let values): for value in values { collect(value, &names) }
    case .object(let values):
      if case .object(let settings) = values["config"], values["class_name"] != nil {
        for case .text(let name) in [values["name"], settings["name"]] { names.insert(Array(name.utf8)) }
      }
      for value in values.values { collect(value, &names) }
    default: break
    }
  }
}
