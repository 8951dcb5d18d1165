/// A penalty for the size of a weight or of a layer's results, added to the loss and chosen by a leading dot: `.l2(0.01)`.
///
/// The loss that is reported has the penalties in it, as in Keras, also in `evaluate`; those of frozen layers' weights do not count. Add your
/// own in an extension; two regularizers are equal when their names and parameters are. Source: `keras.regularizers`.
///
/// - Example:
///   ```swift
///   Dense(10, kernelRegularizer: .l2(0.01))
///   ```
public struct Regularizer: Hashable, Sendable {
  /// Its name, as Keras spells its class where Keras has it.
  public let name: String
  /// Its parameters by name.
  public let parameters: [String: Double]
  private let penalty: @Sendable (Value) throws -> Value

  /// Makes a regularizer.
  ///
  /// - Parameters:
  ///   - name: Its name in files.
  ///   - parameters: Its parameters by name.
  ///   - penalty: Composes the penalty, of shape `[]`, from what it is for.
  public init(
    _ name: String, parameters: [String: Double] = [:], _ penalty: @escaping @Sendable (Value) throws -> Value
  ) {
    self.name = name
    self.parameters = parameters
    self.penalty = penalty
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

  /// `l1 * sum(|x|)`
  public static func l1(_ l1: Double = 0.01) -> Regularizer { norms("L1", ["l1": l1]) }
  /// `l2 * sum(x^2)`
  public static func l2(_ l2: Double = 0.01) -> Regularizer { norms("L2", ["l2": l2]) }
  /// `l1 * sum(|x|) + l2 * sum(x^2)`
  public static func l1l2(l1: Double = 0, l2: Double = 0) -> Regularizer { norms("L1L2", ["l1": l1, "l2": l2]) }

  private static func norms(_ name: String, _ parameters: [String: Double]) -> Regularizer {
    Regularizer(name, parameters: parameters) { x in
      for (name, factor) in parameters.sorted(by: { $0.key < $1.key }) where !(factor >= 0 && factor.isFinite) {
        throw AthanorError(.argument, at: "", "\(name) is \(factor)", fix: "Give a finite number of zero or more.")
      }
      let axes = Array(0..<x.shape.rank)
      let absolute = try parameters["l1"].flatMap { $0 == 0 ? nil : try abs(x).sum(axes: axes) * $0 }
      let squares = try parameters["l2"].map { try square(x).sum(axes: axes) * $0 }
      guard let absolute, let squares else { return try absolute ?? squares ?? abs(x).sum(axes: axes) * 0 }
      return try absolute + squares
    }
  }

  /// The penalty for a value, `[]`.
  ///
  /// - Throws: `AthanorError` when a parameter is out of range, or the penalty is no single number.
  package func penalty(of value: Value) throws -> Value {
    let result = try penalty(value)
    guard result.shape.rank == 0 else {
      throw AthanorError(
        .shape, at: "", "the penalty of regularizer \"\(name)\" has shape \(result.shape) but must be a single number",
        fix: "Sum over all axes.")
    }
    return result
  }
}

extension Regularizer: WeightRule {
  static let module = "keras.regularizers"
  var settings: Configuration { Configuration(parameters) }

  static func read(_ className: String, _ settings: Configuration) throws -> Regularizer? {
    func factor(_ key: String, _ standard: Double) throws -> Double { try settings.number(key, default: standard) }
    switch className {
    case "l1": return .l1(try factor("l1", 0.01))
    case "l2": return .l2(try factor("l2", 0.01))
    case "l1l2": return .l1l2(l1: try factor("l1", 0), l2: try factor("l2", 0))
    default: return nil
    }
  }
}
