import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("Your own tables", .serialized)
struct OwnTableTests {
  private let program: Program

  init() throws { program = try Program() }

  private func write(_ rows: [String], _ name: String = "t.csv") throws {
    try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: program.folder.appendingPathComponent(name))
  }

  /// People whose class follows from age and city.
  private func writePeople(_ name: String = "t.csv", count: Int = 120) throws {
    let rows = (0..<count).map { number -> String in
      let (age, city) = (18 + number * 7 % 60, ["Rome", "Oslo", "\"San \"\"X\"\", Y\""][number % 3])
      return
        "\(age),\(city),\(number % 10 == 0 ? "" : String(number % 4)),\(age > (number % 3 == 1 ? 30 : 50) ? "yes" : "no")"
    }
    try write(["age,city,pets,vote"] + rows, name)
  }

  @Test("From a table to predictions, a report and exports; what is read how is saved with the model")
  func classes() throws {
    try writePeople()
    let trained = try program.run(
      "train", "--dataset", "t.csv", "--target", "vote", "--test-split", "0.2", "--seed", "2", "--output", "run",
      "--json")
    #expect(trained.status == 0, "\(trained.error)")
    #expect(
      trained.error.contains("120 rows, 4 columns")
        && trained.error.hasSuffix("72 rows to train with, 24 to validate on, 24 to test with.\n"))
    #expect(try objects(trained.output).count > 10)
    let split = try program.text("run/split.csv").split(separator: "\n")
    #expect(split.count == 121 && split[1].hasPrefix("1,") && split.count { $0.contains(",test,") } == 24)
    let evaluated = try program.run(
      "evaluate", "run/best.h5", "--dataset", "t.csv", "--split", "run/split.csv", "--json", "--report", "r.html",
      "--output", "figures")
    #expect(evaluated.status == 0, "\(evaluated.error)")
    let figures = try #require(try objects(evaluated.output).first)
    #expect(figures["count"] as? Int == 24 && figures["accuracy"] as? Double ?? 0 > 0.85)
    #expect(try program.files("figures") == ["confusion.svg"])
    let report = try program.text("r.html")
    #expect(
      report.contains("athanor evaluate run/best.h5 --dataset t.csv --split run/split.csv --json --report r.html"))
    #expect(report.hasPrefix("<!doctype html>") || report.hasPrefix("<!DOCTYPE html>"))

    try write(["city,age,pets", "Oslo,70,", "Rome,20,1", "Bergen,,2"], "new.csv")
    let predicted = try program.run("predict", "run/best.h5", "new.csv", "--output", "answers.csv")
    #expect(predicted.status == 0, "\(predicted.error)")
    let answers = try program.text("answers.csv").split(separator: "\n")
    #expect(answers.count == 4 && answers[0] == "city,age,pets,prediction,probability")
    #expect(answers[1].hasPrefix("Oslo,70,,yes,") && answers[2].hasPrefix("Rome,20,1,no,"))
    #expect(try program.run("export", "run/best.h5", "t.onnx").status == 0)
  }

  @Test func numbersArePredictedToo() throws {
    // A single column is used although it goes up by one.
    try write(["x,y"] + (0..<80).map { "\($0),\(3 * $0 + 100).5" })
    let trained = try program.run("train", "--dataset", "t.csv", "--target", "y", "--epochs", "60", "--output", "run")
    #expect(trained.status == 0 && trained.output.contains("val_mean_absolute_error"), "\(trained.error)")
    let evaluated = try program.run(
      "evaluate", "run/best.h5", "--dataset", "t.csv", "--split", "run/split.csv", "--json", "--report", "r.html")
    #expect(evaluated.status == 0, "\(evaluated.error)")
    #expect(try objects(evaluated.output).first?["mean_absolute_error"] as? Double ?? 1000 < 40)
    let drawn = try program.run("evaluate", "run/best.h5", "--dataset", "t.csv", "--output", "figures")
    #expect(
      drawn.error.hasSuffix(
        "Error: --output: there is no confusion matrix, for the targets of t.csv are numbers. Leave it out.\n"))
    let weighted = try program.run("train", "--dataset", "t.csv", "--target", "y", "--class-weights", "balanced")
    #expect(
      weighted.error.hasSuffix(
        "Error: --class-weights: the targets of t.csv are numbers, not classes. Leave it out.\n"))
    let task = try program.run("evaluate", "run/best.h5", "--dataset", "t.csv", "--task", "regression")
    #expect(task.error == "Error: --task: the model knows whether its target is a class or a number. Leave it out.\n")
    let smoothed = try program.run("train", "--dataset", "t.csv", "--target", "y", "--label-smoothing", "0.1")
    #expect(
      smoothed.error.hasSuffix(
        "Error: --label-smoothing: it is for classes but the targets of t.csv are numbers. Leave it out.\n"))
  }

  @Test("Targets are learned in any unit")
  func units() throws {
    try write(["x,z,y"] + (0..<80).map { "\($0 * 7 % 80),\($0 % 5),\(3e-7 * Double($0 * 7 % 80) + 1e-5)" })
    let trained = try program.run("train", "--dataset", "t.csv", "--target", "y", "--epochs", "60", "--output", "run")
    #expect(trained.status == 0, "\(trained.error)")
    let evaluated = try program.run(
      "evaluate", "run/best.h5", "--dataset", "t.csv", "--split", "run/split.csv", "--json")
    // The mean distance of the targets from their mean is 6e-6.
    #expect(try objects(evaluated.output).first?["mean_absolute_error"] as? Double ?? 1 < 1.5e-6)
  }

  @Test("A network of one's own keeps the columns of its table; a training with many categories goes on")
  func ownNetwork() throws {
    // More categories than are rows with a single 1, and some that the training rows lack.
    try write(
      ["x,city,y"]
        + (0..<120).map { "\($0 % 7),\($0 % 40 == 39 ? "rare \($0)" : "city \($0 % 40)"),\($0 % 2 == 0 ? "a" : "b")" })
    let words = ["train", "--dataset", "t.csv", "--target", "y", "--seed", "3", "--output", "run"]
    #expect(try program.run(words + ["--epochs", "1"]).status == 0)
    let resumed = try program.run(words + ["--epochs", "2", "--resume", "run/last.h5"])
    #expect(resumed.status == 0, "\(resumed.error)")
    let other = try program.run(words + ["mlp", "--epochs", "3", "--resume", "run/last.h5"])
    #expect(other.status == 0, "\(other.error)")
    #expect(try program.run("convert", "run/last.h5", "net.json").status == 0)
    let own = try program.run([
      "train", "net.json", "--dataset", "t.csv", "--target", "y", "--seed", "3", "--epochs", "1", "--output", "own",
    ])
    #expect(
      own.status == 0 && own.error.contains("Note: net.json gets the numbers of the table as they are"), "\(own.error)")
    let predicted = try program.run("predict", "own/last.h5", "t.csv", "--output", "answers.csv")
    #expect(predicted.status == 0, "\(predicted.error)")
    try writePeople("u.csv")
    let misfit = try program.run(["train", "net.json", "--dataset", "u.csv", "--target", "vote", "--output", "misfit"])
    #expect(
      misfit.status == 1 && misfit.error.hasSuffix("Give a network with these inputs and results.\n"), "\(misfit.error)"
    )
    #expect(!FileManager.default.fileExists(atPath: program.path("misfit")))
  }

  @Test("A split is that of the same rows; what it does not name is told; what is refused leaves the folder as it is")
  func splits() throws {
    try writePeople()
    let words = ["train", "--dataset", "t.csv", "--target", "vote", "--epochs", "1", "--output", "run"]
    #expect(try program.run(words).status == 0)
    let before = try ["best.h5", "split.csv"].map {
      try Data(contentsOf: URL(fileURLWithPath: program.path("run/\($0)")))
    }
    let refused = try program.run(words + ["--mixup", "0.2", "--seed", "9"])
    #expect(
      refused.error.hasSuffix(
        "Error: --mixup: t.csv has columns of categories, which cannot be mixed. Leave it out.\n"))
    let after = try ["best.h5", "split.csv"].map {
      try Data(contentsOf: URL(fileURLWithPath: program.path("run/\($0)")))
    }
    #expect(before == after)
    let rows = try program.text("t.csv").split(separator: "\n").map(String.init)
    // Columns in another order and further rows are no harm.
    try write(rows.map { $0 + ($0 == rows[0] ? ",note" : ",n") } + ["30,Rome,1,yes,n", "31,Oslo,1,no,n"], "more.csv")
    let more = try program.run("evaluate", "run/best.h5", "--dataset", "more.csv", "--split", "run/split.csv")
    #expect(more.status == 0 && more.error == "Note: 2 rows of more.csv are not in run/split.csv, and not used.\n")
    try write([rows[0]] + rows.dropFirst().reversed(), "sorted.csv")
    let sorted = try program.run("evaluate", "run/best.h5", "--dataset", "sorted.csv", "--split", "run/split.csv")
    #expect(
      sorted.error
        == "Error: run/split.csv:2: the rows of sorted.csv stand in another order than when they were split. Give the split.csv of a "
        + "training with the same data.\n")
    try write(rows.map { $0.replacing("Rome", with: "Roma") }, "changed.csv")
    let changed = try program.run("evaluate", "run/best.h5", "--dataset", "changed.csv", "--split", "run/split.csv")
    #expect(
      changed.status == 0
        && changed.error.contains(
          "Note: 40 rows of changed.csv have other values or columns than when the data were split.\n"),
      "\(changed.error)")
  }

  @Test("Bad tables have a clear report")
  func badTables() throws {
    func error(_ words: String..., status: Int32 = 1) throws -> String {
      let outcome = try program.run(["train", "--dataset", "t.csv", "--output", "run"] + words)
      #expect(outcome.status == status && outcome.output == "")
      return String(outcome.error.split(separator: "\n").last ?? "")
    }
    try writePeople()
    #expect(
      try error()
        == "Error: --target: t.csv is a table, but it is not said which of its columns is to be predicted. Give one of age, city, pets, vote."
    )
    #expect(
      try error("--target", "vot").hasPrefix(
        "Error: t.csv: there is no column \"vot\" to predict. Did you mean \"vote\"?"))
    #expect(
      try error("--target", "vote", "--size", "28")
        == "Error: --size: it is for other data, and t.csv is a table. Leave it out.")
    #expect(
      try error("cnn", "--target", "vote")
        == "Error: cnn: it is for pictures but t.csv is a table. Use the network mlp.")
    #expect(
      try error("--target", "vote", "--mixup", "0.2")
        == "Error: --mixup: t.csv has columns of categories, which cannot be mixed. Leave it out.")
    #expect(
      try error("--target", "vote", "--cutmix", "1")
        == "Error: --cutmix: it is for pictures but t.csv is a table. Leave it out.")
    try write(["a,b"] + (0..<100).map { "\($0 % 7),\($0 == 50 ? "n.a." : "\($0).5")" })
    #expect(
      try error("--target", "b")
        == "Error: t.csv: the target \"b\" has 100 different values in 100 rows, too many for classes; most are numbers, but line 52 has "
        + "\"n.a.\". Correct the value or leave it empty, or name another target.")
    try write(["a,b", "1,x"])
    #expect(try error("--target", "b").hasPrefix("Error: t.csv: "))
    try write(["a,b", "1,", "2,"])
    #expect(try error("--target", "b").hasPrefix("Error: t.csv: "))
    try write(["a,b"] + (0..<10_000).map { "text \($0),\($0 % 2 == 0 ? "x" : "y")" })
    #expect(try error("--target", "b").contains("a"))
    let none = try program.run("train", "--dataset", "none.csv")
    #expect(none.status == 2 && none.error.contains("There is no folder and no table of that name either."))
  }
}
