#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// How far each step goes, constant or changing with the number of steps taken: `0.001`, `.cosineDecay(...)`.
///
/// - Example:
///   ```swift
///   .adam(learningRate: .cosineDecay(initial: 0.001, steps: 3000))
///   ```
public indirect enum LearningRate: Hashable, Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// The same at each step.
  case constant(Double)
  /// `initial * rate ^ (step / steps)`; staircase: only whole powers. Source:
  /// `keras.optimizers.schedules.ExponentialDecay`.
  case exponentialDecay(initial: Double, steps: Int, rate: Double, staircase: Bool = false)
  /// From `initial` down to `initial * alpha` along half a cosine over `steps` (Loshchilov and Hutter 2016). Source:
  /// `keras.optimizers.schedules.CosineDecay`.
  case cosineDecay(initial: Double, steps: Int, alpha: Double = 0)
  /// `values[i]` up to and including step `boundaries[i]`, then the last value. Source:
  /// `keras.optimizers.schedules.PiecewiseConstantDecay`.
  case piecewise(boundaries: [Int], values: [Double])
  /// Evenly from 0 to the first value of another schedule over `steps`, and then that schedule.
  case warmUp(steps: Int, then: LearningRate)
  /// A schedule of your own; see `LearningRate.schedule(_:_:)`.
  case custom(Schedule)

  /// The rate of each step as a function; two are equal when their names are.
  public struct Schedule: Hashable, Sendable {
    /// Its name.
    public let name: String
    let rate: @Sendable (_ step: Int) -> Double

    /// Equal by name.
    public static func == (left: Self, right: Self) -> Bool { left.name == right.name }
    /// Hashes the name.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
  }

  /// A schedule of your own. Files do not hold it: compile a model that is read from one with the same schedule to go on.
  ///
  /// - Parameters:
  ///   - name: Its name, by which two schedules are told apart.
  ///   - rate: The number of steps taken so far, from 0, to the rate of the next: zero or more and finite.
  /// - Example:
  ///   ```swift
  ///   .adam(learningRate: .schedule("inverse root") { 0.01 / Double($0 + 1).squareRoot() })
  ///   ```
  public static func schedule(_ name: String, _ rate: @escaping @Sendable (_ step: Int) -> Double) -> LearningRate {
    .custom(Schedule(name: name, rate: rate))
  }

  /// A constant rate.
  public init(floatLiteral value: Double) { self = .constant(value) }
  /// A constant rate.
  public init(integerLiteral value: Int) { self = .constant(Double(value)) }

  /// The rate of a step, counted from 0.
  public func value(at step: Int) -> Double {
    switch self {
    case .constant(let rate): return rate
    case .exponentialDecay(let initial, let steps, let rate, let staircase):
      let power = Double(step) / Double(steps)
      return initial * pow(rate, staircase ? power.rounded(.down) : power)
    case .cosineDecay(let initial, let steps, let alpha):
      let progress = min(Double(step) / Double(steps), 1)
      return initial * ((1 - alpha) * 0.5 * (1 + cos(Double.pi * progress)) + alpha)
    case .piecewise(let boundaries, let values):
      let place = boundaries.firstIndex { step <= $0 } ?? boundaries.count
      return values.indices.contains(place) ? values[place] : values.last ?? 0
    case .warmUp(let steps, let next):
      return step < steps ? next.value(at: 0) * Double(step) / Double(steps) : next.value(at: step - steps)
    case .custom(let schedule): return schedule.rate(step)
    }
  }

  /// - Throws: `AthanorError` when a number is out of range.
  package func validate() throws {
    func require(_ condition: Bool, _ problem: String) throws {
      guard condition else { throw AthanorError(.argument, at: "learning rate", problem) }
    }
    func isRate(_ value: Double) -> Bool { value >= 0 && value.isFinite }
    switch self {
    case .constant(let rate): try require(isRate(rate), "it is \(rate) but must be zero or more and finite")
    case .exponentialDecay(let initial, let steps, let rate, _):
      try require(
        isRate(initial) && isRate(rate) && steps > 0,
        "exponentialDecay(initial: \(initial), steps: \(steps), rate: \(rate)) needs numbers above zero")
    case .cosineDecay(let initial, let steps, let alpha):
      try require(
        isRate(initial) && isRate(alpha) && steps > 0,
        "cosineDecay(initial: \(initial), steps: \(steps), alpha: \(alpha)) needs numbers above zero")
    case .piecewise(let boundaries, let values):
      try require(
        values.count == boundaries.count + 1 && values.allSatisfy(isRate) && boundaries == boundaries.sorted(),
        "piecewise needs rising boundaries and one value more than boundaries, but has \(boundaries) and \(values)")
    case .warmUp(let steps, let next):
      try require(steps > 0, "warmUp needs at least 1 step but has \(steps)")
      try next.validate()
    case .custom(let schedule):
      try require(isRate(schedule.rate(0)), "schedule \"\(schedule.name)\" gives \(schedule.rate(0)) for step 0")
    }
  }
}

/// The C library's `pow`, for files that do not import it.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

extension LearningRate {
  private static let module = "keras.optimizers.schedules"

