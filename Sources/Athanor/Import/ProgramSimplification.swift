extension Program {
  /// Takes a multiplication of the picture at the program's beginning out of it: it is the model's scale for bytes. Conversions before it
  /// say nothing here.
  ///
  /// - Returns: The factor, 1 when the program begins otherwise; nil where the first input is no picture.
  package mutating func takePixelScale() throws -> Float? {
    guard inputs.first?.isPicture == true else { return nil }
    while let first = onlyReader, [.cast, .identity].contains(operations[first].kind) { try takeOut(first) }
    guard let place = onlyReader, operations[place].kind.function == .binary(.multiply) else { return 1 }
    let operands = operations[place].operands(.x) + operations[place].operands(.y)
    guard case .constant(let factor) = operands.first(where: { $0 != .named(inputs[0].name) }), factor.count == 1,
      factor.floats[0].isFinite, factor.floats[0] != 0
    else { return 1 }
    try takeOut(place)
    return factor.floats[0]
  }

  /// The one operation that reads the input, if its result can take the input's place.
  private var onlyReader: Int? {
    let readers = operations.indices.filter { index in
      operations[index].kind.parameters.contains {
        operations[index].operands($0.name).contains(.named(inputs[0].name))
      }
    }
    guard readers.count == 1, case let results = operations[readers[0]].results, results.count == 1,
      !outputs.contains(where: { [inputs[0].name, results[0].name].contains($0.name) })
    else { return nil }
    return readers[0]
  }

  /// Removes an operation; who read its result reads the input.
  private mutating func takeOut(_ place: Int) throws {
    let result = operations.remove(at: place).results[0].name
    let input = inputs[0].name
    operations = try operations.map { try $0.replacing { $0 == .named(result) ? .named(input) : $0 } }
  }
}

extension Program {
  /// The same program with several operations joined where a layer computes them together.
  ///
  /// - Throws: `AthanorError` with an empty location when an operation's arguments do not fit.
  package func simplified() throws -> Program {
    var program = self
    var readers: [String: Int] = [:]
    for name in operations.flatMap(\.computedNames) + outputs.map(\.name) { readers[name, default: 0] += 1 }
    var places: [String: Int] = [:]
    for (place, operation) in operations.enumerated() {
      for result in operation.results { places[result.name] = place }
    }
    var removed: Set<String> = []
    for (place, operation) in operations.enumerated() {
      let view = OperationView(operation: operation) { name in
        guard readers[name] == 1, let place = places[name] else { return nil }
        return program.operations[place]
      }
      for join in [view.withBias, view.clip, view.rowNormalization, view.gelu] {
        guard let (joined, inner) = try join() else { continue }
        program.operations[place] = joined
        removed.formUnion(inner.flatMap(\.results).map(\.name))
        break
      }
    }
    program.operations.removeAll { removed.contains($0.results[0].name) }
    return program
  }
}

/// An operation, and those before it whose results nothing else reads. Each function gives an operation that computes several together, and
/// those that it makes needless.
private struct OperationView {
  typealias Joined = (operation: Program.Operation, inner: [Program.Operation])

  let operation: Program.Operation
  /// The operation of a result's name, if the result is read once.
  let producer: (String) -> Program.Operation?

  /// The operation that computes an operand, if it is of a kind and nothing else reads its result.
  private func source(_ operand: Program.Operand?, _ kinds: OperationKind...) -> Program.Operation? {
    guard case .named(let name)? = operand, let source = producer(name), kinds.contains(source.kind) else {
      return nil
    }
    return source
  }

  /// A product with known weights, and a bias that is added to it.
  func withBias() throws -> Joined? {
    guard operation.kind.function == .binary(.add), let bias = operation.constant(.y) ?? operation.constant(.x),
      let product = source((operation.operands(.x) + operation.operands(.y)).first { $0.isNamed }, .matmul, .linear),
      !product.has(.bias), let x = product.operands(.x).first, x.isNamed,
      var weight = product.constant(product.kind == .matmul ? .y : .weight), weight.shape.count == 2
    else { return nil }
    if product.kind == .matmul {
      guard try !product.flag(.transposeX) else { return nil }
      if try !product.flag(.transposeY) { weight = weight.transposed([1, 0]) }
    }
    let units = weight.shape[0]
    guard bias.count == units, bias.trimmed.shape == [units] else { return nil }
    let joined = try Program.Operation(
      .linear, name: product.name.hasPrefix(operation.name + "/") ? operation.name : product.layerName,
      [.x: .operand(x), .weight: .constant(weight), .bias: .constant(bias.reshaped(to: [units]))],
      results: operation.results)
    return (joined, [product])
  }

