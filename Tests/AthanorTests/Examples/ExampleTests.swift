import Athanor
import AthanorExamples
import Testing

@Suite("The programs under Examples/")
struct ExampleTests {
  @Test("Two inputs, two outputs: figures by name, both losses fall")
  func twoInputsTwoOutputs() throws {
    let history = try TwoInputsTwoOutputs.run()
    #expect(history.epochs.last?.logs.names == ["loss", "kind_loss", "size_loss", "kind_accuracy"])
    for name in ["loss", "kind_loss", "size_loss"] {
      let (first, last) = (try #require(history[name].first), try #require(history[name].last))
      #expect(last < first / 2, "\(name): \(first), \(last)")
    }
    let logs = try #require(history.epochs.last).logs
    let (kind, size): (Double, Double) = (try #require(logs["kind_loss"]), try #require(logs["size_loss"]))
    let sum = kind + 0.1 * size
    let total: Double = try #require(logs["loss"])
    #expect(abs(sum - total) < 1e-6)
  }

  @Test("A siamese model has one set of weights and learns")
  func siamese() throws {
    let (model, history) = try Siamese.run()
    #expect(model.weights.map(\.name) == ["encode/kernel", "encode/bias", "same/kernel", "same/bias"])
    #expect(try #require(history["accuracy"].last) > 0.95)
  }

  @Test("The discriminator is shared, frozen inside and trained alone")
  func adversarial() throws {
    let (generator, discriminator, combined) = try Adversarial.run(steps: 1)
    #expect(combined.frozenLayers.contains("discriminator") && discriminator.frozenLayers.isEmpty)
    let before = discriminator.weights.map(\.tensor)
    let made = generator.weights.map(\.tensor)
    try combined.trainOnBatch(
      Dataset(inputs: noise([8, 4]), targets: Tensor(shape: [8, 1], [Float](repeating: 1, count: 8))))
    #expect(discriminator.weights.map(\.tensor) == before)
    #expect(generator.weights.map(\.tensor) != made)
    let parts: [Tensor] = generator.weights.map(\.tensor) + before
    #expect(combined.weights.map(\.tensor) == parts)
    let (trained, _, _) = try Adversarial.run()
    let points = try trained.predict(noise([64, 4])).floats
    var sum: Float = 0
    for place in stride(from: 0, to: points.count, by: 2) { sum += points[place] }
    let mean = sum / 64
    #expect(mean > 0.5)  // on its way to 2
  }

  @Test("A head on a frozen, cut base; fine-tuning moves the base as well")
  func transferLearning() throws {
    let (base, model, history) = try TransferLearning.run()
    #expect(try #require(history["accuracy"].last) > 0.9)
    let shared = model.weights.filter { $0.name.hasPrefix("features/") }.map(\.tensor)
    #expect(shared == base.weights.prefix(4).map(\.tensor))
  }

  @Test("A loop of one's own with accumulated gradients and a schedule of one's own")
  func ownTrainingLoop() throws {
    let losses = try OwnTrainingLoop.run()
    let (first, last): (Double, Double) = (losses.prefix(5).reduce(0, +), losses.suffix(5).reduce(0, +))
    #expect(last < first / 2)
  }

  @Test("A file is trained on batch by batch, also from its middle")
  func streamingFromDisk() throws {
    let folder = try TemporaryFolder()
    let losses = try StreamingFromDisk.run(in: folder.url)
    #expect(losses.count == 5)
    let (first, last): (Double, Double) = (try #require(losses.first), try #require(losses.last))
    #expect(last < first / 4)
    let source = NumberFile(path: folder.path("numbers.bin"), features: 4)
    func rows(_ cursor: any DataCursor) throws -> [Float] {
      let batch = try Batch(source.ports, capacity: 300)
      var rows: [Float] = []
      while case let count = try cursor.fill(batch), count > 0 {
        rows += try batch.withElements(.target, as: Float.self) { Array($0[..<count]) }
      }
      return rows
    }
    let whole = try rows(source.cursor(DataPass(batchSize: 300)))
    #expect(whole.count == 2000)
    let shares = try (0..<2).map { try rows(source.cursor(DataPass(batchSize: 300, share: $0, shareCount: 2))) }
    let parts: [Float] = (shares[0] + shares[1]).sorted()
    #expect(
      parts == whole.sorted()
        && shares[0] == Array(whole[..<300] + whole[600..<900] + whole[1200..<1500] + whole[1800...]))
    let moved = try source.cursor(DataPass(batchSize: 300))
    try moved.move(to: ["batch": 2])
    #expect(try rows(moved) == Array(whole[600...]))
  }
}
