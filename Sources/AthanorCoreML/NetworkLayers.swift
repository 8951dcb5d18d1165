import Athanor
import AthanorCore

// What each layer of a neural network is in the common language.

extension NetworkReader {
  mutating func translate(_ layer: ProtoLayer) throws {
    switch layer.kind {
    case .convolution(let convolution): try translate(convolution)
    case .pooling(let pooling): try translate(pooling)
    case .activation(let activation): try translate(activation)
    case .innerProduct(let product): try translate(product)
    case .batchNormalization(let normalization): try translate(normalization)
    case .softmax: try finish("softmax", ["x": [input()], "axis": [integers([1])]], rank: rank(input()))
    case .softmaxNd(let softmax):
      try finish("softmax", ["x": [input()], "axis": [integers([Int(clamping: softmax.axis)])]], rank: rank(input()))
    case .unary(let unary): try translate(unary)
    case .add, .addBroadcastable: try combine("add")
    case .multiply, .multiplyBroadcastable: try combine("mul")
    case .subtractBroadcastable: try combine("sub")
    case .divideBroadcastable: try combine("real_div")
    case .powBroadcastable: try combine("pow")
    case .max, .maxBroadcastable: try combine("maximum")
    case .min, .minBroadcastable: try combine("minimum")
    case .scale(let scale):
      let factor = try perChannel(scale.scale, scale.scaleShape)
      guard scale.hasBias_p else { return try finish("mul", ["x": [input()], "y": [factor]], rank: rank(input())) }
      let scaled = try add("mul", ["x": [input()], "y": [factor]], rank: rank(input()))
      try finish("add", ["x": [scaled], "y": [perChannel(scale.bias, scale.biasShape)]], rank: rank(scaled))
    case .bias(let bias):
      try finish("add", ["x": [input()], "y": [perChannel(bias.bias, bias.shape)]], rank: rank(input()))
    case .constant(let known), .constantNd(let known):
      let tensor = try tensor(known.data, known.shape.map { Int(clamping: $0) })
      for output in layer.outputs { draft.set(output, .numbers(tensor)) }
    case .copy: try finish("identity", ["x": [input()]], rank: rank(input()))
    case .clip(let clip):
      try finish(
        "clip", ["x": [input()], "alpha": [number(clip.minimum)], "beta": [number(clip.maximum)]], rank: rank(input()))
    case .gelu(let gelu):
      let modes = ["EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"]
      guard modes.indices.contains(Int(gelu.mode)) else {
        throw AthanorError(.data, at: "", "its mode is \(gelu.mode)")
      }
      try finish("gelu", ["x": [input()], "mode": [text(modes[Int(gelu.mode)])]], rank: rank(input()))
    default: try translateLayout(layer)
    }
  }

