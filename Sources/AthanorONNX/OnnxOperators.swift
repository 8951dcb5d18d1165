import Athanor
import AthanorCore

/// An operator that can be read.
package struct OnnxOperator: Sendable {
  package let name: String
  /// What is not read of it; empty where all is.
  package let limits: String
  /// Attributes that change no result here.
  package let ignored: Set<String>
  /// What the results' elements are.
  let elements: Elements
  /// Adds the operations that compute the node.
  let translate: @Sendable (OnnxReader) throws -> Void

  /// The type of a result's elements.
  enum Elements {
    /// That of an input. A translation that knows better says so itself (`OnnxReader.types`).
    case ofInput(Int)
    case flags, places
  }

  init(
    _ name: String, limits: String = "", ignoring ignored: Set<String> = [], elements: Elements = .ofInput(0),
    _ translate: @escaping @Sendable (OnnxReader) throws -> Void
  ) {
    self.name = name
    self.limits = limits
    self.ignored = ignored
    self.elements = elements
    self.translate = translate
  }
}

extension OnnxFiles {
  /// All operators that can be read, by name. `Documentation/onnx.md` lists them.
  package static var operators: [OnnxOperator] { OnnxReader.operators.values.sorted { $0.name < $1.name } }
}

extension OnnxReader {
  static let operators: [String: OnnxOperator] = Dictionary(
    uniqueKeysWithValues: (functions + logic + products + normalizations + reductions + shapes + selections)
      .map { ($0.name, $0) })

  // MARK: Functions of the elements

  private static let functions: [OnnxOperator] =
    [
      .init("Identity") { try $0.finish(.identity) },
      .init("Softsign") { try $0.finish(.softsign) },
      .init("HardSwish") { try $0.finish(.hardSwish) },
      .init("Mish") { try $0.finish(.mish) },
      .init("Asinh") { try $0.finish(.asinh) },
      .init("Acosh") { try $0.finish(.acosh) },
      .init("Selu") { reader in
        let (alpha, gamma) = try (reader.number("alpha", default: 1.6732632), reader.number("gamma", default: 1.050701))
        try reader.finish(.selu, [.alpha: .number(alpha), .gamma: .number(gamma)])
      },
      .init("Celu") { try $0.finish(.celu, [.alpha: .number($0.number("alpha", default: 1))]) },
      .init("Swish") { try $0.finish(.swish, [.alpha: .number($0.number("alpha", default: 1))]) },
      .init("ThresholdedRelu") {
        try $0.finish(.thresholdedRelu, [.alpha: .number($0.number("alpha", default: 1))])
      },
      .init("Shrink") { reader in
        let (alpha, beta) = try (reader.number("lambd", default: 0.5), reader.number("bias", default: 0))
        try reader.finish(.shrink, [.alpha: .number(alpha), .beta: .number(beta)])
      },
      .init("Gelu") { reader in
        let modes: [String: OperationKind.GeluMode] = ["none": .exact, "tanh": .tanh]
        let name = try reader.text("approximate", default: "none")
        guard let mode = modes[name] else { throw reader.unsupported("approximate", "\"\(name)\"") }
        try reader.finish(.gelu, [.mode: .choice(mode)])
      },
      .init("HardSigmoid") { reader in
        let (alpha, beta) = try (reader.number("alpha", default: 0.2), reader.number("beta", default: 0.5))
        try reader.finish(.sigmoidHard, [.alpha: .number(alpha), .beta: .number(beta)])
      },
      .init("PRelu", limits: "known slopes for each channel, or any that broadcast") { try $0.translateSlopes() },
      .init("Clip", limits: "bounds that do not depend on the input") { reader in
        var arguments: [ArgumentName: Program.Argument] = [:]
        for (index, pair) in [("min", ArgumentName.alpha), ("max", .beta)].enumerated() {
          if let bound = try reader.number(pair.0) {
            arguments[pair.1] = .number(bound)
          } else if let bound = try reader.optional(index + 1) {
            arguments[pair.1] = .operand(bound)
          }
        }
        try reader.finish(.clip, arguments)
      },
      .init("Neg", limits: "floating-point numbers, or known integers") { reader in
        let isInteger = if case .constant(let x)? = try reader.optional(0) { x.dtype == .int32 } else { false }
        let factor: Tensor.Storage = isInteger ? .int32([-1]) : .float32([-1])
        try reader.finish(.binary(.multiply), [.y: .constant(Tensor(uncheckedShape: [], factor))])
      },
      .init("Mod", limits: "floating-point numbers, or known integers") { reader in
        try reader.requireNoComputedShorts()
        try reader.finish(.mod, [.y: reader.input(1), .mode: .flag(reader.flag("fmod"))])
      },
      .init("Sum") { try $0.translateMany(.add) },
      .init("Mean") { reader in
        guard reader.node.inputs.count > 1 else { return try reader.finish(.identity) }
        let sum = try reader.joined(.add, upTo: reader.node.inputs.count)
        try reader.finish(.binary(.multiply), [.x: sum, .y: .scalar(1 / Double(reader.node.inputs.count))])
      },
    ]
    + UnaryFunction.allCases.compactMap { function in
      function.row.onnx.map { name in
        OnnxOperator(name, limits: function == .leakyRelu || function == .elu ? "alpha of 0 or more" : "") {
          try $0.translate(function)
        }
      }
    }
    + BinaryFunction.allCases.compactMap { function in
      function.row.onnx.map { name in
        OnnxOperator(name, limits: "floating-point numbers, or known integers") { try $0.translate(function) }
      }
    }

