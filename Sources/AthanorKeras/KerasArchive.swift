import Athanor
import AthanorArchives
import Foundation

/// Keras 3's `.keras`: a zip archive with the architecture and the training configuration (`config.json`), all arrays
/// (`model.weights.h5`), and what the file says of itself (`metadata.json`), where Athanor puts what Keras has no place for.
enum KerasArchive {
  private static let configName = "config.json"
  private static let metadataName = "metadata.json"
  private static let weightsName = "model.weights.h5"
  /// The keys in `metadata.json` of what Keras has no place for.
  private static let ownKey = "athanor"
  private static let stateKey = "state"
  private static let rateKey = "learning_rate"
  private static let pixelKey = "pixel_scale"
  private static let classKey = "class_names"
  private static let preparationKey = "picture_preparation"
  private static let kindKey = "output_kind"
  private static let tableKey = "table"
  private static let textKey = "text"

  // MARK: Writing

  static func contents(of model: Model) throws -> [(name: String, bytes: [UInt8])] {
    var config = try KerasArchitectureWriter.json(model, .current)
    var own: Configuration = [pixelKey: "\(model.pixelScale)"]
    if let names = model.classNames { own[classKey] = names.jsonValue }
    if let kind = model.statedOutputKind { own[kindKey] = .text(kind.rawValue) }
    if let preparation = model.picturePreparation { own[preparationKey] = .text(preparation.rawValue) }
    if let encoding = model.tableEncoding { own[tableKey] = encoding.jsonValue }
    if let words = model.textVectorization { own[textKey] = words.jsonValue }
    if let training = model.training {
      own[stateKey] = .text(try model.progress.text)
      if let json = TrainingConfiguration(training).kerasCompileConfiguration(outputs: model.network.kerasOutputNames) {
        config["compile_config"] = json
        if let rate = training.optimizer.learningRate.besideKeras { own[rateKey] = rate }
      }
    }
    let metadata: Configuration = ["keras_version": KerasFile.kerasVersion, "backend": KerasFile.backend, ownKey: own]
    return [
      (metadataName, Array(metadata.jsonValue.description.utf8)),
      (configName, Array(config.jsonValue.description.utf8)),
      (weightsName, try KerasWeightFile.contents(of: model, model.training).bytes(weightsName)),
    ]
  }

  // MARK: Reading

  static func recipe(_ path: String, _ custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    let contents = try Contents(path)
    let report = ReadingReport()
    func json(_ name: String) throws -> Configuration? {
      guard let bytes = try contents.bytes(name, limit: 256 << 20) else { return nil }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw AthanorError(.data, at: "\(path), \(name)", "it is not UTF-8", fix: "The file is damaged.")
      }
      return try Configuration(parsing: text, at: "\(path), \(name)", report: report)
    }
    guard let config = try json(configName) else {
      throw AthanorError(
        .data, at: path, "it is a zip archive without \(configName)",
        fix: "Give a .keras file that Keras 3 or Athanor wrote.")
    }
    let root = try contents.arrays()
    let metadata = try json(metadataName) ?? [:]
    let version = try metadata.text("keras_version", default: "")
    let names = KerasNames(config.jsonValue, version: version)
    var recipe = try KerasRecipe.recipe(config, custom, report, path, names) { weights in
      try KerasWeightFile.tensors(root, weights, "\(path), \(weightsName)")
    }
    if let asset = contents.archive.names().first(where: { $0.hasPrefix("assets/") && !$0.hasSuffix("/") }) {
      recipe.warnings.append(AthanorError(.unsupported, at: path, "\(asset) and other assets are not read"))
    }
    recipe.writer = KerasFile.writer(version, try metadata.text("backend", default: "").attribute)
    let own = try metadata.nested(ownKey)
    if case .text(let scale) = own[pixelKey] {
      try recipe.takePixelScale(scale, at: "\(path), \(metadataName), \(pixelKey)")
    }
    if !own.isMissing(classKey) { recipe.classNames = try own.texts(classKey) }
    if !own.isMissing(kindKey) {
      recipe.takeOutputKind(named: try own.text(kindKey), at: "\(path), \(metadataName)")
    }
    if !own.isMissing(preparationKey) {
      recipe.takePreparation(named: try own.text(preparationKey), at: "\(path), \(metadataName)")
    }
    if !own.isMissing(tableKey) { recipe.tableEncoding = try TableEncoding(own.nested(tableKey)) }
    if !own.isMissing(textKey) { recipe.textVectorization = try TextVectorization(own.nested(textKey)) }
    let compiled = try config.nested("compile_config")
    let place = "\(path), \(metadataName)"
    var state: (text: String, location: String)?
    if case .text(let text) = own[stateKey] { state = (text, "\(place), \(stateKey)") }
    guard !compiled.values.isEmpty || state != nil else { return recipe }
    if !compiled.isMissing("optimizer"), KerasWeightFile.optimizer(root) == nil {
      recipe.warnings.append(
        AthanorError(
          .data, at: "\(path), \(weightsName)",
          "it has no arrays of the optimizer, as files of the optimizers before TensorFlow 2.11, so the optimizer begins anew",
          fix: "Save the model as .h5 to keep them."))
    }
    KerasTraining(
      path: path, isOld: names.isOld, location: compiled.location,
      configuration: { compiled.values.isEmpty ? nil : compiled },
      rate: own[rateKey].map { ($0.description, "\(place), \(rateKey)") }, state: state,
      arrays: { KerasWeightFile.optimizer(root) }
    ).add(to: &recipe)
    return recipe
  }

  /// The archive of a file.
  struct Contents: ~Copyable {
    let archive: ZipArchive
    private let path: String
    /// The most that the archive can hold.
    private let limit: Int

    init(_ path: String) throws {
      let file = try FileBytes.read(path, limit: 1 << 36)
      archive = try ZipArchive(file, path: path)
      limit = max(64 << 20, file.count * HDF5Filters.deflateRatio)
      self.path = path
    }

    func bytes(_ name: String, limit: Int = .max) throws -> [UInt8]? {
      try archive.bytes(name, limit: min(self.limit, limit))
    }

    /// All arrays.
    func arrays() throws -> HDF5Group {
      guard let bytes = try bytes(weightsName) else {
        throw AthanorError(
          .unsupported, at: path, "it has no \(weightsName) but \(archive.names(limit: 20).joined(separator: ", "))",
          fix: "Save the model with Keras' default weights format.")
      }
      return try HDF5Group.read(bytes, path: "\(path), \(weightsName)")
    }
  }
}

