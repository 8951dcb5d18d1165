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
  /// A cosine from `initial` down to `initial * alpha` again and again: over `steps`, then each time over `stepFactor` times as many and
  /// from `rateFactor` times as high (Loshchilov and Hutter 2016). Source: `keras.optimizers.schedules.CosineDecayRestarts`.
  case cosineRestarts(initial: Double, steps: Int, stepFactor: Double = 2, rateFactor: Double = 1, alpha: Double = 0)
  /// `(initial - end) * (1 - step / steps)^power + end`, then `end`; cycle: over the next multiple of `steps` instead. Source:
  /// `keras.optimizers.schedules.PolynomialDecay`.
  case polynomialDecay(initial: Double, steps: Int, end: Double = 0.0001, power: Double = 1, cycle: Bool = false)
  /// `initial / (1 + rate * step / steps)`; staircase: only whole multiples. Source: `keras.optimizers.schedules.InverseTimeDecay`.
  case inverseTimeDecay(initial: Double, steps: Int, rate: Double, staircase: Bool = false)
  /// `values[i]` up to and including step `boundaries[i]`, then the last value. Source:
  /// `keras.optimizers.schedules.PiecewiseConstantDecay`.
  case piecewise(boundaries: [Int], values: [Double])
  /// Evenly from a rate to the first value of another schedule over `steps`, and then that schedule.
  case warmUp(steps: Int, from: Double = 0, then: LearningRate)
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
    case .cosineRestarts(let initial, let steps, let stepFactor, let rateFactor, let alpha):
      var (part, restarts) = (Double(step) / Double(steps), 0.0)
      if stepFactor == 1 {
        restarts = part.rounded(.down)
        part -= restarts
      } else {
        restarts = (log(1 - part * (1 - stepFactor)) / log(stepFactor)).rounded(.down)
        part = (part - (1 - pow(stepFactor, restarts)) / (1 - stepFactor)) / pow(stepFactor, restarts)
      }
      let cosine = 0.5 * pow(rateFactor, restarts) * (1 + cos(Double.pi * part))
      return initial * ((1 - alpha) * cosine + alpha)
    case .polynomialDecay(let initial, let steps, let end, let power, let cycle):
      let cycles = cycle && step > 0 ? (Double(step) / Double(steps)).rounded(.up) : 1
      let progress = min(Double(step) / (Double(steps) * cycles), 1)
      return (initial - end) * pow(1 - progress, power) + end
    case .inverseTimeDecay(let initial, let steps, let rate, let staircase):
      let part = Double(step) / Double(steps)
      return initial / (1 + rate * (staircase ? part.rounded(.down) : part))
    case .piecewise(let boundaries, let values):
      let place = boundaries.firstIndex { step <= $0 } ?? boundaries.count
      return values.indices.contains(place) ? values[place] : values.last ?? 0
    case .warmUp(let steps, let first, let next):
      guard step < steps else { return next.value(at: step - steps) }
      return (next.value(at: 0) - first) * Double(step) / Double(steps) + first
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
    case .cosineRestarts(let initial, let steps, let stepFactor, let rateFactor, let alpha):
      try require(
        isRate(initial) && isRate(rateFactor) && isRate(alpha) && steps > 0 && stepFactor >= 1 && stepFactor.isFinite,
        "cosineRestarts(initial: \(initial), steps: \(steps), stepFactor: \(stepFactor), rateFactor: \(rateFactor), "
          + "alpha: \(alpha)) needs numbers above zero and a stepFactor of at least 1")
    case .polynomialDecay(let initial, let steps, let end, let power, _):
      try require(
        isRate(initial) && isRate(end) && isRate(power) && steps > 0,
        "polynomialDecay(initial: \(initial), steps: \(steps), end: \(end), power: \(power)) needs numbers above zero")
    case .inverseTimeDecay(let initial, let steps, let rate, _):
      try require(
        isRate(initial) && isRate(rate) && steps > 0,
        "inverseTimeDecay(initial: \(initial), steps: \(steps), rate: \(rate)) needs numbers above zero")
    case .piecewise(let boundaries, let values):
      try require(
        values.count == boundaries.count + 1 && values.allSatisfy(isRate) && boundaries == boundaries.sorted(),
        "piecewise needs rising boundaries and one value more than boundaries, but has \(boundaries) and \(values)")
    case .warmUp(let steps, let first, let next):
      try require(steps > 0, "warmUp needs at least 1 step but has \(steps)")
      try require(isRate(first), "warmUp begins at \(first) but must begin at zero or more")
      try next.validate()
    case .custom(let schedule):
      try require(isRate(schedule.rate(0)), "schedule \"\(schedule.name)\" gives \(schedule.rate(0)) for step 0")
    }
  }
}

