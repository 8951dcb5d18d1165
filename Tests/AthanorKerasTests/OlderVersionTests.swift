import Athanor
import AthanorKeras
import Foundation
import Testing

/// Checkpoints written in the middle of an epoch by the version before functional models, and the weights with which that
/// version ended. `Tools/resume_goldens.md` says how they were made.
@Suite("A training that an older version interrupted resumes to the same bits")
struct OlderVersionTests {
  private func data(_ count: Int, seed: UInt64) throws -> Dataset {
    try Dataset(
      inputs: noise([count, 9, 8, 2], seed: seed),
      targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 * 7 % 4) }),
      sampleWeights: (0..<count).map { 0.5 + Float($0 % 3) })
  }

  private func callbacks(_ checkpoint: ModelCheckpoint?) -> [any Callback] {
    [
      EarlyStopping(monitor: .validationLoss, minDelta: 0.001, patience: 5),
      ReduceLROnPlateau(monitor: .loss, factor: 0.3, patience: 1, minDelta: 0.2),
    ] + (checkpoint.map { [$0] } ?? [])
  }

  private func finish(_ model: Model, _ callbacks: [any Callback], resume: Bool) throws -> [String] {
    try model.fit(
      data(53, seed: 2), epochs: 3, batchSize: 8, validation: data(11, seed: 3), classWeights: [1: 2],
      callbacks: callbacks, verbose: .silent, resume: resume)
    return model.weights.map { weight in
      weight.tensor.floats.map { String($0.bitPattern, radix: 16) }.joined(separator: " ")
    }
  }

  /// The optimizers of the goldens, with the instruction sets for which there are any.
  static let cases = ["adam", "sgd"]

  @Test("Weights end with the same bits", arguments: cases)
  func resume(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Goldens")
    let goldens = try JSONDecoder().decode(
      [String: [String: [String]]].self, from: Data(contentsOf: folder.appendingPathComponent("older.json")))
    #expect(goldens.keys.sorted() == ["avx2", "avx512", "reference"])
    let set = try InstructionSet.chosen().rawValue
    let file = folder.appendingPathComponent("older-\(name)-\(goldens[set] == nil ? "reference" : set).h5").path
    let model = try Model(contentsOf: file)
    #expect(model.step == 10)
    let finals = try finish(model, callbacks(nil), resume: true)
    // Another instruction set adds in another order.
    if let expected = goldens[set]?[name] { #expect(finals == expected) }
  }
}
