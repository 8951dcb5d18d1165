/// Inputs in the order of a model's ports, and in the types of which batches are made.
struct PreparedInputs {
  /// One tensor for each input.
  let inputs: [Tensor]
  let count: Int
  /// How they enter the graph; the number of examples is set for each batch.
  let feed: Feed

  /// Fills a workspace's inputs with the examples of one batch.
  func fill(_ workspace: Workspace, _ rows: some RandomAccessCollection<Int>) {
    for (index, tensor) in inputs.enumerated() {
      if let place = workspace.input(Slot.input(index).key) { tensor.copyRows(rows, to: place) }
    }
  }

  /// Fills a workspace's inputs with everything.
  func fillWhole(_ workspace: Workspace) {
    for (index, tensor) in inputs.enumerated() {
      guard let place = workspace.input(Slot.input(index).key) else { continue }
      tensor.withBytes { place.copyMemory(from: $0) }
    }
  }
}

extension Tensor {
  /// Copies rows to memory of the same element type.
  func copyRows(_ rows: some RandomAccessCollection<Int>, to target: UnsafeMutableRawBufferPointer) {
    let size = shape.dropFirst().reduce(dtype.byteCount, *)
    withBytes { bytes in
      for (place, row) in rows.enumerated() {
        UnsafeMutableRawBufferPointer(rebasing: target[place * size..<(place + 1) * size]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[row * size..<(row + 1) * size]))
      }
    }
  }

  /// Calls a closure with the elements' bytes, which are not copied.
  package func withBytes(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    switch storage {
    case .float32(let values): try values.withUnsafeBytes(body)
    case .float64(let values): try values.withUnsafeBytes(body)
    case .int32(let values): try values.withUnsafeBytes(body)
    case .uint8(let values): try values.withUnsafeBytes(body)
    }
  }

  /// The same numbers as float32 or int32 where they are of a type that becomes one of these; as they are otherwise.
  func converted(to dtype: DType) -> Tensor {
    switch (dtype, storage) {
    case (.float32, .float64(let values)): Tensor(uncheckedShape: shape, .float32(values.map { Float($0) }))
    case (.int32, .uint8(let values)): Tensor(uncheckedShape: shape, .int32(values.map { Int32($0) }))
    default: self
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
