import AthanorCore
import Testing

@Suite struct GraphTests {
  @Test func trainingGraphSnapshot() throws {
    try expectSnapshot(SampleGraph.convolutional.training(isFused: true).description, "convolutional-training")
  }

  /// The snapshot's network learns: its gradients are those of finite differences, through all of its layers at once.
  @Test(arguments: SampleGraph.allCases, [true, false])
  func gradientsOfWholeNetworks(_ sample: SampleGraph, isFused: Bool) throws {
    let graph = try sample.training(isFused: isFused)
    let bench = try Bench(graph, precision: .double)
    try bench.set(contents(of: graph, batch: 3))
    bench.run()
    let gradients = try bench.results()
    for case (.gradient(let name), let value) in graph.results {
      let gradient = try #require(gradients[.gradient(name)])
      var random = Random(1)
      for _ in 0..<8 {
        let place = random.below(graph.type(of: value).shape.elementsPerExample)
        let element = try bench.double(name, place)
        let (h, x) = (2e-5, element.pointee)
        let losses = try [-2, -1, 1, 2].map { distance in
          element.pointee = x + distance * h
          bench.run()
          return try bench.numbers(.output("loss"))[0]
        }
        element.pointee = x
        let slope = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)
        #expect(abs(slope - gradient[place]) < 1e-8 * (1 + abs(slope)), "\(name), element \(place)")
      }
    }
    #expect(graph.results.contains { if case .gradient = $0.result { true } else { false } })
  }

  @Test func sourcesOfOneNameAreOneValue() throws {
    let builder = GraphBuilder()
    let type = ValueType(.float32, [nil, 3])
    let x = try builder.source(.input("x"), type)
    #expect(try builder.source(.input("x"), type).id == x.id)
    #expect(try builder.source(.parameter("x"), type).id != x.id)
    #expect(
      text { _ = try builder.source(.input("x"), ValueType(.float32, [nil, 4])) }
        == "input(\"x\") exists as float32(None, 3) but is now asked for as float32(None, 4). Use one name for one weight."
    )
    #expect(
      text { _ = try builder.source(.state("s"), ValueType(.float32, [3, -1])) }
        == "state(\"s\") would have shape (3, -1) but lengths must be 0 or more and their product at most 2^40. "
        + "Use smaller lengths.")
    #expect(builder.graph.types.count == 2)
  }

  @Test func resultsAreReplaced() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.input("x"), ValueType(.float32, [nil]))
    let y = try -x
    builder.setResult(.output("y"), x)
    builder.setResult(.output("y"), y)
    #expect(builder.graph.results.count == 1 && builder.graph.results.first?.value == y.id)
    #expect(builder.graph.useCounts() == [1, 1])
    #expect(builder.graph.node(defining: y.id)?.op.name == "negate")
    #expect(builder.graph.node(defining: x.id) == nil)
  }

  /// An operation that refuses leaves the graph as it was.
  @Test func refusedOperationsLeaveNoTrace() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 3]))
    let before = builder.graph.description
    #expect(text { _ = try x.matmul(x) } != "")
    #expect(text { _ = try x.reshaped([nil, 4]) } != "")
    #expect(builder.graph.description == before)
  }

  @Test func lossIsASingleNumber() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.parameter("x"), ValueType(.float32, [3]))
    #expect(
      text { try builder.addGradients(of: x) }
        == "gradient: the loss has shape (3,) but must be a single number. Take its mean over the batch.")
  }

  /// A parameter that the loss does not read has no gradient; one that it is has 1.
  @Test func gradientsOfUnusedParameters() throws {
    let builder = GraphBuilder()
    let used = try builder.source(.parameter("used"), ValueType(.float32, []))
    _ = try builder.source(.parameter("unused"), ValueType(.float32, [2]))
    try builder.addGradients(of: used)
    #expect(builder.graph.results.map(\.result) == [.gradient("used")])
    let bench = try Bench(builder.graph)
    bench.run()
    #expect(try bench.numbers(.gradient("used")) == [1])
  }
}

@Suite struct PlanErrorTests {
  private func plan(
    _ graph: Graph, parameters: [(String, [Int])] = [], states: [(String, [Int])] = []
  ) throws {
    var (weights, averages) = (ArrayLayout(), ArrayLayout())
    for (name, shape) in parameters { weights.append(name, shape) }
    for (name, shape) in states { averages.append(name, shape) }
    _ = try Plan(graph, weights: WeightMap(WeightStore(parameters: weights, states: averages)))
  }

  @Test func weightsMustBeThere() throws {
    let builder = GraphBuilder()
    _ = try builder.source(.parameter("w"), ValueType(.float32, [2, 3]))
    _ = try builder.source(.state("s"), ValueType(.float32, [4]))
    let fix = "Make the plan from the graph whose weights the model holds."
    #expect(text { try plan(builder.graph, parameters: [("w", [2, 3])], states: [("s", [4])]) } == "")
    #expect(
      text { try plan(builder.graph, states: [("s", [4])]) }
        == "plan: weight \"w\" has no place in the model's memory but shape (2, 3) in the graph. \(fix)")
    #expect(
      text { try plan(builder.graph, parameters: [("w", [3, 2])], states: [("s", [4])]) }
        == "plan: weight \"w\" has shape (3, 2) in the model's memory but shape (2, 3) in the graph. \(fix)")
    #expect(
      text { try plan(builder.graph, parameters: [("w", [2, 3]), ("s", [4])]) }
        == "plan: weight \"s\" has no place in the model's memory but shape (4,) in the graph. \(fix)")
  }

  @Test func updatesMustFit() throws {
    let builder = GraphBuilder()
    let state = try builder.source(.state("s"), ValueType(.float32, [4]))
    builder.setResult(.update("s"), try state.reshaped([2, 2]))
    #expect(
      text { try plan(builder.graph, states: [("s", [4])]) }
        == "plan: weight \"s\" has shape (4,) in the model's memory but shape (2, 2) in the graph. "
        + "Make the plan from the graph whose weights the model holds.")
  }

  @Test func batchesMustFit() throws {
    func source(_ batch: Int) throws {
      _ = try GraphBuilder(openLength: batch).source(.input("x"), ValueType(.float32, [nil, 1000]))
    }
    #expect(text { try source(0) } == "")
    for batch in [-1, Int.max, 1 << 50] {
      #expect(
        text { try source(batch) }
          == "input(\"x\") would have shape (None, 1000) but lengths must be 0 or more and their product at most 2^40. "
          + "Use smaller lengths.")
    }
  }
}
