import Athanor
import Foundation

/// What is where in Keras' legacy file.
package enum KerasFile {
  static let stateAttribute = "athanor_state"
  static let rateAttribute = "athanor_learning_rate"
  static let classAttribute = "athanor_class_names"
  /// The version of Keras whose layout is written.
  package static let kerasVersion = "3.15.1"
  /// What stands in files for the library that computes.
  static let backend = "athanor"

  /// The version of Keras that wrote a file; empty where it does not say.
  static func version(_ root: HDF5Group) -> String {
    let attribute = root.attributes["keras_version"] ?? root.groups["model_weights"]?.attributes["keras_version"]
    guard case .text(let version) = attribute else { return "" }
    return version
  }

  /// The program that wrote a file, as its attributes say.
  static func writer(_ version: String, _ backend: HDF5Group.Attribute?) -> String {
    if version.isEmpty { return "" }
    guard case .text(let backend) = backend else { return "Keras \(version)" }
    return backend == KerasFile.backend ? "Athanor" : "Keras \(version) (\(backend))"
  }

  // MARK: Writing

  package static func contents(of model: Model, weightsOnly: Bool) throws -> HDF5Group {
    let weights = try weightGroup(model)
    if weightsOnly { return weights }
    var root = HDF5Group()
    root.attributes["backend"] = .text(backend)
    root.attributes["keras_version"] = .text(kerasVersion)
    root.attributes["model_config"] = .text(try KerasArchitectureWriter.json(model, .legacy).jsonValue.description)
    root.groups["model_weights"] = weights
    if model.pixelScale != 1 / 255 { root.attributes[Model.pixelFileKey] = .text("\(model.pixelScale)") }
    if let names = model.classNames { root.setTexts(classAttribute, names) }
    if let kind = model.statedOutputKind { root.attributes[OutputKind.fileKey] = .text(kind.rawValue) }
    for (key, text) in model.dataFacts { root.attributes[key] = .text(text) }
    guard let training = model.training else { return root }
    // Keras reads a model without configuration as one that is not compiled, and passes over the optimizer's arrays.
    if let json = TrainingConfiguration(training).kerasTrainingConfiguration(outputs: model.network.kerasOutputNames) {
      root.attributes["training_config"] = .text(json.description)
      if let rate = training.optimizer.learningRate.besideKeras {
        root.attributes[rateAttribute] = .text(rate.description)
      }
    }
    root.groups["optimizer_weights"] = optimizerGroup(model, training)
    root.attributes[stateAttribute] = .text(try model.progress.text)
    return root
  }

  private static func weightGroup(_ model: Model) throws -> HDF5Group {
    var group = HDF5Group()
    group.attributes["backend"] = .text(backend)
    group.attributes["keras_version"] = .text(kerasVersion)
    let weights = KerasWeights(model)
    group.setTexts("layer_names", weights.layers.map(\.name))
    group.groups["top_level_model_weights"] = HDF5Group(attributes: ["weight_names": .texts([])])
    let tensors = model.tensorsByName
    for layer in weights.layers {
      var part = HDF5Group()
      let own = weights.legacyWeights(of: layer)
      part.setTexts("weight_names", own.map { "\(model.name)/\($0.name)" })
      for weight in own { part.setArray(tensors[weight.name], at: "\(model.name)/\(weight.name)") }
      group.groups[layer.name] = part
    }
    return group
  }

  private static func optimizerGroup(_ model: Model, _ training: Training) -> HDF5Group {
    var group = HDF5Group()
    let arrays = KerasOptimizer.arrays(model, training)
    group.setTexts("weight_names", arrays.map(\.name))
    for (name, tensor) in arrays { group.setArray(tensor, at: name) }
    return group
  }

  // MARK: Reading

  static func recipe(_ root: HDF5Group, _ path: String, _ custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    guard case .text(let text) = root.attributes["model_config"] else {
      throw AthanorError(
        .data, at: path, "it holds no model, only arrays",
        code: "Define the model in code and call loadWeights(from:).",
        command: "Give the file that holds the whole model.")
    }
    let report = ReadingReport()
    let json = try Configuration(parsing: text, at: "\(path), model_config", report: report)
    let group = root.groups["model_weights"] ?? HDF5Group()
    let names = KerasNames(json.jsonValue, version: version(root))
    var recipe = try KerasRecipe.recipe(json, custom, report, path, names) { weights in
      try tensors(group, weights, path, byName: names)
    }
    if case .text(let scale) = root.attributes[Model.pixelFileKey] {
      try recipe.takePixelScale(scale, at: "\(path), \(Model.pixelFileKey)")
    }
    recipe.classNames = root.texts(classAttribute)
    if case .text(let kind) = root.attributes[OutputKind.fileKey] { recipe.takeOutputKind(named: kind, at: path) }
    try recipe.takeDataFacts(at: path, errorPrefix: "\(path), ") { key in
      if case .text(let text) = root.attributes[key] { text } else { nil }
    }
    func own(_ attribute: String) -> (text: String, location: String)? {
      guard case .text(let text) = root.attributes[attribute] else { return nil }
      return (text, "\(path), \(attribute)")
    }
    let (compiled, optimizer) = (own("training_config"), root.groups["optimizer_weights"])
    let state = own(stateAttribute)
    guard compiled != nil || state != nil else { return recipe }
    KerasTraining(
      path: path, isOld: names.isOld, location: "\(path), training_config",
      configuration: { try compiled.map { names.renamed(try Configuration(parsing: $0.text, at: $0.location)) } },
      rate: own(rateAttribute), state: state,
      arrays: { try optimizer.map { try arrays($0, "weight_names", "\(path), optimizer") } }
    ).add(to: &recipe)
    return recipe
  }

  /// The file's array for each weight, all of the right shape.
  ///
  /// - Parameter byName: What the file's layers are called here, to find them by name where the file has those of the model; else they are
  ///   matched in order, those without weights passed over, as Keras does.
  static func tensors(
    _ group: HDF5Group, _ weights: KerasWeights, _ path: String, byName renamed: KerasNames? = nil
  ) throws -> [String: Tensor] {
    guard let names = group.texts("layer_names") else {
      throw AthanorError(
        .data, at: path, "the names of the layers are missing", fix: "The file is damaged or of another kind.")
    }
    var stored = try names.compactMap { name -> (name: String, arrays: [Tensor])? in
      guard let layer = group.group(at: name) else { return nil }
      let arrays = try arrays(layer, "weight_names", "\(path), \(name)").map(\.tensor)
      return arrays.isEmpty ? nil : (name, arrays)
    }
    let layers = weights.layers.filter { !$0.allWeights.isEmpty }
    guard stored.count == layers.count else {
      throw AthanorError(
        .shape, at: path, "it has weights for \(stored.count) layers but the model has \(layers.count) with weights",
        fix: "The file belongs to another network.")
    }
    if let renamed {
      let places = Dictionary(stored.map { (renamed.renamed($0.name), $0) }, uniquingKeysWith: { $1 })
      let found = layers.compactMap { places[$0.name] }
      if found.count == layers.count { stored = found }
    }
    var tensors: [String: Tensor] = [:]
    for ((name, arrays), layer) in zip(stored, layers) {
      let wanted = weights.legacyWeights(of: layer)
      guard arrays.count == wanted.count else {
        throw AthanorError(
          .shape, at: "\(path), \(name)", "it has \(arrays.count) weights but \(layer.name) needs \(wanted.count)",
          fix: "The file belongs to another network.")
      }
      for (tensor, weight) in zip(arrays, wanted) {
        tensors[weight.name] = try KerasRecipe.checked(tensor, weight, path)
      }
    }
    return tensors
  }

  /// The arrays that an attribute lists.
  private static func arrays(
    _ group: HDF5Group, _ attribute: String, _ location: String
  ) throws -> [(name: String, tensor: Tensor)] {
    try (group.texts(attribute) ?? []).map { name in
      guard let tensor = group.array(at: name) else {
        throw AthanorError(.data, at: location, "\"\(name)\" is missing", fix: "The file is damaged.")
      }
      return (name, tensor)
    }
  }
}
