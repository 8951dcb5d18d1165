// Operations on known numbers alone.

extension ImportSite {
  /// The numbers as they are.
  package func foldedIdentity() throws -> Tensor? { try operation.required(.x) }

  package func foldedReshape() throws -> Tensor? {
    let x = try operation.required(.x)
    var shape = try operation.integers(.shape)
    if let open = shape.firstIndex(of: -1) {
      let rest = Tensor.elementCount(of: shape.filter { $0 != -1 }) ?? 0
      shape[open] = rest > 0 ? x.count / rest : 0
    }
    return try known(x, shape)
  }

  package func foldedSqueeze() throws -> Tensor? {
    let x = try operation.required(.x)
    let axes = try axes(.axes, rank: x.shape.count) ?? x.shape.indices.filter { x.shape[$0] == 1 }
    return try known(x, x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] })
  }

  package func foldedExpansion() throws -> Tensor? {
    let x = try operation.required(.x)
    return try known(x, expanded(x.shape.map { $0 }).map { $0 ?? 1 })
  }

  package func foldedTranspose() throws -> Tensor? {
    let x = try operation.required(.x)
    let order = try axes(.perm, rank: x.shape.count) ?? x.shape.indices.reversed()
    guard order.sorted() == Array(x.shape.indices) else { throw damaged("perm") }
    return x.transposed(order)
  }

  package func foldedGather() throws -> Tensor? {
    let (x, rows) = (try operation.required(.x), try operation.required(.indices))
    guard try operation.integer(.axis) == 0, x.shape.count == 1 else { return nil }
    let (numbers, places) = (x.floats, try rows.integers.map { try axis($0, rank: x.count) })
    return like(x, rows.shape, places.map { numbers[$0] })
  }

  package func foldedSlice() throws -> Tensor? {
    let x = try operation.required(.x)
    guard x.shape.count == 1 else { return nil }
    let range = try range(of: 0, length: x.count)
    return like(x, [range.count], Array(x.floats[range]))
  }

  package func foldedConcatenation() throws -> Tensor? {
    let parts = values(.values).compactMap(\.constant)
    guard parts.allSatisfy({ $0.shape.count <= 1 }), let first = parts.first else { return nil }
    let numbers = parts.flatMap(\.floats)
    return like(first, [numbers.count], numbers)
  }

  package func foldedArithmetic(_ body: (Float, Float) -> Float) throws -> Tensor? {
    let (x, y) = (try operation.required(.x), try operation.required(.y))
    guard x.count == y.count || (x.count == 1 && y.count > 0) || (y.count == 1 && x.count > 0) else { return nil }
    let (a, b) = (x.floats, y.floats)
    let numbers = (0..<Swift.max(a.count, b.count)).map { body(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
    return like(x, x.count >= y.count ? x.shape : y.shape, numbers)
  }

  private func damaged(_ argument: ArgumentName) -> AthanorError {
    damaged("its argument \"\(argument.rawValue)\" does not go with its input")
  }

  private func known(_ tensor: Tensor, _ shape: [Int]) throws -> Tensor {
    guard Tensor.elementCount(of: shape) == tensor.count else { throw damaged(.shape) }
    return tensor.reshaped(to: shape)
  }

  /// Numbers of the type of others.
  private func like(_ tensor: Tensor, _ shape: [Int], _ values: [Float]) -> Tensor {
    if case .int32 = tensor.storage {
      return Tensor(uncheckedShape: shape, .int32(values.map { Int32(exactly: $0.rounded(.towardZero)) ?? 0 }))
    }
    return Tensor(uncheckedShape: shape, .float32(values))
  }

  /// Lengths with ones put in at the places of `axes`.
  func expanded(_ lengths: [Int?]) throws -> [Int?] {
    let rank = lengths.count + (try operation.integers(.axes).count)
    var result = lengths
    for axis in try axes(.axes, rank: rank)?.sorted() ?? [] {
      guard axis <= result.count else { throw damaged(.axes) }
      result.insert(1, at: axis)
    }
    return result
  }

  /// Which places of an axis `slice_by_index` takes.
  func range(of axis: Int, length: Int) throws -> Range<Int> {
    func value(_ argument: ArgumentName, _ standard: Int) throws -> Int {
      let values = try operation.integers(argument)
      return axis < values.count ? values[axis] : standard
    }
    guard try value(.stride, 1) == 1 else {
      throw unsupported("it takes every second place or fewer, which is not supported")
    }
    func bounded(_ place: Int) -> Int { min(max(place < 0 ? place + length : place, 0), length) }
    let begin = try value(.beginMask, 0) != 0 ? 0 : bounded(try value(.begin, 0))
    let end = try value(.endMask, 0) != 0 ? length : bounded(try value(.end, length))
    return begin..<max(begin, end)
  }
}
