import Athanor
import AthanorKeras
import Testing

@Suite("Encodings of tables in Keras' files")
struct TableEncodingTests {
  @Test("Kept with the model in every format", arguments: ["h5", "keras", "safetensors"])
  func kept(_ ending: String) throws {
    let folder = try TemporaryFolder()
    let encoding = try TableEncoding(
      columns: [
        TableEncoding.Column(name: "size", kind: .number(mean: 2.1, variance: 3)),
        TableEncoding.Column(name: "colour", kind: .category(["blue", "red"])),
        TableEncoding.Column(name: "town", kind: .category((0..<20).map { "town \($0)" })),
      ], targetName: "kind", target: .classes(["a", "b"]))
    let model = try encoding.model(hidden: [4], seed: 1, threads: 1)
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy)
    let words = try TextVectorization(vocabulary: ["the", "café"], maxTokens: 9, split: .none, outputSequenceLength: 4)
    model.textVectorization = words
    let path = folder.path("m.\(ending)")
    try model.save(to: path)
    let copy = try Model(contentsOf: path, threads: 1)
    #expect(copy.tableEncoding == encoding)
    #expect(copy.parameterCount == model.parameterCount && copy.textVectorization == words)
    let data: [String: Tensor] = [
      "numbers": try Tensor(shape: [2, 1], [1, 2]), "category_1": try Tensor(shape: [2, 1], integers: [0, 2]),
      "category_2": try Tensor(shape: [2, 1], integers: [20, 1]),
    ]
    let name = model.outputs[0].name
    #expect(try copy.predict(data)[name]?.floats == model.predict(data)[name]?.floats)
  }
}
