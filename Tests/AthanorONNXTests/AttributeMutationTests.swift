import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import SwiftProtobuf
import Testing

/// The attributes of ONNX' operators by the sets in which they changed (`Tools/make_onnx_attributes.py`).
private struct OperatorSchema: Decodable {
  /// The largest number of them.
  let inputs: Int
  /// The types' numbers.
  let attributes: [String: Int32]

  static let all: [String: [String: OperatorSchema]] = {
    let path = OnnxGolden.folder.appendingPathComponent("attributes.json")
    guard let data = try? Data(contentsOf: path) else { return [:] }
    return (try? JSONDecoder().decode([String: [String: OperatorSchema]].self, from: data)) ?? [:]
  }()

  static func of(_ type: String, _ version: Int64) -> OperatorSchema? {
    let versions = all[type]?.compactMap { key, value in Int64(key).map { ($0, value) } } ?? []
    return versions.filter { $0.0 <= version }.max { $0.0 < $1.0 }?.1
  }
}

@Suite("A reader accounts for every attribute, input and field of a node") final class AttributeMutationTests {
  /// What a file computes; an error's text where it is refused.
  private enum Outcome: Equatable {
    case numbers([Int], [UInt32])
    case refused(String)

    func isRefusal(naming name: String) -> Bool {
      if case .refused(let text) = self { text.contains("\"\(name)\"") } else { false }
    }
  }

  private let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private func outcome(_ network: NodeCase, _ model: OnnxModel) throws -> Outcome {
    do {
      try Data(model.serializedData()).write(to: URL(fileURLWithPath: path))
      let result = try Model(contentsOf: path, threads: 1).predict(network.data)
      return .numbers(result.shape, result.doubles.map { Float($0).bitPattern })
    } catch let error as AthanorError {
      return .refused(error.description)
    }
  }

  private func outcome(_ network: NodeCase, _ change: (inout OnnxNode) -> Void) throws -> Outcome {
    var node = network.node
    change(&node)
    return try outcome(network, network.model(node))
  }

  @Test func everyOperatorHasACase() {
    #expect(Set(NodeCase.all.map(\.type)) == Set(OnnxFiles.operators.map(\.name)))
    #expect(Set(OperatorSchema.all.keys) == Set(OnnxFiles.operators.map(\.name)))
  }

  @Test("Another value changes the result, or is an error", arguments: NodeCase.all)
  func values(_ network: NodeCase) throws {
    let expected = try outcome(network) { _ in }
    guard case .numbers = expected else {
      Issue.record("\(expected)")
      return
    }
    let ignored = try #require(OnnxFiles.operators.first { $0.name == network.type }).ignored.union(network.neutral)
    for (place, (name, value)) in network.attributes.enumerated() where !ignored.contains(name) {
      for other in value.others {
        let result = try outcome(network) { $0.attributes[place] = other.attribute(name) }
        #expect(result != expected, "\(name): \(other)")
      }
    }
    let known = Set(network.attributes.map(\.name))
    let schema = try #require(OperatorSchema.of(network.type, network.version))
    for (name, type) in schema.attributes where !known.contains(name) && !ignored.contains(name) {
      for value in AttributeValue.all where value.type == type {
        let result = try outcome(network) { $0.attributes.append(value.attribute(name)) }
        #expect(result != expected, "\(name): \(value)")
      }
    }
  }

  /// Another type, a further value of another one, twice, or what the format has for functions: an error that names the attribute.
  @Test("An attribute that is not what it should be is an error", arguments: NodeCase.all)
  func types(_ network: NodeCase) throws {
    let ignored = try #require(OnnxFiles.operators.first { $0.name == network.type }).ignored
    for (place, (name, value)) in network.attributes.enumerated() where !ignored.contains(name) {
      for other in AttributeValue.all where other.type != value.type {
        let replaced = try outcome(network) { $0.attributes[place] = other.attribute(name) }
        #expect(replaced.isRefusal(naming: name), "\(other): \(replaced)")
        let added = try outcome(network) { other.fill(&$0.attributes[place]) }
        #expect(added.isRefusal(naming: name), "\(other): \(added)")
      }
      let twice = try outcome(network) { $0.attributes.append(value.attribute(name)) }
      #expect(twice.isRefusal(naming: name))
      // A graph, texts, and the name of a function's attribute.
      for field in [6, 9, 21] {
        var bytes: [UInt8] = try value.attribute(name).serializedBytes()
        bytes += varint(field << 3 | 2) + [2, 8, 9]
        let attribute = try OnnxAttribute(serializedBytes: bytes)
        let result = try outcome(network) { $0.attributes[place] = attribute }
        #expect(result.isRefusal(naming: name), "field \(field): \(result)")
      }
    }
  }

