import AthanorKernels

/// Batch normalisation while training, over all axes but the last:
/// `x [..., C], gamma [C], beta [C] -> y [..., C], mean [C], variance [C]` (biased),
/// `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta` (Ioffe and Szegedy 2015).
package struct BatchNorm: ForwardOp {
  package let epsilon: Double

  package var name: String { "batchNorm" }
  package var attributes: String { "epsilon: \(epsilon)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    for input in inputs { try requireFloat(input) }
    let channels = Shape(axes: inputs[0].shape.axes.suffix(1))
    guard inputs[0].shape.rank >= 2, inputs[1].shape == channels, inputs[2].shape == channels else {
      throw AthanorError(
        .shape, at: "",
        "input of shape \(inputs[0].shape) does not go with gamma \(inputs[1].shape) and beta \(inputs[2].shape)",
        fix: "The input needs at least 2 axes (batch, channels), and gamma and beta one number for each channel.")
    }
    return [inputs[0], ValueType(.float32, channels), ValueType(.float32, channels)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    let (x, mean) = (site.inputs[0], site.outputs[1])
    var gradients: [Value?] = [nil, nil, nil]
    if let dy = site.outputGradients[0] {
      gradients = try dy.builder.emit(
        BatchNormGradient(epsilon: epsilon), [dy, x, site.inputs[1], mean, site.outputs[2]])
    }
    // mean and variance depend on x too: by 1 / n and by 2 (x - mean) / n.
    func add(_ part: Value) throws {
      let dx = try part.apply(BroadcastTo(shape: x.shape)).apply(DivideByCount(axes: 0..<x.shape.rank - 1))
      gradients[0] = try gradients[0].map { try $0 + dx } ?? dx
    }
    if let dmean = site.outputGradients[1] { try add(dmean) }
    if let dvariance = site.outputGradients[2] { try add((x - mean) * dvariance * 2) }
    return gradients
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, gamma, beta) = (site.inputs[0], site.inputs[1], site.inputs[2])
    let (y, mean, variance) = (site.outputs[0], site.outputs[1], site.outputs[2])
    var template = ath_batch_norm_forward_args()
    (template.rows, template.channels) = rowsAndColumns(x.shape)
    template.epsilon = epsilon
    let scratch = site.table.pointee.batch_norm_forward_scratch_bytes(&template)
    return Kernel(scratch: scratch) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.gamma = UnsafeRawPointer(run[gamma])
      arguments.beta = UnsafeRawPointer(run[beta])
      arguments.y = run[y]
      arguments.mean = run[mean]
      arguments.variance = run[variance]
      arguments.scratch = run.scratch
      run.table.pointee.batch_norm_forward(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { throw site.onlyWhileTraining(name) }
}

/// The gradient of batch normalisation: `dy, x, gamma, mean, variance -> dx, dgamma, dbeta`.
package struct BatchNormGradient: Op {
  package let epsilon: Double

  package var name: String { "batchNormGradient" }
  package var attributes: String { "epsilon: \(epsilon)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [inputs[1], inputs[2], inputs[2]] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, x, gamma) = (site.inputs[0], site.inputs[1], site.inputs[2])
    let (mean, variance) = (site.inputs[3], site.inputs[4])
    let (dx, dgamma, dbeta) = (site.outputs[0], site.outputs[1], site.outputs[2])
    var template = ath_batch_norm_gradient_args()
    (template.rows, template.channels) = rowsAndColumns(x.shape)
    template.epsilon = epsilon
    let scratch = site.table.pointee.batch_norm_gradient_scratch_bytes(&template)
    return Kernel(scratch: scratch) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.gamma = UnsafeRawPointer(run[gamma])
      arguments.mean = UnsafeRawPointer(run[mean])
      arguments.variance = UnsafeRawPointer(run[variance])
      arguments.dy = UnsafeRawPointer(run[dy])
      arguments.dx = run[dx]
      arguments.dgamma = run[dgamma]
      arguments.dbeta = run[dbeta]
      arguments.scratch = run.scratch
      run.table.pointee.batch_norm_gradient(&arguments, run.pool)
    }
  }
}

/// Batch normalisation by known means and variances, as a network that predicts does it:
/// `x [..., C], mean [C], variance [C], gamma [C]?, beta [C]? -> y [..., C]`, `y = x * factor + shift` with
/// `factor = gamma / sqrt(variance + epsilon)` and `shift = beta - mean * factor`.
package struct BatchNormPrediction: ForwardOp {
  package let epsilon: Double
  package let hasGamma: Bool
  package let hasBeta: Bool

  package var name: String { "batchNormPrediction" }
  package var attributes: String { "epsilon: \(epsilon), gamma: \(hasGamma), beta: \(hasBeta)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    for input in inputs { try requireFloat(input) }
    let channels = Shape(axes: inputs[0].shape.axes.suffix(1))
    guard inputs[0].shape.rank >= 2, inputs.dropFirst().allSatisfy({ $0.shape == channels }) else {
      throw AthanorError(
        .shape, at: "",
        "input of shape \(inputs[0].shape) does not go with means \(inputs[1].shape) and variances \(inputs[2].shape)",
        fix: "The input needs at least 2 axes (batch, channels), and the others one number for each channel.")
    }
    return [inputs[0]]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return site.inputs.map { _ in nil } }
    let (x, mean) = (site.inputs[0], site.inputs[1])
    let inverse = try rsqrt(site.inputs[2] + epsilon)  // [C]
    let gamma = hasGamma ? site.inputs[3] : nil
    let factor = try gamma.map { try inverse * $0 } ?? inverse  // [C]
    var gradients: [Value?] = [try dy * factor]
    let wanted = site.needsGradient
    gradients.append(wanted[1] ? try -(dy.summed(to: mean.shape) * factor) : nil)
    if wanted[2] || (hasGamma && wanted[3]) {
      let product = try (dy * (x - mean)).summed(to: mean.shape) * inverse  // [C]
      gradients.append(wanted[2] ? try product * factor * inverse * -0.5 : nil)
      if hasGamma { gradients.append(product) }
    } else {
      gradients += hasGamma ? [nil, nil] : [nil]
    }
    if hasBeta { gradients.append(wanted[site.inputs.count - 1] ? try dy.summed(to: mean.shape) : nil) }
    return gradients
  }

  package var outputPlacement: OutputPlacement { .overInput(0) }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, mean, variance, y) = (site.inputs[0], site.inputs[1], site.inputs[2], site.outputs[0])
    let gamma = hasGamma ? site.inputs[3] : nil
    let beta = hasBeta ? site.inputs.last : nil
    let channels = mean.count
    // Rows of channels, and a vector for them all.
    func template(_ function: BinaryFunction, rows: Int) -> ath_binary_args {
      var arguments = ath_binary_args()
      arguments.function = function
      arguments.rank = 2
      setLengths(&arguments.dims, [rows, channels])
      setLengths(&arguments.a_strides, [channels, 1])
      setLengths(&arguments.b_strides, [0, 1])
      return arguments
    }
    let rows = channels == 0 ? 0 : x.count / channels
    // The factors, and behind them the shifts; a number has at most 8 bytes.
    let shiftOffset = (channels * 8 + 63) / 64 * 64
    return Kernel(scratch: 2 * shiftOffset) { run in
      func apply(
        _ function: BinaryFunction, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer,
        _ y: UnsafeMutableRawPointer, rows: Int = 1
      ) {
        var arguments = template(function, rows: rows)
        (arguments.a, arguments.b, arguments.y) = (UnsafeRawPointer(a), UnsafeRawPointer(b), y)
        run.table.pointee.binary(&arguments, run.pool)
      }
      func apply(_ function: UnaryFunction, to values: UnsafeMutableRawPointer) {
        var arguments = ath_unary_args(
          function: function, count: Int64(channels), alpha: 0, x: values, y: values)
        run.table.pointee.unary(&arguments, run.pool)
      }
      let (factor, shift) = (run.scratch, run.scratch + shiftOffset)
      var sum = ath_convert_args(
        source: ATH_SOURCE_FLOAT, count: Int64(channels), x: run[variance], scale: 1, offset: epsilon, y: factor)
      run.table.pointee.convert(&sum, run.pool)
      apply(.rsqrt, to: factor)
      if let gamma { apply(.multiply, factor, run[gamma], factor) }
      apply(.multiply, run[mean], factor, shift)
      if let beta { apply(.subtract, run[beta], shift, shift) } else { apply(.negate, to: shift) }
      apply(.multiply, run[x], factor, run[y], rows: rows)
      apply(.add, run[y], shift, run[y], rows: rows)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let rank = site.inputs[0].rank
    // Channels stand behind the batch; the order of other axes than a picture's is changed and changed back.
    var x = try rank == 4 ? site.picture(site.inputs[0]) : site.plain(site.inputs[0])
    let order = [0, rank - 1] + Array(1..<rank - 1)
    func moved(_ value: ExportValue, _ order: [Int]) throws -> ExportValue {
      try site.emit(
        .transpose, [.x: .value(value), .perm: .integers(order)],
        ValueType(.float32, Shape(axes: order.map { value.shape.axes[$0] })))
    }
    let isMoved = rank != 2 && rank != 4
    if isMoved { x = try moved(x, order) }
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .mean: .constant(try site.constant(1, "the mean")),
      .variance: .constant(try site.constant(2, "the variance")), .epsilon: .number(epsilon),
    ]
    if hasGamma { arguments[.gamma] = .constant(try site.constant(3, "gamma")) }
    if hasBeta { arguments[.beta] = .constant(try site.constant(site.inputs.count - 1, "beta")) }
    let y = try site.emit(.batchNorm, arguments, x.type, layout: x.layout)
    return [isMoved ? try moved(y, order.indices.map { order.firstIndex(of: $0) ?? $0 }) : y]
  }
}

