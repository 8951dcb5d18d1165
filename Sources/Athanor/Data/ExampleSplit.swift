/// Which examples are for training, for validation and for testing.
///
/// - Example:
///   ```swift
///   let split = try ExampleSplit(classes: classes, validation: 0.2, test: 0.1, seed: 1)
///   let train = try data.examples(at: split.train)
///   ```
public struct ExampleSplit: Hashable, Sendable {
  /// What examples are for.
  public enum Part: String, Hashable, Sendable, CaseIterable {
    /// To learn from.
    case train
    /// To choose the best checkpoint by.
    case validation
    /// To measure what was chosen.
    case test

    /// The names of folders that hold such examples.
    package var folderNames: [String] {
      switch self {
      case .train: ["train", "training"]
      case .validation: ["val", "valid", "validation"]
      case .test: ["test", "testing"]
      }
    }
  }

  /// The places of the examples of a part, ascending.
  public subscript(part: Part) -> [Int] {
    switch part {
    case .train: train
    case .validation: validation
    case .test: test
    }
  }

  /// The places of the examples to train with, ascending.
  public var train: [Int]
  /// The places of the examples by which checkpoints are chosen, ascending.
  public var validation: [Int]
  /// The places of the examples that nothing is chosen by, ascending.
  public var test: [Int]

  /// Names the examples of each part.
  public init(train: [Int], validation: [Int] = [], test: [Int] = []) {
    self.train = train
    self.validation = validation
    self.test = test
  }

  /// Draws a split in which each class has its share of each part (stratified).
  ///
  /// Of each class's n examples, `n * validation` and `n * test` are drawn, rounded so that the parts as a whole have their share too. One
  /// example of each class at least is kept for training. Equal arguments give equal splits.
  ///
  /// - Parameters:
  ///   - classes: The class number of each example `[N]`; all equal for a split that is only random.
  ///   - validation: The share of the examples to validate on, at least 0.
  ///   - test: The share of the examples to test with, at least 0; both shares together are below 1.
  ///   - seed: The seed of the draw.
  /// - Throws: `AthanorError` when a share is out of range, or a part that was asked for would be empty.
  public init(classes: [Int32], validation: Double, test: Double = 0, seed: UInt64 = 0) throws {
    guard validation >= 0, test >= 0, validation + test < 1 else {
      throw AthanorError(
        .argument, at: "split", "the share for validation is \(validation) and that for testing \(test)",
        fix: "Give shares of at least 0 that are below 1 together.")
    }
    var places: [Int32: [Int]] = [:]
    for (place, number) in classes.enumerated() { places[number, default: []].append(place) }
    var random = RandomStream(seed: seed, stream: 4 << 32)
    self.init(train: [])
    // What rounding leaves of one class is taken from the next ones.
    var owed = (validation: 0.0, test: 0.0)
    for (_, members) in places.sorted(by: { $0.key < $1.key }) {
      let drawn = random.permutation(members.count).map { members[$0] }
      func take(_ share: Double, _ owed: inout Double, atMost limit: Int) -> Int {
        owed += Double(drawn.count) * share
        let count = min(max(Int(owed.rounded()), 0), limit)
        owed -= Double(count)
        return count
      }
      let validationCount = take(validation, &owed.validation, atMost: drawn.count - 1)
      let testCount = take(test, &owed.test, atMost: drawn.count - 1 - validationCount)
      self.validation += drawn[..<validationCount]
      self.test += drawn[validationCount..<validationCount + testCount]
      train += drawn[(validationCount + testCount)...]
    }
    train.sort()
    self.validation.sort()
    self.test.sort()
    for (name, share, part) in [("validation", validation, self.validation), ("testing", test, self.test)]
    where share > 0 && part.isEmpty {
      throw AthanorError(
        .data, at: "split",
        "\(share) of \(classes.count) example\(classes.count == 1 ? "" : "s") in \(places.count) "
          + "class\(places.count == 1 ? "" : "es") leaves none for \(name)",
        fix: "Give more examples of each class, or a larger share.")
    }
  }
}
