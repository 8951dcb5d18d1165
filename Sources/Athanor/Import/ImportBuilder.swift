/// Composes an imported program's operations, one after another.
struct ImportBuilder {
  /// A value of the program.
  enum Content {
    /// Known numbers, lying as in the program.
    case numbers(Tensor)
    case text(String)
    case computed(Computed)
  }

  /// A value of the graph, and how it lies there. Programs have pictures' channels first, our operations have them last.
  struct Computed {
    enum Order: Hashable {
      /// As in the program.
      case plain
      /// A picture `[N, C, H, W]` that lies as `[N, H, W, C]`.
      case channelsLast
      /// `[N, C * H * W]`, flattened from a picture while its channels came last.
      case flattened(height: Int, width: Int, channels: Int)
    }
    var value: Value
    var order = Order.plain

    /// The shape in the program, nil for the batch.
    var shape: [Int?] {
      let lengths = value.shape.lengths
      return order == .channelsLast ? [lengths[0], lengths[3], lengths[1], lengths[2]] : lengths
    }
  }

  let program: ImportedProgram
  var scope: Scope
  private var values: [String: Content] = [:]

  init(_ program: ImportedProgram, _ scope: Scope) {
    self.program = program
    self.scope = scope
  }

  /// - Throws: `AthanorError` that names the operation at fault.
  mutating func build(_ input: Value) throws -> Value {
    for (name, constant) in program.constants {
      switch constant {
      case .numbers(let tensor): values[name] = .numbers(tensor)
      case .text(let text): values[name] = .text(text)
      }
    }
    values[program.input.name] = .computed(
      Computed(value: input, order: program.input.isPicture ? .channelsLast : .plain))
    for operation in program.operations {
      do {
        let site = ImportSite(operation: operation, builder: self)
        var results = [try site.folded()].compactMap(\.self)
        if results.isEmpty { results = try build(operation) }
        guard results.count == operation.outputs.count else {
          throw AthanorError(.unsupported, at: "", "it has \(operation.outputs.count) results and not \(results.count)")
        }
        for (name, result) in zip(operation.outputs, results) { values[name] = result }
      } catch let error as AthanorError {
        throw error.within("\(operation.name) (\(operation.type))")
      }
    }
    guard case .computed(let result) = values[program.output] else {
      throw AthanorError(
        .data, at: "output \"\(program.output)\"", "nothing computes it from the input", fix: "The file is damaged.")
    }
    return try plain(result)
  }

  func content(_ name: String) throws -> Content {
    guard let content = values[name] else {
      throw AthanorError(.data, at: "", "nothing before it computes \"\(name)\"", fix: "The file is damaged.")
    }
    return content
  }

  // MARK: Order

  /// As in the program.
  func plain(_ computed: Computed) throws -> Value {
    switch computed.order {
    case .plain: return computed.value
    case .channelsLast: return try computed.value.transposed([0, 3, 1, 2])
    case .flattened(let height, let width, let channels):
      let picture = try computed.value.reshaped([computed.value.shape[0], height, width, channels])
      return try picture.transposed([0, 3, 1, 2]).reshaped(computed.value.shape)
    }
  }

  /// A picture of the program, with its channels last.
  func channelsLast(_ computed: Computed) throws -> Value {
    if computed.order == .channelsLast { return computed.value }
    let value = try plain(computed)
    guard value.shape.rank == 4 else {
      throw AthanorError(
        .unsupported, at: "", "its input has shape \(value.shape) but a batch of pictures (4 axes) is needed")
    }
    return try value.transposed([0, 2, 3, 1])
  }

  // MARK: Weights

  /// Numbers of the file as a weight of the model.
  mutating func weight(_ name: String, _ tensor: Tensor) throws -> Value {
    let numbers = tensor.floats
    return try scope.weight(name, shape: tensor.shape, initializer: Initializer("Imported") { _, _ in numbers })
  }

  /// Numbers beside a computed value.
  func constant(_ tensor: Tensor) throws -> Value {
    try tensor.count == 1
      ? scope.builder.constant(Double(tensor.floats[0]))
      : scope.builder.constant(tensor.floats.map { Double($0) }, tensor.shape)
  }
}
