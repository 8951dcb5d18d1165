import Athanor
import Testing

@Suite("Masks")
struct MaskTests {
  /// Three time steps of two features; the masked ones are 9.
  private let input: [Float] = [1, 2, 9, 9, 3, 4, 9, 9, 9, 9, 5, 9]

  private func model(_ layers: [any GeneralLayer] = []) throws -> Model {
    let model = try Sequential(
      input: [3, 2], threads: 1,
      layers: [Masking(maskValue: 9)] + layers + [Dense(1, kernelInitializer: .ones, name: "out")])
    try model.compile(
      optimizer: .sgd(learningRate: 0), loss: .meanSquaredError, metrics: [.loss(.meanAbsoluteError)])
    return model
  }

  private func data(
    _ count: Int = 2, weights: [String: Tensor] = [:], masks: [String: Tensor] = [:]
  ) throws -> Dataset {
    try Dataset(
      inputs: ["": Tensor(shape: [2, 3, 2], input)], targets: ["": Tensor(shape: [2, 3, 1], [0, 7, 0, 7, 7, 0])],
      sampleWeights: weights, masks: masks
    ).prefix(count)
  }

  private func expect(
    _ logs: Logs, loss: Double, error: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (name, value) in [("loss", loss), ("mean_absolute_error", error)] {
      expectClose([Float(logs[name] ?? .nan)], [value], within: 1e-6, name, sourceLocation: sourceLocation)
    }
  }

  @Test("Masked steps are zero, and left out of loss and metrics")
  func masking() throws {
    let model = try model()
    #expect(try model.predict(data()).floats == [3, 0, 7, 0, 0, 14])
    expect(try model.evaluate(data()), loss: (9 + 49 + 196) / 3.0, error: 8)
    // The loss is a mean of batches, as in Keras; metrics are means of all that counts.
    expect(try model.evaluate(data(), batchSize: 1), loss: (29.0 + 196) / 2, error: 8)
    expect(try model.trainOnBatch(data()), loss: (9 + 49 + 196) / 3.0, error: 8)
    #expect(model.warnings.isEmpty)
  }

  @Test("Weights and masks of the data multiply; what has no step left is zero")
  func data() throws {
    let model = try model()
    let weights = try Tensor(shape: [2, 3], [1, 5, 2, 5, 5, 0.5])
    let steps = try Tensor(shape: [2, 3], bytes: [1, 1, 0, 1, 1, 7])
    let example = try Tensor(shape: [2], integers: [0, 1])
    expect(try model.evaluate(data(weights: ["": weights])), loss: (9 + 98 + 98) / 3.0, error: 8)
    expect(try model.evaluate(data(masks: ["out": steps])), loss: (9 + 196) / 2.0, error: 8.5)
    expect(try model.evaluate(data(weights: ["out": weights], masks: ["": example])), loss: 98, error: 14)
    expect(try model.evaluate(data(masks: ["": Tensor(shape: [2], bytes: [0, 0])])), loss: 0, error: 0)
    let perExample = try Tensor(shape: [2], [2, 1])
    expect(try model.evaluate(data(weights: ["": perExample])), loss: (18 + 98 + 196) / 3.0, error: 8)
  }

  @Test("Weights for time steps need no mask")
  func weightsOfSteps() throws {
    let model = try Sequential(input: [3, 2], threads: 1) { Dense(1, kernelInitializer: .ones) }
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(
      inputs: ["": Tensor(shape: [1, 3, 2], [1, 1, 2, 2, 3, 3])], targets: ["": Tensor(shape: [1, 3, 1], [0, 0, 0])],
      sampleWeights: ["": Tensor(shape: [1, 3], [1, 0.5, 0])])
    expectClose([Float(try model.evaluate(data)["loss"] ?? .nan)], [(4 + 8 + 0) / 3.0])
  }

