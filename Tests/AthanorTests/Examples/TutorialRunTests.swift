import Athanor
import AthanorExamples
import Foundation
import Testing

/// Pictures that a network can tell apart after a few steps: a bright bar whose row is the class.
private func bars(_ count: Int) throws -> Dataset {
  var pixels = [UInt8](repeating: 0, count: count * 28 * 28)
  for picture in 0..<count {
    let first = picture * 28 * 28 + (picture % 10 * 2 + 4) * 28
    for place in first..<(first + 2 * 28) { pixels[place] = 255 }
  }
  return try Dataset(
    inputs: Tensor(shape: [count, 28, 28, 1], bytes: pixels),
    targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 % 10) }))
}

@Suite("The programs of the tutorial")
struct TutorialRunTests {
  @Test("Networks, training, evaluation, figures")
  func tutorial() throws {
    let folder = try TemporaryFolder()
    let (model, chollet) = try Tutorial.networks()
    #expect(model.parameterCount == 94_602 && chollet.parameterCount == 1_199_882)
    let data = try bars(20)
    let history = try Tutorial.train(model, on: data, validation: data, folder: folder.url.path)
    #expect(history.epochs.count >= 1)
    let curves = try folder.text("curves.svg")
    #expect(curves.contains("Accuracy: training from") && curves.contains("validation from"))
    let best = try Model(contentsOf: folder.path("best.safetensors"))
    #expect(best.parameterCount == model.parameterCount)

    let (accuracy, figure) = try Tutorial.evaluate(model, on: data)
    let logs = try model.evaluate(data)
    #expect(abs(accuracy - (try #require(logs["accuracy"]) as Double)) < 1e-9)
    #expect(figure.contains("<svg"))
    let digit = try Tensor(shape: [1, 28, 28, 1], bytes: Array(repeating: 9, count: 784))
    let (filters, maps) = try Tutorial.look(into: model, at: digit)
    #expect(filters.contains("32 filters") && maps.contains("32 feature maps"))

    var canvas = [UInt8](repeating: 255, count: 280 * 280)
    #expect(try Tutorial.read(canvas, with: model) == nil)
    for row in 60..<220 { for column in 130..<150 { canvas[row * 280 + column] = 0 } }
    let probabilities = try #require(try Tutorial.read(canvas, with: model))
    #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-5)
  }

  @Test("A resumed training ends with the same bits")
  func resume() throws {
    let folder = try TemporaryFolder()
    func model() throws -> Model {
      let model = try Sequential(input: [28, 28, 1], seed: 3) {
        Flatten()
        Dense(8, activation: .relu)
        Dropout(0.5)
        Dense(10, activation: .softmax)
      }
      try model.compile(optimizer: .adam(), loss: .sparseCategoricalCrossentropy)
      return model
    }
    let data = try bars(50)
    let whole = try model()
    try whole.fit(data, epochs: 4, batchSize: 20, verbose: .silent)
    let resumed = try Tutorial.resume(try model(), data: data, folder: folder.url.path)
    #expect(resumed.weights == whole.weights)
  }

  @Test("A layer of one's own is in the file")
  func ownLayer() throws {
    let folder = try TemporaryFolder()
    let (model, copy) = try Tutorial.ownLayer(folder: folder.url.path)
    #expect(model.weights.map(\.name).contains("scale/factor"))
    #expect(copy.weights == model.weights)
  }
}
