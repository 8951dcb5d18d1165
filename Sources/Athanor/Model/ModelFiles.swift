/// All that a file says of a model.
package struct ModelRecipe {
  package var network: Network
  package var name: String
  /// How the model was made; nil to be told from its network.
  package var form: Model.Form?
  package var seed: UInt64 = 0
  package var frozen: Set<String> = []
  package var weights: [String: Tensor] = [:]
  package var pixelScale: Float?
  package var picturePreparation: PicturePreparation?
  package var tableEncoding: TableEncoding?
  package var textVectorization: TextVectorization?
  package var classNames: [String]?
  /// What the file says that the outputs are; nil where it says nothing.
  package var outputKind: OutputKind?
  /// The program that wrote the file, as far as it says.
  package var writer = ""
  /// What the file says and the model does not take over.
  package var warnings: [AthanorError] = []
  /// Where the weights lie, for files that are read into their place; nil for a model that makes its own and takes over `weights`.
  package var weightMap: WeightMap?
  /// Where training stands; nil where the file says nothing.
  package var training: StoredTraining?

  package init(_ network: Network, name: String) {
    self.network = network
    self.name = name
  }

  /// An imported program as a model.
  ///
  /// - Parameter asLayers: Whether layers are looked for that compute what its operations do.
  /// - Throws: `AthanorError` when an input is impossible or an operation cannot be composed.
  package init(_ program: Program, name: String, asLayers: Bool = true) throws {
    var program = program
    let scale = try program.takePixelScale()
    let imported = try ImportedProgram(program.simplified(), asLayers: asLayers)
    self.init(imported.network, name: name)
    weights = imported.weights
    pixelScale = scale
  }
}

/// The training that a file holds.
package struct StoredTraining {
  /// The file and the place in it.
  package let location: String
  /// Optimizer, losses and metrics.
  ///
  /// - Throws: `AthanorError` when there are some that only the program which wrote the file knows.
  package let configuration: () throws -> TrainingConfiguration
  /// Puts the optimizer's arrays and progress into a compiled model; changes nothing when it throws.
  package let restore: (Model) throws -> Void

  package init(
    at location: String, configuration: @escaping () throws -> TrainingConfiguration,
    restore: @escaping (Model) throws -> Void
  ) {
    self.location = location
    self.configuration = configuration
    self.restore = restore
  }
}

extension Model {
  /// Reads a model from a file: `.safetensors`, Keras' `.keras`, `.h5` and `.json` (with `AthanorKeras`), Core ML's `.mlpackage` or `.mlmodel` (with
  /// `AthanorCoreML`), `.onnx` (with `AthanorONNX`).
  ///
  /// The operations of Core ML and ONNX models become the layers that compute the same. Those for which there is none are layers too, but
  /// Keras' files cannot hold them. Pictures of a Core ML model go in as `[N, H, W, C]`, as everywhere here; numbers have the shape that the
  /// file says. A model whose loss, metrics or optimizer only the program knows that wrote it is read without them (see `warnings`); once it is compiled
  /// with them, `fit(resume: true)` goes on with the same bits.
  ///
  /// - Parameters:
  ///   - path: The file or package; its contents say what it is, else its ending.
  ///   - threads: How many threads compute; nil for one per core.
  ///   - compiled: Whether loss, metrics, optimizer and its state are taken over if the file holds them.
  ///   - custom: Layers of your own that the file may name.
  /// - Throws: `AthanorError` that names the file and the place, when it is damaged or holds something unknown.
  /// - Example:
  ///   ```swift
  ///   let model = try Model(contentsOf: "digits.safetensors", custom: [Scale.self])
  ///   let probabilities = try model.predict(pictures)  // [N, 10]
  ///   ```
  public convenience init(
    contentsOf path: String, threads: Int? = nil, compiled: Bool = true, custom: [any SerializableLayer.Type] = []
  ) throws {
    let recipe = try ModelFormat.reader(of: path).recipe(path, custom: custom)
    try self.init(recipe, threads: threads, compiled: compiled)
  }

  /// Makes the model that a file describes.
  package convenience init(_ recipe: ModelRecipe, threads: Int?, compiled: Bool = true) throws {
    try self.init(
      recipe.network, name: recipe.name, form: recipe.form, seed: recipe.seed, threads: threads,
      sharing: recipe.weightMap,
      frozen: recipe.frozen)
    try setWeights(recipe.weights)
    warn(of: recipe.warnings)
    if let scale = recipe.pixelScale { pixelScale = scale }
    picturePreparation = recipe.picturePreparation
    declaredOutputKind = recipe.outputKind
    if let names = recipe.classNames {
      guard outputShape.lengths.last == names.count || classCount == names.count else {
        throw AthanorError(
          .data, at: recipe.name, "it names \(names.count) classes, but its output has shape \(outputShape)",
          fix: "The file is damaged.")
      }
      classNames = try ClassNames.required(names, recipe.name)
    }
    textVectorization = recipe.textVectorization
    if let encoding = recipe.tableEncoding {
      try encoding.check(self, at: recipe.name)
      tableEncoding = encoding
    }
    guard let stored = recipe.training else { return }
    pendingState = stored.restore
    guard compiled else { return }
    do {
      try compile(stored.configuration())
    } catch let error as AthanorError {
      // Predictions do not need what only training knows.
      let place = error.location.hasPrefix(stored.location) ? error : error.within(stored.location)
      let warning = AthanorError(
        error.kind, at: place.location, "\(error.problem), so the model is not compiled",
        code: "Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the file stands."
      )
      warn(of: [warning])
      return
    }
    do {
      try stored.restore(self)
      pendingState = nil
    } catch let error as AthanorError {
      // Nor what the optimizer keeps; `fit(resume: true)` says again what is wrong.
      warn(of: [error.moved(to: error.location, ", so the optimizer begins anew")])
    }
  }
}
