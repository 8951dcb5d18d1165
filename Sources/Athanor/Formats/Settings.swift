/// The settings of a layer on their way from a file or to one. A layer declares each setting once, for both ways.
///
/// - Example:
///   ```swift
///   extension Conv2D {
///     mutating func configure(_ settings: inout Settings) throws {
///       try settings.field("filters", &filters)
///       try settings.field("strides", &strides, default: 1)
///       try settings.fixed("data_format", "channels_last")
///       try settings.weight("kernel", &kernel, default: .glorotUniform)
///     }
///   }
///   ```
public struct Settings {
  /// What is read; nil when settings are written.
  package let source: Configuration?
  /// What was declared so far, when settings are written.
  package internal(set) var written: Configuration = [:]

  /// Settings that are read.
  package init(reading source: Configuration) { self.source = source.reported }

  /// Settings that are written.
  package init() { source = nil }

  /// A setting that is a property of the layer.
  ///
  /// - Parameters:
  ///   - key: Its name in files.
  ///   - value: The property: written, or replaced by what the file says.
  ///   - standard: The value where the file says nothing; without it the file must say something.
  ///   - aliases: Older names that may stand in a file instead.
  /// - Throws: `AthanorError` that names the place, when the value is missing or of another type.
  public mutating func field<Value: SettingValue>(
    _ key: String, _ value: inout Value, default standard: Value? = nil, aliases: [String] = []
  ) throws {
    guard let source else {
      written[key] = try value.setting
      return
    }
    let name = ([key] + aliases).first { !source.isMissing($0) } ?? key
    value = try Value.read(name, in: source, default: standard)
  }

  /// A setting of which only one value is supported.
  ///
  /// - Parameters:
  ///   - key: Its name in files.
  ///   - value: The supported value, which is written; a file may also say nothing.
  ///   - isWritten: Whether it is written; false for what only older files have.
  /// - Throws: `AthanorError` that names the place, when a file has another value.
  public mutating func fixed<Value: SettingValue & Equatable>(
    _ key: String, _ value: Value, isWritten: Bool = true
  ) throws {
    guard let source else {
      if isWritten { written[key] = try value.setting }
      return
    }
    if source.isMissing(key) { return }
    guard try Value.read(key, in: source, default: nil) == value else {
      throw AthanorError(
        .unsupported, at: source.location(of: key), "\(source.found(key)) is not supported",
        fix: "Save the model with \(value).")
    }
  }

  /// A setting that concerns training alone, and of which only one value is supported: another one gives a warning.
  ///
  /// - Throws: `AthanorError` that names the place, when the value is of another type.
  public mutating func trainingOnly<Value: SettingValue & Equatable>(_ key: String, _ value: Value) throws {
    guard let source else {
      written[key] = try value.setting
      return
    }
    guard !source.isMissing(key), try Value.read(key, in: source, default: value) != value else { return }
    warn(key, source)
  }

  /// A setting that concerns training alone and is not supported: anything but `null` gives a warning.
  public mutating func trainingOnly(_ key: String) {
    guard let source else {
      written[key] = .null
      return
    }
    if !source.isMissing(key) { warn(key, source) }
  }

  /// A setting without influence on what the layer computes.
  ///
  /// - Parameters:
  ///   - key: Its key in files.
  ///   - isWritten: Whether it is written, as `null`.
  public mutating func neutral(_ key: String, isWritten: Bool = true) {
    source?.ignore(key)
    if source == nil, isWritten { written[key] = .null }
  }

  /// An error that says what was expected of a value and what the file says.
  public func error(_ key: String, expected: String) -> AthanorError {
    (source ?? written).error(key, expected: expected)
  }

  func warn(_ key: String, _ source: Configuration) {
    source.warn(key, "\(source.found(key)) is not supported and was not taken over; predictions do not change")
  }
}

/// A type that a setting can have.
public protocol SettingValue {
  /// The value as files have it.
  ///
  /// - Throws: `AthanorError` with an empty location when files have no form for it.
  var setting: JSONValue { get throws }

  /// The value of a key; the standard, if there is one, where the key is missing or `null`.
  ///
  /// - Throws: `AthanorError` when it is of another type, or missing and without a standard.
  static func read(_ key: String, in configuration: Configuration, default standard: Self?) throws -> Self
}

extension SettingValue where Self: JSONConvertible {
  /// The value in JSON.
  public var setting: JSONValue { jsonValue }
}

extension Int: SettingValue {
  /// An integer.
  public static func read(_ key: String, in configuration: Configuration, default standard: Int?) throws -> Int {
    try configuration.integer(key, default: standard)
  }
}

extension Double: SettingValue {
  /// A number.
  public static func read(_ key: String, in configuration: Configuration, default standard: Double?) throws -> Double {
    try configuration.number(key, default: standard)
  }
}

