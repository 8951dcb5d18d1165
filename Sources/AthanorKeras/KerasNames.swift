import Athanor

/// The names of layers and models that contain a slash, as the Keras of TensorFlow 2 allowed, and what they are called here, where a slash
/// stands between a model and its layer.
struct KerasNames {
  private var newNames: [String: String] = [:]

  /// - Parameter architecture: The JSON of a model.
  init(_ architecture: JSONValue) {
    var names: Set<String> = []
    KerasNames.collect(architecture, &names)
    var taken = names.filter { !$0.contains("/") }
    for name in names.sorted() where name.contains("/") {
      let new = Network.unique(String(name.map { $0 == "/" ? "_" : $0 }), among: taken)
      taken.insert(new)
      newNames[name] = new
    }
  }

  /// Warns of names that are others here.
  func warn(_ architecture: Configuration) {
    for (name, new) in newNames.sorted(by: { $0.key < $1.key }) {
      architecture.warn("config", "the layer \"\(name)\" is called \"\(new)\" here")
    }
  }

  /// What a layer is called here.
  func renamed(_ name: String) -> String { newNames[name] ?? name }

  /// The configuration with the new names wherever one stands: layers, their calls, inputs, outputs and what is kept by output.
  func renamed(_ configuration: Configuration) -> Configuration {
    newNames.isEmpty ? configuration : configuration.replacing(renamed(configuration.jsonValue))
  }

  private func renamed(_ json: JSONValue) -> JSONValue {
    switch json {
    case .text(let text): .text(renamed(text))
    case .array(let values): .array(values.map(renamed))
    case .object(let values):
      .object(Dictionary(values.map { (renamed($0), renamed($1)) }, uniquingKeysWith: { $1 }))
    default: json
    }
  }

  /// Collects the names of everything that has a class.
  private static func collect(_ json: JSONValue, _ names: inout Set<String>) {
    switch json {
    case .array(let values): for value in values { collect(value, &names) }
    case .object(let values):
      if case .object(let settings) = values["config"], values["class_name"] != nil {
        for case .text(let name) in [values["name"], settings["name"]] { names.insert(name) }
      }
      for value in values.values { collect(value, &names) }
    default: break
    }
  }
}
