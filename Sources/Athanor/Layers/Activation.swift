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
  /// `maximum` above it, `x` above the threshold and `slope * (x - threshold)` below; maximum and slope must be zero or more.
  public static func relu(maximum: Double? = nil, slope: Double = 0, threshold: Double = 0) -> ActivationFunction {
    var parameters = ["negative_slope": slope, "threshold": threshold].filter { $1 != 0 }
    parameters["max_value"] = maximum
    return ActivationFunction("relu", parameters: parameters) { x in
      guard maximum ?? 0 >= 0, slope >= 0, slope.isFinite, threshold.isFinite else {
        throw AthanorError(
          .argument, at: "",
          "maximum is \(maximum.map { "\($0)" } ?? "nil"), slope \(slope) and threshold \(threshold)",
          fix: "Maximum and slope must be 0 or more, slope and threshold finite.")
      }
      guard threshold == 0 else {
        let y = try x * x.greater(threshold)
        let limited = try maximum.map { try y.clipped(0, $0) } ?? y
        return slope > 0 ? try limited - AthanorCore.relu(threshold - x) * slope : limited
      }
      if slope > 0 {
        let y = try leakyRelu(x, slope: slope)
        return try maximum.map { try y.binary(.minimum, $0) } ?? y
      }
      return try maximum.map { try x.clipped(0, $0) } ?? AthanorCore.relu(x)
    }
  }
  /// `min(max(x, 0), 6)`
  public static let relu6 = ActivationFunction("relu6") { try $0.clipped(0, 6) }
  /// `1 / (1 + exp(-x))`
  public static let sigmoid = ActivationFunction("sigmoid") { try AthanorCore.sigmoid($0) }
  /// `min(max(x / 6 + 0.5, 0), 1)`
  public static let hardSigmoid = ActivationFunction("hard_sigmoid") { try hardGate($0) }
  /// `x * min(max(x / 6 + 0.5, 0), 1)`, also called hard swish.
  public static let hardSilu = ActivationFunction("hard_silu") { try $0 * hardGate($0) }
  private static func hardGate(_ x: Value) throws -> Value { try (x * (1 / 6) + 0.5).clipped(0, 1) }
  /// The hyperbolic tangent.
  public static let tanh = ActivationFunction("tanh") { try AthanorCore.tanh($0) }
  /// `exp(x) / sum(exp(x))` along the last axis.
  public static let softmax = ActivationFunction("softmax") { try AthanorCore.softmax($0) }
  /// The logarithm of `softmax`.
  public static let logSoftmax = ActivationFunction("log_softmax") { x in
    let last = x.shape.rank - 1
    let kept = Shape(axes: x.shape.axes.dropLast() + [Shape.Axis(1)])
    let centred = try x - x.max(axes: [last]).reshaped(kept)
    return try centred - log(exp(centred).sum(axes: [last])).reshaped(kept)
  }
  /// `log(1 + exp(x))`
  public static let softplus = ActivationFunction("softplus") { try AthanorCore.softplus($0) }
  /// `x * sigmoid(x)`, also called swish.
  public static let silu = ActivationFunction("silu") { try AthanorCore.silu($0) }
  /// `x * (1 + erf(x / sqrt(2))) / 2`
  public static let gelu = ActivationFunction("gelu") { try AthanorCore.gelu($0) }
  /// `x * tanh(log(1 + exp(x)))` (Misra 2019)
  public static let mish = ActivationFunction("mish") { try $0 * AthanorCore.tanh(AthanorCore.softplus($0)) }
  /// `x / (1 + |x|)`
  public static let softsign = ActivationFunction("softsign") { try $0 / (abs($0) + 1) }
  /// `x` above zero and `exp(x) - 1` below, the same as `elu` (Barron 2017, with alpha 1).
  public static let celu = ActivationFunction("celu") { try AthanorCore.elu($0, alpha: 1) }
  /// `min(max(x, -1), 1)`
  public static let hardTanh = ActivationFunction("hard_tanh") { try $0.clipped(-1, 1) }
  /// `x` where `|x| > 0.5`, else 0.
  public static let hardShrink = ActivationFunction("hard_shrink") { try $0 * abs($0).greater(0.5) }
  /// `x - 0.5` above 0.5, `x + 0.5` below -0.5, else 0.
  public static let softShrink = ActivationFunction("soft_shrink") { try $0 - $0.clipped(-0.5, 0.5) }
  /// `x - tanh(x)`
  public static let tanhShrink = ActivationFunction("tanh_shrink") { try $0 - AthanorCore.tanh($0) }
  /// `-log(1 + exp(-x))`
  public static let logSigmoid = ActivationFunction("log_sigmoid") { try -AthanorCore.softplus(-$0) }
  /// `min(max((x + 1) / 2, 0), 1)`
  public static let sparseSigmoid = ActivationFunction("sparse_sigmoid") { try ($0 * 0.5 + 0.5).clipped(0, 1) }
  /// `(x + 1)^2 / 4` from -1 to 1, 0 below and `x` above.
  public static let sparsePlus = ActivationFunction("sparse_plus") {
    try square(($0 + 1).clipped(0, 2)) * 0.25 + AthanorCore.relu($0 - 1)
  }
  /// `(x + sqrt(x^2 + 4)) / 2`
  public static let squareplus = ActivationFunction("squareplus") { try ($0 + sqrt(square($0) + 4)) * 0.5 }
  /// The first half of the last axis times the sigmoid of the second half: `[N, ..., 2 C] -> [N, ..., C]` (Dauphin et al. 2017).
  public static let glu = ActivationFunction("glu") { x in
    let last = x.shape.rank - 1
    guard let count = x.shape.lengths.last ?? nil, count % 2 == 0 else {
      throw AthanorError(
        .shape, at: "", "input has shape \(x.shape) but the last axis must have an even number of places for glu")
    }
    func half(_ start: Int) throws -> Value {
      try x.sliced(
        start: [Int](repeating: 0, count: last) + [start], lengths: x.shape.lengths.dropLast() + [count / 2])
    }
    return try half(0) * AthanorCore.sigmoid(half(count / 2))
  }
  /// `min(max(0.2 * x + 0.5, 0), 1)`, the hard sigmoid of Keras before version 3.
  public static let legacyHardSigmoid = ActivationFunction("legacy_hard_sigmoid") {
    try ($0 * 0.2 + 0.5).clipped(0, 1)
  }
  /// `exp(x)`
  public static let exponential = ActivationFunction("exponential") { try exp($0) }
  /// An ELU whose scales keep mean 0 and variance 1 (Klambauer et al. 2017).
  public static let selu = ActivationFunction("selu") {
    try AthanorCore.elu($0, alpha: 1.67326324235437728481) * 1.05070098735548049342
  }
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
    linear, relu, sigmoid, tanh, softmax, softplus, silu, gelu, elu, leakyReLU, relu6, hardSigmoid, hardSilu, selu,
    exponential, softsign, mish, logSoftmax, celu, hardTanh, hardShrink, softShrink, tanhShrink, logSigmoid,
    sparseSigmoid,
    sparsePlus, squareplus, glu, legacyHardSigmoid,
  ]

  /// The names of functions that Keras 3 does not have.
  package static let namesBeyondKeras = [legacyHardSigmoid.name]

  /// The activation of a name.
  ///
  /// - Throws: `AthanorError` when there is none of that name, with the nearest one.
  public static func named(_ name: String) throws -> ActivationFunction {
    let aliases = ["swish": "silu", "hard_swish": "hard_silu", "softmax_v2": "softmax"]
    if let found = all.first(where: { $0.name == aliases[name] ?? name }) { return found }
    let names = all.map(\.name)
    throw AthanorError(
      .unsupported, at: "activation \"\(name)\"", "there is no activation of this name",
      fix: AthanorError.suggestion(for: name, among: names) + "Known are \(names.joined(separator: ", ")).")
  }
}

