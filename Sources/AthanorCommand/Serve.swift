import ArgumentParser
import Athanor
import Foundation

/// Starts the program of the service, which is a product of its own: its libraries take minutes to build.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answer requests over HTTP with a model, and show a page on which one draws a digit.",
    discussion: "See athanor serve --help for its options.", helpNames: [])

  @Argument(parsing: .captureForPassthrough, help: "A model and options.") var arguments: [String] = []

  func run() throws {
    let folder = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent().path ?? "."
    let program = try Serve.program(in: folder)
    // The program takes the place of this one, and so gets the terminal and all signals.
    let words = [program] + arguments
    var pointers = words.map { strdup($0) } + [nil]
    execv(program, &pointers)
    throw AthanorError(.file, at: program, "it cannot be started: \(String(cString: strerror(errno)))")
  }

  /// - Throws: `AthanorError` when the program is not there.
  static func program(in folder: String) throws -> String {
    let program = FileBytes.join(folder, "athanor-serve")
    guard FileManager.default.isExecutableFile(atPath: program) else {
      throw AthanorError(
        .file, at: program, "the program of the service is not there",
        fix: "Build it with make serve; make install copies it beside this program.")
    }
    return program
  }
}
