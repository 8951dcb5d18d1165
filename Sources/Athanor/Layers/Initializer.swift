#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What a weight holds before training, chosen by a leading dot: `.glorotUniform`, `.zeros`.
///
/// Add your own in an extension; two initializers are equal when their names and parameters are. Fan-in and fan-out are counted as Keras
/// does: for a kernel `[R, S, C, K]` they are `R * S * C` and `R * S * K`.
public struct Initializer: Hashable, Sendable {
  /// Its name, as Keras spells its class where Keras has it.
  public let name: String
  /// Its parameters by name.
  public let parameters: [String: Double]
  /// Its parameters that are names.
  private var choices: [String: String] = [:]
  package let values: @Sendable (_ shape: [Int], _ random: inout RandomStream) -> [Float]

  /// Makes an initializer; `values` must return as many numbers as the shape has places.
  public init(
    _ name: String, parameters: [String: Double] = [:],
    _ values: @escaping @Sendable (_ shape: [Int], _ random: inout RandomStream) -> [Float]
  ) {
    self.name = name
    self.parameters = parameters
    self.values = values
  }

  /// Equal by name and parameters.
  public static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.parameters == right.parameters && left.choices == right.choices
  }

  /// Hashes name and parameters.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters)
    hasher.combine(choices)
  }

  /// Zero everywhere.
  public static let zeros = Initializer("Zeros") { shape, _ in filled(shape, 0) }
  /// One everywhere.
  public static let ones = Initializer("Ones") { shape, _ in filled(shape, 1) }
  /// The same number everywhere.
  public static func constant(_ value: Double) -> Initializer {
    Initializer("Constant", parameters: ["value": value]) { shape, _ in filled(shape, Float(value)) }
  }
  /// Evenly between two numbers.
  public static func uniform(_ minimum: Double = -0.05, _ maximum: Double = 0.05) -> Initializer {
    Initializer("RandomUniform", parameters: ["minval": minimum, "maxval": maximum]) { shape, random in
      evenly(shape, minimum, maximum, &random)
    }
  }
  /// Normally distributed.
  public static func normal(mean: Double = 0, deviation: Double = 0.05) -> Initializer {
    Initializer("RandomNormal", parameters: ["mean": mean, "stddev": deviation]) { shape, random in
      normally(shape, deviation, isTruncated: false, &random).map { $0 + Float(mean) }
    }
  }
  /// Normally distributed, drawn again beyond two deviations.
  public static func truncatedNormal(mean: Double = 0, deviation: Double = 0.05) -> Initializer {
    Initializer("TruncatedNormal", parameters: ["mean": mean, "stddev": deviation]) { shape, random in
      normally(shape, deviation, isTruncated: true, &random).map { $0 + Float(mean) }
    }
  }
  /// Evenly within `sqrt(6 / (fanIn + fanOut))` of zero (Glorot and Bengio 2010), Keras' default.
  public static let glorotUniform = varianceScaling("GlorotUniform", 1, .average, .uniform)
  /// Normally with variance `2 / (fanIn + fanOut)`, truncated (Glorot and Bengio 2010).
  public static let glorotNormal = varianceScaling("GlorotNormal", 1, .average, .truncatedNormal)
  /// Evenly within `sqrt(6 / fanIn)` of zero (He et al. 2015).
  public static let heUniform = varianceScaling("HeUniform", 2, .fanIn, .uniform)
  /// Normally with variance `2 / fanIn`, truncated (He et al. 2015).
  public static let heNormal = varianceScaling("HeNormal", 2, .fanIn, .truncatedNormal)
  /// Evenly within `sqrt(3 / fanIn)` of zero (LeCun et al. 1998).
  public static let lecunUniform = varianceScaling("LecunUniform", 1, .fanIn, .uniform)
  /// Normally with variance `1 / fanIn`, truncated (LeCun et al. 1998).
  public static let lecunNormal = varianceScaling("LecunNormal", 1, .fanIn, .truncatedNormal)

  /// What the variance of `varianceScaling` is divided by.
  public enum Fan: String, Hashable, Sendable, CaseIterable {
    /// The number of inputs of a unit.
    case fanIn = "fan_in"
    /// The number of units that an input reaches.
    case fanOut = "fan_out"
    /// The mean of both.
    case average = "fan_avg"
  }

  /// How the numbers of `varianceScaling` are distributed.
  public enum Distribution: String, Hashable, Sendable, CaseIterable {
    /// Normally, drawn again beyond two deviations.
    case truncatedNormal = "truncated_normal"
    /// Normally.
    case untruncatedNormal = "untruncated_normal"
    /// Evenly.
    case uniform
  }

  /// Numbers of mean 0 and variance `scale / fan`. Source: `keras.initializers.VarianceScaling`.
  public static func varianceScaling(
    scale: Double = 1, fan: Fan = .fanIn, distribution: Distribution = .truncatedNormal
  ) -> Initializer {
    var initializer = varianceScaling("VarianceScaling", scale, fan, distribution, parameters: ["scale": scale])
    initializer.choices = ["mode": fan.rawValue, "distribution": distribution.rawValue]
    return initializer
  }

  private static func varianceScaling(
    _ name: String, _ scale: Double, _ fan: Fan, _ distribution: Distribution, parameters: [String: Double] = [:]
  ) -> Initializer {
    Initializer(name, parameters: parameters) { shape, random in
      let (fanIn, fanOut) = fans(shape)
      let size =
        switch fan {
        case .fanIn: fanIn
        case .fanOut: fanOut
        case .average: (fanIn + fanOut) / 2
        }
      let variance = scale / max(1, size)
      switch distribution {
      case .uniform:
        let limit = (3 * variance).squareRoot()
        return evenly(shape, -limit, limit, &random)
      case .untruncatedNormal: return normally(shape, variance.squareRoot(), isTruncated: false, &random)
      case .truncatedNormal:
        // The truncation at two deviations shrinks the variance by this factor squared.
        return normally(shape, variance.squareRoot() / 0.87962566103423978, isTruncated: true, &random)
      }
    }
  }

  static func fans(_ shape: [Int]) -> (fanIn: Double, fanOut: Double) {
    guard shape.count > 1 else { return (Double(shape.first ?? 1), Double(shape.first ?? 1)) }
    let field = shape.dropLast(2).reduce(1, *)
    return (Double(field * shape[shape.count - 2]), Double(field * shape[shape.count - 1]))
  }

  private static func filled(_ shape: [Int], _ value: Float) -> [Float] {
    [Float](repeating: value, count: shape.reduce(1, *))
  }

  private static func evenly(
    _ shape: [Int], _ minimum: Double, _ maximum: Double, _ random: inout RandomStream
  ) -> [Float] {
    (0..<shape.reduce(1, *)).map { _ in Float(minimum + (maximum - minimum) * random.nextUniform()) }
  }

  /// Box and Muller's method (1958).
  private static func normally(
    _ shape: [Int], _ deviation: Double, isTruncated: Bool, _ random: inout RandomStream
  ) -> [Float] {
    (0..<shape.reduce(1, *)).map { _ in
      while true {
        let radius = (-2 * log(1 - random.nextUniform())).squareRoot()
        let value = radius * cos(2 * Double.pi * random.nextUniform())
        if !isTruncated || value.magnitude <= 2 { return Float(value * deviation) }
      }
    }
  }
}

