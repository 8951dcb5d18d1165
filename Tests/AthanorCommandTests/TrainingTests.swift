import Athanor
import AthanorKeras
import Foundation
import Testing

/// Trainings on the bundled digits; one after another, for each uses all cores.
@Suite("Training", .serialized)
struct TrainingTests {
  @Test("A training leaves its files, and JSON for each epoch alone on standard output")
  func files() throws {
    let program = try Program()
    let outcome = try program.run(
      "train", "malireddi", "--dataset", "digits", "--validate-on", "test", "--epochs", "2", "--output", "run",
      "--json",
      "--profile")
    #expect(outcome.status == 0)
    let epochs = try objects(outcome.output)
    try #require(epochs.count == 2)
    for (index, epoch) in epochs.enumerated() {
      #expect(epoch.keys.sorted() == ["accuracy", "epoch", "loss", "seconds", "val_accuracy", "val_loss"])
      #expect(epoch["epoch"] as? Int == index + 1)
    }
    let losses = epochs.map { $0["val_loss"] as? Double ?? 0 }
    let best = losses.enumerated().map { String(format: "best_model.%02d-%.2f.h5", $0.offset + 1, $0.element) }
    #expect(
      try program.files("run")
        == (best + ["best.h5", "last.h5", "history.csv", "curves.svg", "split.csv", "profile.json"]).sorted())
    let rows = try program.text("run/history.csv").split(separator: "\n")
    #expect(rows.first == "epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds" && rows.count == 3)
    #expect(try program.text("run/curves.svg").hasPrefix("<svg") && outcome.error.contains("GFLOP/s"))

    let evaluation = try program.run("evaluate", "run/last.h5", "--dataset", "digits", "--json", "--output", "figures")
    let figures = try #require(try objects(evaluation.output).first)
    #expect(figures.keys.sorted() == ["accuracy", "count", "loss"] && figures["count"] as? Int == 1000)
    #expect(figures["loss"] as? Double == losses[1])
    #expect(try program.files("figures") == ["confusion.svg", "mistakes.svg"])

    // A truncated checkpoint, and pictures that do not fit.
    let file = try Data(contentsOf: program.folder.appendingPathComponent("run/best.h5"))
    try file.prefix(file.count / 2).write(to: program.folder.appendingPathComponent("half.h5"))
    let half = try program.run("evaluate", "half.h5", "--dataset", "digits")
    #expect(half.status == 1 && half.error.contains("half.h5: it is not an HDF5 file, is truncated"))
    try Sequential(input: [5]) { Dense(2) }.save(to: program.path("five.h5"))
    let five = try program.run("evaluate", "five.h5", "--dataset", "digits")
    #expect(five.status == 1 && five.error.contains("\nError: evaluate: inputs have shape"))

    // Pictures.
    let digits = Program.root.appendingPathComponent("Examples/digits").path
    let table = try program.run("predict", "run/best.h5", digits)
    #expect(table.status == 0 && table.output.split(separator: "\n").count == 10)
    let pictures = try objects(program.run("predict", "run/best.h5", "--json", digits + "/7.png", digits).output)
    try #require(pictures.count == 10)
    #expect(pictures[0].keys.sorted() == ["file", "label", "probabilities"])
    for picture in pictures {
      let probabilities = try numbers(picture)
      #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-5)
      let label = try #require(picture["label"] as? String)
      #expect(probabilities.firstIndex(of: probabilities.max() ?? 0) == Int(label))
    }
    try Data("no picture".utf8).write(to: program.folder.appendingPathComponent("x.png"))
    let broken = try program.run("predict", "run/best.h5", "x.png")
    #expect(broken.status == 1 && broken.output == "" && broken.error.contains("x.png: "))