  /// Parameters have the same names and defaults in both languages, but for `epsilon`, which ONNX does not have.
  private func translate(_ function: UnaryFunction) throws {
    var arguments: [ArgumentName: Program.Argument] = [:]
    switch function.row.parameter?.name {
    case .epsilon: arguments[.epsilon] = .number(0)
    case let name?: if let given = try number(name.rawValue) { arguments[name] = .number(given) }
    case nil: break
    }
    try finish(.unary(function), arguments)
  }

  private func translate(_ function: BinaryFunction) throws {
    try requireNoComputedShorts()
    if function == .power, case .operand(.constant(let base)) = try input(0), !base.dtype.isFloatingPoint,
      case .operand(.named) = try input(1)
    {
      throw AthanorError(.unsupported, at: "", "its powers are those of integers, which are integers again")
    }
    switch function {
    case .maximum, .minimum: try translateMany(function)
    default: try finish(.binary(function), [.y: input(1)])
    }
  }

  /// - Throws: `AthanorError` when the network computes integers that wrap around before 32 bits do.
  private func requireNoComputedShorts() throws {
    for (index, name) in node.inputs.enumerated() where constants[name] == nil {
      guard let type = type(of: index), OnnxNumbers.isShort(type) else { continue }
      throw AthanorError(
        .unsupported, at: "",
        "its input \(index + 1) is computed in \(OnnxNumbers.name(type)), in which only known numbers are combined",
        fix: "Cast it to float32 before.")
    }
  }

  /// Of any number of inputs.
  private func translateMany(_ function: BinaryFunction) throws {
    let last = node.inputs.count - 1
    guard last > 0 else { return try finish(.identity) }
    try finish(.binary(function), [.x: joined(function, upTo: last), .y: input(last)])
  }

  private func joined(_ function: BinaryFunction, upTo end: Int) throws -> Program.Argument {
    var value = try input(0)
    for index in 1..<max(end, 1) { value = try step(.binary(function), [.x: value, .y: input(index)]) }
    return value
  }

  /// `max(x, 0) + slope * min(x, 0)`: slopes are broadcast from the last axis, in the exchange language they are those of channels.
  private func translateSlopes() throws {
    if case .constant(let slopes)? = try optional(1), slopes.count == 1 || slopes.trimmed.shape.dropFirst() == [1, 1] {
      return try finish(.prelu, [.alpha: .constant(slopes)])
    }
    let above = try step(.binary(.maximum), [.y: .scalar(0)])
    let below = try step(.binary(.minimum), [.y: .scalar(0)])
    let scaled = try step(.binary(.multiply), [.x: below, .y: input(1)])
    try finish(.binary(.add), [.x: above, .y: scaled])
  }

  // MARK: Types, comparisons and choices

