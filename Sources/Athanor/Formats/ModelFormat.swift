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
  /// What the file declares of pictures and classes, and its network without that; by default the recipe's, for formats that declare no
  /// pictures.
  ///
  /// - Throws: `AthanorError` that names the file and the place.
  static func declaration(_ path: String) throws -> FileDeclaration
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
  /// Whether a model can be a folder.
  let canBeFolder: Bool
  /// Whether a file's contents are of this format; nil when they do not tell.
  let isMarked: (@Sendable (_ contents: FileContents) -> Bool)?

  package init(
    endings: [String], module: String, isWritten: Bool, files: Any.Type, canBeFolder: Bool = false,
    isMarked: (@Sendable (_ contents: FileContents) -> Bool)? = nil
  ) {
    self.endings = endings
    self.module = module
    self.isWritten = isWritten
    self.files = files
    self.canBeFolder = canBeFolder
    self.isMarked = isMarked
  }

  /// All formats.
  package static let all: [ModelFormat] = [
    ModelFormat(
      endings: ["safetensors"], module: "Athanor", isWritten: true, files: NativeFiles.self,
      // The length of a header below 2^32, and the header's first character.
      isMarked: { $0.start.count >= 16 && $0.start[4..<8].allSatisfy { $0 == 0 } && $0.start[8] == UInt8(ascii: "{") }),
    ModelFormat(
      endings: ["h5", "hdf5"], module: "AthanorKeras", isWritten: true, files: KerasFiles.self,
      isMarked: { $0.start.starts(with: [0x89] + Array("HDF\r\n\u{1A}\n".utf8)) }),
    ModelFormat(
      endings: ["keras"], module: "AthanorKeras", isWritten: true, files: KerasArchiveFiles.self,
      isMarked: { $0.start.starts(with: Array("PK".utf8) + [3, 4]) }),
    ModelFormat(
      endings: ["json"], module: "AthanorKeras", isWritten: true, files: KerasArchitectureFiles.self,
      isMarked: { $0.start.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{") }),
    ModelFormat(
      endings: ["mlpackage", "mlmodel"], module: "AthanorCoreML", isWritten: false, files: CoreMLFiles.self,
      canBeFolder: true,
      // A folder with a manifest; or a message whose kind of model is one of the fields from 200 on.
      isMarked: {
        $0.holds("Manifest.json") || $0.messageFields.contains(1) && $0.messageFields.contains { $0 >= 200 }
      }),
    ModelFormat(
      endings: ["onnx"], module: "AthanorONNX", isWritten: false, files: OnnxFiles.self,
      // The version, the graph and the sets of operators.
      isMarked: { $0.messageFields.isSuperset(of: [1, 7, 8]) && $0.messageFields.allSatisfy { $0 < 200 } }),
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

  /// The reader of a file, by its contents, else by its name's ending.
  ///
  /// - Throws: `AthanorError` when the format is not known, or its module is not part of the program.
  package static func reader(of path: String) throws -> any ModelFileReader.Type {
    let contents = FileContents(path)
    guard !FileBytes.isGitLFSPointer(contents.start) else {
      throw AthanorError(.data, at: path, FileBytes.gitLFSProblem, fix: FileBytes.gitLFSRemedy)
    }
    let marked = all.first { $0.isMarked?(contents) == true }
    guard !contents.holds("coremldata.bin") else {
      throw AthanorError(
        .unsupported, at: path, "it is a compiled Core ML model, which Apple's Core ML alone runs",
        fix: "Give the .mlpackage or .mlmodel that it was compiled of.")
    }
    if marked == nil { try requireReadable(path) }
    guard let format = marked ?? named(path) else {
      throw AthanorError(
        .unsupported, at: path, "neither its contents nor its ending say what kind of model file it is",
        fix: "Known endings are \(list(all)).")
    }
    return try format.reader(for: path)
  }

  /// - Throws: `AthanorError` when a path is a link that leads nowhere, or a folder whose name ends as that of a file.
  private static func requireReadable(_ path: String) throws {
    try FileBytes.requireTarget(of: path)
    guard FileBytes.isFolder(path), let format = named(path), !format.canBeFolder else { return }
    throw AthanorError(
      .file, at: path, "it is a folder, but a file is needed",
      fix:
        "Give a file in it\((try? FileBytes.names(in: path))?.first.map { ", such as \(FileBytes.join(path, $0))" } ?? "")."
    )
  }

  /// The writer of files of a name's ending.
  ///
  /// - Throws: `AthanorError` when models are not saved under such an ending, or the format's module is not part of the program.
  package static func writer(of path: String) throws -> any ModelFileWriter.Type {
    guard let format = named(path), format.isWritten else {
      throw AthanorError(
        .unsupported, at: path, "models are saved into files that end in \(list(all.filter(\.isWritten)))",
        code: named(path) == nil
          ? "Give the file one of these endings." : "To hand the model to other programs use export(to:as:).",
        command: "Give the file one of these endings.")
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
}

/// What tells a file's format.
package struct FileContents {
  private let path: String
  /// The first 64 bytes, or fewer.
  let start: [UInt8]
  /// The numbers of the fields, where the whole file is a message of protocol buffers; else none.
  let messageFields: Set<Int>

  init(_ path: String) {
    self.path = path
    guard FileBytes.isFile(path),
      let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    else {
      (start, messageFields) = ([], [])
      return
    }
    start = Array(data.prefix(64))
    messageFields = data.withUnsafeBytes { FileContents.fields(of: $0) }
  }

  /// Whether it is a folder that holds a file of this name.
  func holds(_ name: String) -> Bool { FileBytes.isFile("\(path)/\(name)") }

  /// Walks over the fields of a message. Source: Protocol Buffers, Encoding.
  private static func fields(of bytes: UnsafeRawBufferPointer) -> Set<Int> {
    var fields: Set<Int> = []
    var place = 0
    func number() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 7) {
        guard place < bytes.count else { return nil }
        let byte = bytes[place]
        place += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      return nil
    }
    while place < bytes.count {
      guard let key = number(), key >> 3 > 0, key >> 3 < 1 << 29 else { return [] }
      switch key & 7 {
      case 0: guard number() != nil else { return [] }
      case 1: place += 8
      case 2:
        guard let length = number(), length <= UInt64(bytes.count - place) else { return [] }
        place += Int(length)
      case 5: place += 4
      default: return []
      }
      guard place <= bytes.count else { return [] }
      fields.insert(Int(key >> 3))
    }
    return fields
  }
}

extension Model {
  /// Writes the model into a file, atomically: architecture, weights and, when it is compiled, the whole state of training.
  ///
  /// The name's ending chooses the format. `.safetensors` holds every model, and everything that `fit(resume: true)` needs. With
  /// `AthanorKeras` there are Keras' files: `.keras` and the older `.h5` with architecture, weights and training, `.weights.h5` with weights
  /// alone, `.json` with the architecture alone.
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

  /// Takes over the weights of a `.safetensors` file by their names, or (with `AthanorKeras`) of a `.keras`, `.weights.h5` or `.h5` file
  /// layer by layer in Keras' order.
  ///
  /// - Throws: `AthanorError` when the file is damaged or belongs to another network; then nothing is changed.
  public func loadWeights(from path: String) throws {
    try setWeights(ModelFormat.writer(of: path).weights(path, for: self))
  }
}
