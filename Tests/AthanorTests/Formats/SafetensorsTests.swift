import Athanor
import Foundation
import Testing

/// The path of a file that Tools/make_safetensors_goldens.py has made.
private func golden(_ name: String) -> String { testFolder.appendingPathComponent("Goldens/\(name).safetensors").path }

@Suite("Safetensors")
struct SafetensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// What the reference implementation has written into `written.safetensors`.
  private static func tensors() throws -> [String: Tensor] {
    [
      "dense/kernel": try Tensor(shape: [2, 3], [-0.5, -0.25, 0, 0.25, 0.5, 0.75]),
      "dense/bias": try Tensor(shape: [3], [1.5, -0.0, .infinity]),
      "adam/step": try Tensor(shape: [], integers: [-7]),
      "mean": try Tensor(shape: [2, 1], storage: .float64([0.1, 1e300])),
      "pixels": try Tensor(shape: [5], bytes: [0, 1, 254, 255, 128]),
      "empty": try Tensor(shape: [3, 0, 2], []),
      "größe \"\\\n": try Tensor(shape: [1, 1], bytes: [7]),
    ]
  }

  private static let metadata = ["architecture": "{\"name\":\"näh\\u0001e\"}\n"]

  @Test("A file of the reference implementation is read, and written with the same bytes")
  func reference() throws {
    let reader = try SafetensorsReader(golden("written"))
    #expect(reader.metadata == Self.metadata)
    let tensors = try Self.tensors()
    #expect(Set(reader.entries.keys) == Set(tensors.keys))
    for (name, tensor) in tensors { #expect(try reader.tensor(name) == tensor, "\(name)") }
    #expect(try reader.tensor("dense/bias").floats[1].sign == .minus)
    let path = folder.path("again.safetensors")
    try SafetensorsWriter.write(
      tensors.map { SafetensorsSource($0, $1) }, metadata: Self.metadata, to: path)
    #expect(try FileBytes.read(path) == FileBytes.read(golden("written")))
  }

  @Test("Every type of element")
  func types() throws {
    let reader = try SafetensorsReader(golden("types"))
    func expect(_ name: String, _ storage: Tensor.Storage) throws {
      #expect(try reader.tensor(name) == Tensor(shape: [storage.count], storage: storage), "\(name)")
    }
    try expect("bool", .uint8([1, 0, 1]))
    try expect("uint8", .uint8([0, 255]))
    try expect("int8", .int32([-128, 127]))
    try expect("int16", .int32([-32768, 32767]))
    try expect("uint16", .int32([0, 65535]))
    try expect("int32", .int32([.min, .max]))
    try expect("uint32", .int32([0, .max]))
    try expect("int64", .int32([.min, .max]))
    try expect("uint64", .int32([.max]))
    try expect("float32", .float32([0, -0.0, 1, -2.5, 6e-8, 65504, .infinity, -.infinity]))
    try expect("float64", .float64([0, -0.0, 1, -2.5, 6e-8, 65504, .infinity, -.infinity]))
    // 6e-8 and 65504 are rounded.
    try expect("float16", .float32([0, -0.0, 1, -2.5, 0x1p-24, 65504, .infinity, -.infinity]))
    try expect("bfloat16", .float32([0, -0.0, 1, -2.5, 0x1.02p-24, 65536, .infinity, -.infinity]))
    #expect(Set(reader.entries.values.map(\.type)) == Set(Safetensors.ElementType.allCases))
    #expect(reader.metadata.isEmpty)
  }

  @Test("Integers that do not fit 32 bits, and missing tensors")
  func refused() throws {
    let path = golden("types")
    let reader = try SafetensorsReader(path)
    for (name, value) in [
      ("uint32_large", "2147483648"), ("int64_large", "2147483648"), ("uint64_large", "18446744073709551615"),
    ] {
      expectError(
        "\(path), tensor \"\(name)\": it holds the integer \(value), but integers are read into 32 bits. "
          + "Save it as floating-point numbers."
      ) { try reader.tensor(name) }
    }
    expectError(
      "\(path), tensor \"floatt32\": there is no tensor of this name. Did you mean \"float32\"? "
        + "The file belongs to another network."
    ) { try reader.tensor("floatt32") }
  }

  @Test("Tensors larger than the reader's buffer, and no tensors at all")
  func sizes() throws {
    let path = folder.path("a.safetensors")
    let large = try noise([3, 100_003])
    try SafetensorsWriter.write([SafetensorsSource("large", large)], metadata: ["b": "", "a": "x"], to: path)
    let reader = try SafetensorsReader(path)
    #expect(try reader.tensor("large") == large)
    #expect(reader.metadata == ["a": "x", "b": ""])
    let halves = (0..<200_001).map { UInt16(truncatingIfNeeded: $0) & 0x7BFF }
    let source = SafetensorsSource("halves", .float16, shape: [halves.count]) { body in
      try halves.withUnsafeBytes(body)
    }
    try SafetensorsWriter.write([source], to: path)
    #expect(try SafetensorsReader(path).tensor("halves").floats == halves.map { number(halfPattern: $0) })
    try SafetensorsWriter.write([], to: path)
    #expect(try FileBytes.read(path) == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
    #expect(try SafetensorsReader(path).entries.isEmpty)
  }

  @Test("What cannot be written leaves the older file and nothing else")
  func writing() throws {
    let path = folder.path("a.safetensors")
    let one = try Tensor(shape: [1], [1])
    try SafetensorsWriter.write([SafetensorsSource("one", one)], to: path)
    let before = try FileBytes.read(path)
    func text(_ sources: [SafetensorsSource], to name: String = "a.safetensors") -> String {
      errorText { try SafetensorsWriter.write(sources, to: folder.path(name)) }
        .replacingOccurrences(of: folder.url.path + "/", with: "")
    }
    #expect(
      text([SafetensorsSource("a", one), SafetensorsSource("a", one)])
        == "a.safetensors, tensor \"a\": the name is taken. Give each tensor its own name.")
    #expect(
      text([SafetensorsSource("__metadata__", one)])
        == "a.safetensors, tensor \"__metadata__\": the name is taken. Give each tensor its own name.")
    #expect(
      text([SafetensorsSource("a", .float32, shape: [.max, 2]) { _ in }])
        == "a.safetensors, tensor \"a\": its shape (9223372036854775807, 2) is too large.")
    #expect(
      text([SafetensorsSource("a", .float32, shape: [3]) { try $0(UnsafeRawBufferPointer(start: nil, count: 0)) }])
        == "a.safetensors, tensor \"a\": it has 0 bytes but shape (3,) of F32 needs 12.")
    #expect(
      text([SafetensorsSource("a", one)], to: "none/a.safetensors")
        == "none/a.safetensors: cannot be written (No such file or directory). Check the spelling of the path.")
    #expect(try FileBytes.read(path) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.safetensors"])
  }
}

