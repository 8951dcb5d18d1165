// Normalisations that files have and other functions compute.

extension OperationKind {
  /// The logarithm of softmax, from differences to the largest.
  package static let logSoftmax = OperationKind("log_softmax", isInMIL: false, [.required(.x), .integer(.axis, -1)]) {
    site in
    let (x, axis) = try site.whole(.axis)
    let shifted = try x - x.max(axes: [axis]).reshaped(x.keeping(without: [axis]))
    return [ImportedValue(try shifted - log(exp(shifted).sum(axes: [axis])).reshaped(x.keeping(without: [axis])))]
  }

  /// 1 at the first of the largest along an axis, else 0.
  package static let hardmax = OperationKind("hardmax", isInMIL: false, [.required(.x), .integer(.axis, -1)]) { site in
    let (x, axis) = try site.whole(.axis)
    var order = Array(0..<x.shape.rank)
    order.swapAt(axis, x.shape.rank - 1)
    guard let length = x.shape[axis] else { throw site.unsupported("it goes along an open length") }
    return [ImportedValue(try x.reordered(order).argMax().oneHot(length).reordered(order))]
  }

  /// Each channel of each example by its own mean and variance: `[N, C, ...]`.
  package static let instanceNorm = OperationKind(
    "instance_norm", [.required(.x), .optional(.gamma), .optional(.beta), .number(.epsilon, 1e-5)]
  ) { site in
    let x = try site.value(site.plain(site.computed(.x)))
    guard x.shape.rank > 2 else {
      throw site.unsupported("its input has \(x.shape.rank) axes but 3 or more are needed")
    }
    return try site.channelScaled(
      x.normalized(axes: Array(2..<x.shape.rank), epsilon: site.operation.number(.epsilon)))
  }

  /// Groups of channels of each example by their own mean and variance: `[N, C, ...]`.
  package static let groupNorm = OperationKind(
    "group_norm", isInMIL: false,
    [.required(.x), .integer(.groups, 1), .optional(.gamma), .optional(.beta), .number(.epsilon, 1e-5)]
  ) { site in
    let x = try site.value(site.plain(site.computed(.x)))
    let groups = try site.operation.integer(.groups)
    guard x.shape.rank > 1, let channels = x.shape[1], groups > 0, channels % groups == 0 else {
      throw site.damaged("shape \(x.shape) does not go with \(groups) groups")
    }
    let axes = [x.shape.axes[0], Shape.Axis(groups), Shape.Axis(channels / groups)] + x.shape.axes[2...]
    let grouped = try x.reshaped(Shape(axes: axes))
    let y = try grouped.normalized(axes: Array(2..<axes.count), epsilon: site.operation.number(.epsilon))
    return try site.channelScaled(y.reshaped(x.shape))
  }

  /// Divided by the root of the mean of squares along the last axes.
  package static let rmsNorm = OperationKind(
    "rms_norm", isInMIL: false, [.required(.x), .required(.gamma), .integer(.axis, -1), .number(.epsilon, 1e-5)]
  ) { site in
    let (x, axis) = try site.whole(.axis)
    let axes = Array(axis..<x.shape.rank)
    let mean = try square(x).mean(axes: axes).reshaped(x.keeping(without: axes))
    let y = try x * rsqrt(mean + site.operation.number(.epsilon))
    return [ImportedValue(try y * site.weight("gamma", site.operation.required(.gamma).trimmed))]
  }

  /// To mean 0 and variance 1 along axes.
  package static let meanVarianceNorm = OperationKind(
    "mean_variance_norm", isInMIL: false, [.required(.x), .integers(.axes, [0, 2, 3]), .number(.epsilon, 1e-9)]
  ) { site in
    let x = try site.value(site.plain(site.computed(.x)))
    let axes = try site.axes(.axes, rank: x.shape.rank) ?? []
    try site.requireNoExamples(axes, of: site.computed(.x))
    let centred = try x - x.mean(axes: axes).reshaped(x.keeping(without: axes))
    let deviation = try sqrt(square(centred).mean(axes: axes).reshaped(x.keeping(without: axes)))
    return [ImportedValue(try centred / (deviation + site.operation.number(.epsilon)))]
  }

