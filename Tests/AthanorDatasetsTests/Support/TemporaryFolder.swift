import Athanor
import Foundation

/// A new folder that is removed, with all that is in it, when the test is over.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-datasets-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.resolvingSymlinksInPath().path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a name in the folder.
  subscript(name: String) -> String { "\(path)/\(name)" }

  /// Writes a file, with the folders that its name needs, and gives its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let url = URL(fileURLWithPath: self[name])
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return self[name]
  }

  /// Makes a folder and gives its path.
  @discardableResult
  func makeFolder(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: self[name], withIntermediateDirectories: true)
    return self[name]
  }

  /// The sorted paths of all files in the folder, seen from it.
  var files: [String] {
    (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).filter { name in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: self[name], isDirectory: &isFolder) && !isFolder.boolValue
    }.sorted()
  }

  /// What a call throws, with the folder's path left out; "nothing" when it does not.
  func error<Result: ~Copyable>(_ body: () throws -> Result) -> String {
    do {
      _ = try body()
      return "nothing"
    } catch {
      return text(of: error)
    }
  }

  /// The same for a call that waits.
  func error<Result>(_ body: () async throws -> Result) async -> String {
    do {
      _ = try await body()
      return "nothing"
    } catch {
      return text(of: error)
    }
  }

  private func text(of error: any Error) -> String {
    guard error is AthanorError else { return "an error of another type: \(error)" }
    return "\(error)".replacingOccurrences(of: path + "/", with: "").replacingOccurrences(of: path, with: "FOLDER")
  }
}
