/// What the composition of one imported operation sees of its arguments.
struct ImportSite {
  let operation: ImportedProgram.Operation
  let builder: ImportBuilder

  func has(_ argument: String) -> Bool { !(operation.arguments[argument] ?? []).isEmpty }

  func contents(_ argument: String) throws -> [ImportBuilder.Content] {
    try (operation.arguments[argument] ?? []).map(builder.content)
  }

  func content(_ argument: String) throws -> ImportBuilder.Content {
    let contents = try contents(argument)
    guard contents.count == 1 else {
      throw AthanorError(.data, at: "", "its argument \"\(argument)\" has \(contents.count) values but needs one")
    }
    return contents[0]
  }

  /// An argument that the network computes.
  func computed(_ argument: String) throws -> ImportBuilder.Computed {
    guard case .computed(let computed) = try content(argument) else {
      throw AthanorError(
        .unsupported, at: "", "its argument \"\(argument)\" is constant, but the network must compute it")
    }
    return computed
  }

  /// Known numbers; nil when the argument is missing.
  func numbers(_ argument: String) throws -> Tensor? {
    guard has(argument) else { return nil }
    guard case .numbers(let tensor) = try content(argument) else {
      throw AthanorError(
        .unsupported, at: "", "its argument \"\(argument)\" is computed by the network, but must be known before")
    }
    return tensor
  }

  func required(_ argument: String) throws -> Tensor {
    guard let tensor = try numbers(argument) else {
      throw AthanorError(.data, at: "", "its argument \"\(argument)\" is missing")
    }
    return tensor
  }

  func number(_ argument: String, default standard: Double) throws -> Double {
    guard let tensor = try numbers(argument) else { return standard }
    guard tensor.count == 1 else {
      throw AthanorError(.data, at: "", "its argument \"\(argument)\" has \(tensor.count) numbers but needs one")
    }
    return Double(tensor.floats[0])
  }

  func flag(_ argument: String) throws -> Bool { try number(argument, default: 0) != 0 }

  func text(_ argument: String, default standard: String) throws -> String {
    guard has(argument), case .text(let text) = try content(argument) else { return standard }
    return text
  }

  func integers(_ argument: String) throws -> [Int]? {
    try numbers(argument).map(\.integers)
  }

  func integers(_ argument: String, count: Int, default standard: Int) throws -> [Int] {
    let values = try integers(argument) ?? [Int](repeating: standard, count: count)
    guard values.count == count else {
      throw AthanorError(.data, at: "", "its argument \"\(argument)\" is \(values) but needs \(count) numbers")
    }
    return values
  }

  /// An axis as a number from 0; the format counts from the end below 0.
  func axis(_ value: Int, rank: Int) throws -> Int {
    guard (-rank..<rank).contains(value) else {
      throw AthanorError(.data, at: "", "it names axis \(value) of a value with \(rank) axes")
    }
    return value < 0 ? value + rank : value
  }

  func axes(_ argument: String, rank: Int) throws -> [Int]? {
    try integers(argument)?.map { try axis($0, rank: rank) }
  }
}

extension Tensor {
  /// The elements as integers; numbers that are none are cut.
  package var integers: [Int] {
    if case .int32(let values) = storage { return values.map { Int($0) } }
    return floats.map { Int(exactly: $0.rounded(.towardZero)) ?? 0 }
  }

  /// The same elements under another shape with the same count.
  package func seen(as shape: [Int]) -> Tensor { Tensor(uncheckedShape: shape, storage) }
}

// MARK: Known arguments

