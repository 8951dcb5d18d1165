/// A format in which a model is handed to apps and other programs; each exporter adds its own, for example
/// `.coreML()` of `AthanorCoreML`.
public struct ExportFormat: Sendable {
  /// A model in the format, not yet written.
  package struct Contents {
    /// How many bytes it will take on the disk.
    package let byteCount: Int
    /// What the format's reader makes of these bytes.
    package let recipe: () throws -> ModelRecipe
    /// What these bytes declare, by default the recipe's classes.
    package let declaration: () throws -> FileDeclaration
    package let write: (String) throws -> Void

    package init(
      byteCount: Int, recipe: @escaping () throws -> ModelRecipe, declaration: (() throws -> FileDeclaration)? = nil,
      write: @escaping (String) throws -> Void
    ) {
      self.byteCount = byteCount
      self.recipe = recipe
      self.declaration =
        declaration ?? {
          let recipe = try recipe()
          return FileDeclaration(picture: nil, classNames: recipe.classNames) { recipe }
        }
      self.write = write
    }
  }

  /// The classes that a file names.
  package struct Classes {
    package let names: [String]
    /// Whether numbers that are no probabilities are logits; nil where numbers go into the file as they are.
    package let fromLogits: Bool?

    package init(names: [String], fromLogits: Bool?) {
      self.names = names
      self.fromLogits = fromLogits
    }
  }

  package let contents: @Sendable (Model, _ path: String) throws -> Contents
  package let check: @Sendable (Model, _ path: String?) throws -> Void
  /// How the weights are made smaller; nil for not at all.
  package let compression: Compression?
  /// How bytes become the model's numbers where pictures go in; nil where numbers do.
  package let pixels: @Sendable (Model) -> Pixels?
  /// The classes that the file is to name for a model; nil for none.
  package let classes: @Sendable (Model) -> Classes?
  /// The model that is written: with pictures in, or probabilities out, where the format's options want them.
  package let prepared: @Sendable (Model) throws -> Model
  /// The model with those lengths open that are open in the file.
  package let opened: @Sendable (Model) throws -> Model
  /// Open lengths besides the batch at which the file is compared with the opened model, by name; none where there are none.
  package let openLengths: @Sendable (Model) -> [[String: Int]]
  /// How far a result may be from the model's, for results of size 1.
  package let tolerance: Double

  /// `byte * scale + bias`, the bias by channel or empty for none.
  package struct Pixels {
    package let scale: Float
    package let bias: [Float]

    package init(scale: Float, bias: [Float]) {
      self.scale = scale
      self.bias = bias
    }
  }

  package init(
    tolerance: Double = 1e-5, compression: Compression? = nil,
    pixels: @escaping @Sendable (Model) -> Pixels? = { _ in nil },
    classes: @escaping @Sendable (Model) -> Classes? = { _ in nil },
    prepared: @escaping @Sendable (Model) throws -> Model = { $0 },
    opened: @escaping @Sendable (Model) throws -> Model = { $0 },
    openLengths: @escaping @Sendable (Model) -> [[String: Int]],
    contents: @escaping @Sendable (Model, _ path: String) throws -> Contents,
    check: @escaping @Sendable (Model, _ path: String?) throws -> Void
  ) {
    self.tolerance = tolerance
    self.compression = compression
    self.pixels = pixels
    self.classes = classes
    self.prepared = prepared
    self.opened = opened
    self.openLengths = openLengths
    self.contents = contents
    self.check = check
  }
}

