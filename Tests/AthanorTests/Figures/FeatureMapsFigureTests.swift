import Athanor
import Testing

@Suite struct FeatureMapsFigureTests {
  /// A convolution that passes a picture on, one that negates it, and one that is 0 everywhere.
  private func model(input shape: [Int] = [2, 2, 1]) throws -> Model {
    let model = try Sequential(input: shape, name: "tiny", threads: 1) {
      Conv2D(3, kernelSize: 1, name: "maps")
      Flatten(name: "flat")
      Dense(2, activation: .softmax)
    }
    try model.setWeights(["maps/kernel": Tensor(shape: [1, 1, 1, 3], [1, -1, 0])])
    model.pixelScale = 1 / 255
    return model
  }

  private let picture = Tensor(uncheckedShape: [1, 2, 2, 1], .uint8([255, 0, 0, 51]))

  @Test func snapshot() throws {
    try expectSnapshot(FeatureMapsFigure(model(), picture: picture).svg(), "feature-maps")
  }

  @Test func mapsAreTheLayersResults() throws {
    let figure = try FeatureMapsFigure(model(), picture: picture, layer: "maps", limit: 2)
    #expect((figure.shownCount, figure.count, figure.layer) == (2, 3, "maps"))
    let drawn = try parsed(figure.svg())
    #expect(drawn.summary == "2 of 3 feature maps of 2 × 2, between −1.0 and 1.0.")
    let maps = drawn.elements.filter { $0.name == "path" && $0.attributes["class"]?.hasPrefix("ath-s") == true }
      .map { "\($0.attributes["class"] ?? "") \($0.attributes["stroke-opacity"] ?? "1") \($0.attributes["d"] ?? "")" }
    #expect(
      maps == ["ath-s1 0.19 M1 1h1", "ath-s1 1 M0 0h1", "ath-s2 1 M0 0h1", "ath-s2 0.19 M1 1h1"])
    // The picture itself, in gray.
    #expect(drawn.elements.contains { $0.attributes["stroke"] == "#fff" && $0.attributes["d"] == "M0 0h1" })
  }

  @Test func mapsOfChannelsFirstAreThoseOfTheFirstConvolution() throws {
    let model = try Sequential(input: [3, 4, 5], threads: 1) {
      Permute([2, 3, 1])
      Conv2D(6, kernelSize: 1, name: "maps")
    }
    let picture = try Tensor(shape: [1, 4, 5, 3], bytes: (0..<60).map { UInt8($0) })
    let figure = try FeatureMapsFigure(model, picture: picture)
    #expect((figure.layer, figure.count) == ("maps", 6))
  }

  @Test func modelsOfOtherLayoutsTakeTheSamePicture() throws {
    let model = try Sequential(input: [2, 2], threads: 1) {
      Reshape([2, 2, 1])
      Conv2D(1, kernelSize: 1, name: "maps")
    }
    // Two lengths of 2 are too short to be taken for a picture's.
    #expect(throws: AthanorError.self) { try FeatureMapsFigure(model, picture: picture) }
    let gray = try Sequential(input: [8, 8], threads: 1) {
      Reshape([8, 8, 1])
      Conv2D(1, kernelSize: 1, name: "maps")
    }
    let blank = Tensor(uncheckedShape: [1, 8, 8, 1], .uint8([UInt8](repeating: 9, count: 64)))
    #expect(try FeatureMapsFigure(gray, picture: blank, layer: "maps").count == 1)
  }

  @Test func largeMapsAreAveraged() throws {
    let model = try Sequential(input: [130, 130, 1], threads: 1) { Conv2D(1, kernelSize: 1, name: "maps") }
    try model.setWeights(["maps/kernel": Tensor(shape: [1, 1, 1, 1], [1])])
    model.pixelScale = 1 / 255
    let bytes = (0..<130 * 130).map { $0 < 65 * 130 ? UInt8(0) : 255 }
    let large = Tensor(uncheckedShape: [1, 130, 130, 1], .uint8(bytes))
    let drawn = try parsed(FeatureMapsFigure(model, picture: large).svg())
    let maps = drawn.elements.filter { $0.name == "path" && $0.attributes["class"] == "ath-s1" }
    // 44 cells a side; rows 64 and 65 meet in one cell, a third of which is white.
    #expect(maps.compactMap { $0.attributes["stroke-opacity"] } == ["0.31"])
    #expect(maps.first?.attributes["d"] == "M0 21h44")
  }

  @Test func errors() throws {
    func text(_ body: () throws -> FeatureMapsFigure) -> String {
      do { _ = try body() } catch { return "\(error)" }
      return "nothing was thrown"
    }
    let model = try model()
    #expect(
      text { try FeatureMapsFigure(model, picture: picture, layer: "flat") }
        == "layer \"flat\": its result has shape (1, 12) but maps have height, width and channels. Layers with maps are maps."
    )
    #expect(
      text { try FeatureMapsFigure(model, picture: picture, layer: "map") }
        == "layer \"map\": the model has no layer of this name. Did you mean \"maps\"? It has maps, flat, dense.")
    #expect(
      text { try FeatureMapsFigure(model, picture: Tensor(zeros: [1, 2, 2, 1])) }
        == "FeatureMapsFigure: the picture is float32(1, 2, 2, 1) but must be uint8[1, H, W, C] with 1 or 3 channels. "
        + "Give one picture, as bytes.")
    #expect(
      text { try FeatureMapsFigure(model, picture: picture, limit: 0) }
        == "FeatureMapsFigure: limit is 0 but must be at least 1.")
    let dense = try Sequential(input: [4, 4, 1], name: "no maps", threads: 1) {
      Flatten()
      Dense(2)
    }
    let four = Tensor(uncheckedShape: [1, 4, 4, 1], .uint8([UInt8](repeating: 1, count: 16)))
    #expect(
      text { try FeatureMapsFigure(dense, picture: four) }
        == "model \"no maps\": no layer of it makes feature maps. Give a model with Conv2D layers.")
  }
}
