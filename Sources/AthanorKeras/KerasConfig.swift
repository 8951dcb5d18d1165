import Athanor
import Foundation

/// A JSON object of a Keras configuration, read with errors that name the path.
struct KerasConfig {
  let path: String
  let values: [String: Any]

  init(_ json: Any?, _ path: String) throws {
    guard let values = json as? [String: Any] else {
      throw AthanorError(.data, at: path, "it is not a JSON object", fix: "The file is damaged or of another kind.")
    }
    self.path = path
    self.values = values
  }

  /// Parses a text.
  init(parsing text: String, _ path: String) throws {
    guard let json = try? JSONSerialization.jsonObject(with: Data(text.utf8)) else {
      throw AthanorError(.data, at: path, "it is not valid JSON", fix: "The file is damaged or of another kind.")
    }
    try self.init(json, path)
  }

  func refuse(_ key: String, _ expected: String) -> AthanorError {
    let text = values[key].map { "\($0)" } ?? "nothing"
    let found = text.count > 80 ? text.prefix(80) + "..." : text
    return AthanorError(.data, at: "\(path).\(key)", "\(expected) was expected but \(found) was found")
  }

  func isMissing(_ key: String) -> Bool { values[key] == nil || values[key] is NSNull }

  func integer(_ key: String, default standard: Int? = nil) throws -> Int {
    if isMissing(key), let standard { return standard }
    guard let number = values[key] as? NSNumber, let value = Int(exactly: number.exactDouble) else {
      throw refuse(key, "an integer")
    }
    return value
  }

  func number(_ key: String, default standard: Double? = nil) throws -> Double {
    if isMissing(key), let standard { return standard }
    guard let number = values[key] as? NSNumber else { throw refuse(key, "a number") }
    return number.exactDouble
  }

  func flag(_ key: String, default standard: Bool) throws -> Bool {
    if isMissing(key) { return standard }
    guard let value = values[key] as? Bool else { throw refuse(key, "true or false") }
    return value
  }

  func text(_ key: String, default standard: String? = nil) throws -> String {
    if isMissing(key), let standard { return standard }
    guard let value = values[key] as? String else { throw refuse(key, "a text") }
    return value
  }

  /// One number for both axes, or two.
  func size(_ key: String, default standard: Size2D? = nil) throws -> Size2D {
    if isMissing(key), let standard { return standard }
    if values[key] is NSNumber {
      let value = try integer(key)
      return Size2D(value, value)
    }
    guard let pair = values[key] as? [NSNumber], pair.count == 2 else { throw refuse(key, "one or two integers") }
    return Size2D(pair[0].intValue, pair[1].intValue)
  }

  func padding() throws -> Padding {
    guard let padding = Padding(rawValue: try text("padding", default: "valid").lowercased()) else {
      throw refuse("padding", "\"valid\" or \"same\"")
    }
    return padding
  }

  func requireChannelsLast() throws {
    guard try text("data_format", default: "channels_last") == "channels_last" else {
      throw AthanorError(
        .unsupported, at: "\(path).data_format", "channels_first is not supported",
        fix: "Save the model with channels_last.")
    }
  }

  func activation(_ key: String = "activation") throws -> ActivationFunction {
    if isMissing(key) { return .linear }
    do {
      if let name = values[key] as? String { return try ActivationFunction.named(name) }
      let nested = try KerasConfig(values[key], "\(path).\(key)")
      if let name = nested.values["config"] as? String { return try ActivationFunction.named(name) }
      let config = try KerasConfig(nested.values["config"] ?? [String: Any](), "\(path).\(key).config")
      // A layer in the place of a function: how Keras keeps the parameters of an activation.
      switch try nested.text("class_name") {
      case "ELU": return .elu(alpha: try config.number("alpha", default: 1))
      case "LeakyReLU":
        return .leakyReLU(slope: try config.number("negative_slope", default: config.number("alpha", default: 0.3)))
      case let name:
        for key in ["max_value", "negative_slope", "threshold"] where try config.number(key, default: 0) != 0 {
          throw config.refuse(key, "0 or null")
        }
        return try ActivationFunction.named(name.lowercased())
      }
    } catch let error as AthanorError {
      throw error.location.hasPrefix(path) ? error : error.within(path)
    }
  }

