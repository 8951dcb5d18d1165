import Athanor
import AthanorCore
import Testing

/// An operation with all of its arguments, none at its default where another value is possible.
struct OperationCase: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let kind: OperationKind
  let shape: [Int]
  let dtype: DType
  let arguments: [ArgumentName: Program.Argument]
  let resultCount: Int
  /// Whether all operands are known, so that the result is added to the model's input.
  let isKnown: Bool
  /// The model's input where not any numbers will do.
  let input: [Float]?

  init(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], note: String = "",
    shape: [Int] = [1, 2, 5, 6], dtype: DType = .float32, results: Int = 1,
    isKnown: Bool = false, input: [Float]? = nil
  ) {
    testDescription = note.isEmpty ? kind.name : "\(kind.name), \(note)"
    (self.kind, self.shape, self.dtype) = (kind, shape, dtype)
    (resultCount, self.isKnown, self.input) = (results, isKnown, input)
    let first = [ArgumentName.x, .indices].first { name in kind.parameters.contains { $0.name == name } }
    self.arguments = first.map { arguments.merging([$0: OperationCase.x]) { own, _ in own } } ?? arguments
  }

  static let x = Program.Argument.operand(.named("x"))

  static func numbers(_ shape: [Int], from: Float = -0.5) -> Program.Argument {
    .constant(Tensor(uncheckedShape: shape, .float32((0..<shape.reduce(1, *)).map { Float($0 * 7 % 11) / 10 + from })))
  }

  static func numbers(_ values: [Float]) -> Program.Argument {
    .constant(Tensor(uncheckedShape: [values.count], .float32(values)))
  }

  static func places(_ values: [Int32]) -> Program.Argument {
    .constant(Tensor(uncheckedShape: [values.count], .int32(values)))
  }

  private static let custom = Program.Argument.choice(OperationKind.PadType.custom)

  static let all: [OperationCase] =
    functions + windows + products + others + curves + normalizations + conditions + reductions + rearrangements

  private static let functions: [OperationCase] = OperationKind.all.compactMap { kind in
    switch kind.function {
    case .unary(let function):
      OperationCase(kind, function.row.parameter.map { [$0.name: .number(0.3)] } ?? [:])
    case .binary: OperationCase(kind, [.y: numbers([2, 1, 1], from: 0.5)])
    case nil: nil
    }
  }

  private static let windows = [
    OperationCase(
      .conv,
      [
        .weight: numbers([4, 1, 2, 2]), .bias: numbers([4]), .strides: .integers([2, 1]), .padType: custom,
        .pad: .integers([0, 0, 2, 1]), .dilations: .integers([1, 2]), .groups: .integer(2),
      ]),
    OperationCase(.conv, [.weight: numbers([1, 2, 2, 2]), .pad: .integers([0, 0, 0, 0])], note: "valid"),
    OperationCase(
      .maxPool,
      [
        .kernelSizes: .integers([3, 2]), .strides: .integers([2, 2]), .padType: custom, .pad: .integers([1, 0, 0, 1]),
        .ceilMode: .flag(false),
      ]),
    OperationCase(
      .avgPool,
      [
        .kernelSizes: .integers([3, 2]), .strides: .integers([2, 2]), .padType: custom, .pad: .integers([1, 0, 0, 1]),
        .ceilMode: .flag(false), .excludePadding: .flag(true),
      ]),
  ]

  private static let products = [
    OperationCase(.linear, [.weight: numbers([3, 4]), .bias: numbers([3])], shape: [1, 4]),
    OperationCase(.matmul, [.y: x, .transposeX: .flag(true), .transposeY: .flag(false)], shape: [1, 3, 3]),
    OperationCase(.matmul, [.y: numbers([3, 4]), .transposeY: .flag(true)], note: "known", shape: [1, 4]),
    OperationCase(
      .batchNorm,
      [
        .gamma: numbers([2]), .beta: numbers([2]), .mean: numbers([2]), .variance: numbers([2], from: 0.5),
        .epsilon: .number(0.01),
      ]),
    OperationCase(
      .layerNorm, [.axes: .integers([-1]), .gamma: numbers([4]), .beta: numbers([4]), .epsilon: .number(0.01)],
      shape: [1, 4]),
    OperationCase(.prelu, [.alpha: numbers([2])]),
  ]

  private static let others = [
    // Each number stands twice.
    OperationCase(.argMax, [.axis: .integer(1), .keepDims: .flag(true), .lastIndex: .flag(false)], shape: [1, 74]),
    OperationCase(.argMin, [.axis: .integer(1), .keepDims: .flag(true), .lastIndex: .flag(false)], shape: [1, 74]),
    OperationCase(.cast, [.dtype: .choice(OperationKind.Precision.float16)]),
    OperationCase(.clip, [.alpha: .number(-0.2), .beta: .number(0.3)]),
    OperationCase(
      .concat, [.values: .operands([.named("x"), .named("x")]), .axis: .integer(1), .interleave: .flag(false)]),
    OperationCase(.cumulativeSum, [.axis: .integer(2), .exclusive: .flag(true), .reverse: .flag(true)]),
    OperationCase(.expandDims, [.axes: .integers([1])]),
    OperationCase(.flatten2d, [.axis: .integer(1)]),
    OperationCase(.floorDiv, [.x: places([7, 5]), .y: places([2, 3])], isKnown: true),
    OperationCase(
      .gather,
      [
        .x: places([4, 9, 2]), .indices: places([2, 0]), .axis: .integer(0), .batchDims: .integer(0),
        .validateIndices: .flag(false),
      ], isKnown: true),
    OperationCase(.gelu, [.mode: .choice(OperationKind.GeluMode.tanh)]),
    OperationCase(.identity, [:]),
    OperationCase(
      .oneHot, [.oneHotSize: .integer(4), .axis: .integer(-1), .onValue: .number(2), .offValue: .number(0.5)],
      shape: [1, 3], dtype: .int32),
    OperationCase(
      .pad,
      [
        .pad: .integers([0, 0, 1, 0, 2, 1]), .mode: .choice(OperationKind.PadMode.constant), .constantValue: .number(0),
        .axes: .integers([1, 2, 3]),
      ]),
    OperationCase(.reduceMax, [.axes: .integers([2, 3]), .keepDims: .flag(true)]),
    OperationCase(.reduceMean, [.axes: .integers([2, 3]), .keepDims: .flag(false)]),
    OperationCase(.reduceSum, [.axes: .integers([1]), .keepDims: .flag(true)]),
    OperationCase(.relu6, [:]),
    OperationCase(.reshape, [.shape: .integers([1, 4, 15])]),
    OperationCase(.shape, [.x: numbers([3, 4])], isKnown: true),
    OperationCase(.sigmoidHard, [.alpha: .number(0.3), .beta: .number(0.4)]),
    OperationCase(
      .sliceByIndex,
      [
        .begin: .integers([0, 1, 1, 2]), .end: .integers([1, 3, 4, 5]), .stride: .integers([1, 1, 1, 1]),
        .beginMask: .integers([0, 0, 0, 0]), .endMask: .integers([0, 0, 0, 0]), .squeezeMask: .integers([0, 0, 0, 0]),
      ], shape: [1, 4, 5, 6]),
    OperationCase(
      .sliceByIndex,
      [
        .x: places([4, 9, 2, 5]), .begin: .integers([1]), .end: .integers([3]), .stride: .integers([1]),
        .beginMask: .integers([0]), .endMask: .integers([0]), .squeezeMask: .integers([0]),
      ], note: "known", isKnown: true),
    OperationCase(.sliceBySize, [.begin: .integers([0, 0, 1, 2]), .size: .integers([-1, 1, 2, -1])]),
    OperationCase(.softmax, [.axis: .integer(2)]),
    OperationCase(.softsign, [:]),
    OperationCase(.split, [.axis: .integer(3), .splitSizes: .integers([1, 5])], results: 2),
    OperationCase(.split, [.axis: .integer(3), .splitCount: .integer(2)], note: "in equal parts", results: 2),
    OperationCase(.squeeze, [.axes: .integers([1])], shape: [1, 1, 6]),
    OperationCase(.tile, [.reps: .integers([1, 2, 1])], shape: [1, 1, 6]),
    OperationCase(.transpose, [.perm: .integers([0, 3, 1, 2])]),
  ]

  private static let curves = [
    OperationCase(.acosh, [:]), OperationCase(.asinh, [:]), OperationCase(.celu, [.alpha: .number(0.5)]),
    OperationCase(.hardSwish, [:]), OperationCase(.mish, [:]),
    OperationCase(.selu, [.alpha: .number(1.5), .gamma: .number(1.1)]),
    OperationCase(.shrink, [.alpha: .number(0.3), .beta: .number(0.1)]),
    OperationCase(.swish, [.alpha: .number(0.7)]), OperationCase(.thresholdedRelu, [.alpha: .number(0.2)]),
    OperationCase(.mod, [.y: numbers([2, 1, 1], from: 0.5), .mode: .flag(true)]),
  ]

  private static let normalizations = [
    OperationCase(
      .groupNorm, [.groups: .integer(2), .gamma: numbers([4]), .beta: numbers([4]), .epsilon: .number(0.1)],
      shape: [1, 4, 3]),
    OperationCase(.hardmax, [.axis: .integer(2)]),
    OperationCase(.instanceNorm, [.gamma: numbers([2]), .beta: numbers([2]), .epsilon: .number(0.1)]),
    OperationCase(
      .localResponseNorm,
      [.size: .integer(1), .alpha: .number(0.3), .beta: .number(0.5), .k: .number(1.5)]),
    OperationCase(.logSoftmax, [.axis: .integer(2)]),
    OperationCase(.lpNorm, [.axis: .integer(2), .mode: .integer(2)]),
    OperationCase(.meanVarianceNorm, [.axes: .integers([2, 3]), .epsilon: .number(0.1)]),
    OperationCase(.rmsNorm, [.gamma: numbers([6]), .axis: .integer(3), .epsilon: .number(0.1)]),
  ]

  private static let comparisons: [OperationKind] = [.equal, .notEqual, .greater, .greaterEqual, .less, .lessEqual]

  private static let conditions =
    comparisons.map { OperationCase($0, [.y: numbers([-1.03])]) }  // the first number of the input
    + [
      OperationCase(.logicalAnd, [.x: places([0, 1]), .y: places([1, 0])], isKnown: true),
      OperationCase(.logicalOr, [.x: places([0, 1]), .y: places([0, 0])], isKnown: true),
      OperationCase(.logicalXor, [.x: places([0, 1]), .y: places([0, 0])], isKnown: true),
      OperationCase(.logicalNot, [.x: places([0, 2])], isKnown: true),
      OperationCase(.isNaN, [:]),
      OperationCase(
        .isInfinite, [.alpha: .flag(true), .beta: .flag(false)], shape: [1, 3], input: [.infinity, -.infinity, 1]),
      OperationCase(
        .select, [.condition: x, .whenTrue: numbers([0.5]), .whenFalse: numbers([0.25])], shape: [1, 3],
        input: [0, 1, 0]),
    ]

  private static let reductionKinds: [OperationKind] = [
    .reduceL1, .reduceL2, .reduceLogSum, .reduceLogSumExp, .reduceMin, .reduceProduct, .reduceSumSquare,
  ]

  private static let reductions = reductionKinds.map {
    OperationCase($0, [.axes: .integers([2, 3]), .keepDims: .flag(true)], input: (0..<60).map { Float($0 % 7 + 1) })
  }

  private static let rearrangements = [
    OperationCase(
      .convTranspose,
      [
        .weight: numbers([2, 2, 2, 2]), .bias: numbers([4]), .strides: .integers([2, 1]), .padType: custom,
        .pad: .integers([0, 0, 1, 1]), .dilations: .integers([1, 2]), .groups: .integer(2),
        .outputPadding: .integers([0, 0]),
      ]),
    OperationCase(
      .convTranspose, [.weight: numbers([2, 2, 2, 2]), .strides: .integers([2, 2]), .size: .integers([10, 12])],
      note: "of a size"),
    OperationCase(
      .depthToSpace, [.blockSize: .integer(2), .mode: .choice(OperationKind.BlockOrder.channelsFirst)],
      shape: [1, 8, 3, 2]),
    OperationCase(.spaceToDepth, [.blockSize: .integer(2)], shape: [1, 2, 6, 6]),
    OperationCase(.elementCount, [.x: numbers([3, 4])], isKnown: true),
    OperationCase(.axesFrom, [.x: numbers([3, 4]), .axis: .integer(1)], isKnown: true),
    OperationCase(.expand, [.shape: .integers([1, 4, 6])], shape: [1, 1, 6]),
    OperationCase(.fill, [.shape: .integers([2]), .value: numbers([0.5])], isKnown: true),
    OperationCase(.range, [.begin: places([0]), .end: places([6]), .stride: places([2])], isKnown: true),
    OperationCase(
      .resize,
      [
        .scales: numbers([1, 1, 2, 1.5]), .axes: .integers([0, 1, 2, 3]),
        .mode: .choice(OperationKind.ResizeMode.cubic), .alpha: .number(-0.6), .excludePadding: .flag(true),
        .coordinates: .choice(OperationKind.ResizeCoordinates.halfPixel),
      ], note: "by scales"),
    OperationCase(
      .resize,
      [
        .size: .integers([7, 9]), .axes: .integers([2, 3]), .mode: .choice(OperationKind.ResizeMode.nearest),
        .nearest: .choice(OperationKind.ResizeRounding.floor),
        .policy: .choice(OperationKind.ResizePolicy.stretch),
      ], note: "to a size"),
    OperationCase(
      .sliceAxes,
      [
        .begin: .integers([1, 2]), .end: .integers([3, 5]), .axes: .integers([1, 3]), .stride: .integers([1, 1]),
      ], shape: [1, 4, 5, 6]),
    OperationCase(.triangle, [.upper: .flag(true), .size: .integer(0)]),
  ]
}

