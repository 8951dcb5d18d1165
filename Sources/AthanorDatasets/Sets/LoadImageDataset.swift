import Athanor

/// A set of pictures in memory, and where it came from.
public struct LoadedDataset: Hashable, Sendable {
  /// Which set it is.
  public let dataset: ImageDataset
  /// Examples to learn from: inputs `[N, H, W, 1]` bytes, targets `[N]` class numbers.
  public let train: Dataset
  /// Examples to test with, of the same kind.
  public let test: Dataset
  /// Where the files were found.
  public let origin: DatasetOrigin
  /// The folder or the archive they were read from.
  public let path: String
}

extension ImageDataset {
  /// Finds, downloads if need be, verifies and reads the set.
  ///
  /// Looked for, in order: the data directory (only there when one is given), the cache folder, folders in which other
  /// programs keep the set, the library's own files; then it is downloaded into the cache folder.
  ///
  /// - Parameters:
  ///   - dataDirectory: A folder that holds the files; nil to look in the usual places.
  ///   - download: Whether and how to download; nothing is downloaded where the environment variable `ATHANOR_OFFLINE` is set.
  /// - Returns: Both splits, with class names.
  /// - Throws: `AthanorError` of kind `.network` when the set is not here and cannot be downloaded; of kind `.file` or
  ///   `.data`, naming the file and the byte, when files are missing or damaged. `CancellationError` when the task is
  ///   cancelled; a download continues from there the next time.
  /// - Example:
  ///   ```swift
  ///   let loaded = try await ImageDataset.mnist.load(dataDirectory: "data/mnist")
  ///   ```
  public func load(
    dataDirectory: String? = nil, download: DownloadOptions = DownloadOptions()
  ) async throws -> LoadedDataset {
    try await load(dataDirectory: dataDirectory, download: download, places: DatasetPlaces())
  }

  /// The same with other places, for tests.
  package func load(
    dataDirectory: String? = nil, download: DownloadOptions = DownloadOptions(), places: DatasetPlaces
  ) async throws -> LoadedDataset {
    if let dataDirectory {
      return try read(find(dataDirectory: places.expand(dataDirectory)), .dataDirectory)
    }
    if let (finding, origin) = find(places) { return try read(finding, origin) }
    guard !isBundled else { throw BundledResources.missing(at: title) }
    let folder = places.cache(of: self)
    guard !places.isOffline else {
      throw AthanorError(
        .network, at: title, "is not on this machine, and ATHANOR_OFFLINE forbids downloads",
        fix: manualRemedy(folder: folder))
    }
    do {
      try await Downloader(options: download).fetch(self, into: folder)
    } catch let error as AthanorError where error.kind == .network {
      throw AthanorError(.network, at: title, error.problem, fix: manualRemedy(folder: folder))
    }
    guard let finding = find(in: folder) else {
      throw AthanorError(.file, at: folder, "the downloaded files are gone", fix: "Run it again.")
    }
    return try read(finding, .download)
  }

  /// How to get the set without a download by Athanor.
  package func manualRemedy(folder: String) -> String {
    let debian = debianPackage.map { " On Debian, apt install \($0) is enough." } ?? ""
    let names = files.all.map { $0.name + ".gz" }.joined(separator: ", ")
    let source = mirrors.first.map { " from \($0)" } ?? ""
    return
      "To get it by hand, put \(names)\(source) into \(folder), or name the folder that holds them as data directory."
      + debian
  }

  /// Reads files that were found.
  package func read(_ finding: DatasetFinding, _ origin: DatasetOrigin) throws -> LoadedDataset {
    let train: Dataset
    let test: Dataset
    switch finding {
    case .idx(_, let paths):
      train = try readSplit(images: paths[0], labels: paths[1])
      test = try readSplit(images: paths[2], labels: paths[3])
    case .archive(let path):
      let archive = try NumPyArchive(path: path)
      train = try readSplit(archive, path: path, "train")
      test = try readSplit(archive, path: path, "test")
    }
    return LoadedDataset(dataset: self, train: train, test: test, origin: origin, path: finding.path)
  }

  private func readSplit(images: String, labels: String) throws -> Dataset {
    let (pixels, count) = try IDX.read(images, .pictures(height: height, width: width))
    let (classes, labelCount) = try IDX.read(labels, .labels(classCount: classNames.count))
    guard count == labelCount else {
      throw AthanorError(
        .data, at: labels, "bytes 4 to 7 promise \(labelCount) labels but \(images) holds \(count) pictures",
        fix: "Check that both files belong to the same split of the same set.")
    }
    try refuseOtherSets(classes, path: labels)
    return try makeSplit(pixels: pixels, classes: classes.map { Int32($0) })
  }

  /// Files of different sets have the same names; that a folder holds another known set shows in the labels' sum.
  package func refuseOtherSets(_ classes: [UInt8], path: String) throws {
    let sum = Checksum.sha256(IDX.labelFile(classes))
    func has(_ set: ImageDataset) -> Bool { [set.files.trainLabels.sha256, set.files.testLabels.sha256].contains(sum) }
    guard !has(self), let other = ImageDataset.all.first(where: has) else { return }
    throw AthanorError(
      .data, at: path, "holds the labels of \(other.title), not of \(title)",
      fix: "Give the folder of \(title)'s files, or ask for the data set \(other.name).")
  }

