/// A format in which a model is handed to apps and other programs; each exporter adds its own, for example
/// `.coreML()` of `AthanorCoreML`.
public struct ExportFormat: Sendable {
  package let write: @Sendable (Model, String) throws -> Void
  package let check: @Sendable (Model) throws -> Void

  package init(
    write: @escaping @Sendable (Model, String) throws -> Void, check: @escaping @Sendable (Model) throws -> Void
  ) {
    self.write = write
    self.check = check
  }
}

extension Model {
  /// Writes the model, as it predicts now, in a format of other programs.
  ///
  /// - Parameters:
  ///   - path: Where to; what is there is replaced when everything has been written.
  ///   - format: What to write.
  /// - Throws: `AthanorError` when the format cannot hold the network or the file cannot be written; nothing is left then.
  /// - Example:
  ///   ```swift
  ///   try model.export(to: "Digits.mlpackage", as: .coreML())
  ///   ```
  public func export(to path: String, as format: ExportFormat) throws { try format.write(self, path) }

  /// Tells whether a format can hold the network, before time is spent on training it.
  ///
  /// - Throws: `AthanorError` of kind `.unsupported` that names the layer, when it cannot.
  public func checkExport(as format: ExportFormat) throws { try format.check(self) }
}
