import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Predict: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is on pictures, or write all probabilities for a data set.",
    discussion: """
      PNG and JPEG files, or folders of them. For models of 28 x 28 gray pictures they are brought into MNIST's form \
      first (white on black, cropped, centred) unless --no-normalize is given.
      """)

  @Argument(help: "A .h5 file.") var file: String
  @Argument(help: "Pictures, or folders of them.") var pictures: [String] = []
  @Option(help: "Predict the test pictures of this data set instead.") var dataset: String?
  @Option(name: .customLong("data-dir"), help: "The folder that holds the data set's files.") var dataDirectory: String?
  @Option(help: "With --dataset: the NumPy file for all probabilities.") var output: String?
  @Option(help: "How many threads compute; by default one per core.") var threads: Int?
  @Option(help: "The names of the classes in order, separated by commas.") var labels: String?
  @Flag(inversion: .prefixedNo, help: "Bring pictures into MNIST's form first.") var normalize = true
  @Flag(help: "Print one JSON object for each picture.") var json = false

  func validate() throws {
    guard pictures.isEmpty != (dataset == nil) else {
      throw ValidationError("Give pictures, or --dataset with --output.")
    }
    guard dataset == nil || output != nil else { throw ValidationError("--dataset needs --output FILE.npy.") }
  }

  func run() async throws {
    let model = try Model(contentsOf: file, threads: threads)
    if let dataset, let output { return try await predictDataset(model, dataset, output) }
    let shape = model.inputShape
    guard shape.count == 3, shape[2] == 1 || shape[2] == 3 else {
      throw AthanorError(
        .shape, at: file, "the model takes \(shape) but pictures have height, width and 1 or 3 channels",
        fix: "Use a model of pictures.")
    }
    let names = labels?.split(separator: ",").map(String.init)
    for (index, path) in try Picture.files(at: pictures).enumerated() {
      let picture = try prepared(Picture(contentsOf: path), shape)
      if index == 0, !json { print("label   probability   next                       file") }
      let probabilities = try model.predict(picture.tensor()).floats
      func name(_ index: Int) -> String {
        guard let names, names.indices.contains(index) else { return String(index) }
        return names[index]
      }
      let top = best(probabilities[...], 3)
      if json {
        try Terminal.json([
          "file": path, "label": name(top[0]), "probabilities": probabilities.map { Double($0) },
        ])
      } else {
        func percent(_ index: Int) -> String { String(format: "%.1f %%", probabilities[index] * 100) }
        let rest = top.dropFirst().map { "\(name($0)) \(percent($0))" }.joined(separator: ", ")
        func pad(_ text: String, _ width: Int) -> String {
          text + String(repeating: " ", count: max(0, width - text.count))
        }
        print(pad(name(top[0]), 8) + pad(percent(top[0]), 14) + pad(rest, 27) + path)
      }
    }
  }

  private func prepared(_ picture: Picture, _ shape: [Int]) throws -> Picture {
    if normalize, shape == [28, 28, 1] { return try picture.mnistNormalized() }
    let colored = shape[2] == 1 ? picture.gray() : picture.color()
    return try colored.resized(height: shape[0], width: shape[1])
  }

  private func predictDataset(_ model: Model, _ dataset: String, _ output: String) async throws {
    var options = DataOptions()
    options.dataset = dataset
    options.dataDirectory = dataDirectory
    let loaded = try await options.load()
    let probabilities = try model.predict(loaded.test, batchSize: 200)
    try NumPyFile.write(probabilities, to: output)
    if json {
      try Terminal.json(["file": output, "shape": probabilities.shape])
    } else {
      print("\(output): \(Shape(probabilities.shape.map { $0 })) probabilities")
    }
  }
}
