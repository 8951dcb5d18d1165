/// Fills a workspace's inputs with the examples of one batch.
struct BatchFiller {
  let data: Dataset
  let feed: Network.Feed
  let classWeights: [Int: Float]

  func fill(_ workspace: Workspace, _ rows: ArraySlice<Int>) {
    if let target = workspace.input("input") { copyRows(data.inputs, rows, to: target) }
    if let target = workspace.input("target") { copyRows(data.targets, rows, to: target) }
    guard let weights = workspace.input("sampleWeights")?.bindMemory(to: Float.self) else { return }
    for (place, row) in rows.enumerated() {
      weights[place] = (data.sampleWeights?[row] ?? 1) * (classWeights.isEmpty ? 1 : classWeight(row))
    }
  }

  private func classWeight(_ row: Int) -> Float {
    switch data.targets.storage {
    case .int32(let values): return classWeights[Int(values[row])] ?? 1
    case .float32(let values):
      let width = data.targets.shape.dropFirst().reduce(1, *)
      let part = values[row * width..<(row + 1) * width]
      let largest = part.indices.max { part[$0] < part[$1] } ?? part.startIndex
      return classWeights[width == 1 ? Int(exactly: part[part.startIndex]) ?? -1 : largest - part.startIndex] ?? 1
    case .uint8, .float64: return 1
    }
  }

  private func copyRows(_ tensor: Tensor, _ rows: ArraySlice<Int>, to target: UnsafeMutableRawBufferPointer) {
    let stride = tensor.shape.dropFirst().reduce(1, *)
    switch tensor.storage {
    case .float32(let values): copy(values, stride, rows, target)
    case .int32(let values): copy(values, stride, rows, target)
    case .uint8(let values): copy(values, stride, rows, target)
    case .float64: break  // `Model.prepared` has converted these
    }
  }

  private func copy<Element>(
    _ values: [Element], _ stride: Int, _ rows: ArraySlice<Int>, _ target: UnsafeMutableRawBufferPointer
  ) {
    let size = stride * Swift.MemoryLayout<Element>.stride
    values.withUnsafeBytes { bytes in
      for (place, row) in rows.enumerated() {
        target[(place * size)..<((place + 1) * size)].copyMemory(
          from: UnsafeRawBufferPointer(rebasing: bytes[(row * size)..<((row + 1) * size)]))
      }
    }
  }
}

extension UnsafeMutableRawBufferPointer.SubSequence {
  fileprivate func copyMemory(from source: UnsafeRawBufferPointer) {
    UnsafeMutableRawBufferPointer(rebasing: self).copyMemory(from: source)
  }
}

extension Model {
  /// Checks data against the model and brings them into the types that batches are made of.
  ///
  /// - Throws: `AthanorError` when a shape does not fit or a class number is out of range.
  func prepared(_ data: Dataset, _ what: String) throws -> (data: Dataset, feed: Network.Feed) {
    guard data.count > 0 else {
      throw AthanorError(.data, at: what, "the data set has no examples", fix: "Check the folder or file it came from.")
    }
    let inputs = try preparedInputs(data.inputs, what)
    var targets = data.targets
    let trailing = Array(targets.shape.dropFirst())
    switch targets.storage {
    case .int32, .uint8:
      let integers = targets.storage.integers
      let isClasses = trailing == [1] && outputShape.rank == 2 && outputShape != [nil, 1]
      if trailing.isEmpty || isClasses || Shape([nil] + trailing.map { $0 }) == Shape(outputShape.lengths.dropLast()) {
        targets = try Tensor(shape: isClasses ? [data.count] : targets.shape, integers: integers)
        try checkClasses(integers, what)
      } else {
        targets = try Tensor(shape: targets.shape, targets.floats)
      }
    case .float64: targets = try Tensor(shape: targets.shape, targets.floats)
    case .float32: break
    }
    let targetType = ValueType(targets.dtype, Shape([nil] + targets.shape.dropFirst().map { $0 }))
    let scale = data.givenScale ?? (inputs.dtype == .uint8 ? pixelScale : 1)
    let feed = Network.Feed(inputType: inputs.dtype, inputScale: scale, target: targetType)
    let result = try Dataset(
      inputs: inputs, targets: targets, inputScale: scale, sampleWeights: data.sampleWeights,
      classNames: data.classNames)
    return (result, feed)
  }

  func preparedInputs(_ inputs: Tensor, _ what: String) throws -> Tensor {
    let shape = Array(inputs.shape.dropFirst())
    guard !inputs.shape.isEmpty, shape == network.inputShape else {
      let sameCount = !inputs.shape.isEmpty && shape.reduce(1, *) == network.inputShape.reduce(1, *)
      let isOneExample = inputs.shape == network.inputShape
      throw AthanorError(
        .shape, at: what,
        "inputs have shape \(Shape.text(inputs.shape)) but the model needs (examples, \(network.inputShape.map(String.init).joined(separator: ", ")))",
        fix: isOneExample
          ? "Put a first axis of length 1 before it: one example is a batch of one."
          : sameCount
            ? "The number of elements is right: make the tensor with shape [\(inputs.shape[0]), "
              + "\(network.inputShape.map(String.init).joined(separator: ", "))]."
            : "Resize the data, or define the model with input: \(shape).")
    }
    if case .float64 = inputs.storage { return try Tensor(shape: inputs.shape, inputs.floats) }
    return inputs
  }

  private func checkClasses(_ classes: [Int32], _ what: String) throws {
    guard outputShape.rank >= 2, let count = outputShape[outputShape.rank - 1], count > 1 else { return }
    if let place = classes.firstIndex(where: { $0 < 0 || Int($0) >= count }) {
      let perExample = outputShape.elementsPerExample / count
      throw AthanorError(
        .data, at: what,
        "example \(place / perExample) is of class \(classes[place]) but the model's \(count) outputs are classes 0 to \(count - 1)",
        fix: "Give the last layer as many units as there are classes, and number classes from 0.")
    }
  }
}

extension Tensor.Storage {
  fileprivate var integers: [Int32] {
    switch self {
    case .int32(let values): values
    case .uint8(let values): values.map { Int32($0) }
    case .float32(let values): values.map { Int32($0) }
    case .float64(let values): values.map { Int32($0) }
    }
  }
}
