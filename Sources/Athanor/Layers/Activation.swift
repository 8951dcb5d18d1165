/// A function that a layer applies to what it computes, chosen by a leading dot: `.relu`, `.softmax`.
///
/// Add your own in an extension; two activations are equal when their names and parameters are.
///
/// - Example:
///   ```swift
///   extension ActivationFunction {
///     static let cube = ActivationFunction("cube") { x in try x * x * x }
///   }
///   ```
public struct ActivationFunction: Hashable, Sendable {
  /// Its name, as Keras spells it where Keras has it.
  public let name: String
  /// Its parameters by name.
  public let parameters: [String: Double]
  package let apply: @Sendable (Value) throws -> Value

  /// Makes an activation from a composition of values.
  public init(
    _ name: String, parameters: [String: Double] = [:], _ apply: @escaping @Sendable (Value) throws -> Value
  ) {
    self.name = name
    self.parameters = parameters
    self.apply = apply
  }

  /// Equal by name and parameters.
  public static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.parameters == right.parameters
  }

  /// Hashes name and parameters.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters)
  }

  /// The input itself.
  public static let linear = ActivationFunction("linear") { $0 }
  /// `max(x, 0)`
  public static let relu = ActivationFunction("relu") { try AthanorCore.relu($0) }
  /// `1 / (1 + exp(-x))`
  public static let sigmoid = ActivationFunction("sigmoid") { try AthanorCore.sigmoid($0) }
  /// The hyperbolic tangent.
  public static let tanh = ActivationFunction("tanh") { try AthanorCore.tanh($0) }
  /// `exp(x) / sum(exp(x))` along the last axis.
  public static let softmax = ActivationFunction("softmax") { try AthanorCore.softmax($0) }
  /// `log(1 + exp(x))`
  public static let softplus = ActivationFunction("softplus") { try AthanorCore.softplus($0) }
  /// `x * sigmoid(x)`, also called swish.
  public static let silu = ActivationFunction("silu") { try AthanorCore.silu($0) }
  /// `x * (1 + erf(x / sqrt(2))) / 2`
  public static let gelu = ActivationFunction("gelu") { try AthanorCore.gelu($0) }
  /// `x` above zero and `exp(x) - 1` below.
  public static let elu = ActivationFunction.elu(alpha: 1)
  /// `x` above zero and `alpha * (exp(x) - 1)` below; alpha must be zero or more.
  public static func elu(alpha: Double) -> ActivationFunction {
    ActivationFunction("elu", parameters: alpha == 1 ? [:] : ["alpha": alpha]) { try AthanorCore.elu($0, alpha: alpha) }
  }
  /// `x` above zero and `0.2 * x` below, the slope of `keras.activations.leaky_relu`.
  public static let leakyReLU = ActivationFunction.leakyReLU(slope: 0.2)
  /// `x` above zero and `slope * x` below; the slope must be zero or more.
  public static func leakyReLU(slope: Double) -> ActivationFunction {
    ActivationFunction("leaky_relu", parameters: slope == 0.2 ? [:] : ["negative_slope": slope]) {
      try leakyRelu($0, slope: slope)
    }
  }

  /// The activations that have a name of their own, for files and command lines.
  public static let all: [ActivationFunction] = [
    linear, relu, sigmoid, tanh, softmax, softplus, silu, gelu, elu, leakyReLU,
  ]

  /// The activation of a name.
  ///
  /// - Throws: `AthanorError` when there is none of that name, with the nearest one.
  public static func named(_ name: String) throws -> ActivationFunction {
    let aliases = ["swish": "silu"]
    if let found = all.first(where: { $0.name == aliases[name] ?? name }) { return found }
    let names = all.map(\.name)
    throw AthanorError(
      .unsupported, at: "activation \"\(name)\"", "there is no activation of this name",
      fix: AthanorError.suggestion(for: name, among: names) + "Known are \(names.joined(separator: ", ")).")
  }
}

extension ActivationFunction: SettingValue {
  /// The function in Keras' JSON: its name, or with parameters the layer that computes it.
  ///
  /// - Throws: `AthanorError` for a function that is not among `all`, which a reader could not find by its name.
  public var setting: JSONValue {
    get throws {
      guard ActivationFunction.all.contains(where: { $0.name == name }) else {
        throw AthanorError(
          .unsupported, at: "", "files have no name for the activation \"\(name)\"",
          fix: "Write it as a layer of your own that conforms to SerializableLayer, or save with weightsOnly.")
      }
      if let alpha = parameters["alpha"] { return .instance(of: "ELU", in: "keras.layers", ["alpha": alpha]) }
      if let slope = parameters["negative_slope"] {
        return .instance(of: "LeakyReLU", in: "keras.layers", ["negative_slope": slope])
      }
      return .text(name)
    }
  }

  /// A function by its name, or the layer that computes it, as which Keras keeps the parameters of an activation.
  ///
  /// - Throws: `AthanorError` when there is none of the name, or a parameter is not supported.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: ActivationFunction?
  ) throws -> ActivationFunction {
    if configuration.isMissing(key), let standard { return standard }
    func found(_ name: String) throws -> ActivationFunction {
      do { return try named(name) } catch let error as AthanorError { throw error.within(configuration.location) }
    }
    if case .text(let name) = configuration[key] { return try found(name) }
    let object = try configuration.nested(key)
    if case .text(let name) = object["config"] { return try found(name) }
    let settings = try object.nested("config")
    settings.ignore("name", "trainable", "dtype")
    let function: ActivationFunction
    switch try object.text("class_name") {
    case "ELU": function = .elu(alpha: try settings.number("alpha", default: 1))
    case "LeakyReLU":
      let slope = settings.isMissing("negative_slope") ? "alpha" : "negative_slope"
      function = .leakyReLU(slope: try settings.number(slope, default: 0.3))
    case let name:
      for key in ["max_value", "negative_slope", "threshold"] where try settings.number(key, default: 0) != 0 {
        throw settings.error(key, expected: "0 or null")
      }
      function = try found(name.lowercased())
    }
    try settings.requireAllRead()
    return function
  }
}
