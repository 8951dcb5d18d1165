import Foundation
import Testing

@Suite("Usage")
struct UsageTests {
  static let commands = ["summary", "train", "evaluate", "predict", "datasets"]

  @Test("Help says what each command does and takes", arguments: [""] + commands)
  func help(_ command: String) throws {
    let outcome = try Program().run((command.isEmpty ? [] : [command]) + ["--help"])
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.output == (try snapshot("help\(command.isEmpty ? "" : "-" + command).txt", outcome.output)))
    #expect(command.isEmpty || outcome.output.contains("--json"))
  }

  @Test(
    "Wrong usage ends with 2, and says what is wrong on standard error",
    arguments: [
      ("bogus", "Unexpected argument 'bogus'"), ("summary", "Missing expected argument '<network>'"),
      ("train malireddi --epochs 0", "--epochs must be at least 1."),
      ("train malireddi --epochs two", "The value 'two' is invalid for '--epochs <epochs>'"),
      ("train malireddi --batch-size 0", "--batch-size must be at least 1."),
      ("train malireddi --threads 0", "--threads must be at least 1."),
      ("train malireddi --patience 0", "--patience must be at least 1."),
      ("train malireddi --learning-rate nan", "--learning-rate must be above 0."),
      ("train malireddi --dataset mnistt", "there is no data set \"mnistt\". Did you mean \"mnist\"?"),
      ("train malireddi --resume x.h5 --learning-rate 1", "--learning-rate cannot change in the middle of a training"),
      ("predict x.h5", "Give pictures, or --dataset with --output."),
      ("predict x.h5 --dataset digits", "--dataset needs --output FILE.npy."),
      ("evaluate x.h5 --datset digits", "Unknown option '--datset'. Did you mean '--dataset'?"),
    ])
  func wrongUsage(_ words: String, _ problem: String) throws {
    let outcome = try Program().run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.error.contains(problem), "\(outcome.error)")
  }

  @Test(
    "What fails ends with 1 and one paragraph",
    arguments: [
      ("summary malireddii", "there is neither a network nor a file of this name. Did you mean \"malireddi\"?"),
      ("summary notes.txt", "notes.txt: it is not an HDF5 file"), ("summary empty", "empty: "),
      ("evaluate none.h5 --dataset digits", "none.h5: there is no such file"),
      ("train malireddi --dataset digits --data-dir empty", "empty: does not hold all of "),
      ("train malireddi --dataset digits --data-dir none", "none: there is no such folder"),
      ("train malireddi --dataset digits --output notes.txt/run", "notes.txt/run: the folder cannot be made"),
    ])
  func failures(_ words: String, _ problem: String) throws {
    let program = try Program()
    try FileManager.default.createDirectory(atPath: program.path("empty"), withIntermediateDirectories: false)
    try Data("not a model\n".utf8).write(to: program.folder.appendingPathComponent("notes.txt"))
    let outcome = try program.run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.error.hasPrefix("Error: ") && outcome.error.contains(problem), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1)
  }

  @Test("Summaries as a table and as JSON")
  func summary() throws {
    let program = try Program()
    let table = try program.run("summary", "malireddi").output
    #expect(table.contains("conv2d_1 (Conv2D)               (None, 10, 10, 64)        18496\n"))
    #expect(table.contains("\nTotal params: 94,602\nTrainable params: 94,602\nNon-trainable params: 0\n"))
    let object = try #require(try objects(program.run("summary", "chollet", "--json").output).first)
    #expect(object["parameters"] as? Int == 1_199_882 && object["input"] as? [Int] == [28, 28, 1])
    #expect((object["layers"] as? [[String: Any]])?.count == 8)
  }

  @Test("The data sets that are here, and how to get the others")
  func datasets() throws {
    let program = try Program()
    let text = try program.run("datasets").output
    #expect(text.contains("digits: 4000 + 1000 examples in ") && text.contains("fashion-mnist: "))
    let sets = try objects(program.run("datasets", "--json").output)
    #expect(sets.map { $0["name"] as? String } == ["mnist", "fashion-mnist", "digits"])
    #expect(sets.last?["present"] as? Bool == true && sets.last?["train"] as? Int == 4000)
  }

  /// The stored text of this name; the environment variable ATHANOR_RECORD makes it anew.
  private func snapshot(_ name: String, _ text: String) throws -> String {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Snapshots/\(name)")
    if ProcessInfo.processInfo.environment["ATHANOR_RECORD"] != nil { try Data(text.utf8).write(to: file) }
    return try String(contentsOf: file, encoding: .utf8)
  }
}
