@_exported import AthanorCore

/// Examples to learn from: inputs, and the targets of each, by name where there are several.
///
/// Inputs of bytes (pixels) stay bytes in memory; each batch is multiplied by a scale as it enters the model, which for
/// pictures is 1/255 as in the tutorials.
///
/// - Example:
///   ```swift
///   let xor = try Dataset(
///     inputs: Tensor(shape: [4, 2], [0, 0, 0, 1, 1, 0, 1, 1]), targets: Tensor(shape: [4, 1], [0, 1, 1, 0]))
///   let people = try Dataset(
///     inputs: ["picture": pictures, "age": ages], targets: ["kind": kinds, "size": sizes],
///     sampleWeights: ["size": certainties])
///   ```
public struct Dataset: DataSource, Hashable, Sendable {
  /// The name of what needs none: the one input, the one target, the weights of all outputs.
  package static let unnamed = ""

  /// The inputs by name, each `[N, ...]`; a single one may have no name.
  package let inputsByName: [String: Tensor]
  /// The targets by the outputs' names: class numbers `[N]` as integers, or one row of numbers for each example `[N, ...]`.
  package let targetsByName: [String: Tensor]
  /// The weights in the loss, `[N]` or one for each time step `[N, T]`, by the outputs' names.
  package let weightsByName: [String: Tensor]
  /// What counts in loss and metrics, of the same shapes, by the outputs' names; 0 for what does not.
  package let masksByName: [String: Tensor]
  /// nil leaves it to the model, which knows what it was trained with.
  package let givenScale: Float?
  /// The names of the classes, by number; nil when they have none.
  public let classNames: [String]?
  /// How the pictures were prepared; a model that learns from them takes it over. nil when that is not known or nothing was done.
  public var picturePreparation: PicturePreparation?
  /// The number of examples.
  public let count: Int

  /// The input; of several the first by name.
  public var inputs: Tensor { Dataset.first(inputsByName) }
  /// The targets; of several the first by name.
  public var targets: Tensor { Dataset.first(targetsByName) }
  /// The weight of each example `[N]` for all outputs; nil when all count alike.
  public var sampleWeights: [Float]? { weightsByName[Dataset.unnamed]?.floats }
  /// Factor applied to an input's elements as they enter the model, where it was given; 1/255 for pixels otherwise.
  public var inputScale: Float { givenScale ?? (inputs.dtype == .uint8 ? 1 / 255 : 1) }

  static func first(_ tensors: [String: Tensor]) -> Tensor {
    tensors.min { $0.key < $1.key }?.value ?? Tensor(zeros: [0])
  }

  /// Puts inputs and targets together.
  ///
  /// - Parameters:
  ///   - inputs: `[N, ...]`, of any element type.
  ///   - targets: integers `[N]` (class numbers) or numbers `[N, ...]`.
  ///   - inputScale: The factor for inputs; by default the model's `pixelScale` for bytes (1/255 for a new model) and 1 for everything
  ///     else.
  ///   - sampleWeights: One weight of zero or more for each example.
  ///   - classNames: The names of the classes by number.
  /// - Throws: `AthanorError` when the counts differ or a weight is negative or not finite.
  public init(
    inputs: Tensor, targets: Tensor, inputScale: Float? = nil, sampleWeights: [Float]? = nil,
    classNames: [String]? = nil
  ) throws {
    try self.init(
      inputs: [Dataset.unnamed: inputs], targets: [Dataset.unnamed: targets], inputScale: inputScale,
      sampleWeights: sampleWeights.map { [Dataset.unnamed: $0] } ?? [:], classNames: classNames)
  }

  /// Puts several inputs and targets together, with one weight for each example.
  ///
  /// - Parameters:
  ///   - inputs: A tensor `[N, ...]` for each input of the model, by its name.
  ///   - targets: A tensor for each output that has a loss or a metric, by its name.
  ///   - inputScale: The factor for float32 inputs that are given as bytes; by default the model's `pixelScale`.
  ///   - sampleWeights: One weight of zero or more for each example, by output.
  ///   - classNames: The names of the classes by number.
  /// - Throws: `AthanorError` when there are no inputs, the counts differ, or a weight is negative or not finite.
  public init(
    inputs: [String: Tensor], targets: [String: Tensor], inputScale: Float? = nil, sampleWeights: [String: [Float]],
    classNames: [String]? = nil
  ) throws {
    try self.init(
      inputs: inputs, targets: targets, inputScale: inputScale,
      sampleWeights: sampleWeights.mapValues { Tensor(uncheckedShape: [$0.count], .float32($0)) },
      classNames: classNames)
  }

