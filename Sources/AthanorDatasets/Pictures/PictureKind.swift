import Athanor
import Foundation

/// What the first bytes of a file say that it is.
package enum PictureKind {
  case png, jpeg
  /// Nothing that is read: what it is, and how to mend it.
  case other(problem: String, remedy: String)

  package init(of data: Data) {
    let start = Array(data.prefix(1024))
    if start.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      self = .png
    } else if start.starts(with: [0xFF, 0xD8]) {
      self = .jpeg
    } else if start.isEmpty {
      self = .other(problem: "it is empty (0 bytes)", remedy: "Save or download the picture again.")
    } else if FileBytes.isGitLFSPointer(start) {
      self = .other(problem: FileBytes.gitLFSProblem, remedy: FileBytes.gitLFSRemedy)
    } else if let format = PictureKind.format(start) {
      self = .other(problem: "it is \(format), but PNG and JPEG pictures are read", remedy: "Convert it to PNG.")
    } else if let text = PictureKind.text(start) {
      self = text
    } else {
      self = .other(
        problem: "it is neither a PNG nor a JPEG picture (\(data.count) bytes)", remedy: "Convert it to PNG.")
    }
  }

  /// The name of a format of pictures that is not read, with its article.
  private static func format(_ start: [UInt8]) -> String? {
    func has(_ text: String, at place: Int = 0) -> Bool { start.dropFirst(place).starts(with: text.utf8) }
    if has("ftyp", at: 4) {
      let brands = stride(from: 8, to: min(start.count - 3, 64), by: 4).map { start[$0..<$0 + 4] }
      func isAmong(_ names: String...) -> Bool {
        names.contains { name in brands.contains { $0.elementsEqual(name.utf8) } }
      }
      if isAmong("avif", "avis") { return "an AVIF picture" }
      if isAmong("heic", "heix", "heim", "heis", "hevc", "mif1", "msf1") { return "a HEIC picture" }
      return "a video or another file of the MP4 family"
    }
    let formats: [(name: String, isIt: Bool)] = [
      ("a GIF picture", has("GIF8")), ("a WebP picture", has("RIFF") && has("WEBP", at: 8)),
      ("a TIFF picture", has("II*\0") || has("MM\0*")), ("a PDF document", has("%PDF")),
      ("a Photoshop document", has("8BPS")), ("an icon (ICO)", start.starts(with: [0, 0, 1, 0])),
      ("a JPEG 2000 picture", start.starts(with: [0, 0, 0, 12]) && has("jP  ", at: 4)),
      (
        "a JPEG XL picture",
        start.starts(with: [0xFF, 0x0A]) || start.starts(with: [0, 0, 0, 12]) && has("JXL ", at: 4)
      ),
      // Two letters are little; the length of the next header is one of a few.
      ("a BMP picture", has("BM") && start.count > 17 && [12, 40, 52, 56, 64, 108, 124].contains(start[14])),
    ]
    return formats.first(where: \.isIt)?.name
  }

  /// A page or drawing that is written in words.
  private static func text(_ start: [UInt8]) -> PictureKind? {
    let text = String(decoding: start, as: UTF8.self).lowercased().drop { $0.isWhitespace || $0 == "\u{FEFF}" }
    guard text.hasPrefix("<") else { return nil }
    if text.contains("<svg") {
      return .other(problem: "it is an SVG drawing, but PNG and JPEG pictures are read", remedy: "Convert it to PNG.")
    }
    guard text.hasPrefix("<!doctype html") || text.contains("<html") else { return nil }
    return .other(
      problem: "it is a web page (HTML), as servers send in the place of a picture",
      remedy: "Download the picture itself."
    )
  }
}
