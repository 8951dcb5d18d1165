import Athanor
import Testing

@Suite("Small callbacks")
struct SmallCallbackTests {
  private func data(_ last: Float = 3) throws -> Dataset {
    try Dataset(inputs: Tensor(shape: [3, 1], [1, 2, last]), targets: Tensor(shape: [3, 1], [1, 2, 3]))
  }

  @Test("TerminateOnNaN ends the training without an error, with the weights before")
  func terminateOnNaN() throws {
    let model = try scriptedModel(rate: 0.01)
    let output = Output()
    output.listen(to: model)
    var bits: [[UInt32]] = []
    let watch = ClosureCallback(batchDidEnd: { _, _, context in bits = weightBits(context.model) })
    let history = try model.fit(
      data(.nan), epochs: 5, batchSize: 1, shuffle: false, callbacks: [watch, TerminateOnNaN()], verbose: .line)
    #expect(history.epochs.isEmpty)
    #expect(model.step == 2)
    #expect(weightBits(model) == bits)
    #expect(
      output.text == """
        Epoch 1/5
        Training ends: fit, epoch 1, batch 3: a number became NaN or infinite, first in the batch itself (input); the weights \
        are those before this batch. Look for NaN in the data, lower the learning rate, or limit gradients with clipping: \
        .globalNorm(1).

        """)
  }

  @Test("Closures get batch, epoch and figures, in order")
  func closures() throws {
    var calls: [String] = []
    let model = try scriptedModel(rate: 0)
    let callback = ClosureCallback(
      batchDidEnd: { batch, logs, _ in calls.append("batch \(batch) \(logs.names.count)") },
      epochDidEnd: { epoch, logs, context in calls.append("epoch \(epoch)/\(context.epochs) \(logs.names.count)") })
    try model.fit(data(), epochs: 2, batchSize: 2, validation: data(), callbacks: [callback], verbose: .silent)
    #expect(calls == ["batch 1 3", "batch 2 3", "epoch 1/2 6", "batch 1 3", "batch 2 3", "epoch 2/2 6"])
  }

  @Test("Every method is called at its place; those that save come last")
  func order() throws {
    final class Recorder: Callback {
      let name: String
      let savesModel: Bool
      let record: (String) -> Void
      init(_ name: String, saves: Bool, _ record: @escaping (String) -> Void) {
        self.name = name
        self.savesModel = saves
        self.record = record
      }
      func trainingDidBegin(_ context: TrainingContext) { record("\(name) begin") }
      func epochDidBegin(_ epoch: Int, _ context: TrainingContext) { record("\(name) epoch \(epoch)") }
      func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) { record("\(name) batch \(batch)") }
      func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) { record("\(name) end \(epoch)") }
      func trainingDidEnd(_ context: TrainingContext) { record("\(name) done") }
    }
    var calls: [String] = []
    let model = try scriptedModel(rate: 0)
    try model.fit(
      data(),
      callbacks: [
        Recorder("s", saves: true) { calls.append($0) }, Recorder("a", saves: false) { calls.append($0) },
      ], verbose: .silent)
    #expect(
      calls == [
        "a begin", "s begin", "a epoch 1", "s epoch 1", "a batch 1", "s batch 1", "a end 1", "s end 1", "a done",
        "s done",
      ])
  }

  @Test("A callback's error ends the training")
  func error() throws {
    struct Stop: Error {}
    let model = try scriptedModel(rate: 0)
    let callback = ClosureCallback(epochDidEnd: { _, _, _ in throw Stop() })
    #expect(throws: Stop.self) { try model.fit(data(), epochs: 3, callbacks: [callback], verbose: .silent) }
    #expect(model.step == 1)
  }

  @Test("Monitors know the old names")
  func monitors() {
    #expect(Monitor("acc") == .accuracy)
    #expect(Monitor("val_acc") == .validationAccuracy)
    #expect("val_loss" as Monitor == .validationLoss)
    #expect(Monitor.loss.description == "loss")
  }
}
