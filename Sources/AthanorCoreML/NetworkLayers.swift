import Athanor
import AthanorCore

// What each layer of a neural network is in the exchange language.

extension NetworkReader {
  mutating func translate(_ layer: ProtoLayer) throws {
    switch layer.kind {
    case .convolution(let message): try reading(message) { try translate($0) }
    case .pooling(let message): try reading(message) { try translate($0) }
    case .activation(let message): try reading(message) { try translate($0) }
    case .innerProduct(let message): try reading(message) { try translate($0) }
    case .batchNormalization(let message): try reading(message) { try translate($0) }
    case .softmax: try finish(.softmax, [.axis: .integer(1)])
    case .softmaxNd(let softmax): try finish(.softmax, [.axis: .integer(axis(softmax.axis))])
    case .unary(let message): try reading(message) { try translate($0) }
    case .add(let message): try reading(message) { try combine(.add, $0) }
    case .multiply(let message): try reading(message) { try combine(.multiply, $0) }
    case .addBroadcastable: try combine(.add)
    case .multiplyBroadcastable: try combine(.multiply)
    case .subtractBroadcastable: try combine(.subtract)
    case .divideBroadcastable: try combine(.divide)
    case .powBroadcastable: try combine(.power)
    case .max, .maxBroadcastable: try combine(.maximum)
    case .min, .minBroadcastable: try combine(.minimum)
    case .scale(let message):
      try reading(message) { scale in
        let factor = try perChannel(scale.scale, scale.scaleShape)
        guard scale.hasBias_p else { return try finish(.binary(.multiply), [.y: factor]) }
        let scaled = try add(.binary(.multiply), [.y: factor], rank: rank(input()))
        try finish(.binary(.add), [.x: .operand(scaled), .y: perChannel(scale.bias, scale.biasShape)])
      }
    case .bias(let bias): try finish(.binary(.add), [.y: perChannel(bias.bias, bias.shape)])
    case .constant(let known), .constantNd(let known):
      let tensor = try tensor(known.data, known.shape.map { Int(clamping: $0) })
      for output in layer.outputs { set(output, tensor) }
    case .copy: try finish(.identity)
    case .clip(let clip):
      try finish(.clip, [.alpha: .number(Double(clip.minimum)), .beta: .number(Double(clip.maximum))])
    case .gelu(let gelu):
      let modes = OperationKind.GeluMode.allCases
      guard modes.indices.contains(Int(gelu.mode)) else {
        throw AthanorError(.data, at: "", "its mode is \(gelu.mode)")
      }
      try finish(.gelu, [.mode: .choice(modes[Int(gelu.mode)])])
    default: try translateLayout(layer)
    }
  }

