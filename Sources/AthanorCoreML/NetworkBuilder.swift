import Athanor
import AthanorCore

/// Writes a program as the layers of a neural network of the format before ML Program.
///
/// All values have the five axes of that format, of which the program's `[N, C, H, W]` are the last four, and `[N, C]` has rows and columns
/// of length 1. Whatever would need other axes is refused.
struct NetworkBuilder {
  private(set) var layers: [ProtoLayer] = []
  /// What the first multiplication of the picture by a number has become, and the addition to it.
  private(set) var pictureScale: Float?
  private(set) var pictureBias: [Float]?
  private let usesHalfPrecision: Bool
  private let compression: Compression?
  /// The input, and the names of what preprocessing makes of it.
  private var inputNames: Set<String>
  private let input: String

  /// - Throws: `AthanorError` that names the layer, when the format has none for an operation.
  init(_ program: Program, usesHalfPrecision: Bool, compression: Compression?) throws {
    self.usesHalfPrecision = usesHalfPrecision
    self.compression = compression
    input = program.inputs.first?.name ?? ""
    inputNames = [input]
    try program.translate { try write($0, rank: $0.results[0].shape?.rank ?? 0) }
  }

  private mutating func write(_ operation: Program.Operation, rank: Int) throws {
    let name = operation.results[0].name
    if rank == 4, layers.isEmpty, pictureBias == nil, inputNames.isSuperset(of: operation.computedNames),
      let numbers = operation.constant(.y)
    {
      if operation.kind.function == .binary(.multiply), numbers.count == 1, pictureScale == nil {
        pictureScale = numbers.floats[0]
        inputNames.insert(name)
        return
      }
      if operation.kind.function == .binary(.add), [1, 3].contains(numbers.count) {
        pictureBias = numbers.floats
        inputNames.insert(name)
        return
      }
    }
    guard let kind = try layer(operation, rank: rank) else {
      throw AthanorError(
        .unsupported, at: "", "the .mlmodel format has no layer for it (\(operation.kind))",
        fix: "Export an .mlpackage, which iOS 15 and macOS 12 read.")
    }
    layers.append(
      .with {
        ($0.name, $0.outputs, $0.kind) = (name, [name], kind)
        $0.inputs = operation.computedNames.map { inputNames.contains($0) ? input : $0 }
      })
  }

  private func layer(_ operation: Program.Operation, rank: Int) throws -> ProtoLayer.OneOf_Kind? {
    switch operation.kind {
    case .conv: return .convolution(try convolution(operation))
    case .maxPool: return .pooling(try pooling(operation, type: 0))
    case .avgPool: return .pooling(try pooling(operation, type: 1))
    case .reduceMax where try operation.integers(.axes) == [2, 3]: return globalPooling(0)
    case .reduceMean where try operation.integers(.axes) == [2, 3]: return globalPooling(1)
    case .pad where rank == 4:
      let pads = try operation.integers(.pad)
      guard pads.count == 8, pads.prefix(4).allSatisfy({ $0 == 0 }) else { return nil }
      let value = Float(try operation.number(.constantValue))
      return .padding(
        .with { ($0.constant.value, $0.amounts) = (value, edges(Array(pads.dropFirst(4))).amounts) })
    case .transpose where rank == 4:
      let order = try operation.integers(.perm)
      guard order.first == 0 else { return nil }
      return .permute(.with { $0.axes = order.map { Int64($0) } })
    case .reshape where rank == 2: return .flatten(ProtoFlattenLayer())
    case .linear where rank == 2: return .innerProduct(try product(operation))
    case .batchNorm where rank == 2 || rank == 4: return .batchNormalization(try normalization(operation))
    case .softmax where rank == 2: return .softmax(ProtoEmpty())
    default: break
    }
    switch operation.kind.function {
    case .unary(.relu): return .activation(.with { $0.relu = ProtoEmpty() })
    case .unary(.sigmoid): return .activation(.with { $0.sigmoid = ProtoEmpty() })
    case .unary(.tanh): return .activation(.with { $0.tanh = ProtoEmpty() })
    case .unary(.softplus): return .activation(.with { $0.softplus = ProtoEmpty() })
    case .unary(.leakyRelu):
      let alpha = Float(try operation.number(.alpha))
      return .activation(.with { $0.leakyRelu.alpha = alpha })
    case .unary(.elu):
      let alpha = Float(try operation.number(.alpha))
      return .activation(.with { $0.elu.alpha = alpha })
    case .binary(let function): return pointwise(function, operation, rank: rank)
    case .unary, nil: return nil
    }
  }

  private func weights(_ tensor: Tensor?) -> ProtoWeights {
    if let compression, let tensor, Compression.concerns(tensor.shape) { return compressed(tensor, compression) }
    return .with {
      if usesHalfPrecision {
        $0.halves = .init([UInt8](tensor?.floats ?? [], as: .float16))
      } else {
        $0.floats = tensor?.floats ?? []
      }
    }
  }

  /// One byte or less for each number; `q * scale + bias`, or a table's entries.
  private func compressed(_ tensor: Tensor, _ compression: Compression) -> ProtoWeights {
    var weights = ProtoWeights()
    switch compression {
    case .int8:
      let (codes, scales) = Compression.codes(of: tensor)
      weights.raw = .init(codes.map { UInt8(Int($0) + 128) })
      weights.quantization.bits = 8
      weights.quantization.linear.scale = scales
      weights.quantization.linear.bias = scales.map { -128 * $0 }
    case .palette(let bits):
      let (indices, table) = Compression.indices(of: tensor.floats, bits: bits)
      weights.raw = .init(packed(indices, bits: bits, lowestFirst: false))
      weights.quantization.bits = UInt64(bits)
      weights.quantization.table.values = table
    }
    return weights
  }

