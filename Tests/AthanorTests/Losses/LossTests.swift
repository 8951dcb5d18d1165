import Athanor
import Testing

@Suite("Losses")
struct LossTests {
  struct Golden: Decodable {
    let input: GoldenArray
    let target: GoldenArray
    let loss: Double
    let gradient: GoldenArray
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    let loss: Loss
    var function = ActivationFunction.linear
    var isSparse = false
    var testDescription: String { golden }
  }

  static let cases = [
    Case(golden: "categorical_softmax", loss: .categoricalCrossentropy, function: .softmax),
    Case(golden: "categorical_softmax_soft", loss: .categoricalCrossentropy, function: .softmax),
    Case(golden: "categorical_softmax_extreme", loss: .categoricalCrossentropy, function: .softmax),
    Case(golden: "categorical_probabilities", loss: .categoricalCrossentropy),
    Case(golden: "sparse_softmax", loss: .sparseCategoricalCrossentropy, function: .softmax, isSparse: true),
    Case(golden: "sparse_softmax", loss: .categoricalCrossentropy, function: .softmax, isSparse: true),
    Case(golden: "sparse_probabilities", loss: .sparseCategoricalCrossentropy, isSparse: true),
    Case(golden: "sparse_softmax_pictures", loss: .sparseCategoricalCrossentropy, function: .softmax, isSparse: true),
    Case(golden: "binary_sigmoid", loss: .binaryCrossentropy, function: .sigmoid),
    Case(golden: "binary_sigmoid_several", loss: .binaryCrossentropy, function: .sigmoid),
    Case(golden: "binary_sigmoid_extreme", loss: .binaryCrossentropy, function: .sigmoid),
    Case(golden: "binary_probabilities", loss: .binaryCrossentropy),
    Case(golden: "mean_squared_error", loss: .meanSquaredError),
    Case(golden: "mean_squared_error_pictures", loss: .meanSquaredError),
    Case(golden: "mean_absolute_error", loss: .meanAbsoluteError),
    Case(golden: "huber", loss: .huber),
    Case(golden: "huber_delta", loss: .huber(delta: 0.4)),
  ]

  @Test("Value and gradient are those of Keras", arguments: cases)
  func parity(_ test: Case) throws {
    let golden = try #require(try goldens("losses", as: [String: Golden].self)[test.golden])
    let shape = golden.input.shape
    let size = shape.dropFirst().reduce(1, *)
    let model = try Model(
      input: [shape[0]],
      layers: [Dense(size, useBias: false), Reshape(Array(shape.dropFirst())), Activation(test.function)])
    try model.setWeights(["dense/kernel": Tensor(shape: [shape[0], size], golden.input.floats)])
    try model.compile(loss: test.loss)
    let identity = (0..<shape[0] * shape[0]).map { Float($0 % (shape[0] + 1) == 0 ? 1 : 0) }
    let batch = try Dataset(
      inputs: Tensor(shape: [shape[0], shape[0]], identity),
      targets: test.isSparse ? golden.target.integers : golden.target.tensor)
    let (loss, gradients) = try model.valueAndGradients(batch)
    expectClose([loss], [golden.loss], within: 3e-6, "loss")
    expectClose(try #require(gradients["dense/kernel"]).floats, golden.gradient.values, within: 3e-6, "gradient")
    #expect((try #require(try model.evaluate(batch)["loss"]) - golden.loss).magnitude < 1e-5 * max(1, golden.loss))
  }

  @Test("Every loss and every golden has a case")
  func walk() throws {
    #expect(Set(Loss.all.map(\.name)).isSubset(of: Self.cases.map(\.loss.name)))
    #expect(Set(try goldens("losses", as: [String: Golden].self).keys) == Set(Self.cases.map(\.golden)))
  }

  @Test("A loss of one's own is averaged over further axes and differentiated")
  func custom() throws {
    let cubic = Loss("cubic") { prediction, target in
      let distance = try abs(prediction - target)
      return try distance * distance * distance
    }
    let model = try Sequential(input: [2]) { Dense(2, useBias: false) }
    try model.setWeights(["dense/kernel": Tensor(shape: [2, 2], [1, 2, 3, 4])])
    try model.compile(loss: cubic)
    let batch = try Dataset(inputs: Tensor(shape: [1, 2], [1, 0]), targets: Tensor(shape: [1, 2], [0, 0]))
    let (loss, gradients) = try model.valueAndGradients(batch)
    #expect(loss == 4.5)  // (1 + 8) / 2
    #expect(try #require(gradients["dense/kernel"]).floats == [1.5, 6, 0, 0])
  }

  @Test("A loss that does not go with the output is refused by compile")
  func errors() throws {
    let model = try Sequential(input: [3]) { Dense(4) }
    expectError(
      "loss total: it gives shape () but one number for each example, (None,), is needed. Do not reduce the first axis, the batch."
    ) {
      try model.compile(loss: Loss("total") { prediction, _ in try prediction.sum(axes: [0, 1]) })
    }
    expectError("huber: delta is 0.0 but must be positive.") { try model.compile(loss: .huber(delta: 0)) }
    let targets = try Dataset(inputs: noise([2, 3]), targets: noise([2, 3]))
    try model.compile(loss: .meanSquaredError)
    expectError(
      "meanSquaredError: targets have shape (None, 3) but the model's output has shape (None, 4). Give targets of the output's shape, or change the last layer."
    ) { try model.evaluate(targets) }
    try model.compile(loss: .categoricalCrossentropy)
    expectError(
      "categoricalCrossentropy: targets have shape (None, 3) but the model's output has shape (None, 4). Give class numbers (None,) as integers, or rows (None, 4); or give the last layer as many units as there are classes."
    ) { try model.evaluate(targets) }
    try model.compile(loss: .sparseCategoricalCrossentropy)
    expectError(
      "sparseCategoricalCrossentropy: targets have shape (3,) for each example but must be class numbers. Give integers [N], or use .categoricalCrossentropy for rows of probabilities."
    ) { try model.evaluate(targets) }
  }
}
