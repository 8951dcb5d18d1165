import Athanor
import Testing

@Suite("Losses")
struct LossTests {
  struct Golden: Decodable {
    let input: GoldenArray
    let target: GoldenArray
    let loss: Double
    let gradient: GoldenArray
    let weights: GoldenArray?
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    let loss: Loss
    /// Hides that the numbers come from a layer without activation, which a crossentropy would refuse.
    var function = ActivationFunction("unchanged") { try $0 * 1 }
    var isSparse = false
    var testDescription: String { golden }
  }

  static let cases =
    [
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
      Case(golden: "mean_absolute_percentage_error", loss: .meanAbsolutePercentageError),
      Case(golden: "mean_squared_logarithmic_error", loss: .meanSquaredLogarithmicError),
      Case(golden: "log_cosh", loss: .logCosh),
      Case(golden: "cosine_similarity", loss: .cosineSimilarity),
      Case(golden: "cosine_similarity_pictures", loss: .cosineSimilarity),
      Case(golden: "kl_divergence", loss: .klDivergence),
      Case(golden: "poisson", loss: .poisson),
      Case(golden: "hinge", loss: .hinge),
      Case(golden: "hinge_binary", loss: .hinge),
      Case(golden: "squared_hinge", loss: .squaredHinge),
      Case(golden: "categorical_hinge", loss: .categoricalHinge),
      Case(golden: "squared_error_sum", loss: .meanSquaredError.reduced(by: .sum)),
      Case(golden: "squared_error_mean", loss: .meanSquaredError.reduced(by: .mean)),
      Case(golden: "ignored_pictures", loss: ignoring(2), function: .softmax, isSparse: true),
      Case(golden: "ignored_probabilities", loss: ignoring(-1), isSparse: true),
      Case(
        golden: "sum_pictures", loss: .sparseCategoricalCrossentropy.reduced(by: .sum), function: .softmax,
        isSparse: true),
      Case(golden: "categorical_smooth", loss: .categoricalCrossentropy(labelSmoothing: 0.2), function: .softmax),
      Case(golden: "categorical_smooth_probabilities", loss: .categoricalCrossentropy(labelSmoothing: 0.2)),
      Case(golden: "binary_smooth", loss: .binaryCrossentropy(labelSmoothing: 0.3), function: .sigmoid),
      Case(golden: "categorical_focal", loss: .categoricalFocalCrossentropy(), function: .softmax),
      Case(
        golden: "categorical_focal_classes",
        loss: .categoricalFocalCrossentropy(alpha: [0.1, 0.2, 0.3, 0.4, 0.5], gamma: 1.5, labelSmoothing: 0.1),
        function: .softmax),
      Case(golden: "categorical_focal_logits", loss: .categoricalFocalCrossentropy(fromLogits: true)),
      Case(golden: "binary_focal", loss: .binaryFocalCrossentropy(), function: .sigmoid),
      Case(
        golden: "binary_focal_balanced", loss: .binaryFocalCrossentropy(alpha: 0.3, gamma: 3, labelSmoothing: 0.1),
        function: .sigmoid),
      Case(golden: "binary_focal_logits", loss: .binaryFocalCrossentropy(fromLogits: true)),
    ]
    + [Loss.Reduction.sumOverBatchSize, .sum, .meanWithSampleWeight].flatMap { reduction in
      [
        Case(golden: "weighted_\(reduction.rawValue)", loss: .meanAbsoluteError.reduced(by: reduction)),
        Case(
          golden: "ignored_\(reduction.rawValue)", loss: ignoring(255).reduced(by: reduction), function: .softmax,
          isSparse: true),
      ]
    }

