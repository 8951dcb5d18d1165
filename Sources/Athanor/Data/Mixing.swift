import Foundation

/// A data source whose examples are mixtures of two examples of another one, for training: class targets become rows of probabilities.
///
/// Each example of a batch is mixed with one of the same batch: `share * a + (1 - share) * b`, its targets too. What is drawn follows from the seed, the pass
/// and the batch's number alone, so it is the same at any number of threads and after a resume. Compile with a loss for rows
/// (`categoricalCrossentropy`); accuracy counts the class of the larger share. Bytes stay bytes.
///
/// - Example:
///   ```swift
///   try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
///   try model.fit(Mixing(.mixUp(), of: train), epochs: 10, validation: test)
///   ```
public struct Mixing: DataSource {
  /// How two examples are mixed. The share is drawn for each example from the distribution Beta(alpha, alpha): near 0 or 1 for a small alpha.
  public enum Method: Hashable, Sendable {
    /// All numbers of the inputs by the share. Source: Zhang et al. 2018, `keras.layers.MixUp`.
    case mixUp(alpha: Double = 0.2)
    /// A rectangle of the pictures is that of the other example; the share is that of the rest's area. Source: Yun et al. 2019,
    /// `keras.layers.CutMix`.
    case cutMix(alpha: Double = 1)

    fileprivate var alpha: Double {
      switch self {
      case .mixUp(let alpha), .cutMix(let alpha): alpha
      }
    }
  }

  /// How two examples are mixed.
  public let method: Method
  /// The number of classes of targets that are class numbers; nil where targets are numbers.
  public let classCount: Int?
  /// The source's arrays, with rows of probabilities for class numbers.
  public let ports: DataPorts
  private let source: any DataSource

  /// The source's.
  public var exampleCount: Int? { source.exampleCount }
  /// The source's.
  public var scale: Float? { source.scale }
  /// The source's.
  public var classNames: [String]? { source.classNames }
  /// How the source's pictures were prepared.
  public var picturePreparation: PicturePreparation? { source.picturePreparation }

  /// Mixes the examples of a source.
  ///
  /// - Parameters:
  ///   - method: How two examples are mixed.
  ///   - source: Where the examples come from; its arrays have fixed lengths.
  ///   - classCount: How many classes there are; by default as many as the source has names, or a data set in memory class numbers.
  /// - Throws: `AthanorError` when alpha is not positive, or the source has arrays that cannot be mixed.
  public init(_ method: Method, of source: any DataSource, classCount: Int? = nil) throws {
    func refuse(_ problem: String, _ fix: String) -> AthanorError {
      AthanorError(.argument, at: "Mixing", problem, code: fix)
    }
    guard method.alpha > 0, method.alpha.isFinite else {
      throw refuse("alpha is \(method.alpha)", "Give a positive number, for example 0.2.")
    }
    var ports = source.ports
    guard ports.masks.isEmpty, ports.all.allSatisfy({ $0.port.exampleLengths.allSatisfy { $0.fixed != nil } }) else {
      throw refuse("the source has masks or open lengths", "Mix pictures, or rows of numbers, of one size.")
    }
    for port in ports.inputs {
      guard port.dtype == .uint8 || port.dtype.isFloatingPoint else {
        throw refuse("input \"\(port.name)\" has elements of type \(port.dtype.rawValue)", "Mix numbers or bytes.")
      }
      if case .cutMix = method, port.exampleLengths.count != 3 {
        throw refuse(
          "CutMix was asked for, but input \"\(port.name)\" is declared as \(port)",
          "Give pictures of height, width and channels, or use MixUp.")
      }
    }
    for port in ports.sampleWeights where !port.dtype.isFloatingPoint {
      throw refuse("sample weights have elements of type \(port.dtype.rawValue)", "Give them as float32.")
    }
    let classPorts = ports.targets.indices.filter { !ports.targets[$0].dtype.isFloatingPoint }
    let dataset = source.dataset
    let known =
      classCount ?? source.classNames?.count
      ?? classPorts.first.flatMap { dataset?.targetsByName[ports.targets[$0].name]?.storage.integers?.max() }
      .map { Int($0) + 1 }
    guard let known, known > 0, known <= 1 << 20 else {
      guard classPorts.isEmpty else {
        throw refuse("the number of classes is \(known.map(String.init) ?? "not known")", "Give classCount.")
      }
      (self.method, self.classCount, self.ports, self.source) = (method, nil, ports, source)
      return
    }
    guard classPorts.count <= 1, classPorts.allSatisfy({ [[], [1]].contains(ports.targets[$0].exampleLengths) }) else {
      throw refuse("several targets are class numbers", "Give one class number for each example.")
    }
    for place in classPorts {
      ports.targets[place] = Port(
        name: ports.targets[place].name, dtype: .float32, lengths: [.batch, .fixed(known)])
    }
    (self.method, self.classCount) = (method, classPorts.isEmpty ? nil : known)
    (self.ports, self.source) = (ports, source)
  }

