import Athanor
import AthanorCore
import Testing

/// Programs as readers hand them over, made by hand.
@Suite("Imported programs")
struct ImportedProgramTests {
  private typealias Arguments = [ArgumentName: Program.Argument]

  private func x(_ name: String = "x") -> Program.Argument { .operand(.named(name)) }

  private func numbers(_ shape: [Int], _ values: [Float]) throws -> Program.Argument {
    .constant(try Tensor(shape: shape, values))
  }

  private func operation(_ kind: OperationKind, _ arguments: Arguments, _ result: String = "y") throws
    -> Program.Operation
  {
    try Program.Operation(kind, name: result, arguments, results: [Program.Result(result)])
  }

  private func model(
    _ shape: [Int], isPicture: Bool = false, _ operations: [Program.Operation], output: String = "y"
  ) throws -> Model {
    let program = Program(
      inputs: [.init(name: "x", shape: shape, isPicture: isPicture)], operations: operations,
      outputs: [Program.Result(output)])
    return try Model(ModelRecipe(program, name: "test"), threads: 1)
  }

  /// The error of building a network of one operation.
  private func refusal(
    _ kind: OperationKind, _ arguments: Arguments, shape: [Int] = [1, 2, 4, 4], output: String = "y"
  ) -> String {
    do {
      _ = try model(shape, [operation(kind, arguments)], output: output)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test("A padding wider than the kernel gives results of the bias alone at the border")
  func widePadding() throws {
    let conv = try operation(
      .conv,
      [
        .x: x(), .weight: numbers([1, 1, 1, 1], [2]), .bias: numbers([1], [0.5]), .pad: .integers([1, 0, 2, 1]),
        .padType: .choice(OperationKind.PadType.custom),
      ])
    let result = try model([1, 1, 1, 2], [conv]).predict(Tensor(shape: [1, 1, 1, 2], [3, 4]))
    #expect(result.shape == [1, 1, 2, 5])
    #expect(result.floats == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 6.5, 8.5, 0.5])
  }

  @Test("A dense layer behind a flattened picture sees its numbers in the program's order")
  func flattened() throws {
    // Channels first: the picture's numbers are weighed by 1, 4, 16, ... in the order channel, row, column.
    let operations = try [
      operation(.unary(.relu), [.x: x()], "a"),
      operation(.reshape, [.x: x("a"), .shape: .integers([1, -1])], "b"),
      operation(.linear, [.x: x("b"), .weight: numbers([1, 8], [1, 4, 16, 64, 256, 1024, 4096, 16384])]),
    ]
    let plain = try model([1, 2, 2, 2], operations)
    #expect(try plain.predict(Tensor(shape: [1, 2, 2, 2], [1, 2, 3, 0, 1, 3, 0, 2])).floats == [36153])
    // The same picture with its channels last.
    let picture = try model([1, 2, 2, 2], isPicture: true, operations)
    #expect(picture.inputShape == [2, 2, 2] && picture.pixelScale == 1)
    #expect(try picture.predict(Tensor(shape: [1, 2, 2, 2], [1, 1, 2, 3, 3, 0, 0, 2])).floats == [36153])
  }

  @Test("Arithmetic on shapes is done while reading")
  func shapes() throws {
    let operations = try [
      operation(.shape, [.x: x()], "s"),
      operation(
        .gather, [.x: x("s"), .indices: .constant(Tensor(shape: [1], integers: [0])), .axis: .integer(0)], "n"),
      operation(
        .concat,
        [
          .values: .operands([.named("n"), .constant(Tensor(shape: [1], integers: [-1]))]), .axis: .integer(0),
        ], "t"),
      operation(.reshape, [.x: x(), .shape: x("t")]),
    ]
    let result = try model([1, 2, 3], operations).predict(Tensor(zeros: [4, 2, 3]))
    #expect(result.shape == [4, 6])
    // What a hostile file may put there must not trap: products of lengths that overflow, and arrays without numbers.
    let huge = try operation(
      .reshape, [.x: numbers([1], [0]), .shape: .constant(Tensor(shape: [4], integers: [.max, .max, .max, -1]))])
    #expect(throws: AthanorError.self) { _ = try model([1, 2, 3], [huge]) }
    // A network of known numbers alone is one all the same.
    let none = try operation(.binary(.add), [.x: numbers([1], [0]), .y: numbers([0], [])])
    #expect(try model([1, 2, 3], [none]).outputShape == [0])
  }

  @Test("Flattening from an axis counted from the end")
  func flattening() throws {
    let flatten = try operation(.flatten2d, [.x: x(), .axis: .integer(-2)])
    let result = try model([1, 2, 3], [flatten]).predict(Tensor(zeros: [4, 2, 3]))
    #expect(result.shape == [4, 6])
  }

  @Test("What cannot be read is named")
  func refusals() throws {
    #expect(
      refusal(.reshape, [.x: x(), .shape: .integers([2, 16])])
        == "y (reshape): shape (None, 2, 4, 4) is to become [2, 16], but the batch must "
        + "stay an axis of its own.")
    #expect(
      try refusal(.unary(.relu), [.x: x("z")])
        == "y (relu): nothing before it computes \"z\". The file is damaged.")
    #expect(
      try refusal(.unary(.relu), [.x: x()], output: "z")
        == "output \"z\": nothing computes it from the input. The file is damaged.")
    #expect(
      refusal(
        .maxPool,
        [
          .x: x(), .kernelSizes: .integers([2, 2]), .pad: .integers([0, 9, 0, 0]),
          .padType: .choice(OperationKind.PadType.custom),
        ])
        == "y (max_pool): it pads [0, 0] before and [9, 0] behind, which does not go with a "
        + "window of [2, 2].")
    #expect(
      refusal(.reduceMean, [.x: x(), .axes: .integers([0])])
        == "y (reduce_mean): it goes along the batch; examples are computed each by itself."
    )
    #expect(
      try refusal(
        .batchNorm, [.x: x(), .mean: numbers([3], [1, 1, 1]), .variance: numbers([3], [1, 1, 1])])
        == "y (batch_norm): its 3 means do not go with an input of shape (None, 2, 4, 4)."
    )
    #expect(
      refusal(.cast, [.x: x(), .dtype: .text("int32")])
        == "y (cast): it casts values of the network to int32, but only known numbers can be."
    )
  }

  @Test("Several inputs and outputs, by the program's names")
  func severalOutputs() throws {
    let sum = try operation(.binary(.add), [.x: .operand(.named("a")), .y: .operand(.named("b"))])
    let program = Program(
      inputs: [.init(name: "a", shape: [1, 3]), .init(name: "b", shape: [1, 3])], operations: [sum],
      outputs: [.init("y"), .init("a")])
    let model = try Model(ModelRecipe(program, name: "test"), threads: 1)
    #expect(model.inputs.map(\.name) == ["a", "b"] && model.outputs.map(\.name) == ["y", "a"])
    let results = try model.predict([
      "a": Tensor(shape: [1, 3], [1, 2, 3]), "b": Tensor(shape: [1, 3], [10, 20, 30]),
    ])
    #expect(results["y"]?.floats == [11, 22, 33] && results["a"]?.floats == [1, 2, 3])
  }
}
