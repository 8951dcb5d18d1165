import Athanor
import Testing

@Suite("Several inputs and outputs")
struct SeveralOutputsTests {
  private func model() throws -> Model {
    let (x, y) = (Input([3], name: "x"), Input([2], name: "y"))
    let joined = Concatenate()(x, y)
    return try Model(
      inputs: [x, y], outputs: [Dense(3, activation: .softmax, name: "kind")(joined), Dense(1, name: "size")(joined)],
      seed: 2)
  }

  private func compiled() throws -> Model {
    let model = try model()
    try model.compile(
      optimizer: .sgd(learningRate: 0.1), losses: ["kind": .sparseCategoricalCrossentropy, "size": .meanSquaredError],
      lossWeights: ["size": 0.25], metrics: ["kind": [.accuracy], "size": [.loss(.meanAbsoluteError)]])
    return model
  }

  private func data(_ count: Int = 7, weights: [String: [Float]] = [:]) throws -> Dataset {
    try Dataset(
      inputs: ["x": noise([count, 3]), "y": noise([count, 2], seed: 2)],
      targets: [
        "kind": Tensor(shape: [count], integers: (0..<count).map { Int32($0 % 3) }),
        "size": noise([count, 1], seed: 3),
      ], sampleWeights: weights)
  }

  @Test("Figures are named as Keras names them, in history, evaluation and steps")
  func names() throws {
    let model = try compiled()
    let names = ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mean_absolute_error"]
    let history = try model.fit(data(), epochs: 2, batchSize: 3, validation: data(4), verbose: .silent)
    #expect(history.epochs[1].logs.entries.map(\.name) == names + names.map { "val_" + $0 })
    let figures = try model.evaluate(data())
    #expect(figures.entries.map(\.name) == names)
    #expect(try model.trainOnBatch(data()).entries.map(\.name) == names)
    let parts = try (#require(figures["kind_loss"]), #require(figures["size_loss"]), #require(figures["loss"]))
    #expect((parts.0 + 0.25 * parts.1 - parts.2).magnitude < 1e-6)
  }

  @Test("Examples of weight zero count for the outputs that are named alone")
  func sampleWeights() throws {
    let model = try compiled()
    let whole = try model.gradients(data())
    let weighted = try model.gradients(data(weights: ["size": [Float](repeating: 0, count: 7)]))
    #expect(weighted["kind/kernel"] == whole["kind/kernel"])
    #expect(weighted["size/kernel"]?.floats.allSatisfy { $0 == 0 } == true)
    #expect(weighted.logs["size_loss"] == 0)
    #expect(weighted.logs["kind_loss"] == whole.logs["kind_loss"])
    #expect(weighted.logs["loss"] == whole.logs["kind_loss"])
  }

  @Test("Names that there are not")
  func unknownNames() throws {
    let model = try model()
    expectError(
      "compile: losses names \"kid\", but the model has no output of this name. Did you mean \"kind\"? It has kind, size."
    ) { try model.compile(losses: ["kid": .meanSquaredError]) }
    expectError(
      "compile: metrics names \"age\", but the model has no output of this name. It has kind, size."
    ) { try model.compile(losses: ["size": .meanSquaredError], metrics: ["age": [.accuracy]]) }
    expectError("compile: the loss weight of \"size\" is -1.0. Give a finite number of zero or more.") {
      try model.compile(losses: ["size": .meanSquaredError], lossWeights: ["size": -1])
    }
    expectError("compile: no output has a loss. Give a loss for at least one output.") {
      try model.compile(losses: [:], metrics: ["kind": [.accuracy]])
    }
    let trained = try compiled()
    expectError(
      "fit: sample weights \"kid\" is given, which the model does not have. Did you mean \"kind\"? It has kind, size."
    ) {
      try trained.fit(data(weights: ["kid": [Float](repeating: 1, count: 7)]), verbose: .silent)
    }
    expectError("fit: target \"size\" is missing; there is kind. Give one tensor for each of kind, size.") {
      try trained.fit(
        Dataset(
          inputs: ["x": noise([1, 3]), "y": noise([1, 2])], targets: ["kind": Tensor(shape: [1], integers: [0])]),
        verbose: .silent)
    }
    expectError(
      "fit: the data set has one target without a name, but the model has the targets kind, size. Give the targets by name: [\"kind\": ..., \"size\": ...]."
    ) {
      try trained.fit(
        Dataset(inputs: ["x": noise([1, 3]), "y": noise([1, 2])], targets: ["": noise([1, 1])]), verbose: .silent)
    }
    expectError("fit: classWeights were given, but the model has 2 outputs. Give the data set sampleWeights by output.")
    {
      try trained.fit(data(), classWeights: [0: 2], verbose: .silent)
    }
    #expect(trained.step == 0)
  }

  @Test("One tensor for several inputs or outputs is an error")
  func single() throws {
    expectError(
      "predict: one tensor was given but the model has the inputs x, y. Give them by name: predict([\"x\": ..., \"y\": ...])."
    ) { try model().predict(noise([1, 3])) }
    expectError(
      "predict: the model has the outputs kind, size. Give the inputs by name, [\"x\": ...]; the results then come by name."
    ) { try model().predict(data()) }
    expectError(
      "predict: input \"z\" is given, which the model does not have. It has x, y."
    ) { try model().predict(["x": noise([1, 3]), "y": noise([1, 2]), "z": noise([1, 1])]) }
    expectError(
      "model \"functional\": it is no chain of layers, so nothing can be added at its end. Call layers on symbols and make a new Model."
    ) { try model().add(Dense(1)) }
  }
}
