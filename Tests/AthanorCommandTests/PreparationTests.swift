import Athanor
import AthanorDatasets
import AthanorKeras
import Foundation
import Testing

/// How pictures are prepared goes with a model into every file, and is done wherever the file is used.
@Suite("Preparation of pictures")
struct PreparationTests {
  private let program: Program
  private static let endings = ["h5", "keras", "safetensors", "onnx", "mlpackage", "mlmodel"]

  init() throws {
    program = try Program()
    let model = try Sequential(input: [28, 28, 1], seed: 1, threads: 1) {
      Flatten()
      Dense(10, activation: .softmax)
    }
    try model.save(to: program.path("unknown.h5"))
    model.picturePreparation = .digit
    for ending in ["h5", "keras", "safetensors"] { try model.save(to: program.path("digits.\(ending)")) }
    let drawing = PNG.plain(width: 90, height: 60, color: [250, 250, 240], bar: [120, 0, 0])
    try drawing.write(to: program.folder.appendingPathComponent("drawn.png"))
  }

  private func isExported(_ ending: String) -> Bool { ["onnx", "mlpackage", "mlmodel"].contains(ending) }

  @Test("A drawing is prepared alike for every file", arguments: endings)
  func everyFile(_ ending: String) throws {
    if isExported(ending) {
      let outcome = try program.run("export", "digits.h5", "digits.\(ending)")
      #expect(outcome.status == 0 && outcome.output.contains("white on black"), "\(outcome.output)\(outcome.error)")
    }
    func probabilities(_ file: String, _ options: String...) throws -> [Double] {
      let outcome = try program.run(["predict", file, "drawn.png", "--json"] + options)
      #expect(outcome.status == 0 && outcome.error == "")
      return try numbers(objects(outcome.output).first)
    }
    let expected = try probabilities("digits.safetensors")
    let found = try probabilities("digits.\(ending)")
    #expect(zip(expected, found).allSatisfy { abs($0 - $1) < 1e-5 })
    let resized = try probabilities("digits.\(ending)", "--no-normalize")
    #expect(zip(expected, resized).contains { abs($0 - $1) > 1e-3 })
    #expect(try program.run("inspect", "digits.\(ending)").output.contains("mnist-digit"))
  }

  @Test("It is assumed, and said, for files that say nothing and tell ten classes without names apart")
  func unknown() throws {
    let outcome = try program.run("predict", "unknown.h5", "drawn.png", "--json")
    #expect(
      outcome.error
        == "Note: unknown.h5 does not say what it learned from; pictures are prepared as MNIST's digits are. "
        + "--no-normalize leaves them as they are.\n")
    #expect(outcome.output == (try program.run("predict", "digits.h5", "drawn.png", "--json").output))
    // Clothes are none.
    let names = "T-shirt,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Boot".split(separator: ",").map(
      String.init)
    let clothes = try Model(contentsOf: program.path("unknown.h5"))
    clothes.classNames = names
    try clothes.save(to: program.path("clothes.h5"))
    let plain = try program.run("predict", "clothes.h5", "drawn.png", "--json")
    #expect(plain.error == "")
    #expect(plain.output == (try program.run("predict", "clothes.h5", "drawn.png", "--json", "--no-normalize").output))
  }

  @Test("A preparation that a newer version wrote is named in a warning")
  func newer() throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: program.path("digits.safetensors")))
    let known = Data("mnist-digit".utf8)
    let place = try #require(bytes.range(of: known))
    var changed = bytes
    changed.replaceSubrange(place, with: Data("mnist-other".utf8))
    try changed.write(to: URL(fileURLWithPath: program.path("newer.safetensors")))
    let model = try Model(contentsOf: program.path("newer.safetensors"))
    #expect(model.picturePreparation == nil)
    #expect(
      model.warnings.map { $0.replacing(program.folder.path + "/", with: "") } == [
        "newer.safetensors, model: the preparation of pictures \"mnist-other\" is not known, so pictures are only brought to size. "
          + "Use a newer Athanor."
      ])
  }

  @Test("A model takes over the preparation of the data that it learns from, and passes it to parts of it")
  func fit() throws {
    let (train, test) = try Digits.load()
    #expect(train.picturePreparation == .digit && test.prefix(3).picturePreparation == .digit)
    let model = try Sequential(input: [28, 28, 1]) {
      Flatten(name: "flatten")
      Dense(10, activation: .softmax)
    }
    try model.compile(optimizer: .sgd(), loss: .sparseCategoricalCrossentropy)
    #expect(model.picturePreparation == nil)
    try model.fit(train.prefix(8), epochs: 1, verbose: .silent)
    #expect(model.picturePreparation == .digit)
    #expect(try model.truncated(after: "flatten").picturePreparation == .digit)
    #expect(ImageDataset.fashionMNIST.preparation == nil)
  }
}
