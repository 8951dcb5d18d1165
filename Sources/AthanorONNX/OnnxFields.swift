import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

/// The fields of the format that no translation reads. They are not decoded, but accounted for.
enum OnnxFields {
  /// Fields that change no result, by the messages that have them: descriptions, properties, the types of values within the graph, notes
  /// for devices and on how it was quantised, and what trains it.
  private static let harmless: [String: Set<Int>] = [
    OnnxModel.protoMessageName: [3, 4, 5, 20, 26],
    OnnxGraph.protoMessageName: [10, 13, 14, 16],
    OnnxNode.protoMessageName: [6, 9, 10],
    OnnxAttribute.protoMessageName: [13],
    OnnxTensor.protoMessageName: [12, 16],
    OnnxValueInfo.protoMessageName: [3, 4],
    OnnxValueType.protoMessageName: [6],
    OnnxValueType.Length.protoMessageName: [3],
  ]

  /// Fields that have names in the errors.
  private static let names: [String: [Int: String]] = [
    OnnxModel.protoMessageName: [25: "functions"], OnnxGraph.protoMessageName: [15: "sparse_initializer"],
    OnnxNode.protoMessageName: [8: "overload"], OnnxTensor.protoMessageName: [3: "segment", 6: "string_data"],
  ]

  /// - Throws: `AthanorError` that names a field of the model, its graph, a node or a port which may change results and is not read.
  static func requireKnown(_ model: OnnxModel) throws {
    try requireKnown(model, "")
    try requireKnown(model.graph, "")
    for set in model.operatorSets { try requireKnown(set, "operator set \"\(set.domain)\"") }
    for node in model.graph.nodes {
      try requireKnown(node, "node \"\(node.name.isEmpty ? node.outputs.first ?? "" : node.name)\" (\(node.type))")
    }
    for (what, ports) in [("input", model.graph.inputs), ("output", model.graph.outputs)] {
      for port in ports {
        let place = "\(what) \"\(port.name)\""
        try requireKnown(port, place)
        guard port.type.hasTensor else { continue }
        try requireKnown(port.type, place)
        try requireKnown(port.type.tensor, place)
        try requireKnown(port.type.tensor.shape, place)
        for length in port.type.tensor.shape.lengths { try requireKnown(length, place) }
      }
    }
  }

  static func requireKnown(_ tensor: OnnxTensor) throws { try requireKnown(tensor, "tensor \"\(tensor.name)\"") }

  private static func requireKnown(_ message: some Message, _ place: String) throws {
    guard let field = unknown(message).first else { return }
    let name = names[type(of: message).protoMessageName]?[field].map { "\"\($0)\"" } ?? "\(field) of the format"
    throw AthanorError(
      .unsupported, at: place, "has the field \(name), which is not supported",
      fix: field == 25 && message is OnnxModel
        ? "Put the functions' nodes into the graph, with onnx.inliner.inline_local_functions." : OnnxReader.lastRemedy)
  }

  /// The numbers of the fields that are neither described here nor harmless. An empty text, a 0 and an empty list are as if absent.
  static func unknown<Kind: Message>(_ message: Kind) -> [Int] {
    let harmless = harmless[Kind.protoMessageName] ?? []
    var rest = [UInt8](message.unknownFields.data)[...]
    var found: [Int] = []
    /// nil at the end.
    func integer() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 64, by: 7) {
        guard let byte = rest.popFirst() else { return nil }
        value |= UInt64(byte & 127) << UInt64(shift)
        if byte < 128 { return value }
      }
      return nil
    }
    while let tag = integer() {
      let field = Int(truncatingIfNeeded: tag >> 3)
      let isEmpty: Bool
      switch tag & 7 {
      case 0: isEmpty = integer() == 0
      case 2:
        let count = Int(clamping: integer() ?? 0)
        isEmpty = count == 0
        rest = rest.dropFirst(count)
      case 1, 5:
        let count = tag & 7 == 1 ? 8 : 4
        isEmpty = rest.prefix(count).allSatisfy { $0 == 0 }
        rest = rest.dropFirst(count)
      default:
        // Groups, which the format does not have.
        isEmpty = false
        rest = []
      }
      if !isEmpty, !harmless.contains(field) { found.append(field) }
    }
    return found
  }
}
