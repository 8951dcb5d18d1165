import ArgumentParser
import Athanor
import AthanorDatasets
import Foundation

/// Which data, for every command that needs some.
struct DataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A data set's name (mnist, fashion-mnist, or digits: 5,000 that come with the program), a folder with one folder of pictures for each class, or a table (.csv, .tsv) with a header; a name beats a folder of that name, which is ./NAME. By default mnist in commands that need data.",
      valueName: "name-or-path"), completion: .names(ImageDataset.all.map(\.name)))
  var dataset: String?
  @Option(
    name: .customLong("data-dir"), help: "The folder that holds the files of a data set that has a name.",
    completion: .directory)
  var dataDirectory: String?
  @Option(help: "The column of a table that is to be predicted; a trained model knows it.") var target: String?
  @Option(help: "Whether the target of a table is a class or a number; by default as its values look.")
  var task: TableFile.TaskKind?
  @Option(
    help: ArgumentHelp(
      "To which size pictures of a folder are brought, HEIGHTxWIDTH or one number for both; by default as the model or the pictures have it.",
      valueName: "size"), transform: PictureSize.init)
  var size: PictureSize?
  @Option(
    help: "Whether pictures of a folder are used in gray or rgb; by default as the model or the pictures have it.")
  var channels: PictureChannels?
  @Flag(help: "Leave out pictures of a folder that cannot be read; they are named all the same.")
  var skipUnreadable = false
  @Flag(help: "Read pictures of a folder when they are needed, even if they fit into memory.") var stream = false

  /// The data set of commands that need one, when none is named.
  static let usual = ImageDataset.mnist.name

  /// The data set's name, or the path.
  var name: String { dataset ?? DataOptions.usual }

  /// The first option that is given and says nothing without --dataset, apart from --skip-unreadable.
  var givenWithoutDataset: String? {
    guard dataset == nil else { return nil }
    let options = pictureOptions.filter { $0.name != "--skip-unreadable" } + tableOptions
    return (options + [("--data-dir", dataDirectory != nil)]).first(where: \.isGiven)?.name
  }

  func validate() throws {
    guard place == nil else { return }
    // Neither a name nor a path: the nearest name helps.
    do {
      _ = try ImageDataset.named(name)
    } catch {
      let text = (error as? AthanorError)?.moved(to: "").commandDescription ?? "\(error)"
      throw ValidationError(
        FileManager.default.fileExists(atPath: name)
          ? "--dataset: \(name) is no folder, and no table by its name; give the column to predict as --target if it is one."
          : "--dataset: \(text) There is no folder and no table of that name either.")
    }
  }

  /// What a text names: a data set, or else what lies on the disk.
  private enum Place {
    case named(ImageDataset)
    case folder(String)
    case table(String)
  }

  private var place: Place? {
    if let set = try? ImageDataset.named(name) { return .named(set) }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) else { return nil }
    if isFolder.boolValue { return .folder(name) }
    return TableFile.isTable(name) || target != nil ? .table(name) : nil
  }

  /// Finds the data for a trained model, which says how pictures and tables are read and what the classes are called.
  ///
  /// - Throws: `AthanorError` when there are none, or they cannot be used.
  func open(for model: Model) async throws -> any LabelledData {
    switch place {
    case .folder: return try await open(pictures: model.requirePictureInput(at: "the model").shape, model.classNames)
    case .table(let path):
      try requireNone(of: pictureOptions, path, "a table")
      guard model.pictureInput == nil else {
        throw AthanorError(
          .argument, at: path, "it is a table, but the model takes pictures",
          fix: "Give pictures, or a model that was trained with a table.")
      }
      guard let encoding = model.tableEncoding else { return TableData(try table(path)) }
      guard target.map({ $0 == encoding.targetName }) ?? true else {
        throw AthanorError(
          .argument, at: "--target", "the model predicts \(encoding.targetName), not \(target ?? "")",
          fix: "Leave it out.")
      }
      if task != nil {
        throw AthanorError(
          .argument, at: "--task", "the model knows whether its target is a class or a number", fix: "Leave it out.")
      }
      return TableData(try TableFile(contentsOf: path, for: encoding, needsTargets: true), encoding)
    default: return try await open()
    }
  }

  /// Finds the data and looks at them.
  ///
  /// - Parameters:
  ///   - pictures: Height, width and channels of the pictures that a network takes, 0 for any; nil where it is made for the data.
  ///   - classNames: The classes that a network knows already, in their order.
  /// - Throws: `AthanorError` when there are none, or they cannot be used.
  func open(pictures: [Int]? = nil, _ classNames: [String]? = nil) async throws -> any LabelledData {
    switch place {
    case .named(let set):
      try requireNone(
        of: pictureOptions + tableOptions, name, "the name of a data set, whose folder would be ./\(name)")
      return NamedData(try await load(set))
    case .folder(let path):
      try requireNone(of: tableOptions + [("--data-dir", dataDirectory != nil)], path, "a folder of pictures")
      let folder = try PictureFolder(path, classNames: classNames, skipUnreadable: skipUnreadable)
      return FolderData(folder: folder, shape: try shape(of: folder, pictures), streams: stream)
    case .table(let path):
      try requireNone(of: pictureOptions + [("--data-dir", dataDirectory != nil)], path, "a table")
      return TableData(try table(path))
    case nil:
      throw AthanorError(.file, at: name, "there is no data set and no folder of this name", fix: "Check the name.")
    }
  }

  private func table(_ path: String) throws -> TableFile {
    guard let target else {
      throw AthanorError(
        .argument, at: "--target", "\(path) is a table, but it is not said which of its columns is to be predicted",
        fix: "Give one of \(try TableFile.columnNames(of: path).joined(separator: ", ")).")
    }
    return try TableFile(contentsOf: path, target: target, task: task)
  }

  private var pictureOptions: [(name: String, isGiven: Bool)] {
    [
      ("--size", size != nil), ("--channels", channels != nil), ("--skip-unreadable", skipUnreadable),
      ("--stream", stream),
    ]
  }

  private var tableOptions: [(name: String, isGiven: Bool)] { [("--target", target != nil), ("--task", task != nil)] }

  /// - Throws: `AthanorError` when an option is given that is for other data.
  private func requireNone(of options: [(name: String, isGiven: Bool)], _ path: String, _ what: String) throws {
    guard let option = options.first(where: \.isGiven) else { return }
    throw AthanorError(
      .argument, at: option.name, "it is for other data, and \(path) is \(what)", fix: "Leave it out.")
  }

  /// Height, width and channels of the examples: as the network takes them, else as the options say, else as suits the pictures.
  private func shape(of folder: PictureFolder, _ pictures: [Int]?) throws -> [Int] {
    var shape = folder.suggestedShape
    if let size { shape.replaceSubrange(0..<2, with: [size.height, size.width]) }
    if let channels { shape[2] = channels == .gray ? 1 : 3 }
    guard let pictures else { return shape }
    for (option, isGiven, axes) in [("--size", size != nil, 0..<2), ("--channels", channels != nil, 2..<3)]
    where isGiven {
      guard axes.allSatisfy({ pictures[$0] == 0 || pictures[$0] == shape[$0] }) else {
        throw AthanorError(
          .argument, at: option, "the network takes pictures of shape \(pictures) but \(shape) was asked for",
          fix: "Leave it out.")
      }
    }
    return zip(pictures, shape).map { $0 > 0 ? $0 : $1 }
  }

  private func load(_ set: ImageDataset) async throws -> LoadedDataset {
    let isTerminal = isatty(2) == 1
    let download = DownloadOptions(progress: { progress in
      guard isTerminal else { return }
      let total = progress.totalByteCount.map { " of \($0 / 1024) KB" } ?? ""
      Terminal.error("\r\(progress.title): \(progress.file) \(progress.receivedByteCount / 1024) KB\(total)   ")
    })
    do {
      return try await set.load(dataDirectory: dataDirectory, download: download)
    } catch let error as AthanorError where error.kind == .network && set.name == "mnist" && dataDirectory == nil {
      Terminal.error(
        "MNIST is not here and cannot be downloaded, so the bundled sample of 5,000 digits is used: expect 94 to 96 % after ten "
          + "epochs instead of 99 %.\n\(error.commandDescription)\n")
      return try await ImageDataset.digits.load()
    }
  }
}

