/// The number of a value within its graph.
package struct ValueID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let index: Int
  package static func < (left: ValueID, right: ValueID) -> Bool { left.index < right.index }
  package var description: String { "%\(index)" }
}

/// Where a value that no operation computes comes from.
package enum Source: Hashable, Sendable {
  /// Given for each run, by name.
  case input(String)
  /// A trained weight, by name.
  case parameter(String)
  /// A weight that training updates without a gradient (moving averages), by name.
  case state(String)
}

/// What a graph gives back.
package enum GraphResult: Hashable, Sendable {
  /// A value to be read after the run, by name.
  case output(String)
  /// The gradient of the loss with respect to a parameter, by the parameter's name.
  case gradient(String)
  /// The new content of a state, by the state's name.
  case update(String)
}

/// One operation applied to values.
package struct Node: Sendable {
  package let op: any Op
  package let inputs: [ValueID]
  package let outputs: [ValueID]
  /// The layer, loss or metric that asked for it.
  package let origin: String
}

/// A computation: values, and the operations that make them, in an order in which they can run.
///
/// Append-only and a value type. It prints as stable text, which the tests compare and which helps to find faults.
package struct Graph: Sendable, CustomStringConvertible {
  package enum Definition: Hashable, Sendable {
    case source(Source)
    case node(Int, output: Int)
  }

  package private(set) var nodes: [Node] = []
  package private(set) var types: [ValueType] = []
  package private(set) var definitions: [Definition] = []
  package private(set) var sources: [Source: ValueID] = [:]
  package private(set) var results: [(result: GraphResult, value: ValueID)] = []

  package init() {}

  package func type(of value: ValueID) -> ValueType { types[value.index] }
  package func definition(of value: ValueID) -> Definition { definitions[value.index] }

  /// The node that computes a value; nil for a source.
  package func node(defining value: ValueID) -> Node? {
    guard case .node(let index, _) = definition(of: value) else { return nil }
    return nodes[index]
  }

  /// Adds a source, or returns the one of that name.
  ///
  /// - Throws: `AthanorError` when it exists with another type.
  package mutating func add(_ source: Source, _ type: ValueType) throws -> ValueID {
    if let present = sources[source] {
      guard types[present.index] == type else {
        throw AthanorError(
          .shape, at: "", "\(source) exists as \(types[present.index]) but is now asked for as \(type)",
          fix: "Use one name for one weight.")
      }
      return present
    }
    try Graph.verify(type, of: "\(source)")
    let value = append(type, .source(source))
    sources[source] = value
    return value
  }

  /// Adds an operation and returns its results.
  ///
  /// - Throws: `AthanorError` when the operation does not accept these inputs.
  package mutating func add(_ op: any Op, _ inputs: [ValueID], origin: String) throws -> [ValueID] {
    let outputTypes = try op.outputTypes(inputs.map { type(of: $0) })
    for type in outputTypes { try Graph.verify(type, of: op.name) }
    let outputs = outputTypes.enumerated().map { append($0.element, .node(nodes.count, output: $0.offset)) }
    nodes.append(Node(op: op, inputs: inputs, outputs: outputs, origin: origin))
    return outputs
  }

  /// - Throws: `AthanorError` when no memory can hold a value of this type.
  private static func verify(_ type: ValueType, of what: String) throws {
    guard type.shape.axes.allSatisfy(\.isResolved) else {
      throw AthanorError(
        .shape, at: "", "\(what) has shape \(type.shape), where the length of an open axis is not known",
        fix: "Use the shape of a value that has the axis.")
    }
    guard type.shape.checkedElementsPerExample == nil else { return }
    throw AthanorError(
      .shape, at: "",
      "\(what) would have shape \(type.shape) but lengths must be 0 or more and their product at most 2^40",
      fix: "Use smaller lengths.")
  }

  /// Declares a result.
  package mutating func setResult(_ result: GraphResult, _ value: ValueID) {
    removeResult(result)
    results.append((result, value))
  }

  /// Takes a result back.
  package mutating func removeResult(_ result: GraphResult) { results.removeAll { $0.result == result } }

  private mutating func append(_ type: ValueType, _ definition: Definition) -> ValueID {
    types.append(type)
    definitions.append(definition)
    return ValueID(index: types.count - 1)
  }

  /// How often each value is read, by operations and as a result.
  package func useCounts() -> [Int] {
    var counts = [Int](repeating: 0, count: types.count)
    for node in nodes { for input in node.inputs { counts[input.index] += 1 } }
    for (_, value) in results { counts[value.index] += 1 }
    return counts
  }

  /// One line for each value, in order, then the results.
  package var description: String {
    var lines: [String] = []
    for (index, definition) in definitions.enumerated() {
      switch definition {
      case .source(let source): lines.append("%\(index) = \(source) : \(types[index])")
      case .node(let node, let output) where output == 0: lines.append(line(for: nodes[node]))
      case .node: break
      }
    }
    lines += results.map { "\($0.result) = \($0.value)" }
    return lines.joined(separator: "\n")
  }

  private func line(for node: Node) -> String {
    let names = node.outputs.map(\.description).joined(separator: ", ")
    let arguments = node.inputs.map(\.description).joined(separator: ", ")
    let attributes = node.op.attributes.isEmpty ? "" : " {\(node.op.attributes)}"
    let outputs = node.outputs.map { type(of: $0).description }.joined(separator: ", ")
    let origin = node.origin.isEmpty ? "" : "  // \(node.origin)"
    return "\(names) = \(node.op.name)(\(arguments))\(attributes) : \(outputs)\(origin)"
  }
}
