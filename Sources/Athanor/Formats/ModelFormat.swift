import Foundation

/// Reads files of one format.
package protocol ModelFileReader {
  /// All that a file says of a model.
  ///
  /// - Parameter custom: Layers of the program's own that the file may name.
  /// - Throws: `AthanorError` that names the file and the place.
  static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe
  /// What the file says of itself.
  ///
  /// - Throws: `AthanorError` that names the file and the place.
  static func facts(_ path: String) throws -> FileFacts
}

/// Writes models into files of one format, and reads weights alone.
package protocol ModelFileWriter {
  static var format: any ModelFileFormat { get }
  /// The file's tensors for the model's weights, by the model's names.
  ///
  /// - Throws: `AthanorError` when the file is damaged or belongs to another network.
  static func weights(_ path: String, for model: Model) throws -> [String: Tensor]
}

/// `.safetensors`
package enum NativeFiles {}
/// `.h5` and `.weights.h5`; conforms in `AthanorKeras`.
package enum KerasFiles {}
/// `.keras`; conforms in `AthanorKeras`.
package enum KerasArchiveFiles {}
/// The architecture in JSON; conforms in `AthanorKeras`.
package enum KerasArchitectureFiles {}
/// `.mlpackage` and `.mlmodel`; conforms in `AthanorCoreML`.
package enum CoreMLFiles {}
/// `.onnx`; conforms in `AthanorONNX`.
package enum OnnxFiles {}

/// A format of model files. The formats' modules conform `files` to the protocols above; a program that links a module can use its
/// format, and nothing need be registered.
package struct ModelFormat: Sendable {
  let endings: [String]
  let module: String
  /// Whether models can be saved in it; exports are another matter.
  let isWritten: Bool
  let files: Any.Type
  /// Whether a file that begins with these 16 bytes is of this format; nil when bytes do not tell.
  let isMarked: (@Sendable (_ start: [UInt8]) -> Bool)?

  package init(
    endings: [String], module: String, isWritten: Bool, files: Any.Type,
    isMarked: (@Sendable (_ start: [UInt8]) -> Bool)? = nil
  ) {
    self.endings = endings
    self.module = module
    self.isWritten = isWritten
    self.files = files
    self.isMarked = isMarked
  }

  /// All formats.
  package static let all: [ModelFormat] = [
    ModelFormat(
      endings: ["safetensors"], module: "Athanor", isWritten: true, files: NativeFiles.self,
      // The length of a header below 2^32, and the header's first character.
      isMarked: { $0[4..<8].allSatisfy { $0 == 0 } && $0[8] == UInt8(ascii: "{") }),
    ModelFormat(
      endings: ["h5", "hdf5"], module: "AthanorKeras", isWritten: true, files: KerasFiles.self,
      isMarked: { $0.starts(with: [0x89] + Array("HDF\r\n\u{1A}\n".utf8)) }),
    ModelFormat(
      endings: ["keras"], module: "AthanorKeras", isWritten: true, files: KerasArchiveFiles.self,
      isMarked: { $0.starts(with: Array("PK".utf8) + [3, 4]) }),
    ModelFormat(
      endings: ["json"], module: "AthanorKeras", isWritten: true, files: KerasArchitectureFiles.self,
      isMarked: { $0.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{") }),
    ModelFormat(
      endings: ["mlpackage", "mlmodel"], module: "AthanorCoreML", isWritten: false, files: CoreMLFiles.self),
    ModelFormat(endings: ["onnx"], module: "AthanorONNX", isWritten: false, files: OnnxFiles.self),
  ]

  private static func list(_ formats: [ModelFormat]) -> String {
    formats.flatMap(\.endings).map { "." + $0 }.joined(separator: ", ")
  }

  /// The format of a name's ending; nil when there is none.
  static func named(_ path: String) -> ModelFormat? {
    var name = path
    while name.hasSuffix("/") { name.removeLast() }
    let ending = (name as NSString).pathExtension.lowercased()
    return all.first { $0.endings.contains(ending) }
  }

  /// The reader of a file, by its first bytes, else by its name's ending.
  ///
  /// - Throws: `AthanorError` when the format is not known, or its module is not part of the program.
  package static func reader(of path: String) throws -> any ModelFileReader.Type {
    let start = start(of: path)
    let marked = start.count < 16 ? nil : all.first { $0.isMarked?(start) == true }
    guard let format = marked ?? named(path) else {
      throw AthanorError(
        .unsupported, at: path, "neither its contents nor its ending say what kind of model file it is",
        fix: "Known endings are \(list(all)).")
    }
    return try format.reader(for: path)
  }

  /// The writer of files of a name's ending.
  ///
  /// - Throws: `AthanorError` when models are not saved under such an ending, or the format's module is not part of the program.
  package static func writer(of path: String) throws -> any ModelFileWriter.Type {
    guard let format = named(path), format.isWritten else {
      throw AthanorError(
        .unsupported, at: path, "models are saved into files that end in \(list(all.filter(\.isWritten)))",
        fix: named(path) == nil
          ? "Give the file one of these endings." : "To hand the model to other programs use export(to:as:).")
    }
    return try format.writer(for: path)
  }

  /// - Throws: `AthanorError` when the module is not part of the program.
  package func reader(for path: String) throws -> any ModelFileReader.Type {
    if let reader = files as? any ModelFileReader.Type { return reader }
    throw notLinked(path, "read")
  }

  /// - Throws: `AthanorError` when the module is not part of the program.
  package func writer(for path: String) throws -> any ModelFileWriter.Type {
    if let writer = files as? any ModelFileWriter.Type { return writer }
    throw notLinked(path, "write")
  }

  private func notLinked(_ path: String, _ what: String) -> AthanorError {
    AthanorError(
      .unsupported, at: path, "this program cannot \(what) such files",
      fix: "Add \(module) to its target's dependencies and `import \(module)`.")
  }

  /// The first 16 bytes of a file, or fewer.
  private static func start(of path: String) -> [UInt8] {
    guard FileBytes.isFile(path), let file = FileHandle(forReadingAtPath: path) else { return [] }
    return (try? file.read(upToCount: 16)).map(Array.init) ?? []
  }
}

extension Model {
  /// Writes the model into a file, atomically: architecture, weights and, when it is compiled, the whole state of training.
  ///
  /// The name's ending chooses the format. `.safetensors` holds every model, and everything that `fit(resume: true)` needs; `.h5`
  /// (with `AthanorKeras`) is Keras' and holds layers one after another.
  ///
  /// - Parameter path: Where; an older file of this name is replaced when the new one is complete.
  /// - Throws: `AthanorError` when the ending is not known, the format cannot hold a layer, or the file cannot be written.
  /// - Example:
  ///   ```swift
  ///   try model.save(to: "digits.safetensors")
  ///   ```
  public func save(to path: String) throws {
    try ModelFormat.writer(of: path).format.write(self, to: path, weightsOnly: false)
  }

  /// Takes over the weights of a `.safetensors` file by their names, or of a `.h5` file (with `AthanorKeras`) layer by layer in order.
  ///
  /// - Throws: `AthanorError` when the file is damaged or belongs to another network; then nothing is changed.
  public func loadWeights(from path: String) throws {
    try setWeights(ModelFormat.writer(of: path).weights(path, for: self))
  }
}
