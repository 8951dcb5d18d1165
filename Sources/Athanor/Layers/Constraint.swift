/// A limit on a weight, kept after each step of the optimizer and chosen by a leading dot: `.maxNorm(3)`.
///
/// Weights of frozen layers stay as they are. Norms are `sqrt(sum(w^2))` along axes of the weight: 0 for the kernel of `Dense` `[D, units]`,
/// and 0, 1, 2 for one of `Conv2D` `[height, width, C, filters]`, give one norm for each unit. Add your own in an extension; two
/// constraints are equal when their names, parameters and axes are. Source: `keras.constraints`.
///
/// - Example:
///   ```swift
///   Dense(10, kernelConstraint: .maxNorm(3))
///   ```
public struct Constraint: Hashable, Sendable {
  /// Its name, as Keras spells its class where Keras has it.
  public let name: String
  /// Its parameters by name.
  public let parameters: [String: Double]
  /// The axes of the weight along which it is applied; none where it looks at each number by itself.
  public let axes: [Int]
  private let limit: @Sendable (_ weight: UnsafeMutableBufferPointer<Float>, _ shape: [Int]) -> Void

  /// Makes a constraint.
  ///
  /// - Parameters:
  ///   - name: A name of its own.
  ///   - parameters: Its parameters by name.
  ///   - limit: Changes the numbers of a weight in place; they lie in row-major order.
  public init(
    _ name: String, parameters: [String: Double] = [:],
    _ limit: @escaping @Sendable (_ weight: UnsafeMutableBufferPointer<Float>, _ shape: [Int]) -> Void
  ) {
    self.init(name, parameters, axes: [], limit)
  }

  private init(
    _ name: String, _ parameters: [String: Double], axes: [Int],
    _ limit: @escaping @Sendable (_ weight: UnsafeMutableBufferPointer<Float>, _ shape: [Int]) -> Void
  ) {
    self.name = name
    self.parameters = parameters
    self.axes = axes
    self.limit = limit
  }

  /// Equal by name, parameters and axes.
  public static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.parameters == right.parameters && left.axes == right.axes
  }

  /// Hashes name, parameters and axes.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters)
    hasher.combine(axes)
  }

  /// `max(w, 0)`
  public static let nonNegative = Constraint("NonNeg") { weight, _ in
    for index in weight.indices where weight[index] < 0 { weight[index] = 0 }
  }
  /// `w * min(norm, maximum) / norm`
  public static func maxNorm(_ maximum: Double = 2, axes: [Int] = [0]) -> Constraint {
    norm("MaxNorm", ["max_value": maximum], axes) { min($0, Float(maximum)) }
  }
  /// `w / norm`
  public static func unitNorm(axes: [Int] = [0]) -> Constraint { norm("UnitNorm", [:], axes) { _ in 1 } }
  /// `w * (rate * clip(norm, minimum, maximum) + (1 - rate) * norm) / norm`
  public static func minMaxNorm(
    minimum: Double = 0, maximum: Double = 1, rate: Double = 1, axes: [Int] = [0]
  ) -> Constraint {
    norm("MinMaxNorm", ["min_value": minimum, "max_value": maximum, "rate": rate], axes) { norm in
      Float(rate) * min(max(norm, Float(minimum)), Float(maximum)) + Float(1 - rate) * norm
    }
  }

  /// Scales a weight so that its norms are the wanted ones.
  private static func norm(
    _ name: String, _ parameters: [String: Double], _ axes: [Int], _ wanted: @escaping @Sendable (Float) -> Float
  ) -> Constraint {
    Constraint(name, parameters, axes: axes) { weight, shape in
      let places = NormPlaces(shape, axes)
      var norms = [Float](repeating: 0, count: places.count)
      places.forEach { index, norm in norms[norm] += weight[index] * weight[index] }
      // Keras' epsilon keeps weights of norm zero at zero.
      let factors = norms.map { wanted($0.squareRoot()) / (1e-7 + $0.squareRoot()) }
      places.forEach { index, norm in weight[index] *= factors[norm] }
    }
  }

  /// Limits a weight's numbers.
  func apply(to weight: UnsafeMutableBufferPointer<Float>, _ shape: [Int]) { limit(weight, shape) }

  /// Checks that a weight has the axes.
  ///
  /// - Throws: `AthanorError` with an empty location.
  func check(_ weight: String, _ shape: [Int]) throws {
    guard axes.allSatisfy({ (-shape.count..<shape.count).contains($0) }) else {
      throw AthanorError(
        .argument, at: "",
        "the constraint of \"\(weight)\" is along the axes \(axes), but the weight has shape \(Shape.text(shape))",
        fix: "Give axes from 0 to \(shape.count - 1).")
    }
  }
}

/// Which norm each number of an array belongs to.
private struct NormPlaces {
  /// How many norms there are.
  let count: Int
  private let shape: [Int]
  /// By how much the norm's place grows along each axis; 0 along the axes that are summed over.
  private let strides: [Int]

  init(_ shape: [Int], _ axes: [Int]) {
    let summed = Set(axes.map { $0 < 0 ? $0 + shape.count : $0 })
    var (count, strides) = (1, [Int](repeating: 0, count: shape.count))
    for axis in shape.indices.reversed() where !summed.contains(axis) {
      strides[axis] = count
      count *= shape[axis]
    }
    (self.shape, self.strides, self.count) = (shape, strides, count)
  }

  @inline(__always)
  func forEach(_ body: (_ index: Int, _ norm: Int) -> Void) {
    let (length, stride) = (shape.last ?? 1, strides.last ?? 0)
    for row in 0..<shape.dropLast().reduce(1, *) {
      var (rest, norm) = (row, 0)
      for axis in shape.indices.dropLast().reversed() {
        norm += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      for column in 0..<length { body(row * length + column, norm + column * stride) }
    }
  }
}

extension Constraint: WeightRule {
  static let module = "keras.constraints"

  var settings: Configuration {
    var settings = Configuration(parameters)
    if !axes.isEmpty { settings["axis"] = axes.count == 1 ? axes[0].jsonValue : axes.jsonValue }
    return settings
  }

  static func read(_ className: String, _ settings: Configuration) throws -> Constraint? {
    func number(_ key: String, _ standard: Double) throws -> Double { try settings.number(key, default: standard) }
    func axes() throws -> [Int] {
      if settings.isMissing("axis") { return [0] }
      guard let axes = settings["axis"]?.integer.map({ [$0] }) ?? settings["axis"]?.integers, !axes.isEmpty else {
        throw settings.error("axis", expected: "an axis, or a list of axes")
      }
      return axes
    }
    switch className {
    case "nonneg": return .nonNegative
    case "maxnorm": return .maxNorm(try number("max_value", 2), axes: try axes())
    case "unitnorm": return .unitNorm(axes: try axes())
    case "minmaxnorm":
      return .minMaxNorm(
        minimum: try number("min_value", 0), maximum: try number("max_value", 1), rate: try number("rate", 1),
        axes: try axes())
    default: return nil
    }
  }
}
