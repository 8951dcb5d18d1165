import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation
import Testing

/// `predict` and `evaluate` with models that are made here, so that nothing is trained and the answers are known.
@Suite("Prediction")
struct PredictionTests {
  private let program: Program

  init() throws {
    program = try Program()
    try Sequential(input: [28, 28, 1]) {
      Flatten()
      Dense(10, activation: .softmax)
    }.save(to: program.path("digits.h5"))
    // Its three probabilities grow with the means of red, green and blue.
    try Sequential(input: [4, 4, 3]) {
      GlobalAveragePooling2D()
      Activation(.softmax)
    }.save(to: program.path("colors.h5"))
    try FileManager.default.createDirectory(atPath: program.path("empty"), withIntermediateDirectories: false)
    try write(Data("no picture".utf8), "text.png")
    try write(PNG.plain(width: 40, height: 30, color: [255, 0, 0]), "red.png")
    try write(PNG.plain(width: 1500, height: 1000, color: [0, 0, 255]), "large.png")
    try write(PNG.plain(width: 1, height: 1, color: [90]), "gray.png")
  }

  private func write(_ data: Data, _ name: String) throws {
    try data.write(to: program.folder.appendingPathComponent(name))
  }

  @Test("Pictures of any size and colour are told apart, in the order in which they are given")
  func colors() throws {
    let outcome = try program.run("predict", "colors.h5", "large.png", "red.png", "gray.png", "--json")
    #expect(outcome.status == 0 && outcome.error == "")
    let pictures = try objects(outcome.output)
    try #require(pictures.map { $0["file"] as? String } == ["large.png", "red.png", "gray.png"])
    #expect(pictures.map { $0["label"] as? String } == ["2", "0", "0"])
    let blue = try numbers(pictures[0])
    #expect(blue.count == 3 && blue[2] > blue[0] && blue[0] == blue[1])
    let gray = try numbers(pictures[2])
    #expect(gray == [gray[0], gray[0], gray[0]] && abs(gray[0] - 1.0 / 3) < 1e-6)
  }

  @Test("Colour pictures go into a model of gray ones", arguments: [[], ["--no-normalize"]])
  func gray(_ options: [String]) throws {
    try write(PNG.plain(width: 1200, height: 900, color: [250, 250, 240], bar: [120, 0, 0]), "drawn.png")
    let outcome = try program.run(["predict", "digits.h5", "drawn.png", "--json"] + options)
    #expect(outcome.status == 0, "\(outcome.error)")
    let picture = try #require(try objects(outcome.output).first)
    let probabilities = try numbers(picture)
    #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-5)
    // An untrained network knows no digit, but it does see whether the picture is black on white or in MNIST's form.
    let other = options.isEmpty ? ["--no-normalize"] : []
    #expect(try program.run(["predict", "digits.h5", "drawn.png", "--json"] + other).output != outcome.output)
  }

  @Test("The table's columns are as wide as the names of the classes need")
  func table() throws {
    let outcome = try program.run(
      "predict", "colors.h5", "red.png", "large.png", "--labels", "red,green,a very deep blue")
    #expect(outcome.status == 0 && outcome.error == "")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3)
    let header = try #require(lines.first)
    for (title, words) in [("label", ["red ", "a very deep blue "]), ("file", ["red.png", "large.png"])] {
      let column = try #require(header.range(of: title)).lowerBound
      let offset = header.distance(from: header.startIndex, to: column)
      #expect(zip(lines.dropFirst(), words).allSatisfy { $0.dropFirst(offset).hasPrefix($1) }, "\(outcome.output)")
    }
  }

  @Test("One bad picture among many costs the exit code, not the other answers")
  func badPictures() throws {
    let outcome = try program.run("predict", "colors.h5", "red.png", "text.png", "large.png", "--json")
    #expect(outcome.status == 1)
    #expect(try objects(outcome.output).map { $0["file"] as? String } == ["red.png", "large.png"])
    #expect(outcome.error.hasPrefix("Error: text.png: it is neither a PNG nor a JPEG picture"))
    #expect(outcome.error.split(separator: "\n").count == 1)
  }

