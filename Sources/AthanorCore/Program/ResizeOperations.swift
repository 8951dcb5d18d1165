// Values at other resolutions.

extension OperationKind {
  /// How a place of the result is found in the value: ONNX' names.
  package enum ResizeCoordinates: String, CaseIterable, Sendable {
    case halfPixel = "half_pixel"
    case halfPixelSymmetric = "half_pixel_symmetric"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"
    case asymmetric
  }

  /// Which of two places is the nearest.
  package enum ResizeRounding: String, CaseIterable, Sendable {
    case preferFloor = "round_prefer_floor"
    case preferCeil = "round_prefer_ceil"
    case floor, ceil
  }

  package enum ResizeMode: String, CaseIterable, Sendable {
    case nearest, linear, cubic
  }

  /// Whether `size` says the lengths as they are, or only bounds one scale for all axes.
  package enum ResizePolicy: String, CaseIterable, Sendable {
    case stretch
    case notLarger = "not_larger"
    case notSmaller = "not_smaller"
  }

  /// Each axis by itself: a `scale` for each, or its `size`, of all axes or of named ones.
  package static let resize = OperationKind(
    "resize", isInMIL: false,
    [
      .required(.x), .setting(.scales, isRequired: false), .optional(.size, .integers), .optional(.axes, .integers),
      .choice(.mode, ResizeMode.nearest), .choice(.coordinates, ResizeCoordinates.halfPixel),
      .choice(.nearest, ResizeRounding.preferFloor), .choice(.policy, ResizePolicy.stretch),
      .number(.alpha, -0.75), .flag(.excludePadding),
    ]
  ) { site in
    let given = try site.computed(.x)
    let x = given.layout == .picture ? given : try site.plain(given)
    let axes = try site.axes(.axes, rank: x.rank) ?? Array(0..<x.rank)
    var value = try site.value(x)
    let targets = try site.resizeTargets(axes.map { x.axes[$0] })
    for (programAxis, target) in zip(axes, targets) {
      guard let target, target.length != target.from || target.scale != 1 else { continue }
      value = try site.resized(value, x.layout.graphAxis(programAxis), target)
    }
    return [ImportedValue(value, layout: x.layout)]
  }

  /// Whether the channels of a block follow each other (`DCR`) or the blocks of a channel (`CRD`).
  package enum BlockOrder: String, CaseIterable, Sendable {
    case blocksFirst = "DCR"
    case channelsFirst = "CRD"
  }

  /// Blocks of channels become pixels: `[N, C, H, W] -> [N, C / b^2, H b, W b]`.
  package static let depthToSpace = OperationKind(
    "depth_to_space", [.required(.x), .required(.blockSize, .integer), .choice(.mode, BlockOrder.blocksFirst)]
  ) { site in
    let (x, lengths, block) = try site.blocks()
    guard lengths[1] % (block * block) == 0 else {
      throw site.damaged("shape \(x.shape) does not go with blocks of \(block)")
    }
    let depth = lengths[1] / (block * block)
    let isFirst = try site.operation.choice(.mode, BlockOrder.self) == .blocksFirst
    let split = isFirst ? [block, block, depth] : [depth, block, block]
    let rows = try x.reshaped(Shape(axes: [x.shape.axes[0]] + (split + lengths[2...]).map { Shape.Axis($0) }))
    let moved = try rows.transposed(isFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3])
    let result = [depth, lengths[2] * block, lengths[3] * block]
    return [ImportedValue(try moved.reshaped(Shape(axes: [x.shape.axes[0]] + result.map { Shape.Axis($0) })))]
  }

  /// Blocks of pixels become channels: `[N, C, H, W] -> [N, C b^2, H / b, W / b]`.
  package static let spaceToDepth = OperationKind(
    "space_to_depth", [.required(.x), .required(.blockSize, .integer)]
  ) { site in
    let (x, lengths, block) = try site.blocks()
    guard lengths[2] % block == 0, lengths[3] % block == 0 else {
      throw site.damaged("shape \(x.shape) does not go with blocks of \(block)")
    }
    let (height, width) = (lengths[2] / block, lengths[3] / block)
    let split = [lengths[1], height, block, width, block].map { Shape.Axis($0) }
    let moved = try x.reshaped(Shape(axes: [x.shape.axes[0]] + split)).transposed([0, 3, 5, 1, 2, 4])
    let result = [lengths[1] * block * block, height, width].map { Shape.Axis($0) }
    return [ImportedValue(try moved.reshaped(Shape(axes: [x.shape.axes[0]] + result)))]
  }
}

/// What becomes of one axis.
private struct ResizeTarget {
  let from: Int
  let length: Int
  let scale: Double
}

extension ImportSite {
  /// Pictures in the program's order, their lengths (that of the examples does not matter), and the size of blocks.
  fileprivate func blocks() throws -> (Value, [Int], Int) {
    let x = try value(plain(computed(.x)))
    let block = try operation.integer(.blockSize)
    guard x.shape.rank == 4, x.shape.axes.dropFirst().allSatisfy({ !$0.isOpen }), (1...1024).contains(block) else {
      throw unsupported("it makes blocks of \(block) of shape \(x.shape)")
    }
    return (x, x.shape.sizes, block)
  }