  /// A minimum with a number of a maximum with one.
  func clip() throws -> Joined? {
    guard operation.kind.function == .binary(.minimum), let high = operation.constant(.y), high.count == 1,
      let inner = try source(operation.operands(.x).first, .binary(.maximum)), let low = inner.constant(.y),
      low.count == 1, let x = inner.operands(.x).first, x.isNamed
    else { return nil }
    let joined = try Program.Operation(
      .clip, name: inner.layerName,
      [.x: .operand(x), .alpha: .number(Double(low.floats[0])), .beta: .number(Double(high.floats[0]))],
      results: operation.results)
    return (joined, [inner])
  }

  /// A batch normalisation of rows that have one more axis for it alone.
  func rowNormalization() throws -> Joined? {
    guard operation.kind == .squeeze, let inner = source(operation.operands(.x).first, .batchNorm),
      let expansion = source(inner.operands(.x).first, .expandDims), let axes = expansion.arguments[.axes],
      axes == .integers([2]) || axes == .integers([-1]), operation.arguments[.axes] == axes,
      let x = expansion.arguments[.x]
    else { return nil }
    let joined = try Program.Operation(
      .batchNorm, name: operation.name, inner.arguments.merging([.x: x]) { $1 }, results: operation.results)
    return (joined, [inner, expansion])
  }

  /// `x * (1 + erf(x / sqrt 2)) / 2`, whatever the order of the factors.
  func gelu() throws -> Joined? {
    var (inner, factors, number): ([Program.Operation], [Program.Operand], Double) = ([], [], 1)
    let multiply = try OperationKind.binary(.multiply)
    var pending = operation.kind == multiply ? operation.operands(.x) + operation.operands(.y) : []
    while let operand = pending.popLast() {
      guard inner.count < 3 else { return nil }
      if case .constant(let tensor) = operand {
        guard tensor.count == 1 else { return nil }
        number *= Double(tensor.floats[0])
      } else if let product = source(operand, multiply) {
        inner.append(product)
        pending += product.operands(.x) + product.operands(.y)
      } else {
        factors.append(operand)
      }
    }
    let operands = { (operation: Program.Operation) in operation.operands(.x) + operation.operands(.y) }
    guard factors.count == 2, abs(number - 0.5) < 1e-6 else { return nil }
    for (x, curve) in [(factors[0], factors[1]), (factors[1], factors[0])] {
      guard let sum = try source(curve, .binary(.add)), let one = sum.constant(.y) ?? sum.constant(.x),
        one.count == 1, one.floats[0] == 1,
        let erf = try source(operands(sum).first { $0.isNamed }, .unary(.erf)),
        let scaled = try source(erf.operands(.x).first, multiply, .binary(.divide)),
        let scale = scaled.constant(.y) ?? scaled.constant(.x), scale.count == 1, operands(scaled).contains(x)
      else { continue }
      let factor = scaled.kind == multiply ? Double(scale.floats[0]) : 1 / Double(scale.floats[0])
      guard abs(factor - 0.5.squareRoot()) < 1e-6, scaled.kind == multiply || scaled.operands(.x) == [x] else {
        continue
      }
      let joined = try Program.Operation(
        .gelu, name: operation.name, [.x: .operand(x), .mode: .choice(OperationKind.GeluMode.exact)],
        results: operation.results)
      return (joined, inner + [sum, erf, scaled])
    }
    return nil
  }
}

extension Program.Operation {
  /// The name without the kind's, which exports put behind the layer's.
  var layerName: String {
    let suffix = "_\(kind)"
    return name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : name
  }
}
