import Athanor
import Testing

@Suite("Freezing")
struct FreezingTests {
  private func model(_ optimizer: Optimizer = .sgd(learningRate: 0.1)) throws -> Model {
    let model = try Sequential(input: [5], seed: 6) {
      Dense(4, activation: .tanh, name: "a")
      Dense(4, activation: .tanh, name: "b")
      Dense(3, activation: .softmax, name: "c")
    }
    try model.compile(optimizer: optimizer, loss: .sparseCategoricalCrossentropy)
    return model
  }

  private func data() throws -> Dataset {
    try Dataset(inputs: noise([6, 5]), targets: Tensor(shape: [6], integers: [0, 1, 2, 2, 1, 0]))
  }

  /// The bits of a layer's weights, or of their places in the optimizer's arrays.
  private func weights(_ model: Model, _ layer: String) -> [[UInt32]] {
    model.weights.filter { $0.name.hasPrefix(layer + "/") }.map { $0.tensor.floats.map(\.bitPattern) }
  }

  private func slots(_ model: Model, _ layer: String) throws -> [[UInt32]] {
    let spans = model.weightMap.spans.filter { $0.isParameter && $0.name.hasPrefix(layer + "/") }
    return try #require(model.training).slots.flatMap { slot in
      spans.map { span in slot.floats[span.gradientOffset..<span.gradientOffset + span.count].map(\.bitPattern) }
    }
  }

  @Test(
    "Frozen weights and their optimizer state keep their bytes, the others go on, over two changes",
    arguments: [
      Optimizer.adamW(learningRate: 0.05, weightDecay: 0.3),
      .sgd(learningRate: 0.05, momentum: 0.9, weightDecay: 0.3),
      .rmsprop(learningRate: 0.05, momentum: 0.9, centered: true, clipping: .globalNorm(0.1)),
    ])
  func twoChanges(_ optimizer: Optimizer) throws {
    let (model, data) = (try model(optimizer), try data())
    let layers = ["a", "b", "c"]
    /// One step; which layers have changed, and which have other optimizer state.
    func step() throws -> (weights: [String], slots: [String]) {
      let before = try layers.map { (weights(model, $0), try slots(model, $0)) }
      try model.trainOnBatch(data)
      let after = try layers.map { (weights(model, $0), try slots(model, $0)) }
      let moved = layers.indices.filter { zip(before[$0].0, after[$0].0).allSatisfy { $0 != $1 } }
      let stayed = layers.indices.filter { before[$0].0 == after[$0].0 }
      #expect(moved.count + stayed.count == 3)
      return (moved.map { layers[$0] }, layers.indices.filter { before[$0].1 != after[$0].1 }.map { layers[$0] })
    }
    let slotCount = try #require(model.training).slots.count
    #expect(try slots(model, "a").count == 2 * slotCount)
    for (change, expected) in [
      ({}, ["a", "b", "c"]), ({ try model.freeze("b") }, ["a", "c"]),
      (
        {
          try model.unfreeze("b")
          try model.freeze("a", "c")
        }, ["b"]
      ), ({ try model.unfreeze("a", "c") }, ["a", "b", "c"]),
    ] as [(() throws -> Void, [String])] {
      try change()
      for _ in 0..<3 {
        let changed = try step()
        #expect(changed.weights == expected)
        #expect(changed.slots == expected)
      }
    }
    #expect(model.step == 12)
  }

  @Test("Weights that train beside frozen ones go the way they would go in a model without training for those")
  func others() throws {
    let (frozen, data) = (try model(.sgd(learningRate: 0.1, momentum: 0.9)), try data())
    let plain = try model(.sgd(learningRate: 0.1, momentum: 0.9))
    try frozen.freeze("a")
    for _ in 0..<4 {
      try frozen.trainOnBatch(data)
      let gradients = try plain.gradients(data)
      let first = plain.weights.filter { $0.name.hasPrefix("a/") }
      try plain.apply(gradients)
      try plain.setWeights(Dictionary(uniqueKeysWithValues: first.map { ($0.name, $0.tensor) }))
      #expect(weightBits(plain) == weightBits(frozen))
    }
  }

  @Test("Gradients that nobody needs are not computed, predictions stay the same")
  func gradients() throws {
    let (model, data) = (try model(), try data())
    let before = try model.predict(data)
    let whole = try model.gradients(data)
    let steps = try model.workspace(.train, feed(model)).plan.steps.count
    try model.freeze("a")
    let rest = try model.gradients(data)
    #expect(rest.weightNames == ["b/kernel", "b/bias", "c/kernel", "c/bias"])
    for name in rest.weightNames { #expect(rest[name] == whole[name]) }
    #expect(rest["a/kernel"] == nil)
    #expect(rest.loss == whole.loss)
    #expect(try model.workspace(.train, feed(model)).plan.steps.count < steps)
    #expect(try model.predict(data) == before)
    #expect(model.weights.filter(\.isTrainable).map(\.name) == rest.weightNames)
    // Gradients from before the freezing do not move what is frozen now.
    let frozen = weights(model, "a")
    try model.apply(whole)
    #expect(weights(model, "a") == frozen)
  }

  private func feed(_ model: Model) -> Feed {
    var feed = model.network.plainFeed(examples: 6)
    feed.targets = [Feed.Target(dtype: .int32, exampleShape: [])]
    return feed
  }

  @Test("Everything frozen: no step moves anything")
  func everything() throws {
    let (model, data) = (try model(.adamW(weightDecay: 0.5)), try data())
    model.freeze { _ in true }
    let before = weightBits(model)
    #expect(try model.gradients(data).weightNames == [])
    try model.fit(data, epochs: 2, verbose: .silent)
    #expect(weightBits(model) == before)
  }

  @Test("A frozen BatchNormalization runs as in prediction and keeps its averages")
  func batchNormalization() throws {
    let model = try Sequential(input: [5]) { BatchNormalization(name: "norm") }
    try model.compile(optimizer: .sgd(learningRate: 0.1), loss: .meanSquaredError)
    let data = try Dataset(inputs: noise([6, 5], scale: 4), targets: noise([6, 5], seed: 3))
    try model.trainOnBatch(data)
    let evaluated = try #require(try model.evaluate(data)["loss"])
    #expect(try model.gradients(data).loss != evaluated)
    try model.freeze("norm")
    let before = weightBits(model)
    #expect(try model.trainOnBatch(data)["loss"] == model.evaluate(data)["loss"])
    #expect(weightBits(model) == before)
    try model.unfreeze("norm")
    try model.trainOnBatch(data)
    #expect(zip(before, weightBits(model)).allSatisfy { $0 != $1 })
  }

  @Test("A frozen Dropout still drops")
  func dropout() throws {
    let model = try Sequential(input: [400]) { Dropout(0.5, name: "drop") }
    try model.compile(loss: Loss("sum") { y, _ in try y.sum(axes: [1]) })
    let ones = try Tensor(shape: [1, 400], [Float](repeating: 1, count: 400))
    let data = try Dataset(inputs: ones, targets: ones)
    try model.freeze("drop")
    let losses = try (0..<4).map { _ in try model.gradients(data).loss }
    #expect(Set(losses).count > 1)
    #expect(losses.allSatisfy { $0 != 400 || losses.filter { $0 == 400 }.count == 1 })
    #expect(try model.evaluate(data)["loss"] == 400)
  }

  @Test("A weight that no loss reaches stays, although weights decay")
  func unreached() throws {
    let x = Input([3], name: "x")
    let shared = Dense(4, activation: .tanh, name: "shared")(x)
    let model = try Model(
      inputs: [x], outputs: [Dense(1, name: "used")(shared), Dense(2, name: "unused")(shared)])
    try model.compile(optimizer: .adamW(learningRate: 0.1, weightDecay: 0.5), losses: ["used": .meanSquaredError])
    let data = try Dataset(inputs: ["x": noise([4, 3])], targets: ["used": noise([4, 1])])
    let before = (weights(model, "unused"), weights(model, "shared"))
    #expect(try model.gradients(data).weightNames == ["shared/kernel", "shared/bias", "used/kernel", "used/bias"])
    let history = try model.fit(data, epochs: 3, verbose: .silent)
    #expect(history.epochs.last?.logs.entries.map(\.name) == ["loss", "used_loss"])
    #expect(weights(model, "unused") == before.0)
    #expect(weights(model, "shared") != before.1)
  }

  @Test("A state without an update stays: a Normalization by weights trains without NaN")
  func stateWithoutUpdate() throws {
    let model = try Sequential(input: [3]) {
      Normalization(name: "norm")
      Dense(2, name: "dense")
    }
    let numbers: [String: Tensor] = try [
      "norm/mean": Tensor(shape: [3], [1, -2, 3]), "norm/variance": Tensor(shape: [3], [4, 0.25, 9]),
      "norm/count": Tensor(shape: [], [17]),
    ]
    try model.setWeights(numbers)
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    let data = try Dataset(inputs: noise([8, 3]), targets: noise([8, 2]))
    let history = try model.fit(data, epochs: 5, batchSize: 3, verbose: .silent)
    #expect(history["loss"].allSatisfy { $0.isFinite })
    #expect(history["loss"][4] < history["loss"][0])
    for (name, tensor) in numbers { #expect(model.weights.first { $0.name == name }?.tensor == tensor) }
  }

  @Test("Names that there are not, and the summary")
  func names() throws {
    let model = try model()
    expectError("layer \"bb\": the model has no layer of this name. Did you mean \"b\"? It has a, b, c.") {
      try model.freeze("a", "bb")
    }
    #expect(model.frozenLayers.isEmpty)
    model.freeze { $0 != "c" }
    #expect(model.frozenLayers == ["a", "b"])
    #expect(model.summaryRows.map(\.isFrozen) == [true, true, false])
    let lines = model.summary().split(separator: "\n").map(String.init)
    #expect(lines.contains { $0.hasPrefix("a (Dense) (frozen) ") })
    #expect(lines.contains { $0.hasPrefix("c (Dense)  ") })
    #expect(lines.contains("Trainable params: 15"))
    #expect(lines.contains("Non-trainable params: 44"))
  }
}
