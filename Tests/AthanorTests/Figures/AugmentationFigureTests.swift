import Athanor
import Testing

@Suite struct AugmentationFigureTests {
  @Test func snapshot() throws {
    let originals = try Tensor(shape: [2, 2, 2], bytes: [0, 255, 255, 0, 9, 9, 200, 200])
    let turned = try Tensor(shape: [2, 2, 2], [1, 0, 0, 1, 0.8, 0, 0.8, 0])
    let colours = try Tensor(shape: [2, 1, 2, 3], bytes: [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    let figure = try AugmentationFigure(originals: originals, versions: [turned, colours, turned], title: "A < B")
    try expectSnapshot(figure.svg(), "augmentation")
    let drawn = try parsed(figure.svg())
    #expect(drawn.texts == ["A < B", "original", "augmented"])
    #expect(drawn.summary == "2 examples with 3 versions each.")
    #expect(drawn.elements.filter { $0.name == "rect" && $0.attributes["fill"] != nil }.count == 8)
    _ = try parsed(AugmentationFigure(originals: Tensor(zeros: [0, 2, 2]), versions: []).svg())
  }

  @Test func errors() throws {
    expectError(
      "AugmentationFigure, versions[1]: there are 3 pictures but 2 originals. Give one picture for each original."
    ) {
      try AugmentationFigure(
        originals: Tensor(zeros: [2, 4, 4]), versions: [Tensor(zeros: [2, 3, 3]), Tensor(zeros: [3, 3, 3])])
    }
    expectError(
      "AugmentationFigure, originals: there are float32(2, 3) but pictures are [N, H, W] or [N, H, W, C] with 1 or 3 channels, as bytes "
        + "(uint8) or as numbers from 0 to 1. Give pictures."
    ) {
      try AugmentationFigure(originals: Tensor(zeros: [2, 3]), versions: [])
    }
  }
}