extension ImportSite {
  /// The result when all that it depends on is known: mostly the arithmetic on shapes that other programs leave in their files.
  func folded() throws -> ImportBuilder.Content? {
    if operation.type == "shape", case .computed(let x) = try content("x") {
      // The batch is open; it counts as 1, which `reshape` reads as the batch again.
      let lengths = x.shape.map { Int32(clamping: $0 ?? 1) }
      return .numbers(Tensor(uncheckedShape: [lengths.count], .int32(lengths)))
    }
    guard ImportSite.foldable.contains(operation.type), try isKnown() else { return nil }
    if operation.type == "concat" {
      let parts = try contents("values").compactMap { if case .numbers(let tensor) = $0 { tensor } else { nil } }
      guard parts.allSatisfy({ $0.shape.count <= 1 }) else { return nil }
      return .numbers(joined(parts))
    }
    let x = try required("x")
    switch operation.type {
    case "cast", "identity": return .numbers(x)
    case "reshape":
      var shape = try integers("shape") ?? []
      if let open = shape.firstIndex(of: -1) {
        let rest = Tensor.elementCount(of: shape.filter { $0 != -1 }) ?? 0
        shape[open] = rest > 0 ? x.count / rest : 0
      }
      return try known(x, shape)
    case "squeeze":
      let axes = try axes("axes", rank: x.shape.count) ?? x.shape.indices.filter { x.shape[$0] == 1 }
      return try known(x, x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] })
    case "expand_dims": return try known(x, try expanded(x.shape.map { $0 }).map { $0 ?? 1 })
    case "transpose":
      let order = try axes("perm", rank: x.shape.count) ?? x.shape.indices.reversed()
      guard order.sorted() == Array(x.shape.indices) else { throw damaged("perm") }
      return .numbers(x.transposed(order))
    case "gather":
      let (rows, axis) = (try required("indices"), try number("axis", default: 0))
      guard axis == 0, x.shape.count == 1 else { return nil }
      let places = try rows.integers.map { try self.axis($0, rank: x.count) }
      return .numbers(like(x, rows.shape, places.map { x.floats[$0] }))
    case "slice_by_index":
      guard x.shape.count == 1 else { return nil }
      let range = try range(of: 0, length: x.count)
      return .numbers(like(x, [range.count], Array(x.floats[range])))
    default: return try arithmetic(x, required("y"))
    }
  }

  private static let foldable: Set<String> = [
    "cast", "identity", "reshape", "squeeze", "expand_dims", "transpose", "gather", "slice_by_index", "concat", "add",
    "sub", "mul", "real_div", "floor_div",
  ]

  private func isKnown() throws -> Bool {
    for name in operation.arguments.values.joined() {
      if case .computed = try builder.content(name) { return false }
    }
    return true
  }

  private func damaged(_ argument: String) -> AthanorError {
    AthanorError(.data, at: "", "its argument \"\(argument)\" does not go with its input")
  }

  private func known(_ tensor: Tensor, _ shape: [Int]) throws -> ImportBuilder.Content {
    guard Tensor.elementCount(of: shape) == tensor.count else { throw damaged("shape") }
    return .numbers(tensor.seen(as: shape))
  }

  private func like(_ tensor: Tensor, _ shape: [Int], _ values: [Float]) -> Tensor {
    if case .int32 = tensor.storage {
      return Tensor(uncheckedShape: shape, .int32(values.map { Int32(exactly: $0.rounded(.towardZero)) ?? 0 }))
    }
    return Tensor(uncheckedShape: shape, .float32(values))
  }

  private func joined(_ parts: [Tensor]) -> Tensor {
    let values = parts.flatMap(\.floats)
    return parts.first.map { like($0, [values.count], values) } ?? Tensor(zeros: [0])
  }

  private func arithmetic(_ x: Tensor, _ y: Tensor) throws -> ImportBuilder.Content? {
    guard x.count == y.count || (x.count == 1 && y.count > 0) || (y.count == 1 && x.count > 0) else { return nil }
    let (a, b) = (x.floats, y.floats)
    let values = (0..<Swift.max(a.count, b.count)).map { index -> Float in
      let (left, right) = (a[a.count == 1 ? 0 : index], b[b.count == 1 ? 0 : index])
      switch operation.type {
      case "add": return left + right
      case "sub": return left - right
      case "mul": return left * right
      case "floor_div": return (left / right).rounded(.down)
      default: return left / right
      }
    }
    return .numbers(like(x, x.count >= y.count ? x.shape : y.shape, values))
  }

  /// Lengths with ones put in at the places of `axes`.
  func expanded(_ lengths: [Int?]) throws -> [Int?] {
    let rank = lengths.count + (try integers("axes")?.count ?? 0)
    var result = lengths
    for axis in try axes("axes", rank: rank)?.sorted() ?? [] {
      guard axis <= result.count else { throw damaged("axes") }
      result.insert(1, at: axis)
    }
    return result
  }

  /// Which places of an axis `slice_by_index` takes.
  func range(of axis: Int, length: Int) throws -> Range<Int> {
    func value(_ argument: String, _ standard: Int) throws -> Int {
      guard let values = try integers(argument), axis < values.count else { return standard }
      return values[axis]
    }
    guard try value("stride", 1) == 1 else {
      throw AthanorError(.unsupported, at: "", "it takes every second place or fewer, which there is nothing for")
    }
    func bounded(_ place: Int) -> Int { min(max(place < 0 ? place + length : place, 0), length) }
    let begin = try value("begin_mask", 0) != 0 ? 0 : bounded(try value("begin", 0))
    let end = try value("end_mask", 0) != 0 ? length : bounded(try value("end", length))
    return begin..<max(begin, end)
  }
}