extension Initializer: SettingValue {
  /// The initializers without parameters, for files.
  private static let plain = [
    zeros, ones, glorotUniform, glorotNormal, heUniform, heNormal, lecunUniform, lecunNormal,
  ]

  /// The initializer in Keras' JSON.
  public var setting: JSONValue {
    let settings = parameters.mapValues(\.jsonValue).merging(choices.mapValues(\.jsonValue)) { $1 }
    return .instance(of: name, in: "keras.initializers", Configuration(settings))
  }

  /// An initializer. One that is not known gives a warning and is replaced by the standard: which numbers a loaded weight began with no
  /// longer matters.
  ///
  /// - Throws: `AthanorError` when a parameter is no number.
  public static func read(
    _ key: String, in configuration: Configuration, default standard: Initializer?
  ) throws -> Initializer {
    if configuration.isMissing(key), let standard { return standard }
    func named(_ name: String) -> Initializer {
      if let found = plain.first(where: { $0.name == name || $0.name.snakeCased == name }) { return found }
      configuration.warn(
        key,
        "there is no initializer named \"\(name)\"; predictions do not change, but new weights would begin otherwise")
      return standard ?? .glorotUniform
    }
    if case .text(let name) = configuration[key] { return named(name) }
    let object = try configuration.nested(key)
    let settings = try object.nested("config")
    func number(_ key: String, _ standard: Double) throws -> Double { try settings.number(key, default: standard) }
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, _ standard: Choice) throws -> Choice {
      guard let choice = Choice(rawValue: try settings.text(key, default: standard.rawValue)) else {
        throw settings.error(key, expected: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return choice
    }
    let initializer: Initializer
    switch try object.text("class_name") {
    case "Constant": initializer = .constant(try number("value", 0))
    case "RandomUniform": initializer = .uniform(try number("minval", -0.05), try number("maxval", 0.05))
    case "RandomNormal": initializer = .normal(mean: try number("mean", 0), deviation: try number("stddev", 0.05))
    case "TruncatedNormal":
      initializer = .truncatedNormal(mean: try number("mean", 0), deviation: try number("stddev", 0.05))
    case "VarianceScaling":
      initializer = try .varianceScaling(
        scale: number("scale", 1), fan: choice("mode", .fanIn), distribution: choice("distribution", .truncatedNormal))
    case let name:
      initializer = named(name)
      // One that is not known is warned of as a whole.
      if initializer.name != name { return initializer }
    }
    settings.ignore("seed", "dtype")
    settings.warnAboutUnread()
    return initializer
  }
}
