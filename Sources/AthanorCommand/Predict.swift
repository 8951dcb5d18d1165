import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Predict: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is on pictures, or compute a model's outputs for a data set or for any numbers.",
    discussion: """
      PNG and JPEG files, or folders of them. For models that learned from MNIST they are brought into its form first (white on black, \
      cropped, centred; so too where a file says nothing and tells ten digits apart) unless --no-normalize is given. Models that take (28, 28), or channels first as PyTorch's do, \
      take pictures too.

      A model that ends without softmax gives scores and not probabilities, which --from-logits makes of them. A single sigmoid gives the \
      probability of the second of two classes.

      A model that learned from a table takes one table (.csv, .tsv) with the same columns, and writes it to --output with further \
      columns: prediction, and probability for classes.

      With --inputs and --outputs the inputs and outputs of any model are NumPy files. Bytes (uint8) for an input of floating-point \
      numbers are scaled as in training, by 1/255 as a rule.
      """)

  @Argument(help: "A model: .h5, .safetensors, .mlpackage, .mlmodel or .onnx.", completion: .file()) var file: String
  @Argument(
    help: "Pictures, or folders of them; - is one picture on standard input; or one table.", completion: .file())
  var pictures: [String] = []
  @OptionGroup(title: "Data instead of pictures") var data: DataOptions
  @OptionGroup(title: "Part of the data") var selection: PartOptions
  @Option(
    help: "With --dataset: the NumPy file (.npy) for all probabilities. With a table: the new table.",
    completion: .file()) var output: String?
  @Option(help: "The numbers of an input: FILE.npy, or NAME=FILE.npy for each of several.", completion: .file())
  var inputs: [String] = []
  @Option(help: "Where outputs go: FILE.npy for one, or a folder for NAME.npy of each.", completion: .file())
  var outputs: String?
  @Option(parsing: .unconditional, help: "How many examples are computed at once; by default 32, of a data set 200.")
  var batchSize: Int?
  @OptionGroup var computing: ThreadOptions
  @OptionGroup var classes: ClassOptions
  @Flag(inversion: .prefixedNo, help: "Prepare pictures as those that the model learned from.") var normalize = true
  @Flag(help: "Print one JSON object: in a line for each picture, or for what was written.") var json = false

  private static let standardInput = "-"

  /// The table whose rows are to be predicted.
  private var table: String? { pictures.count == 1 && TableFile.isTable(pictures[0]) ? pictures[0] : nil }

  func validate() throws {
    let dataset = data.dataset
    guard table == nil || output != nil else { throw ValidationError("A table needs --output FILE.csv.") }
    guard [!pictures.isEmpty, dataset != nil, !inputs.isEmpty].filter(\.self).count == 1 else {
      throw ValidationError("Give pictures, or --dataset with --output, or --inputs with --outputs.")
    }
    guard pictures.count(where: { $0 == Predict.standardInput }) <= 1 else {
      throw ValidationError("Standard input (-) holds one picture.")
    }
    guard dataset == nil || output != nil else { throw ValidationError("--dataset needs --output FILE.npy.") }
    guard dataset != nil || table != nil || output == nil else {
      throw ValidationError("--output FILE.npy needs --dataset, and --output FILE.csv a table.")
    }
    guard inputs.isEmpty == (outputs == nil) else {
      throw ValidationError("--inputs FILE.npy and --outputs FILE.npy go together.")
    }
    if let batchSize {
      guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1.") }
      guard pictures.isEmpty || table != nil else {
        throw ValidationError("--batch-size goes with --dataset, --inputs or a table.")
      }
    }
    if dataset != nil, let output, !output.hasSuffix(".npy") {
      throw ValidationError(
        "--output \(output): give a name that ends with .npy; a table of predictions is athanor predict MODEL TABLE.")
    }
    if let option = data.givenWithoutDataset ?? (dataset == nil ? selection.given : nil) {
      throw ValidationError("\(option) goes with --dataset.")
    }
    guard table != nil else { return }
    for (option, isGiven) in [
      ("--labels", classes.labels != nil), ("--from-logits", classes.fromLogits), ("--no-normalize", !normalize),
      ("--skip-unreadable", data.skipUnreadable),
    ] where isGiven {
      throw ValidationError("\(option) is for pictures, not for a table.")
    }
  }

  func run() async throws {
    let model = try NetworkSource.read(file, threads: computing.threads)
    if let outputs { return try predictArrays(model, outputs) }
    if let table, let output {
      return try TablePrediction(model: model, file: file, table: table, output: output).run(
        json: json, batchSize: batchSize)
    }
    if data.dataset != nil, let output { return try await predictDataset(model, output) }
    _ = try model.requirePictureInput(at: file)
    let unnamed = try ClassAnswer(of: model, names: nil, fromLogits: classes.fromLogits, at: file)
    let names = try classes.names(for: model, count: unnamed.names.count, file)
    let answer = try ClassAnswer(of: model, names: names, fromLogits: classes.fromLogits, at: file)
    let (reading, table) = (answer.reading, Table(answer: answer))
    let paths = try pictures.flatMap { try $0 == Predict.standardInput ? [$0] : Picture.files(at: [$0]) }
    if let note = reading.note(file) { Terminal.error("Note: \(note)\n") }
    var notes = PictureNotes()
    var (isFirst, failed) = (true, 0)
    for path in paths {
      let numbers: [Float]
      do {
        let picture = try path == Predict.standardInput ? .fromStandardInput() : Picture(contentsOf: path)
        notes.add(picture, path)
        let output = try model.predict(input(model, picture, path))
        numbers = model.probabilities(of: output, fromLogits: classes.fromLogits).floats
      } catch let error as AthanorError where paths.count > 1 {
        // One bad file among many costs the exit code but not the other answers.
        Terminal.error("Error: \(error.commandDescription)\n")
        notes.add(error)
        continue
      }
      if numbers.contains(where: \.isNaN) { failed += 1 }
      if json {
        Terminal.print(JSONValue.object(answer.fields(numbers).merging(["file": .text(path)]) { $1 }))
        fflush(nil)
      } else {
        if isFirst { Terminal.print(table.header) }
        Terminal.print(table.row(numbers, path))
      }
      isFirst = false
    }
    if !isFirst, normalize, model.picturePreparation == nil, model.usualPreparation == .digit {
      Terminal.error(
        "Note: \(file) does not say what it learned from; pictures are prepared as MNIST's digits are. --no-normalize leaves them as they are.\n"
      )
    }
    if failed > 0 {
      Terminal.error(
        "Warning: \(file) gives no number (NaN) for \(failed) of \(paths.count) pictures. \(divergence(file))\n")
    }
    for warning in notes.warningsOfRead(count: paths.count) { Terminal.error("Note: \(warning)\n") }
    if !notes.errors.isEmpty, !data.skipUnreadable { throw ExitCode(1) }
  }

  /// The three likeliest classes of each picture, in columns as wide as the names need.
  private struct Table {
    let answer: ClassAnswer
    private var names: [String] { answer.names }
    private var reading: OutputReading { answer.reading }
    private var nameWidth: Int { max(5, names.map(\.count).max() ?? 0) }
    private var restWidth: Int { 2 * (names.map(\.count).max() ?? 0) + 18 }

    private func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count)) + "   "
    }

    var header: String { pad("label", nameWidth) + pad(reading.column, 11) + pad("next", restWidth) + "file" }

    func row(_ numbers: [Float], _ path: String) -> String {
      func text(_ index: Int) -> String { reading.text(numbers[index]) }
      let top = best(numbers[...], 3)
      let rest = top.dropFirst().map { "\(names[$0]) \(text($0))" }.joined(separator: ", ")
      return pad(names[top[0]], nameWidth) + pad(text(top[0]), 11) + pad(rest, restWidth) + path
    }
  }

  private func input(_ model: Model, _ picture: Picture, _ path: String) throws -> Tensor {
    do {
      return try model.input(for: picture, preparation: normalize ? model.usualPreparation : nil)
    } catch let error as AthanorError {
      throw error.moved(to: path)
    }
  }

  private func predictArrays(_ model: Model, _ place: String) throws {
    _ = try NumPyFiles.paths(place, for: model.outputs)  // before the work
    let results = try model.predict(NumPyFiles.read(inputs, for: model.inputs), batchSize: batchSize ?? 32)
    let outputs = try NumPyFiles.write(results, of: model.outputs, to: place)
    guard json else {
      for output in outputs {
        Terminal.print(
          "\(output.path): \(output.name), \(output.tensor.dtype.rawValue)\(Shape.text(output.tensor.shape))")
      }
      return
    }
    let objects = outputs.map { output -> [String: Any] in
      [
        "name": output.name, "file": output.path, "shape": output.tensor.shape, "type": output.tensor.dtype.rawValue,
      ]
    }
    try Terminal.json(["outputs": objects])
  }

  private func predictDataset(_ model: Model, _ output: String) async throws {
    let found = try await data.open(for: model)
    let source = try found.source(selection.examples(of: found).examples, for: model)
    let probabilities = try model.predict(source, batchSize: batchSize ?? 200)
    try NumPyArray.write(probabilities, to: output)
    if json {
      try Terminal.json(["file": output, "shape": probabilities.shape])
    } else {
      let what = [.softmax, .sigmoid].contains(model.outputKind) ? "probabilities" : "numbers, as the model gives them"
      Terminal.print("\(output): \(Shape(probabilities.shape.map { $0 })) \(what)")
    }
  }
}
