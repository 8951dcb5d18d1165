import AthanorKernels

/// The precision in which a plan computes.
package enum Precision: Sendable {
  /// 32-bit floating point, by the fastest kernels of the machine.
  case single
  /// 64-bit floating point, by the reference kernels: for checking gradients.
  case double

  var byteCount: Int { self == .single ? 4 : 8 }
}

/// A graph made ready to run: each value's place is known and each kernel is chosen.
///
/// Immutable and small, so one plan may be run by many workspaces at once; memory belongs to them.
package final class Plan: @unchecked Sendable {  // its closures capture values alone
  package struct Step {
    let kernel: Kernel
    package let node: Node
    package let outputs: [KernelSite.Operand]
    /// The bytes of all arrays that are read and written.
    package let byteCount: Int
  }

  package let precision: Precision
  package let graph: Graph
  let table: UnsafePointer<ath_kernel_table>
  package let steps: [Step]
  package let operands: [KernelSite.Operand]
  package let inputs: [String: KernelSite.Operand]
  package let outputs: [String: KernelSite.Operand]
  /// The bytes that one workspace needs for values and for the kernels' scratch memory.
  package let arenaByteCount: Int
  package let scratchByteCount: Int

  /// Makes a graph ready to run.
  ///
  /// - Parameters:
  ///   - graph: The computation.
  ///   - weights: Where each weight lies, and its gradient or update.
  /// - Throws: `AthanorError` when this machine lacks the instructions, a weight has no place or a value has no end.
  package init(
    _ graph: Graph, weights: WeightMap, precision: Precision = .single, instructions: InstructionSet? = nil
  ) throws {
    let table = try (instructions ?? .chosen()).table(precision)
    try Plan.validate(graph, weights)
    let placement = Placement(graph, weights, elementBytes: precision.byteCount)
    let operands = graph.types.indices.map { index in
      KernelSite.Operand(
        shape: graph.types[index].shape.sizes, dtype: graph.types[index].dtype, place: placement.places[index])
    }
    var steps: [Step] = graph.nodes.map { node in
      let outputs = node.outputs.map { operands[$0.index] }
      let inputs = node.inputs.map { operands[$0.index] }
      let site = KernelSite(inputs: inputs, outputs: outputs, table: table)
      let byteCount = (inputs + outputs).reduce(0) {
        $0 + $1.count * ($1.dtype == .float32 ? precision.byteCount : $1.dtype.byteCount)
      }
      return Step(kernel: node.op.kernel(site), node: node, outputs: outputs, byteCount: byteCount)
    }
    for (value, place) in placement.copies {
      steps.append(Plan.copyStep(value, operands[value.index], to: place, elementBytes: precision.byteCount))
    }
    self.precision = precision
    self.graph = graph
    self.table = table
    self.steps = steps
    self.operands = operands
    var inputs: [String: KernelSite.Operand] = [:]
    for case (.input(let name), let value) in graph.sources { inputs[name] = operands[value.index] }
    self.inputs = inputs
    var outputs: [String: KernelSite.Operand] = [:]
    for case (.output(let name), let value) in graph.results {
      let (operand, copy) = (operands[value.index], placement.outputCopies[value])
      outputs[name] = copy.map { KernelSite.Operand(shape: operand.shape, dtype: operand.dtype, place: $0) } ?? operand
    }
    self.outputs = outputs
    self.arenaByteCount = placement.arenaByteCount
    self.scratchByteCount = steps.map(\.kernel.scratchByteCount).max() ?? 0
  }

  /// - Throws: `AthanorError` when a weight has no place or another shape there.
  private static func validate(_ graph: Graph, _ weights: WeightMap) throws {
    func check(_ name: String, _ value: ValueID, isParameter: Bool) throws {
      let shape = graph.type(of: value).shape.sizes
      let span = weights[name].flatMap { $0.isParameter == isParameter ? $0 : nil }
      guard span?.shape != shape else { return }
      let found = span.map { "shape \(Shape.text($0.shape))" } ?? "no place"
      throw AthanorError(
        .shape, at: "plan",
        "weight \"\(name)\" has \(found) in the model's memory but shape \(Shape.text(shape)) in the graph",
        fix: "Make the plan from the graph whose weights the model holds.")
    }
    for (source, value) in graph.sources.sorted(by: { $0.value < $1.value }) {
      switch source {
      case .input: continue
      case .parameter(let name): try check(name, value, isParameter: true)
      case .state(let name): try check(name, value, isParameter: false)
      }
    }
    for (result, value) in graph.results {
      switch result {
      case .output: continue
      case .gradient(let name): try check(name, value, isParameter: true)
      case .update(let name): try check(name, value, isParameter: false)
      }
    }
  }

  private static func copyStep(
    _ value: ValueID, _ operand: KernelSite.Operand, to place: Place, elementBytes: Int
  ) -> Step {
    let target = KernelSite.Operand(shape: operand.shape, dtype: operand.dtype, place: place)
    let kernel = Kernel { run in
      run[target].copyMemory(from: run[operand], byteCount: operand.count * elementBytes)
    }
    return Step(
      kernel: kernel, node: Node(op: ReshapeOp(shape: Shape(operand.shape)), inputs: [value], outputs: [], origin: ""),
      outputs: [target], byteCount: 2 * operand.count * elementBytes)
  }

  /// The floating-point operations of one run, counted as direct convolutions and products.
  package var floatingPointOperations: Double { steps.reduce(0) { $0 + $1.kernel.floatingPointOperations } }
}

