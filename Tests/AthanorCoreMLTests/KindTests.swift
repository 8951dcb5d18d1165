import Athanor
import AthanorCoreML
import Foundation
import Testing

/// Kinds of files and layers that other programs write.
@Suite struct KindTests {
  private func refusal(_ message: ProtoModel) -> String {
    errorText {
      _ = try CoreMLFile(model: message.serializedBytes(), weights: [], path: "a.mlmodel").recipe()
    }
  }

  @Test func compiledModels() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.mlmodelc"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try Data([1]).write(to: URL(fileURLWithPath: "\(path)/coremldata.bin"))
    #expect(
      errorText { _ = try Model(contentsOf: path) }
        == "\(path): it is a compiled Core ML model, which Apple's Core ML alone runs. "
        + "Give the .mlpackage or .mlmodel that it was compiled of.")
  }

  @Test func pipelines() throws {
    #expect(
      refusal(.with { $0.pipeline = ProtoPipeline() })
        == "a.mlmodel: it is a pipeline of several models, which is not supported. "
        + "Save the neural network or ML Program within it as a file of its own.")
  }

  @Test func updatableModels() throws {
    let message = ProtoModel.with { $0.isUpdatable = true }
    let facts = try CoreMLFile(model: message.serializedBytes(), weights: [], path: "a.mlmodel").facts
    #expect(facts.facts.first?.name == "Updatable" && facts.facts.first?.value.hasPrefix("yes") == true)
  }

  /// Zeros of the padding count, places behind it do not.
  @Test func averagesThatCountPadding() throws {
    let pooling = try #require(NetworkCase.all.first { $0.testDescription == "average pooling, last pixel" })
    var message = pooling.model()
    message.description_p.inputs[0].type.array.shape = [1, 1, 4, 1]
    message.neuralNetwork.layers[0].pooling.kernelSize = [3, 1]
    message.neuralNetwork.layers[0].pooling.stride = [2, 1]
    let file = try CoreMLFile(model: message.serializedBytes(), weights: [], path: "a.mlmodel")
    let result = try Model(file.recipe(), threads: 1).predict(Tensor(shape: [1, 1, 4, 1], [1, 2, 3, 4]))
    #expect(largestDifference(result.floats, [1, 3, 2]) <= 1e-6)
  }

  /// Arrays of rows, columns and channels, and normalisation with known numbers, in the older format.
  @Test func arraysInTheOlderFormat() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/a.mlmodel"
    let model = try Sequential(input: [8, 6, 1], seed: 3, threads: 1) {
      Normalization(mean: [0.5], variance: [0.1])
      Conv2D(4, kernelSize: 3, activation: .relu)
      Flatten()
      Dense(3, activation: .softmax)
    }
    #expect(try model.export(to: path, as: .coreML()).largestDifference <= 1e-6)
    #expect(try CoreMLFile(path).facts.inputs.map(\.type) == ["float32 (8, 6, 1)"])
  }

  /// What a layer's message says beyond what is read is named.
  @Test func unknownFields() throws {
    let product = try #require(NetworkCase.all.first { $0.testDescription == "innerProduct" })
    let bytes: [UInt8] = try product.layer.serializedBytes()
    // Weights of 8 bits and numbers of 8 bits at run time: field 22 of the product, set.
    let dynamic = try ProtoLayer(serializedBytes: bytes + [0xE2, 0x08, 3, 0xB0, 1, 1])
    #expect(
      refusal(product.model(dynamic))
        == "a.mlmodel: layer \"it\": it has the field 22 of InnerProductLayer, which is not known here. "
        + "Convert the model anew for an older version of Core ML.")
    // A kind of layer of which there is no description here: number 170 for one with another number.
    let unknown: [UInt8] = try ProtoLayer.with { ($0.name, $0.inputs, $0.outputs) = ("it", ["x"], ["y"]) }
      .serializedBytes()
    #expect(
      try refusal(product.model(ProtoLayer(serializedBytes: unknown + [0xD2, 0x0A, 0])))
        == "a.mlmodel: layer \"it\": layers of this kind are not supported. Convert the model to an .mlpackage.")
    var layer = product.layer
    layer.innerProduct.hasBias_p = false
    #expect(
      refusal(product.model(layer))
        == "a.mlmodel: layer \"it\": its field \"bias\" (InnerProductLayer) has no effect here. "
        + "Convert the model anew, or leave the field out.")
    layer = product.layer
    layer.inputs.append("x")
    #expect(refusal(product.model(layer)) == "a.mlmodel: layer \"it\": its input 2, \"x\", is not supported.")
  }
}
