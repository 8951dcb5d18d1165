import Athanor
import Foundation

/// A folder of labelled pictures that was looked at: which classes there are, how large the pictures are, what is wrong with them.
///
///     flowers/                 or   flowers/
///       daisy/  1.jpg  2.jpg          train/  daisy/  tulip/
///       tulip/  1.png                 val/    daisy/  tulip/
///                                     test/   daisy/  tulip/
///
/// Each picture is decoded once when it is looked at, on all cores, but none is kept: ``load(_:height:width:channels:)`` reads them into
/// memory, ``PictureStream`` batch by batch.
///
/// - Example:
///   ```swift
///   let folder = try PictureFolder("flowers")
///   print(folder.findings.joined(separator: "\n"))
///   let split = try ExampleSplit(classes: folder.classNumbers, validation: 0.2, seed: 1)
///   let train = try folder.load(split.train, height: 64, width: 64, channels: 3)
///   ```
public struct PictureFolder: Sendable {
  /// One picture that can be read.
  public struct Entry: Hashable, Sendable {
    /// Its path within the folder.
    public let name: String
    /// The number of its class.
    public let classNumber: Int32
    /// The part whose folder it lies in; nil where there are no folders of parts.
    public let part: ExampleSplit.Part?
    /// Its rows, after it was turned upright.
    public let height: Int
    /// Its columns.
    public let width: Int
    /// Whether it has colours.
    public let hasColour: Bool
  }

  /// The folder.
  public let path: String
  /// The names of the classes' folders, in the order of their numbers.
  public let classNames: [String]
  /// The pictures that can be read, class by class.
  public let entries: [Entry]
  /// What is worth knowing of the pictures, in sentences.
  public let findings: [String]

  /// The class number of each picture.
  public var classNumbers: [Int32] { entries.map(\.classNumber) }

  /// The examples of each part where the folder has folders of parts (`train`, `val` or `validation`, `test`); nil otherwise.
  public var parts: ExampleSplit? {
    guard entries.contains(where: { $0.part != nil }) else { return nil }
    func places(_ part: ExampleSplit.Part) -> [Int] { entries.indices.filter { entries[$0].part == part } }
    return ExampleSplit(train: places(.train), validation: places(.validation), test: places(.test))
  }

  /// Height, width and channels that suit the pictures: their own where all have one size of at most 128 x 128 pixels; otherwise the median
  /// height and width, made smaller so that the longer side is at most 96. One channel where no picture has colours.
  public var suggestedShape: [Int] {
    func median(_ values: [Int]) -> Int { values.isEmpty ? 1 : values.sorted()[values.count / 2] }
    let (height, width) = (median(entries.map(\.height)), median(entries.map(\.width)))
    let isUniform = entries.allSatisfy { $0.height == height && $0.width == width }
    let factor = isUniform && max(height, width) <= 128 ? 1 : min(1, 96 / Double(max(height, width)))
    func length(_ side: Int) -> Int { max(1, Int((Double(side) * factor).rounded())) }
    return [length(height), length(width), entries.contains(where: \.hasColour) ? 3 : 1]
  }

