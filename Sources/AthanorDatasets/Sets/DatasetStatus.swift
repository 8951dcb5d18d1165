import Athanor

/// Whether a set is on this machine, where, how large it is, and how to get it.
///
/// - Example:
///   ```swift
///   for status in DatasetStatus.all() { print(status) }
///   ```
public struct DatasetStatus: Hashable, Sendable, CustomStringConvertible {
  /// Which set it is.
  public let dataset: ImageDataset
  /// Where the files were found; nil when they were not.
  public let origin: DatasetOrigin?
  /// The folder or the archive in which they are; nil when they are nowhere.
  public let path: String?
  /// How many examples to learn from the files promise; nil when they cannot be read.
  public let trainCount: Int?
  /// How many examples to test with the files promise; nil when they cannot be read.
  public let testCount: Int?
  /// How many bytes the files have together.
  public let byteCount: Int
  /// What is wrong with the files; nil when nothing is.
  public let problem: AthanorError?
  /// The folders that were looked in.
  public let foldersLookedIn: [String]
  /// How to get the set, in a sentence or two; empty when it is here.
  public let remedy: String

  /// Whether the files are here and look sound.
  public var isPresent: Bool { path != nil && problem == nil }

  /// Examines every set that Athanor knows, without downloading and without reading pictures.
  ///
  /// - Parameter dataDirectory: A folder to look in instead of the usual places.
  public static func all(dataDirectory: String? = nil) -> [DatasetStatus] {
    let places = DatasetPlaces()
    return ImageDataset.all.map { DatasetStatus(of: $0, dataDirectory: dataDirectory, places: places) }
  }

  /// Examines one set.
  package init(of dataset: ImageDataset, dataDirectory: String? = nil, places: DatasetPlaces) {
    self.dataset = dataset
    let found: (finding: DatasetFinding, origin: DatasetOrigin)?
    if let dataDirectory {
      let folder = places.expand(dataDirectory)
      let finding = try? dataset.find(dataDirectory: folder)
      found = finding.map { ($0, .dataDirectory) }
      foldersLookedIn = [folder] + dataset.subfolders.map { FileBytes.join(folder, $0) }
    } else {
      found = dataset.find(places)
      foldersLookedIn = dataset.folders(places).map(\.folder)
    }
    guard let (finding, origin) = found else {
      self.origin = nil
      path = nil
      (trainCount, testCount, byteCount, problem) = (nil, nil, 0, nil)
      remedy = DatasetStatus.remedy(for: dataset, dataDirectory: dataDirectory, places: places)
      return
    }
    self.origin = origin
    path = finding.path
    byteCount = finding.byteCount
    do {
      (trainCount, testCount) = try dataset.counts(finding)
      problem = nil
      remedy = ""
    } catch {
      (trainCount, testCount) = (nil, nil)
      problem = error as? AthanorError
      remedy = problem?.remedy ?? ""
    }
  }

  private static func remedy(for dataset: ImageDataset, dataDirectory: String?, places: DatasetPlaces) -> String {
    if dataset.isBundled { return BundledResources.missing(at: dataset.title).remedy }
    if dataDirectory != nil {
      return "Give another folder, or none so that the set is looked for elsewhere and downloaded."
    }
    let size = "\((dataset.downloadByteCount + 500_000) / 1_000_000) MB"
    return "Loading it downloads it (\(size)). " + dataset.manualRemedy(folder: places.cache(of: dataset))
  }

  /// One or two lines for people: `mnist: 60000 + 10000 examples in ~/.cache/athanor/mnist (cache folder, 11.6 MB)`.
  public var description: String {
    guard let path, let origin else { return "\(dataset.name): not here. \(remedy)" }
    if let problem { return "\(dataset.name): cannot be used. \(problem)" }
    let size = Double((byteCount + 50_000) / 100_000) / 10
    return "\(dataset.name): \(trainCount ?? 0) + \(testCount ?? 0) examples in \(path) (\(origin), \(size) MB)"
  }
}

extension ImageDataset {
  /// How many examples files promise, read from their headers and, for a NumPy archive, from its labels.
  package func counts(_ finding: DatasetFinding) throws -> (train: Int, test: Int) {
    switch finding {
    case .idx(_, let paths):
      for path in [paths[1], paths[3]] {
        try refuseOtherSets(IDX.read(path, .labels(classCount: classNames.count)).bytes, path: path)
      }
      let pictures = IDX.Content.pictures(height: height, width: width)
      return (try IDX.count(paths[0], pictures), try IDX.count(paths[2], pictures))
    case .archive(let path):
      let archive = try NumPyArchive(path: path)
      return (try archive.array("y_train").shape.first ?? 0, try archive.array("y_test").shape.first ?? 0)
    }
  }
}
