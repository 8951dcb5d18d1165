/// What the network says of a drawing.
public struct Reading: Hashable, Sendable {
  /// The probability of one digit.
  public struct Answer: Hashable, Sendable {
    /// 0 to 9.
    public let digit: Int
    /// 0 to 1.
    public let probability: Double

    /// The probability in whole percent: `97%`, `<1%`, `>99%`.
    public var percent: String { text(less: "<", more: ">", unit: "%") }

    /// The probability for VoiceOver: `97 percent`, `less than 1 percent`.
    public var spokenPercent: String { text(less: "less than ", more: "more than ", unit: " percent") }

    /// Nothing is called impossible or certain that is not.
    private func text(less: String, more: String, unit: String) -> String {
      let whole = Int((probability * 100).rounded())
      if whole == 0, probability > 0 { return "\(less)1\(unit)" }
      if whole == 100, probability < 1 { return "\(more)99\(unit)" }
      return "\(whole)\(unit)"
    }
  }

  /// The picture that the network saw: `[28, 28]` shades of gray, white on black, row after row.
  public let picture: [UInt8]
  /// The digits 0 to 9 in order.
  public let answers: [Answer]
  /// The most probable digit.
  public let best: Answer

  /// - Parameters:
  ///   - picture: The prepared picture.
  ///   - probabilities: By digit, as the model's file names its classes.
  /// - Throws: `PadError.result` when they are not probabilities of the digits 0 to 9.
  public init(picture: [UInt8], probabilities: [Int64: Double]) throws {
    guard probabilities.count == 10 else {
      throw PadError.result("\(probabilities.count) classes, but a digit has 10")
    }
    answers = try (0..<10).map { digit in
      guard let value = probabilities[Int64(digit)] else {
        throw PadError.result("classes \(probabilities.keys.sorted()), and not the digits 0 to 9")
      }
      guard -0.001...1.001 ~= value else {
        throw PadError.result("\(value) for the digit \(digit), and no probability")
      }
      return Answer(digit: digit, probability: min(max(value, 0), 1))
    }
    let sum = answers.reduce(0) { $0 + $1.probability }
    // Half precision leaves some thousandths.
    guard 0.98...1.02 ~= sum, let best = answers.max(by: { $0.probability < $1.probability }) else {
      throw PadError.result("probabilities with the sum \(sum), and not 1")
    }
    self.best = best
    self.picture = picture
  }

  /// The digits from the most to the least probable; equal ones in their order.
  public var ranked: [Answer] {
    answers.sorted { ($1.probability, $0.digit) < ($0.probability, $1.digit) }
  }

  /// The sentence that VoiceOver speaks: the best digit, and the second if it has at least 5 %.
  public var sentence: String {
    let second = ranked[1]
    let first = "\(best.digit), \(best.spokenPercent)."
    return second.probability < 0.05 ? first : "\(first) Or \(second.digit), \(second.spokenPercent)."
  }
}
