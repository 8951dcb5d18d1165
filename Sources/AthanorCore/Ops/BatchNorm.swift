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
