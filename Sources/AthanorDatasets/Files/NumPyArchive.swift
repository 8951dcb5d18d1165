import Athanor
import CZip
import Foundation

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
    try self.init(FileBytes.read(path, limit: NumPyArchive.maximumByteCount), path: path)
  }

  /// Opens an archive of which the whole file is in memory; `path` is its name for errors.
  package init(_ file: [UInt8], path: String) throws {
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    guard let archive = NumPyArchive.open(file, &error) else {
      throw AthanorError(
        .data, at: path, "is not a readable zip archive (\(String(cString: zip_error_strerror(&error))))",
        fix: "Remove the file and get it again.")
    }
    self.archive = archive
    self.path = path
  }

  private static func open(_ file: [UInt8], _ error: inout zip_error_t) -> OpaquePointer? {
    // libzip releases the copy with the source, and the source with the archive.
    guard let copy = malloc(max(file.count, 1)) else { return nil }
    file.withUnsafeBytes { if let start = $0.baseAddress { memcpy(copy, start, $0.count) } }
    guard let source = zip_source_buffer_create(copy, UInt64(file.count), 1, &error) else {
      free(copy)
      return nil
    }
    guard let archive = zip_open_from_source(source, ZIP_RDONLY, &error) else {
      zip_source_free(source)
      return nil
    }
    return archive
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
      throw AthanorError(
        .data, at: place,
        "is said to have \(status.size) bytes, more than the \(NumPyArchive.maximumByteCount) that are read")
    }
    guard let file = zip_fopen(archive, member, 0) else { throw damage(place) }
    defer { zip_fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      // libzip 1.11 takes no null there.
      let count = chunk.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { zip_fread(file, $0, UInt64(buffer.count)) } ?? -1
      }
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
