import Athanor
import Testing

@Suite("Element types of inputs and outputs")
struct ElementTypeTests {
  /// The class with the highest number: `[N, C] -> [N]`, integers.
  private struct Choice: Layer {
    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.argMax() }
  }

  /// Integers as numbers.
  private struct Numbers: Layer {
    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.converted() }
  }

  @Test("Integer outputs come back as integers")
  func integerOutputs() throws {
    let model = try Sequential(input: [3]) { Choice() }
    let rows = try Tensor(shape: [4, 3], [0, 2, 1, 5, 4, 3, -3, -2, -1, 7, 7, 8])
    #expect(model.outputs.map(\.description) == ["choice: int32(None,)"])
    let expected = try Tensor(shape: [4], integers: [1, 0, 2, 2])
    #expect(try model.predict(rows) == expected)
    #expect(try model.predict(rows, batchSize: 3) == expected)
    #expect(try model.predictor().predict(rows, batchSize: 3) == expected)
    let x = Input([3], name: "x")
    let both = try Model(inputs: [x], outputs: [Choice()(x), Activation(.relu, name: "same")(x)])
    #expect(try both.predict(["x": rows])["choice"] == expected)
    #expect(try both.predict(["x": rows])["same"]?.dtype == .float32)
  }

  @Test("Inputs of int32 and uint8 take what they are given")
  func integerInputs() throws {
    let (bytes, integers) = (try Tensor(shape: [2, 2], bytes: [0, 7, 200, 255]), [0, 7, 200, 255] as [Float])
    for dtype in [DType.uint8, .int32] {
      let model = try Sequential {
        Input([2], dtype: dtype, name: "codes")
        Numbers()
      }
      #expect(model.inputs.map(\.dtype) == [dtype])
      #expect(try model.predict(bytes).floats == integers)
    }
    let scaled = try Sequential(input: [2]) { Activation(.linear) }
    #expect(try scaled.predict(bytes).floats == integers.map { $0 * (1 / 255) })
    let model = try Sequential {
      Input([2], dtype: .int32, name: "codes")
      Numbers()
    }
    #expect(
      try model.predict(Tensor(shape: [1, 2], integers: [-70_000, 1 << 24])).floats == [-70_000, Float(1 << 24)])
    expectError("predict: input \"codes\" takes elements of type int32 but float32 was given. Convert them first.") {
      try model.predict(Tensor(shape: [1, 2], [1, 2]))
    }
    let narrow = try Sequential {
      Input([2], dtype: .uint8, name: "codes")
      Numbers()
    }
    expectError("predict: input \"codes\" takes elements of type uint8 but int32 was given. Convert them first.") {
      try narrow.predict(Tensor(shape: [1, 2], integers: [1, 2]))
    }
  }

  @Test("A model of one integer and one float32 input trains")
  func mixed() throws {
    let (codes, row) = (Input([2], dtype: .int32, name: "codes"), Input([3], name: "row"))
    let x = Concatenate()(Numbers()(codes), row)
    let model = try Model(inputs: [codes, row], outputs: [Dense(1, name: "y")(x)])
    try model.compile(optimizer: .sgd(learningRate: 0.01), loss: .meanSquaredError)
    let data = try Dataset(
      inputs: ["codes": Tensor(shape: [4, 2], integers: [0, 1, 2, 3, 1, 1, 0, 2]), "row": noise([4, 3])],
      targets: ["y": noise([4, 1], seed: 2)])
    let history = try model.fit(data, epochs: 20, verbose: .silent)
    #expect(history["loss"][19] < history["loss"][0])
    expectError(
      "fit: input \"row\" is missing; there is codes. Give one tensor for each of codes, row."
    ) {
      try model.fit(
        Dataset(inputs: ["codes": Tensor(shape: [1, 2], integers: [0, 1])], targets: ["y": noise([1, 1])]),
        verbose: .silent)
    }
    expectError(
      "predict: one tensor was given but the model has the inputs codes, row. Give them by name: predict([\"codes\": ..., \"row\": ...])."
    ) { try model.predict(noise([1, 3])) }
  }
}
