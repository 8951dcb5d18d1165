import Athanor
import AthanorCoreML
import AthanorDatasets
import AthanorKeras
import AthanorONNX
import Foundation

import struct Athanor.Port

/// A model as the service answers with it: immutable, so that a request that began with it ends with it although another one has taken its
/// place.
final class ServedModel: Sendable {
  /// How pictures go in and what the numbers mean; nil for a model of other data.
  struct Pictures: Sendable {
    /// With channels last, whatever order the model's own input has.
    let input: PictureInput
    let preparation: PicturePreparation?
    let answer: ClassAnswer
    let outputKind: OutputKind
    let queue: PredictionQueue
  }

  /// A layer whose responses to a picture the page shows.
  struct SeenLayer: Sendable {
    let name, kind: String
    let queue: PredictionQueue
  }

  /// What `GET /v1/model` says.
  let description: JSONValue
  let inputs: [Port]
  let pictures: Pictures?
  let seenLayers: [SeenLayer]
  private let outputs: [Port]
  private let queue: PredictionQueue

  /// Reads a model file.
  ///
  /// - Throws: `AthanorError` when it is none.
  convenience init(contentsOf path: String, metrics: ServiceMetrics) throws {
    try self.init(Model(contentsOf: path), file: path, metrics: metrics)
  }

  init(_ model: Model, file: String, metrics: ServiceMetrics) throws {
    (inputs, outputs) = (model.inputs, model.outputs)
    queue = try ServedModel.queue(model, metrics)
    let network = try model.takingChannelsLast()
    if let input = network.pictureInput,
      let answer = try? ClassAnswer(of: model, names: model.classNames, at: file)
    {
      pictures = Pictures(
        input: input, preparation: model.usualPreparation, answer: answer, outputKind: model.outputKind,
        queue: model.pictureLayout == .channelsLast ? queue : try ServedModel.queue(network, metrics))
      seenLayers = try ServedModel.seenLayers(of: model, network)
    } else {
      (pictures, seenLayers) = (nil, [])
    }
    description = ServedModel.description(model, file, pictures)
  }

  /// The label and the numbers for a picture that was made an input.
  func answer(to input: Tensor, _ pictures: Pictures) async throws -> [String: JSONValue] {
    let output = try await pictures.queue.predict([input], count: 1)[0]
    return pictures.answer.fields(pictures.outputKind.probabilities(of: output).floats)
  }

  // MARK: Making

  private static func queue(_ model: Model, _ metrics: ServiceMetrics?) throws -> PredictionQueue {
    let predictor = try model.predictor()
    let (inputs, outputs) = (model.inputs.map(\.name), model.outputs.map(\.name))
    // Requests share a batch where the model counts examples along the first axis of all inputs and outputs, and takes any number of them.
    let isOpen =
      model.inputs.allSatisfy { $0.exampleAxis == 0 && $0.lengths[0] == .batch }
      && model.outputs.allSatisfy { $0.exampleAxis == 0 }
    return PredictionQueue(threadCount: ThreadPool.coreCount, batchLimit: isOpen ? 64 : 1) { tensors in
      let start = ContinuousClock.now
      let named = Dictionary(zip(inputs, tensors)) { first, _ in first }
      let count = tensors.first?.shape.first ?? 1
      let results = try predictor.predict(named, batchSize: isOpen ? max(count, 1) : 32)
      metrics?.computed(count, in: ContinuousClock.now - start)
      return outputs.compactMap { results[$0] }
    }
  }

  /// The first layers that make feature maps, three at most: those with weights, and those that make maps smaller. Dropout and padding show
  /// nothing new.
  private static func seenLayers(of model: Model, _ network: Model) throws -> [SeenLayer] {
    let rows = Dictionary(model.summaryRows.map { ($0.name, $0) }) { first, _ in first }
    var layers: [SeenLayer] = []
    var height = Int.max
    for (name, shape) in model.layersWithMaps where layers.count < 3 {
      guard let row = rows[name], row.parameters > 0 || (shape[1] ?? 0) < height else { continue }
      height = shape[1] ?? height
      layers.append(SeenLayer(name: name, kind: row.kind, queue: try queue(network.truncated(after: name), nil)))
    }
    return layers
  }

  private static func description(_ model: Model, _ file: String, _ pictures: Pictures?) -> JSONValue {
    func json(_ ports: [Port]) -> JSONValue {
      .array(
        ports.map { port in
          .object([
            "name": .text(port.name), "type": .text(port.dtype.rawValue),
            "shape": .array(port.lengths.map { $0.fixed.map(JSONValue.integer) ?? .null }),
          ])
        })
    }
    var fields: [String: JSONValue] = [
      "name": .text(model.name), "file": .text((file as NSString).lastPathComponent),
      "parameters": .integer(model.parameterCount), "inputs": json(model.inputs), "outputs": json(model.outputs),
      "layers": .array(
        model.summaryRows.map { row in
          .object([
            "name": .text(row.name), "kind": .text(row.kind), "output": .text(row.output),
            "parameters": .integer(row.parameters),
          ])
        }),
    ]
    if let pictures {
      let shape = pictures.input.shape.map { $0 > 0 ? JSONValue.integer($0) : .null }
      fields["picture"] = .object([
        "height": shape[0], "width": shape[1], "channels": shape[2],
        "preparation": pictures.preparation.map { .text($0.rawValue) } ?? .null,
      ])
      fields["labels"] = pictures.answer.names.jsonValue
      fields["numbers"] = .text(pictures.answer.reading.key)
    }
    return .object(fields)
  }
}

extension ServedModel {
  /// - Throws: `ServiceError` when the model takes no pictures, or its numbers are none of classes.
  func requirePictures() throws -> Pictures {
    if let pictures { return pictures }
    let names = inputs.map { "\"\($0.name)\": [...]" }.joined(separator: ", ")
    throw ServiceError(
      .unprocessableContent, "the model takes no pictures but \(inputs.map(\.description).joined(separator: "; "))",
      fix: "Send JSON: {\"inputs\": {\(names)}}.")
  }

  /// The outputs of each example, by name; one object for all where an output does not count examples along its first axis.
  func predictions(_ tensors: [Tensor], count: Int) async throws -> JSONValue {
    let results = try await queue.predict(tensors, count: count).map(\.json)
    let isSplit = outputs.allSatisfy { $0.exampleAxis == 0 }
    return .array(
      (0..<(isSplit ? count : 1)).map { example in
        let named = zip(outputs, results).map { port, result in
          if isSplit, case .array(let examples) = result { (port.name, examples[example]) } else { (port.name, result) }
        }
        return .object(Dictionary(named) { first, _ in first })
      })
  }
}

extension Tensor {
  /// The numbers as nested arrays; null for what is not finite.
  fileprivate var json: JSONValue {
    let numbers: [JSONValue] =
      switch storage {
      case .float32(let values): values.map(JSONValue.init(finite:))
      case .float64(let values): values.map { $0.isFinite ? .number($0) : .null }
      case .int32(let values): values.map { .integer(Int($0)) }
      case .uint8(let values): values.map { .integer(Int($0)) }
      }
    guard !numbers.isEmpty else { return .array([]) }
    // From the last axis on, each axis gathers what is there into arrays of its length.
    return shape.reversed().reduce(numbers) { values, length in
      stride(from: 0, to: values.count, by: length).map { .array(Array(values[$0..<$0 + length])) }
    }[0]
  }
}
