/// Tensors that are given by name.
struct NamedTensors {
  /// `input`, `target`, `sample weights`: for messages.
  let kind: String
  /// The names that are needed, in order.
  let names: [String]
  /// The names that may be there.
  let known: [String]

  init(kind: String, names: [String], known: [String]? = nil) {
    self.kind = kind
    self.names = names
    self.known = known ?? names
  }

  /// The tensors of a data set in the order of ports; a single one needs no name.
  ///
  /// - Throws: `AthanorError` when one is missing or has a name that the model does not know.
  func inOrder(_ tensors: [String: Tensor], _ what: String) throws -> [Tensor] {
    if names.count == 1, tensors.count == 1, let only = tensors[Dataset.unnamed] { return [only] }
    if let unknown = tensors.keys.sorted().first(where: { !known.contains($0) }) {
      guard unknown.isEmpty else { throw self.unknown(unknown, what) }
      throw AthanorError(
        .data, at: what,
        "the data set has \(tensors.count == 1 ? "one \(kind)" : "a \(kind)") without a name, but the model has "
          + (names.isEmpty ? "none with a loss" : "the \(kind)s \(names.joined(separator: ", "))"),
        fix: "Give the \(kind)s by name: [\(names.map { "\"\($0)\": ..." }.joined(separator: ", "))].")
    }
    return try names.map { name in
      guard let tensor = tensors[name] else {
        throw AthanorError(
          .data, at: what, "\(kind) \"\(name)\" is missing; there is \(tensors.keys.sorted().joined(separator: ", "))",
          fix: "Give one tensor for each of \(names.joined(separator: ", ")).")
      }
      return tensor
    }
  }

  /// The error for a name that the model does not know.
  func unknown(_ name: String, _ what: String) -> AthanorError {
    AthanorError(
      .data, at: what, "\(kind) \"\(name)\" is given, which the model does not have",
      fix: AthanorError.suggestion(for: name, among: known) + "It has \(known.joined(separator: ", ")).")
  }
}

/// Checks inputs against a model's ports and brings them into the types of which batches are made.
struct InputPreparation: Sendable {
  let ports: [Port]
  /// The factor for bytes that are given for float32 inputs.
  let pixelScale: Float

  /// The tensors of inputs given by name, in the order of the inputs.
  ///
  /// - Throws: `AthanorError` when one is missing or has a name that the model does not know.
  func inOrder(_ tensors: [String: Tensor], _ what: String) throws -> [Tensor] {
    try NamedTensors(kind: "input", names: ports.map(\.name)).inOrder(tensors, what)
  }

  /// Checks inputs against the model's ports.
  ///
  /// - Parameter scale: The factor for float32 inputs; nil for `pixelScale` on bytes and 1 on everything else.
  func prepared(_ tensors: [Tensor], _ what: String, scale: Float? = nil) throws -> PreparedData {
    var lengths: [String: (length: Int, input: String)] = [:]
    var feeds: [Feed.Input] = []
    var results: [Tensor] = []
    for (port, tensor) in zip(ports, tensors) {
      let fits =
        tensor.shape.count == port.lengths.count
        && zip(tensor.shape, port.lengths).allSatisfy { $1.fixed == nil || $0 == $1.fixed }
      guard fits else { throw misfit(tensor.shape, port, what) }
      for case (let length, .open(let name)) in zip(tensor.shape, port.lengths) {
        if let known = lengths[name], known.length != length {
          throw AthanorError(
            .shape, at: what,
            "open length \"\(name)\" is \(known.length) in input \"\(known.input)\" but \(length) in \"\(port.name)\"",
            fix: name == Length.batchName
              ? "Give the same number of examples for each input."
              : "Make them equal, or give the inputs open lengths of different names: Input(lengths: [.open(\"...\")])."
          )
        }
        lengths[name] = (length, port.name)
      }
      let (result, feed) = try converted(tensor, port, scale, what)
      results.append(result)
      feeds.append(feed)
    }
    let count = lengths[Length.batchName]?.length ?? 1
    return PreparedData(inputs: results, count: count, feed: Feed(inputs: feeds, lengths: lengths.mapValues(\.length)))
  }

  /// Brings elements into a type that the port takes.
  private func converted(
    _ tensor: Tensor, _ port: Port, _ scale: Float?, _ what: String
  ) throws -> (Tensor, Feed.Input) {
    if port.dtype == .float32 {
      let scale = scale ?? (tensor.dtype == .uint8 ? pixelScale : 1)
      guard case .float64 = tensor.storage else { return (tensor, Feed.Input(dtype: tensor.dtype, scale: scale)) }
      return (try Tensor(shape: tensor.shape, tensor.floats), Feed.Input(dtype: .float32, scale: scale))
    }
    let feed = Feed.Input(dtype: port.dtype)
    switch (port.dtype, tensor.storage) {
    case (.int32, .int32), (.uint8, .uint8): return (tensor, feed)
    case (.int32, .uint8(let values)):
      return (try Tensor(shape: tensor.shape, integers: values.map { Int32($0) }), feed)
    default:
      throw AthanorError(
        .data, at: what,
        "input \"\(port.name)\" takes elements of type \(port.dtype.rawValue) but \(tensor.dtype.rawValue) was given",
        fix: "Convert them first.")
    }
  }

  private func misfit(_ shape: [Int], _ port: Port, _ what: String) -> AthanorError {
    let example = port.exampleLengths.map(\.fixed)
    let fixed = example.compactMap(\.self)
    let given = shape.dropFirst().reduce(1, *)
    let sameCount = !shape.isEmpty && fixed.count == example.count && given == fixed.reduce(1, *)
    let isOneExample = shape.map { $0 } == fixed && fixed.count == example.count
    let lengths = port.lengths.enumerated().map { axis, length in
      axis == port.exampleAxis ? "examples" : length.description
    }
    let name = ports.count == 1 ? "inputs have" : "input \"\(port.name)\" has"
    return AthanorError(
      .shape, at: what,
      "\(name) shape \(Shape.text(shape)) but the model needs (\(lengths.joined(separator: ", ")))",
      fix: isOneExample
        ? "Put a first axis of length 1 before it: one example is a batch of one."
        : sameCount
          ? "The number of elements is right: make the tensor with shape [\(shape[0]), "
            + "\(fixed.map(String.init).joined(separator: ", "))]."
          : "Resize the data, or define the model with input: \(Array(shape.dropFirst())).")
  }
}
