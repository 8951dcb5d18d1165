import Athanor

/// The arrays of Keras 3 (`.weights.h5`, and within `.keras`): a group for each layer, named by its class and position.
enum KerasWeightFile {
  /// What the name of such a file ends in.
  static let ending = ".weights.h5"

  static func isKeras3(_ root: HDF5Group) -> Bool {
    root.groups["layers"] != nil || root.groups["_layer_checkpoint_dependencies"] != nil
  }

  // MARK: Writing

  /// - Parameter training: The training whose optimizer is written as well; nil for weights alone.
  static func contents(of model: Model, _ training: Training?) -> HDF5Group {
    var root = HDF5Group()
    root.groups["vars"] = names(model.name)
    let weights = KerasWeights(model)
    root.groups["layers"] = layers(weights.layers)
    let tensors = model.tensorsByName
    for (path, weight) in weights.places { root.setArray(tensors[weight.name], at: path) }
    guard let training else { return root }
    var optimizer = names(training.optimizer.variableName)
    for (number, array) in KerasOptimizer.arrays(model, training).enumerated() {
      optimizer.arrays["\(number)"] = array.tensor
    }
    root.groups["optimizer"] = HDF5Group()
    root.groups["optimizer"]?.groups["vars"] = optimizer
    return root
  }

  private static func names(_ name: String) -> HDF5Group { HDF5Group(attributes: ["name": .text(name)]) }

  /// The groups of layers without their arrays.
  private static func layers(_ layers: [KerasWeights.Layer]) -> HDF5Group {
    var group = HDF5Group()
    for layer in layers {
      var part = HDF5Group()
      part.groups["vars"] = names(layer.name)
      if !layer.nested.isEmpty { part.groups["layers"] = self.layers(layer.nested) }
      group.groups[layer.group] = part
    }
    return group
  }

  // MARK: Reading

  /// The file's array for each weight, all of the right shape.
  ///
  /// - Throws: `AthanorError` when one is missing, or the file has arrays that belong to no weight.
  static func tensors(_ root: HDF5Group, _ weights: KerasWeights, _ path: String) throws -> [String: Tensor] {
    guard root.groups["layers"] != nil else {
      throw AthanorError(
        .data, at: path, "it has no group \"layers\"",
        fix: "Only weights that Keras 3 wrote can be read; in older files they have another layout.")
    }
    var rest = root
    var tensors: [String: Tensor] = [:]
    for (place, weight) in weights.places {
      guard let tensor = root.array(at: place) else {
        throw AthanorError(
          .data, at: "\(path), \(place)", "the array of weight \"\(weight.name)\" is missing",
          fix: "The file is damaged or belongs to another network.")
      }
      tensors[weight.name] = try KerasRecipe.checked(tensor, weight, path)
      rest.setArray(nil, at: place)
    }
    if var layers = rest.groups["layers"] {
      dropTraining(of: weights.layers, &layers)
      rest.groups["layers"] = layers
    }
    if let left = firstArray(rest.groups["layers"] ?? HDF5Group(), "layers") {
      throw AthanorError(
        .data, at: "\(path), \(left)", "the model has no weight for this array",
        fix: "The file belongs to another network.")
    }
    return tensors
  }

  /// Drops what models within the model keep of trainings of their own: optimizers, metrics, losses.
  private static func dropTraining(of layers: [KerasWeights.Layer], _ group: inout HDF5Group) {
    for layer in layers where !layer.nested.isEmpty {
      guard var part = group.groups[layer.group] else { continue }
      part.groups = part.groups.filter { ["vars", "layers"].contains($0.key) }
      if var inner = part.groups["layers"] {
        dropTraining(of: layer.nested, &inner)
        part.groups["layers"] = inner
      }
      group.groups[layer.group] = part
    }
  }

  /// The path of an array that is left, besides the states of random numbers, which seeds replace here.
  private static func firstArray(_ group: HDF5Group, _ path: String) -> String? {
    if let name = group.arrays.keys.min() { return "\(path)/\(name)" }
    for (name, child) in group.groups.sorted(by: { $0.key < $1.key }) where name != "seed_generator" {
      if let found = firstArray(child, "\(path)/\(name)") { return found }
    }
    return nil
  }

  /// The optimizer's arrays in order; nil where there are none.
  static func optimizer(_ root: HDF5Group) -> [(name: String, tensor: Tensor)]? {
    guard let group = root.group(at: "optimizer/vars") else { return nil }
    return group.arrays.keys.compactMap(Int.init).sorted().compactMap { number in
      group.arrays["\(number)"].map { ("optimizer/vars/\(number)", $0) }
    }
  }
}
