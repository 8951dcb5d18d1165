import Athanor
import CZip

/// Reads the arrays of a NumPy archive (`.npz`): a zip file of `.npy` files.
package struct NumPyArchive: ~Copyable {
  private let archive: OpaquePointer
  private let path: String

  /// The largest array that is read: 2 GiB.
  private static let maximumByteCount = 1 << 31

  /// Opens an archive; it closes when it goes out of use.
  ///
  /// - Throws: `AthanorError` when the file is missing or is not a zip archive.
  package init(path: String) throws {
    guard FileBytes.isFile(path) else { throw AthanorError(.file, at: path, "there is no such file", fix: "Check the spelling of the path.") }
    var code: Int32 = 0
    guard let archive = zip_open(path, ZIP_RDONLY, &code) else {
      var error = zip_error_t()
      zip_error_init_with_code(&error, code)
      defer { zip_error_fini(&error) }
      throw AthanorError(
        .data, at: path, "is not a readable zip archive (\(String(cString: zip_error_strerror(&error))))",
        fix: "Remove the file and get it again.")
    }
    self.archive = archive
    self.path = path
  }

  deinit { zip_discard(archive) }

  /// Reads one array.
  ///
  /// - Parameter name: The array's name, without `.npy`.
  /// - Throws: `AthanorError` when the array is missing, damaged, or of a type that `NumPyArray` does not read.
  package func array(_ name: String) throws -> NumPyArray {
    let member = name + ".npy"
    let place = "\(path): \(member)"
    var status = zip_stat_t()
    zip_stat_init(&status)
    guard zip_stat(archive, member, 0, &status) == 0, status.valid & UInt64(ZIP_STAT_SIZE) != 0 else {
      throw AthanorError(
        .data, at: path, "holds no \(member) but \(names.isEmpty ? "nothing" : names.joined(separator: ", "))",
        fix: "Keras' archives hold x_train, y_train, x_test and y_test.")
    }
    guard status.size <= NumPyArchive.maximumByteCount else {
      throw AthanorError(.data, at: place, "is said to have \(status.size) bytes, more than the \(NumPyArchive.maximumByteCount) that are read")
    }
    guard let file = zip_fopen(archive, member, 0) else { throw damage(place) }
    defer { zip_fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = chunk.withUnsafeMutableBytes { zip_fread(file, $0.baseAddress, UInt64($0.count)) }
      guard count >= 0 else { throw damage(place, after: bytes.count) }
      if count == 0 { break }
      bytes.append(contentsOf: chunk[0..<Int(count)])
      guard bytes.count <= status.size else { throw damage(place, after: bytes.count) }
    }
    return try NumPyArray(bytes, path: place)
  }

  /// The names of everything in the archive.
  private var names: [String] {
    let count = max(zip_get_num_entries(archive, 0), 0)
    return (0..<min(count, 20)).compactMap { index in
      zip_get_name(archive, UInt64(index), 0).map { String(cString: $0) }
    }
  }

  private func damage(_ place: String, after byte: Int = 0) -> AthanorError {
    AthanorError(
      .data, at: place, "is damaged after byte \(byte) of its content",
      fix: "Remove the file and get it again.")
  }
}
