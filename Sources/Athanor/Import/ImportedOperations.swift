extension ImportBuilder {
  /// Functions of one number that need nothing but their input.
  private static let functions: [String: UnaryFunction] = [
    "relu": .relu, "sigmoid": .sigmoid, "tanh": .tanh, "softplus": .softplus, "silu": .silu, "abs": .abs,
    "sign": .sign, "square": .square, "sqrt": .sqrt, "exp": .exp, "erf": .erf,
  ]
  private static let pairs: [String: BinaryFunction] = [
    "add": .add, "sub": .subtract, "mul": .multiply, "real_div": .divide, "maximum": .maximum, "minimum": .minimum,
    "pow": .power,
  ]

  /// The names of all operations that can be read, for messages.
  package static let known = Set(functions.keys).union(pairs.keys).union([
    "conv", "max_pool", "avg_pool", "linear", "matmul", "batch_norm", "layer_norm", "softmax", "log", "rsqrt",
    "inverse",
    "leaky_relu", "elu", "prelu", "gelu", "relu6", "clip", "sigmoid_hard", "softsign", "reduce_mean", "reduce_sum",
    "reduce_max", "reshape", "flatten2d", "transpose", "expand_dims", "squeeze", "concat", "split", "slice_by_index",
    "slice_by_size", "pad", "cast", "identity",
  ])

  /// - Throws: `AthanorError` with an empty location when there is no such operation here or its arguments do not fit.
  mutating func build(_ operation: ImportedProgram.Operation) throws -> [Content] {
    let site = ImportSite(operation: operation, builder: self)
    if let function = Self.functions[operation.type] {
      return try map(site.computed("x")) { try $0.unary(function) }
    }
    if let function = Self.pairs[operation.type] { return try combine(site, function) }
    switch operation.type {
    case "cast", "identity": return [.computed(try site.computed("x"))]
    case "conv": return try convolution(site)
    case "max_pool", "avg_pool": return try pooling(site)
    case "linear", "matmul": return try product(site)
    case "batch_norm", "layer_norm": return try normalization(site)
    case "softmax": return try softmax(site)
    case "reduce_mean", "reduce_sum", "reduce_max": return try reduction(site)
    case "reshape", "flatten2d", "transpose", "expand_dims", "squeeze", "concat", "split", "slice_by_index",
      "slice_by_size", "pad":
      return try layout(site)
    default: return try function(site)
    }
  }

  /// Element by element, in whatever order.
  private func map(_ x: Computed, _ body: (Value) throws -> Value) rethrows -> [Content] {
    [.computed(Computed(value: try body(x.value), order: x.order))]
  }

  private mutating func function(_ site: ImportSite) throws -> [Content] {
    let type = site.operation.type
    guard Self.known.contains(type) else { throw unknown(type) }
    let x = try site.computed("x")
    if type == "prelu" { return try prelu(site, x) }
    let (alpha, beta) = (try site.number("alpha", default: 0), try site.number("beta", default: 0))
    switch type {
    case "log", "rsqrt", "inverse":
      let epsilon = try site.number("epsilon", default: type == "log" ? 1e-45 : type == "rsqrt" ? 1e-12 : 1e-4)
      let function: UnaryFunction = type == "log" ? .log : type == "rsqrt" ? .rsqrt : .reciprocal
      return try map(x) { try (epsilon == 0 ? $0 : $0 + epsilon).unary(function) }
    case "leaky_relu": return try map(x) { try leakyRelu($0, slope: alpha) }
    case "elu": return try map(x) { try elu($0, alpha: alpha) }
    case "gelu":
      let mode = try site.text("mode", default: "EXACT")
      guard mode != "SIGMOID_APPROXIMATION" else { return try map(x) { try $0 * sigmoid($0 * 1.702) } }
      return try map(x) { try gelu($0, approximate: mode != "EXACT") }
    case "relu6": return try map(x) { try $0.clipped(0, 6) }
    case "clip":
      let (low, high) = (try site.number("alpha", default: -.infinity), try site.number("beta", default: .infinity))
      return try map(x) { value in
        let above = low > -.infinity ? try value.binary(.maximum, low) : value
        return high < .infinity ? try above.binary(.minimum, high) : above
      }
    case "sigmoid_hard": return try map(x) { try ($0 * alpha + beta).clipped(0, 1) }
    case "softsign": return try map(x) { try $0 / (abs($0) + 1) }
    default: throw unknown(type)
    }
  }

  private func unknown(_ type: String) -> AthanorError {
    AthanorError(
      .unsupported, at: "", "there is no operation of this kind here",
      fix: AthanorError.suggestion(for: type, among: Self.known.sorted())
        + "Known are \(Self.known.sorted().joined(separator: ", ")).")
  }

  /// One slope below zero for each channel.
  private mutating func prelu(_ site: ImportSite, _ x: Computed) throws -> [Content] {
    let slopes = try site.required("alpha")
    let isPicture = x.shape.count == 4
    let value = try isPicture ? channelsLast(x) : plain(x)
    guard isPicture || x.shape.count == 2 || slopes.count == 1 else {
      throw AthanorError(.unsupported, at: "", "its input has \(x.shape.count) axes but 2 or 4 are needed")
    }
    let slope = try weight(name(site, "alpha"), slopes.seen(as: [slopes.count]))
    let result = try relu(value) - relu(-value) * slope
    return [.computed(Computed(value: result, order: isPicture ? .channelsLast : .plain))]
  }

  /// The name of a weight: that of the operation's result, which is its own.
  func name(_ site: ImportSite, _ weight: String) -> String {
    let origin = site.operation.outputs.first ?? site.operation.name
    return origin.split(separator: "/").joined(separator: ".") + "/" + weight
  }

  // MARK: Two values

  /// Pictures keep their channels last as long as all else is numbers or pictures.
  private mutating func combine(_ site: ImportSite, _ function: BinaryFunction) throws -> [Content] {
    let parts = [try site.content("x"), try site.content("y")]
    let computed = parts.compactMap { if case .computed(let computed) = $0 { computed } else { nil } }
    let arePictures =
      computed.contains { $0.order == .channelsLast } && computed.allSatisfy { $0.shape.count == 4 }
    var order = arePictures ? Computed.Order.channelsLast : .plain
    if computed.count == 1, case .flattened = computed[0].order,
      parts.contains(where: { if case .numbers(let tensor) = $0 { tensor.count == 1 } else { false } })
    {
      order = computed[0].order
    }
    var values: [Value] = []
    for part in parts {
      switch part {
      case .computed(let one):
        values.append(try one.order == order ? one.value : arePictures ? channelsLast(one) : plain(one))
      case .numbers(let tensor):
        values.append(try constant(arePictures ? besidePictures(tensor) : trimmed(tensor)))
      case .text: throw AthanorError(.data, at: "", "one of its arguments is a text")
      }
    }
    return [.computed(Computed(value: try values[0].binary(function, values[1]), order: order))]
  }

  /// Numbers `[C, 1, 1]` and the like, with the channels last.
  private func besidePictures(_ tensor: Tensor) throws -> Tensor {
    guard tensor.shape.count <= 4 else {
      throw AthanorError(.unsupported, at: "", "numbers with \(tensor.shape.count) axes are combined with pictures")
    }
    let lengths = [Int](repeating: 1, count: 4 - tensor.shape.count) + tensor.shape
    return trimmed(tensor.seen(as: lengths).transposed([0, 2, 3, 1]))
  }

  /// Without ones in front, which say nothing.
  private func trimmed(_ tensor: Tensor) -> Tensor { tensor.seen(as: Array(tensor.shape.drop { $0 == 1 })) }

  // MARK: Products

  private mutating func product(_ site: ImportSite) throws -> [Content] {
    let isLinear = site.operation.type == "linear"
    let x = try site.computed("x")
    let transposes = (try site.flag("transpose_x"), try site.flag("transpose_y"))
    if !isLinear, case .computed(let y) = try site.content("y") {
      func swapped(_ value: Value) throws -> Value {
        let rank = value.shape.rank
        guard rank >= 2 else {
          throw AthanorError(.data, at: "", "a factor has \(rank) axes but at least 2 are needed")
        }
        return try value.transposed(Array(0..<rank - 2) + [rank - 1, rank - 2])
      }
      let (left, right) = (try plain(x), try plain(y))
      return [
        .computed(
          Computed(value: try (transposes.0 ? swapped(left) : left).matmul(transposes.1 ? swapped(right) : right)))
      ]
    }
    var matrix = try site.required(isLinear ? "weight" : "y")
    guard matrix.shape.count == 2, !transposes.0 else {
      throw AthanorError(.unsupported, at: "", "its weights have shape \(matrix.shape) but a matrix is needed")
    }
    if !isLinear && !transposes.1 { matrix = matrix.transposed([1, 0]) }  // [M, K]
    var value = x.value
    if case .flattened(let height, let width, let channels) = x.order,
      matrix.shape[1] == height * width * channels
    {
      // The weights follow the order in which the picture lies, so that it need not be moved.
      let picture = matrix.seen(as: [matrix.shape[0], channels, height, width])
      matrix = picture.transposed([0, 2, 3, 1]).seen(as: matrix.shape)
    } else {
      value = try plain(x)
    }
    var y = try value.matmul(weight(name(site, "kernel"), matrix.transposed([1, 0])))  // [..., M]
    if let bias = try site.numbers("bias") {
      y = try y + weight(name(site, "bias"), bias.seen(as: [bias.count]))
    }
    return [.computed(Computed(value: y))]
  }

  // MARK: Normalisation

  private mutating func normalization(_ site: ImportSite) throws -> [Content] {
    let x = try site.computed("x")
    let epsilon = try site.number("epsilon", default: 1e-5)
    if site.operation.type == "layer_norm" { return try layerNormalization(site, x, epsilon) }
    let (mean, variance) = (try site.required("mean"), try site.required("variance"))
    let channels = mean.count
    let (gamma, beta) = (try site.numbers("gamma"), try site.numbers("beta"))
    guard [variance, gamma, beta].compactMap(\.self).allSatisfy({ $0.count == channels }), x.shape.count >= 2,
      x.shape[1] == channels
    else {
      throw AthanorError(.data, at: "", "its \(channels) means do not go with an input of shape \(Shape(x.shape))")
    }
    // y = x * factor + shift, computed once, in double precision.
    var (factors, shifts) = ([Float](), [Float]())
    for channel in 0..<channels {
      let factor =
        Double(gamma?.floats[channel] ?? 1) / (Double(variance.floats[channel]) + epsilon).squareRoot()
      factors.append(Float(factor))
      shifts.append(Float(Double(beta?.floats[channel] ?? 0) - Double(mean.floats[channel]) * factor))
    }
    let isPicture = x.shape.count == 4
    let shape = isPicture || x.shape.count == 2 ? [channels] : [channels] + x.shape.dropFirst(2).map { _ in 1 }
    let value = try isPicture ? channelsLast(x) : plain(x)
    let scale = try weight(name(site, "scale"), Tensor(uncheckedShape: shape, .float32(factors)))
    let shift = try weight(name(site, "shift"), Tensor(uncheckedShape: shape, .float32(shifts)))
    return [.computed(Computed(value: try value * scale + shift, order: isPicture ? .channelsLast : .plain))]
  }

  private mutating func layerNormalization(_ site: ImportSite, _ x: Computed, _ epsilon: Double) throws -> [Content] {
    let value = try plain(x)
    let rank = value.shape.rank
    let axes = (try site.axes("axes", rank: rank) ?? Array(1..<rank)).sorted()
    guard axes == Array(rank - axes.count..<rank), axes.first.map({ $0 > 0 }) == true else {
      throw AthanorError(.unsupported, at: "", "it normalises axes \(axes), but only the last ones can be")
    }
    let kept = Shape(value.shape.lengths.enumerated().map { axes.contains($0.offset) ? 1 : $0.element })
    let centred = try value - value.mean(axes: axes).reshaped(kept)
    var y = try centred * rsqrt(square(centred).mean(axes: axes).reshaped(kept) + epsilon)
    if let gamma = try site.numbers("gamma") { y = try y * weight(name(site, "gamma"), gamma) }
    if let beta = try site.numbers("beta") { y = try y + weight(name(site, "beta"), beta) }
    return [.computed(Computed(value: y))]
  }

  private func softmax(_ site: ImportSite) throws -> [Content] {
    let x = try site.computed("x")
    let axis = try site.axis(try site.integers("axis")?.first ?? -1, rank: x.shape.count)
    if x.order == .channelsLast, axis == 1 {
      return [.computed(Computed(value: try Athanor.softmax(x.value), order: .channelsLast))]
    }
    let value = try plain(x)
    guard axis == value.shape.rank - 1 else {
      throw AthanorError(.unsupported, at: "", "its axis is \(axis), but only the last or a picture's channels can be")
    }
    return [.computed(Computed(value: try Athanor.softmax(value)))]
  }

  private func reduction(_ site: ImportSite) throws -> [Content] {
    let x = try site.computed("x")
    let rank = x.shape.count
    var axes = (try site.axes("axes", rank: rank) ?? Array(0..<rank)).sorted()
    guard !axes.contains(0) else {
      throw AthanorError(.unsupported, at: "", "it goes along the batch; examples are computed each by itself")
    }
    let keeps = try site.flag("keep_dims")
    let isPicture = x.order == .channelsLast && axes == [2, 3]
    let value = isPicture ? x.value : try plain(x)
    if isPicture { axes = [1, 2] }
    var y =
      switch site.operation.type {
      case "reduce_mean": try value.mean(axes: axes)
      case "reduce_sum": try value.sum(axes: axes)
      default: try value.max(axes: axes)
      }
    if keeps {
      y = try y.reshaped(Shape(value.shape.lengths.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }))
    }
    return [.computed(Computed(value: y, order: isPicture && keeps ? .channelsLast : .plain))]
  }
}
