import Athanor
import Foundation
import Testing

@Suite("CSVLogger")
struct CSVLoggerTests {
  private let folder: TemporaryFolder
  private let header =
    "epoch,loss,accuracy,mean_absolute_error,val_loss,val_accuracy,val_mean_absolute_error,learning_rate,seconds"

  init() throws { folder = try TemporaryFolder() }

  private func data() throws -> Dataset {
    try Dataset(inputs: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]), targets: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]))
  }

  private func rows() throws -> [[String]] {
    try folder.text("log.csv").split(separator: "\n", omittingEmptySubsequences: false).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }

  private func train(_ model: Model, epochs: Int, append: Bool = false, resume: Bool = false) throws {
    try model.fit(
      data(), epochs: epochs, validation: data(), callbacks: [CSVLogger(folder.path("log.csv"), append: append)],
      verbose: .silent, resume: resume)
  }

  @Test("One header, one row for each epoch, with the numbers of the history")
  func rowsOfHistory() throws {
    let model = try scriptedModel(rate: 0.01)
    try train(model, epochs: 3)
    let rows = try rows()
    #expect(rows.count == 5 && rows[4] == [""])
    #expect(rows[0].joined(separator: ",") == header)
    for (row, epoch) in zip(rows[1...], model.history.epochs) {
      #expect(row[0] == String(epoch.number))
      #expect(row[1..<7].map { Double($0) } == epoch.logs.entries.map(\.value))
      #expect(row[7] == "0.01" && Double(row[8]) != nil)
    }
  }

  @Test("The columns are those of the training, also when a figure is missing; a missing figure is an empty cell")
  func missing() throws {
    let script = try Script()
    try script.run([CSVLogger(folder.path("log.csv"))], "loss", [2, 1])
    #expect(try folder.text("log.csv") == header + "\n1,2.0,,,,,,,\n2,1.0,,,,,,,\n")
    try script.run([CSVLogger(folder.path("log.csv"))], "loss", [2], validates: false)
    #expect(try folder.text("log.csv") == "epoch,loss,accuracy,mean_absolute_error,learning_rate,seconds\n1,2.0,,,,\n")
  }

  @Test("The header is there from the start")
  func headerFirst() throws {
    let script = try Script()
    try script.run([CSVLogger(folder.path("log.csv"))], "loss", [])
    #expect(try folder.text("log.csv") == header + "\n")
  }

  @Test("Resuming drops the rows of epochs that are trained again, and writes no second header")
  func resume() throws {
    let model = try scriptedModel(rate: 0.01)
    try train(model, epochs: 4)
    let before = try rows()
    model.progress.epoch = 2
    model.progress.batch = 0
    try train(model, epochs: 5, resume: true)
    let after = try rows()
    #expect(after.map { $0[0] } == ["epoch", "1", "2", "3", "4", "5", ""])
    #expect(after[1...2] == before[1...2])
    #expect(after[3] != before[3])
  }

  @Test("A new training replaces the file, or appends to it under the same header")
  func append() throws {
    let model = try scriptedModel(rate: 0.01)
    try train(model, epochs: 2)
    try train(model, epochs: 1)
    #expect(try rows().map { $0[0] } == ["epoch", "1", ""])
    try train(model, epochs: 2, append: true)
    #expect(try rows().map { $0[0] } == ["epoch", "1", "1", "2", ""])
  }

  @Test("The rate in a row is the epoch's, wherever the callbacks stand")
  func rate() throws {
    let model = try scriptedModel()
    try model.fit(
      data(), epochs: 2,
      callbacks: [CSVLogger(folder.path("log.csv")), LearningRateScheduler { epoch, _ in 0.01 * Double(epoch) }],
      verbose: .silent)
    #expect(try rows()[1...2].map { $0[4] } == ["0.01", "0.02"])
  }

  @Test("Errors")
  func errors() throws {
    let script = try Script()
    try Data("epoch,other\n1,2\n".utf8).write(to: folder.url.appendingPathComponent("log.csv"))
    let path = folder.path("log.csv")
    expectError(
      "\(path): its columns are epoch,other but this training has \(header). Give another file name or remove the file."
    ) {
      try script.run([CSVLogger(path, append: true)], "loss", [1])
    }
    #expect(try folder.text("log.csv") == "epoch,other\n1,2\n")
    let nowhere = folder.path("no/such/folder.csv")
    expectError("\(nowhere): cannot be written (No such file or directory). Check the spelling of the path.") {
      try script.run([CSVLogger(nowhere)], "loss", [1])
    }
  }
}
