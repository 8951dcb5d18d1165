import Athanor
import Foundation
import Testing

/// Names of classes: in files of labels, in models, and what a split of data leaves of classes.
struct ClassNamesTests {
  private func read(_ bytes: [UInt8]) throws -> [String] {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).txt").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      return try ClassNames.read(path)
    } catch let error as AthanorError {
      throw AthanorError(error.kind, at: "FILE", error.problem, fix: error.remedy)
    }
  }

  private func text(_ bytes: [UInt8]) -> String {
    do { return try read(bytes).joined(separator: "|") } catch { return "\(error)" }
  }

  @Test func filesOfLabels() throws {
    #expect(try read([0xEF, 0xBB, 0xBF] + Array(" cat \r\ndog\t\n\n".utf8)) == ["cat", "dog"])
    #expect(try read(Array("Zürich\nÅ".utf8)) == ["Zürich", "Å"])
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    for second in [[0xFC, 0x62], Array("d\0o".utf8), mark + Array("dog".utf8)] {
      #expect(
        text(mark + Array("cat\n".utf8) + second)
          == "FILE: line 2 is not UTF-8 text, or has a NUL or a byte-order mark in it. Save the file in the encoding UTF-8."
      )
    }
    #expect(text(mark + mark + Array("cat".utf8)).hasPrefix("FILE: line 1 is not UTF-8 text"))
    #expect(text(Array("cat\n\ndog".utf8)) == "FILE: line 2 is empty. Give one name for each class.")
    #expect(
      text(Array("cat\ndog\ncat".utf8))
        == "FILE: line 1 and line 3 are both \"cat\". Give each class a name of its own.")
  }

  @Test func onlyCanonicalNumbersAreNumbers() {
    #expect(ClassNames.integers(["0", "10", "-2"]) == [0, 10, -2])
    for other in ["01", "+1", " 1", "1.0", "a"] { #expect(ClassNames.integers(["1", other]) == nil) }
  }

  private func data(_ classes: [Int32], _ names: [String]? = nil) throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [classes.count, 1], [Float](repeating: 1, count: classes.count)),
      targets: Tensor(shape: [classes.count], integers: classes), classNames: names)
  }

  @Test func aSingleSigmoidTellsTwoClassesApart() throws {
    let model = try Sequential(input: [1]) { Dense(1, activation: .sigmoid) }
    try model.compile(loss: .binaryCrossentropy)
    do {
      try model.fit(data([0, 2], ["a", "b", "c"]), verbose: .silent)
      Issue.record("no error")
    } catch {
      #expect(
        "\(error)"
          == "fit: the data set names 3 classes, but the model tells 2 apart. Give the last layer one unit for each class."
      )
    }
    try model.fit(data([0, 1], ["no", "yes"]), verbose: .silent)
    #expect(model.classNames == ["no", "yes"])
  }

  @Test func fitTakesNamesOver() throws {
    let model = try Sequential(input: [1]) { Dense(2, activation: .softmax) }
    try model.compile(loss: .categoricalCrossentropy)
    try model.fit(data([0, 1], ["cat", "dog"]), verbose: .silent)
    #expect(model.classNames == ["cat", "dog"])
    func error(_ names: [String], _ classes: [Int32] = [0, 1]) -> String {
      do {
        try model.fit(data(classes, names), verbose: .silent)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(error(["a", "b", "c"]) == "nothing")
    #expect(
      model.warnings == [
        "fit: the data set names 3 classes and has examples of the first 2 alone, as many as the model tells apart; "
          + "their names are not taken over."
      ])
    #expect(model.classNames == ["cat", "dog"])
    #expect(
      error(["a", "b", "c"], [0, 2])
        == "fit: example 1 is of class 2 but the model's 2 outputs are classes 0 to 1. Give the last layer as many units as "
        + "there are classes, and number classes from 0.")
    #expect(
      error(["a"])
        == "fit: the data set names 1 classes, but the model tells 2 apart. Give the last layer one unit for each class."
    )
    #expect(
      error(["dog", "cat"])
        == "the data set: its classes are dog, cat, but the model has them in the order cat, dog. "
        + "Give them in the model's order, or leave them out.")
  }

  @Test func sortedDataAreToldOf() throws {
    let model = try Sequential(input: [1]) { Dense(2, activation: .softmax) }
    try model.compile(loss: .categoricalCrossentropy)
    var lines: [String] = []
    model.write = { lines.append($0) }
    try model.fit(data([0, 0, 0, 1], ["cat", "dog"]), validationSplit: 0.25, verbose: .line)
    #expect(
      lines.joined().contains(
        "Warning: validationSplit takes the last examples, and the data set is sorted by class; no example to learn from has "
          + "the class dog. Shuffle the data set first, or draw a part of each class with split(_:)."))
    lines = []
    try model.fit(data([0, 1, 0, 1]), validationSplit: 0.25, verbose: .line)
    #expect(!lines.joined().contains("Warning"))
  }

  @Test func whatOutputsAre() throws {
    func kind(_ activation: ActivationFunction, _ units: Int = 3) throws -> (OutputKind, Int?) {
      let model = try Sequential(input: [2]) { Dense(units, activation: activation) }
      return (model.outputKind, model.classCount)
    }
    #expect(try kind(.softmax) == (.softmax, 3))
    #expect(try kind(.logSoftmax) == (.logSoftmax, 3))
    #expect(try kind(.sigmoid) == (.sigmoid, 3))
    #expect(try kind(.sigmoid, 1) == (.sigmoid, 2))
    #expect(try kind(.linear) == (.other, 3))
    #expect(try kind(.linear, 1) == (.other, nil))
    let logits = try Sequential(input: [2]) { Dense(1) }
    let pair = logits.probabilities(of: try Tensor(shape: [1, 1], [0]), fromLogits: true)
    #expect(pair.floats == [0.5, 0.5])
  }

  @Test func errorsAndTensorsAsText() throws {
    let error: any Error = AthanorError(.data, at: "x", "it is empty", fix: "Fill it.")
    #expect(error.localizedDescription == "x: it is empty. Fill it.")
    #expect("\(try Tensor(shape: [2, 2], [1, 2, 3, 4]))" == "float32 (2, 2) [[1.0, 2.0], [3.0, 4.0]]")
    #expect(
      "\(try Tensor(shape: [20], integers: Array(0..<20)))" == "int32 (20,) [0, 1, 2, ..., 17, 18, 19]")
    #expect("\(try Tensor(shape: [], bytes: [7]))" == "uint8 () 7")
  }
}
