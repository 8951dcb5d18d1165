import AthanorCore
import Testing

@Suite struct PassTests {
  /// Runs both graphs in double on the same numbers and compares all results of the first.
  private func expectSameNumbers(
    _ before: Graph, _ after: Graph, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let contents = contents(of: before, batch: 3)
    let results = try [before, after].map { graph in
      let bench = try Bench(graph, precision: .double)
      try bench.set(contents)
      bench.run(seed: 4, step: 1)
      return try bench.results()
    }
    #expect(results[0].keys == results[1].keys, sourceLocation: sourceLocation)
    for (result, want) in results[0] {
      #expect(difference(results[1][result] ?? [], want) < 1e-13, "\(result)", sourceLocation: sourceLocation)
      #expect(want.contains { $0 != 0 }, "\(result)", sourceLocation: sourceLocation)
    }
  }

  private func names(_ graph: Graph) -> [String] { graph.nodes.map(\.op.name) }

  @Test func fuseBiasAndActivation() throws {
    let before = try SampleGraph.convolutional.forward()
    let after = try Passes.removeUnused(Passes.fuseBiasAndActivation(before))
    try expectSnapshot("\(before)\n\nbecomes\n\n\(after)", "fuse-bias-and-activation")
    #expect(!names(after).contains("add") && !names(after).contains("relu"))
    try expectSameNumbers(before, after)
    // Whether gradients are taken before or after.
    try expectSameNumbers(withGradients(before), withGradients(after))
  }

  @Test func fuseReluGradientIntoPooling() throws {
    let before = try Passes.removeUnused(
      withGradients(Passes.fuseBiasAndActivation(SampleGraph.convolutional.forward())))
    let after = try Passes.removeUnused(Passes.fuseReluGradientIntoPooling(before))
    try expectSnapshot("\(before)\n\nbecomes\n\n\(after)", "fuse-relu-gradient-into-pooling")
    #expect(names(before).count { $0 == "reluGradient" } == names(after).count { $0 == "reluGradient" } + 1)
    try expectSameNumbers(before, after)
  }

  @Test func fusePoolingGradientIntoConvolution() throws {
    let forward = try Passes.fuseBiasAndActivation(SampleGraph.convolutional.forward())
    let before = try Passes.removeUnused(
      Passes.fuseReluGradientIntoPooling(Passes.removeUnused(withGradients(forward))))
    let after = try Passes.removeUnused(Passes.fusePoolingGradientIntoConvolution(before))
    try expectSnapshot("\(before)\n\nbecomes\n\n\(after)", "fuse-pooling-gradient-into-convolution")
    #expect(!names(after).contains("maxPool2dGradient"))
    try expectSameNumbers(before, after)
  }

  /// What the kernels cannot do stays as it is: strides, dilations, groups, overlapping windows and very large ones.
  @Test(arguments: 0..<5)
  func poolingGradientsThatStay(_ kind: Int) throws {
    let builder = GraphBuilder(openLength: 3)
    let x = try builder.source(.parameter("x"), ValueType(.float32, [nil, 12, 12, 2]))
    let weights = try builder.source(.parameter("w"), ValueType(.float32, [3, 3, kind == 2 ? 1 : 2, 4]))
    let convolution = Window2D(
      kernel: [3, 3], strides: kind == 0 ? [2, 1] : [1, 1], dilations: kind == 1 ? [1, 2] : [1, 1], padding: .same)
    let pooling = Window2D(
      kernel: kind == 4 ? [6, 3] : [2, 2], strides: kind == 3 ? [2, 1] : kind == 4 ? [6, 3] : [2, 2], padding: .valid)
    let y = try x.conv2D(weights, convolution, groups: kind == 2 ? 2 : 1).maxPooled(pooling)
    builder.setResult(.output("loss"), try y.sum(axes: [0, 1, 2, 3]))
    let before = try Passes.removeUnused(withGradients(builder.graph))
    #expect(try Passes.fusePoolingGradientIntoConvolution(before).description == before.description)
  }

  @Test func removeUnused() throws {
    let builder = GraphBuilder(try SampleGraph.convolutional.forward())
    let kernel = try builder.source(.parameter("dense_1/kernel"), ValueType(.float32, [5, 3]))
    _ = try softmax(exp(kernel)).sum(axes: [0])
    let before = builder.graph
    let after = try Passes.removeUnused(before)
    try expectSnapshot("\(before)\n\nbecomes\n\n\(after)", "remove-unused")
    #expect(before.nodes.count == after.nodes.count + 3)
    try expectSameNumbers(before, after)
  }

  @Test(arguments: SampleGraph.allCases)
  func wholeNetworks(_ sample: SampleGraph) throws {
    try expectSameNumbers(sample.training(isFused: false), sample.training(isFused: true))
  }

  /// A pass that has nothing to do changes nothing, the second time too.
  @Test(arguments: SampleGraph.allCases)
  func passesAreIdempotent(_ sample: SampleGraph) throws {
    let graph = try sample.training(isFused: true)
    let passes = [
      Passes.fuseBiasAndActivation, Passes.fuseReluGradientIntoPooling, Passes.fusePoolingGradientIntoConvolution,
      Passes.removeUnused,
    ]
    for pass in passes {
      #expect(try pass(graph).description == graph.description)
    }
  }

