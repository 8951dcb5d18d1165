import Athanor
import AthanorCore
import SwiftProtobuf

extension ExportFormat {
  /// ONNX, operator set 17: for onnxruntime and everything else that reads it.
  ///
  /// Inputs and outputs are the model's own, numbers of 32 bits `[N, ...]` with an open batch: `input` and `output`, or by the names of the
  /// model's ports where there are several.
  ///
  /// - Parameter metadata: Facts by name that the file shows.
  /// - Example:
  ///   ```swift
  ///   try model.export(to: "digits.onnx", as: .onnx())
  ///   ```
  public static func onnx(metadata: [String: String] = [:]) -> ExportFormat {
    ExportFormat(
      contents: { model, path in
        try requireExtension(path)
        let bytes: [UInt8] = try OnnxNetwork(model, metadata: metadata).model.serializedBytes()
        return ExportFormat.Contents(
          byteCount: bytes.count, recipe: { try OnnxFiles.recipe(bytes, path) },
          write: { try FileBytes.write(bytes, to: $0) })
      },
      check: { model, path in
        if let path { try requireExtension(path) }
        _ = try OnnxNetwork(model, metadata: metadata)
      })
  }

  private static func requireExtension(_ path: String) throws {
    guard path.hasSuffix(".onnx") else {
      throw AthanorError(.argument, at: path, "an ONNX model's name must end with .onnx", fix: "Choose such a name.")
    }
  }
}

/// A model as an ONNX graph.
package struct OnnxNetwork {
  package private(set) var model = OnnxModel()

  /// - Throws: `AthanorError` that names the layer, when ONNX cannot hold the network.
  package init(_ source: Model, metadata: [String: String] = [:]) throws {
    let inputs = source.inputs.count == 1 ? ["input"] : source.inputs.map(\.name)
    let program = try Program(source, inputs: inputs)
    let builder = try OnnxBuilder(program)
    let results = program.outputs
    let outputs = (results.count == 1 ? ["output"] : source.outputs.map(\.name)).map { builder.names.new($0) }
    for (result, output) in zip(results, outputs) { builder.add("Identity", [result.name], output) }
    model.irVersion = 8
    model.producerName = "Athanor"
    model.operatorSets = [.with { $0.version = 17 }]
    model.properties = metadata.sorted { $0.key < $1.key }.map { pair in
      .with { ($0.key, $0.value) = (pair.key, pair.value) }
    }
    model.graph.name = source.name
    model.graph.nodes = builder.nodes
    model.graph.initializers = builder.initializers
    model.graph.inputs = program.inputs.map { OnnxNetwork.declaration($0.name, $0.shape) }
    model.graph.outputs = zip(outputs, results).map { OnnxNetwork.declaration($0, $1.shape ?? []) }
  }

  private static func declaration(_ name: String, _ shape: [Int]) -> OnnxValueInfo {
    .with {
      $0.name = name
      $0.type.tensor.dataType = 1
      $0.type.tensor.shape.lengths =
        [.with { $0.name = "N" }]
        + shape.dropFirst().map { length in
          .with { $0.value = Int64(length) }
        }
    }
  }
}
