import Athanor
import AthanorCore

/// Translates the exporters' common language into nodes of ONNX, operator set 17.
final class OnnxBuilder: ExportBuilder {
  private(set) var nodes: [OnnxNode] = []
  private(set) var initializers: [OnnxTensor] = []
  var origin = ""
  var failure: AthanorError?
  private var taken: Set<String> = []

  func uniqueName(_ base: String) -> String {
    var (unique, number) = (base, 0)
    while !taken.insert(unique).inserted {
      number += 1
      unique = "\(base)_\(number)"
    }
    return unique
  }

  func emit(_ operation: String, _ arguments: [(String, ExportArgument)], shape: [Int]) -> ExportValue {
    let name = uniqueName(origin.isEmpty ? operation : "\(origin)/\(operation)")
    let site = Site(builder: self, name: name, arguments: arguments)
    if let type = OnnxBuilder.pointwise[operation] {
      site.add(type, ["x", "y"].filter(site.has).map(site.input))
    } else if !site.writeWindow(operation) && !site.writeFunction(operation) && !site.writeLayout(operation, shape) {
      failure = failure ?? AthanorError(.unsupported, at: "", "ONNX has no operation for it (\(operation))")
    }
    return ExportValue(.named(name), shape: shape)
  }

  /// Operations that have the same inputs and no attributes in both languages.
  private static let pointwise = [
    "add": "Add", "sub": "Sub", "mul": "Mul", "real_div": "Div", "maximum": "Max", "minimum": "Min", "pow": "Pow",
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "abs": "Abs", "sign": "Sign",
    "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "inverse": "Reciprocal", "erf": "Erf",
  ]

  func add(_ type: String, _ inputs: [String], _ output: String, _ attributes: [OnnxAttribute] = []) {
    nodes.append(
      .with {
        ($0.type, $0.inputs, $0.outputs, $0.name) = (type, inputs, [output], output)
        $0.attributes = attributes
      })
  }

  func constant(_ tensor: Tensor, _ wanted: String) -> String {
    add(wanted, tensor.shape, 1, tensor.floats.flatMap { bytes($0.bitPattern) })
  }

  func constant(_ integers: [Int], _ wanted: String) -> String {
    add(wanted, [integers.count], 7, integers.flatMap { bytes(Int64($0)) })
  }

  private func add(_ wanted: String, _ shape: [Int], _ type: Int32, _ data: [UInt8]) -> String {
    let name = uniqueName(wanted)
    initializers.append(
      .with { ($0.name, $0.shape, $0.dataType, $0.data) = (name, shape.map { Int64($0) }, type, .init(data)) })
    return name
  }

  private func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}

extension OnnxAttribute {
  static func integers(_ name: String, _ values: [Int]) -> OnnxAttribute {
    .with { ($0.name, $0.integers, $0.type) = (name, values.map { Int64($0) }, 7) }
  }

  static func integer(_ name: String, _ value: Int) -> OnnxAttribute {
    .with { ($0.name, $0.integer, $0.type) = (name, Int64(value), 2) }
  }

  static func number(_ name: String, _ value: Double) -> OnnxAttribute {
    .with { ($0.name, $0.number, $0.type) = (name, Float(value), 1) }
  }
}

/// One operation that is being translated; its last node's result has the operation's name.
private struct Site {
  let builder: OnnxBuilder
  let name: String
  private let arguments: [String: ExportArgument]

  init(builder: OnnxBuilder, name: String, arguments: [(String, ExportArgument)]) {
    self.builder = builder
    self.name = name
    self.arguments = Dictionary(arguments, uniquingKeysWith: { first, _ in first })
  }

  func has(_ argument: String) -> Bool { arguments[argument] != nil }

  func value(_ argument: String) -> ExportValue? {
    if case .value(let value) = arguments[argument] { value } else { nil }
  }

  func integers(_ argument: String) -> [Int] {
    switch arguments[argument] {
    case .integers(let values): values
    case .integer(let value): [value]
    default: []
    }
  }

  func flag(_ argument: String) -> Bool { if case .flag(true) = arguments[argument] { true } else { false } }

  func number(_ argument: String) -> Double { if case .number(let value) = arguments[argument] { value } else { 0 } }

  func input(_ argument: String) -> String {
    switch arguments[argument] {
    case .value(let value): return reference(value, argument)
    case .number(let value): return scalar(value, argument)
    default: return ""
    }
  }

  private func reference(_ value: ExportValue, _ argument: String) -> String {
    switch value.content {
    case .named(let name): name
    case .constant(let tensor): builder.constant(tensor, "\(name)/\(argument)")
    }
  }

  private func scalar(_ value: Double, _ argument: String) -> String {
    builder.constant(Tensor(uncheckedShape: [], .float32([Float(value)])), "\(name)/\(argument)")
  }

  /// Adds the last node.
  func add(_ type: String, _ inputs: [String], _ attributes: [OnnxAttribute] = []) {
    builder.add(type, inputs, name, attributes)
  }

  /// Adds a node before the last.
  private func step(_ type: String, _ inputs: [String], _ attributes: [OnnxAttribute] = []) -> String {
    let output = builder.uniqueName("\(name)/\(type)")
    builder.add(type, inputs, output, attributes)
    return output
  }