  @Test("A mask goes through a model that is called, and stops where a layer does not pass it")
  func nested() throws {
    let x = Input([3, 2])
    let inner = try Model(inputs: [x], outputs: [Dropout(0.5)(Masking(maskValue: 9)(x))], name: "inner")
    let y = Input([3, 2])
    let outer = try Model(inputs: [y], outputs: [Dense(1, kernelInitializer: .ones, name: "out")(inner(y))])
    try outer.compile(optimizer: .sgd(), loss: .meanSquaredError, metrics: [.loss(.meanAbsoluteError)])
    expect(try outer.evaluate(data()), loss: (9 + 49 + 196) / 3.0, error: 8)
    #expect(outer.warnings.isEmpty)
    let lost = try model([Reshape([6]), Reshape([3, 2])])
    #expect(
      lost.warnings == [
        "layer \"reshape\": a mask arrives here but does not go through the layer, so everything behind it counts. Give the data set masks for the outputs behind it if that is not meant."
      ])
    expect(
      try lost.evaluate(data()), loss: (9 + 49 + 49 + 49 + 49 + 196) / 6.0, error: (3 + 7 + 7 + 7 + 7 + 14) / 6.0)
  }

  /// A layer that reads the mask of its input and gives its result another one.
  private struct Inverted: Layer {
    func build(_ input: Value, _ scope: inout Scope) throws -> Value {
      let result = try input * 2
      if let mask = scope.mask(of: input) { scope.setMask(try 1 - mask, of: result) }
      return result
    }
  }

  @Test("A layer of one's own reads a mask and sets another")
  func ownLayer() throws {
    let model = try model([Inverted()])
    #expect(model.warnings.isEmpty)
    expect(try model.evaluate(data()), loss: 49, error: 7)  // the masked steps' zeros against 7
  }

  @Test("Open lengths: each batch has its own count")
  func openLengths() throws {
    let x = Input([nil, 1])
    let model = try Model(inputs: [x], outputs: [Dense(1, kernelInitializer: .ones)(Masking()(x))])
    try model.compile(optimizer: .sgd(learningRate: 0), loss: .meanSquaredError)
    for (steps, loss) in [(2, 4.0), (5, 4)] {
      let values = (0..<steps).map { Float($0 == 0 ? 2 : 0) }
      let data = try Dataset(
        inputs: Tensor(shape: [1, steps, 1], values), targets: Tensor(shape: [1, steps, 1], values.map { _ in 0 }))
      expectClose([Float(try model.trainOnBatch(data)["loss"] ?? .nan)], [loss])
    }
  }

  @Test("Files keep the layer")
  func files() throws {
    let folder = try TemporaryFolder()
    try model().save(to: folder.path("masked.safetensors"))
    let read = try Model(contentsOf: folder.path("masked.safetensors"))
    #expect(read.layers.contains { ($0 as? Masking)?.maskValue == 9 })
    expect(try read.evaluate(data()), loss: (9 + 49 + 196) / 3.0, error: 8)
  }

  @Test("A training with masks of the data is resumed in the middle of an epoch to the same bits")
  func resume() throws {
    func made() throws -> Model {
      let model = try Sequential(input: [3, 2], seed: 4, threads: 1) { Dense(1) }
      try model.compile(optimizer: .adam(), loss: .meanSquaredError, metrics: [.loss(.meanAbsoluteError)])
      return model
    }
    let masks = try ["": Tensor(shape: [7], bytes: [1, 0, 1, 1, 1, 0, 1])]
    let data = try Dataset(
      inputs: ["": noise([7, 3, 2])], targets: ["": noise([7, 3, 1], seed: 2)], masks: masks)
    let whole = try made()
    let history = try whole.fit(data, epochs: 2, batchSize: 2, verbose: .silent)
    let stopped = try made()
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in context.stopTraining = batch == 3 })
    try stopped.fit(data, epochs: 2, batchSize: 2, callbacks: [stop], verbose: .silent)
    #expect(stopped.progress.totals.map(\.count) == [1, 2])
    let folder = try TemporaryFolder()
    try stopped.save(to: folder.path("stopped.safetensors"))
    let resumed = try Model(contentsOf: folder.path("stopped.safetensors"))
    expectError(
      "fit, epoch 1, batch 4: the metrics of the unfinished epoch were counted with a mask, or now are. Resume with the data of the interrupted training."
    ) {
      try Model(contentsOf: folder.path("stopped.safetensors")).fit(
        Dataset(inputs: noise([7, 3, 2]), targets: noise([7, 3, 1], seed: 2)), epochs: 2, batchSize: 2,
        verbose: .silent, resume: true)
    }
    let rest = try resumed.fit(data, epochs: 2, batchSize: 2, verbose: .silent, resume: true)
    #expect(weightBits(resumed) == weightBits(whole))
    #expect(rest["mean_absolute_error"] == history["mean_absolute_error"])
  }

  @Test("Errors")
  func errors() throws {
    let model = try model()
    expectError(
      "output \"out\": an array of sample weights of shape (2, 4) does not go with shape (2, 3, 1). Give one number for each example, [N], or for each of its time steps, [N, T]."
    ) { try model.evaluate(data(weights: ["": Tensor(shape: [2, 4], [Float](repeating: 1, count: 8))])) }
    expectError(
      "output \"out\": a mask of shape (2, 2) does not go with shape (2, 3, 1). Give one number for each example, [N], or for each of its time steps, [N, T]."
    ) { try model.evaluate(data(masks: ["": Tensor(shape: [2, 2], bytes: [1, 1, 1, 1])])) }
    expectError(
      "evaluate: mask \"aut\" is given, which the model does not have. Did you mean \"out\"? It has out."
    ) { try model.evaluate(data(masks: ["aut": Tensor(shape: [2], bytes: [1, 1])])) }
    expectError("Dataset: there are 2 inputs but 3 masks. Give one mask for each input.") {
      try data(masks: ["": Tensor(shape: [3], bytes: [1, 1, 1])])
    }
    expectError(
      "masking (layer 1, Masking): maskValue is inf and the input has shape (None, 3, 2). Give a finite value, and an input of at least 2 axes, the last of which holds features."
    ) { try Sequential(input: [3, 2]) { Masking(maskValue: .infinity) } }
    let perExample = Loss("per example", targets: .numbers) { prediction, target in
      try square(prediction - target).mean(axes: [1, 2])
    }
    expectError(
      "loss per example: it gives shape (None,), but weights or a mask have 2 axes. Give one weight for each example, [N], or use a loss that has a number for each time step."
    ) { try model.compile(loss: perExample) }
    let metric = Metric.mean("per_example") { prediction, target in
      try square(prediction - target).mean(axes: [1, 2])
    }
    expectError(
      "metric per_example: it gives shape (None,), but the mask has 2 axes. Use a metric that has a number for each time step."
    ) { try model.compile(loss: .meanSquaredError, metrics: [metric]) }
  }
}
