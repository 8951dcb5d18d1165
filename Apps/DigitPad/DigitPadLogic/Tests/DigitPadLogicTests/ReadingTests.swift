import DigitPadLogic
import Foundation
import Testing

/// What is made of a model's numbers.
struct ReadingTests {
  private func reading(_ values: [Double]) throws -> Reading {
    try Reading(picture: [], probabilities: Dictionary(uniqueKeysWithValues: zip(Int64(0)..., values)))
  }

  @Test func digitsAreRanked() throws {
    let reading = try reading([0, 0.03, 0, 0, 0.7, 0, 0, 0.07, 0, 0.2])
    #expect(reading.best.digit == 4 && reading.best.probability == 0.7)
    #expect(reading.ranked.map(\.digit) == [4, 9, 7, 1, 0, 2, 3, 5, 6, 8])
    #expect(reading.answers.map(\.digit) == Array(0..<10))
    #expect(reading.sentence == "4, 70 percent. Or 9, 20 percent.")
  }

  @Test func equalDigitsStayInOrder() throws {
    let reading = try reading([Double](repeating: 0.1, count: 10))
    #expect(reading.ranked.map(\.digit) == Array(0..<10) && reading.best == reading.ranked[0])
  }

  @Test func aClearAnswerIsSpokenAlone() throws {
    #expect(try reading([0.996, 0.004, 0, 0, 0, 0, 0, 0, 0, 0]).sentence == "0, more than 99 percent.")
    #expect(try reading([0.04, 0.96, 0, 0, 0, 0, 0, 0, 0, 0]).sentence == "1, 96 percent.")
  }

  @Test(
    "Percent",
    arguments: [
      (0, "0%", "0 percent"), (0.001, "<1%", "less than 1 percent"), (0.006, "1%", "1 percent"),
      (0.254, "25%", "25 percent"), (0.994, "99%", "99 percent"), (0.9999, ">99%", "more than 99 percent"),
      (1, "100%", "100 percent"),
    ]) func percent(_ value: Double, _ shown: String, _ spoken: String) throws
  {
    let answer = try reading([value, 1 - value, 0, 0, 0, 0, 0, 0, 0, 0]).answers[0]
    #expect(answer.percent == shown && answer.spokenPercent == spoken)
  }

  /// A Core ML model of 16 bits is some thousandths off.
  @Test func halfPrecisionIsProbable() throws {
    #expect(try reading([1.0005, -0.0005, 0, 0, 0, 0, 0, 0, 0, 0]).answers.map(\.percent).prefix(2) == ["100%", "0%"])
  }

  @Test(
    "Other results are errors",
    arguments: [
      ([0: 0.5, 1: 0.5], "2 classes, but a digit has 10"),
      (
        Dictionary(uniqueKeysWithValues: (1...10).map { ($0, 0.1) }),
        "classes [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], and not the digits 0 to 9"
      ),
      (Dictionary(uniqueKeysWithValues: (0...9).map { ($0, 2.5) }), "2.5 for the digit 0, and no probability"),
      (Dictionary(uniqueKeysWithValues: (0...9).map { ($0, .nan) }), "nan for the digit 0, and no probability"),
      (
        Dictionary(uniqueKeysWithValues: (0...9).map { ($0, $0 < 2 ? 0.25 : 0) }),
        "probabilities with the sum 0.5, and not 1"
      ),
    ] as [([Int64: Double], String)]) func errors(_ probabilities: [Int64: Double], _ problem: String)
  {
    let error = #expect(throws: PadError.self) { try Reading(picture: [], probabilities: probabilities) }
    #expect(error == .result(problem))
    #expect(error?.localizedDescription == "The model gave \(problem). Renew it with \"make app-model\".")
  }

  @Test func errorsSayHowToMendThem() {
    #expect(
      PadError.modelMissing.localizedDescription
        == "The app has no model Digits.mlmodelc. Add Digits.mlpackage to its target and build it again.")
    #expect(
      PadError.model("it has no input").localizedDescription
        == "The model Digits does not read digits: it has no input. Renew it with \"make app-model\".")
    #expect(PadError.picture.localizedDescription == "There is not enough memory for a picture of 28 x 28 pixels.")
  }
}
