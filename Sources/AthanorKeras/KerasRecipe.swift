import Athanor

/// What Keras' containers have in common: a model from its JSON and arrays.
enum KerasRecipe {
  /// The model that JSON describes, with its weights.
  ///
  /// - Parameters:
  ///   - names: The names that are others here.
  ///   - tensors: The file's arrays for the weights that the model declares. They are asked for before memory is taken for the weights.
  /// - Throws: `AthanorError` that names the place.
  static func recipe(
    _ json: Configuration, _ custom: [any SerializableLayer.Type], _ report: ReadingReport, _ path: String,
    _ names: KerasNames, tensors: (KerasWeights) throws -> [String: Tensor]
  ) throws -> ModelRecipe {
    var context = KerasArchitecture.Context(custom: custom)
    names.warn(json)
    let json = names.renamed(json)
    var (architecture, built) = try declared(json, &context, path)
    let weights = KerasWeights(
      architecture.network, architecture.form, built.weights,
      frozen: architecture.frozen.layers.union(architecture.frozen.models))
    let numbers = try tensors(weights)
    if architecture.network.entries.contains(where: { $0.layer is NestedNetwork }) {
      // Models within the model refer to the memory of its weights.
      context.weights = try WeightMap(WeightStore(built.weights))
      architecture = try KerasArchitecture(json, context)
      for (place, weight) in built.weights.enumerated() where numbers[weight.name] == nil {
        context.weights.initialize(weight, place: place, seed: 0)
      }
    }
    var recipe = ModelRecipe(architecture.network, name: architecture.name)
    recipe.form = architecture.form
    recipe.frozen = architecture.frozen.layers
    recipe.weights = numbers
    if !context.weights.spans.isEmpty { recipe.weightMap = context.weights }
    recipe.warnings = report.warnings
    return recipe
  }

  /// The architecture, and the weights that it asks for. Open lengths of two inputs are taken for independent where the layers allow it.
  private static func declared(
    _ json: Configuration, _ context: inout KerasArchitecture.Context, _ path: String
  ) throws -> (KerasArchitecture, Network.Built) {
    let architecture = try KerasArchitecture(json, context)
    do {
      return (architecture, try architecture.network.declared())
    } catch let error as AthanorError {
      context.hasIndependentLengths = false
      let other = try KerasArchitecture(json, context)
      guard let built = try? other.network.declared() else { throw error.within(path) }
      return (other, built)
    }
  }

  /// An array of a file, if it has the shape of a weight.
  static func checked(_ tensor: Tensor, _ weight: WeightDeclaration, _ path: String) throws -> Tensor {
    guard tensor.shape == weight.shape else {
      throw AthanorError(
        .shape, at: "\(path): weight \"\(weight.name)\"",
        "the model's has shape \(Shape.text(weight.shape)) but \(Shape.text(tensor.shape)) was given",
        fix: "The file or array belongs to another network.")
    }
    return tensor
  }
}

/// What a file says of a model's training.
struct KerasTraining {
  /// The file, and the place of the configuration in it.
  let path: String
  /// Whether a Keras before version 3 wrote it.
  let isOld: Bool
  let location: String
  /// Keras' configuration; nil where it has no name for something that the model was compiled with.
  ///
  /// - Throws: `AthanorError` when it is damaged.
  let configuration: () throws -> Configuration?
  /// What Keras has no place for, with its place in the file: the learning rate where Keras' form is not exact, and where training stands.
  var rate: (text: String, location: String)?
  var state: (text: String, location: String)?
  /// The optimizer's arrays in the file's order; nil where the file has none.
  ///
  /// - Throws: `AthanorError` when one is missing.
  let arrays: () throws -> [(name: String, tensor: Tensor)]?

  private func progress() throws -> TrainingProgress? {
    try state.map { try TrainingProgress(parsing: $0.text, at: $0.location) }
  }

  /// Adds the training to a model that was read.
  func add(to recipe: inout ModelRecipe) {
    recipe.seed = (try? progress())?.seed ?? 0
    let outputs = recipe.network.outputs.map(\.name)
    recipe.training = StoredTraining(
      at: location,
      configuration: {
        guard let configuration = try configuration() else {
          throw AthanorError(
            .unsupported, at: location,
            "it was compiled with a loss, a metric or an optimizer that has no name in Keras' files")
        }
        var training = try TrainingConfiguration(keras: configuration, outputs: outputs, isOld: isOld)
        if let rate {
          training.optimizer.learningRate = try LearningRate(
            serialized: JSONValue(parsing: rate.text, at: rate.location), at: rate.location)
        }
        return training
      },
      restore: { try KerasOptimizer.restore($0, arrays(), progress(), path) })
  }
}

extension LearningRate {
  /// The rate in JSON where Keras' form of it is not exact; nil where it is, and for a rate that only the program knows.
  var besideKeras: JSONValue? { serialized == kerasSerialized ? nil : serialized }
}

extension Model {
  /// The weights' numbers by name.
  var tensorsByName: [String: Tensor] {
    Dictionary(weights.map { ($0.name, $0.tensor) }, uniquingKeysWith: { $1 })
  }
}
