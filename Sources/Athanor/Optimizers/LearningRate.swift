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
    }
  }
}

/// The C library's `pow`, for files that do not import it.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
