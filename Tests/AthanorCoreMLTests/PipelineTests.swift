import Athanor
import AthanorONNX
import Foundation
import Testing

@testable import AthanorCoreML

@Suite("Models for tables")
struct PipelineTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pipeline-\(UUID().uuidString)")
    .path

  init() throws { try FileBytes.makeFolder(folder) }

  private static let numbers = [
    TableEncoding.Column(name: "size of leaf", kind: .number(mean: 2.1, variance: 3)),
    TableEncoding.Column(name: "weight", kind: .number(mean: -100, variance: 0)),
  ]
  private static let texts = [
    TableEncoding.Column(name: "colour", kind: .category(["blue", "red"])),
    TableEncoding.Column(name: "town", kind: .category((0..<20).map { "town \($0)" })),
  ]
  private static let classes = TableEncoding.Target.classes(["a", "b", "c"])
  private static let number = TableEncoding.Target.number(mean: 500, variance: 100)

  private func model(_ columns: [TableEncoding.Column], _ target: TableEncoding.Target) throws -> Model {
    try TableEncoding(columns: columns, targetName: "kind", target: target).model(hidden: [5], seed: 3, threads: 1)
  }

  private func inputs(_ model: Model, seed: Int = 1) throws -> [Tensor] {
    try model.inputs.map { port in
      let width = port.exampleLengths.compactMap(\.fixed).reduce(1, *)
      let numbers = (0..<4 * width).map { Float(($0 * 7 + seed) % 5) - 1.5 }
      return port.dtype == .int32
        ? try Tensor(shape: [4, width], integers: numbers.map { Int32($0 + 1.5) % 3 })
        : try Tensor(shape: [4, width], numbers)
    }
  }

  @Test(
    "Written as a pipeline, read again and the same",
    arguments: [
      ("mlpackage", numbers + texts, classes), ("mlpackage", numbers, classes), ("mlmodel", numbers, classes),
      ("mlpackage", [texts[1]], classes), ("mlpackage", numbers + texts, number), ("mlpackage", numbers, number),
      ("mlmodel", numbers, number),
    ])
  func roundTrip(_ ending: String, _ columns: [TableEncoding.Column], _ target: TableEncoding.Target) throws {
    let model = try model(columns, target)
    let path = "\(folder)/m.\(ending)"
    let report = try model.export(to: path, as: .coreML())
    #expect(report.largestDifference <= report.limit)
    let copy = try Model(contentsOf: path, threads: 1)
    #expect(copy.tableEncoding == model.tableEncoding)
    #expect(copy.classNames == model.classNames)
    let (own, other) = (try inputs(model), try inputs(copy))
    let (a, b) = (try model.predictions(of: own, batchSize: 4)[0], try copy.predictions(of: other, batchSize: 4)[0])
    #expect(zip(a.floats, b.floats).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($0)) })

    let file = try CoreMLFile(path).model
    let described = file.description_p
    #expect(described.inputs.map(\.name) == columns.map(\.name))
    for (input, column) in zip(described.inputs, columns) {
      if case .number = column.kind { #expect(input.type.double == ProtoEmpty() && input.type.kind != nil) }
    }
    if model.classNames != nil {
      #expect(described.outputs.map(\.name) == ["classLabel", "classLabelProbabilities"])
      #expect(described.predictedFeatureName == "classLabel")
    } else {
      #expect(described.outputs.map(\.name) == ["kind"] && described.predictedFeatureName == "kind")
    }
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test("What Core ML cannot hold is refused by name")
  func refused() throws {
    let mixed = try model(PipelineTests.numbers + PipelineTests.texts, PipelineTests.classes)
    #expect(
      refusal { _ = try mixed.export(to: "\(folder)/m.mlmodel", as: .coreML()) }
        == "Core ML: the model has 3 inputs and 1 outputs, and a .mlmodel one of each here. Export an .mlpackage.")
    #expect(
      refusal { _ = try mixed.export(to: "\(folder)/m.mlpackage", as: .coreML(CoreMLOptions(inputName: "x"))) }
        == "Core ML: the name \"x\" was given for the input, but the table's columns go in by their own names. Leave it out."
    )
    let taken = try model(
      [TableEncoding.Column(name: "numbers", kind: .number(mean: 0, variance: 1))], PipelineTests.classes)
    #expect(
      refusal { _ = try taken.export(to: "\(folder)/m.mlpackage", as: .coreML()) }
        == "Core ML: the table has a column named \"numbers\", which is the name of something else in the pipeline. Rename the column "
        + "and train again.")
  }

  @Test("A pipeline whose models were changed is refused")
  func changed() throws {
    let source = try model(PipelineTests.numbers, PipelineTests.classes)
    let encoding = try #require(source.tableEncoding)
    let written = try CoreMLPipeline(source, encoding, CoreMLOptions(), asProgram: false).model
    func read(_ change: (inout ProtoModel) -> Void) throws -> String {
      var model = written
      change(&model)
      let bytes: [UInt8] = try model.serializedBytes()
      return refusal { _ = try CoreMLFile(model: bytes, weights: [], path: "a.mlmodel").recipe() }
    }
    #expect(try read { _ in } == "none")
    let other = "is not what the encoding of the table says. Export it again."
    #expect(
      try read { $0.pipelineClassifier.pipeline.models[0].imputer.imputedDouble = 7 }
        == "a.mlmodel: the model \"size of leaf, encoded\" of its pipeline \(other)")
    #expect(
      try read { $0.pipelineClassifier.pipeline.models[2].featureVectorizer.columns.reverse() }
        == "a.mlmodel: the model \"numbers\" of its pipeline \(other)")
    #expect(try read { $0.pipelineClassifier.pipeline.models.swapAt(0, 1) }.hasSuffix(other))
    #expect(
      try read { $0.pipelineClassifier.pipeline.models.remove(at: 0) }.hasPrefix("a.mlmodel: its pipeline has 3 models")
    )
    #expect(
      try read { $0.pipelineClassifier.pipeline.models.removeLast() }
        == "a.mlmodel: its pipeline holds no network. Export it again.")
    #expect(
      try read { $0.description_p.inputs.swapAt(0, 1) }
        == "a.mlmodel: what it says of its inputs and outputs is not what its pipeline takes and gives. Export it again."
    )
    #expect(
      try read { $0.description_p.metadata.userDefined[TableEncoding.fileKey] = nil }
        == "a.mlmodel: it is a pipeline of several models, which is not supported. Save the neural network or ML Program within it as "
        + "a file of its own.")
    #expect(try read { $0.description_p.metadata.userDefined[TableEncoding.fileKey] = "{" } != "none")
  }

  @Test("ONNX keeps the encoding, and embeddings are read again")
  func onnx() throws {
    for (columns, target) in [
      (PipelineTests.numbers + PipelineTests.texts, PipelineTests.classes),
      (PipelineTests.numbers, PipelineTests.number),
    ] {
      let model = try model(columns, target)
      let path = "\(folder)/m.onnx"
      try model.export(to: path, as: .onnx())
      let copy = try Model(contentsOf: path, threads: 1)
      #expect(copy.tableEncoding == model.tableEncoding)
      let (a, b) = (
        try model.predictions(of: inputs(model), batchSize: 4)[0],
        try copy.predictions(of: inputs(copy), batchSize: 4)[0]
      )
      #expect(zip(a.floats, b.floats).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($0)) })
      if columns.count > 2 { #expect(copy.summaryRows.map(\.kind).contains("Embedding")) }
    }
  }

  @Test("Texts as numbers of words, through an embedding with open lengths")
  func words() throws {
    let words = Input([nil], dtype: .int32, name: "words")
    let vectors = Embedding(30, 4, name: "embedding")(words)
    let model = try Model(inputs: [words], outputs: [Dense(3)(vectors)], seed: 1, threads: 1)
    let path = "\(folder)/w.onnx"
    try model.export(to: path, as: .onnx())
    let input = try Tensor(shape: [2, 5], integers: [0, 29, 3, 4, 5, 6, 7, 8, 9, 10])
    let copy = try Model(contentsOf: path, threads: 1)
    #expect(copy.summaryRows.map(\.kind) == ["Embedding", "Dense"])
    #expect(try copy.predict(input).floats == model.predict(input).floats)
    #expect(
      refusal { _ = try model.predict(Tensor(shape: [2, 2], integers: [0, 1, 30, 2])) }
        == "predict: example 1 of input \"words\" holds 30, but embedding takes 0 to 29. Number words and categories from 0, or give "
        + "the layer more of them.")
    #expect(
      refusal { _ = try copy.predict(Tensor(shape: [1, 2], integers: [-1, 1])) }.contains("holds -1, but"))
  }
}
