/// A training graph in two parts: what random operations make of the inputs before any weight is used, and the rest.
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
    var values = graph
    for (result, _) in graph.results { values.removeResult(result) }
    for (place, value) in cut.enumerated() { values.setResult(.output(name(place)), value) }
    preparation = try Passes.part(values)
    step = try Passes.part(
      graph, given: Dictionary(uniqueKeysWithValues: cut.enumerated().map { ($0.element, name($0.offset)) }))
  }
}
