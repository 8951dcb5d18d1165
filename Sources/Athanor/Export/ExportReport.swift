import Foundation

/// What a comparison of an exported file with its model found.
public struct ExportReport: Sendable, CustomStringConvertible {
  /// How many examples both computed.
  public let examples: Int
  /// The largest difference of any result between the file and the model (with its weights compressed, if they are).
  public let largestDifference: Double
  /// What the difference had to stay below.
  public let limit: Double
  /// For how many examples the largest result is at the same place.
  public let sameFirstChoice: Int
  /// Bytes of what was written.
  public let byteCount: Int
  /// What compressed weights cost; nil when they are not compressed.
  public let compression: CompressionCost?
  /// Whether the examples were real data, and not evenly distributed numbers.
  public let usesRealData: Bool
  /// The comparison by what the files declare; nil where there are neither pictures, nor classes, nor an original.
  public internal(set) var declared: Declared?

  /// What compressed weights cost.
  public struct CompressionCost: Sendable {
    /// For how many examples the first choice is the uncompressed model's.
    public let sameFirstChoice: Int
    /// The share of right first choices before and after, where the data had classes.
    public let accuracy: (before: Double, after: Double)?
    /// Bytes that the uncompressed weights take in 32 bits.
    public let uncompressedByteCount: Int
  }

  /// More examples than this say nothing new.
  private static let mostExamples = 10_000

  init(
    _ model: Model, _ exported: Model, _ contents: ExportFormat.Contents, _ format: ExportFormat, _ samples: Dataset?,
    _ path: String
  ) throws {
    let file: Model
    do {
      file = try Model(contents.recipe(), threads: model.threadCount)
    } catch let error as AthanorError {
      throw error.within("\(path), read again")
    }
    let opened = try format.opened(exported)
    let openLengths = format.openLengths(opened)
    let samples = try Samples(
      samples?.slice(0..<min(samples?.count ?? 0, ExportReport.mostExamples)), format.pixels(model), model,
      openLengths.first ?? [:])
    func results(_ samples: Samples, _ model: Model) throws -> (got: [Tensor], expected: [Tensor]) {
      let (got, expected) = (try samples.predict(file, isFile: true), try samples.predict(model))
      func text(_ tensors: [Tensor]) -> String {
        tensors.map { "\($0.count) of type \($0.dtype.rawValue)" }.joined(separator: ", ")
      }
      guard got.map(\.count) == expected.map(\.count),
        got.map(\.dtype.isFloatingPoint) == expected.map(\.dtype.isFloatingPoint)
      else {
        throw AthanorError(
          .data, at: path, "the file gives results (\(text(got))) where the model gives \(text(expected))",
          fix: "This is a fault of the exporter; nothing was written.")
      }
      return (got, expected)
    }
    let (tensors, wanted) = try results(samples, exported)
    guard wanted.contains(where: { !$0.floats.allSatisfy(\.isNaN) }) else {
      throw AthanorError(
        .data, at: path,
        "the model gives NaN for all of \(samples.count) examples, so nothing can be compared",
        code: "Its weights have probably diverged in training: look at model.weights, and train again with a smaller "
          + "learning rate.",
        command: "Its weights have probably diverged in training: look at them with athanor inspect, and train again "
          + "with a smaller --learning-rate.")
    }
    var comparison = Comparison(tensors, wanted, format.tolerance)
    for lengths in openLengths {
      let further = try results(Samples(nil, format.pixels(model), opened, lengths), opened)
      comparison.join(Comparison(further.got, further.expected, format.tolerance))
    }
    // The first output decides what is the first choice.
    let (got, expected) = (tensors[0].floats, wanted[0].floats)
    let width = max(1, expected.count / max(1, samples.count))
    examples = samples.count
    largestDifference = comparison.difference
    limit = comparison.limit
    sameFirstChoice = ExportReport.agreeing(got, expected, width)
    byteCount = contents.byteCount
    usesRealData = samples.data != nil
    guard largestDifference <= limit else {
      throw AthanorError(
        .data, at: path,
        "what was to be written computes something else: it differs by \(ExportReport.text(largestDifference)), "
          + "where \(ExportReport.text(limit)) is allowed",
        fix:
          "Pictures are scaled otherwise than these data, half precision is too coarse for this network, or the exporter is at "
          + "fault; nothing was written.")
    }
    guard format.compression != nil else {
      compression = nil
      return
    }
    let before = try samples.predict(model)[0].floats
    let accuracies = samples.classes(width).map { classes in
      (ExportReport.accuracy(before, classes, width), ExportReport.accuracy(got, classes, width))
    }
    compression = CompressionCost(
      sameFirstChoice: ExportReport.agreeing(got, before, width),
      accuracy: accuracies.map { (before: $0.0, after: $0.1) }, uncompressedByteCount: 4 * model.parameterCount)
  }

