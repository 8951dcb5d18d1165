import Athanor
import Foundation
import Testing

@Suite("Layers")
struct LayerTests {
  @Test("Every layer has a case, and every golden is used")
  func walk() throws {
    let folder = packageFolder.appendingPathComponent("Sources/Athanor/Layers")
    var kinds: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
      let source = try String(contentsOf: file, encoding: .utf8)
      for match in source.matches(of: /public struct (\w+): Layer\b/) { kinds.insert(String(match.1)) }
    }
    #expect(kinds.count >= 13)
    #expect(Set(LayerCase.all.map(\.layer.kind)) == kinds)
    #expect(Set(LayerCase.all.map(\.golden)) == Set(try LayerGolden.all.get().keys))
  }

  @Test("Output shape, weights and their number", arguments: LayerCase.all)
  func description(_ layer: LayerCase) throws {
    let golden = try LayerGolden.of(layer)
    let model = try Model(input: Array(golden.input.shape.dropFirst()), layers: [layer.layer])
    #expect(model.outputShape.description == layer.output)
    #expect(model.parameterCount == layer.parameters)
    let name = layer.layer.automaticName
    #expect(
      model.weights.map { "\($0.name) \(Shape.text($0.tensor.shape))" } == layer.weights.map { "\(name)/\($0)" })
    #expect(model.weights.filter { !$0.isTrainable }.allSatisfy { $0.name.contains("/moving_") })
    let row = try #require(model.summaryRows.first)
    #expect([row.name, row.kind, row.output] == [name, layer.layer.kind, layer.output])
    #expect(row.parameters == layer.parameters)
  }

  @Test("Prediction is that of Keras", arguments: LayerCase.all)
  func prediction(_ layer: LayerCase) throws {
    let golden = try LayerGolden.of(layer)
    let model = try Model(input: Array(golden.input.shape.dropFirst()), layers: [layer.layer])
    try model.setWeights(weights(golden, of: layer.layer.automaticName))
    let result = try model.predict(golden.input.tensor)
    #expect(result.shape == golden.prediction.shape)
    expectClose(result.floats, golden.prediction.values, "prediction")
  }

  /// The layer's input is what a dense layer without bias makes of the identity, its kernel: so its gradient is the input's. The last
  /// layer changes nothing but stops a mask, of which the goldens know nothing.
  @Test("Gradients and moving averages are those of Keras", arguments: LayerCase.all)
  func gradients(_ layer: LayerCase) throws {
    let golden = try LayerGolden.of(layer)
    let shape = golden.input.shape
    let examples = shape[0]
    let size = shape.dropFirst().reduce(1, *)
    let model = try Model(
      input: [examples],
      layers: [
        Dense(size, useBias: false, name: "feed"), Reshape(Array(shape.dropFirst()), name: "form"), layer.layer,
        Reshape(Array(golden.prediction.shape.dropFirst()), name: "last"),
      ])
    var initial = try weights(golden, of: layer.layer.automaticName)
    initial["feed/kernel"] = try Tensor(shape: [examples, size], golden.input.floats)
    try model.setWeights(initial)
    let sum = Loss("sum") { prediction, target in
      try (prediction * target).sum(axes: Array(1..<prediction.shape.rank)) * Double(examples)
    }
    try model.compile(optimizer: .sgd(learningRate: 0), loss: sum)
    let identity = (0..<examples * examples).map { Float($0 % (examples + 1) == 0 ? 1 : 0) }
    let batch = try Dataset(inputs: Tensor(shape: [examples, examples], identity), targets: golden.cotangent.tensor)

    let gradients = try model.gradients(batch)
    expectClose(
      [Float(gradients.loss)], [golden.loss],
      within: 1e-5 * max(1, golden.cotangent.values.map(\.magnitude).reduce(0, +)), "loss")
    // Numbers of rows and categories have no gradient, which Keras calls zero.
    let input = gradients["feed/kernel"]?.floats
    expectClose(
      input ?? [Float](repeating: 0, count: golden.inputGradient.values.count), golden.inputGradient.values,
      within: 3e-5, "input")
    #expect(gradients.weightNames.count == golden.gradients.count + (input == nil ? 0 : 1))
    for (name, expected) in golden.gradients {
      let actual = try #require(gradients["\(layer.layer.automaticName)/\(name)"])
      #expect(actual.shape == expected.shape)
      expectClose(actual.floats, expected.values, within: 3e-5, name)
    }
    let states = model.weights.filter { !$0.isTrainable }
    #expect(states.count == golden.after.count)
    for state in model.weights where !state.isTrainable {
      let name = String(state.name.split(separator: "/")[1])
      expectClose(state.tensor.floats, try #require(golden.after[name]).values, name)
    }
  }

  private func weights(_ golden: LayerGolden, of layer: String) throws -> [String: Tensor] {
    try Dictionary(uniqueKeysWithValues: golden.weights.map { ("\(layer)/\($0)", try $1.tensor) })
  }
}