extension Model {
  /// Writes the model, as it predicts now, in a format of other programs, and proves that what was written computes the same.
  ///
  /// What is about to be written is first read by the format's reader, which shares nothing with the exporter, and run beside
  /// the model on `samples`. A result that differs by more than 1e-5 (2e-2 in half precision) of the largest one is an error. Where weights are
  /// compressed, the file must give what the model with the compressed weights gives; the report says what they cost.
  ///
  /// Then the file's network runs on pictures of random bytes, prepared as the file declares (order of the channels, scale, biases), and is
  /// compared with the model or, where that was read from a file, with this file opened anew; and so are the classes' names.
  ///
  /// - Parameters:
  ///   - path: Where to; what is there is replaced when everything has been written.
  ///   - format: What to write.
  ///   - samples: Data to run both on, with their classes for the accuracy; without them up to 32 examples of evenly distributed numbers.
  ///     Open lengths are compared at two lengths at least, with such numbers.
  ///   - original: The file that the model was read from, where it has not changed since. It is opened anew, so that nothing of it can
  ///     have been lost on the way. Files with layers of the program's own cannot be given.
  /// - Returns: What the comparison found.
  /// - Throws: `AthanorError` when the format cannot hold the network, the file computes something else, or it cannot be written;
  ///   nothing is left then.
  /// - Example:
  ///   ```swift
  ///   let report = try model.export(to: "Digits.mlpackage", as: .coreML(), samples: test)
  ///   print(report)
  ///   ```
  @discardableResult
  public func export(
    to path: String, as format: ExportFormat, samples: Dataset? = nil, original: String? = nil
  ) throws -> ExportReport {
    let source = try format.prepared(self)
    let exported = try format.compression.map { try $0.applied(to: source) } ?? source
    let contents = try format.contents(exported, path)
    var report = try ExportReport(source, exported, contents, format, samples, path)
    report.declared = try DeclarationProof(self, original: original, contents, format, path).run()
    try contents.write(path)
    return report
  }

  /// Tells whether a format can hold the network, before time is spent on training it.
  ///
  /// - Parameters:
  ///   - path: The file that `export(to:as:)` is to write. Its extension chooses between a format's kinds of file: Core ML's older
  ///     `.mlmodel` holds fewer kinds of layers than `.mlpackage`. Nothing is written. By default the format's newest kind.
  ///   - format: What to write.
  /// - Throws: `AthanorError` of kind `.unsupported` that names the layer, when it cannot; of kind `.argument` when the
  ///   format has no files of this extension.
  /// - Example:
  ///   ```swift
  ///   try model.checkExport(to: "Digits.mlmodel", as: .coreML())
  ///   ```
  public func checkExport(to path: String? = nil, as format: ExportFormat) throws {
    try format.check(format.prepared(self), path)
  }

  /// A model of its own with the same layers and weights, for the same inputs or for others.
  ///
  /// - Throws: `AthanorError` when the weights depend on their shapes.
  package func copy(inputs ports: [Port]? = nil) throws -> Model {
    let network = ports.map(network.with(inputs:)) ?? network
    let declared = try network.declared().weights
    if let changed = zip(declared, built.weights).first(where: { $0.shape != $1.shape })?.1 {
      throw AthanorError(
        .unsupported, at: changed.layer, "its weights depend on the size of what goes in",
        fix: "End the convolutions with GlobalAveragePooling2D, or export one size.")
    }
    let copy = try Model(
      network, name: name, seed: seed, threads: threadCount, sharing: weightMap.copy(), frozen: frozen)
    copy.takeFacts(from: self)
    return copy
  }
}

extension Model {
  /// Two sets of small lengths, by name, for all open ones but the batch; different ones where the layers take them.
  package var exampleOpenLengths: [[String: Int]] {
    var names: [String] = []
    for case .open(let name) in inputs.flatMap(\.lengths) where name != Length.batchName && !names.contains(name) {
      names.append(name)
    }
    guard !names.isEmpty else { return [] }
    var sets: [[String: Int]] = []
    var least = 3
    while sets.count < 2, least < 1000 {
      let lengths = [1, 0].map { step in
        Dictionary(names.enumerated().map { ($1, least + step * $0) }, uniquingKeysWith: { first, _ in first })
      }
      if let fitting = lengths.first(where: canBeBuilt) { sets.append(fitting) }
      least += 1 + least / 4
    }
    return sets
  }

  private func canBeBuilt(at lengths: [String: Int]) -> Bool {
    let feed = Feed(inputs: inputs.map { Feed.Input(dtype: $0.dtype) }, lengths: lengths)
    do { _ = try network.exportGraph(feed) } catch { return false }
    return true
  }
}
