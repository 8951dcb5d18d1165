/// A value of a program in the graph that is being composed of it.
package struct ImportedValue: Sendable, LaidOut {
  package enum Content: Sendable {
    /// Known numbers, lying as in the program.
    case numbers(Tensor)
    case computed(ValueID, Shape)
  }

  package let content: Content
  package var layout: Layout
  /// What known numbers are in a batch of two, where they follow from the length of an open batch and are those of a batch of one; nil where
  /// they do not depend on it.
  private(set) var inBatchOfTwo: Tensor?

  package init(_ value: Value, layout: Layout = .plain) {
    content = .computed(value.id, value.shape)
    self.layout = layout
  }

  package init(constant tensor: Tensor) { self.init(constant: tensor, inBatchOfTwo: nil) }

  init(constant tensor: Tensor, inBatchOfTwo other: Tensor?) {
    content = .numbers(tensor)
    layout = .plain
    if other != tensor { inBatchOfTwo = other }
  }

  package var constant: Tensor? {
    if case .numbers(let tensor) = content { tensor } else { nil }
  }

  /// The value in the graph; nil for known numbers.
  package var id: ValueID? { if case .computed(let id, _) = content { id } else { nil } }

  package var rank: Int { axes.count }

  /// The axes in the program.
  var axes: [Shape.Axis] {
    switch content {
    case .numbers(let tensor): tensor.shape.map { Shape.Axis($0) }
    case .computed(_, let shape): layout.programOrder(shape.axes)
    }
  }

  /// The lengths in the program, nil for open ones.
  package var shape: [Int?] { axes.map(\.fixed) }

  /// - Throws: `AthanorError` when known numbers depend on the length of the batch otherwise than by being there once for each example.
  func requireIndependence() throws {
    guard let tensor = constant, let two = inBatchOfTwo else { return }
    if tensor.shape.first == 1, two == tensor.taking([0, 0], axis: 0) { return }
    throw AthanorError(
      .unsupported, at: "", "it computes with the length of the batch, but examples are computed each by itself",
      fix: ImportSite.closedLengths)
  }

  /// Whether the first axis is open: it counts examples then, which are computed each by itself.
  var countsExamples: Bool { axes.first?.isOpen == true }
}

/// The graph's side of layouts.
package protocol GraphSide: LayoutSide where Element == ImportedValue {
  var builder: GraphBuilder { get }
}

extension GraphSide {
  /// The value in the graph; known numbers become constants of it.
  package func value(_ x: ImportedValue) throws -> Value {
    switch x.content {
    case .computed(let id, _): return Value(builder, id)
    case .numbers(let tensor):
      try x.requireIndependence()
      return try builder.constant(tensor.floats.map { Double($0) }, tensor.shape)
    }
  }

  package static var toOtherSide: [Int] { Layout.toProgram }
  package static var fromOtherSide: [Int] { Layout.toGraph }

  package func transposed(_ x: ImportedValue, _ order: [Int], _ layout: Layout) throws -> ImportedValue {
    ImportedValue(try value(x).reordered(order), layout: layout)
  }

  package func unflattened(_ x: ImportedValue, height: Int, width: Int, channels: Int) throws -> ImportedValue {
    let flat = try value(x)
    return ImportedValue(try flat.reshaped([flat.shape[0], height, width, channels]), layout: .picture)
  }

  package func flattened(_ x: ImportedValue) throws -> ImportedValue {
    let picture = try value(x)
    return ImportedValue(
      try picture.reshaped([picture.shape[0], Shape(picture.shape.withoutBatch).elementsPerExample]))
  }
}

extension Value {
  /// The axes in another order; where that undoes a change of order before it, the value from before that.
  func reordered(_ order: [Int]) throws -> Value {
    if let (before, inputs) = definition(as: Transpose.self), order.count == before.order.count,
      order.indices.allSatisfy({ order.indices.contains(order[$0]) && before.order[order[$0]] == $0 })
    {
      return inputs[0]
    }
    return try transposed(order)
  }
}

extension GraphBuilder: GraphSide {
  package var builder: GraphBuilder { self }
}