extension OperationKind {
  package static let batchNorm = OperationKind(
    "batch_norm",
    [
      .required(.x), .required(.mean), .required(.variance), .optional(.gamma), .optional(.beta),
      .number(.epsilon, 1e-5),
    ]
  ) { site in
    let x = try site.computed(.x)
    let (mean, variance) = (try site.operation.required(.mean), try site.operation.required(.variance))
    let (gamma, beta) = (try site.operation.tensor(.gamma), try site.operation.tensor(.beta))
    guard [variance, gamma, beta].compactMap(\.self).allSatisfy({ $0.count == mean.count }), x.rank >= 2,
      x.shape[1] == mean.count
    else { throw site.damaged("its \(mean.count) means do not go with an input of shape \(Shape(x.shape))") }
    func weight(_ name: String, _ tensor: Tensor) throws -> Value {
      try site.weight(name, tensor.reshaped(to: [tensor.count]))
    }
    func normalized(_ x: Value) throws -> Value {
      try x.batchNormalized(
        mean: weight("moving_mean", mean), variance: weight("moving_variance", variance),
        gamma: gamma.map { try weight("gamma", $0) }, beta: beta.map { try weight("beta", $0) },
        epsilon: site.operation.number(.epsilon))
    }
    if x.rank == 4 { return try site.map(site.picture(x), normalized) }
    return try site.map(site.plain(x)) { x in
      guard x.shape.rank > 2 else { return try normalized(x) }
      let rank = x.shape.rank
      let last = try normalized(x.reordered([0] + Array(2..<rank) + [1]))
      return try last.transposed([0, rank - 1] + Array(1..<rank - 1))
    }
  }
}
