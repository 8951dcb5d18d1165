import Athanor
import AthanorKeras
import Foundation
import Testing

@Suite("Files that the Keras of TensorFlow 2 wrote, and older forms of them")
struct OldKerasTests {
  private func path(_ name: String) -> String {
    goldenFolder.appendingPathComponent("old").appendingPathComponent(name).path
  }

  private func golden(_ name: String) throws -> KerasGolden {
    let data = try Data(contentsOf: URL(fileURLWithPath: path("old.json")))
    return try #require(try JSONDecoder().decode([String: KerasGolden].self, from: data)[name])
  }

  private func farthest(_ actual: Tensor, _ expected: KerasGolden.Array) -> Double {
    guard actual.shape == expected.shape else { return .infinity }
    return zip(actual.floats, expected.values).map { abs(Double($0) - $1) }.max() ?? .infinity
  }

  private func errorText(_ body: () throws -> some Any) -> String {
    do {
      _ = try body()
      return ""
    } catch {
      return "\(error)".replacingOccurrences(of: goldenFolder.path + "/", with: "")
    }
  }

  @Test(
    "Predictions and further training are those of tf_keras",
    arguments: [
      "adam", "sgd", "rmsprop", "untrained", "legacy-adam", "legacy-sgd", "legacy-rmsprop", "legacy-untrained",
      "tutorial", "plain", "legacy-plain", "ftrl", "legacy-ftrl", "legacy-nadam",
    ])
  func training(_ name: String) throws {
    let golden = try golden(name == "tutorial" ? "legacy-adam" : name)
    let model = try Model(contentsOf: path("\(name).h5"), threads: 1)
    #expect(model.warnings.isEmpty)
    #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6)
    #expect(model.step == (name.hasSuffix("untrained") ? 0 : 3))
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).integers)
    for loss in try #require(golden.furtherLosses) {
      #expect(abs((try model.trainOnBatch(batch)["loss"] ?? .nan) - loss) < 1e-5)
    }
    #expect(farthest(try model.predict(batch), try #require(golden.furtherPredictions)) < 1e-4)
  }

  @Test("Half precision, an input's shape beside the layers, compressed arrays, arrays alone in Keras 1's names")
  func forms() throws {
    for (file, name) in [("pictures", "pictures"), ("no-input", "untrained"), ("gzip", "untrained")] {
      let golden = try golden(name)
      let model = try Model(contentsOf: path("\(file).h5"), threads: 1)
      #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6, "\(file)")
      #expect(model.training?.optimizer.serializableRule is Adam)
      #expect(model.step == (file == "pictures" ? 2 : 0))
      // What is computed in another precision is said.
      #expect(model.warnings.contains { $0.contains("\"mixed_float16\"") } == (file == "pictures"))
    }
    let golden = try golden("weights")
    let model = try Model(contentsOf: path("untrained.h5"), threads: 1)
    try model.loadWeights(from: path("weights.h5"))
    #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6)
  }

  @Test("Names with slashes are others here, also where losses are kept by name")
  func slashes() throws {
    let golden = try golden("slashes")
    let model = try Model(contentsOf: path("slashes.h5"), threads: 1)
    #expect(model.name == "a_model")
    #expect(model.outputs.map(\.name) == ["out_first", "out_second"])
    #expect(model.training?.goals.compactMap(\.loss?.name) == ["mean_squared_error", "mean_absolute_error"])
    #expect(model.step == 1)
    let predictions = try model.predict(["in_put": golden.inputs.tensor])
    #expect(farthest(try #require(predictions["out_second"]), golden.predictions) < 1e-6)
    #expect(
      model.warnings.map { $0.replacingOccurrences(of: goldenFolder.path + "/", with: "") }.prefix(2) == [
        "old/slashes.h5, model_config.config: the layer \"a/model\" is called \"a_model\" here.",
        "old/slashes.h5, model_config.config: the layer \"block/add\" is called \"block_add\" here.",
      ])
    #expect(model.warnings.count == 7)
  }

  @Test("The hard sigmoid is that of the file's version")
  func hardSigmoid() throws {
    let golden = try golden("hard-sigmoid")
    let model = try Model(contentsOf: path("hard-sigmoid.h5"), threads: 1)
    #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6)
    // Keras' files of today have no name for it, Athanor's have.
    #expect(
      model.warnings.map { $0.replacingOccurrences(of: goldenFolder.path + "/", with: "") } == [
        "old/hard-sigmoid.h5, model_config.config: its hard_sigmoid is that of Keras 2, for which the files of Keras 3 have no name: "
          + "save the model as .safetensors."
      ])
    let folder = try TemporaryFolder()
    // A training that could not be saved does not begin.
    try model.compile(loss: .meanSquaredError)
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: model.predict(golden.inputs.tensor))
    #expect(
      folder.errorText {
        try model.fit(batch, epochs: 1, callbacks: [ModelCheckpoint(folder.path("a.h5"))], verbose: .silent)
      }.contains("Keras 3 has no activation \"legacy_hard_sigmoid\""))
    #expect(model.step == 0)
    #expect(
      folder.errorText { try model.save(to: folder.path("a.keras")) }
        == "dense (Dense): Keras 3 has no activation \"legacy_hard_sigmoid\". "
        + "Save it as .safetensors, or its weights alone as .weights.h5.")
    try model.save(to: folder.path("a.safetensors"))
    let again = try Model(contentsOf: folder.path("a.safetensors"), threads: 1)
    #expect(try again.predict(golden.inputs.tensor) == model.predict(golden.inputs.tensor))
  }

  @Test("What cannot be read says what would help")
  func refused() throws {
    #expect(
      errorText { try Model(contentsOf: path("no-shape.h5")) }
        == "old/no-shape.h5, model_config.config: the shape of its input is not given. "
        + "Define the model in code, where its input has a shape, and call loadWeights(from:).")
    #expect(
      errorText { try Model(contentsOf: path("lzf.h5")) }
        == "old/lzf.h5, /model_weights/batch_normalization/batch_normalization/beta:0: its numbers are compressed by LZF, which is not "
        + "supported. Save the file without compression, or with gzip.")
    #expect(
      errorText { try Model(contentsOf: path("weights.h5")) }
        == "old/weights.h5: it holds no model, only arrays. Define the model in code and call loadWeights(from:).")
    // The network in code takes the arrays of a file without a shape.
    let model = try Model(contentsOf: path("adam.h5"), threads: 1)
    try model.loadWeights(from: path("no-shape.h5"))
    let golden = try golden("untrained")
    #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6)
  }

  @Test("A file whose optimizer keeps other arrays is read, and its optimizer begins anew")
  func otherArrays() throws {
    let folder = try TemporaryFolder()
    var root = try HDF5Group.read(path("adam.h5"))
    let names = try #require(root.groups["optimizer_weights"]?.texts("weight_names"))
    root.groups["optimizer_weights"]?.setTexts("weight_names", names.dropLast())
    try root.write(folder.path("a.h5"))
    let model = try Model(contentsOf: folder.path("a.h5"), threads: 1)
    #expect(model.training != nil)
    #expect(model.step == 0)
    let place = "a.h5, optimizer: it has 11 arrays but the optimizer that the model is compiled with needs 12"
    let fix = "Compile with the optimizer of the interrupted training."
    #expect(
      model.warnings.map { $0.replacingOccurrences(of: folder.url.path + "/", with: "") }
        == ["\(place), so the optimizer begins anew. \(fix)"])
    let golden = try golden("adam")
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).integers)
    #expect(folder.errorText { try model.fit(batch, verbose: .silent, resume: true) } == "\(place). \(fix)")
  }

  @Test("Files of older optimizers in the newer container have no arrays of them, which is said")
  func noArrays() throws {
    let golden = try golden("legacy-adam")
    let model = try Model(contentsOf: path("legacy-adam.keras"), threads: 1)
    #expect(farthest(try model.predict(golden.inputs.tensor), golden.predictions) < 1e-6)
    #expect(model.step == 0)
    #expect(
      model.warnings.map { $0.replacingOccurrences(of: goldenFolder.path + "/", with: "") } == [
        "old/legacy-adam.keras, model.weights.h5: it has no arrays of the optimizer, as files of the optimizers before "
          + "TensorFlow 2.11, so the optimizer begins anew. Save the model as .h5 to keep them."
      ])
  }

  @Test("Keras keeps the optimizer's arrays of a layer that is frozen after training began")
  func frozenLater() throws {
    let folder = try TemporaryFolder()
    let model = try Sequential(input: [4], seed: 3) {
      Dense(3, activation: .tanh, name: "one")
      Dense(3, activation: .tanh, name: "two")
      Dense(3, activation: .softmax, name: "three")
    }
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .categoricalCrossentropy)
    let golden = try golden("adam")
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).integers)
    for _ in 0..<3 { try model.trainOnBatch(batch) }
    try model.save(to: folder.path("a.h5"))
    // The file as Keras saves it then: the layer is not trained, and all arrays are there.
    var root = try HDF5Group.read(folder.path("a.h5"))
    guard case .text(var config) = root.attributes["model_config"] else { throw CocoaError(.fileReadCorruptFile) }
    let name = try #require(config.range(of: #""name":"two""#))
    let flag = try #require(config.range(of: #""trainable":true"#, range: name.upperBound..<config.endIndex))
    config.replaceSubrange(flag, with: #""trainable":false"#)
    root.attributes["model_config"] = .text(config)
    try root.write(folder.path("b.h5"))
    let again = try Model(contentsOf: folder.path("b.h5"), threads: 1)
    #expect(again.warnings == [] && again.step == 3)
    try model.freeze("two")
    for _ in 0..<3 { #expect(try again.trainOnBatch(batch)["loss"] == model.trainOnBatch(batch)["loss"]) }
    #expect(try again.predict(batch) == model.predict(batch))
  }

  @Test("The momentum of the older Nadam stays in Athanor's files and has no form in those of today's Keras")
  func nadam() throws {
    let folder = try TemporaryFolder()
    let model = try Model(contentsOf: path("legacy-nadam.h5"), threads: 1)
    let golden = try golden("legacy-nadam")
    let batch = try Dataset(inputs: golden.inputs.tensor, targets: #require(golden.targets).integers)
    try model.save(to: folder.path("a.safetensors"))
    let again = try Model(contentsOf: folder.path("a.safetensors"), threads: 1)
    for loss in try #require(golden.furtherLosses) {
      #expect(abs((try again.trainOnBatch(batch)["loss"] ?? .nan) - loss) < 1e-5)
    }
    try model.save(to: folder.path("a.h5"))
    let other = try Model(contentsOf: folder.path("a.h5"), threads: 1)
    #expect(other.training == nil)
    #expect(
      other.warnings.map { $0.replacingOccurrences(of: folder.url.path + "/", with: "") } == [
        "a.h5, training_config: it was compiled with a loss, a metric or an optimizer that has no name in Keras' files, so the model is not compiled. "
          + "Compile it with its optimizer, losses and metrics; fit(resume: true) then goes on where the file stands."
      ])
  }

  /// A layer of the program's own that stands for code.
  struct Twice: Layer, SerializableLayer {
    static let className = "Lambda"
    let name: String?
    init(unconfigured name: String) { self.name = name }
    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * 2 }
    mutating func configure(_ settings: inout Settings) throws {
      for key in ["function", "arguments", "output_shape", "mask"] { settings.neutral(key, isWritten: false) }
    }
  }

  @Test("Code is not run, but a layer of the program can stand for it")
  func code() throws {
    let folder = try TemporaryFolder()
    let json = #"""
      {"class_name":"Sequential","config":{"name":"s","layers":[{"class_name":"InputLayer","config":{"batch_shape":[null,2],"name":"x"}},
      {"class_name":"Lambda","config":{"name":"code","function":{"class_name":"__lambda__","config":{"code":"4wE="}},"arguments":{}}}]}}
      """#
    try Data(json.utf8).write(to: folder.url.appendingPathComponent("a.json"))
    #expect(
      folder.errorText { try Model(contentsOf: folder.path("a.json")) }
        == "a.json.config.layers[1]: \"Lambda\" holds Python code, which is not run. Replace it by a layer before saving the model, or write "
        + "a SerializableLayer whose className is \"Lambda\" and give it as custom:.")
    let model = try Model(contentsOf: folder.path("a.json"), threads: 1, custom: [Twice.self])
    #expect(try model.predict(Tensor(shape: [1, 2], [3, 4])).floats == [6, 8])
  }
}
