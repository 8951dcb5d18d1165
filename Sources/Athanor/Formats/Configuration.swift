/// The settings of a layer, an optimizer or the like in files: a JSON object with Keras' keys, read with errors that name the place.
///
/// - Example:
///   ```swift
///   let configuration: Configuration = ["units": 10, "activation": "relu"]
///   try configuration.integer("units")  // 10
///   ```
public struct Configuration: Hashable, Sendable, ExpressibleByDictionaryLiteral, JSONConvertible {
  /// The values by key.
  public private(set) var values: [String: JSONValue]
  /// The file and the place in it; empty for a configuration that was not read.
  public let location: String
  /// Records which values are asked for; configurations within this one share it.
  package let report: ReadingReport?

  /// Makes a configuration to be written; of equal keys the last one counts.
  public init(dictionaryLiteral elements: (String, any JSONConvertible)...) {
    values = Dictionary(elements.map { ($0, $1.jsonValue) }, uniquingKeysWith: { $1 })
    location = ""
    report = nil
  }

  /// Makes a configuration of values that are at hand.
  public init(_ values: [String: some JSONConvertible]) {
    self.values = values.mapValues(\.jsonValue)
    location = ""
    report = nil
  }

  /// The object at a place of a file.
  ///
  /// - Throws: `AthanorError` when it is no object.
  package init(_ json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    guard case .object(let values) = json else {
      throw AthanorError(.data, at: location, "it is not a JSON object", fix: "The file is damaged or of another kind.")
    }
    self.values = values
    self.location = location
    self.report = report
  }

  /// Other values in this place.
  package func replacing(_ json: JSONValue) -> Configuration {
    var other = self
    if case .object(let values) = json { other.values = values }
    return other
  }

  /// The same values with another report.
  package init(_ configuration: Configuration, report: ReadingReport?) {
    values = configuration.values
    location = configuration.location
    self.report = report
  }

  /// Equal by values and location.
  public static func == (left: Self, right: Self) -> Bool {
    left.values == right.values && left.location == right.location
  }

