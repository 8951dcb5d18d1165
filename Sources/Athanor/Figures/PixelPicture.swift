/// A small picture as SVG shapes: one path for each colour, made of level runs.
///
/// A bitmap inside of an SVG (a data URI) is left out by browsers that apply the content policy of the page it is shown on,
/// and blurred by some where it is enlarged; paths show everywhere, as sharp as they are. A gray digit of 28 by 28 takes
/// about two kilobytes either way.
///
/// To stay compact, a picture is averaged down to at most 64 pixels a side and drawn in at most 32 shades of gray or 64
/// colours. Fewer are kept as they are; more are divided by median cut (Heckbert, Color image quantization for frame
/// buffer display, 1982).
struct PixelPicture: Hashable, Sendable {
  /// Red, green and blue, a byte each from the top: 0xRRGGBB.
  private var pixels: [UInt32]
  /// In pixels, after averaging.
  let width: Int
  let height: Int

  /// Decodes bytes `[height, width, channels]`, of which there must be that many, with 1 or 3 channels.
  ///
  /// `colours` is how many are drawn at most; nil for 32 shades of gray or 64 colours.
  init(bytes: [UInt8], height: Int, width: Int, channels: Int, colours: Int? = nil) {
    let step = max(1, (max(height, width) + 63) / 64)
    self.height = (height + step - 1) / step
    self.width = (width + step - 1) / step
    pixels = []
    pixels.reserveCapacity(self.height * self.width)
    for top in stride(from: 0, to: height, by: step) {
      for left in stride(from: 0, to: width, by: step) {
        var sums = [0, 0, 0]
        var count = 0
        for y in top..<min(top + step, height) {
          for x in left..<min(left + step, width) {
            let first = (y * width + x) * channels
            for channel in 0..<3 { sums[channel] += Int(bytes[first + (channels == 1 ? 0 : channel)]) }
            count += 1
          }
        }
        pixels.append(sums.reduce(0) { $0 << 8 | UInt32(($1 + count / 2) / count) })
      }
    }
    reduceColours(to: colours ?? (channels == 1 ? 32 : 64))
  }

  /// The picture's shapes, a unit to a pixel: a rectangle of the commonest colour, and the other colours upon it.
  var shapes: [String] {
    var counts: [UInt32: Int] = [:]
    for colour in pixels { counts[colour, default: 0] += 1 }
    let ground = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 0
    let runs = Self.levelRuns(pixels, width: width).filter { $0.key != ground }
    let base = "<rect y=\"-.5\" width=\"\(width)\" height=\"\(height)\" fill=\"\(Self.hex(ground))\"/>"
    let paths = runs.sorted { $0.key < $1.key }.map { "<path stroke=\"\(Self.hex($0.key))\" d=\"\($0.value)\"/>" }
    return [base] + paths
  }

  /// The path of all level runs of each value; lines lie half a cell down.
  static func levelRuns<Value: Hashable>(_ values: [Value], width: Int) -> [Value: String] {
    var runs: [Value: String] = [:]
    var start = 0
    while start < values.count {
      let (y, x) = start.quotientAndRemainder(dividingBy: width)
      let row = values[start..<(y + 1) * width]
      let end = row.firstIndex { $0 != values[start] } ?? row.endIndex
      runs[values[start], default: ""] += "M\(x) \(y)h\(end - start)"
      start = end
    }
    return runs
  }

  private static func hex(_ colour: UInt32) -> String {
    let digits = String(colour, radix: 16)
    let full = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    let pairs = Array(full)
    guard pairs.count == 6, pairs[0] == pairs[1], pairs[2] == pairs[3], pairs[4] == pairs[5] else { return "#" + full }
    return "#\(pairs[0])\(pairs[2])\(pairs[4])"
  }

  /// Colours that are split together, with how many pixels have each.
  private typealias Box = [(colour: UInt32, count: Int)]

  private mutating func reduceColours(to limit: Int) {
    var counts: [UInt32: Int] = [:]
    for colour in pixels { counts[colour, default: 0] += 1 }
    guard counts.count > limit else { return }
    var boxes: [Box] = [counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }]
    while boxes.count < limit {
      // The widest box is split next, so that no colour ends far from its own.
      var chosen = (box: -1, channel: 0, extent: 0)
      for (place, box) in boxes.enumerated() {
        for channel in 0..<3 {
          let values = box.map { Self.part($0.colour, channel) }
          let extent = (values.max() ?? 0) - (values.min() ?? 0)
          if extent > chosen.extent { chosen = (place, channel, extent) }
        }
      }
      guard chosen.box >= 0 else { break }
      let sorted = boxes[chosen.box].sorted {
        (Self.part($0.colour, chosen.channel), $0.colour) < (Self.part($1.colour, chosen.channel), $1.colour)
      }
      let middle = (Self.part(sorted[0].colour, chosen.channel) * 2 + chosen.extent) / 2
      let cut = sorted.firstIndex { Self.part($0.colour, chosen.channel) > middle } ?? sorted.count / 2
      boxes[chosen.box] = Array(sorted[..<cut])
      boxes.append(Array(sorted[cut...]))
    }
    var replacements: [UInt32: UInt32] = [:]
    for box in boxes {
      let mean = Self.mean(box)
      for entry in box { replacements[entry.colour] = mean }
    }
    pixels = pixels.map { replacements[$0] ?? $0 }
  }

  private static func part(_ colour: UInt32, _ channel: Int) -> Int {
    Int(colour >> UInt32(16 - 8 * channel)) & 0xFF
  }

  private static func mean(_ box: Box) -> UInt32 {
    let total = max(1, box.reduce(0) { $0 + $1.count })
    return (0..<3).reduce(0) { colour, channel in
      let sum = box.reduce(0) { $0 + part($1.colour, channel) * $1.count }
      return colour << 8 | UInt32((sum + total / 2) / total)
    }
  }
}
