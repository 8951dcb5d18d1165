import AthanorCore
import Testing

@Suite struct NonFiniteTests {
  /// `log(x) * scale` in one layer, `1 / (that)` in another, with class numbers beside it.
  private func graph(_ count: Int) throws -> Graph {
    let builder = GraphBuilder()
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, count]))
    let classes = try builder.source(.input("classes"), ValueType(.int32, [nil]))
    let scale = try builder.source(.parameter("scale"), ValueType(.float32, [count]))
    builder.origin = "first"
    let y = try log(x) * scale
    builder.origin = "second"
    let z = try y.unary(.reciprocal)
    builder.origin = "loss"
    let hits = try z.inTopK(1, classes)
    builder.setResult(.output("loss"), try (z.sum(axes: [1]) + hits).mean(axes: [0]))
    return builder.graph
  }

  private func first(
    _ count: Int = 5, threads: Int = 1, precision: Precision = .single, afterARun: Bool = true,
    _ change: (inout [Double], inout [Double]) -> Void
  ) throws -> String? {
    let graph = try graph(count)
    let bench = try Bench(graph, precision: precision, threads: threads)
    var x = (0..<2 * count).map { 2 + Double($0 % 7) }
    var scale = [Double](repeating: 0.5, count: count)
    change(&x, &scale)
    try bench.set([.input("x"): .real(x), .parameter("scale"): .real(scale), .input("classes"): .int32([-1, 0])])
    // As training does it: a run, a loss that is not finite, and then the search.
    if afterARun { bench.run() }
    let found = bench.workspace.firstNonFinite(bench.memory, pool: bench.pool, seed: 0, step: 0)
    return found.map { "\($0.origin), in \($0.operation ?? "input")" }
  }

  @Test(arguments: [Precision.single, .double], [false, true])
  func findsTheFirstPlace(precision: Precision, afterARun: Bool) throws {
    func first(_ change: (inout [Double], inout [Double]) -> Void) throws -> String? {
      try self.first(precision: precision, afterARun: afterARun, change)
    }
    #expect(try first { _, _ in } == nil)
    for bad in [Double.nan, .infinity, -.infinity] {
      #expect(try first { x, _ in x[9] = bad } == "x, in input")
      #expect(try first { _, scale in scale[4] = bad } == "first, in multiply")
    }
    #expect(try first { x, _ in x[0] = 0 } == "first, in log")
    #expect(try first { x, _ in x[3] = -1 } == "first, in log")
    #expect(try first { x, _ in x[8] = 1 } == "second, in reciprocal")
  }

  /// Each place of a long array is looked at, by each instruction set and number of threads.
  @Test(arguments: [1, 4])
  func looksEverywhere(threads: Int) throws {
    let count = 40_003
    for place in [0, 1, 16_383, 16_384, 40_001, 40_002, 80_005] {
      #expect(try first(count, threads: threads) { x, _ in x[place] = .nan } == "x, in input")
    }
    #expect(try first(count, threads: threads) { x, _ in x[80_005] = 1 } == "second, in reciprocal")
    #expect(try first(count, threads: threads) { _, _ in } == nil)
  }

  /// What lies in the same memory later does not hide it, and what is not a number's type is not looked at.
  @Test func gradientsAreLookedAtToo() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.parameter("x"), ValueType(.float32, [2]))
    builder.origin = "root"
    let loss = try sqrt(x).sum(axes: [0])
    try builder.addGradients(of: loss)
    let bench = try Bench(builder.graph)
    try bench.set(.parameter("x"), .real([0, 4]))
    let found = bench.workspace.firstNonFinite(bench.memory, pool: bench.pool, seed: 0, step: 0)
    #expect(found?.origin == "root" && found?.operation == "sqrtGradient")
  }
}
