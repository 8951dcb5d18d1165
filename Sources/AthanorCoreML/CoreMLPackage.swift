import Athanor
import Foundation

/// The folder in which a Core ML model is kept.
struct CoreMLPackage {
  let model: [UInt8]
  let weights: [UInt8]

  /// Writes the package beside its place and moves it there, so that no half of one is ever seen.
  ///
  /// - Throws: `AthanorError` when the place is not writable or something that is no package is there.
  func write(to path: String) throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    let exists = files.fileExists(atPath: path, isDirectory: &isFolder)
    guard !exists || (isFolder.boolValue && files.fileExists(atPath: "\(path)/Manifest.json")) else {
      throw AthanorError(
        .file, at: path, "something that is no Core ML package is there", fix: "Remove it or choose another name.")
    }
    let parent = (path as NSString).deletingLastPathComponent
    guard parent.isEmpty || files.fileExists(atPath: parent) else {
      throw AthanorError(.file, at: path, "its folder does not exist", fix: "Make \(parent) first.")
    }
    let beside = (parent.isEmpty ? "." : parent) + "/.\((path as NSString).lastPathComponent).\(UUID().uuidString)"
    do {
      defer { try? files.removeItem(atPath: beside) }
      let data = "\(beside)/Data/com.apple.CoreML"
      try FileBytes.makeFolder("\(data)/weights")
      try FileBytes.write(model, to: "\(data)/model.mlmodel")
      try FileBytes.write(weights, to: "\(data)/weights/weight.bin")
      try FileBytes.write(Array(manifest().utf8), to: "\(beside)/Manifest.json")
      let old = "\(beside).old"
      if exists { try move(path, old, path) }
      do {
        try move(beside, path, path)
      } catch {
        if exists { try? move(old, path, path) }
        throw error
      }
      try? files.removeItem(atPath: old)
    }
  }

  private func move(_ from: String, _ to: String, _ path: String) throws {
    guard rename(from, to) == 0 else {
      throw AthanorError(.file, at: path, "cannot be put into place (\(String(cString: strerror(errno))))")
    }
  }

  private func manifest() -> String {
    // They tell the entries of this package apart, and nothing else; an export of the same model is the same file again.
    let (model, weights) = ("2D2B30E1-6E0A-4E61-9A26-6C2F3F5D1B01", "2D2B30E1-6E0A-4E61-9A26-6C2F3F5D1B02")
    func item(_ identifier: String, _ name: String, _ path: String, _ description: String) -> String {
      """
          "\(identifier)": {
            "author": "com.apple.CoreML",
            "description": "\(description)",
            "name": "\(name)",
            "path": "com.apple.CoreML/\(path)"
          }
      """
    }
    return """
      {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
      \(item(model, "model.mlmodel", "model.mlmodel", "CoreML Model Specification")),
      \(item(weights, "weights", "weights", "CoreML Model Weights"))
        },
        "rootModelIdentifier": "\(model)"
      }

      """
  }
}
