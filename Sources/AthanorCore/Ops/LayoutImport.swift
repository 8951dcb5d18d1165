// The operations of the exchange language that the ops of `Layout.swift` export, and what they are in a graph.

extension OperationKind {
  package static let reshape = OperationKind(
    "reshape", [.required(.x), .required(.shape, .integers)], fold: { try $0.foldedReshape() }
  ) { site in
    // Of a batch that is open in the file, a 1 is that of its examples only where it was computed from their number.
    let isCounted = site.values(.shape).contains { $0.inBatchOfTwo != nil }
    return [
      try site.reshaped(
        site.computed(.x), site.operation.integers(.shape), batch: site.batch ?? (isCounted ? 1 : nil))
    ]
  }

  package static let tile = OperationKind(
    "tile", [.required(.x), .required(.reps, .integers)]
  ) { site in
    let x = try site.plain(site.computed(.x))
    let repeats = try site.integers(.reps, count: x.rank)
    guard zip(x.shape, repeats).allSatisfy({ $1 == 1 || ($0 != nil && $1 > 0 && $1 <= Window2D.mostPlaces) }) else {
      throw site.unsupported("it repeats shape \(Shape(x.shape)) \(repeats) times")
    }
    return try site.map(x) { value in
      let shape = Shape(axes: zip(value.shape.axes, repeats).map { $0.fixed == 1 ? Shape.Axis($1) : $0 })
      var result = value.shape == shape ? value : try value.apply(BroadcastTo(shape: shape))
      for (axis, count) in repeats.enumerated() where count > 1 {
        guard let length = value.shape[axis], length > 1 else { continue }
        result = try result.taking((0..<length * count).map { $0 % length }, axis: axis)
      }
      return result
    }
  }

  package static let transpose = OperationKind(
    "transpose", [.required(.x), .optional(.perm, .integers)], fold: { try $0.foldedTranspose() }
  ) { site in
    var x = try site.computed(.x)
    let order = try site.axes(.perm, rank: x.rank) ?? Array(x.shape.indices.reversed())
    guard order.sorted() == Array(x.shape.indices) else {
      throw site.damaged("its order of axes is \(order) for shape \(Shape(x.shape))")
    }
    // Only the way in which it is seen changes.
    if x.layout == .plain, order == Layout.toProgram {
      x.layout = .picture
    } else if x.layout == .picture, order == Layout.toGraph {
      x.layout = .plain
    } else {
      return try site.map(site.plain(x)) { try $0.reordered(order) }
    }
    return [x]
  }

  /// Lengths below 0 cut places off. They are those of the last axes, unless axes are named.
  package static let pad = OperationKind(
    "pad",
    [
      .required(.x), .required(.pad, .integers), .choice(.mode, PadMode.constant),
      .number(.constantValue, 0), .optional(.axes, .integers),
    ]
  ) { site in
    let x = try site.computed(.x)
    let pad = try site.operation.integers(.pad)
    let axes = try site.axes(.axes, rank: x.rank) ?? Array(max(0, x.rank - pad.count / 2)..<x.rank)
    guard pad.count == 2 * axes.count, Set(axes).count == axes.count else {
      throw site.damaged("its lengths \(pad) do not go with axes \(axes) of shape \(Shape(x.shape))")
    }
    let padded = x.layout == .picture ? x : try site.plain(x)
    var value = try site.value(padded)
    let mode = try site.operation.choice(.mode, PadMode.self)
    var (before, after) = ([Int](repeating: 0, count: x.rank), [Int](repeating: 0, count: x.rank))
    for (index, programAxis) in axes.enumerated() {
      let axis = padded.layout.graphAxis(programAxis)
      let (start, end) = (pad[2 * index], pad[2 * index + 1])
      guard (start, end) != (0, 0) else { continue }
      guard let length = value.shape[axis] else {
        guard programAxis != 0 else { throw site.unsupported("it puts examples around the batch") }
        guard mode == .constant, start >= 0, end >= 0 else {
          throw site.unsupported(
            "it pads axis \(programAxis), whose length is open, with other values (\(mode.rawValue))")
        }
        (before[axis], after[axis]) = (start, end)
        continue
      }
      guard start > -length, end > -length, start + length + end > 0, max(start, end) <= Window2D.mostPlaces else {
        throw site.damaged("it pads \(start) and \(end) around a length of \(length)")
      }
      if mode == .constant {
        (before[axis], after[axis]) = (max(start, 0), max(end, 0))
        value = try value.taken(Array(max(-start, 0)..<length - max(-end, 0)), along: axis)
      } else {
        value = try value.taken((-start..<length + end).map { mode.place($0, length) }, along: axis)
      }
    }
    guard before + after != [Int](repeating: 0, count: 2 * x.rank) else {
      return [ImportedValue(value, layout: padded.layout)]
    }
    let number = try site.operation.number(.constantValue)
    return [ImportedValue(try value.apply(Pad(before: before, after: after, value: number)), layout: padded.layout)]
  }

