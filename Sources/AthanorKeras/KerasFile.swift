import Athanor
import Foundation

/// What is where in Keras' legacy file.
package enum KerasFile {
  static let stateAttribute = "athanor_state"
  static let rateAttribute = "athanor_learning_rate"
  static let pixelAttribute = "athanor_pixel_scale"
  /// The version of Keras whose layout is written.
  private static let kerasVersion = "3.15.1"

  // MARK: Writing

  package static func contents(of model: Model, weightsOnly: Bool) throws -> HDF5Group {
    let weights = try weightGroup(model)
    if weightsOnly { return weights }
    var root = HDF5Group()
    root.attributes["backend"] = .text("athanor")
    root.attributes["keras_version"] = .text(kerasVersion)
    root.attributes["model_config"] = .text(try architecture(of: model).description)
    root.groups["model_weights"] = weights
    if model.pixelScale != 1 / 255 { root.attributes[pixelAttribute] = .text("\(model.pixelScale)") }
    guard let training = model.training else { return root }
    // Keras reads a model without configuration as one that is not compiled, and passes over the optimizer's arrays.
    if let json = TrainingConfiguration(training).kerasSerialized {
      root.attributes["training_config"] = .text(json.description)
      let rate = training.optimizer.learningRate
      if let exact = rate.serialized, exact != rate.kerasSerialized {
        root.attributes[rateAttribute] = .text(exact.description)
      }
    }
    root.groups["optimizer_weights"] = optimizerGroup(model, training)
    root.attributes[stateAttribute] = .text(try model.progress.text)
    return root
  }

  private static func architecture(of model: Model) throws -> JSONValue {
    guard model.network.isChain else {
      throw AthanorError(
        .unsupported, at: "model \"\(model.name)\"", "Keras' files can only be written of layers one after another",
        fix: "Save it as .safetensors, or save with weightsOnly.")
    }
    let batchShape: JSONValue = .array([.null] + model.inputShape.map(\.jsonValue))
    let input: Configuration = [
      "batch_shape": batchShape, "dtype": "float32", "sparse": false, "ragged": false,
      "name": model.network.inputs[0].name,
      "optional": false,
    ]
    let layers = try model.network.entries.map { entry in
      guard !(entry.layer is any NativeLayer) else {
        throw AthanorError(
          .unsupported, at: "\(entry.name) (\(entry.layer.kind))", "it has no Keras name",
          fix: "Save it as .safetensors, or save with weightsOnly.")
      }
      return try entry.layer.serialized(name: entry.name, isTrainable: !Network.isFrozen(entry.name, model.frozen))
    }
    let configuration: Configuration = [
      "name": model.name, "trainable": true, "dtype": JSONValue.float32Policy,
      "layers": [.object(["class_name": .text("InputLayer"), "config": input.jsonValue])] + layers,
      "build_input_shape": batchShape,
    ]
    return .object(["class_name": .text("Sequential"), "config": configuration.jsonValue])
  }

  private static func weightGroup(_ model: Model) throws -> HDF5Group {
    var group = HDF5Group()
    group.attributes["backend"] = .text("athanor")
    group.attributes["keras_version"] = .text(kerasVersion)
    group.attributes["layer_names"] = .texts(model.network.entries.map(\.name))
    group.groups["top_level_model_weights"] = HDF5Group(attributes: ["weight_names": .texts([])])
    let weights = model.weights
    for entry in model.network.entries {
      let own = weights.filter { $0.name.hasPrefix(entry.name + "/") }
      var layer = HDF5Group(attributes: ["weight_names": .texts(own.map { "\(model.name)/\($0.name)" })])
      for weight in own { layer.setArray(weight.tensor, at: "\(model.name)/\(weight.name)") }
      group.groups[entry.name] = layer
    }
    return group
  }

  /// The optimizer's variables in Keras' order: weight by weight or slot by slot.
  private static func slotOrder(_ optimizer: Optimizer, weights: Int) -> [(weight: Int, slot: Int)] {
    let slots = optimizer.rule.slotNames.indices
    return optimizer.serializableRule.map { type(of: $0).storesSlotsByWeight } == true
      ? (0..<weights).flatMap { weight in slots.map { (weight, $0) } }
      : slots.flatMap { slot in (0..<weights).map { ($0, slot) } }
  }

  private static func optimizerGroup(_ model: Model, _ training: Training) -> HDF5Group {
    let name = training.optimizer.variableName
    var names = ["\(name)/iteration"]
    var group = HDF5Group()
    group.setArray(Tensor(uncheckedShape: [], .int32([Int32(clamping: model.progress.step)])), at: names[0])
    if case .constant = training.optimizer.learningRate {
      names.append("\(name)/learning_rate")
      group.setArray(Tensor(uncheckedShape: [], .float32([Float(model.learningRate)])), at: names[1])
    }
    let entries = model.weightMap.spans.filter(\.isParameter)
    for (index, slot) in slotOrder(training.optimizer, weights: entries.count) {
      let entry = entries[index]
      let path =
        "\(name)/\(model.name)_" + entry.name.replacingOccurrences(of: "/", with: "_") + "_"
        + training.optimizer.rule.slotNames[slot]
      names.append(path)
      let numbers = Array(training.slots[slot].floats[entry.gradientOffset..<entry.gradientOffset + entry.count])
      group.setArray(Tensor(uncheckedShape: entry.shape, .float32(numbers)), at: path)
    }
    group.attributes["weight_names"] = .texts(names)
    return group
  }

  // MARK: Reading

  static func recipe(_ path: String, _ customLayers: [any SerializableLayer.Type]) throws -> ModelRecipe {
    let root = try HDF5Group.read(path)
    guard case .text(let text) = root.attributes["model_config"] else {
      throw AthanorError(
        .data, at: path, "it holds no model, only arrays", fix: "Define the model in code and call loadWeights(from:).")
    }
    let parsed = try architecture(Configuration(parsing: text, at: "\(path), model_config"), customLayers)
    // Before memory is taken for the weights that the architecture asks for, those of the file must be of these sizes.
    let (network, declared) = try network(parsed.inputShape, parsed.layers, path)
    var recipe = ModelRecipe(network, name: parsed.name)
    recipe.frozen = parsed.frozen
    recipe.weights = try tensors(root.groups["model_weights"] ?? HDF5Group(), declared, path)
    if case .text(let scale) = root.attributes[pixelAttribute] {
      guard let scale = Float(scale), scale.isFinite, scale != 0 else {
        throw AthanorError(.data, at: "\(path), \(pixelAttribute)", "the scale of pixels is \"\(scale)\"")
      }
      recipe.pixelScale = scale
    }
    let (attributes, optimizer) = (root.attributes, root.groups["optimizer_weights"])
    func progress() throws -> TrainingProgress? {
      guard case .text(let state) = attributes[stateAttribute] else { return nil }
      return try TrainingProgress(parsing: state, at: "\(path), \(stateAttribute)")
    }
    recipe.seed = (try? progress())?.seed ?? 0
    guard attributes["training_config"] != nil || attributes[stateAttribute] != nil else { return recipe }
    recipe.training = StoredTraining(at: "\(path), training_config") {
      try configuration(attributes, path)
    } restore: { model in
      try restore(model, optimizer, progress(), path)
    }
    return recipe
  }

  private static func configuration(
    _ attributes: [String: HDF5Group.Attribute], _ path: String
  ) throws -> TrainingConfiguration {
    let location = "\(path), training_config"
    guard case .text(let text) = attributes["training_config"] else {
      throw AthanorError(
        .unsupported, at: location,
        "it was compiled with a loss, a metric or an optimizer that has no name in Keras' files")
    }
    var configuration = try TrainingConfiguration(keras: Configuration(parsing: text, at: location))
    if case .text(let rate) = attributes[rateAttribute] {
      let location = "\(path), \(rateAttribute)"
      configuration.optimizer.learningRate = try LearningRate(
        serialized: JSONValue(parsing: rate, at: location), at: location)
    }
    return configuration
  }

  /// Puts a compiled model's training where the file says it stood.
  private static func restore(
    _ model: Model, _ optimizer: HDF5Group?, _ progress: TrainingProgress?, _ path: String
  ) throws {
    let training = try model.requireCompiled()
    try progress?.check(for: training, at: "\(path), \(stateAttribute)")
    let step = try loadOptimizer(optimizer, into: model, training, path)
    guard let progress else {
      model.progress.step = step ?? 0
      return
    }
    model.progress = progress
    model.hasLoadedProgress = true
    training.fixedRate = progress.fixedRate
  }

  static func architecture(
    _ model: Configuration, _ customLayers: [any SerializableLayer.Type]
  ) throws -> (name: String, inputShape: [Int], layers: [any GeneralLayer], frozen: Set<String>) {
    guard try model.text("class_name") == "Sequential" else {
      throw AthanorError(
        .unsupported, at: model.location,
        "it is a \(try model.text("class_name")) model, but only Sequential ones can be read")
    }
    let configuration = try Configuration(model["config"], at: model.location(of: "config"))
    guard case .array(let list) = configuration["layers"] else {
      throw configuration.error("layers", expected: "a list")
    }
    var shape: [Int]?
    var layers: [any GeneralLayer] = []
    var frozen: Set<String> = []
    for (index, item) in list.enumerated() {
      let object = try Configuration(item, at: "\(model.location).layers[\(index)]")
      let settings = try Configuration(object["config"], at: object.location(of: "config"))
      if shape == nil, case .array(let lengths) = settings["batch_shape"] ?? settings["batch_input_shape"] {
        shape = lengths.dropFirst().map { $0.integer ?? 0 }
      }
      if try object.text("class_name") == "InputLayer" { continue }
      let layer = try object.layer(index, customLayers: customLayers)
      layers.append(layer)
      if try !settings.flag("trainable", default: true), let name = layer.name { frozen.insert(name) }
    }
    guard let shape else {
      throw AthanorError(
        .data, at: model.location, "the shape of its input is not given", fix: "Build the model before saving it.")
    }
    return (try configuration.text("name", default: "sequential"), shape, layers, frozen)
  }

  /// The network of an architecture, and the weights that it asks for in the order of its layers.
  static func network(
    _ shape: [Int], _ layers: [any GeneralLayer], _ path: String
  ) throws -> (Network, [WeightDeclaration]) {
    do {
      var network = try Network(input: Input(shape))
      for layer in layers { try network.append(layer) }
      return (network, try network.declared().weights)
    } catch let error as AthanorError {
      throw error.within(path)
    }
  }

  /// The file's array for each declared weight, all of the right shape.
  static func tensors(
    _ group: HDF5Group, _ weights: [WeightDeclaration], _ path: String
  ) throws -> [String: Tensor] {
    guard let names = texts("layer_names", group) else {
      throw AthanorError(
        .data, at: path, "the names of the layers are missing", fix: "The file is damaged or of another kind.")
    }
    // Layers are matched in order, those without weights passed over, as Keras does.
    let stored = try names.compactMap { name -> (String, [Tensor])? in
      guard let layer = group.groups[name], let weights = texts("weight_names", layer) else { return nil }
      let tensors = try weights.map { weight in
        guard let tensor = layer.array(at: weight) else {
          throw AthanorError(
            .data, at: "\(path), \(name)", "weight \"\(weight)\" is missing", fix: "The file is damaged.")
        }
        return tensor
      }
      return tensors.isEmpty ? nil : (name, tensors)
    }
    var declared: [(name: String, weights: [WeightDeclaration])] = []
    for weight in weights {
      let name = String(weight.name.prefix { $0 != "/" })
      if declared.last?.name != name { declared.append((name, [])) }
      declared[declared.count - 1].weights.append(weight)
    }
    guard stored.count == declared.count else {
      throw AthanorError(
        .shape, at: path, "it has weights for \(stored.count) layers but the model has \(declared.count) with weights",
        fix: "The file belongs to another network.")
    }
    var tensors: [String: Tensor] = [:]
    for ((storedName, numbers), (name, weights)) in zip(stored, declared) {
      guard numbers.count == weights.count else {
        throw AthanorError(
          .shape, at: "\(path), \(storedName)", "it has \(numbers.count) weights but \(name) needs \(weights.count)",
          fix: "The file belongs to another network.")
      }
      for (tensor, weight) in zip(numbers, weights) {
        guard tensor.shape == weight.shape else {
          throw AthanorError(
            .shape, at: "\(path): weight \"\(weight.name)\"",
            "the model's has shape \(Shape.text(weight.shape)) but \(Shape.text(tensor.shape)) was given",
            fix: "The file or array belongs to another network.")
        }
        tensors[weight.name] = tensor
      }
    }
    return tensors
  }

  /// Takes over the optimizer's arrays, and returns the number of steps; nil when the file has none. It changes nothing when it throws.
  private static func loadOptimizer(
    _ group: HDF5Group?, into model: Model, _ training: Training, _ path: String
  ) throws -> Int? {
    guard let group, let names = texts("weight_names", group) else { return nil }
    var tensors = try names.map { name in
      guard let tensor = group.array(at: name) else {
        throw AthanorError(.data, at: "\(path), optimizer", "\"\(name)\" is missing", fix: "The file is damaged.")
      }
      return (name, tensor)
    }
    var step: Int?
    if let first = tensors.first, first.1.shape.isEmpty {
      step = Int(exactly: first.1.floats.first ?? 0)
      if case .int32(let values) = first.1.storage { step = Int(values.first ?? 0) }
      guard let step, step >= 0 else {
        throw AthanorError(
          .data, at: "\(path), \(first.0)", "the number of steps is \(first.1.floats.first ?? 0)",
          fix: "Load the file with compiled: false and compile again.")
      }
      tensors.removeFirst()
    }
    if let second = tensors.first, second.0.hasSuffix("learning_rate") { tensors.removeFirst() }
    let entries = model.weightMap.spans.filter(\.isParameter)
    let order = slotOrder(training.optimizer, weights: entries.count)
    guard tensors.count == order.count else {
      throw AthanorError(
        .shape, at: "\(path), optimizer",
        "it has \(tensors.count) arrays but the optimizer that the model is compiled with needs \(order.count)",
        fix: "Compile with the optimizer of the interrupted training.")
    }
    let places = order.map { (entries[$0.weight], training.slots[$0.slot]) }
    for ((name, tensor), (entry, _)) in zip(tensors, places) where tensor.shape != entry.shape {
      throw AthanorError(
        .shape, at: "\(path), \(name)",
        "it has shape \(Shape.text(tensor.shape)) but \(Shape.text(entry.shape)) is needed")
    }
    for ((_, tensor), (entry, slot)) in zip(tensors, places) {
      for (place, value) in tensor.floats.enumerated() { slot.floats[entry.gradientOffset + place] = value }
    }
    return step
  }

  /// A list of texts, which Keras cuts into numbered pieces when it is long.
  private static func texts(_ name: String, _ group: HDF5Group) -> [String]? {
    if case .texts(let values) = group.attributes[name] { return values }
    var result: [String] = []
    var number = 0
    while case .texts(let values) = group.attributes["\(name)\(number)"] {
      result += values
      number += 1
    }
    return number > 0 ? result : nil
  }
}