  private mutating func translateLayout(_ layer: ProtoLayer) throws {
    switch layer.kind {
    case .flatten(let flatten):
      var x = try input()
      if rank(x) == 4, flatten.mode == 1 {
        x = add("transpose", ["x": [x], "perm": [integers([0, 2, 3, 1])]], rank: 4)
      }
      try finish("reshape", ["x": [x], "shape": [integers([0, -1])]], rank: 2)
    case .reshape(let reshape):
      let target = reshape.target.suffix(3).map { Int(clamping: $0) }
      guard reshape.mode == 0, target.count == 3 else {
        throw AthanorError(.unsupported, at: "", "it reshapes with the channels last, which there is nothing for")
      }
      try finish("reshape", ["x": [input()], "shape": [integers([0] + target)]], rank: 4)
    case .reshapeStatic(let reshape):
      let target = reshape.target.map { Int(clamping: $0) }
      try finish("reshape", ["x": [input()], "shape": [integers(target)]], rank: target.count)
    case .flattenTo2D(let flatten):
      try finish("flatten2d", ["x": [input()], "axis": [integers([Int(clamping: flatten.axis)])]], rank: 2)
    case .permute(let permute):
      guard permute.axes.count == 4, permute.axes[0] == 0 else {
        throw AthanorError(.unsupported, at: "", "it moves the sequence's axis, which there is nothing for")
      }
      // Its axes are sequence, channels, height, width.
      let order = try permute.axes.map { axis -> Int in
        guard (0...3).contains(axis) else { throw AthanorError(.data, at: "", "it names axis \(axis)") }
        return Int(axis)
      }
      try finish("transpose", ["x": [picture()], "perm": [integers(order)]], rank: 4)
    case .transpose(let transpose):
      let order = transpose.axes.map { Int(clamping: $0) }
      try finish("transpose", ["x": [input()], "perm": [integers(order)]], rank: order.count)
    case .padding(let padding):
      guard case .constant(let constant) = padding.kind, padding.amounts.edges.count == 2 else {
        throw AthanorError(.unsupported, at: "", "it mirrors or repeats the border, which there is nothing for")
      }
      let pads = padding.amounts.edges.flatMap { [Int(clamping: $0.start), Int(clamping: $0.end)] }
      try finish(
        "pad", ["x": [picture()], "pad": [integers(pads)], "constant_val": [number(constant.value)]], rank: 4)
    case .concat, .concatNd:
      var axis = 1
      if case .concatNd(let concat) = layer.kind { axis = Int(clamping: concat.axis) }
      let values = try layer.inputs.indices.map { try input($0) }
      try finish("concat", ["values": values, "axis": [integers([axis])]], rank: rank(input()))
    case .squeeze(let squeeze):
      let axes = squeeze.axes.map { Int(clamping: $0) }
      try finish("squeeze", ["x": [input()], "axes": [integers(axes)]], rank: rank(input()) - axes.count)
    case .expandDims(let expand):
      let axes = expand.axes.map { Int(clamping: $0) }
      try finish("expand_dims", ["x": [input()], "axes": [integers(axes)]], rank: rank(input()) + axes.count)
    case .slice(let slice):
      let x = try input()
      let axis = rank(x) - 3 + Int(slice.axis)
      guard (0...2).contains(slice.axis), axis > 0 else {
        throw AthanorError(.unsupported, at: "", "it slices axis \(slice.axis) of a value with \(rank(x)) axes")
      }
      var (begin, end) = ([Int](repeating: 0, count: axis), [Int](repeating: 0, count: axis))
      let whole = [Int](repeating: 1, count: axis) + [0]
      begin.append(Int(clamping: slice.start))
      end.append(Int(clamping: slice.end))
      try finish(
        "slice_by_index",
        [
          "x": [x], "begin": [integers(begin)], "end": [integers(end)], "begin_mask": [integers(whole)],
          "end_mask": [integers(slice.end == 0 ? whole.map { _ in 1 } : whole)],
          "stride": [integers(whole.dropLast() + [max(1, Int(clamping: slice.stride))])],
        ], rank: rank(x))
    case .meanVariance(let normalization): try translate(normalization)
    case .reduceMean(let reduce): try translate(reduce, "reduce_mean")
    case .reduceSum(let reduce): try translate(reduce, "reduce_sum")
    case .reduceMax(let reduce): try translate(reduce, "reduce_max")
    case .matMul(let product): try translate(product)
    default:
      throw AthanorError(
        .unsupported, at: "", "there is nothing here for its kind of layer", fix: "Convert the model to an .mlpackage.")
    }
  }

  private mutating func combine(_ operation: String) throws {
    guard layer.inputs.count >= 2 else {
      // With one input its parameter takes the other's place.
      let alpha: Float
      switch layer.kind {
      case .add(let scalar), .multiply(let scalar): alpha = scalar.alpha
      default: throw AthanorError(.data, at: "", "it has one input but needs two")
      }
      return try finish(operation, ["x": [input()], "y": [number(alpha)]], rank: rank(input()))
    }
    var value = try input()
    for index in 1..<layer.inputs.count {
      let arguments = ["x": [value], "y": [try input(index)]]
      let rank = max(rank(value), rank(try input(index)))
      if index == layer.inputs.count - 1 { return try finish(operation, arguments, rank: rank) }
      value = add(operation, arguments, rank: rank)
    }
  }

  /// One number, or one for each channel.
  private mutating func perChannel(_ weights: ProtoWeights, _ shape: [UInt64]) throws -> String {
    let lengths = shape.map { Int(clamping: $0) }
    let tensor = try tensor(weights, lengths)
    let x = try input()
    return constant(rank(x) == 2 ? tensor.seen(as: [tensor.count]) : tensor)
  }

  private mutating func translate(_ convolution: ProtoConvolutionLayer) throws {
    guard !convolution.isDeconvolution else {
      throw AthanorError(.unsupported, at: "", "it is a transposed convolution, which there is nothing for")
    }
    let size = convolution.kernelSize.isEmpty ? [3, 3] : convolution.kernelSize.map { Int(clamping: $0) }
    let channels = [convolution.outputChannels, convolution.kernelChannels].map { Int(clamping: $0) }
    let groups = max(1, Int(clamping: convolution.groups))
    var arguments = ["x": [try picture()], "weight": [constant(try tensor(convolution.weights, channels + size))]]
    if convolution.hasBias_p { arguments["bias"] = [constant(try tensor(convolution.bias, [channels[0]]))] }
    arguments["groups"] = [integers([groups])]
    if !convolution.stride.isEmpty { arguments["strides"] = [integers(convolution.stride.map { Int(clamping: $0) })] }
    if !convolution.dilation.isEmpty {
      arguments["dilations"] = [integers(convolution.dilation.map { Int(clamping: $0) })]
    }
    switch convolution.padding {
    case .same(let same): arguments["pad_type"] = [text(same.mode == 0 ? "same" : "same_lower")]
    case .valid(let valid): pad(valid, &arguments)
    case nil: break
    }
    try finish("conv", arguments, rank: 4)
  }

