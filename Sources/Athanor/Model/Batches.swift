/// Data in the order of a model's inputs and outputs, and in the types of which batches are made.
struct PreparedData {
  /// One tensor for each input.
  var inputs: [Tensor]
  /// One for each output; nil where none is needed.
  var targets: [Tensor?] = []
  /// The weight of each example, for each output; nil when all count alike.
  var weights: [[Float]?] = []
  var classWeights: [Int: Float] = [:]
  let count: Int
  /// How they enter the graph; the number of examples is set for each batch.
  var feed: Feed

  /// Fills a workspace's inputs with the examples of one batch.
  func fill(_ workspace: Workspace, _ rows: some RandomAccessCollection<Int>) {
    for (index, tensor) in inputs.enumerated() {
      if let place = workspace.input(Slot.input(index).key) { tensor.copyRows(rows, to: place) }
    }
    for (index, target) in targets.enumerated() {
      guard let target else { continue }
      if let place = workspace.input(Slot.target(index).key) { target.copyRows(rows, to: place) }
      guard let place = workspace.input(Slot.sampleWeights(index).key)?.bindMemory(to: Float.self) else { continue }
      for (example, row) in rows.enumerated() {
        place[example] = (weights[index]?[row] ?? 1) * (classWeights.isEmpty ? 1 : classWeight(row, target))
      }
    }
  }

  /// Fills a workspace's inputs with everything.
  func fillWhole(_ workspace: Workspace) {
    for (index, tensor) in inputs.enumerated() {
      if let place = workspace.input(Slot.input(index).key) { tensor.copyAll(to: place) }
    }
  }

  private func classWeight(_ row: Int, _ target: Tensor) -> Float {
    switch target.storage {
    case .int32(let values): return classWeights[Int(values[row])] ?? 1
    case .float32(let values):
      let width = target.shape.dropFirst().reduce(1, *)
      let part = values[row * width..<(row + 1) * width]
      let largest = part.indices.max { part[$0] < part[$1] } ?? part.startIndex
      return classWeights[width == 1 ? Int(exactly: part[part.startIndex]) ?? -1 : largest - part.startIndex] ?? 1
    case .uint8, .float64: return 1
    }
  }
}

extension Tensor {
  /// Copies rows to memory of the same element type.
  fileprivate func copyRows(
    _ rows: some RandomAccessCollection<Int>, to target: UnsafeMutableRawBufferPointer
  ) {
    let size = shape.dropFirst().reduce(dtype.byteCount, *)
    withBytes { bytes in
      for (place, row) in rows.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: target[place * size..<(place + 1) * size]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size]))
      }
    }
  }

  fileprivate func copyAll(to target: UnsafeMutableRawBufferPointer) { withBytes { target.copyMemory(from: $0) } }

  /// Calls a closure with the elements' bytes, which are not copied.
  package func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    switch storage {
    case .float32(let values): try values.withUnsafeBytes(body)
    case .float64(let values): try values.withUnsafeBytes(body)
    case .int32(let values): try values.withUnsafeBytes(body)
    case .uint8(let values): try values.withUnsafeBytes(body)
    }
  }
}

extension Model {
  /// What its inputs take.
  var preparation: InputPreparation { InputPreparation(ports: network.inputs, pixelScale: pixelScale) }

  /// Checks data against the model and brings them into the types of which batches are made.
  ///
  /// - Throws: `AthanorError` when an input or target is missing, a shape does not fit or a class number is out of range.
  func prepared(_ data: Dataset, _ what: String) throws -> PreparedData {
    let training = try requireCompiled()
    guard data.count > 0 else {
      throw AthanorError(.data, at: what, "the data set has no examples", fix: "Check the folder or file it came from.")
    }
    var prepared = try preparation.prepared(
      preparation.inOrder(data.inputsByName, what), what, scale: data.givenScale)
    let names = outputs.map(\.name)
    let used = zip(names, training.goals).filter { $0.1.isUsed }.map(\.0)
    let targets = try NamedTensors(kind: "target", names: used, known: names).inOrder(data.targetsByName, what)
    prepared.targets = try zip(outputs, training.goals).map { port, goal in
      guard goal.isUsed, let place = used.firstIndex(of: port.name) else { return nil }
      let shape = Shape(port.lengths.map(\.fixed))
      return try preparedTarget(
        targets[place], shape, goal, data.count, names.count == 1 ? what : "\(what), target \"\(port.name)\"")
    }
    if let unknown = data.weightsByName.keys.sorted().first(where: { !$0.isEmpty && !names.contains($0) }) {
      throw NamedTensors(kind: "sample weights", names: names).unknown(unknown, what)
    }
    prepared.weights = names.map { data.weightsByName[$0] ?? data.sampleWeights }
    prepared.feed.targets = prepared.targets.map { target in
      target.map { Feed.Target(dtype: $0.dtype, exampleShape: Array($0.shape.dropFirst())) }
    }
    return prepared
  }

  /// Brings targets into class numbers (int32) or numbers (float32).
  private func preparedTarget(
    _ target: Tensor, _ output: Shape, _ goal: Goal, _ count: Int, _ what: String
  ) throws -> Tensor {
    let trailing = Array(target.shape.dropFirst())
    guard let integers = target.storage.integers, goal.loss?.targets != .numbers else {
      return target.dtype == .float32 ? target : try Tensor(shape: target.shape, target.floats)
    }
    let isColumn = trailing == [1] && output.rank == 2 && output[1] != 1
    let isClasses = zip(trailing, output.lengths.dropFirst()).allSatisfy { $1 == nil || $0 == $1 }
    guard trailing.isEmpty || isColumn || (isClasses && trailing.count == output.rank - 2) else {
      return try Tensor(shape: target.shape, target.floats)
    }
    try checkClasses(integers, output, what)
    return try Tensor(shape: isColumn ? [count] : target.shape, integers: integers)
  }

  private func checkClasses(_ classes: [Int32], _ output: Shape, _ what: String) throws {
    guard output.rank >= 2, let count = output[output.rank - 1], count > 1 else { return }
    if let place = classes.firstIndex(where: { $0 < 0 || Int($0) >= count }) {
      let perExample = max(1, output.elementsPerExample / count)
      throw AthanorError(
        .data, at: what,
        "example \(place / perExample) is of class \(classes[place]) but the model's \(count) outputs are classes 0 to \(count - 1)",
        fix: "Give the last layer as many units as there are classes, and number classes from 0.")
    }
  }
}

extension Tensor.Storage {
  /// The elements of a tensor of integers.
  package var integers: [Int32]? {
    switch self {
    case .int32(let values): values
    case .uint8(let values): values.map { Int32($0) }
    case .float32, .float64: nil
    }
  }
}
