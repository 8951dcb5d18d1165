/// The layers that files may name: one line each.
package let serializableLayers: [any SerializableLayer.Type] = [
  Conv2D.self, MaxPooling2D.self, AveragePooling2D.self, GlobalAveragePooling2D.self, GlobalMaxPooling2D.self,
  Dropout.self, Flatten.self, Dense.self, Activation.self, ReLU.self, LeakyReLU.self, Reshape.self, Permute.self,
  BatchNormalization.self, ZeroPadding2D.self, Rescaling.self, Normalization.self, Add.self, Subtract.self,
  Multiply.self, Average.self, Maximum.self, Minimum.self, Concatenate.self, Dot.self, RepeatVector.self, Masking.self,
  ImportedOperation.self,
]

/// A layer that model files can hold: it writes its settings as JSON and is made from them again.
///
/// A layer of your own becomes readable by conforming to this and being named when the model is read. Class name and settings of
/// Athanor's layers are Keras'.
///
/// - Example:
///   ```swift
///   struct Scale: Layer {
///     let factor: Double
///     let name: String?
///
///     func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * factor }  // [N, ...]
///   }
///
///   extension Scale: SerializableLayer {
///     static var className: String { "Scale" }
///     var configuration: Configuration { ["factor": factor] }
///     init(configuration: Configuration, name: String) throws {
///       self.init(factor: try configuration.number("factor"), name: name)
///     }
///   }
///   ```
public protocol SerializableLayer: GeneralLayer {
  /// The class name in files.
  static var className: String { get }

  /// The settings in files, without the name.
  ///
  /// - Throws: `AthanorError` with an empty location when a setting has no form in files.
  var configuration: Configuration { get throws }

  /// Makes the layer from its settings.
  ///
  /// - Throws: `AthanorError` when a setting is missing, of the wrong type, or not supported.
  init(configuration: Configuration, name: String) throws
}

extension GeneralLayer {
  /// The layer in Keras' JSON: class name and settings.
  ///
  /// - Parameters:
  ///   - name: The layer's name in the model.
  ///   - isTrainable: Whether the model trains it.
  /// - Throws: `AthanorError` that names the layer when files cannot hold it.
  package func serialized(name: String, isTrainable: Bool = true) throws -> JSONValue {
    let location = "\(name) (\(kind))"
    guard let layer = self as? any SerializableLayer else {
      throw AthanorError(
        .unsupported, at: location, "files have no name for this layer",
        fix: "Let it conform to SerializableLayer, or save with weightsOnly.")
    }
    do {
      var configuration = try layer.configuration
      configuration["name"] = .text(name)
      configuration["trainable"] = .flag(isTrainable)
      configuration["dtype"] = .float32Policy
      return .object(["class_name": .text(type(of: layer).className), "config": configuration.jsonValue])
    } catch let error as AthanorError {
      throw error.within(location)
    }
  }
}

extension Configuration {
  /// The layer that an object with class name and settings describes.
  ///
  /// - Parameters:
  ///   - index: The layer's place in the model, for the name of one without.
  ///   - customLayers: Layers of the user's own that the file may name.
  /// - Throws: `AthanorError` when the class is not known or a setting is wrong.
  package func layer(_ index: Int, customLayers: [any SerializableLayer.Type]) throws -> any GeneralLayer {
    let className = try text("class_name")
    let known = Dictionary((serializableLayers + customLayers).map { ($0.className, $0) }, uniquingKeysWith: { $1 })
    guard let kind = known[className] else {
      throw AthanorError(
        .unsupported, at: location, "there is no layer named \"\(className)\"",
        fix: AthanorError.suggestion(for: className, among: known.keys.sorted())
          + "Known are \(known.keys.sorted().joined(separator: ", ")).")
    }
    let settings = try Configuration(self["config"], at: location(of: "config"))
    let name = try settings.text("name", default: "\(className.lowercased())_\(index)")
    return try kind.init(configuration: settings, name: name)
  }

  /// The border of a window, `valid` when it is missing.
  ///
  /// - Throws: `AthanorError` when it is something else than `"valid"` or `"same"`.
  public func padding(_ key: String = "padding") throws -> Padding {
    guard let padding = Padding(rawValue: try text(key, default: "valid").lowercased()) else {
      throw error(key, expected: "\"valid\" or \"same\"")
    }
    return padding
  }

  /// Checks that pictures are laid out with their channels last.
  ///
  /// - Throws: `AthanorError` for `channels_first`.
  public func requireChannelsLast() throws {
    guard try text("data_format", default: "channels_last") == "channels_last" else {
      throw AthanorError(
        .unsupported, at: location(of: "data_format"), "channels_first is not supported",
        fix: "Save the model with channels_last.")
    }
  }
}
