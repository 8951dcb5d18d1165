import Athanor

/// Reads the groups of an HDF5 file that is in memory.
///
/// Written for what Keras, h5py and Athanor write. All addresses and lengths are checked, and checksums are not: damage that leaves them within
/// the file is as little noticed as damage to the numbers, which have none.
final class HDF5Reader {
  let file: HDF5Bytes
  private let path: String
  private var objectsLeft = 100_000
  private var heaps: [Int: [Int: Range<Int>]] = [:]

  /// - Parameter bytes: Must outlive the reader.
  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    file = HDF5Bytes(bytes)
    self.path = path
  }

  /// - Returns: nil when it is not an HDF5 file or cut short.
  /// - Throws: `AthanorError` that names the file and the object.
  func root() throws -> HDF5Group? {
    guard let address = try named("superblock", { try HDF5Superblock.root(file) }) else { return nil }
    let header = try named("/") {
      let header = try HDF5Header(file, address)
      guard header.kind == .group else { throw HDF5Problem(text: "it is not a group") }
      return header
    }
    return try group(header, "/", depth: 0)
  }

  private func named<Result>(_ object: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let problem as HDF5Problem {
      throw AthanorError(.data, at: "\(path), \(object)", problem.text, fix: problem.fix)
    }
  }

  private func countObject() throws {
    objectsLeft -= 1
    guard objectsLeft >= 0 else { throw HDF5Problem(text: "it is one of more than 100000 objects") }
  }

  // MARK: Groups

  private func group(_ header: HDF5Header, _ name: String, depth: Int) throws -> HDF5Group {
    let links = try named(name) {
      guard depth < 32 else { throw HDF5Problem(text: "groups are nested more than 32 deep") }
      try countObject()
      return try self.links(header)
    }
    var result = HDF5Group()
    for message in try named(name, { try attributeMessages(header) }) {
      var cursor = message
      let (title, attribute) = try named(name) { try HDF5Attribute.read(file, &cursor) }
      result.attributes[title] = try named("\(name), attribute \(title)") { try texts(attribute) }
    }
    for (child, address) in links {
      let header = try named(name + child) { try HDF5Header(file, address) }
      guard result.groups[child] == nil, result.arrays[child] == nil else {
        throw AthanorError(
          .data, at: "\(path), \(name)\(child)",
          "another object has this name, perhaps in another normal form of Unicode",
          fix: "Rename the layer that it belongs to.")
      }
      switch header.kind {
      case .group: result.groups[child] = try group(header, name + child + "/", depth: depth + 1)
      case .array:
        result.arrays[child] = try named(name + child) {
          try countObject()
          return try HDF5Values.array(file, header)
        }
      case .type: break
      case .unknown: throw try named(name + child) { throw HDF5Problem(text: "it is neither a group nor an array") }
      }
    }
    return result
  }

  /// The names of a group's objects with the addresses of their headers. Soft and external links lead elsewhere, perhaps out of the file.
  private func links(_ header: HDF5Header) throws -> [(name: String, address: Int)] {
    var result: [(name: String, address: Int)] = []
    for message in header.messages(.symbolTable) {
      var cursor = message
      let (tree, heap) = (try cursor.address(), try cursor.address())
      let names = try localHeap(heap)
      try HDF5Tree.visit(file, tree, kind: 0, keySize: 8) { _, node in
        result += try symbols(node, names)
      }
    }
    for message in header.messages(.link) {
      var cursor = message
      if let link = try link(&cursor) { result.append(link) }
    }
    for message in header.messages(.linkInformation) {
      var cursor = message
      for message in try HDF5Dense.messages(file, &cursor, of: .links) {
        var cursor = message
        if let link = try link(&cursor) { result.append(link) }
      }
    }
    return result
  }

  /// The names of a group: section III.D.
  private func localHeap(_ address: Int?) throws -> Range<Int> {
    var cursor = try file.cursor(address, signature: "HEAP")
    try cursor.take(4)
    let size = try cursor.integer(8)
    try cursor.take(8)
    return try file.cursor(try cursor.address(), count: size).rest
  }

  /// The entries of a symbol table's node: sections III.B and III.C.
  private func symbols(_ address: Int?, _ names: Range<Int>) throws -> [(name: String, address: Int)] {
    var cursor = try file.cursor(address, signature: "SNOD")
    try cursor.take(2)
    var result: [(name: String, address: Int)] = []
    for _ in 0..<(try cursor.integer(2)) {
      let offset = try cursor.integer(8)
      let address = try cursor.address()
      let isSoft = try cursor.integer(4) == 2
      try cursor.take(20)
      guard !isSoft else { continue }
      guard offset < names.count, let address else { throw HDF5Problem.outside }
      let start = names.lowerBound + offset
      result.append((try linkName(start..<min(names.upperBound, start + 4096)), address))
    }
    return result
  }

  private func linkName(_ place: Range<Int>) throws -> String {
    let name = try file.text(place)
    guard !name.isEmpty, name.utf8.count < 4096, !name.contains("/") else {
      throw HDF5Problem(text: "the name of an entry cannot be read")
    }
    return name
  }

  /// A link message: section IV.A.2.g; nil for one that leads elsewhere.
  private func link(_ cursor: inout HDF5Cursor) throws -> (name: String, address: Int)? {
    _ = try cursor.version(1...1, of: "a link")
    let flags = try cursor.integer(1)
    let isHard = flags & 8 == 0 ? true : try cursor.integer(1) == 0
    try cursor.take((flags & 4 == 0 ? 0 : 8) + (flags & 16 == 0 ? 0 : 1))
    let length = try cursor.integer(1 << (flags & 3))
    let name = try linkName(cursor.take(length))
    guard isHard else { return nil }
    guard let address = try cursor.address() else { throw HDF5Problem.outside }
    return (name, address)
  }

  // MARK: Attributes

  private func attributeMessages(_ header: HDF5Header) throws -> [HDF5Cursor] {
    try header.messages(.attribute)
      + header.messages(.attributeInformation).flatMap { message in
        var cursor = message
        return try HDF5Dense.messages(file, &cursor, of: .attributes)
      }
  }

  /// Texts of fixed or variable length; an empty list of any type is a list of no texts; other types are left out.
  private func texts(_ attribute: HDF5Attribute) throws -> HDF5Group.Attribute? {
    let shape = attribute.shape
    guard let count = Tensor.elementCount(of: shape) else { throw HDF5Problem.endless }
    if count == 0 { return .texts([]) }
    let size = attribute.type.size
    guard attribute.type.isText else { return nil }
    if attribute.isNull { return .text("") }
    guard size > 0, count <= attribute.value.rest.count / size else {
      throw HDF5Problem(text: "it claims shape \(Shape.text(shape)), which is more than it holds")
    }
    var cursor = attribute.value
    let values = try (0..<count).map { _ in
      let place = attribute.type.isVariable ? try heapText(&cursor) : try cursor.take(size)
      return try file.text(place)
    }
    return shape.isEmpty ? .text(values[0]) : .texts(values)
  }

  /// A text of variable length: its length, the address of its heap and its number there (section IV.A.2.d, class 9).
  private func heapText(_ cursor: inout HDF5Cursor) throws -> Range<Int> {
    let (length, address, number) = (try cursor.integer(4), try cursor.address(), try cursor.integer(4))
    guard length > 0 else { return 0..<0 }
    guard let address, let place = try globalHeap(address)[number], place.count == length else {
      throw HDF5Problem(text: "the heap that holds its texts is damaged")
    }
    return place
  }

  /// The places of a global heap's objects by number: section III.E.
  private func globalHeap(_ address: Int) throws -> [Int: Range<Int>] {
    if let known = heaps[address] { return known }
    var header = try file.cursor(address, signature: "GCOL")
    _ = try header.version(1...1, of: "a heap")
    try header.take(3)
    var cursor = try file.cursor(address, count: try header.integer(8))
    try cursor.take(16)
    var objects: [Int: Range<Int>] = [:]
    while cursor.rest.count >= 16 {
      let start = cursor.place
      let number = try cursor.integer(2)
      try cursor.take(6)
      let size = try cursor.integer(8)
      // Number 0 is the free space, whose size counts its own header.
      if number == 0 {
        guard size == cursor.end - start else { throw HDF5Problem(text: "the heap that holds its texts is damaged") }
        break
      }
      guard file.canHold(1, elementSize: 32) else { throw HDF5Problem.endless }
      objects[number] = try cursor.take(size)
      try cursor.take(min((8 - size % 8) % 8, cursor.rest.count))
    }
    heaps[address] = objects
    return objects
  }
}

