import AthanorKernels

/// Where and how a window of weights or of pooling moves over a picture; offsets are resolved for one picture size.
package struct Window2D: Hashable, Sendable {
  package enum Padding: Hashable, Sendable {
    /// Only places where the whole window lies within the picture.
    case valid
    /// As many places as `ceil(length / stride)`; what is missing is added evenly, the odd one at the bottom and right
    /// (as TensorFlow does).
    case same
    /// So many places before and after each axis, as other programs' files have it.
    case explicit(before: [Int], after: [Int])
  }
  /// The greatest size, stride and dilation: far beyond any picture, and small enough that products cannot overflow.
  package static let mostPlaces = 1 << 20

  package let kernel: [Int]
  package let strides: [Int]
  package let dilations: [Int]
  package let padding: Padding

  package init(kernel: [Int], strides: [Int], dilations: [Int] = [1, 1], padding: Padding) {
    self.kernel = kernel
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
  }

  /// The number of places along an axis (0: height, 1: width), and the padding before the first.
  package func places(along axis: Int, length: Int) -> (count: Int, before: Int) {
    let reach = (kernel[axis] - 1) * dilations[axis] + 1
    switch padding {
    case .valid: return (length < reach ? 0 : (length - reach) / strides[axis] + 1, 0)
    case .same:
      let count = (length + strides[axis] - 1) / strides[axis]
      return (count, max((count - 1) * strides[axis] + reach - length, 0) / 2)
    case .explicit(let before, let after):
      let padded = length + before[axis] + after[axis]
      return (padded < reach ? 0 : (padded - reach) / strides[axis] + 1, before[axis])
    }
  }

  /// The height and width of the result for a picture `[N, H, W, C]`.
  ///
  /// - Throws: `AthanorError` when the input is no picture or the window does not fit.
  @discardableResult
  package func outputSize(_ shape: Shape, _ what: String) throws -> (height: Shape.Axis, width: Shape.Axis) {
    for (name, pair) in [("size", kernel), ("strides", strides), ("dilations", dilations)] {
      guard pair.count == 2, pair.allSatisfy({ (1...Window2D.mostPlaces).contains($0) }) else {
        throw AthanorError(
          .argument, at: "",
          "the \(what) has \(name) \(pair) but two numbers from 1 to \(Window2D.mostPlaces) are needed",
          fix: "Give one number for the height and one for the width.")
      }
    }
    guard shape.rank == 4, shape[3] != nil else {
      let axes = shape.withoutBatch
      let fix =
        axes.count == 2
        ? "Add Reshape([\(axes.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")), 1]) before it."
        : "Give it pictures of height, width and channels."
      throw AthanorError(
        .shape, at: "", "input has shape \(Shape.text(axes)) but 3 axes (height, width, channels) are needed", fix: fix)
    }
    let (height, width) = (shape.axes[1], shape.axes[2])
    let rows = places(along: 0, length: height.length).count
    let columns = places(along: 1, length: width.length).count
    guard rows > 0, columns > 0 else {
      throw AthanorError(
        .shape, at: "",
        "a \(what) of \(kernel[0])x\(kernel[1])\(dilations == [1, 1] ? "" : " (dilated by \(dilations))") "
          + "does not fit into a picture of \(height.length)x\(width.length)",
        fix: "Use a smaller one, padding \"same\", or fewer pooling layers before it.")
    }
    return (height.with(length: rows), width.with(length: columns))
  }
}

/// What a convolution or matrix product does to its sums before it stores them.
package enum FusedActivation: Hashable, Sendable {
  case none, relu

  var code: ath_activation {
    switch self {
    case .none: ATH_ACTIVATION_NONE
    case .relu: ATH_ACTIVATION_RELU
    }
  }
}