  private static func ignoring(_ number: Int) -> Loss { .sparseCategoricalCrossentropy(ignoredClass: number) }

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
      targets: test.isSparse ? golden.target.integers : golden.target.tensor, sampleWeights: golden.weights?.floats)
    let gradients = try model.gradients(batch)
    expectClose([Float(gradients.loss)], [golden.loss], within: 3e-6, "loss")
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
    let gradients = try model.gradients(batch)
    #expect(gradients.loss == 4.5)  // (1 + 8) / 2
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
    try model.compile(loss: .categoricalCrossentropy(fromLogits: true))
    expectError(
      "categoricalCrossentropy: targets have shape (None, 3) but the model's output has shape (None, 4). Give class numbers (None,) as integers, or rows (None, 4); or give the last layer as many units as there are classes."
    ) { try model.evaluate(targets) }
    try model.compile(loss: .sparseCategoricalCrossentropy(fromLogits: true))
    expectError(
      "sparseCategoricalCrossentropy: targets have shape (3,) for each example but must be class numbers. Give integers [N], or use .categoricalCrossentropy for rows of probabilities."
    ) { try model.evaluate(targets) }
  }

  @Test("A crossentropy of what is visibly no probability is refused by compile")
  func logits() throws {
    let losses: [(Loss, String, String)] = [
      (.categoricalCrossentropy, "categoricalCrossentropy", "softmax"),
      (.sparseCategoricalCrossentropy, "sparseCategoricalCrossentropy", "softmax"),
      (.binaryCrossentropy, "binaryCrossentropy", "sigmoid"),
    ]
    let ends: [[any GeneralLayer]] = [
      [Dense(4)], [Dense(4, useBias: false)], [Dense(4, activation: .relu)], [Dense(4), Reshape([2, 2])],
      [Dense(4), Flatten()], [Dense(4), Activation(.linear)],
    ]
    for (loss, name, activation) in losses {
      for layers in ends {
        let model = try Sequential(input: [3], layers: layers)
        expectError(
          "\(name): predictions must be probabilities, but the output comes from a layer without \(activation). "
            + "Give the last layer activation: .\(activation), or use .\(name)(fromLogits: true)."
        ) { try model.compile(loss: loss) }
      }
    }
  }

  @Test("The error about 0/0 in a crossentropy names the reason")
  func zeroOutputs() throws {
    let model = try Sequential(input: [2]) {
      Dense(3, activation: .relu, biasInitializer: .constant(-9))
      Dropout(0.1)
    }
    try model.compile(loss: .categoricalCrossentropy)
    let data = try Dataset(inputs: noise([4, 2]), targets: Tensor(shape: [4], integers: [0, 1, 2, 0]))
    expectError(
      "trainOnBatch: a number became NaN or infinite, first in loss categorical_crossentropy, where outputs are divided by their sum, which is 0 when all are, as behind relu (use softmax), in divide; the weights are those before this batch. Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1)."
    ) { try model.trainOnBatch(data) }
  }

  @Test("A crossentropy over one class is refused")
  func oneClass() throws {
    let model = try Sequential(input: [3]) { Dense(1, activation: .sigmoid) }
    for (loss, name) in [
      (Loss.categoricalCrossentropy, "categoricalCrossentropy"),
      (.sparseCategoricalCrossentropy, "sparseCategoricalCrossentropy"),
      (.categoricalFocalCrossentropy(), "categoricalFocalCrossentropy"),
    ] {
      expectError(
        "\(name): the output has one number, so there is one class, and the loss is always 0. Use .binaryCrossentropy behind a sigmoid, or give the last layer one unit for each class."
      ) { try model.compile(loss: loss) }
    }
  }

  @Test("Labels and settings out of range")
  func settings() throws {
    let model = try Sequential(input: [3]) { Dense(4, activation: .softmax) }
    expectError("categoricalCrossentropy: labelSmoothing is 1.5 but must lie in 0 ... 1.") {
      try model.compile(loss: .categoricalCrossentropy(labelSmoothing: 1.5))
    }
    expectError(
      "categoricalFocalCrossentropy: alpha has 2 numbers but there are 4 classes. Give one number, or one for each class."
    ) { try model.compile(loss: .categoricalFocalCrossentropy(alpha: [1, 2])) }
    // A class number that has no output is no error where it is ignored, and one elsewhere.
    try model.compile(loss: .sparseCategoricalCrossentropy(ignoredClass: 255))
    func data(_ last: Int32) throws -> Dataset {
      try Dataset(inputs: noise([3, 3]), targets: Tensor(shape: [3], integers: [1, 255, last]))
    }
    #expect(try model.evaluate(data(0))["loss"]?.isFinite == true)
    expectError(
      "evaluate: example 2 is of class 254 but the model's 4 outputs are classes 0 to 3. Give the last layer as many units as there are classes, and number classes from 0."
    ) { try model.evaluate(data(254)) }
  }

  @Test("A crossentropy from logits is that of the probabilities")
  func fromLogits() throws {
    let inputs = try noise([6, 3], scale: 3)
    let classes = try Tensor(shape: [6], integers: [0, 1, 2, 3, 2, 1])
    let rows = try noise([6, 4]).floats.map { abs($0) }
    let pairs: [(Loss, Loss, ActivationFunction, Tensor)] = [
      (
        .categoricalCrossentropy, .categoricalCrossentropy(fromLogits: true), .softmax, try Tensor(shape: [6, 4], rows)
      ),
      (.sparseCategoricalCrossentropy, .sparseCategoricalCrossentropy(fromLogits: true), .softmax, classes),
      (.binaryCrossentropy, .binaryCrossentropy(fromLogits: true), .sigmoid, try Tensor(shape: [6, 4], rows)),
    ]
    for (probabilities, logits, activation, targets) in pairs {
      let data = try Dataset(inputs: inputs, targets: targets)
      let losses = try [(Dense(4, activation: activation), probabilities), (Dense(4), logits)].map { layer, loss in
        let model = try Sequential(input: [3], seed: 5, layers: [layer])
        try model.compile(loss: loss)
        return try model.gradients(data)
      }
      #expect(losses[0].loss == losses[1].loss)
      #expect(losses[0]["dense/kernel"] == losses[1]["dense/kernel"])
    }
  }
}
