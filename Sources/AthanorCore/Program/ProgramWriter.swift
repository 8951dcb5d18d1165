/// Names of a file, each given once.
package struct UniqueNames {
  private var taken: Set<String>
  /// The last number behind each base.
  private var numbers: [String: Int] = [:]

  package init(_ taken: some Sequence<String> = []) { self.taken = Set(taken) }

  /// A name that begins like `base`, and is new.
  package mutating func new(_ base: String) -> String {
    var number = numbers[base] ?? 0
    var name = number == 0 ? base : "\(base)_\(number)"
    while !taken.insert(name).inserted {
      number += 1
      name = "\(base)_\(number)"
    }
    numbers[base] = number
    return name
  }
}

/// Collects a program's operations.
package final class ProgramWriter {
  package private(set) var inputs: [Program.Input] = []
  package private(set) var operations: [Program.Operation] = []
  /// The layer or node that is being written; names of results begin with it.
  package var name = ""
  /// What operations read as `x` when nothing else is given: the first input of the layer or node.
  package var input: Program.Operand?
  private var names: UniqueNames
  /// The names of those open lengths of the graph that are fixed in the program.
  private let fixedLengths: Set<String>

  /// - Parameters:
  ///   - names: Names that the program's values have already.
  ///   - fixedLengths: The names of open lengths that are fixed in the program, as long as they are in the graph.
  package init(reserving names: some Sequence<String> = [], fixedLengths: some Sequence<String> = []) {
    self.names = UniqueNames(names)
    self.fixedLengths = Set(fixedLengths)
  }

  /// Adds an input.
  package func add(_ input: Program.Input) -> ExportValue {
    inputs.append(input)
    _ = names.new(input.name)
    let shape = Shape(axes: input.layout.graphOrder(input.axes))
    return ExportValue(.named(input.name), ValueType(input.dtype, shape), layout: input.layout)
  }

  /// The type with those lengths open that are open in the program.
  package func inProgram(_ type: ValueType) -> ValueType {
    let axes = type.shape.axes.map { Shape.Axis($0.length, openNames: $0.openNames.subtracting(fixedLengths)) }
    return ValueType(type.dtype, Shape(axes: axes))
  }

  /// Adds an operation and returns its result.
  ///
  /// - Throws: `AthanorError` with an empty location when the arguments are not those of the kind.
  package func add(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], dtype: DType = .float32, shape: Shape? = nil
  ) throws -> Program.Operand {
    let result = names.new(name.isEmpty ? kind.name : "\(name)_\(kind.name)")
    try add(kind, arguments, results: [Program.Result(result, dtype: dtype, shape: shape)])
    return .named(result)
  }

  /// Adds an operation whose results have names already.
  package func add(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], results: [Program.Result]
  ) throws {
    var arguments = arguments
    if arguments[.x] == nil, let input, kind.parameters.contains(where: { $0.name == .x }) {
      arguments[.x] = .operand(input)
    }
    operations.append(try Program.Operation(kind, name: name, arguments, results: results))
  }

  /// Writes a graph's operations and returns the graph's outputs, by name.
  ///
  /// - Parameters:
  ///   - graph: A graph of forward operations.
  ///   - known: The graph's inputs and weights, and what needs no writing.
  /// - Throws: `AthanorError` that names the layer, when an operation cannot be exported.
  package func write(_ graph: Graph, _ known: [ValueID: ExportValue]) throws -> [String: ExportValue] {
    var values = known
    for node in graph.nodes where node.outputs.contains(where: { values[$0] == nil }) {
      guard let op = node.op as? any ForwardOp else { continue }
      name = node.origin
      let types = node.outputs.map { inProgram(graph.type(of: $0)) }
      do {
        let inputs = try node.inputs.map { input in
          guard let value = values[input] else {
            throw AthanorError(.unsupported, at: "", "it needs a value that was not written")
          }
          return value
        }
        let results = try op.export(ExportSite(inputs: inputs, outputTypes: types, writer: self))
        for (output, result) in zip(node.outputs, results) { values[output] = result }
      } catch let error as AthanorError {
        throw error.within("\(node.origin), export")
      }
    }
    name = ""
    var outputs: [String: ExportValue] = [:]
    for (result, value) in graph.results {
      if case .output(let name) = result { outputs[name] = values[value] }
    }
    return outputs
  }

  /// Takes the last operations out again.
  package func takeOperations(from place: Int) -> [Program.Operation] {
    defer { operations.removeSubrange(place...) }
    return Array(operations[place...])
  }

  /// The program as it was written.
  package func program(outputs: [Program.Result]) -> Program {
    Program(inputs: inputs, operations: operations, outputs: outputs)
  }
}

