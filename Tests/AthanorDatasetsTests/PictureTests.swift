import AthanorDatasets
import Foundation
import Testing

/// Decoding, encoding and changing pictures.
struct PictureTests {
  private func decode(_ file: [UInt8]) throws -> Picture { try Picture(data: Data(file), name: "x.png") }

  private func error<Result>(_ body: () throws -> Result) throws -> String { try TemporaryFolder().error(body) }

  @Test func decodesGray() throws {
    let picture = try decode(png(width: 3, [[0, 100, 200], [255, 1, 2]], .gray))
    #expect(picture == (try Picture(height: 2, width: 3, channels: 1, pixels: [0, 100, 200, 255, 1, 2])))
    let bits = try decode(png(width: 4, [[0b0110_0000]], .gray, depth: 1))
    #expect(bits.pixels == [0, 255, 255, 0])
    let shades = try decode(png(width: 4, [[0b0001_1011]], .gray, depth: 2))
    #expect(shades.pixels == [0, 85, 170, 255])
  }

  @Test func decodesColor() throws {
    let picture = try decode(png(width: 2, [[1, 2, 3, 250, 251, 252]], .rgb))
    #expect(picture == (try Picture(height: 1, width: 2, channels: 3, pixels: [1, 2, 3, 250, 251, 252])))
  }

  @Test func transparencyBecomesWhite() throws {
    let rgba = try decode(png(width: 3, [[9, 8, 7, 255, 9, 8, 7, 0, 0, 0, 0, 128]], .rgba))
    #expect(rgba.channels == 3)
    #expect(rgba.pixels.prefix(6) == [9, 8, 7, 255, 255, 255])
    // Half of black over white is gray, whether mixed as light or as numbers.
    #expect(rgba.pixels.suffix(3).allSatisfy { (120...190).contains($0) })
    let gray = try decode(png(width: 2, [[40, 255, 40, 0]], .grayAlpha))
    #expect(gray.channels == 1)
    #expect(gray.pixels == [40, 255])
    // One shade that is said to be transparent.
    let key = try decode(png(width: 2, [[40, 50]], .gray, extra: [("tRNS", [0, 40])]))
    #expect(key.pixels == [255, 50])
  }

  @Test func sixteenBitsKeepTheirShade() throws {
    let gray = try decode(png(width: 4, [[0, 0, 64, 64, 128, 128, 255, 255]], .gray, depth: 16))
    #expect(gray.pixels == [0, 64, 128, 255])
    let color = try decode(png(width: 1, [[20, 20, 130, 130, 240, 240]], .rgb, depth: 16))
    #expect(color.pixels == [20, 130, 240])
  }

  @Test func decodesPalettes() throws {
    let colors: [UInt8] = [0, 0, 0, 255, 0, 0, 10, 200, 30]
    let picture = try decode(png(width: 4, [[0, 1, 2, 1]], .palette, extra: [("PLTE", colors)]))
    #expect(picture.channels == 3)
    #expect(picture.pixels == [0, 0, 0, 255, 0, 0, 10, 200, 30, 255, 0, 0])
    let bits = try decode(png(width: 2, [[0b0100_0000]], .palette, depth: 1, extra: [("PLTE", colors), ("tRNS", [0])]))
    #expect(bits.pixels == [255, 255, 255, 255, 0, 0])
  }

  @Test(arguments: [JPEGFixture.color, .progressive]) func decodesColorJPEG(_ fixture: JPEGFixture) throws {
    let picture = try decode(fixture.file)
    #expect((picture.height, picture.width, picture.channels) == (12, 16, 3))
    for (column, color) in [(2, [0, 0, 254]), (12, [254, 0, 0])] {
      let pixel = picture.pixels[(5 * 16 + column) * 3..<(5 * 16 + column) * 3 + 3]
      #expect(zip(pixel, color).allSatisfy { abs(Int($0) - $1) < 6 })
    }
  }