extension ActivationFunction: SettingValue {
  /// The layers whose settings are the parameters of a function.
  private static let layers: [String: any FunctionLayer.Type] = [
    relu.name: ReLU.self, elu.name: ELU.self, leakyReLU.name: LeakyReLU.self,
  ]

  /// The function in Keras' JSON: its name, or with parameters the layer that computes it.
  ///
  /// - Throws: `AthanorError` for a function that is not among `all`, which a reader could not find by its name.
  public var setting: JSONValue {
    get throws {
      guard ActivationFunction.all.contains(where: { $0.name == name }) else {
        throw AthanorError(
          .unsupported, at: "", "files have no name for the activation \"\(name)\"",
          code:
            "Write it as a layer of your own that conforms to SerializableLayer, or save its weights alone as .weights.h5.",
          command: "Its weights alone can be saved as .weights.h5."
        )
      }
      guard !parameters.isEmpty, let layer = ActivationFunction.layers[name] else { return .text(name) }
      return .instance(of: layer.className, in: "keras.layers", Configuration(parameters))
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
    let className = try object.text("class_name")
    guard serializableLayers.contains(where: { $0.className == className }) else {
      return try found(className.lowercased())
    }
    guard let function = (try object.layer(0, customLayers: []) as? any FunctionLayer)?.asFunction else {
      throw object.error("class_name", expected: "a layer that applies a function to each number")
    }
    return function
  }
}