  private mutating func pad(_ valid: ProtoValidPadding, _ arguments: inout [String: [String]]) {
    guard valid.amounts.edges.count == 2 else { return }
    arguments["pad_type"] = [text("custom")]
    arguments["pad"] = [
      integers(valid.amounts.edges.flatMap { [Int(clamping: $0.start), Int(clamping: $0.end)] })
    ]
  }

  private mutating func translate(_ pooling: ProtoPoolingLayer) throws {
    guard pooling.type == 0 || pooling.type == 1 else {
      throw AthanorError(.unsupported, at: "", "it pools squares, which there is nothing for")
    }
    let x = try picture()
    if pooling.isGlobal {
      let type = pooling.type == 0 ? "reduce_max" : "reduce_mean"
      return try finish(type, ["x": [x], "axes": [integers([2, 3])], "keep_dims": [integers([1])]], rank: 4)
    }
    var arguments = ["x": [x], "kernel_sizes": [integers(pooling.kernelSize.map { Int(clamping: $0) })]]
    if !pooling.stride.isEmpty { arguments["strides"] = [integers(pooling.stride.map { Int(clamping: $0) })] }
    arguments["exclude_padding_from_average"] = [integers([pooling.excludesPadding ? 1 : 0])]
    switch pooling.padding {
    case .same(let same): arguments["pad_type"] = [text(same.mode == 0 ? "same" : "same_lower")]
    case .valid(let valid): pad(valid, &arguments)
    case .includeLastPixel(let padding):
      if padding.amounts.count == 2 {
        arguments["pad_type"] = [text("custom")]
        arguments["pad"] = [integers(padding.amounts.flatMap { [Int(clamping: $0), Int(clamping: $0)] })]
      }
      arguments["ceil_mode"] = [integers([1])]
    case nil: break
    }
    try finish(pooling.type == 0 ? "max_pool" : "avg_pool", arguments, rank: 4)
  }

  private mutating func translate(_ activation: ProtoActivationLayer) throws {
    let x = try input()
    switch activation.kind {
    case .relu: try finish("relu", ["x": [x]], rank: rank(x))
    case .tanh: try finish("tanh", ["x": [x]], rank: rank(x))
    case .sigmoid: try finish("sigmoid", ["x": [x]], rank: rank(x))
    case .softsign: try finish("softsign", ["x": [x]], rank: rank(x))
    case .softplus: try finish("softplus", ["x": [x]], rank: rank(x))
    case .leakyRelu(let leaky): try finish("leaky_relu", ["x": [x], "alpha": [number(leaky.alpha)]], rank: rank(x))
    case .elu(let elu): try finish("elu", ["x": [x], "alpha": [number(elu.alpha)]], rank: rank(x))
    case .linear(let line):
      let scaled = add("mul", ["x": [x], "y": [number(line.alpha)]], rank: rank(x))
      try finish("add", ["x": [scaled], "y": [number(line.beta)]], rank: rank(x))
    case .hardSigmoid(let line):
      try finish("sigmoid_hard", ["x": [x], "alpha": [number(line.alpha)], "beta": [number(line.beta)]], rank: rank(x))
    case .prelu(let slopes):
      let count = max(slopes.alpha.floats.count, slopes.alpha.halves.count / 2)
      try finish("prelu", ["x": [x], "alpha": [constant(tensor(slopes.alpha, [count]))]], rank: rank(x))
    case nil: throw AthanorError(.unsupported, at: "", "there is nothing here for its function")
    }
  }

  private mutating func translate(_ product: ProtoInnerProductLayer) throws {
    var x = try input()
    if rank(x) > 3 { x = add("reshape", ["x": [x], "shape": [integers([0, -1])]], rank: 2) }
    let channels = [Int(clamping: product.outputChannels), Int(clamping: product.inputChannels)]
    var arguments = ["x": [x], "weight": [constant(try tensor(product.weights, channels))]]
    if product.hasBias_p { arguments["bias"] = [constant(try tensor(product.bias, [channels[0]]))] }
    try finish("linear", arguments, rank: rank(x))
  }

