extension Dataset {
  /// Itself.
  public var dataset: Dataset? { self }

  /// The number of examples.
  public var exampleCount: Int? { count }

  /// The factor for inputs, where it was given.
  public var scale: Float? { givenScale }

  /// Its tensors by name.
  public var ports: DataPorts {
    func ports(_ tensors: [String: Tensor]) -> [Port] {
      tensors.sorted { $0.key < $1.key }.map { name, tensor in
        Port(name: name, dtype: tensor.dtype, lengths: [.batch] + tensor.shape.dropFirst().map(Length.fixed))
      }
    }
    return DataPorts(
      inputs: ports(inputsByName), targets: ports(targetsByName), sampleWeights: ports(weightsByName),
      masks: ports(masksByName))
  }

  /// A cursor over the examples: in their order, or in one that follows from the seed and the pass's number.
  public func cursor(_ pass: DataPass) -> any DataCursor { DatasetCursor(self, pass) }
}

/// Goes through a data set in memory.
private final class DatasetCursor: DataCursor {
  private let tensors: [(part: BatchPart, tensor: Tensor)]
  private let pass: DataPass
  /// The examples in the order of the pass, all shares together.
  private let order: [Int]
  private let batchCount: Int
  /// The next batch's number, among those of all shares.
  private var batch: Int

  init(_ data: Dataset, _ pass: DataPass) {
    tensors =
      data.inputsByName.map { (.input($0.key), $0.value) } + data.targetsByName.map { (.target($0.key), $0.value) }
      + data.weightsByName.map { (.sampleWeights($0.key), $0.value) }
      + data.masksByName.map { (.mask($0.key), $0.value) }
    self.pass = pass
    order = pass.order(of: data.count)
    batchCount = pass.batchCount(of: data.count)
    batch = pass.share
  }

  func fill(_ target: Batch) throws -> Int {
    guard batch < batchCount else { return 0 }
    let first = batch * pass.batchSize
    let rows = order[first..<min(first + pass.batchSize, order.count)]
    for (part, tensor) in tensors { try target.copy(rows, of: tensor, to: part) }
    batch += pass.shareCount
    return rows.count
  }

  var position: [String: Int]? { ["batch": batch] }

  func move(to position: [String: Int]) throws {
    batch = try pass.batch(at: position, of: batchCount)
  }
}