  /// A cursor that mixes the batches of the source's.
  ///
  /// - Throws: when the source cannot be read.
  public func cursor(_ pass: DataPass) throws -> any DataCursor {
    MixingCursor(self, try source.cursor(pass), source.ports, pass)
  }
}

private final class MixingCursor: DataCursor {
  private let mixing: Mixing
  private let cursor: any DataCursor
  private let ports: DataPorts
  private let pass: DataPass
  /// What the source fills.
  private var plain: Batch?
  /// The next batch's number, among those of all shares.
  private var batch: Int

  init(_ mixing: Mixing, _ cursor: any DataCursor, _ ports: DataPorts, _ pass: DataPass) {
    self.mixing = mixing
    self.cursor = cursor
    self.ports = ports
    self.pass = pass
    batch = pass.share
  }

  private static let key = "mixing"

  var position: [String: Int]? { cursor.position?.merging([MixingCursor.key: batch]) { $1 } }

  func move(to position: [String: Int]) throws {
    guard let batch = position[MixingCursor.key], batch >= 0 else {
      throw AthanorError(
        .argument, at: "", "the checkpoint is at position \(position), which no mixed data had",
        fix: "Resume with the data of the interrupted training.")
    }
    try cursor.move(to: position.filter { $0.key != MixingCursor.key })
    self.batch = batch
  }

  /// What an example is mixed with: its partner, its own share, and the rectangle of the partner.
  private struct Mixture {
    let partner: Int
    var share: Double
    var rows = 0..<0
    var columns = 0..<0
  }

  func fill(_ target: Batch) throws -> Int {
    let plain = try self.plain ?? Batch(ports, capacity: target.capacity)
    self.plain = plain
    let count = try cursor.fill(plain)
    guard count > 0 else { return 0 }
    // A stream of its own, apart from those of weights (1) and orders (2).
    let stream = 0xA << 60 | UInt64(truncatingIfNeeded: pass.number) << 32 | UInt64(truncatingIfNeeded: batch)
    var random = RandomStream(seed: pass.seed, stream: stream)
    var mixtures = random.permutation(count).map { Mixture(partner: $0, share: 0) }
    for example in mixtures.indices { mixtures[example].share = random.nextBeta(mixing.method.alpha) }
    if case .cutMix = mixing.method { cut(&mixtures, &random) }
    for port in ports.inputs { try mixInput(port, plain, target, mixtures) }
    for port in ports.targets {
      if port.dtype.isFloatingPoint {
        try mixNumbers(.target(port.name), port.dtype, plain, target, mixtures)
      } else {
        try mixClasses(port, plain, target, mixtures)
      }
    }
    for port in ports.sampleWeights {
      try mixNumbers(.sampleWeights(port.name), port.dtype, plain, target, mixtures)
    }
    batch += pass.shareCount
    return count
  }

  /// Draws rectangles, as parts of the first picture, and sets the shares to what is left of it.
  private func cut(_ mixtures: inout [Mixture], _ random: inout RandomStream) {
    guard let lengths = ports.inputs.first?.exampleLengths.compactMap(\.fixed), lengths.count == 3 else { return }
    for example in mixtures.indices {
      let ratio = (1 - mixtures[example].share).squareRoot()
      func range(_ length: Int) -> Range<Int> {
        let size = Int((Double(length) * ratio).rounded())
        let start = Int(random.nextUniform() * Double(length - size + 1))
        return start..<start + size
      }
      let (rows, columns) = (range(lengths[0]), range(lengths[1]))
      mixtures[example].rows = rows
      mixtures[example].columns = columns
      mixtures[example].share = 1 - Double(rows.count * columns.count) / Double(lengths[0] * lengths[1])
    }
  }

  private func mixInput(_ port: Port, _ plain: Batch, _ target: Batch, _ mixtures: [Mixture]) throws {
    let part = BatchPart.input(port.name)
    if case .mixUp = mixing.method {
      guard port.dtype == .uint8 else { return try mixNumbers(part, port.dtype, plain, target, mixtures) }
      return try mix(part, UInt8.self, plain, target, mixtures) { a, b, share in
        UInt8((Double(a) * share + Double(b) * (1 - share)).rounded())
      }
    }
    switch port.dtype {
    case .uint8: try paste(port, UInt8.self, plain, target, mixtures)
    case .float64: try paste(port, Double.self, plain, target, mixtures)
    default: try paste(port, Float.self, plain, target, mixtures)
    }
  }

