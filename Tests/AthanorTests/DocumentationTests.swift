import Foundation
import Testing

@Suite("Documentation")
struct DocumentationTests {
  /// The source files of the library, with their lines.
  private func sources(_ folder: String = "Sources/Athanor") throws -> [(name: String, lines: [String])] {
    let root = packageFolder.appendingPathComponent(folder)
    let files =
      FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
    return try files.filter { $0.pathExtension == "swift" }.map {
      ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8).components(separatedBy: "\n"))
    }
  }

  /// What fulfils a documented requirement of a protocol has that one's documentation.
  private let inherited = [
    "let name: String?", "var maskRule:", "func build(", "func merge(", "var slotNames", "func apply(",
    "func validate(",
    "func trainingDidBegin(",
    "func epochDidBegin(", "func batchDidEnd(", "func epochDidEnd(", "func trainingDidEnd(", "var state:",
    "var arrays:",
    "var savesModel:",
    "var description:", "static var className", "init(unconfigured name: String)",
    "mutating func configure(",
  ]

  @Test("Every public name has a documentation")
  func publicNames() throws {
    let declaration =
      #/^\s*(@\w+(\(.*\))? )*public (private\(set\) |internal\(set\) )?((mutating|static|final|indirect|convenience) )*(let|var|func|init|struct|class|enum|protocol|typealias|subscript)\b/#
    var found = 0
    let folders = ["Athanor", "AthanorCoreML", "AthanorONNX"]
    for (file, lines) in try folders.flatMap({ try sources("Sources/\($0)") }) {
      for (index, line) in lines.enumerated() where line.contains(declaration) {
        found += 1
        if inherited.contains(where: line.contains) { continue }
        let before = lines[..<index].last { !$0.trimmingCharacters(in: .whitespaces).hasPrefix("@") } ?? ""
        #expect(before.trimmingCharacters(in: .whitespaces).hasPrefix("///"), "\(file):\(index + 1): \(line)")
      }
    }
    #expect(found > 200)
  }

  @Test("The cases of public enumerations and the requirements of public protocols too")
  func cases() throws {
    for (file, lines) in try sources() {
      for (index, line) in lines.enumerated()
      where line.contains(#/^  (case \w+[^:]*|func [^{]*|var \w+: [^{]*\{ get( set)? \})$/#) {
        let owner =
          lines[..<index].last {
            $0.contains(#/^(public |package |private )?[a-z ]*(enum|protocol|struct|class|extension) /#)
          } ?? ""
        guard owner.contains(#/^public (indirect )?(enum|protocol)/#), !line.contains("switch") else { continue }
        #expect(lines[index - 1].trimmingCharacters(in: .whitespaces).hasPrefix("///"), "\(file):\(index + 1): \(line)")
      }
    }
  }

  @Test("A layer's documentation has shapes, its source and an example")
  func layers() throws {
    for (file, lines) in try sources("Sources/Athanor/Layers") {
      for (index, line) in lines.enumerated() where line.contains(#/^public struct \w+: Layer\b/#) {
        var text = ""
        for before in lines[..<index].reversed() {
          guard before.hasPrefix("///") else { break }
          text = before + "\n" + text
        }
        for part in ["[N, ", "Source:", "- Example:", "```swift", "- Throws:"] {
          #expect(text.contains(part), "\(file): \(line) lacks \(part)")
        }
      }
    }
  }
}
