import Athanor
import AthanorCoreML
import Foundation
import Testing

/// Pictures as a file declares them: order of the channels, scale and biases.
@Suite struct ColorTests {
  /// A 1 x 1 convolution, of one output channel, of a picture of 2 x 2 points.
  private func network(_ kernel: [Float], colorSpace: Int32, _ scaler: ProtoImageScaler? = nil) -> ProtoModel {
    var model = ProtoModel()
    model.version = 4
    model.description_p.inputs = [
      .with {
        $0.name = "image"
        ($0.type.image.width, $0.type.image.height, $0.type.image.colorSpace) = (2, 2, colorSpace)
      }
    ]
    model.description_p.outputs = [.with { $0.name = "y" }]
    model.neuralNetwork.imageShapes = 1
    model.neuralNetwork.layers = [
      .with {
        ($0.name, $0.inputs, $0.outputs) = ("it", ["image"], ["y"])
        $0.convolution = .with {
          ($0.outputChannels, $0.kernelChannels, $0.kernelSize) = (1, UInt64(kernel.count), [1, 1])
          $0.weights.floats = kernel
        }
      }
    ]
    if let scaler { model.neuralNetwork.preprocessing = [.with { $0.scaler = scaler }] }
    return model
  }

  private func model(_ message: ProtoModel) throws -> Model {
    try Model(CoreMLFile(model: message.serializedBytes(), weights: [], path: "a.mlmodel").recipe(), threads: 1)
  }

  /// Red 10, green 20, blue 30.
  private let picture = (0..<4).flatMap { _ in [10, 20, 30] as [UInt8] }

  private func result(_ model: Model) throws -> [Float] {
    try model.predict(Tensor(shape: [1, 2, 2, 3], bytes: picture)).floats
  }

  @Test func channels() throws {
    #expect(try result(model(network([1, 0, 0], colorSpace: 20))) == [10, 10, 10, 10])
    let reversed = try model(network([1, 0, 0], colorSpace: 30))
    #expect(try result(reversed) == [30, 30, 30, 30])
    // The kernel's channels have changed their order; nothing is added.
    #expect(reversed.layers.map { "\(type(of: $0))" } == ["Conv2D", "Permute"])
    #expect(
      errorText { _ = try model(network([1], colorSpace: 40)) }
        == "a.mlmodel: input \"image\": is a gray picture of 16 bits. Gray, RGB and BGR pictures of 8 bits can be read."
    )
    #expect(
      errorText { _ = try model(network([1, 0, 0], colorSpace: 50)) }
        == "a.mlmodel: input \"image\": is a picture of the colour space 50. Gray, RGB and BGR pictures of 8 bits can be read."
    )
  }

  @Test func outputs() throws {
    var message = network([1, 0, 0], colorSpace: 20)
    message.description_p.outputs[0].type.image.colorSpace = 40
    #expect(
      errorText { _ = try model(message) }
        == "a.mlmodel: output \"y\": is a gray picture of 16 bits. Gray, RGB and BGR pictures of 8 bits can be read.")
    message.description_p.outputs[0].type.image.colorSpace = 30
    #expect(
      errorText { _ = try model(message) }
        == "a.mlmodel: output \"y\": is a BGR picture. Gray and RGB pictures can be given.")
  }

  @Test func preprocessing() throws {
    let scaler = ProtoImageScaler.with {
      $0.channelScale = 0.5
      ($0.redBias, $0.greenBias, $0.blueBias) = (1, 2, 3)
    }
    for (space, expected) in [(20, [6, 12, 18]), (30, [18, 12, 6])] as [(Int32, [Float])] {
      for channel in 0..<3 {
        let kernel = (0..<3).map { Float($0 == channel ? 1 : 0) }
        let read = try model(network(kernel, colorSpace: space, scaler))
        #expect(try result(read) == [Float](repeating: expected[channel], count: 4))
        #expect(read.pixelScale == 0.5)
      }
    }
  }

  /// Where no convolution comes first, the picture's channels are put in order.
  @Test func channelsOfOtherLayers() throws {
    var message = network([1, 0, 0], colorSpace: 30)
    message.neuralNetwork.layers[0].kind = .bias(.with { ($0.shape, $0.bias.floats) = ([3, 1, 1], [1, 2, 3]) })
    // Channels first: blue, green, red.
    #expect(try result(model(message)) == [31, 31, 31, 31, 22, 22, 22, 22, 13, 13, 13, 13])
  }

  /// What is read as BGR is handed on with the same result.
  @Test func exportedAgain() throws {
    let folder = try TemporaryFolder()
    var message = network([1, 0, 0], colorSpace: 30)
    message.neuralNetwork.layers[0].outputs = ["c"]
    message.neuralNetwork.layers.append(
      .with {
        ($0.name, $0.inputs, $0.outputs) = ("flat", ["c"], ["y"])
        $0.flatten = ProtoFlattenLayer()
      })
    for ending in ["mlmodel", "mlpackage"] {
      let path = "\(folder.path)/a.\(ending)"
      try model(message).export(to: path, as: .coreML(CoreMLOptions(input: .picture())))
      #expect(try result(Model(contentsOf: path, threads: 1)) == [30, 30, 30, 30])
    }
  }

  /// An ML Program that takes the same picture in the other order.
  @Test func programs() throws {
    let network = try Sequential(input: [2, 2, 3], seed: 3, threads: 1) {
      Conv2D(2, kernelSize: 1)
      Flatten()
    }
    let program = try CoreMLProgram(network, CoreMLOptions(input: .picture(scale: 0.5, bias: [1, 2, 3])))
    var message = program.model
    func numbers(_ bytes: [UInt8]) throws -> [Float] {
      let file = try CoreMLFile(model: message.serializedBytes(), weights: program.weights, path: "a.mlpackage")
      let model = try Model(file.recipe(), threads: 1)
      #expect(model.pixelScale == 0.5)
      return try model.predict(Tensor(shape: [1, 2, 2, 3], bytes: bytes)).floats
    }
    let expected = try numbers(picture)
    message.description_p.inputs[0].type.image.colorSpace = 30
    #expect(try numbers(picture) != expected)
    let turned = (0..<4).flatMap { _ in [30, 20, 10] as [UInt8] }
    #expect(largestDifference(try numbers(turned), expected) <= 1e-5)
    let facts = try CoreMLFile(model: message.serializedBytes(), weights: [], path: "a.mlpackage").facts
    #expect(facts.inputs.map(\.type) == ["BGR picture 2 x 2"])
  }
}
