/// A number, vector, picture or batch of them inside a network that is being described; it holds no numbers yet.
///
/// Layers, losses and metrics compose values with operators and functions (`x.matmul(w) + b`, `relu(x)`); from the
/// composition come its gradient, its plan for the CPU and its exports.
///
/// - Example:
///   ```swift
///   let hidden = try relu(x.matmul(kernel) + bias)  // [N, units]
///   ```
public struct Value {
  package let builder: GraphBuilder
  package let id: ValueID

  /// The type of the elements and the shape.
  public var type: ValueType { builder.graph.type(of: id) }
  /// The lengths of the axes, nil for an open one (examples, time).
  public var shape: Shape { type.shape }

  package init(_ builder: GraphBuilder, _ id: ValueID) {
    self.builder = builder
    self.id = id
  }
}

/// A graph under construction, shared by the values that refer to it.
package final class GraphBuilder {
  package var graph: Graph
  /// The layer, loss or metric that adds operations now.
  package var origin = ""
  /// How many operations so far draw random numbers.
  private var randomStreams = 0
  /// What a nil in the shape of a source stands for.
  private let openLength: Int

  package init(_ graph: Graph = Graph(), openLength: Int = 2) {
    self.graph = graph
    self.openLength = openLength
  }

  package func source(_ source: Source, _ type: ValueType) throws -> Value {
    let shape = type.shape.resolved(to: openLength, openName: "batch")
    return Value(self, try graph.add(source, ValueType(type.dtype, shape)))
  }

  /// Adds any operation; for gradient rules and passes.
  package func emit(_ op: any Op, _ inputs: [Value]) throws -> [Value] {
    try graph.add(op, inputs.map(\.id), origin: origin).map { Value(self, $0) }
  }

  /// A number that no other operation of the graph has, for its random numbers.
  package func nextRandomStream() -> Int {
    randomStreams += 1
    return randomStreams
  }

  package func setResult(_ result: GraphResult, _ value: Value) { graph.setResult(result, value.id) }
}

extension Value {
  /// Adds an operation that has one result and can be differentiated; the only way by which layers add operations.
  package func apply(_ op: some ForwardOp, _ others: Value...) throws -> Value {
    try builder.emit(op, [self] + others)[0]
  }

  /// Adds an operation that has several results and can be differentiated.
  package func applyAll(_ op: some ForwardOp, _ others: [Value] = []) throws -> [Value] {
    try builder.emit(op, [self] + others)
  }

  /// Adds an operation from within a gradient rule.
  package func emit(_ op: some Op, _ others: Value...) throws -> Value {
    try builder.emit(op, [self] + others)[0]
  }

  /// The operation that computes this value, when it is of the given kind, and that operation's inputs.
  package func definition<Kind: Op>(as kind: Kind.Type) -> (op: Kind, inputs: [Value])? {
    guard let node = builder.graph.node(defining: id), let op = node.op as? Kind else { return nil }
    return (op, node.inputs.map { Value(builder, $0) })
  }
}
