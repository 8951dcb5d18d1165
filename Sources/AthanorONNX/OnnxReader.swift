import Athanor
import AthanorCore
import Foundation
import SwiftProtobuf

extension OnnxFiles: ModelFileReader {
  package static func recipe(_ path: String, compiled: Bool) throws -> ModelRecipe {
    try recipe(FileBytes.read(path), path)
  }

  static func model(_ bytes: [UInt8], _ path: String) throws -> OnnxModel {
    if let model = try? OnnxModel(serializedBytes: bytes), model.hasGraph { return model }
    throw AthanorError(.data, at: path, "is no ONNX model, or a damaged one", fix: "Export it again.")
  }

  static func recipe(_ bytes: [UInt8], _ path: String) throws -> ModelRecipe {
    let model = try model(bytes, path)
    do {
      let name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
      return try ModelRecipe(OnnxReader(model).result, name: name)
    } catch let error as AthanorError {
      throw error.within(path)
    }
  }
}

/// Translates an ONNX graph into the common language.
struct OnnxReader: ProgramTranslator {
  private(set) var result: ImportedProgram
  var draft = ProgramDraft()
  private let version: Int
  /// The node that is being translated.
  private var node = OnnxNode()

  /// - Throws: `AthanorError` that names the node, when there is nothing here for it.
  init(_ model: OnnxModel) throws {
    let graph = model.graph
    version = Int(clamping: model.operatorSets.first { ["", "ai.onnx"].contains($0.domain) }?.version ?? 1)
    let known = Set(graph.initializers.map(\.name))
    let inputs = graph.inputs.filter { !known.contains($0.name) }
    guard inputs.count == 1, graph.outputs.count == 1 else {
      throw AthanorError(
        .unsupported, at: "",
        "it has \(inputs.count) inputs and \(graph.outputs.count) outputs, but models here have one of each")
    }
    let lengths = inputs[0].type.tensor.shape.lengths.map { length -> Int in
      if case .value(let value) = length.kind { Int(clamping: value) } else { 0 }
    }
    let shape = [1] + lengths.dropFirst()
    guard lengths.count >= 2, shape.allSatisfy({ $0 > 0 }), inputs[0].type.tensor.dataType == 1,
      Tensor.elementCount(of: shape).map({ $0 <= Shape.maximumElements }) == true
    else {
      throw AthanorError(
        .unsupported, at: "input \"\(inputs[0].name)\"",
        "has the shape \(Shape.text(lengths)) and the element type \(inputs[0].type.tensor.dataType)",
        fix: "Only its first length, the batch, may be open, and its elements must be float32 (1).")
    }
    let input = ImportedProgram.Input(name: inputs[0].name, shape: shape, isPicture: false)
    result = ImportedProgram(input: input, constants: [:], operations: [], output: "")
    for tensor in graph.initializers { draft.set(tensor.name, .numbers(try OnnxReader.numbers(tensor))) }
    for node in graph.nodes {
      self.node = node
      draft.begin(node.name, results: node.outputs)
      do {
        try translate()
      } catch let error as AthanorError {
        throw error.within("node \"\(node.name.isEmpty ? node.outputs.first ?? "" : node.name)\" (\(node.type))")
      }
    }
    result = ImportedProgram(
      input: input, constants: draft.constants, operations: draft.operations, output: graph.outputs[0].name)
  }

  // MARK: Numbers

