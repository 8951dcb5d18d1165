// Operations of imported programs that only move numbers.

extension ImportBuilder {
  mutating func layout(_ site: ImportSite) throws -> [Content] {
    switch site.operation.type {
    case "concat": return try concatenation(site)
    case "split": return try split(site)
    default: break
    }
    let x = try site.computed("x")
    switch site.operation.type {
    case "reshape": return [.computed(try reshaped(x, site.integers("shape") ?? []))]
    case "flatten2d":
      let axis = try site.axis(site.integers("axis")?.first ?? 1, rank: x.shape.count)
      guard axis == 1 else {
        throw AthanorError(.unsupported, at: "", "it flattens from axis \(axis), but the batch must stay by itself")
      }
      return [.computed(try reshaped(x, [0, -1]))]
    case "expand_dims":
      let shape = try site.expanded(x.shape)
      guard x.shape.first == shape.first else {
        throw AthanorError(.unsupported, at: "", "it adds an axis before the batch")
      }
      return [.computed(Computed(value: try plain(x).reshaped(Shape(shape))))]
    case "squeeze":
      let axes =
        try site.axes("axes", rank: x.shape.count) ?? x.shape.indices.filter { $0 > 0 && x.shape[$0] == 1 }
      let shape = x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] }
      guard !axes.contains(0), axes.allSatisfy({ x.shape[$0] == 1 }) else {
        throw AthanorError(.unsupported, at: "", "it takes axes \(axes) away from shape \(Shape(x.shape))")
      }
      return [.computed(try reshaped(x, shape.map { $0 ?? 0 }))]
    case "transpose": return try transposed(site, x)
    case "pad": return try padded(site, x)
    default: return try sliced(site, x)
    }
  }

  /// The first length stands for the batch, whether it says 0, 1 or -1.
  private func reshaped(_ x: Computed, _ target: [Int]) throws -> Computed {
    let perExample = x.value.shape.elementsPerExample
    var rest = Array(target.dropFirst())
    for axis in rest.indices where rest[axis] == 0 && axis + 1 < x.shape.count { rest[axis] = x.shape[axis + 1] ?? 0 }
    let known = Tensor.elementCount(of: rest.filter { $0 != -1 }) ?? 0
    if let open = rest.firstIndex(of: -1) { rest[open] = known > 0 ? perExample / known : 0 }
    guard let first = target.first, [0, 1, -1, program.input.shape.first].contains(first), x.shape.first == .some(nil),
      Tensor.elementCount(of: rest) == perExample
    else {
      throw AthanorError(
        .unsupported, at: "",
        "shape \(Shape(x.shape)) is to become \(target), but the batch must stay an axis of its own")
    }
    let shape = Shape([nil] + rest)
    if rest.count == 1 {
      if case .flattened = x.order { return x }
      if x.order == .channelsLast, let height = x.shape[2], let width = x.shape[3], let channels = x.shape[1] {
        // One pixel or one channel has the same order either way.
        let isPlain = height * width == 1 || channels == 1
        return Computed(
          value: try x.value.reshaped(shape),
          order: isPlain ? .plain : .flattened(height: height, width: width, channels: channels))
      }
    }
    return Computed(value: try plain(x).reshaped(shape))
  }

  private func transposed(_ site: ImportSite, _ x: Computed) throws -> [Content] {
    let order = try site.axes("perm", rank: x.shape.count) ?? Array(x.shape.indices.reversed())
    guard order.sorted() == Array(x.shape.indices) else {
      throw AthanorError(.data, at: "", "its order of axes is \(order) for shape \(Shape(x.shape))")
    }
    // Only the way in which it is seen changes.
    if x.order == .plain, order == [0, 3, 1, 2] { return [.computed(Computed(value: x.value, order: .channelsLast))] }
    if x.order == .channelsLast, order == [0, 2, 3, 1] { return [.computed(Computed(value: x.value))] }
    return [.computed(Computed(value: try plain(x).transposed(order)))]
  }

  private mutating func concatenation(_ site: ImportSite) throws -> [Content] {
    var parts: [Computed] = []
    for content in try site.contents("values") {
      guard case .computed(let part) = content else {
        throw AthanorError(.unsupported, at: "", "one of its values is constant, which there is nothing for")
      }
      parts.append(part)
    }
    guard let first = parts.first else { throw AthanorError(.data, at: "", "it joins nothing") }
    let axis = try site.axis(try site.integers("axis")?.first ?? 0, rank: first.shape.count)
    let arePictures = parts.allSatisfy { $0.order == .channelsLast }
    let values = try arePictures ? parts.map(\.value) : parts.map(plain)
    let y = try concatenate(values, axis: arePictures ? [0, 3, 1, 2][axis] : axis)
    return [.computed(Computed(value: y, order: arePictures ? .channelsLast : .plain))]
  }

  private func split(_ site: ImportSite) throws -> [Content] {
    let value = try plain(site.computed("x"))
    let axis = try site.axis(try site.integers("axis")?.first ?? 0, rank: value.shape.rank)
    guard let length = value.shape[axis] else {
      throw AthanorError(.unsupported, at: "", "it splits the batch")
    }
    let count = site.operation.outputs.count
    let sizes = try site.integers("split_sizes") ?? [Int](repeating: length / max(count, 1), count: count)
    guard sizes.count == count, sizes.allSatisfy({ (0...length).contains($0) }), sizes.reduce(0, +) == length else {
      throw AthanorError(.data, at: "", "it splits \(length) into \(sizes)")
    }
    var position = 0
    return try sizes.map { size in
      defer { position += size }
      return .computed(Computed(value: try slice(value, axis, position..<position + size)))
    }
  }

  private func slice(_ value: Value, _ axis: Int, _ range: Range<Int>) throws -> Value {
    var (start, lengths) = ([Int](repeating: 0, count: value.shape.rank), value.shape.lengths)
    (start[axis], lengths[axis]) = (range.lowerBound, range.count)
    return try value.sliced(start: start, lengths: lengths)
  }

  private func sliced(_ site: ImportSite, _ x: Computed) throws -> [Content] {
    var value = try plain(x)
    let sizes = site.operation.type == "slice_by_size" ? try site.integers("size") : nil
    let begins = try site.integers("begin") ?? []
    for axis in 1..<max(1, value.shape.rank) {
      guard let length = value.shape[axis] else { continue }
      var range = try site.range(of: axis, length: length)
      if let sizes, axis < sizes.count, axis < begins.count {
        let size = sizes[axis] == -1 ? length - range.lowerBound : sizes[axis]
        guard size >= 0, range.lowerBound + size <= length else {
          throw AthanorError(.data, at: "", "it takes \(sizes) of shape \(Shape(x.shape))")
        }
        range = range.lowerBound..<range.lowerBound + size
      }
      if range != 0..<length { value = try slice(value, axis, range) }
    }
    if let squeezed = try site.integers("squeeze_mask"), squeezed.contains(where: { $0 != 0 }) {
      let kept = value.shape.lengths.indices.filter { $0 >= squeezed.count || squeezed[$0] == 0 }
      value = try value.reshaped(Shape(kept.map { value.shape[$0] }))
    }
    return [.computed(Computed(value: value))]
  }

  private func padded(_ site: ImportSite, _ x: Computed) throws -> [Content] {
    let pad = try site.integers("pad") ?? []
    let rank = x.shape.count
    guard try site.text("mode", default: "constant") == "constant", try site.number("constant_val", default: 0) == 0,
      pad.count % 2 == 0, pad.count / 2 <= rank
    else { throw AthanorError(.unsupported, at: "", "only zeros can be put around a value") }
    // The lengths are those of the last axes.
    var (before, after) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
    for pair in 0..<pad.count / 2 {
      let axis = rank - pad.count / 2 + pair
      (before[axis], after[axis]) = (pad[2 * pair], pad[2 * pair + 1])
    }
    guard x.order == .channelsLast else {
      return [.computed(Computed(value: try plain(x).padded(before: before, after: after)))]
    }
    let order = [0, 2, 3, 1]
    let value = try x.value.padded(before: order.map { before[$0] }, after: order.map { after[$0] })
    return [.computed(Computed(value: value, order: .channelsLast))]
  }
}
