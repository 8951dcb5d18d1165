// Functions of the exchange language that several ops compute together.

extension OperationKind {
  package static let floorDiv = OperationKind(
    "floor_div", [.required(.x), .required(.y)],
    fold: { site in try site.foldedArithmetic { ($0 / $1).rounded(.down) } }
  ) { site in
    let (values, layout) = try site.elementwise(.x, .y)
    return [ImportedValue(try floor(values[0] / values[1]), layout: layout)]
  }

  package static let gelu = OperationKind("gelu", [.required(.x), .choice(.mode, GeluMode.exact)]) { site in
    let mode = try site.operation.choice(.mode, GeluMode.self)
    return try site.map(site.computed(.x)) { x in
      switch mode {
      case .exact: try AthanorCore.gelu(x)
      case .tanh: try AthanorCore.gelu(x, approximate: true)
      case .sigmoid: try x * sigmoid(x * 1.702)
      }
    }
  }

  /// The spellings of `gelu`'s `mode`, in the order of the numbers that neural networks have for them.
  package enum GeluMode: String, CaseIterable, Sendable {
    case exact = "EXACT"
    case tanh = "TANH_APPROXIMATION"
    case sigmoid = "SIGMOID_APPROXIMATION"
  }

  package static let relu6 = OperationKind("relu6", [.required(.x)]) { site in
    try site.map(site.computed(.x)) { try $0.clipped(0, 6) }
  }

  package static let clip = OperationKind(
    "clip", [.required(.x), .number(.alpha, -.infinity), .number(.beta, .infinity)]
  ) { site in
    let (low, high) = (try site.operation.number(.alpha), try site.operation.number(.beta))
    return try site.map(site.computed(.x)) { value in
      let above = low > -.infinity ? try value.binary(.maximum, low) : value
      return high < .infinity ? try above.binary(.minimum, high) : above
    }
  }

  package static let sigmoidHard = OperationKind(
    "sigmoid_hard", [.required(.x), .number(.alpha, 0.2), .number(.beta, 0.5)]
  ) { site in
    let (alpha, beta) = (try site.operation.number(.alpha), try site.operation.number(.beta))
    return try site.map(site.computed(.x)) { try ($0 * alpha + beta).clipped(0, 1) }
  }

  package static let softsign = OperationKind("softsign", [.required(.x)]) { site in
    try site.map(site.computed(.x)) { try $0 / (abs($0) + 1) }
  }

  /// One slope below zero for each channel.
  package static let prelu = OperationKind("prelu", [.required(.x), .required(.alpha)]) { site in
    let (x, slopes) = (try site.computed(.x), try site.operation.required(.alpha))
    let isPicture = x.rank == 4
    let aligned = try isPicture ? site.picture(x) : site.plain(x)
    guard isPicture || x.rank == 2 || slopes.count == 1 else {
      throw site.unsupported("its input has \(x.rank) axes but 2 or 4 are needed")
    }
    let slope = try site.weight("alpha", slopes.reshaped(to: [slopes.count]))
    return try site.map(aligned) { try relu($0) - relu(-$0) * slope }
  }

  package static let layerNorm = OperationKind(
    "layer_norm",
    [
      .required(.x), .optional(.axes, .integers), .optional(.gamma), .optional(.beta), .number(.epsilon, 1e-5),
    ]
  ) { site in
    let value = try site.value(site.plain(site.computed(.x)))
    let rank = value.shape.rank
    let given = try site.axes(.axes, rank: rank) ?? Array((0..<rank).dropFirst())
    let axes = given.sorted()
    guard let first = axes.first else { throw site.unsupported("it normalises no axis") }
    try site.requireNoExamples(axes, of: ImportedValue(value))
    var y = try value.normalized(axes: axes, epsilon: site.operation.number(.epsilon))
    for (argument, function) in [(ArgumentName.gamma, BinaryFunction.multiply), (.beta, .add)] {
      guard var numbers = try site.operation.tensor(argument) else { continue }
      // Numbers of the last axes are broadcast as they are.
      if given != Array(first..<rank) {
        guard given == axes, numbers.shape == axes.map({ value.shape.sizes[$0] }) else {
          throw site.damaged(
            "its argument \"\(argument.rawValue)\" has shape \(Shape.text(numbers.shape)), which does not go with axes \(given) of shape \(value.shape)"
          )
        }
        numbers = numbers.reshaped(to: (first..<rank).map { axes.contains($0) ? value.shape.sizes[$0] : 1 })
      }
      y = try y.binary(function, site.weight(argument.rawValue, numbers))
    }
    return [ImportedValue(y)]
  }
}