  static func numbers(_ tensor: OnnxTensor) throws -> Tensor {
    func damaged(_ what: String) -> AthanorError { AthanorError(.data, at: "tensor \"\(tensor.name)\"", what) }
    let shape = tensor.shape.map { Int(clamping: $0) }
    guard let count = Tensor.elementCount(of: shape), count <= Shape.maximumElements else {
      throw damaged("has the shape \(Shape.text(shape))")
    }
    guard tensor.location == 0 else {
      throw AthanorError(
        .unsupported, at: "tensor \"\(tensor.name)\"", "its numbers lie in another file",
        fix: "Save the model as one file.")
    }
    let bytes = [UInt8](tensor.data)
    func patterns<Number: FixedWidthInteger>(_ type: Number.Type) -> [Number] {
      let width = Number.bitWidth / 8
      return stride(from: 0, to: bytes.count - bytes.count % width, by: width).map { place in
        bytes[place..<place + width].reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
      }
    }
    let storage: Tensor.Storage
    switch tensor.dataType {
    case 1: storage = .float32(bytes.isEmpty ? tensor.floats : patterns(UInt32.self).map(Float.init(bitPattern:)))
    case 11:
      storage = .float32(
        bytes.isEmpty
          ? tensor.doubles.map { Float($0) } : patterns(UInt64.self).map { Float(Double(bitPattern: $0)) })
    case 7:
      storage = .int32((bytes.isEmpty ? tensor.int64S : patterns(Int64.self)).map { Int32(clamping: $0) })
    case 6: storage = .int32(bytes.isEmpty ? tensor.int32S : patterns(Int32.self))
    case 2, 9: storage = .int32(bytes.isEmpty ? tensor.int32S : bytes.map { Int32($0) })
    case 3: storage = .int32(bytes.isEmpty ? tensor.int32S : bytes.map { Int32(Int8(bitPattern: $0)) })
    default: throw damaged("has the element type \(tensor.dataType), which cannot be read")
    }
    guard storage.count == count else { throw damaged("has \(storage.count) numbers for shape \(Shape.text(shape))") }
    return Tensor(uncheckedShape: shape, storage)
  }

  // MARK: Arguments

  private func input(_ index: Int) throws -> String {
    guard let name = optional(index) else { throw AthanorError(.data, at: "", "its input \(index + 1) is missing") }
    return name
  }

  private func optional(_ index: Int) -> String? {
    node.inputs.indices.contains(index) && !node.inputs[index].isEmpty ? node.inputs[index] : nil
  }

  private func attribute(_ name: String) -> OnnxAttribute? { node.attributes.first { $0.name == name } }

  private func integer(_ name: String, default standard: Int) -> Int {
    attribute(name).map { Int(clamping: $0.integer) } ?? standard
  }

  private func integers(_ name: String) -> [Int]? { attribute(name)?.integers.map { Int(clamping: $0) } }

  private func number(_ name: String, default standard: Float) -> Float { attribute(name)?.number ?? standard }

  /// Known numbers of an input.
  private func known(_ index: Int) throws -> Tensor? {
    guard let name = optional(index) else { return nil }
    guard case .numbers(let tensor) = draft.constants[name] else {
      throw AthanorError(.unsupported, at: "", "its input \(index + 1) is computed, but must be known before")
    }
    return tensor
  }

  /// Axes and the like, an attribute in older operator sets and an input in newer ones.
  private func list(_ name: String, input index: Int) throws -> [Int]? {
    if let values = integers(name) { return values }
    return try known(index)?.integers
  }

  // MARK: Nodes

  /// Operations of one or two inputs without attributes.
  private static let plain: [String: String] = [
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Softsign": "softsign", "Abs": "abs",
    "Sign": "sign", "Sqrt": "sqrt", "Exp": "exp", "Erf": "erf", "Identity": "identity", "Dropout": "identity",
    "Cast": "cast",
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "real_div", "Pow": "pow", "Shape": "shape",
  ]

