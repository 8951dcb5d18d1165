import Athanor
import AthanorCoreML
import AthanorONNX
import Foundation
import SwiftProtobuf
import Testing

/// The proof of an export sees what an import or an export loses of what files declare.
@Suite("Declarations in the proof of an export")
struct DeclarationTests {
  /// A classifier of two classes of pictures of 2 x 3 points: the sums of `2 blue - red` and of green, in a BGR file.
  private func original(_ change: (inout ProtoModel) -> Void = { _ in }) -> ProtoModel {
    var model = ProtoModel()
    model.version = 4
    model.description_p.inputs = [
      .with {
        $0.name = "image"
        ($0.type.image.height, $0.type.image.width, $0.type.image.colorSpace) = (2, 3, 30)
      }
    ]
    model.description_p.outputs = [
      .with { ($0.name, $0.type.string) = ("label", ProtoEmpty()) }, .with { $0.name = "y" },
    ]
    model.neuralNetworkClassifier = .with {
      $0.imageShapes = 1
      $0.layers = [
        .with {
          ($0.name, $0.inputs, $0.outputs) = ("mix", ["image"], ["mixed"])
          $0.convolution = .with {
            ($0.outputChannels, $0.kernelChannels, $0.kernelSize) = (2, 3, [1, 1])
            $0.weights.floats = [2, 0, -1, 0, 1, 0]
          }
        },
        .with {
          ($0.name, $0.inputs, $0.outputs) = ("flat", ["mixed"], ["row"])
          $0.flatten = ProtoFlattenLayer()
        },
        .with {
          ($0.name, $0.inputs, $0.outputs) = ("sums", ["row"], ["y"])
          $0.innerProduct = .with {
            ($0.inputChannels, $0.outputChannels) = (12, 2)
            $0.weights.floats = (0..<24).map { $0 % 18 < 6 ? 1 : 0 }
          }
        },
      ]
      $0.preprocessing = [
        .with {
          $0.scaler.channelScale = 0.5
          ($0.scaler.redBias, $0.scaler.greenBias, $0.scaler.blueBias) = (1, 20, 40)
        }
      ]
      $0.stringLabels.values = ["cat", "dog"]
      $0.probabilities = "y"
    }
    change(&model)
    return model
  }

  private func file(_ message: ProtoModel, _ path: String = "a.mlmodel") throws -> CoreMLFile {
    try CoreMLFile(model: message.serializedBytes(), weights: [], path: path)
  }

  private func model(_ message: ProtoModel) throws -> Model { try Model(file(message).recipe(), threads: 1) }

  /// What `export` says when the model is one that was read with a fault; numbers of differences are N.
  private func outcome(
    reading change: (inout ProtoModel) -> Void, to ending: String = "mlmodel",
    _ options: CoreMLOptions = CoreMLOptions(input: .picture())
  ) throws -> String {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.mlmodel"
    try original().serializedData().write(to: URL(fileURLWithPath: path))
    let format = ending == "onnx" ? ExportFormat.onnx() : .coreML(options)
    let output = "\(folder.path)/b.\(ending)"
    let text = errorText { try model(original(change)).export(to: output, as: format, original: path) }
    #expect(FileManager.default.fileExists(atPath: output) == (text == "no error"))
    return masked(text, folder)
  }

  private func masked(_ text: String, _ folder: TemporaryFolder) -> String {
    text.replacingOccurrences(of: "\(folder.path)/", with: "")
      .replacing(/differ by [0-9.e+-]+, where [0-9.e+-]+ is/, with: "differ by N, where N is")
  }

  private static let numbers =
    ": for pictures of random bytes it gives other numbers than a.mlmodel: they differ by N, where N is allowed. "
  private static let remedy =
    ". This is a fault of the importer or the exporter, or a.mlmodel has changed since; nothing was written."

