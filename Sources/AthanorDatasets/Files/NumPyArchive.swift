import Athanor
import AthanorArchives

/// Reads the arrays of a NumPy archive (`.npz`): a zip file of `.npy` files.
package struct NumPyArchive: ~Copyable {
  private let archive: ZipArchive
  private let path: String

  /// The largest file and the largest array that are read: 2 GiB.
  private static let maximumByteCount = 1 << 31

  /// Opens an archive.
  ///
  /// - Throws: `AthanorError` when the file is missing or is not a zip archive.
  package init(path: String) throws {
    try self.init(FileBytes.read(path, limit: NumPyArchive.maximumByteCount), path: path)
  }

  /// Opens an archive of which the whole file is in memory; `path` is its name for errors.
  package init(_ file: [UInt8], path: String) throws {
    archive = try ZipArchive(file, path: path)
    self.path = path
  }

  /// Reads one array.
  ///
  /// - Parameter name: The array's name, without `.npy`.
  /// - Throws: `AthanorError` when the array is missing, damaged, or of a type that `NumPyArray` does not read.
  package func array(_ name: String) throws -> NumPyArray {
    let member = name + ".npy"
    guard let bytes = try archive.bytes(member, limit: NumPyArchive.maximumByteCount) else {
      let names = archive.names(limit: 20)
      throw AthanorError(
        .data, at: path, "holds no \(member) but \(names.isEmpty ? "nothing" : names.joined(separator: ", "))",
        fix: "Keras' archives hold x_train, y_train, x_test and y_test.")
    }
    return try NumPyArray(bytes, path: "\(path): \(member)")
  }
}
