import Athanor
import AthanorDatasets
import Foundation
import Testing

/// Folders of pictures with a subfolder for each class.
struct ImageFolderTests {
  private let folder: TemporaryFolder
  private let red = png(width: 2, [[255, 0, 0, 255, 0, 0], [255, 0, 0, 255, 0, 0]], .rgb)
  private let gray = png(width: 2, [[10, 20], [30, 40]], .gray)

  init() throws { folder = try TemporaryFolder() }

  private func load(
    _ name: String = "set", height: Int = 2, width: Int = 2, channels: Int = 3, classNames: [String]? = nil
  ) throws -> Dataset {
    try ImageFolder.load(folder[name], height: height, width: width, channels: channels, classNames: classNames)
  }

  private func writeSet() throws {
    try folder.write(gray, "set/tulip/b.png")
    try folder.write(red, "set/tulip/a.PNG")
    try folder.write(Fixtures.grayJPEG, "set/daisy/deep/er/c.jpeg")
    try folder.write(Array("notes".utf8), "set/daisy/notes.txt")
    try folder.write([0], "set/daisy/._c.jpeg")
    try folder.write([0], "set/.hidden/x.png")
    try folder.write([0], "set/README.txt")
  }

  @Test func readsClassesInOrderAsBytes() throws {
    try writeSet()
    let set = try load(channels: 1)
    #expect(set.classNames == ["daisy", "tulip"])
    #expect(set.inputs.shape == [3, 2, 2, 1])
    // daisy: half black, half white; tulip: a (red is 76 in shades of gray), then b.
    #expect(set.inputs.storage == .uint8([0, 255, 0, 255] + [76, 76, 76, 76] + [10, 20, 30, 40]))
    #expect(set.targets.storage == .int32([0, 1, 1]))
    #expect(set.inputScale == Float(1) / 255)
  }

  @Test func colorHasThreeChannels() throws {
    try writeSet()
    let set = try load(height: 1, width: 2)
    #expect(set.inputs.shape == [3, 1, 2, 3])
    #expect(
      set.inputs.storage
        == .uint8([0, 0, 0, 255, 255, 255] + [255, 0, 0, 255, 0, 0] + [20, 20, 20, 30, 30, 30]))
  }

  @Test func classNamesFixTheNumbers() throws {
    try writeSet()
    let set = try load(channels: 1, classNames: ["tulip", "daisy"])
    #expect(set.classNames == ["tulip", "daisy"])
    #expect(set.targets.storage == .int32([0, 0, 1]))
    #expect(
      folder.error { try load(classNames: ["tulip", "daisy", "rose"]) }
        == "set/rose: there is no such folder, but rose is one of the classes. "
        + "Make the folder and put at least one PNG or JPEG picture into it.")
    #expect(
      folder.error { try load(classNames: ["tulip"]) }
        == "set/daisy: this folder is none of the classes tulip. "
        + "Remove the folder, or add its name to the classes of the training set.")
    #expect(
      folder.error { try load(classNames: ["tulip", "daisy", "tulip"]) }
        == "ImageFolder: a name is twice among the classes tulip, daisy, tulip. Give each class once.")
  }

  @Test func emptyFoldersAreToldWhatWasExpected() throws {
    try folder.makeFolder("set")
    let remedy = "Arrange the pictures as set/CLASS/PICTURE.png."
    #expect(
      folder.error { try load() }
        == "set: is empty but one folder for each class with PNG or JPEG pictures in it was expected. \(remedy)")
    try folder.write(red, "set/1.png")
    try folder.write([], "set/list.txt")
    #expect(
      folder.error { try load() }
        == "set: holds no folders (1 picture among 2 files) but one folder for each class with PNG or JPEG pictures in it was "
        + "expected. \(remedy)")
    try folder.makeFolder("set/rose")
    #expect(
      folder.error { try load() }
        == "set/rose: the folder holds no PNG or JPEG pictures. "
        + "Put at least one picture into each class's folder, or remove the folder.")
    #expect(
      folder.error { try load("none") }
        == "none: there is no such folder of pictures. "
        + "Give a folder that holds one folder for each class with PNG or JPEG pictures in it.")
  }

  @Test func damagedPicturesAreNamedTogether() throws {
    try writeSet()
    try folder.write(Array(red.prefix(40)), "set/tulip/c.png")
    #expect(folder.error { try load() }.hasPrefix("set/tulip/c.png: it is a damaged PNG picture: "))
    for number in 10..<20 { try folder.write(Array("GIF89a".utf8), "set/daisy/\(number).png") }
    let list = (10..<18).map { "set/daisy/\($0).png: it is a GIF picture, but PNG and JPEG pictures are read" }
    #expect(
      folder.error { try load() }
        == "set: 11 of 14 pictures cannot be read: \(list.joined(separator: "; ")); and 3 more. "
        + "Mend or remove them, or leave them out with skipUnreadable: true.")
  }

  @Test func damagedPicturesCanBeLeftOut() throws {
    try writeSet()
    try folder.write(Array("GIF89a".utf8), "set/tulip/c.png")
    var warnings: [String] = []
    let set = try ImageFolder.load(
      folder["set"], height: 2, width: 2, channels: 1, skipUnreadable: true, warn: { warnings.append($0) })
    #expect(set.inputs.shape == [3, 2, 2, 1] && set.targets.storage == .int32([0, 1, 1]))
    #expect(
      warnings.map { $0.replacingOccurrences(of: folder.path + "/", with: "") } == [
        "set: 1 of 4 pictures is left out: set/tulip/c.png: it is a GIF picture, but PNG and JPEG pictures are read"
      ])
    for name in ["a.PNG", "b.png"] { try folder.write([], "set/tulip/\(name)") }
    #expect(
      folder.error { try ImageFolder.load(folder["set"], height: 2, width: 2, skipUnreadable: true) }
        == "set/tulip: none of its pictures can be read: set/tulip/a.PNG: it is empty (0 bytes); "
        + "set/tulip/b.png: it is empty (0 bytes); set/tulip/c.png: it is a GIF picture, but PNG and JPEG pictures are read. "
        + "Mend or remove them.")
  }

  @Test func linksAreFollowed() throws {
    try writeSet()
    try folder.write(gray, "elsewhere/x.png")
    let files = FileManager.default
    try files.createSymbolicLink(atPath: folder["set/aster"], withDestinationPath: folder["elsewhere"])
    try files.createSymbolicLink(atPath: folder["elsewhere/y.png"], withDestinationPath: folder["set/tulip/b.png"])
    // A loop ends where it comes back to.
    try files.createSymbolicLink(atPath: folder["elsewhere/again"], withDestinationPath: folder["elsewhere"])
    let set = try load(channels: 1)
    #expect(set.classNames == ["aster", "daisy", "tulip"])
    #expect(set.targets.storage == .int32([0, 0, 1, 2, 2]))
  }

  @Test func sizesAreChecked() throws {
    try writeSet()
    #expect(
      folder.error { try load(height: 0) }
        == "ImageFolder: examples of 0 x 2 pixels were asked for. Give a height and a width from 1 to 16384.")
    #expect(
      folder.error { try load(channels: 4) }
        == "ImageFolder: examples of 4 channels were asked for. Give 1 for shades of gray or 3 for colour.")
  }
}
