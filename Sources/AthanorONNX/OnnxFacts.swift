import Athanor
import AthanorCore

extension OnnxFiles {
  package static func facts(_ path: String) throws -> FileFacts {
    let model = try model(FileBytes.read(path), path)
    let sets = model.operatorSets.map { "\($0.domain.isEmpty ? "" : "\($0.domain) ")\($0.version)" }
    var facts = FileFacts(format: "ONNX, operator set \(sets.joined(separator: ", "))")
    // Integers are shapes and axes.
    let numbers = model.graph.initializers.filter { [1, 10, 11, 16].contains($0.dataType) }
    let known = Set(model.graph.initializers.map(\.name))
    let weights = Dictionary(
      numbers.map { ($0.name, $0.shape.reduce(1) { $0 &* Int(clamping: $1) }) },
      uniquingKeysWith: { first, _ in first })
    facts.inputs = model.graph.inputs.filter { !known.contains($0.name) }.map(feature)
    facts.outputs = model.graph.outputs.map(feature)
    facts.facts = [.init("Producer", model.producerName), .init("Description", model.docString)]
    facts.facts += model.properties.map { .init($0.key, $0.value) }
    facts.operations = model.graph.nodes.map { node in
      FileFacts.Operation(
        name: node.name.isEmpty ? node.outputs.first ?? "" : node.name, kind: node.type, result: "",
        weights: node.inputs.reduce(0) { $0 + (weights[$1] ?? 0) })
    }
    facts.weightTypes = Set(numbers.map { OnnxNumbers.name($0.dataType) }).sorted()
    return facts
  }

  private static func feature(_ value: OnnxValueInfo) -> FileFacts.Feature {
    let lengths = value.type.tensor.shape.lengths.map { length -> String in
      switch length.kind {
      case .value(let value): "\(value)"
      case .name(let name): name
      case nil: "?"
      }
    }
    let type = OnnxNumbers.name(value.type.tensor.dataType)
    return FileFacts.Feature(name: value.name, type: "\(type) (\(lengths.joined(separator: ", ")))")
  }
}
