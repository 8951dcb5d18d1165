import Athanor
import Testing

@Suite("Regularizers and constraints of layers")
struct RegularizerTests {
  /// One kernel `[2, 2]` of 1, 2, 3, 4, whose outputs are compared with zero.
  private func model(_ layer: Dense) throws -> Model {
    let model = try Model(input: [2], name: "net", threads: 1, layers: [layer])
    try model.compile(optimizer: .sgd(learningRate: 0.5), loss: .meanSquaredError)
    try model.setWeights(["d/kernel": Tensor(shape: [2, 2], [1, -2, 3, 4])])
    return model
  }

  /// Inputs of zero: the loss is the penalty alone.
  private func batch(_ count: Int = 3) throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [count, 2], [Float](repeating: 0, count: count * 2)),
      targets: Tensor(shape: [count, 2], [Float](repeating: 0, count: count * 2)))
  }

  private func kernel(_ model: Model) -> [Float] { model.weights.first { $0.name == "d/kernel" }?.tensor.floats ?? [] }

  @Test("The penalty is part of the loss, and its gradient moves the weight")
  func penalties() throws {
    for (regularizer, loss, next) in [
      (Regularizer.l1(0.1), 1.0, [0.95, -1.95, 2.95, 3.95] as [Float]),
      (.l2(0.1), 3.0, [0.9, -1.8, 2.7, 3.6]),
      (.l1l2(l1: 0.1, l2: 0.1), 4.0, [0.85, -1.75, 2.65, 3.55]),
      (.l1l2(), 0, [1, -2, 3, 4]),
      (Regularizer("Sum") { try $0.sum(axes: [0, 1]) }, 6, [0.5, -2.5, 2.5, 3.5]),
    ] {
      let model = try model(Dense(2, useBias: false, kernelRegularizer: regularizer, name: "d"))
      #expect(abs((try model.evaluate(batch())["loss"] ?? .nan) - loss) < 1e-6, "\(regularizer.name)")
      #expect(abs((try model.trainOnBatch(batch())["loss"] ?? .nan) - loss) < 1e-6)
      #expect(zip(kernel(model), next).allSatisfy { abs($0 - $1) < 1e-6 }, "\(kernel(model))")
      // Frozen weights cost nothing and stay.
      try model.freeze("d")
      #expect(try model.evaluate(batch())["loss"] == 0)
    }
  }

  @Test("The penalty of results is divided by the number of examples")
  func activity() throws {
    let model = try model(
      Dense(2, biasInitializer: .constant(2), activityRegularizer: .l2(0.25), name: "d"))
    // Mean squares of 4, and 0.25 * 8 for each example.
    for count in [1, 3] { #expect(abs((try model.evaluate(batch(count))["loss"] ?? .nan) - 6) < 1e-6) }
  }

  @Test("Limits hold after each step, also those of the program's own")
  func constraints() throws {
    let norms: [Float] = [Float(10).squareRoot(), Float(20).squareRoot()]  // of the columns
    for (constraint, next) in [
      (Constraint.nonNegative, [1, 0, 3, 4]),
      (.maxNorm(4), [1, -2 * 4 / norms[1], 3, 4 * 4 / norms[1]]),
      (.unitNorm(), [1 / norms[0], -2 / norms[1], 3 / norms[0], 4 / norms[1]]),
      (.unitNorm(axes: [-1]), [1 / Float(5).squareRoot(), -2 / Float(5).squareRoot(), 0.6, 0.8]),
      (.maxNorm(5, axes: [0, 1]), [1, -2, 3, 4].map { $0 * 5 / Float(30).squareRoot() }),
      (
        .minMaxNorm(minimum: 3.5, maximum: 4, rate: 0.5),
        [
          (3.5 + norms[0]) / 2 / norms[0], -2 * (4 + norms[1]) / 2 / norms[1], 3 * (3.5 + norms[0]) / 2 / norms[0],
          4 * (4 + norms[1]) / 2 / norms[1],
        ]
      ),
      (Constraint("Half") { weight, _ in for index in weight.indices { weight[index] /= 2 } }, [0.5, -1, 1.5, 2]),
    ] as [(Constraint, [Float])] {
      let model = try model(Dense(2, useBias: false, kernelConstraint: constraint, name: "d"))
      try model.freeze("d")
      #expect(kernel(model) == [1, -2, 3, 4])
      try model.unfreeze("d")
      try model.trainOnBatch(batch())
      #expect(zip(kernel(model), next).allSatisfy { abs($0 - $1) < 1e-5 }, "\(constraint.name): \(kernel(model))")
    }
  }

  @Test("Wrong parameters, word for word")
  func errors() throws {
    expectError("weight \"d/kernel\": l2 is -1.0. Give a finite number of zero or more.") {
      try model(Dense(2, kernelRegularizer: .l2(-1), name: "d"))
    }
    expectError(
      "d (layer 1, Dense): the constraint of \"kernel\" is along the axes [2], but the weight has shape (2, 2). Give axes from 0 to 1."
    ) { try model(Dense(2, kernelConstraint: .maxNorm(axes: [2]), name: "d")) }
    expectError(
      "weight \"d/bias\": the penalty of regularizer \"Own\" has shape (2,) but must be a single number. Sum over all axes."
    ) { try model(Dense(2, biasRegularizer: Regularizer("Own") { $0 }, name: "d")) }
    expectError(
      "d (Dense): files have no name for \"Own\" of bias_regularizer. Save its weights alone as .weights.h5."
    ) {
      try Dense(2, biasRegularizer: Regularizer("Own") { try $0.sum(axes: [0]) }, name: "d").serialized(name: "d")
    }
  }
}
