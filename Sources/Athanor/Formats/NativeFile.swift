/// Athanor's own files: a `.safetensors` container with all that a model and its training are.
///
/// The metadata are texts: `athanor` (the version of this layout), `model` (the architecture and where weights lie), and of a compiled
/// model `training` (the configuration) and `progress` (where training stands). The tensors are the weights by their names,
/// the optimizer's arrays (`optimizer/momentum/dense/kernel`), and the arrays of callbacks (`callbacks/0 EarlyStopping/dense/kernel`).
enum NativeFile {
  private static let version = "1"
  private static let versionKey = "athanor"
  private static let modelKey = "model"
  private static let trainingKey = "training"
  private static let progressKey = "progress"
  private static let preparationKey = "picture_preparation"
  private static let kindKey = "output_kind"
  private static let tableKey = "table"
  private static let textKey = "text"
  private static let optimizerPrefix = "optimizer/"
  private static let callbackPrefix = "callbacks/"

  // MARK: Writing

  /// What a file of the model holds.
  ///
  /// - Throws: `AthanorError` that names the layer when files cannot hold it.
  static func contents(
    of model: Model, weightsOnly: Bool
  ) throws -> (tensors: [SafetensorsSource], metadata: [String: String]) {
    let map = model.weightMap
    let places = WeightPlaces(map)
    var tensors = map.spans.filter { places.shared[$0.name] == nil }.map { span in
      source(span.name, span.shape, map.values(of: span), keeping: map.stores[span.store])
    }
    if weightsOnly { return (tensors, [:]) }
    var description: Configuration = [
      "name": model.name, "seed": String(model.seed), "pixel_scale": Double(model.pixelScale),
      "network": try model.network.serialized(frozen: model.frozen), "stores": places.stores, "shared": places.shared,
    ]
    if let names = model.classNames { description["class_names"] = names.jsonValue }
    if let kind = model.statedOutputKind { description[kindKey] = .text(kind.rawValue) }
    if let preparation = model.picturePreparation { description[preparationKey] = .text(preparation.rawValue) }
    if let encoding = model.tableEncoding { description[tableKey] = encoding.jsonValue }
    if let words = model.textVectorization { description[textKey] = words.jsonValue }
    var metadata = [versionKey: version, modelKey: description.jsonValue.description]
    guard let training = model.training else { return (tensors, metadata) }
    metadata[trainingKey] = TrainingConfiguration(training).serialized.description
    metadata[progressKey] = try model.progress.text
    for (slot, numbers) in zip(training.optimizer.slotNames, training.slots) {
      for span in map.spans where span.isParameter && places.shared[span.name] == nil {
        let part = numbers.floats[span.gradientOffset..<span.gradientOffset + span.count]
        tensors.append(
          source(
            "\(optimizerPrefix)\(slot)/\(span.name)", span.shape, UnsafeMutableBufferPointer(rebasing: part),
            keeping: training))
      }
    }
    for (callback, arrays) in model.progress.callbackArrays {
      for (name, numbers) in arrays {
        tensors.append(
          SafetensorsSource("\(callbackPrefix)\(callback)/\(name)", .float32, shape: [numbers.count]) {
            try numbers.withUnsafeBytes($0)
          })
      }
    }
    return (tensors, metadata)
  }

  private static func source(
    _ name: String, _ shape: [Int], _ numbers: UnsafeMutableBufferPointer<Float>, keeping owner: AnyObject
  ) -> SafetensorsSource {
    SafetensorsSource(name, .float32, shape: shape) { body in
      try withExtendedLifetime(owner) { try body(UnsafeRawBufferPointer(numbers)) }
    }
  }

  // MARK: Reading

