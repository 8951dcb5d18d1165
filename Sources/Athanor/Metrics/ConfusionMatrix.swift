/// How often examples of each class were taken for each class.
///
/// - Example:
///   ```swift
///   let matrix = try ConfusionMatrix(targets: [0, 1, 1], predictions: [0, 1, 0], classCount: 2)
///   print(matrix.counts)  // [[1, 0], [1, 1]]
///   ```
public struct ConfusionMatrix: Hashable, Sendable {
  /// `counts[true class][predicted class]`
  public let counts: [[Int]]

  /// Counts pairs of class numbers.
  ///
  /// - Throws: `AthanorError` when the arrays differ in length or a number is not in `0 ..< classCount`.
  public init(targets: [Int], predictions: [Int], classCount: Int) throws {
    guard targets.count == predictions.count, classCount > 0 else {
      throw AthanorError(
        .data, at: "ConfusionMatrix",
        "\(targets.count) targets and \(predictions.count) predictions of \(classCount) classes",
        fix: "Give one prediction for each target and at least one class.")
    }
    var counts = [[Int]](repeating: [Int](repeating: 0, count: classCount), count: classCount)
    for (place, (target, prediction)) in zip(targets, predictions).enumerated() {
      guard (0..<classCount).contains(target), (0..<classCount).contains(prediction) else {
        throw AthanorError(
          .data, at: "ConfusionMatrix",
          "example \(place) is of class \(target) and was taken for \(prediction), but there are \(classCount) classes")
      }
      counts[target][prediction] += 1
    }
    self.counts = counts
  }

  /// The share of examples on the diagonal; 0 when there are none.
  public var accuracy: Double {
    let total = counts.joined().reduce(0, +)
    return total == 0 ? 0 : Double(counts.indices.reduce(0) { $0 + counts[$1][$1] }) / Double(total)
  }
}