  private static let logic: [OnnxOperator] = [
    .init(
      "Cast",
      limits:
        "to floating-point numbers (kept in 32 bits), integers (in 32 bits; what lies beyond becomes the nearest), bytes and flags",
      ignoring: formatsOf8Bits
    ) { reader in
      try reader.translateCast(Int32(clamping: reader.requiredInteger("to")))
    },
    .init("CastLike", limits: "the type of an input or a known tensor, as Cast", ignoring: formatsOf8Bits) { reader in
      _ = try reader.optional(1)
      guard let type = reader.type(of: 1) else {
        throw AthanorError(.unsupported, at: "", "the type of its second input is not written in the file")
      }
      try reader.translateCast(type)
    },
    .init("Equal", elements: .flags) { try $0.finish(.equal, [.y: $0.input(1)]) },
    .init("Greater", elements: .flags) { try $0.finish(.greater, [.y: $0.input(1)]) },
    .init("GreaterOrEqual", elements: .flags) { try $0.finish(.greaterEqual, [.y: $0.input(1)]) },
    .init("Less", elements: .flags) { try $0.finish(.less, [.y: $0.input(1)]) },
    .init("LessOrEqual", elements: .flags) { try $0.finish(.lessEqual, [.y: $0.input(1)]) },
    .init("And") { try $0.finish(.logicalAnd, [.y: $0.input(1)]) },
    .init("Or") { try $0.finish(.logicalOr, [.y: $0.input(1)]) },
    .init("Xor") { try $0.finish(.logicalXor, [.y: $0.input(1)]) },
    .init("Not") { try $0.finish(.logicalNot) },
    .init("IsNaN", elements: .flags) { try $0.finish(.isNaN) },
    .init("IsInf", elements: .flags) { reader in
      let flags = try ["detect_negative", "detect_positive"].map {
        Program.Argument.flag(try reader.flag($0, default: true))
      }
      try reader.finish(.isInfinite, [.alpha: flags[0], .beta: flags[1]])
    },
    .init(
      "Where", limits: "both choices of one type: floating-point numbers, or integers of 32 bits", elements: .ofInput(1)
    ) { reader in
      try reader.finish(
        .select, [.condition: reader.input(0), .whenTrue: reader.input(1), .whenFalse: reader.input(2)])
    },
  ]

  /// How numbers become those of formats of 8 bits, which no cast makes here.
  private static let formatsOf8Bits: Set = ["saturate", "round_mode"]

  private func translateCast(_ type: Int32) throws {
    let precision: OperationKind.Precision
    switch type {
    case 1, 16: precision = .float32
    case 10: precision = .float16
    case 11: precision = .float64
    case 2: precision = .uint8
    case 6, 7: precision = .int32
    case 9: precision = .bool
    default:
      throw AthanorError(.unsupported, at: "", "it casts to \(OnnxNumbers.name(type)), which is not supported")
    }
    setType(type)
    try finish(.cast, [.dtype: .choice(precision)])
  }

  // MARK: Reductions

  private static let reductions: [OnnxOperator] =
    [
      ("ReduceMean", OperationKind.reduceMean), ("ReduceSum", .reduceSum), ("ReduceMax", .reduceMax),
      ("ReduceMin", .reduceMin), ("ReduceProd", .reduceProduct), ("ReduceL1", .reduceL1), ("ReduceL2", .reduceL2),
      ("ReduceLogSum", .reduceLogSum), ("ReduceLogSumExp", .reduceLogSumExp), ("ReduceSumSquare", .reduceSumSquare),
    ].map { name, kind in
      OnnxOperator(name, limits: "not along the examples; floating-point numbers") { try $0.translateReduction(kind) }
    } + [
      .init("ArgMax", limits: "not along the examples", elements: .places) { try $0.translateArgument(.argMax) },
      .init("ArgMin", limits: "not along the examples", elements: .places) { try $0.translateArgument(.argMin) },
      .init("CumSum", limits: "not along the examples; a known axis") { reader in
        let flags = try ["exclusive", "reverse"].map { Program.Argument.flag(try reader.flag($0)) }
        try reader.finish(.cumulativeSum, [.axis: reader.input(1), .exclusive: flags[0], .reverse: flags[1]])
      },
      .init("GlobalAveragePool", limits: "three axes or more") { try $0.translateGlobal(.reduceMean) },
      .init("GlobalMaxPool", limits: "three axes or more") { try $0.translateGlobal(.reduceMax) },
      .init("GlobalLpPool", limits: "three axes or more; p of 1 or 2") { reader in
        let p = try reader.integer("p", default: 2)
        guard p == 1 || p == 2 else { throw reader.unsupported("p", "\(p)") }
        try reader.translateGlobal(p == 1 ? .reduceL1 : .reduceL2)
      },
    ]

  private func translateReduction(_ kind: OperationKind) throws {
    var arguments: [ArgumentName: Program.Argument] = [.keepDims: .flag(try flag("keepdims", default: true))]
    let axes = try list("axes", input: 1)
    let keepsAll = try flag("noop_with_empty_axes")
    if let axes, axes != .integers([]) {
      arguments[.axes] = axes
    } else if keepsAll {
      // What is done to each element alone.
      arguments[.axes] = .integers([])
    }
    try finish(kind, arguments)
  }

  private func translateArgument(_ kind: OperationKind) throws {
    try finish(
      kind,
      [
        .axis: .integer(integer("axis", default: 0)), .keepDims: .flag(flag("keepdims", default: true)),
        .lastIndex: .flag(flag("select_last_index")),
      ])
  }

  /// All axes from the third one on.
  private func translateGlobal(_ kind: OperationKind) throws {
    try finish(kind, [.axes: step(.axesFrom, [.axis: .integer(2)]), .keepDims: .flag(true)])
  }
}
