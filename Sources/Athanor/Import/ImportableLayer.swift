/// A layer that can stand for a part of an imported network.
package protocol ImportableLayer: SerializableLayer {
  /// The layer that computes the first of an imported operation's nodes, and perhaps some behind it; nil where there is none.
  static func imported(_ nodes: ImportedNodes) -> ImportedLayer?
}

/// A layer, what it reads, and what its weights hold.
package struct ImportedLayer {
  let layer: any SerializableLayer
  let inputs: [ValueID]
  let weights: [String: Tensor]
  /// How many nodes it computes.
  let nodeCount: Int
}

/// The nodes of the graph that an imported operation was composed of, from one on that a layer is to compute.
package struct ImportedNodes {
  private let graph: Graph
  private let nodes: ArraySlice<Node>
  private let weights: [ValueID: Tensor]

  init(_ graph: Graph, _ nodes: ArraySlice<Node>, weights: [ValueID: Tensor]) {
    self.graph = graph
    self.nodes = nodes
    self.weights = weights
  }

  var isEmpty: Bool { nodes.isEmpty }

  func dropFirst(_ count: Int) -> ImportedNodes { ImportedNodes(graph, nodes.dropFirst(count), weights: weights) }

  /// The first node's operation, if it is of a kind.
  func operation<Kind: Op>(_ kind: Kind.Type) -> Kind? { nodes.first?.op as? Kind }

  /// What the first node reads.
  var inputs: [ValueID] { nodes.first?.inputs ?? [] }

  /// The results of a node.
  func outputs(of node: Int) -> [ValueID] { nodes.dropFirst(node).first?.outputs ?? [] }

  /// The shape of the first node's first input.
  var inputShape: Shape { inputs.first.map { graph.type(of: $0).shape } ?? [] }

  /// The ranks of all that the first node reads.
  var inputRanks: Set<Int> { Set(inputs.map { graph.type(of: $0).shape.rank }) }

  /// The shape of the first node's first result.
  var outputShape: Shape { outputs(of: 0).first.map { graph.type(of: $0).shape } ?? [] }

  /// Whether the first node reads an input of the network.
  var readsInput: Bool {
    guard let input = inputs.first, case .source(.input) = graph.definition(of: input) else { return false }
    return true
  }

  /// Whether the first axis is open, and the first node leaves it as it is.
  var isBatchKept: Bool { inputShape.axes.first?.isOpen == true && inputShape.axes.first == outputShape.axes.first }

  /// The weight that the first node reads.
  func weight(_ input: Int) -> Tensor? { inputs.indices.contains(input) ? weights[inputs[input]] : nil }

  /// The known number that the first node reads.
  func number(_ input: Int) -> Double? {
    guard inputs.indices.contains(input), let constant = graph.node(defining: inputs[input])?.op as? Constant,
      constant.values.count == 1, case let shape = graph.type(of: inputs[input]).shape, shape.elementsPerExample == 1,
      shape.rank <= inputShape.rank
    else { return nil }
    return constant.values[0]
  }

  /// The second node and those behind it, if it reads the first one's result.
  var next: ImportedNodes? {
    let rest = dropFirst(1)
    return rest.inputs.first.map { outputs(of: 0).first == $0 } == true ? rest : nil
  }

  /// One number for each place of the last axis, which the second node adds to the first one's result.
  var bias: Tensor? {
    guard let next, next.operation(Binary.self)?.function == .add, let bias = next.weight(1),
      bias.shape == [outputShape.lengths.last ?? nil]
    else { return nil }
    return bias
  }

  /// Whether a composition of the first node's input is this node.
  func isComputed(by composition: (Value) throws -> Value) -> Bool {
    guard let node = nodes.first, let input = node.inputs.first else { return false }
    let builder = GraphBuilder()
    do {
      _ = try composition(builder.source(.input("x"), graph.type(of: input)))
    } catch { return false }
    return builder.graph.nodes.count == 1 && AnyHashable(builder.graph.nodes[0].op) == AnyHashable(node.op)
  }

  /// A layer that computes the first nodes and reads the first inputs of the first one.
  func layer(
    _ layer: any SerializableLayer, inputs count: Int = 1, weights: [String: Tensor?] = [:], nodes nodeCount: Int = 1
  ) -> ImportedLayer {
    ImportedLayer(
      layer: layer, inputs: Array(inputs.prefix(count)), weights: weights.compactMapValues(\.self),
      nodeCount: nodeCount)
  }
}

/// A layer that can compute what the layer behind it computes.
package protocol AbsorbingLayer: SerializableLayer {
  /// A layer that computes both; nil where there is none.
  ///
  /// - Throws: `AthanorError` when a setting is not possible.
  func absorbing(_ next: any SerializableLayer) throws -> (any SerializableLayer)?
}

extension SerializableLayer {
  /// The layer with the function of an `Activation` behind it.
  func activated(
    by next: any SerializableLayer, _ activation: WritableKeyPath<Self, ActivationFunction>
  ) -> Self? {
    guard self[keyPath: activation] == .linear, let next = next as? Activation else { return nil }
    var copy = self
    copy[keyPath: activation] = next.function
    return copy
  }

  /// The layer under another name.
  func named(_ name: String) throws -> Self { try Self(reading: configuration, name: name) }
}
