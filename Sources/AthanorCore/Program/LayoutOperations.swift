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

  /// The network's floating-point numbers stay numbers of 32 bits, whatever precision the file has for them. Numbers that become integers
  /// are cut towards zero, and what is not 0 is true.
  package static let cast = OperationKind(
    "cast", [.required(.x), .text(.dtype, Precision.float32.rawValue)], fold: { try $0.foldedCast() }
  ) { site in
    let x = try site.computed(.x)
    let from = try site.value(x).type.dtype
    let type = try site.operation.text(.dtype)
    guard let to = Precision(rawValue: type) else {
      throw site.unsupported("it casts to \(type), which is not supported")
    }
    switch to {
    case .float16, .float32, .float64: return from.isFloatingPoint ? [x] : try site.map(x) { try $0.converted() }
    case .int32, .int64: return from == .int32 ? [x] : try site.map(x) { try $0.asIntegers() }
    case .uint8: return from == .uint8 ? [x] : try site.map(x) { try $0.asIntegers(.uint8) }
    case .bool: return try site.map(x) { try $0.flags }
    }
  }

  /// The lengths; an open first one is that of the examples and counts as the file's, or as 1, which `reshape` reads as the batch again.
  package static let shape = OperationKind(
    "shape", [.required(.x)],
    fold: { site in
      let lengths = try site.operation.required(.x).shape.map { Int32(clamping: $0) }
      return Tensor(uncheckedShape: [lengths.count], .int32(lengths))
    }
  ) { site in
    let shape = try site.value(.x).shape
    let lengths = try shape.enumerated().map { axis, length -> Int32 in
      guard let length = length ?? (axis == 0 ? site.batch ?? 1 : nil), let narrow = Int32(exactly: length) else {
        throw AthanorError(
          .unsupported, at: "", "axis \(axis) is open, and only the batch may be where lengths are asked for",
          fix: ImportSite.closedLengths)
      }
      return narrow
    }
    func tensor(_ lengths: [Int32]) -> Tensor { Tensor(uncheckedShape: [lengths.count], .int32(lengths)) }
    // A length that the file itself has for its batch is that of each of its batches.
    let isOpen = shape.first == .some(nil) && site.batch == nil
    return [
      ImportedValue(
        constant: tensor(lengths), inBatchOfTwo: isOpen ? tensor([2] + lengths.dropFirst()) : nil)
    ]
  }

  /// The axes from a given one to the last.
  package static let axesFrom = OperationKind("axes_from", isInMIL: false, [.required(.x), .integer(.axis, 0)]) {
    site in
    let (rank, first) = (try site.value(.x).rank, try site.operation.integer(.axis))
    guard (0..<rank).contains(first) else { throw site.damaged("its input has \(rank) axes") }
    let axes = (first..<rank).map { Int32($0) }
    return [ImportedValue(constant: Tensor(uncheckedShape: [axes.count], .int32(axes)))]
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

  /// Known places of an axis, or rows of a known table.
  package static let gather = OperationKind(
    "gather",
    [
      .required(.x), .setting(.indices), .integer(.axis, 0), .integer(.batchDims, 0, isFixed: true),
      // A check of the places while it runs.
      .flag(.validateIndices).counting(.never),
    ], fold: { try $0.foldedGather() }
  ) { site in
    guard let indices = try site.value(.indices).constant else {
      guard let table = try site.value(.x).constant, table.shape.count == 2, table.dtype == .float32,
        try site.axis(site.operation.integer(.axis), rank: 2) == 0
      else { throw site.unsupported("its places are computed by the network, but it takes no rows of a known table") }
      let places = try site.value(site.plain(site.computed(.indices)))
      return [ImportedValue(try places.asIntegers().lookedUp(in: site.weight("x", table)))]
    }
    var x = try site.computed(.x)
    let axis = try site.axis(site.operation.integer(.axis), rank: x.rank)
    if x.layout != .picture || indices.shape.count != 1 { x = try site.plain(x) }
    guard let length = x.shape[axis] else {
      throw site.unsupported("it takes places of axis \(axis), whose length is open")
    }
    let places = try site.places(indices, length: length)
    let taken = try site.value(x).taken(places, along: x.layout.graphAxis(axis))
    guard indices.shape.count != 1 else { return [ImportedValue(taken, layout: x.layout)] }
    var axes = taken.shape.axes
    axes.replaceSubrange(axis...axis, with: indices.shape.map { Shape.Axis($0) })
    return [ImportedValue(try taken.reshaped(Shape(axes: axes)))]
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
    for axis in 0..<value.shape.rank
    where try !site.takesWhole(axis, isOpen: value.shape.axes[axis].isOpen) {
      guard let length = value.shape[axis] else {
        throw site.unsupported("it takes a part of axis \(axis), whose length is open")
      }
      value = try value.taken(site.places(of: axis, length: length), along: axis)
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

extension OperationKind {
  /// The parts `begin ..< end` of some axes, in steps; which axes may be computed of shapes too.
  package static let sliceAxes = OperationKind(
    "slice_axes", isInMIL: false,
    [
      .required(.x), .required(.begin, .integers), .required(.end, .integers), .optional(.axes, .integers),
      .optional(.stride, .integers),
    ], fold: { site in try site.axisSlice().foldedSlice() }
  ) { site in
    try sliceByIndex.compose(site.axisSlice())
  }

  /// Repeated along axes of length 1, and new ones in front, as far as the shape asks for more.
  package static let expand = OperationKind(
    "expand", isInMIL: false, [.required(.x), .required(.shape, .integers)],
    fold: { site in
      let x = try site.operation.required(.x)
      guard let shape = Shape.broadcast(Shape(x.shape), Shape(try site.operation.integers(.shape))),
        Tensor.elementCount(of: shape.sizes).map({ $0 <= mostFolded }) == true
      else { return nil }
      return x.spread(to: shape.sizes)
    }
  ) { site in
    let x = try site.plain(site.computed(.x))
    let wanted = try site.operation.integers(.shape)
    let value = try site.value(x)
    let offset = wanted.count - value.shape.rank
    // The length of a batch is asked for as the file has it.
    let axes = wanted.enumerated().map { place, length -> Shape.Axis in
      guard place >= offset, case let axis = value.shape.axes[place - offset], axis.isOpen else {
        return Shape.Axis(length)
      }
      return length == 1 || length == site.batch ? axis : Shape.Axis(length)
    }
    guard axes.allSatisfy({ $0.length >= 0 }), let shape = Shape.broadcast(value.shape, Shape(axes: axes)) else {
      throw site.damaged("shape \(value.shape) does not expand to \(wanted)")
    }
    return [ImportedValue(value.shape == shape ? value : try value.apply(BroadcastTo(shape: shape)))]
  }

  /// More numbers than these are not made of lengths that a file computes.
  fileprivate static let mostFolded = 1 << 24

  /// One number everywhere.
  package static let fill = OperationKind(
    "fill", [.required(.shape, .integers), .required(.value)],
    fold: { site in
      let (shape, value) = (try site.operation.integers(.shape), try site.operation.required(.value))
      guard let count = Tensor.elementCount(of: shape), count <= mostFolded, value.count == 1 else {
        throw site.unsupported("it makes an array of shape \(Shape.text(shape)), which is too large")
      }
      return value.reshaped(to: [1]).strided(shape, [Int](repeating: 0, count: shape.count))
    }
  ) { site in
    throw site.unsupported("it makes an array of a shape that the network computes")
  }

  /// `begin, begin + stride, ...` below `end`.
  package static let range = OperationKind(
    "range_1d", [.required(.begin), .required(.end), .required(.stride)],
    fold: { site in
      let parts = try [ArgumentName.begin, .end, .stride].map(site.operation.required)
      guard parts.allSatisfy({ $0.count == 1 && $0.dtype == parts[0].dtype }) else {
        throw site.damaged("it counts from, to and in steps of several numbers")
      }
      let numbers = parts.map { $0.doubles[0] }
      let count = ((numbers[1] - numbers[0]) / numbers[2]).rounded(.up)
      guard count.isFinite, count <= Double(mostFolded) else {
        throw site.unsupported("it counts from \(numbers[0]) to \(numbers[1]) in steps of \(numbers[2])")
      }
      let values = (0..<max(0, Int(count))).map { numbers[0] + Double($0) * numbers[2] }
      let isInteger = parts[0].dtype == .int32
      return Tensor(
        uncheckedShape: [values.count],
        isInteger ? .int32(values.map { Int32(clamping: Int($0)) }) : .float32(values.map { Float($0) }))
    }
  ) { site in
    throw site.unsupported("it counts to numbers that the network computes")
  }

  /// How many elements a value has.
  package static let elementCount = OperationKind(
    "size", isInMIL: false, [.required(.x)],
    fold: { Tensor(uncheckedShape: [], .int32([Int32(clamping: try $0.operation.required(.x).count)])) }
  ) { site in
    let shape = try site.computed(.x).shape
    guard let count = Tensor.elementCount(of: shape.compactMap(\.self)), shape.allSatisfy({ $0 != nil }),
      let narrow = Int32(exactly: count)
    else { throw site.unsupported("it counts the elements of shape \(Shape(shape)), whose length is open") }
    return [ImportedValue(constant: Tensor(uncheckedShape: [], .int32([narrow])))]
  }

  /// Elements on one side of a diagonal of the last two axes, 0 elsewhere: with `upper` those from the k-th diagonal up, else those up to it.
  package static let triangle = OperationKind(
    "triangle", isInMIL: false, [.required(.x), .flag(.upper, true), .integer(.size, 0)]
  ) { site in
    let x = try site.value(site.plain(site.computed(.x)))
    let rank = x.shape.rank
    guard rank >= 2, let rows = x.shape[rank - 2], let columns = x.shape[rank - 1] else {
      throw site.unsupported("its input has shape \(x.shape), but two last axes of fixed length are needed")
    }
    let (isUpper, diagonal) = (try site.operation.flag(.upper), try site.operation.integer(.size))
    let mask = (0..<rows * columns).map { place -> Double in
      let distance = place % columns - place / columns
      return (isUpper ? distance >= diagonal : distance <= diagonal) ? 1 : 0
    }
    guard !mask.isEmpty else { return [ImportedValue(x)] }
    return [
      ImportedValue(try x.chosen(where: x.builder.constant(mask, [rows, columns]), else: x.builder.constant(0)))
    ]
  }
}

extension ImportSite {
  /// A slice of named axes as one of all axes.
  fileprivate func axisSlice() throws -> ImportSite {
    let rank = try value(.x).rank
    let (begins, ends) = (try operation.integers(.begin), try operation.integers(.end))
    let axes = try self.axes(.axes, rank: rank) ?? Array(begins.indices)
    let steps = try operation.has(.stride) ? operation.integers(.stride) : [Int](repeating: 1, count: begins.count)
    guard ends.count == begins.count, axes.count == begins.count, steps.count == begins.count,
      Set(axes).count == axes.count, axes.allSatisfy({ $0 < rank })
    else { throw damaged("it takes \(begins) to \(ends) of axes \(axes) in steps of \(steps)") }
    var (begin, end, stride, whole) = (
      [Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank),
      [Int](repeating: 1, count: rank), [Int](repeating: 1, count: rank)
    )
    for (index, axis) in axes.enumerated() {
      (begin[axis], end[axis], stride[axis], whole[axis]) = (begins[index], ends[index], steps[index], 0)
    }
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .operand(try operation.operand(.x)), .begin: .integers(begin), .end: .integers(end),
      .stride: .integers(stride), .beginMask: .integers(whole), .endMask: .integers(whole),
    ]
    return with(try Program.Operation(.sliceByIndex, name: operation.name, arguments, results: operation.results))
  }
}

extension Value {
  /// Places of an axis: a part where they follow each other.
  func taken(_ places: [Int], along axis: Int) throws -> Value {
    guard let first = places.first, let length = shape[axis] else {
      throw AthanorError(.unsupported, at: "", "nothing is left of shape \(shape)")
    }
    if places == Array(0..<length) { return self }
    if places == Array(first..<first + places.count) { return try sliced(along: axis, first..<first + places.count) }
    return try taking(places, axis: axis)
  }

  /// A part of one axis.
  func sliced(along axis: Int, _ range: Range<Int>) throws -> Value {
    var (start, lengths) = ([Int](repeating: 0, count: shape.rank), shape.lengths)
    (start[axis], lengths[axis]) = (range.lowerBound, range.count)
    return try sliced(start: start, lengths: lengths)
  }
}
