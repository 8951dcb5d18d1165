/// A tensor that is to be written: name, type, shape, and access to its bytes, which are not copied.
package struct SafetensorsSource {
  /// Its name in the file.
  package let name: String
  /// The type of its elements.
  package let type: Safetensors.ElementType
  /// Its shape.
  package let shape: [Int]
  /// Calls a closure with the elements' bytes.
  package let withBytes: (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

  /// Names numbers that lie elsewhere, for example in a model's weights.
  package init(
    _ name: String, _ type: Safetensors.ElementType, shape: [Int],
    withBytes: @escaping (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.withBytes = withBytes
  }

  /// Names a tensor.
  package init(_ name: String, _ tensor: Tensor) {
    switch tensor.storage {
    case .float32(let values): self.init(name, .float32, shape: tensor.shape) { try values.withUnsafeBytes($0) }
    case .float64(let values): self.init(name, .float64, shape: tensor.shape) { try values.withUnsafeBytes($0) }
    case .int32(let values): self.init(name, .int32, shape: tensor.shape) { try values.withUnsafeBytes($0) }
    case .uint8(let values): self.init(name, .uint8, shape: tensor.shape) { try values.withUnsafeBytes($0) }
    }
  }
}

/// Writes `.safetensors` files, the same bytes for the same contents.
package enum SafetensorsWriter {
  /// Writes a file atomically.
  ///
  /// Tensors lie in the order of the reference implementation: by falling type, so that each is aligned to its elements' size, and by name.
  ///
  /// - Throws: `AthanorError` when a name is given twice, the header grows too large, or the file cannot be written; an older file of
  ///   this name is then untouched.
  package static func write(
    _ sources: [SafetensorsSource], metadata: [String: String] = [:], to path: String
  ) throws {
    let rank = Dictionary(uniqueKeysWithValues: Safetensors.ElementType.allCases.enumerated().map { ($1, $0) })
    let ordered = sources.sorted { left, right in
      left.type == right.type
        ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        : rank[left.type, default: 0] > rank[right.type, default: 0]
    }
    let header = try header(ordered, metadata, path)
    try FileBytes.write(to: path) { append in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try append($0) }
      try header.withUnsafeBytes { try append($0) }
      for source in ordered {
        try source.withBytes { bytes in
          guard bytes.count == byteCount(source) else {
            throw AthanorError(
              .argument, at: "\(path), tensor \"\(source.name)\"",
              "it has \(bytes.count) bytes but shape \(Shape.text(source.shape)) of \(source.type.rawValue) needs "
                + "\(byteCount(source) ?? 0)")
          }
          try append(bytes)
        }
      }
    }
  }

  private static func byteCount(_ source: SafetensorsSource) -> Int? {
    Tensor.elementCount(of: source.shape + [source.type.byteCount])
  }

  /// The header, filled up with spaces so that the tensors begin at a multiple of 8.
  private static func header(
    _ sources: [SafetensorsSource], _ metadata: [String: String], _ path: String
  ) throws -> [UInt8] {
    var parts: [String] = []
    if !metadata.isEmpty { parts.append("\"\(Safetensors.metadataKey)\":\(metadata.jsonValue)") }
    var names: Set<String> = [Safetensors.metadataKey]
    var end = 0
    for source in sources {
      let location = "\(path), tensor \"\(source.name)\""
      guard names.insert(source.name).inserted else {
        throw AthanorError(.argument, at: location, "the name is taken", fix: "Give each tensor its own name.")
      }
      guard let count = byteCount(source), count <= Int.max - end else {
        throw AthanorError(.argument, at: location, "its shape \(Shape.text(source.shape)) is too large")
      }
      parts.append(
        "\(JSONValue.text(source.name)):{\"dtype\":\"\(source.type.rawValue)\",\"shape\":\(source.shape.jsonValue),"
          + "\"data_offsets\":[\(end),\(end + count)]}")
      end += count
    }
    var header = Array("{\(parts.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    guard header.count <= Safetensors.headerLimit else {
      throw AthanorError(
        .unsupported, at: path, "its header would have \(header.count) bytes, more than \(Safetensors.headerLimit)",
        fix: "Save fewer tensors or less metadata.")
    }
    return header
  }
}
