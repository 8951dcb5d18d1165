import Foundation

/// Reads whole files with a limit, and writes them so that a crash never leaves half of one.
package enum FileBytes {
  /// The bytes of a file.
  ///
  /// - Parameters:
  ///   - path: Where the file lies.
  ///   - limit: The most bytes that are read; devices without an end stop there too.
  /// - Throws: `AthanorError` when the file is missing, is a folder, cannot be read, is larger than `limit`, or is what Git LFS leaves
  ///   in the place of a file that was not fetched.
  package static func read(_ path: String, limit: Int = 1 << 31) throws -> [UInt8] {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    return try read(descriptor: descriptor, path, limit: limit)
  }

  /// The same of a file that is open, for instance standard input, which stays open.
  package static func read(descriptor: Int32, _ path: String, limit: Int = 1 << 31) throws -> [UInt8] {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw systemError(path, "cannot be examined") }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(max(Int(status.st_size), 0), limit) + 1)
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = try read(descriptor, into: &chunk, path)
      if count == 0 {
        guard !isGitLFSPointer(bytes) else { throw AthanorError(.data, at: path, gitLFSProblem, fix: gitLFSRemedy) }
        return bytes
      }
      bytes.append(contentsOf: chunk[0..<count])
      guard bytes.count <= limit else {
        throw AthanorError(.data, at: path, "is larger than \(limit) bytes, the most that is read here")
      }
    }
  }

  /// Opens a file for reading; whoever calls closes the descriptor.
  ///
  /// - Throws: `AthanorError` when the file is missing, is a folder or cannot be opened.
  package static func openForReading(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let error = systemError(path, "cannot be opened for reading")
      try requireTarget(of: path)
      throw error
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return descriptor }
    close(descriptor)
    throw AthanorError(.file, at: path, "is a folder but a file is needed")
  }

  /// Reads the next bytes of an open file into a buffer.
  ///
  /// - Returns: How many there are; 0 at the end.
  package static func read(_ descriptor: Int32, into buffer: inout [UInt8], _ path: String) throws -> Int {
    while true {
      let count = buffer.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw systemError(path, "cannot be read") }
      return count
    }
  }

  /// Whether bytes are the text that Git LFS leaves in the place of a file which was not fetched.
  package static func isGitLFSPointer(_ bytes: [UInt8]) -> Bool {
    bytes.starts(with: "version https://git-lfs.github.com/spec/".utf8)
  }

  package static let gitLFSProblem = "it is a Git LFS pointer, a short text in the place of the file"
  package static let gitLFSRemedy = "Run git lfs pull in its repository to fetch the file itself."

  /// Writes a file under a temporary name beside its place, flushes it to the disk and moves it into place.
  ///
  /// - Throws: `AthanorError` when the folder does not exist, is not writable, or the disk is full; nothing is left then.
  package static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { append in try bytes.withUnsafeBytes(append) }
  }

  /// Where a file is written: where a link leads.
  ///
  /// - Throws: `AthanorError` for a device or a pipe, which must not be replaced by a file.
  private static func outputPath(_ path: String) throws -> String {
    guard !isSpecial(path) else {
      throw AthanorError(
        .file, at: path, "it is a device or a pipe, but a file is written as a whole and then moved into place",
        fix: "Give the name of a file.")
    }
    return danglingLink(path) == nil && isLink(path) ? URL(fileURLWithPath: path).resolvingSymlinksInPath().path : path
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// The same for bytes that come in parts, so that they need not lie in memory at once.
  ///
  /// - Parameter body: Is given a function that appends bytes to the file.
  /// - Throws: as above, and what `body` throws; nothing is left then.
  package static func write(
    to path: String, _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let path = try outputPath(path)
    let parent = (path as NSString).deletingLastPathComponent
    let temporary = join(
      parent.isEmpty ? "." : parent, ".\((path as NSString).lastPathComponent).\(UUID().uuidString).tmp")
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemError(path, "cannot be written") }
    var isComplete = false
    defer { if !isComplete { unlink(temporary) } }
    do {
      defer { close(descriptor) }
      try body { try append($0, to: descriptor, path: path) }
      guard flush(descriptor) else { throw systemError(path, "cannot be flushed to the disk") }
    }
    guard rename(temporary, path) == 0 else { throw systemError(path, "cannot be put into place") }
    isComplete = true
    // The new name, too, must survive a power failure; some file systems cannot flush folders and need not.
    let folder = open(parent.isEmpty ? "." : parent, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      _ = flush(folder)
      close(folder)
    }
  }

  /// Has a file's content written to the disk itself.
  package static func flush(_ descriptor: Int32) -> Bool {
    #if canImport(Darwin)
      // fsync leaves it in the drive's cache there; disks in a network know only that.
      if fcntl(descriptor, F_FULLFSYNC) == 0 { return true }
    #endif
    return fsync(descriptor) == 0
  }

  /// Writes all bytes at a descriptor's place.
  package static func append(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      // Darwin refuses more than 2 GiB in one call.
      let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
      let count = Foundation.write(descriptor, part.baseAddress, part.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw systemError(path, "cannot be written") }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes a folder and those above it; one that exists is fine.
  package static func makeFolder(_ path: String) throws {
    if isFolder(path) || mkdir(path, 0o755) == 0 { return }
    let parent = (path as NSString).deletingLastPathComponent
    if errno == ENOENT, !parent.isEmpty, parent != path {
      try makeFolder(parent)
      if mkdir(path, 0o755) == 0 { return }
    }
    // Another program may have made it just now.
    guard errno == EEXIST, isFolder(path) else { throw systemError(path, "the folder cannot be made") }
  }

  /// The sorted names of what a folder holds, without those that begin with a dot. Names that are not UTF-8, which cannot be opened here,
  /// are left out unless they are needed.
  ///
  /// - Parameter isNeeded: Whether a name that is not UTF-8 is an error; `mayBeFolder` is false for plain files.
  /// - Throws: `AthanorError` when the folder cannot be read, or has such a name.
  package static func names(
    in folder: String, isNeeded: (_ name: String, _ mayBeFolder: Bool) -> Bool = { _, _ in false }
  ) throws -> [String] {
    guard let stream = opendir(folder) else { throw systemError(folder, "cannot be read") }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        guard errno == 0 else { throw systemError(folder, "cannot be read") }
        return names.sorted()
      }
      // An entry ends behind its name, before the end of its type, so it is read where it lies.
      let start = withUnsafeMutablePointer(to: &entry.pointee.d_name) { UnsafeRawPointer($0) }
      let bytes = UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self)))
      guard bytes.first != UInt8(ascii: ".") else { continue }
      if let name = String(validating: bytes, as: UTF8.self) {
        names.append(name)
        continue
      }
      let name = String(decoding: bytes, as: UTF8.self)
      // A link may lead to a folder.
      if isNeeded(name, Int32(entry.pointee.d_type) != Int32(DT_REG)) {
        throw AthanorError(
          .data, at: folder, "it holds the name \"\(name)\", which is not UTF-8", fix: "Rename the file or folder.")
      }
    }
  }

  /// Whether a path leads to something that is not a folder.
  package static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  /// Whether a path leads to a pipe, a device or a socket, whose reading may never end.
  package static func isSpecial(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// Whether a path leads to a folder.
  package static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Where a link leads that leads to nothing; nil for everything else.
  package static func danglingLink(_ path: String) -> String? {
    guard !FileManager.default.fileExists(atPath: path) else { return nil }
    return try? FileManager.default.destinationOfSymbolicLink(atPath: path)
  }

  /// - Throws: `AthanorError` when a path is a link that leads to nothing.
  package static func requireTarget(of path: String) throws {
    guard let target = danglingLink(path) else { return }
    throw AthanorError(
      .file, at: path, "it is a link to \(target), which is not there", fix: "Fetch the file, or give its place.")
  }

  /// The size of a file in bytes, or zero when it is missing.
  package static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// `folder/name` with one slash between.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  /// An error that says what the operating system said.
  package static func systemError(_ path: String, _ problem: String) -> AthanorError {
    let code = errno
    let remedy =
      switch code {
      case ENOENT: "Check the spelling of the path."
      case EACCES, EPERM: "Check its permissions."
      case ENOSPC, EDQUOT: "Make room on the disk."
      case EROFS: "Choose a place on a disk that can be written."
      default: ""
      }
    return AthanorError(.file, at: path, "\(problem) (\(String(cString: strerror(code))))", fix: remedy)
  }

  /// What a Foundation error says about its cause, in one short line.
  package static func reason(of error: any Error) -> String {
    let error = error as NSError
    if let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError, cause.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(truncatingIfNeeded: cause.code)))
    }
    return error.localizedDescription
  }
}