  @Test("What is read right is exported", arguments: ["mlmodel", "mlpackage", "onnx"])
  func right(_ ending: String) throws {
    for options in [CoreMLOptions(input: .picture()), CoreMLOptions()]
    where options.input != .array || ending != "mlmodel" {
      #expect(try outcome(reading: { _ in }, to: ending, options) == "no error")
    }
    #expect(
      try outcome(reading: { _ in }, to: "mlpackage", CoreMLOptions(input: .picture(scale: 2, bias: [1, 2, 3])))
        == "no error")
    #expect(
      try outcome(reading: { _ in }, to: "mlpackage", CoreMLOptions(input: .picture(), labels: .texts(["a", "b"])))
        == "no error")
    let half = CoreMLOptions(input: .picture(), precision: .float16)
    #expect(try outcome(reading: { _ in }, to: "mlpackage", half) == "no error")
  }

  @Test("A scale of pixels that a file for numbers lost")
  func lostScale() throws {
    let declaration = try file(original()).declaration
    func outcome(_ scale: Float?) throws -> String {
      let written = FileDeclaration(picture: nil, classNames: declaration.classNames) {
        var recipe = try file(original()).recipe()
        recipe.pixelScale = scale
        return recipe
      }
      let proof = try DeclarationProof(
        model(original()), original: ("a.mlmodel", declaration), written: written, .coreML(), "b.mlpackage")
      return errorText { _ = try proof.run() }
    }
    #expect(try outcome(0.5) == "no error")
    #expect(
      try outcome(nil).replacing(/differ by [0-9.e+-]+, where [0-9.e+-]+ is/, with: "differ by N, where N is")
        == "b.mlpackage" + Self.numbers + "It declares numbers, and a.mlmodel BGR * 0.5 + (40.0, 20.0, 1.0)"
        + Self.remedy)
  }

  @Test("An order of channels, a scale or a bias that the import lost")
  func importedPictures() throws {
    let faults: [(String, (inout ProtoModel) -> Void)] = [
      ("RGB * 0.5 + (1.0, 20.0, 40.0)", { $0.description_p.inputs[0].type.image.colorSpace = 20 }),
      ("RGB * 1.0 + (1.0, 20.0, 40.0)", { $0.neuralNetworkClassifier.preprocessing[0].scaler.channelScale = 1 }),
      ("RGB * 0.25 + (1.0, 20.0, 40.0)", { $0.neuralNetworkClassifier.preprocessing[0].scaler.channelScale = 0.25 }),
      ("RGB * 0.5 + (1.0, 20.0, 0.0)", { $0.neuralNetworkClassifier.preprocessing[0].scaler.blueBias = 0 }),
      ("RGB * 0.5", { $0.neuralNetworkClassifier.preprocessing[0].scaler = .with { $0.channelScale = 0.5 } }),
    ]
    for (written, fault) in faults {
      #expect(
        try outcome(reading: fault)
          == "b.mlmodel" + DeclarationTests.numbers
          + "It declares \(written), and a.mlmodel BGR * 0.5 + (40.0, 20.0, 1.0)"
          + DeclarationTests.remedy)
    }
    // An ML Program holds scale and biases as operations.
    #expect(
      try outcome(reading: faults[2].1, to: "mlpackage")
        == "b.mlpackage" + DeclarationTests.numbers
        + "It declares RGB * 1.0, and a.mlmodel BGR * 0.5 + (40.0, 20.0, 1.0)"
        + DeclarationTests.remedy)
    // ONNX takes numbers, which are scaled before they go in.
    #expect(
      try outcome(reading: faults[0].1, to: "onnx")
        == "b.onnx" + DeclarationTests.numbers + "It declares numbers, and a.mlmodel BGR * 0.5 + (40.0, 20.0, 1.0)"
        + DeclarationTests.remedy)
  }

  @Test("Classes in another order", arguments: ["mlmodel", "mlpackage", "onnx"])
  func importedClasses(_ ending: String) throws {
    let faults: [([String], String)] = [
      (["dog", "cat"], "dog, cat"), (["dog", "mouse"], "dog, mouse"),
    ]
    for (labels, names) in faults {
      #expect(
        try outcome(reading: { $0.neuralNetworkClassifier.stringLabels.values = labels }, to: ending)
          == "b.\(ending): it names the classes \(names), where a.mlmodel has the classes cat, dog"
          + DeclarationTests.remedy)
    }
    #expect(
      try outcome(
        reading: {
          let network = $0.neuralNetworkClassifier
          $0.neuralNetwork.layers = network.layers
          ($0.neuralNetwork.imageShapes, $0.neuralNetwork.preprocessing) = (1, network.preprocessing)
          $0.description_p.outputs = [.with { $0.name = "y" }]
        }, to: "onnx") == "b.onnx: it names no classes, where a.mlmodel has the classes cat, dog"
        + DeclarationTests.remedy)
  }

  @Test("Models of numbers are compared with their files too")
  func numbers() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.safetensors"
    let network = try Sequential(input: [3], seed: 3, threads: 1) { Dense(2, activation: .softmax) }
    network.classNames = ["cat", "dog"]
    try network.save(to: path)
    for ending in ["mlpackage", "mlmodel", "onnx"] {
      let output = "\(folder.path)/b.\(ending)"
      let format = ending == "onnx" ? ExportFormat.onnx() : .coreML()
      let report = try Model(contentsOf: path).export(to: output, as: format, original: path)
      let declared = try #require(report.declared)
      let text = "\(declared)".replacing(/difference [0-9.e+-]+/, with: "difference N")
      #expect(
        masked(text, folder)
          == "Compared with a.safetensors, opened anew: 32 examples of random numbers: largest difference N (limit 1.0e-05), "
          + "the same 2 classes.")
      network.classNames = ["dog", "cat"]
      #expect(
        masked(errorText { try network.export(to: output, as: format, original: path) }, folder)
          == "b.\(ending): it names the classes dog, cat, where a.safetensors has the classes cat, dog. This is a fault of the "
          + "importer or the exporter, or a.safetensors has changed since; nothing was written.")
      let other = try Sequential(input: [3], seed: 4, threads: 1) { Dense(2, activation: .softmax) }
      other.classNames = ["cat", "dog"]
      #expect(
        masked(errorText { try other.export(to: output, as: format, original: path) }, folder)
          == "b.\(ending): for random numbers it gives others than a.safetensors: they differ by N, where N is allowed. This is "
          + "a fault of the importer or the exporter, or a.safetensors has changed since; nothing was written.")
    }
  }

  /// What `export` says when the exporter has a fault.
  private func outcome(writing change: @escaping @Sendable (inout ProtoModel) -> Void) throws -> String {
    let folder = try TemporaryFolder()
    let options = CoreMLOptions(input: .picture())
    let format = ExportFormat(
      pixels: { ExportFormat.coreML(options).pixels($0) }, classes: { ExportFormat.coreML(options).classes($0) },
      openLengths: { _ in [] },
      contents: { model, path in
        let right = try CoreMLNetwork(model, options).model
        var wrong = right
        change(&wrong)
        let file = try file(wrong, path)
        return ExportFormat.Contents(
          byteCount: 1, recipe: { try self.file(right, path).recipe() }, declaration: { file.declaration },
          write: { _ in })
      }, check: { _, _ in })
    let source = try model(original())
    return masked(errorText { try source.export(to: "\(folder.path)/b.mlmodel", as: format) }, folder)
  }

  /// The first comparison, with the model as the format's reader reads it, is kept from seeing these.
  @Test("What the exporter declares otherwise than it writes")
  func exported() throws {
    func text(_ declared: String) -> String {
      "b.mlmodel: for pictures of random bytes it gives other numbers than the model: they differ by N, where N is allowed. It "
        + "declares \(declared). This is a fault of the importer or the exporter, or the model has changed since; nothing was written."
    }
    #expect(try outcome(writing: { _ in }) == "no error")
    #expect(
      try outcome(writing: { $0.description_p.inputs[0].type.image.colorSpace = 30 })
        == text("BGR * 0.5 + (40.0, 20.0, 1.0)"))
    #expect(
      try outcome(writing: { $0.neuralNetworkClassifier.preprocessing[0].scaler.channelScale = 0.25 })
        == text("RGB * 0.25 + (1.0, 20.0, 40.0)"))
    #expect(
      try outcome(writing: { $0.neuralNetworkClassifier.preprocessing[0].scaler.redBias = 0 })
        == text("RGB * 0.5 + (0.0, 20.0, 40.0)"))
    #expect(
      try outcome(writing: {
        ($0.description_p.inputs[0].type.image.width, $0.description_p.inputs[0].type.image.height) = (2, 3)
      })
        == "b.mlmodel: pictures of 3 x 2 with 3 channels are declared, where the model takes 2 x 3 with 3. This is a fault of "
        + "the importer or the exporter, or the model has changed since; nothing was written.")
    #expect(
      try outcome(writing: { $0.neuralNetworkClassifier.stringLabels.values.reverse() })
        == "b.mlmodel: it names the classes dog, cat, where the model has the classes cat, dog. This is a fault of the "
        + "importer or the exporter, or the model has changed since; nothing was written.")
  }

  /// Where the original's reader has a fault, the model that it gives anew has it too.
  @Test("What the importer always reads otherwise than it is declared")
  func reader() throws {
    let options = CoreMLOptions(input: .picture())
    let declared = try file(original()).declaration
    let faults: [(inout ProtoModel) -> Void] = [
      { $0.description_p.inputs[0].type.image.colorSpace = 20 },
      { $0.neuralNetworkClassifier.preprocessing[0].scaler.channelScale = 0.25 },
      { $0.neuralNetworkClassifier.preprocessing[0].scaler.greenBias = 0 },
    ]
    for fault in faults {
      let source = try model(original(fault))
      let written = try file(CoreMLNetwork(source, options).model).declaration
      let proof = DeclarationProof(
        source, original: ("a.mlmodel", declared), written: written, .coreML(options), "b.mlmodel")
      #expect(
        errorText { _ = try proof.run() }.replacing(
          /differ by [0-9.e+-]+, where [0-9.e+-]+ is/, with: "differ by N, where N is")
          == "a.mlmodel: it is read otherwise than it declares its pictures (BGR * 0.5 + (40.0, 20.0, 1.0)): for random bytes "
          + "they differ by N, where N is allowed. This is a fault of the importer; nothing was written.")
    }
  }
}
