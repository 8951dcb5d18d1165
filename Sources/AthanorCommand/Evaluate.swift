import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Evaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a model's loss and accuracy on the test pictures of a data set.",
    discussion: "With --output DIR it also draws confusion.svg and mistakes.svg there.")

  @Argument(help: "The file of a trained model: .h5, .safetensors, ...") var file: String
  @OptionGroup var data: DataOptions
  @OptionGroup var computing: ThreadOptions
  @Option(help: "A folder for the confusion matrix and the worst mistakes.") var output: String?
  @Flag(help: "Print one JSON object: loss, accuracy and count.") var json = false

  func run() async throws {
    let model = try NetworkSource.read(file, threads: computing.threads)
    let loaded = try await data.load()
    try requireClasses(model, loaded)
    if model.training == nil { try compile(model) }
    let test = try model.arranged(loaded.test)
    let logs = try model.evaluate(test, batchSize: 200)
    if let output { try draw(model, loaded, test, output) }
    if json {
      var object: [String: Any?] = ["count": loaded.test.count]
      for entry in logs.entries { object[entry.name] = entry.value }
      return try Terminal.json(object)
    }
    print(
      "\(loaded.test.count) pictures of \(loaded.dataset.title): "
        + logs.entries.map { "\($0.name) \(String(format: "%.4f", $0.value))" }.joined(separator: ", "))
    if let output { print("Drawn: \(output)/confusion.svg and \(output)/mistakes.svg") }
  }

  /// - Throws: `AthanorError` when the model does not tell apart the classes that the data have.
  private func requireClasses(_ model: Model, _ loaded: LoadedDataset) throws {
    let names = loaded.dataset.classNames
    try model.requireOrder(of: names, loaded.dataset.title)
    if model.outputKind == .sigmoid, model.outputShape.lengths.last == 1, names.count != 2 {
      throw AthanorError(
        .shape, at: file,
        "its single sigmoid tells 2 classes apart but \(loaded.dataset.title) has \(names.count)",
        fix: "Give a model with \(names.count) outputs.")
    }
    if let own = model.classNames, own != names, own.count == names.count {
      Terminal.error(
        "Note: \(file) calls its classes \(ClassNames.list(own)), and \(loaded.dataset.title) \(ClassNames.list(names)); "
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

  private func draw(_ model: Model, _ loaded: LoadedDataset, _ test: Dataset, _ folder: String) throws {
    let isScore = model.outputKind == .other
    let probabilities = model.probabilities(of: try model.predict(test, batchSize: 200), fromLogits: isScore)
    let classes = probabilities.shape.last ?? 1
    let values = probabilities.floats
    let targets = loaded.test.targets.floats.map { Int($0) }
    let names = loaded.dataset.classNames
    guard classes == names.count, probabilities.shape.count == 2 else {
      throw AthanorError(
        .shape, at: file,
        "each prediction has shape \(Shape(Array(model.outputShape.lengths.dropFirst()))) but \(loaded.dataset.title) has "
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
    guard case .uint8(let pixels) = loaded.test.inputs.storage else { return }
    let (height, width) = (loaded.dataset.height, loaded.dataset.width)
    let mistakes = try wrong.prefix(25).map { row in
      try MistakesFigure.Mistake(
        pixels: Array(pixels[(row * height * width)..<((row + 1) * height * width)]), height: height, width: width,
        truth: names[targets[row]], prediction: names[predictions[row]],
        probability: Double(values[row * classes + predictions[row]]))
    }
    let sheet = try MistakesFigure(
      mistakes: mistakes, title: "Worst mistakes: \(wrong.count) of \(targets.count) are wrong")
    try Terminal.write(sheet.svg(), to: "\(folder)/mistakes.svg")
  }
}

/// The places of the largest numbers, largest first.
func best(_ values: ArraySlice<Float>, _ count: Int) -> [Int] {
  values.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(count).map { $0 - values.startIndex }
}
