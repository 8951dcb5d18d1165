import AthanorKernels

/// The sums of all elements up to each one along an axis: `y[..., t, ...] = sum over s <= t of x[..., s, ...]`.
package struct CumulativeSum: ForwardOp {
  package let axis: Int
  /// Whether an element is left out of its own sum.
  package let isExclusive: Bool
  /// Whether sums begin at the last element.
  package let isReversed: Bool

  package init(axis: Int, isExclusive: Bool = false, isReversed: Bool = false) {
    self.axis = axis
    self.isExclusive = isExclusive
    self.isReversed = isReversed
  }

  package var name: String { "cumulativeSum" }
  package var attributes: String {
    "axis: \(axis)" + (isExclusive ? ", exclusive" : "") + (isReversed ? ", reversed" : "")
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    guard inputs[0].shape.axes.indices.contains(axis) else {
      throw AthanorError(
        .argument, at: "",
        "a cumulative sum along axis \(axis) was asked for, but the input has \(inputs[0].shape.rank) axes",
        fix: "Name an axis that the input has.")
    }
    return [inputs[0]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    [
      try site.outputGradients[0]?.apply(
        CumulativeSum(axis: axis, isExclusive: isExclusive, isReversed: !isReversed))
    ]
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let outer = x.shape[..<axis].reduce(1, *)
    let inner = x.shape[(axis + 1)...].reduce(1, *)
    return Kernel { run in
      var arguments = ath_cumulative_sum_args(
        outer: Int64(outer), axis: Int64(x.shape[axis]), inner: Int64(inner), exclusive: isExclusive,
        reverse: isReversed, x: run[x], y: run[y])
      run.table.pointee.cumulative_sum(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = site.inputs[0].layout == .picture ? site.inputs[0] : try site.plain(site.inputs[0])
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .axis: .integer(x.layout.programAxis(axis)), .exclusive: .flag(isExclusive),
      .reverse: .flag(isReversed),
    ]
    return [try site.emit(.cumulativeSum, arguments, site.outputTypes[0], layout: x.layout)]
  }
}

extension OperationKind {
  package static let cumulativeSum = OperationKind(
    "cumsum", [.required(.x), .integer(.axis, 0), .flag(.exclusive), .flag(.reverse)]
  ) { site in
    var x = try site.computed(.x)
    let axis = try site.axis(site.operation.integer(.axis), rank: x.rank)
    try site.requireNoExamples([axis], of: x)
    if x.layout != .picture { x = try site.plain(x) }
    let op = CumulativeSum(
      axis: x.layout.graphAxis(axis), isExclusive: try site.operation.flag(.exclusive),
      isReversed: try site.operation.flag(.reverse))
    return try site.map(x) { try $0.apply(op) }
  }
}

extension Value {
  /// The sums of all elements up to each one along an axis. Source: `keras.ops.cumsum`.
  public func cumulativeSum(axis: Int) throws -> Value { try apply(CumulativeSum(axis: axis)) }
}