/// A value of a graph in the program that is being written.
package struct ExportValue: Sendable, LaidOut {
  package let operand: Program.Operand
  /// The type in the graph, with those lengths open that are open in the program.
  package let type: ValueType
  package var layout: Layout

  package init(_ operand: Program.Operand, _ type: ValueType, layout: Layout = .plain) {
    self.operand = operand
    self.type = type
    self.layout = layout
  }

  package init(constant tensor: Tensor) { self.init(.constant(tensor), ValueType(tensor.dtype, Shape(tensor.shape))) }

  package var shape: Shape { type.shape }
  package var dtype: DType { type.dtype }

  package var constant: Tensor? {
    if case .constant(let tensor) = operand { tensor } else { nil }
  }

  package var rank: Int { shape.rank }
}

extension Program.Argument {
  package static func value(_ value: ExportValue) -> Program.Argument { .operand(value.operand) }
  package static func values(_ values: [ExportValue]) -> Program.Argument { .operands(values.map(\.operand)) }
}

/// What an operation's export facet sees.
package struct ExportSite: LayoutSide {
  package let inputs: [ExportValue]
  /// The types of the results in the graph, with those lengths open that are open in the program.
  package let outputTypes: [ValueType]
  package let writer: ProgramWriter

  package init(inputs: [ExportValue] = [], outputTypes: [ValueType] = [], writer: ProgramWriter) {
    self.inputs = inputs
    self.outputTypes = outputTypes
    self.writer = writer
  }

  /// Adds an operation whose result has the given layout, and in the graph the given type.
  package func emit(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], _ type: ValueType, layout: Layout = .plain
  ) throws -> ExportValue {
    let shape = Shape(axes: layout.programOrder(type.shape.axes))
    return ExportValue(try writer.add(kind, arguments, dtype: type.dtype, shape: shape), type, layout: layout)
  }

  /// The same elements under another shape. An open length is copied (0) from the same axis before, or inferred (-1) from all others.
  ///
  /// - Throws: `AthanorError` when several would have to be inferred.
  package func reshaped(_ x: ExportValue, to shape: Shape, layout: Layout = .plain) throws -> ExportValue {
    let (before, after) = (x.layout.programOrder(x.shape.axes), layout.programOrder(shape.axes))
    let lengths = after.enumerated().map { place, axis in
      !axis.isOpen ? axis.length : before.indices.contains(place) && before[place] == axis ? 0 : -1
    }
    guard lengths.count(where: { $0 == -1 }) <= 1 else {
      throw AthanorError(
        .unsupported, at: "", "shape \(x.shape) is to become \(shape), with more than one new open length",
        fix: "Files can infer one; fix the others.")
    }
    return try emit(
      .reshape, [.x: .value(x), .shape: .integers(lengths)], ValueType(x.dtype, shape), layout: layout)
  }

  /// The numbers of an input that programs take only as a constant.
  ///
  /// - Throws: `AthanorError` when it is computed.
  package func constant(_ input: Int, _ what: String) throws -> Tensor {
    if let tensor = inputs[input].constant { return tensor }
    throw AthanorError(
      .unsupported, at: "", "\(what) is computed by the network, but must be known before it is exported",
      fix: "Use a weight there.")
  }

  /// The error of an operation that exists only while training.
  package func onlyWhileTraining(_ name: String) -> AthanorError {
    AthanorError(
      .unsupported, at: "", "\(name) exists only while training", fix: "Export the network that predicts.")
  }

  // MARK: Layout

  package static let toOtherSide = Layout.toGraph
  package static let fromOtherSide = Layout.toProgram

  package func transposed(_ x: ExportValue, _ order: [Int], _ layout: Layout) throws -> ExportValue {
    try emit(.transpose, [.x: .value(x), .perm: .integers(order)], x.type, layout: layout)
  }

  package func unflattened(_ x: ExportValue, height: Int, width: Int, channels: Int) throws -> ExportValue {
    try reshaped(
      x, to: Shape(axes: x.shape.axes.prefix(1) + [height, width, channels].map { Shape.Axis($0) }), layout: .picture)
  }

  package func flattened(_ x: ExportValue) throws -> ExportValue {
    try reshaped(x, to: Shape(axes: [x.shape.axes[0], x.shape.merged(1..<x.rank)]))
  }
}
