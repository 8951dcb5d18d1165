import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation
import Testing

/// `predict` with NumPy files for inputs and outputs.
@Suite("Numbers in, numbers out")
struct ArrayTests {
  private let program: Program
  private let model: Model

  init() throws {
    program = try Program()
    model = try Sequential(input: [2, 3, 1], seed: 7) {
      Conv2D(4, kernelSize: 2, activation: .relu, name: "conv")
      Flatten()
      Dense(3, activation: .softmax, name: "kind")
    }
    try model.save(to: program.path("m.h5"))
  }

  private func write(_ tensor: Tensor, _ name: String = "x.npy") throws {
    try NumPyArray.write(tensor, to: program.path(name))
  }

  private func read(_ name: String) throws -> Tensor {
    try NumPyArray(FileBytes.read(program.path(name)), path: name).tensor(for: .float32, path: name)
  }

  private func numbers(_ count: Int) throws -> Tensor {
    try Tensor(shape: [count, 2, 3, 1], (0..<6 * count).map { sin(Float($0)) })
  }

  @Test("Outputs are the model's own, in a file, at any batch size", arguments: ["1", "3", "100"])
  func file(_ batchSize: String) throws {
    let inputs = try numbers(7)
    try write(inputs)
    let outcome = try program.run(
      "predict", "m.h5", "--inputs", "x.npy", "--outputs", "y.npy", "--batch-size", batchSize, "--json")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(
      outcome.output == #"{"outputs":[{"file":"y.npy","name":"kind","shape":[7,3],"type":"float32"}]}"# + "\n")
    #expect(try read("y.npy") == model.predict(inputs))
  }

  @Test("Outputs go into a folder by name; the input's name may be given, and paths may hold =")
  func folder() throws {
    let inputs = try Tensor(shape: [2, 2, 3, 1], storage: .float64((0..<12).map { Double($0) / 8 }))
    try write(inputs, "a=b.npy")
    let name = try #require(model.inputs.first?.name)
    for argument in ["a=b.npy", "\(name)=a=b.npy"] {
      let outcome = try program.run("predict", "m.h5", "--inputs", argument, "--outputs", "new/results")
      #expect(outcome.status == 0 && outcome.error == "")
      #expect(outcome.output == "new/results/kind.npy: kind, float32(2, 3)\n")
      #expect(try program.files("new/results") == ["kind.npy"])
      #expect(try read("new/results/kind.npy") == model.predict(inputs))
    }
  }

  @Test("Bytes are scaled as in training; other integers are taken as they are")
  func bytes() throws {
    let bytes = (0..<12).map { UInt8($0 * 20) }
    let pixels = try Tensor(shape: [2, 2, 3, 1], bytes: bytes)
    let integers = try Tensor(shape: [2, 2, 3, 1], integers: bytes.map { Int32($0) })
    for tensor in [pixels, integers] {
      try write(tensor)
      #expect(try program.run("predict", "m.h5", "--inputs", "x.npy", "--outputs", "y.npy").status == 0)
      #expect(try read("y.npy") == model.predict(tensor))
    }
    let scaled = try Tensor(shape: [2, 2, 3, 1], bytes.map { Float($0) * (1 / 255) })
    #expect(try model.predict(pixels) == model.predict(scaled))
    #expect(try model.predict(pixels) != model.predict(integers))
  }

  @Test("Models of every format take NumPy files", arguments: ["m.onnx", "m.mlmodel", "m.mlpackage"])
  func formats(_ file: String) throws {
    let model = try Sequential(input: [6]) { Dense(3, activation: .tanh) }
    try model.save(to: program.path("dense.h5"))
    let export = try program.run("export", "dense.h5", file)
    try #require(export.status == 0, "\(export.error)")
    let inputs = try Tensor(shape: [3, 6], numbers(3).floats)
    try write(inputs)
    let outcome = try program.run("predict", file, "--inputs", "x.npy", "--outputs", "y.npy")
    #expect(outcome.status == 0 && outcome.error == "")
    let (results, expected) = (try read("y.npy"), try model.predict(inputs))
    #expect(results.shape == expected.shape)
    #expect(zip(results.floats, expected.floats).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// Numbers and codes of open length: `series [N, T, 3]`, `codes int32 [N, 2]`; the codes come back as integers.
  private func severalPorts() throws -> Model {
    let series = Input([nil, 3], name: "series"), codes = Input([2], dtype: .int32, name: "codes")
    let steps = Dense(2, name: "steps")(series)
    return try Model(inputs: [series, codes], outputs: [steps, codes], seed: 3)
  }

  @Test("Several inputs and outputs, integers and an open length")
  func ports() throws {
    let model = try severalPorts()
    try model.save(to: program.path("several.safetensors"))
    let series = try Tensor(shape: [3, 4, 3], (0..<36).map { cos(Float($0)) })
    let codes = try Tensor(shape: [3, 2], integers: [5, -7, 0, 1, Int32.max, Int32.min])
    try write(series, "series.npy")
    try write(codes, "codes.npy")
    let inputs = ["--inputs", "series=series.npy", "--inputs", "codes=codes.npy"]
    let outcome = try program.run(["predict", "several.safetensors"] + inputs + ["--outputs", "y"])
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.output == "y/steps.npy: steps, float32(3, 4, 2)\ny/codes.npy: codes, int32(3, 2)\n")
    let results = try model.predict(["series": series, "codes": codes])
    #expect(try read("y/steps.npy") == results["steps"])
    let integers = try NumPyArray(FileBytes.read(program.path("y/codes.npy")), path: "codes")
    #expect(try integers.tensor(for: .int32, path: "codes") == codes)
    let oneFile = try program.run(["predict", "several.safetensors"] + inputs + ["--outputs", "y.npy"])
    #expect(oneFile.status == 1)
    #expect(
      oneFile.error
        == "Error: y.npy: the model has the outputs steps, codes, but one file is named. "
        + "Name a folder, which gets steps.npy, codes.npy.\n")
  }

