import Athanor
import Foundation
import Testing

@Suite struct FigureAxisTests {
  @Test func linearTicksAreNiceMultiplesInsideTheRange() throws {
    var numbers = FigureTestNumbers()
    for _ in 0..<2000 {
      let exponent = Int.random(in: -30...30, using: &numbers)
      let low = Double.random(in: -10...10, using: &numbers) * FigureNumber.powerOfTen(exponent)
      let high = low + Double.random(in: 0.01...10, using: &numbers) * FigureNumber.powerOfTen(exponent)
      let count = Int.random(in: 3...10, using: &numbers)
      let axis = FigureAxis(linear: low, high, count: count)
      #expect((1...count + 1).contains(axis.ticks.count), "\(low) to \(high): \(axis.ticks.map(\.label))")
      #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count, "\(axis.ticks.map(\.label))")
      for tick in axis.ticks {
        #expect(axis.position(tick.value) >= -1e-6 && axis.position(tick.value) <= 1 + 1e-6)
        let written = try #require(number(tick.label))
        #expect(abs(written - tick.value) <= (high - low) * 1e-6, "\(tick)")
      }
      let steps = zip(axis.ticks.dropFirst(), axis.ticks).map { $0.value - $1.value }
      for step in steps {
        let mantissa = step / FigureNumber.powerOfTen(FigureNumber.exponentOfTen(step * (1 + 1e-9)))
        #expect([1, 2, 5].contains { abs(mantissa - $0) < 1e-6 }, "\(step)")
      }
    }
  }

  @Test(arguments: [
    (1.0, 1.0), (1.1, 2), (2, 2), (2.01, 5), (5, 5), (5.1, 10), (0.2, 0.2), (0.0031, 0.005), (99, 100), (-1, 1),
    (.nan, 1), (.infinity, 1),
  ])
  func niceSteps(_ raw: Double, _ step: Double) {
    #expect(abs(FigureAxis.niceStep(raw) - step) <= step * 1e-12)
  }

  @Test func labels() {
    #expect(FigureAxis(linear: 0, 0.35, count: 5).ticks.map(\.label) == ["0.0", "0.1", "0.2", "0.3"])
    #expect(FigureAxis(linear: -3, 3, count: 3).ticks.map(\.label) == ["−2", "0", "2"])
    #expect(FigureAxis(linear: 0.9, 1, count: 4, percent: true).ticks.map(\.label) == ["90%", "95%", "100%"])
    #expect(FigureAxis(linear: 0, 25_000, count: 3).ticks.map(\.label) == ["0", "10,000", "20,000"])
    #expect(FigureAxis(linear: 0, 3e9, count: 3).ticks.map(\.label) == ["0", "10⁹", "2×10⁹", "3×10⁹"])
    #expect(FigureAxis(linear: 0, 3e-5, count: 3).ticks.map(\.label) == ["0", "10⁻⁵", "2×10⁻⁵", "3×10⁻⁵"])
    #expect(
      FigureAxis(linear: 1, 3, count: 10, wholeNumbers: true).ticks.map(\.label) == ["1", "2", "3"],
      "epochs have no halves")
    #expect(FigureAxis(linear: 7, 7, count: 5, wholeNumbers: true).ticks.map(\.label) == ["7"])
  }

  @Test func logarithmicTicks() {
    #expect(
      FigureAxis(logarithmic: 1e-6, 1e-2, count: 6).ticks.map(\.label) == ["10⁻⁶", "10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"])
    #expect(FigureAxis(logarithmic: 0.9, 1100, count: 6).ticks.map(\.label) == ["1", "10", "100", "1000"])
    #expect(FigureAxis(logarithmic: 1, 50, count: 6).ticks.map(\.label) == ["1", "2", "5", "10", "20", "50"])
    let wide = FigureAxis(logarithmic: 1e-90, 1e90, count: 6)
    #expect((3...8).contains(wide.ticks.count))
    #expect(abs(wide.position(1) - 0.5) < 1e-12)
    #expect(FigureAxis(logarithmic: 0.021, 0.029, count: 5).ticks.count > 1, "a narrow range has linear ticks")
  }

  /// The value of a label.
  private func number(_ label: String) -> Double? {
    let superscripts = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    var text = label.replacingOccurrences(of: "−", with: "-").replacingOccurrences(of: ",", with: "")
    text = String(text.map { $0 == "⁻" ? "-" : superscripts.firstIndex(of: $0).map { Character(String($0)) } ?? $0 })
    guard label.contains(where: { superscripts.contains($0) }) else { return Double(text) }
    guard text.contains("×") else {
      return Double(text.hasPrefix("-10") ? "-1e" + text.dropFirst(3) : "1e" + text.dropFirst(2))
    }
    return Double(text.replacingOccurrences(of: "×10", with: "e"))
  }
}