  private mutating func translateLayout(_ layer: ProtoLayer) throws {
    switch layer.kind {
    case .flatten(let flatten):
      var x = try input()
      guard (0...1).contains(flatten.mode) else {
        throw AthanorError(.unsupported, at: "", "its mode is \(flatten.mode)")
      }
      if rank(x) == 4, flatten.mode == 1 { x = try add(.transpose, [.perm: .integers(Layout.toGraph)], rank: 4) }
      try finish(.reshape, [.x: .operand(x), .shape: .integers([0, -1])], rank: 2)
    case .reshape(let reshape):
      let target = reshape.target.suffix(3).map { Int(clamping: $0) }
      guard reshape.mode == 0, target.count == 3, reshape.target.dropLast(3).allSatisfy({ $0 == 1 }) else {
        throw AthanorError(
          .unsupported, at: "", "it reshapes with the channels last or along a sequence, which is not supported")
      }
      try finish(.reshape, [.shape: .integers([0] + target)], rank: 4)
    case .reshapeStatic(let reshape):
      let target = reshape.target.map { Int(clamping: $0) }
      try finish(.reshape, [.shape: .integers(target)], rank: target.count)
    case .flattenTo2D(let flatten):
      try finish(.flatten2d, [.axis: .integer(axis(flatten.axis))], rank: 2)
    case .permute(let permute):
      guard permute.axes.count == 4, permute.axes[0] == 0 else {
        throw AthanorError(.unsupported, at: "", "it moves the sequence's axis, which is not supported")
      }
      // Its axes are sequence, channels, height, width.
      let order = try permute.axes.map { axis -> Int in
        guard (0...3).contains(axis) else { throw AthanorError(.data, at: "", "it names axis \(axis)") }
        return Int(axis)
      }
      try finish(.transpose, [.x: .operand(picture()), .perm: .integers(order)], rank: 4)
    case .transpose(let transpose):
      let order = try transpose.axes.map { try axis(Int64(clamping: $0)) }
      try finish(.transpose, [.perm: .integers(order)], rank: order.count)
    case .padding(let padding):
      guard padding.amounts.edges.count == 2 else {
        throw AthanorError(.data, at: "", "it pads \(padding.amounts.edges.count) axes, not height and width")
      }
      var arguments: [ArgumentName: Program.Argument] = [
        .x: .operand(try picture()), .pad: .integers(edges(padding.amounts.edges)),
      ]
      switch padding.kind {
      case .constant(let constant): arguments[.constantValue] = .number(Double(constant.value))
      case .reflection: arguments[.mode] = .choice(OperationKind.PadMode.reflect)
      case .replication: arguments[.mode] = .choice(OperationKind.PadMode.replicate)
      case nil: throw AthanorError(.data, at: "", "it does not say with what it pads")
      }
      try finish(.pad, arguments, rank: 4)
    case .concat(let concat):
      guard !concat.alongSequence else {
        throw AthanorError(.unsupported, at: "", "it joins along a sequence, which is not supported")
      }
      try concatenate(axis: 1)
    case .concatNd(let concat): try concatenate(axis: axis(concat.axis), interleaves: concat.interleaves)
    case .squeeze(let squeeze):
      guard !squeeze.squeezesAll else {
        throw AthanorError(.unsupported, at: "", "it drops all axes of length 1, and an open one may be that")
      }
      let axes = try self.axes(squeeze.axes)
      try finish(.squeeze, [.axes: .integers(axes)], rank: rank(input()) - axes.count)
    case .expandDims(let expand):
      let axes = try self.axes(expand.axes)
      try finish(.expandDims, [.axes: .integers(axes)], rank: rank(input()) + axes.count)
    case .slice(let slice):
      let rank = rank(try input())
      let axis = rank - 3 + Int(slice.axis)
      guard (0...2).contains(slice.axis), axis > 0 else {
        throw AthanorError(.unsupported, at: "", "it slices axis \(slice.axis) of a value with \(rank) axes")
      }
      let (zeros, whole) = ([Int](repeating: 0, count: axis), [Int](repeating: 1, count: axis))
      try finish(
        .sliceByIndex,
        [
          .begin: .integers(zeros + [Int(clamping: slice.start)]), .end: .integers(zeros + [Int(clamping: slice.end)]),
          .beginMask: .integers(whole + [0]), .endMask: .integers(whole + [slice.end == 0 ? 1 : 0]),
          .stride: .integers(whole + [max(1, Int(clamping: slice.stride))]),
        ])
    case .meanVariance(let message): try reading(message) { try translate($0) }
    case .reduceMean(let message): try reading(message) { try translate($0, .reduceMean) }
    case .reduceSum(let message): try reading(message) { try translate($0, .reduceSum) }
    case .reduceMax(let message): try reading(message) { try translate($0, .reduceMax) }
    case .matMul(let message): try reading(message) { try translate($0) }
    default:
      throw NetworkReader.unsupportedKind
    }
  }

  static var unsupportedKind: AthanorError {
    AthanorError(
      .unsupported, at: "", "layers of this kind are not supported", fix: "Convert the model to an .mlpackage.")
  }

  private mutating func concatenate(axis: Int, interleaves: Bool = false) throws {
    let values = try layer.inputs.indices.map { try input($0) }
    try finish(
      .concat, [.values: .operands(values), .axis: .integer(axis), .interleave: .flag(interleaves)])
  }

  /// - Parameter scalar: The number that takes the second input's place where there is none.
  private mutating func combine(_ function: BinaryFunction, _ scalar: Fields<ProtoScalarLayer>? = nil) throws {
    guard layer.inputs.count >= 2 else {
      guard let scalar else { throw AthanorError(.data, at: "", "it has one input but needs two") }
      return try finish(.binary(function), [.y: .scalar(Double(scalar.alpha))])
    }
    var value = try input()
    for index in 1..<layer.inputs.count {
      let arguments: [ArgumentName: Program.Argument] = [.x: .operand(value), .y: .operand(try input(index))]
      let rank = max(rank(value), rank(try input(index)))
      if index == layer.inputs.count - 1 { return try finish(.binary(function), arguments, rank: rank) }
      value = try add(.binary(function), arguments, rank: rank)
    }
  }

