import Athanor

/// Keras' legacy `.h5` file, with architecture, weights, training configuration and the optimizer's state; and, in an attribute that Keras
/// passes over, where training stands.
struct KerasH5Format: ModelFileFormat {
  func check(_ model: Model, weightsOnly: Bool) throws {
    _ = try KerasFile.contents(of: model, weightsOnly: weightsOnly)
  }

  func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
    try KerasFile.contents(of: model, weightsOnly: weightsOnly).write(path)
  }
}

extension KerasFiles: ModelFileReader, ModelFileWriter {
  package static var format: any ModelFileFormat { KerasH5Format() }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try KerasFile.recipe(path, custom)
  }

  package static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    let root = try HDF5Group.read(path)
    return try KerasFile.tensors(root.groups["model_weights"] ?? root, model.built.weights, path)
  }

  package static func facts(_ path: String) throws -> FileFacts {
    FileFacts(format: "Keras, HDF5", try Model(contentsOf: path, threads: 1))
  }
}
