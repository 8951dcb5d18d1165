import Athanor

/// The description of a set of labelled pictures: what it is called, which files make it, and where they come from.
///
/// Everything that finds, downloads, verifies and reads a set works from this description, so a further set is one more
/// value of it. Pictures are gray, `[N, H, W, 1]` bytes; targets are class numbers `[N]`.
///
/// - Example:
///   ```swift
///   let set = try ImageDataset.named("fashion-mnist")
///   let loaded = try await set.load()
///   print(loaded.train.count, loaded.origin)  // 60000 cache folder
///   ```
public struct ImageDataset: Hashable, Sendable, Identifiable {
  /// One file of a set: an IDX file, compressed with gzip or not.
  public struct File: Hashable, Sendable {
    /// The name as it is published, without `.gz`.
    public let name: String
    /// Other names that the same file goes by, without `.gz`.
    public let otherNames: [String]
    /// The SHA-256 sum of the decompressed content, in lower-case hexadecimal digits.
    public let sha256: String
    /// The length of the decompressed content in bytes.
    public let byteCount: Int

    /// Describes a file.
    ///
    /// - Parameters:
    ///   - name: The name as it is published, without `.gz`.
    ///   - otherNames: Other names that the same file goes by.
    ///   - sha256: The sum of the decompressed content.
    ///   - byteCount: The length of the decompressed content.
    public init(_ name: String, otherNames: [String] = [], sha256: String, byteCount: Int) {
      self.name = name
      self.otherNames = otherNames
      self.sha256 = sha256.lowercased()
      self.byteCount = byteCount
    }
  }

  /// The four files of a set.
  public struct Files: Hashable, Sendable {
    /// Pictures to learn from.
    public let trainImages: File
    /// Their class numbers.
    public let trainLabels: File
    /// Pictures to test with.
    public let testImages: File
    /// Their class numbers.
    public let testLabels: File

    /// Puts the four files of a set together.
    public init(trainImages: File, trainLabels: File, testImages: File, testLabels: File) {
      self.trainImages = trainImages
      self.trainLabels = trainLabels
      self.testImages = testImages
      self.testLabels = testLabels
    }

    /// The four files, pictures before labels and training before test.
    public var all: [File] { [trainImages, trainLabels, testImages, testLabels] }
  }

  /// The name on the command line: `mnist`.
  public let name: String
  /// The name in texts: `MNIST`.
  public let title: String
  /// What the set holds, in one sentence.
  public let about: String
  /// The rows and columns of each picture.
  public let height: Int
  /// The columns of each picture.
  public let width: Int
  /// The names of the classes by number.
  public let classNames: [String]
  /// How the pictures were prepared; nil when nothing was done but bringing them to size.
  public let preparation: PicturePreparation?
  /// The files that make the set.
  public let files: Files
  /// The name of a NumPy archive that holds the same set, as Keras keeps it; nil when there is none.
  public let archiveName: String?
  /// The addresses, ending in a slash, below which the files lie with `.gz` after their names; tried in turn.
  public let mirrors: [String]
  /// Roughly how many bytes a download is.
  public let downloadByteCount: Int
  /// Folders in which other programs keep the set; `~` is the home folder.
  public let knownFolders: [String]
  /// Folders within a data directory in which the set may lie.
  public let subfolders: [String]
  /// Debian's package of the set; nil when there is none.
  public let debianPackage: String?
  /// Whether the set comes with the library.
  public let isBundled: Bool
  /// Whom to thank and cite.
  public let attribution: String
  /// The licence and where to read it.
  public let licence: String

  /// Describes a set.
  ///
  /// - Parameters:
  ///   - name: The name on the command line, in lower case.
  ///   - title: The name in texts.
  ///   - about: What the set holds, in one sentence.
  ///   - height: The rows of each picture.
  ///   - width: The columns of each picture.
  ///   - classNames: The names of the classes by number.
  ///   - preparation: How the pictures were prepared.
  ///   - files: The four files.
  ///   - archiveName: The NumPy archive that holds the same.
  ///   - mirrors: Addresses ending in a slash.
  ///   - downloadByteCount: Roughly how many bytes a download is.
  ///   - knownFolders: Folders in which other programs keep the set.
  ///   - subfolders: Folders within a data directory in which the set may lie.
  ///   - debianPackage: Debian's package of the set.
  ///   - isBundled: Whether the set comes with the library.
  ///   - attribution: Whom to thank and cite.
  ///   - licence: The licence and where to read it.
  public init(
    name: String, title: String, about: String, height: Int = 28, width: Int = 28, classNames: [String],
    preparation: PicturePreparation? = nil, files: Files, archiveName: String? = nil, mirrors: [String] = [],
    downloadByteCount: Int = 0, knownFolders: [String] = [],
    subfolders: [String] = [], debianPackage: String? = nil, isBundled: Bool = false, attribution: String,
    licence: String
  ) {
    self.name = name
    self.title = title
    self.about = about
    self.height = height
    self.width = width
    self.classNames = classNames
    self.preparation = preparation
    self.files = files
    self.archiveName = archiveName
    self.mirrors = mirrors
    self.downloadByteCount = downloadByteCount
    self.knownFolders = knownFolders
    self.subfolders = subfolders
    self.debianPackage = debianPackage
    self.isBundled = isBundled
    self.attribution = attribution
    self.licence = licence
  }

  /// The name, by which sets are told apart.
  public var id: String { name }
  /// The shape of one picture: `[H, W, 1]`.
  public var inputShape: [Int] { [height, width, 1] }
}
