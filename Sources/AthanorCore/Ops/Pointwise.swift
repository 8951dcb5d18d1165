import AthanorKernels

/// A function of one number that is applied to each element. The kernels' table has its formulas
/// (`AthanorKernels/pointwise/functions.def`), its `row` here the names in the exchange language and in ONNX.
package typealias UnaryFunction = ath_unary

/// A function of two numbers that is applied to each pair of elements.
package typealias BinaryFunction = ath_binary

/// What exporters and importers know of a pointwise function.
package struct PointwiseRow: Sendable {
  /// MIL's name; nil where it has no operation for the function alone.
  package let name: String?
  /// What the operation takes besides its values: `alpha`, or an `epsilon` that is added to x.
  package let parameter: Parameter?
  /// ONNX's name of an operator with the same inputs and parameters; nil where it has none.
  package let onnx: String?
  /// The function of two known numbers, where files compute shapes with it.
  package let number: (@Sendable (Double, Double) -> Double)?

  init(
    _ name: String? = nil, _ parameter: Parameter? = nil, onnx: String? = nil,
    number: (@Sendable (Double, Double) -> Double)? = nil
  ) {
    self.name = name
    self.parameter = parameter
    self.onnx = onnx
    self.number = number
  }
}

extension UnaryFunction {
  package var row: PointwiseRow {
    switch self {
    case .negate: PointwiseRow()
    case .abs: PointwiseRow("abs", onnx: "Abs")
    case .sign: PointwiseRow("sign", onnx: "Sign")
    case .square: PointwiseRow("square")
    case .sqrt: PointwiseRow("sqrt", onnx: "Sqrt")
    case .rsqrt: PointwiseRow("rsqrt", .number(.epsilon, 1e-12))
    case .reciprocal: PointwiseRow("inverse", .number(.epsilon, 1e-4), onnx: "Reciprocal")
    case .exp: PointwiseRow("exp", onnx: "Exp")
    case .log: PointwiseRow("log", .number(.epsilon, 1e-45), onnx: "Log")
    case .relu: PointwiseRow("relu", onnx: "Relu")
    case .leakyRelu: PointwiseRow("leaky_relu", .number(.alpha, 0.01), onnx: "LeakyRelu")
    case .elu: PointwiseRow("elu", .number(.alpha, 1), onnx: "Elu")
    case .sigmoid: PointwiseRow("sigmoid", onnx: "Sigmoid")
    case .tanh: PointwiseRow("tanh", onnx: "Tanh")
    case .softplus: PointwiseRow("softplus", onnx: "Softplus")
    case .silu: PointwiseRow("silu")
    case .gelu: PointwiseRow()
    case .geluTanh: PointwiseRow()
    case .erf: PointwiseRow("erf", onnx: "Erf")
    case .sin: PointwiseRow("sin", onnx: "Sin")
    case .cos: PointwiseRow("cos", onnx: "Cos")
    case .tan: PointwiseRow("tan", onnx: "Tan")
    case .asin: PointwiseRow("asin", onnx: "Asin")
    case .acos: PointwiseRow("acos", onnx: "Acos")
    case .atan: PointwiseRow("atan", onnx: "Atan")
    case .sinh: PointwiseRow("sinh", onnx: "Sinh")
    case .cosh: PointwiseRow("cosh", onnx: "Cosh")
    case .atanh: PointwiseRow("atanh", onnx: "Atanh")
    case .floor: PointwiseRow("floor", onnx: "Floor")
    case .ceil: PointwiseRow("ceil", onnx: "Ceil")
    case .round: PointwiseRow("round", onnx: "Round")
    }
  }
}

extension BinaryFunction {
  package var row: PointwiseRow {
    switch self {
    case .add: PointwiseRow("add", onnx: "Add", number: +)
    case .subtract: PointwiseRow("sub", onnx: "Sub", number: -)
    case .multiply: PointwiseRow("mul", onnx: "Mul", number: *)
    case .divide: PointwiseRow("real_div", onnx: "Div", number: /)
    case .maximum: PointwiseRow("maximum", onnx: "Max", number: { $0 > $1 || $0.isNaN ? $0 : $1 })
    case .minimum: PointwiseRow("minimum", onnx: "Min", number: { $0 < $1 || $0.isNaN ? $0 : $1 })
    case .power: PointwiseRow("pow", onnx: "Pow")
    case .equal: PointwiseRow()
    case .greater: PointwiseRow()
    case .greaterEqual: PointwiseRow()
    }
  }
}

extension ath_unary: @retroactive CaseIterable, @retroactive CustomStringConvertible {
  /// Every function, in the order of the kernels' table.
  public static var allCases: [ath_unary] {
    (0..<UInt32(ATH_UNARY_COUNT)).compactMap(UnaryFunction.init)
  }
  /// The function's name in the kernels' table.
  public var description: String { String(cString: ath_unary_name(self)) }
}

extension ath_binary: @retroactive CaseIterable, @retroactive CustomStringConvertible {
  /// Every function, in the order of the kernels' table.
  public static var allCases: [ath_binary] {
    (0..<UInt32(ATH_BINARY_COUNT)).compactMap(BinaryFunction.init)
  }
  /// The function's name in the kernels' table.
  public var description: String { String(cString: ath_binary_name(self)) }
}

