import Athanor
import Testing

@Suite struct MistakesFigureTests {
  @Test func snapshot() throws {
    let gray = try MistakesFigure.Mistake(
      pixels: [0, 0, 255, 255, 255, 0, 128, 128, 0, 0, 0, 0], height: 3, width: 4, truth: "4", prediction: "9",
      probability: 0.8712)
    let colour = try MistakesFigure.Mistake(
      pixels: [255, 0, 0, 0, 18, 255], height: 1, width: 2, channels: 3, truth: "<cat>", prediction: "dog")
    try expectSnapshot(MistakesFigure(mistakes: [gray, colour]).svg(), "mistakes")
  }

  @Test(arguments: [1, 3])
  func picturesOfFewColoursAreDrawnAsTheyAre(channels: Int) throws {
    var numbers = FigureTestNumbers()
    let (height, width) = (13, 9)
    let palette = (0..<20).map { _ in (0..<channels).map { _ in UInt8.random(in: 0...255, using: &numbers) } }
    let pixels = (0..<height * width).flatMap { _ in palette[Int.random(in: 0..<20, using: &numbers)] }
    let drawn = try rasterised(pixels, height: height, width: width, channels: channels)
    let expected = stride(from: 0, to: pixels.count, by: channels).map { place -> [UInt8] in
      channels == 3 ? Array(pixels[place..<place + 3]) : [UInt8](repeating: pixels[place], count: 3)
    }
    #expect(drawn == expected)
  }

  @Test func picturesOfManyGraysStayCloseInThirtyTwo() throws {
    let pixels = (0..<28 * 28).map { UInt8($0 * 255 / 783) }
    let drawn = try rasterised(pixels, height: 28, width: 28, channels: 1)
    #expect(Set(drawn).count == 32)
    for (value, shown) in zip(pixels, drawn) { #expect(abs(Int(value) - Int(shown[0])) <= 8) }
  }

  @Test func largePicturesAreAveraged() throws {
    // 130 columns need steps of three; black above white, so that rows 64 and 65 meet in one pixel.
    let pixels = (0..<130 * 130).map { $0 < 65 * 130 ? UInt8(0) : 255 }
    let drawn = try rasterised(pixels, height: 130, width: 130, channels: 1)
    #expect(drawn.count == 44 * 44)
    #expect(Set(drawn) == [[0, 0, 0], [85, 85, 85], [255, 255, 255]])
    #expect(drawn[21 * 44] == [85, 85, 85])
  }

  @Test func captions() throws {
    let mistake = try MistakesFigure.Mistake(
      pixels: [1], height: 1, width: 1, truth: "a & b", prediction: "an extraordinarily long name", probability: 0.5)
    let figure = try parsed(MistakesFigure(mistakes: [mistake], title: "<T>").svg())
    #expect(figure.title == "<T>")
    #expect(figure.texts.contains("a & b") && figure.texts.contains("50.0%"))
    #expect(figure.texts.contains { $0.hasPrefix("an ext") && $0.hasSuffix("…") })
    #expect(figure.summary == "a & b, taken for an extraordinarily long name (50.0%).")
    #expect(try parsed(MistakesFigure(mistakes: []).svg()).texts.contains("no mistakes"))
  }

  @Test func sheetsHaveRowsAndColumns() throws {
    let one = try MistakesFigure.Mistake(pixels: [1], height: 1, width: 1, truth: "a", prediction: "b")
    let figure = try parsed(MistakesFigure(mistakes: Array(repeating: one, count: 7), columns: 3).svg())
    let places = figure.values("transform", of: "g").filter { $0.hasPrefix("translate") }
    #expect(places.count == 7 && Set(places).count == 7)
    #expect(Set(places.map { $0.split(separator: " ")[0] }).count == 3)
    #expect(Set(places.map { $0.split(separator: " ")[1] }).count == 3)
  }

  @Test func errors() {
    func text(_ height: Int, _ width: Int, _ channels: Int, count: Int, probability: Double? = nil) -> String {
      do {
        _ = try MistakesFigure.Mistake(
          pixels: [UInt8](repeating: 0, count: count), height: height, width: width, channels: channels, truth: "",
          prediction: "", probability: probability)
      } catch { return "\(error)" }
      return "nothing was thrown"
    }
    #expect(
      text(2, 3, 1, count: 5)
        == "MistakesFigure: the picture has 5 bytes but 2 × 3 × 1 (height, width, channels) are needed. "
        + "Give one byte for each channel of each pixel, row by row.")
    #expect(text(.max, .max, 3, count: 1).contains("the picture has 1 bytes but"))
    #expect(text(0, 3, 1, count: 0) == "MistakesFigure: the picture is 0 × 3 pixels but needs at least 1 × 1.")
    #expect(
      text(1, 1, 4, count: 4)
        == "MistakesFigure: the picture has 4 channels but must have 1 (gray) or 3 (RGB). Leave out an alpha channel.")
    #expect(
      text(1, 1, 1, count: 1, probability: .nan)
        == "MistakesFigure: the probability is nan but must be from 0 to 1. "
        + "Give the softmax output of the predicted class.")
    let columns = Result { try MistakesFigure(mistakes: [], columns: 0) }
    guard case .failure(let error) = columns else {
      Issue.record("columns: 0 was accepted")
      return
    }
    #expect("\(error)" == "MistakesFigure: columns is 0 but must be from 1 to 20.")
  }

  /// Draws the shapes of a picture's group into pixels again.
  private func rasterised(_ pixels: [UInt8], height: Int, width: Int, channels: Int) throws -> [[UInt8]] {
    let mistake = try MistakesFigure.Mistake(
      pixels: pixels, height: height, width: width, channels: channels, truth: "t", prediction: "p")
    let figure = try parsed(MistakesFigure(mistakes: [mistake]).svg())
    let ground = try #require(figure.elements.first { $0.name == "rect" && $0.attributes["fill"] != nil }).attributes
    let columns = try #require(Int(ground["width"] ?? ""))
    let rows = try #require(Int(ground["height"] ?? ""))
    var result = [[UInt8]](repeating: try colour(ground["fill"]), count: columns * rows)
    for (name, attributes) in figure.elements where name == "path" && attributes["stroke"] != nil {
      let shade = try colour(attributes["stroke"])
      for run in (attributes["d"] ?? "").split(separator: "M") {
        let numbers = run.split { $0 == " " || $0 == "h" }.compactMap { Int($0) }
        try #require(numbers.count == 3)
        try #require(numbers[1] < rows && numbers[0] + numbers[2] <= columns, "outside of the picture: \(run)")
        for x in numbers[0]..<numbers[0] + numbers[2] { result[numbers[1] * columns + x] = shade }
      }
    }
    return result
  }

  private func colour(_ text: String?) throws -> [UInt8] {
    let digits = try #require(text).dropFirst().compactMap(\.hexDigitValue).map { UInt8($0) }
    return digits.count == 3 ? digits.map { $0 * 17 } : [0, 2, 4].map { digits[$0] * 16 + digits[$0 + 1] }
  }
}
