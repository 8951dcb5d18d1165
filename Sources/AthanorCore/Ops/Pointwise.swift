import AthanorKernels

/// A function of one number that is applied to each element: one row each.
package enum UnaryFunction: String, Hashable, Sendable, CaseIterable {
  case negate, abs, sign, square, sqrt, rsqrt, reciprocal, exp, log, relu, leakyRelu, elu, sigmoid, tanh, softplus,
    silu, gelu, geluTanh, erf

  package var code: ath_unary {
    switch self {
    case .negate: ATH_UNARY_NEGATE
    case .abs: ATH_UNARY_ABS
    case .sign: ATH_UNARY_SIGN
    case .square: ATH_UNARY_SQUARE
    case .sqrt: ATH_UNARY_SQRT
    case .rsqrt: ATH_UNARY_RSQRT
    case .reciprocal: ATH_UNARY_RECIPROCAL
    case .exp: ATH_UNARY_EXP
    case .log: ATH_UNARY_LOG
    case .relu: ATH_UNARY_RELU
    case .leakyRelu: ATH_UNARY_LEAKY_RELU
    case .elu: ATH_UNARY_ELU
    case .sigmoid: ATH_UNARY_SIGMOID
    case .tanh: ATH_UNARY_TANH
    case .softplus: ATH_UNARY_SOFTPLUS
    case .silu: ATH_UNARY_SILU
    case .gelu: ATH_UNARY_GELU
    case .geluTanh: ATH_UNARY_GELU_TANH
    case .erf: ATH_UNARY_ERF
    }
  }
}

