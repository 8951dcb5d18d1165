/// Links and attributes that are too many or too long for an object's header: HDF5 1.8 and later keep them in a heap, and a tree that names
/// their places there.
enum HDF5Dense {
  enum Kind {
    case links, attributes

    /// The kind of the tree, the bytes of the highest order that has been given, and the bytes before a place in the tree's records.
    fileprivate var form: (tree: Int, orderWidth: Int, before: Int) {
      switch self {
      case .links: (5, 8, 4)
      case .attributes: (8, 2, 0)
      }
    }
  }

  /// The messages that an information message leads to: sections IV.A.2.c and IV.A.2.v.
  static func messages(_ file: HDF5Bytes, _ cursor: inout HDF5Cursor, of kind: Kind) throws -> [HDF5Cursor] {
    _ = try cursor.version(0...0, of: "its list of contents")
    let flags = try cursor.integer(1)
    if flags & 1 != 0 { try cursor.take(kind.form.orderWidth) }
    guard let heapAddress = try cursor.address() else { return [] }
    let heap = try HDF5FractalHeap(file, heapAddress)
    var result: [HDF5Cursor] = []
    try records(file, try cursor.address(), kind: kind.form.tree) { record in
      var record = record
      try record.take(kind.form.before)
      result.append(try heap.object(record))
    }
    return result
  }

  /// Visits the records of a B-tree of version 2: section III.A.2.
  private static func records(
    _ file: HDF5Bytes, _ address: Int?, kind: Int, _ body: (HDF5Cursor) throws -> Void
  ) throws {
    var cursor = try file.cursor(address, signature: "BTHD")
    _ = try cursor.version(0...0, of: "its list of contents")
    guard try cursor.integer(1) == kind else { throw HDF5Problem(text: "its list of contents cannot be read") }
    let (nodeSize, recordSize, depth) = (try cursor.integer(4), try cursor.integer(2), try cursor.integer(2))
    try cursor.take(2)
    let (root, count) = (try cursor.address(), try cursor.integer(2))
    guard recordSize > 0, nodeSize >= 64, nodeSize <= file.bytes.count, depth < 16 else {
      throw HDF5Problem(text: "its list of contents cannot be read")
    }
    guard count > 0 else { return }
    // The most records of a leaf, and of all below a node, decide how many bytes their counts take.
    let countWidth = byteCount((nodeSize - 10) / recordSize)
    var totalWidths = [0]
    var total = (nodeSize - 10) / recordSize
    for level in 0..<depth {
      let pointerSize = 8 + countWidth + totalWidths[level]
      let most = (nodeSize - 10 - pointerSize) / (recordSize + pointerSize)
      let (product, overflow) = total.multipliedReportingOverflow(by: most + 1)
      guard most > 0, !overflow, product < Int.max - most else { throw HDF5Problem.endless }
      total = product + most
      totalWidths.append(byteCount(total))
    }
    func visit(_ address: Int?, _ count: Int, _ depth: Int) throws {
      var cursor = try file.cursor(address, signature: depth == 0 ? "BTLF" : "BTIN")
      try cursor.take(2)
      for _ in 0..<count { try body(HDF5Cursor(file, try cursor.take(recordSize))) }
      guard depth > 0 else { return }
      for _ in 0...count {
        let (child, count) = (try cursor.address(), try cursor.integer(countWidth))
        try cursor.take(totalWidths[depth - 1])
        try visit(child, count, depth - 1)
      }
    }
    try visit(root, count, depth)
  }

  /// The bytes that numbers up to this one take.
  fileprivate static func byteCount(_ limit: Int) -> Int { (Int.bitWidth - limit.leadingZeroBitCount - 1) / 8 + 1 }
}

/// A fractal heap: section III.G. Its objects lie in blocks whose sizes double from row to row.
private struct HDF5FractalHeap {
  private let file: HDF5Bytes
  private let offsetWidth: Int
  private let lengthWidth: Int
  private let rowWidth: Int
  private let firstSize: Int
  private let largestDirect: Int
  private let root: Int?
  private let rootRows: Int

  init(_ file: HDF5Bytes, _ address: Int) throws {
    self.file = file
    var cursor = try file.cursor(address, signature: "FRHP")
    _ = try cursor.version(0...0, of: "a heap")
    try cursor.take(2)
    guard try cursor.integer(2) == 0 else {
      throw HDF5Problem(
        text: "its list of contents is compressed, which is not supported", fix: "Save the file without compression.")
    }
    try cursor.take(1)
    let largestObject = try cursor.integer(4)
    try cursor.take(96)
    (rowWidth, firstSize, largestDirect) = (try cursor.integer(2), try cursor.integer(8), try cursor.integer(8))
    let addressBits = try cursor.integer(2)
    try cursor.take(2)
    (root, rootRows) = (try cursor.address(), try cursor.integer(2))
    guard rowWidth > 0, rowWidth <= 1024, firstSize > 0, firstSize <= largestDirect, largestDirect <= 1 << 32,
      firstSize & (firstSize - 1) == 0, largestDirect & (largestDirect - 1) == 0, addressBits <= 64, largestObject > 0
    else { throw HDF5Problem(text: "a heap is damaged") }
    offsetWidth = (addressBits + 7) / 8
    lengthWidth = min((largestDirect.trailingZeroBitCount + 7) / 8, HDF5Dense.byteCount(largestObject))
  }

  /// The object that a record leads to.
  func object(_ record: HDF5Cursor) throws -> HDF5Cursor {
    var record = record
    // The kind of place: 0 for a place in a block.
    guard try record.integer(1) & 0xF0 == 0 else {
      throw HDF5Problem(
        text: "an entry or attribute has a form that is not supported",
        fix: "Save the file in the form that the oldest versions of HDF5 read.")
    }
    let (offset, length) = (try record.integer(offsetWidth), try record.integer(lengthWidth))
    return try file.cursor(try address(offset, block: root, rows: rootRows, depth: 0), count: length)
  }

  /// Where an offset lies. A block without rows holds objects; others hold the addresses of blocks.
  private func address(_ offset: Int, block: Int?, rows: Int, depth: Int) throws -> Int {
    guard rows > 0 else {
      let begin = try file.cursor(block, signature: "FHDB").place - 4
      guard offset <= file.bytes.count else { throw HDF5Problem.outside }
      return begin + offset
    }
    guard depth < 16, rows < 64 else { throw HDF5Problem.endless }
    var cursor = try file.cursor(block, signature: "FHIB")
    try cursor.take(9 + offsetWidth)
    var (start, size) = (0, firstSize)
    for row in 0..<rows {
      if row > 1 { size *= 2 }
      let length = size * rowWidth
      guard length <= 1 << 48 else { throw HDF5Problem.endless }
      guard offset >= start + length else {
        try cursor.take(8 * ((offset - start) / size))
        // Blocks that are too large hold rows of their own.
        let childRows =
          size <= largestDirect ? 0 : (size / (firstSize * rowWidth)).trailingZeroBitCount + 1
        return try address((offset - start) % size, block: cursor.address(), rows: childRows, depth: depth + 1)
      }
      start += length
      try cursor.take(8 * rowWidth)
    }
    throw HDF5Problem.outside
  }
}
