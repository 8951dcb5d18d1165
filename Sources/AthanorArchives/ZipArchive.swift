import Athanor
import CZip
import Foundation

/// Reads the files of a zip archive, into memory alone.
package struct ZipArchive: ~Copyable {
  private let archive: OpaquePointer
  private let path: String

  /// Opens an archive of which the whole file is in memory; `path` is its name for errors. It closes when it goes out of use.
  ///
  /// - Throws: `AthanorError` when it is not a zip archive.
  package init(_ file: [UInt8], path: String) throws {
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    guard let archive = ZipArchive.open(file, ZIP_RDONLY, &error) else {
      throw AthanorError(
        .data, at: path, "is not a readable zip archive (\(String(cString: zip_error_strerror(&error))))",
        fix: "Remove the file and get it again.")
    }
    self.archive = archive
    self.path = path
  }

  fileprivate static func open(_ file: [UInt8], _ flags: Int32, _ error: inout zip_error_t) -> OpaquePointer? {
    // libzip releases the copy with the source, and the source with the archive.
    guard let copy = malloc(max(file.count, 1)) else { return nil }
    file.withUnsafeBytes { if let start = $0.baseAddress { memcpy(copy, start, $0.count) } }
    guard let source = zip_source_buffer_create(copy, UInt64(file.count), 1, &error) else {
      free(copy)
      return nil
    }
    guard let archive = zip_open_from_source(source, flags, &error) else {
      zip_source_free(source)
      return nil
    }
    return archive
  }

  deinit { zip_discard(archive) }

  /// The names of the files, at most so many.
  package func names(limit: Int = 10_000) -> [String] {
    let count = max(zip_get_num_entries(archive, 0), 0)
    return (0..<min(Int(count), limit)).compactMap { index in
      zip_get_name(archive, UInt64(index), 0).map { String(cString: $0) }
    }
  }

  /// The bytes of a file; nil when there is none of the name.
  ///
  /// - Parameter limit: The most bytes that are read.
  /// - Throws: `AthanorError` when the file is damaged or larger.
  package func bytes(_ name: String, limit: Int) throws -> [UInt8]? {
    let place = "\(path): \(name)"
    var status = zip_stat_t()
    zip_stat_init(&status)
    guard zip_stat(archive, name, 0, &status) == 0, status.valid & UInt64(ZIP_STAT_SIZE) != 0 else { return nil }
    guard status.size <= UInt64(clamping: limit) else {
      throw AthanorError(
        .data, at: place, "is said to have \(status.size) bytes, more than the \(limit) that are read")
    }
    guard let file = zip_fopen(archive, name, 0) else { throw damage(place, after: 0) }
    defer { zip_fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      // libzip 1.11 takes no null there.
      let count = chunk.withUnsafeMutableBytes { buffer in
        buffer.baseAddress.map { zip_fread(file, $0, UInt64(buffer.count)) } ?? -1
      }
      guard count >= 0 else { throw damage(place, after: bytes.count) }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk[0..<Int(count)])
      guard bytes.count <= status.size else { throw damage(place, after: bytes.count) }
    }
  }

  private func damage(_ place: String, after byte: Int) -> AthanorError {
    AthanorError(
      .data, at: place, "is damaged after byte \(byte) of its content", fix: "Remove the file and get it again.")
  }
}

/// Makes a zip archive of files that are in memory, not compressed and without time stamps, so that the same files give the same bytes.
package enum ZipWriter {
  /// The bytes of the archive.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package static func archive(_ files: [(name: String, bytes: [UInt8])]) throws -> [UInt8] {
    var error = zip_error_t()
    zip_error_init(&error)
    defer { zip_error_fini(&error) }
    func failure() -> AthanorError {
      AthanorError(
        .file, at: "zip archive", "it cannot be laid out in memory (\(String(cString: zip_error_strerror(&error))))",
        fix: "Free some memory and try again.")
    }
    guard let target = zip_source_buffer_create(nil, 0, 0, &error) else { throw failure() }
    // Kept beyond the archive's end, so that its bytes can be read.
    zip_source_keep(target)
    defer { zip_source_free(target) }
    guard let archive = zip_open_from_source(target, ZIP_CREATE | ZIP_TRUNCATE, &error) else {
      zip_source_free(target)
      throw failure()
    }
    for (name, bytes) in files {
      guard add(name, bytes, to: archive) else {
        zip_discard(archive)
        throw failure()
      }
    }
    guard zip_close(archive) == 0 else {
      zip_discard(archive)
      throw failure()
    }
    return try contents(of: target) ?? { throw failure() }()
  }

  private static func add(_ name: String, _ bytes: [UInt8], to archive: OpaquePointer) -> Bool {
    guard let copy = malloc(max(bytes.count, 1)) else { return false }
    bytes.withUnsafeBytes { if let start = $0.baseAddress { memcpy(copy, start, $0.count) } }
    guard let source = zip_source_buffer(archive, copy, UInt64(bytes.count), 1) else {
      free(copy)
      return false
    }
    let index = zip_file_add(archive, name, source, zip_flags_t(ZIP_FL_ENC_UTF_8))
    guard index >= 0 else {
      zip_source_free(source)
      return false
    }
    // The first day that zip archives know: date 1980-01-01 in MS-DOS' bits.
    return zip_set_file_compression(archive, UInt64(index), ZIP_CM_STORE, 0) == 0
      && zip_file_set_dostime(archive, UInt64(index), 0, 1 << 5 | 1, 0) == 0
  }

  private static func contents(of source: OpaquePointer) -> [UInt8]? {
    var status = zip_stat_t()
    zip_stat_init(&status)
    guard zip_source_open(source) == 0 else { return nil }
    defer { zip_source_close(source) }
    guard zip_source_stat(source, &status) == 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = bytes.withUnsafeMutableBytes { buffer in
      buffer.baseAddress.map { zip_source_read(source, $0, UInt64(buffer.count)) } ?? 0
    }
    return Int(count) == bytes.count ? bytes : nil
  }
}
