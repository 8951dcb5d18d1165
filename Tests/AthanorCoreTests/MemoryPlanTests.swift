import AthanorCore
import Testing

@Suite struct MemoryPlanTests {
  /// By brute force: values that live at the same time share no byte, and no more memory is used than all need together.
  @Test(arguments: 0..<40)
  func placesOfLivingValuesAreApart(seed: Int) {
    var random = Random(UInt64(seed))
    let requests = (0..<random.below(60) + 1).map { _ in
      let first = random.below(30) - 1
      return MemoryPlan.Request(
        byteCount: random.below(5) * random.below(400), lifetime: first...first + random.below(12))
    }
    let plan = MemoryPlan(requests)
    func end(_ index: Int) -> Int { plan.offsets[index] + requests[index].byteCount }
    for i in requests.indices {
      #expect(plan.offsets[i] >= 0 && plan.offsets[i] % 64 == 0 && end(i) <= plan.byteCount)
      for j in 0..<i where requests[i].lifetime.overlaps(requests[j].lifetime) {
        #expect(
          end(i) <= plan.offsets[j] || end(j) <= plan.offsets[i] || requests[i].byteCount * requests[j].byteCount == 0)
      }
    }
    func aligned(_ request: MemoryPlan.Request) -> Int { (request.byteCount + 63) / 64 * 64 }
    let needed = (-1..<45).map { step in requests.filter { $0.lifetime.contains(step) }.map(aligned).reduce(0, +) }
    #expect(plan.byteCount >= needed.max() ?? 0)
    #expect(plan.byteCount <= requests.map(aligned).reduce(0, +))
  }

  @Test func memoryIsUsedAgain() {
    let chain = (0..<10).map { MemoryPlan.Request(byteCount: 1000, lifetime: $0...$0 + 1) }
    #expect(MemoryPlan(chain).byteCount == 2048)
    #expect(MemoryPlan([]).byteCount == 0)
  }

  /// Plays a plan through, byte by byte: what a step reads must still be what was written for it, and a step must not write
  /// over what it reads (but for kernels that may run in place).
  private func faults(of graph: Graph) throws -> [String] {
    let plan = try Bench(graph).plan
    var faults: [String] = []
    // The value that each byte of each region holds; views hold what they are views of.
    var held = [[Int: Int]](repeating: [:], count: Region.stores + 1)
    var content = Array(graph.types.indices)
    for node in graph.nodes where node.op.outputPlacement == .viewOfInput {
      content[node.outputs[0].index] = content[node.inputs[0].index]
    }
    func range(_ operand: KernelSite.Operand) -> Range<Int> {
      operand.place.offset..<operand.place.offset + operand.count * operand.dtype.byteCount
    }
    func write(_ operand: KernelSite.Operand, _ value: ValueID) {
      if operand.place.region == Region.arena, range(operand).upperBound > plan.arenaByteCount {
        faults.append("\(value) ends behind the arena")
      }
      for byte in range(operand) { held[operand.place.region][byte] = content[value.index] }
    }
    func check(_ region: Int, _ bytes: Range<Int>, _ value: ValueID, _ what: String) {
      if !bytes.allSatisfy({ held[region][$0] == content[value.index] }) {
        faults.append("\(what) reads \(value), which is overwritten")
      }
    }
    func check(_ operand: KernelSite.Operand, _ value: ValueID, _ what: String) {
      check(operand.place.region, range(operand), value, what)
    }
    func overlap(_ a: KernelSite.Operand, _ b: KernelSite.Operand) -> Bool {
      a.place.region == b.place.region && range(a).overlaps(range(b))
    }
    for value in graph.sources.values { write(plan.operands[value.index], value) }
    for step in plan.steps {
      let name = step.node.op.name
      let inputs = step.node.inputs.map { plan.operands[$0.index] }
      for (operand, value) in zip(inputs, step.node.inputs) { check(operand, value, name) }
      if step.node.outputs.isEmpty {  // a copy to where a result is read
        write(step.outputs[0], step.node.inputs[0])
        continue
      }
      if step.node.op.outputPlacement == .viewOfInput {
        if inputs[0].place != step.outputs[0].place { faults.append("\(name) is no view") }
        continue
      }
      for (place, output) in step.outputs.enumerated() {
        for other in step.outputs[..<place] where overlap(output, other) { faults.append("\(name)'s results overlap") }
        for input in inputs where overlap(output, input) {
          let mayBeInPlace =
            if case .overInput = step.node.op.outputPlacement { place == 0 } else { false }
          if !mayBeInPlace || range(input) != range(output) { faults.append("\(name) writes over its input") }
        }
      }
      for (operand, value) in zip(step.outputs, step.node.outputs) { write(operand, value) }
    }
    for (result, value) in graph.results {
      switch result {
      case .output(let name):
        guard let operand = plan.outputs[name] else { return faults + ["\(result) is missing"] }
        if operand.place.region != Region.arena { faults.append("\(result) is not in the arena") }
        check(operand, value, "\(result)")
      case .gradient(let name), .update(let name):
        let isGradient = result == .gradient(name)
        let span = try #require(Bench.weights(graph)[name])
        let first = span.gradientOffset * 4
        check(isGradient ? Region.gradients : Region.updates, first..<first + span.count * 4, value, "\(result)")
      }
    }
    for value in graph.sources.values { check(plan.operands[value.index], value, "the next run") }
    return faults
  }

  @Test(arguments: SampleGraph.allCases, [false, true])
  func nothingIsOverwritten(_ sample: SampleGraph, isFused: Bool) throws {
    for batch in [1, 2, 3] {
      #expect(try faults(of: sample.forward(batch: batch)) == [])
      #expect(try faults(of: sample.training(isFused: isFused, batch: batch)) == [])
    }
  }

  @Test(arguments: OpCase.all.filter { !$0.skipsDifferences })
  func nothingIsOverwritten(_ aCase: OpCase) throws {
    for batch in [1, 3] {
      let graph = try aCase.graph(parameters: aCase.differentiable, gradients: true, batch: batch)
      #expect(try faults(of: graph) == [])
    }
  }

  /// Results that lie with the weights or the gradients are read from there too.
  @Test func resultsOutsideOfTheArena() throws {
    let graph = try SampleGraph.shared.training(isFused: true)
    let bench = try Bench(graph)
    let contents = contents(of: graph, batch: 3)
    try bench.set(contents)
    bench.run()
    let (a, b) = (try #require(contents[.parameter("a")]), try #require(contents[.parameter("b")]))
    #expect(try bench.bytes(.output("weight")) == a.bytes(.single))
    #expect(try bench.bytes(.output("weight seen otherwise")) == b.bytes(.single))
    #expect(try bench.bytes(.output("sum")) == bench.bytes(.output("sum again")))
    #expect(try bench.bytes(.gradient("a")) == bench.bytes(.gradient("b")))
    // An output that is a gradient as well.
    let builder = GraphBuilder(graph)
    let gradient = try #require(graph.results.first { $0.result == .gradient("a") }).value
    builder.setResult(.output("gradient"), Value(builder, gradient))
    let other = try Bench(builder.graph)
    try other.set(contents)
    other.run()
    #expect(try other.bytes(.output("gradient")) == bench.bytes(.gradient("a")))
  }

  /// Values take less memory together than each by itself.
  @Test(arguments: [SampleGraph.convolutional, .residual, .attention])
  func memoryIsShared(_ sample: SampleGraph) throws {
    let graph = try sample.training(isFused: true)
    let plan = try Bench(graph).plan
    let inArena = plan.operands.indices.filter { plan.operands[$0].place.region == Region.arena }
    let sum = inArena.map { (plan.operands[$0].count * plan.operands[$0].dtype.byteCount + 63) / 64 * 64 }.reduce(0, +)
    #expect(plan.arenaByteCount < sum * 3 / 4)
  }

  /// A second run of the same workspace gives the same: it leaves its inputs alone.
  @Test(arguments: SampleGraph.allCases)
  func runsCanBeRepeated(_ sample: SampleGraph) throws {
    let graph = try sample.training(isFused: true)
    let bench = try Bench(graph)
    try bench.set(contents(of: graph, batch: 3))
    bench.run(seed: 1, step: 1)
    let first = try bench.results()
    bench.run(seed: 1, step: 1)
    #expect(try bench.results() == first)
  }
}