/// The header of an object, which is a list of messages: section IV.A.1.
struct HDF5Header {
  /// The kinds of messages that are read.
  enum Message: Int {
    case shape = 1
    case linkInformation = 2
    case type = 3
    case fill = 5
    case link = 6
    case externalFiles = 7
    case layout = 8
    case filters = 11
    case attribute = 12
    case symbolTable = 17
    case attributeInformation = 21
  }

  enum Kind {
    case group, array, type, unknown
  }

  private var found: [(kind: Message, content: HDF5Cursor)] = []

  func messages(_ kind: Message) -> [HDF5Cursor] { found.filter { $0.kind == kind }.map(\.content) }

  var kind: Kind {
    func has(_ kind: Message) -> Bool { found.contains { $0.kind == kind } }
    if has(.symbolTable) || has(.linkInformation) { return .group }
    if has(.shape) || has(.layout) { return .array }
    return has(.type) ? .type : .unknown
  }

  init(_ file: HDF5Bytes, _ address: Int) throws {
    var cursor = try file.cursor(address)
    if try cursor.integer(1) == 1 {
      try cursor.take(7)
      let size = try cursor.integer(4)
      try cursor.take(4)
      try read(file, file.cursor(cursor.place, count: size), width: 2, skip: 3)
      return
    }
    cursor = try file.cursor(address, signature: "OHDR")
    _ = try cursor.version(2...2, of: "its header")
    let flags = try cursor.integer(1)
    try cursor.take((flags & 32 == 0 ? 0 : 16) + (flags & 16 == 0 ? 0 : 4))
    let size = try cursor.integer(1 << (flags & 3))
    try read(file, file.cursor(cursor.place, count: size), width: 1, skip: flags & 4 == 0 ? 0 : 2)
  }

