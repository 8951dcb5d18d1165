import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Train: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a network and keep its best checkpoint.",
    discussion: """
      The data are a data set by its name, a folder with a folder of pictures for each class (or with train, val and test folders of that \
      kind), or a table with a header, of which --target names the column to predict. They are looked at first; what was found is written to \
      standard error. A network without weights is made to fit them.

      Leaves in the output folder: best_model.EPOCH-LOSS.h5 for each improvement, best.h5, last.h5, history.csv, curves.svg and split.csv, which \
      says what each example was used for; with --format safetensors, or started from such a file, .safetensors files instead. Ctrl-C finishes \
      the batch, saves the last file and says how to go on.
      """)

  @Argument(
    help: ArgumentHelp(
      "A network (\(NetworkSource.names.joined(separator: ", "))) or a model file, with weights or (.json) without; by default malireddi for a data set that has a name, cnn for a folder and mlp for a table."
    ), completion: .names(NetworkSource.names))
  var network: String?
  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Split") var splitting: SplitOptions
  @OptionGroup(title: "Steps") var setup: SetupOptions
  @Option(parsing: .unconditional, help: "The number of the last epoch; by default 10, and more for few examples.")
  var epochs: Int?
  @Option(
    parsing: .unconditional,
    help: "How many examples one step looks at; by default 200, and less for few examples.")
  var batchSize: Int?
  @Flag(
    help:
      "Shift, turn and zoom the pictures a little in training, each time by other numbers; goes with a new network, not with a model file or --base."
  )
  var augment = false
  @Flag(help: "Mirror them too, left to right; not for letters and digits.") var flip = false
  @Option(
    parsing: .unconditional,
    help:
      "Mix pairs of examples, with shares drawn from Beta(ALPHA, ALPHA), such as 0.2 (Zhang et al. 2018).")
  var mixup: Double?
  @Option(
    parsing: .unconditional,
    help:
      "Put a rectangle of another picture into each, with its area drawn from Beta(ALPHA, ALPHA), such as 1 (Yun et al. 2019)."
  )
  var cutmix: Double?
  @Option(help: "Weights of classes in the loss: balanced lets all classes count alike.") var classWeights:
    ClassWeighting?
  @Option(
    help: "A trained model to begin with: all of its layers but the last one with weights, before a new last layer.",
    completion: .file())
  var base: String?
  @Flag(help: "Leave the weights of --base as they are, and train the new layer alone.") var freeze = false
  @Option(parsing: .unconditional, help: "The number from which all random numbers follow.") var seed: UInt64 = 0
  @OptionGroup var computing: ThreadOptions
  @Option(help: "The folder for checkpoints and curves.", completion: .directory) var output = "athanor-training"
  @Option(help: "How checkpoints are written; by default as the file training starts from, else h5.")
  var format: CheckpointFormat?
  @Option(
    help:
      "The last.h5 or last.safetensors of an interrupted training, to go on from. Network, optimizer and loss are those of the file; give the options about data, mixing, classes and seed as before.",
    completion: .file())
  var resume: String?
  @Option(parsing: .unconditional, help: "End when the validation loss has not improved for so many epochs.")
  var patience: Int?
  @Flag(inversion: .prefixedNo, help: "Look at the examples in a new order in each epoch.") var shuffle = true
  @Option(
    help: ArgumentHelp("Write event files for TensorBoard into this folder.", valueName: "folder"),
    completion: .directory)
  var tensorboard: String?
  @Flag(help: "Measure each operation: a table at the end, and profile.json for Chrome's trace viewer.") var profile =
    false
  @Flag(help: "Print one JSON object in a line for each epoch, and nothing else.") var json = false

  enum ClassWeighting: String, ExpressibleByArgument, CaseIterable {
    case balanced
  }

  enum CheckpointFormat: String, ExpressibleByArgument, CaseIterable {
    case h5, safetensors
  }

  func validate() throws {
    for (option, number) in [("--epochs", epochs), ("--batch-size", batchSize), ("--patience", patience)] {
      if let number, !(1...1 << 30).contains(number) {
        throw ValidationError("\(option) must be at least 1 and at most 2^30.")
      }
    }
    if resume != nil, let option = setup.given.first {
      throw ValidationError(
        "\(option) cannot change in the middle of a training; leave it out, or start from the file without --resume.")
    }
    if base != nil, network != nil { throw ValidationError("--base is the network; leave \(network ?? "") out.") }
    for (option, alpha) in [("--mixup", mixup), ("--cutmix", cutmix)] {
      if let alpha, !(alpha > 0 && alpha.isFinite) { throw ValidationError("\(option) must be above 0.") }
    }
    if mixup != nil, cutmix != nil { throw ValidationError("Give --mixup or --cutmix.") }
    if mixup ?? cutmix != nil, classWeights != nil {
      throw ValidationError(
        "--class-weights does not go with --mixup and --cutmix, whose examples have several classes.")
    }
    if tensorboard == "" { throw ValidationError("--tensorboard needs the name of a folder.") }
    if augment, let network, NetworkSource.network(network) == nil {
      throw ValidationError("--augment goes with a new network, not with a model file; its layers stand in the file.")
    }
    if flip, !augment { throw ValidationError("--flip goes with --augment.") }
    if freeze, base == nil { throw ValidationError("--freeze goes with --base.") }
  }

  /// The ending of the checkpoints.
  private var ending: String {
    let file = ((resume ?? base ?? network ?? "") as NSString).pathExtension
    return (format ?? CheckpointFormat(rawValue: file) ?? .h5).rawValue
  }

  func run() async throws {
    let (model, found, split, steps) = try await prepared()
    let usual = found.usualTraining(split.train.count)
    let (epochs, batchSize) = (epochs ?? usual.epochs, batchSize ?? usual.batchSize)
    let validated = splitting.validated(split)
    warn(model, epochs: epochs)
    warnOfScale(model)
    for sentence in described(split, found) { Terminal.error(sentence + ".\n") }
    if model.training == nil || (resume == nil && !setup.given.isEmpty) {
      try setup.compile(
        model, for: found, steps: epochs * ((split.train.count + batchSize - 1) / batchSize), usual: steps)
    }
    let train = try mixed(found.source(split.train, for: model), found)
    let validation = try found.source(validated, for: model)
    // Nothing of an earlier training is replaced before all is known to go together.
    try FileBytes.makeFolder(output)
    try SplitFile.write(split, of: found, to: "\(output)/split.csv")
    // The best of an earlier training must not pass for that of this one.
    if resume == nil { unlink("\(output)/best.\(ending)") }
    if !json {
      Terminal.print(model.summary())
      Terminal.print(
        "Training on \(found.counted(split.train.count)) of \(found.title) (\(found.path)), \(epochs) epochs in batches of \(batchSize), with "
          + "\(model.threadCount) threads; validating on \(validated.count)")
    }
    if profile { model.profile = Profile() }
    let interruption = Interruption()
    let weights = classWeights == .balanced ? Dataset.balancedClassWeights(found.classCounts(split.train)) : [:]
    try model.fit(
      train, epochs: epochs, batchSize: batchSize, validation: validation, shuffle: shuffle, classWeights: weights,
      callbacks: callbacks(interruption, found, split), verbose: json ? .silent : .auto, resume: resume != nil)
    if let profile = model.profile {
      try Terminal.write(profile.chromeTrace(), to: "\(output)/profile.json")
      Terminal.error("\n\(profile.table())\n")
    }
    if interruption.wasInterrupted {
      try model.save(to: "\(output)/last.\(ending)")
      Terminal.error("\nInterrupted and saved. Go on with:\n  \(continuation(epochs: epochs, batchSize: batchSize))\n")
      throw interruption.exitCode
    }
    // Where all epochs were done before there is nothing new.
    if !json, FileManager.default.fileExists(atPath: "\(output)/last.\(ending)") { Terminal.print(closing(found)) }
  }

  /// The model that is trained, the data as it takes them, their split, and the steps when no others are asked for.
  private func prepared() async throws -> (Model, any LabelledData, ExampleSplit, SetupOptions.UsualSteps) {
    let resumed = try resume.map { try NetworkSource.read($0, threads: computing.threads) }
    if let resume, resumed?.training == nil {
      throw AthanorError(
        .argument, at: resume, "it holds no training that this program knows, so there is nothing to go on with",
        fix: "Start from it without --resume.")
    }
    let start = try base.map { try NetworkSource.read($0, threads: computing.threads, compiled: false) }
    let template = network.flatMap(NetworkSource.network)
    let file = try template == nil ? network.map { try NetworkSource.file($0, threads: computing.threads) } : nil
    var found: any LabelledData
    if let known = resumed ?? file {
      found = try await data.open(for: known)
    } else {
      found = try await data.open(pictures: start?.pictureInput?.shape)
    }
    for finding in found.findings { Terminal.error(finding + ".\n") }
    if classWeights != nil, found.classNames == nil {
      throw AthanorError(
        .argument, at: "--class-weights", "the targets of \(found.title) are numbers, not classes", fix: "Leave it out."
      )
    }
    let split = try splitting.split(found, seed: seed, resuming: resume)
    found = try found.fitted(to: split.train)
    let chosen = template ?? found.usualNetwork
    let options = NetworkOptions(augments: augment, flips: flip, seed: seed, threads: computing.threads)
    func named() throws -> Model {
      try file ?? start.map { try $0.withNewHead(for: found, freeze: freeze, options) } ?? found.model(chosen, options)
    }
    let model = try resumed ?? named()
    // What the file holds need not be named again; what is named must be what it holds.
    if let resume, network != nil || base != nil || augment, try !model.hasLayers(of: named()) {
      throw AthanorError(
        .argument, at: resume,
        "it holds another network than \(network ?? base ?? chosen.rawValue)\(augment ? " with --augment" : "")",
        fix: "Give the network and the augmentation of the training that was interrupted, or leave them out.")
    }
    try found.attachEncoding(to: model)
    try requireClasses(model, found)
    return (model, found, split, file != nil ? .forFiles : start != nil ? .forNewHeads : chosen.usualSteps)
  }

  /// Warns of numbers in a table that a network of the user's own takes as they are.
  private func warnOfScale(_ model: Model) {
    guard let network, NetworkSource.network(network) == nil, model.tableEncoding?.numbers.isEmpty == false,
      model.history.epochs.isEmpty
    else { return }
    Terminal.error(
      "Note: \(network) gets the numbers of the table as they are, and has to normalise them itself, as mlp does.\n")
  }

  /// Says what the user may not expect of the folder and of the file to go on from.
  private func warn(_ model: Model, epochs: Int) {
    if let resume {
      if let number = model.history.epochs.last?.number, number >= epochs {
        Terminal.error("\(resume) has had \(number) epochs already; for more, give a larger --epochs.\n")
      }
    } else if FileManager.default.fileExists(atPath: "\(output)/history.csv") {
      Terminal.error(
        "\(output) holds an earlier training: its best.\(ending), last.\(ending), history.csv, curves.svg and split.csv are replaced; its "
          + "best_model files stay.\n")
    }
  }

  private func callbacks(
    _ interruption: Interruption, _ data: any LabelledData, _ split: ExampleSplit
  ) throws -> [any Callback] {
    var callbacks: [any Callback] = [
      CSVLogger("\(output)/history.csv"),
      ClosureCallback(epochDidEnd: { epoch, logs, context in try report(epoch, logs, context) }), interruption,
    ]
    if let tensorboard {
      let pictures = data.isPictures ? try data.dataset(Array(split.train.prefix(32))).inputs : nil
      callbacks.append(TensorBoard(logDirectory: tensorboard, histogramFrequency: 1, pictures: pictures))
    }
    if let patience { callbacks.append(EarlyStopping(monitor: .validationLoss, patience: patience)) }
    let folder = FileTemplate.escaped(output)
    return callbacks + [
      ModelCheckpoint("\(folder)/best_model.{epoch:02d}-{val_loss:.2f}.\(ending)", saveBestOnly: true),
      ModelCheckpoint("\(folder)/best.\(ending)", saveBestOnly: true), ModelCheckpoint("\(folder)/last.\(ending)"),
    ]
  }

  /// Examples that are mixtures, where the options ask for that.
  private func mixed(_ source: any DataSource, _ data: any LabelledData) throws -> any DataSource {
    guard let method = mixup.map({ Mixing.Method.mixUp(alpha: $0) }) ?? cutmix.map({ .cutMix(alpha: $0) }) else {
      return source
    }
    let option = mixup == nil ? "--cutmix" : "--mixup"
    guard data.isPictures || mixup != nil else {
      throw AthanorError(.argument, at: option, "it is for pictures but \(data.title) is a table", fix: "Leave it out.")
    }
    guard source.ports.inputs.allSatisfy({ $0.dtype != .int32 }) else {
      throw AthanorError(
        .argument, at: option, "\(data.title) has columns of categories, which cannot be mixed",
        fix: "Leave it out.")
    }
    return try Mixing(method, of: source, classCount: data.classNames?.count)
  }

  /// - Throws: `AthanorError` when the targets are classes and the network has another number of them.
  private func requireClasses(_ model: Model, _ data: any LabelledData) throws {
    // Examples of the first classes alone are taken, whatever others the data have names for.
    guard let names = data.classNames, let count = model.classCount, count != names.count,
      count > names.count || data.classNumbers.contains(where: { $0 >= count })
    else { return }
    throw AthanorError(
      .shape, at: resume ?? network ?? "", "it tells \(count) classes apart but \(data.title) has \(names.count)",
      fix: "Train a new network, or give the file as --base, which makes a new last layer.")
  }

  /// What each part of the data is for, in a sentence.
  private func described(_ split: ExampleSplit, _ data: any LabelledData) -> [String] {
    let (validated, tested) = (splitting.validated(split), splitting.validateOn == .test ? [] : split.test)
    var text = "\(data.counted(split.train.count)) to train with, \(validated.count) to validate on"
    if splitting.validateOn == .test { text += ", which are those for testing" }
    if !tested.isEmpty { text += ", \(tested.count) to test with" }
    // Of a data set that has a name there is nothing to find out.
    var sentences = data.findings.isEmpty ? [] : [text]
    if let names = data.classNames {
      let (train, validation) = (data.classCounts(split.train), data.classCounts(validated))
      let parts =
        [(train, "to train with"), (validation, "to validate on")]
        + (tested.isEmpty ? [] : [(data.classCounts(tested), "to test with")])
      for (counts, what) in parts {
        let lacking = zip(names, counts).filter { $0.1 == 0 }.map(\.0)
        if !lacking.isEmpty {
          sentences.append("There are no \(data.unit)s \(what) of \(lacking.joined(separator: ", "))")
        }
      }
    }
    return sentences
  }

  /// What is in the folder, and what can be done next.
  private func closing(_ data: any LabelledData) -> String {
    let place = Terminal.quoted(output)
    var options = data.argument == DataOptions.usual ? [] : ["--dataset", data.argument]
    options += CommandLine.split(CommandLine.arguments, at: ["--data-dir", "--size", "--channels"]).options
    if self.data.skipUnreadable { options.append("--skip-unreadable") }
    // The table's reader knows it by its ending, or by the target.
    options += CommandLine.split(CommandLine.arguments, at: ["--target"]).options
    let isEvaluatedByItself = data.parts.map { !$0.test.isEmpty || !$0.validation.isEmpty } ?? false
    if !isEvaluatedByItself || splitting.split != nil { options += ["--split", "\(output)/split.csv"] }
    let suffix = options.map { " " + Terminal.quoted($0) }.joined()
    // A resumed training in another folder may not have been better than it was before, and a loss may be no number.
    let hasBest = FileManager.default.fileExists(atPath: "\(output)/best.\(ending)")
    let file = "\(place)/\(hasBest ? "best" : "last").\(ending)"
    let best = hasBest ? "best.\(ending) (lowest validation loss), " : ""
    let remark = hasBest ? "" : "; no epoch had a lower validation loss than the training before"
    let figures = data.classNames == nil ? "--report \(place)/report.html" : "--output \(place)"
    return """

      In \(output): \(best)last.\(ending), history.csv, curves.svg, split.csv\(remark)
      Next: athanor evaluate \(file)\(suffix) \(figures)
            athanor predict \(file) \(data.isPictures ? "PICTURE.png" : "TABLE.csv --output FILE.csv")
      """
  }

  /// The command that goes on where this one was interrupted: the same words, without what holds from the beginning to the end.
  private func continuation(epochs: Int, batchSize: Int) -> String {
    let dropped = ["--resume", "--epochs", "--batch-size", "--output"] + setup.given
    var words = CommandLine.split(Array(CommandLine.arguments.dropFirst()), at: dropped).others
    words += ["--resume", "\(output)/last.\(ending)", "--output", output]
    words += ["--epochs", String(epochs), "--batch-size", String(batchSize)]
    return (["athanor"] + words).map(Terminal.quoted).joined(separator: " ")
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