extension Bool: SettingValue {
  /// True or false.
  public static func read(_ key: String, in configuration: Configuration, default standard: Bool?) throws -> Bool {
    try configuration.flag(key, default: standard)
  }
}

extension String: SettingValue {
  /// A text.
  public static func read(_ key: String, in configuration: Configuration, default standard: String?) throws -> String {
    try configuration.text(key, default: standard)
  }
}

extension JSONValue: SettingValue {
  /// Any value.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: JSONValue?
  ) throws -> JSONValue {
    if configuration.isMissing(key), let standard { return standard }
    guard let value = configuration[key] else { throw configuration.error(key, expected: "a value") }
    return value
  }
}

extension [String: JSONValue]: SettingValue {
  /// An object.
  public static func read(_ key: String, in configuration: Configuration, default standard: Self?) throws -> Self {
    if configuration.isMissing(key), let standard { return standard }
    guard case .object(let values) = configuration[key] else { throw configuration.error(key, expected: "an object") }
    return values
  }
}

extension Optional: SettingValue where Wrapped: SettingValue {
  /// The value, or `null`.
  public var setting: JSONValue { get throws { try self?.setting ?? .null } }

  /// A value, nil for `null`; nil or the standard where the key is missing.
  public static func read(_ key: String, in configuration: Configuration, default standard: Self?) throws -> Self {
    guard let value = configuration[key] else { return standard ?? nil }
    return value == .null ? nil : try Wrapped.read(key, in: configuration, default: nil)
  }
}

extension SettingValue where Self: RawRepresentable & CaseIterable, Self.RawValue == String {
  /// The case's name.
  public var setting: JSONValue { .text(rawValue) }

  /// A case by its name.
  public static func read(_ key: String, in configuration: Configuration, default standard: Self?) throws -> Self {
    if configuration.isMissing(key), let standard { return standard }
    guard let value = Self(rawValue: try configuration.text(key)) else {
      let names = allCases.map { "\"\($0.rawValue)\"" }
      throw configuration.error(key, expected: names.joined(separator: " or "))
    }
    return value
  }
}

/// A type of which a setting can be a list.
public protocol SettingElement: JSONConvertible {
  /// The list of a key.
  ///
  /// - Throws: `AthanorError` when it is something else.
  static func readList(_ key: String, in configuration: Configuration) throws -> [Self]

  /// The list as files have it.
  static func setting(_ list: [Self]) -> JSONValue
}

extension SettingElement {
  /// A list.
  public static func setting(_ list: [Self]) -> JSONValue { list.jsonValue }
}

extension Array: SettingValue where Element: SettingElement {
  /// The list as files have it.
  public var setting: JSONValue { Element.setting(self) }

  /// A list.
  public static func read(_ key: String, in configuration: Configuration, default standard: Self?) throws -> Self {
    if configuration.isMissing(key), let standard { return standard }
    return try Element.readList(key, in: configuration)
  }
}

extension Int: SettingElement {
  /// A list of integers.
  public static func readList(_ key: String, in configuration: Configuration) throws -> [Int] {
    try configuration.integers(key)
  }
}

extension JSONValue: SettingElement {
  /// A list of any values.
  public static func readList(_ key: String, in configuration: Configuration) throws -> [JSONValue] {
    guard case .array(let values) = configuration[key] else { throw configuration.error(key, expected: "a list") }
    return values
  }
}

extension Double: SettingElement {
  /// A single number stands alone.
  public static func setting(_ list: [Double]) -> JSONValue { list.count == 1 ? list[0].jsonValue : list.jsonValue }

  /// A number, or a list of numbers.
  public static func readList(_ key: String, in configuration: Configuration) throws -> [Double] {
    guard let numbers = try configuration.numbers(key) else {
      throw configuration.error(key, expected: "a number or a list of numbers")
    }
    return numbers
  }
}

extension Size2D: SettingValue {
  /// Height and width.
  public var setting: JSONValue { pair.jsonValue }

  /// One integer for both, or height and width.
  public static func read(_ key: String, in configuration: Configuration, default standard: Size2D?) throws -> Size2D {
    try configuration.size(key, default: standard)
  }
}

extension Padding: SettingValue {
  /// `"valid"` or `"same"`
  public var setting: JSONValue { .text(rawValue) }

  /// `"valid"` or `"same"`, in any case of letters.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: Padding?
  ) throws -> Padding {
    if configuration.isMissing(key), let standard { return standard }
    guard let padding = Padding(rawValue: try configuration.text(key).lowercased()) else {
      throw configuration.error(key, expected: "\"valid\" or \"same\"")
    }
    return padding
  }
}
