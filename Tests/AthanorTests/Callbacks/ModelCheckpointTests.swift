import Athanor
import Foundation
import Testing

/// A file of text: the weights, or the weights and where training stands.
struct TextFormat: ModelFileFormat {
  func check(_ model: Model, weightsOnly: Bool) {}

  func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
    let weights = model.weights.flatMap(\.tensor.floats).map { String($0) }.joined(separator: " ")
    let progress =
      weightsOnly ? "" : "\nepoch \(model.progress.epoch) batch \(model.progress.batch) step \(model.progress.step)"
    try Data((weights + progress).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
  }
}

@Suite("ModelCheckpoint")
struct ModelCheckpointTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func files() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
  }

  private func data() throws -> Dataset {
    try Dataset(inputs: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]), targets: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]))
  }

  @Test("A file for each epoch, named by its figures, also by their old names")
  func everyEpoch() throws {
    let script = try Script()
    let checkpoint = ModelCheckpoint(folder.path("m.{epoch:02d}-{val_acc:.2f}.txt"), format: TextFormat())
    try script.run([checkpoint], "val_accuracy", [0.5, 0.999, 0.25])
    #expect(try files() == ["m.01-0.50.txt", "m.02-1.00.txt", "m.03-0.25.txt"])
    #expect(try folder.text("m.02-1.00.txt") == "2.0\nepoch 2 batch 0 step 0")
    #expect(checkpoint.lastPath == folder.path("m.03-0.25.txt"))
  }

  @Test("Only the best, down for losses and up for accuracies; NaN is never saved")
  func bestOnly() throws {
    let script = try Script()
    let down = ModelCheckpoint(folder.path("down{epoch}"), saveBestOnly: true, weightsOnly: true, format: TextFormat())
    try script.run([down], "val_loss", [.nan, 3, 4, .nan, 2, 2, 5])
    #expect(try files() == ["down2", "down5"])
    #expect(try folder.text("down5") == "5.0")
    #expect(down.best == 2)
    let up = ModelCheckpoint(folder.path("up{epoch}"), monitor: "val_acc", saveBestOnly: true, format: TextFormat())
    try script.run([up], "val_accuracy", [0.5, 0.4, 0.6])
    #expect(try files() == ["down2", "down5", "up1", "up3"])
    let turned = ModelCheckpoint(
      folder.path("turned{epoch}"), monitor: "val_acc", mode: .min, saveBestOnly: true, format: TextFormat())
    try script.run([turned], "val_accuracy", [0.5, 0.4, 0.6])
    #expect(try files().filter { $0.hasPrefix("turned") } == ["turned1", "turned2"])
  }

  @Test("The best value is remembered over a restart and over a second fit: a better file is not overwritten")
  func restart() throws {
    func make() -> ModelCheckpoint { ModelCheckpoint(folder.path("best"), saveBestOnly: true, format: TextFormat()) }
    let first = make()
    let script = try Script()
    try script.run([first], "val_loss", [2, 1])
    try script.run([first], "val_loss", [5, 4], from: 3)
    #expect(try folder.text("best").hasPrefix("2.0\n"))
    let second = make()
    second.state = first.state
    try script.run([second], "val_loss", [3, 0.5], from: 5, resuming: true)
    #expect(try folder.text("best").hasPrefix("6.0\n"))
    #expect(second.best == 0.5)
  }

  @Test("Resumed from a file that was written before it had seen the epoch, it finds its best in the history")
  func bestFromHistory() throws {
    let checkpoint = ModelCheckpoint(folder.path("best"), saveBestOnly: true, format: TextFormat())
    checkpoint.state = ["best": 2]
    let script = try Script()
    let values = [3, 2, 1, Double.nan]
    script.model.progress.history = History(
      epochs: values.enumerated().map { index, value in
        var logs = Logs()
        logs["val_loss"] = value
        return History.Epoch(number: index + 1, seconds: 1, learningRate: 1, logs: logs)
      })
    try script.run([checkpoint], "val_loss", [1.5], from: 5, resuming: true)
    #expect(checkpoint.best == 1 && checkpoint.lastPath == nil)
  }

  @Test("What the other callbacks know is in the model when it is saved, wherever they stand in the list")
  func state() throws {
    struct StateFormat: ModelFileFormat {
      func check(_ model: Model, weightsOnly: Bool) {}

      func write(_ model: Model, to path: String, weightsOnly: Bool) throws {
        let waited = model.progress.callbacks["1 EarlyStopping"]?["waited"] ?? .nan
        let text = "\(waited) \(model.progress.epoch) \(model.progress.fixedRate ?? .nan)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      }
    }
    let model = try scriptedModel(rate: 3)
    try model.fit(
      data(), epochs: 3,
      callbacks: [
        ModelCheckpoint(folder.path("{epoch}"), format: StateFormat()), EarlyStopping(monitor: .loss, patience: 9),
        LearningRateScheduler { epoch, _ in 3 + Double(epoch) },
      ], verbose: .silent)
    #expect(try [1, 2, 3].map { try folder.text("\($0)") } == ["0.0 1 4.0", "1.0 2 5.0", "2.0 3 6.0"])
  }

  @Test("Every so many batches, counted over epochs, also after resuming")
  func everyBatches() throws {
    func make() -> ModelCheckpoint {
      ModelCheckpoint(folder.path("{epoch}-{batch}-{loss:.0f}"), everyBatches: 2, format: TextFormat())
    }
    let model = try scriptedModel(rate: 0)
    model.restore([model.weights[0].name: [1]])
    try model.fit(data(), epochs: 2, batchSize: 2, callbacks: [make()], verbose: .silent)
    #expect(try files() == ["1-2-0", "2-1-0", "2-3-0"])
    #expect(try folder.text("2-1-0") == "1.0\nepoch 1 batch 1 step 4")
    // Resumed within the second epoch: the same places.
    for file in try files() { try FileManager.default.removeItem(atPath: folder.path(file)) }
    model.progress.epoch = 1
    model.progress.batch = 2
    try model.fit(data(), epochs: 3, batchSize: 2, callbacks: [make()], verbose: .silent, resume: true)
    #expect(try files() == ["2-3-0", "3-2-0"])
  }

  @Test("The last good file stays when a number becomes NaN")
  func notANumber() throws {
    let model = try scriptedModel(rate: 1e30)
    let checkpoint = ModelCheckpoint(folder.path("good"), format: TextFormat())
    var epochs = 0
    let count = ClosureCallback(epochDidEnd: { _, _, _ in epochs += 1 })
    let text = errorText { try model.fit(data(), epochs: 9, callbacks: [count, checkpoint], verbose: .silent) }
    #expect(text.contains("a number became NaN or infinite"))
    #expect(epochs > 0)
    #expect(try folder.text("good").hasSuffix("epoch \(epochs) batch 0 step \(epochs)"))
    #expect(!(try folder.text("good").contains("nan")))
  }

  @Test(
    "Places in the path",
    arguments: [
      ("plain.h5", "plain.h5"), ("{epoch:02d}-{val_loss:.2f}", "07-0.13"), ("{epoch}", "7"), ("{epoch:d}", "7"),
      ("{epoch:4d}|", "   7|"), ("{val_loss:f}", "0.126000"), ("{val_loss:08.3f}", "0000.126"), ("{val_loss}", "0.126"),
      ("{loss:07.2f}", "-001.50"), ("{loss:7.2f}", "  -1.50"), ("{batch:03d}", "012"),
      ("{acc:.1f}{accuracy:.1f}", "0.50.5"), ("a}{{epoch}}{{{batch}}}", "a}{epoch}{12}"),
      (FileTemplate.escaped("{a}") + "/{epoch}", "{a}/7"),
    ])
  func template(_ template: String, _ expected: String) throws {
    let parsed = try FileTemplate(template, names: ["epoch", "batch", "loss", "accuracy", "val_loss"])
    let figures = ["epoch": 7, "batch": 12, "loss": -1.5, "accuracy": 0.5, "val_loss": 0.126]
    #expect(parsed.path { figures[$0] ?? .nan } == expected)
  }

  @Test("Wrong paths and settings are errors before the first epoch")
  func errors() throws {
    func refuse(
      _ checkpoint: ModelCheckpoint, _ text: String, validates: Bool = true,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let script = try Script()
      expectError(text, sourceLocation: sourceLocation) {
        try script.run([checkpoint], "loss", [1], validates: validates)
      }
      #expect(script.epochs.isEmpty, sourceLocation: sourceLocation)
    }
    func checkpoint(_ path: String) -> ModelCheckpoint { ModelCheckpoint(path, format: TextFormat()) }
    try refuse(
      checkpoint("m.{epoch:02d"),
      "ModelCheckpoint path \"m.{epoch:02d\": a brace is not closed. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{val_los:.2f}"),
      "ModelCheckpoint path \"m.{val_los:.2f}\": nothing named \"val_los\" is measured. Did you mean \"val_loss\"? Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{val_loss:.2f}"),
      "ModelCheckpoint path \"m.{val_loss:.2f}\": nothing named \"val_loss\" is measured. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error.",
      validates: false)
    try refuse(
      checkpoint("m.{val_loss:02d}"),
      "ModelCheckpoint path \"m.{val_loss:02d}\": format \"02d\" is not possible for val_loss. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{epoch:.2f}"),
      "ModelCheckpoint path \"m.{epoch:.2f}\": format \".2f\" is not possible for epoch. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{epoch:.2d}"),
      "ModelCheckpoint path \"m.{epoch:.2d}\": format \".2d\" is not understood. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{loss:x.yf}"),
      "ModelCheckpoint path \"m.{loss:x.yf}\": format \"x.yf\" is not understood. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      checkpoint("m.{}"),
      "ModelCheckpoint path \"m.{}\": nothing named \"\" is measured. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      ModelCheckpoint("m", everyBatches: 0, format: TextFormat()),
      "ModelCheckpoint: everyBatches is 0 but must be at least 1.")
    try refuse(
      ModelCheckpoint("m.{val_loss}", everyBatches: 2, format: TextFormat()),
      "ModelCheckpoint path \"m.{val_loss}\": nothing named \"val_loss\" is measured. Write places such as {epoch:02d} or {val_loss:.2f}; known are epoch, batch, loss, accuracy, mean_absolute_error."
    )
    try refuse(
      ModelCheckpoint("m", saveBestOnly: true, everyBatches: 2, format: TextFormat()),
      "ModelCheckpoint: \"val_loss\" is measured after an epoch, but files are to be saved within it. Monitor one of loss, accuracy, mean_absolute_error, or leave everyBatches out."
    )
  }
}