/// Two-dimensional convolution (cross-correlation), as `keras.layers.Conv2D` computes it:
/// `x [N, H, W, C], weights [R, S, C / groups, K], bias [K]? -> [N, H', W', K]`,
/// `y[n, i, j, k] = sum over r, s, c of x[n, i*stride + r*dilation - pad, ...] * weights[r, s, c, k]`.
package struct Conv2DOp: ForwardOp {
  package let window: Window2D
  package let groups: Int
  package var activation = FusedActivation.none

  package var name: String { "conv2d" }
  package var attributes: String {
    "strides: \(window.strides), dilations: \(window.dilations), padding: \(window.padding), groups: \(groups)"
      + (activation == .none ? "" : ", activation: \(activation)")
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    for input in inputs { try requireFloat(input) }
    let size = try window.outputSize(inputs[0].shape, "kernel")
    let (channels, weights) = (inputs[0].shape[3] ?? 0, inputs[1].shape)
    guard weights.rank == 4, let filters = weights[3], groups > 0, channels % groups == 0, filters % groups == 0,
      weights[2] == channels / groups, weights[0] == window.kernel[0], weights[1] == window.kernel[1]
    else {
      throw AthanorError(
        .shape, at: "",
        "\(channels) channels, a kernel of \(window.kernel[0])x\(window.kernel[1]) and \(groups) groups do not go with "
          + "weights of shape \(weights)",
        fix:
          "Weights are [height, width, channels / groups, filters]; channels and filters must be multiples of groups.")
    }
    try requireBias(inputs, weights.axes[3])
    return [ValueType(.float32, Shape(axes: [inputs[0].shape.axes[0], size.height, size.width, weights.axes[3]]))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard var dy = site.outputGradients[0] else { return site.inputs.map { _ in nil } }
    let (x, weights) = (site.inputs[0], site.inputs[1])
    if activation == .relu { dy = try dy.emit(UnaryGradient(function: .relu, alpha: 0), site.outputs[0]) }
    let hasBias = site.inputs.count == 3
    var gradients: [Value?] = [nil, nil]
    if site.needsGradient[0] {
      gradients[0] = try dy.emit(Conv2DInputGradient(window: window, groups: groups, inputShape: x.shape), weights)
    }
    let forWeights = try dy.builder.emit(
      Conv2DWeightGradient(window: window, groups: groups, weightShape: weights.shape, hasBias: hasBias), [x, dy])
    gradients[1] = forWeights[0]
    if hasBias { gradients.append(forWeights[1]) }
    return gradients
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, weights, y) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let bias = site.inputs.count == 3 ? site.inputs[2] : nil
    var template = ath_conv2d_forward_args()
    template.shape = window.kernelShape(x: x.shape, weights: weights.shape, y: y.shape, groups: groups)
    template.activation = activation.code
    let scratch = site.table.pointee.conv2d_forward_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: template.shape.flops) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.weights = UnsafeRawPointer(run[weights])
      arguments.bias = bias.map { UnsafeRawPointer(run[$0]) }
      arguments.y = run[y]
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_forward(&arguments, run.pool)
    }
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = try site.picture(site.inputs[0])
    let weights = try site.constant(1, "the kernel").transposed([3, 2, 0, 1])  // [K, C / groups, R, S]
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .weight: .constant(weights), .strides: .integers(window.strides),
      .dilations: .integers(window.dilations), .groups: .integer(groups),
    ]
    arguments.merge(window.padding(of: x.shape)) { $1 }
    if site.inputs.count == 3 { arguments[.bias] = .constant(try site.constant(2, "the bias")) }
    let y = try site.emit(.conv, arguments, site.outputTypes[0], layout: .picture)
    return [try activation.export(y, site)]
  }
}

extension OperationKind {
  package static let conv = OperationKind(
    "conv",
    [
      .required(.x), .required(.weight), .optional(.bias), .integers(.strides, [1, 1]),
      .integers(.dilations, [1, 1]), .integer(.groups, 1),
    ] + padding
  ) { site in
    var x = try site.value(site.picture(site.computed(.x)))  // [N, H, W, C]
    let kernel = try site.operation.required(.weight)  // [K, C / groups, R, S]
    guard kernel.shape.count == 4, let channels = x.shape[3] else {
      throw site.unsupported(
        "its weights have shape \(kernel.shape), but only two-dimensional convolutions can be read")
    }
    let groups = try site.operation.integer(.groups)
    guard groups > 0, kernel.shape[0] % groups == 0, kernel.shape[1] * groups == channels else {
      throw site.damaged(
        "its weights have shape \(kernel.shape), which does not go with \(channels) channels in \(groups) groups")
    }
    let dilations = try site.integers(.dilations, count: 2)
    let size = Array(kernel.shape[2...])
    var window = try site.window(x, size: size, dilations: dilations, allowsAnyPadding: true).named(for: x.shape)
    if case .explicit(let before, let after) = window.padding {
      x = try x.padded(before: [0] + before + [0], after: [0] + after + [0])
      window = Window2D(kernel: size, strides: window.strides, dilations: dilations, padding: .valid)
    }
    var y = try x.conv2D(site.weight("kernel", kernel.transposed([2, 3, 1, 0])), window, groups: groups)
    if let bias = try site.operation.tensor(.bias) {
      guard bias.count == kernel.shape[0] else { throw site.damaged("its bias has \(bias.count) numbers") }
      y = try y + site.weight("bias", bias.reshaped(to: [bias.count]))
    }
    return [ImportedValue(y, layout: .picture)]  // [N, H', W', K]
  }
}

extension FusedActivation {
  func export(_ value: ExportValue, _ site: ExportSite) throws -> ExportValue {
    switch self {
    case .none: value
    case .relu: try site.emit(.unary(.relu), [.x: .value(value)], value.type, layout: value.layout)
    }
  }
}