    // All probabilities as a NumPy array.
    #expect(try program.run("predict", "run/best.h5", "--dataset", "digits", "--output", "p.npy").status == 0)
    let array = try Data(contentsOf: program.folder.appendingPathComponent("p.npy"))
    let header = String(decoding: array.prefix(128).dropFirst(10), as: UTF8.self)
    #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (1000, 10), }"))
    #expect(array.count == 128 + 4 * 10_000)
  }

  @Test("The same seed gives the same weights at any number of threads; another seed others")
  func seeds() throws {
    let program = try Program()
    func weights(_ arguments: String...) throws -> [Weight] {
      let words = ["train", "malireddi", "--dataset", "digits", "--epochs", "1", "--output", "run"] + arguments
      #expect(try program.run(words).status == 0)
      return try Model(contentsOf: program.path("run/last.h5")).weights
    }
    let first = try weights("--seed", "3", "--threads", "1")
    #expect(try weights("--seed", "3", "--threads", "3") == first)
    #expect(try weights("--seed", "4") != first)
  }

  @Test("Ctrl-C saves and says how to go on; the end is that of a training that never stopped")
  func interruption() throws {
    let program = try Program()
    let words = [
      "train", "malireddi", "--dataset", "digits", "--validate-on", "test", "--epochs", "3", "--batch-size", "100",
      "--output",
    ]
    #expect(try program.run(words + ["whole"]).status == 0)
    let interrupted = try program.run(words + ["parts"]) { process, output in
      // After the first epoch, so in the middle of the second.
      while process.isRunning, try !String(contentsOf: output, encoding: .utf8).contains("Epoch 2/3") { usleep(2000) }
      process.interrupt()
    }
    #expect(interrupted.status == 130 && interrupted.error.contains("Interrupted and saved. Go on with:"))
    let line = try #require(interrupted.error.split(separator: "\n").last)
    let rest = line.split(separator: " ").dropFirst().map(String.init)
    #expect(rest.contains("--resume") && rest.contains("parts/last.h5"))
    #expect(try program.text("parts/history.csv").split(separator: "\n").count < 4)
    // 40 batches are an epoch, and the file is of the middle of one.
    let step = try Model(contentsOf: program.path("parts/last.h5")).step
    #expect(step > 40 && !step.isMultiple(of: 40))
    let wrong = try program.run(
      "train", "chollet", "--dataset", "digits", "--validate-on", "test", "--resume", "parts/last.h5")
    #expect(wrong.status == 1 && wrong.error.contains("parts/last.h5: it holds another network than chollet"))

    #expect(try program.run(rest).status == 0)
    let whole = try Model(contentsOf: program.path("whole/last.h5"))
    let parts = try Model(contentsOf: program.path("parts/last.h5"))
    #expect(whole.weights == parts.weights)
    func figures(_ run: String) throws -> [String] {
      try program.text("\(run)/history.csv").split(separator: "\n").map { row in
        row.split(separator: ",").dropLast().joined(separator: ",")  // without the seconds
      }
    }
    #expect(try figures("parts") == figures("whole"))
  }

  @Test("A program that is killed goes on from a .safetensors file, which every command takes")
  func killed() throws {
    let program = try Program()
    let words = [
      "train", "malireddi", "--dataset", "digits", "--validate-on", "test", "--epochs", "2", "--batch-size", "100",
      "--format", "safetensors",
      "--output",
    ]
    #expect(try program.run(words + ["whole"]).status == 0)
    let killed = try program.run(words + ["parts"]) { process, output in
      while process.isRunning, try !String(contentsOf: output, encoding: .utf8).contains("Epoch 2/2") { usleep(2000) }
      kill(process.processIdentifier, SIGKILL)
    }
    #expect(killed.status != 0)
    let file = "parts/last.safetensors"
    #expect(try Model(contentsOf: program.path(file)).step == 40)
    #expect(try program.run(Array(words.dropLast(3)) + ["--resume", file, "--output", "parts"]).status == 0)
    let parts = try Model(contentsOf: program.path(file))
    #expect(try parts.weights == Model(contentsOf: program.path("whole/last.safetensors")).weights)
    #expect(parts.step == 80)

    #expect(try program.run("summary", file).output == program.run("summary", "malireddi").output)
    let facts = try program.run("inspect", file)
    #expect(facts.status == 0 && facts.output.hasPrefix("\(file): Athanor, safetensors, "))
    #expect(facts.output.contains("2 epochs, 80 steps"))
    #expect(try program.run("evaluate", file, "--dataset", "digits").status == 0)
    #expect(try program.run("predict", file, Program.root.appendingPathComponent("Examples/digits").path).status == 0)
    #expect(try program.run("export", file, "Digits.mlpackage").status == 0)
    #expect(try program.run("train", file, "--dataset", "digits", "--epochs", "1", "--output", "more").status == 0)
    #expect(FileManager.default.fileExists(atPath: program.path("more/best.safetensors")))
  }

  @Test("Patience ends a training that does not improve")
  func patience() throws {
    let outcome = try Program().run(
      "train", "malireddi", "--dataset", "digits", "--epochs", "9", "--learning-rate", "1e-30", "--patience", "2",
      "--json", "--output", "run")
    #expect(outcome.status == 0)
    #expect(try objects(outcome.output).count == 3)
  }

  @Test("A second training in the same folder begins anew and says so; a finished one goes on with more epochs")
  func sameFolder() throws {
    let program = try Program()
    let words = ["train", "malireddi", "--dataset", "digits", "--batch-size", "1000", "--output", "a run"]
    #expect(try program.run(words + ["--epochs", "2"]).error == "")
    let first = try Model(contentsOf: program.path("a run/best.h5")).weights
    let again = try program.run(words + ["--epochs", "1", "--seed", "7"])
    #expect(again.status == 0 && again.error.hasPrefix("a run holds an earlier training: "))
    #expect(again.output.contains("athanor evaluate 'a run'/best.h5 --dataset digits --output 'a run'"))
    // Worse than the first training's best, but the best of this one.
    #expect(try Model(contentsOf: program.path("a run/best.h5")).weights != first)
    #expect(try program.text("a run/history.csv").split(separator: "\n").count == 2)

    let resume = ["--resume", "a run/last.h5", "--epochs"]
    let done = try program.run(words + resume + ["1", "--json"])
    #expect(done.status == 0 && done.output == "")
    #expect(done.error == "a run/last.h5 has had 1 epochs already; for more, give a larger --epochs.\n")
    let more = try program.run(words + resume + ["2", "--json"])
    #expect(try objects(more.output).map { $0["epoch"] as? Int } == [2] && more.error == "")
    let rows = try program.text("a run/history.csv").split(separator: "\n")
    #expect(rows.map { $0.prefix { $0 != "," } } == ["epoch", "1", "2"])
  }
}
