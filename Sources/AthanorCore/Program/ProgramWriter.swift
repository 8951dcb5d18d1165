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

  /// - Parameter names: Names that the program's values have already.
  package init(reserving names: some Sequence<String> = []) { self.names = UniqueNames(names) }

  /// Adds an input.
  package func add(_ input: Program.Input) -> ExportValue {
    inputs.append(input)
    _ = names.new(input.name)
    return ExportValue(.named(input.name), shape: input.layout.graphOrder(input.shape), layout: input.layout)
  }

  /// Adds an operation and returns its result.
  ///
  /// - Throws: `AthanorError` with an empty location when the arguments are not those of the kind.
  package func add(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], shape: [Int]? = nil
  ) throws -> Program.Operand {
    let result = names.new(name.isEmpty ? kind.name : "\(name)_\(kind.name)")
    try add(kind, arguments, results: [Program.Result(result, shape: shape)])
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
      let shapes = node.outputs.map { graph.type(of: $0).shape.sizes }
      do {
        let inputs = try node.inputs.map { input in
          guard let value = values[input] else {
            throw AthanorError(.unsupported, at: "", "it needs a value that was not written")
          }
          return value
        }
        let results = try op.export(ExportSite(inputs: inputs, outputShapes: shapes, writer: self))
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

  /// The program as it was written.
  package func program(outputs: [Program.Result]) -> Program {
    Program(inputs: inputs, operations: operations, outputs: outputs)
  }
}

/// A value of a graph in the program that is being written.
package struct ExportValue: Sendable, LaidOut {
  package let operand: Program.Operand
  /// The shape in the graph, with the batch bound.
  package let shape: [Int]
  package var layout: Layout

  package init(_ operand: Program.Operand, shape: [Int], layout: Layout = .plain) {
    self.operand = operand
    self.shape = shape
    self.layout = layout
  }

  package init(constant tensor: Tensor) { self.init(.constant(tensor), shape: tensor.shape) }

  /// The shape in the program.
  package var programShape: [Int] { layout.programOrder(shape) }

  package var constant: Tensor? {
    if case .constant(let tensor) = operand { tensor } else { nil }
  }

  package var rank: Int { shape.count }
}

extension Program.Argument {
  package static func value(_ value: ExportValue) -> Program.Argument { .operand(value.operand) }
  package static func values(_ values: [ExportValue]) -> Program.Argument { .operands(values.map(\.operand)) }
}

/// What an operation's export facet sees.
package struct ExportSite: LayoutSide {
  package let inputs: [ExportValue]
  /// The shapes of the results in the graph, with the batch bound.
  package let outputShapes: [[Int]]
  package let writer: ProgramWriter

  package init(inputs: [ExportValue] = [], outputShapes: [[Int]] = [], writer: ProgramWriter) {
    self.inputs = inputs
    self.outputShapes = outputShapes
    self.writer = writer
  }

  /// Adds an operation whose result has the given layout, and in the graph the given shape.
  package func emit(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], shape: [Int], layout: Layout = .plain
  ) throws -> ExportValue {
    let operand = try writer.add(kind, arguments, shape: layout.programOrder(shape))
    return ExportValue(operand, shape: shape, layout: layout)
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
    try emit(.transpose, [.x: .value(x), .perm: .integers(order)], shape: x.shape, layout: layout)
  }

  package func unflattened(_ x: ExportValue, height: Int, width: Int, channels: Int) throws -> ExportValue {
    try emit(
      .reshape, [.x: .value(x), .shape: .integers([x.shape[0], channels, height, width])],
      shape: [x.shape[0], height, width, channels], layout: .picture)
  }

  package func flattened(_ x: ExportValue) throws -> ExportValue {
    let shape = [x.shape[0], x.shape.dropFirst().reduce(1, *)]
    return try emit(.reshape, [.x: .value(x), .shape: .integers(shape)], shape: shape)
  }
}
