import Athanor
import AthanorCore

/// Writes a program as nodes of ONNX, operator set 17.
final class OnnxBuilder {
  private(set) var nodes: [OnnxNode] = []
  private(set) var initializers: [OnnxTensor] = []
  var names: UniqueNames
  private var ranks: [String: Int] = [:]

  /// - Throws: `AthanorError` that names the layer, when ONNX has no operation for it.
  init(_ program: Program) throws {
    names = UniqueNames(program.inputs.map(\.name) + program.operations.flatMap { $0.results.map(\.name) })
    for input in program.inputs { ranks[input.name] = input.shape.count }
    try program.translate { operation in
      try NodeWriter(builder: self, operation: operation).write()
      for result in operation.results { ranks[result.name] = result.shape?.rank }
    }
  }

  func rank(of operand: Program.Operand) -> Int {
    switch operand {
    case .named(let name): ranks[name] ?? 0
    case .constant(let tensor): tensor.shape.count
    }
  }

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

  func constant(_ integers: [Int], _ wanted: String, isScalar: Bool = false) -> String {
    add(wanted, isScalar ? [] : [integers.count], 7, integers.flatMap { bytes(Int64($0)) })
  }

  private func add(_ wanted: String, _ shape: [Int], _ type: Int32, _ data: [UInt8]) -> String {
    let name = names.new(wanted)
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

  static func text(_ name: String, _ value: String) -> OnnxAttribute {
    .with { ($0.name, $0.text, $0.type) = (name, .init(value.utf8), 3) }
  }
}

/// Writes one operation; its last node's result has the name of the operation's.
private struct NodeWriter {
  let builder: OnnxBuilder
  let operation: Program.Operation
  private var name: String { operation.results[0].name }

  init(builder: OnnxBuilder, operation: Program.Operation) {
    self.builder = builder
    self.operation = operation
  }

  func write() throws {
    if try !writeFunction() && !writeWindow() && !writeLayout() {
      throw AthanorError(.unsupported, at: "", "ONNX has no operation for it (\(operation.kind))")
    }
  }

  // MARK: Arguments

  private func input(_ argument: ArgumentName) throws -> String {
    reference(try operation.operand(argument), argument.rawValue)
  }

  /// Those of the arguments that are given.
  private func inputs(_ arguments: ArgumentName...) throws -> [String] {
    try arguments.filter(operation.has).map(input)
  }

  private func reference(_ operand: Program.Operand, _ wanted: String) -> String {
    switch operand {
    case .named(let name): name
    case .constant(let tensor): builder.constant(tensor, "\(name)/\(wanted)")
    }
  }

  private func scalar(_ value: Double, _ wanted: String) -> String {
    reference(.constant(Tensor(uncheckedShape: [], .float32([Float(value)]))), wanted)
  }

  private func list(_ values: [Int], _ wanted: String) -> String { builder.constant(values, "\(name)/\(wanted)") }

  // MARK: Nodes

  /// Adds the last node.
  private func add(_ type: String, _ inputs: [String], _ attributes: [OnnxAttribute] = []) {
    builder.add(type, inputs, name, attributes)
  }

  /// Adds a node before the last.
  private func step(_ type: String, _ inputs: [String], _ attributes: [OnnxAttribute] = []) -> String {
    let output = builder.names.new("\(name)/\(type)")
    builder.add(type, inputs, output, attributes)
    return output
  }

