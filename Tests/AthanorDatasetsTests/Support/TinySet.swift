import AthanorDatasets
import Foundation

/// A set of five and two pictures of 2 x 3 pixels in three classes.
enum TinySet {
  static let trainPictures = (0..<5).map { number in (0..<6).map { UInt8(40 * number + $0) } }
  static let trainLabels: [UInt8] = [0, 1, 2, 1, 0]
  static let testPictures = (0..<2).map { number in (0..<6).map { UInt8(200 + 10 * number + $0) } }
  static let testLabels: [UInt8] = [2, 1]

  /// The four files' names and contents.
  static let files: [(name: String, content: [UInt8])] = [
    ("tiny-train-images", idxPictures(trainPictures, height: 2, width: 3)),
    ("tiny-train-labels", idxLabels(trainLabels)),
    ("tiny-test-images", idxPictures(testPictures, height: 2, width: 3)),
    ("tiny-test-labels", idxLabels(testLabels)),
  ]

  /// Describes the set.
  static func dataset(
    archiveName: String? = "tiny.npz", mirrors: [String] = [], knownFolders: [String] = [],
    subfolders: [String] = ["tiny"],
    debianPackage: String? = nil, isBundled: Bool = false
  ) -> ImageDataset {
    let described = files.map {
      ImageDataset.File($0.name, sha256: Checksum.sha256($0.content), byteCount: $0.content.count)
    }
    return ImageDataset(
      name: "tiny", title: "Tiny", about: "seven pictures", height: 2, width: 3, classNames: ["a", "b", "c"],
      files: .init(
        trainImages: described[0], trainLabels: described[1], testImages: described[2], testLabels: described[3]),
      archiveName: archiveName, mirrors: mirrors, downloadByteCount: 1_000_000, knownFolders: knownFolders,
      subfolders: subfolders, debianPackage: debianPackage, isBundled: isBundled, attribution: "no one", licence: "none"
    )
  }

  /// The set as Keras keeps MNIST.
  static func archive(
    trainShape: [Int] = [5, 2, 3], labels: [UInt8] = trainLabels, imageType: String = "|u1"
  ) -> [UInt8] {
    zipArchive([
      ("x_test.npy", npy(npyHeader("|u1", [2, 2, 3]), testPictures.flatMap { $0 })),
      ("x_train.npy", npy(npyHeader(imageType, trainShape), trainPictures.flatMap { $0 })),
      ("y_train.npy", npy(npyHeader("|u1", [labels.count]), labels)),
      ("y_test.npy", npy(npyHeader("<i8", [2]), testLabels.flatMap { littleEndian(Int64($0)) })),
    ])
  }

  /// Writes the four files into a folder below a temporary one.
  static func write(to folder: TemporaryFolder, _ name: String, isCompressed: Bool = false) throws {
    for file in files {
      let content = isCompressed ? gzip(file.content) : file.content
      try folder.write(content, "\(name)/\(file.name)\(isCompressed ? ".gz" : "")")
    }
  }

  /// The machine's folders, all of them in a temporary one.
  static func places(in folder: TemporaryFolder, resources: String? = nil) -> DatasetPlaces {
    DatasetPlaces(
      environment: ["HOME": folder["home"]], resourceFolder: resources, includesSystem: false)
  }
}
