/// The rewriting of graphs between the layers and the plan. Each pass takes a graph and returns one that computes the same.
package enum Passes {
  /// All passes that follow when a graph is complete, its gradients included.
  package static func finish(_ graph: Graph) throws -> Graph {
    let passes = [
      removeUnused, fuseReluGradientIntoPooling, fusePoolingGradientIntoConvolution, removeUnused,
      fusePoolingIntoConvolution, removeUnused,
    ]
    return try passes.reduce(graph) { try $1($0) }
  }

  /// Puts a bias and a ReLU that follow a convolution or matrix product into it, so that they are applied while the sums
  /// are still in registers.
  package static func fuseBiasAndActivation(_ graph: Graph) throws -> Graph {
    let uses = graph.useCounts()
    return try rewrite(graph) { node, inputs, builder in
      guard let producer = inputs.first.flatMap({ builder.graph.node(defining: $0.id) }), let first = node.inputs.first,
        uses[first.index] == 1
      else { return nil }
      func replace(_ op: any Op, _ arguments: [ValueID]) throws -> [Value] {
        try builder.emit(op, arguments.map { Value(builder, $0) })
      }
      if let add = node.op as? Binary, add.function == .add, inputs.count == 2, producer.inputs.count == 2,
        case .source(.parameter) = builder.graph.definition(of: inputs[1].id),
        inputs[1].shape == Shape(axes: inputs[0].shape.axes.suffix(1)), inputs[0].shape.rank >= 2
      {
        if let op = producer.op as? Conv2DOp, op.activation == .none {
          return try replace(op, producer.inputs + [inputs[1].id])
        }
        if let op = producer.op as? MatMul, op.activation == .none, !op.isBatched, !op.transposeA {
          return try replace(op, producer.inputs + [inputs[1].id])
        }
      }
      if let unary = node.op as? Unary, unary.function == .relu {
        if var op = producer.op as? Conv2DOp, op.activation == .none {
          op.activation = .relu
          return try replace(op, producer.inputs)
        }
        if var op = producer.op as? MatMul, op.activation == .none, !op.isBatched, !op.transposeA {
          op.activation = .relu
          return try replace(op, producer.inputs)
        }
      }
      return nil
    }
  }

  /// Where a ReLU's gradient follows a max-pooling's, lets the pooling decide by the pooled values which windows send
  /// nothing: the values before the pooling need not be kept nor read again.
  package static func fuseReluGradientIntoPooling(_ graph: Graph) throws -> Graph {
    let uses = graph.useCounts()
    return try rewrite(graph) { node, inputs, builder in
      guard let relu = node.op as? UnaryGradient, relu.function == .relu, uses[node.inputs[0].index] == 1,
        let pooling = builder.graph.node(defining: inputs[0].id), let op = pooling.op as? MaxPool2DGradient,
        pooling.inputs.count == 2, let forward = builder.graph.node(defining: pooling.inputs[1]),
        forward.inputs.first == inputs[1].id
      else { return nil }
      return try builder.emit(op, (pooling.inputs + [forward.outputs[0]]).map { Value(builder, $0) })
    }
  }

  /// Where a convolution's result is only max-pooled, pools it while it is in the cache.
  package static func fusePoolingIntoConvolution(_ graph: Graph) throws -> Graph {
    let uses = graph.useCounts()
    return try rewrite(graph) { node, inputs, builder in
      guard let pooling = node.op as? MaxPool2DOp, !pooling.window.overlaps, uses[node.inputs[0].index] == 1,
        let producer = builder.graph.node(defining: inputs[0].id), let convolution = producer.op as? Conv2DOp
      else { return nil }
      let op = PooledConv2D(convolution: convolution, pooling: pooling.window)
      return try builder.emit(op, producer.inputs.map { Value(builder, $0) })
    }
  }

  /// Where a convolution's gradients follow a max-pooling's, lets them start from the gradient of the pooled values: of
  /// what lies between, most is zero and none need be written. A ReLU's gradient that follows is taken along.
  package static func fusePoolingGradientIntoConvolution(_ graph: Graph) throws -> Graph {
    let uses = graph.useCounts()
    return try rewrite(graph) { node, inputs, builder in
      func pooling(behind dy: Value) -> (window: Window2D, inputs: [ValueID])? {
        guard let node = builder.graph.node(defining: dy.id), let op = node.op as? MaxPool2DGradient else { return nil }
        return (op.window, node.inputs)
      }
      func replace(_ op: any Op, _ pooling: [ValueID], _ other: Value) throws -> [Value] {
        let arguments = [pooling[0], pooling[1], other.id] + pooling.dropFirst(2)
        return try builder.emit(op, arguments.map { Value(builder, $0) })
      }
      if let op = node.op as? Conv2DWeightGradient, let behind = pooling(behind: inputs[1]),
        op.window.hasPooledGradients(groups: op.groups, output: inputs[1].shape, pooling: behind.window)
      {
        let fused = PooledConv2DWeightGradient(
          convolution: op.window, pooling: behind.window, weightShape: op.weightShape, hasBias: op.hasBias)
        return try replace(fused, behind.inputs, inputs[0])
      }
      if let op = node.op as? Conv2DInputGradient, let behind = pooling(behind: inputs[0]),
        op.window.hasPooledGradients(groups: op.groups, output: inputs[0].shape, pooling: behind.window)
      {
        let fused = PooledConv2DInputGradient(
          convolution: op.window, pooling: behind.window, inputShape: op.inputShape,
          hasPooled: behind.inputs.count == 3)
        return try replace(fused, behind.inputs, inputs[1])
      }
      if let relu = node.op as? UnaryGradient, relu.function == .relu, uses[node.inputs[0].index] == 1,
        let producer = builder.graph.node(defining: inputs[0].id), var op = producer.op as? PooledConv2DInputGradient,
        !op.hasRelu
      {
        op.hasRelu = true
        return try builder.emit(op, (producer.inputs + [inputs[1].id]).map { Value(builder, $0) })
      }
      return nil
    }
  }

  /// Drops operations of whose results nothing is read.
  package static func removeUnused(_ graph: Graph) throws -> Graph {
    let live = liveValues(graph)
    return try rewrite(graph, keeping: { node in node.outputs.contains { live[$0.index] } }) { _, _, _ in nil }
  }

  /// The part of a graph that computes its results, some values being given as inputs of these names; sources that it does not read are dropped.
  static func part(_ graph: Graph, given names: [ValueID: String] = [:]) throws -> Graph {
    let live = liveValues(graph, given: names)
    let isComputed: (ValueID) -> Bool = { live[$0.index] && names[$0] == nil }
    return try rewrite(graph, given: names, source: isComputed, keeping: { $0.outputs.contains(where: isComputed) }) {
      _, _, _ in nil
    }
  }

  /// Which values the results follow from, by index; what given values follow from is left out.
  private static func liveValues(_ graph: Graph, given: [ValueID: String] = [:]) -> [Bool] {
    var live = [Bool](repeating: false, count: graph.types.count)
    for (_, value) in graph.results { live[value.index] = true }
    for node in graph.nodes.reversed() where node.outputs.contains(where: { live[$0.index] && given[$0] == nil }) {
      for input in node.inputs { live[input.index] = true }
    }
    return live
  }

  /// Copies a graph node by node; `replacement` may give other values for a node's results.
  ///
  /// - Parameters:
  ///   - names: Values that become inputs, and the inputs' names.
  ///   - isKeptSource: Whether a source is copied.
  ///   - keeping: Whether a node is copied.
  private static func rewrite(
    _ graph: Graph, given names: [ValueID: String] = [:], source isKeptSource: (ValueID) -> Bool = { _ in true },
    keeping: (Node) -> Bool = { _ in true }, _ replacement: (Node, [Value], GraphBuilder) throws -> [Value]?
  ) throws -> Graph {
    let builder = GraphBuilder()
    var mapped: [ValueID: Value] = [:]
    for (source, value) in graph.sources.sorted(by: { $0.value < $1.value }) where isKeptSource(value) {
      mapped[value] = try builder.source(source, graph.type(of: value))
    }
    for (value, name) in names.sorted(by: { $0.key < $1.key }) {
      mapped[value] = try builder.source(.input(name), graph.type(of: value))
    }
    for node in graph.nodes where keeping(node) {
      builder.origin = node.origin
      let inputs = node.inputs.compactMap { mapped[$0] }
      let outputs = try replacement(node, inputs, builder) ?? builder.emit(node.op, inputs)
      for (old, new) in zip(node.outputs, outputs) where names[old] == nil { mapped[old] = new }
    }
    for (result, value) in graph.results { if let value = mapped[value] { builder.setResult(result, value) } }
    return builder.graph
  }
}