/// `y = f(x)` for each element: `[...] -> [...]`.
package struct Unary: ForwardOp {
  package let function: UnaryFunction
  /// The slope of leaky ReLU below zero, the scale of ELU; unused by the others.
  package var alpha = 0.0

  package var name: String { function.rawValue }
  package var attributes: String { alpha == 0 ? "" : "alpha: \(alpha)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    return [inputs[0]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    switch ath_unary_gradient_reads(function.code) {
    case ATH_READS_X: return [try dy.emit(UnaryGradient(function: function, alpha: alpha), site.inputs[0])]
    case ATH_READS_Y: return [try dy.emit(UnaryGradient(function: function, alpha: alpha), site.outputs[0])]
    default: return [function == .sign ? nil : try dy.apply(Unary(function: function, alpha: alpha))]
    }
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    return Kernel { run in
      var arguments = ath_unary_args(
        function: function.code, count: Int64(x.count), alpha: alpha, x: run[x], y: run[y])
      run.table.pointee.unary(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (values, order) = site.aligned()
    let x = ExportArgument.value(values[0])
    func emit(_ operation: String, _ more: [(String, ExportArgument)] = []) -> [ExportValue] {
      [site.emit(operation, [("x", x)] + more, shape: site.outputShapes[0], order: order)]
    }
    switch function {
    case .negate: return emit("mul", [("y", .number(-1))])
    case .abs, .sign, .square, .sqrt, .exp, .relu, .sigmoid, .tanh, .softplus, .silu, .erf:
      return emit(function.rawValue)
    case .rsqrt: return emit("rsqrt", [("epsilon", .number(0))])
    case .reciprocal: return emit("inverse", [("epsilon", .number(0))])
    case .log: return emit("log", [("epsilon", .number(0))])
    case .leakyRelu: return emit("leaky_relu", [("alpha", .number(alpha))])
    case .elu: return emit("elu", [("alpha", .number(alpha))])
    case .gelu: return emit("gelu", [("mode", .text("EXACT"))])
    case .geluTanh: return emit("gelu", [("mode", .text("TANH_APPROXIMATION"))])
    }
  }
}

/// `dx = dy * f'(x)`, from dy and whichever of x and y the function's derivative reads.
package struct UnaryGradient: Op {
  package let function: UnaryFunction
  package let alpha: Double

  package var name: String { "\(function.rawValue)Gradient" }
  package var attributes: String { alpha == 0 ? "" : "alpha: \(alpha)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, read, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let readsX = ath_unary_gradient_reads(function.code) == ATH_READS_X
    return Kernel { run in
      let pointer = UnsafeRawPointer(run[read])
      var arguments = ath_unary_gradient_args(
        function: function.code, count: Int64(dy.count), alpha: alpha, x: readsX ? pointer : nil,
        y: readsX ? nil : pointer, dy: run[dy], dx: run[dx])
      run.table.pointee.unary_gradient(&arguments, run.pool)
    }
  }
}

/// A function of two numbers that is applied to each pair of elements: one row each.
package enum BinaryFunction: String, Hashable, Sendable, CaseIterable {
  case add, subtract, multiply, divide, maximum, minimum, power, equal, greater, greaterEqual

  package var code: ath_binary {
    switch self {
    case .add: ATH_BINARY_ADD
    case .subtract: ATH_BINARY_SUBTRACT
    case .multiply: ATH_BINARY_MULTIPLY
    case .divide: ATH_BINARY_DIVIDE
    case .maximum: ATH_BINARY_MAXIMUM
    case .minimum: ATH_BINARY_MINIMUM
    case .power: ATH_BINARY_POWER
    case .equal: ATH_BINARY_EQUAL
    case .greater: ATH_BINARY_GREATER
    case .greaterEqual: ATH_BINARY_GREATER_EQUAL
    }
  }
}

/// `y = f(a, b)` for each pair of elements; shapes are broadcast by NumPy's rule.
package struct Binary: ForwardOp {
  package let function: BinaryFunction

  package var name: String { function.rawValue }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    try requireFloat(inputs[1])
    guard let shape = Shape.broadcast(inputs[0].shape, inputs[1].shape), shape.rank <= Int(ATH_MAX_RANK) else {
      let shapes = Shape.texts(inputs.map(\.shape))
      throw AthanorError(
        .shape, at: "", "\(name) was given shapes \(shapes[0]) and \(shapes[1]), which do not broadcast",
        fix:
          "Axes are compared from the last; each pair must be equal or one of them 1, and at most 6 axes are possible.")
    }
    return [ValueType(.float32, shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil, nil] }
    let (a, b, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    func left() throws -> Value? {
      switch function {
      case .add, .subtract: dy
      case .multiply: try dy * b
      case .divide: try dy / b
      case .maximum: try dy * a.binary(.greaterEqual, b)
      case .minimum: try dy * b.binary(.greaterEqual, a)
      case .power: try dy * b * a.binary(.power, b - 1)
      case .equal, .greater, .greaterEqual: nil
      }
    }
    func right() throws -> Value? {
      switch function {
      case .add: dy
      case .subtract: try -dy
      case .multiply: try dy * a
      case .divide: try -(dy * y / b)
      case .maximum: try dy * b.binary(.greater, a)
      case .minimum: try dy * a.binary(.greater, b)
      case .power: try dy * y * a.unary(.log)
      case .equal, .greater, .greaterEqual: nil
      }
    }
    return [
      site.needsGradient[0] ? try left()?.summed(to: a.shape) : nil,
      site.needsGradient[1] ? try right()?.summed(to: b.shape) : nil,
    ]
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (a, b, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let aStrides = broadcastStrides(of: a.shape, in: y.shape)
    let bStrides = broadcastStrides(of: b.shape, in: y.shape)
    return Kernel { run in
      var arguments = ath_binary_args()
      arguments.function = function.code
      arguments.rank = Int32(y.shape.count)
      setLengths(&arguments.dims, y.shape)
      setLengths(&arguments.a_strides, aStrides)
      setLengths(&arguments.b_strides, bStrides)
      arguments.a = UnsafeRawPointer(run[a])
      arguments.b = UnsafeRawPointer(run[b])
      arguments.y = run[y]
      run.table.pointee.binary(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (values, order) = site.aligned()
    func emit(_ operation: String) -> ExportValue {
      let arguments: [(String, ExportArgument)] = [("x", .value(values[0])), ("y", .value(values[1]))]
      return site.emit(operation, arguments, shape: site.outputShapes[0], order: order)
    }
    switch function {
    case .add: return [emit("add")]
    case .subtract: return [emit("sub")]
    case .multiply: return [emit("mul")]
    case .divide: return [emit("real_div")]
    case .maximum: return [emit("maximum")]
    case .minimum: return [emit("minimum")]
    case .power: return [emit("pow")]
    case .equal, .greater, .greaterEqual: throw site.onlyWhileTraining(name)
    }
  }
}

/// The strides, in elements, that read `shape` as if it had the larger shape `target`: 0 along broadcast axes.
func broadcastStrides(of shape: [Int], in target: [Int]) -> [Int] {
  let strides = rowMajorStrides(shape)
  let offset = target.count - shape.count
  return target.indices.map { axis in
    axis < offset || (shape[axis - offset] == 1 && target[axis] != 1) ? 0 : strides[axis - offset]
  }
}

/// The strides, in elements, of a contiguous array.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}

/// The fixed-size array of lengths or strides in the kernels' arguments, which Swift sees as a tuple.
typealias CLengths = (Int64, Int64, Int64, Int64, Int64, Int64)

func setLengths(_ target: inout CLengths, _ lengths: [Int]) {
  withUnsafeMutableBytes(of: &target) { bytes in
    let words = bytes.bindMemory(to: Int64.self)
    for (axis, length) in lengths.prefix(words.count).enumerated() { words[axis] = Int64(length) }
  }
}

func requireFloat(_ type: ValueType) throws {
  guard type.dtype == .float32 else {
    throw AthanorError(
      .shape, at: "", "input is of type \(type.dtype.rawValue) but numbers of type float32 are needed",
      fix: "Convert it first.")
  }
}
