import AthanorKernels

/// Matrix product, with a bias and an activation where the compiler has fused them:
/// `a [..., K], b [K, M], bias [M]? -> [..., M]`; leading axes of `a` count as rows.
///
/// With `transposeA` (for gradients) `a [..., M1], b [..., M2] -> [M1, M2]`, summed over the leading axes; with `transposeB`
/// `b` is `[M, K]`. When both have three axes or more (`isBatched`), the leading ones number independent products.
package struct MatMul: ForwardOp {
  package var transposeA = false
  package var transposeB = false
  package var isBatched = false
  package var activation = FusedActivation.none

  package init(
    transposeA: Bool = false, transposeB: Bool = false, isBatched: Bool = false, activation: FusedActivation = .none
  ) {
    self.transposeA = transposeA
    self.transposeB = transposeB
    self.isBatched = isBatched
    self.activation = activation
  }

  package var name: String { "matmul" }
  package var attributes: String {
    [
      transposeA ? "transposeA" : nil, transposeB ? "transposeB" : nil, isBatched ? "batched" : nil,
      activation == .none ? nil : "activation: \(activation)",
    ].compactMap { $0 }.joined(separator: ", ")
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    for input in inputs { try requireFloat(input) }
    let (a, b) = (inputs[0].shape, inputs[1].shape)
    let misfit = AthanorError(
      .shape, at: "", "a matrix product of \(a) and \(b) is not possible",
      fix: isBatched
        ? "All axes but the last two must be equal, and the first's last axis as long as the second's last but one."
        : "Both need 2 axes or more, and the last axis of the first must be as long as the first of the second.")
    guard a.rank >= 2, b.rank >= 2 else { throw misfit }
    if isBatched {
      let leading = a.axes.dropLast(2)
      let (x, y) = (a.axes.suffix(2), b.axes.suffix(2))
      let (m, k) = transposeA ? (x[a.rank - 1], x[a.rank - 2]) : (x[a.rank - 2], x[a.rank - 1])
      let (k2, n) = transposeB ? (y[b.rank - 1], y[b.rank - 2]) : (y[b.rank - 2], y[b.rank - 1])
      guard a.rank == b.rank, Shape(axes: leading) == Shape(axes: b.axes.dropLast(2)), k.matches(k2) else {
        throw misfit
      }
      try requireBias(inputs, n)
      return [ValueType(.float32, Shape(axes: leading + [m, n]))]
    }
    if transposeA {
      guard !transposeB, a.rank == b.rank, Shape(axes: a.axes.dropLast()) == Shape(axes: b.axes.dropLast()) else {
        throw misfit
      }
      try requireBias(inputs, b.axes[b.rank - 1])
      return [ValueType(.float32, Shape(axes: [a.axes[a.rank - 1], b.axes[b.rank - 1]]))]
    }
    guard b.rank == 2, a.axes[a.rank - 1].matches(b.axes[transposeB ? 1 : 0]) else { throw misfit }
    let columns = b.axes[transposeB ? 0 : 1]
    try requireBias(inputs, columns)
    return [ValueType(.float32, Shape(axes: a.axes.dropLast() + [columns]))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard var dy = site.outputGradients[0] else { return site.inputs.map { _ in nil } }
    if activation == .relu { dy = try dy.emit(UnaryGradient(function: .relu, alpha: 0), site.outputs[0]) }
    let (a, b) = (site.inputs[0], site.inputs[1])
    var gradients: [Value?] = [nil, nil]
    // For C = A B: dA = dC Bt and dB = At dC; a transposed operand's gradient is the transposed one.
    if site.needsGradient[0] {
      gradients[0] =
        !transposeA
        ? try dy.emit(MatMul(transposeB: !transposeB, isBatched: isBatched), b)
        : try isBatched
          ? b.emit(MatMul(transposeA: transposeB, transposeB: true, isBatched: true), dy)
          : b.emit(MatMul(transposeB: true), dy)
    }
    if site.needsGradient[1] {
      gradients[1] =
        transposeB
        ? try dy.emit(MatMul(transposeA: true, transposeB: transposeA && isBatched, isBatched: isBatched), a)
        : transposeA
          ? try a.emit(MatMul(isBatched: isBatched), dy)
          : try a.emit(MatMul(transposeA: true, isBatched: isBatched), dy)
    }
    if site.inputs.count == 3 {
      gradients.append(site.needsGradient[2] ? try dy.summed(to: site.inputs[2].shape) : nil)
    }
    return gradients
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (a, b, c) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let bias = site.inputs.count == 3 ? site.inputs[2] : nil
    var template = ath_matmul_args()
    template.transpose_a = transposeA
    template.transpose_b = transposeB
    template.activation = activation.code
    let (m, n) =
      isBatched || transposeA
      ? (c.shape[c.shape.count - 2], c.shape[c.shape.count - 1])
      : (c.shape.dropLast().reduce(1, *), c.shape[c.shape.count - 1])
    template.batch = Int64(isBatched ? c.shape.dropLast(2).reduce(1, *) : 1)
    template.m = Int64(m)
    template.n = Int64(n)
    let columnsOfA = a.shape[a.shape.count - 1]
    template.k = Int64(
      !transposeA ? columnsOfA : isBatched ? a.shape[a.shape.count - 2] : a.shape.dropLast().reduce(1, *))
    let scratch = site.table.pointee.matmul_scratch_bytes(&template)
    let flops = 2 * Double(template.batch * template.m) * Double(template.n * template.k)
    return Kernel(scratch: scratch, flops: flops) { run in
      var arguments = template
      arguments.a = UnsafeRawPointer(run[a])
      arguments.b = UnsafeRawPointer(run[b])
      arguments.bias = bias.map { UnsafeRawPointer(run[$0]) }
      arguments.c = run[c]
      arguments.scratch = run.scratch
      run.table.pointee.matmul(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let (a, b) = (site.inputs[0], site.inputs[1])
    guard !isBatched, !transposeA, a.rank <= 3, var weights = b.constant, weights.shape.count == 2 else {
      guard site.inputs.count == 2, isBatched || (!transposeA && b.rank == 2) else {
        throw site.onlyWhileTraining(name)
      }
      let arguments: [ArgumentName: Program.Argument] = [
        .x: .value(try site.plain(a)), .y: .value(try site.plain(b)), .transposeX: .flag(transposeA),
        .transposeY: .flag(transposeB),
      ]
      return [try activation.export(site.emit(.matmul, arguments, site.outputTypes[0]), site)]
    }
    if !transposeB { weights = weights.transposed([1, 0]) }  // [M, K]
    // The weights follow the order of a flattened picture, so that nothing need be moved when the model runs.
    let isFlattened = a.layout != .picture && a.layout != .plain
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .value(isFlattened ? a : try site.plain(a)), .weight: .constant(site.columns(weights, following: a.layout)),
    ]
    if site.inputs.count == 3 { arguments[.bias] = .constant(try site.constant(2, "the bias")) }
    return [try activation.export(site.emit(.linear, arguments, site.outputTypes[0]), site)]
  }
}

extension OperationKind {
  package static let linear = OperationKind("linear", [.required(.x), .required(.weight), .optional(.bias)]) { site in
    try site.product(site.operation.required(.weight))
  }

  package static let matmul = OperationKind(
    "matmul", [.required(.x), .required(.y), .flag(.transposeX), .flag(.transposeY)]
  ) { site in
    let y = try site.value(.y)
    let (transposesX, transposesY) = (try site.operation.flag(.transposeX), try site.operation.flag(.transposeY))
    let x = try site.computed(.x)
    if let matrix = y.constant, matrix.shape.count == 2, !transposesX, x.rank >= 2 {
      return try site.product(transposesY ? matrix : matrix.transposed([1, 0]))
    }
    func swapped(_ value: Value) throws -> Value {
      let rank = value.shape.rank
      guard rank >= 2 else { throw site.damaged("a factor has \(rank) axes but at least 2 are needed") }
      return try value.transposed(Array(0..<rank - 2) + [rank - 1, rank - 2])
    }
    var left = try site.value(site.plain(x))
    var right = try y.constant.map { try site.weight("y", $0) } ?? site.value(site.plain(y))
    // A vector is a row on the left and a column on the right, and has no axis for that in the result.
    let (isRow, isColumn) = (left.shape.rank == 1, right.shape.rank == 1)
    if isRow { left = try left.reshaped(Shape(axes: [Shape.Axis(1)] + left.shape.axes)) }
    if isColumn { right = try right.reshaped(Shape(axes: right.shape.axes + [Shape.Axis(1)])) }
    left = transposesX ? try swapped(left) : left
    right = transposesY ? try swapped(right) : right
    let matrices = [left, right].map { Shape(axes: $0.shape.axes.dropLast(2)) }
    if right.shape.rank > 2, let leading = Shape.broadcast(matrices[0], matrices[1]) {
      left = try left.apply(BroadcastTo(shape: Shape(axes: leading.axes + left.shape.axes.suffix(2))))
      right = try right.apply(BroadcastTo(shape: Shape(axes: leading.axes + right.shape.axes.suffix(2))))
    }
    var product = try left.matmul(right)
    var axes = product.shape.axes
    if isColumn { axes.removeLast() }
    if isRow { axes.remove(at: product.shape.rank - 2) }
    product = try product.reshaped(Shape(axes: axes))
    return [ImportedValue(product)]
  }
}

extension ImportSite {
  /// The product with known weights `[M, K]`, and the bias if there is one.
  fileprivate func product(_ matrix: Tensor) throws -> [ImportedValue] {
    guard matrix.shape.count == 2 else {
      throw unsupported("its weights have shape \(matrix.shape) but a matrix is needed")
    }
    let x = try computed(.x)
    guard x.rank >= 2 else { return try vectorProduct(x, matrix) }
    var value: Value
    if case .flattened(let height, let width, let channels) = x.layout, matrix.shape[1] == height * width * channels {
      // The weights follow the order in which the picture lies, so that it need not be moved.
      value = try self.value(x)
    } else {
      value = try self.value(plain(x))
    }
    value = try value.matmul(weight("kernel", columns(matrix, following: x.layout).transposed([1, 0])))  // [..., M]
    if let bias = try operation.tensor(.bias) { value = try value + weight("bias", bias.reshaped(to: [bias.count])) }
    return [ImportedValue(value)]
  }

  /// The product of a vector.
  private func vectorProduct(_ x: ImportedValue, _ matrix: Tensor) throws -> [ImportedValue] {
    let row = try value(x).reshaped(Shape(axes: [Shape.Axis(1)] + x.axes))
    var value = try row.matmul(weight("kernel", matrix.transposed([1, 0])))
    if let bias = try operation.tensor(.bias) { value = try value + weight("bias", bias.reshaped(to: [bias.count])) }
    return [ImportedValue(try value.reshaped([matrix.shape[0]]))]
  }
}