extension String {
  /// The text as an attribute; nil for an empty one.
  fileprivate var attribute: HDF5Group.Attribute? { isEmpty ? nil : .text(self) }
}

extension KerasArchiveFiles: ModelFileReader, ModelFileWriter {
  private struct Format: ModelFileFormat {
    func check(_ model: Model, weightsOnly: Bool) throws {
      guard !weightsOnly else { return }
      _ = try KerasArchitectureWriter.json(model, .current)
    }

    func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
      guard !weightsOnly else {
        throw AthanorError(
          .unsupported, at: path, "a .keras file holds a whole model, not weights alone",
          fix: "Give the file a name that ends in \(KerasWeightFile.ending).")
      }
      try FileBytes.write(ZipWriter.archive(KerasArchive.contents(of: model)), to: path)
    }
  }

  package static var format: any ModelFileFormat { Format() }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try KerasArchive.recipe(path, custom)
  }

  package static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    try KerasWeightFile.tensors(KerasArchive.Contents(path).arrays(), KerasWeights(model), path)
  }

  package static func facts(_ path: String) throws -> FileFacts {
    let recipe = try KerasArchive.recipe(path, [])
    return FileFacts(format: "Keras 3, zip", writer: recipe.writer, try Model(recipe, threads: 1))
  }
}

extension KerasArchitectureFiles: ModelFileReader, ModelFileWriter {
  private struct Format: ModelFileFormat {
    func check(_ model: Model, weightsOnly: Bool) throws {
      guard !weightsOnly else {
        throw AthanorError(
          .unsupported, at: model.name, "a .json file holds the architecture, not weights",
          fix: "Give the file a name that ends in \(KerasWeightFile.ending).")
      }
      _ = try KerasArchitectureWriter.json(model, .current)
    }

    func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
      try check(model, weightsOnly: weightsOnly)
      try FileBytes.write(Array(KerasArchitectureWriter.json(model, .current).jsonValue.description.utf8), to: path)
    }
  }

  /// The most weights of a model that is made of an architecture alone: 1 GiB of memory.
  private static let weightLimit = 1 << 28

  package static var format: any ModelFileFormat { Format() }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    guard let text = String(validating: try FileBytes.read(path, limit: 256 << 20), as: UTF8.self) else {
      throw AthanorError(.data, at: path, "it is not UTF-8", fix: "Give the JSON that Keras' to_json() writes.")
    }
    let report = ReadingReport()
    let json = try Configuration(parsing: text, at: path, report: report)
    let names = KerasNames(json.jsonValue, version: try json.text("keras_version", default: ""))
    var recipe = try KerasRecipe.recipe(json, custom, report, path, names) { weights in
      let count = weights.layers.flatMap(\.allWeights).reduce(0) { sum, weight in
        sum &+ weight.shape.reduce(1, &*)
      }
      guard (0...weightLimit).contains(count) else {
        throw AthanorError(
          .data, at: path, "it asks for more than \(weightLimit) weights, and has none that could prove it",
          fix: "Define the model in code.")
      }
      return [:]
    }
    recipe.warnings.append(
      AthanorError(
        .data, at: path, "it holds the architecture alone, so the weights are new",
        code: "Load them with loadWeights(from:)."))
    return recipe
  }

  package static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    throw AthanorError(
      .unsupported, at: path, "a .json file holds no weights", fix: "Give the file that has them, such as .weights.h5.")
  }

  package static func facts(_ path: String) throws -> FileFacts {
    FileFacts(format: "Keras, architecture in JSON", try Model(contentsOf: path, threads: 1))
  }
}
