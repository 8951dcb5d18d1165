import Athanor
import AthanorCore
import Foundation

/// Where a tensor's numbers lie in a file beside the model. Nothing that a model says of it is trusted.
struct OnnxExternalData {
  private let folder: String
  private let location: String
  private let offset: Int
  /// nil for all that follows.
  private let length: Int?

  /// - Throws: `AthanorError` with an empty location when the place is written badly, or leads out of the model's folder.
  init(_ tensor: OnnxTensor, _ folder: String) throws {
    var entries: [String: String] = [:]
    for entry in tensor.external {
      guard ["location", "offset", "length", "checksum"].contains(entry.key),
        entries.updateValue(entry.value, forKey: entry.key) == nil
      else {
        throw AthanorError(
          .data, at: "", "its place in another file has the entry \"\(entry.key)\", which is not known or comes twice",
          fix: Self.remedy)
      }
    }
    func integer(_ name: String) throws -> Int? {
      guard let text = entries[name] else { return nil }
      if let number = Int(text), number >= 0 { return number }
      throw AthanorError(.data, at: "", "its \(name) in another file is \"\(text)\"", fix: Self.remedy)
    }
    self.folder = folder
    location = entries["location"] ?? ""
    offset = try integer("offset") ?? 0
    length = try integer("length")
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !location.contains("\0"), !parts.contains("..") else {
      throw AthanorError(
        .data, at: "", "its numbers lie in \"\(location)\", which is no path within the model's folder",
        fix: "Save the model's data beside it.")
    }
  }

  private static let remedy = "Export the model again."

  /// Its numbers; not a byte is read or reserved before the file is known to hold them.
  ///
  /// - Throws: `AthanorError` with an empty location when the file is missing, lies elsewhere or does not hold so many bytes there.
  func bytes(_ count: Int) throws -> [UInt8] {
    let path = FileBytes.join(folder, location)
    guard FileManager.default.fileExists(atPath: path) else {
      throw AthanorError(
        .file, at: "", "its numbers lie in \"\(location)\", which is not in the model's folder",
        fix: "Put that file beside the model.")
    }
    guard let inside = realpath(folder, nil), let target = realpath(path, nil) else {
      throw FileBytes.systemError(path, "cannot be found")
    }
    defer {
      free(inside)
      free(target)
    }
    let root = String(cString: inside)
    guard String(cString: target).hasPrefix(root.hasSuffix("/") ? root : root + "/") else {
      throw AthanorError(
        .data, at: "", "its numbers lie in \"\(location)\", a link that leads out of the model's folder",
        fix: "Put the file itself beside the model.")
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileBytes.systemError(path, "cannot be opened for reading") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw AthanorError(.file, at: "", "its numbers lie in \"\(location)\", which is no plain file", fix: Self.remedy)
    }
    let size = Int(status.st_size)
    guard offset <= size, length ?? 0 <= size - offset else {
      throw AthanorError(
        .data, at: "",
        "its numbers are bytes \(offset) to \(offset.addingReportingOverflow(length ?? 0).partialValue) of "
          + "\"\(location)\", which has \(size)",
        fix: "Copy that file anew: it is shorter than the model says.")
    }
    guard length ?? (size - offset) == count else {
      throw AthanorError(
        .data, at: "", "it has \(length ?? (size - offset)) bytes in \"\(location)\", but its shape needs \(count)",
        fix: Self.remedy)
    }
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      while done < count {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + done }, min(count - done, 1 << 30), off_t(offset + done))
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { throw FileBytes.systemError(path, "cannot be read after byte \(offset + done)") }
        done += got
      }
    }
  }
}
