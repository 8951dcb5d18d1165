import AthanorCore

// Products, windows and normalisations.

extension OnnxReader {
  static let products: [OnnxOperator] = [
    .init("Conv", limits: "known weights; one or two dimensions") { try $0.translateConvolution() },
    .init("ConvTranspose", limits: "known weights; one or two dimensions; padding smaller than the kernel") {
      try $0.translateTransposedConvolution()
    },
    .init("MaxPool", limits: "one or two dimensions; no dilations; the values alone", ignoring: ["storage_order"]) {
      try $0.translatePooling(.maxPool)
    },
    .init("AveragePool", limits: "one or two dimensions; no dilations") { reader in
      try reader.translatePooling(.avgPool, [.excludePadding: .flag(!reader.flag("count_include_pad"))])
    },
    .init("Gemm", ignoring: ["broadcast"]) { try $0.translateProduct() },
    .init("MatMul") { try $0.finish(.matmul, [.y: $0.input(1)]) },
  ]

  /// ONNX counts all starts before all ends, the exchange language axis by axis.
  func pairs(_ pads: [Int]) throws -> [Int] {
    guard pads.count % 2 == 0 else { throw AthanorError(.data, at: "", "its pads are \(pads)") }
    return (0..<pads.count / 2).flatMap { [pads[$0], pads[$0 + pads.count / 2]] }
  }

  private func windowArguments(isLine: Bool) throws -> [ArgumentName: Program.Argument] {
    /// One dimension is the second of two.
    func two(_ values: [Int], _ other: Int = 1) -> Program.Argument {
      .integers((isLine ? [Int](repeating: other, count: values.count) : []) + values)
    }
    var arguments: [ArgumentName: Program.Argument] = [:]
    if let strides = try integers("strides") { arguments[.strides] = two(strides) }
    let pads = try integers("pads")
    let automatic = try text("auto_pad", default: "NOTSET")
    if automatic != "NOTSET", let pads, pads.contains(where: { $0 != 0 }) {
      throw AthanorError(
        .data, at: "", "its attributes \"pads\" and \"auto_pad\" exclude each other", fix: "Export the model again.")
    }
    switch automatic {
    case "SAME_UPPER": arguments[.padType] = .choice(OperationKind.PadType.same)
    case "SAME_LOWER": arguments[.padType] = .choice(OperationKind.PadType.sameLower)
    case "VALID": break
    case "NOTSET":
      guard let pads else { break }
      arguments[.padType] = .choice(OperationKind.PadType.custom)
      arguments[.pad] = two(try pairs(pads), 0)
    case let other: throw unsupported("auto_pad", "\"\(other)\"")
    }
    return arguments
  }

  /// Adds an operation on pictures; lines are pictures of one row.
  private func finishWindow(
    _ kind: OperationKind, isLine: Bool, _ arguments: [ArgumentName: Program.Argument]
  ) throws {
    guard isLine else { return try finish(kind, arguments) }
    let picture = try step(.expandDims, [.axes: .integers([2])])
    let result = try step(kind, arguments.merging([.x: picture]) { $1 })
    try finish(.squeeze, [.x: result, .axes: .integers([2])])
  }

  /// Known weights of a window; those of lines get an axis of one row.
  private func windowWeights() throws -> (Tensor, isLine: Bool) {
    guard let kernel = try known(1) else { throw AthanorError(.data, at: "", "its weights are missing") }
    let size = Array(kernel.shape.dropFirst(2))
    if let given = try integers("kernel_shape"), given != size {
      throw AthanorError(.data, at: "", "its kernel_shape is \(given), but its weights have shape \(kernel.shape)")
    }
    guard kernel.shape.count == 3 else { return (kernel, false) }
    return (kernel.reshaped(to: [kernel.shape[0], kernel.shape[1], 1, kernel.shape[2]]), true)
  }

  private func line(_ name: String, _ isLine: Bool, _ other: Int) throws -> Program.Argument? {
    try integers(name).map { .integers((isLine ? [other] : []) + $0) }
  }

  private func translateConvolution() throws {
    let (kernel, isLine) = try windowWeights()
    var arguments = try windowArguments(isLine: isLine)
    arguments[.weight] = .constant(kernel)
    if let bias = try optional(2) { arguments[.bias] = .operand(bias) }
    arguments[.dilations] = try line("dilations", isLine, 1)
    arguments[.groups] = .integer(try integer("group", default: 1))
    try finishWindow(.conv, isLine: isLine, arguments)
  }

