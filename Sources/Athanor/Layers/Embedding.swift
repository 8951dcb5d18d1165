/// A layer whose input holds numbers of rows or categories, which must lie in a range.
package protocol IndexedLayer: GeneralLayer {
  /// How many there are: the input's numbers are 0 to this less 1.
  var indexCount: Int { get }
}

/// Vectors that are learnt, one for each of `inputDim` numbers: `int32 [N, ...] -> [N, ..., outputDim]`, `y = embeddings[x]`.
///
/// Weight: `embeddings [inputDim, outputDim]`. Numbers in floating point are cut towards zero. Data with a number outside of
/// `0 ..< inputDim` are refused where they go straight into the layer; otherwise the result is NaN. Source: `keras.layers.Embedding`.
///
/// - Throws: when built: `AthanorError` if `inputDim` or `outputDim` is not positive.
/// - Example:
///   ```swift
///   let words = Input([20], dtype: .int32)
///   let x = Embedding(10_000, 32, maskZero: true)(words)  // [N, 20, 32]
///   ```
public struct Embedding: Layer {
  /// How many vectors there are.
  public var inputDim: Int
  /// The length of a vector.
  public var outputDim: Int
  /// Whether 0 stands for no word: the result has a mask that is 0 there.
  public var maskZero: Bool
  /// How the vectors begin, what is added to the loss for them, and what limits them.
  public var embeddings: WeightOptions
  /// The penalty for the results, divided by the number of examples, that is added to the loss; nil for none.
  public var activityRegularizer: Regularizer?
  public let name: String?
  public var maskRule: MaskRule { .consumes }

  /// Describes an embedding.
  public init(
    _ inputDim: Int, _ outputDim: Int, maskZero: Bool = false, embeddingsInitializer: Initializer = .uniform(),
    embeddingsRegularizer: Regularizer? = nil, embeddingsConstraint: Constraint? = nil,
    activityRegularizer: Regularizer? = nil, name: String? = nil
  ) {
    self.inputDim = inputDim
    self.outputDim = outputDim
    self.maskZero = maskZero
    embeddings = WeightOptions(
      embeddingsInitializer, regularizer: embeddingsRegularizer, constraint: embeddingsConstraint)
    self.activityRegularizer = activityRegularizer
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard inputDim > 0, outputDim > 0, inputDim <= Int(Int32.max) else {
      throw AthanorError(
        .argument, at: "", "inputDim is \(inputDim) and outputDim \(outputDim), but both must be at least 1")
    }
    let table = try scope.weight("embeddings", shape: [inputDim, outputDim], embeddings)
    let index = try input.asIntegers()
    let result = try index.lookedUp(in: table)  // [N, ..., D]
    if maskZero { scope.setMask(try 1 - index.floating.equal(scope.builder.constant(0)), of: result) }
    return try scope.penalized(result, activityRegularizer)
  }
}

extension Embedding: IndexedLayer {
  package var indexCount: Int { inputDim }
}

extension Embedding: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, 0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("input_dim", &inputDim)
    try settings.field("output_dim", &outputDim)
    try settings.weight("embeddings", &embeddings, default: .uniform())
    try settings.regularizer("activity_regularizer", &activityRegularizer)
    try settings.field("mask_zero", &maskZero, default: false)
    // What Keras 2 knew of the number of time steps.
    settings.neutral("input_length", isWritten: false)
  }
}

extension Embedding: ImportableLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard nodes.operation(Lookup.self) != nil, let table = nodes.weight(1) else { return nil }
    return nodes.layer(Embedding(table.shape[0], table.shape[1]), weights: ["embeddings": table])
  }
}

/// Numbers of categories as rows of zeros and ones, or of counts: `int32 [N, T] -> [N, numTokens]`.
///
/// In the form `oneHot` there is a row for each number: `[N] -> [N, numTokens]`, `[N, 1] -> [N, numTokens]`,
/// `[N, T] -> [N, T, numTokens]`. Data with a number outside of `0 ..< numTokens` are refused where they go straight into the layer;
/// otherwise it counts as none. Source: `keras.layers.CategoryEncoding`.
///
/// - Throws: when built: `AthanorError` if `numTokens` is not positive.
/// - Example:
///   ```swift
///   let colour = Input([1], dtype: .int32)
///   let x = CategoryEncoding(4, outputMode: .oneHot)(colour)  // [N, 4]
///   ```
public struct CategoryEncoding: Layer {
  /// What a row says.
  public enum OutputMode: String, Hashable, Sendable, CaseIterable {
    /// 1 at the place of the number.
    case oneHot = "one_hot"
    /// 1 at the places of all numbers of an example.
    case multiHot = "multi_hot"
    /// How often each number stands in an example.
    case count
  }

  /// How many categories there are.
  public var numTokens: Int
  /// What a row says.
  public var outputMode: OutputMode
  public let name: String?

  /// Describes an encoding.
  public init(_ numTokens: Int, outputMode: OutputMode = .multiHot, name: String? = nil) {
    self.numTokens = numTokens
    self.outputMode = outputMode
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    guard numTokens > 0 else {
      throw AthanorError(.argument, at: "", "numTokens is \(numTokens) but must be at least 1")
    }
    let rows = try input.asIntegers().oneHot(numTokens)  // [N, T, numTokens]
    let rank = input.shape.rank
    switch outputMode {
    case .oneHot:
      guard rank > 1, input.shape[rank - 1] == 1 else { return rows }
      return try rows.reshaped(Shape(axes: input.shape.axes.dropLast() + [Shape.Axis(numTokens)]))
    case .multiHot: return rank < 2 ? rows : try rows.max(axes: [rank - 1])
    case .count: return rank < 2 ? rows : try rows.sum(axes: [rank - 1])
    }
  }
}

extension CategoryEncoding: IndexedLayer {
  package var indexCount: Int { numTokens }
}

extension CategoryEncoding: SerializableLayer {
  public init(unconfigured name: String) { self.init(0, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("num_tokens", &numTokens)
    var mode = outputMode.rawValue
    try settings.field("output_mode", &mode, default: OutputMode.multiHot.rawValue)
    guard let known = OutputMode(rawValue: mode) else {
      throw settings.error("output_mode", expected: OutputMode.allCases.map(\.rawValue).joined(separator: ", "))
    }
    outputMode = known
    try settings.fixed("sparse", false, isWritten: false)
  }
}

extension Network {
  /// How many numbers each input may hold where it goes straight into an `IndexedLayer`, and that layer's name; nil for other inputs.
  package var indexRanges: [(count: Int, layer: String)?] {
    var ranges = [(count: Int, layer: String)?](repeating: nil, count: inputs.count)
    for call in calls {
      guard let layer = entries[call.entry].layer as? any IndexedLayer else { continue }
      for case .input(let place) in call.arguments where layer.indexCount < ranges[place]?.count ?? .max {
        ranges[place] = (layer.indexCount, entries[call.entry].name)
      }
    }
    return ranges
  }
}
