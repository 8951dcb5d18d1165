/// A value of a network with what counts of it.
package struct MaskedValue {
  package let value: Value
  /// `[N]` or `[N, T]`: 1 for what counts and 0 for what does not; nil when all counts.
  package let mask: Value?

  package init(value: Value, mask: Value? = nil) {
    self.value = value
    self.mask = mask
  }

  /// What counts in one of several values; nil where one of them has no mask, because all counts then.
  static func union(_ masks: [Value?]) throws -> Value? {
    let known = masks.compactMap(\.self)
    guard known.count == masks.count, var result = known.first else { return nil }
    for mask in known.dropFirst() {
      let rank = max(result.shape.rank, mask.shape.rank)
      result = try maximum(result.withRank(rank), mask.withRank(rank))
    }
    return result
  }
}

extension Value {
  /// The same numbers with axes of length 1 at the end.
  func withRank(_ rank: Int) throws -> Value {
    guard shape.rank < rank else { return self }
    let ones = [Shape.Axis](repeating: Shape.Axis(1), count: rank - shape.rank)
    return try reshaped(Shape(axes: shape.axes + ones))
  }
}
