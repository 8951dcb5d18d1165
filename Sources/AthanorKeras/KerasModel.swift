import Athanor
import Foundation

/// Keras' legacy `.h5` file, with architecture, weights, training configuration and the optimizer's state; and, in an attribute that Keras
/// passes over, where training stands.
public struct KerasH5Format: ModelFileFormat {
  /// The format has no settings.
  public init() {}

  public func check(_ model: Model, weightsOnly: Bool) throws {
    _ = try KerasFile.contents(of: model, weightsOnly: weightsOnly)
  }

  public func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
    try KerasFile.contents(of: model, weightsOnly: weightsOnly).write(path)
  }
}

extension ModelCheckpoint {
  /// Saves `.h5` files; parameters as in the designated initialiser.
  public convenience init(
    _ path: String, monitor: Monitor = .validationLoss, mode: MonitorMode = .auto, saveBestOnly: Bool = false,
    weightsOnly: Bool = false, everyBatches: Int? = nil
  ) {
    self.init(
      path, monitor: monitor, mode: mode, saveBestOnly: saveBestOnly, weightsOnly: weightsOnly,
      everyBatches: everyBatches, format: KerasH5Format())
  }
}

extension Model {
  /// Writes the model into a `.h5` file that Keras reads, atomically.
  ///
  /// - Throws: `AthanorError` when the ending is not `.h5` or `.hdf5`, a layer has no name in Keras, or the file cannot be written.
  public func save(to path: String) throws {
    guard path.hasSuffix(".h5") || path.hasSuffix(".hdf5") else {
      throw AthanorError(
        .unsupported, at: path, "models are written into .h5 files", fix: "Give the file the ending .h5.")
    }
    try KerasH5Format().write(self, to: path, weightsOnly: false)
  }

  /// Reads a model from a `.h5` file that names layers of your own.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - threads: How many threads compute; nil for one per core.
  ///   - compiled: Whether loss, metrics, optimizer and its state are taken over if the file holds them.
  ///   - customLayers: Layers of your own that the file may name.
  /// - Throws: `AthanorError` that names the file and the place, when it is damaged or holds something unknown.
  public convenience init(
    contentsOf path: String, threads: Int? = nil, compiled: Bool = true, customLayers: [any KerasLayer.Type]
  ) throws {
    try self.init(KerasFile.recipe(path, compiled: compiled, customLayers), threads: threads)
  }

  /// Takes over the weights of a `.h5` file, layer by layer in order.
  ///
  /// - Throws: `AthanorError` when the file is damaged or belongs to another network; then nothing is changed.
  public func loadWeights(from path: String) throws {
    let root = try HDF5Group.read(path)
    try setWeights(KerasFile.tensors(root.groups["model_weights"] ?? root, built.weights, path))
  }
}

extension KerasFiles: ModelFileReader {
  package static func recipe(_ path: String, compiled: Bool) throws -> ModelRecipe {
    try KerasFile.recipe(path, compiled: compiled, [])
  }

  package static func facts(_ path: String) throws -> FileFacts {
    let model = try Model(contentsOf: path, threads: 1)
    var facts = FileFacts(format: "Keras, HDF5")
    facts.inputs = [
      .init(name: model.network.inputs[0].name, type: "float32 \(Shape([nil] + model.inputShape.map { $0 }))")
    ]
    facts.outputs = [.init(name: model.network.entries.last?.name ?? "", type: "float32 \(model.outputShape)")]
    facts.facts = [.init("Name", model.name), .init("Pixels are multiplied by", "\(model.pixelScale)")]
    if let training = model.training {
      facts.facts += [
        .init("Loss", training.loss.name), .init("Optimizer", KerasTraining.kerasName(training.optimizer)),
        .init("Trained", "\(model.progress.epoch) epochs, \(model.progress.step) steps"),
      ]
    }
    facts.operations = model.summaryRows.map {
      .init(name: $0.name, kind: $0.kind, result: $0.output, weights: $0.parameters)
    }
    facts.weightTypes = ["float32"]
    return facts
  }
}
