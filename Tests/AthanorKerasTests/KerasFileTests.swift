import Athanor
import AthanorKeras
import Foundation
import Testing

/// What Keras computes from the files beside it.
struct KerasGolden: Decodable {
  struct Array: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { get throws { try Tensor(shape: shape, values.map { Float($0) }) } }
    var integers: Tensor { get throws { try Tensor(shape: shape, integers: values.map { Int32($0) }) } }
  }
  let inputs: Array
  let targets: Array?
  let predictions: Array
  let denseKernelVelocity: Array?
  let furtherLosses: [Double]?
  let furtherPredictions: Array?

  static func of(_ name: String) throws -> KerasGolden {
    let data = try Data(contentsOf: goldenFolder.appendingPathComponent("keras.json"))
    return try #require(try JSONDecoder().decode([String: KerasGolden].self, from: data)[name])
  }
}

@Suite("Files that Keras wrote")
struct KerasFileTests {
  private func farthest(_ actual: Tensor, _ expected: KerasGolden.Array) -> Double {
    guard actual.shape == expected.shape else { return .infinity }
    return zip(actual.floats, expected.values).map { abs(Double($0) - $1) }.max() ?? .infinity
  }

  @Test("Predictions are Keras', also from a file that was never compiled or is in the spelling of Keras 2")
  func predictions() throws {
    for (file, name) in [
      ("trained", "trained"), ("plain", "plain"), ("keras2", "plain"), ("rmsprop", "rmsprop"),
      ("rmsprop-1.8", "rmsprop"),
    ] {
      let golden = try KerasGolden.of(name)
      let model = try Model(contentsOf: AthanorKerasTests.golden("\(file).h5"), threads: 2)
      #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6, "\(file)")
      #expect((model.training == nil) == (name == "plain"))
    }
  }

  @Test("The summary shows what Keras' file describes")
  func summary() throws {
    let model = try Model(contentsOf: golden("trained.h5"), threads: 1)
    #expect(model.name == "many_layers")
    #expect(
      model.layers.map(\.kind) == [
        "ZeroPadding2D", "Conv2D", "BatchNormalization", "LeakyReLU", "MaxPooling2D", "Conv2D", "AveragePooling2D",
        "Activation", "Reshape", "Flatten", "Dropout", "Dense",
      ])
    #expect(model.weights.count == 9)
  }

  @Test("The optimizer with its state, and training goes on as in Keras")
  func optimizer() throws {
    let golden = try KerasGolden.of("trained")
    let model = try Model(contentsOf: AthanorKerasTests.golden("trained.h5"), threads: 2)
    let training = try #require(model.training)
    #expect(
      training.optimizer
        == .adam(
          learningRate: .cosineDecay(initial: 0.01, steps: 20, alpha: 0.1), epsilon: 1e-5, clipping: .norm(1.5)))
    #expect(training.loss.name == "sparse_categorical_crossentropy")
    #expect(training.metrics.map(\.name) == ["accuracy"])
    #expect(model.step == 3)
    let entry = try #require(model.weightMap["dense/kernel"])
    let velocity = training.slots[1].floats[entry.offset..<entry.offset + entry.count]
    let expected = try #require(golden.denseKernelVelocity)
    #expect(velocity.map { $0 } == expected.values.map { Float($0) })

    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).integers)
    for loss in try #require(golden.furtherLosses) {
      let logs = try model.trainOnBatch(batch)
      #expect(abs((logs["loss"] ?? .nan) - loss) < 1e-5)
    }
    #expect(farthest(try model.predict(batch), try #require(golden.furtherPredictions)) < 1e-4)
  }

  @Test("Averages and momentum come in Keras' order")
  func rmsprop() throws {
    let golden = try KerasGolden.of("rmsprop")
    let model = try Model(contentsOf: AthanorKerasTests.golden("rmsprop.h5"), threads: 1)
    #expect(model.training?.optimizer == .rmsprop(learningRate: 0.01, momentum: 0.5, centered: true, weightDecay: 0.01))
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).tensor)
    for _ in 0..<2 { try model.trainOnBatch(batch) }
    #expect(farthest(try model.predict(batch), try #require(golden.furtherPredictions)) < 1e-5)
  }

  @Test("A file of Keras that Athanor writes again is the same model")
  func rewritten() throws {
    let folder = try TemporaryFolder()
    let model = try Model(contentsOf: golden("trained.h5"), threads: 1)
    try model.save(to: folder.path("again.h5"))
    let again = try Model(contentsOf: folder.path("again.h5"), threads: 1)
    #expect(weightBits(again) == weightBits(model))
    #expect(try slotBits(again) == slotBits(model))
    #expect(again.training?.optimizer == model.training?.optimizer)
    #expect(again.step == 3)
  }
}
