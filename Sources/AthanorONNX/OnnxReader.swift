import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

extension OnnxFiles: ModelFileReader {
  package static func recipe(_ path: String, custom: [any SerializableLayer.Type]) throws -> ModelRecipe {
    try recipe(FileBytes.read(path), path)
  }

  static func model(_ bytes: [UInt8], _ path: String) throws -> OnnxModel {
    if let model = try? OnnxModel(serializedBytes: bytes), model.hasGraph { return model }
    throw AthanorError(.data, at: path, "is no ONNX model, or a damaged one", fix: "Export it again.")
  }

  static func recipe(_ bytes: [UInt8], _ path: String) throws -> ModelRecipe {
    let model = try model(bytes, path)
    do {
      let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
      var recipe = try ModelRecipe(OnnxReader(model).result, name: name)
      if let names = model.properties.first(where: { $0.key == classKey }) {
        recipe.classNames = try classNames(names.value)
      }
      return recipe
    } catch let error as AthanorError {
      throw error.within(path)
    }
  }
}

extension OnnxFiles {
  /// The property that holds the names of the classes.
  static let classKey = "athanor_class_names"

  private static func classNames(_ text: String) throws -> [String] {
    let value = try JSONValue(parsing: text, at: classKey)
    guard case .array(let values) = value else { throw damagedClassNames() }
    return try values.map { value in
      guard case .text(let name) = value else { throw damagedClassNames() }
      return name
    }
  }

  private static func damagedClassNames() -> AthanorError {
    AthanorError(.data, at: classKey, "it is no list of texts in JSON", fix: "The file is damaged.")
  }
}

/// Translates an ONNX graph into the exchange language.
struct OnnxReader {
  private(set) var result = Program()
  let writer: ProgramWriter
  var constants: [String: OnnxNumbers] = [:]
  let version: Int
  /// The node that is being translated, and which of its attributes and inputs were asked for.
  private(set) var node = OnnxNode()
  private let asked = Asked()

  private final class Asked {
    var attributes: Set<String> = []
    var inputs: Set<Int> = []
  }

  /// - Throws: `AthanorError` that names the node, when there is nothing here for it.
  init(_ model: OnnxModel) throws {
    let graph = model.graph
    version = Int(clamping: model.operatorSets.first { ["", "ai.onnx"].contains($0.domain) }?.version ?? 1)
    let known = Set(graph.initializers.map(\.name))
    writer = ProgramWriter(
      reserving: known.union(graph.nodes.flatMap { $0.outputs }).union(graph.inputs.map(\.name)))
    for input in try OnnxReader.inputs(graph.inputs.filter { !known.contains($0.name) }) { _ = writer.add(input) }
    for tensor in graph.initializers { constants[tensor.name] = try OnnxNumbers(tensor) }
    for node in graph.nodes {
      self.node = node
      writer.name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
      (asked.attributes, asked.inputs) = ([], [])
      do {
        writer.input = try optional(0)
        try translate()
        try requireNothingUnread()
      } catch let error as AthanorError {
        throw error.within("node \"\(writer.name)\" (\(node.type))")
      }
    }
    result = writer.program(outputs: graph.outputs.map { Program.Result($0.name) })
  }

  // MARK: Arguments

  /// Attributes that change nothing here, and those that change nothing at one value.
  private static let harmless: [String: Int?] = [
    "consumed_inputs": nil, "is_test": 1, "momentum": nil, "ratio": nil, "saturate": nil, "seed": nil, "spatial": 1,
    "stash_type": nil, "storage_order": 0,
  ]

  /// - Throws: `AthanorError` that names an attribute or input which the translation did not ask for.
  private func requireNothingUnread() throws {
    for attribute in node.attributes where !asked.attributes.contains(attribute.name) {
      if let value = Self.harmless[attribute.name], value == nil || value == Int(clamping: attribute.integer) {
        continue
      }
      throw AthanorError(
        .unsupported, at: "", "its attribute \"\(attribute.name)\" is not supported",
        fix: "ARCHITECTURE.md lists what can be read.")
    }
    for (index, name) in node.inputs.enumerated() where !name.isEmpty && !asked.inputs.contains(index) {
      throw AthanorError(.unsupported, at: "", "its input \(index + 1), \"\(name)\", is not supported")
    }
  }

  /// - Throws: `AthanorError` when it is known, and holds an integer that does not fit.
  func optional(_ index: Int) throws -> Program.Operand? {
    asked.inputs.insert(index)
    guard node.inputs.indices.contains(index), !node.inputs[index].isEmpty else { return nil }
    let name = node.inputs[index]
    switch constants[name] {
    case .tensor(let tensor): return .constant(tensor)
    case .wide(let integers, _): throw OnnxNumbers.misfit(integers, "its input \(index + 1), \"\(name)\",")
    case nil: return .named(name)
    }
  }

  func input(_ index: Int) throws -> Program.Argument {
    guard let operand = try optional(index) else {
      throw AthanorError(.data, at: "", "its input \(index + 1) is missing")
    }
    return .operand(operand)
  }

  func attribute(_ name: String) -> OnnxAttribute? {
    asked.attributes.insert(name)
    return node.attributes.first { $0.name == name }
  }

  func integer(_ name: String, default standard: Int) -> Int {
    attribute(name).map { Int(clamping: $0.integer) } ?? standard
  }

  func integers(_ name: String) -> [Int]? { attribute(name)?.integers.map { Int(clamping: $0) } }

  func number(_ name: String, default standard: Float) -> Double {
    Double(attribute(name)?.number ?? standard)
  }

  func text(_ name: String, default standard: String) -> String {
    attribute(name).map { String(decoding: $0.text, as: UTF8.self) } ?? standard
  }

  /// Known numbers of an input.
  func known(_ index: Int) throws -> Tensor? {
    switch try optional(index) {
    case .constant(let tensor): return tensor
    case .named:
      throw AthanorError(.unsupported, at: "", "its input \(index + 1) is computed, but must be known before")
    case nil: return nil
    }
  }

  /// Axes and the like, an attribute in older operator sets and an input in newer ones. Programs write the largest integers for "as far as
  /// there is".
  func list(_ name: String, input index: Int) throws -> [Int]? {
    if let values = integers(name) { return values }
    if node.inputs.indices.contains(index), case .wide(let values, _) = constants[node.inputs[index]] {
      asked.inputs.insert(index)
      return values
    }
    return try known(index)?.integers
  }
}