  /// The output whose results differ most, for the size of its numbers. Integers must be equal.
  struct Comparison {
    private(set) var difference = 0.0
    private(set) var limit: Double
    var isWithinLimit: Bool { difference <= limit }
    /// For messages.
    var text: String { "they differ by \(ExportReport.text(difference)), where \(ExportReport.text(limit)) is allowed" }
    private var ratio: Double { difference / limit }

    init(_ got: [Tensor], _ expected: [Tensor], _ tolerance: Double) {
      limit = tolerance
      for (got, expected) in zip(got, expected) {
        let (numbers, wanted) = (got.floats, expected.floats)
        let largest = Double(wanted.reduce(Float(1)) { max($0, abs($1)) })
        let limit = expected.dtype.isFloatingPoint ? tolerance * largest : 0.5
        let difference = Double(Comparison.difference(numbers, wanted))
        guard difference / limit >= ratio else { continue }
        (self.difference, self.limit) = (difference, limit)
      }
    }

    mutating func join(_ other: Comparison) { if other.ratio > ratio { self = other } }

    /// The largest; NaN in both is agreement, in one of them it is not.
    private static func difference(_ got: [Float], _ expected: [Float]) -> Float {
      guard got.count == expected.count else { return .infinity }
      return zip(got, expected).reduce(Float(0)) { worst, pair in
        if pair.0 == pair.1 || (pair.0.isNaN && pair.1.isNaN) { return worst }
        return max(worst, (pair.0 - pair.1).isNaN ? .infinity : abs(pair.0 - pair.1))
      }
    }
  }

  private static func firstChoices(_ values: [Float], _ width: Int) -> [Int] {
    stride(from: 0, to: values.count - values.count % width, by: width).map { row in
      (0..<width).reduce(0) { values[row + $1] > values[row + $0] ? $1 : $0 }
    }
  }

  private static func agreeing(_ left: [Float], _ right: [Float], _ width: Int) -> Int {
    zip(firstChoices(left, width), firstChoices(right, width)).count { $0 == $1 }
  }

  private static func accuracy(_ values: [Float], _ classes: [Int], _ width: Int) -> Double {
    let choices = firstChoices(values, width)
    return Double(zip(choices, classes).count { $0 == $1 }) / Double(max(1, choices.count))
  }

  /// Two digits: `1.2e-07`.
  static func text(_ value: Double) -> String { value == 0 ? "0" : String(format: "%.1e", value) }

  /// A line for people, and one each for what compressed weights cost and for what the files declare.
  public var description: String {
    var lines = [
      "Read again and run on \(examples) \(usesRealData ? "examples" : "examples of random numbers"): largest difference "
        + "\(ExportReport.text(largestDifference)) (limit \(ExportReport.text(limit))), the same first choice for \(sameFirstChoice) of \(examples)."
    ]
    if let compression {
      let kilobytes = { (bytes: Int) in (bytes + 500) / 1000 }
      var line =
        "Compressed weights: \(kilobytes(byteCount)) KB instead of \(kilobytes(compression.uncompressedByteCount)) KB of "
        + "32-bit weights, the uncompressed model's first choice for \(compression.sameFirstChoice) of \(examples)"
      if let accuracy = compression.accuracy {
        let percent = { (share: Double) in String(format: "%.2f %%", 100 * share) }
        line += ", accuracy \(percent(accuracy.after)) instead of \(percent(accuracy.before))"
      } else if !usesRealData {
        line += " (give real data to see the accuracy)"
      }
      lines.append(line + ".")
    }
    if let declared { lines.append("\(declared)") }
    return lines.joined(separator: "\n")
  }
}

