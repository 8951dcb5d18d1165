import Athanor
import AthanorDatasets
import Foundation

/// A table of which one column is to be predicted.
struct TableData: LabelledData {
  let table: TableFile
  /// How rows become inputs; nil until it is known with which rows a network is trained.
  private(set) var encoding: TableEncoding?

  init(_ table: TableFile, _ encoding: TableEncoding? = nil) {
    self.table = table
    self.encoding = encoding
  }

  var title: String { URL(fileURLWithPath: table.path).lastPathComponent }
  var path: String { table.path }
  var unit: String { "row" }
  var isPictures: Bool { false }
  var findings: [String] { table.findings }
  var classNumbers: [Int32] { table.classNumbers ?? [Int32](repeating: 0, count: table.rowCount) }
  var classNames: [String]? { if case .classification(let names) = table.task { names } else { nil } }
  var parts: ExampleSplit? { nil }
  var usualValidation: UsualValidation { .share(0.2) }
  var usualNetwork: NetworkTemplate { .mlp }

  func usualTraining(_ count: Int) -> UsualTraining {
    let batchSize = min(max(count / 16, 16), 256)
    return UsualTraining(epochs: min(max(4000 * batchSize / max(1, count), 10), 100), batchSize: batchSize)
  }

  /// The same data, encoded as suits the rows that a network is trained with.
  func fitted(to examples: [Int]) throws -> any LabelledData {
    guard encoding == nil else { return self }
    return TableData(table, try TableEncoding(fittedTo: table, rows: examples))
  }

  func name(of example: Int) -> String { String(table.exampleNumbers[example]) }

  var fingerprints: [UInt64]? { table.fingerprints }

  /// A network of the user's own keeps the columns, too, where it takes what they make.
  func attachEncoding(to model: Model) throws {
    guard model.tableEncoding == nil, let encoding else { return }
    do {
      try encoding.check(model, at: "the network")
    } catch {
      throw AthanorError(
        error.kind, at: error.location, error.problem, fix: "Give a network with these inputs and results.")
    }
    model.tableEncoding = encoding
    if let names = encoding.classNames { model.classNames = names }
  }

  func source(_ examples: [Int]) throws -> any DataSource { try dataset(examples) }

  func dataset(_ examples: [Int]) throws -> Dataset { try requireEncoding().dataset(table, rows: examples) }

  func model(_ template: NetworkTemplate, _ options: NetworkOptions) throws -> Model {
    guard template == .mlp, !options.augments else {
      throw AthanorError(
        .argument, at: template == .mlp ? "--augment" : template.rawValue, "it is for pictures but \(title) is a table",
        fix: template == .mlp ? "Leave it out." : "Use the network mlp.")
    }
    return try requireEncoding().model(seed: options.seed, threads: options.threads)
  }

  private func requireEncoding() throws -> TableEncoding {
    guard let encoding else {
      throw AthanorError(
        .argument, at: path, "the model was not trained with a table, so it does not say which columns it takes",
        fix: "Train a new network with the table.")
    }
    return encoding
  }
}
