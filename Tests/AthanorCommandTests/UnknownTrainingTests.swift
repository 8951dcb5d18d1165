import Athanor
import AthanorKeras
import Foundation
import Testing

/// Commands on Keras' files that say something of training which is not known, or damaged.
@Suite("Training that is not known")
struct UnknownTrainingTests {
  /// A file, and what every command says of it.
  struct Case: CustomTestStringConvertible {
    let name: String
    /// Texts of the configuration, and what takes their place.
    let old: String
    let new: String
    let warning: String
    var attribute = "training_config"
    /// Why the interrupted training cannot go on; nil where it can.
    var refusal: String? =
      "it holds no training that this program knows, so there is nothing to go on with. Start from it without --resume."
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "optimizer", old: #""class_name":"Adam""#, new: #""class_name":"Muon""#,
      warning:
        "training_config.optimizer_config.class_name: SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl or "
        + "Lion was expected but Muon was found, so the model is not compiled."),
    Case(
      name: "schedule", old: #""learning_rate":0.001"#, new: #""learning_rate":{"class_name":"Mine","config":{}}"#,
      warning:
        "training_config.optimizer_config.config.learning_rate.class_name: a known schedule was expected but Mine was found, "
        + "so the model is not compiled."),
    Case(
      name: "loss", old: #""loss":"categorical_crossentropy""#, new: #""loss":"my_loss""#,
      warning: "training_config.loss: there is no loss named \"my_loss\", so the model is not compiled."),
    Case(
      name: "metric", old: #""metrics":["#, new: #""metrics":[{"class_name":"MeanIoU","config":{"num_classes":10}},"#,
      warning: "training_config.metrics[0]: there is no metric named \"MeanIoU\", so the model is not compiled."),
    Case(
      name: "thresholds", old: #""metrics":["#,
      new: #""metrics":[{"class_name":"Precision","config":{"thresholds":[0.3,0.5]}},"#,
      warning:
        "training_config.metrics[0].thresholds: Precision has 2 thresholds but only one is supported, so the model is not "
        + "compiled."),
    Case(
      name: "setting", old: #""epsilon":1e-07"#, new: #""epsilon":1e-07,"exclude_from_weight_decay":["bias"]"#,
      warning:
        "training_config.optimizer_config.config.exclude_from_weight_decay: \"exclude_from_weight_decay\" is not known and was "
        + "not taken over: [\"bias\"]; predictions do not change.", refusal: nil),
    Case(
      name: "state", old: #""step":0"#, new: #""step":-1"#,
      warning:
        "athanor_state: the state of training has impossible numbers, so the optimizer begins anew. Go on from another "
        + "checkpoint, or train anew.", attribute: "athanor_state",
      refusal:
        "athanor_state: the state of training has impossible numbers. Go on from another checkpoint, or train anew."),
  ]

  private func file(_ change: Case, _ program: Program) throws {
    let model = try Sequential(input: [28, 28, 1], threads: 1) {
      Flatten()
      Dense(10, activation: .softmax)
    }
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    try model.save(to: program.path("good.h5"))
    var root = try HDF5Group.read(program.path("good.h5"))
    guard case .text(let text) = root.attributes[change.attribute] else { throw CocoaError(.featureUnsupported) }
    #expect(text.contains(change.old), "\(text)")
    root.attributes[change.attribute] = .text(text.replacingOccurrences(of: change.old, with: change.new))
    try root.write(program.path("a.h5"))
  }

  @Test("Every command reads the model, and says in words of its own what it could not take over", arguments: cases)
  func commands(_ change: Case) throws {
    let program = try Program()
    try file(change, program)
    let picture = Program.root.appendingPathComponent("Examples/digits/7.png").path
    for words in [
      ["summary", "a.h5"], ["predict", "a.h5", picture], ["evaluate", "a.h5", "--dataset", "digits"],
      ["inspect", "a.h5", "--graph", "a.svg"], ["convert", "a.h5", "a.keras"], ["export", "a.h5", "a.onnx"],
      ["train", "a.h5", "--dataset", "digits", "--epochs", "1", "--output", "run"],
    ] {
      let outcome = try program.run(words)
      #expect(outcome.status == 0, "\(words[0]): \(outcome.error)")
      #expect(outcome.error.hasPrefix("Warning: a.h5, \(change.warning)\n"), "\(words[0]): \(outcome.error)")
    }
    let resumed = try program.run(
      "train", "a.h5", "--resume", "a.h5", "--dataset", "digits", "--epochs", "1", "--output", "run")
    guard let refusal = change.refusal else {
      #expect(resumed.status == 0, "\(resumed.error)")
      return
    }
    #expect(resumed.status == 1)
    #expect(resumed.error.contains("Error: a.h5") && resumed.error.hasSuffix("\(refusal)\n"), "\(resumed.error)")
  }

  @Test("Files without a model say which file would help")
  func weightsOnly() throws {
    let program = try Program()
    try file(UnknownTrainingTests.cases[0], program)
    #expect(try program.run("convert", "good.h5", "a.weights.h5").status == 0)
    #expect(try program.run("inspect", "a.weights.h5").status == 0)
    #expect(
      try program.run("summary", "a.weights.h5").error
        == "Error: a.weights.h5: it holds no model, only arrays. Give the file that holds the whole model.\n")
    #expect(try program.run("convert", "good.h5", "a.json").status == 0)
    let outcome = try program.run("summary", "a.json")
    #expect(outcome.error == "Warning: a.json: it holds the architecture alone, so the weights are new.\n")
  }
}
