import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

/// A network by name, or a model file.
enum NetworkSource {
  /// A model file, or a network by name as it is for MNIST.
  static func model(_ name: String, threads: Int?) throws -> Model {
    if let network = network(name) { return try network.model(threads: threads) }
    return try file(name, threads: threads)
  }

  /// Reads a model file that was named where a network may be named too.
  static func file(_ name: String, threads: Int?) throws -> Model {
    guard FileManager.default.fileExists(atPath: name) || FileBytes.danglingLink(name) != nil else {
      throw AthanorError(
        .file, at: name, "there is neither a network nor a file of this name",
        fix: AthanorError.suggestion(for: name, among: names) + "Networks are \(names.joined(separator: ", ")).")
    }
    return try read(name, threads: threads)
  }

  /// Reads a model file, and tells on standard error what could not be taken over.
  static func read(_ file: String, threads: Int? = nil, compiled: Bool = true) throws -> Model {
    let model = try Model(contentsOf: file, threads: threads, compiled: compiled)
    for warning in model.foundWarnings { Terminal.error("Warning: \(warning.commandDescription)\n") }
    return model
  }

  /// The names of networks.
  static let names = NetworkTemplate.allCases.map(\.rawValue)

  static func network(_ name: String) -> NetworkTemplate? { NetworkTemplate(rawValue: name.lowercased()) }
}

/// Which options hold for every command that computes.
struct ThreadOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "How many threads compute; by default one per core.") var threads: Int?

  func validate() throws {
    guard let threads else { return }
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
  }
}
