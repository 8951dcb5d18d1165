import Athanor
import AthanorCore

/// Reads a model of the format before ML Program, translating each layer into the exchange language.
///
/// That format sees a vector as `[C, 1, 1]`; here it stays `[N, C]` until a layer needs a picture.
struct NetworkReader {
  private(set) var result = Program()
  let writer: ProgramWriter
  private var constants: [String: Tensor] = [:]
  /// How many axes each value has, as far as the layers so far tell.
  private var ranks: [String: Int] = [:]
  /// The layer that is being translated, and which of its inputs were asked for.
  private(set) var layer = ProtoLayer()
  private let asked = Asked()
  /// Whether values have five axes, whatever the layers say of them.
  private let hasFiveAxes: Bool
  /// Whether declared pictures go in, and not the numbers that the layers see.
  private let takesPictures: Bool

  private final class Asked { var inputs: Set<Int> = [] }

  /// - Throws: `AthanorError` that names the layer, when it is not supported.
  init(_ file: CoreMLFile, _ network: ProtoNeuralNetwork, isClassifier: Bool, takesPictures: Bool = true) throws {
    self.takesPictures = takesPictures
    let inputs = file.model.description_p.inputs
    hasFiveAxes = inputs.contains { feature in
      if case .image = feature.type.kind { network.imageShapes == 0 } else { network.arrayShapes == 0 }
    }
    writer = ProgramWriter(reserving: network.layers.flatMap { $0.outputs } + inputs.map(\.name))
    for feature in inputs { try read(feature, network) }
    if takesPictures { try preprocess(network) }
    for layer in network.layers {
      begin(layer)
      do {
        guard layer.kind != nil else { throw NetworkReader.unsupportedKind }
        try layer.requireKnownFields()
        try translate(layer)
        if let input = layer.inputs.indices.first(where: { !asked.inputs.contains($0) }) {
          throw AthanorError(
            .unsupported, at: "", "its input \(input + 1), \"\(layer.inputs[input])\", is not supported")
        }
      } catch let error as AthanorError {
        throw error.within("layer \"\(layer.name)\"")
      }
    }
    var outputs = file.model.description_p.outputs.map(\.name)
    if isClassifier {
      var output = network.probabilities.isEmpty ? network.layers.last?.outputs.first ?? "" : network.probabilities
      if ranks[output] == 4 {
        begin(.with { $0.name = "probabilities" })
        let flat = try add(.reshape, [.x: .operand(.named(output)), .shape: .integers([0, -1])], rank: 2)
        if case .named(let name) = flat { output = name }
      }
      outputs = [output]
    }
    result = writer.program(outputs: outputs.map { Program.Result($0) })
    for input in bgrInputs { try result.takeBGR(input) }
  }

