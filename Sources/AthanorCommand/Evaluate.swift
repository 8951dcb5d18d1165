import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Measure a model's loss and accuracy on the test examples of a data set, a folder of pictures or a table.",
    discussion: """
      Pictures of a folder are brought to the size that the model takes, and its classes are those of the model. With --output DIR it also \
      draws confusion.svg and mistakes.svg there. The loss holds the penalties of large weights that a network has, as in Keras.
      """)

  @Argument(help: "The file of a trained model: .h5, .safetensors, ...", completion: .file()) var file: String
  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Part") var selection: PartOptions
  @OptionGroup var computing: ThreadOptions
  @Option(help: "A folder for the confusion matrix and the worst mistakes.", completion: .directory) var output: String?
  @Option(help: "An HTML file that holds figures, curves, worst mistakes, and how it was made.", completion: .file())
  var report: String?
  @Flag(help: "Print one JSON object: loss, accuracy and count.") var json = false

  func run() async throws {
    let model = try NetworkSource.read(file, threads: computing.threads)
    let found = try await data.open(for: model)
    let (examples, part) = try selection.examples(of: found)
    if let names = found.classNames { try requireClasses(model, names, found.title) }
    if model.training == nil {
      if found.classNames == nil {
        try model.compileForNumbers()
      } else {
        try compile(model)
      }
    }
    let source = try found.source(examples, for: model)
    let logs = try model.evaluate(source, batchSize: 200)
    if output != nil || report != nil {
      let predictions = try model.predict(source, batchSize: 200)
      let failed = predictions.floats.count(where: \.isNaN)
      guard failed == 0 else {
        throw AthanorError(
          .data, at: file,
          "\(failed) of \(predictions.count) numbers that it gives are NaN, of which nothing can be drawn",
          fix: divergence(file))
      }
      if let output { try draw(model, found, examples, predictions, output) }
      if let report {
        let text = try self.report(model, found, examples, part, predictions, logs)
        try Terminal.write(text.html(), to: report)
      }
    }
    if json {
      var object: [String: Any?] = ["count": examples.count]
      for entry in logs.entries { object[entry.name] = entry.value }
      return try Terminal.json(object)
    }
    Terminal.print(
      "\(found.counted(examples.count)) of \(found.title)\(part.map { " (\($0.rawValue))" } ?? ""): "
        + logs.entries.map { "\($0.name) \(String(format: "%.4f", $0.value))" }.joined(separator: ", "))
    if let output {
      Terminal.print("Drawn: \(output)/confusion.svg\(found.isPictures ? " and \(output)/mistakes.svg" : "")")
    }
    if let report { Terminal.print("Report: \(report)") }
  }

  private func report(
    _ model: Model, _ data: any LabelledData, _ examples: [Int], _ part: ExampleSplit.Part?, _ predictions: Tensor,
    _ logs: Logs
  ) throws -> EvaluationReport {
    let numbers = data.classNumbers
    let names = examples.map(data.name(of:))
    var report: EvaluationReport
    if let classNames = data.classNames {
      let picture = { try data.dataset([examples[$0]]).inputs }
      report = try EvaluationReport(
        targets: examples.map { Int(numbers[$0]) },
        probabilities: model.probabilities(of: predictions, fromLogits: model.outputKind == .other),
        classNames: classNames, picture: data.isPictures ? picture : nil, exampleNames: names, title: data.title)
    } else {
      report = try EvaluationReport(
        targets: data.dataset(examples).targets.floats.map(Double.init),
        predictions: predictions.floats.map(Double.init),
        targetName: model.tableEncoding?.targetName ?? "", exampleNames: names, title: data.title)
    }
    report.model = "\(file): \(model.summaryLine)"
    report.data = "\(data.counted(examples.count)) of \(data.path)\(part.map { " (\($0.rawValue))" } ?? "")"
    report.figures = logs
    report.history = model.history
    if let parts = try selection.parts(of: data), let classNames = data.classNames {
      report.balance = try ClassBalanceFigure(data.counts(of: parts), classNames: classNames)
    }
    report.command = CommandLine.arguments.indices.map {
      Terminal.quoted($0 == 0 ? "athanor" : CommandLine.arguments[$0])
    }.joined(separator: " ")
    return report
  }

  /// - Throws: `AthanorError` when the model does not tell apart the classes that the data have.
  private func requireClasses(_ model: Model, _ names: [String], _ title: String) throws {
    try model.requireOrder(of: names, title)
    if model.outputKind == .sigmoid, model.outputShape.lengths.last == 1, names.count != 2 {
      throw AthanorError(
        .shape, at: file,
        "its single sigmoid tells 2 classes apart but \(title) has \(names.count)",
        fix: "Give a model with \(names.count) outputs.")
    }
    if let own = model.classNames, own != names, own.count == names.count {
      Terminal.error(
        "Note: \(file) calls its classes \(ClassNames.list(own)), and \(title) \(ClassNames.list(names)); "
          + "they are compared by number.\n")
    }
  }

  /// The loss and accuracy of a model whose file says nothing of its training, as its output wants.
  private func compile(_ model: Model) throws {
    switch model.outputKind {
    case .softmax, .sigmoid: try model.compile(loss: .categoricalCrossentropy, metrics: [.accuracy])
    case .logSoftmax:
      let loss = Loss("negative_log_likelihood", targets: .classes) { prediction, target in
        let classes = prediction.shape.lengths.last.flatMap { $0 } ?? 1
        return try -(prediction * target.oneHot(classes)).sum(axes: [prediction.shape.rank - 1])
      }
      try model.compile(loss: loss, metrics: [.accuracy])
    case .other:
      Terminal.error("Note: \(file) ends without softmax, so its numbers are taken for logits.\n")
      try model.compile(loss: .categoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
    }
  }

  private func draw(
    _ model: Model, _ data: any LabelledData, _ examples: [Int], _ results: Tensor, _ folder: String
  ) throws {
    guard let names = data.classNames else {
      throw AthanorError(
        .argument, at: "--output", "there is no confusion matrix, for the targets of \(data.title) are numbers",
        fix: "Leave it out.")
    }
    let isScore = model.outputKind == .other
    let probabilities = model.probabilities(of: results, fromLogits: isScore)
    let classes = probabilities.shape.last ?? 1
    let values = probabilities.floats
    let numbers = data.classNumbers
    let targets = examples.map { Int(numbers[$0]) }
    guard classes == names.count, probabilities.shape.count == 2 else {
      throw AthanorError(
        .shape, at: file,
        "each prediction has shape \(Shape(Array(model.outputShape.lengths.dropFirst()))) but \(data.title) has "
          + "\(names.count) classes",
        fix: "Leave --output out, or give a model with \(names.count) outputs.")
    }
    let predictions = targets.indices.map { row in best(values[(row * classes)..<((row + 1) * classes)], 1)[0] }
    let matrix = try ConfusionMatrix(targets: targets, predictions: predictions, classCount: classes)
    try FileBytes.makeFolder(folder)
    let figure = try ConfusionMatrixFigure(counts: matrix.counts, classNames: names)
    try Terminal.write(figure.svg(), to: "\(folder)/confusion.svg")

    // The worst mistakes are those in which the model was surest.
    let wrong = targets.indices.filter { targets[$0] != predictions[$0] }
      .sorted { values[$0 * classes + predictions[$0]] > values[$1 * classes + predictions[$1]] }
    let worst = Array(wrong.prefix(25))
    let pictures = try data.dataset(worst.map { examples[$0] }).inputs
    guard case .uint8(let pixels) = pictures.storage, pictures.shape.count == 4 else { return }
    let (height, width, channels) = (pictures.shape[1], pictures.shape[2], pictures.shape[3])
    let length = height * width * channels
    let mistakes = try worst.enumerated().map { place, row in
      try MistakesFigure.Mistake(
        pixels: Array(pixels[place * length..<(place + 1) * length]), height: height, width: width, channels: channels,
        truth: names[targets[row]], prediction: names[predictions[row]],
        probability: Double(values[row * classes + predictions[row]]))
    }
    let sheet = try MistakesFigure(
      mistakes: mistakes, title: "Worst mistakes: \(wrong.count) of \(targets.count) are wrong")
    try Terminal.write(sheet.svg(), to: "\(folder)/mistakes.svg")
  }
}

/// Why a model may give NaN.
func divergence(_ file: String) -> String {
  "Its weights have probably diverged in training, or a value is far too large: athanor inspect \(Terminal.quoted(file)) shows the weights."
}

/// The places of the largest numbers, largest first.
func best(_ values: ArraySlice<Float>, _ count: Int) -> [Int] {
  values.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(count).map { $0 - values.startIndex }
}
