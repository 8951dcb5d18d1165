import ArgumentParser
import Athanor
import AthanorCoreML
import AthanorKeras
import AthanorONNX
import Foundation

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model file says of itself: inputs, outputs, description, operations, size.")

  @Argument(help: "A .mlpackage, .mlmodel, .onnx or .h5 file.") var file: String
  @Flag(help: "Print one JSON object.") var json = false

  func run() throws {
    let facts = try facts()
    let bytes = try ModelFile.byteCount(file)
    guard json else { return print(facts.text(path: file, byteCount: bytes)) }
    let encoded = try JSONSerialization.jsonObject(with: JSONEncoder().encode(facts)) as? [String: Any] ?? [:]
    try Terminal.json(encoded.merging(["file": file, "bytes": bytes]) { $1 })
  }

  private func facts() throws -> FileFacts {
    switch ModelFile.kind(of: file) {
    case .coreML: return try CoreMLFile(file).facts
    case .onnx: return try OnnxFacts.of(file)
    case .keras:
      let model = try Model(contentsOf: file, threads: 1)
      var facts = FileFacts(format: "Keras, HDF5")
      facts.inputs = [
        .init(name: model.network.inputName, type: "float32 \(Shape([nil] + model.inputShape.map { $0 }))")
      ]
      facts.outputs = [.init(name: model.layers.last.map(\.kind) ?? "", type: "float32 \(model.outputShape)")]
      facts.facts = [.init("Name", model.name), .init("Pixels are multiplied by", "\(model.pixelScale)")]
      if let training = model.training {
        facts.facts += [
          .init("Loss", training.loss.name), .init("Optimizer", String(describing: type(of: training.optimizer.rule))),
          .init("Trained", "\(model.progress.epoch) epochs, \(model.progress.step) steps"),
        ]
      }
      facts.operations = model.summaryRows.map {
        .init(name: $0.name, kind: $0.kind, result: $0.output, weights: $0.parameters)
      }
      facts.weightTypes = ["float32"]
      return facts
    }
  }
}

/// A model's file or package.
enum ModelFile {
  enum Kind { case coreML, onnx, keras }

  static func kind(of path: String) -> Kind {
    switch URL(fileURLWithPath: path).pathExtension.lowercased() {
    case "mlpackage", "mlmodel": .coreML
    case "onnx": .onnx
    default: .keras
    }
  }

  /// The bytes of all of its files.
  static func byteCount(_ path: String) throws -> Int {
    let files = FileManager.default
    let paths =
      [path] + (files.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).map { "\(path)/\($0)" }
    return try paths.map { try files.attributesOfItem(atPath: $0) }
      .filter { $0[.type] as? FileAttributeType == .typeRegular }.reduce(0) { $0 + ($1[.size] as? Int ?? 0) }
  }
}
