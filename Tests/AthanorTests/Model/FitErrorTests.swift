import Athanor
import Testing

@Suite("Errors of fit, evaluate and predict")
struct FitErrorTests {
  private func model(_ units: Int = 3) throws -> Model {
    let model = try Sequential(input: [4], threads: 1) {
      Dense(5, activation: .relu)
      Dense(units, activation: .softmax)
    }
    try model.compile(optimizer: .sgd(), loss: .sparseCategoricalCrossentropy, metrics: [.accuracy])
    return model
  }

  private func data(_ count: Int = 6) throws -> Dataset {
    try Dataset(
      inputs: noise([count, 4]), targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 % 3) }))
  }

  @Test("Data that do not fit")
  func wrongData() throws {
    let model = try model()
    let before = weightBits(model)
    func refuse(_ inputs: [Int], _ targets: Tensor, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      expectError(text, sourceLocation: sourceLocation) {
        try model.fit(Dataset(inputs: noise(inputs), targets: targets), verbose: .silent)
      }
    }
    refuse(
      [2, 5], try Tensor(shape: [2], integers: [0, 1]),
      "fit: inputs have shape (2, 5) but the model needs (examples, 4). Resize the data, or define the model with input: [5]."
    )
    refuse(
      [2, 2, 2], try Tensor(shape: [2], integers: [0, 1]),
      "fit: inputs have shape (2, 2, 2) but the model needs (examples, 4). The number of elements is right: make the tensor with shape [2, 4]."
    )
    refuse(
      [4], try Tensor(shape: [4], integers: [0, 1, 2, 0]),
      "fit: inputs have shape (4,) but the model needs (examples, 4). Put a first axis of length 1 before it: one example is a batch of one."
    )
    refuse(
      [2, 4], try Tensor(shape: [2], integers: [0, 3]),
      "fit: example 1 is of class 3 but the model's 3 outputs are classes 0 to 2. Give the last layer as many units as there are classes, and number classes from 0."
    )
    refuse(
      [2, 4], try Tensor(shape: [2], integers: [-1, 0]),
      "fit: example 0 is of class -1 but the model's 3 outputs are classes 0 to 2. Give the last layer as many units as there are classes, and number classes from 0."
    )
    refuse(
      [2, 4], try Tensor(shape: [2, 3], [0, 0, 1, 0, 1, 0]),
      "sparseCategoricalCrossentropy: targets have shape (3,) for each example but must be class numbers. Give integers [N], or use .categoricalCrossentropy for rows of probabilities."
    )
    refuse(
      [0, 4], try Tensor(shape: [0], integers: []),
      "fit: the data set has no examples. Check the folder or file it came from.")
    expectError(
      "Dataset: there are 3 inputs but 2 targets. Each input needs exactly one target; check that both come from the same split."
    ) { try Dataset(inputs: noise([3, 4]), targets: Tensor(shape: [2], integers: [0, 1])) }
    expectError("fit, validation: the data set has no examples. Check the folder or file it came from.") {
      try model.fit(data(), validation: data(0), verbose: .silent)
    }
    expectError(
      "predict: inputs have shape (4,) but the model needs (examples, 4). Put a first axis of length 1 before it: one example is a batch of one."
    ) { try model.predict(noise([4])) }
    expectError("trainOnBatch: the data set has no examples. Check the folder or file it came from.") {
      try model.trainOnBatch(data(0))
    }
    #expect(weightBits(model) == before)
    #expect(model.step == 0)
  }

  @Test("Arguments out of range")
  func wrongArguments() throws {
    let model = try model()
    expectError(
      "fit: epochs is -1, batchSize 32, initialEpoch 0 and validationSplit 0.0. batchSize must be at least 1, validationSplit at least 0 and below 1, the others not negative."
    ) { try model.fit(data(), epochs: -1) }
    expectError(
      "fit: epochs is 1, batchSize 0, initialEpoch 0 and validationSplit 0.0. batchSize must be at least 1, validationSplit at least 0 and below 1, the others not negative."
    ) { try model.fit(data(), batchSize: 0) }
    expectError(
      "fit: epochs is 1, batchSize 32, initialEpoch 0 and validationSplit 1.0. batchSize must be at least 1, validationSplit at least 0 and below 1, the others not negative."
    ) { try model.fit(data(), validationSplit: 1) }
    expectError(
      "fit: validationSplit 0.5 of 1 examples leaves 0 to learn from and 1 to validate on. Give more data or another validationSplit."
    ) { try model.fit(data(1), validationSplit: 0.5) }
    expectError("fit: the weight of class 1 is -2.0 but must be zero or more.") {
      try model.fit(data(), classWeights: [1: -2])
    }
    expectError("evaluate: batchSize is 0 but must be at least 1.") { try model.evaluate(data(), batchSize: 0) }
    expectError("predict: batchSize is -1 but must be at least 1.") { try model.predict(noise([1, 4]), batchSize: -1) }
    let fresh = try Sequential(input: [4]) { Dense(3) }
    expectError("model \"sequential\": it has no loss yet. Call model.compile(optimizer: .adam(), loss: ...) first.") {
      try fresh.fit(data())
    }
    expectError("model \"sequential\": it has no loss yet. Call model.compile(optimizer: .adam(), loss: ...) first.") {
      try fresh.gradients(data())
    }
  }

  @Test("NaN in the data: the batch, and where it is; the weights are those before it")
  func notANumberInData() throws {
    let model = try model()
    var values = try noise([10, 4]).floats
    values[4 * 5 + 2] = .nan
    let bad = try Dataset(
      inputs: Tensor(shape: [10, 4], values), targets: Tensor(shape: [10], integers: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]))
    var bits: [[UInt32]] = []
    let watch = ClosureCallback(batchDidEnd: { _, _, context in bits = weightBits(context.model) })
    expectError(
      "fit, epoch 1, batch 2: a number became NaN or infinite, first in the batch itself (input); the weights are those before this batch. Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1)."
    ) {
      try model.fit(bad, epochs: 2, batchSize: 4, shuffle: false, callbacks: [watch], verbose: .silent)
    }
    #expect(weightBits(model) == bits)
    #expect(model.step == 1)
  }

  @Test("A number that overflows is found in the layer where it first appears")
  func overflow() throws {
    let model = try Sequential(input: [4], threads: 1) {
      Dense(3, kernelInitializer: .constant(1e20))
      Dense(3, kernelInitializer: .constant(1e20))
      Dense(1)
    }
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(inputs: Tensor(shape: [1, 4], [1, 1, 1, 1]), targets: Tensor(shape: [1, 1], [0]))
    let before = weightBits(model)
    expectError(
      "trainOnBatch: a number became NaN or infinite, first in dense_1, in matmul; the weights are those before this batch. Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1)."
    ) { try model.trainOnBatch(data) }
    #expect(weightBits(model) == before)
  }

  @Test("A NaN target with class weights is an error, not a trap")
  func notANumberTarget() throws {
    let model = try Sequential(input: [4], threads: 1) { Dense(1, activation: .sigmoid) }
    try model.compile(optimizer: .sgd(), loss: .binaryCrossentropy)
    let bad = try Dataset(inputs: noise([2, 4]), targets: Tensor(shape: [2, 1], [1, .nan]))
    expectError(
      "fit, epoch 1, batch 1: a number became NaN or infinite, first in the batch itself (target); the weights are those before this batch. Look for NaN in the data, lower the learning rate, or limit gradients with clipping: .globalNorm(1)."
    ) { try model.fit(bad, classWeights: [1: 2], verbose: .silent) }
  }

  @Test("Nothing to resume")
  func nothingToResume() throws {
    let text =
      "fit: resume is true, but the model has neither been trained nor read from a checkpoint. Load the checkpoint with Model(contentsOf:), or leave resume out."
    let model = try model()
    let before = weightBits(model)
    expectError(text) { try model.fit(data(), verbose: .silent, resume: true) }
    #expect(weightBits(model) == before)
    try model.fit(data(), verbose: .silent)
    try model.fit(data(), epochs: 2, verbose: .silent, resume: true)
    #expect(model.step == 2)
    try model.compile(optimizer: .sgd(), loss: .sparseCategoricalCrossentropy)
    expectError(text) { try model.fit(data(), verbose: .silent, resume: true) }
  }

  @Test("fit ends after the present batch when its task is cancelled")
  func cancellation() async throws {
    let steps = try await Task {
      let model = try model()
      let stop = ClosureCallback(batchDidEnd: { batch, _, _ in
        if batch == 2 { withUnsafeCurrentTask { $0?.cancel() } }
      })
      do {
        try model.fit(data(20), epochs: 3, batchSize: 4, callbacks: [stop], verbose: .silent)
        Issue.record("it was not cancelled")
      } catch is CancellationError {}
      return model.step
    }.value
    #expect(steps == 2)
  }
}
