import Foundation
import Testing

/// Compares with `Snapshots/name.txt`, which `ATHANOR_UPDATE_SNAPSHOTS=1` writes anew.
func expectSnapshot(
  _ text: String, _ name: String, file: String = #filePath, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let url = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Snapshots/\(name).txt")
  if ProcessInfo.processInfo.environment["ATHANOR_UPDATE_SNAPSHOTS"] == "1" {
    try Data((text + "\n").utf8).write(to: url)
  }
  let wanted = String(decoding: try Data(contentsOf: url), as: UTF8.self)
  // Line by line: the framework's own comparison of two long texts takes a minute and gigabytes.
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  let wantedLines = wanted.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
  #expect(lines.count == wantedLines.count, "\(name)", sourceLocation: sourceLocation)
  let different = zip(lines, wantedLines).first { $0 != $1 }
  #expect(different == nil, "\(name)", sourceLocation: sourceLocation)
}

/// Reads a folder of the sources; to be called from a file of Tests/AthanorCoreTests itself.
func sourceFiles(_ folder: String, file: String = #filePath) throws -> [(name: String, text: String)] {
  var root = URL(fileURLWithPath: file)
  for _ in 0..<3 { root.deleteLastPathComponent() }
  let url = root.appendingPathComponent("Sources/\(folder)")
  return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
    .filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }
    .map { ($0.lastPathComponent, String(decoding: try Data(contentsOf: $0), as: UTF8.self)) }
}
