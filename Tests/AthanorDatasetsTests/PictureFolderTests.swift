import Athanor
import AthanorDatasets
import Foundation
import Testing

/// Folders of pictures that are looked at first, and read into memory or batch by batch.
struct PictureFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A gray picture of one shade.
  private func shade(_ value: UInt8, width: Int = 3, height: Int = 2) -> [UInt8] {
    png(width: width, [[UInt8]](repeating: [UInt8](repeating: value, count: width), count: height), .gray)
  }

  private func writeSet(_ counts: [String: Int]) throws {
    var value: UInt8 = 0
    for (name, count) in counts.sorted(by: { $0.key < $1.key }) {
      for number in 0..<count {
        try folder.write(shade(value), "set/\(name)/\(String(format: "%02d", number)).png")
        value += 1
      }
    }
  }

  private func look(_ classNames: [String]? = nil, skipUnreadable: Bool = false) throws -> PictureFolder {
    try PictureFolder(folder["set"], classNames: classNames, skipUnreadable: skipUnreadable)
  }

  private func findings(_ look: PictureFolder) -> [String] {
    look.findings.map { $0.replacingOccurrences(of: folder.path, with: "") }
  }

  @Test func classesAndSizesAreFound() throws {
    try writeSet(["a": 4, "b": 1])
    try folder.write(
      png(width: 8, [[UInt8]](repeating: [9, 8, 7] + [UInt8](repeating: 1, count: 21), count: 4), .rgb), "set/b/x.png")
    try folder.write(Array("x".utf8), "set/b/notes.txt")
    // Reading it would never end.
    #expect(mkfifo(folder["set/b/pipe.png"], 0o600) == 0)
    try folder.write(shade(0), "set/b/same.png")
    let found = try look()
    #expect(found.classNames == ["a", "b"] && found.classNumbers == [0, 0, 0, 0, 1, 1, 1] && found.parts == nil)
    #expect(
      found.entries.map(\.name) == [
        "a/00.png", "a/01.png", "a/02.png", "a/03.png", "b/00.png", "b/same.png", "b/x.png",
      ])
    #expect(found.entries.map(\.hasColour) == [false, false, false, false, false, false, true])
    #expect(found.suggestedShape == [2, 3, 3])
    #expect(
      findings(found) == [
        "/set: 7 pictures of 2 classes: a 4, b 3",
        "They have 2 x 3 to 4 x 8 pixels (height x width), 1 of them in colour",
        "1 picture has the pixels of another one, so that parts of a random split may share them: a/00.png and b/same.png",
        "The same pixels are in several classes: a/00.png and b/same.png",
        "2 files are passed over, for only .png, .jpg and .jpeg files are read: b/notes.txt, ...",
      ])
    let data = try found.load([6, 1], height: 1, width: 2, channels: 1)
    #expect(data.targets.storage == .int32([1, 0]) && data.classNames == ["a", "b"])
    #expect(data.inputs.shape == [2, 1, 2, 1] && data.inputs.floats.suffix(2) == [1, 1])
    #expect(folder.error { try found.load([7], height: 1, width: 1, channels: 1) }.contains("picture 7 was asked for"))
  }

  #if os(Linux)
    /// Only Linux has such names.
    @Test func namesThatAreNoTextAreRefused() throws {
      try writeSet(["a": 2, "b": 2])
      let name = Array(folder["set/"].utf8CString.dropLast()) + [0x66, CChar(bitPattern: 0xFC), 0]
      #expect(mkdir(name, 0o755) == 0)
      #expect(
        folder.error { _ = try look() }
          == "set: it holds the name \"f\u{FFFD}\", which is not UTF-8. Rename the file or folder.")
    }
  #endif

  @Test func gridsOfFewPicturesAndOfUnlikeClassesAreTold() throws {
    try writeSet(["a": 9, "b": 2, "c": 1])
    #expect(
      findings(try look()).dropFirst(2) == [
        "Class c has one picture, which can only be learned from: nothing tells how well",
        "Class a has 9.0 times as many pictures as class c; balanced class weights let all classes count alike",
      ])
  }

  @Test func uniformPicturesKeepTheirSizeAndLargeOnesAreMadeSmaller() throws {
    try folder.write(shade(1, width: 120, height: 100), "set/a/1.png")
    try folder.write(shade(2, width: 120, height: 100), "set/b/1.png")
    #expect(try look().suggestedShape == [100, 120, 1])
    try folder.write(shade(3, width: 200, height: 100), "set/b/2.png")
    try folder.write(shade(3, width: 200, height: 100), "set/b/3.png")
    try folder.write(shade(3, width: 200, height: 100), "set/b/4.png")
    #expect(try look().suggestedShape == [48, 96, 1])
  }

  @Test func foldersOfPartsAreASplit() throws {
    for (name, value) in [("train/a/1", 1), ("train/b/1", 2), ("train/b/2", 3), ("Val/b/1", 4), ("test/a/1", 5)] {
      try folder.write(shade(UInt8(value)), "set/\(name).png")
    }
    let found = try look()
    #expect(found.classNames == ["a", "b"] && found.classNumbers == [0, 1, 1, 1, 0])
    #expect(found.parts == ExampleSplit(train: [0, 1, 2], validation: [3], test: [4]))
    try folder.write(shade(9), "set/test/c/1.png")
    #expect(
      folder.error { try look() }
        == "set/test/c: this folder is none of the classes a, b. Remove the folder, or add its name to the classes of the training set."
    )
  }

  @Test("A folder beside those of parts is no class; one that is called train but holds pictures is")
  func otherFolders() throws {
    for name in ["train/a/1", "train/b/1", "val/a/1", "notes/1"] { try folder.write(shade(1), "set/\(name).png") }
    #expect(
      folder.error { try look() }
        == "set/notes: it lies beside a folder \"train\" of classes but is not the folder of a part. Remove it, or call it one of train, training, val, valid, validation, test, testing."
    )
    for name in ["train/1", "bus/1"] { try folder.write(shade(1), "vehicles/\(name).png") }
    let vehicles = try PictureFolder(folder["vehicles"])
    #expect(vehicles.classNames == ["bus", "train"] && vehicles.parts == nil)
    for name in ["x/1", " x/1"] { try folder.write(shade(1), "blanks/\(name).png") }
    #expect(
      folder.error { try PictureFolder(folder["blanks"]) }.hasPrefix(
        "blanks: class folder 1 and class folder 2 are both \"x\""))
  }

  @Test func aModelsClassesKeepTheirNumbers() throws {
    try writeSet(["b": 1, "c": 1])
    #expect(try look(["c", "a", "b"]).classNumbers == [0, 2])
    #expect(folder.error { try look(["c", "a"]) }.hasPrefix("set/b: this folder is none of the classes c, a."))
  }

  @Test func badFoldersAreRefused() throws {
    #expect(folder.error { try look() }.hasPrefix("set: there is no such folder of pictures"))
    try writeSet(["a": 2])
    #expect(
      folder.error { try look() }
        == "set: it holds pictures of one class, a, but there is nothing to tell it apart from. Put the pictures of each class into a folder of its own, at least two."
    )
    try folder.makeFolder("set/b")
    #expect(folder.error { try look() }.hasPrefix("set/b: the folder holds no PNG or JPEG pictures."))
    try folder.write([1, 2, 3], "set/b/x.png")
    #expect(folder.error { try look() }.hasPrefix("set: 1 of 3 pictures cannot be read: set/b/x.png: "))
    #expect(folder.error { try look(skipUnreadable: true) }.hasPrefix("set/b: none of its pictures can be read: "))
    try folder.write(shade(7), "set/b/y.png")
    let found = try look(skipUnreadable: true)
    #expect(found.entries.count == 3)
    #expect(findings(found).contains { $0.hasPrefix("/set: 1 of 4 pictures is left out: ") })
  }

  // MARK: Streams

  @Test("A training from a stream is that from memory, bit for bit, and goes on in the middle of an epoch")
  func streamsAreLikeMemory() throws {
    try writeSet(["a": 13, "b": 10])
    let found = try look()
    let memory = try found.load(height: 2, width: 3, channels: 1)
    func trained(_ source: any DataSource) throws -> [Weight] {
      let model = try Sequential(input: [2, 3, 1], seed: 4) {
        Flatten()
        Dense(2, activation: .softmax)
      }
      try model.compile(loss: .categoricalCrossentropy)
      try model.fit(source, epochs: 3, batchSize: 5, validation: memory, verbose: .silent)
      #expect(model.classNames == ["a", "b"])
      return model.weights
    }
    let expected = try trained(memory)
    for (ahead, threads) in [(1, 1), (3, 2), (9, 4)] {
      let stream = try PictureStream(found, height: 2, width: 3, channels: 1, batchesAhead: ahead, threads: threads)
      #expect(stream.exampleCount == 23)
      #expect(try trained(stream) == expected)
    }

    let stream = try PictureStream(found, height: 2, width: 3, channels: 1, batchesAhead: 2, threads: 2)
    for share in 0..<2 {
      let pass = try DataPass(number: 2, seed: 9, shuffle: true, batchSize: 4, share: share, shareCount: 2)
      func rest(_ cursor: any DataCursor, _ source: any DataSource) throws -> [Int32] {
        let batch = try Batch(source.ports, capacity: 4)
        var targets: [Int32] = []
        while case let count = try cursor.fill(batch), count > 0 {
          targets += try batch.withElements(.target, as: Int32.self) { Array($0.prefix(count)) }
          let bytes = try batch.withElements(.input, as: UInt8.self) { Array($0.prefix(count * 6)) }
          targets += bytes.map { Int32($0) }
        }
        return targets
      }
      let (cursor, other) = (stream.cursor(pass), memory.cursor(pass))
      let first = try Batch(stream.ports, capacity: 4)
      _ = try (cursor.fill(first), other.fill(first))
      let moved = stream.cursor(pass)
      _ = try moved.fill(first)
      _ = try moved.fill(first)
      try moved.move(to: #require(cursor.position))
      let expected = try rest(other, memory)
      #expect(try rest(cursor, stream) == expected && rest(moved, stream) == expected && !expected.isEmpty)
    }
  }

  @Test func aPictureThatIsDamagedLaterEndsTheTraining() throws {
    try writeSet(["a": 4, "b": 4])
    let found = try look()
    try folder.write([1], "set/b/01.png")
    try folder.write([1], "set/b/02.png")
    let stream = try PictureStream(found, height: 2, width: 3, channels: 1, batchesAhead: 2, threads: 3)
    let batch = try Batch(stream.ports, capacity: 4)
    for _ in 0..<20 {
      let cursor = stream.cursor(try DataPass(batchSize: 4))
      #expect(try cursor.fill(batch) == 4)
      #expect(folder.error { try cursor.fill(batch) }.hasPrefix("set/b/01.png: "))
    }
    let refused = folder.error { try PictureStream(found, height: 0, width: 1) }
    #expect(refused.contains("examples of 0 x 1 pixels were asked for"))
    #expect(
      folder.error { try PictureStream(found, height: 1, width: 1, batchesAhead: 0) }.contains("batchesAhead is 0"))
  }
}