  /// Looks at all pictures of a folder.
  ///
  /// - Parameters:
  ///   - path: The folder that holds one folder for each class, or `train`, `val` and `test` folders of that kind.
  ///   - classNames: The classes in the order of their numbers, where a model has them already; nil for the folders' names, sorted.
  ///   - skipUnreadable: Whether pictures that cannot be read are left out and named in the findings, instead of an error.
  ///   - threads: How many pictures are decoded at once; nil for one on each core.
  /// - Throws: `AthanorError` naming the folder, the class or the files: when it is missing or empty, has no folders of classes or only one,
  ///   a class has no pictures, or pictures are damaged.
  public init(_ path: String, classNames: [String]? = nil, skipUnreadable: Bool = false, threads: Int? = nil) throws {
    let parts = try PictureFolder.partFolders(of: path)
    var names = classNames
    var found: [(part: ExampleSplit.Part?, number: Int32, file: String)] = []
    for (part, folder) in parts {
      // The first part is that of the training: its classes are those of all.
      let classes = try ImageFolder.classes(of: folder, wanted: names, mayLack: classNames != nil || part != nil)
      let all = names ?? classes
      names = all
      for name in classes {
        guard let number = all.firstIndex(of: name) else { continue }
        found += try ImageFolder.pictures(of: name, in: folder).map { (part, Int32(number), $0) }
      }
    }
    self.path = path
    self.classNames = names ?? []
    _ = try ClassNames.checked(self.classNames, path, "class folder")
    guard self.classNames.count > 1 else {
      throw AthanorError(
        .data, at: path,
        "it holds pictures of one class, \(self.classNames.joined()), but there is nothing to tell it apart from",
        fix: "Put the pictures of each class into a folder of its own, at least two.")
    }
    let files = found.map(\.file)
    let looks = ParallelWork.map(files.count, threads: threads) { PictureFolder.look(at: files[$0]) }
    var (entries, notes, sources): ([Entry], PictureNotes, [UInt64: [Int]]) = ([], PictureNotes(), [:])
    for (item, look) in zip(found, looks) {
      switch look {
      case .failure(let error): notes.add(error)
      case .success(let facts):
        notes.add(facts.notes, item.file)
        sources[facts.fingerprint, default: []].append(entries.count)
        entries.append(
          Entry(
            name: String(item.file.dropFirst(path.count).drop { $0 == "/" }), classNumber: item.number, part: item.part,
            height: facts.height, width: facts.width, hasColour: facts.hasColour))
      }
    }
    guard notes.errors.isEmpty || skipUnreadable else {
      throw notes.error(
        at: path, "\(notes.errors.count) of \(files.count) pictures cannot be read",
        code: "Mend or remove them, or leave them out with skipUnreadable: true.",
        command: "Mend or remove them, or leave them out with --skip-unreadable.")
    }
    self.entries = entries
    let counts = entries.reduce(into: [Int](repeating: 0, count: self.classNames.count)) {
      $0[Int($1.classNumber)] += 1
    }
    if let empty = counts.firstIndex(of: 0), classNames == nil {
      throw notes.error(at: FileBytes.join(path, self.classNames[empty]), "none of its pictures can be read")
    }
    guard !entries.isEmpty else { throw notes.error(at: path, "none of its pictures can be read") }
    findings = PictureFolder.findings(
      entries, self.classNames, counts: counts, same: sources.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] },
      notes: notes.warnings(of: path, count: files.count), path: path)
  }

  /// The folders of parts with their parts, that of the training first; the folder itself where it has none.
  private static func partFolders(of path: String) throws -> [(part: ExampleSplit.Part?, folder: String)] {
    guard FileBytes.isFolder(path) else { return [(nil, path)] }
    let folders = try ImageFolder.folders(in: path)
    let parts = folders.map { name in ExampleSplit.Part.allCases.first { $0.folderNames.contains(name.lowercased()) } }
    // A class may be called "train" too: then the folder holds its pictures.
    let hasPart = try zip(parts, folders).contains { part, name in
      let folder = FileBytes.join(path, name)
      return try part == .train
        && FileBytes.names(in: folder).contains { FileBytes.isFolder(FileBytes.join(folder, $0)) }
    }
    guard hasPart else { return [(nil, path)] }
    if let other = zip(parts, folders).first(where: { $0.0 == nil })?.1 {
      let known = ExampleSplit.Part.allCases.flatMap(\.folderNames)
      throw AthanorError(
        .data, at: FileBytes.join(path, other),
        "it lies beside a folder \"train\" of classes but is not the folder of a part",
        fix: "Remove it, or call it one of \(known.joined(separator: ", ")).")
    }
    return zip(parts, folders).map { ($0, FileBytes.join(path, $1)) }
      .sorted { ($0.0 == .train ? 0 : 1, $0.1) < ($1.0 == .train ? 0 : 1, $1.1) }
  }

  /// Reads pictures into memory, on all cores.
  ///
  /// - Parameters:
  ///   - places: Which pictures, by their places in ``entries``; nil for all.
  ///   - height: The rows of each example, H; others are resized, without regard to their aspect.
  ///   - width: The columns of each example, W.
  ///   - channels: 1 for shades of gray, 3 for red, green and blue, C.
  ///   - threads: How many pictures are decoded at once; nil for one on each core.
  /// - Returns: Inputs `[N, H, W, C]` bytes; targets `[N]` class numbers; the classes' names.
  /// - Throws: `AthanorError` when a picture can no longer be read, or memory would not be enough.
  public func load(
    _ places: [Int]? = nil, height: Int, width: Int, channels: Int, threads: Int? = nil
  ) throws -> Dataset {
    let places = places ?? Array(entries.indices)
    let reader = try PictureReader(self, places, height: height, width: width, channels: channels)
    try ImageFolder.checkMemory(places.count * reader.byteCount, path: path)
    var pixels = [UInt8](repeating: 0, count: places.count * reader.byteCount)
    let results = pixels.withUnsafeMutableBytes { memory in
      // Each picture has bytes of its own.
      nonisolated(unsafe) let memory = memory
      return ParallelWork.map(places.count, threads: threads) { index -> AthanorError? in
        do throws(AthanorError) {
          try reader.read(
            index,
            into: UnsafeMutableRawBufferPointer(
              rebasing: memory[index * reader.byteCount..<(index + 1) * reader.byteCount]))
          return nil
        } catch {
          return error
        }
      }
    }
    if let error = results.lazy.compactMap(\.self).first { throw error }
    return try Dataset(
      inputs: Tensor(shape: [places.count, height, width, channels], bytes: pixels),
      targets: Tensor(shape: [places.count], integers: places.map { entries[$0].classNumber }), classNames: classNames)
  }

  /// What one look at a picture found.
  private struct Look: Sendable {
    let height: Int
    let width: Int
    let hasColour: Bool
    let notes: [Picture.Note]
    /// Equal for equal pixels.
    let fingerprint: UInt64
  }

  private static func look(at file: String) -> Result<Look, AthanorError> {
    do {
      let picture = try Picture(contentsOf: file)
      return .success(
        Look(
          height: picture.height, width: picture.width, hasColour: picture.hasColour, notes: picture.notes,
          fingerprint: picture.fingerprint))
    } catch let error as AthanorError {
      return .failure(error)
    } catch {
      return .failure(AthanorError(.file, at: file, "\(error)"))
    }
  }
}

extension Picture {
  /// Whether a pixel is no shade of gray.
  fileprivate var hasColour: Bool {
    guard channels == 3 else { return false }
    for place in stride(from: 0, to: pixels.count, by: 3) {
      if pixels[place] != pixels[place + 1] || pixels[place] != pixels[place + 2] { return true }
    }
    return false
  }

  /// A number that equal pictures share.
  fileprivate var fingerprint: UInt64 {
    var fingerprint = Fingerprint()
    for length in [height, width, channels] { fingerprint.add(UInt32(length)) }
    for pixel in pixels { fingerprint.add(pixel) }
    return fingerprint.value
  }
}