  /// Hashes values and location.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(values)
    hasher.combine(location)
  }

  /// Parses the text at a place of a file.
  ///
  /// - Throws: `AthanorError` when it is not valid JSON or no object.
  package init(parsing text: String, at location: String, report: ReadingReport? = nil) throws {
    try self.init(JSONValue(parsing: text, at: location), at: location, report: report)
  }

  /// The configuration as a JSON object.
  public var jsonValue: JSONValue { .object(values) }

  /// The value of a key, nil when there is none.
  public subscript(key: String) -> JSONValue? {
    get {
      report?.record(location(of: key))
      return values[key]
    }
    set { values[key] = newValue }
  }

  /// The place of a key, for errors.
  package func location(of key: String) -> String { location.isEmpty ? key : "\(location).\(key)" }

  /// An error that says what was expected of a value and what was found.
  public func error(_ key: String, expected: String) -> AthanorError {
    AthanorError(.data, at: location(of: key), "\(expected) was expected but \(found(key)) was found")
  }

  /// The value of a key as messages show it.
  package func found(_ key: String) -> String {
    let text =
      switch values[key] {
      case nil: "nothing"
      case .text(let text): text
      case let value?: value.description
      }
    return text.count > 80 ? text.prefix(80) + "..." : text
  }

  /// Whether there is no value of this key, or `null`.
  public func isMissing(_ key: String) -> Bool { self[key] == nil || values[key] == .null }

  /// An integer; a floating-point number without fraction will do.
  ///
  /// - Throws: `AthanorError` when it is something else, or missing and without a default.
  public func integer(_ key: String, default standard: Int? = nil) throws -> Int {
    if isMissing(key), let standard { return standard }
    guard let value = self[key]?.integer else { throw error(key, expected: "an integer") }
    return value
  }

  /// A number.
  ///
  /// - Throws: `AthanorError` when it is something else, or missing and without a default.
  public func number(_ key: String, default standard: Double? = nil) throws -> Double {
    if isMissing(key), let standard { return standard }
    guard let value = self[key]?.number else { throw error(key, expected: "a number") }
    return value
  }

  /// True or false.
  ///
  /// - Throws: `AthanorError` when it is something else, or missing and without a default.
  public func flag(_ key: String, default standard: Bool? = nil) throws -> Bool {
    if isMissing(key), let standard { return standard }
    switch self[key] {
    case .flag(let flag): return flag
    // Python programs may give 0 and 1 for a flag.
    case .integer(0): return false
    case .integer(1): return true
    default: throw error(key, expected: "true or false")
    }
  }

  /// A text.
  ///
  /// - Throws: `AthanorError` when it is something else, or missing and without a default.
  public func text(_ key: String, default standard: String? = nil) throws -> String {
    if isMissing(key), let standard { return standard }
    guard case .text(let value) = self[key] else { throw error(key, expected: "a text") }
    return value
  }

  /// A list of integers.
  ///
  /// - Throws: `AthanorError` when it is something else or missing.
  public func integers(_ key: String) throws -> [Int] {
    guard let list = self[key]?.integers else { throw error(key, expected: "a list of integers") }
    return list
  }

  /// A number, or a list of numbers of any depth, in order; nil when it is missing.
  ///
  /// - Throws: `AthanorError` when it is something else.
  public func numbers(_ key: String) throws -> [Double]? {
    if isMissing(key) { return nil }
    func flat(_ value: JSONValue) throws -> [Double] {
      if case .array(let list) = value { return try list.flatMap(flat) }
      guard let number = value.number else { throw error(key, expected: "a number or a list of numbers") }
      return [number]
    }
    return try values[key].map(flat)
  }

  /// One integer for both axes, or two.
  ///
  /// - Throws: `AthanorError` when it is something else, or missing and without a default.
  public func size(_ key: String, default standard: Size2D? = nil) throws -> Size2D {
    if isMissing(key), let standard { return standard }
    if let value = self[key]?.integer { return Size2D(value, value) }
    guard let pair = values[key]?.integers, pair.count == 2 else { throw error(key, expected: "one or two integers") }
    return Size2D(pair[0], pair[1])
  }

  /// The configuration within this one; an empty one when it is missing.
  ///
  /// - Throws: `AthanorError` when it is no object.
  public func nested(_ key: String) throws -> Configuration {
    try Configuration(isMissing(key) ? .object([:]) : values[key], at: location(of: key), report: report)
  }

  /// A list of texts.
  ///
  /// - Throws: `AthanorError` when it is something else or missing.
  package func texts(_ key: String) throws -> [String] {
    guard case .array(let values) = self[key] else { throw error(key, expected: "a list of texts") }
    return try values.map { value in
      guard case .text(let text) = value else { throw error(key, expected: "a list of texts") }
      return text
    }
  }

  /// A list of objects.
  ///
  /// - Throws: `AthanorError` when it is something else or missing.
  package func objects(_ key: String) throws -> [Configuration] {
    guard case .array(let values) = self[key] else { throw error(key, expected: "a list") }
    return try values.enumerated().map {
      try Configuration($1, at: "\(location(of: key))[\($0)]", report: report)
    }
  }
}

extension JSONValue {
  /// The value as an integer, if it is a number without fraction.
  package var integer: Int? {
    switch self {
    case .integer(let integer): integer
    case .number(let number): Int(exactly: number)
    default: nil
    }
  }

  /// The value as a list of integers, if it is an array of nothing else.
  package var integers: [Int]? {
    guard case .array(let values) = self else { return nil }
    let integers = values.compactMap(\.integer)
    return integers.count == values.count ? integers : nil
  }

  /// The value as a floating-point number, if it is a number or what is written for one that is not finite.
  package var number: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    case .text("nan"): .nan
    case .text("inf"): .infinity
    case .text("-inf"): -.infinity
    default: nil
    }
  }

  /// The type of weights and activations as Keras 3 has it in each layer.
  package static let float32Policy = JSONValue.instance(of: "DTypePolicy", in: "keras", ["name": "float32"])

  /// An instance of a class of Keras as its files have it: module, name and configuration.
  package static func instance(of className: String, in module: String, _ configuration: Configuration) -> JSONValue {
    .object([
      "module": .text(module), "class_name": .text(className), "config": configuration.jsonValue,
      "registered_name": .null,
    ])
  }
}