  func initializer(_ key: String, default standard: Initializer) throws -> Initializer {
    if isMissing(key) { return standard }
    if let name = values[key] as? String { return KerasConfig.initializers[name] ?? standard }
    let nested = try KerasConfig(values[key], "\(path).\(key)")
    let config = try KerasConfig(nested.values["config"] ?? [String: Any](), "\(path).\(key).config")
    switch try nested.text("class_name") {
    case "Constant": return .constant(try config.number("value", default: 0))
    case "RandomUniform":
      return .uniform(try config.number("minval", default: -0.05), try config.number("maxval", default: 0.05))
    case "RandomNormal":
      return .normal(mean: try config.number("mean", default: 0), deviation: try config.number("stddev", default: 0.05))
    case "TruncatedNormal":
      return .truncatedNormal(
        mean: try config.number("mean", default: 0), deviation: try config.number("stddev", default: 0.05))
    // Which numbers a loaded weight once began with no longer matters.
    case let name: return KerasConfig.initializers[name] ?? standard
    }
  }

  private static let initializers: [String: Initializer] = Dictionary(
    uniqueKeysWithValues: [
      Initializer.zeros, .ones, .glorotUniform, .glorotNormal, .heUniform, .heNormal, .lecunUniform, .lecunNormal,
    ].map { ($0.name, $0) })
}

/// An object as Keras serialises it.
func kerasObject(_ module: String, _ className: String, _ config: [String: Any]) -> [String: Any] {
  ["module": module, "class_name": className, "config": config, "registered_name": NSNull()]
}

/// An activation as Keras keeps it: its name, or with parameters the layer that computes it.
func kerasActivation(_ function: ActivationFunction) -> Any {
  if let alpha = function.parameters["alpha"] { return kerasObject("keras.layers", "ELU", ["alpha": alpha]) }
  if let slope = function.parameters["negative_slope"] {
    return kerasObject("keras.layers", "LeakyReLU", ["negative_slope": slope])
  }
  return function.name
}

func kerasInitializer(_ initializer: Initializer) -> [String: Any] {
  kerasObject("keras.initializers", initializer.name, initializer.parameters)
}

extension NSNumber {
  /// The nearest number to what a file's text says; Foundation on Linux parses it by way of `Decimal`, whose `doubleValue` is a few bits off.
  var exactDouble: Double { (self as? NSDecimalNumber).flatMap { Double($0.description) } ?? doubleValue }
}

/// A layer that Keras' files know by a class name.
///
/// A layer of your own becomes readable by conforming to this and being named in `Model(contentsOf:customLayers:)`.
public protocol KerasLayer: Layer {
  /// The class name in files.
  static var kerasClassName: String { get }
  /// The settings in files, without name and dtype. Values must be JSON.
  var kerasConfig: [String: Any] { get }
  /// Makes the layer from such settings.
  ///
  /// - Throws: `AthanorError` when a setting is missing, of the wrong type, or not supported.
  init(kerasConfig config: KerasSettings, name: String) throws
}

/// The settings of a layer in a Keras file.
public struct KerasSettings {
  let config: KerasConfig
  /// A number.
  public func number(_ key: String, default standard: Double? = nil) throws -> Double {
    try config.number(key, default: standard)
  }
  /// An integer.
  public func integer(_ key: String, default standard: Int? = nil) throws -> Int {
    try config.integer(key, default: standard)
  }
  /// A text.
  public func text(_ key: String, default standard: String? = nil) throws -> String {
    try config.text(key, default: standard)
  }
  /// True or false.
  public func flag(_ key: String, default standard: Bool) throws -> Bool { try config.flag(key, default: standard) }
}
