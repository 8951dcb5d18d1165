import ArgumentParser
import Athanor
import Foundation

/// The command line; one file for each subcommand.
struct AthanorProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "athanor",
    abstract: "Train small neural networks on the CPU you have, and use them.",
    discussion: """
      Exit codes: 0 fine, 1 failed, 2 wrong usage, 130 after Ctrl-C and 143 after SIGTERM (a training has been saved then). Start with: \
      athanor train malireddi
      """,
    version: AthanorVersion.current,
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
        Terminal.print(text)
        exit(0)
      }
      Terminal.error((unknownCommand(CommandLine.arguments.dropFirst()) ?? text) + "\n")
      exit(AthanorProgram.exitCode(for: error) == .validationFailure ? 2 : 1)
    }
  }

  /// What is wrong with words that begin with no command, with the one that may have been meant; nil for others. The parser of arguments only
  /// says that it did not expect them.
  private static func unknownCommand(_ words: some Sequence<String>) -> String? {
    var (command, path): (any ParsableCommand.Type, String) = (AthanorProgram.self, AthanorProgram._commandName)
    for word in words {
      let commands = command.configuration.subcommands
      guard !commands.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
      guard let next = commands.first(where: { $0._commandName == word }) else {
        let suggestion = AthanorError.suggestion(for: word, among: commands.map { $0._commandName })
        return "Error: there is no command \"\(word)\". \(suggestion)See \(path) --help."
      }
      (command, path) = (next, "\(path) \(word)")
    }
    return nil
  }
}
