/// The transposed convolution: each pixel of `x` adds a kernel's worth of numbers to the result, as the gradient of a convolution does:
/// `x [N, H', W', K], weights [R, S, C / groups, K] -> [N, H, W, C]` with `H = (H' - 1) * stride + (R - 1) * dilation + 1 - padding`.
///
/// Source: `keras.layers.Conv2DTranspose`. The window is that of the convolution which turns the result back into the shape of `x`; its
/// padding, what is cut off, is `valid` or explicit.
package struct Conv2DTransposeOp: ForwardOp {
  package let window: Window2D
  package let groups: Int

  package init(window: Window2D, groups: Int = 1) {
    self.window = window
    self.groups = groups
  }

  package var name: String { "conv2dTranspose" }
  package var attributes: String {
    "strides: \(window.strides), dilations: \(window.dilations), padding: \(window.padding), groups: \(groups)"
  }

  /// What is cut off before and behind each axis.
  private var edges: [(before: Int, after: Int)] {
    guard case .explicit(let before, let after) = window.padding else { return [(0, 0), (0, 0)] }
    return zip(before, after).map { ($0, $1) }
  }

  package func outputTypes(_ inputs: [ValueType]) throws -> [ValueType] {
    for input in inputs { try requireFloat(input) }
    let (x, weights) = (inputs[0].shape, inputs[1].shape)
    guard x.rank == 4, weights.rank == 4, let channels = weights[2], groups > 0, let depth = x[3], depth % groups == 0,
      weights[3] == depth, Array(weights.sizes[..<2]) == window.kernel, window.padding != .same
    else {
      throw AthanorError(
        .shape, at: "",
        "a transposed convolution of shape \(x) in \(groups) groups does not go with weights of shape \(weights)",
        fix: "Weights are [height, width, new channels / groups, channels]; channels must be a multiple of groups.")
    }
    let lengths = try [0, 1].map { axis in
      let (length, edge) = (x.axes[axis + 1], edges[axis])
      let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1
      let full = Tensor.elementCount(of: [Swift.max(length.length - 1, 0), window.strides[axis]]).map { $0 + reach }
      guard let full, full <= Shape.maximumElements, (0..<reach).contains(edge.before),
        (0..<reach).contains(edge.after), full > edge.before + edge.after, length.length > 0
      else {
        throw AthanorError(
          .shape, at: "",
          "a transposed convolution that cuts off \(edge.before) and \(edge.after) leaves nothing of shape \(x)",
          fix: "Cut off less than the kernel's size.")
      }
      return length.with(length: full - edge.before - edge.after)
    }
    return [ValueType(.float32, Shape(axes: [x.axes[0]] + lengths + [Shape.Axis(channels * groups)]))]
  }

  package func gradient(_ site: GradientSite) throws -> [Value?] {
    guard let dy = site.outputGradients[0] else { return [nil, nil] }
    let (x, weights) = (site.inputs[0], site.inputs[1])
    return [
      site.needsGradient[0] ? try dy.conv2D(weights, window, groups: groups) : nil,
      site.needsGradient[1]
        ? try dy.emit(
          Conv2DWeightGradient(window: window, groups: groups, weightShape: weights.shape, hasBias: false), x)
        : nil,
    ]
  }

  package var outputPlacement: OutputPlacement { .separate }

  package func kernel(_ site: KernelSite) -> Kernel {
    Conv2DInputGradient(window: window, groups: groups, inputShape: Shape(site.outputs[0].shape)).kernel(site)
  }

  package func export(_ site: ExportSite) throws -> [ExportValue] {
    let x = try site.picture(site.inputs[0])
    let weights = try site.constant(1, "the kernel").transposed([3, 2, 0, 1])  // [K, C / groups, R, S]
    let arguments: [ArgumentName: Program.Argument] = [
      .x: .value(x), .weight: .constant(weights), .strides: .integers(window.strides),
      .dilations: .integers(window.dilations), .groups: .integer(groups),
      .padType: .choice(OperationKind.PadType.custom), .pad: .integers(edges.flatMap { [$0.before, $0.after] }),
    ]
    return [try site.emit(.convTranspose, arguments, site.outputTypes[0], layout: .picture)]
  }
}

