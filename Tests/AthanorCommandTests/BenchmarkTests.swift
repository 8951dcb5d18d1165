import Athanor
import AthanorKeras
import Foundation
import Testing

/// `benchmark`: what it measures, not how fast it is.
@Suite("Benchmark", .serialized)
struct BenchmarkTests {
  private let program: Program

  init() throws { program = try Program() }

  private func number(_ object: [String: Any], _ key: String) throws -> Double {
    try #require(object[key] as? Double, "\(key)")
  }

  @Test("One object says how long a call takes", arguments: [[], ["--train"]])
  func json(_ mode: [String]) throws {
    let outcome = try program.run(["benchmark", "Malireddi", "--batch", "3", "--threads", "1", "--json"] + mode)
    #expect(outcome.status == 0 && outcome.error == "")
    let lines = try objects(outcome.output)
    let object = try #require(lines.first)
    #expect(lines.count == 1)
    #expect(
      object.keys.sorted() == [
        "batch", "examples_per_second", "instruction_set", "milliseconds", "milliseconds_p95", "mode", "model",
        "peak_megabytes", "runs", "threads",
      ])
    #expect(
      object["model"] as? String == "Malireddi" && object["mode"] as? String == (mode.isEmpty ? "predict" : "train"))
    #expect(object["batch"] as? Int == 3 && object["threads"] as? Int == 1)
    #expect(InstructionSet(rawValue: object["instruction_set"] as? String ?? "") != nil)
    let (median, slow) = (try number(object, "milliseconds"), try number(object, "milliseconds_p95"))
    #expect(median > 0 && slow >= median)
    #expect(abs(try number(object, "examples_per_second") - 3000 / median) < 1e-6 * 3000 / median)
    #expect(try number(object, "runs") >= 20)
    #expect((10..<1000).contains(try number(object, "peak_megabytes")))
  }

  @Test(
    "Targets fit each loss",
    arguments: [Loss.categoricalCrossentropy, .sparseCategoricalCrossentropy, .binaryCrossentropy, .huber])
  func losses(_ loss: Loss) throws {
    let model = try Sequential(input: [5]) {
      Dense(4, activation: loss.name == "binary_crossentropy" ? .sigmoid : .softmax)
    }
    try model.compile(loss: loss)
    try model.save(to: program.path("m.h5"))
    let outcome = try program.run("benchmark", "m.h5", "--train", "--batch", "2", "--threads", "1")
    #expect(outcome.status == 0 && outcome.error == "")
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 3 && lines.first?.hasPrefix("m.h5: train, batch 2, 1 thread, ") == true, "\(outcome.output)")
  }

  @Test("A file that says nothing of training cannot be timed in it")
  func uncompiled() throws {
    try Sequential(input: [5]) { Dense(2) }.save(to: program.path("m.h5"))
    let outcome = try program.run("benchmark", "m.h5", "--train")
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(
      outcome.error
        == "Error: m.h5: it has no loss and no optimizer, so no training step can be timed. "
        + "Compile the model and save it again, or name a network.\n")
  }
}
