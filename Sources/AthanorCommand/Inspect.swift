import ArgumentParser
import Athanor
import AthanorCoreML
import AthanorKeras
import AthanorONNX
import Foundation

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model file says of itself: inputs, outputs, description, operations, weights, size.")

  @Argument(help: "A .safetensors, .keras, .h5, .json, .mlpackage, .mlmodel or .onnx file.", completion: .file())
  var file: String
  @Option(help: "Draw the layers and their connections too, into this SVG file.", completion: .file()) var graph:
    String?
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    if let graph, !graph.lowercased().hasSuffix(".svg") {
      throw ValidationError("--graph \(graph): give a name that ends with .svg.")
    }
  }

  func run() throws {
    if let graph { try Terminal.write(NetworkFigure(NetworkSource.read(file)).svg(), to: graph) }
    let facts = try ModelFormat.reader(of: file).facts(file)
    let bytes = try Inspect.byteCount(file)
    guard json else { return Terminal.print(facts.text(path: file, byteCount: bytes)) }
    let encoded = try JSONSerialization.jsonObject(with: JSONEncoder().encode(facts)) as? [String: Any] ?? [:]
    try Terminal.json(encoded.merging(["file": file, "bytes": bytes]) { $1 })
  }

  /// The bytes of all files of a model.
  static func byteCount(_ path: String) throws -> Int {
    let files = FileManager.default
    let paths =
      [path] + (files.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).map { "\(path)/\($0)" }
    return try paths.map { try files.attributesOfItem(atPath: $0) }
      .filter { $0[.type] as? FileAttributeType == .typeRegular }.reduce(0) { $0 + ($1[.size] as? Int ?? 0) }
  }
}
