import Athanor
import AthanorDatasets
import Foundation
import Testing

/// Drawings and photographs brought into MNIST's form.
struct NormalizeDigitTests {
  /// A seven: a bar and a slanted stroke of a round brush, ink 255 on 0.
  private func seven(
    height: Int, width: Int, top: Double, left: Double, size: Double, brush: Double
  ) throws -> Picture {
    typealias Corner = (x: Double, y: Double)
    let corners: [Corner] = [(left, top), (left + 0.6 * size, top), (left + 0.25 * size, top + size)]
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        let bar = distance(Double(x), Double(y), corners[0], corners[1])
        let slant = distance(Double(x), Double(y), corners[1], corners[2])
        let share = brush / 2 - min(bar, slant) + 0.5
        pixels.append(UInt8(255 * min(max(share, 0), 1)))
      }
    }
    return try Picture(height: height, width: width, channels: 1, pixels: pixels)
  }

  /// From a point to a segment.
  private func distance(
    _ x: Double, _ y: Double, _ start: (x: Double, y: Double), _ end: (x: Double, y: Double)
  ) -> Double {
    let (dx, dy) = (end.x - start.x, end.y - start.y)
    let along = (x - start.x) * dx + (y - start.y) * dy
    let share = min(max(along / (dx * dx + dy * dy), 0), 1)
    return hypot(x - start.x - share * dx, y - start.y - share * dy)
  }

  private func usual() throws -> Picture { try seven(height: 100, width: 100, top: 20, left: 30, size: 60, brush: 8) }

  private func map(_ picture: Picture, _ transform: (UInt8) -> UInt8) throws -> Picture {
    try Picture(
      height: picture.height, width: picture.width, channels: picture.channels, pixels: picture.pixels.map(transform))
  }

  /// How far apart two pictures are on average, in shades.
  private func difference(_ a: Picture, _ b: Picture) -> Double {
    guard a.pixels.count == b.pixels.count else { return .infinity }
    let total = zip(a.pixels, b.pixels).reduce(0) { sum, pair in sum + abs(Int(pair.0) - Int(pair.1)) }
    return Double(total) / Double(a.pixels.count)
  }

  private func inkedRows(_ picture: Picture) -> [Int] {
    (0..<28).filter { y in picture.pixels[y * 28..<y * 28 + 28].contains { $0 > 50 } }
  }

  @Test func fillsTwentyPixelsAndIsCentredByMass() throws {
    let digit = try usual().mnistNormalized()
    #expect((digit.height, digit.width, digit.channels) == (28, 28, 1))
    #expect(inkedRows(digit).count == 20)
    let mass = digit.pixels.reduce(0.0) { $0 + Double($1) }
    var (centreY, centreX) = (0.0, 0.0)
    for (place, value) in digit.pixels.enumerated() {
      centreY += (Double(place / 28) + 0.5) * Double(value) / mass
      centreX += (Double(place % 28) + 0.5) * Double(value) / mass
    }
    // Row 14 and column 14, whose middles are at 14.5: there MNIST's digits have theirs, to half a pixel.
    #expect(abs(centreY - 14.5) <= 0.51)
    #expect(abs(centreX - 14.5) <= 0.51)
    #expect((digit.pixels.max() ?? 0) > 240)
  }

  @Test func wideDigitsFillTwentyPixelsSideways() throws {
    var pixels = [UInt8](repeating: 0, count: 60 * 60)
    for y in 27..<33 { for x in 10..<50 { pixels[y * 60 + x] = 255 } }
    let digit = try Picture(height: 60, width: 60, channels: 1, pixels: pixels).mnistNormalized()
    #expect(inkedRows(digit) == [13, 14, 15])
    let row: [UInt8] = Array(repeating: 0, count: 5) + Array(repeating: 255, count: 20) + [0, 0, 0]
    #expect(Array(digit.pixels[14 * 28..<15 * 28]) == row)
  }

  @Test func darkOnLightIsTheSameAsLightOnDark() throws {
    let expected = try usual().mnistNormalized()
    #expect(try map(usual()) { 255 - $0 }.mnistNormalized() == expected)
    #expect(try map(usual()) { 255 - $0 }.color().mnistNormalized() == expected)
  }

  @Test(arguments: [(paper: 110, ink: 20), (paper: 150, ink: 240), (paper: 200, ink: 90), (paper: 40, ink: 120)])
  func contrastDoesNotMatter(paper: Int, ink: Int) throws {
    let faint = try map(usual()) { UInt8(paper + (ink - paper) * Int($0) / 255) }
    #expect(try difference(faint.mnistNormalized(), usual().mnistNormalized()) < 1.5)
  }

  /// Paper that is lit from one side, photographed with noise.
  @Test func noiseAndShadowsOfPaperAreNoInk() throws {
    let drawing = try seven(height: 300, width: 300, top: 60, left: 90, size: 180, brush: 24)
    var generator = SeededGenerator(seed: 9)
    let photo = drawing.pixels.enumerated().map { place, value in
      let light = 190 + place % 300 / 10 - Int(value) * 150 / 255
      return UInt8(min(max(light + Int.random(in: -12...12, using: &generator), 0), 255))
    }
    let digit = try Picture(height: 300, width: 300, channels: 1, pixels: photo).mnistNormalized()
    #expect(try difference(digit, drawing.mnistNormalized()) < 6)
  }

  @Test func placeAndSizeDoNotMatter() throws {
    let expected = try usual().mnistNormalized()
    let shifted = try seven(height: 200, width: 140, top: 130, left: 7, size: 60, brush: 8).mnistNormalized()
    #expect(shifted == expected)
    for scale in [0.5, 3, 8] {
      let picture = try seven(
        height: Int(100 * scale), width: Int(100 * scale), top: 20 * scale, left: 30 * scale, size: 60 * scale,
        brush: 8 * scale)
      #expect(try difference(picture.mnistNormalized(), expected) < 4)
    }
  }

  /// A pen of one to four pixels on a sheet of 400: without thickening, these strokes are faint or vanish.
  @Test(arguments: [1.0, 2, 4]) func thinStrokesAreThickened(brush: Double) throws {
    let thin = try seven(height: 400, width: 400, top: 60, left: 120, size: 240, brush: brush).mnistNormalized()
    let good = try seven(height: 400, width: 400, top: 60, left: 120, size: 240, brush: 25).mnistNormalized()
    #expect(difference(thin, good) < 6)
    // The bar and the slanted stroke have bright cores.
    for y in inkedRows(thin).dropFirst(2).dropLast(2) {
      #expect((thin.pixels[y * 28..<y * 28 + 28].max() ?? 0) > 180)
    }
  }

  @Test func thickStrokesAreThinned() throws {
    func inkedPixels(_ brush: Double) throws -> Int {
      let digit = try seven(height: 400, width: 400, top: 60, left: 120, size: 200, brush: brush).mnistNormalized()
      return digit.pixels.count { $0 > 127 }
    }
    #expect(try inkedPixels(70) < 2 * inkedPixels(25))
  }

  /// Right of a seven's stem and left of its foot is paper, also at the edges of the box that was cut out.
  @Test(arguments: [50.0, 70]) func thinnedStrokesLeaveNoFrame(brush: Double) throws {
    let digit = try seven(height: 400, width: 400, top: 60, left: 120, size: 200, brush: brush).mnistNormalized()
    #expect(inkedRows(digit).count == 20)
    let last = try #require(inkedRows(digit).last)
    let inked = (0..<28).filter { x in (0..<28).contains { digit.pixels[$0 * 28 + x] > 50 } }
    let (left, right) = try (#require(inked.first), #require(inked.last))
    #expect(digit.pixels[last * 28 + left] == 0 && digit.pixels[last * 28 + right] == 0)
  }

  /// The border of a digit that is cut out closely shows ink, which is not taken for noise of the paper.
  @Test func inkMayTouchTheBorder() throws {
    func ink(_ picture: Picture) throws -> Int { try picture.mnistNormalized().pixels.reduce(0) { $0 + Int($1) } }
    let close = try ink(seven(height: 84, width: 54, top: 4, left: 4, size: 76, brush: 8))
    let far = try ink(seven(height: 200, width: 200, top: 50, left: 60, size: 76, brush: 8))
    #expect(abs(close - far) < far / 20, "\(close), \(far)")
  }

  /// White on black and of the right size, but in a corner: it is moved like any other.
  @Test func smallPicturesThatAreNotCentredAreMoved() throws {
    let corner = try seven(height: 28, width: 28, top: 1, left: 1, size: 14, brush: 2).mnistNormalized()
    #expect(inkedRows(corner).count >= 20 && inkedRows(corner).first.map { $0 >= 3 } == true)
  }

  @Test func mnistsOwnPicturesStayAsTheyAre() throws {
    guard case .uint8(let pixels) = try Digits.load().test.inputs.storage else { return #expect(Bool(false)) }
    var same = 0
    for number in 0..<100 {
      let picture = try Picture(
        height: 28, width: 28, channels: 1, pixels: Array(pixels[number * 784..<number * 784 + 784]))
      #expect(try picture.mnistNormalized() == picture)
      #expect(try picture.color().mnistNormalized() == picture)
      // Cropped, scaled and centred again, a digit is the same but for its faintest edges, unless its strokes are thin or thick.
      let inverted = try map(picture) { 255 - $0 }
      if try difference(inverted.mnistNormalized(), picture) < 1 { same += 1 }
    }
    #expect(same >= 70)
  }

  @Test(arguments: [(28, 28, UInt8(0)), (28, 28, 255), (60, 40, 128)]) func emptyPicturesAreErrors(
    height: Int, width: Int, shade: UInt8
  ) throws {
    let picture = try Picture(
      height: height, width: width, channels: 1, pixels: Array(repeating: shade, count: height * width))
    let folder = try TemporaryFolder()
    #expect(
      folder.error { try picture.mnistNormalized() } == "Picture: it is empty: all of one shade. Draw a digit first.")
  }

  @Test func anySizeAndContentGivesADigit() throws {
    var generator = SeededGenerator(seed: 3)
    for (height, width) in [(1, 2), (2, 1), (3, 3), (1, 500), (500, 1), (28, 28), (27, 29), (161, 7), (330, 340)] {
      for _ in 0..<4 {
        var pixels = (0..<height * width).map { _ in UInt8.random(in: 0...255, using: &generator) }
        (pixels[0], pixels[1]) = (0, 255)
        let picture = try Picture(height: height, width: width, channels: 1, pixels: pixels)
        let digit = try picture.mnistNormalized()
        #expect((digit.height, digit.width, digit.channels, digit.pixels.count) == (28, 28, 1, 784))
      }
    }
  }
}

