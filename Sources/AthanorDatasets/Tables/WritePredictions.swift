import Athanor

extension TableEncoding {
  /// What a model says of a row of a table.
  public struct Prediction: Hashable, Sendable {
    /// The class's name, or the number; empty where the model's result is no number, as with values far outside of those of the training.
    public let text: String
    /// The class's probability; NaN where the model's result is no number, nil where a number is predicted.
    public let probability: Float?
  }

  /// The predictions of a model for all rows of a table.
  ///
  /// - Parameters:
  ///   - model: A model with this encoding.
  ///   - table: A table that was read for it, `TableFile(contentsOf:for:)`.
  /// - Throws: `AthanorError` when the table does not fit.
  public func predictions(of model: Model, for table: TableFile, batchSize: Int = 256) throws -> [Prediction] {
    try check(model, at: "predictions")
    var predictions: [Prediction] = []
    predictions.reserveCapacity(table.rowCount)
    let most = 8192
    for first in stride(from: 0, to: table.rowCount, by: most) {
      let rows = Array(first..<min(first + most, table.rowCount))
      let result = try model.predict(inputs(table, rows: rows), batchSize: batchSize)
      guard let output = result[model.outputs[0].name]?.floats else { continue }
      let width = output.count / rows.count
      for row in rows.indices {
        let numbers = output[row * width..<(row + 1) * width]
        guard let names = classNames else {
          let number = numbers.first ?? .nan
          predictions.append(Prediction(text: number.isFinite ? "\(number)" : "", probability: nil))
          continue
        }
        guard numbers.allSatisfy(\.isFinite) else {
          predictions.append(Prediction(text: "", probability: .nan))
          continue
        }
        let best = numbers.indices.max { numbers[$0] < numbers[$1] } ?? numbers.startIndex
        predictions.append(Prediction(text: names[best - numbers.startIndex], probability: numbers[best]))
      }
    }
    return predictions
  }
}

extension TableFile {
  /// The names of the columns that predictions add to a table.
  private static let addedColumns = ["prediction", "probability"]

  /// Writes a copy of a table with predictions in further columns: `prediction`, and `probability` for classes. All other text stays as
  /// it is.
  ///
  /// - Parameters:
  ///   - predictions: One for each row of the file.
  ///   - path: The new file.
  /// - Throws: `AthanorError` when the table already has such columns, changed meanwhile, or the file cannot be written.
  public func write(_ predictions: [TableEncoding.Prediction], to path: String) throws {
    let reader = try TableReader(self.path)
    let count = predictions.first?.probability == nil ? 1 : 2
    let added = TableFile.addedColumns.prefix(count)
    if let taken = added.first(where: reader.header.contains) {
      throw AthanorError(
        .data, at: self.path, "there is a column \"\(taken)\" already, as predictions would be called",
        fix: "Rename it, or predict the original table.")
    }
    let separator = String(UnicodeScalar(reader.separator))
    let number = { (text: String) in self.usesDecimalComma ? text.replacing(".", with: ",") : text }
    try FileBytes.write(to: path) { append in
      var buffer: [UInt8] = []
      func add(_ record: [UInt8], _ fields: [String]) throws {
        buffer += record
        for field in fields { buffer += Array((separator + TableText.field(field, separator: reader.separator)).utf8) }
        buffer.append(10)
        if buffer.count > 1 << 16 {
          try buffer.withUnsafeBytes(append)
          buffer.removeAll(keepingCapacity: true)
        }
      }
      try add(reader.record, Array(added))
      var row = 0
      while try reader.next() {
        guard row < predictions.count else { break }
        let prediction = predictions[row]
        let probability = prediction.probability.map { $0.isNaN ? "" : number("\($0)") }
        let text = prediction.probability == nil ? number(prediction.text) : prediction.text
        try add(reader.record, [text] + (probability.map { [$0] } ?? []))
        row += 1
      }
      guard try row == predictions.count && !reader.next() else {
        throw AthanorError(.data, at: self.path, "the table changed while it was read", fix: "Predict it again.")
      }
      try buffer.withUnsafeBytes(append)
    }
  }
}