  static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    let file = try SafetensorsReader(path)
    guard let text = file.metadata[modelKey], let written = file.metadata[versionKey] else {
      throw AthanorError(
        .data, at: path, "it holds no model, only arrays",
        code: "Define the model in code and call loadWeights(from:).",
        command: "Give the file that holds the whole model.")
    }
    guard written == version else {
      throw AthanorError(
        .unsupported, at: path, "its layout is version \(written.prefix(80)) but only version \(version) can be read",
        fix: "Use a newer Athanor.")
    }
    let report = ReadingReport()
    let description = try Configuration(parsing: text, at: "\(path), \(modelKey)", report: report)
    // Before memory is taken for the weights that the architecture asks for, those of the file must be of these sizes.
    let architecture = try description.nested("network")
    let first = try Network.read(architecture, weights: WeightMap(), custom: custom).network
    let declared: [WeightDeclaration]
    do {
      declared = try first.declared().weights
    } catch let error as AthanorError {
      throw error.within(path)
    }
    let places = try WeightPlaces(description)
    try check(file, declared, places)
    let map = try places.map(declared, at: description.location)
    for span in map.spans where places.shared[span.name] == nil {
      try file.read(span.name, into: UnsafeMutableRawBufferPointer(map.values(of: span)))
    }
    let (network, frozen) = try Network.read(architecture, weights: map, custom: custom)
    var recipe = ModelRecipe(network, name: try description.text("name"))
    recipe.weightMap = map
    recipe.frozen = frozen
    guard let seed = UInt64(try description.text("seed")) else { throw description.error("seed", expected: "a number") }
    recipe.seed = seed
    let scale = Float(try description.number("pixel_scale"))
    guard scale.isFinite, scale != 0 else {
      throw description.error("pixel_scale", expected: "a number that is not 0")
    }
    recipe.pixelScale = scale
    if !description.isMissing("class_names") { recipe.classNames = try description.texts("class_names") }
    if !description.isMissing(kindKey) {
      recipe.takeOutputKind(named: try description.text(kindKey), at: description.location)
    }
    if !description.isMissing(preparationKey) {
      recipe.takePreparation(named: try description.text(preparationKey), at: description.location)
    }
    if !description.isMissing(tableKey) { recipe.tableEncoding = try TableEncoding(description.nested(tableKey)) }
    if !description.isMissing(textKey) { recipe.textVectorization = try TextVectorization(description.nested(textKey)) }
    try description.requireAllRead()
    recipe.warnings += report.warnings
    recipe.training = try training(file)
    return recipe
  }

  /// The tensors for a model's weights, by name.
  static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    let file = try SafetensorsReader(path)
    let places = WeightPlaces(model.weightMap)
    try check(file, model.built.weights, places)
    var tensors: [String: Tensor] = [:]
    for weight in model.built.weights where places.shared[weight.name] == nil {
      tensors[weight.name] = try file.tensor(weight.name)
    }
    return tensors
  }

  /// Checks that the file has a tensor of the right size for each weight, and none that belongs to nothing.
  private static func check(
    _ file: SafetensorsReader, _ declared: [WeightDeclaration], _ places: WeightPlaces
  ) throws {
    var unused = Set(file.entries.keys.filter { !$0.hasPrefix(optimizerPrefix) && !$0.hasPrefix(callbackPrefix) })
    for weight in declared where places.shared[weight.name] == nil {
      try file.require(weight.name, shape: weight.shape)
      unused.remove(weight.name)
    }
    if let name = unused.min() {
      throw AthanorError(
        .data, at: "\(file.path), tensor \"\(name)\"", "the model has no weight of this name",
        fix: "The file is damaged or belongs to another network.")
    }
  }

  private static func training(_ file: SafetensorsReader) throws -> StoredTraining? {
    guard let text = file.metadata[trainingKey], let state = file.metadata[progressKey] else { return nil }
    let location = "\(file.path), \(trainingKey)"
    return StoredTraining(at: location) {
      try TrainingConfiguration(Configuration(parsing: text, at: location))
    } restore: { model in
      try restore(model, file, TrainingProgress(parsing: state, at: "\(file.path), \(progressKey)"))
    }
  }

  /// Puts the optimizer's arrays and progress into a compiled model.
  private static func restore(_ model: Model, _ file: SafetensorsReader, _ stored: TrainingProgress) throws {
    let training = try model.requireCompiled()
    var progress = stored
    try progress.check(for: training, at: "\(file.path), \(progressKey)")
    let spans = model.weightMap.spans.filter(\.isParameter)
    let slots = training.optimizer.slotNames
    var names: [(name: String, slot: Int, span: WeightMap.Span)] = []
    for (slot, slotName) in slots.enumerated() {
      for span in spans { names.append(("\(optimizerPrefix)\(slotName)/\(span.name)", slot, span)) }
    }
    // Weights that are shared stand in the file under one of their names.
    let held = names.filter { file.entries[$0.name] != nil }
    let unknown = Set(file.entries.keys.filter { $0.hasPrefix(optimizerPrefix) && model.weightMap[$0] == nil })
      .subtracting(held.map(\.name))
    let covered = Set(held.map { Place(slot: $0.slot, offset: $0.span.gradientOffset) })
    let missing = names.filter { !covered.contains(Place(slot: $0.slot, offset: $0.span.gradientOffset)) }
    if let name = unknown.min() ?? missing.map(\.name).min() {
      throw AthanorError(
        .argument, at: "\(file.path), optimizer",
        "tensor \"\(name)\" is \(unknown.isEmpty ? "missing" : "left over") for the optimizer that the model is compiled with, "
          + "which keeps \(slots.isEmpty ? "nothing" : slots.joined(separator: ", "))",
        fix: "Compile with the optimizer of the interrupted training.")
    }
    for (name, _, span) in held { try file.require(name, shape: span.shape) }
    for (name, entry) in file.entries where name.hasPrefix(callbackPrefix) && model.weightMap[name] == nil {
      try file.require(name, shape: entry.shape)
      let rest = name.dropFirst(callbackPrefix.count)
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      progress.callbackArrays[String(rest[..<slash]), default: [:]][String(rest[slash...].dropFirst())] =
        try file.tensor(name).floats
    }
    for (name, slot, span) in held {
      let part = training.slots[slot].floats[span.gradientOffset..<span.gradientOffset + span.count]
      try file.read(name, into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: part)))
    }
    model.progress = progress
    model.hasLoadedProgress = true
    training.fixedRate = progress.fixedRate
  }

  private struct Place: Hashable {
    let slot: Int
    let offset: Int
  }
}

