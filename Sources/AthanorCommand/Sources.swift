import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

/// A network by name, or a model file.
enum NetworkSource {
  static func model(_ name: String, seed: UInt64 = 0, threads: Int?) throws -> Model {
    if let network = network(name) { return try network.model(seed: seed, threads: threads) }
    guard FileManager.default.fileExists(atPath: name) || FileBytes.danglingLink(name) != nil else {
      let names = TutorialNetwork.allCases.map(\.rawValue)
      throw AthanorError(
        .file, at: name, "there is neither a network nor a file of this name",
        fix: AthanorError.suggestion(for: name, among: names) + "Networks are \(names.joined(separator: " and ")).")
    }
    return try read(name, threads: threads)
  }

  /// Reads a model file, and tells on standard error what could not be taken over.
  static func read(_ file: String, threads: Int? = nil, compiled: Bool = true) throws -> Model {
    let model = try Model(contentsOf: file, threads: threads, compiled: compiled)
    for warning in model.foundWarnings { Terminal.error("Warning: \(warning.commandDescription)\n") }
    return model
  }

  static func network(_ name: String) -> TutorialNetwork? { TutorialNetwork(rawValue: name.lowercased()) }
}

/// Which options hold for every command that computes.
struct ThreadOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "How many threads compute; by default one per core.") var threads: Int?

  func validate() throws {
    guard let threads else { return }
    guard threads > 0 else { throw ValidationError("--threads must be at least 1.") }
  }
}

/// Which data, for every command that needs some.
struct DataOptions: ParsableArguments {
  @Option(help: "Which data set: mnist, fashion-mnist or digits (5,000 digits that come with the program).")
  var dataset = "mnist"

  @Option(name: .customLong("data-dir"), help: "The folder that holds the files of the data set.")
  var dataDirectory: String?

  func validate() throws { try DataOptions.check(dataset) }

  /// - Throws: `ValidationError` when there is no data set of this name.
  static func check(_ dataset: String) throws {
    do {
      _ = try ImageDataset.named(dataset)
    } catch {
      throw ValidationError("--dataset: \((error as? AthanorError)?.commandDescription ?? "\(error)")")
    }
  }

  func load() async throws -> LoadedDataset { try await DataOptions.load(dataset, dataDirectory) }

  static func load(_ dataset: String, _ dataDirectory: String?) async throws -> LoadedDataset {
    let set = try ImageDataset.named(dataset)
    let isTerminal = isatty(2) == 1
    let download = DownloadOptions(progress: { progress in
      guard isTerminal else { return }
      let total = progress.totalByteCount.map { " of \($0 / 1024) KB" } ?? ""
      Terminal.error("\r\(progress.title): \(progress.file) \(progress.receivedByteCount / 1024) KB\(total)   ")
    })
    do {
      return try await set.load(dataDirectory: dataDirectory, download: download)
    } catch let error as AthanorError where error.kind == .network && set.name == "mnist" && dataDirectory == nil {
      Terminal.error(
        "MNIST is not here and cannot be downloaded, so the bundled sample of 5,000 digits is used: expect 94 to 96 % after ten "
          + "epochs instead of 99 %.\n\(error.commandDescription)\n")
      return try await ImageDataset.digits.load()
    }
  }
}