// MARK: Functions of one value that files have and other functions compute

extension OperationKind {
  package static let hardSwish = function("hard_swish", isInMIL: false) { x, _ in
    try x * (x * (1 / 6) + 0.5).clipped(0, 1)
  }
  package static let mish = function("mish", isInMIL: false) { x, _ in try x * tanh(softplus(x)) }
  package static let selu = function("selu", isInMIL: false, [.number(.alpha, 1.6732632), .number(.gamma, 1.050701)]) {
    x, site in
    try elu(x, alpha: site.operation.number(.alpha)) * site.operation.number(.gamma)
  }
  package static let celu = function("celu", isInMIL: false, [.number(.alpha, 1)]) { x, site in
    let alpha = try site.operation.number(.alpha)
    guard alpha > 0 else { throw site.unsupported("its alpha is \(alpha) but must be above 0") }
    return try elu(x * (1 / alpha)) * alpha
  }
  package static let swish = function("swish", isInMIL: false, [.number(.alpha, 1)]) { x, site in
    let alpha = try site.operation.number(.alpha)
    return alpha == 1 ? try silu(x) : try x * sigmoid(x * alpha)
  }
  package static let thresholdedRelu = function("thresholded_relu", [.number(.alpha, 1)]) { x, site in
    let above = try x.greater(site.operation.number(.alpha))
    return try x.chosen(where: above, else: x.builder.constant(0))
  }
  /// `x - beta` above alpha, `x + beta` below -alpha, else 0.
  package static let shrink = function("shrink", isInMIL: false, [.number(.alpha, 0.5), .number(.beta, 0)]) { x, site in
    let (alpha, beta) = (try site.operation.number(.alpha), try site.operation.number(.beta))
    let lower = try (x + beta).chosen(where: (-x).greater(alpha), else: x.builder.constant(0))
    return try (x - beta).chosen(where: x.greater(alpha), else: lower)
  }
  package static let asinh = function("asinh", isInMIL: false) { x, _ in
    let size = try abs(x)
    return try x.unary(.sign) * log(size + sqrt(square(size) + 1))
  }
  package static let acosh = function("acosh", isInMIL: false) { x, _ in try log(x + sqrt((x - 1) * (x + 1))) }

  /// `x - y * floor(x / y)`, or with `fmod` the sign of x.
  package static let mod = OperationKind(
    "mod", [.required(.x), .required(.y), .flag(.mode)],
    fold: { site in
      let keepsSign = try site.operation.flag(.mode)
      return try site.foldedElements(.x, .y, dtype: site.operation.required(.x).dtype) {
        let rest = $0[0].truncatingRemainder(dividingBy: $0[1])
        return keepsSign || rest == 0 || (rest < 0) == ($0[1] < 0) ? rest : rest + $0[1]
      }
    }
  ) { site in
    let (values, layout) = try site.elementwise(.x, .y)
    let (x, y) = (values[0], values[1])
    let isInfinite = try abs(y).equal(y.builder.constant(.infinity))
    guard try site.operation.flag(.mode) else {
      // An infinite divisor leaves what has its sign, and is the rest of what has not.
      let signs = try x.unary(.sign) * y.unary(.sign)
      let same = try x.chosen(where: signs.binary(.greaterEqual, x.builder.constant(0)), else: y)
      return [ImportedValue(try same.chosen(where: isInfinite, else: x - floor(x / y) * y), layout: layout)]
    }
    let size = try abs(y)
    let rest = try abs(x).chosen(where: isInfinite, else: abs(x) - floor(abs(x) / size) * size)
    return [ImportedValue(try x.unary(.sign) * rest, layout: layout)]
  }

  private static func function(
    _ name: String, isInMIL: Bool = true, _ parameters: [Parameter] = [],
    _ body: @escaping @Sendable (Value, ImportSite) throws -> Value
  ) -> OperationKind {
    OperationKind(name, isInMIL: isInMIL, [.required(.x)] + parameters) { site in
      try site.map(site.computed(.x)) { try body($0, site) }
    }
  }
}
