/// The layers that files may name: one line each.
package let serializableLayers: [any SerializableLayer.Type] = [
  Conv2D.self, MaxPooling2D.self, AveragePooling2D.self, GlobalAveragePooling2D.self, GlobalMaxPooling2D.self,
  Dropout.self, ActivityRegularization.self, Flatten.self, Dense.self, Activation.self, ReLU.self, LeakyReLU.self,
  Reshape.self, Permute.self,
  BatchNormalization.self, ZeroPadding2D.self, Rescaling.self, Normalization.self, Add.self, Subtract.self,
  Multiply.self, Average.self, Maximum.self, Minimum.self, Concatenate.self, Dot.self, RepeatVector.self, Masking.self,
  DepthwiseConv2D.self, SeparableConv2D.self, Cropping2D.self, UpSampling2D.self, ELU.self, PReLU.self, Softmax.self,
  Embedding.self, CategoryEncoding.self,
  RandomFlip.self, RandomRotation.self, RandomTranslation.self, RandomZoom.self, RandomContrast.self,
  RandomBrightness.self, RandomErasing.self, RandomCrop.self, GaussianNoise.self, Resizing.self,
  ImportedOperation.self,
]

/// The layers of Keras whose settings are code.
private let codeLayers = ["Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"]

/// A layer that model files can hold: it declares its settings, and is written and made again by them.
///
/// A layer of your own becomes readable by conforming to this and being named when the model is read. Class name and settings of
/// Athanor's layers are Keras'. A file with a setting that is not declared is refused.
///
/// - Example:
///   ```swift
///   struct Scale: Layer {
///     var factor: Double
///     let name: String?
///
///     func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * factor }  // [N, ...]
///   }
///
///   extension Scale: SerializableLayer {
///     init(unconfigured name: String) { self.init(factor: 1, name: name) }
///     mutating func configure(_ settings: inout Settings) throws { try settings.field("factor", &factor) }
///   }
///   ```
public protocol SerializableLayer: GeneralLayer {
  /// The class name in files; the type's name by default.
  static var className: String { get }

  /// A layer whose settings are about to be read; what has no default may be anything.
  init(unconfigured name: String)

  /// Declares the settings in files, without the name.
  ///
  /// - Throws: `AthanorError` when a setting is missing, of the wrong type or not supported, or has no form in files.
  mutating func configure(_ settings: inout Settings) throws
}

extension SerializableLayer {
  /// The type's name.
  public static var className: String { String(describing: Self.self) }

  /// The settings in files, without the name.
  ///
  /// - Throws: `AthanorError` with an empty location when a setting has no form in files.
  package var configuration: Configuration {
    get throws {
      var (layer, settings) = (self, Settings())
      try layer.configure(&settings)
      return settings.written
    }
  }

  /// The layer of some settings.
  ///
  /// - Throws: `AthanorError` when one is missing, of the wrong type or not supported.
  package init(reading configuration: Configuration, name: String) throws {
    self.init(unconfigured: name)
    var settings = Settings(reading: configuration)
    try configure(&settings)
  }
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
        code: "Let it conform to SerializableLayer, or save its weights alone as .weights.h5.",
        command: "Its weights alone can be saved as .weights.h5.")
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
  /// Whoever reads the network reads also what stands beside the settings of its calls (`inbound_nodes`), and whether it is trained.
  ///
  /// - Parameters:
  ///   - index: The layer's place in the model, for the name of one without.
  ///   - customLayers: Layers of the user's own that the file may name.
  /// - Throws: `AthanorError` when the class is not known, a setting is wrong, or one is not known.
  package func layer(_ index: Int, customLayers: [any SerializableLayer.Type]) throws -> any GeneralLayer {
    let className = try text("class_name")
    let known = Dictionary((serializableLayers + customLayers).map { ($0.className, $0) }, uniquingKeysWith: { $1 })
    guard let kind = known[className] else {
      if codeLayers.contains(className) {
        throw AthanorError(
          .unsupported, at: location, "\"\(className)\" holds Python code, which is not run",
          code:
            "Replace it by a layer before saving the model, or write a SerializableLayer whose className is \"\(className)\" and give it "
            + "as custom:.", command: "Replace it by a layer before saving the model.")
      }
      throw AthanorError(
        .unsupported, at: location, "there is no layer named \"\(className)\"",
        fix: AthanorError.suggestion(for: className, among: known.keys.sorted())
          + "Known are \(known.keys.sorted().joined(separator: ", ")).")
    }
    ignore("module", "registered_name", "build_config", "compile_config", "name", "shared_object_id")
    let settings = try Configuration(self["config"], at: location(of: "config"), report: report).reported
    let name = try settings.text("name", default: "\(className.lowercased())_\(index)")
    let layer = try kind.init(reading: settings, name: name)
    try settings.readCommonSettings()
    try settings.requireAllRead()
    return layer
  }

  /// Reads the settings that all layers have besides their name.
  private func readCommonSettings() throws {
    // Whoever reads the network asks whether it is trained, and for the shape of its input.
    ignore("trainable", "batch_shape", "batch_input_shape")
    try requireFloat32("dtype")
    for key in ["sparse", "ragged"] where try flag(key, default: false) { throw error(key, expected: "false") }
    // That of layers which do not take it themselves.
    if unreadKeys.contains("activity_regularizer") { warn("activity_regularizer", unless: []) }
  }

  /// The types of numbers that are read as float32.
  package static let otherPrecisions = ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]

  /// Checks the type of weights and computations, a name or a policy; another precision gives a warning.
  package func requireFloat32(_ key: String) throws {
    if isMissing(key) { return }
    var name = self[key]
    if case .object = name {
      let policy = try nested(key)
      let className = try policy.text("class_name")
      guard ["DTypePolicy", "FloatDTypePolicy", "Policy"].contains(className) else {
        throw policy.error("class_name", expected: "DTypePolicy")
      }
      name = try policy.nested("config")["name"]
    }
    switch name {
    case .text("float32"): break
    case .text(let text) where Configuration.otherPrecisions.contains(text): warn(key, ofPrecision: text)
    default: throw error(key, expected: "float32")
    }
  }
}