  /// Reads messages and the blocks that continue them.
  ///
  /// - Parameters:
  ///   - width: The bytes of a message's kind, 1 in headers of version 2.
  ///   - skip: How many bytes lie between a message's flags and its content.
  private mutating func read(_ file: HDF5Bytes, _ block: HDF5Cursor, width: Int, skip: Int) throws {
    var blocks = [block]
    while var cursor = blocks.popLast() {
      // What is shorter than a message is a gap.
      while cursor.rest.count >= width + 3 + skip {
        let (kind, size, flags) = (try cursor.integer(width), try cursor.integer(2), try cursor.integer(1))
        try cursor.take(skip)
        var content = HDF5Cursor(file, try cursor.take(size))
        if kind == 16 {
          let (address, size) = (try content.address(), try content.integer(8))
          if width == 2 {
            blocks.append(try file.cursor(address, count: size))
          } else {
            // A signature before and a checksum behind.
            let begin = try file.cursor(address, signature: "OCHK").place
            blocks.append(try file.cursor(begin, count: size - 8))
          }
        } else if let kind = Message(rawValue: kind) {
          guard flags & 2 == 0 else {
            throw HDF5Problem(
              text: "its type or another part is shared with other objects, which is not supported",
              fix: "Save it without named types.")
          }
          found.append((kind, content))
          guard found.count <= 100_000 else { throw HDF5Problem.endless }
        }
      }
    }
  }
}

/// B-trees of version 1: section III.A.1.
enum HDF5Tree {
  /// Visits what the leaves lead to.
  ///
  /// - Parameters:
  ///   - kind: 0 for the names of a group, 1 for the chunks of an array.
  ///   - level: The node's level, 0 for a leaf; nil for the root, which may have any.
  ///   - body: Is given the key before an address, and the address.
  static func visit(
    _ file: HDF5Bytes, _ address: Int?, kind: Int, keySize: Int, level: Int? = nil,
    _ body: (_ key: HDF5Cursor, _ address: Int?) throws -> Void
  ) throws {
    var cursor = try file.cursor(address, signature: "TREE")
    let (found, depth, count) = (try cursor.integer(1), try cursor.integer(1), try cursor.integer(2))
    guard found == kind, depth == level ?? depth, depth < 32 else {
      throw HDF5Problem(text: "its list of contents cannot be read")
    }
    try cursor.take(16)
    for _ in 0..<count {
      let key = HDF5Cursor(file, try cursor.take(keySize))
      let child = try cursor.address()
      if depth == 0 {
        try body(key, child)
      } else {
        try visit(file, child, kind: kind, keySize: keySize, level: depth - 1, body)
      }
    }
  }
}
