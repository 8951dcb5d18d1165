import Athanor
import Foundation
import Testing

@Suite("Models in .safetensors files")
struct NativeFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: folder.path(name))) }

  private func load(_ name: String, compiled: Bool = true) throws -> Model {
    try Model(contentsOf: folder.path(name), threads: 2, compiled: compiled, custom: NativeModels.custom)
  }

  private func predictions(_ model: Model) throws -> [String: [UInt32]] {
    var inputs: [String: Tensor] = [:]
    for (name, tensor) in try NativeModels.data(model, 3, seed: 9).inputsByName { inputs[name] = tensor }
    return try model.predict(inputs).mapValues { $0.floats.map(\.bitPattern) }
  }

  @Test("Everything comes back: saved again it is the same file", arguments: NativeModels.all.keys.sorted())
  func roundTrip(_ name: String) throws {
    let make = try #require(NativeModels.all[name])
    let model = try make()
    let data = try NativeModels.data(model, 11)
    try model.fit(data, epochs: 2, batchSize: 4, verbose: .silent)
    try model.save(to: folder.path("a.safetensors"))
    let copy = try load("a.safetensors")
    #expect(copy.warnings == [])
    #expect(copy.name == model.name && copy.seed == model.seed && copy.pixelScale == model.pixelScale)
    #expect(copy.classNames == model.classNames)
    #expect(copy.inputs == model.inputs && copy.outputs == model.outputs)
    #expect(copy.summary() == model.summary())
    #expect(copy.frozenLayers == model.frozenLayers)
    #expect(copy.weights.map(\.name) == model.weights.map(\.name))
    #expect(weightBits(copy) == weightBits(model))
    #expect(NativeModels.slotBits(copy) == NativeModels.slotBits(model))
    #expect(copy.training?.optimizer == model.training?.optimizer)
    #expect(copy.progress == model.progress)
    #expect(try predictions(copy) == predictions(model))
    try copy.save(to: folder.path("b.safetensors"))
    #expect(try bytes("b.safetensors") == bytes("a.safetensors"))
    // Both go on alike.
    for model in [model, copy] { try model.fit(data, epochs: 4, batchSize: 4, verbose: .silent, resume: true) }
    #expect(weightBits(copy) == weightBits(model))
    #expect(NativeModels.slotBits(copy) == NativeModels.slotBits(model))
    #expect(copy.history["loss"] == model.history["loss"] && copy.history.epochs.count == 4)
  }

  @Test("Weights that are shared are shared again, and written once")
  func sharing() throws {
    let model = try NativeModels.nested()
    try model.save(to: folder.path("a.safetensors"))
    let names = try SafetensorsReader(folder.path("a.safetensors")).entries.keys.filter { !$0.hasPrefix("optimizer/") }
    #expect(
      names.sorted() == [
        "base/batch_normalization/beta", "base/batch_normalization/gamma", "base/batch_normalization/moving_mean",
        "base/batch_normalization/moving_variance", "base/dense/bias", "base/dense/kernel", "base/dense_1/bias",
        "base/dense_1/kernel", "dense/bias", "dense/kernel", "outer/dense/bias", "outer/dense/kernel",
      ])
    let copy = try load("a.safetensors")
    try copy.setWeights(["base/dense/kernel": noise([5, 6], seed: 40)])
    for other in ["part/dense/kernel", "outer/base/dense/kernel"] {
      let span = try #require(copy.weightMap[other])
      #expect(Array(copy.weightMap.values(of: span)) == (try noise([5, 6], seed: 40)).floats)
    }
  }

  @Test("A model that is not compiled, and one that is read without its training")
  func uncompiled() throws {
    let model = try Sequential(input: [3], threads: 1) { Dense(2) }
    try model.save(to: folder.path("a.safetensors"))
    #expect(try SafetensorsReader(folder.path("a.safetensors")).metadata.keys.sorted() == ["athanor", "model"])
    let copy = try load("a.safetensors")
    #expect(copy.training == nil && copy.warnings == [] && weightBits(copy) == weightBits(model))
    try NativeModels.chain().save(to: folder.path("b.safetensors"))
    let plain = try load("b.safetensors", compiled: false)
    #expect(plain.training == nil && plain.warnings == [])
  }

  @Test("Files are told by their first bytes, else by their ending")
  func format() throws {
    let model = try NativeModels.shared()
    try model.save(to: folder.path("a.safetensors"))
    try FileManager.default.copyItem(atPath: folder.path("a.safetensors"), toPath: folder.path("a.onnx"))
    try FileManager.default.copyItem(atPath: folder.path("a.safetensors"), toPath: folder.path("a"))
    #expect(weightBits(try load("a.onnx")) == weightBits(model))
    #expect(weightBits(try load("a")) == weightBits(model))
    try Data("a text that is no model".utf8).write(to: URL(fileURLWithPath: folder.path("a.txt")))
    expectError(
      "\(folder.path("a.txt")): neither its contents nor its ending say what kind of model file it is. "
        + "Known endings are .safetensors, .h5, .hdf5, .keras, .json, .mlpackage, .mlmodel, .onnx."
    ) { try load("a.txt") }
    expectError(
      "\(folder.path("none.safetensors")): cannot be opened for reading (No such file or directory). "
        + "Check the spelling of the path."
    ) { try load("none.safetensors") }
    expectError(
      "a.txt: models are saved into files that end in .safetensors, .h5, .hdf5, .keras, .json. "
        + "Give the file one of these endings."
    ) { try model.save(to: "a.txt") }
    expectError(
      "a.onnx: models are saved into files that end in .safetensors, .h5, .hdf5, .keras, .json. "
        + "To hand the model to other programs use export(to:as:)."
    ) { try model.save(to: "a.onnx") }
  }

  @Test("A program without a format's module says which one is missing")
  func notLinked() {
    enum Unlinked {}
    let format = ModelFormat(endings: ["x"], module: "AthanorX", isWritten: true, files: Unlinked.self)
    let remedy = "Add AthanorX to its target's dependencies and `import AthanorX`."
    expectError("a.x: this program cannot read such files. \(remedy)") { try format.reader(for: "a.x") }
    expectError("a.x: this program cannot write such files. \(remedy)") { try format.writer(for: "a.x") }
  }

  @Test("A checkpoint's ending chooses its format, before training begins")
  func checkpoint() throws {
    let model = try NativeModels.shared()
    let data = try NativeModels.data(model, 6)
    let checkpoint = ModelCheckpoint(folder.path("best.{epoch:02d}.safetensors"))
    try model.fit(data, epochs: 2, callbacks: [checkpoint], verbose: .silent)
    #expect(checkpoint.lastPath == folder.path("best.02.safetensors"))
    #expect(weightBits(try load("best.02.safetensors")) == weightBits(model))
    #expect(try load("best.01.safetensors").step == 1)
    expectError(
      "best.{epoch}.txt: models are saved into files that end in .safetensors, .h5, .hdf5, .keras, .json. "
        + "Give the file one of these endings."
    ) { try model.fit(data, callbacks: [ModelCheckpoint("best.{epoch}.txt")], verbose: .silent) }
    #expect(model.step == 2)
  }

  @Test("Weights alone")
  func weightsOnly() throws {
    let model = try NativeModels.nested()
    let path = folder.path("w.safetensors")
    let checkpoint = ModelCheckpoint(path, weightsOnly: true)
    try model.fit(NativeModels.data(model, 6), callbacks: [checkpoint], verbose: .silent)
    #expect(try SafetensorsReader(path).metadata.isEmpty)
    let other = try NativeModels.nested()
    #expect(weightBits(other) != weightBits(model))
    try other.loadWeights(from: path)
    #expect(weightBits(other) == weightBits(model))
    expectError("\(path): it holds no model, only arrays. Define the model in code and call loadWeights(from:).") {
      try load("w.safetensors")
    }
    // A whole model will do, too; another one will not.
    try model.save(to: folder.path("m.safetensors"))
    try NativeModels.nested().loadWeights(from: folder.path("m.safetensors"))
    let small = try Sequential(input: [3], threads: 1) { Dense(2) }
    expectError(
      "\(path), tensor \"dense/kernel\": it has shape (16, 1) but the model needs (3, 2). "
        + "The file is damaged or belongs to another network."
    ) { try small.loadWeights(from: path) }
  }

  @Test("What files cannot hold is refused by name, and an older file stays")
  func refused() throws {
    struct Nameless: Layer {
      func build(_ input: Value, _ scope: inout Scope) throws -> Value { input }
    }
    let path = folder.path("a.safetensors")
    try NativeModels.shared().save(to: path)
    let before = try bytes("a.safetensors")
    let inner = try Sequential(input: [3], name: "inner", threads: 1) { Nameless() }
    let x = Input([3])
    let model = try Model(inputs: [x], outputs: [inner(x)], threads: 1)
    expectError(
      "inner: nameless (Nameless): files have no name for this layer. "
        + "Let it conform to SerializableLayer, or save its weights alone as .weights.h5."
    ) { try model.save(to: path) }
    #expect(try bytes("a.safetensors") == before)
    expectError(
      "\(folder.path("none/a.safetensors")): cannot be written (No such file or directory). Check the spelling of the path."
    ) { try NativeModels.shared().save(to: folder.path("none/a.safetensors")) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.safetensors"])
  }

  @Test("A file says what is in it")
  func facts() throws {
    try NativeModels.shared().save(to: folder.path("a.safetensors"))
    let facts = try ModelFormat.reader(of: folder.path("a.safetensors")).facts(folder.path("a.safetensors"))
    #expect(facts.format == "Athanor, safetensors")
    #expect(facts.inputs.map(\.name) == ["left", "right"] && facts.inputs[0].type == "float32 (None, 5)")
    #expect(facts.outputs.map(\.type) == ["float32 (None, 1)"])
    #expect(facts.facts.first { $0.name == "Loss" }?.value == "binary_crossentropy")
    #expect(facts.operations.map(\.kind).contains("Subtract"))
  }
}
