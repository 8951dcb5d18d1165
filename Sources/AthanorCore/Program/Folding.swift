// Operations on known numbers alone.

extension ImportSite {
  /// The numbers as they are.
  package func foldedIdentity() throws -> Tensor? { try operation.required(.x) }

  /// The numbers in another type; integers are cut towards zero.
  func foldedCast() throws -> Tensor? {
    let x = try operation.required(.x)
    switch OperationKind.Precision(rawValue: try operation.text(.dtype)) {
    case let type? where type.isFloatingPoint: return Tensor(uncheckedShape: x.shape, .float32(x.floats))
    case .int32, .int64: return try like(.int32, x.shape, x.doubles)
    case .bool: return Tensor(uncheckedShape: x.shape, .int32(x.floats.map { $0 == 0 ? 0 : 1 }))
    case .uint8:
      let bytes = try like(.int32, x.shape, x.doubles).integers.map { Int32(UInt8(truncatingIfNeeded: $0)) }
      return Tensor(uncheckedShape: x.shape, .int32(bytes))
    default: return nil
    }
  }

  package func foldedReshape() throws -> Tensor? {
    let x = try operation.required(.x)
    var shape = try operation.integers(.shape)
    if let open = shape.firstIndex(of: -1) {
      let rest = Tensor.elementCount(of: shape.filter { $0 != -1 }) ?? 0
      shape[open] = rest > 0 ? x.count / rest : 0
    }
    return try known(x, shape)
  }

  package func foldedSqueeze() throws -> Tensor? {
    let x = try operation.required(.x)
    let axes = try axes(.axes, rank: x.shape.count) ?? x.shape.indices.filter { x.shape[$0] == 1 }
    return try known(x, x.shape.indices.filter { !axes.contains($0) }.map { x.shape[$0] })
  }

  package func foldedExpansion() throws -> Tensor? {
    let x = try operation.required(.x)
    return try known(x, expanded(x.shape, with: 1))
  }

  package func foldedTranspose() throws -> Tensor? {
    let x = try operation.required(.x)
    let order = try axes(.perm, rank: x.shape.count) ?? x.shape.indices.reversed()
    guard order.sorted() == Array(x.shape.indices) else { throw damaged(.perm) }
    let strides = rowMajorStrides(x.shape)
    return x.strided(order.map { x.shape[$0] }, order.map { strides[$0] })
  }

  package func foldedGather() throws -> Tensor? {
    let (x, indices) = (try operation.required(.x), try operation.required(.indices))
    let axis = try axis(operation.integer(.axis), rank: x.shape.count)
    let places = try self.places(indices, length: x.shape[axis])
    return x.taking(places, axis: axis).reshaped(
      to: Array(x.shape[..<axis]) + indices.shape + x.shape[(axis + 1)...])
  }

  package func foldedSlice() throws -> Tensor? {
    var x = try operation.required(.x)
    try requireSlices(rank: x.shape.count)
    for axis in x.shape.indices {
      let places = try places(of: axis, length: x.shape[axis])
      if places != Array(0..<x.shape[axis]) { x = x.taking(places, axis: axis) }
    }
    let squeezed = try operation.integers(.squeezeMask)
    let kept = x.shape.indices.filter { $0 >= squeezed.count || squeezed[$0] == 0 }
    return try known(x, kept.map { x.shape[$0] })
  }

  package func foldedConcatenation() throws -> Tensor? {
    guard try !operation.flag(.interleave) else { return nil }
    let parts = values(.values).compactMap(\.constant)
    guard let first = parts.first else { return nil }
    let axis = try axis(operation.integer(.axis), rank: first.shape.count)
    for part in parts {
      var shape = part.shape
      guard shape.count == first.shape.count, part.dtype == first.dtype else { throw damaged(.values) }
      shape[axis] = first.shape[axis]
      guard shape == first.shape else { throw damaged(.values) }
    }
    let inner = first.shape[(axis + 1)...].reduce(1, *)
    var shape = first.shape
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    guard shape[axis] > 0 else { return nil }
    var numbers: [Double] = []
    let contents = parts.map { ($0.doubles, $0.shape[axis] * inner) }
    for row in 0..<first.shape[..<axis].reduce(1, *) {
      for (doubles, count) in contents { numbers += doubles[row * count..<(row + 1) * count] }
    }
    return try like(first.dtype, shape, numbers)
  }

  package func foldedArithmetic(_ body: (Double, Double) -> Double) throws -> Tensor? {
    let (x, y) = (try operation.required(.x), try operation.required(.y))
    guard x.dtype == y.dtype else { return nil }
    return try foldedElements(.x, .y, dtype: x.dtype) { body($0[0], $0[1]) }
  }

