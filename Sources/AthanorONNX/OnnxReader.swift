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
      return try ModelRecipe(OnnxReader(model).result, name: name)
    } catch let error as AthanorError {
      throw error.within(path)
    }
  }
}

/// Translates an ONNX graph into the exchange language.
struct OnnxReader {
  private(set) var result = Program()
  let writer: ProgramWriter
  var constants: [String: Tensor] = [:]
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
    for input in graph.inputs where !known.contains(input.name) { _ = writer.add(try OnnxReader.input(input)) }
    for tensor in graph.initializers { constants[tensor.name] = try OnnxReader.numbers(tensor) }
    for node in graph.nodes {
      self.node = node
      writer.name = node.name.isEmpty ? node.outputs.first ?? "" : node.name
      (asked.attributes, asked.inputs) = ([], [])
      writer.input = optional(0)
      do {
        try translate()
        try requireNothingUnread()
      } catch let error as AthanorError {
        throw error.within("node \"\(writer.name)\" (\(node.type))")
      }
    }
    result = writer.program(outputs: graph.outputs.map { Program.Result($0.name) })
  }

  private static func input(_ value: OnnxValueInfo) throws -> Program.Input {
    let lengths = value.type.tensor.shape.lengths.map { length -> Int in
      if case .value(let value) = length.kind { Int(clamping: value) } else { 0 }
    }
    let shape = [1] + lengths.dropFirst()
    guard lengths.count >= 2, shape.allSatisfy({ $0 > 0 }), value.type.tensor.dataType == 1,
      Tensor.elementCount(of: shape).map({ $0 <= Shape.maximumElements }) == true
    else {
      throw AthanorError(
        .unsupported, at: "input \"\(value.name)\"",
        "has the shape \(Shape.text(lengths)) and the element type \(value.type.tensor.dataType)",
        fix: "Only its first length, the batch, may be open, and its elements must be float32 (1).")
    }
    return Program.Input(name: value.name, shape: shape)
  }

  // MARK: Numbers

  static func numbers(_ tensor: OnnxTensor) throws -> Tensor {
    func damaged(_ what: String) -> AthanorError { AthanorError(.data, at: "tensor \"\(tensor.name)\"", what) }
    let shape = tensor.shape.map { Int(clamping: $0) }
    guard let count = Tensor.elementCount(of: shape), count <= Shape.maximumElements else {
      throw damaged("has the shape \(Shape.text(shape))")
    }
    guard tensor.location == 0 else {
      throw AthanorError(
        .unsupported, at: "tensor \"\(tensor.name)\"", "its numbers lie in another file",
        fix: "Save the model as one file.")
    }
    let bytes = [UInt8](tensor.data)
    func patterns<Number: FixedWidthInteger>(_ type: Number.Type) -> [Number] {
      let width = Number.bitWidth / 8
      return stride(from: 0, to: bytes.count - bytes.count % width, by: width).map { place in
        bytes[place..<place + width].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
      }
    }
    let storage: Tensor.Storage
    switch tensor.dataType {
    case 1: storage = .float32(bytes.isEmpty ? tensor.floats : patterns(UInt32.self).map(Float.init(bitPattern:)))
    case 11:
      storage = .float32(
        bytes.isEmpty
          ? tensor.doubles.map { Float($0) } : patterns(UInt64.self).map { Float(Double(bitPattern: $0)) })
    case 7:
      storage = .int32((bytes.isEmpty ? tensor.int64S : patterns(Int64.self)).map { Int32(clamping: $0) })
    case 6: storage = .int32(bytes.isEmpty ? tensor.int32S : patterns(Int32.self))
    case 2, 9: storage = .int32(bytes.isEmpty ? tensor.int32S : bytes.map { Int32($0) })
    case 3: storage = .int32(bytes.isEmpty ? tensor.int32S : bytes.map { Int32(Int8(bitPattern: $0)) })
    default: throw damaged("has the element type \(tensor.dataType), which cannot be read")
    }
    guard storage.count == count else { throw damaged("has \(storage.count) numbers for shape \(Shape.text(shape))") }
    return Tensor(uncheckedShape: shape, storage)
  }

  // MARK: Arguments

  /// Attributes that change nothing here, and those that change nothing at one value.
  private static let harmless: [String: Int?] = [
    "consumed_inputs": nil, "is_test": 1, "momentum": nil, "noop_with_empty_axes": 0,
    "num_outputs": nil, "ratio": nil, "saturate": nil, "seed": nil, "spatial": 1, "stash_type": nil, "storage_order": 0,
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

  func optional(_ index: Int) -> Program.Operand? {
    asked.inputs.insert(index)
    guard node.inputs.indices.contains(index), !node.inputs[index].isEmpty else { return nil }
    return constants[node.inputs[index]].map { .constant($0) } ?? .named(node.inputs[index])
  }

  func input(_ index: Int) throws -> Program.Argument {
    guard let operand = optional(index) else {
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
    switch optional(index) {
    case .constant(let tensor): return tensor
    case .named:
      throw AthanorError(.unsupported, at: "", "its input \(index + 1) is computed, but must be known before")
    case nil: return nil
    }
  }

  /// Axes and the like, an attribute in older operator sets and an input in newer ones.
  func list(_ name: String, input index: Int) throws -> [Int]? {
    if let values = integers(name) { return values }
    return try known(index)?.integers
  }
}
