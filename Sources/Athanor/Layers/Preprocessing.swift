/// Multiplies and shifts numbers, for example pixels of 0 to 255: `[N, ...] -> [N, ...]`, `y = x * scale + offset`. Integers become
/// floating-point numbers.
///
/// It is part of the model, so that files and exports keep it. Bytes of a data set arrive already multiplied by its `inputScale`; give
/// the data set `inputScale: 1` when this layer is to scale them. Source: `keras.layers.Rescaling`.
///
/// - Throws: when built: `AthanorError` if a number is not finite, or there is neither one nor one for each channel.
/// - Example:
///   ```swift
///   Rescaling(1 / 127.5, offset: [-1])
///   ```
public struct Rescaling: Layer {
  /// The factor: one number, or one for each place of the last axis.
  public var scale: [Double]
  /// What is added: one number, or one for each place of the last axis.
  public var offset: [Double]
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a rescaling with the same factor everywhere.
  public init(_ scale: Double, offset: [Double] = [0], name: String? = nil) {
    self.init([scale], offset: offset, name: name)
  }

  /// Describes a rescaling with a factor for each place of the last axis.
  public init(_ scale: [Double], offset: [Double] = [0], name: String? = nil) {
    self.scale = scale
    self.offset = offset
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let input = try input.floating
    let factor = try perChannel(scale, "scale", input, scope)
    let summand = try perChannel(offset, "offset", input, scope)
    let scaled = try scale == [1] ? input : input * factor
    return try offset == [0] ? scaled : scaled + summand
  }
}

extension Rescaling: SerializableLayer {
  public init(unconfigured name: String) { self.init(1, name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    try settings.field("scale", &scale)
    try settings.field("offset", &offset, default: [0])
  }
}

extension Rescaling: ImportableLayer, AbsorbingLayer {
  package static func imported(_ nodes: ImportedNodes) -> ImportedLayer? {
    guard let function = nodes.operation(Binary.self)?.function else { return nil }
    // What is added to each channel of an input prepares data; elsewhere it is trained.
    if function == .add, nodes.readsInput, nodes.inputShape.rank > 1, let offset = nodes.weight(1),
      offset.floats.allSatisfy(\.isFinite),
      offset.shape.map(Optional.some) == Array(nodes.inputShape.lengths.suffix(1))
    {
      return nodes.layer(Rescaling(1, offset: offset.floats.map { Double($0) }))
    }
    guard let number = nodes.number(1), number.isFinite else { return nil }
    switch function {
    case .multiply: return nodes.layer(Rescaling(number))
    case .add: return nodes.layer(Rescaling(1, offset: [number]))
    default: return nil
    }
  }

  package func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)? {
    guard offset == [0], let next = next as? Rescaling, next.scale == [1] else { return nil }
    return Rescaling(scale, offset: next.offset)
  }
}

/// Brings each channel to mean 0 and variance 1 by numbers that are known before training: `[N, ..., C] -> [N, ..., C]`.
///
/// `y = (x - mean) / max(sqrt(variance), 1e-7)`. Without numbers it has the weights `mean [C]`, `variance [C]` and `count []`, as a
/// layer that Keras has adapted. Source: `keras.layers.Normalization` with `axis=-1`.
///
/// - Throws: when built: `AthanorError` if there is neither one number nor one for each channel, or a variance is negative.
/// - Example:
///   ```swift
///   let layer = try Normalization.adapted(to: train)
///   ```
public struct Normalization: Layer {
  /// What is subtracted, and by what it is divided; nil for weights. One number, or one for each place of the last axis.
  public var mean: [Double]?
  /// The square of what the rest is divided by; nil for weights.
  public var variance: [Double]?
  /// The axis of the channels: the last one, which files may also count from the front; nil for one mean and variance of all numbers.
  package var axis: Int? = -1
  public let name: String?
  public var maskRule: MaskRule { .passes }

  /// Describes a normalisation by known numbers.
  public init(mean: [Double], variance: [Double], name: String? = nil) {
    self.mean = mean
    self.variance = variance
    self.name = name
  }

  /// Describes a normalisation by weights, which a file holds.
  package init(name: String?) {
    mean = nil
    variance = nil
    self.name = name
  }

  /// A normalisation by the mean and variance of each channel of some data, as the model sees them (bytes times their scale).
  ///
  /// - Throws: `AthanorError` when there are no examples.
  public static func adapted(to data: Dataset, name: String? = nil) throws -> Normalization {
    let values = data.inputs.floats
    let channels = data.inputs.shape.count > 1 ? max(1, data.inputs.shape.last ?? 1) : 1
    guard !values.isEmpty else {
      throw AthanorError(.data, at: "Normalization", "there are no examples to adapt to", fix: "Give some.")
    }
    let (count, scale) = (Double(values.count / channels), Double(data.inputScale))
    var sums = [Double](repeating: 0, count: channels)
    for (index, value) in values.enumerated() { sums[index % channels] += Double(value) }
    let means = sums.map { $0 / count }
    var squares = [Double](repeating: 0, count: channels)
    for (index, value) in values.enumerated() {
      let difference = Double(value) - means[index % channels]
      squares[index % channels] += difference * difference
    }
    return Normalization(
      mean: means.map { $0 * scale }, variance: squares.map { $0 / count * scale * scale }, name: name)
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let input = try input.floating
    guard let mean, let variance else {
      let shape = try axis.map { [try input.shape.channels($0)] } ?? []
      let mean = try scope.weight("mean", shape: shape, initializer: .zeros, isTrainable: false)
      let variance = try scope.weight("variance", shape: shape, initializer: .ones, isTrainable: false)
      _ = try scope.weight("count", shape: [], initializer: .zeros, isTrainable: false)
      return try (input - mean) / sqrt(variance).binary(.maximum, 1e-7)
    }
    guard variance.allSatisfy({ $0 >= 0 }) else {
      throw AthanorError(.argument, at: "", "variance is \(variance) but must be 0 or more")
    }
    if let axis, mean.count > 1 || variance.count > 1 { _ = try input.shape.channels(axis) }
    let deviation = variance.map { max($0.squareRoot(), 1e-7) }
    let centred = try input - perChannel(mean, "mean", input, scope)
    return try centred / perChannel(deviation, "variance", input, scope)
  }
}

extension Normalization: SerializableLayer {
  public init(unconfigured name: String) { self.init(name: name) }

  public mutating func configure(_ settings: inout Settings) throws {
    var axes = [axis].compactMap(\.self)
    try settings.axes(&axes)
    guard axes.count <= 1 else { throw settings.error("axis", expected: "at most one axis") }
    axis = axes.first
    try settings.fixed("invert", false)
    try settings.field("mean", &mean)
    try settings.field("variance", &variance)
    guard (mean == nil) == (variance == nil) else {
      throw settings.error("variance", expected: "numbers where there is a mean, and otherwise nothing,")
    }
  }
}

/// One number, or one for each place of the input's last axis, as a value.
private func perChannel(_ numbers: [Double], _ what: String, _ input: Value, _ scope: Scope) throws -> Value {
  let channels = input.shape.rank > 1 ? input.shape.lengths.last ?? nil : nil
  guard numbers.allSatisfy(\.isFinite), numbers.count == 1 || numbers.count == channels else {
    throw AthanorError(
      .argument, at: "",
      "\(what) is \(numbers), but one finite number or \(channels ?? 1) are needed for shape \(input.shape)")
  }
  return try numbers.count == 1 ? scope.builder.constant(numbers[0]) : scope.builder.constant(numbers, [numbers.count])
}