/// Height and width of pictures: `64` or `48x64`.
struct PictureSize {
  let height: Int
  let width: Int

  init(_ text: String) throws {
    let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(parts.count), let height = parts[0], let width = parts[parts.count - 1],
      (1...4096).contains(height), (1...4096).contains(width)
    else {
      throw ValidationError("\(text) is no size: write HEIGHTxWIDTH or one number for both, from 1 to 4096.")
    }
    (self.height, self.width) = (height, width)
  }
}

enum PictureChannels: String, ExpressibleByArgument, CaseIterable {
  case gray, rgb
}

/// Which part of the data, for commands that use a trained model.
struct PartOptions: ParsableArguments {
  @Option(help: "The split.csv of a training: only the examples of --part are used.", completion: .file()) var split:
    String?
  @Option(
    help:
      "Which examples: train, validation or test; by default those for testing, else those for validation, else all."
  )
  var part: ExampleSplit.Part?

  /// The option that is given.
  var given: String? { split != nil ? "--split" : part != nil ? "--part" : nil }

  /// The split of the file, or that of the data; nil where there is none.
  ///
  /// - Throws: `AthanorError` when the file is no split of these data.
  func parts(of data: any LabelledData) throws -> ExampleSplit? {
    try split.map { try SplitFile.read($0, for: data) } ?? data.parts
  }

  /// The examples to use, and the part that they are.
  ///
  /// - Throws: `AthanorError` when there are none.
  func examples(of data: any LabelledData) throws -> (examples: [Int], part: ExampleSplit.Part?) {
    guard let parts = try parts(of: data) else {
      if let part {
        throw AthanorError(
          .argument, at: "--part \(part.rawValue)", "\(data.path) has no parts",
          fix: "Give the --split OUTPUT/split.csv of the training.")
      }
      Terminal.error(
        "Note: all \(data.counted(data.classNumbers.count)) of \(data.title) are used; --split OUTPUT/split.csv leaves out those that the "
          + "training saw.\n")
      return (Array(data.classNumbers.indices), nil)
    }
    let part = part ?? [.test, .validation].first { !parts[$0].isEmpty } ?? .train
    guard !parts[part].isEmpty else {
      throw AthanorError(
        .argument, at: "--part \(part.rawValue)", "\(split ?? data.path) has no such examples",
        fix: "Choose another part.")
    }
    return (parts[part], part)
  }
}

extension ExampleSplit.Part: ExpressibleByArgument {}
extension TableFile.TaskKind: ExpressibleByArgument {}