extension SafetensorsReader {
  /// Checks that there is a tensor of 32-bit numbers of a shape.
  ///
  /// - Throws: `AthanorError` that names file and tensor.
  func require(_ name: String, shape: [Int]) throws {
    let entry = try entry(name)
    guard entry.shape == shape else {
      throw AthanorError(
        .shape, at: location(name),
        "it has shape \(Shape.text(entry.shape)) but the model needs \(Shape.text(shape))",
        fix: "The file is damaged or belongs to another network.")
    }
    guard entry.type == .float32 else {
      throw AthanorError(
        .unsupported, at: location(name),
        "its elements are \(entry.type.rawValue) but a model's are \(Safetensors.ElementType.float32.rawValue)",
        fix: "Convert the file to 32-bit numbers.")
    }
  }
}

extension NativeFiles: ModelFileReader, ModelFileWriter {
  private struct Format: ModelFileFormat {
    func check(_ model: Model, weightsOnly: Bool) throws {
      _ = try NativeFile.contents(of: model, weightsOnly: weightsOnly)
    }

    func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
      let contents = try NativeFile.contents(of: model, weightsOnly: weightsOnly)
      try SafetensorsWriter.write(contents.tensors, metadata: contents.metadata, to: path)
    }
  }

  package static var format: any ModelFileFormat { Format() }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try NativeFile.recipe(path, custom: custom)
  }

  package static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    try NativeFile.weights(path, for: model)
  }

  package static func facts(_ path: String) throws -> FileFacts {
    FileFacts(format: "Athanor, safetensors", writer: "Athanor", try Model(contentsOf: path, threads: 1))
  }
}
