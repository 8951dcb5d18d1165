import Athanor
import CPNG
import CTurboJPEG
import Foundation

extension Picture {
  /// The largest number of pixels that is decoded: a small file can claim any size.
  static let pixelLimit = 64 * 1024 * 1024
  /// The largest file that is read: 256 MiB.
  private static let fileLimit = 1 << 28
  /// The most pixels that one byte of a file can stand for: deflate makes at most 1,032 bytes of one (zlib's technical
  /// details), and a byte of a PNG picture holds at most eight pixels. JPEG needs a bit for each 64 pixels, so less.
  private static let pixelsPerByteLimit = 1032 * 8

  /// Reads a PNG or JPEG file. Transparent parts become white; pictures without colour have one channel.
  ///
  /// - Throws: `AthanorError` that names the file, when it cannot be read, is damaged, of another kind, or too large.
  public init(contentsOf path: String) throws {
    try self.init(data: Data(FileBytes.read(path, limit: Picture.fileLimit)), name: path)
  }

  /// Decodes the bytes of a PNG or JPEG file.
  ///
  /// - Throws: `AthanorError` with `name`, when they are damaged, of another kind, or too many pixels.
  public init(data: Data, name: String = "picture") throws {
    if data.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      self = try Picture.png(data, name)
    } else if data.starts(with: [0xFF, 0xD8]) {
      self = try Picture.jpeg(data, name)
    } else {
      throw AthanorError(
        .data, at: name, "it is neither a PNG nor a JPEG picture (\(data.count) bytes)", fix: "Convert it to PNG.")
    }
  }

  private static func requireSize(_ height: Int, _ width: Int, _ data: Data, _ name: String) throws {
    guard height > 0, width > 0, height <= pixelLimit / width else {
      throw AthanorError(
        .data, at: name, "it claims \(width) x \(height) pixels but at most \(pixelLimit) pixels are read",
        fix: "Make it smaller.")
    }
    guard height * width / pixelsPerByteLimit <= data.count else {
      throw AthanorError(
        .data, at: name, "it claims \(width) x \(height) pixels, more than its \(data.count) bytes can hold",
        fix: "The file is damaged or incomplete; save the picture again.")
    }
  }

  private static func png(_ data: Data, _ name: String) throws -> Picture {
    var image = png_image()
    image.version = UInt32(PNG_IMAGE_VERSION)
    defer { png_image_free(&image) }
    func refuse() -> AthanorError {
      let reason = withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      return AthanorError(.data, at: name, "it is a damaged PNG picture: \(reason)", fix: "Save the picture again.")
    }
    return try data.withUnsafeBytes { bytes in
      guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else { throw refuse() }
      let (height, width) = (Int(image.height), Int(image.width))
      try requireSize(height, width, data, name)
      let colorFlag: UInt32 = 2
      let channels = image.format & colorFlag != 0 ? 3 : 1
      image.format = channels == 3 ? colorFlag : 0
      // 16-bit files that do not say otherwise are as bright as 8-bit ones, not linear.
      image.flags |= UInt32(PNG_IMAGE_FLAG_16BIT_sRGB)
      var background = png_color(red: 255, green: 255, blue: 255)
      var pixels = [UInt8](repeating: 255, count: height * width * channels)
      guard png_image_finish_read(&image, &background, &pixels, 0, nil) != 0 else { throw refuse() }
      return Picture(unchecked: height, width, channels, pixels)
    }
  }

  private static func jpeg(_ data: Data, _ name: String) throws -> Picture {
    guard let handle = tjInitDecompress() else {
      throw AthanorError(.data, at: name, "the JPEG decoder could not be started")
    }
    defer { tjDestroy(handle) }
    func refuse() -> AthanorError {
      let reason = tjGetErrorStr2(handle).map { String(cString: $0) } ?? ""
      return AthanorError(
        .data, at: name, "it is a damaged or unsupported JPEG picture: \(reason)", fix: "Save the picture again.")
    }
    return try data.withUnsafeBytes { bytes in
      let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      var (width, height, subsampling, colorspace): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
      guard tjDecompressHeader3(handle, start, UInt(bytes.count), &width, &height, &subsampling, &colorspace) == 0
      else {
        throw refuse()
      }
      try requireSize(Int(height), Int(width), data, name)
      let isGray = colorspace == Int32(TJCS_GRAY.rawValue)
      let channels = isGray ? 1 : 3
      var pixels = [UInt8](repeating: 0, count: Int(height) * Int(width) * channels)
      let format = Int32(isGray ? TJPF_GRAY.rawValue : TJPF_RGB.rawValue)
      guard tjDecompress2(handle, start, UInt(bytes.count), &pixels, width, 0, height, format, TJFLAG_LIMITSCANS) == 0
      else { throw refuse() }
      return Picture(unchecked: Int(height), Int(width), channels, pixels)
    }
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

  /// The picture files among paths; folders give all PNG and JPEG files in them, in order of their names.
  ///
  /// - Throws: `AthanorError` when a path does not exist or a folder holds no picture.
  public static func files(at paths: [String]) throws -> [String] {
    try paths.flatMap { path -> [String] in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
        throw AthanorError(.file, at: path, "there is no such file or folder", fix: "Check the name.")
      }
      guard isFolder.boolValue else { return [path] }
      let names = (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []).filter(isPictureName)
      guard !names.isEmpty else {
        throw AthanorError(
          .file, at: path, "the folder holds no PNG or JPEG pictures", fix: "Give a folder with pictures.")
      }
      return names.sorted().map { FileBytes.join(path, $0) }
    }
  }

  /// Whether a path ends as PNG and JPEG files do, and no part of it begins with a dot.
  static func isPictureName(_ path: String) -> Bool {
    ["png", "jpg", "jpeg"].contains((path as NSString).pathExtension.lowercased())
      && !path.split(separator: "/").contains { $0.hasPrefix(".") }
  }
}
