import ArgumentParser
import Foundation

extension CompletionKind {
  /// Names, and what lies on the disk.
  static func names(_ names: [String]) -> CompletionKind {
    .custom { _, _, beginning in
      let folder = beginning.lastIndex(of: "/").map { String(beginning[...$0]) } ?? ""
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
      let paths = files.filter { !$0.hasPrefix(".") }.map { folder + $0 }
      return (names + paths.sorted()).filter { $0.hasPrefix(beginning) }
    }
  }
}