  private func readSplit(_ archive: borrowing NumPyArchive, path: String, _ split: String) throws -> Dataset {
    let images = try archive.array("x_\(split)")
    let labels = try archive.array("y_\(split)")
    guard images.element == .uint8, images.shape.count == 3, images.shape[0] > 0, images.shape[1...] == [height, width]
    else {
      throw AthanorError(
        .data, at: "\(path): x_\(split).npy",
        "has shape \(images.shape) of \(images.element.rawValue) but [N, \(height), \(width)] of |u1 is needed",
        fix: "Check that the file belongs to this data set.")
    }
    guard labels.shape == [images.shape[0]] else {
      throw AthanorError(
        .data, at: "\(path): y_\(split).npy",
        "has shape \(labels.shape) but x_\(split).npy holds \(images.shape[0]) pictures",
        fix: "Check that the file belongs to this data set.")
    }
    let place = "\(path): y_\(split).npy"
    guard let classes = try labels.tensor(for: .int32, path: place).storage.integers else {
      throw AthanorError(
        .data, at: place, "has elements \(labels.element.rawValue) but class numbers are integers",
        fix: "Check that the file belongs to this data set.")
    }
    if let index = classes.firstIndex(where: { !classNames.indices.contains(Int($0)) }) {
      throw AthanorError(
        .data, at: place,
        "example \(index) has label \(classes[index]) but labels go from 0 to \(classNames.count - 1)",
        fix: "Check that the file belongs to this data set.")
    }
    return try makeSplit(pixels: images.bytes, classes: classes)
  }

  private func makeSplit(pixels: [UInt8], classes: [Int32]) throws -> Dataset {
    var data = try Dataset(
      inputs: Tensor(shape: [classes.count, height, width, 1], bytes: pixels),
      targets: Tensor(shape: [classes.count], integers: classes), classNames: classNames)
    data.picturePreparation = preparation
    return data
  }
}

/// MNIST: 70,000 handwritten digits, the set of the tutorials.
public enum MNIST {
  /// Loads the set, downloading it the first time (about 12 MB).
  ///
  /// - Parameters:
  ///   - dataDirectory: A folder that holds the files; nil to look in the usual places.
  ///   - download: Whether and how to download; nothing is downloaded where the environment variable `ATHANOR_OFFLINE` is set.
  /// - Returns: 60,000 and 10,000 examples: inputs `[N, 28, 28, 1]` bytes, white on black; targets `[N]` digits.
  /// - Throws: See ``ImageDataset/load(dataDirectory:download:)``.
  /// - Example:
  ///   ```swift
  ///   let (train, test) = try await MNIST.load()
  ///   ```
  public static func load(
    dataDirectory: String? = nil, download: DownloadOptions = DownloadOptions()
  ) async throws -> (train: Dataset, test: Dataset) {
    let loaded = try await ImageDataset.mnist.load(dataDirectory: dataDirectory, download: download)
    return (loaded.train, loaded.test)
  }
}

/// Fashion-MNIST: 70,000 pictures of clothing, of the same size and number as MNIST's digits and harder to tell apart.
public enum FashionMNIST {
  /// Loads the set, downloading it the first time (about 31 MB).
  ///
  /// - Parameters:
  ///   - dataDirectory: A folder that holds the files; nil to look in the usual places.
  ///   - download: Whether and how to download; nothing is downloaded where the environment variable `ATHANOR_OFFLINE` is set.
  /// - Returns: 60,000 and 10,000 examples: inputs `[N, 28, 28, 1]` bytes; targets `[N]` class numbers.
  /// - Throws: See ``ImageDataset/load(dataDirectory:download:)``.
  /// - Example:
  ///   ```swift
  ///   let (train, test) = try await FashionMNIST.load()
  ///   ```
  public static func load(
    dataDirectory: String? = nil, download: DownloadOptions = DownloadOptions()
  ) async throws -> (train: Dataset, test: Dataset) {
    let loaded = try await ImageDataset.fashionMNIST.load(dataDirectory: dataDirectory, download: download)
    return (loaded.train, loaded.test)
  }
}

/// The bundled sample of MNIST: 5,000 digits that need no network.
public enum Digits {
  /// Loads the sample, split by class: 400 of each digit to learn from and 100 of each to test with.
  ///
  /// The split is always the same (see ``ImageDataset/digits``). Ten epochs of the tutorial's networks reach 94 to 96 % on it.
  ///
  /// - Returns: 4,000 and 1,000 examples: inputs `[N, 28, 28, 1]` bytes, white on black; targets `[N]` digits.
  /// - Throws: `AthanorError` when the library's files are not beside the program.
  /// - Example:
  ///   ```swift
  ///   let (train, test) = try Digits.load()
  ///   ```
  public static func load() throws -> (train: Dataset, test: Dataset) {
    let dataset = ImageDataset.digits
    guard let resources = BundledResources.folder,
      let finding = dataset.find(in: FileBytes.join(resources, dataset.name))
    else { throw BundledResources.missing(at: dataset.title) }
    let loaded = try dataset.read(finding, .bundled)
    return (loaded.train, loaded.test)
  }
}
