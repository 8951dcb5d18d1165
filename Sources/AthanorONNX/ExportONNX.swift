import Athanor
import AthanorCore
import SwiftProtobuf

extension ExportFormat {
  /// ONNX, operator set 17: for onnxruntime and everything else that reads it.
  ///
  /// The input `input [N, ...]` and the output `output [N, ...]` are the model's own, numbers of 32 bits; the batch is open.
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
    let program = try Program(source, input: "input")
    let builder = try OnnxBuilder(program)
    let output = builder.names.new("output")
    builder.add("Identity", [program.outputs[0].name], output)
    model.irVersion = 8
    model.producerName = "Athanor"
    model.operatorSets = [.with { $0.version = 17 }]
    model.properties = metadata.sorted { $0.key < $1.key }.map { pair in
      .with { ($0.key, $0.value) = (pair.key, pair.value) }
    }
    model.graph.name = source.name
    model.graph.nodes = builder.nodes
    model.graph.initializers = builder.initializers
    model.graph.inputs = [OnnxNetwork.declaration(program.inputs[0].name, program.inputs[0].shape)]
    model.graph.outputs = [OnnxNetwork.declaration(output, program.outputs[0].shape ?? [])]
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