  private func mixNumbers(
    _ part: BatchPart, _ dtype: DType, _ plain: Batch, _ target: Batch, _ mixtures: [Mixture]
  ) throws {
    if dtype == .float64 {
      try mix(part, Double.self, plain, target, mixtures) { $0 * $2 + $1 * (1 - $2) }
    } else {
      try mix(part, Float.self, plain, target, mixtures) { $0 * Float($2) + $1 * Float(1 - $2) }
    }
  }

  private func mix<Element: BatchElement>(
    _ part: BatchPart, _ type: Element.Type, _ plain: Batch, _ target: Batch, _ mixtures: [Mixture],
    _ function: (Element, Element, Double) -> Element
  ) throws {
    try plain.withElements(part, as: type) { from in
      try target.withElements(part, as: type) { to in
        let width = from.count / plain.capacity
        for (example, mixture) in mixtures.enumerated() {
          let (own, other) = (example * width, mixture.partner * width)
          for place in 0..<width { to[own + place] = function(from[own + place], from[other + place], mixture.share) }
        }
      }
    }
  }

  /// The example's own picture with the partner's rectangle; of further pictures of other sizes the same part.
  private func paste<Element: BatchElement>(
    _ port: Port, _ type: Element.Type, _ plain: Batch, _ target: Batch, _ mixtures: [Mixture]
  ) throws {
    let lengths = port.exampleLengths.compactMap(\.fixed)
    let first = ports.inputs[0].exampleLengths.compactMap(\.fixed)
    func scaled(_ range: Range<Int>, _ axis: Int) -> Range<Int> {
      range.lowerBound * lengths[axis] / first[axis]..<range.upperBound * lengths[axis] / first[axis]
    }
    try plain.withElements(.input(port.name), as: type) { from in
      try target.withElements(.input(port.name), as: type) { to in
        let (row, width) = (lengths[1] * lengths[2], lengths.reduce(1, *))
        for (example, mixture) in mixtures.enumerated() {
          let (own, other) = (example * width, mixture.partner * width)
          for place in 0..<width { to[own + place] = from[own + place] }
          let columns = scaled(mixture.columns, 1)
          for y in scaled(mixture.rows, 0) {
            for place in y * row + columns.lowerBound * lengths[2]..<y * row + columns.upperBound * lengths[2] {
              to[own + place] = from[other + place]
            }
          }
        }
      }
    }
  }

  /// Class numbers as rows of shares.
  private func mixClasses(_ port: Port, _ plain: Batch, _ target: Batch, _ mixtures: [Mixture]) throws {
    let classes: [Int] =
      port.dtype == .uint8
      ? try plain.withElements(.target(port.name), as: UInt8.self) { $0.prefix(mixtures.count).map(Int.init) }
      : try plain.withElements(.target(port.name), as: Int32.self) { $0.prefix(mixtures.count).map(Int.init) }
    let count = mixing.classCount ?? 0
    if let place = classes.firstIndex(where: { !(0..<count).contains($0) }) {
      throw AthanorError(
        .data, at: "", "example \(place) is of class \(classes[place]) but classes 0 to \(count - 1) are mixed",
        code: "Give Mixing the number of classes as classCount.")
    }
    try target.withElements(.target(port.name), as: Float.self) { rows in
      for (example, mixture) in mixtures.enumerated() {
        for place in example * count..<(example + 1) * count { rows[place] = 0 }
        rows[example * count + classes[example]] += Float(mixture.share)
        rows[example * count + classes[mixture.partner]] += Float(1 - mixture.share)
      }
    }
  }
}

extension RandomStream {
  /// A number from the distribution Beta(a, a), as the share of one of two gamma-distributed numbers; by their logarithms, because for a small
  /// `a` they are too small for a Double.
  package mutating func nextBeta(_ a: Double) -> Double {
    let (first, second) = (nextLogGamma(a), nextLogGamma(a))
    return 1 / (1 + exp(second - first))
  }

  /// The logarithm of a number of the gamma distribution. Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
  private mutating func nextLogGamma(_ shape: Double) -> Double {
    guard shape >= 1 else { return nextLogGamma(shape + 1) + log(1 - nextUniform()) / shape }
    let d = shape - 1.0 / 3
    while true {
      let (radius, turn) = ((-2 * log(1 - nextUniform())).squareRoot(), nextUniform())
      let x = radius * cos(2 * Double.pi * turn)
      let root = 1 + x / (9 * d).squareRoot()
      let v = root * root * root
      if v > 0, log(1 - nextUniform()) < x * x / 2 + d * (1 - v + log(v)) { return log(d * v) }
    }
  }
}