@Suite("An operation accounts for every argument")
struct ArgumentMutationTests {
  private enum Outcome: Equatable {
    case numbers([Int], [Float])
    case refused(String)
  }

  private func outcome(
    _ test: OperationCase, _ arguments: [ArgumentName: Program.Argument], asLayers: Bool = true
  ) throws -> Outcome {
    do {
      let results = (0..<test.resultCount).map { Program.Result($0 == 0 ? "y" : "y\($0)") }
      var operations = [try Program.Operation(test.kind, name: "it", arguments, results: results)]
      if test.isKnown {
        // Behind the shape too, of which broadcasting sees nothing.
        let sum = try OperationKind.binary(.add)
        operations.append(
          try Program.Operation(
            sum, name: "sum", [.x: OperationCase.x, .y: .operand(.named("y"))], results: [.init("z")]))
      }
      let shape = test.isKnown ? [1, 1, 1] : test.shape
      let input = Program.Input(name: "x", dtype: test.dtype, shape: shape)
      let program = Program(
        inputs: [input], operations: operations, outputs: [Program.Result(test.isKnown ? "z" : "y")])
      let model = try Model(ModelRecipe(program, name: "test", asLayers: asLayers), threads: 1)
      let lengths = model.inputs[0].lengths.map { $0.fixed ?? 1 }
      let count = lengths.reduce(1, *)
      let inputs =
        test.dtype == .int32
        ? try Tensor(shape: lengths, integers: (0..<count).map { Int32($0) })
        : try Tensor(shape: lengths, test.input ?? (0..<count).map { Float($0 * 31 % 37) / 18 - 1.03 })
      let result = try model.predict(inputs)
      return .numbers(result.shape, result.floats)
    } catch let error as AthanorError {
      return .refused(error.description)
    }
  }

