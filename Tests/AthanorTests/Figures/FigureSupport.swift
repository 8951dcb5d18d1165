import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What an XML parser finds in a figure.
final class ParsedFigure: NSObject, XMLParserDelegate {
  /// The elements' names and attributes in order.
  private(set) var elements: [(name: String, attributes: [String: String])] = []
  /// The contents of `text` elements.
  private(set) var texts: [String] = []
  /// The contents of the first `title` and of `desc`.
  private(set) var title = ""
  private(set) var summary = ""
  private var content = ""
  private var titled = false

  /// Parses a document; nil when it is not well-formed.
  init?(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    if !parser.parse() { return nil }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements.append((name, attributes))
    content = ""
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { content += string }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    if name == "text" { texts.append(content) }
    if name == "title" && !titled {
      title = content
      titled = true
    }
    if name == "desc" { summary = content }
    content = ""
  }

  /// The values of an attribute over all elements of a name.
  func values(_ attribute: String, of name: String) -> [String] {
    elements.filter { $0.name == name }.compactMap { $0.attributes[attribute] }
  }
}

/// Parses a figure and checks what holds for every one: a root with a size, a title, a description, and no bad number.
func parsed(_ svg: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> ParsedFigure {
  let figure = try #require(ParsedFigure(svg), "not well-formed", sourceLocation: sourceLocation)
  let root = try #require(figure.elements.first, sourceLocation: sourceLocation)
  #expect(root.name == "svg", sourceLocation: sourceLocation)
  let width = try #require(Double(root.attributes["width"] ?? ""), sourceLocation: sourceLocation)
  let height = try #require(Double(root.attributes["height"] ?? ""), sourceLocation: sourceLocation)
  #expect(width > 100 && width < 5000 && height > 50 && height < 50_000, sourceLocation: sourceLocation)
  #expect(!figure.summary.isEmpty, sourceLocation: sourceLocation)
  for (name, attributes) in figure.elements {
    for key in ["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height"] {
      guard let text = attributes[key] else { continue }
      let value = try #require(Double(text), "\(name) \(key)=\(text)", sourceLocation: sourceLocation)
      let largest = key.hasSuffix("y") || key.hasPrefix("y") || key == "height" ? height : width
      #expect(value >= -1 && value <= largest, "\(name) \(key)=\(text)", sourceLocation: sourceLocation)
    }
  }
  return figure
}

/// Compares with `Snapshots/name.svg`, which `ATHANOR_UPDATE_SNAPSHOTS=1` writes anew.
func expectSnapshot(
  _ svg: String, _ name: String, file: String = #filePath, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let url = URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Snapshots/\(name).svg")
  if ProcessInfo.processInfo.environment["ATHANOR_UPDATE_SNAPSHOTS"] == "1" {
    try svg.write(to: url, atomically: true, encoding: .utf8)
  }
  let expected = try String(contentsOf: url, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
  let received = svg.split(separator: "\n", omittingEmptySubsequences: false)
  for (line, (left, right)) in zip(received, expected).enumerated() where left != right {
    Issue.record("\(name).svg, line \(line + 1): \(left)\nexpected: \(right)", sourceLocation: sourceLocation)
    return
  }
  #expect(received.count == expected.count, sourceLocation: sourceLocation)
}

/// Numbers that look random and are the same in every run.
struct FigureTestNumbers: RandomNumberGenerator {
  private var state: UInt64 = 7
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
