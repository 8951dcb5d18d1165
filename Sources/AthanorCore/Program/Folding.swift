// Operations on known numbers alone.

extension ImportSite {
  /// The numbers as they are.
  package func foldedIdentity() throws -> Tensor? { try operation.required(.x) }

  /// The numbers in another type; integers are cut towards zero.
  func foldedCast() throws -> Tensor? {
    let x = try operation.required(.x)
    switch OperationKind.Precision(rawValue: try operation.text(.dtype)) {
    case let type? where type.isFloatingPoint: return Tensor(uncheckedShape: x.shape, .float32(x.floats))
    case .int32, .int64: return try like(.int32, x.shape, x.doubles)
    case .bool: return Tensor(uncheckedShape: x.shape, .int32(x.floats.map { $0 == 0 ? 0 : 1 }))
    default: return nil
    }
  }

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
    return try known(x, expanded(x.shape, with: 1))
  }

  package func foldedTranspose() throws -> Tensor? {
    let x = try operation.required(.x)
    let order = try axes(.perm, rank: x.shape.count) ?? x.shape.indices.reversed()
    guard order.sorted() == Array(x.shape.indices) else { throw damaged("perm") }
    return try like(x.dtype, order.map { x.shape[$0] }, x.transposed(order).doubles)
  }

  package func foldedGather() throws -> Tensor? {
    let (x, rows) = (try operation.required(.x), try operation.required(.indices))
    guard try operation.integer(.axis) == 0, x.shape.count == 1 else { return nil }
    let (numbers, places) = (x.doubles, try rows.integers.map { try axis($0, rank: x.count) })
    return try like(x.dtype, rows.shape, places.map { numbers[$0] })
  }

  package func foldedSlice() throws -> Tensor? {
    let x = try operation.required(.x)
    guard x.shape.count == 1 else { return nil }
    try requireSlices(rank: 1)
    let range = try range(of: 0, length: x.count)
    guard try operation.integers(.squeezeMask).first ?? 0 != 0 else {
      return try like(x.dtype, [range.count], Array(x.doubles[range]))
    }
    guard range.count == 1 else { throw damaged(.squeezeMask) }
    return try like(x.dtype, [], Array(x.doubles[range]))
  }

  package func foldedConcatenation() throws -> Tensor? {
    let parts = values(.values).compactMap(\.constant)
    guard parts.allSatisfy({ $0.shape.count <= 1 && $0.dtype == parts[0].dtype }), let first = parts.first else {
      return nil
    }
    let numbers = parts.flatMap(\.doubles)
    return try like(first.dtype, [numbers.count], numbers)
  }

  package func foldedArithmetic(_ body: (Double, Double) -> Double) throws -> Tensor? {
    let (x, y) = (try operation.required(.x), try operation.required(.y))
    let isPair = x.shape == y.shape || x.count == 1 && x.shape.count <= y.shape.count
    guard x.dtype == y.dtype, x.count > 0, y.count > 0, isPair || y.count == 1 && y.shape.count <= x.shape.count else {
      return nil
    }
    let (a, b) = (x.doubles, y.doubles)
    let shape = isPair ? y.shape : x.shape
    let numbers = (0..<(isPair ? b.count : a.count)).map { body(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
    return try like(x.dtype, shape, numbers)
  }

  private func damaged(_ argument: ArgumentName) -> AthanorError {
    damaged("its argument \"\(argument.rawValue)\" does not go with its input")
  }

  private func known(_ tensor: Tensor, _ shape: [Int]) throws -> Tensor {
    guard Tensor.elementCount(of: shape) == tensor.count else { throw damaged(.shape) }
    return tensor.reshaped(to: shape)
  }

  /// Numbers of a type; integers are cut towards zero.
  private func like(_ dtype: DType, _ shape: [Int], _ values: [Double]) throws -> Tensor {
    guard dtype == .int32 else { return Tensor(uncheckedShape: shape, .float32(values.map { Float($0) })) }
    return Tensor(
      uncheckedShape: shape,
      .int32(
        try values.map { value in
          guard let integer = Int32(exactly: value.rounded(.towardZero)) else {
            throw unsupported("it computes \(value), which does not fit 32-bit integers")
          }
          return integer
        }))
  }

  /// Lengths with ones put in at the places of `axes`.
  func expanded<Length>(_ lengths: [Length], with one: Length) throws -> [Length] {
    let rank = lengths.count + (try operation.integers(.axes).count)
    var result = lengths
    var last = -1
    for axis in try axes(.axes, rank: rank)?.sorted() ?? [] {
      guard last < axis, axis <= result.count else { throw damaged(.axes) }
      result.insert(one, at: axis)
      last = axis
    }
    return result
  }

  /// - Throws: `AthanorError` when `slice_by_index` speaks of more axes than there are.
  func requireSlices(rank: Int) throws {
    for argument in [ArgumentName.begin, .end, .stride, .beginMask, .endMask, .squeezeMask] {
      guard try operation.integers(argument).count <= rank else { throw damaged(argument) }
    }
  }

  /// Whether `slice_by_index` takes all of an axis, however long it is.
  func takesWhole(_ axis: Int) throws -> Bool {
    func value(_ argument: ArgumentName) throws -> Int? {
      let values = try operation.integers(argument)
      return axis < values.count ? values[axis] : nil
    }
    let begins = try (value(.beginMask) ?? 0) != 0 || [0, nil].contains(value(.begin))
    let ends =
      try (value(.endMask) ?? 0) != 0 || value(.end).map { $0 >= Int(Int32.max) || axis == 0 && $0 == batch } ?? true
    return try begins && ends && (value(.stride) ?? 1) == 1
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