  /// - Parameters:
  ///   - isMask: Whether integers are flags.
  ///   - first: The first place of a list that is changed.
  private func mutations(_ argument: Program.Argument, isMask: Bool, from first: Int) -> [Program.Argument] {
    switch argument {
    case .number(let number): [.number(number + 1)]
    case .integer(let integer): [.integer(integer + 1)]
    case .integers(let integers):
      integers.indices.dropFirst(first).map { place in
        .integers(
          integers.enumerated().map { $0.offset != place ? $0.element : isMask ? 1 - $0.element : $0.element + 1 })
      } + [.integers(integers + [1])]
    case .flag(let flag): [.flag(!flag)]
    case .text(let text): [.text(text + "_x")]
    case .operand(.constant(let tensor)):
      tensor.dtype == .int32
        ? [.constant(Tensor(uncheckedShape: tensor.shape, .int32(tensor.integers.map { Int32($0 + 1) })))]
        : [.constant(Tensor(uncheckedShape: tensor.shape, .float32(tensor.floats.map { $0 + 1 })))]
    case .operand, .operands: []
    }
  }

  @Test("Each argument of a kind is given in a case")
  func complete() {
    for kind in OperationKind.all {
      let given = Set(OperationCase.all.filter { $0.kind == kind }.flatMap(\.arguments.keys))
      #expect(given == Set(kind.parameters.map(\.name)), "\(kind)")
    }
  }

