import Athanor
import Foundation
import Testing

/// The built program, run in a temporary folder with a home of its own, so that nothing of this machine is found.
final class Program {
  struct Outcome {
    let status: Int32
    let output: String
    let error: String
  }

  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("athanor-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Beside the tests, where the package manager and Xcode put it.
  static let executable: URL = {
    #if canImport(Darwin)
      let tests = Bundle(for: Program.self).bundleURL
    #else
      let tests = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    #endif
    return tests.deletingLastPathComponent().appendingPathComponent("athanor-command")
  }()

  /// The folder of the repository.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  func start(
    _ arguments: [String], output: URL, error: URL, input: FileHandle = .nullDevice,
    environment more: [String: String] = [:], terminal: FileHandle? = nil
  ) throws -> Process {
    let process = Process()
    process.executableURL = Program.executable
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var environment = ProcessInfo.processInfo.environment
    environment["HOME"] = folder.path
    environment["XDG_CACHE_HOME"] = folder.appendingPathComponent("cache").path
    environment["COLUMNS"] = "80"
    environment["ATHANOR_OFFLINE"] = "1"
    environment["ATHANOR_RESOURCES"] = nil
    environment["NO_COLOR"] = nil
    environment["TERM"] = "xterm"
    environment.merge(more) { $1 }
    process.environment = environment
    try Data().write(to: output)
    try Data().write(to: error)
    process.standardOutput = try terminal ?? FileHandle(forWritingTo: output)
    process.standardError = try terminal ?? FileHandle(forWritingTo: error)
    process.standardInput = input
    try process.run()
    return process
  }

  func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// Runs the program to its end; `during` may act upon it meanwhile.
  func run(_ arguments: [String], input: FileHandle = .nullDevice, during: (Process, URL) throws -> Void = { _, _ in })
    throws -> Outcome
  {
    let output = folder.appendingPathComponent("\(UUID().uuidString).output")
    let error = output.deletingPathExtension().appendingPathExtension("error")
    let process = try start(arguments, output: output, error: error, input: input)
    try during(process, output)
    process.waitUntilExit()
    defer {
      try? FileManager.default.removeItem(at: output)
      try? FileManager.default.removeItem(at: error)
    }
    return try Outcome(
      status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
      output: String(contentsOf: output, encoding: .utf8), error: String(contentsOf: error, encoding: .utf8))
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func files(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }

  func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }
}

/// The JSON objects of a text, one a line.
func objects(_ text: String) throws -> [[String: Any]] {
  try text.split(separator: "\n").map { line in
    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
  }
}

/// The numbers by class of one picture's answer, in the order of the names: 0, 1, 2, ... where none are given.
func numbers(_ answer: [String: Any]?, _ key: String = "probabilities", names: [String]? = nil) throws -> [Double] {
  let byName = try #require(answer?[key] as? [String: Double])
  let names = names ?? (0..<byName.count).map(String.init)
  return try names.map { try #require(byName[$0]) }
}

/// The stored text of this name; the environment variable ATHANOR_RECORD makes it anew.
func snapshot(_ name: String, _ text: String) throws -> String {
  let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Snapshots/\(name)")
  if ProcessInfo.processInfo.environment["ATHANOR_RECORD"] != nil { try Data(text.utf8).write(to: file) }
  return try String(contentsOf: file, encoding: .utf8)
}