  private func edges(_ padding: [Int]) -> ProtoValidPadding {
    .with {
      guard padding.contains(where: { $0 != 0 }) else { return }
      $0.amounts.edges = stride(from: 0, to: padding.count, by: 2).map { axis in
        .with { ($0.start, $0.end) = (UInt64(padding[axis]), UInt64(padding[axis + 1])) }
      }
    }
  }

  private func isSame(_ operation: Program.Operation) throws -> Bool {
    try operation.choice(.padType, OperationKind.PadType.self) == .same
  }

  private func convolution(_ operation: Program.Operation) throws -> ProtoConvolutionLayer {
    let kernel = try operation.required(.weight)
    let lengths = kernel.shape.map { UInt64($0) }
    var layer = ProtoConvolutionLayer()
    guard lengths.count == 4 else { return layer }
    (layer.outputChannels, layer.kernelChannels, layer.kernelSize) = (lengths[0], lengths[1], Array(lengths[2...]))
    layer.groups = UInt64(try operation.integer(.groups))
    layer.stride = try operation.integers(.strides).map { UInt64($0) }
    layer.dilation = try operation.integers(.dilations).map { UInt64($0) }
    if try isSame(operation) {
      layer.same = ProtoSamePadding()
    } else {
      layer.valid = edges(try operation.integers(.pad))
    }
    layer.weights = weights(kernel)
    guard let bias = try operation.tensor(.bias) else { return layer }
    layer.hasBias_p = true
    layer.bias = weights(bias)
    return layer
  }

  private func pooling(_ operation: Program.Operation, type: Int32) throws -> ProtoPoolingLayer {
    var layer = ProtoPoolingLayer()
    layer.type = type
    layer.kernelSize = try operation.integers(.kernelSizes).map { UInt64($0) }
    layer.stride = try operation.integers(.strides).map { UInt64($0) }
    if try isSame(operation) {
      layer.same = ProtoSamePadding()
    } else {
      layer.valid = edges(try operation.integers(.pad))
    }
    layer.excludesPadding = true
    return layer
  }

  private func globalPooling(_ type: Int32) -> ProtoLayer.OneOf_Kind {
    .pooling(.with { ($0.type, $0.isGlobal, $0.valid) = (type, true, ProtoValidPadding()) })
  }

  private func product(_ operation: Program.Operation) throws -> ProtoInnerProductLayer {
    let matrix = try operation.required(.weight)
    var layer = ProtoInnerProductLayer()
    guard matrix.shape.count == 2 else { return layer }
    (layer.outputChannels, layer.inputChannels) = (UInt64(matrix.shape[0]), UInt64(matrix.shape[1]))
    layer.weights = weights(matrix)
    guard let bias = try operation.tensor(.bias) else { return layer }
    layer.hasBias_p = true
    layer.bias = weights(bias)
    return layer
  }

  private func normalization(_ operation: Program.Operation) throws -> ProtoBatchNormalizationLayer {
    let (mean, variance) = (try operation.required(.mean), try operation.required(.variance))
    var layer = ProtoBatchNormalizationLayer()
    layer.channels = UInt64(mean.count)
    layer.epsilon = Float(try operation.number(.epsilon))
    (layer.mean, layer.variance) = (weights(mean), weights(variance))
    let ones = Tensor(uncheckedShape: mean.shape, .float32([Float](repeating: 1, count: mean.count)))
    layer.gamma = weights(try operation.tensor(.gamma) ?? ones)
    layer.beta = weights(try operation.tensor(.beta) ?? Tensor(zeros: mean.shape))
    return layer
  }

  /// With numbers for each channel, or between two values; nil where there is no layer for it.
  private func pointwise(
    _ function: BinaryFunction, _ operation: Program.Operation, rank: Int
  ) -> ProtoLayer.OneOf_Kind? {
    let constants = [ArgumentName.x, .y].compactMap(operation.constant)
    guard let constant = constants.first else {
      return function == .add ? .add(ProtoScalarLayer()) : function == .multiply ? .multiply(ProtoScalarLayer()) : nil
    }
    // The channels of a row are its last axis, those of a picture the third from the end.
    let trimmed = constant.trimmed.shape
    guard constants.count == 1,
      constant.count == 1 || trimmed == (rank == 2 ? [constant.count] : [constant.count, 1, 1])
    else { return nil }
    let channels = UInt64(constant.count)
    let shape = channels == 1 ? [1] : [channels, 1, 1]
    switch function {
    case .multiply: return .scale(.with { ($0.scaleShape, $0.scale) = (shape, weights(constant)) })
    case .add: return .bias(.with { ($0.shape, $0.bias) = (shape, weights(constant)) })
    case .divide where operation.constant(.y) != nil:
      let numbers = Tensor(uncheckedShape: constant.shape, .float32(constant.floats.map { 1 / $0 }))
      return .scale(.with { ($0.scaleShape, $0.scale) = (shape, weights(numbers)) })
    case .subtract where operation.constant(.y) != nil:
      let numbers = Tensor(uncheckedShape: constant.shape, .float32(constant.floats.map { -$0 }))
      return .bias(.with { ($0.shape, $0.bias) = (shape, weights(numbers)) })
    default: return nil
    }
  }
}