  /// Powers of integers, which are integers again; those of other numbers are the network's.
  func foldedPower() throws -> Tensor? {
    guard try operation.required(.x).dtype == .int32, try operation.required(.y).dtype == .int32 else { return nil }
    return try foldedElements(.x, .y, dtype: .int32) { numbers in
      // Beyond this many factors only those of -1, 0 and 1 are finite, and what counts is whether they are even.
      let most = 1024.0
      let count = abs(numbers[1])
      let factors = count > most ? most + count.truncatingRemainder(dividingBy: 2) : count
      let power = (0..<Int(factors)).reduce(1.0) { product, _ in product * numbers[0] }
      return numbers[1] < 0 ? 1 / power : power
    }
  }

  /// A function of the elements; shapes are broadcast.
  func foldedElements(
    _ names: ArgumentName..., dtype: DType, _ body: ([Double]) -> Double
  ) throws -> Tensor? {
    let operands = try names.map(operation.required)
    var shape: [Int] = []
    for operand in operands {
      guard let both = Shape.broadcast(Shape(shape), Shape(operand.shape)) else { throw damaged(names[0]) }
      shape = both.sizes
    }
    let spread = operands.map { $0.spread(to: shape).doubles }
    guard let count = spread.first?.count else { return nil }
    return try like(dtype, shape, (0..<count).map { place in body(spread.map { $0[place] }) })
  }

  func foldedProduct() throws -> Tensor? {
    let x = try operation.required(.x)
    let axes = try axes(.axes, rank: x.shape.count) ?? Array(x.shape.indices)
    guard x.count > 0 else { return nil }
    var products = x
    for axis in axes {
      var shape = products.shape
      let factors = (0..<shape[axis]).map { place in products.taking([place], axis: axis).doubles }
      shape[axis] = 1
      let numbers = factors.dropFirst().reduce(factors[0]) { zip($0, $1).map { $0 * $1 } }
      products = try like(x.dtype, shape, numbers)
    }
    guard try !operation.flag(.keepDims) else { return products }
    return products.reshaped(to: products.shape.indices.filter { !axes.contains($0) }.map { products.shape[$0] })
  }

  private func damaged(_ argument: ArgumentName) -> AthanorError {
    damaged("its argument \"\(argument.rawValue)\" does not go with its input")
  }

  private func known(_ tensor: Tensor, _ shape: [Int]) throws -> Tensor {
    guard Tensor.elementCount(of: shape) == tensor.count else { throw damaged(.shape) }
    return tensor.reshaped(to: shape)
  }

  /// Numbers of a type; integers are cut towards zero.
  private func like(_ dtype: DType, _ shape: [Int], _ values: [Double]) throws -> Tensor {
    guard dtype == .int32 else { return Tensor(uncheckedShape: shape, .float32(values.map { Float($0) })) }
    return Tensor(
      uncheckedShape: shape,
      .int32(
        try values.map { value in
          guard let integer = Int32(exactly: value.rounded(.towardZero)) else {
            throw unsupported("it computes \(value), which does not fit 32-bit integers")
          }
          return integer
        }))
  }

  /// Lengths with ones put in at the places of `axes`.
  func expanded<Length>(_ lengths: [Length], with one: Length) throws -> [Length] {
    let rank = lengths.count + (try operation.integers(.axes).count)
    var result = lengths
    var last = -1
    for axis in try axes(.axes, rank: rank)?.sorted() ?? [] {
      guard last < axis, axis <= result.count else { throw damaged(.axes) }
      result.insert(one, at: axis)
      last = axis
    }
    return result
  }

  /// - Throws: `AthanorError` when `slice_by_index` speaks of more axes than there are.
  func requireSlices(rank: Int) throws {
    for argument in [ArgumentName.begin, .end, .stride, .beginMask, .endMask, .squeezeMask] {
      guard try operation.integers(argument).count <= rank else { throw damaged(argument) }
    }
  }

  /// Whether `slice_by_index` takes all of an axis, however long it is. An open batch is also asked for by the length that the file has.
  func takesWhole(_ axis: Int, isOpen: Bool) throws -> Bool {
    func value(_ argument: ArgumentName) throws -> Int? {
      let values = try operation.integers(argument)
      return axis < values.count ? values[axis] : nil
    }
    let begins = try (value(.beginMask) ?? 0) != 0 || [0, nil].contains(value(.begin))
    let ends =
      try (value(.endMask) ?? 0) != 0
      || value(.end).map { $0 >= Int(Int32.max) || axis == 0 && isOpen && $0 == batch }
        ?? true
    return try begins && ends && (value(.stride) ?? 1) == 1
  }

  /// Which places of an axis `slice_by_index` takes.
  func places(of axis: Int, length: Int) throws -> [Int] {
    func value(_ argument: ArgumentName) throws -> Int? {
      let values = try operation.integers(argument)
      return axis < values.count ? values[axis] : nil
    }
    let step = try value(.stride) ?? 1
    guard step != 0 else { throw damaged(.stride) }
    let last = step > 0 ? length : length - 1
    // Below 0 places are counted from the end; what lies beyond the axis is left out.
    func bounded(_ place: Int) -> Int { min(max(place < 0 ? place + length : place, step > 0 ? 0 : -1), last) }
    let begin = try (value(.beginMask) ?? 0) != 0 ? nil : value(.begin)
    let end = try (value(.endMask) ?? 0) != 0 ? nil : value(.end)
    return Array(
      stride(
        from: begin.map(bounded) ?? (step > 0 ? 0 : length - 1), to: end.map(bounded) ?? (step > 0 ? length : -1),
        by: step))
  }