  private mutating func translate() throws {
    guard ["", "ai.onnx"].contains(node.domain) else {
      throw AthanorError(.unsupported, at: "", "it belongs to the operator set \"\(node.domain)\"")
    }
    if let type = Self.plain[node.type] {
      let isPair = ["add", "sub", "mul", "real_div", "pow"].contains(type)
      return try finish(type, isPair ? ["x": [input(0)], "y": [input(1)]] : ["x": [input(0)]])
    }
    switch node.type {
    case "Constant": try translateConstant()
    case "Conv": try translateConvolution()
    case "MaxPool", "AveragePool": try translatePooling()
    case "GlobalAveragePool", "GlobalMaxPool":
      let type = node.type == "GlobalMaxPool" ? "reduce_max" : "reduce_mean"
      try finish(type, ["x": [input(0)], "axes": [integers([2, 3])], "keep_dims": [integers([1])]])
    case "Gemm": try translateProduct()
    case "MatMul": try finish("matmul", ["x": [input(0)], "y": [input(1)]])
    case "BatchNormalization":
      guard integer("training_mode", default: 0) == 0 else {
        throw AthanorError(.unsupported, at: "", "it is training")
      }
      try finish(
        "batch_norm",
        [
          "x": [input(0)], "gamma": [input(1)], "beta": [input(2)], "mean": [input(3)], "variance": [input(4)],
          "epsilon": [number(number("epsilon", default: 1e-5))],
        ])
    case "LayerNormalization":
      guard integer("axis", default: -1) == -1 else {
        throw AthanorError(.unsupported, at: "", "it goes along more than the last axis")
      }
      var arguments = ["x": [try input(0)], "gamma": [try input(1)], "axes": [integers([-1])]]
      if let beta = optional(2) { arguments["beta"] = [beta] }
      arguments["epsilon"] = [number(number("epsilon", default: 1e-5))]
      try finish("layer_norm", arguments)
    default: try translateFunction()
    }
  }

  private mutating func translateFunction() throws {
    switch node.type {
    case "Softmax":
      // Before operator set 13 it went along all axes from the given one on; with two axes that is the same.
      try finish("softmax", ["x": [input(0)], "axis": [integers([integer("axis", default: version < 13 ? 1 : -1)])]])
    case "LeakyRelu": try finish("leaky_relu", ["x": [input(0)], "alpha": [number(number("alpha", default: 0.01))]])
    case "Elu": try finish("elu", ["x": [input(0)], "alpha": [number(number("alpha", default: 1))]])
    case "PRelu": try finish("prelu", ["x": [input(0)], "alpha": [input(1)]])
    case "Gelu":
      let isTanh = attribute("approximate")?.text == Data("tanh".utf8)
      try finish("gelu", ["x": [input(0)], "mode": [text(isTanh ? "TANH_APPROXIMATION" : "EXACT")]])
    case "HardSigmoid":
      try finish(
        "sigmoid_hard",
        [
          "x": [input(0)], "alpha": [number(number("alpha", default: 0.2))],
          "beta": [number(number("beta", default: 0.5))],
        ])
    case "Clip":
      var arguments = ["x": [try input(0)]]
      let bounds = [
        try attribute("min").map { $0.number } ?? known(1)?.floats.first,
        try attribute("max").map { $0.number } ?? known(2)?.floats.first,
      ]
      if let low = bounds[0] { arguments["alpha"] = [number(low)] }
      if let high = bounds[1] { arguments["beta"] = [number(high)] }
      try finish("clip", arguments)
    case "Neg": try finish("mul", ["x": [input(0)], "y": [number(-1)]])
    case "Reciprocal": try finish("inverse", ["x": [input(0)], "epsilon": [number(0)]])
    case "Log": try finish("log", ["x": [input(0)], "epsilon": [number(0)]])
    case "Max", "Min":
      let type = node.type == "Max" ? "maximum" : "minimum"
      var value = try input(0)
      for index in 1..<max(1, node.inputs.count - 1) { value = add(type, ["x": [value], "y": [try input(index)]]) }
      guard node.inputs.count > 1 else { return try finish("identity", ["x": [value]]) }
      try finish(type, ["x": [value], "y": [input(node.inputs.count - 1)]])
    case "ReduceMean", "ReduceSum", "ReduceMax":
      var arguments = ["x": [try input(0)], "keep_dims": [integers([integer("keepdims", default: 1)])]]
      if let axes = try list("axes", input: 1) { arguments["axes"] = [integers(axes)] }
      try finish(["ReduceMean": "reduce_mean", "ReduceSum": "reduce_sum"][node.type] ?? "reduce_max", arguments)
    default: try translateLayout()
    }
  }

