/// A format in which a model is handed to apps and other programs; each exporter adds its own, for example
/// `.coreML()` of `AthanorCoreML`.
public struct ExportFormat: Sendable {
  /// A model in the format, not yet written.
  package struct Contents {
    /// How many bytes it will take on the disk.
    package let byteCount: Int
    /// What the format's reader makes of these bytes.
    package let recipe: () throws -> ModelRecipe
    package let write: (String) throws -> Void

    package init(
      byteCount: Int, recipe: @escaping () throws -> ModelRecipe, write: @escaping (String) throws -> Void
    ) {
      self.byteCount = byteCount
      self.recipe = recipe
      self.write = write
    }
  }

  package let contents: @Sendable (Model, _ path: String) throws -> Contents
  package let check: @Sendable (Model, _ path: String?) throws -> Void
  /// How the weights are made smaller; nil for not at all.
  package let compression: Compression?
  /// How bytes become the model's numbers where pictures go in; nil where numbers do.
  package let pixels: @Sendable (Model) -> Pixels?
  /// Further shapes of one example that the file takes.
  package let otherShapes: @Sendable (Model) -> [[Int]]
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
    otherShapes: @escaping @Sendable (Model) -> [[Int]] = { _ in [] },
    contents: @escaping @Sendable (Model, _ path: String) throws -> Contents,
    check: @escaping @Sendable (Model, _ path: String?) throws -> Void
  ) {
    self.tolerance = tolerance
    self.compression = compression
    self.pixels = pixels
    self.otherShapes = otherShapes
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
  /// - Parameters:
  ///   - path: Where to; what is there is replaced when everything has been written.
  ///   - format: What to write.
  ///   - samples: Data to run both on, with their classes for the accuracy; without them 32 examples of evenly distributed numbers.
  /// - Returns: What the comparison found.
  /// - Throws: `AthanorError` when the format cannot hold the network, the file computes something else, or it cannot be written;
  ///   nothing is left then.
  /// - Example:
  ///   ```swift
  ///   let report = try model.export(to: "Digits.mlpackage", as: .coreML(), samples: test)
  ///   print(report)
  ///   ```
  @discardableResult
  public func export(to path: String, as format: ExportFormat, samples: Dataset? = nil) throws -> ExportReport {
    let exported = try format.compression.map { try $0.applied(to: self) } ?? self
    let contents = try format.contents(exported, path)
    let report = try ExportReport(self, exported, contents, format, samples, path)
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
  public func checkExport(to path: String? = nil, as format: ExportFormat) throws { try format.check(self, path) }

  /// A model of its own with the same layers and weights, for examples of the same shape or of another.
  ///
  /// - Throws: `AthanorError` when the weights depend on the shape.
  package func copy(input: [Int]? = nil) throws -> Model {
    var network = network
    if let input {
      let port = network.inputs[0]
      network = network.with(inputs: [
        Port(name: port.name, dtype: port.dtype, lengths: [.batch] + input.map(Length.fixed))
      ])
    }
    let declared = try network.declared().weights
    if let changed = zip(declared, built.weights).first(where: { $0.shape != $1.shape })?.1 {
      throw AthanorError(
        .unsupported, at: changed.layer, "its weights depend on the size of what goes in",
        fix: "End the convolutions with GlobalAveragePooling2D, or export one size.")
    }
    let copy = try Model(
      network, name: name, seed: seed, threads: threadCount, sharing: weightMap.copy(), frozen: frozen)
    copy.pixelScale = pixelScale
    copy.classNames = classNames
    return copy
  }
}
