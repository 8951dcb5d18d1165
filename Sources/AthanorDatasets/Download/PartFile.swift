import Athanor
import Foundation

/// The file in which a download grows, `NAME.part`, held by one download at a time.
///
/// A second download of the same file, by this program or another, gets a private one that is removed when it ends.
final class PartFile {
  let path: String
  private let descriptor: Int32
  private let isPrivate: Bool
  private(set) var count: Int

  /// Opens or makes the part of a file.
  ///
  /// - Throws: `AthanorError` when the folder cannot be written.
  init(of destination: String) throws {
    let shared = destination + ".part"
    for _ in 0..<3 {
      let descriptor = open(shared, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw FileBytes.systemError(shared, "cannot be written") }
      var status = stat()
      var named = stat()
      // Between opening and locking, another download may have moved the file into place.
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0, stat(shared, &named) == 0,
        status.st_ino == named.st_ino, status.st_dev == named.st_dev
      {
        path = shared
        self.descriptor = descriptor
        isPrivate = false
        count = Int(lseek(descriptor, 0, SEEK_END))
        return
      }
      close(descriptor)
    }
    path = "\(shared)-\(UUID().uuidString)"
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    isPrivate = true
    count = 0
    guard descriptor >= 0 else { throw FileBytes.systemError(path, "cannot be written") }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if isPrivate { unlink(path) }
  }

  /// Throws away what has arrived.
  func clear() throws {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw FileBytes.systemError(path, "cannot be emptied")
    }
    count = 0
  }

  /// Adds a piece at the end.
  func append(_ data: Data) throws {
    try data.withUnsafeBytes { try FileBytes.append($0, to: descriptor, path: path) }
    count += data.count
  }

  /// Flushes everything to the disk and gives the file its final name.
  func move(to destination: String) throws {
    guard FileBytes.flush(descriptor) else { throw FileBytes.systemError(path, "cannot be flushed to the disk") }
    guard rename(path, destination) == 0 else { throw FileBytes.systemError(destination, "cannot be put into place") }
  }

  /// Removes an empty or worthless part.
  func remove() { unlink(path) }
}