  @Test("A benchmark takes lengths for what is open, and integers")
  func benchmark() throws {
    try severalPorts().save(to: program.path("several.safetensors"))
    let outcome = try program.run(
      "benchmark", "several.safetensors", "--batch", "2", "--length", "series_1=7", "--json")
    #expect(outcome.status == 1)
    let names = try severalPorts().inputs[0].lengths.compactMap { if case .open(let name) = $0 { name } else { nil } }
    let right = try program.run(
      "benchmark", "several.safetensors", "--batch", "2", "--length", "\(names[1])=7", "--json")
    #expect(right.status == 0, "\(right.error)")
    let object = try #require(try objects(right.output).first)
    #expect(
      ["milliseconds", "milliseconds_p95", "examples_per_second", "peak_megabytes"].allSatisfy { object[$0] is Double })
  }

  @Test(
    "What fails ends with 1 and one paragraph, and writes nothing",
    arguments: [
      ("none.npy y.npy", "none.npy: cannot be opened for reading (No such file or directory)."),
      ("text.npy y.npy", "text.npy: bytes 0 to 5 are not NumPy's magic text."),
      (
        "picture=x.npy y.npy",
        "picture=x.npy: the model has no input \"picture\", and there is no file of this name. It has input_layer."
      ),
      (
        "input_layr=x.npy y.npy",
        "input_layr=x.npy: the model has no input \"input_layr\", and there is no file of this name. "
          + "Did you mean \"input_layer\"?"
      ),
      ("flat.npy y.npy", "predict: inputs have shape (2, 6) but the model needs (examples, 2, 3, 1)."),
      ("x.npy none/y.npy", "none/y.npy: cannot be written (No such file or directory)."),
      ("x.npy text.npy/y", "text.npy/y: the folder cannot be made (Not a directory)"),
    ])
  func failures(_ words: String, _ problem: String) throws {
    try write(numbers(2))
    try write(Tensor(shape: [2, 6], numbers(2).floats), "flat.npy")
    try Data("no array".utf8).write(to: program.folder.appendingPathComponent("text.npy"))
    let files = try program.files()
    let words = words.split(separator: " ").map(String.init)
    let outcome = try program.run("predict", "m.h5", "--inputs", words[0], "--outputs", words[1])
    #expect(outcome.status == 1 && outcome.output == "")
    #expect(outcome.error.hasPrefix("Error: \(problem)"), "\(outcome.error)")
    #expect(outcome.error.split(separator: "\n").count == 1)
    #expect(try program.files() == files)
  }
}