  @Test(
    "What fails ends with 1 and one paragraph, and prints nothing else",
    arguments: [
      ("predict digits.h5 text.png", "text.png: it is neither a PNG nor a JPEG picture (10 bytes)"),
      ("predict digits.h5 none.png", "none.png: there is no such file or folder"),
      ("predict digits.h5 red.png none.png", "none.png: there is no such file or folder"),
      ("predict digits.h5 empty", "empty: the folder holds no PNG or JPEG pictures"),
      (
        "predict colors.h5 red.png --labels red,green",
        "--labels: 2 names are given but colors.h5 tells 3 classes apart"
      ),
      ("predict digits.h5 --dataset digits --output none/p.npy", "none/p.npy: cannot be written"),
      ("predict colors.h5 --dataset digits --output p.npy", "inputs have shape (1000, 28, 28, 1) but the model needs"),
      ("evaluate colors.h5 --dataset digits", "inputs have shape (1000, 28, 28, 1) but the model needs"),
      ("evaluate digits.h5 --dataset digits --output text.png/figures", "text.png/figures: the folder cannot be made"),
      ("evaluate five.h5 --dataset digits", "5"),
      ("evaluate twelve.h5 --dataset digits --output figures", "(12,) but Digits has 10 classes"),
      ("predict flat.h5 red.png", "flat.h5: the model takes (5,) but pictures have height, width"),
      ("predict map.h5 red.png", "map.h5: each prediction has shape (3, 3, 2)"),
    ])
  func failures(_ words: String, _ problem: String) throws {
    for (name, count) in [("five", 5), ("twelve", 12)] where words.contains(name) {
      try Sequential(input: [28, 28, 1]) {
        Flatten()
        Dense(count, activation: .softmax)
      }.save(to: program.path("\(name).h5"))
    }
    try Sequential(input: [5]) { Dense(2) }.save(to: program.path("flat.h5"))
    try Sequential(input: [4, 4, 3]) { Conv2D(2, kernelSize: 2) }.save(to: program.path("map.h5"))
    let outcome = try program.run(words.split(separator: " ").map(String.init))
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.error.hasPrefix("Error: ") && outcome.error.contains(problem), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: program.path("figures")))
  }

  @Test("All probabilities go into a NumPy file, the same as the model's own; JSON says where")
  func probabilities() async throws {
    let outcome = try program.run("predict", "digits.h5", "--dataset", "digits", "--output", "p.npy", "--json")
    let object = try #require(try objects(outcome.output).first)
    #expect(object["file"] as? String == "p.npy" && object["shape"] as? [Int] == [1000, 10])
    let bytes = try Data(contentsOf: program.folder.appendingPathComponent("p.npy"))
    #expect(bytes.starts(with: [0x93] + Array("NUMPY".utf8) + [1, 0]))
    try #require(bytes.count > 128)
    let length = Int(bytes[8]) | Int(bytes[9]) << 8
    #expect((10 + length) % 64 == 0 && bytes[9 + length] == UInt8(ascii: "\n"))
    try #require(bytes.count == 10 + length + 4 * 1000 * 10)
    let values = stride(from: 10 + length, to: bytes.count, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) })
    }
    let digits = try await ImageDataset.digits.load().test
    #expect(try values == Model(contentsOf: program.path("digits.h5")).predict(digits, batchSize: 200).floats)
  }

  @Test("Numbers that JSON cannot say are null within lists, too")
  func notANumber() throws {
    let model = try Sequential(input: [4, 4, 3]) {
      GlobalAveragePooling2D()
      Dense(2, name: "dense")
    }
    try model.setWeights([
      "dense/kernel": Tensor(zeros: [3, 2]), "dense/bias": Tensor(shape: [2], [1, .nan]),
    ])
    try model.save(to: program.path("nan.h5"))
    let outcome = try program.run("predict", "nan.h5", "red.png", "--json")
    #expect(outcome.status == 0)
    #expect(
      outcome.error
        == "Note: nan.h5 ends without softmax, so its numbers are scores; --from-logits makes probabilities of them.\n"
        + "Warning: nan.h5 gives no number (NaN) for 1 of 1 pictures. Its weights have probably diverged in training, or a value is far "
        + "too large: athanor inspect nan.h5 shows the weights.\n")
    let scores = try #require(try objects(outcome.output).first?["scores"] as? [String: Any])
    #expect(scores.count == 2 && scores["0"] as? Double == 1 && scores["1"] is NSNull)
  }

  @Test("A model that has diverged is neither drawn nor exported")
  func diverged() throws {
    let model = try Sequential(input: [28, 28, 1]) {
      Flatten()
      Dense(10, activation: .softmax, name: "dense")
    }
    try model.setWeights(["dense/bias": Tensor(shape: [10], [Float](repeating: .nan, count: 10))])
    try model.save(to: program.path("nan.h5"))
    let drawn = try program.run("evaluate", "nan.h5", "--dataset", "digits", "--output", "figures")
    #expect(drawn.status == 1 && drawn.output == "")
    #expect(
      drawn.error.hasSuffix(
        "Error: nan.h5: 10000 of 10000 numbers that it gives are NaN, of which nothing can be drawn. Its weights have probably diverged in training, or a "
          + "value is far too large: athanor inspect nan.h5 shows the weights.\n"))
    let exported = try program.run("export", "nan.h5", "nan.onnx")
    #expect(exported.status == 1)
    #expect(
      exported.error.contains(
        "Error: nan.onnx: the model gives NaN for all of 32 examples, so nothing can be compared. "))
    #expect(!FileManager.default.fileExists(atPath: program.path("nan.onnx")))
  }

  @Test("One number is no probability of several classes, whatever the last layer says")
  func oneNumber() throws {
    for (name, activation) in [("one", ActivationFunction.softmax), ("logit", .linear)] {
      try Sequential(input: [4, 4, 3]) {
        GlobalAveragePooling2D()
        Dense(1, activation: activation)
      }.save(to: program.path("\(name).h5"))
    }
    let certain = try program.run("predict", "one.h5", "red.png")
    #expect(certain.status == 0)
    #expect(
      certain.error
        == "Note: one.h5 ends with a softmax of one number, which is 1 whatever the picture; a single sigmoid tells two classes apart.\n"
    )
    let labels = try program.run("predict", "logit.h5", "red.png", "--labels", "cat,dog")
    #expect(
      labels.error
        == "Error: --labels: logit.h5 gives one number that is no probability, so there are no classes to name. "
        + "Say --from-logits where it is the logit of the second of two classes, or leave the labels out.\n")
    let logit = try program.run("predict", "logit.h5", "red.png", "--labels", "cat,dog", "--from-logits", "--json")
    #expect(logit.status == 0)
    let numbers = try #require(try objects(logit.output).first?["probabilities"] as? [String: Double])
    #expect(numbers.keys.sorted() == ["cat", "dog"] && abs(numbers.values.reduce(0, +) - 1) < 1e-6)
  }

  @Test("With no network, the digits that come with the program stand in for MNIST, and it is said plainly")
  func offline() throws {
    let outcome = try program.run("evaluate", "digits.h5", "--json")
    #expect(outcome.status == 0)
    let object = try #require(try objects(outcome.output).first)
    #expect(object.keys.sorted() == ["accuracy", "count", "loss"] && object["count"] as? Int == 1000)
    #expect(
      outcome.error.hasPrefix("MNIST is not here and cannot be downloaded, so the bundled sample of 5,000 digits"))
    #expect(outcome.error.contains("expect 94 to 96 % after ten epochs instead of 99 %"))
    // Nothing stands in for the other set.
    let fashion = try program.run("evaluate", "digits.h5", "--dataset", "fashion-mnist")
    // Some machines have it from a package.
    let isHere = try objects(program.run("datasets", "--json").output)[1]["present"] as? Bool == true
    #expect(
      isHere || fashion.status == 1 && fashion.output == "" && fashion.error.hasPrefix("Error: Fashion-MNIST: "))
  }
}

