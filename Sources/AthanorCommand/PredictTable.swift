import ArgumentParser
import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation

/// `athanor predict MODEL TABLE.csv --output FILE.csv`.
struct TablePrediction {
  let model: Model
  let file: String
  let table: String
  let output: String

  /// Writes the table with the predictions in further columns.
  ///
  /// - Throws: `AthanorError` when the model was not made for tables, or the table does not fit.
  func run(json: Bool, batchSize: Int?) throws {
    guard let encoding = model.tableEncoding else {
      throw AthanorError(
        .argument, at: file, "the model was not made for a table",
        code: "Make the model with a TableEncoding.",
        command: "Train one with athanor train --dataset TABLE.csv --target COLUMN.")
    }
    let contents = try TableFile(contentsOf: table, for: encoding)
    for finding in contents.findings { Terminal.error("Note: \(table): \(finding)\n") }
    let predictions = try encoding.predictions(of: model, for: contents, batchSize: batchSize ?? 256)
    let failed = predictions.count { $0.text.isEmpty }
    if failed > 0 {
      Terminal.error(
        "Warning: \(table): \(failed) \(failed == 1 ? "row has" : "rows have") no prediction, because the model's result is no number; "
          + "are values far outside of those of the training?\n")
    }
    try contents.write(predictions, to: output)
    if json {
      try Terminal.json(["file": output, "rows": predictions.count])
    } else {
      let what = encoding.classNames == nil ? "column prediction" : "columns prediction and probability"
      Terminal.print("\(output): \(predictions.count) rows, with \(what)")
    }
  }
}
