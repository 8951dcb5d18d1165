import AthanorDatasets
import Foundation
import Testing

/// Files that Pillow wrote or that were put together by hand, and the pixels that Pillow reads of them.
struct PictureGoldenTests {
  struct Golden: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let file: Data
    let height: Int
    let width: Int
    let pixels: Data
    let tolerance: Int
    var testDescription: String { name }

    static let all: [Golden] = {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Goldens/pictures.json")
      do {
        return try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file))
      } catch {
        Issue.record(error)
        return []
      }
    }()
  }

  @Test("Pixels are those that Pillow reads", arguments: Golden.all) func pixels(_ golden: Golden) throws {
    let picture = try Picture(data: golden.file, name: golden.name)
    #expect((picture.height, picture.width) == (golden.height, golden.width))
    let difference = zip(picture.color().pixels, golden.pixels).map { abs(Int($0) - Int($1)) }.max()
    #expect(try #require(difference) <= golden.tolerance)
  }

  @Test func whatReadingDidIsNoted() throws {
    func notes(_ name: String) throws -> [Picture.Note] {
      try Picture(data: #require(Golden.all.first { $0.name == name }).file).notes
    }
    #expect(try notes("orientation-1") == [])
    for number in 2...8 { #expect(try notes("orientation-\(number)") == [.turned(orientation: number)]) }
    #expect(try notes("orientation-long-6") == [.turned(orientation: 6)])
    #expect(try notes("png-orientation-long-5") == [.turned(orientation: 5)])
    guard case .defect(let text)? = try notes("extraneous").first else {
      Issue.record("the defect is not noted")
      return
    }
    #expect(text.hasSuffix("extraneous bytes before marker 0xd9"))
  }

  @Test func whatIsCutAwayIsAnError() throws {
    let folder = try TemporaryFolder()
    for name in ["orientation-1", "progressive", "cmyk"] {
      let file = try #require(Golden.all.first { $0.name == name }).file
      let text = folder.error { try Picture(data: file.prefix(file.count * 2 / 3), name: "x.jpg") }
      #expect(text.hasPrefix("x.jpg: it is a damaged or unsupported JPEG picture: "), "\(text)")
      #expect(text.hasSuffix(" Save the picture again."))
    }
  }

  @Test(
    "What is no PNG or JPEG picture is named",
    arguments: [
      ("GIF89a", "it is a GIF picture, but PNG and JPEG pictures are read. Convert it to PNG."),
      (
        "RIFF\u{1}\u{1}\u{1}\u{1}WEBPVP8 ",
        "it is a WebP picture, but PNG and JPEG pictures are read. Convert it to PNG."
      ),
      (
        "BM\u{1}\0\0\0\0\0\0\0\u{36}\0\0\0\u{28}\0\0\0",
        "it is a BMP picture, but PNG and JPEG pictures are read. Convert it to PNG."
      ),
      (
        "\0\0\0\u{18}ftypheic\0\0\0\0mif1",
        "it is a HEIC picture, but PNG and JPEG pictures are read. Convert it to PNG."
      ),
      (
        "\0\0\0\u{18}ftypavif\0\0\0\0mif1",
        "it is an AVIF picture, but PNG and JPEG pictures are read. Convert it to PNG."
      ),
      ("II*\0abcd", "it is a TIFF picture, but PNG and JPEG pictures are read. Convert it to PNG."),
      ("%PDF-1.7", "it is a PDF document, but PNG and JPEG pictures are read. Convert it to PNG."),
      (
        "\n<!DOCTYPE html><html></html>",
        "it is a web page (HTML), as servers send in the place of a picture. Download the picture itself."
      ),
      (
        "<?xml version=\"1.0\"?><svg/>", "it is an SVG drawing, but PNG and JPEG pictures are read. Convert it to PNG."
      ),
      (
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "it is a Git LFS pointer, a short text in the place of the file. "
          + "Run git lfs pull in its repository to fetch the file itself."
      ),
      ("", "it is empty (0 bytes). Save or download the picture again."),
      ("some text", "it is neither a PNG nor a JPEG picture (9 bytes). Convert it to PNG."),
    ]) func kinds(_ content: String, _ problem: String) throws
  {
    let folder = try TemporaryFolder()
    #expect(folder.error { try Picture(data: Data(content.utf8), name: "x.jpg") } == "x.jpg: \(problem)")
  }
}