  private func translateTransposedConvolution() throws {
    let (kernel, isLine) = try windowWeights()
    var arguments = try windowArguments(isLine: isLine)
    arguments[.weight] = .constant(kernel)
    if let bias = try optional(2) { arguments[.bias] = .operand(bias) }
    arguments[.dilations] = try line("dilations", isLine, 1)
    arguments[.outputPadding] = try line("output_padding", isLine, 0)
    if let size = try integers("output_shape") {
      // Older files have the lengths of all axes.
      arguments[.size] = .integers((isLine ? [1] : []) + size.suffix(kernel.shape.count - (isLine ? 3 : 2)))
    }
    arguments[.groups] = .integer(try integer("group", default: 1))
    try finishWindow(.convTranspose, isLine: isLine, arguments)
  }

  private func translatePooling(_ kind: OperationKind, _ more: [ArgumentName: Program.Argument] = [:]) throws {
    let size = try integers("kernel_shape") ?? []
    let isLine = size.count == 1
    let dilations = try integers("dilations") ?? size.map { _ in 1 }
    guard dilations == size.map({ _ in 1 }) else {
      throw AthanorError(.unsupported, at: "", "its window is dilated, which is not supported")
    }
    var arguments = try windowArguments(isLine: isLine)
    arguments[.kernelSizes] = .integers((isLine ? [1] : []) + size)
    arguments[.ceilMode] = .flag(try flag("ceil_mode"))
    try finishWindow(kind, isLine: isLine, arguments.merging(more) { $1 })
  }

  /// `alpha * A B + beta * C`: a layer with weights where B and C are such, else several operations.
  private func translateProduct() throws {
    let (alpha, beta) = (Float(try number("alpha", default: 1)), Float(try number("beta", default: 1)))
    let (transposesA, transposesB) = (try flag("transA"), try flag("transB"))
    let (right, shift) = (try input(1), try optional(2))
    func scaled(_ tensor: Tensor, _ factor: Float) -> Program.Argument {
      .constant(
        factor == 1 ? tensor : Tensor(uncheckedShape: tensor.shape, .float32(tensor.floats.map { $0 * factor })))
    }
    if !transposesA, case .operand(.constant(let matrix)) = right, matrix.shape.count == 2 {
      let weights = transposesB ? matrix : matrix.transposed([1, 0])  // [M, K]
      var arguments: [ArgumentName: Program.Argument] = [.weight: scaled(weights, alpha)]
      guard let shift else { return try finish(.linear, arguments) }
      let units = weights.shape[0]
      if case .constant(let bias) = shift, bias.count == 1 || bias.trimmed.shape == [units] {
        let numbers = bias.count == 1 ? [Float](repeating: bias.floats[0], count: units) : bias.floats
        arguments[.bias] = scaled(Tensor(uncheckedShape: [units], .float32(numbers)), beta)
        return try finish(.linear, arguments)
      }
    }
    let arguments: [ArgumentName: Program.Argument] = [
      .y: right, .transposeX: .flag(transposesA), .transposeY: .flag(transposesB),
    ]
    let isPlain = alpha == 1 && shift == nil
    guard !isPlain else { return try finish(.matmul, arguments) }
    var product = try step(.matmul, arguments)
    guard let shift else { return try finish(.binary(.multiply), [.x: product, .y: .scalar(Double(alpha))]) }
    if alpha != 1 { product = try step(.binary(.multiply), [.x: product, .y: .scalar(Double(alpha))]) }
    var term = Program.Argument.operand(shift)
    if case .constant(let tensor) = shift {
      term = scaled(tensor, beta)
    } else if beta != 1 {
      term = try step(.binary(.multiply), [.x: term, .y: .scalar(Double(beta))])
    }
    try finish(.binary(.add), [.x: product, .y: term])
  }

  // MARK: Normalisations

