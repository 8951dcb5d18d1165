/// A training graph in two parts: what random operations make of the inputs before any weight has a say, and the rest.
///
/// The first part can be computed for one batch while the rest is computed for the batch before. Both give the numbers of the whole graph, bit
/// for bit: random numbers follow from the seed, the pass and the operation's stream.
package struct SplitGraph {
  /// Computes the values at which the graph is cut, as outputs.
  package let preparation: Graph
  /// Takes these values as inputs of the same names.
  package let step: Graph

  /// Splits a graph.
  ///
  /// - Parameters:
  ///   - graph: A graph for training, its gradients included.
  ///   - inputs: The sources from which values may be computed ahead.
  ///   - name: The name of each value at which the graph is cut.
  /// - Returns: nil where no random operation is applied to the inputs before a weight is.
  package init?(_ graph: Graph, inputs: Set<String>, name: (Int) -> String) throws {
    var isEarly = [Bool](repeating: false, count: graph.types.count)  // follows from inputs and random numbers alone
    var hasInput = isEarly
    var isRandom = isEarly
    for case (.input(let source), let value) in graph.sources where inputs.contains(source) {
      isEarly[value.index] = true
      hasInput[value.index] = true
    }
    for node in graph.nodes {
      let indices = node.inputs.map(\.index)
      for output in node.outputs {
        isEarly[output.index] = indices.allSatisfy { isEarly[$0] }
        hasInput[output.index] = indices.contains { hasInput[$0] }
        isRandom[output.index] = node.op is any RandomOp || indices.contains { isRandom[$0] }
      }
    }
    func isPrepared(_ value: ValueID) -> Bool { isEarly[value.index] && hasInput[value.index] && isRandom[value.index] }
    let readers = graph.nodes.filter { node in !node.outputs.contains(where: isPrepared) }
    let cut = Set(readers.flatMap(\.inputs).filter(isPrepared)).sorted()
    guard !cut.isEmpty, !graph.results.contains(where: { isPrepared($0.value) }) else { return nil }
    let names = Dictionary(uniqueKeysWithValues: cut.enumerated().map { ($0.element, name($0.offset)) })
    preparation = try Graph(graph, results: cut.map { (.output(names[$0] ?? ""), $0) })
    step = try Graph(graph, results: graph.results, given: names)
  }
}

extension Graph {
  /// The part of a graph that computes some of its values.
  ///
  /// - Parameters:
  ///   - given: Values that are inputs of the part, and their names.
  fileprivate init(
    _ whole: Graph, results: [(result: GraphResult, value: ValueID)], given: [ValueID: String] = [:]
  ) throws {
    self.init()
    var needed = Set(results.map(\.value))
    var kept: [Node] = []
    for node in whole.nodes.reversed()
    where node.outputs.contains(where: { needed.contains($0) && given[$0] == nil }) {
      kept.append(node)
      needed.formUnion(node.inputs)
    }
    var mapped: [ValueID: ValueID] = [:]
    for (source, value) in whole.sources.sorted(by: { $0.value < $1.value }) where needed.contains(value) {
      mapped[value] = try add(source, whole.type(of: value))
    }
    for (value, name) in given.sorted(by: { $0.key < $1.key }) {
      mapped[value] = try add(.input(name), whole.type(of: value))
    }
    for node in kept.reversed() {
      let outputs = try add(node.op, node.inputs.compactMap { mapped[$0] }, origin: node.origin)
      for (old, new) in zip(node.outputs, outputs) where given[old] == nil { mapped[old] = new }
    }
    for (result, value) in results { if let value = mapped[value] { setResult(result, value) } }
  }
}
