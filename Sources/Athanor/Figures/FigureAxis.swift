/// An axis of a chart: which range it shows, where its ticks are and what they say.
///
/// Ticks stand at multiples of 1, 2 or 5 times a power of ten; a logarithmic axis has them at powers of ten, and at 2 and
/// 3 or 2 and 5 times those when it spans less than three decades.
package struct FigureAxis: Hashable, Sendable {
  /// A mark on the axis.
  package struct Tick: Hashable, Sendable {
    /// The value it stands at.
    package let value: Double
    /// What it says.
    package let label: String
  }

  /// The least value shown.
  package let low: Double
  /// The greatest value shown.
  package let high: Double
  /// Whether equal distances are equal ratios.
  package let logarithmic: Bool
  /// From low to high.
  package let ticks: [Tick]

  /// An axis over evenly spaced numbers from `low` to `high`, with about `count` ticks.
  ///
  /// `wholeNumbers` keeps ticks at whole numbers, as for epochs; `percent` labels shares as percentages.
  package init(linear low: Double, _ high: Double, count: Int, wholeNumbers: Bool = false, percent: Bool = false) {
    self.low = low
    self.high = high
    logarithmic = false
    guard high > low else {
      ticks = [Tick(value: low, label: low == low.rounded() ? FigureNumber.count(low) : FigureNumber.significant(low))]
      return
    }
    let scale: Double = percent ? 100 : 1
    var step = Self.niceStep((high - low) * scale / Double(max(count, 1)))
    if wholeNumbers { step = max(step, 1) }
    let values = Self.multiples(of: step, from: low * scale, to: high * scale)
    let labels = Self.labels(values, step: step).map { percent ? $0 + "%" : $0 }
    ticks = zip(values, labels).map { Tick(value: $0 / scale, label: $1) }
  }

  /// An axis over ratios from `low` to `high`, both above zero.
  package init(logarithmic low: Double, _ high: Double, count: Int) {
    self.low = low
    self.high = high
    logarithmic = true
    let first = FigureNumber.exponentOfTen(low)
    let last = FigureNumber.exponentOfTen(high)
    let decades = last - first
    let every = max(1, (decades + max(count, 1) - 1) / max(count, 1))
    let factors: [Double] = decades > 2 ? [1] : decades == 2 ? [1, 3] : [1, 2, 5]
    var values: [Double] = []
    for exponent in first...max(first, last) where exponent % every == 0 {
      values += factors.map { FigureNumber.scale($0, byPowerOfTen: exponent) }.filter { low <= $0 && $0 <= high }
    }
    guard values.count > 1 else {
      ticks = FigureAxis(linear: low, high, count: count).ticks
      return
    }
    let plain = values.allSatisfy { $0 >= 1e-3 && $0 < 1e5 }
    ticks = values.map { value in
      let places = max(0, -FigureNumber.exponentOfTen(value))
      return Tick(
        value: value,
        label: plain ? FigureNumber.fixed(value, decimals: places) : FigureNumber.scientific(value, decimals: 0))
    }
  }

  /// Where a value is between the ends: 0 at `low`, 1 at `high`.
  package func position(_ value: Double) -> Double {
    guard high > low else { return 0.5 }
    guard logarithmic else { return (value - low) / (high - low) }
    let start = FigureNumber.logarithm(low)
    return (FigureNumber.logarithm(value) - start) / (FigureNumber.logarithm(high) - start)
  }

  /// The smallest of 1, 2, 5 and 10 times a power of ten that is at least `raw`.
  package static func niceStep(_ raw: Double) -> Double {
    guard raw.isFinite, raw > 0 else { return 1 }
    let exponent = FigureNumber.exponentOfTen(raw)
    let steps = [1.0, 2, 5, 10].map { FigureNumber.scale($0, byPowerOfTen: exponent) }
    // A raw step of 0.2000…1 wants 0.2, not 0.5.
    return steps.first { $0 >= raw * (1 - 1e-9) } ?? steps[3]
  }

  private static func multiples(of step: Double, from low: Double, to high: Double) -> [Double] {
    let slack = step * 1e-6
    let first = ((low - slack) / step).rounded(.up)
    let last = ((high + slack) / step).rounded(.down)
    guard first.isFinite, last >= first, last - first < 100 else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  private static func labels(_ values: [Double], step: Double) -> [String] {
    let largest = values.map(\.magnitude).max() ?? 0
    let places = FigureNumber.exponentOfTen(step)
    if largest >= 1e5 || (largest > 0 && largest < 1e-3) {
      let decimals = min(9, max(0, FigureNumber.exponentOfTen(largest) - places))
      return values.map { FigureNumber.scientific($0, decimals: decimals) }
    }
    if largest >= 1e3 && places >= 0 { return values.map(FigureNumber.count) }
    return values.map { FigureNumber.fixed($0, decimals: -places) }
  }
}
