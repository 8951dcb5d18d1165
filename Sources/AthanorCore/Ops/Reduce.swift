import AthanorKernels

/// What a reduction computes from the elements along its axes.
package enum ReduceFunction: String, Hashable, Sendable, CaseIterable {
  case sum, mean, max

  var code: ath_reduce {
    switch self {
    case .sum: ATH_REDUCE_SUM
    case .mean: ATH_REDUCE_MEAN
    case .max: ATH_REDUCE_MAX
    }
  }
}

/// The sum, mean or maximum along neighbouring axes: `[outer..., axes..., inner...] -> [outer..., inner...]`.
///
/// Axes that are not neighbours are reduced by several of these, one after another.
package struct Reduce: ForwardOp {
  package let function: ReduceFunction
  package let axes: Range<Int>

  package var name: String { function.rawValue }
  package var attributes: String { "axes: \(Array(axes))" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    let lengths = inputs[0].shape.axes
    guard axes.lowerBound >= 0, axes.upperBound <= lengths.count else {
      throw AthanorError(
        .argument, at: "", "\(name) along axes \(Array(axes)) was asked for, but the input has \(lengths.count) axes",
        fix: "Name axes that the input has.")
    }
    return [ValueType(.float32, Shape(axes: lengths[..<axes.lowerBound] + lengths[axes.upperBound...]))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    let x = site.inputs[0]
    func spread(_ value: Value) throws -> Value {
      let kept = x.shape.axes.enumerated().map { axes.contains($0.offset) ? Shape.Axis(1) : $0.element }
      return try value.reshaped(Shape(axes: kept)).apply(BroadcastTo(shape: x.shape))
    }
    switch function {
    case .sum: return [try spread(dy)]
    case .mean: return [try spread(dy).emit(DivideByCount(axes: axes))]
    case .max:
      // Equal maxima share the gradient evenly.
      let mask = try x.binary(.equal, spread(site.outputs[0]))
      return [try spread(dy / mask.apply(Reduce(function: .sum, axes: axes))) * mask]
    }
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    var template = ath_reduce_args()
    template.function = function.code
    template.outer = Int64(x.shape[..<axes.lowerBound].reduce(1, *))
    template.axis = Int64(x.shape[axes].reduce(1, *))
    template.inner = Int64(x.shape[axes.upperBound...].reduce(1, *))
    let scratch = site.table.pointee.reduce_scratch_bytes(&template)
    return Kernel(scratch: scratch) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.y = run[y]
      arguments.scratch = run.scratch
      run.table.pointee.reduce(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let kind: OperationKind = function == .sum ? .reduceSum : function == .mean ? .reduceMean : .reduceMax
    let isGlobalPooling = site.inputs[0].layout == .picture && axes == 1..<3
    let x = isGlobalPooling ? site.inputs[0] : try site.plain(site.inputs[0])
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .axes: .integers(axes.map(x.layout.programAxis)), .keepDims: .flag(false),
    ]
    return [try site.emit(kind, arguments, site.outputTypes[0])]
  }
}

/// Divides by the number of elements along some axes: the scale in a mean's gradient.
package struct DivideByCount: ForwardOp {
  package let axes: Range<Int>

  package init(axes: Range<Int>) { self.axes = axes }

  package var name: String { "divideByCount" }
  package var attributes: String { "axes: \(Array(axes))" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [try site.outputGradients[0]?.apply(DivideByCount(axes: axes))]
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let scale = 1 / Double(Swift.max(x.shape[axes].reduce(1, *), 1))
    return Kernel { run in
      var arguments = ath_convert_args(
        source: ATH_SOURCE_FLOAT, count: Int64(x.count), x: run[x], scale: scale, offset: 0, y: run[y])
      run.table.pointee.convert(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

extension OperationKind {
  package static let reduceMean = reduction("reduce_mean") { try $0.mean(axes: $1) }
  package static let reduceSum = reduction("reduce_sum") { try $0.sum(axes: $1) }
  package static let reduceMax = reduction("reduce_max") { try $0.max(axes: $1) }
  package static let reduceMin = reduction("reduce_min") { try -((-$0).max(axes: $1)) }
  package static let reduceL1 = reduction("reduce_l1_norm") { try abs($0).sum(axes: $1) }
  package static let reduceL2 = reduction("reduce_l2_norm") { try sqrt(square($0).sum(axes: $1)) }
  package static let reduceSumSquare = reduction("reduce_sum_square") { try square($0).sum(axes: $1) }
  package static let reduceLogSum = reduction("reduce_log_sum") { try log($0.sum(axes: $1)) }
  package static let reduceLogSumExp = reduction("reduce_log_sum_exp") { x, axes in
    // From differences to the largest, so that nothing overflows.
    let largest = try x.max(axes: axes)
    return try log(exp(x - largest.reshaped(x.keeping(without: axes))).sum(axes: axes)) + largest
  }
  /// One factor after another.
  package static let reduceProduct = reduction("reduce_prod", fold: { try $0.foldedProduct() }) { x, axes in
    var product = x
    for axis in axes.sorted(by: >) {
      guard let length = product.shape[axis], (1...256).contains(length) else {
        throw AthanorError(.unsupported, at: "", "it multiplies along an axis of shape \(product.shape)")
      }
      let rest = Shape(axes: product.shape.axes[..<axis] + product.shape.axes[(axis + 1)...])
      let factors = try (0..<length).map { try product.sliced(along: axis, $0..<$0 + 1).reshaped(rest) }
      product = try factors.dropFirst().reduce(factors[0]) { try $0 * $1 }
    }
    return product
  }

  private static func reduction(
    _ name: String, fold: (@Sendable (ImportSite) throws -> Tensor?)? = nil,
    _ reduce: @escaping @Sendable (Value, [Int]) throws -> Value
  ) -> OperationKind {
    OperationKind(name, [.required(.x), .optional(.axes, .integers), .flag(.keepDims)], fold: fold) { site in
      var x = try site.computed(.x)
      let wanted = Set(try site.axes(.axes, rank: x.rank) ?? Array(0..<x.rank)).sorted()
      try site.requireNoExamples(wanted, of: x)
      if x.layout != .picture || wanted != [2, 3] { x = try site.plain(x) }
      let axes = wanted.map(x.layout.graphAxis)
      let value = try site.value(x)
      let y = try reduce(value, axes)
      guard try site.operation.flag(.keepDims) else { return [ImportedValue(y)] }
      let kept = value.shape.axes.enumerated().map { axes.contains($0.offset) ? Shape.Axis(1) : $0.element }
      return [ImportedValue(try y.reshaped(Shape(axes: kept)), layout: x.layout)]
    }
  }
}
