import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Predict: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is on pictures, or compute a model's outputs for a data set or for any numbers.",
    discussion: """
      PNG and JPEG files, or folders of them. For models of 28 x 28 gray pictures they are brought into MNIST's form \
      first (white on black, cropped, centred) unless --no-normalize is given.

      With --inputs and --outputs the inputs and outputs of any model are NumPy files. Bytes (uint8) for an input of floating-point \
      numbers are scaled as in training, by 1/255 as a rule.
      """)

  @Argument(help: "A model: .h5, .safetensors, .mlpackage, .mlmodel or .onnx.") var file: String
  @Argument(help: "Pictures, or folders of them.") var pictures: [String] = []
  @Option(help: "Predict the test pictures of this data set instead.") var dataset: String?
  @Option(name: .customLong("data-dir"), help: "The folder that holds the data set's files.") var dataDirectory: String?
  @Option(help: "With --dataset: the NumPy file (.npy) for all probabilities.") var output: String?
  @Option(help: "The numbers of an input: FILE.npy, or NAME=FILE.npy for each of several.") var inputs: [String] = []
  @Option(help: "Where outputs go: FILE.npy for one, or a folder for NAME.npy of each.") var outputs: String?
  @Option(parsing: .unconditional, help: "How many examples are computed at once; by default 32, of a data set 200.")
  var batchSize: Int?
  @OptionGroup var computing: ThreadOptions
  @Option(help: "The names of the classes in order, separated by commas.") var labels: String?
  @Flag(inversion: .prefixedNo, help: "Bring pictures into MNIST's form first.") var normalize = true
  @Flag(help: "Print one JSON object: in a line for each picture, or for what was written.") var json = false

  func validate() throws {
    guard [!pictures.isEmpty, dataset != nil, !inputs.isEmpty].filter(\.self).count == 1 else {
      throw ValidationError("Give pictures, or --dataset with --output, or --inputs with --outputs.")
    }
    guard dataset == nil || output != nil else { throw ValidationError("--dataset needs --output FILE.npy.") }
    guard dataset != nil || output == nil else { throw ValidationError("--output FILE.npy needs --dataset.") }
    guard inputs.isEmpty == (outputs == nil) else {
      throw ValidationError("--inputs FILE.npy and --outputs FILE.npy go together.")
    }
    if let batchSize {
      guard batchSize > 0 else { throw ValidationError("--batch-size must be at least 1.") }
      guard pictures.isEmpty else { throw ValidationError("--batch-size goes with --dataset or --inputs.") }
    }
    guard let dataset else { return }
    var options = DataOptions()
    options.dataset = dataset
    try options.validate()
  }

  func run() async throws {
    let model = try NetworkSource.read(file, threads: computing.threads)
    if let outputs { return try predictArrays(model, outputs) }
    if let dataset, let output { return try await predictDataset(model, dataset, output) }
    let shape = model.inputShape
    guard shape.count == 3, shape[2] == 1 || shape[2] == 3 else {
      throw AthanorError(
        .shape, at: file, "the model takes \(Shape(shape)) but pictures have height, width and 1 or 3 channels",
        fix: "Use a model of pictures.")
    }
    guard model.outputShape.rank == 2, let classes = model.outputShape[1] else {
      throw AthanorError(
        .shape, at: file,
        "each prediction has shape \(Shape(Array(model.outputShape.lengths.dropFirst()))) but one "
          + "probability for each class is needed",
        fix: "Use a model that ends with a Dense layer.")
    }
    let names = labels?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? model.classNames
    if let names, names.count != classes {
      throw AthanorError(
        .argument, at: "--labels", "\(names.count) names are given but \(file) tells \(classes) classes apart",
        fix: "Give \(classes) names, separated by commas.")
    }
    let table = Table(names: names ?? (0..<classes).map(String.init))
    let paths = try Picture.files(at: pictures)
    var refused = 0
    var isFirst = true
    for path in paths {
      let probabilities: [Float]
      do {
        probabilities = try model.predict(prepared(Picture(contentsOf: path), shape).tensor()).floats
      } catch let error as AthanorError where paths.count > 1 {
        // One bad file among many costs the exit code but not the other answers.
        Terminal.error("Error: \(error)\n")
        refused += 1
        continue
      }
      if json {
        let label = table.names[best(probabilities[...], 1)[0]]
        try Terminal.json(["file": path, "label": label, "probabilities": probabilities.map { Double($0) }])
      } else {
        if isFirst { print(table.header) }
        print(table.row(probabilities, path))
      }
      isFirst = false
    }
    if refused > 0 { throw ExitCode(1) }
  }

  /// The three likeliest classes of each picture, in columns as wide as the names need.
  private struct Table {
    let names: [String]
    private var nameWidth: Int { max(5, names.map(\.count).max() ?? 0) }
    private var restWidth: Int { 2 * (names.map(\.count).max() ?? 0) + 18 }

    private func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count)) + "   "
    }

    var header: String { pad("label", nameWidth) + pad("probability", 11) + pad("next", restWidth) + "file" }

    func row(_ probabilities: [Float], _ path: String) -> String {
      func percent(_ index: Int) -> String { String(format: "%.1f %%", probabilities[index] * 100) }
      let top = best(probabilities[...], 3)
      let rest = top.dropFirst().map { "\(names[$0]) \(percent($0))" }.joined(separator: ", ")
      return pad(names[top[0]], nameWidth) + pad(percent(top[0]), 11) + pad(rest, restWidth) + path
    }
  }

  private func prepared(_ picture: Picture, _ shape: [Int]) throws -> Picture {
    if normalize, shape == [28, 28, 1] { return try picture.mnistNormalized() }
    let colored = shape[2] == 1 ? picture.gray() : picture.color()
    // An open length takes the picture as it is.
    let (height, width) = (shape[0] > 0 ? shape[0] : colored.height, shape[1] > 0 ? shape[1] : colored.width)
    return try colored.resized(height: height, width: width)
  }

  private func predictArrays(_ model: Model, _ place: String) throws {
    _ = try NumPyFiles.paths(place, for: model.outputs)  // before the work
    let results = try model.predict(NumPyFiles.read(inputs, for: model.inputs), batchSize: batchSize ?? 32)
    let outputs = try NumPyFiles.write(results, of: model.outputs, to: place)
    guard json else {
      for output in outputs {
        print("\(output.path): \(output.name), \(output.tensor.dtype.rawValue)\(Shape.text(output.tensor.shape))")
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

  private func predictDataset(_ model: Model, _ dataset: String, _ output: String) async throws {
    var options = DataOptions()
    options.dataset = dataset
    options.dataDirectory = dataDirectory
    let loaded = try await options.load()
    let probabilities = try model.predict(loaded.test, batchSize: batchSize ?? 200)
    try NumPyArray.write(probabilities, to: output)
    if json {
      try Terminal.json(["file": output, "shape": probabilities.shape])
    } else {
      print("\(output): \(Shape(probabilities.shape.map { $0 })) probabilities")
    }
  }
}
