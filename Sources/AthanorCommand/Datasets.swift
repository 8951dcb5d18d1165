import ArgumentParser
import AthanorDatasets

struct Datasets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show which data sets are here, where, and how to get the rest.")

  @Option(name: .customLong("data-dir"), help: "Look only in this folder.", completion: .directory) var dataDirectory:
    String?
  @Flag(help: "Print one JSON object in a line for each data set.") var json = false

  func run() throws {
    for status in DatasetStatus.all(dataDirectory: dataDirectory) {
      guard json else {
        Terminal.print(status)
        continue
      }
      try Terminal.json([
        "name": status.dataset.name, "present": status.isPresent, "path": status.path,
        "origin": status.origin?.description, "train": status.trainCount, "test": status.testCount,
        "bytes": status.byteCount, "problem": status.problem?.description, "remedy": status.remedy,
      ])
    }
  }
}