/// The C library's `pow`, for files that do not import it.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
/// The C library's `log`, for files that do not import it.
func naturalLogarithm(_ x: Double) -> Double { log(x) }

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
    case .cosineRestarts(let initial, let steps, let stepFactor, let rateFactor, let alpha):
      .instance(
        of: "CosineDecayRestarts", in: LearningRate.module,
        [
          "initial_learning_rate": initial, "first_decay_steps": steps, "t_mul": stepFactor, "m_mul": rateFactor,
          "alpha": alpha, "name": "SGDRDecay",
        ])
    case .polynomialDecay(let initial, let steps, let end, let power, let cycle):
      .instance(
        of: "PolynomialDecay", in: LearningRate.module,
        [
          "initial_learning_rate": initial, "decay_steps": steps, "end_learning_rate": end, "power": power,
          "cycle": cycle, "name": "PolynomialDecay",
        ])
    case .inverseTimeDecay(let initial, let steps, let rate, let staircase):
      .instance(
        of: "InverseTimeDecay", in: LearningRate.module,
        [
          "initial_learning_rate": initial, "decay_steps": steps, "decay_rate": rate, "staircase": staircase,
          "name": "InverseTimeDecay",
        ])
    case .piecewise(let boundaries, let values):
      .instance(
        of: "PiecewiseConstantDecay", in: LearningRate.module,
        ["boundaries": boundaries, "values": values, "name": "PiecewiseConstant"])
    case .warmUp(let steps, let first, .cosineDecay(let initial, let decaySteps, let alpha)):
      .instance(
        of: "CosineDecay", in: LearningRate.module,
        [
          "initial_learning_rate": first, "decay_steps": decaySteps, "alpha": alpha, "name": "CosineDecay",
          "warmup_target": initial, "warmup_steps": steps,
        ])
    case .warmUp(_, _, let next): next.kerasSerialized
    }
  }

  /// The exact rate in JSON: Keras' where Keras can hold it, else classes of Athanor's own; nil for a schedule of the user's own.
  package var serialized: JSONValue? {
    switch self {
    case .constant(let value) where LearningRate.shortest(value) != value: exactConstant(value)
    case .warmUp(_, _, .cosineDecay): kerasSerialized
    case .warmUp(let steps, let first, .constant(let value)): warmUp(steps, first, exactConstant(value))
    case .warmUp(let steps, let first, let next): next.serialized.map { warmUp(steps, first, $0) }
    default: kerasSerialized
    }
  }

  private func exactConstant(_ value: Double) -> JSONValue {
    .instance(of: "Constant", in: "athanor", ["value": value])
  }

  private func warmUp(_ steps: Int, _ first: Double, _ next: JSONValue) -> JSONValue {
    .instance(of: "WarmUp", in: "athanor", ["steps": steps, "from": first, "then": next])
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
    case "CosineDecayRestarts":
      self = .cosineRestarts(
        initial: initial, steps: try configuration.integer("first_decay_steps"),
        stepFactor: try configuration.number("t_mul", default: 2),
        rateFactor: try configuration.number("m_mul", default: 1), alpha: try configuration.number("alpha", default: 0))
    case "PolynomialDecay":
      self = .polynomialDecay(
        initial: initial, steps: try configuration.integer("decay_steps"),
        end: try configuration.number("end_learning_rate", default: 0.0001),
        power: try configuration.number("power", default: 1), cycle: try configuration.flag("cycle", default: false))
    case "InverseTimeDecay":
      self = .inverseTimeDecay(
        initial: initial, steps: try configuration.integer("decay_steps"),
        rate: try configuration.number("decay_rate"), staircase: try configuration.flag("staircase", default: false))
    case "PiecewiseConstantDecay":
      self = .piecewise(
        boundaries: try configuration.integers("boundaries"), values: try configuration.numbers("values") ?? [])
    case "Constant": self = .constant(try configuration.number("value"))
    case "WarmUp":
      self = .warmUp(
        steps: try configuration.integer("steps"), from: try configuration.number("from", default: 0),
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
    return .warmUp(steps: warmUp, from: initial, then: decay)
  }

  /// Keras holds the rate as a 32-bit number: 0.0010000000474974513 is meant as 0.001.
  private static func shortest(_ value: Double) -> Double {
    Double(Float(value)) == value ? Double(String(Float(value))) ?? value : value
  }
}
