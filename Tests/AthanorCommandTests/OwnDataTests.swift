import Athanor
import AthanorKeras
import Foundation
import Testing

/// Folders of pictures; one after another, for each training uses all cores.
@Suite("Your own pictures", .serialized)
struct OwnDataTests {
  private let program: Program

  init() throws { program = try Program() }

  private func write(_ data: Data, _ name: String) throws {
    let file = program.folder.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
  }

  /// Bright, dark and striped pictures of 12 x 10 pixels; each has a shade of its own.
  private func writePictures(_ folder: String = "shades", count: Int = 12, from first: Int = 0) throws {
    for number in first..<first + count {
      let (bright, dark) = (UInt8(255 - 2 * number), UInt8(2 * number))
      try write(PNG.plain(width: 12, height: 10, color: [bright]), "\(folder)/bright/\(number).png")
      try write(PNG.plain(width: 12, height: 10, color: [dark]), "\(folder)/dark/\(number).png")
      try write(PNG.plain(width: 12, height: 10, color: [dark], bar: [bright]), "\(folder)/striped/\(number).png")
    }
  }

  @Test("From a folder to a labelled Core ML file: each command takes size, labels and split from what is there")
  func folder() throws {
    try writePictures()
    let trained = try program.run(
      "train", "--dataset", "shades", "--epochs", "12", "--batch-size", "9", "--seed", "1", "--output", "run", "--json")
    #expect(trained.status == 0, "\(trained.error)")
    #expect(
      trained.error
        == """
        shades: 36 pictures of 3 classes: bright 12, dark 12, striped 12.
        All have 10 x 12 pixels (height x width), in shades of gray.
        They are used as 10 x 12 pixels in shades of gray.
        29 pictures to train with, 7 to validate on.

        """)
    #expect(try objects(trained.output).map { $0["epoch"] as? Int } == Array(1...12))
    let model = try Model(contentsOf: program.path("run/best.h5"))
    #expect(
      model.inputShape == [10, 12, 1] && model.classNames == ["bright", "dark", "striped"] && model.name == "cnn")
    let rows = try program.text("run/split.csv").split(separator: "\n")
    #expect(rows.count == 37 && rows[0] == "example,split" && rows[1].hasPrefix("bright/0.png,"))
    #expect(rows.count { $0.hasSuffix(",validation") } == 7 && rows.count { $0.hasSuffix(",train") } == 29)

    let evaluated = try program.run(
      "evaluate", "run/best.h5", "--dataset", "shades", "--split", "run/split.csv", "--json", "--output", "figures")
    #expect(evaluated.status == 0 && evaluated.error == "", "\(evaluated.error)")
    let figures = try #require(try objects(evaluated.output).first)
    #expect(figures["count"] as? Int == 7 && figures["accuracy"] as? Double == 1)
    let all = try program.run("evaluate", "run/best.h5", "--dataset", "shades")
    #expect(
      all.output.hasPrefix("36 pictures of shades: ")
        && all.error.hasPrefix("Note: all 36 pictures of shades are used;"))
    let part = try program.run(
      "evaluate", "run/best.h5", "--dataset", "shades", "--split", "run/split.csv", "--part", "train")
    #expect(part.output.hasPrefix("29 pictures of shades (train): "))

    let predicted = try program.run("predict", "run/best.h5", "shades/striped/3.png", "--json")
    #expect(try objects(predicted.output).first?["label"] as? String == "striped")
    let exported = try program.run(
      "export", "run/best.h5", "Shades.mlpackage", "--image-input", "gray", "--dataset", "shades", "--split",
      "run/split.csv")
    #expect(exported.status == 0, "\(exported.error)")
    #expect(try program.run("inspect", "Shades.mlpackage").output.contains("bright, dark, striped"))

    // The same split again gives the same weights, a stream too.
    for extra in [[], ["--stream"]] {
      let again = try program.run(
        [
          "train", "cnn", "--dataset", "shades", "--epochs", "12", "--batch-size", "9", "--seed", "1", "--output",
          "again",
          "--split", "run/split.csv",
        ] + extra)
      #expect(again.status == 0, "\(again.error)")
      #expect(again.output.contains("Next: athanor evaluate again/best.h5 --dataset shades --split again/split.csv"))
      #expect(
        try Model(contentsOf: program.path("again/last.h5")).weights
          == Model(contentsOf: program.path("run/last.h5")).weights)
    }
  }

  @Test("Folders of parts are kept apart; options of the training are taken")
  func parts() throws {
    try writePictures("set/train")
    try writePictures("set/val", count: 3, from: 12)
    try writePictures("set/test", count: 2, from: 15)
    let trained = try program.run(
      "train", "mlp", "--dataset", "set", "--epochs", "2", "--optimizer", "sgd", "--schedule", "step",
      "--label-smoothing", "0.1", "--class-weights", "balanced", "--size", "6x5", "--channels", "rgb", "--output", "run"
    )
    #expect(trained.status == 0, "\(trained.error)")
    #expect(
      trained.error.contains(
        "They are brought to 6 x 5 pixels in colour.\n36 pictures to train with, 9 to validate on, 6 to test with.\n"))
    #expect(trained.output.contains("Training on 36 pictures of set (set), 2 epochs in batches of 32, with "))
    let model = try Model(contentsOf: program.path("run/last.h5"))
    #expect(model.inputShape == [6, 5, 3])
    let evaluated = try program.run("evaluate", "run/last.h5", "--dataset", "set")
    #expect(evaluated.output.hasPrefix("6 pictures of set (test): "))
    let refused = try program.run("train", "--dataset", "set", "--validation-split", "0.2")
    #expect(
      refused.error.hasSuffix("Error: --validation-split: set has 9 pictures for validation already. Leave it out.\n"))
    let best = try program.run(
      "train", "--dataset", "set", "--validate-on", "test", "--epochs", "1", "--output", "best")
    #expect(best.error.contains("45 pictures to train with, 6 to validate on, which are those for testing.\n"))
  }

  @Test("A data set's name beats a folder of that name; validation is the end of the training examples")
  func names() throws {
    try writePictures("digits")
    let named = try program.run("train", "mlp", "--dataset", "digits", "--epochs", "1", "--output", "named")
    #expect(
      named.output.contains("Training on 3667 pictures of Digits (") && named.output.contains("; validating on 333\n"))
    let rows = try program.text("named/split.csv").split(separator: "\n")
    #expect(
      rows.count == 5001 && rows[3667] == "train 3667,train" && rows[3668] == "train 3668,validation"
        && rows[5000] == "test 1000,test")
    let folder = try program.run("train", "mlp", "--dataset", "./digits", "--epochs", "1", "--output", "folder")
    #expect(folder.error.hasPrefix("./digits: 36 pictures of 3 classes"))
    let drawn = try program.run(
      "train", "mlp", "--dataset", "digits", "--validation-split", "0.1", "--epochs", "1", "--output", "drawn")
    #expect(
      drawn.output.contains("Training on 3600 pictures of Digits (") && drawn.output.contains("; validating on 400\n"))
    let size = try program.run("train", "mlp", "--dataset", "digits", "--size", "14")
    #expect(
      size.error
        == "Error: --size: it is for other data, and digits is the name of a data set, whose folder would be ./digits. Leave it out.\n"
    )
  }

  @Test("A trained model is the base of another one, frozen or not")
  func base() throws {
    try writePictures()
    try Sequential(input: [10, 12, 1], name: "old", seed: 3) {
      Conv2D(4, kernelSize: 3, activation: .relu)
      GlobalAveragePooling2D()
      Dense(5, activation: .relu)
      Dense(2, activation: .softmax)
    }.save(to: program.path("old.h5"))
    let words = ["train", "--base", "old.h5", "--dataset", "shades", "--epochs", "1", "--output"]
    #expect(try program.run(words + ["frozen", "--freeze"]).status == 0)
    #expect(try program.run(words + ["free"]).status == 0)
    let old = try Model(contentsOf: program.path("old.h5")).weights.map(\.tensor)
    func tensors(_ run: String) throws -> [Tensor] {
      let model = try Model(contentsOf: program.path("\(run)/last.h5"))
      #expect(model.classNames == ["bright", "dark", "striped"] && model.outputShape == [nil, 3])
      return model.weights.map(\.tensor)
    }
    #expect(try Array(tensors("frozen").prefix(4)) == Array(old.prefix(4)))
    #expect(try Array(tensors("free").prefix(4)) != Array(old.prefix(4)))
    // As a network it has the wrong number of classes.
    let network = try program.run("train", "old.h5", "--dataset", "shades")
    #expect(
      network.error.hasSuffix(
        "Error: old.h5: it tells 2 classes apart but shades has 3. Train a new network, or give the file as --base, which makes a new last layer.\n"
      ))
  }

  @Test("A training that goes on keeps its split; names of any kind come back from split.csv")
  func splitsStay() throws {
    try writePictures(count: 4)
    try write(PNG.plain(width: 12, height: 10, color: [99]), "shades/dark/line\nbreak, \"quoted\".png")
    for (name, shade) in [("e\u{301}", UInt8(97)), ("\u{e9}", 95)] {
      try write(PNG.plain(width: 12, height: 10, color: [shade]), "shades/dark/\(name).png")
    }
    let words = ["train", "mlp", "--dataset", "shades"]
    #expect(try program.run(words + ["--seed", "7", "--epochs", "1", "--output", "run"]).status == 0)
    let split = try program.text("run/split.csv")
    let resumed = try program.run(words + ["--resume", "run/last.h5", "--epochs", "2", "--output", "more"])
    #expect(resumed.status == 0, "\(resumed.error)")
    #expect(try program.text("more/split.csv") == split)
    // What a spreadsheet makes of it: a mark at the beginning, quotes and CRLF.
    let lines = split.replacingOccurrences(of: "dark/0.png", with: "\"dark/0.png\"")
    try write(Data([0xEF, 0xBB, 0xBF]) + Data(lines.utf8), "saved.csv")
    let again = try program.run(words + ["--split", "saved.csv", "--epochs", "1", "--output", "again"])
    #expect(again.status == 0, "\(again.error)")
    #expect(try program.text("again/split.csv") == split)
  }

  @Test("A best checkpoint is of this training; what a model file cannot have is refused")
  func best() throws {
    try writePictures(count: 4)
    let words = ["train", "--dataset", "shades", "--epochs", "1", "--output", "run"]
    #expect(try program.run(words + ["mlp"]).status == 0)
    let worse = try program.run(words + ["mlp", "--learning-rate", "1e30"])
    #expect(worse.status != 0 || !FileManager.default.fileExists(atPath: program.path("run/best.h5")))
    #expect(!worse.output.contains("evaluate run/best.h5"))
    let augmented = try program.run(words + ["run/last.h5", "--augment"])
    #expect(
      augmented.status == 2 && augmented.error.contains("--augment goes with a new network, not with a model file"))
    let huge = try program.run(words + ["mlp", "--batch-size", "9223372036854775807"])
    #expect(huge.status == 2 && huge.error.contains("--batch-size must be at least 1 and at most 2^30."))
  }

  @Test("Bad data have a clear report")
  func badData() throws {
    func error(_ words: String...) throws -> String {
      let outcome = try program.run(["train", "--dataset", "set", "--output", "run"] + words)
      #expect(outcome.status == 1 && outcome.output == "")
      return String(outcome.error.split(separator: "\n").last ?? "")
    }
    try writePictures("set", count: 1)
    #expect(
      try error()
        == "Error: split: 0.2 of 3 examples in 3 classes leaves none for validation. Give more examples of each class, or a larger share."
    )
    try write(Data("no picture".utf8), "set/bright/x.png")
    #expect(try error().hasPrefix("Error: set: 1 of 4 pictures cannot be read: set/bright/x.png: "))
    #expect(try error().hasSuffix("Mend or remove them, or leave them out with --skip-unreadable."))
    try FileManager.default.createDirectory(atPath: program.path("set/empty"), withIntermediateDirectories: false)
    #expect(try error().hasPrefix("Error: set/empty: the folder holds no PNG or JPEG pictures."))
    #expect(try error("--split", "none.csv").hasPrefix("Error: set/empty: "))

    try writePictures("good", count: 2)
    func split(_ text: String) throws -> String {
      try write(Data(text.utf8), "s.csv")
      let outcome = try program.run("train", "--dataset", "good", "--split", "s.csv")
      #expect(outcome.status == 1)
      return String(outcome.error.split(separator: "\n").last ?? "")
    }
    #expect(try split("x,y\n").hasPrefix("Error: s.csv:1: the columns are x, y, not example, split."))
    #expect(
      try split("example,split\nbright/0.png,maybe\n").contains(
        "s.csv:2: bright/0.png is for \"maybe\", but train, validation or test was expected"))
    #expect(
      try split("example,split\nbright/9.png,train\n").contains("s.csv:2: there is no picture bright/9.png in good"))
    #expect(
      try split("example,split\nbright/0.png,train\nbright/0.png,test\n").contains(
        "s.csv:3: bright/0.png is named twice"))
    #expect(
      try split("example,split\nbright/0.png,train\n")
        == "Error: s.csv: there are no pictures to validate on. Give more pictures, or another split.")
  }
}
