import Athanor
import CPNG
import Foundation

extension Picture {
  /// The largest number of pixels that is decoded: a small file can claim any size.
  static let pixelLimit = 64 * 1024 * 1024
  /// The largest file that is read: 256 MiB.
  private static let fileLimit = 1 << 28
  /// The most pixels that one byte of a file can stand for: deflate makes at most 1,032 bytes of one (zlib's technical
  /// details), and a byte of a PNG picture holds at most eight pixels. JPEG needs a bit for each 64 pixels, so less.
  private static let pixelsPerByteLimit = 1032 * 8

  /// Reads a PNG or JPEG file.
  ///
  /// Pixels are those that Pillow and TensorFlow read: gamma and colour profiles are not applied, 16 bits become 8, CMYK becomes RGB as Pillow
  /// converts it. Other than there, transparent parts become white, and a picture is turned upright as its EXIF orientation says (see
  /// ``notes``). Pictures without colour have one channel.
  ///
  /// - Throws: `AthanorError` that names the file, when it cannot be read, is damaged, of another kind, or too large.
  public init(contentsOf path: String) throws {
    try self.init(data: Data(FileBytes.read(path, limit: Picture.fileLimit)), name: path)
  }

  /// Reads one PNG or JPEG picture from standard input, to its end.
  ///
  /// - Throws: as above.
  package static func fromStandardInput() throws -> Picture {
    let name = "standard input"
    return try Picture(data: Data(FileBytes.read(descriptor: 0, name, limit: fileLimit)), name: name)
  }

  /// Decodes the bytes of a PNG or JPEG file.
  ///
  /// - Throws: `AthanorError` with `name`, when they are damaged, of another kind, or too many pixels.
  public init(data: Data, name: String = "picture") throws {
    try self.init(data: data, name: name, pixelLimit: Picture.pixelLimit)
  }

  /// - Throws: `AthanorError` of kind `unsupported` for more pixels than the limit.
  package init(data: Data, name: String, pixelLimit: Int) throws {
    switch PictureKind(of: data) {
    case .png: self = try Picture.png(data, name, pixelLimit)
    case .jpeg: self = try Picture.jpeg(data, name, pixelLimit)
    case .other(let problem, let remedy): throw AthanorError(.data, at: name, problem, fix: remedy)
    }
  }

  static func requireSize(_ height: Int, _ width: Int, _ data: Data, _ name: String, _ pixelLimit: Int) throws {
    guard height > 0, width > 0 else {
      throw AthanorError(
        .data, at: name, "it claims \(width) x \(height) pixels",
        fix: "The file is damaged or incomplete; save the picture again.")
    }
    guard height <= pixelLimit / width else {
      throw AthanorError(
        .unsupported, at: name, "it claims \(width) x \(height) pixels but at most \(pixelLimit) pixels are read",
        fix: "Make it smaller.")
    }
    guard height * width / pixelsPerByteLimit <= data.count else {
      throw AthanorError(
        .data, at: name, "it claims \(width) x \(height) pixels, more than its \(data.count) bytes can hold",
        fix: "The file is damaged or incomplete; save the picture again.")
    }
  }

  private static func png(_ data: Data, _ name: String, _ pixelLimit: Int) throws -> Picture {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    func refuse() -> AthanorError {
      let reason = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      return AthanorError(.data, at: name, "it is a damaged PNG picture: \(reason)", fix: "Save the picture again.")
    }
    let file = Array(data)
    let chunks = PNGChunk.all(of: file)
    return try withoutColorSpace(file, chunks).withUnsafeBytes { bytes in
      guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else { throw refuse() }
      let (height, width) = (Int(image.height), Int(image.width))
      try requireSize(height, width, data, name, pixelLimit)
      guard !PNGChunk.haveSurplus(chunks, of: file, height: height, width: width) else {
        throw AthanorError(
          .data, at: name, "its compressed data hold far more than \(width) x \(height) pixels",
          fix: "The file is damaged; save the picture again.")
      }
      let colorFlag: UInt32 = 2
      let channels = image.format & colorFlag != 0 ? 3 : 1
      image.format = channels == 3 ? colorFlag : 0
      // 16-bit files are as bright as 8-bit ones, not linear.
      image.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
      var background = png_color(red: 255, green: 255, blue: 255)
      var pixels = [UInt8](repeating: 255, count: height * width * channels)
      guard png_image_finish_read(&image, &background, &pixels, 0, nil) != 0 else { throw refuse() }
      return Picture(unchecked: height, width, channels, pixels).turned(Orientation.ofPNG(file, chunks))
    }
  }

