import Foundation

/// An open `.safetensors` file: its header, and its tensors one by one.
///
/// The header is checked as a whole when the file is opened; a tensor's memory is taken when it is read, and never more than the file has
/// bytes for it.
package final class SafetensorsReader {
  /// The file.
  package let path: String
  /// The texts beside the tensors.
  package let metadata: [String: String]
  /// What the header says of each tensor, by name.
  package let entries: [String: Safetensors.Entry]
  private let descriptor: Int32
  /// The place of the first tensor's first byte.
  private let dataStart: Int

  /// Opens a file and reads its header.
  ///
  /// - Throws: `AthanorError` that names the file, and the tensor where there is one, when it cannot be read or is damaged.
  package init(_ path: String) throws {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileBytes.systemError(path, "cannot be opened for reading") }
    var isOpen = false
    defer { if !isOpen { close(descriptor) } }
    self.descriptor = descriptor
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileBytes.systemError(path, "cannot be examined") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw AthanorError(.file, at: path, "it is not a regular file")
    }
    let size = Int(status.st_size)
    let header = try SafetensorsReader.header(descriptor, size, path)
    dataStart = 8 + header.utf8.count
    let json = try Configuration(parsing: header, at: "\(path), header")
    metadata = try SafetensorsReader.metadata(json[Safetensors.metadataKey], path)
    entries = try SafetensorsReader.entries(json, dataCount: size - dataStart, path)
    isOpen = true
  }

  deinit { close(descriptor) }

  // MARK: Header

  private static func damaged(_ location: String, _ problem: String) -> AthanorError {
    AthanorError(.data, at: location, problem, fix: "The file is damaged or of another kind.")
  }

  private static func header(_ descriptor: Int32, _ size: Int, _ path: String) throws -> String {
    guard size >= 8 else { throw damaged(path, "it has \(size) bytes but a .safetensors file has at least 8") }
    var length: UInt64 = 0
    try withUnsafeMutableBytes(of: &length) { try read(descriptor, at: 0, into: $0, path) }
    length = UInt64(littleEndian: length)
    guard length <= UInt64(size - 8) else {
      throw damaged(path, "its header would have \(length) bytes but the file has \(size)")
    }
    guard length <= Safetensors.headerLimit else {
      throw damaged(path, "its header has \(length) bytes, more than \(Safetensors.headerLimit)")
    }
    var bytes = [UInt8](repeating: 0, count: Int(length))
    try bytes.withUnsafeMutableBytes { try read(descriptor, at: 8, into: $0, path) }
    guard bytes.first == UInt8(ascii: "{") else { throw damaged(path, "its header is not a JSON object") }
    guard let text = String(bytes: bytes, encoding: .utf8), text.utf8.count == bytes.count else {
      throw damaged(path, "its header is not valid UTF-8")
    }
    return text
  }

  private static func metadata(_ json: JSONValue?, _ path: String) throws -> [String: String] {
    guard let json else { return [:] }
    let location = "\(path), \(Safetensors.metadataKey)"
    let configuration = try Configuration(json, at: location)
    return try Dictionary(uniqueKeysWithValues: configuration.values.keys.map { ($0, try configuration.text($0)) })
  }

  private static func entries(
    _ header: Configuration, dataCount: Int, _ path: String
  ) throws -> [String: Safetensors.Entry] {
    var entries: [String: Safetensors.Entry] = [:]
    for (name, json) in header.values where name != Safetensors.metadataKey {
      entries[name] = try entry(Configuration(json, at: location(path, name)))
    }
    // In the order of their bytes, each tensor must begin where the one before ends.
    var end = 0
    for (name, entry) in entries.sorted(by: {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound) < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound)
    }) {
      guard entry.bytes.lowerBound == end else {
        throw damaged(
          location(path, name), "its bytes begin at \(entry.bytes.lowerBound) but those before it end at \(end)")
      }
      end = entry.bytes.upperBound
    }
    guard end == dataCount else {
      throw damaged(path, "its tensors have \(end) bytes but \(dataCount) bytes are behind the header")
    }
    return entries
  }

  private static func entry(_ json: Configuration) throws -> Safetensors.Entry {
    let known = ["dtype", "shape", "data_offsets"]
    if let key = json.values.keys.sorted().first(where: { !known.contains($0) }) {
      throw damaged(json.location, "the key \"\(key.prefix(80))\" is not known")
    }
    let typeName = try json.text("dtype")
    guard let type = Safetensors.ElementType(rawValue: typeName) else {
      throw AthanorError(
        .unsupported, at: json.location, "elements of type \(typeName.prefix(80)) are not supported",
        fix: "Known are \(Safetensors.ElementType.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    let (shape, offsets) = (try json.integers("shape"), try json.integers("data_offsets"))
    guard let count = Tensor.elementCount(of: shape), count <= Int.max / type.byteCount else {
      throw damaged(json.location, "its shape \(Shape.text(shape)) has a negative length or is too large")
    }
    guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
      throw json.error("data_offsets", expected: "two rising numbers")
    }
    guard offsets[1] - offsets[0] == count * type.byteCount else {
      throw damaged(
        json.location,
        "it has \(offsets[1] - offsets[0]) bytes but shape \(Shape.text(shape)) of \(typeName) needs "
          + "\(count * type.byteCount)")
    }
    return Safetensors.Entry(type: type, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  private static func location(_ path: String, _ name: String) -> String {
    "\(path), tensor \"\(name.count > 80 ? name.prefix(80) + "..." : name)\""
  }

  // MARK: Tensors

  /// File and tensor, for errors.
  func location(_ name: String) -> String { SafetensorsReader.location(path, name) }

  /// What the header says of a tensor.
  ///
  /// - Throws: `AthanorError` that names file and tensor when there is none of this name.
  func entry(_ name: String) throws -> Safetensors.Entry {
    if let entry = entries[name] { return entry }
    throw AthanorError(
      .data, at: location(name), "there is no tensor of this name",
      fix: AthanorError.suggestion(for: name, among: entries.keys.sorted()) + "The file belongs to another network.")
  }

  /// Reads the elements of a tensor, as they are in the file, into memory of as many bytes.
  ///
  /// - Throws: `AthanorError` that names the file, and the tensor where there is one, when it is of another size or cannot be read.
  func read(_ name: String, into bytes: UnsafeMutableRawBufferPointer) throws {
    let entry = try entry(name)
    guard entry.bytes.count == bytes.count else {
      throw SafetensorsReader.damaged(location(name), "it has \(entry.bytes.count) bytes instead of \(bytes.count)")
    }
    try SafetensorsReader.read(descriptor, at: dataStart + entry.bytes.lowerBound, into: bytes, path)
  }

  /// Reads a tensor.
  ///
  /// 16-bit floating-point numbers become float32, flags become bytes, and integers of other sizes become int32.
  ///
  /// - Throws: `AthanorError` that names file and tensor when there is none of this name, an integer does not fit 32 bits, or the file
  ///   cannot be read.
  package func tensor(_ name: String) throws -> Tensor {
    let (entry, location) = (try entry(name), location(name))
    let storage: Tensor.Storage =
      switch entry.type {
      case .float32: .float32(try elements(entry))
      case .float64: .float64(try elements(entry))
      case .int32: .int32(try elements(entry))
      case .uint8: .uint8(try elements(entry))
      case .float16: .float32(try converted(entry) { (bits: UInt16) in number(halfPattern: bits) })
      case .bfloat16: .float32(try converted(entry) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) })
      case .bool:
        .uint8(
          try converted(entry) { (flag: UInt8) in
            guard flag <= 1 else { throw SafetensorsReader.damaged(location, "it holds a flag of value \(flag)") }
            return flag
          })
      case .int8: .int32(try converted(entry) { (value: Int8) in Int32(value) })
      case .int16: .int32(try converted(entry) { (value: Int16) in Int32(value) })
      case .uint16: .int32(try converted(entry) { (value: UInt16) in Int32(value) })
      case .uint32: .int32(try narrowed(entry, from: UInt32.self, location))
      case .int64: .int32(try narrowed(entry, from: Int64.self, location))
      case .uint64: .int32(try narrowed(entry, from: UInt64.self, location))
      }
    return Tensor(uncheckedShape: entry.shape, storage)
  }

  /// The elements as they are in the file; Swift runs on little-endian machines only.
  private func elements<Element: BitwiseCopyable>(_ entry: Safetensors.Entry) throws -> [Element] {
    let count = entry.bytes.count / MemoryLayout<Element>.stride
    return try [Element](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      guard count > 0 else { return }
      let bytes = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: entry.bytes.count)
      try SafetensorsReader.read(descriptor, at: dataStart + entry.bytes.lowerBound, into: bytes, path)
      initializedCount = count
    }
  }

  /// The elements in another type, with little memory for those of the file.
  private func converted<Stored: BitwiseCopyable, Element>(
    _ entry: Safetensors.Entry, _ convert: (Stored) throws -> Element
  ) throws -> [Element] {
    var result: [Element] = []
    result.reserveCapacity(entry.bytes.count / MemoryLayout<Stored>.stride)
    for start in stride(from: entry.bytes.lowerBound, to: entry.bytes.upperBound, by: 1 << 18) {
      let part = Safetensors.Entry(
        type: entry.type, shape: [], bytes: start..<min(start + 1 << 18, entry.bytes.upperBound))
      let stored: [Stored] = try elements(part)
      for value in stored { result.append(try convert(value)) }
    }
    return result
  }

  private func narrowed<Stored: FixedWidthInteger & BitwiseCopyable>(
    _ entry: Safetensors.Entry, from type: Stored.Type, _ location: String
  ) throws -> [Int32] {
    try converted(entry) { (value: Stored) in
      guard let narrow = Int32(exactly: value) else {
        throw AthanorError(
          .unsupported, at: location, "it holds the integer \(value), but integers are read into 32 bits",
          fix: "Save it as floating-point numbers.")
      }
      return narrow
    }
  }

  private static func read(
    _ descriptor: Int32, at offset: Int, into buffer: UnsafeMutableRawBufferPointer, _ path: String
  ) throws {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      // Darwin refuses more than 2 GiB in one call.
      let count = pread(descriptor, rest.baseAddress, min(rest.count, 1 << 30), off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileBytes.systemError(path, "cannot be read after byte \(offset + done)") }
      guard count > 0 else { throw damaged(path, "it ends at byte \(offset + done), before its tensors do") }
      done += count
    }
  }
}