  /// Indices as places from 0; below 0 they are counted from the end.
  func places(_ indices: Tensor, length: Int) throws -> [Int] {
    try indices.integers.map { index in
      guard (-length..<length).contains(index) else {
        throw damaged("it takes place \(index) of an axis of length \(length)")
      }
      return index < 0 ? index + length : index
    }
  }

  /// The results of an operation of which all operands are known: what its kind says, or else what its graph computes.
  private func computedResults() throws -> [Tensor] {
    let graph = GraphBuilder()
    var contents: [String: Tensor] = [:]
    func source(_ tensor: Tensor) throws -> Value {
      let name = "\(contents.count)"
      contents[name] = tensor
      let dtype: DType = tensor.dtype == .int32 ? .int32 : .float32
      return try graph.source(.input(name), ValueType(dtype, Shape(tensor.shape)))
    }
    var values: [String: ImportedValue] = [:]
    // What a kind takes as computed alone are its first operands.
    let first = operation.kind.parameters.first { [.value, .values].contains($0.form) }?.name ?? .x
    var operands: [Program.Operand] = []
    for operand in operation.operands(first) {
      guard case .constant(let tensor) = operand else { continue }
      let name = "operand \(operands.count)"
      values[name] = ImportedValue(try source(tensor))
      operands.append(.named(name))
    }
    let site = try ImportSite(
      operands.isEmpty
        ? operation : operation.with(first, operands.count == 1 ? .operand(operands[0]) : .operands(operands)),
      values, graph
    ) { try source(Tensor(uncheckedShape: $1.shape, .float32($1.floats))) }
    let results = try operation.kind.compose(site).map { try graph.value(graph.plain($0)) }
    for (index, result) in results.enumerated() { graph.setResult(.output("\(index)"), result) }
    let plan = try Plan(graph.graph, weights: WeightMap())
    let workspace = try Workspace(plan)
    for (name, tensor) in contents {
      guard let place = workspace.input(name) else { continue }
      switch tensor.storage {
      case .int32(let integers): integers.withUnsafeBytes { place.copyMemory(from: $0) }
      default: tensor.floats.withUnsafeBytes { place.copyMemory(from: $0) }
      }
    }
    try workspace.run(ModelMemory(WeightMap()), pool: ThreadPool(threadCount: 1))
    return results.enumerated().map { index, result in
      let bytes = workspace.output("\(index)")
      let storage: Tensor.Storage =
        switch result.type.dtype {
        case .int32: .int32(bytes.map { Array($0.bindMemory(to: Int32.self)) } ?? [])
        case .uint8: .int32(bytes?.map { Int32($0) } ?? [])
        default: .float32(Array(workspace.floats("\(index)")))
        }
      return Tensor(uncheckedShape: result.shape.sizes, storage)
    }
  }

  /// The results when all operands are known; nil where they are the network's all the same.
  package func folded() throws -> [Tensor]? {
    if let tensor = try operation.kind.fold?(self) { return [tensor] }
    guard operation.kind.parameters.contains(where: { !operation.operands($0.name).isEmpty }) else { return nil }
    return try computedResults()
  }
}

extension Tensor {
  /// The elements at places of the row-major order, under another shape.
  private func picked(_ shape: [Int], _ places: [Int]) -> Tensor {
    let storage: Storage =
      switch self.storage {
      case .float32(let values): .float32(places.map { values[$0] })
      case .float64(let values): .float64(places.map { values[$0] })
      case .int32(let values): .int32(places.map { values[$0] })
      case .uint8(let values): .uint8(places.map { values[$0] })
      }
    return Tensor(uncheckedShape: shape, storage)
  }

  /// The elements at multiples of strides.
  func strided(_ shape: [Int], _ strides: [Int]) -> Tensor {
    var places = shape.contains(0) ? [] : [0]
    for (length, stride) in zip(shape, strides) {
      places = places.flatMap { place in (0..<length).map { place + $0 * stride } }
    }
    return picked(shape, places)
  }

  /// Repeated along axes of length 1, and new ones in front.
  func spread(to shape: [Int]) -> Tensor {
    self.shape == shape ? self : strided(shape, broadcastStrides(of: self.shape, in: shape))
  }

  /// Chosen places of an axis.
  func taking(_ places: [Int], axis: Int) -> Tensor {
    let inner = shape[(axis + 1)...].reduce(1, *)
    var lengths = shape
    lengths[axis] = places.count
    let rows = (0..<shape[..<axis].reduce(1, *)).flatMap { outer in places.map { outer * shape[axis] + $0 } }
    return picked(lengths, rows.flatMap { row in (0..<inner).map { row * inner + $0 } })
  }
}
