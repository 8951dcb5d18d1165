import Foundation

/// All that a file says of a model.
package struct ModelRecipe {
  package var network: Network
  package var name: String
  package var seed: UInt64 = 0
  package var frozen: Set<String> = []
  package var weights: [String: Tensor] = [:]
  package var pixelScale: Float?
  package var classNames: [String]?
  /// What is left to do with the finished model: loss, optimizer, where training stands.
  package var finish: (Model) throws -> Void = { _ in }

  package init(_ network: Network, name: String) {
    self.network = network
    self.name = name
  }

  /// An imported program as a model.
  ///
  /// - Throws: `AthanorError` when an input is impossible or an operation cannot be composed.
  package init(_ program: Program, name: String) throws {
    var program = program
    let scale = try program.takePixelScale()
    self.init(try ImportedNetwork(program, name: "network").network(), name: name)
    pixelScale = scale
  }
}

/// Reads files of one format. The formats' modules conform the types below to it; a program that links a module can read its
/// files, and nothing need be registered.
package protocol ModelFileReader {
  /// - Throws: `AthanorError` that names the file and the place.
  static func recipe(_ path: String, compiled: Bool) throws -> ModelRecipe
  /// What the file says of itself.
  ///
  /// - Throws: `AthanorError` that names the file and the place.
  static func facts(_ path: String) throws -> FileFacts
}

/// `.h5`; conforms in `AthanorKeras`.
package enum KerasFiles {}
/// `.mlpackage` and `.mlmodel`; conforms in `AthanorCoreML`.
package enum CoreMLFiles {}
/// `.onnx`; conforms in `AthanorONNX`.
package enum OnnxFiles {}

extension Model {
  /// Reads a model from a file: Keras' `.h5` (with `AthanorKeras`), Core ML's `.mlpackage` or `.mlmodel` (with `AthanorCoreML`), `.onnx`
  /// (with `AthanorONNX`).
  ///
  /// Pictures of a Core ML model go in as `[N, H, W, C]`, as everywhere here; numbers have the shape that the file says.
  ///
  /// - Parameters:
  ///   - path: The file or package; its ending says what it is.
  ///   - threads: How many threads compute; nil for one per core.
  ///   - compiled: Whether loss, metrics, optimizer and its state are taken over if the file holds them.
  /// - Throws: `AthanorError` that names the file and the place, when it is damaged or holds something unknown.
  /// - Example:
  ///   ```swift
  ///   let model = try Model(contentsOf: "Digits.mlpackage")
  ///   let probabilities = try model.predict(pictures)  // [N, 10]
  ///   ```
  public convenience init(contentsOf path: String, threads: Int? = nil, compiled: Bool = true) throws {
    try self.init(Model.reader(of: path).recipe(path, compiled: compiled), threads: threads)
  }

  /// The reader of a file, by its name's ending.
  ///
  /// - Throws: `AthanorError` when its module is not part of the program.
  package static func reader(of path: String) throws -> any ModelFileReader.Type {
    var name = path
    while name.hasSuffix("/") { name.removeLast() }
    let (reader, module): (Any.Type, String) =
      switch (name as NSString).pathExtension.lowercased() {
      case "mlpackage", "mlmodel": (CoreMLFiles.self, "AthanorCoreML")
      case "onnx": (OnnxFiles.self, "AthanorONNX")
      default: (KerasFiles.self, "AthanorKeras")
      }
    if let reader = reader as? any ModelFileReader.Type { return reader }
    throw AthanorError(
      .unsupported, at: path, "this program cannot read such files",
      fix: "Add \(module) to its target's dependencies and `import \(module)`.")
  }

  /// Makes the model that a file describes.
  package convenience init(_ recipe: ModelRecipe, threads: Int?) throws {
    try self.init(
      recipe.network, name: recipe.name, seed: recipe.seed, threads: threads, frozen: recipe.frozen)
    try setWeights(recipe.weights)
    if let scale = recipe.pixelScale { pixelScale = scale }
    if let names = recipe.classNames {
      guard outputShape.lengths.last == names.count else {
        throw AthanorError(
          .data, at: recipe.name, "it names \(names.count) classes, but its output has shape \(outputShape)",
          fix: "The file is damaged.")
      }
      classNames = names
    }
    try recipe.finish(self)
  }
}
