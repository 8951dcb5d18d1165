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
  private static let least = 2048

  package static func concerns(_ shape: [Int]) -> Bool { shape.count >= 2 && shape.reduce(1, *) > least }

  /// A copy of the model whose kernels hold only numbers that the compressed ones can stand for.
  ///
  /// - Throws: `AthanorError` when a weight is not finite.
  package func applied(to model: Model) throws -> Model {
    try check()
    let copy = try model.copy()
    var compressed: [String: Tensor] = [:]
    for weight in model.weights where weight.isTrainable && Compression.concerns(weight.tensor.shape) {
      let values = weight.tensor.floats
      guard values.allSatisfy(\.isFinite) else {
        throw AthanorError(
          .data, at: weight.name, "it holds numbers that are not finite, which cannot be compressed",
          fix: "Train with TerminateOnNaN, or export without compression.")
      }
      let numbers: [Float]
      switch self {
      case .int8:
        // Output channels are a kernel's last axis here.
        let channels = weight.tensor.shape.last ?? 1
        let (codes, scales) = Compression.codes(of: values, channels: channels) { $0 % channels }
        numbers = codes.enumerated().map { Float($1) * scales[$0 % channels] }
      case .palette(let bits):
        let (indices, table) = Compression.indices(of: values, bits: bits)
        numbers = indices.map { table[Int($0)] }
      }
      compressed[weight.name] = Tensor(uncheckedShape: weight.tensor.shape, .float32(numbers))
    }
    try copy.setWeights(compressed)
    return copy
  }

  /// Whole numbers from -127 to 127 for each value, and the scale of each channel: a 127th of its largest magnitude.
  ///
  /// - Parameter channel: The channel of the value at a place.
  package static func codes(
    of values: [Float], channels: Int, channel: (Int) -> Int
  ) -> (codes: [Int8], scales: [Float]) {
    var scales = [Float](repeating: 0, count: channels)
    for (place, value) in values.enumerated() { scales[channel(place)] = max(scales[channel(place)], abs(value)) }
    scales = scales.map { $0 / 127 }
    let codes = values.enumerated().map { place, value in
      let scale = scales[channel(place)]
      return scale > 0 ? Int8(exactly: (value / scale).rounded()) ?? 0 : 0
    }
    return (codes, scales)
  }

  /// The same for a kernel whose output channels are the first axis, as in Core ML.
  package static func codes(of kernel: Tensor) -> (codes: [Int8], scales: [Float]) {
    let channels = max(1, kernel.shape.first ?? 1)
    let perChannel = max(1, kernel.count / channels)
    return codes(of: kernel.floats, channels: channels) { $0 / perChannel }
  }

  /// The place in a full table for each value.
  package static func indices(of values: [Float], bits: Int) -> (indices: [UInt8], table: [Float]) {
    let table = palette(of: values, entries: 1 << bits)
    let rest = [Float](repeating: table.last ?? 0, count: (1 << bits) - table.count)
    return (values.map { UInt8(clamping: nearest($0, table)) }, table + rest)
  }

  /// At most so many numbers, sorted, that stand for the values with little squared error: Lloyd's algorithm (1982) on the sorted
  /// values, from evenly spaced quantiles. The same for every order of the values.
  private static func palette(of values: [Float], entries: Int) -> [Float] {
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
  private static func nearest(_ value: Float, _ table: [Float]) -> Int {
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