  private mutating func translateLayout() throws {
    switch node.type {
    case "Flatten": try finish("flatten2d", ["x": [input(0)], "axis": [integers([integer("axis", default: 1)])]])
    case "Reshape":
      let shape = try integers("shape").map { integers($0) } ?? input(1)
      try finish("reshape", ["x": [input(0)], "shape": [shape]])
    case "Transpose":
      var arguments = ["x": [try input(0)]]
      if let order = integers("perm") { arguments["perm"] = [integers(order)] }
      try finish("transpose", arguments)
    case "Concat":
      let values = try node.inputs.indices.map { try input($0) }
      try finish("concat", ["values": values, "axis": [integers([integer("axis", default: 1)])]])
    case "Split":
      var arguments = ["x": [try input(0)], "axis": [integers([integer("axis", default: 0)])]]
      if let sizes = try list("split", input: 1) { arguments["split_sizes"] = [integers(sizes)] }
      try finish("split", arguments, results: node.outputs.count)
    case "Squeeze", "Unsqueeze":
      var arguments = ["x": [try input(0)]]
      if let axes = try list("axes", input: 1) { arguments["axes"] = [integers(axes)] }
      try finish(node.type == "Squeeze" ? "squeeze" : "expand_dims", arguments)
    case "Gather":
      try finish(
        "gather", ["x": [input(0)], "indices": [input(1)], "axis": [integers([integer("axis", default: 0)])]])
    case "Slice": try translateSlice()
    case "Pad": try translatePad()
    default:
      throw AthanorError(
        .unsupported, at: "", "there is no operation of this kind here",
        fix: "ARCHITECTURE.md lists what can be read.")
    }
  }

  private mutating func translateConstant() throws {
    guard let output = node.outputs.first else { return }
    if let tensor = attribute("value")?.tensor {
      draft.set(output, .numbers(try OnnxReader.numbers(tensor)))
    } else if let value = attribute("value_float") {
      draft.set(output, .numbers(Tensor(uncheckedShape: [], .float32([value.number]))))
    } else if let value = attribute("value_int") {
      draft.set(output, .numbers(Tensor(uncheckedShape: [], .int32([Int32(clamping: value.integer)]))))
    } else if let values = integers("value_ints") {
      draft.set(output, .numbers(Tensor(uncheckedShape: [values.count], .int32(values.map { Int32(clamping: $0) }))))
    } else if let values = attribute("value_floats")?.numbers {
      draft.set(output, .numbers(Tensor(uncheckedShape: [values.count], .float32(values))))
    } else {
      throw AthanorError(.unsupported, at: "", "it holds neither numbers nor integers")
    }
  }

  /// ONNX counts all starts before all ends, the common language axis by axis.
  private func pairs(_ pads: [Int]) throws -> [Int] {
    guard pads.count % 2 == 0 else { throw AthanorError(.data, at: "", "its pads are \(pads)") }
    return (0..<pads.count / 2).flatMap { [pads[$0], pads[$0 + pads.count / 2]] }
  }

  private mutating func windowArguments() throws -> [String: [String]] {
    var arguments = ["x": [try input(0)]]
    if let strides = integers("strides") { arguments["strides"] = [integers(strides)] }
    if let dilations = integers("dilations") { arguments["dilations"] = [integers(dilations)] }
    switch attribute("auto_pad").map({ String(decoding: $0.text, as: UTF8.self) }) ?? "NOTSET" {
    case "SAME_UPPER": arguments["pad_type"] = [text("same")]
    case "SAME_LOWER": arguments["pad_type"] = [text("same_lower")]
    case "VALID": break
    default:
      guard let pads = integers("pads") else { break }
      arguments["pad_type"] = [text("custom")]
      arguments["pad"] = [integers(try pairs(pads))]
    }
    return arguments
  }

