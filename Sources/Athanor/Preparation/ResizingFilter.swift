/// How the pixels of a picture in another size follow from its own. Rows and columns are treated alike, one after the other.
///
/// With `s = old length / new length`, the centre of the new pixel i lies at `(i + 0.5) s` in the picture.
public enum ResizingFilter: String, Hashable, Sendable, CaseIterable {
  /// The pixel that holds the centre. As `tf.image.resize` and `keras.layers.Resizing` with `nearest`.
  case nearest
  /// The two pixels around the centre, by their nearness: a picture that shrinks by more than one half loses what lies between. As
  /// `tf.image.resize` and `keras.layers.Resizing` with `bilinear`.
  case bilinear
  /// All pixels nearer to the centre than `max(s, 1)`, by their nearness. As `bilinear` with `antialias=True`, and as Pillow's `BILINEAR`.
  case antialiasedBilinear = "bilinear-antialiased"
  /// The mean of the area that the new pixel covers; `bilinear` along an axis that grows. Where it shrinks, as `tf.image.resize` with `area`.
  case area

  /// For each new place the old places that count: the first one, and the weights, whose sum is 1, from there on.
  package func taps(from old: Int, to new: Int) -> [(first: Int, weights: [Double])] {
    let scale = Double(old) / Double(new)
    return (0..<new).map { place in
      let centre = (Double(place) + 0.5) * scale
      switch self {
      case .nearest: return (min((2 * place + 1) * old / (2 * new), old - 1), [1])
      case .area where scale >= 1:
        let (start, end) = (Double(place) * scale, Double(place + 1) * scale)
        let places = Int(start)..<min(Int(end.rounded(.up)), old)
        return (Int(start), places.map { (min(end, Double($0 + 1)) - max(start, Double($0))) / scale })
      case .bilinear, .area:
        let position = min(max(centre - 0.5, 0), Double(old - 1))
        let first = Int(position)
        let share = position - Double(first)
        return first + 1 < old ? (first, [1 - share, share]) : (first, [1])
      case .antialiasedBilinear:
        let reach = max(scale, 1)
        let first = max(0, Int((centre - reach - 0.5).rounded(.up)))
        let last = min(old - 1, Int((centre + reach - 0.5).rounded(.down)))
        let weights = (first...max(first, last)).map { max(0, 1 - abs(Double($0) + 0.5 - centre) / reach) }
        let sum = weights.reduce(0, +)
        return (first, weights.map { $0 / sum })
      }
    }
  }
}

extension Value {
  /// Pictures `[N, H, W, C]` in another size: `[N, height, width, C]`.
  func resized(height: Int, width: Int, _ filter: ResizingFilter) throws -> Value {
    try resized(axis: 1, to: height, filter).resized(axis: 2, to: width, filter)
  }

  /// As many chosen and weighted copies as an element has taps, so that every export has what it is made of.
  private func resized(axis: Int, to length: Int, _ filter: ResizingFilter) throws -> Value {
    let old = shape.sizes[axis]
    guard shape[axis] != length else { return self }
    let taps = filter.taps(from: old, to: length)
    var shares = [Int](repeating: 1, count: shape.rank)
    shares[axis] = length
    let count = taps.map(\.weights.count).max() ?? 1
    let terms = try (0..<count).map { tap in
      let chosen = try taking(taps.map { min($0.first + tap, old - 1) }, axis: axis)
      guard count > 1 else { return chosen }
      return try chosen * builder.constant(taps.map { tap < $0.weights.count ? $0.weights[tap] : 0 }, shares)
    }
    return try terms.dropFirst().reduce(terms[0]) { try $0 + $1 }
  }
}
