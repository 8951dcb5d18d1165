extension Dataset {
  /// The examples at some places, in their order; a place may come several times.
  ///
  /// - Throws: `AthanorError` when a place is not in 0 ..< count.
  /// - Example:
  ///   ```swift
  ///   let wrong = try test.examples(at: [3, 17, 40])
  ///   ```
  public func examples(at places: [Int]) throws -> Dataset {
    if let place = places.first(where: { !(0..<count).contains($0) }) {
      throw AthanorError(
        .argument, at: "Dataset", "example \(place) was asked for but there are \(count)",
        fix: "Give places from 0 to \(count - 1).")
    }
    return try mapTensors(count: places.count) { try $0.rows(places) }
  }

  /// The examples in a range; what lies beyond the data set is left out.
  public func slice(_ range: Range<Int>) -> Dataset {
    let range = range.clamped(to: 0..<count)
    return mapTensors(count: range.count) { $0.slice(range) }
  }

  /// The first `count` examples, or all when there are fewer.
  public func prefix(_ count: Int) -> Dataset { slice(0..<Swift.max(count, 0)) }

  /// The examples in an order that follows from the seed.
  ///
  /// - Throws: never, for the places are those of the data set.
  public func shuffled(seed: UInt64 = 0) throws -> Dataset {
    var random = RandomStream(seed: seed, stream: 5 << 32)
    return try examples(at: random.permutation(count))
  }

  /// Draws two parts, each with its share of every class where the targets are class numbers `[N]`.
  ///
  /// - Parameters:
  ///   - share: The share of the second part, above 0 and below 1.
  ///   - stratified: Whether each class is split by itself; targets that are no class numbers are drawn without regard to them.
  ///   - seed: The seed of the draw.
  /// - Returns: The rest, with at least one example of each class, and the share; both in the order of the data set.
  /// - Throws: `AthanorError` when the share is out of range or too small for one example.
  /// - Example:
  ///   ```swift
  ///   let (train, validation) = try data.split(0.2, seed: 1)
  ///   ```
  public func split(_ share: Double, stratified: Bool = true, seed: UInt64 = 0) throws -> (rest: Dataset, part: Dataset)
  {
    let classes = (stratified ? classNumbers : nil) ?? [Int32](repeating: 0, count: count)
    let split = try ExampleSplit(classes: classes, validation: share, seed: seed)
    return (try examples(at: split.train), try examples(at: split.validation))
  }

  /// This data set followed by another one with the same arrays.
  ///
  /// - Throws: `AthanorError` when names, element types, shapes, scales, class names or preparations differ.
  public func concatenated(with other: Dataset) throws -> Dataset {
    func refuse(_ what: String, _ own: Any, _ others: Any) -> AthanorError {
      AthanorError(
        .data, at: "Dataset", "\(what) are \(own) in the one and \(others) in the other data set",
        fix: "Concatenate data sets of the same kind.")
    }
    func nameless(_ ports: DataPorts) -> String {
      ports.all.map { "\($0.part) \($0.port.dtype.rawValue)\(Shape.text($0.port.exampleLengths.map(\.fixed)))" }
        .joined(separator: ", ")
    }
    guard ports == other.ports else { throw refuse("the arrays", nameless(ports), nameless(other.ports)) }
    guard givenScale == other.givenScale else { throw refuse("the scales", inputScale, other.inputScale) }
    guard classNames == other.classNames else {
      throw refuse("the classes", ClassNames.list(classNames ?? []), ClassNames.list(other.classNames ?? []))
    }
    guard picturePreparation == other.picturePreparation else {
      func name(_ data: Dataset) -> String { data.picturePreparation?.rawValue ?? "not prepared" }
      throw refuse("the pictures", name(self), name(other))
    }
    func joined(_ own: [String: Tensor], _ others: [String: Tensor]) throws -> [String: Tensor] {
      try own.merging(others) { try Tensor(joiningRowsOf: [$0, $1]) }
    }
    return try replacing(
      inputs: joined(inputsByName, other.inputsByName), targets: joined(targetsByName, other.targetsByName),
      weights: joined(weightsByName, other.weightsByName), masks: joined(masksByName, other.masksByName),
      count: count + other.count)
  }

  /// One example of a data set, without the axis of examples.
  public struct Example: Hashable, Sendable {
    /// The inputs by name; a single one may have the name "".
    public var inputs: [String: Tensor]
    /// The targets by name; a single one may have the name "".
    public var targets: [String: Tensor]

    /// The input; of several the first by name.
    public var input: Tensor { Dataset.first(inputs) }
    /// The target; of several the first by name.
    public var target: Tensor { Dataset.first(targets) }
  }

  /// An example.
  ///
  /// - Throws: `AthanorError` when the place is not in 0 ..< count.
  public func example(_ place: Int) throws -> Example {
    let row = try examples(at: [place])
    func single(_ tensors: [String: Tensor]) -> [String: Tensor] { tensors.mapValues(\.withoutFirstAxis) }
    return Example(inputs: single(row.inputsByName), targets: single(row.targetsByName))
  }

  /// The examples that fulfil a condition.
  ///
  /// - Example:
  ///   ```swift
  ///   let evenDigits = try train.filter { Int($0.target.floats[0]) % 2 == 0 }
  ///   ```
  public func filter(_ isIncluded: (Example) throws -> Bool) throws -> Dataset {
    try examples(at: (0..<count).filter { try isIncluded(example($0)) })
  }

  /// Changes each example; shapes and element types may become others, but the same ones for all.
  ///
  /// - Throws: `AthanorError` when the results differ in names, shapes or element types; what `transform` throws.
  /// - Example:
  ///   ```swift
  ///   let inverted = try train.map { example in
  ///     var example = example
  ///     example.inputs[""] = try Tensor(shape: [28, 28, 1], example.input.floats.map { 255 - $0 })
  ///     return example
  ///   }
  ///   ```
  public func map(_ transform: (Example) throws -> Example) throws -> Dataset {
    let examples = try (0..<count).map { try transform(example($0)) }
    func stacked(_ part: KeyPath<Example, [String: Tensor]>, _ own: [String: Tensor]) throws -> [String: Tensor] {
      guard let first = examples.first?[keyPath: part] else { return own }
      func kinds(_ tensors: [String: Tensor]) -> [String] {
        tensors.sorted { $0.key < $1.key }.map {
          "\($0.key)\($0.key.isEmpty ? "" : " ")\($0.value.dtype.rawValue)\(Shape.text($0.value.shape))"
        }
      }
      for (number, example) in examples.enumerated() where kinds(example[keyPath: part]) != kinds(first) {
        throw AthanorError(
          .data, at: "map",
          "example \(number) has \(kinds(example[keyPath: part]).joined(separator: ", ")) and example 0 "
            + kinds(first).joined(separator: ", "),
          fix: "Return arrays of the same names, shapes and element types for all examples.")
      }
      return try Dictionary(
        uniqueKeysWithValues: first.keys.map { name in
          (name, try Tensor(joiningRowsOf: examples.compactMap { $0[keyPath: part][name]?.withFirstAxis }))
        })
    }
    return try replacing(
      inputs: stacked(\.inputs, inputsByName), targets: stacked(\.targets, targetsByName), weights: weightsByName,
      masks: masksByName, count: count)
  }

  /// The class number of each example; nil where the targets are no class numbers `[N]`.
  package var classNumbers: [Int32]? {
    guard targetsByName.count == 1, case .int32(let classes) = targets.storage, targets.shape.count == 1 else {
      return nil
    }
    return classes
  }

  /// How many examples each class has, by class number; nil where the targets are no class numbers `[N]` of at most a million classes.
  public var classCounts: [Int]? {
    guard let classNumbers, classNumbers.allSatisfy({ $0 >= 0 && $0 < 1_000_000 }) else { return nil }
    var counts = [Int](repeating: 0, count: max(classNames?.count ?? 0, Int(classNumbers.max() ?? -1) + 1))
    for number in classNumbers { counts[Int(number)] += 1 }
    return counts
  }

  /// Weights under which all classes count alike in the loss: `N / (C * n)` for a class of n of all N examples, with C classes that have
  /// examples. For `fit(classWeights:)`. Source: `sklearn.utils.class_weight.compute_class_weight("balanced")`.
  ///
  /// - Throws: `AthanorError` when the targets are no class numbers.
  public func balancedClassWeights() throws -> [Int: Float] {
    guard let classCounts else {
      throw AthanorError(
        .data, at: "Dataset",
        "the targets are \(targets.dtype.rawValue)\(targets.shape) but class numbers int32[N] are needed",
        fix: "Give class numbers as targets.")
    }
    return Dataset.balancedClassWeights(classCounts)
  }

  /// The same from the number of examples of each class.
  package static func balancedClassWeights(_ counts: [Int]) -> [Int: Float] {
    let (total, present) = (counts.reduce(0, +), counts.count { $0 > 0 })
    return Dictionary(
      uniqueKeysWithValues: counts.enumerated().filter { $0.element > 0 }.map {
        ($0.offset, Float(total) / Float(present * $0.element))
      })
  }
}

extension Tensor {
  fileprivate var withoutFirstAxis: Tensor { Tensor(uncheckedShape: Array(shape.dropFirst()), storage) }
  fileprivate var withFirstAxis: Tensor { Tensor(uncheckedShape: [1] + shape, storage) }
}
