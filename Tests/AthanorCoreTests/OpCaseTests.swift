import AthanorCore
import Testing

@Suite struct OpCaseTests {
  /// Every instruction set, at any number of threads, gives what the reference gives: within a tolerance, and to the last bit
  /// whatever the number of threads.
  @Test(arguments: OpCase.all, [1, 3])
  func kernelsFollowTheReference(_ aCase: OpCase, batch: Int) throws {
    let graph = try aCase.graph(parameters: aCase.differentiable, gradients: true, batch: batch)
    let contents = aCase.contents(of: graph, batch: batch)
    func run(_ instructions: InstructionSet, threads: Int) throws -> Bench {
      let bench = try Bench(graph, instructions: instructions, threads: threads)
      try bench.set(contents)
      bench.run(seed: 5, step: 2)
      return bench
    }
    let reference = try run(.reference, threads: 1)
    for instructions in InstructionSet.available {
      let bench = try run(instructions, threads: 1)
      // The loss of many numbers of either sign is their rounding; it has cases of its own.
      for (result, value) in graph.results where result != .output("loss") {
        let (got, want) = (try bench.numbers(result), try reference.numbers(result))
        let isExact = graph.type(of: value).dtype != .float32
        #expect(difference(got, want) <= (isExact ? 0 : aCase.tolerance), "\(instructions) \(result)")
      }
      for threads in [2, 4] {
        let team = try run(instructions, threads: threads)
        for (result, _) in graph.results {
          #expect(try team.bytes(result) == bench.bytes(result), "\(instructions) \(result), \(threads) threads")
        }
      }
    }
  }

  /// Gradients are those of four-point finite differences in double, also where only one input is differentiated.
  @Test(arguments: OpCase.all.filter { !$0.skipsDifferences && !$0.differentiable.isEmpty }, [1, 3])
  func gradientsFollowDifferences(_ aCase: OpCase, batch: Int) throws {
    let all = aCase.differentiable
    var differences: [Int: [Double]] = [:]
    let forward = try aCase.graph(parameters: all, gradients: false, batch: batch)
    let bench = try Bench(forward, precision: .double)
    try bench.set(aCase.contents(of: forward, batch: batch))
    for place in all {
      let name = "input\(place)"
      let count = aCase.inputs[place].type.shape.bound(to: batch).reduce(1, *)
      differences[place] = try (0..<count).map { try slope(bench, try bench.double(name, $0)) }
    }
    for parameters in Set([all] + all.map { [$0] }) {
      let graph = try aCase.graph(parameters: parameters, gradients: true, batch: batch)
      let bench = try Bench(graph, precision: .double)
      try bench.set(aCase.contents(of: graph, batch: batch))
      bench.run(seed: 5, step: 2)
      for place in parameters {
        let result = GraphResult.gradient("input\(place)")
        let want = try #require(differences[place])
        // No result stands for a gradient of zero everywhere.
        let isZero = !graph.results.contains { $0.result == result }
        let got = isZero ? want.map { _ in 0 } : try bench.numbers(result)
        #expect(difference(got, want) < 2e-8, "input \(place) among \(parameters)")
      }
    }
  }

  /// `(f(x - 2h) - 8 f(x - h) + 8 f(x + h) - f(x + 2h)) / 12h`
  private func slope(_ bench: Bench, _ element: UnsafeMutablePointer<Double>) throws -> Double {
    let (h, x) = (2e-4, element.pointee)
    defer { element.pointee = x }
    func loss(_ distance: Double) throws -> Double {
      element.pointee = x + distance * h
      bench.run(seed: 5, step: 2)
      return try bench.numbers(.output("loss"))[0]
    }
    return try (loss(-2) - 8 * loss(-1) + 8 * loss(1) - loss(2)) / (12 * h)
  }

  /// The kinds of operation in the graphs of the cases: with gradients, and those whose gradient is checked.
  private func kinds(_ cases: [OpCase], gradients: Bool) throws -> Set<String> {
    var found: Set<String> = []
    for aCase in cases {
      let graph = try aCase.graph(parameters: aCase.differentiable, gradients: gradients)
      for node in graph.nodes { found.insert(String(describing: type(of: node.op))) }
    }
    return found
  }

  /// The kinds of operation that the sources declare, by protocol.
  private func declared(_ protocolName: String) throws -> Set<String> {
    var found: Set<String> = []
    for (_, text) in try sourceFiles("AthanorCore/Ops") {
      for match in text.matches(of: #/struct (\w+): (\w+)/#) where match.2 == protocolName {
        found.insert(String(match.1))
      }
    }
    return found
  }

  @Test func everyKindHasACase() throws {
    let (ops, forwardOps) = (try declared("Op"), try declared("ForwardOp"))
    #expect(ops.count >= 9 && forwardOps.count >= 18)
    #expect(try kinds(OpCase.all, gradients: true).isSuperset(of: ops.union(forwardOps)))
    // These have no input that could be differentiated.
    let withoutGradient: Set = [
      "ArgMax", "OneHot", "InTopK", "Constant", "CompareIntegers", "ToIntegers", "RandomNumbers",
    ]
    let checked = OpCase.all.filter { !$0.skipsDifferences && !$0.differentiable.isEmpty }
    #expect(try kinds(checked, gradients: false).isSuperset(of: forwardOps.subtracting(withoutGradient)))
  }

  /// Selections have no gradient: what comes before them gets none through them.
  @Test func selectionsSendNothingBack() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.parameter("x"), ValueType(.float32, [2, 3]))
    let hits = try x.inTopK(1, x.argMax())
    let loss = try (x.argMax().oneHot(3) + hits.reshaped([2, 1])).sum(axes: [0, 1])
    try builder.addGradients(of: loss)
    #expect(builder.graph.results.isEmpty)
  }
}
