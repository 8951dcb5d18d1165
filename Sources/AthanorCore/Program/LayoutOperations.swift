// Operations of the exchange language that only move numbers and have no op of their own.

extension OperationKind {
  package static let identity = OperationKind("identity", [.required(.x)], fold: { try $0.foldedIdentity() }) { site in
    [try site.computed(.x)]
  }

  /// The spellings of element types between which the network's numbers may be cast.
  package enum Precision: String, Sendable {
    case float16 = "fp16"
    case float32 = "fp32"
    case float64 = "fp64"
  }

  /// The network's numbers stay numbers of 32 bits, whatever precision the file has for them.
  package static let cast = OperationKind(
    "cast", [.required(.x), .text(.dtype, Precision.float32.rawValue)], fold: { try $0.foldedIdentity() }
  ) { site in
    let type = try site.operation.text(.dtype)
    guard Precision(rawValue: type) != nil else {
      throw site.unsupported("it casts values of the network to \(type), but only known numbers can be")
    }
    return [try site.computed(.x)]
  }

  /// The lengths; the batch is open and counts as 1, which `reshape` reads as the batch again.
  package static let shape = OperationKind("shape", [.required(.x)]) { site in
    let lengths = try site.value(.x).shape.map { Int32(clamping: $0 ?? 1) }
    return [ImportedValue(constant: Tensor(uncheckedShape: [lengths.count], .int32(lengths)))]
  }

  package static let flatten2d = OperationKind("flatten2d", [.required(.x), .integer(.axis, 1)]) { site in
    let x = try site.computed(.x)
    let axis = try site.axis(site.operation.integer(.axis), rank: x.rank)
    guard axis == 1 else { throw site.unsupported("it flattens from axis \(axis), but the batch must stay by itself") }
    return [try site.reshaped(x, [0, -1])]
  }

  package static let expandDims = OperationKind(
    "expand_dims", [.required(.x), .integers(.axes, [])], fold: { try $0.foldedExpansion() }
  ) { site in
    let x = try site.computed(.x)
    let shape = try site.expanded(x.shape)
    guard x.shape.first == shape.first else { throw site.unsupported("it adds an axis before the batch") }
    return [ImportedValue(try site.value(site.plain(x)).reshaped(Shape(shape)))]
  }

  package static let squeeze = OperationKind(
    "squeeze", [.required(.x), .optional(.axes, .integers)], fold: { try $0.foldedSqueeze() }
  ) { site in
    let x = try site.computed(.x)
    let axes = try site.axes(.axes, rank: x.rank) ?? x.shape.indices.filter { $0 > 0 && x.shape[$0] == 1 }
    guard !axes.contains(0), axes.allSatisfy({ x.shape[$0] == 1 }) else {
      throw site.unsupported("it takes axes \(axes) away from shape \(Shape(x.shape))")
    }
    return [try site.reshaped(x, x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] ?? 0 })]
  }

  package static let split = OperationKind(
    "split",
    [
      .required(.x), .integer(.axis, 0), .optional(.splitSizes, .integers), .optional(.splitCount, .integer),
    ], resultCount: nil
  ) { site in
    let value = try site.value(site.plain(site.computed(.x)))
    let axis = try site.axis(site.operation.integer(.axis), rank: value.shape.rank)
    guard let length = value.shape[axis] else { throw site.unsupported("it splits the batch") }
    let count = site.operation.results.count
    let sizes =
      site.operation.has(.splitSizes)
      ? try site.operation.integers(.splitSizes) : [Int](repeating: length / max(count, 1), count: count)
    guard sizes.count == count, sizes.allSatisfy({ (0...length).contains($0) }), sizes.reduce(0, +) == length else {
      throw site.damaged("it splits \(length) into \(sizes)")
    }
    var position = 0
    return try sizes.map { size in
      defer { position += size }
      return ImportedValue(try value.sliced(along: axis, position..<position + size))
    }
  }

  package static let gather = OperationKind(
    "gather",
    [
      .required(.x), .required(.indices), .integer(.axis, 0), .integer(.batchDims, 0, isFixed: true),
      .flag(.validateIndices),
    ], fold: { try $0.foldedGather() }
  ) { site in
    throw site.unsupported("it gathers values of the network, but only known numbers can be")
  }

  package static let sliceByIndex = OperationKind(
    "slice_by_index",
    [
      .required(.x), .required(.begin, .integers), .required(.end, .integers), .integers(.stride, []),
      .integers(.beginMask, []), .integers(.endMask, []), .integers(.squeezeMask, []),
    ], fold: { try $0.foldedSlice() }
  ) { site in
    var value = try site.value(site.plain(site.computed(.x)))
    for axis in 1..<max(1, value.shape.rank) {
      guard let length = value.shape[axis] else { continue }
      let range = try site.range(of: axis, length: length)
      if range != 0..<length { value = try value.sliced(along: axis, range) }
    }
    let squeezed = try site.operation.integers(.squeezeMask)
    if squeezed.contains(where: { $0 != 0 }) {
      let kept = value.shape.lengths.indices.filter { $0 >= squeezed.count || squeezed[$0] == 0 }
      value = try value.reshaped(Shape(kept.map { value.shape[$0] }))
    }
    return [ImportedValue(value)]
  }
}

extension Value {
  /// A part of one axis.
  func sliced(along axis: Int, _ range: Range<Int>) throws -> Value {
    var (start, lengths) = ([Int](repeating: 0, count: shape.rank), shape.lengths)
    (start[axis], lengths[axis]) = (range.lowerBound, range.count)
    return try sliced(start: start, lengths: lengths)
  }
}
