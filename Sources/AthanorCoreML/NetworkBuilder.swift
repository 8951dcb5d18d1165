import Athanor
import AthanorCore

/// Collects the layers of a neural network of the format before ML Program; the ops' Core ML facets write through it.
///
/// All values have the five axes of that format, of which the facets' `[N, C, H, W]` are the last four, and `[N, C]` has rows and columns
/// of length 1. Whatever would need other axes is refused.
final class NetworkBuilder: ExportBuilder {
  private(set) var layers: [ProtoLayer] = []
  /// What the first multiplication of the picture by a number has become, and the addition to it.
  private(set) var pictureScale: Float?
  private(set) var pictureBias: [Float]?
  var origin = ""
  var failure: AthanorError?
  let usesHalfPrecision: Bool
  let compression: Compression?
  private let input: String
  private var taken: Set<String>

  init(input: String, usesHalfPrecision: Bool, compression: Compression?) {
    self.input = input
    self.compression = compression
    self.usesHalfPrecision = usesHalfPrecision
    taken = [input]
  }

  func uniqueName(_ base: String) -> String {
    var (unique, number) = (base, 0)
    while !taken.insert(unique).inserted {
      number += 1
      unique = "\(base)_\(number)"
    }
    return unique
  }

  func emit(_ operation: String, _ arguments: [(String, ExportArgument)], shape: [Int]) -> ExportValue {
    let arguments = Arguments(arguments)
    var layer = ProtoLayer()
    layer.name = uniqueName(origin.isEmpty ? operation : "\(origin)_\(operation)")
    layer.outputs = [layer.name]
    let value = ExportValue(.named(layer.name), shape: shape)
    switch operation {
    case "mul"
    where arguments.names == [input] && shape.count == 4 && layers.isEmpty && pictureScale == nil && pictureBias == nil
      && arguments.number("y") != nil:
      pictureScale = arguments.number("y")
      return ExportValue(.named(input), shape: shape)
    case "add"
    where arguments.names == [input] && shape.count == 4 && layers.isEmpty && pictureBias == nil
      && [1, 3].contains(arguments.tensor("y")?.count):
      pictureBias = arguments.tensor("y")?.floats
      return ExportValue(.named(input), shape: shape)
    case "conv": layer.convolution = convolution(arguments)
    case "max_pool", "avg_pool": layer.pooling = pooling(operation, arguments)
    case "relu": layer.activation.relu = ProtoEmpty()
    case "sigmoid": layer.activation.sigmoid = ProtoEmpty()
    case "tanh": layer.activation.tanh = ProtoEmpty()
    case "softplus": layer.activation.softplus = ProtoEmpty()
    case "leaky_relu": layer.activation.leakyRelu.alpha = arguments.number("alpha") ?? 0
    case "elu": layer.activation.elu.alpha = arguments.number("alpha") ?? 0
    case "pad" where shape.count == 4 && arguments.integers("pad").prefix(4).allSatisfy { $0 == 0 }:
      layer.padding.constant.value = arguments.number("constant_val") ?? 0
      layer.padding.amounts = edges(Array(arguments.integers("pad").dropFirst(4))).amounts
    case "reshape" where shape.count == 2: layer.flatten = ProtoFlattenLayer()
    case "linear" where shape.count == 2: layer.innerProduct = product(arguments)
    case "softmax" where shape.count == 2: layer.softmax = ProtoEmpty()
    case "add", "sub", "mul":
      guard let kind = pointwise(operation, arguments) else { return refuse(operation, value) }
      layer.kind = kind
    case "reduce_mean" where arguments.integers("axes") == [2, 3]: return globalPooling(1, arguments, layer, value)
    case "reduce_max" where arguments.integers("axes") == [2, 3]: return globalPooling(0, arguments, layer, value)
    default: return refuse(operation, value)
    }
    layer.inputs = arguments.names
    layers.append(layer)
    return value
  }

