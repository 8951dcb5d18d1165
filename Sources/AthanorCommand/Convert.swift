import ArgumentParser
import Athanor
import AthanorCoreML
import AthanorKeras
import AthanorONNX
import Foundation

struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model into a file of another format.",
    discussion: """
      What the first file is its contents say; the second name's ending chooses the format. Keras' formats and .safetensors hold the state of \
      training as well. Core ML and ONNX models are proven as by "athanor export", which has further options for them.
      """)

  @Argument(help: "A model: .safetensors, .keras, .h5, .json, .mlpackage, .mlmodel or .onnx.", completion: .file())
  var source: String
  @Argument(
    help: "What to write; .weights.h5 for Keras' weights alone, .json for the architecture alone.", completion: .file())
  var destination: String
  @Flag(help: "Leave out loss, metrics and the optimizer with its arrays, so that the file is as small as can be.")
  var withoutTraining = false
  @Flag(help: "Print one JSON object: file, bytes and what the comparison of an export found.") var json = false

  func run() throws {
    let report = try NetworkSource.read(source, compiled: !withoutTraining).convert(to: destination, from: source)
    if json {
      var object = report?.object ?? [:]
      object["file"] = destination
      object["bytes"] = try Inspect.byteCount(destination)
      return try Terminal.json(object)
    }
    Terminal.print("\(destination): \((try Inspect.byteCount(destination) + 500) / 1000) KB")
    if let report { Terminal.print(report) }
  }
}

extension Model {
  /// Saves or exports the model, as the name's ending says.
  ///
  /// - Returns: What the proof of an export has found.
  fileprivate func convert(to path: String, from original: String) throws -> ExportReport? {
    let exports: [String: ExportFormat] = ["onnx": .onnx(), "mlpackage": .coreML(), "mlmodel": .coreML()]
    guard let format = exports[(path as NSString).pathExtension.lowercased()] else {
      try save(to: path)
      return nil
    }
    return try export(to: path, as: format, original: original)
  }
}
