import DigitPadLogic
import Testing

@testable import DrawnDigits

/// Strokes as pixels.
struct DrawingTests {
  /// A row of a picture.
  private func row(_ pixels: [UInt8], _ row: Int, side: Int) -> [UInt8] {
    Array(pixels[row * side..<(row + 1) * side])
  }

  @Test func emptyCanvasIsBlack() {
    #expect(Drawing().pixels(side: 3) == [UInt8](repeating: 0, count: 9))
    #expect(Drawing([Stroke([])]).pixels(side: 2) == [0, 0, 0, 0])
  }

  @Test("Sides that are no picture's", arguments: [0, -1, 4097]) func sides(_ side: Int) {
    #expect(Drawing([Stroke([Point(0.5, 0.5)])]).pixels(side: side) == [])
  }

  /// Distances of the pixels' centres from the middle: sqrt(0.5), sqrt(2.5) and sqrt(4.5); the radius is 1.5 pixels.
  @Test func dot() {
    let dot = Drawing([Stroke([Point(0.5, 0.5)])], penWidth: 0.5)
    let edge = UInt8((255 * (2 - 2.5.squareRoot())).rounded())
    let pixels = dot.pixels(side: 6)
    #expect(row(pixels, 0, side: 6) == [0, 0, 0, 0, 0, 0])
    #expect(row(pixels, 1, side: 6) == [0, 0, edge, edge, 0, 0])
    #expect(row(pixels, 2, side: 6) == [0, edge, 255, 255, edge, 0])
    #expect(pixels == pixels.reversed())
  }

  /// Four pixels wide: from y = 2.25 to 6.25, so a quarter of the row below and three quarters of the one above are covered.
  @Test func lineCoversSharesOfPixels() {
    let line = Drawing([Stroke([Point(-1, 0.425), Point(2, 0.425)])], penWidth: 0.4)
    let pixels = line.pixels(side: 10)
    let shades: [UInt8] = [0, 0, 191, 255, 255, 255, 64, 0, 0, 0]
    for y in 0..<10 { #expect(row(pixels, y, side: 10) == [UInt8](repeating: shades[y], count: 10)) }
  }

  /// From x = 3 to 7 with a radius of 2: half circles reach to 1 and 9.
  @Test func endsAreRound() {
    let pixels = Drawing([Stroke([Point(0.3, 0.5), Point(0.7, 0.5)])], penWidth: 0.4).pixels(side: 10)
    let near = UInt8((255 * (2.5 - 2.5.squareRoot())).rounded())
    let far = UInt8((255 * (2.5 - 4.5.squareRoot())).rounded())
    #expect(row(pixels, 2, side: 10) == [UInt8](repeating: 0, count: 10))
    #expect(row(pixels, 3, side: 10) == [0, far, near, 255, 255, 255, 255, near, far, 0])
    #expect(row(pixels, 4, side: 10) == [0, near, 255, 255, 255, 255, 255, 255, near, 0])
    #expect(pixels == pixels.reversed())
  }

  /// The outer corner of a right angle is a quarter circle: the pixel at its tip stays dark, which a mitre would fill.
  @Test func cornersAreRound() {
    let angle = Stroke([Point(0.2, 0.2), Point(0.8, 0.2), Point(0.8, 0.2), Point(0.8, 0.8)])
    let pixels = Drawing([angle], penWidth: 0.2).pixels(side: 40)
    func shade(_ x: Int, _ y: Int) -> UInt8 { pixels[y * 40 + x] }
    #expect(shade(35, 4) == 0)
    #expect(shade(35, 8) == 255 && shade(31, 4) == 255)
    #expect(shade(34, 5) == UInt8((255 * (4.5 - 12.5.squareRoot())).rounded()))
  }

  @Test func placesOutsideAreCutOff() {
    let far = Stroke([Point(.infinity, .nan), Point(1e300, -1e300), Point(0.5, 0.5)])
    #expect(far.points.allSatisfy { -1...2 ~= $0.x && -1...2 ~= $0.y })
    #expect(Drawing([far]).pixels(side: 32).count == 32 * 32)
    #expect(Drawing([Stroke([Point(-1, -1), Point(-0.5, -1)])]).pixels(side: 8) == [UInt8](repeating: 0, count: 64))
    #expect(Drawing([Stroke([Point(2, 2)])]).pixels(side: 8) == [UInt8](repeating: 0, count: 64))
  }

  @Test("Pens of any width", arguments: [(.nan, 0), (-1, 0), (.infinity, 1), (0.2, 0.2)] as [(Double, Double)])
  func pens(_ width: Double, _ limited: Double) {
    let drawing = Drawing([Stroke([Point(0.5, 0.5)])], penWidth: width)
    #expect(drawing.penWidth == limited && drawing.pixels(side: 8).count == 64)
  }

  @Test func curvesAreSmoothBetweenPoints() {
    let arc = Stroke([Point(0, 0), Point(0.5, 0.4), Point(1, 0)]).curve
    #expect(arc.count > 40)
    #expect(arc.first == Point(0, 0) && arc.last == Point(1, 0) && arc.contains(Point(0.5, 0.4)))
    // Step 12 of 24: the curve at 1/2, whose first point stands for the one before it.
    #expect(abs(arc[12].x - 0.21875) < 1e-12 && abs(arc[12].y - 0.225) < 1e-12)
    let straight = Stroke([Point(0, 0), Point(0.5, 0.4), Point(0.5, 0.4), Point(1, 0)]).curve
    #expect(straight.allSatisfy { abs($0.y - min($0.x, 1 - $0.x) * 0.8) < 1e-12 })
  }

  @Test func pointsThatAreCloseStayAsTheyAre() {
    let points = (0..<20).map { Point(0.5 + Double($0) * 0.004, 0.5) }
    #expect(Stroke(points).curve == points)
    #expect(Stroke([Point(0.1, 0.2)]).curve == [Point(0.1, 0.2)] && Stroke([]).curve.isEmpty)
  }
}
