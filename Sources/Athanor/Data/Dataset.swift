@_exported import AthanorCore

/// Examples to learn from: inputs, and what should come out for each.
///
/// Inputs of bytes (pixels) stay bytes in memory; each batch is multiplied by a scale as it enters the model, which for
/// pictures is 1/255 as in the tutorials.
///
/// - Example:
///   ```swift
///   let xor = try Dataset(
///     inputs: Tensor(shape: [4, 2], [0, 0, 0, 1, 1, 0, 1, 1]), targets: Tensor(shape: [4, 1], [0, 1, 1, 0]))
///   ```
public struct Dataset: Hashable, Sendable {
  /// What goes in: `[N, ...]`.
  public let inputs: Tensor
  /// What should come out: class numbers `[N]` as integers, or one row of numbers for each example `[N, ...]`.
  public let targets: Tensor
  /// What an input's element is multiplied by when it enters the model, where this was given: 1/255 for pixels otherwise.
  public var inputScale: Float { givenScale ?? (inputs.dtype == .uint8 ? 1 / 255 : 1) }
  /// nil leaves it to the model, which knows what it was trained with.
  package let givenScale: Float?
  /// How much each example counts `[N]`; nil when all count alike.
  public let sampleWeights: [Float]?
  /// The names of the classes, by number; nil when they have none.
  public let classNames: [String]?

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
    guard let count = inputs.shape.first, let targetCount = targets.shape.first else {
      throw AthanorError(
        .shape, at: "Dataset", "inputs \(inputs.shape) and targets \(targets.shape) need a first axis of examples",
        fix: "Give inputs of shape [N, ...] and targets of shape [N] or [N, ...].")
    }
    guard count == targetCount else {
      throw AthanorError(
        .data, at: "Dataset", "there are \(count) inputs but \(targetCount) targets",
        fix: "Each input needs exactly one target; check that both come from the same split.")
    }
    if let sampleWeights {
      guard sampleWeights.count == count else {
        throw AthanorError(
          .data, at: "Dataset", "there are \(count) inputs but \(sampleWeights.count) sample weights",
          fix: "Give one weight for each input.")
      }
      if let place = sampleWeights.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
        throw AthanorError(
          .data, at: "Dataset", "sample weight \(place) is \(sampleWeights[place]) but must be zero or more and finite")
      }
    }
    self.inputs = inputs
    self.targets = targets
    givenScale = inputScale
    self.sampleWeights = sampleWeights
    self.classNames = classNames
  }

  /// How many examples there are.
  public var count: Int { inputs.shape[0] }

  /// The first `count` examples, or all when there are fewer.
  public func prefix(_ count: Int) -> Dataset { slice(0..<Swift.min(Swift.max(count, 0), self.count)) }

  /// The examples in a range, which must lie within the data set.
  package func slice(_ range: Range<Int>) -> Dataset {
    Dataset(
      unchecked: Dataset.slice(inputs, range), Dataset.slice(targets, range), givenScale,
      sampleWeights.map { Array($0[range]) }, classNames)
  }

  private init(
    unchecked inputs: Tensor, _ targets: Tensor, _ givenScale: Float?, _ sampleWeights: [Float]?,
    _ classNames: [String]?
  ) {
    self.inputs = inputs
    self.targets = targets
    self.givenScale = givenScale
    self.sampleWeights = sampleWeights
    self.classNames = classNames
  }

  private static func slice(_ tensor: Tensor, _ range: Range<Int>) -> Tensor {
    let stride = tensor.shape.dropFirst().reduce(1, *)
    let elements = range.lowerBound * stride..<range.upperBound * stride
    let storage: Tensor.Storage =
      switch tensor.storage {
      case .float32(let values): .float32(Array(values[elements]))
      case .float64(let values): .float64(Array(values[elements]))
      case .int32(let values): .int32(Array(values[elements]))
      case .uint8(let values): .uint8(Array(values[elements]))
      }
    return Tensor(uncheckedShape: [range.count] + tensor.shape.dropFirst(), storage)
  }
}
