/// How well scores tell what is positive from what is not, at every threshold: counts above each distinct score, the greatest first.
///
/// Areas are those of scikit-learn's `roc_auc_score` and `average_precision_score`.
package struct ThresholdCurve: Hashable, Sendable {
  /// By threshold, the positives whose score is at least as great.
  package let truePositives: [Int]
  /// The same of what is not positive.
  package let falsePositives: [Int]

  /// Counts scores, of which none is NaN.
  package init(scores: [Float], isPositive: [Bool]) {
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var (truePositives, falsePositives): ([Int], [Int]) = ([], [])
    var (positives, others) = (0, 0)
    for (place, index) in order.enumerated() {
      if isPositive[index] { positives += 1 } else { others += 1 }
      if place + 1 < order.count, scores[order[place + 1]] == scores[index] { continue }
      truePositives.append(positives)
      falsePositives.append(others)
    }
    (self.truePositives, self.falsePositives) = (truePositives, falsePositives)
  }

  /// A point of a curve, from 0 to 1 both ways.
  package struct Point: Hashable, Sendable {
    package let x: Double
    package let y: Double
  }

  package var positives: Int { truePositives.last ?? 0 }
  package var negatives: Int { falsePositives.last ?? 0 }

  /// The receiver operating characteristic from (0, 0) to (1, 1): the share of negatives that are taken for positive, and of positives that are
  /// found. Empty without positives or negatives.
  package var characteristic: [Point] {
    guard positives > 0, negatives > 0 else { return [] }
    return [Point(x: 0, y: 0)]
      + zip(falsePositives, truePositives).map {
        Point(x: Double($0) / Double(negatives), y: Double($1) / Double(positives))
      }
  }

  /// The area under the characteristic: how often a positive has the greater score of a pair, a tie counting half. nil without positives or
  /// negatives.
  package var area: Double? {
    let points = characteristic
    guard !points.isEmpty else { return nil }
    return zip(points, points.dropFirst()).reduce(0) { $0 + ($1.1.x - $1.0.x) * ($1.1.y + $1.0.y) / 2 }
  }

  /// Recall and precision at each threshold, recall increasing. Empty without positives.
  package var precisionRecall: [Point] {
    guard positives > 0 else { return [] }
    return zip(truePositives, falsePositives).map {
      Point(x: Double($0) / Double(positives), y: Double($0) / Double($0 + $1))
    }
  }

  /// Average precision, Σ (Rₙ − Rₙ₋₁) Pₙ: the area under the steps. nil without positives.
  package var averagePrecision: Double? {
    let points = precisionRecall
    guard !points.isEmpty else { return nil }
    return zip(points, [Point(x: 0, y: 1)] + points).reduce(0) { $0 + ($1.0.x - $1.1.x) * $1.0.y }
  }

  /// One curve for each class against all others; of one probability for each example, the curve of the second of two classes alone.
  ///
  /// - Parameters:
  ///   - probabilities: `[N, C]`, or `[N]` or `[N, 1]` for the second of two classes.
  ///   - targets: The class number of each example.
  ///   - place: Where an error says that it was found.
  /// - Returns: The classes' numbers with their curves.
  /// - Throws: `AthanorError` when counts or numbers do not fit.
  package static func perClass(
    _ probabilities: Tensor, targets: [Int], at place: String
  ) throws -> [(classNumber: Int, curve: ThresholdCurve)] {
    let shape = probabilities.shape
    let width = shape.count == 2 ? shape[1] : 1
    guard [1, 2].contains(shape.count), width > 0, shape[0] == targets.count else {
      throw AthanorError(
        .shape, at: place,
        "the probabilities have shape \(Shape.text(shape)) but there are \(targets.count) targets",
        fix: "Give probabilities [N, C] and the class number of each of the N examples.")
    }
    let classes = max(width, 2)
    if let example = targets.firstIndex(where: { !(0..<classes).contains($0) }) {
      throw AthanorError(
        .data, at: place, "example \(example) is of class \(targets[example]), but there are \(classes) classes",
        fix: "Classes are numbered from 0.")
    }
    let values = probabilities.floats
    if let wrong = values.firstIndex(where: \.isNaN) {
      throw AthanorError(
        .numeric, at: place, "the probability of example \(wrong / width) is not a number",
        fix: "Check the model's weights and inputs.")
    }
    return (0..<width).map { column in
      let number = width == 1 ? 1 : column
      let scores = targets.indices.map { values[$0 * width + column] }
      return (number, ThresholdCurve(scores: scores, isPositive: targets.map { $0 == number }))
    }
  }
}