  /// A PNG file without the chunks that say what its numbers mean as light: libpng would convert the pixels, Pillow and TensorFlow do not.
  private static func withoutColorSpace(_ file: [UInt8], _ chunks: [PNGChunk]) -> [UInt8] {
    let names = ["gAMA", "cHRM", "sRGB", "iCCP", "cICP"].map { Array($0.utf8) }
    let kept = chunks.filter { !names.contains($0.name) }.flatMap { file[$0.whole] }
    return Array(file.prefix(8)) + kept + file[min(chunks.last?.whole.upperBound ?? 8, file.count)...]
  }

  /// The picture as a PNG file.
  ///
  /// - Throws: `AthanorError` when libpng refuses.
  public func pngData() throws -> Data {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    image.height = UInt32(height)
    image.width = UInt32(width)
    image.format = channels == 3 ? 2 : 0
    defer { png_image_free(&image) }
    var size = 0
    guard png_image_write_to_memory(&image, nil, &size, 0, pixels, 0, nil) != 0 else {
      throw AthanorError(.data, at: "Picture", "it cannot be encoded as PNG")
    }
    var bytes = [UInt8](repeating: 0, count: size)
    guard png_image_write_to_memory(&image, &bytes, &size, 0, pixels, 0, nil) != 0 else {
      throw AthanorError(.data, at: "Picture", "it cannot be encoded as PNG")
    }
    return Data(bytes.prefix(size))
  }

  /// Writes the picture into a PNG file, atomically.
  ///
  /// - Throws: `AthanorError` when the file cannot be written.
  public func write(to path: String) throws {
    try FileBytes.write(Array(pngData()), to: path)
  }

  /// The picture files among paths; folders give all PNG and JPEG files in them, in order of their names. Links are followed, but not into a
  /// folder that is being walked through.
  ///
  /// - Throws: `AthanorError` when a path does not exist or a folder holds no picture.
  public static func files(at paths: [String]) throws -> [String] {
    try paths.flatMap { path -> [String] in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        if FileBytes.danglingLink(path) != nil { return [path] }
        throw AthanorError(.file, at: path, "there is no such file or folder", fix: "Check the name.")
      }
      guard isFolder.boolValue else { return [path] }
      let names = try pictureNames(in: path, "", within: [])
      guard !names.isEmpty else {
        throw AthanorError(
          .file, at: path, "the folder holds no PNG or JPEG pictures", fix: "Give a folder with pictures.")
      }
      return names.sorted().map { FileBytes.join(path, $0) }
    }
  }

  /// The names of the pictures in a folder and below it, seen from the first folder.
  ///
  /// - Parameter parents: The folders above, by device and number.
  private static func pictureNames(in folder: String, _ prefix: String, within parents: [[UInt64]]) throws -> [String] {
    var status = stat()
    guard stat(folder, &status) == 0 else { throw FileBytes.systemError(folder, "cannot be examined") }
    let identity = [UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino)]
    guard !parents.contains(identity), parents.count < 64 else { return [] }
    return try FileBytes.names(in: folder, isNeeded: { $1 || isPictureName($0) }).flatMap { name -> [String] in
      let path = FileBytes.join(folder, name)
      if FileBytes.isFolder(path) {
        return try pictureNames(in: path, prefix + name + "/", within: parents + [identity])
      }
      return isPictureName(name) && !FileBytes.isSpecial(path) ? [prefix + name] : []
    }
  }

  /// Whether a name ends as those of PNG and JPEG files do.
  static func isPictureName(_ name: String) -> Bool {
    ["png", "jpg", "jpeg"].contains((name as NSString).pathExtension.lowercased())
  }
}
