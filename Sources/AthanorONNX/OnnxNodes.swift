import Athanor
import AthanorCore

// What each node of an ONNX graph is in the exchange language.

extension OnnxReader {
  /// Adds the last operation of the node. Results that nothing here computes (masks, statistics) are left out.
  private func finish(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument] = [:], results: Int = 1
  ) throws {
    try writer.add(kind, arguments, results: node.outputs.prefix(results).map { Program.Result($0) })
  }

  /// Operators of one input, without attributes, that are no pointwise function of ours.
  private static let plain: [String: OperationKind] = [
    "Identity": .identity, "Softsign": .softsign,
  ]
  private static let unary = Dictionary(
    uniqueKeysWithValues: UnaryFunction.allCases.compactMap { function in function.row.onnx.map { ($0, function) } })
  private static let binary = Dictionary(
    uniqueKeysWithValues: BinaryFunction.allCases.compactMap { function in function.row.onnx.map { ($0, function) } })

  mutating func translate() throws {
    guard ["", "ai.onnx"].contains(node.domain) else {
      throw AthanorError(.unsupported, at: "", "it belongs to the operator set \"\(node.domain)\"")
    }
    if let kind = Self.plain[node.type] { return try finish(kind) }
    if let function = Self.unary[node.type] { return try translate(function) }
    if let function = Self.binary[node.type] { return try translate(function) }
    switch node.type {
    case "Constant": try translateConstant()
    case "Conv": try translateConvolution()
    case "MaxPool", "AveragePool": try translatePooling()
    case "GlobalAveragePool", "GlobalMaxPool":
      let kind: OperationKind = node.type == "GlobalMaxPool" ? .reduceMax : .reduceMean
      // All axes from the third one on, of which there must be two: they are counted from both ends.
      try finish(kind, [.axes: .integers([2, 3, -2, -1]), .keepDims: .flag(true)])
    case "Gemm": try translateProduct()
    case "MatMul": try finish(.matmul, [.y: input(1)])
    case "BatchNormalization":
      guard integer("training_mode", default: 0) == 0, version > 6 || integer("is_test", default: 0) == 1 else {
        throw AthanorError(.unsupported, at: "", "it is training")
      }
      try finish(
        .batchNorm,
        [
          .gamma: input(1), .beta: input(2), .mean: input(3), .variance: input(4),
          .epsilon: .number(number("epsilon", default: 1e-5)),
        ])
    case "LayerNormalization":
      let axis = integer("axis", default: -1)
      guard (-8..<0).contains(axis) else {
        throw AthanorError(.unsupported, at: "", "its axis is \(axis), but it must be counted from the end")
      }
      var arguments: [ArgumentName: Program.Argument] = [
        .gamma: try input(1), .axes: .integers(Array(axis..<0)), .epsilon: .number(number("epsilon", default: 1e-5)),
      ]
      if let beta = try optional(2) { arguments[.beta] = .operand(beta) }
      try finish(.layerNorm, arguments)
    default: try translateFunction()
    }
  }

  /// Parameters have the same names and defaults in both languages, but for `epsilon`, which ONNX does not have.
  private func translate(_ function: UnaryFunction) throws {
    var arguments: [ArgumentName: Program.Argument] = [:]
    switch function.row.parameter?.name {
    case .epsilon: arguments[.epsilon] = .number(0)
    case let name?: if let given = attribute(name.rawValue) { arguments[name] = .number(Double(given.number)) }
    case nil: break
    }
    try finish(.unary(function), arguments)
  }

  /// Some take more than two inputs.
  private func translate(_ function: BinaryFunction) throws {
    let last = node.inputs.count - 1
    guard last > 0 else { return try finish(.identity) }
    var value = try input(0)
    if function == .power, case .operand(.constant(let tensor)) = value, !tensor.dtype.isFloatingPoint {
      throw AthanorError(.unsupported, at: "", "its powers are those of integers, which are integers again")
    }
    for index in 1..<last {
      value = .operand(try writer.add(.binary(function), [.x: value, .y: input(index)]))
    }
    try finish(.binary(function), [.x: value, .y: input(last)])
  }

  private static let precisions: [Int: OperationKind.Precision] = [
    1: .float32, 2: .uint8, 6: .int32, 7: .int64, 9: .bool, 10: .float16, 11: .float64,
  ]

  private func translateFunction() throws {
    switch node.type {
    case "Shape":
      let (start, end) = (attribute("start"), attribute("end"))
      guard start != nil || end != nil else { return try finish(.shape) }
      try finish(
        .sliceByIndex,
        [
          .x: .operand(try writer.add(.shape, [:])), .begin: .integers([Int(start?.integer ?? 0)]),
          .end: .integers([Int(end?.integer ?? 0)]), .endMask: .integers([end == nil ? 1 : 0]),
        ])
    case "Dropout":
      guard try known(2).map({ $0.floats.allSatisfy { $0 == 0 } }) ?? true else {
        throw AthanorError(.unsupported, at: "", "it is training")
      }
      _ = try optional(1)  // the ratio, which training alone needs
      try finish(.identity)
    case "Cast":
      let type = integer("to", default: 1)
      try finish(.cast, [.dtype: .text(Self.precisions[type]?.rawValue ?? "element type \(type)")])
    case "Softmax":
      try translateSoftmax()
    case "PRelu": try translateSlopes()
    case "Gelu":
      let isTanh = text("approximate", default: "none") == "tanh"
      try finish(.gelu, [.mode: .choice(isTanh ? OperationKind.GeluMode.tanh : .exact)])
    case "HardSigmoid":
      let (alpha, beta) = (number("alpha", default: 0.2), number("beta", default: 0.5))
      try finish(.sigmoidHard, [.alpha: .number(alpha), .beta: .number(beta)])
    case "Clip":
      var arguments: [ArgumentName: Program.Argument] = [:]
      for (index, pair) in [("min", ArgumentName.alpha), ("max", .beta)].enumerated() {
        guard let bound = try attribute(pair.0)?.number ?? known(index + 1)?.floats.first else { continue }
        arguments[pair.1] = .number(Double(bound))
      }
      try finish(.clip, arguments)
    case "Neg": try finish(.binary(.multiply), [.y: .scalar(-1)])
    case "ReduceMean", "ReduceSum", "ReduceMax":
      let kinds: [String: OperationKind] = ["ReduceMean": .reduceMean, "ReduceSum": .reduceSum]
      var arguments: [ArgumentName: Program.Argument] = [.keepDims: .flag(integer("keepdims", default: 1) != 0)]
      let axes = try list("axes", input: 1) ?? []
      let keepsAll = integer("noop_with_empty_axes", default: 0) != 0
      if axes.isEmpty, keepsAll { return try finish(.identity) }
      if !axes.isEmpty { arguments[.axes] = .integers(axes) }
      try finish(kinds[node.type] ?? .reduceMax, arguments)
    case "ArgMax":
      guard integer("select_last_index", default: 0) == 0 else {
        throw AthanorError(.unsupported, at: "", "it takes the last of equal values")
      }
      try finish(
        .argMax, [.axis: .integer(integer("axis", default: 0)), .keepDims: .flag(integer("keepdims", default: 1) != 0)])
    case "OneHot":
      guard let values = try known(2)?.floats, values.count == 2 else {
        throw AthanorError(.data, at: "", "its third input holds no two values")
      }
      try finish(
        .oneHot,
        [
          .indices: input(0), .oneHotSize: input(1), .axis: .integer(integer("axis", default: -1)),
          .offValue: .number(Double(values[0])), .onValue: .number(Double(values[1])),
        ])
    case "CumSum":
      let flags = ["exclusive", "reverse"].map { Program.Argument.flag(integer($0, default: 0) != 0) }
      try finish(.cumulativeSum, [.axis: input(1), .exclusive: flags[0], .reverse: flags[1]])
    default: try translateLayout()
    }
  }

  private func translateLayout() throws {
    switch node.type {
    case "Flatten": try finish(.flatten2d, [.axis: .integer(integer("axis", default: 1))])
    case "Reshape":
      let allowsZero = integer("allowzero", default: 0) != 0
      let shape = try integers("shape").map { .integers($0) } ?? input(1)
      if allowsZero, case .operand(.constant(let lengths)) = shape, lengths.integers.contains(0) {
        throw AthanorError(.unsupported, at: "", "it asks for a length of 0")
      }
      try finish(.reshape, [.shape: shape])
    case "Transpose":
      try finish(.transpose, integers("perm").map { [.perm: .integers($0)] } ?? [:])
    case "Concat":
      let values = try node.inputs.indices.flatMap { try input($0).operands }
      try finish(.concat, [.values: .operands(values), .axis: .integer(integer("axis", default: 1))])
    case "Split":
      var arguments: [ArgumentName: Program.Argument] = [.axis: .integer(integer("axis", default: 0))]
      if let sizes = try list("split", input: 1) { arguments[.splitSizes] = .integers(sizes) }
      let count = integer("num_outputs", default: node.outputs.count)
      guard count == node.outputs.count else {
        throw AthanorError(.unsupported, at: "", "it has \(node.outputs.count) results of \(count)")
      }
      try finish(.split, arguments, results: node.outputs.count)
    case "Squeeze", "Unsqueeze":
      let axes = try list("axes", input: 1)
      try finish(node.type == "Squeeze" ? .squeeze : .expandDims, axes.map { [.axes: .integers($0)] } ?? [:])
    case "Gather": try finish(.gather, [.indices: input(1), .axis: .integer(integer("axis", default: 0))])
    case "Tile": try finish(.tile, [.reps: input(1)])
    case "Slice": try translateSlice()
    case "Pad": try translatePad()
    default:
      throw AthanorError(
        .unsupported, at: "", "there is no operation of this kind here",
        fix: "ARCHITECTURE.md lists what can be read.")
    }
  }

  private mutating func translateConstant() throws {
    guard let output = node.outputs.first else { return }
    if let tensor = attribute("value")?.tensor {
      constants[output] = try OnnxNumbers(tensor)
    } else if let value = attribute("value_float") {
      constants[output] = .tensor(Tensor(uncheckedShape: [], .float32([value.number])))
    } else if let value = attribute("value_int") {
      constants[output] = OnnxNumbers([Int(value.integer)], shape: [])
    } else if let values = integers("value_ints") {
      constants[output] = OnnxNumbers(values, shape: [values.count])
    } else if let values = attribute("value_floats")?.numbers {
      constants[output] = .tensor(Tensor(uncheckedShape: [values.count], .float32(values)))
    } else {
      throw AthanorError(.unsupported, at: "", "it holds neither numbers nor integers")
    }
  }

  /// ONNX counts all starts before all ends, the exchange language axis by axis.
  private func pairs(_ pads: [Int]) throws -> [Int] {
    guard pads.count % 2 == 0 else { throw AthanorError(.data, at: "", "its pads are \(pads)") }
    return (0..<pads.count / 2).flatMap { [pads[$0], pads[$0 + pads.count / 2]] }
  }

  private func windowArguments() throws -> [ArgumentName: Program.Argument] {
    var arguments: [ArgumentName: Program.Argument] = [:]
    if let strides = integers("strides") { arguments[.strides] = .integers(strides) }
    let pads = integers("pads")
    switch text("auto_pad", default: "NOTSET") {
    case "SAME_UPPER": arguments[.padType] = .choice(OperationKind.PadType.same)
    case "SAME_LOWER": arguments[.padType] = .choice(OperationKind.PadType.sameLower)
    case "VALID": break
    default:
      guard let pads else { break }
      arguments[.padType] = .choice(OperationKind.PadType.custom)
      arguments[.pad] = .integers(try pairs(pads))
    }
    return arguments
  }

  private func translateConvolution() throws {
    var arguments = try windowArguments()
    arguments[.weight] = try input(1)
    if let bias = try optional(2) { arguments[.bias] = .operand(bias) }
    if let dilations = integers("dilations") { arguments[.dilations] = .integers(dilations) }
    arguments[.groups] = .integer(integer("group", default: 1))
    if let size = integers("kernel_shape"), let kernel = try known(1), size != Array(kernel.shape.dropFirst(2)) {
      throw AthanorError(.data, at: "", "its kernel_shape is \(size), but its weights have shape \(kernel.shape)")
    }
    try finish(.conv, arguments)
  }

  private func translatePooling() throws {
    var arguments = try windowArguments()
    guard (integers("dilations") ?? []).allSatisfy({ $0 == 1 }) else {
      throw AthanorError(.unsupported, at: "", "its window is dilated, which is not supported")
    }
    arguments[.kernelSizes] = .integers(integers("kernel_shape") ?? [])
    arguments[.ceilMode] = .flag(integer("ceil_mode", default: 0) != 0)
    if node.type == "MaxPool" { return try finish(.maxPool, arguments) }
    arguments[.excludePadding] = .flag(integer("count_include_pad", default: 0) == 0)
    try finish(.avgPool, arguments)
  }

  /// Before operator set 13 it went along all axes from the given one on, which were made one for that.
  private func translateSoftmax() throws {
    let axis = integer("axis", default: version < 13 ? 1 : -1)
    guard version < 13, axis != -1 else { return try finish(.softmax, [.axis: .integer(axis)]) }
    let lengths = try writer.add(.shape, [:])
    let rows = try writer.add(.flatten2d, [.axis: .integer(axis)])
    let shares = try writer.add(.softmax, [.x: .operand(rows), .axis: .integer(-1)])
    try finish(.reshape, [.x: .operand(shares), .shape: .operand(lengths)])
  }

  /// `max(x, 0) + slope * min(x, 0)`: slopes are broadcast from the last axis, in the exchange language they are those of channels.
  private func translateSlopes() throws {
    if case .constant(let slopes)? = try optional(1), slopes.count == 1 || slopes.trimmed.shape.dropFirst() == [1, 1] {
      return try finish(.prelu, [.alpha: .constant(slopes)])
    }
    let above = try writer.add(.binary(.maximum), [.y: .scalar(0)])
    let below = try writer.add(.binary(.minimum), [.y: .scalar(0)])
    let scaled = try writer.add(.binary(.multiply), [.x: .operand(below), .y: input(1)])
    try finish(.binary(.add), [.x: .operand(above), .y: .operand(scaled)])
  }

  /// `alpha * A B + beta * C`: a layer with weights where B and C are such, else several operations.
  private func translateProduct() throws {
    let (alpha, beta) = (Float(number("alpha", default: 1)), Float(number("beta", default: 1)))
    let (transposesA, transposesB) = (integer("transA", default: 0) != 0, integer("transB", default: 0) != 0)
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
    var product = try writer.add(.matmul, arguments)
    guard let shift else {
      return try finish(.binary(.multiply), [.x: .operand(product), .y: .scalar(Double(alpha))])
    }
    if alpha != 1 {
      product = try writer.add(.binary(.multiply), [.x: .operand(product), .y: .scalar(Double(alpha))])
    }
    var term = shift
    if case .constant(let tensor) = shift {
      term = scaled(tensor, beta).operands[0]
    } else if beta != 1 {
      term = try writer.add(.binary(.multiply), [.x: .operand(shift), .y: .scalar(Double(beta))])
    }
    try finish(.binary(.add), [.x: .operand(product), .y: .operand(term)])
  }

  private func translateSlice() throws {
    guard let starts = try list("starts", input: 1), let ends = try list("ends", input: 2) else {
      throw AthanorError(.data, at: "", "its starts and ends are missing")
    }
    let axes = try list("axes", input: 3) ?? Array(starts.indices)
    let steps = try known(4)?.integers ?? [Int](repeating: 1, count: starts.count)
    guard starts.count == ends.count, axes.count == starts.count, steps.count == starts.count,
      axes.allSatisfy({ (0..<8).contains($0) })
    else { throw AthanorError(.unsupported, at: "", "it takes \(starts) to \(ends) of axes \(axes)") }
    let rank = (axes.max() ?? 0) + 1
    var (begin, end, stride, whole) = (
      [Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank),
      [Int](repeating: 1, count: rank), [Int](repeating: 1, count: rank)
    )
    for (index, axis) in axes.enumerated() {
      (begin[axis], end[axis], stride[axis], whole[axis]) = (starts[index], ends[index], steps[index], 0)
    }
    try finish(
      .sliceByIndex,
      [
        .begin: .integers(begin), .end: .integers(end), .stride: .integers(stride), .beginMask: .integers(whole),
        .endMask: .integers(whole),
      ])
  }

  private func translatePad() throws {
    let pads = try list("pads", input: 1) ?? []
    let value = try attribute("value")?.number ?? known(2)?.floats.first ?? 0
    guard try optional(3) == nil else { throw AthanorError(.unsupported, at: "", "it names its axes") }
    try finish(
      .pad,
      [
        .pad: .integers(try pairs(pads)), .mode: .text(text("mode", default: "constant")),
        .constantValue: .number(Double(value)),
      ])
  }
}
