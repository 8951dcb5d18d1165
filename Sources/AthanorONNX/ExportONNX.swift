import Athanor
import AthanorCore
import SwiftProtobuf

extension ExportFormat {
  /// ONNX, operator set 17: for onnxruntime and everything else that reads it.
  ///
  /// Inputs and outputs are the model's own `[N, ...]` with an open batch, in its element types: `input` and `output`, or by the names of the
  /// model's ports where there are several. Open lengths keep their names.
  ///
  /// The names of the classes go along as the fact `athanor_class_names`, a list in JSON.
  ///
  /// - Parameter metadata: Facts by name that the file shows.
  /// - Example:
  ///   ```swift
  ///   try model.export(to: "digits.onnx", as: .onnx())
  ///   ```
  public static func onnx(metadata: [String: String] = [:]) -> ExportFormat {
    ExportFormat(
      classes: { model in model.classNames.map { ExportFormat.Classes(names: $0, fromLogits: nil) } },
      openLengths: { $0.exampleOpenLengths },
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
    var metadata = metadata
    if source.pixelScale != 1 / 255 { metadata[Model.pixelFileKey] = "\(source.pixelScale)" }
    if let kind = source.statedOutputKind { metadata[OutputKind.fileKey] = kind.rawValue }
    metadata.merge(source.dataFacts) { $1 }
    if let names = source.classNames { metadata[OnnxFiles.classKey] = names.jsonValue.description }
    model.properties = metadata.sorted { $0.key < $1.key }.map { pair in
      .with { ($0.key, $0.value) = (pair.key, pair.value) }
    }
    model.graph.name = source.name
    model.graph.nodes = builder.nodes
    model.graph.initializers = builder.initializers
    var lengths = LengthNames(program)
    model.graph.inputs = program.inputs.map { lengths.declaration($0.name, $0.dtype, $0.axes) }
    model.graph.outputs = zip(outputs, results).map { lengths.declaration($0, $1.dtype, $1.shape?.axes ?? []) }
  }

  /// The format's number of an element type.
  static func elementType(_ dtype: DType) -> Int32 {
    switch dtype {
    case .float32: 1
    case .uint8: 2
    case .uint16: 4
    case .int32: 6
    case .float64: 11
    }
  }
}

/// What open lengths are called in a file: those of inputs by their own names, the batch `N`, and those that follow from them by new ones.
private struct LengthNames {
  private var unique: UniqueNames
  private var names: [Shape.Axis: String] = [:]

  init(_ program: Program) {
    let open = program.inputs.flatMap(\.axes).filter(\.isOpen)
    unique = UniqueNames(open.flatMap(\.openNames).filter { $0 != Length.batchName })
    for axis in open {
      guard let name = axis.openNames.first else { continue }
      names[axis] = name == Length.batchName ? names[axis] ?? unique.new("N") : name
    }
  }

  private mutating func name(_ axis: Shape.Axis) -> String {
    if let name = names[axis] { return name }
    let name = unique.new(axis.openNames.sorted().joined(separator: "_"))
    names[axis] = name
    return name
  }

  mutating func declaration(_ name: String, _ dtype: DType, _ axes: [Shape.Axis]) -> OnnxValueInfo {
    var lengths: [OnnxValueType.Length] = []
    for axis in axes {
      lengths.append(axis.isOpen ? .with { $0.name = self.name(axis) } : .with { $0.value = Int64(axis.length) })
    }
    return .with {
      $0.name = name
      $0.type.tensor.dataType = OnnxNetwork.elementType(dtype)
      $0.type.tensor.shape.lengths = lengths
    }
  }
}