/// Class names, outputs of every kind and layouts, as the command shows them.
@Suite("Classes")
struct ClassesTests {
  private let program: Program

  init() throws {
    program = try Program()
    try PNG.plain(width: 8, height: 8, color: [255, 0, 0]).write(to: program.folder.appendingPathComponent("red.png"))
  }

  private func save(_ activation: ActivationFunction, _ units: Int, _ bias: [Float]) throws {
    let model = try Sequential(input: [3, 8, 8]) {
      Flatten()
      Dense(units, activation: activation, name: "dense")
    }
    try model.setWeights([
      "dense/kernel": Tensor(zeros: [192, units]), "dense/bias": Tensor(shape: [units], bias),
    ])
    try model.save(to: program.path("m.safetensors"))
  }

  @Test("A single sigmoid names one of two, with channels first")
  func binary() throws {
    try save(.sigmoid, 1, [-2])
    let outcome = try program.run("predict", "m.safetensors", "red.png", "--labels", "cat,dog", "--json")
    #expect(outcome.status == 0 && outcome.error == "")
    let object = try #require(try objects(outcome.output).first)
    #expect(object["label"] as? String == "cat")
    let probabilities = try numbers(object, names: ["cat", "dog"])
    #expect(abs(probabilities[1] - 0.1192) < 1e-4 && abs(probabilities[0] - 0.8808) < 1e-4)
    let text = try program.run("predict", "m.safetensors", "red.png", "--labels", "cat,dog").output
    #expect(text.contains("cat     88.1 %        dog 11.9 %"), "\(text)")
  }