@Suite struct FigureNumberTests {
  @Test func logarithmAgreesWithTheLibrary() {
    for value in [1e-300, 1e-5, 0.1, 0.5, 0.999_999, 1, 1.000_001, 2, 3, 9.999, 10, 12345, 1e22, 1e300] {
      #expect(abs(FigureNumber.logarithm(value) - log10(value)) <= 4e-14 * max(1, abs(log10(value))), "\(value)")
    }
    for exponent in -300...300 {
      #expect(FigureNumber.exponentOfTen(FigureNumber.powerOfTen(exponent)) == exponent)
      #expect(FigureNumber.exponentOfTen(FigureNumber.powerOfTen(exponent).nextDown) == exponent - 1)
    }
  }

  @Test func texts() {
    #expect(FigureNumber.fixed(0.125, decimals: 2) == "0.13")
    #expect(FigureNumber.fixed(-0.001, decimals: 2) == "0.00")
    #expect(FigureNumber.fixed(-1.5, decimals: 1) == "−1.5")
    #expect(FigureNumber.fixed(.nan, decimals: 1) == "–")
    #expect(FigureNumber.significant(0.021_34) == "0.0213")
    #expect(FigureNumber.significant(1.234) == "1.23")
    #expect(FigureNumber.significant(12_345) == "12,345")
    #expect(FigureNumber.significant(1.234e-5) == "1.23×10⁻⁵")
    #expect(FigureNumber.significant(9.999e7) == "1.00×10⁸")
    #expect(FigureNumber.significant(.leastNonzeroMagnitude) == "4.94×10⁻³²⁴")
    #expect(FigureNumber.significant(.greatestFiniteMagnitude) == "1.80×10³⁰⁸")
    #expect(FigureNumber.withoutZeros("0.00100") == "0.001")
    #expect(FigureNumber.withoutZeros("1.60×10⁻⁶") == "1.6×10⁻⁶")
    #expect(FigureNumber.withoutZeros("1.00×10⁻⁶") == "10⁻⁶")
    #expect(FigureNumber.withoutZeros("100") == "100")
    #expect(FigureNumber.percent(0.992_34, decimals: 2) == "99.23%")
    #expect(FigureNumber.percent(1, decimals: 2) == "100%")
    #expect(FigureNumber.count(10_000) == "10,000")
    #expect(FigureNumber.count(-999) == "−999")
    #expect(FigureNumber.coordinate(-0.5) == "-0.5")
    #expect(FigureNumber.coordinate(-0.001) == "0")
    #expect(FigureNumber.coordinate(12.054) == "12.05")
    #expect(FigureNumber.coordinate(.infinity) == "0")
  }
}

@Suite struct FigureTextTests {
  @Test func escaping() {
    #expect(FigureText.escaped("a<b> & \"c\"'d'") == "a&lt;b&gt; &amp; &quot;c&quot;&#39;d&#39;")
    #expect(FigureText.escaped("a\nb\tc") == "a b c")
    #expect(FigureText.escaped("a\u{0}b\u{1B}\u{FFFE}") == "a\u{FFFD}b\u{FFFD}\u{FFFD}")
  }

  @Test func fitting() {
    #expect(FigureText.fitted("cat", size: 12, limit: 100) == "cat")
    let long = FigureText.fitted("a rather long name of a class", size: 12, limit: 80)
    #expect(long.hasSuffix("…") && long.hasPrefix("a rath"))
    #expect(FigureText.width(long, size: 12) <= 80)
    #expect(FigureText.fitted("wide", size: 12, limit: 0) == "…")
  }
}
