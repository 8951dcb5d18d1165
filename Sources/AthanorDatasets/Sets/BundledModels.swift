import Athanor
import Foundation

/// Trained models that come with the library.
public enum BundledModels {
  /// A network that reads handwritten digits: Malireddi's, trained on MNIST and changed copies of it (`make digits-model`).
  ///
  /// Inputs `[N, 28, 28, 1]`, outputs `[N, 10]` probabilities of the digits 0 to 9. The file says that pictures are to be prepared as MNIST's
  /// digits are. How many digits it reads right: `Documentation/digits.md`.
  ///
  /// - Returns: Where the file lies (`.safetensors`).
  /// - Throws: `AthanorError` of kind `.file` when the library's files are not beside the program.
  /// - Example:
  ///   ```swift
  ///   let model = try Model(contentsOf: BundledModels.digits().path)
  ///   ```
  public static func digits() throws -> URL { try url(of: "digits", in: BundledResources.folder) }

  /// The file of a model in the folder of the library's files; nil stands for a folder that was not found.
  package static func url(of name: String, in folder: String?) throws -> URL {
    let path = folder.map { FileBytes.join($0, "models/\(name).safetensors") }
    guard let path, FileBytes.isFile(path) else { throw BundledResources.missing(at: "the bundled model \"\(name)\"") }
    return URL(fileURLWithPath: path)
  }
}
