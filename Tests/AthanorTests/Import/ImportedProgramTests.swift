import Athanor
import AthanorCore
import Foundation
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
    _ shape: [Int], isPicture: Bool = false, open: [Int: String] = [:], _ operations: [Program.Operation],
    output: String = "y"
  ) throws -> Model {
    var input = Program.Input(name: "x", shape: shape, isPicture: isPicture)
    input.open = open
    let program = Program(inputs: [input], operations: operations, outputs: [Program.Result(output)])
    return try Model(ModelRecipe(program, name: "test"), threads: 1)
  }

  /// The error of building a network of one operation.
  private func refusal(
    _ kind: OperationKind, _ arguments: Arguments, shape: [Int] = [1, 2, 4, 4], open: [Int: String] = [:],
    output: String = "y"
  ) -> String {
    do {
      _ = try model(shape, open: open, [operation(kind, arguments)], output: output)
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
    // Known numbers alone are no network.
    let none = try operation(.binary(.add), [.x: numbers([1], [0]), .y: numbers([0], [])])
    #expect(
      errorText { _ = try model([1, 2, 3], [none]) }
        == "output \"y\": it is the same whatever the input, which is not supported.")
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
      refusal(.reshape, [.x: x(), .shape: .integers([2, 16])], shape: [0, 2, 4, 4], open: [0: "batch"])
        == "y (reshape): shape (None, 2, 4, 4) is to become [2, 16], but the batch must "
        + "stay an axis of its own. Export it with fixed lengths, that of the batch too.")
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
      refusal(.reduceMean, [.x: x(), .axes: .integers([0])], shape: [0, 2], open: [0: "batch"])
        == "y (reduce_mean): it goes along the batch; examples are computed each by itself."
    )
    #expect(
      try refusal(
        .batchNorm, [.x: x(), .mean: numbers([3], [1, 1, 1]), .variance: numbers([3], [1, 1, 1])])
        == "y (batch_norm): its 3 means do not go with an input of shape (None, 2, 4, 4)."
    )
    #expect(
      refusal(.cast, [.x: x(), .dtype: .text("uint4")]) == "y (cast): it casts to uint4, which is not supported.")
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

  // MARK: Lengths

  @Test("A fixed first length is a batch, as long as examples stay apart")
  func readings() throws {
    let relu = try operation(.unary(.relu), [.x: x()])
    let batched = try model([1, 2], [relu])
    #expect(batched.inputs[0].lengths == [.batch, 2] && batched.inputs[0].exampleAxis == 0)
    #expect(try batched.predict(Tensor(shape: [3, 2], [1, -1, 2, -2, 3, -3])).floats == [1, 0, 2, 0, 3, 0])
    let sum = try operation(.reduceSum, [.x: x(), .axes: .integers([0, 1])])
    let whole = try model([1, 2], [sum])
    #expect(whole.inputs[0].lengths == [1, 2] && whole.inputs[0].exampleAxis == nil && whole.outputShape == [])
    #expect(try whole.predict(Tensor(shape: [1, 2], [1, 2])) == Tensor(shape: [], [3]))
    #expect(try model([3, 2], [relu]).inputs[0].lengths == [.batch, 2])
    #expect(try model([3, 2], [sum]).inputs[0].lengths == [3, 2])
  }

  @Test("Operations on values without a batch", arguments: [false, true])
  func withoutBatch(_ isOpen: Bool) throws {
    let open = isOpen ? [0: "time"] : [:]
    func result(_ kind: OperationKind, _ arguments: Arguments, _ shape: [Int]) throws -> Tensor {
      let model = try model(shape, open: open, [operation(kind, [.x: x()].merging(arguments) { $1 })])
      return try model.predict(Tensor(shape: shape, (0..<shape.reduce(1, *)).map { Float($0) }))
    }
    if !isOpen {
      #expect(try result(.reduceMax, [.axes: .integers([0])], [3, 2]) == Tensor(shape: [2], [4, 5]))
      #expect(try result(.cumulativeSum, [.axis: .integer(0)], [3]) == Tensor(shape: [3], [0, 1, 3]))
      #expect(try result(.flatten2d, [.axis: .integer(0)], [3, 2]).shape == [1, 6])
      #expect(try result(.flatten2d, [.axis: .integer(2)], [3, 2]).shape == [6, 1])
      #expect(try result(.reshape, [.shape: .integers([2, -1])], [3, 2]).shape == [2, 3])
      #expect(try result(.expandDims, [.axes: .integers([0])], [3]).shape == [1, 3])
      #expect(try result(.squeeze, [:], [1, 3, 1]).shape == [3])
      let last: Arguments = [.begin: .integers([-1]), .end: .integers([9])]
      #expect(try result(.sliceByIndex, last, [3, 2]) == Tensor(shape: [1, 2], [4, 5]))
      #expect(try result(.softmax, [.axis: .integer(0)], [2]).floats.reduce(0, +) == 1)
      #expect(try abs(result(.softmax, [.axis: .integer(0)], [2, 1, 2]).floats[0] - 1 / (1 + exp(Float(2)))) < 1e-6)
      #expect(try result(.linear, [.weight: numbers([2, 3], [1, 1, 1, 0, 1, 2])], [3]) == Tensor(shape: [2], [3, 5]))
      #expect(try result(.matmul, [.y: numbers([3], [1, 0, 1])], [3]) == Tensor(shape: [], [2]))
      #expect(try result(.binary(.add), [.y: numbers([1, 1, 2], [1, 2])], [2]) == Tensor(shape: [1, 1, 2], [1, 3]))
      #expect(try result(.binary(.multiply), [.y: numbers([1], [2])], []) == Tensor(shape: [1], [0]))
    }
    // Lengths that are open stay whole, whatever they are.
    #expect(try result(.softmax, [.axis: .integer(1)], [3, 2]).shape == [3, 2])
    #expect(try result(.reshape, [.shape: .integers([0, -1])], [5, 2, 2]).shape == [5, 4])
    #expect(try result(.matmul, [.y: numbers([2, 1], [1, 2])], [7, 2]).shape == [7, 1])
    #expect(try result(.transpose, [.perm: .integers([1, 0])], [4, 2]).shape == [2, 4])
  }

  @Test("What would depend on an open length is named")
  func openLengths() throws {
    let (lengths, open) = ([0, 2, 0, 4], [0: "batch", 2: "time"])
    #expect(
      refusal(
        .sliceByIndex,
        [.x: x(), .begin: .integers([0, 0, 1]), .end: .integers([0, 0, 9]), .endMask: .integers([1, 1, 0])],
        shape: lengths, open: open)
        == "y (slice_by_index): it takes a part of axis 2, whose length is open.")
    #expect(
      refusal(.sliceByIndex, [.x: x(), .begin: .integers([1]), .end: .integers([2])], shape: lengths, open: open)
        == "y (slice_by_index): it takes a part of axis 0, whose length is open.")
    #expect(
      refusal(.squeeze, [.x: x()], shape: lengths, open: open)
        == "y (squeeze): it takes all axes of length 1 away from shape (None, 2, None, 4), where an open length may be 1."
    )
    #expect(
      refusal(.reshape, [.x: x(), .shape: .integers([0, 4096])], shape: lengths, open: open)
        == "y (reshape): shape (None, 2, None, 4) is to become [0, 4096], but the batch must stay an axis of its own. "
        + "Export it with fixed lengths, that of the batch too.")
    #expect(
      refusal(.concat, [.values: .operands([.named("x"), .named("x")])], shape: lengths, open: open)
        == "y (concat): it goes along the batch; examples are computed each by itself.")
    #expect(
      refusal(
        .maxPool,
        [
          .x: x(), .kernelSizes: .integers([2, 2]), .strides: .integers([2, 2]),
          .padType: .choice(OperationKind.PadType.sameLower),
        ], shape: lengths, open: open)
        == "y (max_pool): it puts an odd place of padding first for a picture of open size (None, None, 4, 2), which is supported at "
        + "strides of 1 alone.")
    #expect(
      refusal(.shape, [.x: x()], shape: lengths, open: open)
        == "y (shape): axis 2 is open, and only the batch may be where lengths are asked for. "
        + "Export it with fixed lengths, that of the batch too.")
    #expect(
      refusal(.shape, [.x: x()]) == "output \"y\": it is the same whatever the input, which is not supported.")
  }

  @Test("Padding by another number than 0 keeps it, behind a convolution too")
  func paddingByNumbers() throws {
    let conv = try operation(.conv, [.x: x(), .weight: numbers([1, 1, 1, 1], [2])], "c")
    let pad = try operation(
      .pad,
      [
        .x: x("c"), .pad: .integers([0, 0, 0, 0, 1, 0, 0, 1]), .mode: .choice(OperationKind.PadMode.constant),
        .constantValue: .number(1.5),
      ])
    let result = try model([1, 1, 1, 2], [conv, pad]).predict(Tensor(shape: [1, 1, 1, 2], [3, 4]))
    #expect(result.shape == [1, 1, 2, 3] && result.floats == [1.5, 1.5, 1.5, 6, 8, 1.5])
  }

  @Test("Values of different ranks are aligned at their last axes, where a first length is fixed")
  func ranks() throws {
    let sum = try operation(.reduceSum, [.x: x(), .axes: .integers([1]), .keepDims: .flag(false)], "s")
    let difference = try operation(.binary(.subtract), [.x: x(), .y: x("s")])
    let result = try model([2, 2, 2], [sum, difference]).predict(
      Tensor(shape: [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]))
    // The sums are (4, 6) and (12, 14), one for each pair of first and last place.
    #expect(result.floats == [-3, -4, -9, -10, 1, 0, -5, -6])
  }

  @Test("The length of an open batch may give shapes, but is no number to compute with")
  func batchLength() throws {
    let lengths = try operation(.shape, [.x: x()], "lengths")
    func length(_ axis: Int32) throws -> [Program.Operation] {
      [
        lengths,
        try operation(
          .gather, [.x: x("lengths"), .indices: .constant(Tensor(shape: [1], integers: [axis])), .axis: .integer(0)],
          "length"),
        try operation(.cast, [.x: x("length"), .dtype: .text("fp32")], "number"),
        try operation(.binary(.divide), [.x: x(), .y: x("number")]),
      ]
    }
    let input = try Tensor(shape: [3, 2], [2, 4, 6, 8, 10, 12])
    #expect(try model([0, 2], open: [0: "batch"], length(1)).predict(input).floats == [1, 2, 3, 4, 5, 6])
    #expect(throws: AthanorError.self) { try model([0, 2], open: [0: "batch"], length(0)) }
    do {
      _ = try model([0, 2], open: [0: "batch"], length(0))
    } catch {
      #expect(
        "\(error)"
          == "y (real_div): it computes with the length of the batch, but examples are computed each by itself. "
          + "Export it with fixed lengths, that of the batch too.")
    }
    // A file for one example says how it treats each.
    #expect(try model([1, 2], length(0)).predict(input).floats == input.floats)
    // A row of numbers for each example, whatever their number.
    let rows = [
      lengths, try operation(.fill, [.shape: x("lengths"), .value: .scalar(3)], "threes"),
      try operation(.binary(.add), [.x: x(), .y: x("threes")]),
    ]
    #expect(try model([0, 2], open: [0: "batch"], rows).predict(input).floats == input.floats.map { $0 + 3 })
  }

  @Test("Pictures of open height and width: padding holds at any size")
  func openPictures() throws {
    let conv = try operation(
      .conv,
      [
        .x: x(), .weight: numbers([1, 1, 3, 3], [Float](repeating: 1, count: 9)), .strides: .integers([2, 2]),
        .padType: .choice(OperationKind.PadType.custom), .pad: .integers([0, 1, 0, 1]),
      ])
    // At even sizes this padding is `same`, at odd ones it is not.
    let model = try model([1, 1, 8, 8], open: [0: "batch", 2: "height", 3: "width"], [conv])
    let ones = Tensor(uncheckedShape: [1, 1, 5, 5], .float32([Float](repeating: 1, count: 25)))
    #expect(try model.predict(ones) == Tensor(shape: [1, 1, 2, 2], [9, 9, 9, 9]))
  }

  @Test("Integers of known lengths are checked, not cut")
  func knownIntegers() throws {
    let big = Program.Argument.constant(try Tensor(shape: [1], integers: [1 << 30]))
    func folded(_ kind: OperationKind, _ arguments: Arguments) throws -> Tensor? {
      let site = try ImportSite(operation(kind, arguments), [:], GraphBuilder()) { _, _ in
        throw AthanorError(.unsupported, at: "", "it is no weight")
      }
      return try site.results()[0].constant
    }
    let error = #expect(throws: AthanorError.self) {
      try folded(.binary(.multiply), [.x: big, .y: big])
    }
    #expect(error?.description == "it computes 1.152921504606847e+18, which does not fit 32-bit integers.")
    // 2^24 + 1 is no 32-bit floating-point number.
    let odd = Program.Argument.constant(try Tensor(shape: [], integers: [1 << 24]))
    let one = Program.Argument.constant(try Tensor(shape: [], integers: [1]))
    #expect(try folded(.binary(.add), [.x: odd, .y: one]) == Tensor(shape: [], integers: [16_777_217]))
    #expect(
      try folded(.cast, [.x: numbers([2], [2.7, -2.7]), .dtype: .text("int32")])
        == Tensor(shape: [2], integers: [2, -2]))
  }

  @Test("A value of the wrong shape for an input without examples")
  func misfits() throws {
    let model = try model([2, 2], [operation(.cumulativeSum, [.x: x(), .axis: .integer(0)])])
    let texts = [[1, 2, 2], []].map { shape in
      #expect(throws: AthanorError.self) { try model.predict(Tensor(zeros: shape)) }?.description
    }
    #expect(
      texts == [
        "predict: inputs have shape (1, 2, 2) but the model needs (2, 2). This input has no axis for examples: give one tensor of just this shape.",
        "predict: inputs have shape () but the model needs (2, 2). This input has no axis for examples: give one tensor of just this shape.",
      ])
    let predictor = try model.predictor()
    #expect(try predictor.predict(Tensor(shape: [2, 2], [-1, 1, -2, 2])).floats == [-1, 1, -3, 3])
    #expect(model.summary().contains("(2, 2)"))
  }
}
