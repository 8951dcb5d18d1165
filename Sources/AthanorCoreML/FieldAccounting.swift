import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

/// What messages hold without an effect on predictions, as `Message.field`; fields that these messages are not described with here are
/// numbers. Everything else that a reader passes over is an error.
package enum HarmlessFields {
  package static let all: Set<String> = [
    // Training, notes and texts for people.
    "Model.is_updatable", "Layer.10", "Weights.50", "NeuralNetwork.10", "Description.50", "Program.3", "Program.4",
    "Function.4", "Block.4", "Value.1",
    // Functions are found by their names; the labels' type says what an optional input is.
    "Description.20", "FeatureType.is_optional", "ArrayType.41", "ArrayType.51", "ArrayType.61",
    // How many axes values have follows from the layers.
    "Layer.4", "Layer.5",
    // A global window is the whole picture, and a maximum has no mean; each is read where it counts.
    "PoolingLayer.kernel_size", "PoolingLayer.stride", "PoolingLayer.valid", "PoolingLayer.same",
    "PoolingLayer.include_last_pixel", "PoolingLayer.excludes_padding",
    // Converters write both for every function, and an epsilon where nothing is divided.
    "UnaryLayer.alpha", "UnaryLayer.epsilon", "MeanVarianceLayer.epsilon",
  ]
}

/// A message's fields, noted as they are read.
@dynamicMemberLookup
final class Fields<Content: SwiftProtobuf.Message & Equatable> {
  private let message: Content
  private var unread: Content

  init(_ message: Content) {
    self.message = message
    unread = message
  }

  subscript<Value>(dynamicMember field: WritableKeyPath<Content, Value>) -> Value {
    unread[keyPath: field] = Content()[keyPath: field]
    return message[keyPath: field]
  }

  /// - Throws: `AthanorError` with an empty location that names a field which is set and was not read.
  func requireAllRead() throws {
    let name = Content.protoMessageName
    var field = ""
    for line in unread.textFormatString().split(separator: "\n") {
      // Fields of messages within stand behind blanks; an empty message says nothing.
      if !line.hasPrefix(" ") { field = String(line.prefix { $0 != " " && $0 != ":" }) }
      guard line.contains(": "), !HarmlessFields.all.contains("\(name).\(field)") else { continue }
      throw AthanorError(
        .unsupported, at: "", "its field \"\(field)\" (\(name)) has no effect here",
        fix: "Convert the model anew, or leave the field out.")
    }
  }
}

/// Runs a translation of a message.
///
/// - Throws: `AthanorError` with an empty location that names a field which is set and was not read; what the translation throws.
func reading<Content: SwiftProtobuf.Message & Equatable>(
  _ message: Content, _ translation: (Fields<Content>) throws -> Void
) throws {
  let fields = Fields(message)
  try translation(fields)
  try fields.requireAllRead()
}

extension SwiftProtobuf.Message {
  /// - Parameter isWhole: Whether operations and layers are looked into, which readers do one by one.
  /// - Throws: `AthanorError` with an empty location that names a field of this message, or of one within it, for which there is no
  ///   description here.
  func requireKnownFields(isWhole: Bool = true) throws {
    var visitor = UnknownFields(isWhole: isWhole)
    try visitor.visit(self)
  }
}

private struct UnknownFields: Visitor {
  let isWhole: Bool
  private var name = ""

  init(isWhole: Bool) { self.isWhole = isWhole }

  mutating func visit<Content: SwiftProtobuf.Message>(_ message: Content) throws {
    if !isWhole, message is ProtoOperation || message is ProtoLayer { return }
    let outer = name
    name = Content.protoMessageName
    try message.traverse(visitor: &self)
    name = outer
  }

  mutating func visitUnknown(bytes: Data) throws {
    for number in try fieldNumbers([UInt8](bytes)) where !HarmlessFields.all.contains("\(name).\(number)") {
      throw AthanorError(
        .unsupported, at: "", "it has the field \(number) of \(name), which is not known here",
        fix: "Convert the model anew for an older version of Core ML.")
    }
  }

  /// The numbers of encoded fields.
  private func fieldNumbers(_ bytes: [UInt8]) throws -> [Int] {
    let damaged = AthanorError(.data, at: "", "it is damaged", fix: "Export it again.")
    var (numbers, place): ([Int], Int) = ([], 0)
    func integer() throws -> Int {
      var (result, shift): (UInt64, UInt64) = (0, 0)
      while place < bytes.count, shift < 64 {
        let byte = bytes[place]
        place += 1
        result |= UInt64(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { return Int(clamping: result) }
      }
      throw damaged
    }
    while place < bytes.count {
      let tag = try integer()
      numbers.append(tag >> 3)
      switch tag & 7 {
      case 0: _ = try integer()
      case 1: place += 8
      case 2:
        let count = try integer()
        guard count <= bytes.count - place else { throw damaged }
        place += count
      case 5: place += 4
      default: return numbers  // groups, of which the number says enough
      }
    }
    return numbers
  }

  mutating func visitSingularMessageField<M: SwiftProtobuf.Message>(value: M, fieldNumber: Int) throws {
    try visit(value)
  }

  mutating func visitRepeatedMessageField<M: SwiftProtobuf.Message>(value: [M], fieldNumber: Int) throws {
    for message in value { try visit(message) }
  }

  mutating func visitMapField<KeyType, ValueType: MapValueType>(
    fieldType: _ProtobufMap<KeyType, ValueType>.Type, value: _ProtobufMap<KeyType, ValueType>.BaseType, fieldNumber: Int
  ) throws {}

  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufEnumMap<KeyType, ValueType>.Type, value: _ProtobufEnumMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) throws where ValueType.RawValue == Int {}

  mutating func visitMapField<KeyType, ValueType>(
    fieldType: _ProtobufMessageMap<KeyType, ValueType>.Type, value: _ProtobufMessageMap<KeyType, ValueType>.BaseType,
    fieldNumber: Int
  ) throws {
    for (_, message) in value { try visit(message) }
  }

  mutating func visitPackedFloatField(value: [Float], fieldNumber: Int) throws {}
  mutating func visitPackedDoubleField(value: [Double], fieldNumber: Int) throws {}
  mutating func visitSingularDoubleField(value: Double, fieldNumber: Int) throws {}
  mutating func visitSingularInt64Field(value: Int64, fieldNumber: Int) throws {}
  mutating func visitSingularUInt64Field(value: UInt64, fieldNumber: Int) throws {}
  mutating func visitSingularBoolField(value: Bool, fieldNumber: Int) throws {}
  mutating func visitSingularStringField(value: String, fieldNumber: Int) throws {}
  mutating func visitSingularBytesField(value: Data, fieldNumber: Int) throws {}
  mutating func visitSingularEnumField<E: SwiftProtobuf.Enum>(value: E, fieldNumber: Int) throws {}
}
