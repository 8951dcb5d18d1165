/// A value of JSON (RFC 8259) that keeps integers apart from floating-point numbers.
///
/// - Example:
///   ```swift
///   let value: JSONValue = .object(["units": .integer(10), "activation": .text("relu")])
///   ```
public enum JSONValue: Hashable, Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case flag(Bool)
  /// A number without fraction and exponent that fits 64 bits.
  case integer(Int)
  /// Any other number.
  case number(Double)
  /// A string.
  case text(String)
  /// An array.
  case array([JSONValue])
  /// An object; keys are unique.
  case object([String: JSONValue])
}

/// A type that a configuration can hold: numbers, texts, flags, and optionals, arrays and dictionaries of them.
public protocol JSONConvertible {
  /// The value in JSON.
  var jsonValue: JSONValue { get }
}

extension JSONValue: JSONConvertible {
  /// The value itself.
  public var jsonValue: JSONValue { self }
}

extension Int: JSONConvertible {
  /// An integer.
  public var jsonValue: JSONValue { .integer(self) }
}

extension Double: JSONConvertible {
  /// A floating-point number.
  public var jsonValue: JSONValue { .number(self) }
}

extension JSONValue {
  /// A 32-bit number in its shortest form; null for what is not finite, as JSON has no such numbers.
  package init(finite number: Float) {
    self = number.isFinite ? .number(Double("\(number)") ?? Double(number)) : .null
  }
}

extension Bool: JSONConvertible {
  /// `true` or `false`
  public var jsonValue: JSONValue { .flag(self) }
}

extension String: JSONConvertible {
  /// A string.
  public var jsonValue: JSONValue { .text(self) }
}

extension Array: JSONConvertible where Element: JSONConvertible {
  /// An array.
  public var jsonValue: JSONValue { .array(map(\.jsonValue)) }
}

extension Optional: JSONConvertible where Wrapped: JSONConvertible {
  /// The value, or `null` for nil.
  public var jsonValue: JSONValue { self?.jsonValue ?? .null }
}

extension Dictionary: JSONConvertible where Key == String, Value: JSONConvertible {
  /// An object.
  public var jsonValue: JSONValue { .object(mapValues(\.jsonValue)) }
}

// MARK: Text

extension JSONValue: CustomStringConvertible {
  /// The text of the value, without spaces and with sorted keys, so that equal values have equal texts.
  ///
  /// JSON has no numbers that are not finite: they become the strings `"nan"`, `"inf"` and `"-inf"`.
  public var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .null: text += "null"
    case .flag(let flag): text += flag ? "true" : "false"
    case .integer(let integer): text += "\(integer)"
    case .number(let number): text += number.isFinite ? "\(number)" : "\"\(number)\""
    case .text(let string): JSONValue.write(string, to: &text)
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += "," }
        value.write(to: &text)
      }
      text += "]"
    case .object(let values):
      text += "{"
      for (index, entry) in values.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { text += "," }
        JSONValue.write(entry.key, to: &text)
        text += ":"
        entry.value.write(to: &text)
      }
      text += "}"
    }
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{c}": text += "\\f"
      case _ where scalar.value < 0x20:
        text += scalar.value < 0x10 ? "\\u000" : "\\u00"
        text += String(scalar.value, radix: 16)
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