  /// One number, one for each channel (`[C]` too), or one for each place of the last axes.
  private mutating func perChannel(_ weights: ProtoWeights, _ shape: [UInt64]) throws -> Program.Argument {
    let tensor = try tensor(weights, shape.map { Int(clamping: $0) })
    if try rank(input()) == 2 { return .constant(tensor.reshaped(to: [tensor.count])) }
    let isList = tensor.shape.count == 1 && tensor.count > 1
    return .constant(isList ? tensor.reshaped(to: [tensor.count, 1, 1]) : tensor)
  }

  // MARK: Windows

  private mutating func translate(_ convolution: Fields<ProtoConvolutionLayer>) throws {
    guard !convolution.isDeconvolution else {
      throw AthanorError(.unsupported, at: "", "it is a transposed convolution, which is not supported")
    }
    let size = convolution.kernelSize.isEmpty ? [3, 3] : convolution.kernelSize.map { Int(clamping: $0) }
    let channels = [convolution.outputChannels, convolution.kernelChannels].map { Int(clamping: $0) }
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .operand(try picture()), .weight: .constant(try tensor(convolution.weights, channels + size)),
      .groups: .integer(max(1, Int(clamping: convolution.groups))),
    ]
    if convolution.hasBias_p { arguments[.bias] = .constant(try tensor(convolution.bias, [channels[0]])) }
    if !convolution.stride.isEmpty { arguments[.strides] = .integers(convolution.stride.map { Int(clamping: $0) }) }
    if !convolution.dilation.isEmpty {
      arguments[.dilations] = .integers(convolution.dilation.map { Int(clamping: $0) })
    }
    switch convolution.padding {
    case .same(let same): arguments[.padType] = try padType(same)
    case .valid(let valid): try pad(edges(valid.amounts.edges), &arguments)
    case nil: break
    }
    try finish(.conv, arguments, rank: 4)
  }

  private func edges(_ edges: [ProtoBorders.Edges]) -> [Int] {
    edges.flatMap { [Int(clamping: $0.start), Int(clamping: $0.end)] }
  }

  private func padType(_ same: ProtoSamePadding) throws -> Program.Argument {
    switch same.mode {
    case 0: .choice(OperationKind.PadType.same)
    case 1: .choice(OperationKind.PadType.sameLower)
    default: throw AthanorError(.unsupported, at: "", "its way of padding is number \(same.mode)")
    }
  }

  private func pad(_ amounts: [Int], _ arguments: inout [ArgumentName: Program.Argument]) throws {
    guard !amounts.isEmpty else { return }
    guard amounts.count == 4 else {
      throw AthanorError(.unsupported, at: "", "it pads by \(amounts), but height and width are padded here")
    }
    arguments[.padType] = .choice(OperationKind.PadType.custom)
    arguments[.pad] = .integers(amounts)
  }

  private mutating func translate(_ pooling: Fields<ProtoPoolingLayer>) throws {
    guard pooling.type == 0 || pooling.type == 1 else {
      throw AthanorError(.unsupported, at: "", "it pools squares, which is not supported")
    }
    let (isMaximum, x) = (pooling.type == 0, Program.Argument.operand(try picture()))
    if pooling.isGlobal {
      return try finish(
        isMaximum ? .reduceMax : .reduceMean, [.x: x, .axes: .integers([2, 3]), .keepDims: .flag(true)], rank: 4)
    }
    var arguments: [ArgumentName: Program.Argument] = [
      .x: x,
      .kernelSizes: .integers(pooling.kernelSize.isEmpty ? [3, 3] : pooling.kernelSize.map { Int(clamping: $0) }),
    ]
    if !pooling.stride.isEmpty { arguments[.strides] = .integers(pooling.stride.map { Int(clamping: $0) }) }
    if !isMaximum { arguments[.excludePadding] = .flag(pooling.excludesPadding) }
    switch pooling.padding {
    case .same(let same): arguments[.padType] = try padType(same)
    case .valid(let valid): try pad(edges(valid.amounts.edges), &arguments)
    case .includeLastPixel(let padding):
      try pad(padding.amounts.flatMap { [Int(clamping: $0), Int(clamping: $0)] }, &arguments)
      arguments[.ceilMode] = .flag(true)
    case nil: break
    }
    try finish(isMaximum ? .maxPool : .avgPool, arguments, rank: 4)
  }

  // MARK: Functions

  private mutating func translate(_ activation: Fields<ProtoActivationLayer>) throws {
    switch activation.kind {
    case .relu: try finish(.unary(.relu))
    case .tanh: try finish(.unary(.tanh))
    case .sigmoid: try finish(.unary(.sigmoid))
    case .softsign: try finish(.softsign)
    case .softplus: try finish(.unary(.softplus))
    case .leakyRelu(let leaky): try finish(.unary(.leakyRelu), [.alpha: .number(Double(leaky.alpha))])
    case .elu(let elu): try finish(.unary(.elu), [.alpha: .number(Double(elu.alpha))])
    case .linear(let line): try translate(scale: line.alpha, shift: line.beta)
    case .hardSigmoid(let line):
      try finish(.sigmoidHard, [.alpha: .number(Double(line.alpha)), .beta: .number(Double(line.beta))])
    case .prelu(let slopes):
      let count = max(slopes.alpha.floats.count, slopes.alpha.halves.count / 2)
      try finish(.prelu, [.alpha: .constant(tensor(slopes.alpha, [count]))])
    case .scaledTanh(let curve):
      let scaled = try add(.binary(.multiply), [.y: .scalar(Double(curve.beta))], rank: rank(input()))
      let bent = try add(.unary(.tanh), [.x: .operand(scaled)], rank: rank(input()))
      try finish(.binary(.multiply), [.x: .operand(bent), .y: .scalar(Double(curve.alpha))])
    case .parametricSoftplus(let slopes):
      let scaled = try add(.binary(.multiply), [.y: slope(slopes.beta)], rank: rank(input()))
      let bent = try add(.unary(.softplus), [.x: .operand(scaled)], rank: rank(input()))
      try finish(.binary(.multiply), [.x: .operand(bent), .y: slope(slopes.alpha)])
    case .thresholdedRelu(let threshold):
      try finish(.thresholdedRelu, [.alpha: .number(Double(threshold.alpha))])
    case nil:
      throw AthanorError(.unsupported, at: "", "its function is not supported")
    }
  }

  /// A number for each channel.
  private func slope(_ weights: ProtoWeights) throws -> Program.Argument {
    let count = max(weights.floats.count, weights.halves.count / 2)
    return .constant(try tensor(weights, try rank(input()) == 4 && count > 1 ? [count, 1, 1] : [count]))
  }

  /// `x * scale + shift`
  private mutating func translate(scale: Float, shift: Float) throws {
    let scaled = try add(.binary(.multiply), [.y: .scalar(Double(scale))], rank: rank(input()))
    try finish(.binary(.add), [.x: .operand(scaled), .y: .scalar(Double(shift))])
  }

  /// First `x * scale + shift`, then the function.
  private mutating func translate(_ unary: Fields<ProtoUnaryLayer>) throws {
    var x = try input()
    let rank = rank(x)
    if unary.scale != 1, unary.scale != 0 {
      x = try add(.binary(.multiply), [.y: .scalar(Double(unary.scale))], rank: rank)
    }
    if unary.shift != 0 {
      x = try add(.binary(.add), [.x: .operand(x), .y: .scalar(Double(unary.shift))], rank: rank)
    }
    func apply(_ function: UnaryFunction) throws {
      var arguments: [ArgumentName: Program.Argument] = [.x: .operand(x)]
      if function.row.parameter?.name == .epsilon { arguments[.epsilon] = .number(Double(unary.epsilon)) }
      try finish(.unary(function), arguments)
    }
    func apply(_ function: BinaryFunction) throws {
      try finish(.binary(function), [.x: .operand(x), .y: .scalar(Double(unary.alpha))])
    }
    switch unary.type {
    case 0: try apply(.sqrt)
    case 1: try apply(.rsqrt)
    case 2: try apply(.reciprocal)
    case 3: try apply(.power)
    case 4: try apply(.exp)
    case 5: try apply(.log)
    case 6: try apply(.abs)
    case 7: try apply(.maximum)
    default: throw AthanorError(.data, at: "", "its function is number \(unary.type)")
    }
  }

  private mutating func translate(_ reduce: Fields<ProtoReduceLayer>, _ kind: OperationKind) throws {
    guard !reduce.reducesAll else { throw AthanorError(.unsupported, at: "", "it goes along the batch") }
    try finish(
      kind, [.axes: .integers(try axes(reduce.axes)), .keepDims: .flag(reduce.keepsAxes)],
      rank: reduce.keepsAxes ? rank(input()) : rank(input()) - reduce.axes.count)
  }

  // MARK: Products and normalisation

  private mutating func translate(_ product: Fields<ProtoInnerProductLayer>) throws {
    var x = try input()
    if rank(x) > 3 { x = try add(.reshape, [.shape: .integers([0, -1])], rank: 2) }
    let channels = [Int(clamping: product.outputChannels), Int(clamping: product.inputChannels)]
    var arguments: [ArgumentName: Program.Argument] = [
      .x: .operand(x), .weight: .constant(try tensor(product.weights, channels)),
    ]
    if product.hasBias_p { arguments[.bias] = .constant(try tensor(product.bias, [channels[0]])) }
    try finish(.linear, arguments, rank: rank(x))
  }

  private mutating func translate(_ product: Fields<ProtoMatMulLayer>) throws {
    if layer.inputs.count == 2 {
      return try finish(
        .matmul,
        [
          .y: .operand(input(1)), .transposeX: .flag(product.transposesA), .transposeY: .flag(product.transposesB),
        ])
    }
    // The constant matrix is kept column by column: [X2, X1].
    let lengths = [Int(clamping: product.columns), Int(clamping: product.rows)]
    var arguments: [ArgumentName: Program.Argument] = [.weight: .constant(try tensor(product.weights, lengths))]
    if product.hasBias_p { arguments[.bias] = .constant(try tensor(product.bias, [lengths[0]])) }
    try finish(.linear, arguments)
  }

  private mutating func translate(_ normalization: Fields<ProtoBatchNormalizationLayer>) throws {
    let shape = [Int(clamping: normalization.channels)]
    guard !normalization.isInstance else {
      guard normalization.computesStatistics else {
        throw AthanorError(.unsupported, at: "", "it normalises each example by known statistics")
      }
      return try finish(
        .instanceNorm,
        [
          .x: .operand(picture()), .gamma: .constant(tensor(normalization.gamma, shape)),
          .beta: .constant(tensor(normalization.beta, shape)),
          .epsilon: .number(normalization.epsilon == 0 ? 1e-5 : Double(normalization.epsilon)),
        ], rank: 4)
    }
    guard !normalization.computesStatistics else {
      throw AthanorError(.unsupported, at: "", "it normalises all examples by their own statistics")
    }
    try finish(
      .batchNorm,
      [
        .gamma: .constant(tensor(normalization.gamma, shape)), .beta: .constant(tensor(normalization.beta, shape)),
        .mean: .constant(tensor(normalization.mean, shape)),
        .variance: .constant(tensor(normalization.variance, shape)),
        .epsilon: .number(normalization.epsilon == 0 ? 1e-5 : Double(normalization.epsilon)),
      ])
  }

  /// `(x - mean) / (sqrt(variance) + epsilon)` over rows and columns, and channels too.
  private mutating func translate(_ normalization: Fields<ProtoMeanVarianceLayer>) throws {
    let rank = rank(try input())
    let axes = Program.Argument.integers(normalization.crossesChannels ? [-3, -2, -1] : [-2, -1])
    let mean = try add(.reduceMean, [.axes: axes, .keepDims: .flag(true)], rank: rank)
    guard normalization.divides else { return try finish(.binary(.subtract), [.y: .operand(mean)]) }
    let centred = try add(.binary(.subtract), [.y: .operand(mean)], rank: rank)
    let squares = try add(.unary(.square), [.x: .operand(centred)], rank: rank)
    let variance = try add(
      .reduceMean, [.x: .operand(squares), .axes: axes, .keepDims: .flag(true)], rank: rank)
    let deviation = try add(.unary(.sqrt), [.x: .operand(variance)], rank: rank)
    let epsilon = normalization.epsilon == 0 ? 1e-6 : Double(normalization.epsilon)
    let divisor = try add(.binary(.add), [.x: .operand(deviation), .y: .scalar(epsilon)], rank: rank)
    try finish(.binary(.divide), [.x: .operand(centred), .y: .operand(divisor)])
  }
}
