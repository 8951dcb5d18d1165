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
    left.name == right.name && left.parameters == right.parameters
  }

  /// Hashes name and parameters.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters)
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
  public static let glorotUniform = varianceScaling("GlorotUniform", 1, .average, isUniform: true)
  /// Normally with variance `2 / (fanIn + fanOut)`, truncated (Glorot and Bengio 2010).
  public static let glorotNormal = varianceScaling("GlorotNormal", 1, .average, isUniform: false)
  /// Evenly within `sqrt(6 / fanIn)` of zero (He et al. 2015).
  public static let heUniform = varianceScaling("HeUniform", 2, .fanIn, isUniform: true)
  /// Normally with variance `2 / fanIn`, truncated (He et al. 2015).
  public static let heNormal = varianceScaling("HeNormal", 2, .fanIn, isUniform: false)
  /// Evenly within `sqrt(3 / fanIn)` of zero (LeCun et al. 1998).
  public static let lecunUniform = varianceScaling("LecunUniform", 1, .fanIn, isUniform: true)
  /// Normally with variance `1 / fanIn`, truncated (LeCun et al. 1998).
  public static let lecunNormal = varianceScaling("LecunNormal", 1, .fanIn, isUniform: false)

  private enum Fan { case fanIn, average }

  private static func varianceScaling(_ name: String, _ scale: Double, _ fan: Fan, isUniform: Bool) -> Initializer {
    Initializer(name) { shape, random in
      let (fanIn, fanOut) = fans(shape)
      let variance = scale / max(1, fan == .fanIn ? fanIn : (fanIn + fanOut) / 2)
      if isUniform {
        let limit = (3 * variance).squareRoot()
        return evenly(shape, -limit, limit, &random)
      }
      // The truncation at two deviations shrinks the variance by this factor squared.
      return normally(shape, variance.squareRoot() / 0.87962566103423978, isTruncated: true, &random)
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
  public var setting: JSONValue { .instance(of: name, in: "keras.initializers", Configuration(parameters)) }

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
    settings.ignore("seed", "dtype")
    let initializer: Initializer =
      switch try object.text("class_name") {
      case "Constant": .constant(try number("value", 0))
      case "RandomUniform": .uniform(try number("minval", -0.05), try number("maxval", 0.05))
      case "RandomNormal": .normal(mean: try number("mean", 0), deviation: try number("stddev", 0.05))
      case "TruncatedNormal": .truncatedNormal(mean: try number("mean", 0), deviation: try number("stddev", 0.05))
      case let name: named(name)
      }
    settings.warnAboutUnread()
    return initializer
  }
}
