import AthanorCore
import Testing

/// The exchange language: what its operations accept, and that all that is exported can be imported.
@Suite struct VocabularyTests {
  private typealias Arguments = [ArgumentName: Program.Argument]

  private let x = Program.Argument.operand(.named("x"))

  private func refusal(_ kind: OperationKind, _ arguments: Arguments, results: Int = 1) -> String {
    errorText {
      _ = try Program.Operation(
        kind, name: "a", arguments, results: (0..<results).map { Program.Result("y\($0)") })
    }
  }

  private func errorText(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func refusals() throws {
    #expect(refusal(.softmax, [.x: x, .axis: .integer(1)]) == "no error")
    #expect(
      refusal(.softmax, [.x: x, .axes: .integers([1])]) == "its argument \"axes\" is not known. softmax takes x, axis.")
    #expect(refusal(.softmax, [.axis: .integer(1)]) == "its argument \"x\" is missing.")
    #expect(
      refusal(.softmax, [.x: x, .axis: .text("last")])
        == "its argument \"axis\" is the text \"last\" but must be an integer.")
    #expect(
      refusal(.softmax, [.x: x, .axis: .constant(try Tensor(shape: [2], integers: [1, 2]))])
        == "its argument \"axis\" is an array of shape (2,) but must be an integer.")
    #expect(
      refusal(.conv, [.x: x, .weight: x, .strides: .number(2)])
        == "its argument \"strides\" is the number 2.0 but must be a list of integers.")
    #expect(refusal(.softmax, [.x: .flag(true)]) == "its argument \"x\" is true but must be a value.")
    #expect(refusal(.softmax, [.x: x], results: 2) == "it has 2 results but must have 1.")
    #expect(
      refusal(.gather, [.x: x, .indices: x, .batchDims: .integer(1)])
        == "its argument \"batch_dims\" is the integer 1, but only the integer 0 is supported.")
    #expect(
      refusal(.pad, [.x: x, .pad: .integers([]), .mode: .text("mirror")])
        == "its argument \"mode\" is the text \"mirror\", but only the text \"constant\", the text \"reflect\", "
        + "the text \"replicate\", the text \"wrap\" are supported.")
    #expect(
      refusal(.gelu, [.x: x, .mode: .text("FAST")])
        == "its argument \"mode\" is the text \"FAST\", but only the text \"EXACT\", the text \"TANH_APPROXIMATION\", "
        + "the text \"SIGMOID_APPROXIMATION\" are supported.")
    #expect(
      errorText { _ = try OperationKind.softmax.arguments(["x": x, "speed": x]) }
        == "its argument \"speed\" is not known. softmax takes x, axis.")
    #expect(
      errorText { _ = try OperationKind.named("softmaxx") }.hasPrefix(
        "there is no operation of this kind here. Did you mean \"softmax\"? Known are abs, acos, acosh, add, asin, ")
    )
  }

  /// Numbers of a file become what the argument is.
  @Test func knownNumbersAreTyped() throws {
    let operation = try Program.Operation(
      .maxPool, name: "a",
      [
        .x: x, .kernelSizes: .constant(Tensor(shape: [2], integers: [3, 4])),
        .ceilMode: .constant(Tensor(shape: [], integers: [1])),
      ], results: [Program.Result("y")])
    #expect(try operation.integers(.kernelSizes) == [3, 4] && operation.flag(.ceilMode))
    // What is not given has its default.
    #expect(try operation.integers(.strides) == [1, 1] && operation.text(.padType) == "valid")
    let open = try Program.Operation(
      .reshape, name: "a", [.x: x, .shape: .operand(.named("s"))], results: [Program.Result("y")])
    #expect(
      errorText { _ = try open.integers(.shape) }
        == "its argument \"shape\" is computed by the network, but must be known before.")
  }

  /// Every kind is found by its name and can be constructed from its required arguments.
  @Test func theVocabularyIsComplete() throws {
    #expect(Set(OperationKind.all.map(\.name)).count == OperationKind.all.count)
    for kind in OperationKind.all {
      #expect(try OperationKind.named(kind.name) == kind)
      #expect(Set(kind.parameters.map(\.name)).count == kind.parameters.count, "\(kind)")
      for parameter in kind.parameters {
        #expect(parameter.standard == nil || !parameter.isRequired, "\(kind) \(parameter.name)")
      }
    }
    // Each declaration in the sources is part of it.
    var declared: Set<String> = []
    for folder in ["AthanorCore/Ops", "AthanorCore/Program"] {
      for (_, text) in try sourceFiles(folder) {
        for match in text.matches(
          of: #/static let \w+ = (?:OperationKind|reduction|comparison|logic|function|argument)\(\s*"(\w+)"/#)
        {
          declared.insert(String(match.1))
        }
      }
    }
    let functions = UnaryFunction.allCases.compactMap(\.row.name) + BinaryFunction.allCases.compactMap(\.row.name)
    #expect(declared.union(functions) == Set(OperationKind.all.map(\.name)) && declared.count > 25)
  }

  // MARK: Round trips

  /// A case's forward graph as a program, its inputs for a batch of 3; values without a batch are known numbers.
  private func program(_ aCase: OpCase, _ graph: Graph, _ contents: [Source: Numbers], arePictures: Bool) throws
    -> Program
  {
    let writer = ProgramWriter()
    var known: [ValueID: ExportValue] = [:]
    for (source, value) in graph.sources.sorted(by: { $0.value < $1.value }) {
      guard case .input(let name) = source, graph.nodes.contains(where: { $0.inputs.contains(value) }) else { continue }
      let shape = graph.type(of: value).shape
      if shape.lengths.first == .some(nil) {
        let isPicture = arePictures && shape.rank == 4
        let layout: Layout = isPicture ? .picture : .plain
        var input = Program.Input(
          name: name, dtype: graph.type(of: value).dtype, shape: layout.programOrder(shape.sizes), isPicture: isPicture)
        for (axis, length) in layout.programOrder(shape.axes).enumerated() { input.open[axis] = length.openNames.first }
        known[value] = writer.add(input)
      } else if case .real(let numbers) = contents[source] {
        known[value] = ExportValue(
          constant: try Tensor(shape: shape.sizes, numbers.map { Float($0) }))
      }
    }
    let outputs = try writer.write(graph, known)
    guard !writer.inputs.isEmpty, writer.inputs.allSatisfy({ $0.dtype == .float32 }) else {
      throw AthanorError(.unsupported, at: "", "nothing is computed, or not from numbers")
    }
    let y = try #require(outputs["y0"])
    guard case .named(let name) = try ExportSite(writer: writer).plain(y).operand else {
      throw AthanorError(.unsupported, at: "", "it is known")
    }
    return writer.program(outputs: [Program.Result(name)])
  }

  private func numbers(_ graph: Graph, _ result: String, _ contents: [Source: Numbers]) throws -> [Double] {
    let bench = try Bench(graph)
    try bench.set(contents.filter { graph.sources[$0.key] != nil })
    bench.run()
    return try bench.numbers(.output(result))
  }

  /// Runs a case's graph, and the graph that is composed of the program that it exports; nil when it cannot be exported.
  private func roundTrip(_ aCase: OpCase, arePictures: Bool) throws -> (kinds: [OperationKind], difference: Double)? {
    var forward = try aCase.graph(parameters: [], gradients: false)
    for (result, _) in forward.results where result != .output("y0") { forward.removeResult(result) }
    forward = try Passes.removeUnused(forward)
    guard forward.nodes.allSatisfy({ $0.op is any ForwardOp }) else { return nil }
    var contents = aCase.contents(of: forward, batch: 3)
    let program: Program
    do {
      program = try self.program(aCase, forward, contents, arePictures: arePictures)
    } catch let error as AthanorError where error.kind == .unsupported {
      return nil
    }
    let builder = GraphBuilder(openLength: 3)
    let inputs = try program.inputs.map { input in
      let value = try #require(forward.sources[.input(input.name)])
      return try builder.source(.input(input.name), forward.type(of: value))
    }
    var values: [String: ImportedValue] = [:]
    for (input, value) in zip(program.inputs, inputs) {
      values[input.name] = ImportedValue(value, layout: input.isPicture ? .picture : .plain)
    }
    for operation in program.operations {
      let site = try ImportSite(operation, values, batch: 3, builder) { name, tensor in
        let source = Source.parameter("\(operation.results[0].name)/\(name)")
        contents[source] = .real(tensor.floats.map { Double($0) })
        return try builder.source(source, ValueType(.float32, Shape(tensor.shape)))
      }
      for (result, value) in zip(operation.results, try site.results()) { values[result.name] = value }
    }
    let output = try #require(values[program.outputs[0].name])
    builder.setResult(.output("y0"), try builder.value(builder.plain(output)))
    let (got, want) = (
      try numbers(builder.graph, "y0", contents), try numbers(forward, "y0", contents)
    )
    return (program.operations.map(\.kind), difference(got, want))
  }

  /// Sums along the batch are refused by name: examples are computed each by itself.
  @Test func whatIsExportedIsImported() throws {
    var kinds: Set<String> = []
    var count = 0
    for aCase in OpCase.all {
      for arePictures in [false, true] {
        do {
          guard let (found, difference) = try roundTrip(aCase, arePictures: arePictures) else { continue }
          kinds.formUnion(found.map(\.name))
          count += 1
          #expect(difference <= 2e-6, "\(aCase)")
        } catch let error as AthanorError {
          #expect(error.problem == "it goes along the batch; examples are computed each by itself", "\(aCase)")
        }
      }
    }
    #expect(count >= 300, "\(count)")
    // All that the ops' export facets write.
    let exported =
      UnaryFunction.allCases.compactMap(\.row.name) + BinaryFunction.allCases.compactMap(\.row.name)
      + [
        OperationKind.avgPool, .batchNorm, .concat, .conv, .convTranspose, .gather, .cumulativeSum, .gelu, .linear,
        .matmul, .maxPool, .pad,
        .reduceMax,
        .reduceMean,
        .reduceSum, .reshape, .sliceBySize, .softmax, .tile, .transpose,
      ].map(\.name)
    #expect(kinds.isSuperset(of: exported), "\(Set(exported).subtracting(kinds))")
  }
}
