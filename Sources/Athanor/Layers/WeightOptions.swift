/// What a layer says of one of its weights: how it begins, what is added to the loss for it, and what it is limited to.
///
/// - Example:
///   ```swift
///   var layer = Dense(10)
///   layer.kernel = WeightOptions(.heNormal, regularizer: .l2(0.01), constraint: .maxNorm(3))
///   ```
public struct WeightOptions: Hashable, Sendable {
  /// What the weight holds before training.
  public var initializer: Initializer
  /// The penalty for the weight that is added to the loss; nil for none.
  public var regularizer: Regularizer?
  /// What the weight is limited to after each step; nil for no limit.
  public var constraint: Constraint?

  /// Describes a weight.
  public init(_ initializer: Initializer, regularizer: Regularizer? = nil, constraint: Constraint? = nil) {
    self.initializer = initializer
    self.regularizer = regularizer
    self.constraint = constraint
  }
}

extension Scope {
  /// Declares a weight with its regularizer and constraint.
  ///
  /// - Throws: as `weight(_:shape:initializer:isTrainable:)`, and when the weight does not have the axes of its constraint.
  public mutating func weight(_ name: String, shape: [Int], _ options: WeightOptions) throws -> Value {
    try options.constraint?.check(name, shape)
    return try declare(
      name, shape, options.initializer, regularizer: options.regularizer, constraint: options.constraint)
  }

  /// Adds a regularizer's penalty for a layer's result, divided by the number of examples, to the loss.
  ///
  /// - Returns: The result.
  /// - Throws: `AthanorError` when a parameter of the regularizer is out of range.
  public mutating func penalized(_ result: Value, _ regularizer: Regularizer?) throws -> Value {
    if let regularizer {
      addLoss(try regularizer.penalty(of: result) * (1 / Double(max(1, result.shape.sizes.first ?? 1))))
    }
    return result
  }
}

/// A regularizer or a constraint as files have it: a class with parameters, or its name alone.
protocol WeightRule {
  /// The module of the class in Keras.
  static var module: String { get }
  var name: String { get }
  var settings: Configuration { get }

  /// - Parameter className: In lower case and without underscores, as older names and functions have them.
  /// - Returns: nil for a class that is not known.
  /// - Throws: `AthanorError` that names the place, when a parameter is of another type.
  static func read(_ className: String, _ settings: Configuration) throws -> Self?
}

extension Settings {
  /// The settings of a weight: its initializer, regularizer and constraint.
  ///
  /// - Parameters:
  ///   - name: The name that the three keys begin with: `kernel` for `kernel_initializer`.
  ///   - options: The property.
  ///   - standard: The initializer where the file says nothing.
  /// - Throws: `AthanorError` that names the place, when a value is of another type or has no form in files.
  public mutating func weight(_ name: String, _ options: inout WeightOptions, default standard: Initializer) throws {
    try field("\(name)_initializer", &options.initializer, default: standard)
    try regularizer("\(name)_regularizer", &options.regularizer)
    try rule("\(name)_constraint", &options.constraint)
  }

  /// A regularizer; one that is not known gives a warning and is left out.
  ///
  /// - Throws: `AthanorError` that names the place, when a parameter is of another type, or the regularizer has no form in files.
  public mutating func regularizer(_ key: String, _ regularizer: inout Regularizer?) throws {
    try rule(key, &regularizer)
  }

  private mutating func rule<Rule: WeightRule>(_ key: String, _ rule: inout Rule?) throws {
    func found(_ name: String, _ settings: Configuration) throws -> Rule? {
      try Rule.read(name.lowercased().filter { $0 != "_" }, settings)
    }
    guard let source else {
      if let rule, try found(rule.name, rule.settings) == nil {
        throw AthanorError(
          .unsupported, at: "", "files have no name for \"\(rule.name)\" of \(key)",
          fix: "Save its weights alone as .weights.h5.")
      }
      written[key] = rule.map { .instance(of: $0.name, in: Rule.module, $0.settings) } ?? .null
      return
    }
    rule = nil
    switch source[key] {
    case nil, .null: return
    case .text(let name): rule = try found(name, [:])
    default:
      let object = try source.nested(key)
      let settings = try object.nested("config")
      rule = try found(try object.text("class_name").split(separator: ">").last.map(String.init) ?? "", settings)
      if rule != nil { settings.warnAboutUnread() }
    }
    if rule == nil { warn(key, source) }
  }
}
