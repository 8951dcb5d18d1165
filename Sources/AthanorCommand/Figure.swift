import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

struct Figure: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Draw a convolution's filters, what a layer makes of a picture, the pictures of a data set, or its classes.",
    discussion: """
      The figures are SVG files. "athanor train" draws the curves of a training, "athanor evaluate --output" the confusion matrix and the \
      worst mistakes, and "athanor inspect --graph" the layers.
      """,
    subcommands: [FilterFigure.self, FeatureFigure.self, DataFigure.self, AugmentedFigure.self, BalanceFigure.self])
}

/// Where a figure goes, and how it looks.
struct FigureOptions: ParsableArguments {
  @Option(help: "The SVG file to write.", completion: .file()) var output: String
  @Option(help: "Colours for light or dark surroundings, or automatic, as the reader's system asks.")
  var theme = FigureTheme.automatic
  @Flag(help: "Print one JSON object: the file, and what is drawn.") var json = false

  func validate() throws {
    guard output.lowercased().hasSuffix(".svg") else {
      throw ValidationError("--output \(output): give a name that ends with .svg.")
    }
  }

  /// Writes the figure and prints the facts of it; `sentence` is what a person reads.
  func write(_ svg: String, _ sentence: String, _ facts: [String: Any?]) throws {
    try Terminal.write(svg, to: output)
    guard json else { return Terminal.print("\(output): \(sentence)") }
    try Terminal.json(facts.merging(["file": output]) { $1 })
  }
}

extension FigureTheme: ExpressibleByArgument {}

struct FilterFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filters", abstract: "Draw the filters of a convolution.",
    discussion: "Each weight is a cell: blue above zero and orange below, the stronger the larger.")

  @Argument(
    help: "A network (\(NetworkSource.names.joined(separator: ", "))) or a model file.",
    completion: .names(NetworkSource.names)) var model: String
  @Option(help: "The name of a convolution; by default the first.") var layer: String?
  @OptionGroup var figure: FigureOptions

  func run() throws {
    let filters = try FiltersFigure(NetworkSource.model(model, threads: 1), layer: layer)
    try figure.write(
      filters.svg(theme: figure.theme), "\(filters.shownCount) of \(filters.count) filters of \(filters.layer)",
      ["layer": filters.layer, "shown": filters.shownCount, "count": filters.count])
  }
}

struct FeatureFigure: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features", abstract: "Draw what a layer makes of a picture.",
    discussion: """
      Each of the layer's channels is a map: blue above zero and orange below, the stronger the larger. The picture is prepared as \
      "athanor predict" does it.
      """)

  @Argument(help: "A model file.", completion: .file()) var model: String
  @Argument(help: "A PNG or JPEG file.", completion: .file()) var picture: String
  @Option(help: "The name of a layer whose result has height, width and channels; by default the first.")
  var layer: String?
  @Flag(inversion: .prefixedNo, help: "Prepare the picture as those that the model learned from.") var normalize = true
  @OptionGroup var figure: FigureOptions

  func run() throws {
    let network = try NetworkSource.read(model, threads: 1)
    _ = try network.requirePictureInput(at: model)
    let input: Tensor
    do {
      input = try network.takingChannelsLast().input(
        for: Picture(contentsOf: picture), preparation: normalize ? network.usualPreparation : nil)
    } catch let error as AthanorError {
      throw error.moved(to: picture)
    }
    let maps = try FeatureMapsFigure(network, picture: input, layer: layer)
    try figure.write(
      maps.svg(theme: figure.theme), "\(maps.shownCount) of \(maps.count) feature maps of \(maps.layer)",
      ["layer": maps.layer, "shown": maps.shownCount, "count": maps.count])
  }
}

