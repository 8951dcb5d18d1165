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
public struct Dataset: Hashable, Sendable {
  /// The name of what needs none: the one input, the one target, the weights of all outputs.
  package static let unnamed = ""

  /// The inputs by name, each `[N, ...]`; a single one may have no name.
  package let inputsByName: [String: Tensor]
  /// The targets by the outputs' names: class numbers `[N]` as integers, or one row of numbers for each example `[N, ...]`.
  package let targetsByName: [String: Tensor]
  /// The weight of each example `[N]` in the loss, by the outputs' names.
  package let weightsByName: [String: [Float]]
  /// nil leaves it to the model, which knows what it was trained with.
  package let givenScale: Float?
  /// The names of the classes, by number; nil when they have none.
  public let classNames: [String]?
  /// The number of examples.
  public let count: Int

  /// The input; of several the first by name.
  public var inputs: Tensor { Dataset.first(inputsByName) }
  /// The targets; of several the first by name.
  public var targets: Tensor { Dataset.first(targetsByName) }
  /// The weight of each example `[N]` for all outputs; nil when all count alike.
  public var sampleWeights: [Float]? { weightsByName[Dataset.unnamed] }
  /// Factor applied to an input's elements as they enter the model, where it was given; 1/255 for pixels otherwise.
  public var inputScale: Float { givenScale ?? (inputs.dtype == .uint8 ? 1 / 255 : 1) }

  private static func first(_ tensors: [String: Tensor]) -> Tensor {
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

  /// Puts several inputs and targets together.
  ///
  /// - Parameters:
  ///   - inputs: A tensor `[N, ...]` for each input of the model, by its name.
  ///   - targets: A tensor for each output that has a loss or a metric, by its name.
  ///   - inputScale: The factor for float32 inputs that are given as bytes; by default the model's `pixelScale`.
  ///   - sampleWeights: One weight of zero or more for each example, by output.
  ///   - classNames: The names of the classes by number.
  /// - Throws: `AthanorError` when there are no inputs, the counts differ, or a weight is negative or not finite.
  public init(
    inputs: [String: Tensor], targets: [String: Tensor], inputScale: Float? = nil,
    sampleWeights: [String: [Float]] = [:], classNames: [String]? = nil
  ) throws {
    func what(_ kind: String, _ name: String) -> String { name.isEmpty ? kind + "s" : "\(kind) \"\(name)\"" }
    let named =
      inputs.map { (what: what("input", $0.key), tensor: $0.value) }.sorted { $0.what < $1.what }
      + targets.map { (what: what("target", $0.key), tensor: $0.value) }.sorted { $0.what < $1.what }
    guard !inputs.isEmpty, named.allSatisfy({ !$0.tensor.shape.isEmpty }) else {
      throw AthanorError(
        .shape, at: "Dataset",
        named.map { "\($0.what) \($0.tensor.shape)" }.joined(separator: " and ") + " need a first axis of examples",
        fix: "Give inputs of shape [N, ...] and targets of shape [N] or [N, ...].")
    }
    count = named[0].tensor.shape[0]
    for other in named where other.tensor.shape[0] != count {
      throw AthanorError(
        .data, at: "Dataset", "there are \(count) \(named[0].what) but \(other.tensor.shape[0]) \(other.what)",
        fix: "Each input needs exactly one target; check that both come from the same split.")
    }
    for (_, weights) in sampleWeights.sorted(by: { $0.key < $1.key }) {
      guard weights.count == count else {
        throw AthanorError(
          .data, at: "Dataset", "there are \(count) inputs but \(weights.count) sample weights",
          fix: "Give one weight for each input.")
      }
      if let place = weights.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
        throw AthanorError(
          .data, at: "Dataset", "sample weight \(place) is \(weights[place]) but must be zero or more and finite")
      }
    }
    inputsByName = inputs
    targetsByName = targets
    weightsByName = sampleWeights
    givenScale = inputScale
    self.classNames = classNames
  }

  /// The first `count` examples, or all when there are fewer.
  public func prefix(_ count: Int) -> Dataset { slice(0..<Swift.min(Swift.max(count, 0), self.count)) }

  /// The examples in a range, which must lie within the data set.
  package func slice(_ range: Range<Int>) -> Dataset {
    Dataset(
      unchecked: inputsByName.mapValues { $0.slice(range) }, targetsByName.mapValues { $0.slice(range) }, givenScale,
      weightsByName.mapValues { Array($0[range]) }, classNames, range.count)
  }

  private init(
    unchecked inputs: [String: Tensor], _ targets: [String: Tensor], _ givenScale: Float?,
    _ weights: [String: [Float]], _ classNames: [String]?, _ count: Int
  ) {
    inputsByName = inputs
    targetsByName = targets
    weightsByName = weights
    self.givenScale = givenScale
    self.classNames = classNames
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