  static let normalizations: [OnnxOperator] = [
    .init("BatchNormalization", limits: "not while training", ignoring: ["momentum"]) { reader in
      guard try !reader.flag("training_mode") && !reader.trainsByItself() else { throw training }
      guard try reader.flag("spatial", default: true) else { throw reader.unsupported("spatial", "0") }
      try reader.finish(
        .batchNorm,
        [
          .gamma: reader.input(1), .beta: reader.input(2), .mean: reader.input(3), .variance: reader.input(4),
          .epsilon: .number(reader.number("epsilon", default: 1e-5)),
        ])
    },
    .init("LayerNormalization", limits: "an axis that is counted from the end; the values alone", ignoring: precision) {
      reader in
      let axis = try reader.integer("axis", default: -1)
      guard (-8..<0).contains(axis) else {
        throw AthanorError(.unsupported, at: "", "its axis is \(axis), but it must be counted from the end")
      }
      try reader.finish(
        .layerNorm, reader.scale([.axes: .integers(Array(axis..<0)), .epsilon: reader.epsilon]))
    },
    .init("InstanceNormalization") { try $0.finish(.instanceNorm, $0.scale([.epsilon: $0.epsilon])) },
    .init("GroupNormalization", ignoring: precision) { reader in
      let groups = try reader.requiredInteger("num_groups")
      var arguments: [ArgumentName: Program.Argument] = [.groups: .integer(groups), .epsilon: try reader.epsilon]
      guard reader.version < 21 else { return try reader.finish(.groupNorm, reader.scale(arguments)) }
      // A factor for each group, which is multiplied before the groups become channels again.
      guard let factors = try reader.known(1), let shifts = try reader.known(2) else {
        throw AthanorError(.data, at: "", "its factors are missing")
      }
      guard factors.shape == [groups], shifts.shape == factors.shape else {
        throw AthanorError(.data, at: "", "its factors have shape \(Shape.text(factors.shape))")
      }
      (arguments[.gamma], arguments[.beta]) = (.constant(factors), .constant(shifts))
      try reader.finish(.groupNorm, arguments)
    },
    .init("RMSNormalization", limits: "known factors", ignoring: precision) { reader in
      try reader.finish(
        .rmsNorm,
        [
          .gamma: reader.input(1), .axis: .integer(reader.integer("axis", default: -1)), .epsilon: reader.epsilon,
        ])
    },
    .init("MeanVarianceNormalization", limits: "not along the examples") { reader in
      try reader.finish(.meanVarianceNorm, [.axes: .integers(reader.integers("axes") ?? [0, 2, 3])])
    },
    .init("LpNormalization", limits: "not along the examples") { reader in
      let p = try reader.integer("p", default: 2)
      guard p == 1 || p == 2 else { throw reader.unsupported("p", "\(p)") }
      try reader.finish(.lpNorm, [.axis: .integer(reader.integer("axis", default: -1)), .mode: .integer(p)])
    },
    .init("LRN") { reader in
      try reader.finish(
        .localResponseNorm,
        [
          .size: .integer(reader.requiredInteger("size")), .alpha: .number(reader.number("alpha", default: 1e-4)),
          .beta: .number(reader.number("beta", default: 0.75)), .k: .number(reader.number("bias", default: 1)),
        ])
    },
    .init("Softmax", limits: "not along the examples") { try $0.translateSoftmax(.softmax) },
    .init("LogSoftmax", limits: "not along the examples") { try $0.translateSoftmax(.logSoftmax) },
    .init("Hardmax", limits: "not along the examples") { try $0.translateSoftmax(.hardmax) },
    .init(
      "Dropout", limits: "the input itself; not while training, unless its ratio is 0",
      ignoring: ["ratio", "seed"]
    ) { reader in
      guard try !reader.trainsByItself() else { throw training }
      let ratio = try reader.known(1)?.floats.first ?? 0.5
      guard try reader.known(2).map({ $0.floats.allSatisfy { $0 == 0 } }) ?? true || ratio == 0 else { throw training }
      try reader.finish(.identity)
    },
  ]

  private static let training = AthanorError(
    .unsupported, at: "", "it is training", fix: "Export the network that predicts (PyTorch's eval()).")

  /// The precision in which statistics are computed, which is always that of 32 bits here.
  private static let precision: Set = ["stash_type"]

  /// Before operator set 7 a node trained that did not say otherwise.
  private func trainsByItself() throws -> Bool { try version < 7 && !flag("is_test") }

  private var epsilon: Program.Argument { get throws { .number(try number("epsilon", default: 1e-5)) } }

  /// The arguments with the factors and summands of a normalisation.
  private func scale(
    _ arguments: [ArgumentName: Program.Argument]
  ) throws -> [ArgumentName: Program.Argument] {
    var arguments = arguments
    arguments[.gamma] = try input(1)
    if let beta = try optional(2) { arguments[.beta] = .operand(beta) }
    return arguments
  }

  /// Before operator set 13 it went along all axes from the given one on, which were made one for that.
  private func translateSoftmax(_ kind: OperationKind) throws {
    let axis = try integer("axis", default: version < 13 ? 1 : -1)
    guard version < 13, axis != -1 else { return try finish(kind, [.axis: .integer(axis)]) }
    guard (-8..<8).contains(axis) else {
      throw AthanorError(.unsupported, at: "", "it goes along axis \(axis), but at most 8 axes are supported")
    }
    let lengths = try step(.shape)
    let rows =
      axis < 1
      ? try step(.flatten2d, [.axis: .integer(axis)])
      : try step(.reshape, [.shape: .integers([Int](repeating: 0, count: axis) + [-1])])
    let shares = try step(kind, [.x: rows, .axis: .integer(-1)])
    try finish(.reshape, [.x: shares, .shape: lengths])
  }
}