/// What a model and its file are run on.
struct Samples {
  /// Real data, nil for noise.
  let data: Dataset?
  let pixels: ExportFormat.Pixels?
  /// One tensor for each input.
  let inputs: [Tensor]
  /// The factor that the model applies to inputs.
  let scale: Float
  var count: Int { inputs[0].shape.first ?? 0 }

  /// - Parameter lengths: What open lengths are in noise, by name.
  init(_ data: Dataset?, _ pixels: ExportFormat.Pixels?, _ model: Model, _ lengths: [String: Int]) throws {
    // A file that takes pictures takes bytes.
    self.data = data.flatMap { $0.count > 0 && (pixels == nil || $0.inputs.dtype == .uint8) ? $0 : nil }
    self.pixels = pixels
    scale = self.data?.givenScale ?? (self.data?.inputs.dtype == .uint8 ? model.pixelScale : 1)
    func types(examples: Int) -> [ValueType] {
      model.inputs.map { $0.type(lengths.merging([Length.batchName: examples]) { $1 }) }
    }
    let largest = types(examples: 1).map { $0.shape.sizes.reduce(1, *) }.max() ?? 1
    let noise = types(examples: max(1, min(32, Samples.mostElements / largest)))
    inputs =
      try self.data.map { try model.preparation.inOrder($0.inputsByName, "export, samples") }
      ?? noise.enumerated().map { index, type in
        Samples.noise(type.shape.sizes, pixels != nil && index == 0 ? .uint8 : type.dtype, stream: index)
      }
  }

  /// So many elements of noise are enough for one input.
  private static let mostElements = 1 << 23

  /// Evenly distributed numbers from 0 to 1, bytes, or the integers 0 and 1, which are among any classes; the same for each call.
  private static func noise(_ shape: [Int], _ dtype: DType, stream: Int) -> Tensor {
    var random = RandomStream(seed: 1, stream: UInt64(stream))
    let numbers = (0..<shape.reduce(1, *)).map { _ in random.nextUniform() }
    let storage: Tensor.Storage =
      switch dtype {
      case .uint8: .uint8(numbers.map { UInt8($0 * 255.99) })
      case .int32, .uint16: .int32(numbers.map { $0 < 0.5 ? 0 : 1 })
      case .float32, .float64: .float32(numbers.map { Float($0) })
      }
    return Tensor(uncheckedShape: shape, storage)
  }

  /// - Parameter isFile: Whether it is the file's model, which scales pictures by itself.
  func predict(_ model: Model, isFile: Bool = false) throws -> [Tensor] {
    let batch = min(200, max(1, count))
    guard let pixels, isFile || model.inputs[0].dtype == .float32 else {
      return try model.predictions(of: inputs, batchSize: batch, inputScale: scale)
    }
    if isFile { return try model.predictions(of: inputs, batchSize: batch) }
    if data != nil, pixels.bias.isEmpty {
      return try model.predictions(of: inputs, batchSize: batch, inputScale: scale)
    }
    let channels = max(1, inputs[0].shape.last ?? 1)
    let numbers = inputs[0].floats.enumerated().map { index, byte in
      byte * pixels.scale + (pixels.bias.isEmpty ? 0 : pixels.bias[index % channels % pixels.bias.count])
    }
    let picture = Tensor(uncheckedShape: inputs[0].shape, .float32(numbers))
    return try model.predictions(of: [picture] + inputs.dropFirst(), batchSize: batch)
  }

  /// The right class of each example, where the data tell.
  func classes(_ width: Int) -> [Int]? {
    guard let targets = data?.targets, width > 1 else { return nil }
    let values = targets.floats
    if values.count == count { return values.map { Int(exactly: $0) ?? -1 } }
    guard values.count == count * width else { return nil }
    return (0..<count).map { row in
      (0..<width).reduce(0) { values[row * width + $1] > values[row * width + $0] ? $1 : $0 }
    }
  }
}
