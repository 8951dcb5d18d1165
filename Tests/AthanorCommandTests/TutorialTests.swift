import Athanor
import AthanorCoreML
import AthanorDatasets
import AthanorKeras
import AthanorONNX
import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()
private let catalogue = root.appendingPathComponent("Sources/Athanor/Athanor.docc")

/// The tutorial's programs that need more than the library; the others are in Examples/Tutorial.swift.
private enum Programs {
  static func load() async throws -> (Dataset, Dataset) {
    let (train, test) = try await MNIST.load()
    print(train.count, train.inputs.shape)  // 60000 [60000, 28, 28, 1]
    print(test.count, test.targets.shape)  // 10000 [10000]
    return (train, test)
  }

  static func ownPictures(_ path: String) throws -> Model {
    let pictures = try PictureFolder(path)
    for finding in pictures.findings { print(finding) }
    let split = try ExampleSplit(classes: pictures.classNumbers, validation: 0.2, test: 0.1, seed: 1)
    let train = try pictures.load(split.train, height: 32, width: 32, channels: 1)
    let validation = try pictures.load(split.validation, height: 32, width: 32, channels: 1)

    let model = try NetworkTemplate.cnn.model(
      input: [32, 32, 1], classes: pictures.classNames.count,
      augmentation: Augmentation.layers(height: 32, width: 32), seed: 1)
    try model.compile(
      optimizer: .adam(learningRate: .cosineDecay(initial: 0.003, steps: 20 * train.count / 32)),
      loss: .categoricalCrossentropy, metrics: [.accuracy])
    try model.fit(
      train, epochs: 20, batchSize: 32, validation: validation, classWeights: train.balancedClassWeights())

    let stream = try PictureStream(pictures, split.train, height: 32, width: 32, channels: 1)
    try model.fit(stream, epochs: 1, batchSize: 32, validation: validation)
    return model
  }

  static func ownTable(_ file: String) throws -> Model {
    let table = try TableFile(contentsOf: file, target: "kind")
    let rows = try ExampleSplit(classes: table.classNumbers ?? [], validation: 0.2, seed: 1)
    let encoding = try TableEncoding(fittedTo: table, rows: rows.train)
    let classifier = try encoding.model(hidden: [64, 64], seed: 1)
    try classifier.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    try classifier.fit(
      encoding.dataset(table, rows: rows.train), epochs: 10,
      validation: encoding.dataset(table, rows: rows.validation), verbose: .silent)
    return classifier
  }

  static func ownTexts(_ reviews: [String], _ ratings: [Int32]) throws -> Model {
    var words = TextVectorization(maxTokens: 10_000, outputSequenceLength: 40)
    words.adapt(to: reviews)
    let text = Input([40], dtype: .int32)
    let vectors = Embedding(words.vocabulary.count, 16)(text)  // [N, 40, 16]
    let rating = Dense(2, activation: .softmax)(Flatten()(vectors))
    let reader = try Model(inputs: [text], outputs: [rating], seed: 1)
    reader.textVectorization = words
    try reader.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    try reader.fit(
      Dataset(inputs: words(reviews), targets: Tensor(shape: [ratings.count], integers: ratings)), epochs: 5,
      verbose: .silent)
    return reader
  }

  static func ownSeries(_ series: Tensor, _ next: Tensor) throws -> Model {
    let windows = try TimeSeriesWindows(series, targets: next, sequenceLength: 10)
    let forecaster = try Model(input: [10, 1], layers: [Flatten(), Dense(1)])
    try forecaster.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    try forecaster.fit(windows, epochs: 5, batchSize: 32, verbose: .silent)
    return forecaster
  }

  static func export(_ model: Model, test: Dataset, folder: String) throws -> ExportReport {
    let options = CoreMLOptions(
      input: .picture(), labels: .integers(Array(0...9)), author: "Ada", license: "MIT",
      summary: "Reads a handwritten digit.")
    let report = try model.export(to: folder + "/Digits.mlpackage", as: .coreML(options), samples: test)
    print(report)
    return report
  }

  static func fromKeras(folder: String, pictures: Tensor) throws -> Tensor {
    let model = try Model(contentsOf: folder + "/digits.keras")
    print(model.summary())
    for warning in model.warnings { print(warning) }
    let probabilities = try model.predict(pictures)  // [N, 10]
    return probabilities
  }

