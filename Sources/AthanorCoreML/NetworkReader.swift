import Athanor
import AthanorCore

/// Reads a model of the format before ML Program, translating each layer into the common language.
///
/// That format sees a vector as `[C, 1, 1]`; here it stays `[N, C]` until a layer needs a picture.
struct NetworkReader: ProgramTranslator {
  private(set) var result: ImportedProgram
  var draft = ProgramDraft()
  /// How many axes each value has, as far as the layers so far tell.
  private var ranks: [String: Int] = [:]
  /// The layer that is being translated.
  private var layer = ProtoLayer()

  /// - Throws: `AthanorError` that names the layer, when there is nothing here for it.
  init(_ file: CoreMLFile, _ network: ProtoNeuralNetwork, isClassifier: Bool) throws {
    let feature = try file.onlyInput()
    var input = ImportedProgram.Input(name: feature.name, shape: [], isPicture: false)
    switch feature.type.kind {
    case .image(let image):
      let channels = image.colorSpace == 10 || image.colorSpace == 40 ? 1 : 3
      input.shape = [1, channels, Int(clamping: image.height), Int(clamping: image.width)]
      input.isPicture = true
    case .array(let array):
      let lengths = array.shape.map { Int(clamping: $0) }
      // Without an exact mapping a batch is not declared.
      input.shape = network.arrayShapes == 0 || lengths.count == 1 ? [1] + lengths : lengths
    default: throw AthanorError(.unsupported, at: "input \"\(feature.name)\"", "is neither a picture nor an array")
    }
    guard input.shape.count >= 2, input.shape.allSatisfy({ $0 > 0 }),
      Tensor.elementCount(of: input.shape).map({ $0 <= Shape.mostElements }) == true
    else { throw AthanorError(.data, at: "input \"\(feature.name)\"", "has the shape \(Shape.text(input.shape))") }
    result = ImportedProgram(input: input, constants: [:], operations: [], output: "")
    ranks[input.name] = input.shape.count
    try preprocess(network, input)
    for layer in network.layers {
      begin(layer)
      do {
        try translate(layer)
      } catch let error as AthanorError {
        throw error.within("layer \"\(layer.name)\"")
      }
    }
    var output = network.layers.last?.outputs.first ?? ""
    if isClassifier {
      if !network.probabilities.isEmpty { output = network.probabilities }
      if ranks[output] == 4 {
        begin(.with { $0.name = "probabilities" })
        output = add("reshape", ["x": [output], "shape": [integers([0, -1])]], rank: 2)
      }
    } else if file.model.description_p.outputs.count == 1 {
      output = file.model.description_p.outputs[0].name
    } else {
      throw AthanorError(
        .unsupported, at: "", "it has \(file.model.description_p.outputs.count) outputs, but models here have one")
    }
    result = ImportedProgram(input: input, constants: draft.constants, operations: draft.operations, output: output)
  }

  /// `channelScale * x + bias`, by colour. All readers of the input read the result.
  private mutating func preprocess(_ network: ProtoNeuralNetwork, _ input: ImportedProgram.Input) throws {
    guard let first = network.preprocessing.first else { return }
    guard network.preprocessing.count == 1, case .scaler(let scaler) = first.kind, input.isPicture else {
      throw AthanorError(.unsupported, at: "preprocessing", "subtracts a picture, which there is nothing for")
    }
    begin(.with { $0.name = "preprocessing" })
    var value = add("mul", ["x": [input.name], "y": [number(scaler.channelScale)]], rank: 4)
    let biases = input.shape[1] == 1 ? [scaler.grayBias] : [scaler.redBias, scaler.greenBias, scaler.blueBias]
    if biases.contains(where: { $0 != 0 }) {
      let bias = Tensor(uncheckedShape: [biases.count, 1, 1], .float32(biases))
      value = add("add", ["x": [value], "y": [constant(bias)]], rank: 4)
    }
    renamed[input.name] = value
  }
  private var renamed: [String: String] = [:]

  // MARK: Writing

  private mutating func begin(_ layer: ProtoLayer) {
    self.layer = layer
    draft.begin(layer.name, results: layer.outputs)
  }

  private mutating func add(_ type: String, _ arguments: [String: [String]], rank: Int) -> String {
    let output = add(type, arguments)
    ranks[output] = rank
    return output
  }

  private mutating func finish(_ type: String, _ arguments: [String: [String]], rank: Int) throws {
    try finish(type, arguments)
    ranks[layer.outputs[0]] = rank
  }

  private func input(_ index: Int = 0) throws -> String {
    guard index < layer.inputs.count else { throw AthanorError(.data, at: "", "its input \(index + 1) is missing") }
    return renamed[layer.inputs[index]] ?? layer.inputs[index]
  }

  private func rank(_ value: String) -> Int { ranks[value] ?? 2 }

  /// The input as a picture `[N, C, H, W]`.
  private mutating func picture() throws -> String {
    let x = try input()
    return rank(x) == 2 ? add("reshape", ["x": [x], "shape": [integers([0, -1, 1, 1])]], rank: 4) : x
  }

  /// The numbers of weights of a given shape.
  private func tensor(_ weights: ProtoWeights, _ shape: [Int]) throws -> Tensor {
    guard let count = Tensor.elementCount(of: shape), count <= Shape.mostElements else {
      throw AthanorError(.data, at: "", "its weights would have shape \(shape)")
    }
    var numbers = weights.floats
    if !weights.halves.isEmpty {
      let bytes = [UInt8](weights.halves)
      numbers = stride(from: 0, to: bytes.count - 1, by: 2).map { place in
        let pattern: UInt16 = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
        return AthanorCoreML.number(halfPattern: pattern)
      }
    } else if !weights.raw.isEmpty {
      numbers = try dequantized(weights, count, channels: shape.first ?? 1)
    }
    guard numbers.count == count else {
      throw AthanorError(.data, at: "", "its weights of shape \(Shape.text(shape)) have \(numbers.count) numbers")
    }
    return Tensor(uncheckedShape: shape, .float32(numbers))
  }

  /// `q * scale + bias`, or entries of a table; indices are packed from the highest bit.
  private func dequantized(_ weights: ProtoWeights, _ count: Int, channels: Int) throws -> [Float] {
    let bits = Int(clamping: weights.quantization.bits)
    guard (1...8).contains(bits), weights.raw.count == (count * bits + 7) / 8 else {
      throw AthanorError(.data, at: "", "its \(count) weights of \(bits) bits have \(weights.raw.count) bytes")
    }
    let indices = unpacked([UInt8](weights.raw), bits: bits, count: count, lowestFirst: false)
    switch weights.quantization.kind {
    case .table(let table):
      guard table.values.count == 1 << bits else { throw AthanorError(.data, at: "", "its table is not complete") }
      return indices.map { table.values[Int($0)] }
    case .linear(let linear):
      let (scales, biases) = (linear.scale, linear.bias)
      guard [scales.count, biases.count].allSatisfy({ [0, 1, channels].contains($0) }), channels > 0, !scales.isEmpty
      else { throw AthanorError(.data, at: "", "it has \(scales.count) scales for \(channels) channels") }
      let perChannel = max(1, count / channels)
      return indices.enumerated().map { index, value in
        let channel = index / perChannel
        let bias = biases.isEmpty ? 0 : biases[biases.count == 1 ? 0 : channel]
        return Float(value) * scales[scales.count == 1 ? 0 : channel] + bias
      }
    case nil: throw AthanorError(.data, at: "", "its weights do not say how they are quantised")
    }
  }

  // MARK: Layers

  private mutating func translate(_ layer: ProtoLayer) throws {
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