/// What the import facet of an operation sees: its arguments, with all known numbers put in, and the graph.
package struct ImportSite: GraphSide {
  package private(set) var operation: Program.Operation
  /// The operation with its operands by name.
  private var named: Program.Operation
  package let builder: GraphBuilder
  /// The length that the program has for an axis of examples; nil where it has none.
  package let batch: Int?
  private let computed: [String: ImportedValue]
  private let declare: (_ name: String, Tensor) throws -> Value

  /// - Parameters:
  ///   - values: The values before the operation, by name.
  ///   - weight: Makes numbers of the program a weight of the model.
  /// - Throws: `AthanorError` with an empty location when the operation reads what is not there.
  package init(
    _ operation: Program.Operation, _ values: [String: ImportedValue], batch: Int? = nil, _ builder: GraphBuilder,
    weight: @escaping (String, Tensor) throws -> Value
  ) throws {
    named = operation
    self.operation = try operation.replacing { operand in
      guard case .named(let name) = operand else { return operand }
      guard let value = values[name] else {
        throw AthanorError(.data, at: "", "nothing before it computes \"\(name)\"", fix: "The file is damaged.")
      }
      return value.constant.map { .constant($0) } ?? operand
    }
    self.builder = builder
    self.batch = batch
    computed = values
    declare = weight
  }

  /// The operation's results: known numbers where all of its operands are known, else values of the graph.
  ///
  /// - Throws: `AthanorError` with an empty location when it cannot be computed.
  package func results() throws -> [ImportedValue] {
    let isKnown = operation.kind.parameters.allSatisfy { parameter in
      operation.operands(parameter.name).allSatisfy { if case .constant = $0 { true } else { false } }
    }
    if isKnown, let tensors = try folded() {
      guard let others = try inBatchOfTwo()?.folded() else { return tensors.map { ImportedValue(constant: $0) } }
      return zip(tensors, others).map { ImportedValue(constant: $0, inBatchOfTwo: $1) }
    }
    let results = try operation.kind.compose(self)
    guard results.count == operation.results.count else {
      throw AthanorError(.unsupported, at: "", "it has \(operation.results.count) results and not \(results.count)")
    }
    return results
  }

  /// The same site with the numbers that operands have in a batch of two; nil where none depends on that.
  private func inBatchOfTwo() throws -> ImportSite? {
    var isNeeded = false
    let operation = try named.replacing { operand in
      guard case .named(let name) = operand, let value = computed[name], let constant = value.constant else {
        return operand
      }
      isNeeded = isNeeded || value.inBatchOfTwo != nil
      return .constant(value.inBatchOfTwo ?? constant)
    }
    return isNeeded ? with(operation) : nil
  }

  /// The same site for another operation on the same values.
  func with(_ operation: Program.Operation) -> ImportSite {
    var copy = self
    (copy.operation, copy.named) = (operation, operation)
    return copy
  }

  package func values(_ argument: ArgumentName) -> [ImportedValue] {
    named.operands(argument).flatMap { operand in
      switch operand {
      case .constant(let tensor): [ImportedValue(constant: tensor)]
      case .named(let name): computed[name].map { [$0] } ?? []
      }
    }
  }

  package func value(_ argument: ArgumentName) throws -> ImportedValue {
    guard let value = values(argument).first else {
      throw AthanorError(.data, at: "", "its argument \"\(argument.rawValue)\" is missing")
    }
    return value
  }

  /// An argument that the network computes.
  package func computed(_ argument: ArgumentName) throws -> ImportedValue {
    let value = try value(argument)
    guard value.constant == nil else {
      throw AthanorError(
        .unsupported, at: "",
        "its argument \"\(argument.rawValue)\" is constant, but the network must compute it")
    }
    return value
  }

  /// Numbers of the program as a weight of the model.
  package func weight(_ name: String, _ tensor: Tensor) throws -> Value {
    try declare(name, tensor.dtype == .float32 ? tensor : Tensor(uncheckedShape: tensor.shape, .float32(tensor.floats)))
  }

  /// One value in the layout of another, made by a function of the elements.
  package func map(_ x: ImportedValue, _ body: (Value) throws -> Value) throws -> [ImportedValue] {
    [ImportedValue(try body(value(x)), layout: x.layout)]
  }

  /// An axis as a number from 0; the language counts from the end below 0.
  package func axis(_ axis: Int, rank: Int) throws -> Int {
    guard (-rank..<rank).contains(axis) else {
      throw AthanorError(.data, at: "", "it names axis \(axis) of a value with \(rank) axes")
    }
    return axis < 0 ? axis + rank : axis
  }

  /// - Throws: `AthanorError` when an axis counts examples.
  func requireNoExamples(_ axes: [Int], of x: ImportedValue) throws {
    guard axes.contains(0), x.countsExamples else { return }
    throw unsupported("it goes along the batch; examples are computed each by itself")
  }

  package func axes(_ argument: ArgumentName, rank: Int) throws -> [Int]? {
    guard operation.has(argument) else { return nil }
    let axes = try operation.integers(argument)
    guard Set(axes).count == axes.count else {
      throw damaged("its argument \"\(argument.rawValue)\" is \(axes), with an axis twice")
    }
    return try axes.map { try axis($0, rank: rank) }
  }

  package func integers(_ argument: ArgumentName, count: Int) throws -> [Int] {
    let integers = try operation.integers(argument)
    guard integers.count == count else {
      throw AthanorError(
        .data, at: "", "its argument \"\(argument.rawValue)\" is \(integers) but needs \(count) numbers")
    }
    return integers
  }

  /// What can be done where an open length stands in the way.
  package static let closedLengths = "Export it with fixed lengths, that of the batch too."

  /// The error of an operation that cannot be computed here.
  package func unsupported(_ problem: String) -> AthanorError { AthanorError(.unsupported, at: "", problem) }
  /// The error of an operation whose arguments do not fit together.
  package func damaged(_ problem: String) -> AthanorError { AthanorError(.data, at: "", problem) }
}