  /// Divided by the norm along an axis: the sum of sizes (1), or the root of the sum of squares (2).
  package static let lpNorm = OperationKind(
    "lp_norm", isInMIL: false, [.required(.x), .integer(.axis, -1), .integer(.mode, 2)]
  ) { site in
    let (x, axis) = try site.whole(.axis)
    let kept = x.keeping(without: [axis])
    let order = try site.operation.integer(.mode)
    guard order == 1 || order == 2 else { throw site.unsupported("it divides by the norm of order \(order)") }
    let norm =
      try order == 1
      ? abs(x).sum(axes: [axis]).reshaped(kept) : sqrt(square(x).sum(axes: [axis])).reshaped(kept)
    // 0 / 0 is 0 here.
    let zero = try x.builder.constant(0)
    return [ImportedValue(try (x / norm).chosen(where: norm.greater(0), else: zero))]
  }

  /// `x / (k + alpha / size * sum of squares of the channels around)^beta` (Krizhevsky et al. 2012): `[N, C, ...]`.
  package static let localResponseNorm = OperationKind(
    "local_response_norm",
    [.required(.x), .required(.size, .integer), .number(.alpha, 1e-4), .number(.beta, 0.75), .number(.k, 1)]
  ) { site in
    let x = try site.value(site.plain(site.computed(.x)))
    let size = try site.operation.integer(.size)
    guard x.shape.rank > 1, let channels = x.shape[1], (1...256).contains(size) else {
      throw site.unsupported("it looks at \(size) channels of shape \(x.shape)")
    }
    func edge(_ places: Int) -> [Int] { x.shape.axes.indices.map { $0 == 1 ? places : 0 } }
    let padded = try square(x).padded(before: edge((size - 1) / 2), after: edge(size / 2))
    var sum = try padded.sliced(along: 1, 0..<channels)
    for place in 1..<size { sum = try sum + padded.sliced(along: 1, place..<place + channels) }
    let alpha = try site.operation.number(.alpha) / Double(size)
    let scale = try (sum * alpha + site.operation.number(.k)).binary(.power, -site.operation.number(.beta))
    return [ImportedValue(try x * scale)]
  }
}

extension Value {
  /// The shape with 1 at some axes.
  func keeping(without axes: [Int]) -> Shape {
    Shape(axes: shape.axes.enumerated().map { axes.contains($0.offset) ? Shape.Axis(1) : $0.element })
  }

  /// To mean 0 and variance 1 along axes.
  func normalized(axes: [Int], epsilon: Double) throws -> Value {
    let centred = try self - mean(axes: axes).reshaped(keeping(without: axes))
    return try centred * rsqrt(square(centred).mean(axes: axes).reshaped(keeping(without: axes)) + epsilon)
  }
}

extension ImportSite {
  /// The input in the program's order, and the axis along which it goes, which must not count examples.
  func whole(_ argument: ArgumentName) throws -> (Value, Int) {
    let given = try computed(.x)
    let axis = try axis(operation.integer(argument), rank: given.rank)
    try requireNoExamples([axis], of: given)
    return (try value(plain(given)), axis)
  }

  /// `[N, C, ...]` with a factor and a summand for each channel.
  fileprivate func channelScaled(_ x: Value) throws -> [ImportedValue] {
    var y = x
    for (argument, function) in [(ArgumentName.gamma, BinaryFunction.multiply), (.beta, .add)] {
      guard var numbers = try operation.tensor(argument) else { continue }
      if let channels = x.shape[1], operation.has(.groups), numbers.count > 0, numbers.count < channels,
        try numbers.count == operation.integer(.groups)
      {
        // One for each group, as in older files.
        numbers = numbers.reshaped(to: [numbers.count, 1]).spread(to: [numbers.count, channels / numbers.count])
      }
      guard numbers.count == x.shape[1] else {
        throw damaged("its argument \"\(argument.rawValue)\" has \(numbers.count) numbers for shape \(x.shape)")
      }
      let lengths = [numbers.count] + [Int](repeating: 1, count: x.shape.rank - 2)
      y = try y.binary(function, weight(argument.rawValue, numbers.reshaped(to: lengths)))
    }
    return [ImportedValue(y)]
  }
}
