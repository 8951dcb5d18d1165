import Foundation
import Testing

/// Reads the texts of errors out of the sources.
private struct ErrorTexts {
  /// Who reads a text: everyone, a programmer, or whoever runs the command.
  enum Reader: String, CaseIterable {
    case everyone = "fix"
    case programmer = "code"
    case command
  }

  struct Text {
    let place: String
    let reader: Reader
    let text: String
  }

  /// The remedies in a source file; what is interpolated is left out.
  static func remedies(in source: String, _ file: String) -> [Text] {
    var texts: [Text] = []
    for match in source.matches(of: #/\b(fix|code|command):\s/#) {
      guard let reader = Reader(rawValue: String(match.1)) else { continue }
      let literals = literals(source[match.range.upperBound...])
      let line = source[..<match.range.lowerBound].count { $0 == "\n" } + 1
      texts += literals.map { Text(place: "\(file):\(line)", reader: reader, text: $0) }
    }
    return texts
  }

  /// The texts of an argument, to the comma or parenthesis behind it.
  private static func literals(_ source: Substring) -> [String] {
    var (literals, depth, rest): ([String], Int, Substring) = ([], 0, source)
    while let character = rest.popFirst() {
      switch character {
      case "(", "[", "{": depth += 1
      case ")", "]", "}", ",":
        if depth == 0 { return literals }
        if character != "," { depth -= 1 }
      case "\"": literals.append(literal(&rest))
      case "\n" where depth == 0 && rest.drop { $0 == " " }.isEmpty: return literals
      default: break
      }
    }
    return literals
  }

  private static func literal(_ rest: inout Substring) -> String {
    var text = ""
    while let character = rest.popFirst(), character != "\"" {
      guard character == "\\" else {
        text.append(character)
        continue
      }
      guard let next = rest.popFirst(), next == "(" else {
        text.append("\"")
        continue
      }
      var depth = 1
      while depth > 0, let inner = rest.popFirst() {
        if inner == "(" { depth += 1 }
        if inner == ")" { depth -= 1 }
        if inner == "\"" { _ = literal(&rest) }
      }
      text += "…"
    }
    return text
  }
}

/// What programs can name: read out of the declarations.
private struct PublicNames {
  /// Types, functions, properties, cases and labels.
  var all: Set<String> = []
  /// The labels of functions and of the initializers of types.
  var labels: [String: Set<String>] = [:]