  private func refuse(_ operation: String, _ value: ExportValue) -> ExportValue {
    failure =
      failure
      ?? AthanorError(
        .unsupported, at: "", "the .mlmodel format has no layer for it (\(operation))",
        fix: "Export an .mlpackage, which iOS 15 and macOS 12 read.")
    return value
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

  private func convolution(_ arguments: Arguments) -> ProtoConvolutionLayer {
    .with {
      let kernel = arguments.tensor("weight")
      let lengths = (kernel?.shape ?? []).map { UInt64($0) }
      guard lengths.count == 4 else { return }
      ($0.outputChannels, $0.kernelChannels, $0.kernelSize) = (lengths[0], lengths[1], Array(lengths[2...]))
      $0.groups = UInt64(arguments.integers("groups").first ?? 1)
      $0.stride = arguments.integers("strides").map { UInt64($0) }
      $0.dilation = arguments.integers("dilations").map { UInt64($0) }
      $0.valid = edges(arguments.integers("pad"))
      $0.weights = weights(kernel)
      guard let bias = arguments.tensor("bias") else { return }
      $0.hasBias_p = true
      $0.bias = weights(bias)
    }
  }

  private func pooling(_ operation: String, _ arguments: Arguments) -> ProtoPoolingLayer {
    .with {
      $0.type = operation == "max_pool" ? 0 : 1
      $0.kernelSize = arguments.integers("kernel_sizes").map { UInt64($0) }
      $0.stride = arguments.integers("strides").map { UInt64($0) }
      $0.valid = edges(arguments.integers("pad"))
      $0.excludesPadding = true
    }
  }

  private func globalPooling(
    _ type: Int32, _ arguments: Arguments, _ layer: ProtoLayer, _ value: ExportValue
  ) -> ExportValue {
    var layer = layer
    layer.pooling.type = type
    layer.pooling.isGlobal = true
    layer.pooling.valid = ProtoValidPadding()
    layer.inputs = arguments.names
    layers.append(layer)
    return value
  }

  private func product(_ arguments: Arguments) -> ProtoInnerProductLayer {
    .with {
      let matrix = arguments.tensor("weight")
      guard let matrix, matrix.shape.count == 2 else { return }
      ($0.outputChannels, $0.inputChannels) = (UInt64(matrix.shape[0]), UInt64(matrix.shape[1]))
      $0.weights = weights(matrix)
      guard let bias = arguments.tensor("bias") else { return }
      $0.hasBias_p = true
      $0.bias = weights(bias)
    }
  }

  /// With numbers for each channel, or between two values.
  private func pointwise(_ operation: String, _ arguments: Arguments) -> ProtoLayer.OneOf_Kind? {
    let constants = ["x", "y"].compactMap { arguments.tensor($0) }
    if constants.isEmpty {
      switch operation {
      case "add": return .add(ProtoScalarLayer())
      case "mul": return .multiply(ProtoScalarLayer())
      default: return nil
      }
    }
    guard constants.count == 1, operation != "sub" || arguments.tensor("y") != nil else { return nil }
    let channels = UInt64(constants[0].count)
    guard channels == 1 || constants[0].shape.count == 3 || constants[0].shape.count == 1 else { return nil }
    let shape = channels == 1 ? [1] : [channels, 1, 1]
    if operation == "mul" {
      return .scale(.with { ($0.scaleShape, $0.scale) = (shape, weights(constants[0])) })
    }
    let sign: Float = operation == "sub" ? -1 : 1
    let numbers = Tensor(uncheckedShape: constants[0].shape, .float32(constants[0].floats.map { sign * $0 }))
    return .bias(.with { ($0.shape, $0.bias) = (shape, weights(numbers)) })
  }
}

/// The arguments of an operation by name.
private struct Arguments {
  private let byName: [String: ExportArgument]
  /// The computed values among them, in order.
  let names: [String]

  init(_ arguments: [(String, ExportArgument)]) {
    byName = Dictionary(arguments, uniquingKeysWith: { first, _ in first })
    names = arguments.compactMap { _, argument in
      if case .value(let value) = argument, case .named(let name) = value.content { name } else { nil }
    }
  }

  func tensor(_ name: String) -> Tensor? {
    switch byName[name] {
    case .value(let value): value.constant
    case .number(let number): Tensor(uncheckedShape: [], .float32([Float(number)]))
    default: nil
    }
  }

  func number(_ name: String) -> Float? { tensor(name).flatMap { $0.count == 1 ? $0.floats[0] : nil } }

  func integers(_ name: String) -> [Int] {
    switch byName[name] {
    case .integers(let numbers): numbers
    case .integer(let number): [number]
    default: []
    }
  }
}