  /// Puts several inputs and targets together, with weights and masks of examples or of their time steps.
  ///
  /// - Parameters:
  ///   - inputs: A tensor `[N, ...]` for each input of the model, by its name; a single one may have the name "".
  ///   - targets: A tensor for each output that has a loss or a metric, by its name; a single one may have the name "".
  ///   - inputScale: The factor for float32 inputs that are given as bytes; by default the model's `pixelScale`.
  ///   - sampleWeights: Weights of zero or more, `[N]` or `[N, T]`, by output; those of the name "" are for all outputs.
  ///   - masks: What counts in loss and metrics, `[N]` or `[N, T]`, by output: 0 for what does not. A mask that the output has from the
  ///     network (`Masking`) holds as well. That of the name "" is for all outputs.
  ///   - classNames: The names of the classes by number.
  /// - Throws: `AthanorError` when there are no inputs, the counts differ, or a weight is negative or not finite.
  public init(
    inputs: [String: Tensor], targets: [String: Tensor], inputScale: Float? = nil,
    sampleWeights: [String: Tensor] = [:], masks: [String: Tensor] = [:], classNames: [String]? = nil
  ) throws {
    func named(_ kind: String, _ plural: String, _ tensors: [String: Tensor]) -> [(what: String, tensor: Tensor)] {
      tensors.sorted { $0.key < $1.key }.map { ($0.key.isEmpty ? plural : "\(kind) \"\($0.key)\"", $0.value) }
    }
    let examples = named("input", "inputs", inputs) + named("target", "targets", targets)
    let marks = named("sample weights", "sample weights", sampleWeights) + named("mask", "masks", masks)
    guard !inputs.isEmpty, (examples + marks).allSatisfy({ !$0.tensor.shape.isEmpty }) else {
      throw AthanorError(
        .shape, at: "Dataset",
        (examples + marks).map { "\($0.what) \($0.tensor.shape)" }.joined(separator: " and ")
          + " need a first axis of examples",
        fix: "Give inputs of shape [N, ...] and targets of shape [N] or [N, ...].")
    }
    count = examples[0].tensor.shape[0]
    for other in examples where other.tensor.shape[0] != count {
      throw AthanorError(
        .data, at: "Dataset", "there are \(count) \(examples[0].what) but \(other.tensor.shape[0]) \(other.what)",
        fix: "Each input needs exactly one target; check that both come from the same split.")
    }
    for other in marks where other.tensor.shape[0] != count {
      let kind = other.what.hasPrefix("mask") ? "masks" : "sample weights"
      throw AthanorError(
        .data, at: "Dataset", "there are \(count) inputs but \(other.tensor.shape[0]) \(kind)",
        fix: "Give one \(kind == "masks" ? "mask" : "weight") for each input.")
    }
    for (_, weights) in sampleWeights.sorted(by: { $0.key < $1.key }) {
      if let (place, weight) = weights.floats.enumerated().first(where: { !($0.element >= 0 && $0.element.isFinite) }) {
        throw AthanorError(
          .data, at: "Dataset", "sample weight \(place) is \(weight) but must be zero or more and finite")
      }
    }
    inputsByName = inputs
    targetsByName = targets
    weightsByName = sampleWeights
    masksByName = masks
    givenScale = inputScale
    self.classNames = classNames
  }

  /// The same facts of other tensors of as many examples each.
  func replacing(
    inputs: [String: Tensor], targets: [String: Tensor], weights: [String: Tensor], masks: [String: Tensor], count: Int
  ) -> Dataset {
    Dataset(
      inputsByName: inputs, targetsByName: targets, weightsByName: weights, masksByName: masks, givenScale: givenScale,
      classNames: classNames, picturePreparation: picturePreparation, count: count)
  }

  /// The same facts of changed tensors, each of which has `count` examples then.
  func mapTensors(count: Int, _ change: (Tensor) throws -> Tensor) rethrows -> Dataset {
    try replacing(
      inputs: inputsByName.mapValues(change), targets: targetsByName.mapValues(change),
      weights: weightsByName.mapValues(change), masks: masksByName.mapValues(change), count: count)
  }

  private init(
    inputsByName: [String: Tensor], targetsByName: [String: Tensor], weightsByName: [String: Tensor],
    masksByName: [String: Tensor], givenScale: Float?, classNames: [String]?, picturePreparation: PicturePreparation?,
    count: Int
  ) {
    self.inputsByName = inputsByName
    self.targetsByName = targetsByName
    self.weightsByName = weightsByName
    self.masksByName = masksByName
    self.givenScale = givenScale
    self.classNames = classNames
    self.picturePreparation = picturePreparation
    self.count = count
  }
}

extension Tensor {
  /// The rows in a range, which must lie within the tensor.
  package func slice(_ range: Range<Int>) -> Tensor {
    let stride = shape.dropFirst().reduce(1, *)
    let elements = range.lowerBound * stride..<range.upperBound * stride
    let part: Storage =
      switch storage {
      case .float32(let values): .float32(Array(values[elements]))
      case .float64(let values): .float64(Array(values[elements]))
      case .int32(let values): .int32(Array(values[elements]))
      case .uint8(let values): .uint8(Array(values[elements]))
      }
    return Tensor(uncheckedShape: [range.count] + shape.dropFirst(), part)
  }
}
