import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("Regularizers and constraints of Keras' files")
struct RegularizerFileTests {
  private struct Golden: Decodable {
    let inputs: KerasGolden.Array
    let targets: KerasGolden.Array
    let evaluated: Double
    let losses: [Double]
    let weights: [String: KerasGolden.Array]
    let predictions: KerasGolden.Array
  }

  private func compare(_ model: Model, _ name: String) throws {
    let golden = try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: goldenFolder.appendingPathComponent("regularized.json")))
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: golden.targets.integers)
    #expect(model.warnings.isEmpty, "\(name)")
    // Penalties belong to the loss.
    #expect(abs((try model.evaluate(batch)["loss"] ?? .nan) - golden.evaluated) < 1e-5, "\(name)")
    for loss in golden.losses {
      #expect(abs((try model.trainOnBatch(batch)["loss"] ?? .nan) - loss) < 2e-5, "\(name)")
    }
    #expect(model.weights.count == golden.weights.count)
    for weight in model.weights {
      let expected = try #require(golden.weights[weight.name])
      #expect(weight.tensor.shape == expected.shape)
      let farthest = zip(weight.tensor.floats, expected.values).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(farthest < 2e-5, "\(name), \(weight.name)")
    }
  }

  @Test("Loss, evaluation and weights after steps are Keras', from each kind of file and from Athanor's")
  func training() throws {
    let folder = try TemporaryFolder()
    for ending in ["keras", "h5"] {
      let original = goldenFolder.appendingPathComponent("regularized.\(ending)").path
      try compare(Model(contentsOf: original, threads: 1), ending)
      for again in ["keras", "h5", "safetensors"] {
        try Model(contentsOf: original, threads: 1).save(to: folder.path("again.\(again)"))
        try compare(Model(contentsOf: folder.path("again.\(again)"), threads: 2), "\(ending) as \(again)")
      }
    }
  }
}