  package static let sliceBySize = OperationKind(
    "slice_by_size", [.required(.x), .required(.begin, .integers), .required(.size, .integers)]
  ) { site in
    var value = try site.value(site.plain(site.computed(.x)))
    let begins = try site.integers(.begin, count: value.shape.rank)
    let sizes = try site.integers(.size, count: value.shape.rank)
    for axis in 0..<value.shape.rank {
      guard let length = value.shape[axis] else {
        guard begins[axis] == 0, sizes[axis] == -1 || axis == 0 && sizes[axis] == site.batch else {
          throw site.unsupported("it takes a part of axis \(axis), whose length is open")
        }
        continue
      }
      let begin = begins[axis] < 0 ? begins[axis] + length : begins[axis]
      guard (0...length).contains(begin), sizes[axis] >= -1, sizes[axis] <= length - begin else {
        throw site.damaged("it takes \(sizes) of shape \(value.shape)")
      }
      let range = begin..<(sizes[axis] == -1 ? length : begin + sizes[axis])
      if range != 0..<length { value = try value.sliced(along: axis, range) }
    }
    return [ImportedValue(value)]
  }

  package static let concat = OperationKind(
    "concat", [.required(.values, .values), .integer(.axis, 0), .flag(.interleave)],
    fold: { try $0.foldedConcatenation() }
  ) { site in
    let parts = try site.joinable()
    guard let first = parts.first else { throw site.damaged("it joins nothing") }
    let axis = try site.axis(site.operation.integer(.axis), rank: first.rank)
    try site.requireNoExamples([axis], of: first)
    let layout: Layout = parts.allSatisfy { $0.layout == .picture } ? .picture : .plain
    let values = try parts.map { try site.value(layout == .picture ? $0 : site.plain($0)) }
    let graphAxis = layout.graphAxis(axis)
    let joined = try concatenate(values, axis: graphAxis)
    guard try site.operation.flag(.interleave) else { return [ImportedValue(joined, layout: layout)] }
    // The first place of each value, then the second of each.
    guard let length = values[0].shape[graphAxis], values.allSatisfy({ $0.shape[graphAxis] == length }) else {
      throw site.unsupported(
        "it takes turns with values of shapes \(Shape.texts(values.map(\.shape)).joined(separator: ", "))")
    }
    let places = (0..<length).flatMap { place in values.indices.map { place + $0 * length } }
    return [ImportedValue(try joined.taken(places, along: graphAxis), layout: layout)]
  }
}

extension OperationKind.PadMode {
  /// The place of an axis that stands at one beyond it.
  fileprivate func place(_ place: Int, _ length: Int) -> Int {
    func remainder(_ period: Int) -> Int { ((place % period) + period) % period }
    switch self {
    case .constant, .replicate: return min(max(place, 0), length - 1)
    case .wrap: return remainder(length)
    case .reflect:
      guard length > 1 else { return 0 }
      let turn = remainder(2 * (length - 1))
      return turn < length ? turn : 2 * (length - 1) - turn
    }
  }
}

