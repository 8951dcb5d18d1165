import Athanor
import Testing

@Suite("Open lengths")
struct OpenLengthTests {
  /// The mean over time: `[N, T, C] -> [N, C]`.
  private struct TimeAverage: Layer {
    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.mean(axes: [1]) }
  }

  /// Two sequences of steps, one after the other, and what is told of each step.
  private func model(_ first: Int?, _ second: Int?) throws -> Model {
    let a = Input(lengths: [first.map(Length.fixed) ?? .open("a"), 8], name: "a")
    let b = Input(lengths: [second.map(Length.fixed) ?? .open("b"), 8], name: "b")
    let x = Concatenate(axis: 1)(Dense(16, activation: .tanh)(a), Dense(16, activation: .relu)(b))
    let steps = Dense(5, activation: .softmax, name: "steps")(x)
    return try Model(inputs: [a, b], outputs: [steps, Dense(3, name: "whole")(TimeAverage()(x))], seed: 4, threads: 1)
  }

  private func inputs(_ first: Int, _ second: Int, examples: Int = 3) throws -> [String: Tensor] {
    try [
      "a": noise([examples, first, 8], seed: UInt64(first)),
      "b": noise([examples, second, 8], seed: UInt64(second + 1)),
    ]
  }

  @Test("Lengths 1 to 300 in random order: the bits of fixed lengths, and the memory of the longest")
  func time() throws {
    let open = try model(nil, nil)
    #expect(open.outputs.map(\.description) == ["steps: float32(None, None, 5)", "whole: float32(None, 3)"])
    var random = RandomStream(seed: 1, stream: 1)
    let lengths = random.permutation(300).map { $0 + 1 }
    for (index, length) in lengths.enumerated() {
      let other = 1 + (length * 7) % 300
      let results = try open.predict(inputs(length, other))
      #expect(results["steps"]?.shape == [3, length + other, 5])
      guard index % 5 == 0 || length == 300 else { continue }
      let fixed = try model(length, other)
      fixed.copyWeights(from: open)
      #expect(try fixed.predict(inputs(length, other)) == results, "\(length) and \(other)")
    }
    let longest = try model(nil, nil)
    let total = lengths.map { $0 + 1 + ($0 * 7) % 300 }.max() ?? 0
    let (first, second) = try #require(
      lengths.map { ($0, 1 + ($0 * 7) % 300) }.first { $0.0 + $0.1 == total })
    _ = try longest.predict(inputs(first, second))
    #expect(longest.workspaceByteCount > 0)
    #expect(Double(open.workspaceByteCount) <= 1.2 * Double(longest.workspaceByteCount))
  }

  private func pictureModel(_ height: Int?, _ width: Int?) throws -> Model {
    let picture = Input([height, width, 3], name: "picture")
    var x = Conv2D(8, kernelSize: 3, padding: .same, activation: .relu)(picture)
    x = BatchNormalization()(MaxPooling2D(2)(x))
    x = AveragePooling2D(2, padding: .same)(Conv2D(6, kernelSize: 2)(x))
    x = Concatenate()(GlobalAveragePooling2D()(x), GlobalMaxPooling2D()(x))
    return try Model(inputs: [picture], outputs: [Dense(4, activation: .softmax, name: "kind")(x)], seed: 5)
  }

  @Test("Pictures of any size: the bits of fixed sizes, and the memory of the largest")
  func pictures() throws {
    let open = try pictureModel(nil, nil)
    var random = RandomStream(seed: 2, stream: 1)
    let sizes = random.permutation(60).map { (4 + $0 % 30, 4 + $0 * 11 % 37) } + [(40, 40)]
    for (height, width) in sizes {
      let input = try noise([2, height, width, 3], seed: UInt64(height * 100 + width))
      let fixed = try pictureModel(height, width)
      fixed.copyWeights(from: open)
      #expect(try open.predict(input) == fixed.predict(input), "\(height) x \(width)")
    }
    let largest = try pictureModel(nil, nil)
    _ = try largest.predict(noise([2, 40, 40, 3]))
    #expect(Double(open.workspaceByteCount) <= 1.2 * Double(largest.workspaceByteCount))
    expectError(
      "conv2d_1 (layer 4, Conv2D): a kernel of 2x2 does not fit into a picture of 1x1. Use a smaller one, padding \"same\", or fewer pooling layers before it."
    ) { try open.predict(noise([1, 2, 2, 3])) }
  }

  @Test("Open lengths of one name must be equal")
  func unequal() throws {
    let (a, b) = (Input([nil, 2], name: "a"), Input([nil, 2], name: "b"))
    let model = try Model(inputs: [a, b], outputs: [a + b])
    #expect(try model.predict(["a": noise([1, 4, 2]), "b": noise([1, 4, 2])])["add"]?.shape == [1, 4, 2])
    expectError(
      "predict: open length \"length_1\" is 4 in input \"a\" but 5 in \"b\". Make them equal, or give the inputs open lengths of different names: Input(lengths: [.open(\"...\")])."
    ) { try model.predict(["a": noise([1, 4, 2]), "b": noise([1, 5, 2])]) }
    expectError(
      "predict: open length \"batch\" is 2 in input \"a\" but 3 in \"b\". Give the same number of examples for each input."
    ) { try model.predict(["a": noise([2, 4, 2]), "b": noise([3, 4, 2])]) }
    expectError(
      "predict: input \"b\" has shape (1, 4, 3) but the model needs (examples, None, 2). Resize the data, or define the model with input: [4, 3]."
    ) { try model.predict(["a": noise([1, 4, 2]), "b": noise([1, 4, 3])]) }
  }

  @Test("Lengths of different names that a layer needs to be equal")
  func needlesslyOpen() throws {
    let a = Input(lengths: [.open("first"), 2], name: "a")
    let b = Input(lengths: [.open("second"), 2], name: "b")
    let model = try Model(inputs: [a, b], outputs: [a + b])
    #expect(try model.predict(["a": noise([1, 4, 2]), "b": noise([1, 4, 2])])["add"]?.shape == [1, 4, 2])
    expectError(
      "add (layer 1, Add): add was given shapes (1, 4, 2) and (1, 5, 2), which do not broadcast. Axes are compared from the last; each pair must be equal or one of them 1, and at most 6 axes are possible."
    ) { try model.predict(["a": noise([1, 4, 2]), "b": noise([1, 5, 2])]) }
    let joined = try Model(inputs: [a, b], outputs: [Concatenate()(a, b)])
    expectError(
      "concatenate (layer 1, Concatenate): shapes [(1, 4, 2), (1, 5, 2)] cannot be joined along axis 2. All other axes must be of the same length."
    ) { try joined.predict(["a": noise([1, 4, 2]), "b": noise([1, 5, 2])]) }
  }

  @Test("A dense layer refuses an open number of features")
  func flattened() {
    expectError(
      "dense (layer 2, Dense): the last axis of input (None, None) is open, but a kernel needs a fixed number of features. Reduce the open axis first, for example by GlobalAveragePooling2D."
    ) {
      try Sequential {
        Input([nil, 8])
        Flatten()
        Dense(2)
      }
    }
  }

  @Test("Training and evaluation on batches of different lengths are those of fixed lengths")
  func training() throws {
    let open = try model(nil, nil)
    func compile(_ model: Model) throws {
      try model.compile(
        optimizer: .sgd(learningRate: 0.1),
        losses: ["steps": .sparseCategoricalCrossentropy, "whole": .meanSquaredError], metrics: ["steps": [.accuracy]])
    }
    func batch(_ first: Int, _ second: Int) throws -> Dataset {
      try Dataset(
        inputs: inputs(first, second),
        targets: [
          "steps": Tensor(shape: [3, first + second], integers: (0..<3 * (first + second)).map { Int32($0 % 5) }),
          "whole": noise([3, 3]),
        ])
    }
    try compile(open)
    for (first, second) in [(3, 4), (12, 1), (1, 1), (7, 20), (3, 4)] {
      let fixed = try model(first, second)
      fixed.copyWeights(from: open)
      try compile(fixed)
      let data = try batch(first, second)
      #expect(try open.evaluate(data) == fixed.evaluate(data))
      #expect(try open.trainOnBatch(data) == fixed.trainOnBatch(data))
      #expect(weightBits(open) == weightBits(fixed), "\(first) and \(second)")
    }
    try open.fit(batch(5, 6), epochs: 2, batchSize: 2, verbose: .silent)
    #expect(open.step == 9)
  }
}