  /// nil for an axis that stays as it is.
  fileprivate func resizeTargets(_ axes: [Shape.Axis]) throws -> [ResizeTarget?] {
    if let sizes = try operation.has(.size) ? operation.integers(.size) : nil {
      guard sizes.count == axes.count else { throw damaged("its sizes \(sizes) do not go with \(axes.count) axes") }
      let policy = try operation.choice(.policy, OperationKind.ResizePolicy.self)
      let scales = zip(sizes, axes).map { Double($0) / Double(Swift.max($1.length, 1)) }
      let common = policy == .notLarger ? scales.min() : policy == .notSmaller ? scales.max() : nil
      return try zip(zip(sizes, scales), axes).enumerated().map { place, pair in
        let ((size, scale), axis) = pair
        if axis.isOpen, size == axis.length || place == 0 && size == batch ?? 1 { return nil }
        guard let from = axis.fixed else { throw unsupported("it gives an open length a fixed one") }
        let length = common.map { Int(($0 * Double(from) + 0.5).rounded(.down)) } ?? size
        return try target(from, length, common ?? scale)
      }
    }
    guard let scales = try operation.tensor(.scales)?.floats, scales.count == axes.count else {
      throw damaged("it has no size and no scale for each axis")
    }
    return try zip(scales, axes).map { scale, axis in
      if axis.isOpen, scale == 1 { return nil }
      guard let from = axis.fixed, scale > 0, scale.isFinite else {
        throw unsupported("it scales an axis of shape \(Shape(axes: [axis])) by \(scale)")
      }
      return try target(from, Int((Float(from) * scale).rounded(.down)), Double(scale))
    }
  }

  private func target(_ from: Int, _ length: Int, _ scale: Double) throws -> ResizeTarget {
    guard (1...Window2D.mostPlaces).contains(length), from > 0 else {
      throw damaged("it makes \(length) places of \(from)")
    }
    return ResizeTarget(from: from, length: length, scale: scale)
  }

  fileprivate func resized(_ x: Value, _ axis: Int, _ target: ResizeTarget) throws -> Value {
    let coordinates = try operation.choice(.coordinates, OperationKind.ResizeCoordinates.self)
    guard coordinates != .alignCorners || abs(target.scale * Double(target.from) - Double(target.length)) < 1e-4 else {
      // The specification's own tests and the programs that write such files disagree.
      throw unsupported(
        "it aligns corners and scales \(target.from) places by \(target.scale), which gives no whole number")
    }
    let places = (0..<target.length).map { coordinates.place($0, target) }
    func bounded(_ place: Double) -> Int { Int(Swift.min(Swift.max(place, 0), Double(target.from - 1))) }
    let taps: [(offset: Int, weight: (Double) -> Double)]
    switch try operation.choice(.mode, OperationKind.ResizeMode.self) {
    case .nearest:
      let rounding = try operation.choice(.nearest, OperationKind.ResizeRounding.self)
      return try x.taken(places.map { bounded(rounding.rounded($0)) }, along: axis)
    case .linear: taps = [(0, { 1 - $0 }), (1, { $0 })]
    case .cubic:
      let a = try operation.number(.alpha)
      func near(_ t: Double) -> Double { ((a + 2) * t - (a + 3)) * t * t + 1 }
      func far(_ t: Double) -> Double { ((a * t - 5 * a) * t + 8 * a) * t - 4 * a }
      taps = [(-1, { far(1 + $0) }), (0, near), (1, { near(1 - $0) }), (2, { far(2 - $0) })]
    }
    let excludes = try operation.flag(.excludePadding)
    let rows = places.map { place -> [Double] in
      let first = place.rounded(.down)
      let weights = taps.map { tap -> Double in
        let isOutside = !(0..<Double(target.from)).contains(first + Double(tap.offset))
        return excludes && isOutside ? 0 : tap.weight(place - first)
      }
      return excludes ? weights.map { $0 / weights.reduce(0, +) } : weights
    }
    var lengths = [Int](repeating: 1, count: x.shape.rank)
    lengths[axis] = target.length
    let terms = try taps.enumerated().map { index, tap in
      let taken = try x.taken(places.map { bounded($0.rounded(.down) + Double(tap.offset)) }, along: axis)
      return try taken * x.builder.constant(rows.map { $0[index] }, lengths)
    }
    return try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
  }
}

extension OperationKind.ResizeCoordinates {
  /// Where a place of the result lies in the value.
  fileprivate func place(_ place: Int, _ target: ResizeTarget) -> Double {
    let (x, length, from) = (Double(place), Double(target.length), Double(target.from))
    switch self {
    case .halfPixel: return (x + 0.5) / target.scale - 0.5
    case .halfPixelSymmetric:
      let adjustment = length / (target.scale * from)
      return from / 2 * (1 - adjustment) + (x + 0.5) / target.scale - 0.5
    case .pytorchHalfPixel: return target.length > 1 ? (x + 0.5) / target.scale - 0.5 : 0
    case .alignCorners: return target.length == 1 ? 0 : x * (from - 1) / (length - 1)
    case .asymmetric: return x / target.scale
    }
  }
}

extension OperationKind.ResizeRounding {
  fileprivate func rounded(_ place: Double) -> Double {
    switch self {
    case .preferFloor: (place - 0.5).rounded(.up)
    case .preferCeil: (place + 0.5).rounded(.down)
    case .floor: place.rounded(.down)
    case .ceil: place.rounded(.up)
    }
  }
}