  @Test("What no operator has is an error", arguments: NodeCase.all)
  func surprises(_ network: NodeCase) throws {
    for value in AttributeValue.all {
      let result = try outcome(network) { $0.attributes.append(value.attribute("surprise")) }
      #expect(result.isRefusal(naming: "surprise"), "\(result)")
    }
    let schema = try #require(OperatorSchema.of(network.type, network.version))
    guard schema.inputs < 100 else { return }
    let more = try outcome(network) { node in
      node.inputs += [String](repeating: "", count: max(0, schema.inputs - node.inputs.count)) + ["x"]
    }
    guard case .refused(let text) = more else {
      Issue.record("\(more)")
      return
    }
    #expect(text.contains("node \"n\" (\(network.type)): it"))
  }

  private func varint(_ number: Int) -> [UInt8] {
    number < 128 ? [UInt8(number)] : [UInt8(number & 127 | 128)] + varint(number >> 7)
  }

  // MARK: Fields that are not described

  /// A model with a further field in one of its messages.
  private func adding<Kind: Message>(
    _ field: Int, _ content: [UInt8] = [2, 8, 9], wire: Int = 2, to part: WritableKeyPath<OnnxModel, Kind>
  ) throws -> Outcome {
    let network = NodeCase("Add", [], [.numbers([5], [1, 2, 3, 4, 5])])
    var model = network.model(network.node)
    let bytes: [UInt8] = try model[keyPath: part].serializedBytes()
    model[keyPath: part] = try Kind(serializedBytes: bytes + varint(field << 3 | wire) + content)
    return try outcome(network, model)
  }

  @Test func fields() throws {
    let network = NodeCase("Add", [], [.numbers([5], [1, 2, 3, 4, 5])])
    let expected = try outcome(network, network.model(network.node))
    let length = \OnnxModel.graph.inputs[0].type.tensor.shape.lengths[1]
    // Descriptions, properties, types of values, notes on quantisation, training and devices.
    for field in [3, 4, 5, 20, 26] { #expect(try adding(field, to: \.self) == expected) }
    for field in [10, 13, 14, 16] { #expect(try adding(field, to: \.graph) == expected) }
    for field in [6, 9, 10] { #expect(try adding(field, to: \.graph.nodes[0]) == expected) }
    for field in [12, 16] { #expect(try adding(field, to: \.graph.initializers[0]) == expected) }
    for field in [3, 4] { #expect(try adding(field, to: \.graph.inputs[0]) == expected) }
    #expect(try adding(6, to: \.graph.inputs[0].type) == expected)
    #expect(try adding(3, to: length) == expected)
    // An empty text is as good as none.
    #expect(try adding(8, [0], to: \.graph.nodes[0]) == expected)

    let remedy = "Change the network so that it does without, or run the file in onnxruntime."
    func refused(_ place: String, _ field: String, _ remedy: String = remedy) -> Outcome {
      .refused("\(path): \(place)has the field \(field), which is not supported. \(remedy)")
    }
    #expect(
      try adding(25, to: \.self)
        == refused(
          "", "\"functions\"", "Put the functions' nodes into the graph, with onnx.inliner.inline_local_functions."))
    #expect(try adding(15, to: \.graph) == refused("", "\"sparse_initializer\""))
    #expect(try adding(8, to: \.graph.nodes[0]) == refused("node \"n\" (Add): ", "\"overload\""))
    #expect(try adding(3, to: \.graph.initializers[0]) == refused("tensor \"a\": ", "\"segment\""))
    #expect(try adding(6, to: \.graph.initializers[0]) == refused("tensor \"a\": ", "\"string_data\""))
    #expect(try adding(99, to: \.graph.outputs[0]) == refused("output \"r0\": ", "99 of the format"))
    #expect(
      try adding(99, [1], wire: 0, to: \.graph.inputs[0].type.tensor) == refused("input \"x\": ", "99 of the format"))
    #expect(
      try adding(99, [1, 2, 3, 4], wire: 5, to: length) == refused("input \"x\": ", "99 of the format"))
    #expect(
      try adding(99, [1, 2, 3, 4, 5, 6, 7, 8], wire: 1, to: \.operatorSets[0])
        == refused("operator set \"\": ", "99 of the format"))
  }

  @Test func namesAreUnique() throws {
    let network = NodeCase("Split", [("axis", 1), ("num_outputs", 2)]) { $0.resultCount = 2 }
    for name in ["x", "r0"] {
      #expect(
        try outcome(network) { $0.outputs[1] = name }
          == .refused(
            "\(path): node \"n\" (Split): its result \"\(name)\" has the name of another value. Export the model again."
          ))
    }
    var model = network.model(network.node)
    model.graph.initializers = [1, 2].map { value in
      .with { ($0.name, $0.dataType, $0.floats, $0.shape) = ("twice", 1, [value], [1]) }
    }
    #expect(
      try outcome(network, model)
        == .refused("\(path): its tensor \"twice\" has the name of another value. Export the model again."))
  }
}
