// What only Athanor's files say of a model, in every format, by keys that other programs pass over.

extension OutputKind {
  /// The key by which files name it where keys need a prefix.
  package static let fileKey = "athanor_output_kind"
}

extension Model {
  /// The key by which files name `pixelScale` where keys need a prefix.
  package static let pixelFileKey = "athanor_pixel_scale"
}

extension Model {
  /// What files say of the data that the model takes, as texts by their keys: for formats whose own facts are texts.
  package var dataFacts: [String: String] {
    var facts: [String: String] = [:]
    facts[PicturePreparation.fileKey] = picturePreparation?.rawValue
    facts[TableEncoding.fileKey] = tableEncoding?.jsonValue.description
    facts[TextVectorization.fileKey] = textVectorization?.jsonValue.description
    return facts
  }
}

extension ModelRecipe {
  /// Takes over what a file says of the data that the model takes.
  ///
  /// - Parameters:
  ///   - path: The file, where warnings say that they are from.
  ///   - prefix: What errors have before the key.
  ///   - text: The text of a key; nil where the file has none.
  /// - Throws: `AthanorError` when one is damaged.
  package mutating func takeDataFacts(
    at path: String, errorPrefix prefix: String = "", _ text: (_ key: String) -> String?
  ) throws {
    takePreparation(named: text(PicturePreparation.fileKey), at: path)
    func configuration<Fact>(_ key: String, _ read: (Configuration) throws -> Fact) throws -> Fact? {
      guard let text = text(key) else { return nil }
      let configuration = try Configuration(parsing: text, at: prefix + key, report: ReadingReport())
      let fact = try read(configuration)
      try configuration.requireAllRead()
      return fact
    }
    tableEncoding = try configuration(TableEncoding.fileKey) { try TableEncoding($0) }
    textVectorization = try configuration(TextVectorization.fileKey) { try TextVectorization($0) }
  }

  /// Takes over the scale of pixels that a file names.
  ///
  /// - Throws: `AthanorError` when it is no number other than 0.
  package mutating func takePixelScale(_ text: String?, at location: String) throws {
    guard let text else { return }
    guard let scale = Float(text), scale.isFinite, scale != 0 else {
      throw AthanorError(.data, at: location, "the scale of pixels is \"\(text.prefix(80))\"")
    }
    pixelScale = scale
  }

  /// Takes over the kind of the outputs that a file names; one that is not known becomes a warning.
  package mutating func takeOutputKind(named name: String?, at location: String) {
    outputKind = known(name, at: location, "kind of outputs", "it is told from the last operations")
  }

  /// Takes over a preparation that a file names; one that is not known becomes a warning.
  package mutating func takePreparation(named name: String?, at location: String) {
    picturePreparation = known(name, at: location, "preparation of pictures", "pictures are only brought to size")
  }

  private mutating func known<Value: RawRepresentable<String>>(
    _ name: String?, at location: String, _ what: String, _ consequence: String
  ) -> Value? {
    guard let name else { return nil }
    if let value = Value(rawValue: name) { return value }
    warnings.append(
      AthanorError(
        .unsupported, at: location, "the \(what) \"\(name.prefix(80))\" is not known, so \(consequence)",
        fix: "Use a newer Athanor."))
    return nil
  }
}
