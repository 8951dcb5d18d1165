import ArgumentParser
import Athanor
import AthanorDatasets
import Foundation

/// Labelled examples that a command works with: a data set by its name, a folder of pictures, or a table.
protocol LabelledData {
  /// What it is called: `MNIST`, `letters`.
  var title: String { get }
  /// Where it lies.
  var path: String { get }
  /// What --dataset calls it.
  var argument: String { get }
  /// What an example is called, in the singular.
  var unit: String { get }
  /// Whether examples are pictures `[H, W, C]` of bytes.
  var isPictures: Bool { get }
  /// What is worth knowing of it, in sentences.
  var findings: [String] { get }
  /// The names of the classes; nil where targets are numbers.
  var classNames: [String]? { get }
  /// The class number of each example; all 0 where targets are numbers.
  var classNumbers: [Int32] { get }
  /// The split that the data have by themselves; nil where they have none.
  var parts: ExampleSplit? { get }
  /// What of the training examples is held out for validation when the user does not say how much.
  var usualValidation: UsualValidation { get }
  /// The network that is trained when the user does not name one.
  var usualNetwork: NetworkTemplate { get }
  /// Epochs, batch size and learning rate that suit so many examples to learn from.
  func usualTraining(_ count: Int) -> UsualTraining

  /// The same data as a network takes them that is trained with some of the examples.
  func fitted(to examples: [Int]) throws -> any LabelledData
  /// The name of an example in split files.
  func name(of example: Int) -> String
  /// For each example a number that follows from what it holds, where its name says nothing of that; nil elsewhere.
  var fingerprints: [UInt64]? { get }
  /// Lets a model keep how these data become its inputs, where that is not known from the model alone.
  func attachEncoding(to model: Model) throws
  /// Examples to train with or to evaluate, in memory or read when they are needed.
  func source(_ examples: [Int]) throws -> any DataSource
  /// Some examples in memory.
  func dataset(_ examples: [Int]) throws -> Dataset
  /// A new network that fits the data.
  func model(_ template: NetworkTemplate, _ options: NetworkOptions) throws -> Model
}

extension LabelledData {
  var argument: String { path }

  func fitted(to examples: [Int]) throws -> any LabelledData { self }

  var fingerprints: [UInt64]? { nil }

  func attachEncoding(to model: Model) throws {}

  /// The examples as a model takes them.
  func source(_ examples: [Int], for model: Model) throws -> any DataSource {
    let isUsual = [.channelsLast, nil].contains(model.pictureLayout)
    return isUsual ? try source(examples) : model.arranged(try dataset(examples))
  }

  /// `1 picture`, `12 pictures`
  func counted(_ count: Int) -> String { "\(count) \(unit)\(count == 1 ? "" : "s")" }

  /// How many examples each class has in each part that has some.
  func counts(of parts: ExampleSplit) -> [ClassBalanceFigure.Split] {
    ExampleSplit.Part.allCases.filter { !parts[$0].isEmpty }.map { .init($0.rawValue, classCounts(parts[$0])) }
  }

  /// How many of some examples each class has.
  func classCounts(_ examples: [Int]) -> [Int] {
    var counts = [Int](repeating: 0, count: classNames?.count ?? 1)
    let numbers = classNumbers
    for example in examples { counts[Int(numbers[example])] += 1 }
    return counts
  }
}

/// How validation examples are chosen when the user does not say it.
enum UsualValidation {
  /// The last ones of the training examples.
  case last(Int)
  /// A share of each class, drawn.
  case share(Double)
}

/// How long and in which steps a training goes when the user does not say it.
struct UsualTraining {
  let epochs: Int
  let batchSize: Int

  /// Ten epochs for many examples, and more for few, so that there are about 2,000 steps.
  init(count: Int) {
    batchSize = count >= 10_000 ? 200 : 32
    epochs = min(max(2000 / max(1, (count + batchSize - 1) / batchSize), 10), 60)
  }

  init(epochs: Int, batchSize: Int) {
    self.epochs = epochs
    self.batchSize = batchSize
  }
}

/// What a new network is made with, besides the data.
struct NetworkOptions {
  /// Whether its first layers change pictures in training.
  var augments = false
  /// Whether these layers mirror pictures too.
  var flips = false
  var seed: UInt64 = 0
  var threads: Int?
}

