import AthanorKernels

/// `y = exp(x) / sum(exp(x))` along the last axis, computed from differences to the largest: `[..., C] -> [..., C]`.
package struct Softmax: ForwardOp {
  package var name: String { "softmax" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    guard inputs[0].shape.rank >= 2 else {
      throw AthanorError(
        .shape, at: "", "softmax needs at least 2 axes (batch, classes) but its input has shape \(inputs[0].shape)",
        fix: "Reshape it, or put a layer of one unit for each class before it.")
    }
    return [inputs[0]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    return [try dy.emit(SoftmaxGradient(), site.outputs[0])]
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let (rows, columns) = rowsAndColumns(x.shape)
    return Kernel { run in
      var arguments = ath_softmax_args(rows: rows, columns: columns, x: run[x], y: run[y])
      run.table.pointee.softmax(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = try site.plain(site.inputs[0])
    return [try site.emit(.softmax, [.x: .value(x), .axis: .integer(-1)], site.outputTypes[0])]
  }
}

extension OperationKind {
  package static let softmax = OperationKind("softmax", [.required(.x), .integer(.axis, -1)]) { site in
    var x = try site.computed(.x)
    let axis = try site.axis(site.operation.integer(.axis), rank: x.rank)
    try site.requireNoExamples([axis], of: x)
    if x.layout != .picture || axis != 1 { x = try site.plain(x) }
    let last = x.rank - 1
    var order = Array(0...last)
    order.swapAt(x.layout.graphAxis(axis), last)
    return try site.map(x) { x in
      guard last > 0 else {
        return try AthanorCore.softmax(x.reshaped(Shape(axes: [Shape.Axis(1)] + x.shape.axes))).reshaped(x.shape)
      }
      guard order[last] != last else { return try AthanorCore.softmax(x) }
      return try AthanorCore.softmax(x.reordered(order)).transposed(order)
    }
  }
}

/// `dx = y * (dy - sum(dy * y))` along the last axis: `dy, y -> dx`.
package struct SoftmaxGradient: Op {
  package var name: String { "softmaxGradient" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, y, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let (rows, columns) = rowsAndColumns(y.shape)
    return Kernel { run in
      var arguments = ath_softmax_gradient_args(rows: rows, columns: columns, y: run[y], dy: run[dy], dx: run[dx])
      run.table.pointee.softmax_gradient(&arguments, run.pool)
    }
  }
}

/// The crossentropy of softmax, in one step that neither overflows nor loses small probabilities:
/// `logits [..., C], target [..., C] or class numbers int32 [...] -> loss [...], probabilities [..., C]`,
/// `loss = -sum(target * log softmax(logits))`.
package struct SoftmaxCrossentropy: ForwardOp {
  package var name: String { "softmaxCrossentropy" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    try requireFloat(inputs[0])
    let (logits, target) = (inputs[0], inputs[1])
    let rows = Shape(axes: logits.shape.axes.dropLast())
    guard logits.shape.rank >= 1, target.dtype == .int32 || target.dtype == .float32,
      target.dtype == .int32 ? target.shape == rows : target.shape == logits.shape
    else {
      throw AthanorError(
        .shape, at: "", "targets of type \(target) do not go with outputs of shape \(logits.shape)",
        fix: "Give class numbers \(rows) or one row of probabilities for each output.")
    }
    return [ValueType(.float32, rows), logits]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dloss = site.outputGradients[0] else { return [nil, nil] }
    let (logits, target) = (site.inputs[0], site.inputs[1])
    var gradients: [Value?] = [try site.outputs[1].emit(SoftmaxCrossentropyGradient(), target, dloss), nil]
    if site.needsGradient[1], target.type.dtype == .float32 {
      // -log softmax(logits) * dloss, computed from differences to the largest.
      let column = Shape(axes: dloss.shape.axes + [Shape.Axis(1)])
      let classes = logits.shape.rank - 1
      let shifted = try logits - logits.max(axes: [classes]).reshaped(column)  // [..., C]
      let sum = try log(exp(shifted).sum(axes: [classes])).reshaped(column)  // [..., 1]
      gradients[1] = try (sum - shifted) * dloss.reshaped(column)  // [..., C]
    }
    return gradients
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (logits, target) = (site.inputs[0], site.inputs[1])
    let (loss, probabilities) = (site.outputs[0], site.outputs[1])
    let (rows, columns) = rowsAndColumns(logits.shape)
    let isIndex = target.dtype == .int32
    return Kernel { run in
      let pointer = UnsafeRawPointer(run[target])
      var arguments = ath_softmax_crossentropy_args(
        rows: rows, columns: columns, logits: run[logits], target: isIndex ? nil : pointer,
        index: isIndex ? pointer.assumingMemoryBound(to: Int32.self) : nil, loss: run[loss],
        probabilities: run[probabilities])
      run.table.pointee.softmax_crossentropy(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

/// `dlogits = (probabilities * sum(target) - target) * dloss`: `probabilities, target, dloss -> dlogits`.
package struct SoftmaxCrossentropyGradient: Op {
  package var name: String { "softmaxCrossentropyGradient" }
  package var attributes: String { "" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[0]] }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (probabilities, target, dloss) = (site.inputs[0], site.inputs[1], site.inputs[2])
    let dlogits = site.outputs[0]
    let (rows, columns) = rowsAndColumns(probabilities.shape)
    let isIndex = target.dtype == .int32
    return Kernel { run in
      let pointer = UnsafeRawPointer(run[target])
      var arguments = ath_softmax_crossentropy_gradient_args(
        rows: rows, columns: columns, probabilities: run[probabilities], target: isIndex ? nil : pointer,
        index: isIndex ? pointer.assumingMemoryBound(to: Int32.self) : nil, dloss: run[dloss], dlogits: run[dlogits])
      run.table.pointee.softmax_crossentropy_gradient(&arguments, run.pool)
    }
  }
}

/// The last axis as columns and all others as rows.
func rowsAndColumns(_ shape: [Int]) -> (rows: Int64, columns: Int64) {
  (Int64(shape.dropLast().reduce(1, *)), Int64(shape.last ?? 1))
}
