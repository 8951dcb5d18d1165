import Athanor
import AthanorCoreML
import Foundation
import SwiftProtobuf
import Testing

@Suite("Documentation of Core ML")
struct CoreMLDocumentationTests {
  /// The kinds of layers that the reader does not refuse as such, by the format's names.
  private func layers() -> [String] {
    (100..<1500).compactMap { number -> String? in
      let field = number << 3 | 2
      let tag = field < 1 << 14 ? [UInt8(field & 127 | 128), UInt8(field >> 7)] : []
      guard let layer = try? ProtoLayer(serializedBytes: tag + [0]), let kind = layer.kind,
        let name = Mirror(reflecting: kind).children.first?.label
      else { return nil }
      var model = ProtoModel()
      model.description_p.inputs = [
        .with { ($0.name, $0.type.array.shape, $0.type.array.dataType) = ("x", [2, 4, 4], 65568) }
      ]
      model.neuralNetwork.layers = [.with { ($0.kind, $0.inputs, $0.outputs) = (kind, ["x"], ["y"]) }]
      let text = errorText {
        _ = try CoreMLFile(model: model.serializedBytes(), weights: [], path: "a.mlmodel").recipe()
      }
      return text.contains("layers of this kind are not supported") ? nil : name
    }
  }

  /// The page lists what the readers have, word for word.
  @Test func tables() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("Documentation/coreml.md"), encoding: .utf8)
    func list(_ heading: String) -> [String] {
      let section = text.components(separatedBy: "## \(heading)\n\n").last ?? ""
      let paragraph = section.components(separatedBy: "\n\n").first ?? ""
      return paragraph.split(whereSeparator: { ", \n.".contains($0) }).map(String.init).filter { !$0.isEmpty }
    }
    #expect(list("Operations of ML Programs") == ProgramSpelling.operationNames)
    let limits = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst().map(String.init)
    #expect(limits == ProgramSpelling.all.filter { !$0.limits.isEmpty }.map { "| \($0.name) | \($0.limits) |" })
    #expect(list("Layers of neural networks") == layers())
  }
}