extension OperationKind {
  /// With `output_padding` the result has so many places more behind each axis, with `size` just those lengths.
  package static let convTranspose = OperationKind(
    "conv_transpose",
    [
      .required(.x), .required(.weight), .optional(.bias), .integers(.strides, [1, 1]),
      .choice(.padType, OperationKind.PadType.valid), .integers(.pad, [0, 0, 0, 0]), .integers(.dilations, [1, 1]),
      .integer(.groups, 1), .integers(.outputPadding, [0, 0]), .optional(.size, .integers),
    ]
  ) { site in
    let x = try site.value(site.picture(site.computed(.x)))  // [N, H', W', K]
    let kernel = try site.operation.required(.weight)  // [K, C / groups, R, S]
    guard kernel.shape.count == 4 else {
      throw site.unsupported("its weights have shape \(kernel.shape), but only one and two dimensions can be read")
    }
    let (groups, size) = (try site.operation.integer(.groups), Array(kernel.shape[2...]))
    let strides = try site.integers(.strides, count: 2)
    let dilations = try site.integers(.dilations, count: 2)
    let more = try site.integers(.outputPadding, count: 2)
    guard (size + strides + dilations).allSatisfy({ (1...Window2D.mostPlaces).contains($0) }),
      zip(more, zip(strides, dilations)).allSatisfy({ $0 >= 0 && $0 < Swift.max($1.0, $1.1) })
    else { throw site.damaged("its strides are \(strides), its dilations \(dilations), its output padding \(more)") }
    let edges = try site.transposedEdges(x, size: size, strides: strides, dilations: dilations, more: more)
    let window = Window2D(
      kernel: size, strides: strides, dilations: dilations,
      padding: .explicit(before: edges.map { $0.before }, after: edges.map { Swift.max($0.after, 0) }))
    var y = try x.apply(
      Conv2DTransposeOp(window: window, groups: groups), site.weight("kernel", kernel.transposed([2, 3, 1, 0])))
    // What lies behind the last kernel's reach is empty.
    let missing = edges.map { Swift.max(-$0.after, 0) }
    if missing != [0, 0] { y = try y.padded(before: [0, 0, 0, 0], after: [0] + missing + [0]) }
    if let bias = try site.operation.tensor(.bias) {
      guard bias.count == y.shape[3] else { throw site.damaged("its bias has \(bias.count) numbers") }
      y = try y + site.weight("bias", bias.reshaped(to: [bias.count]))
    }
    return [ImportedValue(y, layout: .picture)]  // [N, H, W, C]
  }
}

extension ImportSite {
  /// What is cut off before and behind each axis of a transposed convolution; below 0 where places are added.
  fileprivate func transposedEdges(
    _ x: Value, size: [Int], strides: [Int], dilations: [Int], more: [Int]
  ) throws -> [(before: Int, after: Int)] {
    let kind = try operation.choice(.padType, OperationKind.PadType.self)
    let wanted = try operation.has(.size) ? integers(.size, count: 2) : nil
    return try [0, 1].map { axis in
      let reach = (size[axis] - 1) * dilations[axis] + 1
      let total: Int
      if let wanted {
        guard let length = x.shape[axis + 1] else { throw unsupported("it fixes the size of a result of open size") }
        total = (length - 1) * strides[axis] + reach + more[axis] - wanted[axis]
      } else {
        switch kind {
        case .valid: return (0, -more[axis])
        case .custom:
          let pad = try integers(.pad, count: 4)
          return (pad[2 * axis], pad[2 * axis + 1] - more[axis])
        case .same, .sameLower: total = reach + more[axis] - strides[axis]
        }
      }
      let half = Swift.max(total, 0) / 2
      let before = kind == .same ? half : Swift.max(total, 0) - half
      return (before, total - before - more[axis])
    }
  }
}