  /// Core ML counts padding axis by axis, ONNX all starts before all ends.
  private func edges(_ padding: [Int]) -> [Int] {
    stride(from: 0, to: padding.count, by: 2).map { padding[$0] }
      + stride(from: 1, to: padding.count, by: 2).map { padding[$0] }
  }

  func writeWindow(_ operation: String) -> Bool {
    let shared = [OnnxAttribute.integers("strides", integers("strides")), .integers("pads", edges(integers("pad")))]
    let size = OnnxAttribute.integers("kernel_shape", integers("kernel_sizes"))
    switch operation {
    case "conv":
      let kernel = value("weight")?.shape ?? []
      let attributes = [
        OnnxAttribute.integers("kernel_shape", Array(kernel.suffix(2))), .integers("dilations", integers("dilations")),
        .integer("group", integers("groups").first ?? 1),
      ]
      add("Conv", ["x", "weight", "bias"].filter(has).map(input), shared + attributes)
    case "max_pool": add("MaxPool", [input("x")], shared + [size])
    case "avg_pool": add("AveragePool", [input("x")], shared + [size, .integer("count_include_pad", 0)])
    default: return false
    }
    return true
  }

  func writeFunction(_ operation: String) -> Bool {
    let x = input("x")
    switch operation {
    case "square": add("Mul", [x, x])
    case "rsqrt": add("Reciprocal", [step("Sqrt", [x])])
    case "silu": add("Mul", [x, step("Sigmoid", [x])])
    case "leaky_relu": add("LeakyRelu", [x], [.number("alpha", number("alpha"))])
    case "elu": add("Elu", [x], [.number("alpha", number("alpha"))])
    case "gelu": writeGelu(x)
    case "softmax": add("Softmax", [x], [.integer("axis", -1)])
    case "linear" where value("x")?.shape.count == 2:
      add("Gemm", ["x", "weight", "bias"].filter(has).map(input), [.integer("transB", 1)])
    case "linear":
      let product = ("MatMul", [x, step("Transpose", [input("weight")], [.integers("perm", [1, 0])])])
      if has("bias") { add("Add", [step(product.0, product.1), input("bias")]) } else { add(product.0, product.1) }
    case "matmul": add("MatMul", [factor("x", "transpose_x"), factor("y", "transpose_y")])
    default: return false
    }
    return true
  }

  private func factor(_ argument: String, _ flagName: String) -> String {
    guard flag(flagName), let rank = value(argument)?.shape.count, rank >= 2 else { return input(argument) }
    return step(
      "Transpose", [input(argument)], [.integers("perm", Array(0..<rank - 2) + [rank - 1, rank - 2])])
  }

  /// `x / 2 * (1 + erf(x / sqrt 2))`, or its approximation by tanh.
  private func writeGelu(_ x: String) {
    var curve: String
    if case .text("EXACT") = arguments["mode"] {
      curve = step("Erf", [step("Mul", [x, scalar(0.5.squareRoot(), "scale")])])
    } else {
      let cube = step("Mul", [step("Mul", [step("Mul", [x, x]), x]), scalar(0.044715, "cubic")])
      curve = step("Tanh", [step("Mul", [step("Add", [x, cube]), scalar((2 / Double.pi).squareRoot(), "scale")])])
    }
    curve = step("Add", [curve, scalar(1, "one")])
    add("Mul", [step("Mul", [x, scalar(0.5, "half")]), curve])
  }

  /// The batch is open in ONNX: its length is copied, and it is sliced whole.
  func writeLayout(_ operation: String, _ shape: [Int]) -> Bool {
    let x = input("x")
    func list(_ values: [Int], _ what: String) -> String { builder.constant(values, "\(name)/\(what)") }
    switch operation {
    case "reshape":
      let keepsBatch = value("x")?.shape.first == shape.first
      add("Reshape", [x, list(keepsBatch ? [0] + integers("shape").dropFirst() : integers("shape"), "shape")])
    case "transpose": add("Transpose", [x], [.integers("perm", integers("perm"))])
    case "pad": add("Pad", [x, list(edges(integers("pad")), "pads")])
    case "tile": add("Tile", [x, list(integers("reps"), "repeats")])
    case "concat":
      guard case .values(let values) = arguments["values"] else { return false }
      add("Concat", values.map { reference($0, "value") }, [.integer("axis", integers("axis").first ?? 0)])
    case "slice_by_size":
      let (begin, size) = (integers("begin"), integers("size"))
      let ends = begin.indices.map { $0 == 0 ? Int(Int64.max) : begin[$0] + size[$0] }
      add("Slice", [x, list(begin, "starts"), list(ends, "ends"), list(Array(begin.indices), "axes")])
    case "reduce_sum": add("ReduceSum", [x, list(integers("axes"), "axes")], [.integer("keepdims", 0)])
    case "reduce_mean", "reduce_max":
      let type = operation == "reduce_mean" ? "ReduceMean" : "ReduceMax"
      add(type, [x], [.integers("axes", integers("axes")), .integer("keepdims", 0)])
    default: return false
    }
    return true
  }
}
