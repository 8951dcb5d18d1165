import Athanor
import Foundation
import Testing

@Suite("Where files are written")
struct OutputPathTests {
  @Test("A link stays one, and what it names is written; a pipe is refused")
  func linksAndPipes() throws {
    let folder = try TemporaryFolder()
    func path(_ name: String) -> String { folder.url.appendingPathComponent(name).path }
    try FileBytes.write([1], to: path("target"))
    try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("target"))
    try FileBytes.write([2, 3], to: path("link"))
    #expect(try FileBytes.read(path("target")) == [2, 3])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("link")) == path("target"))
    #expect(mkfifo(path("pipe"), 0o600) == 0)
    let error = #expect(throws: AthanorError.self) { try FileBytes.write([1], to: path("pipe")) }
    #expect(
      error?.problem == "it is a device or a pipe, but a file is written as a whole and then moved into place")
    var status = stat()
    #expect(lstat(path("pipe"), &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }
}