  @Test func decodesGrayJPEG() throws {
    let picture = try decode(Fixtures.grayJPEG)
    #expect((picture.height, picture.width, picture.channels) == (12, 16, 1))
    #expect(
      picture.pixels
        == Array(repeating: [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 255, count: 8), count: 12).flatMap {
          $0
        })
  }

  @Test func refusesWhatIsNoPicture() throws {
    let remedy = "Save the picture again."
    let file = png(width: 3, [[0, 100, 200], [255, 1, 2]], .gray)
    var corrupt = file
    corrupt[20] ^= 1
    #expect(try error { try decode(corrupt) } == "x.png: it is a damaged PNG picture: IHDR: CRC error. \(remedy)")
    for count in 8..<50 {
      #expect(try error { try decode(Array(file.prefix(count))) }.hasPrefix("x.png: it is a damaged PNG picture: "))
    }
    #expect(
      try error { try decode(Array(Fixtures.colorJPEG.prefix(250))) }
        .hasPrefix("x.png: it is a damaged or unsupported JPEG picture: "))
    let folder = try TemporaryFolder()
    #expect(
      folder.error { try Picture(contentsOf: folder["none.png"]) }
        == "none.png: cannot be opened for reading (No such file or directory). Check the spelling of the path.")
    #expect(folder.error { try Picture(contentsOf: folder.path) } == "FOLDER: is a folder but a file is needed.")
  }

  @Test func dataBehindTheLastRowAreNotReadForLong() throws {
    // A few bytes behind the rows are a defect that leaves the pixels whole.
    let rows = [[UInt8]](repeating: [7, 8, 9], count: 3)
    #expect(try decode(png(width: 3, rows, .gray, surplus: 100)).pixels == rows.flatMap(\.self))
    let large = png(width: 3, rows, .gray, surplus: 3 << 20)
    #expect(
      try error { try decode(large) }
        == "x.png: its compressed data hold far more than 3 x 3 pixels. The file is damaged; save the picture again.")
  }

  @Test func claimsOfHugePicturesAreRefused() throws {
    func claim(_ width: UInt32, _ height: UInt32) -> [UInt8] {
      var file = png(width: 1, [[0]], .gray)
      file.replaceSubrange(16..<24, with: bigEndian(width) + bigEndian(height))
      file.replaceSubrange(29..<33, with: bigEndian(crc32(Array(file[12..<29]))))
      return file
    }
    #expect(
      try error { try decode(claim(100_000, 100_000)) }
        == "x.png: it claims 100000 x 100000 pixels but at most 67108864 pixels are read. Make it smaller.")
    #expect(
      try error { try decode(claim(8000, 8000)) }
        == "x.png: it claims 8000 x 8000 pixels, more than its 70 bytes can hold. "
        + "The file is damaged or incomplete; save the picture again.")
    var jpeg = Fixtures.grayJPEG
    let frame = try #require(jpeg.firstRange(of: [0, 12, 0, 16])).lowerBound
    jpeg.replaceSubrange(frame..<frame + 4, with: [31, 64, 31, 64])
    #expect(try error { try decode(jpeg) }.contains("it claims 8000 x 8000 pixels, more than its 164 bytes can hold"))
  }

  @Test func writesAndReadsBack() throws {
    let folder = try TemporaryFolder()
    var generator = SeededGenerator(seed: 5)
    for (height, width, channels) in [(1, 1, 1), (7, 5, 1), (5, 7, 3), (28, 28, 1)] {
      let pixels = (0..<height * width * channels).map { _ in UInt8.random(in: 0...255, using: &generator) }
      let picture = try Picture(height: height, width: width, channels: channels, pixels: pixels)
      #expect(try Picture(data: picture.pngData()) == picture)
      try picture.write(to: folder["picture.png"])
      #expect(try Picture(contentsOf: folder["picture.png"]) == picture)
    }
    let picture = try Picture(height: 1, width: 1, channels: 1, pixels: [0])
    #expect(
      folder.error { try picture.write(to: folder["none/x.png"]) }
        == "none/x.png: cannot be written (No such file or directory). Check the spelling of the path.")
    #expect(folder.files == ["picture.png"])
  }

  @Test func picturesAreTensorsOfBytes() throws {
    let picture = try decode(png(width: 2, [[1, 2, 3, 4, 5, 6]], .rgb))
    #expect(picture.tensor().shape == [1, 1, 2, 3])
    #expect(picture.tensor().storage == .uint8([1, 2, 3, 4, 5, 6]))
  }

  @Test func grayAndColor() throws {
    let color = try decode(png(width: 4, [[255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9]], .rgb))
    #expect(color.gray().pixels == [76, 150, 29, 9])
    #expect(color.gray().color().pixels == [76, 76, 76, 150, 150, 150, 29, 29, 29, 9, 9, 9])
    #expect(color.color() == color)
  }

  @Test func resizesByArea() throws {
    let picture = try decode(png(width: 4, [[0, 100, 200, 200], [20, 40, 200, 240]], .gray))
    #expect(try picture.resized(height: 1, width: 2).pixels == [40, 210])
    // 4 columns into 3: each new one covers 4/3 of an old one.
    #expect(try picture.resized(height: 2, width: 3).pixels == [25, 150, 200, 25, 120, 230])
    #expect(try picture.resized(height: 2, width: 4) == picture)
    let line = try decode(png(width: 2, [[0, 100]], .gray))
    #expect(try line.resized(height: 2, width: 4).pixels == [0, 25, 75, 100, 0, 25, 75, 100])
    let color = try decode(png(width: 2, [[0, 10, 20, 100, 30, 40]], .rgb))
    #expect(try color.resized(height: 1, width: 1).pixels == [50, 20, 30])
    #expect(
      try error { try picture.resized(height: 0, width: 5) }
        == "Picture.resized: a size of 0 x 5 was asked for. Give a height and a width from 1 to 16384.")
  }

  @Test func bytesMustFitTheSize() throws {
    let remedy = "Give height * width * channels bytes, with 1 or 3 channels."
    #expect(
      try error { try Picture(height: 2, width: 2, channels: 1, pixels: [0]) }
        == "Picture: 1 bytes were given for 2 x 2 pixels of 1 channels. \(remedy)")
    #expect(
      try error { try Picture(height: 1, width: 1, channels: 2, pixels: [0, 0]) }
        == "Picture: 2 bytes were given for 1 x 1 pixels of 2 channels. \(remedy)")
    #expect(
      try error { try Picture(height: .max, width: .max, channels: 3, pixels: []) }
        == "Picture: 0 bytes were given for 9223372036854775807 x 9223372036854775807 pixels of 3 channels. \(remedy)")
  }

  @Test func findsPicturesInFolders() throws {
    let folder = try TemporaryFolder()
    for name in ["b.png", "a.JPG", "deep/c.jpeg", "note.txt", ".hidden.png", "deep/._c.jpeg", ".trash/d.png"] {
      try folder.write([0], "pictures/\(name)")
    }
    let single = try folder.write([0], "single.bin")
    let found = try Picture.files(at: [single, folder["pictures/"]])
    #expect(
      found.map { $0.replacingOccurrences(of: folder.path + "/", with: "") }
        == ["single.bin", "pictures/a.JPG", "pictures/b.png", "pictures/deep/c.jpeg"])
    try folder.makeFolder("empty")
    #expect(
      folder.error { try Picture.files(at: [folder["empty"]]) }
        == "empty: the folder holds no PNG or JPEG pictures. Give a folder with pictures.")
    #expect(
      folder.error { try Picture.files(at: [folder["none"]]) }
        == "none: there is no such file or folder. Check the name.")
  }
}
