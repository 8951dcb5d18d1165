import Athanor
import AthanorCore

/// A model in Core ML's format before ML Program: for iOS 11, with half-precision weights for iOS 11.2.
package struct CoreMLNetwork {
  package private(set) var model = ProtoModel()

  /// - Throws: `AthanorError` that names the layer, when the format cannot hold the network.
  package init(_ source: Model, _ options: CoreMLOptions) throws {
    try self.init(one: source, options)
    try options.checkFlexibility(source)
    if case .batch = options.flexibility {
      throw AthanorError(
        .unsupported, at: "Core ML", "a .mlmodel takes one example at a time", fix: "Export an .mlpackage.")
    }
    for shape in options.otherShapes(source) {
      // Its layers say nothing of sizes, but for padding.
      let other = try CoreMLNetwork(one: source.copy(input: shape), options)
      let (mine, theirs) = (model.layers, other.model.layers)
      if let changed = zip(mine, theirs).first(where: { $0 != $1 })?.0 {
        throw AthanorError(
          .unsupported, at: changed.name, "this layer depends on the size of what goes in",
          fix: "Export one size, or use padding: .valid.")
      }
    }
    if options.flexibility != nil { model.version = max(model.version, 3) }
  }

  private init(one source: Model, _ options: CoreMLOptions) throws {
    try options.check(source)
    let shape = source.inputShape
    let isPicture = options.takesPictures
    guard isPicture || shape.count == 1 else {
      throw AthanorError(
        .unsupported, at: "Core ML", "numbers of shape \(Shape.text(shape)) are to go into a .mlmodel",
        fix: "Export with input: .picture(), or an .mlpackage.")
    }
    let input = options.inputName ?? (isPicture ? "image" : "input")
    guard source.inputs.count == 1, source.outputs.count == 1 else {
      throw AthanorError(
        .unsupported, at: "Core ML",
        "the model has \(source.inputs.count) inputs and \(source.outputs.count) outputs, and a .mlmodel one of each here",
        fix: "Export an .mlpackage.")
    }
    let program = try Program(source, inputs: [input], isPicture: isPicture) { try options.scaled($0, source) }
    let (last, count) = (program.outputs[0].name, program.outputs[0].shape?.last ?? 0)
    guard program.outputs[0].shape?.count == 2 else { throw CoreMLNetwork.refusal(source) }
    let builder = try NetworkBuilder(
      program, usesHalfPrecision: options.precision == .float16, compression: options.compression)
    guard builder.layers.last?.outputs == [last] else { throw CoreMLNetwork.refusal(source) }
    let result = options.outputName ?? (options.labels == nil ? "output" : "classLabel")
    var network = ProtoNeuralNetwork()
    network.layers = builder.layers
    if options.labels == nil { network.layers[network.layers.count - 1].outputs = [result] }
    if isPicture {
      let bias = builder.pictureBias ?? [0]
      network.preprocessing = [
        .with {
          $0.scaler.channelScale = builder.pictureScale ?? 1
          // By colour, whatever the order of the channels.
          $0.scaler.grayBias = bias[0]
          ($0.scaler.redBias, $0.scaler.greenBias, $0.scaler.blueBias) = (
            bias[0], bias[bias.count / 2], bias[bias.count - 1]
          )
        }
      ]
    }
    var outputs: [(name: String, feature: ProtoFeatureType)] = []
    switch options.labels {
    case nil:
      outputs = [(result, .with { $0.array = .with { ($0.shape, $0.dataType) = ([Int64(count)], 65568) } })]
      model.neuralNetwork = network
    case .texts(let labels):
      network.stringLabels.values = labels
      outputs = [
        (result, .with { $0.string = ProtoEmpty() }),
        ("classLabelProbabilities", .with { $0.dictionary = .with { $0.string = ProtoEmpty() } }),
      ]
    case .integers(let labels):
      network.integerLabels.values = labels.map { Int64($0) }
      outputs = [
        (result, .with { $0.int64 = ProtoEmpty() }),
        ("classLabelProbabilities", .with { $0.dictionary = .with { $0.int64 = ProtoEmpty() } }),
      ]
    }
    if options.labels != nil {
      network.probabilities = last
      model.neuralNetworkClassifier = network
    }
    model.version = options.compression != nil ? 3 : options.precision == .float16 ? 2 : 1
    model.description_p = try options.description([(input, [1] + shape)], outputs)
    if !isPicture { model.description_p.inputs[0].type.array.shape = shape.map { Int64($0) } }
  }
}

extension CoreMLNetwork {
  private static func refusal(_ source: Model) -> AthanorError {
    AthanorError(
      .unsupported, at: "Core ML", "the network's result has shape \(source.outputShape)",
      fix: "A .mlmodel gives one row of numbers; export an .mlpackage.")
  }
}

extension ProtoModel {
  /// The layers of a neural network.
  fileprivate var layers: [ProtoLayer] {
    switch kind {
    case .neuralNetwork(let network), .neuralNetworkClassifier(let network), .neuralNetworkRegressor(let network):
      network.layers
    case .program, nil: []
    }
  }
}
