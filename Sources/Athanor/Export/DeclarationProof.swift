import AthanorCore

/// Compares what is about to be written with the model, or with the file that it was read from, by what these files declare:
///
/// 1. The classes' names are those of the original, in its order.
/// 2. The original's network gives, for pictures of random bytes prepared as the original declares, what the model gives that was read from it.
/// 3. The written file's network gives, for the same bytes prepared as the written file declares, what that model gives.
///
/// An order of channels, a scale or a bias that an import or an export loses is then missing on one side only.
package struct DeclarationProof {
  private let path: String
  /// The original, for messages.
  private let name: String
  private let source: Model
  private let format: ExportFormat
  private let original: FileDeclaration?
  private let written: FileDeclaration

  /// - Parameters:
  ///   - source: The model that was read from the original, or one that was made otherwise.
  ///   - original: The original's name and declaration; nil where there is none.
  ///   - written: What is about to be written.
  package init(
    _ source: Model, original: (name: String, declaration: FileDeclaration)?, written: FileDeclaration,
    _ format: ExportFormat, _ path: String
  ) {
    (self.source, self.format, self.written, self.path) = (source, format, written, path)
    (name, self.original) = (original?.name ?? "the model", original?.declaration)
  }

  /// - Parameter original: The file that the model was read from; it is read anew.
  /// - Throws: `AthanorError` when one of the files cannot be read.
  init(_ model: Model, original: String?, _ contents: ExportFormat.Contents, _ format: ExportFormat, _ path: String)
    throws
  {
    let written = try contents.declaration()
    guard let original else {
      self.init(model, original: nil, written: written, format, path)
      return
    }
    let reader = try ModelFormat.reader(of: original)
    let declaration = try reader.declaration(original)
    let source = try Model(reader.recipe(original, custom: []), threads: model.threadCount)
    source.classNames = declaration.classNames
    self.init(source, original: (original, declaration), written: written, format, path)
  }

  /// - Returns: What was compared; nil where the file declares nothing and there is no original.
  /// - Throws: `AthanorError` that says what differs.
  package func run() throws -> ExportReport.Declared? {
    let classes = format.classes(source)
    let names = classes?.names ?? []
    try requireClasses(names)
    let hasPictures = written.picture != nil || original?.picture != nil
    guard original != nil || hasPictures || !names.isEmpty else { return nil }
    let compared = try hasPictures ? comparePictures(classes) : original == nil ? nil : compareNumbers(classes)
    return ExportReport.Declared(
      original: original == nil ? nil : name, takesPictures: hasPictures, examples: compared?.examples ?? 0,
      largestDifference: compared?.comparison.difference ?? 0, limit: compared?.comparison.limit ?? format.tolerance,
      classNames: names)
  }

  private func requireClasses(_ expected: [String]) throws {
    let names = written.classNames ?? []
    guard names != expected else { return }
    func text(_ names: [String]) -> String {
      names.isEmpty ? "no classes" : "the classes \(ClassNames.list(names))"
    }
    throw fault("it names \(text(names)), where \(name) has \(text(expected))")
  }

  private func fault(_ problem: String) -> AthanorError {
    AthanorError(
      .data, at: path, problem,
      fix: "This is a fault of the importer or the exporter, or \(name) has changed since; nothing was written.")
  }

  // MARK: Numbers

  private func compareNumbers(
    _ classes: ExportFormat.Classes?
  ) throws -> (examples: Int, comparison: ExportReport.Comparison) {
    let source = try format.opened(compressed(source))
    let samples = try Samples(nil, nil, source, format.openLengths(source).first ?? [:])
    let file = try Model(written.network(), threads: source.threadCount)
    let expected = probabilities(try samples.predict(source), classes)
    let comparison = ExportReport.Comparison(try samples.predict(file), expected, format.tolerance)
    guard comparison.isWithinLimit else {
      throw fault("for random numbers it gives others than \(name): \(comparison.text)")
    }
    return (samples.count, comparison)
  }

  /// The model as the file's weights have it.
  private func compressed(_ model: Model) throws -> Model { try format.compression?.applied(to: model) ?? model }

  /// The results as the file gives them.
  private func probabilities(_ results: [Tensor], _ classes: ExportFormat.Classes?) -> [Tensor] {
    guard let fromLogits = classes?.fromLogits, results.count == 1 else { return results }
    return [source.probabilities(of: results[0], fromLogits: fromLogits)]
  }

  // MARK: Pictures

  private func comparePictures(
    _ classes: ExportFormat.Classes?
  ) throws -> (examples: Int, comparison: ExportReport.Comparison) {
    let declared = [original?.picture, written.picture].compactMap(\.self)
    let lengths = source.pictureShape ?? declared.first.map { [$0.height, $0.width, $0.channels.count] } ?? []
    // An open length is taken as it is declared.
    let shape = zip(lengths, [declared[0].height, declared[0].width, lengths.last ?? 1]).map { $0 > 0 ? $0 : $1 }
    for picture in declared where [picture.height, picture.width, picture.channels.count] != shape {
      throw fault(
        "pictures of \(picture.height) x \(picture.width) with \(picture.channels.count) channels are declared, where \(name) takes "
          + "\(shape[0]) x \(shape[1]) with \(shape[2])")
    }
    let file = try Model(written.network(), threads: source.threadCount)
    let network = try original?.picture.flatMap { _ in
      try original.map { try Model($0.network(), threads: source.threadCount) }
    }
    let isAnyNumber = [source, file, network].compactMap(\.self).allSatisfy { $0.inputs[0].exampleAxis == 0 }
    let bytes = DeclarationProof.pictures([isAnyNumber ? 8 : 1] + shape)
    if let network, let picture = original?.picture {
      let got = try results(network, [picture.numbers(of: bytes)])
      let expected = try results(source, [source.arranged(bytes)])
      let comparison = ExportReport.Comparison(got, expected, 1e-4)
      guard comparison.isWithinLimit else {
        throw AthanorError(
          .data, at: name,
          "it is read otherwise than it declares its pictures (\(picture)): for random bytes \(comparison.text)",
          fix: "This is a fault of the importer; nothing was written.")
      }
    }
    let got =
      try written.picture.map { try results(file, [$0.numbers(of: bytes)]) }
      ?? results(file, [source.arranged(bytes)])
    let expected = probabilities(try expectedResults(bytes), classes)
    let comparison = ExportReport.Comparison(got, expected, format.tolerance)
    guard comparison.isWithinLimit else {
      let text = { (picture: FileDeclaration.Picture?) in picture.map { "\($0)" } ?? "numbers" }
      throw fault(
        "for pictures of random bytes it gives other numbers than \(name): \(comparison.text). It declares \(text(written.picture))"
          + (original == nil ? "" : ", and \(name) \(text(original?.picture))"))
    }
    return (bytes.shape[0], comparison)
  }

  /// The original's results, with a scale and a bias that were asked for instead of its own.
  private func expectedResults(_ bytes: Tensor) throws -> [Tensor] {
    let (model, pictures) = (try compressed(source), source.arranged(bytes))
    guard let pixels = format.pixels(source), source.inputs[0].dtype.isFloatingPoint,
      pixels.scale != source.pixelScale || !pixels.bias.isEmpty
    else { return try results(model, [pictures]) }
    let channels = bytes.shape[3]
    let numbers = bytes.floats.enumerated().map { index, byte in
      byte * pixels.scale + (pixels.bias.isEmpty ? 0 : pixels.bias[index % channels % pixels.bias.count])
    }
    return try results(model, [source.arranged(Tensor(uncheckedShape: bytes.shape, .float32(numbers)))])
  }

  private func results(_ model: Model, _ inputs: [Tensor]) throws -> [Tensor] {
    try model.predictions(of: inputs, batchSize: 8, inputScale: nil)
  }

  /// Pictures `[N, H, W, C]` of noise around a colour that differs from one to the next; the same for each call.
  private static func pictures(_ shape: [Int]) -> Tensor {
    var random = RandomStream(seed: 2, stream: 0)
    let (channels, size) = (shape[3], shape.dropFirst().reduce(1, *))
    let bytes = (0..<shape[0]).flatMap { _ in
      let color = (0..<channels).map { _ in random.nextUniform() }
      return (0..<size).map { UInt8(255.99 * (color[$0 % channels] + random.nextUniform()) / 2) }
    }
    return Tensor(uncheckedShape: shape, .uint8(bytes))
  }
}

extension ExportReport {
  /// What a comparison of the file with the model, or with the file that it was read from, found, by what they declare.
  public struct Declared: Sendable, CustomStringConvertible {
    /// The file that was opened anew; nil for the model itself.
    public let original: String?
    /// Whether pictures of random bytes were prepared as the files declare, and not numbers.
    public let takesPictures: Bool
    /// How many examples were computed; none where the classes alone were compared.
    public let examples: Int
    /// The largest difference of any result.
    public let largestDifference: Double
    /// What the difference had to stay below.
    public let limit: Double
    /// The classes that both name, in order.
    public let classNames: [String]

    /// A line for people.
    public var description: String {
      var facts: [String] = []
      if examples > 0 {
        facts.append(
          "\(examples) \(takesPictures ? "pictures of random bytes, prepared as declared" : "examples of random numbers"): "
            + "largest difference \(ExportReport.text(largestDifference)) (limit \(ExportReport.text(limit)))")
      }
      if !classNames.isEmpty { facts.append("the same \(classNames.count) classes") }
      return "Compared with \(original.map { "\($0), opened anew" } ?? "the model"): \(facts.joined(separator: ", "))."
    }
  }
}
