/// How an exported model's weights are made smaller. Kernels with more than 2,048 numbers are compressed, all else stays.
public enum Compression: Hashable, Sendable {
  /// Whole numbers from -127 to 127 with one scale for each output channel: a quarter of the size.
  case int8
  /// One table of 16, 64 or 256 numbers for each kernel (4, 6 or 8 bits), chosen by Lloyd's algorithm for the least squared error.
  case palette(bits: Int)

  /// - Throws: `AthanorError` when the number of bits is none that Core ML has.
  package func check() throws {
    guard case .palette(let bits) = self, ![4, 6, 8].contains(bits) else { return }
    throw AthanorError(
      .argument, at: "compression", "a palette of \(bits) bits was asked for", fix: "Core ML has 4, 6 and 8 bits.")
  }

  /// Kernels smaller than this are not worth it.
  package static let least = 2048

  package static func concerns(_ shape: [Int]) -> Bool { shape.count >= 2 && shape.reduce(1, *) > least }

  /// A copy of the model whose kernels hold only numbers that the compressed ones can stand for.
  package func applied(to model: Model) throws -> Model {
    try check()
    let copy = try model.copy()
    var compressed: [String: Tensor] = [:]
    for weight in model.weights where weight.isTrainable && Compression.concerns(weight.tensor.shape) {
      let tensor = weight.tensor
      let channels = tensor.shape.last ?? 1
      let values: [Float]
      switch self {
      case .int8:
        // Output channels are a kernel's last axis here.
        let scales = Compression.scales(tensor.floats, channels: channels, isLast: true)
        values = tensor.floats.enumerated().map { index, value in
          let scale = scales[index % channels]
          return scale == 0 ? 0 : (value / scale).rounded() * scale
        }
      case .palette(let bits):
        let table = Compression.palette(of: tensor.floats, entries: 1 << bits)
        values = tensor.floats.map { table[Compression.nearest($0, table)] }
      }
      compressed[weight.name] = Tensor(uncheckedShape: tensor.shape, .float32(values))
    }
    try copy.setWeights(compressed)
    return copy
  }

  /// A 127th of the largest magnitude of each output channel, which is the last axis or the first.
  package static func scales(_ values: [Float], channels: Int, isLast: Bool) -> [Float] {
    var largest = [Float](repeating: 0, count: max(channels, 1))
    let perChannel = max(1, values.count / max(channels, 1))
    for (index, value) in values.enumerated() {
      let channel = isLast ? index % channels : index / perChannel
      largest[channel] = max(largest[channel], abs(value))
    }
    return largest.map { $0 / 127 }
  }

  /// At most so many numbers, sorted, that stand for the values with little squared error: Lloyd's algorithm (1982) on the sorted
  /// values, from evenly spaced quantiles. The same for every order of the values.
  package static func palette(of values: [Float], entries: Int) -> [Float] {
    let sorted = values.filter(\.isFinite).sorted()
    guard !sorted.isEmpty else { return [0] }
    let distinct = sorted.reduce(into: [Float]()) { if $0.last != $1 { $0.append($1) } }
    guard distinct.count > entries else { return distinct }
    // Sums of a stretch from two prefix sums.
    var sums = [0.0]
    for value in sorted { sums.append(sums[sums.count - 1] + Double(value)) }
    var table = (0..<entries).map { sorted[($0 * 2 + 1) * (sorted.count - 1) / (2 * entries)] }
    for _ in 0..<60 {
      var next: [Float] = []
      var begin = 0
      for (index, entry) in table.enumerated() {
        var end = sorted.count
        if index + 1 < table.count {
          // Values up to the middle between two entries belong to the first.
          let middle = (Double(entry) + Double(table[index + 1])) / 2
          end = lowerBound(sorted, middle, from: begin)
        }
        next.append(end > begin ? Float((sums[end] - sums[begin]) / Double(end - begin)) : entry)
        begin = end
      }
      if next == table { break }
      table = next
    }
    return table
  }

  /// The first place whose value is above a number.
  private static func lowerBound(_ sorted: [Float], _ number: Double, from: Int) -> Int {
    var (low, high) = (from, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if Double(sorted[middle]) <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The place of the nearest entry of a sorted table.
  package static func nearest(_ value: Float, _ table: [Float]) -> Int {
    var (low, high) = (0, table.count)
    while low < high {
      let middle = (low + high) / 2
      if table[middle] < value { low = middle + 1 } else { high = middle }
    }
    if low == table.count { return table.count - 1 }
    if low == 0 { return 0 }
    return value - table[low - 1] <= table[low] - value ? low - 1 : low
  }
}