  private mutating func translateConvolution() throws {
    var arguments = try windowArguments()
    arguments["weight"] = [try input(1)]
    if let bias = optional(2) { arguments["bias"] = [bias] }
    arguments["groups"] = [integers([integer("group", default: 1)])]
    try finish("conv", arguments)
  }

  private mutating func translatePooling() throws {
    var arguments = try windowArguments()
    arguments["kernel_sizes"] = [integers(integers("kernel_shape") ?? [])]
    arguments["ceil_mode"] = [integers([integer("ceil_mode", default: 0)])]
    arguments["exclude_padding_from_average"] = [integers([1 - min(1, integer("count_include_pad", default: 0))])]
    try finish(node.type == "MaxPool" ? "max_pool" : "avg_pool", arguments)
  }

  /// `alpha * A B + beta * C`
  private mutating func translateProduct() throws {
    guard integer("transA", default: 0) == 0 else {
      throw AthanorError(.unsupported, at: "", "it transposes its input, the batch with it")
    }
    let (alpha, beta) = (number("alpha", default: 1), number("beta", default: 1))
    guard let matrix = try known(1), matrix.shape.count == 2 else {
      throw AthanorError(.data, at: "", "its second input is no matrix")
    }
    let weights = integer("transB", default: 0) == 1 ? matrix : matrix.transposed([1, 0])  // [M, K]
    func scaled(_ tensor: Tensor, _ factor: Float) -> Tensor {
      factor == 1 ? tensor : Tensor(uncheckedShape: tensor.shape, .float32(tensor.floats.map { $0 * factor }))
    }
    var arguments = ["x": [try input(0)], "weight": [constant(scaled(weights, alpha))]]
    if let bias = try known(2) {
      guard bias.count == weights.shape[0] || bias.count == 1 else {
        throw AthanorError(.unsupported, at: "", "its third input has shape \(bias.shape)")
      }
      let numbers = bias.count == 1 ? [Float](repeating: bias.floats[0], count: weights.shape[0]) : bias.floats
      arguments["bias"] = [constant(scaled(Tensor(uncheckedShape: [numbers.count], .float32(numbers)), beta))]
    }
    try finish("linear", arguments)
  }

  private mutating func translateSlice() throws {
    guard let starts = try list("starts", input: 1), let ends = try list("ends", input: 2) else {
      throw AthanorError(.data, at: "", "its starts and ends are missing")
    }
    let axes = try list("axes", input: 3) ?? Array(starts.indices)
    let steps = try known(4)?.integers ?? [Int](repeating: 1, count: starts.count)
    guard starts.count == ends.count, axes.count == starts.count, steps.count == starts.count,
      axes.allSatisfy({ (0..<8).contains($0) })
    else { throw AthanorError(.unsupported, at: "", "it takes \(starts) to \(ends) of axes \(axes)") }
    let rank = (axes.max() ?? 0) + 1
    var (begin, end, stride, whole) = (
      [Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank),
      [Int](repeating: 1, count: rank), [Int](repeating: 1, count: rank)
    )
    for (index, axis) in axes.enumerated() {
      (begin[axis], end[axis], stride[axis], whole[axis]) = (starts[index], ends[index], steps[index], 0)
    }
    try finish(
      "slice_by_index",
      [
        "x": [input(0)], "begin": [integers(begin)], "end": [integers(end)], "stride": [integers(stride)],
        "begin_mask": [integers(whole)], "end_mask": [integers(whole)],
      ])
  }

  private mutating func translatePad() throws {
    let mode = attribute("mode").map { String(decoding: $0.text, as: UTF8.self) } ?? "constant"
    let pads = try list("pads", input: 1) ?? []
    let value = try attribute("value").map { $0.number } ?? known(2)?.floats.first ?? 0
    guard optional(3) == nil else { throw AthanorError(.unsupported, at: "", "it names its axes") }
    try finish(
      "pad",
      ["x": [input(0)], "pad": [integers(try pairs(pads))], "mode": [text(mode)], "constant_val": [number(value)]])
  }
}