  private mutating func read(_ feature: ProtoFeature, _ network: ProtoNeuralNetwork) throws {
    var input = Program.Input(name: feature.name, shape: [])
    switch feature.type.kind {
    case .image(let image):
      let layout = try ColorLayout(image, at: "input \"\(feature.name)\"")
      if layout == .bgr, takesPictures { bgrInputs.append(feature.name) }
      input.shape = [1, layout.channels, Int(clamping: image.height), Int(clamping: image.width)]
      input.isPicture = takesPictures
      for (axis, isOpen) in [2: image.hasOpenHeight, 3: image.hasOpenWidth] where isOpen {
        input.open[axis] = "\(feature.name)_\(axis)"
      }
    case .array(let array):
      let lengths = array.shape.map { Int(clamping: $0) }
      // Without an exact mapping a batch is not declared.
      let hasBatch = network.arrayShapes != 0 && lengths.count > 1
      input.shape = hasBatch ? lengths : [1] + lengths
      if !hasBatch { input.open[0] = Length.batchName }
      for axis in array.openAxes {
        let place = hasBatch ? axis : axis + 1
        input.open[place] = place == 0 ? Length.batchName : "\(feature.name)_\(place)"
      }
      switch array.dataType {
      case 131_104: input.dtype = .int32
      case 0, 65_552, 65_568, 65_600: break
      default:
        throw AthanorError(
          .unsupported, at: "input \"\(feature.name)\"", "has elements of the type \(array.dataType)",
          fix: "Floating-point numbers and 32-bit integers can be read.")
      }
    default: throw AthanorError(.unsupported, at: "input \"\(feature.name)\"", "is neither a picture nor an array")
    }
    guard input.shape.count >= 2, input.shape.allSatisfy({ $0 > 0 }),
      Tensor.elementCount(of: input.shape).map({ $0 <= Shape.maximumElements }) == true
    else { throw AthanorError(.data, at: "input \"\(feature.name)\"", "has the shape \(Shape.text(input.shape))") }
    _ = writer.add(input)
    ranks[input.name] = input.shape.count
    guard input.dtype != .float32 else { return }
    // Layers of this format compute with floating-point numbers.
    begin(.with { $0.name = input.name })
    renamed[input.name] = try add(.cast, [.x: .operand(.named(input.name))], rank: input.shape.count)
  }

  /// `channelScale * x + bias`, by colour in the file's order. All readers of the input read the result.
  private mutating func preprocess(_ network: ProtoNeuralNetwork) throws {
    guard let first = network.preprocessing.first else { return }
    guard network.preprocessing.count == 1, case .scaler(let scaler) = first.kind, writer.inputs.count == 1,
      writer.inputs[0].isPicture
    else {
      throw AthanorError(.unsupported, at: "preprocessing", "subtracts a picture, which is not supported")
    }
    let input = writer.inputs[0]
    begin(.with { $0.name = "preprocessing" })
    var value = try add(
      .binary(.multiply), [.x: .operand(.named(input.name)), .y: .scalar(Double(scaler.channelScale))], rank: 4)
    let colors = [scaler.redBias, scaler.greenBias, scaler.blueBias]
    let biases =
      input.shape[1] == 1 ? [scaler.grayBias] : bgrInputs.contains(input.name) ? colors.reversed() : colors
    if biases.contains(where: { $0 != 0 }) {
      let bias = Tensor(uncheckedShape: [biases.count, 1, 1], .float32(biases))
      value = try add(.binary(.add), [.x: .operand(value), .y: .constant(bias)], rank: 4)
    }
    renamed[input.name] = value
  }
  /// The inputs whose channels the layers see as blue, green, red.
  private var bgrInputs: [String] = []
  private var renamed: [String: Program.Operand] = [:]

  // MARK: Writing

  private mutating func begin(_ layer: ProtoLayer) {
    self.layer = layer
    asked.inputs = []
    writer.name = layer.name.isEmpty ? layer.outputs.first ?? "" : layer.name
    writer.input = try? input()
  }

