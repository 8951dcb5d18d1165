import AthanorKernels

/// The largest of each window: `x [N, H, W, C] -> y [N, H', W', C]`, and which place of the window it was
/// (`uint16 [N, H', W', C]`, for the gradient).
package struct MaxPool2DOp: ForwardOp {
  package let window: Window2D

  package var name: String { "maxPool2d" }
  package var attributes: String { "size: \(window.kernel), strides: \(window.strides), padding: \(window.padding)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let type = try window.pooledType(inputs[0])
    guard window.kernel[0] * window.kernel[1] <= Int(UInt16.max) else {
      throw AthanorError(
        .unsupported, at: "", "a pooling window of \(window.kernel) has more than 65,535 places",
        fix: "Use a smaller window, or the maximum along axes 1 and 2.")
    }
    return [type, ValueType(.uint16, type.shape)]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    let op = MaxPool2DGradient(window: window, inputShape: site.inputs[0].shape)
    return [try dy.emit(op, site.outputs[1])]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y, index) = (site.inputs[0], site.outputs[0], site.outputs[1])
    let shape = window.poolShape(x: x.shape, y: y.shape)
    return Kernel { run in
      var arguments = ath_max_pool2d_forward_args(
        shape: shape, x: run[x], y: run[y], index: run[index].assumingMemoryBound(to: UInt16.self))
      run.table.pointee.max_pool2d_forward(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let y = try window.exportPooling(.maxPool, site)
    return [y, y]  // nothing that predicts asks where the maximum was
  }
}

/// The gradient of max-pooling: `dy [N, H', W', C], index, y? -> dx [N, H, W, C]`. With the pooled values `y` as third
/// input it is at the same time the gradient of a ReLU before the pooling.
package struct MaxPool2DGradient: Op {
  package let window: Window2D
  package let inputShape: Shape

  package var name: String { "maxPool2dGradient" }
  package var attributes: String { "size: \(window.kernel), strides: \(window.strides), padding: \(window.padding)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, index, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let y = site.inputs.count == 3 ? site.inputs[2] : nil
    let shape = window.poolShape(x: dx.shape, y: dy.shape)
    return Kernel { run in
      var arguments = ath_max_pool2d_gradient_args(
        shape: shape, dy: run[dy], index: run[index].assumingMemoryBound(to: UInt16.self),
        y: y.map { UnsafeRawPointer(run[$0]) }, dx: run[dx])
      run.table.pointee.max_pool2d_gradient(&arguments, run.pool)
    }
  }
}

/// The mean of each window, counting only places within the picture: `[N, H, W, C] -> [N, H', W', C]`.
package struct AveragePool2DOp: ForwardOp {
  package let window: Window2D

  package var name: String { "averagePool2d" }
  package var attributes: String { "size: \(window.kernel), strides: \(window.strides), padding: \(window.padding)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [try window.pooledType(inputs[0])] }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil] }
    return [try dy.emit(AveragePool2DGradient(window: window, inputShape: site.inputs[0].shape))]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, y) = (site.inputs[0], site.outputs[0])
    let shape = window.poolShape(x: x.shape, y: y.shape)
    return Kernel { run in
      var arguments = ath_average_pool2d_forward_args(shape: shape, x: run[x], y: run[y])
      run.table.pointee.average_pool2d_forward(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] { [try window.exportPooling(.avgPool, site)] }
}

/// The gradient of average-pooling: `dy [N, H', W', C] -> dx [N, H, W, C]`.
package struct AveragePool2DGradient: Op {
  package let window: Window2D
  package let inputShape: Shape

  package var name: String { "averagePool2dGradient" }
  package var attributes: String { "size: \(window.kernel), strides: \(window.strides), padding: \(window.padding)" }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, dx) = (site.inputs[0], site.outputs[0])
    let shape = window.poolShape(x: dx.shape, y: dy.shape)
    return Kernel { run in
      var arguments = ath_average_pool2d_gradient_args(shape: shape, dy: run[dy], dx: run[dx])
      run.table.pointee.average_pool2d_gradient(&arguments, run.pool)
    }
  }
}

extension Window2D {
  func exportPooling(_ kind: OperationKind, _ site: ExportSite) throws -> ExportValue {
    let x = try site.picture(site.inputs[0])
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .kernelSizes: .integers(kernel), .strides: .integers(strides), .ceilMode: .flag(false),
    ]
    arguments.merge(padding(of: x.shape)) { $1 }
    if kind == .avgPool { arguments[.excludePadding] = .flag(true) }
    return try site.emit(kind, arguments, site.outputTypes[0], layout: .picture)
  }

  func pooledType(_ input: ValueType) throws -> ValueType {
    try requireFloat(input)
    let size = try outputSize(input.shape, "pooling window")
    return ValueType(.float32, Shape(axes: [input.shape.axes[0], size.height, size.width, input.shape.axes[3]]))
  }

  func poolShape(x: [Int], y: [Int]) -> ath_pool2d_shape {
    ath_pool2d_shape(
      n: Int64(x[0]), h: Int64(x[1]), w: Int64(x[2]), c: Int64(x[3]), kh: Int64(kernel[0]), kw: Int64(kernel[1]),
      oh: Int64(y[1]), ow: Int64(y[2]), stride_h: Int64(strides[0]), stride_w: Int64(strides[1]),
      pad_top: Int64(places(along: 0, length: x[1]).before), pad_left: Int64(places(along: 1, length: x[2]).before))
  }
}

extension OperationKind {
  private static let poolParameters: [Parameter] =
    [
      .required(.x), .required(.kernelSizes, .integers), .integers(.strides, [1, 1]), .flag(.ceilMode),
    ] + padding

  package static let maxPool = OperationKind("max_pool", poolParameters) { site in
    let x = try site.value(site.picture(site.computed(.x)))
    let size = try site.integers(.kernelSizes, count: 2)
    return [ImportedValue(try x.maxPooled(site.window(x, size: size).named(for: x.shape)), layout: .picture)]
  }

  package static let avgPool = OperationKind("avg_pool", poolParameters + [.flag(.excludePadding)]) { site in
    var x = try site.value(site.picture(site.computed(.x)))
    let size = try site.integers(.kernelSizes, count: 2)
    var window = try site.window(x, size: size)
    if case .explicit(let before, let after) = try site.window(x, size: size, roundsUp: false).padding,
      before + after != [0, 0, 0, 0], try !site.operation.flag(.excludePadding)
    {
      // Zeros within the padding count, places behind it, where the size is rounded up, do not.
      x = try x.padded(before: [0] + before + [0], after: [0] + after + [0])
      var behind = [0, 0]
      if case .explicit(_, let all) = window.padding { behind = zip(all, after).map { max($0 - $1, 0) } }
      window = Window2D(
        kernel: size, strides: window.strides,
        padding: behind == [0, 0] ? .valid : .explicit(before: [0, 0], after: behind))
    }
    return [ImportedValue(try x.averagePooled(window.named(for: x.shape)), layout: .picture)]
  }
}