  /// A layer that leaves out what its operation says would compute something else.
  @Test("Layers compute what their operations do, whatever the arguments", arguments: OperationCase.all)
  func layers(_ test: OperationCase) throws {
    var lists = [test.arguments]
    for (name, argument) in test.arguments {
      lists.append(test.arguments.filter { $0.key != name })
      let others = mutations(argument, isMask: false, from: 0)
      lists += others.map { other in test.arguments.merging([name: other]) { $1 } }
    }
    for arguments in lists {
      switch (try outcome(test, arguments), try outcome(test, arguments, asLayers: false)) {
      case (.numbers(let shape, let numbers), .numbers(let otherShape, let others)):
        #expect(shape == otherShape, "\(arguments)")
        let isClose = zip(numbers, others).allSatisfy { number, other in
          number == other || number.isNaN && other.isNaN || abs(number - other) <= 1e-5 * max(1, abs(other))
        }
        #expect(isClose, "\(arguments)")
      case (.refused, .refused): break
      case (let layers, let operations): Issue.record("\(arguments): \(layers) \(operations)")
      }
    }
  }

  @Test("Another value changes the result, or is an error", arguments: OperationCase.all)
  func values(_ test: OperationCase) throws {
    let expected = try outcome(test, test.arguments)
    guard case .numbers = expected else {
      Issue.record("\(expected)")
      return
    }
    // Of a shape alone nothing else can be seen.
    if test.kind == .shape || test.kind == .elementCount { return }
    for (name, argument) in test.arguments.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      if test.kind == .axesFrom, name == .x { continue }  // nor of the number of axes
      let isMask = [.beginMask, .endMask, .squeezeMask].contains(name)
      // All of the batch is taken, however that is said.
      let first = test.kind == .sliceByIndex && !test.isKnown ? 1 : 0
      for other in mutations(argument, isMask: isMask, from: first) {
        let changed = test.arguments.merging([name: other]) { $1 }
        let results = (0..<test.resultCount).map { Program.Result("y\($0)") }
        if let operation = try? Program.Operation(test.kind, name: "it", changed, results: results),
          !operation.counts(name)
        {
          continue
        }
        let got = try outcome(test, changed)
        #expect(got != expected, "\(name.rawValue) is \(other)")
      }
    }
  }

  @Test("An argument that the kind does not have is an error that names it", arguments: OperationKind.all)
  func unknown(_ kind: OperationKind) throws {
    guard let name = ArgumentName.allCases.first(where: { name in !kind.parameters.contains { $0.name == name } })
    else {
      return
    }
    expectError(
      "its argument \"\(name.rawValue)\" is not known. "
        + "\(kind.name) takes \(kind.parameters.map(\.name.rawValue).joined(separator: ", "))."
    ) {
      _ = try Program.Operation(kind, name: "it", [name: .integer(1)], results: [Program.Result("y")])
    }
  }
}
