import Athanor
import AthanorCore

/// A model in Core ML's format before ML Program: for iOS 11, with half-precision weights for iOS 11.2.
package struct CoreMLNetwork {
  package private(set) var model = ProtoModel()

  /// - Throws: `AthanorError` that names the layer, when the format cannot hold the network.
  package init(_ source: Model, _ options: CoreMLOptions) throws {
    try options.check(source)
    let shape = source.inputShape
    var isPicture = false
    if case .picture = options.input { isPicture = true }
    guard isPicture || shape.count == 1 else {
      throw AthanorError(
        .unsupported, at: "Core ML", "numbers of shape \(Shape.text(shape)) are to go into a .mlmodel",
        fix: "Export with input: .picture(), or an .mlpackage.")
    }
    let input = options.inputName ?? (isPicture ? "image" : "input")
    let builder = NetworkBuilder(input: input, usesHalfPrecision: options.precision == .float16)
    let value = ExportValue(.named(input), shape: [1] + shape, order: isPicture ? .channelsFirst : .plain)
    let prediction = try builder.write(source.network.exportGraph(options.feed), value, of: source)
    guard case .named(let last) = prediction.content, prediction.shape.count == 2,
      builder.layers.last?.outputs == [last]
    else {
      throw AthanorError(
        .unsupported, at: "Core ML", "the network's result has shape \(source.outputShape)",
        fix: "A .mlmodel gives one row of numbers; export an .mlpackage.")
    }
    let result = options.outputName ?? (options.labels == nil ? "output" : "classLabel")
    var network = ProtoNeuralNetwork()
    network.layers = builder.layers
    if options.labels == nil { network.layers[network.layers.count - 1].outputs = [result] }
    if isPicture {
      network.preprocessing = [.with { $0.scaler.channelScale = builder.pictureScale ?? 1 }]
    }
    var outputs: [(name: String, feature: ProtoFeatureType)] = []
    switch options.labels {
    case nil:
      let count = Int64(prediction.shape[1])
      outputs = [(result, .with { $0.array = .with { ($0.shape, $0.dataType) = ([count], 65568) } })]
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
    model.version = options.precision == .float16 ? 2 : 1
    model.description_p = options.description(input, value, outputs)
    if !isPicture { model.description_p.inputs[0].type.array.shape = shape.map { Int64($0) } }
  }
}