/// A data set that Athanor knows by name.
struct NamedData: LabelledData {
  let loaded: LoadedDataset
  let classNumbers: [Int32]

  init(_ loaded: LoadedDataset) {
    self.loaded = loaded
    classNumbers = (loaded.train.classNumbers ?? []) + (loaded.test.classNumbers ?? [])
  }

  var title: String { loaded.dataset.title }
  var path: String { loaded.path }
  var argument: String { loaded.dataset.name }
  var unit: String { "picture" }
  var isPictures: Bool { true }
  var findings: [String] { [] }
  var classNames: [String]? { loaded.dataset.classNames }
  var usualNetwork: NetworkTemplate { .malireddi }
  func usualTraining(_ count: Int) -> UsualTraining { UsualTraining(epochs: 10, batchSize: 200) }
  /// As many as MNIST's test pictures are of its training pictures, half: 5,000 of 60,000.
  var usualValidation: UsualValidation { .last(loaded.train.count / 12) }

  var parts: ExampleSplit? {
    ExampleSplit(
      train: Array(0..<loaded.train.count), test: Array(loaded.train.count..<loaded.train.count + loaded.test.count))
  }

  func name(of example: Int) -> String {
    example < loaded.train.count ? "train \(example + 1)" : "test \(example - loaded.train.count + 1)"
  }

  func source(_ examples: [Int]) throws -> any DataSource { try dataset(examples) }

  func dataset(_ examples: [Int]) throws -> Dataset {
    // One of the two files as a whole is not copied.
    if examples == parts?.train { return loaded.train }
    if examples == parts?.test { return loaded.test }
    let count = loaded.train.count
    return try loaded.train.examples(at: examples.filter { $0 < count })
      .concatenated(with: loaded.test.examples(at: examples.filter { $0 >= count }.map { $0 - count }))
  }

  func model(_ template: NetworkTemplate, _ options: NetworkOptions) throws -> Model {
    let set = loaded.dataset
    return try template.pictureModel(set.inputShape, classes: set.classNames.count, options)
  }
}

/// A folder of pictures.
struct FolderData: LabelledData {
  let folder: PictureFolder
  /// Height, width and channels of the examples.
  let shape: [Int]
  /// Whether pictures are read when they are needed, even where they fit into memory.
  let streams: Bool

  var title: String { URL(fileURLWithPath: folder.path).lastPathComponent }
  var path: String { folder.path }
  var unit: String { "picture" }
  var isPictures: Bool { true }
  var classNames: [String]? { folder.classNames }
  var classNumbers: [Int32] { folder.classNumbers }
  var parts: ExampleSplit? { folder.parts }
  var usualValidation: UsualValidation { .share(0.2) }
  var usualNetwork: NetworkTemplate { .cnn }
  func usualTraining(_ count: Int) -> UsualTraining { UsualTraining(count: count) }

  var findings: [String] {
    let differ = folder.entries.contains { [$0.height, $0.width] != Array(shape.prefix(2)) }
    let size = "\(shape[0]) x \(shape[1]) pixels \(shape[2] == 1 ? "in shades of gray" : "in colour")"
    return folder.findings + [differ ? "They are brought to \(size)" : "They are used as \(size)"]
  }

  func name(of example: Int) -> String { folder.entries[example].name }

  func source(_ examples: [Int]) throws -> any DataSource {
    let byteCount = examples.count * shape.reduce(1, *)
    guard streams || UInt64(byteCount) > ProcessInfo.processInfo.physicalMemory / 4 else {
      return try dataset(examples)
    }
    return try PictureStream(folder, examples, height: shape[0], width: shape[1], channels: shape[2])
  }

  func dataset(_ examples: [Int]) throws -> Dataset {
    try folder.load(examples, height: shape[0], width: shape[1], channels: shape[2])
  }

  func model(_ template: NetworkTemplate, _ options: NetworkOptions) throws -> Model {
    try template.pictureModel(shape, classes: folder.classNames.count, options)
  }
}

extension NetworkTemplate {
  /// A new network for pictures `[H, W, C]`.
  func pictureModel(_ shape: [Int], classes: Int, _ options: NetworkOptions) throws -> Model {
    let augmentation =
      options.augments ? Augmentation.layers(height: shape[0], width: shape[1], horizontalFlip: options.flips) : []
    return try model(
      input: shape, classes: classes, augmentation: augmentation, seed: options.seed, threads: options.threads)
  }
}