  static func fromONNX(folder: String, pictures: Tensor) throws -> Tensor {
    let model = try Model(contentsOf: folder + "/model.onnx")
    print(model.inputs.map(\.name), model.outputs.map(\.name))
    let outputs = try model.predict(pictures)
    return outputs
  }
}

@Suite("The tutorial and the guides")
struct TutorialTests {
  private func pages() throws -> [(name: String, text: String)] {
    try FileManager.default.contentsOfDirectory(atPath: catalogue.path).filter { $0.hasSuffix(".md") }.sorted().map {
      ($0, try String(contentsOf: catalogue.appendingPathComponent($0), encoding: .utf8))
    }
  }

  private func lines(_ text: String) -> [String] {
    text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
  }

  @Test("Every Swift block is a part of a program that is compiled")
  func blocks() throws {
    let examples = root.appendingPathComponent("Examples")
    let files =
      try FileManager.default.contentsOfDirectory(at: examples, includingPropertiesForKeys: nil).filter {
        $0.pathExtension == "swift"
      } + [URL(fileURLWithPath: #filePath)]
    let sources = try files.map { lines(try String(contentsOf: $0, encoding: .utf8)) }
    var count = 0
    for (name, text) in try pages() {
      let parts = text.components(separatedBy: "```swift\n").dropFirst()
      for part in parts {
        let block = lines(part.components(separatedBy: "\n```")[0])
        count += 1
        let stands = sources.contains { source in
          source.indices.contains { source[$0...].starts(with: block) }
        }
        #expect(stands, "\(name): \(block.joined(separator: "\n"))")
      }
    }
    #expect(count >= 12)
  }

  @Test("Every picture is there, small, and shown")
  func pictures() throws {
    let folder = catalogue.appendingPathComponent("Resources")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    var shown: Set<String> = []
    for (_, text) in try pages() {
      for found in text.matches(of: #/!\[[^\]]+\]\(([^)]+)\)/#) { shown.insert(String(found.1)) }
    }
    #expect(shown == Set(names))
    for name in names {
      #expect(try Data(contentsOf: folder.appendingPathComponent(name)).count < 200_000, "\(name)")
    }
  }

  @Test("A model goes through Core ML, Keras' file and ONNX")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let test = try Digits.load().test.prefix(4)
    let model = try NetworkTemplate.malireddi.model(seed: 1)
    let expected = try model.predict(test.inputs).floats
    #expect(try Programs.export(model, test: test, folder: folder.path).sameFirstChoice == 4)
    try model.save(to: folder.path + "/digits.keras")
    #expect(try Programs.fromKeras(folder: folder.path, pictures: test.inputs).floats == expected)
    _ = try model.export(to: folder.path + "/model.onnx", as: .onnx(), samples: test)
    let outputs = try Programs.fromONNX(folder: folder.path, pictures: test.inputs)
    #expect(outputs.shape == [4, 10])
  }

  @Test("A folder of pictures and a table become models that know their classes")
  func ownData() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, shade) in [("dark", 20), ("light", 200)] {
      let place = folder.appendingPathComponent("set/\(name)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for number in 0..<10 {
        try PNG.plain(width: 9, height: 9, color: [UInt8(shade + number)])
          .write(to: place.appendingPathComponent("\(number).png"))
      }
    }
    let pictures = try Programs.ownPictures(folder.path + "/set")
    #expect(pictures.classNames == ["dark", "light"] && pictures.outputShape == [nil, 2])
    let rows = (0..<40).map { "\($0 * 7 % 40),\($0 % 3 == 0 ? "red" : "blue"),\($0 * 7 % 40 < 20 ? "low" : "high")" }
    let table = folder.appendingPathComponent("table.csv")
    try Data((["size,colour,kind"] + rows).joined(separator: "\n").utf8).write(to: table)
    let model = try Programs.ownTable(table.path)
    #expect(model.classNames == ["high", "low"] && model.tableEncoding?.columns.map(\.name) == ["size", "colour"])
    let reader = try Programs.ownTexts(["good film", "a bad film", "good", "bad"], [1, 0, 1, 0])
    #expect(reader.textVectorization?.vocabulary == ["", "[UNK]", "good", "film", "bad", "a"])
    let series = try Tensor(shape: [60, 1], (0..<60).map { Float($0) / 60 })
    let next = try Tensor(shape: [50, 1], (0..<50).map { Float($0 + 10) / 60 })
    let forecaster = try Programs.ownSeries(series, next)
    #expect(forecaster.history.epochs.count == 5)
  }
}
