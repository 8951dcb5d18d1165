import Athanor
import Foundation
import Testing

@Suite("TensorBoard")
struct TensorBoardTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func data() throws -> Dataset {
    try Dataset(inputs: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]), targets: Tensor(shape: [5, 1], [1, 2, 3, 4, 5]))
  }

  private func board(_ histogramFrequency: Int = 0, pictures: Tensor? = nil) -> TensorBoard {
    TensorBoard(logDirectory: folder.path("logs"), histogramFrequency: histogramFrequency, pictures: pictures)
  }

  @Test("The checks of records and of PNG files")
  func checks() {
    #expect(CyclicRedundancyCheck.castagnoli("123456789".utf8) == 0xE306_9283)
    #expect(CyclicRedundancyCheck.png("123456789".utf8) == 0xCBF4_3926)
  }

  @Test("Figures of each epoch, those of the validation in a folder of their own")
  func figures() throws {
    let model = try scriptedModel(rate: 0.01)
    let history = try model.fit(
      data(), epochs: 3, validation: data(),
      callbacks: [board(), LearningRateScheduler { epoch, _ in 0.01 / Double(epoch) }], verbose: .silent)
    let train = try EventReader(folder.path("logs/train"))
    let validation = try EventReader(folder.path("logs/validation"))
    let names = ["epoch_loss", "epoch_accuracy", "epoch_mean_absolute_error"]
    #expect(train.entries.keys.sorted() == (names + ["epoch_learning_rate"]).sorted())
    #expect(validation.entries.keys.sorted() == names.sorted())
    for name in names {
      #expect(train.steps(name) == [0, 1, 2] && validation.steps(name) == [0, 1, 2])
      let figure = String(name.dropFirst(6))
      #expect(train.scalars(name) == history[figure].map { Float($0) })
      #expect(validation.scalars(name) == history["val_" + figure].map { Float($0) })
    }
    #expect(train.scalars("epoch_learning_rate") == history.epochs.map { Float($0.learningRate) })
    #expect(train.files.count == 1 && train.graphs.count == 1 && validation.graphs.isEmpty)
  }

  @Test("Without validation there is no folder for it")
  func trainAlone() throws {
    try scriptedModel(rate: 0.01).fit(data(), epochs: 1, callbacks: [board()], verbose: .silent)
    #expect(try FileBytes.names(in: folder.path("logs")) == ["train"])
  }

  @Test(
    "What was written after the checkpoint is shown once when training resumes; a new training takes the place of the old one"
  )
  func resume() throws {
    let model = try scriptedModel(rate: 0.01)
    try model.fit(data(), epochs: 4, validation: data(), callbacks: [board()], verbose: .silent)
    let before = try EventReader(folder.path("logs/train")).scalars("epoch_loss")
    model.progress.epoch = 2
    model.progress.batch = 0
    let history = try model.fit(
      data(), epochs: 5, validation: data(), callbacks: [board()], verbose: .silent, resume: true)
    let train = try EventReader(folder.path("logs/train"))
    #expect(train.files.count == 2 && train.graphs.count == 1)
    #expect(train.steps("epoch_loss") == [0, 1, 2, 3, 4] && train.steps("epoch_learning_rate") == [0, 1, 2, 3, 4])
    #expect(train.scalars("epoch_loss") == before[..<2] + history["loss"].suffix(3).map { Float($0) })
    #expect(try EventReader(folder.path("logs/validation")).steps("epoch_loss") == [0, 1, 2, 3, 4])

    try model.fit(data(), epochs: 1, callbacks: [board()], verbose: .silent)
    let again = try EventReader(folder.path("logs/train"))
    #expect(again.files.count == 3 && again.steps("epoch_loss") == [0] && again.graphs.count == 2)
  }

  @Test("Histograms of the weights, each so many epochs")
  func histograms() throws {
    let script = try Script()
    try script.run([board(2)], "loss", [3, 2, 1])
    let train = try EventReader(folder.path("logs/train"))
    #expect(train.steps("dense/kernel/histogram") == [0, 2] && train.steps("epoch_loss") == [0, 1, 2])
    let histogram = try #require(try train.entries["dense/kernel/histogram"]?.last?.value.message(5))
    #expect((1...5).map { histogram.double($0) } == [3, 3, 1, 3, 9])
    #expect(histogram.doubles(6) == [3] && histogram.doubles(7) == [1])

    let model = try Sequential(input: [2]) { Dense(31, useBias: false) }
    try model.compile(optimizer: .sgd(learningRate: 0), loss: .meanSquaredError)
    var weights = (0...60).map { Float($0) - 10 } + [.infinity]
    weights[7] = .nan
    try model.setWeights(["dense/kernel": Tensor(shape: [2, 31], weights)])
    let context = TrainingContext(
      model: model, epochs: 1, batchesPerEpoch: 1, isResuming: false, monitors: ["loss"], callbacks: []
    ) { _ in }
    let board = board(1)
    try board.trainingDidBegin(context)
    try board.epochDidEnd(1, Logs(), context)
    let spread = try #require(
      try EventReader(folder.path("logs/train")).entries["dense/kernel/histogram"]?.last?.value.message(5))
    #expect((1...3).map { spread.double($0) } == [-10, 50, 60])
    #expect(spread.doubles(6) == (1...30).map { Double($0) * 2 - 10 })
    // -3 is missing, and the greatest belongs to the last range.
    #expect(spread.doubles(7) == [2, 2, 2, 1] + [Double](repeating: 2, count: 25) + [3])
  }

  @Test("A sheet of pictures, as a PNG file that is what was given")
  func pictures() throws {
    let script = try Script()
    let bytes = (0..<3 * 4).map { UInt8($0 * 20) }
    try script.run([board(pictures: Tensor(shape: [3, 2, 2], bytes: bytes))], "loss", [1])
    let entry = try #require(try EventReader(folder.path("logs/train")).entries["examples"]?.first)
    let image = try #require(try entry.value.message(4))
    #expect(entry.step == 0 && (1...3).map { image.integer($0) } == [2, 10, 1])
    let png = try #require(image.contents[4]?.first)
    let lines = (0..<2).map { y in
      let parts = (0..<3).map { picture in bytes[(picture * 2 + y) * 2..<(picture * 2 + y + 1) * 2] }
      return [0] + Array(parts.joined(separator: [128, 128]))
    }
    // Header, one chunk with a stream of one block that is not compressed, end.
    #expect(png.count == 8 + 25 + (12 + 2 + 5 + 22 + 4) + 12)
    #expect(Array(png[16..<29]) == [0, 0, 0, 10, 0, 0, 0, 2, 8, 0, 0, 0, 0])
    #expect(Array(png[41..<43]) == [0x78, 1] && Array(png[43..<48]) == [1, 22, 0, 233, 255])
    #expect(Array(png[48..<70]) == lines.joined().map { $0 })
    let colours = try PictureBytes.all(in: Tensor(shape: [1, 1, 1, 3], [-1, 0.5, 7]), at: "")
    #expect(colours == [PictureBytes(bytes: [0, 128, 255], height: 1, width: 1, channels: 3)])
  }

  @Test("The graph: a node for each call, named by its layer, with shapes and where its values come from")
  func graph() throws {
    let x = Input([4], name: "x")
    let shared = SharedLayer(Dense(4, name: "twice"))
    let first = shared(x)
    let model = try Model(inputs: [x], outputs: [shared(first) + first])
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    model.write = { _ in }
    let data = try Dataset(inputs: noise([2, 4]), targets: noise([2, 4]))
    try model.fit(data, epochs: 1, callbacks: [board()], verbose: .silent)
    let graph = try #require(try EventReader(folder.path("logs/train")).graphs.first)
    let nodes = try graph.messages(1)
    #expect(nodes.map { $0.text(1) } == ["x", "twice", "twice_1", "add"])
    #expect(nodes.map { $0.text(2) } == ["Placeholder", "Dense", "Dense", "Add"])
    let inputs = nodes.map { $0.contents[3, default: []].map { String(decoding: $0, as: UTF8.self) } }
    #expect(inputs == [[], ["x"], ["twice"], ["twice_1", "twice"]])
    let attributes = try nodes[1].messages(5)
    #expect(attributes.map { $0.text(1) } == ["_output_shapes", "parameters"])
    let shape = try #require(try attributes[0].message(2)?.message(1)?.message(7))
    #expect(try shape.messages(2).map { $0.integer(1) } == [-1, 4])
    #expect(try attributes[1].message(2)?.integer(3) == 20)
  }

  @Test("Errors")
  func errors() throws {
    let script = try Script()
    expectError("TensorBoard: histogramFrequency is -1 but must be 0 (none) or more.") {
      try script.run([board(-1)], "loss", [1])
    }
    expectError(
      "TensorBoard: there are float32(2, 3) but pictures are [N, H, W] or [N, H, W, C] with 1 or 3 channels, as bytes (uint8) or as "
        + "numbers from 0 to 1. Give pictures."
    ) {
      try script.run([board(pictures: Tensor(zeros: [2, 3]))], "loss", [1])
    }
    try Data().write(to: folder.url.appendingPathComponent("logs"))
    expectError("\(folder.path("logs/train")): the folder cannot be made (Not a directory).") {
      try script.run([board()], "loss", [1])
    }
    #expect(try FileBytes.names(in: folder.path("")) == ["logs"])
  }
}
