/// A place on the canvas in units of its side: (0, 0) is the upper left corner, (1, 1) the lower right one.
public struct Point: Hashable, Sendable {
  /// To the right and downwards.
  public let x, y: Double

  /// Coordinates are limited to -1...2; one that is no finite number becomes -1.
  public init(_ x: Double, _ y: Double) {
    func limited(_ value: Double) -> Double { value.isFinite ? min(max(value, -1), 2) : -1 }
    (self.x, self.y) = (limited(x), limited(y))
  }
}

/// The line that a finger, pencil or mouse draws from touching the canvas to leaving it.
public struct Stroke: Hashable, Sendable {
  /// In the order in which they were drawn.
  public internal(set) var points: [Point]

  /// - Parameter points: In the order in which they were drawn.
  public init(_ points: [Point]) { self.points = points }

  /// The corners of a polygonal line close to the smooth curve (Catmull-Rom) through the points.
  ///
  /// A point that comes twice in a row ends one curve and begins another.
  public var curve: [Point] {
    guard let first = points.first else { return [] }
    var result = [first]
    for index in points.indices.dropLast() {
      let (from, to) = (points[index], points[index + 1])
      guard from != to else { continue }
      let before = points[max(index - 1, 0)]
      let after = points[min(index + 2, points.count - 1)]
      let distance = ((to.x - from.x) * (to.x - from.x) + (to.y - from.y) * (to.y - from.y)).squareRoot()
      let steps = min(max(Int(distance * 100), 1), 24)
      for step in 1..<max(steps, 1) {
        let t = Double(step) / Double(steps)
        result.append(
          Point(
            catmullRom(before.x, from.x, to.x, after.x, t),
            catmullRom(before.y, from.y, to.y, after.y, t)))
      }
      result.append(to)
    }
    return result
  }

  /// The curve from `b` at t = 0 to `c` at t = 1.
  private func catmullRom(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ t: Double) -> Double {
    let linear = (c - a) * t
    let square = (2 * a - 5 * b + 4 * c - d) * t * t
    let cubic = (3 * b - a - 3 * c + d) * t * t * t
    return 0.5 * (2 * b + linear + square + cubic)
  }
}

/// The strokes on a square canvas.
public struct Drawing: Hashable, Sendable {
  /// In the order in which they were drawn.
  public internal(set) var strokes: [Stroke]
  /// The width of the pen in units of the canvas' side.
  public let penWidth: Double

  /// - Parameters:
  ///   - strokes: None for an empty canvas.
  ///   - penWidth: In units of the canvas' side, limited to 0...1; 0 instead of what is no number.
  public init(_ strokes: [Stroke] = [], penWidth: Double = 0.07) {
    self.strokes = strokes
    self.penWidth = penWidth > 0 ? min(penWidth, 1) : 0
  }

  /// Whether there is no stroke.
  public var isEmpty: Bool { strokes.isEmpty }
}
