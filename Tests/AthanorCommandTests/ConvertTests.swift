import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation
import Testing

/// `convert`, and `inspect` of its files, run as a user runs them.
@Suite("Converting")
struct ConvertTests {
  private let program: Program
  private let model: Model

  init() throws {
    program = try Program()
    let picture = Input([4, 4, 1], name: "picture"), age = Input([2], name: "age")
    let features = Flatten(name: "flat")(Conv2D(2, kernelSize: 3, activation: .relu, name: "conv")(picture))
    let kind = Dense(3, activation: .softmax, name: "kind")(Concatenate(name: "both")(features, age))
    model = try Model(inputs: [picture, age], outputs: [kind], name: "net", seed: 3, threads: 1)
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    try model.save(to: program.path("m.safetensors"))
  }

  private func prediction(_ file: String) throws -> Tensor {
    let inputs = try [
      "picture": Tensor(shape: [2, 4, 4, 1], (0..<32).map { sin(Float($0)) }),
      "age": Tensor(shape: [2, 2], [0.5, -1, 2, 0.25]),
    ]
    let read = file.isEmpty ? model : try Model(contentsOf: program.path(file), threads: 1)
    return try #require(read.predict(inputs).values.first)
  }

  @Test("From each of Keras' formats to the next, with the same bits and the training")
  func formats() throws {
    var source = "m.safetensors"
    for file in ["a.keras", "a.h5", "b.safetensors"] {
      let outcome = try program.run("convert", source, file)
      #expect(outcome.status == 0 && outcome.error == "")
      #expect(outcome.output.wholeMatch(of: /[ab]\.[a-z0-9]+: \d+ KB\n/) != nil, "\(outcome.output)")
      #expect(try prediction(file) == prediction(""))
      #expect(try Model(contentsOf: program.path(file), threads: 1).training != nil)
      source = file
    }
    for file in ["a.weights.h5", "a.json"] { #expect(try program.run("convert", source, file).status == 0) }
    let parts = try Model(contentsOf: program.path("a.json"), threads: 1)
    try parts.loadWeights(from: program.path("a.weights.h5"))
    #expect(parts.weights.map(\.tensor) == model.weights.map(\.tensor))
  }

  @Test("Without the training, files hold the weights alone", arguments: ["a.safetensors", "a.keras", "a.h5"])
  func withoutTraining(_ file: String) throws {
    let outcome = try program.run("convert", "m.safetensors", file, "--without-training")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(try prediction(file) == prediction(""))
    #expect(try Model(contentsOf: program.path(file), threads: 1).training == nil)
  }

  @Test("To ONNX with its proof; what cannot be written is named, and nothing is left")
  func exports() throws {
    let outcome = try program.run("convert", "m.safetensors", "a.onnx")
    #expect(outcome.status == 0)
    #expect(outcome.output.hasPrefix("a.onnx: 1 KB\nRead again and run on 32 examples of random numbers: "))
    let json = try program.run("convert", "m.safetensors", "a.keras", "--json")
    #expect(json.output.wholeMatch(of: /\{"bytes":\d+,"file":"a.keras"\}\n/) != nil, "\(json.output)")
    let refused = try program.run("convert", "m.safetensors", "a.txt")
    #expect(refused.status == 1)
    #expect(
      refused.error
        == "Error: a.txt: models are saved into files that end in .safetensors, .h5, .hdf5, .keras, .json. "
        + "Give the file one of these endings.\n")
    #expect(try program.files(".").sorted() == ["a.keras", "a.onnx", "m.safetensors"])
  }

  @Test("A file is told by its contents, whatever its name")
  func contents() throws {
    let chain = try Sequential(input: [16], seed: 3, threads: 1) { Dense(3) }
    try chain.save(to: program.path("chain.safetensors"))
    let x = try Tensor(shape: [2, 16], (0..<32).map { sin(Float($0)) })
    let expected = try chain.predict(x).floats
    for (index, ending) in ["keras", "h5", "onnx", "mlmodel", "mlpackage", "safetensors"].enumerated() {
      #expect(try program.run("convert", "chain.safetensors", "real.\(ending)").status == 0)
      let other = "x\(index)." + ["h5", "onnx", "keras", "onnx", "keras", "h5"][index]
      try FileManager.default.moveItem(atPath: program.path("real.\(ending)"), toPath: program.path(other))
      let read = try Model(contentsOf: program.path(other), threads: 1).predict(x).floats
      #expect(zip(read, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(ending) named \(other)")
    }
  }

  @Test("inspect: who wrote it, weights with their ranges, a picture of the layers")
  func inspect() throws {
    #expect(try program.run("convert", "m.safetensors", "a.keras").status == 0)
    let outcome = try program.run("inspect", "a.keras", "--graph", "graph.svg")
    #expect(outcome.status == 0 && outcome.error == "")
    let text = outcome.output.replacing(/\d+ KB/, with: "SIZE KB", maxReplacements: 1)
    #expect(text == (try snapshot("inspect-keras.txt", text)))
    let picture = try String(contentsOfFile: program.path("graph.svg"), encoding: .utf8)
    #expect(picture.hasPrefix("<svg ") && picture.contains(">both</text>"))
    #expect(try program.run("convert", "m.safetensors", "a.weights.h5").status == 0)
    let arrays = try program.run("inspect", "a.weights.h5").output
    #expect(arrays.hasPrefix("a.weights.h5: Keras 3, arrays alone, ") && arrays.contains("layers/conv2d/vars/0"))
    let wrong = try program.run("inspect", "a.keras", "--graph", "graph.png")
    #expect(wrong.status == 2 && wrong.error.contains("--graph graph.png: give a name that ends with .svg."))
  }
}
