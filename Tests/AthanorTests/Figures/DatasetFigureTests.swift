import Athanor
import Testing

@Suite struct DatasetFigureTests {
  private func data(names: [String]? = ["<cat>", "dog", "bird"]) throws -> Dataset {
    try Dataset(
      inputs: Tensor(shape: [4, 1, 2, 1], bytes: [0, 255, 255, 0, 128, 0, 7, 7]),
      targets: Tensor(shape: [4], integers: [1, 0, 1, 1]), classNames: names)
  }

  @Test func snapshot() throws {
    try expectSnapshot(DatasetFigure(data(), title: "Animals", columns: 2).svg(), "dataset")
  }

  @Test func rowsAreClassesWithTheirCounts() throws {
    let figure = try DatasetFigure(data(), columns: 2)
    #expect(figure.counts == [1, 3, 0] && figure.classNames == ["<cat>", "dog", "bird"])
    let drawn = try parsed(figure.svg())
    #expect(drawn.summary == "4 pictures of 3 classes: <cat> 1, dog 3, bird 0.")
    #expect(drawn.texts == ["Data", "4 pictures of 3 classes", "<cat>", "1", "dog", "3", "bird", "0"])
    // The first two dogs, and the cat.
    let grounds = drawn.elements.filter { $0.name == "rect" && $0.attributes["fill"] != nil }
    #expect(grounds.count == 3)
    let unnamed = try DatasetFigure(data(names: nil))
    #expect(unnamed.classNames == ["0", "1"] && unnamed.counts == [1, 3])
  }

  @Test func colourAndPicturesWithoutChannels() throws {
    let colour = try Dataset(
      inputs: Tensor(shape: [1, 1, 1, 3], bytes: [255, 0, 0]), targets: Tensor(shape: [1], integers: [0]))
    #expect(try DatasetFigure(colour).svg().contains("fill=\"#f00\""))
    let flat = try Dataset(inputs: Tensor(shape: [1, 1, 1], bytes: [0]), targets: Tensor(shape: [1], integers: [0]))
    #expect(try DatasetFigure(flat).svg().contains("fill=\"#000\""))
  }

  @Test func errors() throws {
    func text(_ data: Dataset, columns: Int = 10) -> String {
      do { _ = try DatasetFigure(data, columns: columns) } catch { return "\(error)" }
      return "nothing was thrown"
    }
    #expect(try text(data(), columns: 21) == "DatasetFigure: columns is 21 but must be from 1 to 20.")
    let numbers = try Dataset(inputs: Tensor(zeros: [2, 3]), targets: Tensor(shape: [2], integers: [0, 1]))
    #expect(
      text(numbers)
        == "DatasetFigure: the inputs are float32(2, 3) but pictures are uint8[N, H, W, C] with 1 or 3 channels. "
        + "Give a data set of pictures.")
    let rows = try Dataset(inputs: Tensor(shape: [1, 1, 1, 1], bytes: [1]), targets: Tensor(zeros: [1, 2]))
    #expect(
      text(rows)
        == "DatasetFigure: the targets are float32(1, 2) but class numbers are int32[N]. Give a data set with class numbers."
    )
    let many = try Dataset(
      inputs: Tensor(shape: [1, 1, 1, 1], bytes: [1]), targets: Tensor(shape: [1], integers: [2000]))
    #expect(text(many) == "DatasetFigure: there are 2001 classes but at most 1,000 are drawn.")
  }
}