/// The pictures of the demonstration.
struct ExampleDigitsTests {
  private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Examples/digits").path

  private func bytes(_ dataset: Dataset) -> [UInt8] {
    guard case .uint8(let pixels) = dataset.inputs.storage else { return [] }
    return pixels
  }

  private func label(_ dataset: Dataset, _ number: Int) -> Int32 {
    guard case .int32(let labels) = dataset.targets.storage else { return -1 }
    return labels[number]
  }

  /// The digit that a file's name tells: 7 of `7.png`, `7-b.png` and `drawn-7.png`.
  private func named(_ path: String) throws -> Int32 {
    let name = URL(fileURLWithPath: path).lastPathComponent
    return Int32(try #require(name.first { $0.isNumber }?.wholeNumberValue))
  }

  @Test func sixAreOfTheTestPartAndThreeAreDrawn() throws {
    let paths = try Picture.files(at: [folder])
    let drawn = paths.filter { $0.contains("drawn-") }
    #expect((paths.count, drawn.count) == (9, 3))
    let test = try Digits.load().test
    let pixels = bytes(test)
    for path in paths where !drawn.contains(path) {
      let picture = try Picture(contentsOf: path)
      let number = try #require((0..<1000).first { Array(pixels[$0 * 784..<$0 * 784 + 784]) == picture.pixels })
      #expect(label(test, number) == (try named(path)))
    }
    for path in drawn {
      let picture = try Picture(contentsOf: path)
      #expect(picture.height >= 200 && picture.pixels.first == 255)
    }
  }

  /// The nearest of the 4,000 training digits has the right name, so what normalisation makes looks like MNIST.
  @Test func theNearestDigitOfTheSampleNamesEach() throws {
    let train = try Digits.load().train
    let pixels = bytes(train)
    for path in try Picture.files(at: [folder]) {
      let digit = try Picture(contentsOf: path).mnistNormalized().pixels
      let distances = (0..<train.count).map { number in
        pixels.withUnsafeBufferPointer { pixels in
          (0..<784).reduce(0) { sum, place in
            let difference = Int(pixels[number * 784 + place]) - Int(digit[place])
            return sum + difference * difference
          }
        }
      }
      let nearest = try #require(distances.indices.min { distances[$0] < distances[$1] })
      #expect(label(train, nearest) == (try named(path)), "\(path)")
    }
  }
}
