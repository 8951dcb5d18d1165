import DigitPadLogic
import Foundation

/// A handwritten digit as the pen's path: a line of Tools/digits/trajectories.txt.
struct Trajectory: Sendable, CustomStringConvertible {
  let digit: Int
  /// In a box of about 100 x 140, x to the right and y downwards.
  let strokes: [[(x: Double, y: Double)]]
  let description: String

  /// - Parameter line: `digit: x,y x,y / x,y x,y`; nil for other lines.
  init?(_ line: Substring) {
    let parts = line.split(separator: ":")
    guard parts.count == 2, let digit = Int(parts[0]) else { return nil }
    self.digit = digit
    description = String(line)
    var strokes: [[(x: Double, y: Double)]] = []
    for stroke in parts[1].split(separator: "/") {
      var points: [(x: Double, y: Double)] = []
      for point in stroke.split(separator: " ") {
        let numbers = point.split(separator: ",").compactMap { Double($0) }
        guard numbers.count == 2 else { return nil }
        points.append((numbers[0], numbers[1]))
      }
      strokes.append(points)
    }
    self.strokes = strokes
  }

  static func all() throws -> [Trajectory] {
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<6 { root.deleteLastPathComponent() }
    let text = try String(contentsOf: root.appendingPathComponent("Tools/digits/trajectories.txt"), encoding: .utf8)
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap(Trajectory.init)
  }

  /// The digit on the app's canvas.
  ///
  /// - Parameters:
  ///   - height: In units of the canvas' side.
  ///   - slant: How far a place moves to the right for each unit that it is higher.
  ///   - centre: Where the middle of the digit's box stands.
  func drawing(height: Double, slant: Double = 0, centre: (x: Double, y: Double) = (0.5, 0.5)) -> Drawing {
    Drawing(
      strokes.map { points in
        Stroke(
          points.map { point in
            let (x, y) = ((point.x - 50) / 140 * height, (point.y - 70) / 140 * height)
            return Point(centre.x + x - slant * y, centre.y + y)
          })
      })
  }
}