@Suite("Damaged and hostile safetensors give an error that says where")
struct HostileSafetensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func reader(_ bytes: [UInt8]) throws -> SafetensorsReader {
    let path = folder.path("a.safetensors")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try SafetensorsReader(path)
  }

  private func text(_ bytes: [UInt8]) -> String {
    errorText { try reader(bytes) }.replacingOccurrences(of: folder.url.path + "/", with: "")
  }

  private func length(_ length: UInt64) -> [UInt8] { withUnsafeBytes(of: length.littleEndian) { Array($0) } }

  private func file(_ header: String, data: Int) -> [UInt8] {
    length(UInt64(header.utf8.count)) + Array(header.utf8) + [UInt8](repeating: 1, count: data)
  }

  private func text(_ header: String, data: Int = 0) -> String { text(file(header, data: data)) }

  private let remedy = "The file is damaged or of another kind."

  @Test("The header's length and kind")
  func header() {
    #expect(text([]) == "a.safetensors: it has 0 bytes but a .safetensors file has at least 8. \(remedy)")
    #expect(
      text(length(3) + Array("{}".utf8))
        == "a.safetensors: its header would have 3 bytes but the file has 10. \(remedy)")
    #expect(
      text(length(.max) + Array("{}".utf8))
        == "a.safetensors: its header would have 18446744073709551615 bytes but the file has 10. \(remedy)")
    #expect(text(length(0)) == "a.safetensors: its header is not a JSON object. \(remedy)")
    #expect(text(" {}") == "a.safetensors: its header is not a JSON object. \(remedy)")
    #expect(text("{") == "a.safetensors, header: it is not valid JSON. \(remedy)")
    #expect(
      text(length(6) + [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x7D])
        == "a.safetensors: its header is not valid UTF-8. \(remedy)")
    #expect(
      text(#"{"a":"# + String(repeating: "[", count: 100_000))
        == "a.safetensors, header: it is not valid JSON. \(remedy)")
  }

  @Test("A header larger than the limit is not read")
  func largeHeader() throws {
    let path = folder.path("a.safetensors")
    try FileBytes.write(length(100_000_001), to: path)
    // A file with a hole, which takes no room on the disk.
    #expect(truncate(path, 200_000_000) == 0)
    #expect(
      errorText { try SafetensorsReader(path) }
        == "\(path): its header has 100000001 bytes, more than 100000000. \(remedy)")
  }

  @Test("Missing files and folders")
  func files() {
    let path = folder.path("none.safetensors")
    expectError(
      "\(path): cannot be opened for reading (No such file or directory). Check the spelling of the path."
    ) { try SafetensorsReader(path) }
    expectError("\(folder.url.path): it is not a regular file.") { try SafetensorsReader(folder.url.path) }
  }

  @Test("Metadata that is no object of texts")
  func metadata() {
    #expect(text(#"{"__metadata__":[]}"#) == "a.safetensors, __metadata__: it is not a JSON object. \(remedy)")
    #expect(
      text(#"{"__metadata__":{"epoch":3}}"#)
        == "a.safetensors, __metadata__.epoch: a text was expected but 3 was found.")
  }

  @Test(
    "What a tensor's entry says",
    arguments: [
      (#"{}"#, ".dtype: a text was expected but nothing was found."),
      (#"{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}"#, ": the key \"x\" is not known."),
      (
        #"{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}"#,
        ".shape: a list of integers was expected but [2.5] was found."
      ),
      (
        #"{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}"#,
        ": its shape (-2,) has a negative length or is too large."
      ),
      (
        #"{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,8]}"#,
        ": its shape (4611686018427387904,) has a negative length or is too large."
      ),
      (
        #"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}"#,
        ": its shape (4294967296, 4294967296) has a negative length or is too large."
      ),
      (#"{"dtype":"F32","shape":[3],"data_offsets":[0,8]}"#, ": it has 8 bytes but shape (3,) of F32 needs 12."),
      (
        #"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#,
        ".data_offsets: two rising numbers was expected but [8,0] was found."
      ),
      (
        #"{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}"#,
        ".data_offsets: two rising numbers was expected but [-8,0] was found."
      ),
      (
        #"{"dtype":"F32","shape":[2],"data_offsets":[0,8,16]}"#,
        ".data_offsets: two rising numbers was expected but [0,8,16] was found."
      ),
      (
        #"{"dtype":"F32","shape":[2],"data_offsets":[-9223372036854775808,9223372036854775807]}"#,
        ".data_offsets: two rising numbers was expected but [-9223372036854775808,9223372036854775807] was found."
      ),
      (#"{"dtype":"F32","shape":[2],"data_offsets":[4,12]}"#, ": its bytes begin at 4 but those before it end at 0."),
    ])
  func entries(_ entry: String, _ problem: String) {
    let actual = text(#"{"a":\#(entry)}"#, data: 8)
    #expect(
      actual == "a.safetensors, tensor \"a\"\(problem)" || actual == "a.safetensors, tensor \"a\"\(problem) \(remedy)")
  }

  @Test("Types that are not known")
  func types() {
    #expect(
      text(#"{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}"#, data: 8)
        == "a.safetensors, tensor \"a\": elements of type F8_E4M3 are not supported. "
        + "Known are BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64.")
  }

  @Test("Tensors that overlap, leave gaps, or do not fill the file")
  func layout() {
    func two(_ first: String, _ second: String, data: Int) -> String {
      text(
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":\#(first)},"b":{"dtype":"U8","shape":[4],"data_offsets":\#(second)}}"#,
        data: data)
    }
    #expect(two("[0,4]", "[4,8]", data: 8) == "(no error)")
    #expect(two("[4,8]", "[0,4]", data: 8) == "(no error)")
    #expect(
      two("[0,4]", "[2,6]", data: 6)
        == "a.safetensors, tensor \"b\": its bytes begin at 2 but those before it end at 4. \(remedy)")
    #expect(
      two("[0,4]", "[5,9]", data: 9)
        == "a.safetensors, tensor \"b\": its bytes begin at 5 but those before it end at 4. \(remedy)")
    for data in [7, 9] {
      #expect(
        two("[0,4]", "[4,8]", data: data)
          == "a.safetensors: its tensors have 8 bytes but \(data) bytes are behind the header. \(remedy)")
    }
    let entry = #""a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#
    #expect(text("{\(entry),\(entry)}", data: 4) == "a.safetensors, header: it holds the key \"a\" twice. \(remedy)")
  }

  @Test("Flags are 0 or 1, and a file that shrinks is noticed")
  func reading() throws {
    let reader = try reader(file(#"{"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#, data: 1) + [2])
    expectError("\(reader.path), tensor \"a\": it holds a flag of value 2. \(remedy)") { try reader.tensor("a") }
    let size = FileBytes.size(reader.path)
    #expect(truncate(reader.path, off_t(size - 1)) == 0)
    expectError("\(reader.path): it ends at byte \(size - 1), before its tensors do. \(remedy)") {
      try reader.tensor("a")
    }
  }

  @Test("Every beginning of a file, and thousands of damaged copies", arguments: ["written", "types"])
  func mutations(_ name: String) throws {
    let good = try FileBytes.read(golden(name))
    var random = RandomStream(seed: 5, stream: name == "types" ? 1 : 2)
    func below(_ limit: Int) -> Int { Int(random.nextUniform() * Double(limit)) }
    var (read, refused) = (0, 0)
    for number in 0..<good.count + 4000 {
      var copy = number < good.count ? Array(good.prefix(number)) : good
      if number >= good.count {
        for _ in 0...below(4) { copy[below(copy.count)] ^= 1 << UInt8(below(8)) }
      }
      do {
        let reader = try reader(copy)
        for (name, entry) in reader.entries {
          let tensor = try? reader.tensor(name)  // integers may have become too large
          #expect(tensor.map { $0.count == entry.shape.reduce(1, *) } ?? true)
        }
        read += 1
      } catch {
        #expect(error is AthanorError, "\(error)")
        refused += 1
      }
    }
    #expect(read > 100)
    #expect(refused > good.count)
  }
}