struct DataFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Draw the first pictures of each class of a data set.",
    discussion: "The pictures are those of the training, with the number of them in each class.")

  @OptionGroup var data: DataOptions
  @Option(parsing: .unconditional, help: "How many pictures stand in a row, 1 to 20.") var columns = 10
  @OptionGroup var figure: FigureOptions

  func validate() throws {
    guard (1...20).contains(columns) else { throw ValidationError("--columns must be from 1 to 20.") }
  }

  func run() async throws {
    let found = try await data.open()
    let examples = found.parts?.train ?? Array(found.classNumbers.indices)
    let sheet = try DatasetFigure(found.dataset(examples), title: found.title, columns: columns)
    try figure.write(
      sheet.svg(theme: figure.theme),
      "\(examples.count) pictures of \(sheet.classNames.count) classes, of which "
        + "the first \(columns) are drawn",
      [
        "pictures": examples.count, "columns": columns,
        "classes": Dictionary(zip(sheet.classNames, sheet.counts)) { $1 },
      ])
  }
}

struct AugmentedFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "augmented", abstract: "Draw pictures as \"athanor train --augment\" changes them.",
    discussion: "Each row begins with a picture of the training as it is.")

  @OptionGroup var data: DataOptions
  @Flag(help: "Mirror them too, left to right.") var flip = false
  @Option(parsing: .unconditional, help: "How many pictures are drawn, 1 to 20.") var pictures = 8
  @Option(parsing: .unconditional, help: "How often each is changed, 1 to 20.") var versions = 9
  @Option(parsing: .unconditional, help: "The number from which all random numbers follow.") var seed: UInt64 = 0
  @OptionGroup var figure: FigureOptions

  func validate() throws {
    for (option, number) in [("--pictures", pictures), ("--versions", versions)] where !(1...20).contains(number) {
      throw ValidationError("\(option) must be from 1 to 20.")
    }
  }

  func run() async throws {
    let found = try await data.open()
    guard found.isPictures else {
      throw AthanorError(
        .argument, at: "--dataset", "\(found.path) holds no pictures", fix: "Give a folder of pictures.")
    }
    // The first pictures of different classes, as far as there are enough.
    let train = found.parts?.train ?? Array(found.classNumbers.indices)
    let numbers = found.classNumbers
    var seen: Set<Int32> = []
    let firsts = train.filter { seen.insert(numbers[$0]).inserted }
    let others = train.lazy.filter { !firsts.contains($0) }.prefix(max(0, pictures - firsts.count))
    let originals = try found.dataset(Array((firsts + others).prefix(pictures))).inputs
    let shape = Array(originals.shape.dropFirst())
    var changed: Symbol = Input(shape)
    let input = changed
    for layer in Augmentation.layers(height: shape[0], width: shape[1], horizontalFlip: flip) {
      changed = layer(changed, training: true)
    }
    let sheets = try (0..<versions).map { version in
      try Model(inputs: [input], outputs: [changed], seed: seed &+ UInt64(version), threads: 1).predict(originals)
    }
    let sheet = try AugmentationFigure(originals: originals, versions: sheets, title: "\(found.title), augmented")
    try figure.write(
      sheet.svg(theme: figure.theme),
      "\(originals.shape[0]) pictures of \(found.title), each changed \(versions) times",
      ["pictures": originals.shape[0], "versions": versions])
  }
}

struct BalanceFigure: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "balance", abstract: "Draw how many examples each class has, in each part of a split.")

  @OptionGroup var data: DataOptions
  @Option(
    help: "The split.csv of a training; by default the parts that the data have by themselves.", completion: .file())
  var split: String?
  @OptionGroup var figure: FigureOptions

  func run() async throws {
    let found = try await data.open()
    guard let names = found.classNames else {
      throw AthanorError(
        .argument, at: "--dataset", "the targets of \(found.title) are numbers", fix: "Give data with classes.")
    }
    let parts = try split.map { try SplitFile.read($0, for: found) } ?? found.parts
    let counts = parts.map(found.counts(of:))
    let all = ClassBalanceFigure.Split("all", found.classCounts(Array(found.classNumbers.indices)))
    let bars = try ClassBalanceFigure(counts ?? [all], classNames: names, title: found.title)
    try figure.write(
      bars.svg(theme: figure.theme), "\(found.counted(found.classNumbers.count)) of \(names.count) classes",
      ["classes": Dictionary(zip(names, all.counts)) { $1 }])
  }
}