/// Where each value of a graph lies.
private struct Placement {
  var places: [Place]
  /// Results that must be copied to their place at the end, because their value already lies elsewhere.
  var copies: [(ValueID, Place)] = []
  /// Where outputs are read whose value lies outside of the arena: a weight, or what is a gradient as well.
  var outputCopies: [ValueID: Place] = [:]
  var arenaByteCount = 0

  init(_ graph: Graph, _ weights: WeightMap, elementBytes: Int) {
    let end = graph.nodes.count
    let count = graph.types.count
    var root = Array(0..<count)  // the value whose memory a value shares
    var first = [Int](repeating: -1, count: count)
    var last = [Int](repeating: -1, count: count)
    for (step, node) in graph.nodes.enumerated() { for input in node.inputs { last[input.index] = step } }
    for case (.output, let value) in graph.results { last[value.index] = end }
    // Inputs stay as they were given, so that a run can be repeated.
    for case (.input, let value) in graph.sources { last[value.index] = end }

    // A root lives as long as the last of those that share its memory. Views are resolved first, so that "is this the
    // last reader?" below sees them.
    for node in graph.nodes where node.op.outputPlacement == .viewOfInput {
      root[node.outputs[0].index] = root[node.inputs[0].index]
    }
    for value in 0..<count where root[value] != value { last[root[value]] = max(last[root[value]], last[value]) }

    var isFixed = [Bool](repeating: false, count: count)  // no result may be written over it
    for value in graph.sources.values { isFixed[value.index] = true }
    for (_, value) in graph.results { isFixed[root[value.index]] = true }

    func byteCount(_ value: Int) -> Int {
      let type = graph.types[value]
      let size = type.dtype == .float32 ? elementBytes : type.dtype.byteCount
      return type.shape.sizes.reduce(1, *) * size
    }

    for (step, node) in graph.nodes.enumerated() {
      for output in node.outputs { first[output.index] = step }
      guard case .overInput(let position) = node.op.outputPlacement else { continue }
      let (input, output) = (node.inputs[position], node.outputs[0])
      let owner = root[input.index]
      let isAlone = node.inputs.allSatisfy {
        root[$0.index] != owner || graph.types[$0.index].shape == graph.types[input.index].shape
      }
      guard !isFixed[owner], !isFixed[output.index], last[owner] <= step, isAlone,
        byteCount(input.index) == byteCount(output.index)
      else { continue }
      for value in 0..<count where root[value] == output.index { root[value] = owner }
      last[owner] = max(last[owner], last[output.index])
    }

    var places = [Place?](repeating: nil, count: count)
    for (source, value) in graph.sources {
      switch source {
      case .parameter(let name), .state(let name):
        places[value.index] = weights[name].map {
          Place(region: Region.stores + $0.store, offset: $0.offset * elementBytes)
        }
      case .input: break
      }
    }
    for (result, value) in graph.results {
      let (region, name): (Int, String)
      switch result {
      case .output: continue
      case .gradient(let parameter): (region, name) = (Region.gradients, parameter)
      case .update(let state): (region, name) = (Region.updates, state)
      }
      let place = Place(region: region, offset: (weights[name]?.gradientOffset ?? 0) * elementBytes)
      let owner = root[value.index]
      if places[owner] == nil, case .node = graph.definitions[owner], byteCount(owner) == byteCount(value.index) {
        places[owner] = place
      } else {
        copies.append((value, place))
        last[owner] = end
      }
    }

    let inArena = (0..<count).filter { root[$0] == $0 && places[$0] == nil }
    let copied = graph.results.filter { result, value in
      if case .output = result { return places[root[value.index]] != nil }
      return false
    }
    let plan = MemoryPlan(
      inArena.map { MemoryPlan.Request(byteCount: byteCount($0), lifetime: first[$0]...max(last[$0], first[$0])) }
        + copied.map { MemoryPlan.Request(byteCount: byteCount($0.value.index), lifetime: end...end) })
    for (value, offset) in zip(inArena, plan.offsets) {
      places[value] = Place(region: Region.arena, offset: offset)
    }
    for ((_, value), offset) in zip(copied, plan.offsets.dropFirst(inArena.count)) {
      let place = Place(region: Region.arena, offset: offset)
      copies.append((value, place))
      outputCopies[value] = place
    }
    arenaByteCount = plan.byteCount
    self.places = (0..<count).map { places[root[$0]] ?? Place(region: Region.arena, offset: 0) }
  }
}
