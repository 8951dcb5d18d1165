import AthanorCore
import Foundation

/// The types of attributes that are read, by the format's numbers.
private enum AttributeType: Int32 {
  case number = 1
  case integer, text, tensor
  case numbers = 6
  case integers

  var description: String {
    switch self {
    case .number: "a floating-point number"
    case .integer: "an integer"
    case .text: "a text"
    case .tensor: "a tensor"
    case .numbers: "floating-point numbers"
    case .integers: "integers"
    }
  }

  /// Whether an attribute says that it is of this type, and has nothing of another one. The oldest files do not say it.
  func isType(of attribute: OnnxAttribute) -> Bool {
    [0, rawValue].contains(attribute.type) && (self == .number || attribute.number == 0)
      && (self == .integer || attribute.integer == 0) && (self == .text || attribute.text.isEmpty)
      && (self == .tensor || !attribute.hasTensor) && (self == .numbers || attribute.numbers.isEmpty)
      && (self == .integers || attribute.integers.isEmpty)
      && OnnxFields.unknown(attribute).isEmpty
  }
}

// Attributes of the node that is being translated.

extension OnnxReader {
  private func attribute(_ name: String, _ type: AttributeType) throws -> OnnxAttribute? {
    askedAttributes.insert(name)
    guard let attribute = node.attributes.first(where: { $0.name == name }) else { return nil }
    guard type.isType(of: attribute) else {
      throw AthanorError(
        .data, at: "", "its attribute \"\(name)\" must hold \(type.description), and nothing else",
        fix: "Export the model again.")
    }
    return attribute
  }

  func requireDistinctAttributes() throws {
    var names: Set<String> = []
    for attribute in node.attributes where !names.insert(attribute.name).inserted {
      throw AthanorError(
        .data, at: "", "its attribute \"\(attribute.name)\" comes twice", fix: "Export the model again.")
    }
  }

  func integer(_ name: String) throws -> Int? { try attribute(name, .integer).map { Int(clamping: $0.integer) } }

  func integer(_ name: String, default standard: Int) throws -> Int { try integer(name) ?? standard }

  /// - Throws: `AthanorError` when it is missing.
  func requiredInteger(_ name: String) throws -> Int {
    guard let value = try integer(name) else {
      throw AthanorError(.data, at: "", "its attribute \"\(name)\" is missing", fix: "Export the model again.")
    }
    return value
  }

  /// - Throws: `AthanorError` when it is neither 0 nor 1.
  func flag(_ name: String, default standard: Bool = false) throws -> Bool {
    switch try integer(name) {
    case nil: return standard
    case 0: return false
    case 1: return true
    case let value?:
      throw AthanorError(
        .data, at: "", "its attribute \"\(name)\" is \(value), but must be 0 or 1", fix: "Export the model again.")
    }
  }

  func integers(_ name: String) throws -> [Int]? {
    try attribute(name, .integers)?.integers.map { Int(clamping: $0) }
  }

  func number(_ name: String) throws -> Double? { try attribute(name, .number).map { Double($0.number) } }

  func number(_ name: String, default standard: Float) throws -> Double { try number(name) ?? Double(standard) }

  func numbers(_ name: String) throws -> [Float]? { try attribute(name, .numbers)?.numbers }

  func tensor(_ name: String) throws -> OnnxTensor? { try attribute(name, .tensor)?.tensor }

  func text(_ name: String, default standard: String) throws -> String {
    try attribute(name, .text).map { String(decoding: $0.text, as: UTF8.self) } ?? standard
  }

  /// One of the texts that an attribute may be.
  ///
  /// - Throws: `AthanorError` when it is another one.
  func choice<Choice: RawRepresentable<String>>(
    _ name: String, default standard: Choice, _ type: Choice.Type = Choice.self
  ) throws -> Program.Argument {
    let text = try text(name, default: standard.rawValue)
    guard let choice = Choice(rawValue: text) else { throw unsupported(name, "\"\(text)\"") }
    return .choice(choice)
  }

  /// The error of an attribute's value that is not supported.
  func unsupported(_ attribute: String, _ value: String) -> AthanorError {
    AthanorError(.unsupported, at: "", "its attribute \"\(attribute)\" is \(value), which is not supported")
  }
}
