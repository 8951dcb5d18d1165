import AthanorDatasets
import Foundation
import Testing

/// Where sets are looked for, in which order, and what is said when they are nowhere.
struct LookupTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let tiny = TinySet.dataset(
    knownFolders: ["~/.keras/datasets", "~/sets/tiny", "/usr/share/datasets/tiny"], isBundled: true)

  /// A whole set of which each picture begins with a mark, to tell by contents where it came from.
  private func write(_ name: String, mark: UInt8) throws {
    try TinySet.write(to: folder, name)
    var pictures = TinySet.files[0].content
    pictures[16] = mark
    try folder.write(pictures, "\(name)/tiny-train-images")
  }

  private func mark(_ loaded: LoadedDataset) throws -> UInt8 {
    guard case .uint8(let pixels) = loaded.train.inputs.storage else { return 0 }
    return try #require(pixels.first)
  }

  @Test func placesAreLookedThroughInOrder() async throws {
    let places = TinySet.places(in: folder, resources: folder["resources"])
    let order: [(name: String, origin: DatasetOrigin)] = [
      ("data", .dataDirectory), ("\(places.cacheFolder.dropFirst(folder.path.count + 1))/tiny", .cache),
      ("home/.keras/datasets", .known), ("home/sets/tiny", .known), ("resources/tiny", .bundled),
    ]
    for (number, place) in order.enumerated() { try write(place.name, mark: UInt8(number + 1)) }
    for (number, place) in order.enumerated() {
      let directory = place.origin == .dataDirectory ? folder["data"] : nil
      let loaded = try await Self.tiny.load(dataDirectory: directory, download: .never, places: places)
      #expect(loaded.origin == place.origin)
      #expect(loaded.path == folder[place.name])
      #expect(try mark(loaded) == UInt8(number + 1))
      try FileManager.default.removeItem(atPath: folder[place.name])
    }
    #expect(
      await folder.error { try await Self.tiny.load(download: .never, places: places) }
        == "Tiny: the library's own files are not beside the program, where the folder \(BundledResources.folderName) "
        + "belongs. Copy that folder beside the program, or set ATHANOR_RESOURCES to the folder that holds it.")
  }

  @Test func incompleteFoldersArePassedOver() async throws {
    let places = TinySet.places(in: folder, resources: folder["resources"])
    try write("home/.keras/datasets", mark: 1)
    try write("resources/tiny", mark: 2)
    try FileManager.default.removeItem(atPath: folder["home/.keras/datasets/tiny-test-labels"])
    #expect(try await Self.tiny.load(places: places).origin == .bundled)
  }

  @Test(arguments: ["", "tiny/"]) func dataDirectoriesMayHoldSubfolders(subfolder: String) async throws {
    try TinySet.write(to: folder, "data/\(subfolder)", isCompressed: true)
    let loaded = try await TinySet.dataset().load(dataDirectory: folder["data"])
    #expect(loaded.train.targets.storage == .int32([0, 1, 2, 1, 0]))
    #expect(loaded.origin == .dataDirectory)
  }

  @Test func homeIsPutIn() async throws {
    try TinySet.write(to: folder, "home/mine")
    let loaded = try await TinySet.dataset().load(dataDirectory: "~/mine", places: TinySet.places(in: folder))
    #expect(loaded.path == folder["home/mine"])
  }

  @Test func aDataDirectoryIsTheOnlyPlace() async throws {
    try write("home/.keras/datasets", mark: 1)
    try folder.makeFolder("data")
    let error = await folder.error {
      try await Self.tiny.load(dataDirectory: folder["data"], places: TinySet.places(in: folder))
    }
    #expect(error.hasPrefix("data: does not hold all of"))
  }

  @Test func emptyDataDirectoriesAreToldWhatIsWanted() async throws {
    try folder.makeFolder("data")
    let text = await folder.error { try await ImageDataset.mnist.load(dataDirectory: folder["data"]) }
    #expect(
      text == "data: does not hold all of train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], "
        + "t10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz], nor mnist.npz (nor in its subfolders mnist, MNIST/raw); "
        + "none of them is there. Give another folder, or none so that the set is looked for elsewhere and downloaded.")
    #expect(!text.contains("\n"))
    try folder.write(TinySet.files[1].content, "data/tiny-train-labels")
    #expect(
      await folder.error { try await TinySet.dataset().load(dataDirectory: folder["data"]) }
        == "data: does not hold all of tiny-train-images[.gz], tiny-train-labels[.gz], tiny-test-images[.gz], "
        + "tiny-test-labels[.gz], nor tiny.npz (nor in its subfolders tiny); only data/tiny-train-labels is there. "
        + "Give another folder, or none so that the set is looked for elsewhere and downloaded.")
    #expect(
      await folder.error { try await TinySet.dataset().load(dataDirectory: folder["none"]) }
        == "none: there is no such folder of data. Give the folder that holds Tiny's files.")
  }

  @Test func countsOfPicturesAndLabelsMustAgree() async throws {
    try TinySet.write(to: folder, "data")
    try folder.write(idxLabels([0, 1, 2]), "data/tiny-test-labels")
    #expect(
      await folder.error { try await TinySet.dataset().load(dataDirectory: folder["data"]) }
        == "data/tiny-test-labels: bytes 4 to 7 promise 3 labels but data/tiny-test-images holds 2 pictures. "
        + "Check that both files belong to the same split of the same set.")
  }

  /// MNIST's and Fashion-MNIST's files have the same names.
  @Test func foldersOfAnotherSetAreRefused() async throws {
    let resources = try #require(BundledResources.folder)
    let digits = ImageDataset.digits
    func renamed(_ file: ImageDataset.File) -> ImageDataset.File {
      .init(file.name, sha256: String(repeating: "0", count: 64), byteCount: file.byteCount)
    }
    let files = ImageDataset.Files(
      trainImages: renamed(digits.files.trainImages), trainLabels: renamed(digits.files.trainLabels),
      testImages: renamed(digits.files.testImages), testLabels: renamed(digits.files.testLabels))
    let clothing = ImageDataset(
      name: "clothing", title: "Clothing", about: "the same names", classNames: digits.classNames, files: files,
      attribution: "no one", licence: "none")
    let text = await folder.error { try await clothing.load(dataDirectory: "\(resources)/digits") }
    #expect(
      text == "\(resources)/digits/digits-train-labels-idx1-ubyte.gz: holds the labels of Digits, not of Clothing. "
        + "Give the folder of Clothing's files, or ask for the data set digits.")
    let status = DatasetStatus(
      of: clothing, dataDirectory: "\(resources)/digits", places: TinySet.places(in: folder))
    #expect(!status.isPresent)
    #expect(status.problem.map { "\($0)" } == text)
    #expect(status.remedy == "Give the folder of Clothing's files, or ask for the data set digits.")
    #expect(try await digits.load(dataDirectory: "\(resources)/digits").train.count == 4000)
  }

  @Test func knownFoldersOfTheCatalogue() {
    let places = DatasetPlaces(environment: ["HOME": "/home/someone"], resourceFolder: nil)
    #expect(
      places.known(of: .mnist) == ["/home/someone/.keras/datasets", "/home/someone/.keras/datasets/mnist"])
    #expect(
      places.known(of: .fashionMNIST)
        == ["/home/someone/.keras/datasets/fashion-mnist", "/usr/share/datasets/fashion-mnist"])
    let moved = DatasetPlaces(environment: ["HOME": "/home/someone", "KERAS_HOME": "/keras"], includesSystem: false)
    #expect(moved.known(of: .fashionMNIST) == ["/keras/datasets/fashion-mnist"])
  }

  @Test func environmentVariablesMoveTheCache() {
    func cache(_ variables: [String: String]) -> String {
      DatasetPlaces(environment: variables.merging(["HOME": "/home/someone"]) { a, _ in a }).cache(of: .mnist)
    }
    #if canImport(Darwin)
      let usual = "/home/someone/Library/Caches/athanor/mnist"
    #else
      let usual = "/home/someone/.cache/athanor/mnist"
    #endif
    #expect(cache([:]) == usual)
    #expect(cache(["XDG_CACHE_HOME": "/caches"]) == "/caches/athanor/mnist")
    #expect(cache(["XDG_CACHE_HOME": "relative"]) == usual)
    #expect(cache(["ATHANOR_CACHE": "/mine", "XDG_CACHE_HOME": "/caches"]) == "/mine/mnist")
    #expect(cache(["ATHANOR_CACHE": ""]) == usual)
  }

  @Test func resourcesAreFoundInEveryArrangement() throws {
    #expect(BundledResources.find(in: [folder["none"]]) == nil)
    try folder.makeFolder("plain/digits")
    try folder.makeFolder("packaged/\(BundledResources.folderName)/Contents/Resources/digits")
    #expect(BundledResources.find(in: [folder["none"], folder["plain"]]) == folder["plain"])
    #expect(
      BundledResources.find(in: [folder["packaged"], folder["plain"]])
        == folder["packaged/\(BundledResources.folderName)/Contents/Resources"])
  }

  @Test func statusOfWhatIsHereDamagedAndMissing() throws {
    let places = TinySet.places(in: folder)
    let dataset = TinySet.dataset(mirrors: ["https://example.org/"], debianPackage: "dataset-tiny")
    func text(_ status: DatasetStatus) -> String { "\(status)".replacingOccurrences(of: folder.path + "/", with: "") }
    let cache = String(places.cache(of: dataset).dropFirst(folder.path.count + 1))

    let missing = DatasetStatus(of: dataset, places: places)
    #expect(!missing.isPresent)
    #expect(missing.foldersLookedIn == [folder[cache]])
    #expect(
      text(missing) == "tiny: not here. Loading it downloads it (1 MB). To get it by hand, put tiny-train-images.gz, "
        + "tiny-train-labels.gz, tiny-test-images.gz, tiny-test-labels.gz from https://example.org/ into \(cache), "
        + "or name the folder that holds them as data directory. On Debian, apt install dataset-tiny is enough.")

    try TinySet.write(to: folder, cache)
    let present = DatasetStatus(of: dataset, places: places)
    #expect(present.isPresent)
    #expect(present.byteCount == TinySet.files.reduce(0) { $0 + $1.content.count })
    #expect(text(present) == "tiny: 5 + 2 examples in \(cache) (cache folder, 0.0 MB)")

    try folder.write([0, 0, 8, 3, 0], "\(cache)/tiny-test-images")
    let damaged = DatasetStatus(of: dataset, places: places)
    #expect(!damaged.isPresent)
    #expect(
      text(damaged)
        == "tiny: cannot be used. \(cache)/tiny-test-images: ends at byte 5, within the header of 16 bytes. "
        + "The file is incomplete; remove it and get it again.")

    try folder.write(TinySet.archive(), "data/tiny.npz")
    let archive = DatasetStatus(of: dataset, dataDirectory: folder["data"], places: places)
    #expect(text(archive).hasPrefix("tiny: 5 + 2 examples in data/tiny.npz (data directory, 0.0 MB)"))
    #expect(
      text(DatasetStatus(of: dataset, dataDirectory: folder["none"], places: places))
        == "tiny: not here. Give another folder, or none so that the set is looked for elsewhere and downloaded.")
  }

  @Test func setsHaveNames() throws {
    #expect(try ImageDataset.named("MNIST") == .mnist)
    #expect(ImageDataset.all.map(\.name) == ["mnist", "fashion-mnist", "digits"])
    #expect(
      folder.error { try ImageDataset.named("fashon-mnist") }
        == "dataset: there is no data set \"fashon-mnist\". Did you mean \"fashion-mnist\"? "
        + "Known are mnist, fashion-mnist, digits.")
  }
}