/// `y = f(x)` for each element: `[...] -> [...]`.
package struct Unary: ForwardOp {
  package let function: UnaryFunction
  /// The slope of leaky ReLU below zero, the scale of ELU; unused by the others.
  package var alpha = 0.0

  package var name: String { function.description }
  package var attributes: String { alpha == 0 ? "" : "alpha: \(alpha)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    return [inputs[0]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    switch ath_unary_gradient_reads(function) {
    case ATH_READS_X: return [try dy.emit(UnaryGradient(function: function, alpha: alpha), site.inputs[0])]
    case ATH_READS_Y: return [try dy.emit(UnaryGradient(function: function, alpha: alpha), site.outputs[0])]
    case ATH_READS_DY: return [try dy.apply(Unary(function: function, alpha: alpha))]
    default: return [nil]
    }
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    return Kernel { run in
      var arguments = ath_unary_args(
        function: function, count: Int64(x.count), alpha: alpha, x: run[x], y: run[y])
      run.table.pointee.unary(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (values, layout) = try site.aligned(site.inputs)
    var arguments: [ArgumentName: Program.Argument] = [.x: .value(values[0])]
    let kind: OperationKind
    switch function {
    case .negate:
      kind = try .binary(.multiply)
      arguments[.y] = .scalar(-1)
    case .gelu, .geluTanh:
      kind = .gelu
      arguments[.mode] = .choice(function == .gelu ? OperationKind.GeluMode.exact : .tanh)
    default:
      kind = try .unary(function)
      if let name = function.row.parameter?.name { arguments[name] = .number(name == .alpha ? alpha : 0) }
    }
    return [try site.emit(kind, arguments, site.outputTypes[0], layout: layout)]
  }
}

/// `dx = dy * f'(x)`, from dy and whichever of x and y the function's derivative reads.
package struct UnaryGradient: Op {
  package let function: UnaryFunction
  package let alpha: Double

  package var name: String { "\(function)Gradient" }
  package var attributes: String { alpha == 0 ? "" : "alpha: \(alpha)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, read, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let readsX = ath_unary_gradient_reads(function) == ATH_READS_X
    return Kernel { run in
      let pointer = UnsafeRawPointer(run[read])
      var arguments = ath_unary_gradient_args(
        function: function, count: Int64(dy.count), alpha: alpha, x: readsX ? pointer : nil,
        y: readsX ? nil : pointer, dy: run[dy], dx: run[dx])
      run.table.pointee.unary_gradient(&arguments, run.pool)
    }
  }
}

/// `y = f(a, b)` for each pair of elements; shapes are broadcast by NumPy's rule.
package struct Binary: ForwardOp {
  package let function: BinaryFunction

  package var name: String { function.description }
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
      arguments.function = function
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
    guard function.row.name != nil else {
      throw AthanorError(
        .unsupported, at: "", "\(name) is not available in exported files", fix: "Export a network without it.")
    }
    let (values, layout) = try site.aligned(site.inputs)
    return [
      try site.emit(
        .binary(function), [.x: .value(values[0]), .y: .value(values[1])], site.outputTypes[0], layout: layout)
    ]
  }
}

extension OperationKind {
  static let unary = kinds(UnaryFunction.allCases, { $0.row.name }) { function, name in
    let parameter = function.row.parameter
    return OperationKind(name, [.required(.x)] + [parameter].compactMap(\.self), function: .unary(function)) { site in
      let number = try parameter.map { try site.operation.number($0.name) } ?? 0
      let (alpha, epsilon) = parameter?.name == .alpha ? (number, 0) : (0, number)
      guard alpha >= 0 else { throw site.unsupported("its alpha is \(alpha) but must be 0 or more") }
      return try site.map(site.computed(.x)) { x in
        try (epsilon == 0 ? x : x + epsilon).unary(function, alpha: alpha)
      }
    }
  }

  static let binary = kinds(BinaryFunction.allCases, { $0.row.name }) { function, name in
    let number = function.row.number
    return OperationKind(
      name, [.required(.x), .required(.y)], function: .binary(function),
      fold: { site in function == .power ? try site.foldedPower() : try number.flatMap { try site.foldedArithmetic($0) }
      }
    ) { site in
      let (values, layout) = try site.elementwise(.x, .y)
      return [ImportedValue(try values[0].binary(function, values[1]), layout: layout)]
    }
  }

  private static func kinds<Function: Hashable>(
    _ functions: [Function], _ name: (Function) -> String?, _ make: (Function, String) -> OperationKind
  ) -> [Function: OperationKind] {
    var kinds: [Function: OperationKind] = [:]
    for function in functions {
      if let name = name(function) { kinds[function] = make(function, name) }
    }
    return kinds
  }

  /// - Throws: `AthanorError` when the exchange language has no operation for the function alone.
  package static func unary(_ function: UnaryFunction) throws -> OperationKind {
    try unary[function] ?? OperationKind.named(function.description)
  }

  /// - Throws: `AthanorError` when the exchange language has no operation for the function alone.
  package static func binary(_ function: BinaryFunction) throws -> OperationKind {
    try binary[function] ?? OperationKind.named(function.description)
  }
}

extension ImportSite {
  /// Arguments that are combined element by element, and their layout. Several known numbers are a weight.
  func elementwise(_ names: ArgumentName...) throws -> (values: [Value], layout: Layout) {
    let given = try names.map(value)
    for value in given { try value.requireIndependence() }
    let rank = given.filter { $0.constant == nil }.map(\.rank).max() ?? .max
    // Ones in front say nothing, unless they make axes.
    let operands = given.map { value in
      value.constant.map { ImportedValue(constant: $0.shape.count > rank ? $0 : $0.trimmed) } ?? value
    }
    let (aligned, layout) =
      operands.contains { $0.constant != nil && $0.rank > rank }
      ? (try operands.map(plain), .plain) : try self.aligned(operands)
    let values = try zip(aligned, names).map { value, name in
      guard let tensor = value.constant, tensor.count > 1 else { return try self.value(value) }
      return try weight(name.rawValue, tensor)
    }
    return (values, layout)
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