  @Test("Logarithms are shown as probabilities, logits as scores unless it is asked otherwise")
  func kinds() throws {
    try save(.logSoftmax, 2, [0, 2])
    let logarithms = try objects(program.run("predict", "m.safetensors", "red.png", "--json").output)
    #expect(try abs(numbers(logarithms.first)[1] - 0.8808) < 1e-4)
    try save(.linear, 2, [0, 2])
    let scores = try program.run("predict", "m.safetensors", "red.png", "--json")
    #expect(try numbers(objects(scores.output).first, "scores") == [0, 2])
    #expect(scores.error.contains("--from-logits makes probabilities of them"))
    let asked = try objects(program.run("predict", "m.safetensors", "red.png", "--json", "--from-logits").output)
    #expect(try abs(numbers(asked.first)[1] - 0.8808) < 1e-4)
  }

  @Test("Pictures go into models of 28 x 28 numbers, and a sigmoid does not tell ten classes apart")
  func quickstart() throws {
    try Sequential(input: [28, 28]) {
      Flatten()
      Dense(10)
    }.save(to: program.path("q.h5"))
    let outcome = try program.run("evaluate", "q.h5", "--dataset", "digits", "--json")
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error == "Note: q.h5 ends without softmax, so its numbers are taken for logits.\n")
    try Sequential(input: [28, 28]) {
      Flatten()
      Dense(10, activation: .softmax)
    }.save(to: program.path("t.h5"))
    let trained = try program.run("train", "t.h5", "--dataset", "digits", "--epochs", "1", "--output", "run")
    #expect(trained.status == 0, "\(trained.error)")
    try Sequential(input: [1, 28, 28]) {
      Flatten()
      Dense(1, activation: .sigmoid)
    }.save(to: program.path("s.h5"))
    let refused = try program.run("evaluate", "s.h5", "--dataset", "digits")
    #expect(refused.status == 1)
    #expect(
      refused.error
        == "Error: s.h5: its single sigmoid tells 2 classes apart but Digits has 10. Give a model with 10 outputs.\n")
  }
}
