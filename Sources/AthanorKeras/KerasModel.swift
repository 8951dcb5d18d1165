import Athanor

/// Keras' `.h5` files: the legacy one, with architecture, weights, training configuration and the optimizer's state, and in an attribute
/// that Keras passes over where training stands; and `.weights.h5` of Keras 3.
struct KerasH5Format: ModelFileFormat {
  func check(_ model: Model, weightsOnly: Bool) throws {
    _ = try KerasFile.contents(of: model, weightsOnly: weightsOnly)
  }

  func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
    let contents =
      path.hasSuffix(KerasWeightFile.ending)
      ? KerasWeightFile.contents(of: model, nil) : try KerasFile.contents(of: model, weightsOnly: weightsOnly)
    try contents.write(path)
  }
}

extension KerasFiles: ModelFileReader, ModelFileWriter {
  package static var format: any ModelFileFormat { KerasH5Format() }

  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try KerasFile.recipe(HDF5Group.read(path), path, custom)
  }

  package static func weights(_ path: String, for model: Model) throws -> [String: Tensor] {
    let root = try HDF5Group.read(path)
    let weights = KerasWeights(model)
    return KerasWeightFile.isKeras3(root)
      ? try KerasWeightFile.tensors(root, weights, path)
      : try KerasFile.tensors(root.groups["model_weights"] ?? root, weights, path)
  }

  package static func facts(_ path: String) throws -> FileFacts {
    let root = try HDF5Group.read(path)
    let writer = KerasFile.writer(
      KerasFile.version(root), root.attributes["backend"] ?? root.groups["model_weights"]?.attributes["backend"])
    guard root.attributes["model_config"] == nil else {
      return FileFacts(
        format: "Keras, HDF5", writer: writer, try Model(KerasFile.recipe(root, path, []), threads: 1))
    }
    var facts = FileFacts(
      format: KerasWeightFile.isKeras3(root) ? "Keras 3, arrays alone" : "Keras, HDF5, arrays alone")
    facts.facts = [FileFacts.Fact("Written by", writer)]
    facts.weights = root.tensors.map { FileFacts.Weight($0.name, $0.tensor) }
    return facts
  }
}
