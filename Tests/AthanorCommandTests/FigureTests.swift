import Athanor
import AthanorDatasets
import Foundation
import Testing

/// `athanor figure`, run as a user runs it.
@Suite("Figures")
struct FigureTests {
  private let program: Program

  init() throws { program = try Program() }

  @Test("The filters of a convolution, the first or a named one")
  func filters() throws {
    let first = try program.run("figure", "filters", "malireddi", "--output", "a.svg")
    #expect(first.status == 0 && first.error == "")
    #expect(first.output == "a.svg: 32 of 32 filters of conv2d\n")
    #expect(try program.text("a.svg").hasPrefix("<svg "))
    let second = try program.run(
      "figure", "filters", "malireddi", "--layer", "conv2d_2", "--theme", "dark", "--output", "b.svg", "--json")
    #expect(second.output == "{\"count\":128,\"file\":\"b.svg\",\"layer\":\"conv2d_2\",\"shown\":16}\n")
    #expect(try !program.text("b.svg").contains("prefers-color-scheme"))
  }

  @Test("The feature maps of a picture, prepared as predict does it")
  func features() throws {
    let model = try BundledModels.digits().path
    let drawing = PNG.plain(width: 90, height: 60, color: [250, 250, 240], bar: [120, 0, 0])
    try drawing.write(to: program.folder.appendingPathComponent("drawn.png"))
    let outcome = try program.run(
      "figure", "features", model, "drawn.png", "--layer", "max_pooling2d", "--output", "a.svg")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.output == "a.svg: 32 of 32 feature maps of max_pooling2d\n")
    _ = try program.run(
      "figure", "features", model, "drawn.png", "--layer", "max_pooling2d", "--no-normalize", "--output", "b.svg")
    #expect(try program.text("a.svg") != program.text("b.svg"))
    let flat = try program.run("figure", "features", model, "drawn.png", "--layer", "flatten", "--output", "c.svg")
    #expect(flat.status == 1)
    #expect(
      flat.error.hasPrefix(
        "Error: layer \"flatten\": its result has shape (1, 512) but maps have height, width and channels. Layers with maps are conv2d,"
      ))
    let missing = try program.run("figure", "features", model, "none.png", "--output", "c.svg")
    #expect(missing.status == 1 && missing.error.contains("none.png"))
    #expect(try program.files() == ["a.svg", "b.svg", "drawn.png"])
  }

  @Test("The first pictures of each class of a data set")
  func data() throws {
    let outcome = try program.run(
      "figure", "data", "--dataset", "digits", "--columns", "3", "--output", "a.svg", "--json")
    #expect(outcome.status == 0 && outcome.error == "")
    let object = try #require(objects(outcome.output).first)
    #expect(object["pictures"] as? Int == 4000 && object["columns"] as? Int == 3)
    #expect((object["classes"] as? [String: Int]) == Dictionary(uniqueKeysWithValues: (0...9).map { ("\($0)", 400) }))
    let figure = try program.text("a.svg")
    #expect(figure.contains(">4,000 pictures of 10 classes</text>"))
    #expect(figure.components(separatedBy: "<g transform=\"translate").count == 1 + 30)
  }

  @Test("Several networks side by side, or one below the other where lines are short")
  func summaries() throws {
    let outcome = try program.run("summary", "malireddi", "chollet")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.output == (try snapshot("summary-compared.txt", outcome.output)))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    let lines = try program.run("summary", "malireddi", "chollet", "--json")
    #expect(try objects(lines.output).map { $0["parameters"] as? Int } == [94602, 1_199_882])
    // Two of one name are told apart by how they were given.
    try NetworkTemplate.malireddi.model(threads: 1).save(to: program.path("m.safetensors"))
    let alike = try program.run("summary", "malireddi", "m.safetensors")
    #expect(alike.output.contains("Model: \"m.safetensors\""))
  }
}