  mutating func add(_ source: String) {
    for line in source.split(separator: "\n") {
      if line.contains(#/^ *public /#) || line.contains(#/^  (func|var) /#) {
        all.formUnion(
          line.matches(of: #/(struct|class|enum|protocol|func|var|let|typealias) (\w+)/#).map { String($0.2) })
      }
      if let cases = line.wholeMatch(of: #/ *(?:indirect )?case ([a-z][^:]*(?:\(.*)?)/#)?.1 {
        all.formUnion(cases.replacing(#/\([^)]*\)/#, with: "").matches(of: #/(?:^|, )(\w+)/#).map { String($0.1) })
      }
    }
    for match in source.matches(of: #/public [\w ()]*?(?:func (\w+)[^(\n]*|(init|subscript)\??(?:<[^(]*)?)\(([^{]*)/#) {
      let before = match.1 == nil ? source[..<match.range.lowerBound].split(separator: "\n").reversed() : []
      let owner = before.lazy.compactMap { $0.firstMatch(of: #/(?:struct|class|enum|extension|protocol) (\w+)/#)?.1 }
        .first
      let found = match.3.matches(of: #/(?:^|[(,\n])\s*(\w+)(?: \w+)?:/#).map { String($0.1) }.filter { $0 != "_" }
      labels[String(match.1 ?? owner ?? ""), default: []].formUnion(found)
      all.formUnion(found)
    }
    for match in source.matches(of: #/public typealias (\w+) = (\w+)/#) {
      labels[String(match.1), default: []].formUnion(labels[String(match.2)] ?? [])
    }
  }
}

@Suite("Remedies")
struct RemedyTests {
  private func sources(_ module: String) throws -> [(name: String, text: String)] {
    let root = packageFolder.appendingPathComponent("Sources/\(module)")
    let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
    return try (files ?? []).filter { $0.pathExtension == "swift" }.map {
      ("\(module)/\($0.lastPathComponent)", try String(contentsOf: $0, encoding: .utf8))
    }
  }

  private let library = [
    "AthanorCore", "Athanor", "AthanorKeras", "AthanorCoreML", "AthanorONNX", "AthanorDatasets", "AthanorArchives",
  ]

  /// Names of Swift in a text: calls, arguments, members and names with capitals within. What belongs to a Python library is named so.
  private func swiftNames(_ text: String) -> [(name: String, labels: [String])] {
    let text = text.replacing(#/(Keras'|NumPy's|PyTorch's) [\w.]+(\([^)]*\)|=)?|\{[^}]*\}/#, with: "")
    var names: [(String, [String])] = text.matches(of: #/(\w+)\(([^()]*)\)/#).map { match in
      (String(match.1), match.2.matches(of: #/(\w+):/#).map { String($0.1) }.filter { $0 != "_" })
    }
    names += text.matches(of: #/\b([a-z]\w*):(?: (?:\.[a-z]|\[|true|false|nil)|\.)/#).map { (String($0.1), []) }
    let endings = [
      "h5", "keras", "json", "safetensors", "mlpackage", "mlmodel", "onnx", "weights", "npy", "data", "swift", "svg",
    ]
    names += text.matches(of: #/(?:^|[\s(\[])\.([a-z]\w+)/#).map { String($0.1) }.filter { !endings.contains($0) }
      .map { ($0, []) }
    names += text.matches(of: #/\b[a-z]+[A-Z]\w*/#).map { String($0.0) }
      .filter { !["iOS", "macOS"].contains($0) }.map { ($0, []) }
    return names
  }

  private func options(_ text: String) -> [String] { text.matches(of: #/--[a-z][a-z-]*/#).map { String($0.0) } }

  /// The options that the command declares.
  private func declaredOptions() throws -> Set<String> {
    var options: Set<String> = []
    for (_, text) in try sources("AthanorCommand") {
      for match in text.matches(of: #/@(?:Option|Flag)([\s\S]*?)\bvar (\w+)/#) {
        let dashed = match.2.replacing(#/[A-Z]/#) { "-" + $0.0.lowercased() }
        let name = match.1.firstMatch(of: #/customLong\("([a-z-]+)"\)/#).map { String($0.1) } ?? String(dashed)
        options.insert("--\(name)")
        if match.1.contains("prefixedNo") { options.insert("--no-\(name)") }
      }
    }
    return options
  }

  @Test("What a remedy names exists for whoever reads it")
  func names() throws {
    let modules = try library.map { try sources($0) }
    var known = PublicNames()
    for (_, text) in modules.joined() { known.add(text) }
    let options = try declaredOptions()
    #expect(options.count > 30 && known.all.count > 500)
    var (named, optioned) = (0, 0)
    for remedy in try (modules + [sources("AthanorCommand")]).joined().flatMap({
      ErrorTexts.remedies(in: $0.text, $0.name)
    }) {
      let names = swiftNames(remedy.text)
      let ofCommand = remedy.reader == .command || remedy.place.hasPrefix("AthanorCommand")
      if ofCommand || remedy.reader == .everyone {
        #expect(names.isEmpty, "\(remedy.place): \(remedy.text)")
      }
      for (name, labels) in names {
        named += 1
        #expect(known.all.contains(name), "\(remedy.place): \(name) in \(remedy.text)")
        let missing = labels.filter { known.labels[name]?.contains($0) != true }
        #expect(missing.isEmpty, "\(remedy.place): \(name)(\(missing)) in \(remedy.text)")
      }
      for option in self.options(remedy.text) {
        optioned += 1
        #expect(ofCommand && options.contains(option), "\(remedy.place): \(option) in \(remedy.text)")
      }
      for page in remedy.text.matches(of: #/\w+\.md\b/#) {
        Issue.record("\(remedy.place): \(page.0) is not part of a program")
      }
    }
    #expect(named > 20 && optioned > 5)
  }

  @Test("Names that do not exist, or exist for other readers, are found")
  func finds() {
    #expect(swiftNames("Load it with compiled: false.").map(\.name) == ["compiled"])
    #expect(
      swiftNames("Call loadWeights(from:) or give custom:.").map(\.name) == ["loadWeights", "custom", "loadWeights"])
    #expect(swiftNames("Save it as .weights.h5: it holds weights alone.").isEmpty)
    #expect(swiftNames("Save it with Keras' to_json().").isEmpty)
    let source =
      #"AthanorError(.data, at: "a", "b \(c("d"))", code: x ? "Use .one" : "two(\(y))", command: "Give --three.")"#
    let texts = ErrorTexts.remedies(in: source, "f")
    #expect(texts.map(\.text) == ["Use .one", "two(…)", "Give --three."])
    #expect(texts.map(\.reader) == [.programmer, .programmer, .command])
  }
}
