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

  /// Tensors, or what else is given by name, in the order of ports; a single one needs no name.
  ///
  /// - Throws: `AthanorError` when one is missing or has a name that the model does not know.
  func inOrder<Content>(_ tensors: [String: Content], _ what: String) throws -> [Content] {
    if names.count == 1, tensors.count == 1, let only = tensors[Dataset.unnamed] { return [only] }
    if let unknown = tensors.keys.sorted().first(where: { !known.contains($0) }) {
      guard unknown.isEmpty else { throw self.unknown(unknown, what) }
      throw AthanorError(
        .data, at: what,
        "the data set has \(tensors.count == 1 ? "one \(kind)" : "a \(kind)") without a name, but the model has "
          + (names.isEmpty ? "none with a loss" : "the \(kind)s \(names.joined(separator: ", "))"),
        code: "Give the \(kind)s by name: [\(names.map { "\"\($0)\": ..." }.joined(separator: ", "))].",
        command: "Its \(kind)s are \(names.joined(separator: ", ")).")
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
  /// How many numbers an input may hold, and the layer that says so; nil for inputs that hold anything.
  let indexRanges: [(count: Int, layer: String)?]

  /// Tensors, or what else is given for inputs by name, in the order of the inputs.
  ///
  /// - Throws: `AthanorError` when one is missing or has a name that the model does not know.
  func inOrder<Content>(_ tensors: [String: Content], _ what: String) throws -> [Content] {
    try NamedTensors(kind: "input", names: ports.map(\.name)).inOrder(tensors, what)
  }

  /// Checks inputs against the model's ports and brings them into the types of which batches are made.
  ///
  /// - Parameter scale: The factor for float32 inputs; nil for `pixelScale` on bytes and 1 on everything else.
  func prepared(_ tensors: [Tensor], _ what: String, scale: Float? = nil) throws -> PreparedInputs {
    let feed = try feed(tensors.map { ($0.dtype, $0.shape) }, what, scale: scale)
    try checkIndices(tensors, what)
    let inputs = zip(tensors, feed.inputs).map { tensor, input in tensor.converted(to: input.dtype) }
    return PreparedInputs(inputs: inputs, count: feed.lengths[Length.batchName] ?? 1, feed: feed)
  }

  /// Checks inputs that go straight into an `IndexedLayer`.
  ///
  /// - Parameter first: The number of the first example.
  /// - Throws: `AthanorError` that names example, input and layer, when a number is out of range.
  func checkIndices(_ tensors: [Tensor], _ what: String, first: Int = 0) throws {
    for (place, tensor) in tensors.enumerated() {
      guard let range = indexRanges[place] else { continue }
      let found: (place: Int, text: String)?
      if let numbers = tensor.storage.integers {
        found = numbers.firstIndex { $0 < 0 || Int($0) >= range.count }.map { ($0, "\(numbers[$0])") }
      } else {
        let numbers = tensor.floats
        found = numbers.firstIndex { !($0 > -1 && $0 < Float(range.count)) }.map { ($0, "\(numbers[$0])") }
      }
      guard let found else { continue }
      let perExample = max(1, tensor.shape.dropFirst().reduce(1, *))
      throw AthanorError(
        .data, at: what,
        "example \(first + found.place / perExample) of input \"\(ports[place].name)\" holds \(found.text), but \(range.layer) takes "
          + "0 to \(range.count - 1)",
        fix: "Number words and categories from 0, or give the layer more of them.")
    }
  }

  /// How inputs of these element types and shapes enter a graph; nil for a length that is not known yet.
  ///
  /// - Throws: `AthanorError` when one does not fit its port.
  func feed(_ types: [(dtype: DType, shape: [Int?])], _ what: String, scale: Float? = nil) throws -> Feed {
    var lengths: [String: (length: Int, input: String)] = [:]
    var feeds: [Feed.Input] = []
    for (port, type) in zip(ports, types) {
      let fits =
        type.shape.count == port.lengths.count
        && zip(type.shape, port.lengths).allSatisfy { $1.fixed == nil || $0 == $1.fixed }
      guard fits else { throw misfit(type.shape, port, what) }
      for case (let length?, .open(let name)) in zip(type.shape, port.lengths) {
        if let known = lengths[name], known.length != length {
          throw AthanorError(
            .shape, at: what,
            "open length \"\(name)\" is \(known.length) in input \"\(known.input)\" but \(length) in \"\(port.name)\"",
            code: name == Length.batchName
              ? "Give the same number of examples for each input."
              : "Make them equal, or give the inputs open lengths of different names: Input(lengths: [.open(\"...\")]).",
            command: name == Length.batchName
              ? "Give the same number of examples for each input." : "Make them equal."
          )
        }
        lengths[name] = (length, port.name)
      }
      feeds.append(try feed(type.dtype, port, scale, what))
    }
    return Feed(inputs: feeds, lengths: lengths.mapValues(\.length))
  }

  /// The type that elements are brought into for a port, and their factor.
  private func feed(_ dtype: DType, _ port: Port, _ scale: Float?, _ what: String) throws -> Feed.Input {
    if port.dtype == .float32 {
      return Feed.Input(dtype: dtype == .float64 ? .float32 : dtype, scale: scale ?? (dtype == .uint8 ? pixelScale : 1))
    }
    guard dtype == port.dtype || (dtype == .uint8 && port.dtype == .int32) else {
      throw AthanorError(
        .data, at: what,
        "input \"\(port.name)\" takes elements of type \(port.dtype.rawValue) but \(dtype.rawValue) was given",
        fix: "Convert them first.")
    }
    return Feed.Input(dtype: port.dtype)
  }

  private func misfit(_ shape: [Int?], _ port: Port, _ what: String) -> AthanorError {
    let example = port.exampleLengths.map(\.fixed)
    let fixed = example.compactMap(\.self)
    let given = shape.dropFirst().compactMap(\.self)
    let isFixed = fixed.count == example.count && given.count == shape.count - 1
    let sameCount = isFixed && given.reduce(1, *) == fixed.reduce(1, *)
    let isOneExample = shape == fixed && fixed.count == example.count
    let lengths = port.lengths.enumerated().map { axis, length in
      axis == port.exampleAxis ? "examples" : length.description
    }
    let name = ports.count == 1 ? "inputs have" : "input \"\(port.name)\" has"
    guard port.exampleAxis != nil else {
      return AthanorError(
        .shape, at: what,
        "\(name) shape \(Shape.text(shape)) but the model needs \(Shape.text(port.lengths.map(\.fixed)))",
        fix: "This input has no axis for examples: give one tensor of just this shape.")
    }
    let shaping =
      isOneExample
      ? "Put a first axis of length 1 before it: one example is a batch of one."
      : sameCount
        ? "The number of elements is right: make the tensor with shape [\(shape[0].map(String.init) ?? "N"), "
          + "\(fixed.map(String.init).joined(separator: ", "))]." : nil
    return AthanorError(
      .shape, at: what,
      "\(name) shape \(Shape.text(shape)) but the model needs (\(lengths.joined(separator: ", ")))",
      code: shaping
        ?? "Resize the data, or define the model with input: [\(shape.dropFirst().map { $0.map(String.init) ?? "nil" }.joined(separator: ", "))].",
      command: shaping ?? "Resize the data.")
  }
}
