import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a network and keep its best checkpoint.",
    discussion: """
      Leaves in the output folder: best_model.EPOCH-LOSS.h5 for each improvement, best.h5, last.h5, history.csv and \
      curves.svg; with --format safetensors, or started from such a file, .safetensors files instead. Ctrl-C finishes the \
      batch, saves the last file and says how to go on.
      """)

  @Argument(help: "A network (malireddi or chollet), or a .h5 or .safetensors file.") var network: String
  @OptionGroup var data: DataOptions
  @Option(parsing: .unconditional, help: "The number of the last epoch.") var epochs = 10
  @Option(parsing: .unconditional, help: "How many pictures one step looks at.") var batchSize = 200
  @Option(parsing: .unconditional, help: "Adam's learning rate; by default 0.001.") var learningRate: Double?
  @Option(parsing: .unconditional, help: "The number from which all random numbers follow.") var seed: UInt64 = 0
  @OptionGroup var computing: ThreadOptions
  @Option(help: "The folder for checkpoints and curves.") var output = "athanor-training"
  @Option(help: "How checkpoints are written: h5 or safetensors; by default as the file training starts from, else h5.")
  var format: String?
  @Option(help: "The last.h5 or last.safetensors of an interrupted training, to go on from.") var resume: String?
  @Option(parsing: .unconditional, help: "End when the validation loss has not improved for so many epochs.")
  var patience: Int?
  @Flag(inversion: .prefixedNo, help: "Look at the pictures in a new order in each epoch.") var shuffle = true
  @Flag(help: "Measure each operation: a table at the end, and profile.json for Chrome's trace viewer.") var profile =
    false
  @Flag(help: "Print one JSON object in a line for each epoch, and nothing else.") var json = false

  func validate() throws {
    guard epochs > 0 else { throw ValidationError("--epochs must be at least 1.") }
    guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1.") }
    if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
      throw ValidationError("--learning-rate must be above 0.")
    }
    if let patience, patience < 1 { throw ValidationError("--patience must be at least 1.") }
    guard format.map(Train.formats.contains) ?? true else {
      throw ValidationError("--format must be \(Train.formats.joined(separator: " or ")).")
    }
    guard resume == nil || learningRate == nil else {
      throw ValidationError(
        "--learning-rate cannot change in the middle of a training; leave it out, or start from the file without --resume."
      )
    }
  }

  private static let formats = ["h5", "safetensors"]

  /// The ending of the checkpoints.
  private var ending: String {
    format ?? Train.formats.first { ((resume ?? network) as NSString).pathExtension == $0 } ?? "h5"
  }

  func run() async throws {
    let named = try NetworkSource.model(network, seed: seed, threads: computing.threads)
    let model = try resume.map { try NetworkSource.read($0, threads: computing.threads) } ?? named
    if let resume, model.training == nil {
      throw AthanorError(
        .argument, at: resume, "it holds no training that this program knows, so there is nothing to go on with",
        fix: "Start from it without --resume.")
    }
    guard model.summaryRows.map(\.kind) == named.summaryRows.map(\.kind), model.parameterCount == named.parameterCount
    else {
      throw AthanorError(
        .argument, at: resume ?? network, "it holds another network than \(network)",
        fix: "Name the network, or the file, whose training was interrupted.")
    }
    try FileBytes.makeFolder(output)
    let loaded = try await data.load()
    if let resume, let number = model.history.epochs.last?.number, number >= epochs {
      Terminal.error("\(resume) has had \(number) epochs already; for more, give a larger --epochs.\n")
    }
    if resume == nil, FileManager.default.fileExists(atPath: "\(output)/history.csv") {
      Terminal.error(
        "\(output) holds an earlier training: its best.\(ending), last.\(ending), history.csv and curves.svg are replaced; its "
          + "best_model files stay.\n")
    }
    if model.training == nil || (resume == nil && learningRate != nil) {
      let rate = LearningRate.constant(learningRate ?? 0.001)
      try model.compile(optimizer: .adam(learningRate: rate), loss: .categoricalCrossentropy, metrics: [.accuracy])
    }
    if !json {
      print(model.summary())
      print(
        "Training on \(loaded.train.count) pictures of \(loaded.dataset.title) (\(loaded.path)) with \(model.threadCount) threads"
      )
    }
    if profile { model.profile = Profile() }
    let interruption = Interruption()
    var callbacks: [any Callback] = [
      CSVLogger("\(output)/history.csv"),
      ClosureCallback(epochDidEnd: { epoch, logs, context in try report(epoch, logs, context) }), interruption,
    ]
    if let patience { callbacks.append(EarlyStopping(monitor: .validationLoss, patience: patience)) }
    callbacks += [
      ModelCheckpoint("\(output)/best_model.{epoch:02d}-{val_loss:.2f}.\(ending)", saveBestOnly: true),
      ModelCheckpoint("\(output)/best.\(ending)", saveBestOnly: true), ModelCheckpoint("\(output)/last.\(ending)"),
    ]
    try model.fit(
      model.arranged(loaded.train), epochs: epochs, batchSize: batchSize, validation: model.arranged(loaded.test),
      shuffle: shuffle,
      callbacks: callbacks, verbose: json ? .silent : .auto, resume: resume != nil)
    if let profile = model.profile {
      try Terminal.write(profile.chromeTrace(), to: "\(output)/profile.json")
      Terminal.error("\n\(profile.table())\n")
    }
    if interruption.wasInterrupted {
      try model.save(to: "\(output)/last.\(ending)")
      Terminal.error("\nInterrupted and saved. Go on with:\n  \(continuation(loaded))\n")
      throw interruption.exitCode
    }
    if !json {
      let place = Terminal.quoted(output)
      // The sample stands in for MNIST when there is no network.
      var dataset = loaded.dataset.name == "mnist" ? "" : " --dataset \(loaded.dataset.name)"
      if let directory = data.dataDirectory { dataset += " --data-dir \(Terminal.quoted(directory))" }
      print(
        """

        In \(output): best.\(ending) (lowest validation loss), last.\(ending), history.csv, curves.svg
        Next: athanor evaluate \(place)/best.\(ending)\(dataset) --output \(place)
              athanor predict \(place)/best.\(ending) PICTURE.png
        """)
    }
  }

  private func continuation(_ loaded: LoadedDataset) -> String {
    var words = ["athanor", "train", network, "--resume", "\(output)/last.\(ending)", "--output", output]
    words += ["--epochs", String(epochs), "--batch-size", String(batchSize), "--dataset", loaded.dataset.name]
    if !shuffle { words.append("--no-shuffle") }
    if let threads = computing.threads { words += ["--threads", String(threads)] }
    if let directory = data.dataDirectory { words += ["--data-dir", directory] }
    if let patience { words += ["--patience", String(patience)] }
    return words.map(Terminal.quoted).joined(separator: " ")
  }

  private func report(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    let history = context.model.history
    let figure = try TrainingCurves(history, title: context.model.name.capitalized)
    try Terminal.write(figure.svg(), to: "\(output)/curves.svg")
    guard json, let last = history.epochs.last else { return }
    var object: [String: Any?] = ["epoch": epoch, "seconds": last.seconds]
    for entry in logs.entries { object[entry.name] = entry.value }
    try Terminal.json(object)
  }
}