  /// The rate in Keras' JSON, as far as Keras has it; nil for a schedule of the user's own.
  ///
  /// Keras holds a constant as a 32-bit number, and warms up to a cosine alone; of other warm-ups its readers get the rate to come.
  package var kerasSerialized: JSONValue? {
    switch self {
    case .custom: nil
    case .constant(let value): .number(value)
    case .exponentialDecay(let initial, let steps, let rate, let staircase):
      .instance(
        of: "ExponentialDecay", in: LearningRate.module,
        [
          "initial_learning_rate": initial, "decay_steps": steps, "decay_rate": rate, "staircase": staircase,
          "name": "ExponentialDecay",
        ])
    case .cosineDecay(let initial, let steps, let alpha):
      .instance(
        of: "CosineDecay", in: LearningRate.module,
        [
          "initial_learning_rate": initial, "decay_steps": steps, "alpha": alpha, "name": "CosineDecay",
          "warmup_target": JSONValue.null, "warmup_steps": 0,
        ])
    case .piecewise(let boundaries, let values):
      .instance(
        of: "PiecewiseConstantDecay", in: LearningRate.module,
        ["boundaries": boundaries, "values": values, "name": "PiecewiseConstant"])
    case .warmUp(let steps, .cosineDecay(let initial, let decaySteps, let alpha)):
      .instance(
        of: "CosineDecay", in: LearningRate.module,
        [
          "initial_learning_rate": 0, "decay_steps": decaySteps, "alpha": alpha, "name": "CosineDecay",
          "warmup_target": initial, "warmup_steps": steps,
        ])
    case .warmUp(_, let next): next.kerasSerialized
    }
  }

  /// The exact rate in JSON: Keras' where Keras can hold it, else classes of Athanor's own; nil for a schedule of the user's own.
  package var serialized: JSONValue? {
    switch self {
    case .constant(let value) where LearningRate.shortest(value) != value: exactConstant(value)
    case .warmUp(_, .cosineDecay): kerasSerialized
    case .warmUp(let steps, .constant(let value)): warmUp(steps, exactConstant(value))
    case .warmUp(let steps, let next): next.serialized.map { warmUp(steps, $0) }
    default: kerasSerialized
    }
  }

  private func exactConstant(_ value: Double) -> JSONValue {
    .instance(of: "Constant", in: "athanor", ["value": value])
  }

  private func warmUp(_ steps: Int, _ next: JSONValue) -> JSONValue {
    .instance(of: "WarmUp", in: "athanor", ["steps": steps, "then": next])
  }

  /// Makes the rate that JSON describes.
  ///
  /// - Throws: `AthanorError` when the schedule is not known or a setting is wrong.
  ///
  /// Settings that are not known are warned of in the report.
  package init(serialized json: JSONValue?, at location: String, report: ReadingReport? = nil) throws {
    if let number = json?.number {
      self = .constant(LearningRate.shortest(number))
      return
    }
    let object = try Configuration(json, at: location, report: report)
    let configuration = try Configuration(object["config"], at: object.location(of: "config"), report: report)
    defer { configuration.warnAboutUnread() }
    configuration.ignore("name")
    let initial = try configuration.number("initial_learning_rate", default: 0)
    switch try object.text("class_name") {
    case "ExponentialDecay":
      self = .exponentialDecay(
        initial: initial, steps: try configuration.integer("decay_steps"),
        rate: try configuration.number("decay_rate"), staircase: try configuration.flag("staircase", default: false))
    case "CosineDecay": self = try LearningRate.cosineDecay(configuration, initial)
    case "PiecewiseConstantDecay":
      self = .piecewise(
        boundaries: try configuration.integers("boundaries"), values: try configuration.numbers("values") ?? [])
    case "Constant": self = .constant(try configuration.number("value"))
    case "WarmUp":
      self = .warmUp(
        steps: try configuration.integer("steps"),
        then: try LearningRate(serialized: configuration["then"], at: object.location(of: "then"), report: report))
    default: throw object.error("class_name", expected: "a known schedule")
    }
  }

  /// Keras' cosine, which may have a warm-up before it.
  private static func cosineDecay(_ configuration: Configuration, _ initial: Double) throws -> LearningRate {
    let alpha = try configuration.number("alpha", default: 0)
    let steps = try configuration.integer("decay_steps")
    let warmUp = try configuration.integer("warmup_steps", default: 0)
    if configuration.isMissing("warmup_target") { return .cosineDecay(initial: initial, steps: steps, alpha: alpha) }
    let decay = LearningRate.cosineDecay(
      initial: try configuration.number("warmup_target"), steps: steps, alpha: alpha)
    if warmUp == 0 { return decay }
    guard initial == 0 else {
      throw configuration.error("initial_learning_rate", expected: "0, from which a warm-up begins,")
    }
    return .warmUp(steps: warmUp, then: decay)
  }

  /// Keras holds the rate as a 32-bit number: 0.0010000000474974513 is meant as 0.001.
  private static func shortest(_ value: Double) -> Double {
    Double(Float(value)) == value ? Double(String(Float(value))) ?? value : value
  }
}
