// Operations of the exchange language that only move numbers and have no op of their own.

extension OperationKind {
  package static let identity = OperationKind("identity", [.required(.x)], fold: { try $0.foldedIdentity() }) { site in
    [try site.computed(.x)]
  }

  /// Element types by their names in MIL and the like, and the type that stands for each in a graph.
  package enum Precision: String, Sendable, CaseIterable {
    case float16 = "fp16"
    case float32 = "fp32"
    case float64 = "fp64"
    case int32, int64, uint8, bool

    var isFloatingPoint: Bool { [.float16, .float32, .float64].contains(self) }
  }

  /// The network's floating-point numbers stay numbers of 32 bits, whatever precision the file has for them, and its integers stay
  /// integers; integers become floating-point numbers, but not the reverse.
  package static let cast = OperationKind(
    "cast", [.required(.x), .text(.dtype, Precision.float32.rawValue)], fold: { try $0.foldedCast() }
  ) { site in
    let x = try site.computed(.x)
    let value = try site.value(x)
    let (from, type) = (value.type.dtype, try site.operation.text(.dtype))
    switch Precision(rawValue: type) {
    case let to? where to.isFloatingPoint: return from.isFloatingPoint ? [x] : try site.map(x) { try $0.converted() }
    case .int32, .int64: if from == .int32 { return [x] }
    case .uint8: if from == .uint8 { return [x] }
    default: break
    }
    throw site.unsupported(
      "it casts \(from.rawValue) values of the network to \(type), but only known numbers can be")
  }

  /// The lengths; an open first one is that of the examples and counts as 1, which `reshape` reads as the batch again.
  package static let shape = OperationKind("shape", [.required(.x)]) { site in
    let lengths = try site.value(.x).shape.enumerated().map { axis, length -> Int32 in
      guard let length = length ?? (axis == 0 ? 1 : nil), let narrow = Int32(exactly: length) else {
        throw site.unsupported("axis \(axis) is open, and only the batch may be where lengths are asked for")
      }
      return narrow
    }
    return [ImportedValue(constant: Tensor(uncheckedShape: [lengths.count], .int32(lengths)))]
  }

  package static let flatten2d = OperationKind("flatten2d", [.required(.x), .integer(.axis, 1)]) { site in
    let x = try site.computed(.x)
    let given = try site.operation.integer(.axis)
    let axis = given == x.rank ? given : try site.axis(given, rank: x.rank)
    if axis == 1 { return [try site.reshaped(x, [0, -1])] }
    guard !x.countsExamples else {
      throw site.unsupported("it flattens from axis \(axis), but the batch must stay by itself")
    }
    let shape = Shape(axes: x.axes)
    return [try site.reshaped(x, to: [shape.merged(0..<axis), shape.merged(axis..<x.rank)])]
  }

  package static let expandDims = OperationKind(
    "expand_dims", [.required(.x), .integers(.axes, [])], fold: { try $0.foldedExpansion() }
  ) { site in
    let x = try site.computed(.x)
    let axes = try site.expanded(x.axes, with: Shape.Axis(1))
    guard !x.countsExamples || x.axes.first == axes.first else {
      throw site.unsupported("it adds an axis before the batch")
    }
    return [ImportedValue(try site.value(site.plain(x)).reshaped(Shape(axes: axes)))]
  }

  package static let squeeze = OperationKind(
    "squeeze", [.required(.x), .optional(.axes, .integers)], fold: { try $0.foldedSqueeze() }
  ) { site in
    let x = try site.computed(.x)
    let given = try site.axes(.axes, rank: x.rank)
    guard given != nil || !x.axes.contains(where: \.isOpen) else {
      throw site.unsupported(
        "it takes all axes of length 1 away from shape \(Shape(x.shape)), where an open length may be 1")
    }
    let axes = given ?? x.shape.indices.filter { x.shape[$0] == 1 }
    guard axes.allSatisfy({ x.shape[$0] == 1 }) else {
      throw site.unsupported("it takes axes \(axes) away from shape \(Shape(x.shape))")
    }
    return [try site.reshaped(x, to: x.axes.indices.filter { !axes.contains($0) }.map { x.axes[$0] })]
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
    if site.operation.has(.splitCount), try site.operation.integer(.splitCount) != count {
      throw site.damaged("it has \(count) results of \(try site.operation.integer(.splitCount))")
    }
    let equal = (length + count - 1) / max(count, 1)  // the last one may be shorter
    let sizes =
      site.operation.has(.splitSizes)
      ? try site.operation.integers(.splitSizes) : (0..<count).map { max(0, min(equal, length - $0 * equal)) }
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
      // A check of the places while it runs.
      .flag(.validateIndices).counting(.never),
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
    try site.requireSlices(rank: value.shape.rank)
    for axis in 0..<value.shape.rank where try !site.takesWhole(axis) {
      guard let length = value.shape[axis] else {
        throw site.unsupported("it takes a part of axis \(axis), whose length is open")
      }
      let range = try site.range(of: axis, length: length)
      if range != 0..<length { value = try value.sliced(along: axis, range) }
    }
    let squeezed = try site.operation.integers(.squeezeMask)
    if squeezed.contains(where: { $0 != 0 }) {
      let kept = value.shape.axes.indices.filter { $0 >= squeezed.count || squeezed[$0] == 0 }
      let dropped = value.shape.axes.indices.filter { !kept.contains($0) }
      guard dropped.allSatisfy({ value.shape[$0] == 1 }) else {
        throw site.unsupported("it takes axes \(dropped) away from shape \(value.shape)")
      }
      value = try value.reshaped(Shape(axes: kept.map { value.shape.axes[$0] }))
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