  private mutating func translate(_ product: ProtoMatMulLayer) throws {
    let x = try input()
    if layer.inputs.count == 2 {
      let flags = [product.transposesA, product.transposesB].map { integers([$0 ? 1 : 0]) }
      return try finish(
        "matmul", ["x": [x], "y": [input(1)], "transpose_x": [flags[0]], "transpose_y": [flags[1]]], rank: rank(x))
    }
    // The constant matrix is kept column by column: [X2, X1].
    let lengths = [Int(clamping: product.columns), Int(clamping: product.rows)]
    var arguments = ["x": [x], "weight": [constant(try tensor(product.weights, lengths))]]
    if product.hasBias_p { arguments["bias"] = [constant(try tensor(product.bias, [lengths[0]]))] }
    try finish("linear", arguments, rank: rank(x))
  }

  private mutating func translate(_ normalization: ProtoBatchNormalizationLayer) throws {
    guard !normalization.isInstance, !normalization.computesStatistics else {
      throw AthanorError(.unsupported, at: "", "it normalises each example, which there is nothing for")
    }
    let shape = [Int(clamping: normalization.channels)]
    let x = try input()
    let epsilon = normalization.epsilon == 0 ? 1e-5 : normalization.epsilon
    try finish(
      "batch_norm",
      [
        "x": [x], "gamma": [constant(tensor(normalization.gamma, shape))],
        "beta": [constant(tensor(normalization.beta, shape))], "mean": [constant(tensor(normalization.mean, shape))],
        "variance": [constant(tensor(normalization.variance, shape))], "epsilon": [number(epsilon)],
      ], rank: rank(x))
  }

  /// `(x - mean) / (sqrt(variance) + epsilon)` over rows and columns, and channels too.
  private mutating func translate(_ normalization: ProtoMeanVarianceLayer) throws {
    let x = try input()
    let rank = rank(x)
    let (axes, keeps) = (integers(normalization.crossesChannels ? [-3, -2, -1] : [-2, -1]), integers([1]))
    let mean = add("reduce_mean", ["x": [x], "axes": [axes], "keep_dims": [keeps]], rank: rank)
    guard normalization.divides else { return try finish("sub", ["x": [x], "y": [mean]], rank: rank) }
    let centred = add("sub", ["x": [x], "y": [mean]], rank: rank)
    let squares = add("square", ["x": [centred]], rank: rank)
    let variance = add("reduce_mean", ["x": [squares], "axes": [axes], "keep_dims": [keeps]], rank: rank)
    let deviation = add("sqrt", ["x": [variance]], rank: rank)
    let epsilon = number(normalization.epsilon == 0 ? 1e-6 : normalization.epsilon)
    let divisor = add("add", ["x": [deviation], "y": [epsilon]], rank: rank)
    try finish("real_div", ["x": [centred], "y": [divisor]], rank: rank)
  }

  /// First `x * scale + shift`, then the function.
  private mutating func translate(_ unary: ProtoUnaryLayer) throws {
    var x = try input()
    let rank = rank(x)
    if unary.scale != 1, unary.scale != 0 { x = add("mul", ["x": [x], "y": [number(unary.scale)]], rank: rank) }
    if unary.shift != 0 { x = add("add", ["x": [x], "y": [number(unary.shift)]], rank: rank) }
    let epsilon = number(unary.epsilon)
    switch unary.type {
    case 0: try finish("sqrt", ["x": [x]], rank: rank)
    case 1: try finish("rsqrt", ["x": [x], "epsilon": [epsilon]], rank: rank)
    case 2: try finish("inverse", ["x": [x], "epsilon": [epsilon]], rank: rank)
    case 3: try finish("pow", ["x": [x], "y": [number(unary.alpha)]], rank: rank)
    case 4: try finish("exp", ["x": [x]], rank: rank)
    case 5: try finish("log", ["x": [x], "epsilon": [epsilon]], rank: rank)
    case 6: try finish("abs", ["x": [x]], rank: rank)
    case 7: try finish("maximum", ["x": [x], "y": [number(unary.alpha)]], rank: rank)
    default: throw AthanorError(.data, at: "", "its function is number \(unary.type)")
    }
  }

  private mutating func translate(_ reduce: ProtoReduceLayer, _ type: String) throws {
    let x = try input()
    guard !reduce.reducesAll else { throw AthanorError(.unsupported, at: "", "it goes along the batch") }
    let arguments = [
      "x": [x], "axes": [integers(reduce.axes.map { Int(clamping: $0) })],
      "keep_dims": [integers([reduce.keepsAxes ? 1 : 0])],
    ]
    try finish(type, arguments, rank: reduce.keepsAxes ? rank(x) : rank(x) - reduce.axes.count)
  }
}
