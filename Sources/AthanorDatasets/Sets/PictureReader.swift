import Athanor

/// Reads the pictures of a folder as examples of one size.
struct PictureReader: Sendable {
  let height: Int
  let width: Int
  let channels: Int
  private let root: String
  private let names: [String]
  /// The class number of each example.
  let classes: [Int32]

  /// The bytes of one example.
  var byteCount: Int { height * width * channels }

  /// - Throws: `AthanorError` when the size is out of range.
  init(_ folder: PictureFolder, _ places: [Int], height: Int, width: Int, channels: Int) throws {
    try ImageFolder.checkSize(height: height, width: width, channels: channels)
    if let place = places.first(where: { !folder.entries.indices.contains($0) }) {
      throw AthanorError(
        .argument, at: folder.path, "picture \(place) was asked for but there are \(folder.entries.count)",
        fix: "Give places from 0 to \(folder.entries.count - 1).")
    }
    (self.height, self.width, self.channels, root) = (height, width, channels, folder.path)
    names = places.map { folder.entries[$0].name }
    classes = places.map { folder.entries[$0].classNumber }
  }

  /// Decodes and resizes one example into memory of `byteCount` bytes.
  ///
  /// - Throws: when the file cannot be read.
  func read(_ index: Int, into memory: UnsafeMutableRawBufferPointer) throws(AthanorError) {
    let path = FileBytes.join(root, names[index])
    do {
      let picture = try Picture(contentsOf: path)
      memory.copyBytes(
        from: try (channels == 1 ? picture.gray() : picture.color()).resized(height: height, width: width).pixels)
    } catch let error as AthanorError {
      throw error
    } catch {
      throw AthanorError(.file, at: path, "\(error)")
    }
  }
}