  /// Functions of the elements, products and softmax.
  private func writeFunction() throws -> Bool {
    switch operation.kind {
    case .gelu: try writeGelu(input(.x))
    case .softmax: add("Softmax", [try input(.x)], [.integer("axis", try operation.integer(.axis))])
    case .linear where builder.rank(of: try operation.operand(.x)) == 2:
      add("Gemm", try inputs(.x, .weight, .bias), [.integer("transB", 1)])
    case .linear:
      let weight = try operation.required(.weight).transposed([1, 0])
      let product = [try input(.x), reference(.constant(weight), "weight")]
      guard operation.has(.bias) else {
        add("MatMul", product)
        break
      }
      add("Add", [step("MatMul", product), try input(.bias)])
    case .batchNorm:
      let count = try operation.required(.mean).count
      let ones = Program.Operand.constant(
        Tensor(uncheckedShape: [count], .float32([Float](repeating: 1, count: count))))
      let scale = reference(try operation.has(.gamma) ? operation.operand(.gamma) : ones, "gamma")
      let shift = reference(
        try operation.has(.beta) ? operation.operand(.beta) : .constant(Tensor(zeros: [count])), "beta")
      add(
        "BatchNormalization", [try input(.x), scale, shift] + (try inputs(.mean, .variance)),
        [.number("epsilon", try operation.number(.epsilon))])
    case .matmul: add("MatMul", [try factor(.x, .transposeX), try factor(.y, .transposeY)])
    case .cast:
      let type = try operation.choice(.dtype, OperationKind.Precision.self)
      guard type == .float32 || type == .int32 else { return false }
      let to: DType = type == .float32 ? .float32 : .int32
      add("Cast", [try input(.x)], [.integer("to", Int(OnnxNetwork.elementType(to)))])
    case .argMax:
      // It gives integers of 64 bits.
      let places = step(
        "ArgMax", [try input(.x)],
        [
          .integer("axis", try operation.integer(.axis)),
          .integer("keepdims", try operation.flag(.keepDims) ? 1 : 0),
        ])
      add("Cast", [places], [.integer("to", Int(OnnxNetwork.elementType(.int32)))])
    case .oneHot:
      let values = try [ArgumentName.offValue, .onValue].map { Float(try operation.number($0)) }
      let inputs = [
        try input(.indices), scalar(Double(try operation.integer(.oneHotSize)), "depth"),
        reference(.constant(Tensor(uncheckedShape: [2], .float32(values))), "values"),
      ]
      add("OneHot", inputs, [.integer("axis", try operation.integer(.axis))])
    default: return try writePointwise()
    }
    return true
  }

  private func writePointwise() throws -> Bool {
    switch operation.kind.function {
    case .unary(let function):
      var (x, attributes) = (try input(.x), [OnnxAttribute]())
      if let parameter = function.row.parameter?.name {
        let number = try operation.number(parameter)
        if parameter == .alpha { attributes = [.number(parameter.rawValue, number)] }
        if parameter == .epsilon, number != 0 { x = step("Add", [x, scalar(number, parameter.rawValue)]) }
      }
      if let type = function.row.onnx {
        add(type, [x], attributes)
        return true
      }
      switch function {
      case .square: add("Mul", [x, x])
      case .rsqrt: add("Reciprocal", [step("Sqrt", [x])])
      case .silu: add("Mul", [x, step("Sigmoid", [x])])
      default: return false
      }
    case .binary(let function):
      guard let type = function.row.onnx else { return false }
      add(type, try inputs(.x, .y))
    case nil: return false
    }
    return true
  }

  private func factor(_ argument: ArgumentName, _ flag: ArgumentName) throws -> String {
    let rank = builder.rank(of: try operation.operand(argument))
    guard try operation.flag(flag), rank >= 2 else { return try input(argument) }
    return step(
      "Transpose", [try input(argument)], [.integers("perm", Array(0..<rank - 2) + [rank - 1, rank - 2])])
  }

  /// `x / 2 * (1 + erf(x / sqrt 2))`, or its approximation by tanh.
  private func writeGelu(_ x: String) throws {
    var curve: String
    if try operation.choice(.mode, OperationKind.GeluMode.self) == .exact {
      curve = step("Erf", [step("Mul", [x, scalar(0.5.squareRoot(), "scale")])])
    } else {
      let cube = step("Mul", [step("Mul", [step("Mul", [x, x]), x]), scalar(0.044715, "cubic")])
      curve = step("Tanh", [step("Mul", [step("Add", [x, cube]), scalar((2 / Double.pi).squareRoot(), "scale")])])
    }
    curve = step("Add", [curve, scalar(1, "one")])
    add("Mul", [step("Mul", [x, scalar(0.5, "half")]), curve])
  }

