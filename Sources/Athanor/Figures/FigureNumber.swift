/// Numbers as figures write them, the same text on every platform.
package enum FigureNumber {
  /// The size from which a number counts as missing in a figure, as an infinite one does: far beyond any `Float`.
  package static let limit = 1e100

  /// A place in a drawing: at most two decimals, no trailing zeros, a plain minus sign, zero for what is not finite.
  package static func coordinate(_ value: Double) -> String {
    let hundredths = (value * 100).rounded()
    guard hundredths.magnitude < 9e15 else { return "0" }
    let whole = Int(hundredths)
    let fraction = Int(whole.magnitude % 100)
    let sign = whole < 0 ? "-" : ""
    let units = "\(sign)\(whole.magnitude / 100)"
    if fraction == 0 { return units }
    if fraction % 10 == 0 { return "\(units).\(fraction / 10)" }
    return "\(units).\(fraction < 10 ? "0" : "")\(fraction)"
  }

  /// A factor in a drawing: six decimals, where two would let the far edge of something enlarged wander.
  package static func precise(_ value: Double) -> String {
    withoutZeros(fixed(value, decimals: 6))
  }

  /// A number with a fixed count of decimals, as `0.10`; `–` for one that is not finite.
  package static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    let places = min(max(decimals, 0), 12)
    let scaled = (value.magnitude * powerOfTen(places)).rounded()
    guard scaled < 9e15 else { return scientific(value, decimals: 2) }
    let digits = String(Int(scaled))
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    let whole = padded.dropLast(places)
    let sign = value < 0 && scaled > 0 ? "−" : ""
    return sign + whole + (places == 0 ? "" : "." + padded.suffix(places))
  }

  /// A number with its first `digits` digits, as `0.0213` or `1.23×10⁻⁵`.
  package static func significant(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite else { return "–" }
    guard value != 0 else { return "0" }
    let exponent = exponentOfTen(value)
    guard (-3..<5).contains(exponent) else { return scientific(value, decimals: digits - 1) }
    return exponent >= 3 ? count(value) : fixed(value, decimals: max(0, digits - 1 - exponent))
  }

  /// A written number without the zeros that end its decimals: `0.001` for `0.00100`, `1.6×10⁻⁶` for `1.60×10⁻⁶`.
  package static func withoutZeros(_ text: String) -> String {
    let end = text.firstIndex(of: "×") ?? text.endIndex
    var mantissa = text[..<end]
    guard mantissa.contains(".") else { return text }
    while mantissa.hasSuffix("0") { mantissa.removeLast() }
    if mantissa.hasSuffix(".") { mantissa.removeLast() }
    return mantissa == "1" && end < text.endIndex ? String(text[end...].dropFirst()) : String(mantissa + text[end...])
  }

  /// A number as a mantissa and a power of ten, as `1.23×10⁻⁵`; without `×` when the mantissa is exactly one.
  package static func scientific(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    guard value != 0 else { return "0" }
    var exponent = exponentOfTen(value)
    var mantissa = scale(value.magnitude, byPowerOfTen: -exponent)
    let unit = powerOfTen(min(max(decimals, 0), 12))
    mantissa = (mantissa * unit).rounded() / unit
    if mantissa >= 10 {
      mantissa /= 10
      exponent += 1
    }
    let sign = value < 0 ? "−" : ""
    if mantissa == 1 && decimals == 0 { return "\(sign)10\(superscript(exponent))" }
    return "\(sign)\(fixed(mantissa, decimals: decimals))×10\(superscript(exponent))"
  }

  /// A share as a percentage, as `99.23%`, and a whole `100%` without decimals.
  package static func percent(_ share: Double, decimals: Int) -> String {
    guard share.isFinite else { return "–" }
    return share == 1 ? "100%" : fixed(share * 100, decimals: decimals) + "%"
  }

  /// A count with commas between thousands, as `10,000`.
  package static func count(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 9e15 else { return significant(value) }
    let digits = Array(String(Int(value.magnitude.rounded())))
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0 && (digits.count - place) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return value < 0 ? "−" + text : text
  }

  /// Ten to a whole power, correctly rounded.
  package static func powerOfTen(_ exponent: Int) -> Double {
    Double("1e\(exponent)") ?? 1
  }

  /// `value` times ten to a whole power, also where that power alone has no `Double`.
  package static func scale(_ value: Double, byPowerOfTen exponent: Int) -> Double {
    // Dividing by an exact power gives 0.01 where 0.1 · 0.1 would give a little more.
    if (-300..<0).contains(exponent) { return value / powerOfTen(-exponent) }
    if (0...300).contains(exponent) { return value * powerOfTen(exponent) }
    let half = exponent / 2
    return value * powerOfTen(half) * powerOfTen(exponent - half)
  }

  /// The largest `e` with `10ᵉ ≤ |value|`; zero for a value that is zero or not finite.
  package static func exponentOfTen(_ value: Double) -> Int {
    guard value.isFinite, value != 0 else { return 0 }
    var exponent = Int(logarithm(value.magnitude).rounded(.down))
    // The logarithm may be off by its last bit, which matters next to a power of ten.
    if value.magnitude >= powerOfTen(exponent + 1) { exponent += 1 }
    if value.magnitude < powerOfTen(exponent) { exponent -= 1 }
    return exponent
  }

  /// The logarithm to base ten of a number above zero.
  ///
  /// log₁₀ x = (e + log₂ m) · log₁₀ 2 with ln m = 2 artanh((m − 1)/(m + 1)), whose series gains a digit with each term.
  /// The C library's own would differ in its last bits between platforms, and so would the figures.
  package static func logarithm(_ value: Double) -> Double {
    guard value.isFinite, value > 0 else { return 0 }
    let ratio = (value.significand - 1) / (value.significand + 1)
    var term = ratio
    var sum = 0.0
    for power in stride(from: 1.0, through: 39, by: 2) {
      sum += term / power
      term *= ratio * ratio
    }
    return Double(value.exponent) * 0.30102999566398120 + 2 * sum * 0.43429448190325183
  }

  private static func superscript(_ value: Int) -> String {
    let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    return (value < 0 ? "⁻" : "") + String(String(value.magnitude).compactMap(\.wholeNumberValue).map { digits[$0] })
  }
}