extension ImportSite {
  /// The values that are joined; known numbers are a weight, repeated for each example.
  fileprivate func joinable() throws -> [ImportedValue] {
    let parts = values(.values)
    guard let examples = parts.first(where: { $0.constant == nil && $0.countsExamples })?.axes.first else {
      return try parts.enumerated().map { place, part in
        try part.constant.map { ImportedValue(try weight("value \(place)", $0)) } ?? part
      }
    }
    return try parts.enumerated().map { place, part in
      guard let tensor = part.constant else { return part }
      guard tensor.shape.first == 1 || tensor.shape.first == batch else {
        throw unsupported("known numbers of shape \(Shape.text(tensor.shape)) are to be joined to each example")
      }
      let value = try weight("value \(place)", tensor)
      guard tensor.shape.first == 1 else { throw unsupported("it joins several known examples") }
      return ImportedValue(
        try value.apply(BroadcastTo(shape: Shape(axes: [examples] + value.shape.axes.dropFirst()))))
    }
  }

  /// The value under another shape, in which 0 stands for a length as it was and -1 for what is left. The first length stands for an open
  /// batch, whether it says 0, -1 or `batch`.
  func reshaped(_ x: ImportedValue, _ target: [Int], batch: Int? = nil) throws -> ImportedValue {
    let from = x.axes
    func unfit() -> AthanorError {
      AthanorError(
        .unsupported, at: "",
        "shape \(Shape(x.shape)) is to become \(target), but "
          + (x.countsExamples
            ? "the batch must stay an axis of its own" : "the same elements are needed, and the same open lengths"),
        fix: x.countsExamples ? ImportSite.closedLengths : "")
    }
    var axes = target.enumerated().map { place, length -> Shape.Axis? in
      switch length {
      case 0 where place < from.count: from[place]
      case -1: nil
      default: Shape.Axis(length)
      }
    }
    if x.countsExamples, let first = target.first {
      guard first == 0 || first == -1 || first == batch else { throw unfit() }
      if first != -1 || target.dropFirst().contains(-1) { axes[0] = from[0] }
    }
    if let open = axes.firstIndex(of: nil) {
      guard let all = Tensor.elementCount(of: from.map(\.length)),
        let known = Tensor.elementCount(of: axes.compactMap { $0?.length }), known > 0
      else { throw unfit() }
      let named = Set(axes.compactMap { $0?.openNames }.flatMap(\.self))
      axes[open] = Shape.Axis(all / known, openNames: Shape(axes: from).openNames.subtracting(named))
    }
    let shape = Shape(axes: axes.compactMap(\.self))
    guard shape.rank == target.count, shape.openNames == Shape(axes: from).openNames,
      Tensor.elementCount(of: shape.sizes) == Tensor.elementCount(of: from.map(\.length)),
      !x.countsExamples || shape.axes.first == from[0]
    else { throw unfit() }
    return try reshaped(x, to: shape.axes)
  }

  /// The value with the same elements in other axes. A picture of which the first axis is kept and all others become one stays in its order.
  func reshaped(_ x: ImportedValue, to axes: [Shape.Axis]) throws -> ImportedValue {
    let isFlat = axes.count == 2 && axes.first == x.axes.first
    if isFlat, case .flattened = x.layout { return x }
    if isFlat, x.layout == .picture, let channels = x.shape[1], let height = x.shape[2], let width = x.shape[3] {
      return ImportedValue(
        try value(x).reshaped(Shape(axes: axes)), layout: .flattening(height: height, width: width, channels: channels))
    }
    return ImportedValue(try value(plain(x)).reshaped(Shape(axes: axes)))
  }
}