  /// Builds `[N, 4, 4, 2]` convolved to `[N, 4, 4, 3]`, lets `body` go on, and compares with and without fusion.
  private func expectNoFusion(
    _ body: (Value) throws -> Value, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let builder = GraphBuilder(openLength: 3)
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 4, 4, 2]))
    let kernel = try builder.source(.parameter("kernel"), ValueType(.float32, [3, 3, 2, 3]))
    let y = try x.conv2D(kernel, Window2D(kernel: [3, 3], strides: [1, 1], padding: .same), groups: 1)
    builder.setResult(.output("y"), try body(y))
    let after = try Passes.removeUnused(Passes.fuseBiasAndActivation(builder.graph))
    #expect(names(after) == names(builder.graph), sourceLocation: sourceLocation)
    try expectSameNumbers(builder.graph, after, sourceLocation: sourceLocation)
  }

  @Test func sumsThatAreReadElsewhereAreNotFused() throws {
    try expectNoFusion { y in try relu(y) + y.reshaped([nil, 4, 4, 3]) * 2 }
    try expectNoFusion { y in
      y.builder.setResult(.output("sums"), y)
      return try relu(y)
    }
    // Not one number for each filter, or no weight.
    try expectNoFusion { try $0 + $0.builder.source(.parameter("bias"), ValueType(.float32, [1])) }
    try expectNoFusion { try $0 + $0.builder.source(.parameter("bias"), ValueType(.float32, [4, 3])) }
    try expectNoFusion { try $0 + $0.builder.source(.input("bias"), ValueType(.float32, [3])) }
    try expectNoFusion { try $0 - $0.builder.source(.parameter("bias"), ValueType(.float32, [3])) }
    try expectNoFusion { try sigmoid($0) }
  }

  /// A bias after the ReLU is not a bias before it, and a second bias is not the first.
  @Test func orderIsKept() throws {
    let builder = GraphBuilder(openLength: 3)
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 4]))
    let kernel = try builder.source(.parameter("kernel"), ValueType(.float32, [4, 3]))
    let bias = try builder.source(.parameter("bias"), ValueType(.float32, [3]))
    let other = try builder.source(.parameter("other"), ValueType(.float32, [3]))
    builder.setResult(.output("after"), try relu(x.matmul(kernel)) + bias)
    builder.setResult(.output("two"), try x.matmul(kernel) + bias + other)
    builder.setResult(.output("twice"), try relu(relu(x.matmul(kernel) + bias) + other))
    let after = try Passes.removeUnused(Passes.fuseBiasAndActivation(builder.graph))
    #expect(names(after) == ["matmul", "add", "matmul", "add", "matmul", "add", "relu"])
    try expectSameNumbers(builder.graph, after)
  }

  /// The pooling decides by the pooled values only when it pools what the ReLU gave, and nobody else reads that gradient.
  @Test func reluGradientsOfOthersStay() throws {
    let builder = GraphBuilder(openLength: 3)
    let x = try builder.source(.parameter("x"), ValueType(.float32, [nil, 4, 4, 2]))
    let window = Window2D(kernel: [2, 2], strides: [2, 2], padding: .valid)
    let positive = try relu(x)
    let pooled = try positive.maxPooled(window).sum(axes: [0, 1, 2, 3])
    // The ReLU's result is read twice, so its gradient is a sum.
    builder.setResult(.output("loss"), try pooled + square(positive).sum(axes: [0, 1, 2, 3]))
    let before = try withGradients(builder.graph)
    let after = try Passes.fuseReluGradientIntoPooling(before)
    #expect(after.description == before.description)
    let fused = GraphBuilder(openLength: 3)
    let y = try fused.source(.parameter("x"), ValueType(.float32, [nil, 4, 4, 2]))
    fused.setResult(.output("loss"), try relu(y).maxPooled(window).sum(axes: [0, 1, 2, 3]))
    let single = try withGradients(fused.graph)
    let changed = try Passes.removeUnused(Passes.fuseReluGradientIntoPooling(single))
    #expect(!names(changed).contains("reluGradient"))
    try expectSameNumbers(single, changed)
  }

  /// Of two ReLUs only the one next to the pooling goes into it, and none of another function.
  @Test(arguments: [1, 2, 3])
  func functionsBeforePooling(kind: Int) throws {
    let builder = GraphBuilder(openLength: 3)
    let x = try builder.source(.parameter("x"), ValueType(.float32, [nil, 4, 4, 2]))
    let y =
      switch kind {
      case 1: try relu(relu(x))
      case 2: try leakyRelu(x, slope: 0.3)
      default: try relu(x).averagePooled(Window2D(kernel: [1, 1], strides: [1, 1], padding: .valid))
      }
    let pooled = try y.maxPooled(Window2D(kernel: [2, 2], strides: [2, 2], padding: .valid))
    builder.setResult(.output("loss"), try pooled.sum(axes: [0, 1, 2, 3]))
    let before = try withGradients(builder.graph)
    let after = try Passes.removeUnused(Passes.fuseReluGradientIntoPooling(before))
    func gradients(_ graph: Graph) -> Int { names(graph).count { $0.hasSuffix("eluGradient") } }
    #expect(gradients(before) - gradients(after) == (kind == 1 ? 1 : 0))
    try expectSameNumbers(before, after)
  }
}
