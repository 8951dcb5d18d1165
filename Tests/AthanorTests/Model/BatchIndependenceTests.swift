import Athanor
import Testing

/// One example's prediction has the same bits in every batch, on every instruction set, at any number of threads.
@Suite("Predictions do not depend on the batch")
struct BatchIndependenceTests {
  private static let batches = [1, 7, 32, 33]

  private func expectSameBits(_ model: Model, sourceLocation: SourceLocation = #_sourceLocation) throws {
    // Weights that are not zero, biases and averages included.
    try model.setWeights(
      Dictionary(
        uniqueKeysWithValues: model.weights.enumerated().map { place, weight in
          let values = try noise(weight.tensor.shape, seed: UInt64(place + 2), scale: 0.5)
          let isVariance = weight.name.hasSuffix("moving_variance")
          return (
            weight.name, isVariance ? try Tensor(shape: values.shape, values.floats.map { abs($0) + 0.5 }) : values
          )
        }))
    let inputs = try noise([33] + model.inputShape)
    let count = model.outputShape.elementsPerExample
    for instructions in InstructionSet.available {
      var first: [UInt32]?
      for threads in [1, 2] {
        let pool = try ThreadPool(threadCount: threads)
        for batch in Self.batches {
          let graph = try model.network.predictionGraph(model.network.plainFeed(examples: batch))
          let plan = try Plan(graph, weights: model.weightMap, instructions: instructions)
          let workspace = try Workspace(plan)
          let input = try #require(workspace.input(Slot.input(0).key))
          inputs.floats.withUnsafeBytes { input.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<input.count])) }
          workspace.run(model.memory, pool: pool)
          let bits = workspace.floats(Slot.output(0).key).prefix(count).map(\.bitPattern)
          #expect(
            bits == first ?? bits, "\(instructions), \(threads) threads, batch \(batch)", sourceLocation: sourceLocation
          )
          first = bits
        }
      }
    }
  }

  @Test("Every layer", arguments: LayerCase.all)
  func layers(_ layer: LayerCase) throws {
    let shape = Array(try LayerGolden.of(layer).input.shape.dropFirst())
    try expectSameBits(Model(input: shape, layers: [layer.layer]))
  }

  @Test("Both networks of the tutorial", arguments: [NetworkTemplate.malireddi, .chollet])
  func networks(_ network: NetworkTemplate) throws {
    try expectSameBits(network.model(threads: 1))
  }

  @Test("Dense layers, narrow and wide", arguments: [3, 100, 260, 300, 341, 1000], [1, 10, 128, 272, 512])
  func dense(_ inputs: Int, _ units: Int) throws {
    try expectSameBits(Model(input: [inputs], layers: [Dense(units, activation: .relu)]))
  }

  /// Winograd, 1x1, strided, dilated, grouped, depthwise, and behind each a pooling of its own kind.
  @Test("Convolutions, pooled and not", arguments: 0..<7, 0..<5)
  func convolutions(_ kind: Int, _ pooling: Int) throws {
    let convolution = [
      Conv2D(32, kernelSize: 3, padding: .same, activation: .relu), Conv2D(40, kernelSize: 1),
      Conv2D(24, kernelSize: 3, strides: 2, padding: .same), Conv2D(17, kernelSize: [3, 5], dilation: 2),
      Conv2D(32, kernelSize: 3, padding: .same, groups: 2), Conv2D(16, kernelSize: 3, padding: .same, groups: 16),
      Conv2D(64, kernelSize: 5, activation: .relu),
    ][kind]
    let layers: [any Layer] =
      switch pooling {
      case 0: [convolution]
      case 1: [convolution, MaxPooling2D(2)]
      case 2: [convolution, MaxPooling2D(3)]
      case 3: [convolution, MaxPooling2D(3, strides: 2, padding: .same)]
      default: [convolution, GlobalAveragePooling2D()]
      }
    try expectSameBits(Model(input: [34, 31, 16], layers: layers))
  }

  @Test("An average over a large picture")
  func largeAverage() throws {
    try expectSameBits(Model(input: [224, 224, 3], layers: [GlobalAveragePooling2D()]))
  }
}