  /// The exchange language counts padding axis by axis, ONNX all starts before all ends.
  private func edges(_ padding: [Int]) -> [Int] {
    stride(from: 0, to: padding.count, by: 2).map { padding[$0] }
      + stride(from: 1, to: padding.count, by: 2).map { padding[$0] }
  }

  private func writeWindow() throws -> Bool {
    func attributes(_ more: [OnnxAttribute]) throws -> [OnnxAttribute] {
      let isSame = try operation.choice(.padType, OperationKind.PadType.self) == .same
      let padding: OnnxAttribute =
        isSame ? .text("auto_pad", "SAME_UPPER") : .integers("pads", edges(try operation.integers(.pad)))
      return [.integers("strides", try operation.integers(.strides)), padding] + more
    }
    switch operation.kind {
    case .conv:
      let size = Array(try operation.required(.weight).shape.suffix(2))
      add(
        "Conv", try inputs(.x, .weight, .bias),
        try attributes([
          .integers("kernel_shape", size), .integers("dilations", operation.integers(.dilations)),
          .integer("group", operation.integer(.groups)),
        ]))
    case .convTranspose:
      let size = Array(try operation.required(.weight).shape.suffix(2))
      add(
        "ConvTranspose", try inputs(.x, .weight, .bias),
        try attributes([
          .integers("kernel_shape", size), .integers("dilations", operation.integers(.dilations)),
          .integer("group", operation.integer(.groups)),
        ]))
    case .maxPool, .avgPool:
      let size = OnnxAttribute.integers("kernel_shape", try operation.integers(.kernelSizes))
      let isAverage = operation.kind == .avgPool
      add(
        isAverage ? "AveragePool" : "MaxPool", [try input(.x)],
        try attributes(isAverage ? [size, .integer("count_include_pad", 0)] : [size]))
    default: return false
    }
    return true
  }

  private func writeLayout() throws -> Bool {
    if operation.kind == .concat {
      let values = operation.operands(.values).map { reference($0, "value") }
      add("Concat", values, [.integer("axis", try operation.integer(.axis))])
      return true
    }
    let x = try input(.x)
    switch operation.kind {
    case .reshape: add("Reshape", [x, list(try operation.integers(.shape), "shape")])
    case .transpose: add("Transpose", [x], [.integers("perm", try operation.integers(.perm))])
    case .pad:
      let number = try operation.number(.constantValue)
      add(
        "Pad",
        [x, list(edges(try operation.integers(.pad)), "pads")] + (number == 0 ? [] : [scalar(number, "value")]))
    case .gather:
      let places = try operation.constant(.indices).map { list($0.integers, "places") } ?? input(.indices)
      add("Gather", [x, places], [.integer("axis", try operation.integer(.axis))])
    case .tile: add("Tile", [x, list(try operation.integers(.reps), "repeats")])
    case .sliceBySize:
      let (begin, size) = (try operation.integers(.begin), try operation.integers(.size))
      let ends = zip(begin, size).map { $1 == -1 ? Int(Int64.max) : $0 + $1 }
      add("Slice", [x, list(begin, "starts"), list(ends, "ends"), list(Array(begin.indices), "axes")])
    case .reduceSum: add("ReduceSum", [x, list(try operation.integers(.axes), "axes")], [.integer("keepdims", 0)])
    case .reduceMean, .reduceMax:
      let type = operation.kind == .reduceMean ? "ReduceMean" : "ReduceMax"
      add(type, [x], [.integers("axes", try operation.integers(.axes)), .integer("keepdims", 0)])
    case .cumulativeSum:
      let flags = try [("exclusive", ArgumentName.exclusive), ("reverse", .reverse)].map {
        OnnxAttribute.integer($0, try operation.flag($1) ? 1 : 0)
      }
      add("CumSum", [x, builder.constant([try operation.integer(.axis)], "\(name)/axis", isScalar: true)], flags)
    default: return false
    }
    return true
  }
}
