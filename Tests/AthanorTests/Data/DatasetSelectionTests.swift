import Athanor
import Testing

@Suite("Parts of data sets")
struct DatasetSelectionTests {
  private func data(_ classes: [Int32], names: [String]? = nil) throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [classes.count, 2], classes.indices.flatMap { [Float($0), Float($0) / 2] }),
      targets: Tensor(shape: [classes.count], integers: classes), sampleWeights: classes.indices.map { Float($0) },
      classNames: names)
  }

  @Test func examplesKeepTheirTargetsAndWeights() throws {
    let part = try data([0, 1, 2, 1], names: ["a", "b", "c"]).examples(at: [3, 1, 1])
    #expect(part.inputs.floats == [3, 1.5, 1, 0.5, 1, 0.5])
    #expect(part.targets.floats == [1, 1, 1] && part.sampleWeights == [3, 1, 1])
    #expect(part.classNames == ["a", "b", "c"])
    #expect(part.classCounts == [0, 3, 0])
    let error = #expect(throws: AthanorError.self) { try data([0, 1]).examples(at: [0, 2]) }
    #expect(error?.description == "Dataset: example 2 was asked for but there are 2. Give places from 0 to 1.")
  }

  @Test func rangesAreClamped() throws {
    let data = try data([0, 1, 2])
    #expect(data.slice(1..<9).targets.floats == [1, 2])
    #expect(data.slice(-4 ..< -1).count == 0 && data.prefix(-1).count == 0 && data.prefix(2).count == 2)
  }

  @Test func ordersFollowFromTheSeed() throws {
    let data = try data((0..<50).map { Int32($0) })
    let shuffled = try data.shuffled(seed: 1)
    #expect(shuffled.targets.floats != data.targets.floats)
    #expect(shuffled.targets.floats.sorted() == data.targets.floats)
    #expect(try data.shuffled(seed: 1) == shuffled)
    #expect(try data.shuffled(seed: 2) != shuffled)
    #expect(
      shuffled.inputs.floats.enumerated().allSatisfy {
        $0.offset % 2 == 1 || $0.element == shuffled.targets.floats[$0.offset / 2]
      })
  }

  @Test func eachClassHasItsShare() throws {
    // 60 of class 0, 30 of class 1, 9 of class 2, 1 of class 3, sorted.
    let classes = [60, 30, 9, 1].enumerated().flatMap { [Int32](repeating: Int32($0.offset), count: $0.element) }
    let split = try ExampleSplit(classes: classes, validation: 0.2, test: 0.1, seed: 7)
    func counts(_ places: [Int]) -> [Int] { (0..<4).map { number in places.count { classes[$0] == number } } }
    #expect(counts(split.validation) == [12, 6, 2, 0])
    #expect(counts(split.test) == [6, 3, 1, 0])
    #expect(counts(split.train) == [42, 21, 6, 1])
    #expect((split.train + split.validation + split.test).sorted() == Array(0..<100))
    #expect(try ExampleSplit(classes: classes, validation: 0.2, test: 0.1, seed: 7) == split)
    #expect(try ExampleSplit(classes: classes, validation: 0.2, test: 0.1, seed: 8) != split)

    let (rest, part) = try data(classes).split(0.25, seed: 1)
    #expect(part.classCounts == [15, 8, 2] && rest.classCounts == [45, 22, 7, 1])
    let (_, random) = try data(classes).split(0.25, stratified: false, seed: 1)
    #expect(random.count == 25)
  }

  @Test("Many classes of few examples: the parts as a whole have their share")
  func manySmallClasses() throws {
    let classes = (0..<300).map { Int32($0 / 3) }
    let split = try ExampleSplit(classes: classes, validation: 0.1, seed: 3)
    #expect(split.validation.count == 30 && Set(split.train.map { classes[$0] }).count == 100)
  }

  @Test func impossibleSplitsAreRefused() throws {
    func problem(_ classes: [Int32], _ validation: Double, _ test: Double = 0) throws -> String? {
      let error = #expect(throws: AthanorError.self) {
        try ExampleSplit(classes: classes, validation: validation, test: test)
      }
      return error?.description
    }
    #expect(
      try problem([0, 1], 0.6, 0.4)
        == "split: the share for validation is 0.6 and that for testing 0.4. Give shares of at least 0 that are below 1 together."
    )
    #expect(try problem([0, 1], -0.1)?.hasPrefix("split: the share for validation is -0.1") == true)
    #expect(
      try problem([0, 1, 2], 0.5)
        == "split: 0.5 of 3 examples in 3 classes leaves none for validation. Give more examples of each class, or a larger share."
    )
    #expect(try problem([], 0.5)?.hasPrefix("split: 0.5 of 0 examples") == true)
  }

  @Test func dataSetsFollowEachOther() throws {
    let both = try data([0, 1]).concatenated(with: data([1]))
    #expect(both.count == 3 && both.targets.floats == [0, 1, 1] && both.inputs.shape == [3, 2])
    #expect(both.sampleWeights == [0, 1, 0])
    let named = #expect(throws: AthanorError.self) {
      try data([0], names: ["a"]).concatenated(with: data([0], names: ["b"]))
    }
    #expect(
      named?.description
        == "Dataset: the classes are a in the one and b in the other data set. Concatenate data sets of the same kind.")
    let other = try Dataset(inputs: Tensor(shape: [1, 3], [1, 2, 3]), targets: Tensor(shape: [1], integers: [0]))
    let shapes = #expect(throws: AthanorError.self) { try other.concatenated(with: data([0])) }
    #expect(shapes?.problem.hasPrefix("the arrays are input float32(3,), target int32()") == true)
  }

  @Test func examplesAreFilteredAndMapped() throws {
    let data = try data([0, 1, 2, 1])
    #expect(try data.filter { $0.target.floats == [1] }.inputs.floats == [1, 0.5, 3, 1.5])
    let mapped = try data.map { example in
      var example = example
      example.inputs[""] = try Tensor(shape: [1, 1], [example.input.floats[0] + 10])
      return example
    }
    #expect(mapped.inputs.shape == [4, 1, 1] && mapped.inputs.floats == [10, 11, 12, 13])
    #expect(mapped.targets == data.targets && mapped.sampleWeights == data.sampleWeights)
    let error = #expect(throws: AthanorError.self) {
      try data.map { example in
        var example = example
        if example.target.floats == [2] { example.inputs[""] = try Tensor(shape: [1], [0]) }
        return example
      }
    }
    #expect(
      error?.description
        == "map: example 2 has float32(1,) and example 0 float32(2,). Return arrays of the same names, shapes and element types for all examples."
    )
  }

  @Test func balancedWeightsLetClassesCountAlike() throws {
    // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 2], y=[0, 0, 0, 2])
    #expect(try data([0, 0, 0, 2]).balancedClassWeights() == [0: 4 / 6, 2: 2])
    let numbers = try Dataset(inputs: Tensor(shape: [1, 1], [1]), targets: Tensor(shape: [1, 1], [1]))
    #expect(throws: AthanorError.self) { try numbers.balancedClassWeights() }
  }

  @Test func fitWarnsOfUnlikeData() throws {
    let model = try Sequential(input: [2]) { Dense(3, activation: .softmax) }
    try model.compile(loss: .categoricalCrossentropy)
    var lines: [String] = []
    model.write = { lines.append($0) }
    try model.fit(data([0, 1, 0, 1], names: ["a", "b", "c"]), validation: data([2, 1]), verbose: .line)
    #expect(
      lines.joined().contains(
        "Warning: the validation data are not like the training data; no example to learn from has the class c."))
    lines = []
    try model.fit(data([0, 0, 1, 2]), shuffle: false, verbose: .line)
    #expect(lines.joined().contains("Warning: the data set is sorted by class and shuffle is false"))
    lines = []
    try model.fit(data([0, 1, 2, 0, 1]), validation: data([2, 1, 0]), shuffle: false, verbose: .line)
    #expect(!lines.joined().contains("Warning"))
  }
}
