import Athanor
import AthanorCommand
import Testing

@Suite("Random data")
struct RandomDataTests {
  @Test("Inputs have the model's shapes and types, open lengths as given or 32")
  func inputs() throws {
    let ports = [
      Port(name: "series", lengths: [.batch, .open("time"), .open("width"), 2]),
      Port(name: "number", dtype: .int32, lengths: [.batch, 40]), Port(name: "flag", dtype: .uint8, lengths: [40]),
    ]
    var data = RandomData(lengths: ["time": 5])
    let tensors = try data.inputs(ports, examples: 3)
    let series = try #require(tensors["series"])
    #expect(series.shape == [3, 5, 32, 2] && series.dtype == .float32)
    #expect(series.floats.allSatisfy { $0 >= 0 && $0 <= 1 } && Set(series.floats).count > 900)
    #expect(tensors["number"]?.shape == [3, 40] && tensors["number"]?.dtype == .int32)
    #expect(Set(tensors["number"]?.floats ?? []) == [0, 1])
    #expect(tensors["flag"]?.shape == [40] && tensors["flag"]?.dtype == .uint8)
    #expect(Set(tensors["flag"]?.floats ?? []) == [0, 1])
    let error = #expect(throws: AthanorError.self) {
      try data.inputs([Port(name: "x", lengths: [.batch, .fixed(1 << 30)])], examples: 2)
    }
    #expect(
      error?.description == "input \"x\": shape (2, 1073741824) has more than 2^30 elements. "
        + "Give a smaller --batch or --length.")
  }

  @Test("Targets are class numbers or numbers, of the shape that outputs have at these lengths")
  func targets() throws {
    let series = Input(lengths: [.open("time"), 3], name: "series")
    let rows = Dense(4, activation: .softmax, name: "rows")(series)
    let sizes = Dense(2, name: "sizes")(series)
    let unused = Dense(1, name: "unused")(series)
    let model = try Model(inputs: [series], outputs: [rows, sizes, unused], threads: 1)
    try model.compile(losses: ["rows": .sparseCategoricalCrossentropy, "sizes": .meanSquaredError])
    var data = RandomData(lengths: ["time": 6])
    let set = try data.dataset(model, examples: 5)
    #expect(set.count == 5 && set.targetsByName.keys.sorted() == ["rows", "sizes"])
    let classes = try #require(set.targetsByName["rows"])
    #expect(classes.shape == [5, 6] && Set(classes.storage.integers ?? []) == [0, 1, 2, 3])
    #expect(set.targetsByName["sizes"]?.shape == [5, 6, 2] && set.targetsByName["sizes"]?.dtype == .float32)
    try model.fit(set, batchSize: 2, verbose: .silent)
  }
}
