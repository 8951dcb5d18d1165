import Athanor
import Foundation

/// Pictures of one's own: a folder with one subfolder for each class, as `image_dataset_from_directory` of Keras reads.
///
///     flowers/
///       daisy/  1.jpg  2.jpg  ...
///       tulip/  1.png  ...
public enum ImageFolder {
  /// Loads every PNG and JPEG picture of a folder.
  ///
  /// Subfolders are the classes; the pictures may lie deeper in them, and their order is that of their paths. What has
  /// a name that begins with a dot, and what is not a picture, is passed over. Links to folders and files are followed. Pictures of another
  /// size are resized, without regard to their aspect, and stay bytes in memory. All pictures are tried, and those that cannot be read are
  /// named together at the end.
  ///
  /// - Parameters:
  ///   - path: The folder that holds the classes' folders.
  ///   - height: The rows of each example, H.
  ///   - width: The columns of each example, W.
  ///   - channels: 1 for shades of gray, 3 for red, green and blue, C.
  ///   - classNames: The classes in the order of their numbers; nil for the subfolders' names, sorted. Give those of the
  ///     training set for a test set, so that the numbers are the same.
  ///   - skipUnreadable: Whether pictures that cannot be read are left out, with a warning, instead of an error.
  ///   - warn: Receives what is worth knowing: pictures left out, turned by their EXIF orientation, or read in spite of a defect. By default
  ///     it is written to standard error.
  /// - Returns: Inputs `[N, H, W, C]` bytes; targets `[N]` class numbers; the classes' names.
  /// - Throws: `AthanorError` naming the folder when it is missing or empty, or has no folders of classes; the class when
  ///   it is missing or has no pictures; the files that are damaged.
  /// - Example:
  ///   ```swift
  ///   let train = try ImageFolder.load("flowers/train", height: 64, width: 64)
  ///   let test = try ImageFolder.load("flowers/test", height: 64, width: 64, classNames: train.classNames)
  ///   ```
  public static func load(
    _ path: String, height: Int, width: Int, channels: Int = 3, classNames: [String]? = nil,
    skipUnreadable: Bool = false, warn: (String) -> Void = ImageFolder.warnOnStandardError
  ) throws -> Dataset {
    try checkSize(height: height, width: width, channels: channels)
    let names = try classes(of: path, wanted: classNames)
    let files = try names.map { try pictures(of: $0, in: path) }
    let count = files.reduce(0) { $0 + $1.count }
    let byteCount = count * height * width * channels
    try checkMemory(byteCount, path: path)
    var pixels: [UInt8] = []
    pixels.reserveCapacity(byteCount)
    var targets: [Int32] = []
    var notes = PictureNotes()
    for (number, files) in files.enumerated() {
      let countBefore = targets.count
      for file in files {
        do {
          let picture = try Picture(contentsOf: file)
          notes.add(picture, file)
          pixels += try (channels == 1 ? picture.gray() : picture.color()).resized(height: height, width: width).pixels
          targets.append(Int32(number))
        } catch let error as AthanorError {
          notes.add(error)
        }
      }
      guard targets.count > countBefore || !skipUnreadable else {
        throw notes.error(at: FileBytes.join(path, names[number]), "none of its pictures can be read")
      }
    }
    guard notes.errors.isEmpty || skipUnreadable else {
      if notes.errors.count == 1 { throw notes.errors[0] }
      throw notes.error(
        at: path, "\(notes.errors.count) of \(count) pictures cannot be read",
        code: "Mend or remove them, or leave them out with skipUnreadable: true.")
    }
    for warning in notes.warnings(of: path, count: count) { warn(warning) }
    return try Dataset(
      inputs: Tensor(shape: [targets.count, height, width, channels], bytes: pixels),
      targets: Tensor(shape: [targets.count], integers: targets), classNames: names)
  }

  /// Writes a warning to standard error.
  public static func warnOnStandardError(_ text: String) {
    FileHandle.standardError.write(Data("Warning: \(text)\n".utf8))
  }

  static func checkSize(height: Int, width: Int, channels: Int) throws {
    guard (1...Picture.sideLimit).contains(height), (1...Picture.sideLimit).contains(width) else {
      throw AthanorError(
        .argument, at: "ImageFolder", "examples of \(height) x \(width) pixels were asked for",
        fix: "Give a height and a width from 1 to \(Picture.sideLimit).")
    }
    guard channels == 1 || channels == 3 else {
      throw AthanorError(
        .argument, at: "ImageFolder", "examples of \(channels) channels were asked for",
        fix: "Give 1 for shades of gray or 3 for colour.")
    }
  }

  static func checkMemory(_ byteCount: Int, path: String) throws {
    let memory = ProcessInfo.processInfo.physicalMemory
    guard byteCount <= memory else {
      throw AthanorError(
        .data, at: path, "its pictures would have \(byteCount) bytes in this size but the machine has \(memory)",
        fix: "Ask for a smaller height and width.")
    }
  }

  /// The names of the classes: the wanted ones when all of them are there and no others, or all subfolders' names.
  ///
  /// - Parameter mayLack: Whether wanted classes may have no folder, and are then left out.
  static func classes(of path: String, wanted: [String]?, mayLack: Bool = false) throws -> [String] {
    let expected = "one folder for each class with PNG or JPEG pictures in it"
    guard FileBytes.isFolder(path) else {
      throw AthanorError(
        .file, at: path, "there is no such folder of pictures", fix: "Give a folder that holds \(expected).")
    }
    let entries = try FileBytes.names(in: path)
    let found = try folders(in: path)
    guard !found.isEmpty else {
      let loose = entries.count { Picture.isPictureName($0) }
      let content =
        entries.isEmpty
        ? "is empty" : "holds no folders (\(loose) picture\(loose == 1 ? "" : "s") among \(entries.count) files)"
      throw AthanorError(
        .file, at: path, "\(content) but \(expected) was expected",
        fix: "Arrange the pictures as \(path)/CLASS/PICTURE.png.")
    }
    guard let wanted else { return found }
    guard Set(wanted).count == wanted.count else {
      throw AthanorError(
        .argument, at: "ImageFolder", "a name is twice among the classes \(wanted.joined(separator: ", "))",
        fix: "Give each class once.")
    }
    if let other = found.first(where: { !wanted.contains($0) }) {
      throw AthanorError(
        .data, at: FileBytes.join(path, other), "this folder is none of the classes \(wanted.joined(separator: ", "))",
        fix: "Remove the folder, or add its name to the classes of the training set.")
    }
    return mayLack ? wanted.filter(found.contains) : wanted
  }

  /// The names of the folders in a folder, but for the one that archives made on macOS have.
  static func folders(in path: String) throws -> [String] {
    try FileBytes.names(in: path, isNeeded: { $1 }).filter {
      $0 != "__MACOSX" && FileBytes.isFolder(FileBytes.join(path, $0))
    }
  }

  static func pictures(of name: String, in path: String) throws -> [String] {
    let folder = FileBytes.join(path, name)
    guard FileBytes.isFolder(folder) else {
      throw AthanorError(
        .file, at: folder, "there is no such folder, but \(name) is one of the classes",
        fix: "Make the folder and put at least one PNG or JPEG picture into it.")
    }
    do {
      return try Picture.files(at: [folder])
    } catch let error as AthanorError {
      throw AthanorError(
        error.kind, at: error.location, error.problem,
        fix: "Put at least one picture into each class's folder, or remove the folder.")
    }
  }
}