  /// Adds an operation before the last, and returns its result. Without another `x` it reads the layer's input.
  mutating func add(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], rank: Int
  ) throws -> Program.Operand {
    let output = try writer.add(kind, arguments)
    if case .named(let name) = output { ranks[name] = rank }
    return output
  }

  /// Adds the last operation of the layer. Without another `x` it reads the layer's input, and without a rank its result has as many
  /// axes as that.
  mutating func finish(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument] = [:], rank: Int? = nil
  ) throws {
    guard layer.outputs.count == 1 else {
      throw AthanorError(.unsupported, at: "", "it has \(layer.outputs.count) results, but one is supported")
    }
    try writer.add(kind, arguments, results: layer.outputs.map { Program.Result($0) })
    ranks[layer.outputs[0]] = try rank ?? self.rank(input())
  }

  /// Notes what a result of the layer stands for.
  mutating func set(_ name: String, _ tensor: Tensor) { constants[name] = tensor }

  func input(_ index: Int = 0) throws -> Program.Operand {
    asked.inputs.insert(index)
    guard index < layer.inputs.count else { throw AthanorError(.data, at: "", "its input \(index + 1) is missing") }
    let name = layer.inputs[index]
    return renamed[name] ?? constants[name].map { .constant($0) } ?? .named(name)
  }

  /// An axis as layers name it that see values with the axes that they have.
  ///
  /// - Throws: `AthanorError` where the file puts axes in front, so that counting from there says something else.
  func axis(_ axis: Int64) throws -> Int {
    guard axis < 0 || !hasFiveAxes else {
      throw AthanorError(
        .unsupported, at: "", "it counts axis \(axis) of values with five axes",
        fix: "Convert the model to an .mlpackage.")
    }
    return Int(clamping: axis)
  }

  /// - Throws: `AthanorError` where an axis is named twice.
  func axes(_ axes: [Int64]) throws -> [Int] {
    guard Set(axes).count == axes.count else { throw AthanorError(.data, at: "", "it names axes \(axes)") }
    return try axes.map(axis)
  }

  func rank(_ operand: Program.Operand) -> Int {
    switch operand {
    case .named(let name): ranks[name] ?? 2
    case .constant(let tensor): tensor.shape.count
    }
  }

  /// The input as a picture `[N, C, H, W]`.
  mutating func picture() throws -> Program.Operand {
    let x = try input()
    return rank(x) == 2 ? try add(.reshape, [.x: .operand(x), .shape: .integers([0, -1, 1, 1])], rank: 4) : x
  }

  /// The numbers of weights of a given shape.
  func tensor(_ weights: ProtoWeights, _ shape: [Int]) throws -> Tensor {
    guard let count = Tensor.elementCount(of: shape), count <= Shape.maximumElements else {
      throw AthanorError(.data, at: "", "its weights would have shape \(shape)")
    }
    let isQuantized = weights.hasQuantization && weights.quantization != ProtoQuantization()
    guard [!weights.floats.isEmpty, !weights.halves.isEmpty, !weights.raw.isEmpty].count(where: { $0 }) <= 1,
      !isQuantized || !weights.raw.isEmpty
    else { throw AthanorError(.data, at: "", "its weights are there in several forms") }
    var numbers = weights.floats
    if !weights.halves.isEmpty {
      let bytes = [UInt8](weights.halves)
      guard bytes.count == 2 * count else {
        throw AthanorError(
          .data, at: "", "its weights of shape \(Shape.text(shape)) have \(bytes.count) bytes, not \(2 * count)")
      }
      numbers = stride(from: 0, to: bytes.count - 1, by: 2).map { place in
        let pattern: UInt16 = UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
        return Athanor.number(halfPattern: pattern)
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
}

extension ProtoImageType {
  /// Whether pictures of other heights go in.
  fileprivate var hasOpenHeight: Bool {
    switch flexibility {
    case .sizes(let sizes): sizes.sizes.contains { $0.height != UInt64(clamping: height) }
    case .range(let range): range.height.isOpen
    case nil: false
    }
  }

  /// Whether pictures of other widths go in.
  fileprivate var hasOpenWidth: Bool {
    switch flexibility {
    case .sizes(let sizes): sizes.sizes.contains { $0.width != UInt64(clamping: width) }
    case .range(let range): range.width.isOpen
    case nil: false
    }
  }
}

extension ProtoArrayType {
  /// The axes whose lengths differ from array to array.
  fileprivate var openAxes: [Int] {
    shape.indices.filter { axis in
      switch flexibility {
      case .shapes(let shapes):
        shapes.shapes.contains { $0.lengths.count == shape.count && $0.lengths[axis] != shape[axis] }
      case .range(let range): range.lengths.count == shape.count && range.lengths[axis].isOpen
      case nil: false
      }
    }
  }
}

extension ProtoSizeRange {
  fileprivate var isOpen: Bool { upper < 0 || UInt64(upper) != lower }
}
