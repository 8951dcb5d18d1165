import Athanor
import AthanorCore

/// A model in Core ML's format before ML Program: for iOS 11, with half-precision weights for iOS 11.2.
package struct CoreMLNetwork {
  package private(set) var model = ProtoModel()

  /// - Throws: `AthanorError` that names the layer, when the format cannot hold the network.
  package init(_ source: Model, _ options: CoreMLOptions) throws {
    let (options, source) = (options.resolved(for: source), try options.prepared(source))
    let isPicture = options.takesPictures
    try CoreMLNetwork.check(source, isPicture: isPicture)
    try options.check(source)
    let fixedLengths = options.fixedLengths(source)
    guard fixedLengths[Length.batchName] != nil else {
      throw AthanorError(
        .unsupported, at: "Core ML", "a .mlmodel takes one example at a time", fix: "Export an .mlpackage.")
    }
    let shape = source.inputShape
    guard isPicture || [1, 3].contains(shape.count) else {
      throw AthanorError(
        .unsupported, at: "Core ML", "numbers of shape \(Shape.text(shape)) are to go into a .mlmodel",
        code: "Export with input: .picture(), or an .mlpackage.",
        command: "Give --image-input, or export an .mlpackage.")
    }
    let input = options.inputName ?? (isPicture ? "image" : "input")
    let program = try Program(
      options.opened(source), inputs: [input], isPicture: isPicture, fixedLengths: fixedLengths
    ) { try options.scaled($0, source) }
    let last = program.outputs[0].name
    guard let result = program.outputs[0].shape, result.rank == 2, let count = result[1] else {
      throw CoreMLNetwork.refusal(source)
    }
    let builder = try NetworkBuilder(
      program, usesHalfPrecision: options.precision == .float16, compression: options.compression)
    guard builder.layers.last?.outputs == [last] else { throw CoreMLNetwork.refusal(source) }
    let name = options.outputName ?? (options.labels == nil ? "output" : "classLabel")
    var network = ProtoNeuralNetwork()
    network.layers = builder.layers
    if options.labels == nil { network.layers[network.layers.count - 1].outputs = [name] }
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
      outputs = [(name, .with { $0.array = .with { ($0.shape, $0.dataType) = ([Int64(count)], 65568) } })]
      model.neuralNetwork = network
    case .texts(let labels):
      network.stringLabels.values = labels
      outputs = [
        (name, .with { $0.string = ProtoEmpty() }),
        ("classLabelProbabilities", .with { $0.dictionary = .with { $0.string = ProtoEmpty() } }),
      ]
    case .integers(let labels):
      network.integerLabels.values = labels.map { Int64($0) }
      outputs = [
        (name, .with { $0.int64 = ProtoEmpty() }),
        ("classLabelProbabilities", .with { $0.dictionary = .with { $0.int64 = ProtoEmpty() } }),
      ]
    }
    if options.labels != nil {
      network.probabilities = last
      model.neuralNetworkClassifier = network
    }
    model.version =
      options.compression != nil || options.flexibility != nil ? 3 : options.precision == .float16 ? 2 : 1
    model.description_p = try options.description(source, inputs: [input], outputs)
    if !isPicture { model.description_p.inputs[0].type.array.shape = shape.map { Int64($0) } }
  }
}

extension CoreMLNetwork {
  private static func check(_ source: Model, isPicture: Bool) throws {
    func refuse(_ what: String) -> AthanorError {
      AthanorError(.unsupported, at: "Core ML", what, fix: "Export an .mlpackage.")
    }
    guard source.inputs.count == 1, source.outputs.count == 1 else {
      throw refuse(
        "the model has \(source.inputs.count) inputs and \(source.outputs.count) outputs, and a .mlmodel one of each here"
      )
    }
    guard !isPicture else { return }
    let port = source.inputs[0]
    guard port.dtype == .float32 else {
      throw refuse("elements of type \(port.dtype.rawValue) are to go into a .mlmodel, which takes float32")
    }
    if case .open(let name)? = port.exampleLengths.first(where: { $0.fixed == nil }) {
      throw refuse("the length \"\(name)\" is open, and a .mlmodel takes arrays of fixed lengths")
    }
  }

  private static func refusal(_ source: Model) -> AthanorError {
    AthanorError(
      .unsupported, at: "Core ML", "the network's result has shape \(source.outputShape)",
      fix: "A .mlmodel gives one row of numbers; export an .mlpackage.")
  }
}
