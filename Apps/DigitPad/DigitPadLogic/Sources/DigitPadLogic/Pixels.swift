extension Drawing {
  /// The drawing as white ink on black, with round ends and corners and smooth edges.
  ///
  /// A pixel's shade is `255 * min(max(radius + 1/2 - distance, 0), 1)`, with the distance of its centre from the nearest curve. Along
  /// straight horizontal and vertical edges that is the share of the pixel which the pen covers, elsewhere close to it.
  ///
  /// - Parameter side: The picture's width and height in pixels, 1 to 4096.
  /// - Returns: `[side, side]` shades of gray, row after row; empty for another side.
  public func pixels(side: Int) -> [UInt8] {
    guard 1...4096 ~= side else { return [] }
    var shares = [Double](repeating: 0, count: side * side)
    let radius = penWidth / 2 * Double(side)
    for stroke in strokes {
      let corners = stroke.curve.map { (x: $0.x * Double(side), y: $0.y * Double(side)) }
      for (index, from) in corners.enumerated() where index == 0 || index < corners.count - 1 {
        let to = corners[min(index + 1, corners.count - 1)]
        cover(&shares, side: side, from: from, to: to, radius: radius)
      }
    }
    return shares.map { UInt8(($0 * 255).rounded()) }
  }

  /// Raises the shares of the pixels near a line between two places, given in pixels.
  private func cover(
    _ shares: inout [Double], side: Int, from: (x: Double, y: Double), to: (x: Double, y: Double), radius: Double
  ) {
    let reach = radius + 0.5
    /// The pixels whose centres are between two coordinates.
    func near(_ low: Double, _ high: Double) -> Range<Int> {
      let first = min(max(low - 0.5, 0), Double(side)).rounded(.up)
      let last = min(max(high - 0.5, -1), Double(side) - 1).rounded(.down)
      return Int(first)..<max(Int(first), Int(last) + 1)
    }
    let (dx, dy) = (to.x - from.x, to.y - from.y)
    let squared = dx * dx + dy * dy
    let columns = near(min(from.x, to.x) - reach, max(from.x, to.x) + reach)
    for row in near(min(from.y, to.y) - reach, max(from.y, to.y) + reach) {
      for column in columns {
        let (x, y) = (Double(column) + 0.5 - from.x, Double(row) + 0.5 - from.y)
        let along = squared > 0 ? min(max((x * dx + y * dy) / squared, 0), 1) : 0
        let (offX, offY) = (x - along * dx, y - along * dy)
        let share = min(reach - (offX * offX + offY * offY).squareRoot(), 1)
        let place = row * side + column
        if share > shares[place] { shares[place] = share }
      }
    }
  }
}
