import Athanor
import Testing

/// Masks beside the real Keras: 100 steps from the same weights and batches.
@Suite("Masks beside Keras")
struct MaskParityTests {
  private static let all = Result { try goldens("masks", as: [String: TrainingGolden].self) }
  private let examples = 8
  private let steps = 5

  /// Time steps, a third of which have the mask's value.
  private func sequence(_ numbers: inout NumberSequence, _ features: Int, _ value: Float) throws -> Tensor {
    var values = try numbers.numbers(examples, steps, features).floats
    let kept = try numbers.integers(examples, steps, below: 3).floats
    for place in values.indices where kept[place / features] == 0 { values[place] = value }
    return try Tensor(shape: [examples, steps, features], values)
  }

  @Test("Two outputs behind one mask, a BatchNormalization before them", arguments: [false, true])
  func twoOutputs(_ isWeighted: Bool) throws {
    let golden = try #require(try MaskParityTests.all.get()[isWeighted ? "two_outputs_weighted" : "two_outputs"])
    let x = Input([steps, 3], name: "steps")
    var y = Dense(4, activation: .tanh, name: "first")(Masking(maskValue: 0.5, name: "masking")(x))
    y = BatchNormalization(momentum: 0.9, name: "norm")(y)
    let model = try Model(
      inputs: [x], outputs: [Dense(3, activation: .softmax, name: "kind")(y), Dense(2, name: "size")(y)])
    #expect(model.warnings.isEmpty)
    try model.compile(
      optimizer: .adam(learningRate: 0.001),
      losses: ["kind": .sparseCategoricalCrossentropy, "size": .meanSquaredError], lossWeights: ["size": 0.5],
      metrics: ["kind": [.accuracy], "size": [.loss(.meanAbsoluteError)]])
    var numbers = NumberSequence(state: 6)
    var last: Dataset?
    try golden.compare(model) { _ in
      let x = try sequence(&numbers, 3, 0.5)
      let y = try [
        "kind": numbers.integers(examples, steps, below: 3), "size": numbers.numbers(examples, steps, 2),
      ]
      let weights =
        try isWeighted
        ? [
          "kind": numbers.numbers(examples, steps, plus: 1), "size": numbers.numbers(examples, steps, plus: 1),
        ] : [:]
      let batch = try Dataset(inputs: ["steps": x], targets: y, sampleWeights: weights)
      last = batch
      var losses = Logs()
      for entry in try model.trainOnBatch(batch).entries where entry.name.hasSuffix("loss") {
        losses[entry.name] = entry.value
      }
      return losses
    }
    let evaluation = try model.evaluate(#require(last))
    let expected = try #require(golden.evaluation)
    #expect(Set(evaluation.names) == Set(expected.keys) && expected["kind_accuracy"] != nil)
    for (name, value) in expected { expectClose([Float(evaluation[name] ?? .nan)], [value], name) }
  }

  @Test("Masks that are added, joined along features and time, and lost")
  func merged() throws {
    let golden = try #require(try MaskParityTests.all.get()["merged"])
    let inputs = ["left", "right", "plain"].map { Input([steps, 2], name: $0) }
    let a = Masking(name: "mask_left")(inputs[0])
    let b = Masking(maskValue: -1, name: "mask_right")(inputs[1])
    let outputs = [
      Dense(1, name: "sum")(Add(name: "add")(a, b)), Dense(1, name: "features")(Concatenate(name: "join")(a, b)),
      Dense(1, name: "unmasked")(Concatenate(name: "join_plain")(a, inputs[2])),
      Dense(1, name: "times")(Concatenate(axis: 1, name: "chain")(a, inputs[2], b)),
      Dense(1, name: "flat")(Flatten(name: "flatten")(b)),
    ]
    let model = try Model(inputs: inputs, outputs: outputs)
    #expect(
      model.warnings == [
        "layer \"flatten\": a mask arrives here but does not go through the layer, so everything behind it counts. Give the data set masks for the outputs behind it if that is not meant."
      ])
    try model.compile(
      optimizer: .sgd(learningRate: 0.01, momentum: 0.9),
      losses: [
        "sum": .meanSquaredError, "features": .meanSquaredError, "unmasked": .meanSquaredError,
        "times": .meanSquaredError, "flat": .meanSquaredError,
      ])
    var numbers = NumberSequence(state: 7)
    try golden.compare(model) { _ in
      let x = try [
        "left": sequence(&numbers, 2, 0), "right": sequence(&numbers, 2, -1),
        "plain": numbers.numbers(examples, steps, 2),
      ]
      var y: [String: Tensor] = [:]
      for name in ["sum", "features", "unmasked"] { y[name] = try numbers.numbers(examples, steps, 1) }
      y["times"] = try numbers.numbers(examples, 3 * steps, 1)
      y["flat"] = try numbers.numbers(examples, 1)
      return try model.trainOnBatch(Dataset(inputs: x, targets: y))
    }
  }
}
