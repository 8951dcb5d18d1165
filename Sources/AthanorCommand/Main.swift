import ArgumentParser
import Athanor
import Foundation

/// The command line; one file for each subcommand.
struct AthanorProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "athanor",
    abstract: "Train small neural networks on the CPU you have, and use them.",
    discussion: "Exit codes: 0 fine, 1 failed, 2 wrong usage. Start with: athanor train malireddi",
    subcommands: [
      Summary.self, Train.self, Evaluate.self, Predict.self, Benchmark.self, Export.self, Convert.self, Inspect.self,
      Figure.self, Serve.self, Datasets.self,
    ])
}

@main
enum Main {
  static func main() async {
    do {
      var command = try AthanorProgram.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error as AthanorError {
      Terminal.error("Error: \(error.commandDescription)\n")
      exit(1)
    } catch is CancellationError {
      exit(1)
    } catch let code as ExitCode {
      exit(code.rawValue)
    } catch {
      let text = AthanorProgram.fullMessage(for: error)
      if AthanorProgram.exitCode(for: error) == .success {
        print(text)
        exit(0)
      }
      Terminal.error(text + "\n")
      exit(AthanorProgram.exitCode(for: error) == .validationFailure ? 2 : 1)
    }
  }
}

/// Text and JSON for the terminal.
enum Terminal {
  static func error(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// One JSON object in one line, keys sorted; numbers that are not finite become null.
  static func json(_ object: [String: Any?]) throws {
    let data = try JSONSerialization.data(
      withJSONObject: writable(object), options: [.sortedKeys, .withoutEscapingSlashes])
    print(String(decoding: data, as: UTF8.self))
    fflush(nil)
  }

  /// The same with null in the place of what JSON cannot say, at any depth.
  private static func writable(_ value: Any?) -> Any {
    switch value {
    case let number as Double where !number.isFinite: NSNull()
    case let number as Float where !number.isFinite: NSNull()
    case let object as [String: Any?]: object.mapValues(writable)
    case let array as [Any?]: array.map(writable)
    case let value?: value
    case nil: NSNull()
    }
  }

  /// A word as a shell takes it.
  static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
        || "-_./,:=+@%".utf8.contains(byte)
    }
    return plain && !word.isEmpty ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// How many characters fit in a line: those of the terminal, else `COLUMNS`, else 80.
  static var width: Int {
    var size = winsize()
    if isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return ProcessInfo.processInfo.environment["COLUMNS"].flatMap(Int.init) ?? 80
  }

  static func write(_ text: String, to path: String) throws {
    try FileBytes.write(Array(text.utf8), to: path)
  }
}