extension Window2D {
  /// How an operation pads a picture `[N, H, W, C]`: lengths before and after, first of the height, then of the width. Where they depend
  /// on an open length, the operation has to find them.
  func padding(of picture: Shape) -> [ArgumentName: Program.Argument] {
    let axes = picture.axes[1...2]
    if padding == .same, zip(axes, strides).contains(where: { $0.isOpen && $1 > 1 }) {
      return [.padType: .choice(OperationKind.PadType.same)]
    }
    let lengths = zip(0..<2, axes.map(\.length)).flatMap { axis, length in
      let (count, before) = places(along: axis, length: length)
      let reach = (count - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
      return [before, Swift.max(0, reach - length - before)]
    }
    return [.padType: .choice(OperationKind.PadType.custom), .pad: .integers(lengths)]
  }
}

/// The bias that a convolution or matrix product may have as third input is one number for each of its columns.
func requireBias(_ inputs: [ValueType], _ columns: Shape.Axis) throws {
  guard inputs.count == 3, inputs[2].shape != Shape(axes: [columns]) else { return }
  throw AthanorError(
    .shape, at: "", "a bias of shape \(inputs[2].shape) does not go with \(Shape(axes: [columns])) results",
    fix: "Give one number for each column of the result.")
}

/// The gradient of a convolution with respect to its input: `dy [N, H', W', K], weights -> dx [N, H, W, C]`.
package struct Conv2DInputGradient: Op {
  package let window: Window2D
  package let groups: Int
  package let inputShape: Shape

  package var name: String { "conv2dInputGradient" }
  package var attributes: String {
    "strides: \(window.strides), dilations: \(window.dilations), padding: \(window.padding), groups: \(groups)"
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] { [ValueType(.float32, inputShape)] }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (dy, weights, dx) = (site.inputs[0], site.inputs[1], site.outputs[0])
    var template = ath_conv2d_input_gradient_args()
    template.shape = window.kernelShape(x: dx.shape, weights: weights.shape, y: dy.shape, groups: groups)
    let scratch = site.table.pointee.conv2d_input_gradient_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: template.shape.flops) { run in
      var arguments = template
      arguments.dy = UnsafeRawPointer(run[dy])
      arguments.weights = UnsafeRawPointer(run[weights])
      arguments.dx = run[dx]
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_input_gradient(&arguments, run.pool)
    }
  }
}

/// The gradients of a convolution with respect to its weights and bias:
/// `x [N, H, W, C], dy [N, H', W', K] -> dweights [R, S, C / groups, K], dbias [K]`.
package struct Conv2DWeightGradient: Op {
  package let window: Window2D
  package let groups: Int
  package let weightShape: Shape
  package let hasBias: Bool

  package var name: String { "conv2dWeightGradient" }
  package var attributes: String {
    "strides: \(window.strides), dilations: \(window.dilations), padding: \(window.padding), groups: \(groups)"
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    let weights = ValueType(.float32, weightShape)
    return hasBias ? [weights, ValueType(.float32, Shape(axes: weightShape.axes.suffix(1)))] : [weights]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    let (x, dy, dweights) = (site.inputs[0], site.inputs[1], site.outputs[0])
    let dbias = hasBias ? site.outputs[1] : nil
    var template = ath_conv2d_weight_gradient_args()
    template.shape = window.kernelShape(x: x.shape, weights: dweights.shape, y: dy.shape, groups: groups)
    let scratch = site.table.pointee.conv2d_weight_gradient_scratch_bytes(&template)
    return Kernel(scratch: scratch, flops: template.shape.flops) { run in
      var arguments = template
      arguments.x = UnsafeRawPointer(run[x])
      arguments.dy = UnsafeRawPointer(run[dy])
      arguments.dweights = run[dweights]
      arguments.dbias = dbias.map { run[$0] }
      arguments.scratch = run.scratch
      run.table.pointee.conv2d_weight_gradient(&arguments, run.pool)
    }
  }
}

extension Window2D {
  func kernelShape(x: [Int], weights: [Int], y: [Int], groups: Int) -> ath_conv2d_shape {
    ath_conv2d_shape(
      n: Int64(x[0]), h: Int64(x[1]), w: Int64(x[2]), ci: Int64(x[3]),
      kh: Int64(weights[0]), kw: Int64(weights[1]), co: Int64(weights[3]),
      oh: Int64(y[1]), ow: Int64(y[2]),
      stride_h: Int64(strides[0]), stride_w: Int64(strides[1]),
      dilation_h: Int64(dilations[0]), dilation_w: Int64(dilations[1]),
      pad_top: Int64(places(along: 0, length: x[1]).before), pad_left: Int64(places(along: 1, length: x[2]).before),
      groups: Int64(groups))
  }
}

extension ath_conv2d_shape {
  /// Multiplications and additions of the direct computation, the same for each of the three passes.
  var flops: Double { 2 * Double(n * oh * ow * co) * Double(kh * kw * ci / groups) }
}
