/// The names of all arguments, as Core ML's MIL spells them.
package enum ArgumentName: String, Hashable, Sendable, CaseIterable {
  case x, y, values, weight, bias, gamma, beta, mean, variance, epsilon, alpha, mode, strides, pad, dilations, groups
  case axis, axes, interleave, k, shape, perm, reps, begin, end, stride, size, indices, dtype, exclusive, reverse
  case padType = "pad_type"
  case kernelSizes = "kernel_sizes"
  case ceilMode = "ceil_mode"
  case excludePadding = "exclude_padding_from_average"
  case transposeX = "transpose_x"
  case transposeY = "transpose_y"
  case keepDims = "keep_dims"
  case beginMask = "begin_mask"
  case endMask = "end_mask"
  case squeezeMask = "squeeze_mask"
  case constantValue = "constant_val"
  case splitCount = "num_splits"
  case splitSizes = "split_sizes"
  case batchDims = "batch_dims"
  case validateIndices = "validate_indices"
  case oneHotSize = "one_hot_vector_size"
  case onValue = "on_value"
  case offValue = "off_value"
  case outputPadding = "output_padding"
  case condition = "cond"
  case whenTrue = "a"
  case whenFalse = "b"
  case lastIndex = "select_last_index"
  case blockSize = "block_size"
  case scales, coordinates, nearest, policy, upper, value
}

/// One argument that a kind of operation takes.
package struct Parameter: Hashable, Sendable {
  package enum Form: String, Sendable {
    case value = "a value"
    case values = "a list of values"
    case number = "a number"
    case integer = "an integer"
    case integers = "a list of integers"
    case flag = "true or false"
    case text = "a text"
  }

  package let name: ArgumentName
  package let form: Form
  /// What holds when the argument is not given.
  package let standard: Program.Argument?
  package let isRequired: Bool
  /// What the argument may be; nil for anything.
  package let choices: [Program.Argument]?
  /// When the argument has an effect on results.
  package private(set) var effect = Effect.always

  package enum Effect: Hashable, Sendable {
    case always, never
    /// Where another argument has a value.
    case when(ArgumentName, Program.Argument)
  }
  /// Whether known numbers decide what is computed, as places do, and can be no weights.
  package private(set) var isSetting = false

  private init(
    _ name: ArgumentName, _ form: Form, _ standard: Program.Argument? = nil, isRequired: Bool = false,
    choices: [Program.Argument]? = nil
  ) {
    self.name = name
    self.form = form
    self.standard = standard
    self.isRequired = isRequired
    self.choices = choices
  }

  package func counting(_ effect: Effect) -> Parameter {
    var parameter = self
    parameter.effect = effect
    return parameter
  }

  package static func required(_ name: ArgumentName, _ form: Form = .value) -> Parameter {
    Parameter(name, form, isRequired: true)
  }
  package static func optional(_ name: ArgumentName, _ form: Form = .value) -> Parameter { Parameter(name, form) }
  /// Known numbers that decide what is computed.
  package static func setting(_ name: ArgumentName, isRequired: Bool = true) -> Parameter {
    var parameter = Parameter(name, .value, isRequired: isRequired)
    parameter.isSetting = true
    return parameter
  }
  package static func number(_ name: ArgumentName, _ standard: Double) -> Parameter {
    Parameter(name, .number, .number(standard))
  }
  package static func integer(_ name: ArgumentName, _ standard: Int, isFixed: Bool = false) -> Parameter {
    Parameter(name, .integer, .integer(standard), choices: isFixed ? [.integer(standard)] : nil)
  }
  package static func integers(_ name: ArgumentName, _ standard: [Int]) -> Parameter {
    Parameter(name, .integers, .integers(standard))
  }
  package static func flag(_ name: ArgumentName, _ standard: Bool = false) -> Parameter {
    Parameter(name, .flag, .flag(standard))
  }
  package static func text(_ name: ArgumentName, _ standard: String) -> Parameter {
    Parameter(name, .text, .text(standard))
  }
  /// One of the texts that a type has.
  package static func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ name: ArgumentName, _ standard: Choice
  ) -> Parameter {
    Parameter(name, .text, .choice(standard), choices: Choice.allCases.map { .choice($0) })
  }

  /// The argument in this parameter's form, in which known numbers are numbers, integers or flags.
  ///
  /// - Throws: `AthanorError` with an empty location when it has another form.
  func checked(_ argument: Program.Argument) throws -> Program.Argument {
    let typed = typed(argument)
    guard let typed else {
      throw AthanorError(
        .data, at: "", "its argument \"\(name.rawValue)\" is \(argument) but must be \(form.rawValue)")
    }
    if let choices, !choices.contains(typed), typed.operands.isEmpty {
      throw AthanorError(
        .unsupported, at: "",
        "its argument \"\(name.rawValue)\" is \(typed), but only \(choices.map(\.description).joined(separator: ", ")) "
          + (choices.count == 1 ? "is supported" : "are supported"))
    }
    return typed
  }

  private func typed(_ argument: Program.Argument) -> Program.Argument? {
    switch (form, argument) {
    case (.value, .operand), (.values, .operands), (.number, .number), (.integer, .integer), (.integers, .integers),
      (.flag, .flag), (.text, .text):
      return argument
    case (.values, .operand(let operand)): return .operands([operand])
    case (.number, .operand(.constant(let tensor))): return tensor.count == 1 ? .number(Double(tensor.floats[0])) : nil
    case (.integer, .operand(.constant(let tensor))):
      return tensor.count == 1 ? tensor.exactIntegers.map { .integer($0[0]) } : nil
    case (.integers, .operand(.constant(let tensor))): return tensor.exactIntegers.map { .integers($0) }
    case (.flag, .operand(.constant(let tensor))): return tensor.count == 1 ? .flag(tensor.floats[0] != 0) : nil
    case (.number, .operand), (.integer, .operand), (.integers, .operand), (.flag, .operand): return argument
    default: return nil
    }
  }
}

extension Program.Argument: CustomStringConvertible {
  package var description: String {
    switch self {
    case .operand(.constant(let tensor)): "an array of shape \(Shape.text(tensor.shape))"
    case .operand(.named(let name)): "the value \"\(name)\""
    case .operands(let operands): "a list of \(operands.count) values"
    case .number(let number): "the number \(number)"
    case .integer(let integer): "the integer \(integer)"
    case .integers(let integers): "the integers \(integers)"
    case .flag(let flag): "\(flag)"
    case .text(let text): "the text \"\(text)\""
    }
  }
}

/// A kind of operation of the exchange language: its name in MIL, its arguments, and what it is in a graph.
///
/// Kinds stand beside the ops that export them; those without an op of their own are in this folder.
package struct OperationKind: Hashable, Sendable, CustomStringConvertible {
  /// The pointwise function that an operation computes and nothing else.
  package enum Function: Hashable, Sendable {
    case unary(UnaryFunction)
    case binary(BinaryFunction)
  }

  package let name: String
  /// Whether Core ML's MIL has it, with these arguments.
  package let isInMIL: Bool
  package let parameters: [Parameter]
  /// nil for any number.
  package let resultCount: Int?
  package let function: Function?
  /// The results in the graph.
  ///
  /// It throws `AthanorError` with an empty location when the operation cannot be computed.
  package let compose: @Sendable (ImportSite) throws -> [ImportedValue]
  /// The result when all operands are known: mostly the arithmetic on shapes that other programs leave in their files. nil where
  /// `compose` has to do it.
  package let fold: (@Sendable (ImportSite) throws -> Tensor?)?

  package init(
    _ name: String, isInMIL: Bool = true, _ parameters: [Parameter], function: Function? = nil, resultCount: Int? = 1,
    fold: (@Sendable (ImportSite) throws -> Tensor?)? = nil,
    compose: @escaping @Sendable (ImportSite) throws -> [ImportedValue]
  ) {
    self.name = name
    self.isInMIL = isInMIL
    self.parameters = parameters
    self.function = function
    self.resultCount = resultCount
    self.fold = fold
    self.compose = compose
  }

  package static func == (left: OperationKind, right: OperationKind) -> Bool { left.name == right.name }
  package func hash(into hasher: inout Hasher) { hasher.combine(name) }
  package var description: String { name }

  /// The vocabulary.
  package static let all: [OperationKind] =
    Array(unary.values) + Array(binary.values) + [
      acosh, argMax, argMin, asinh, avgPool, axesFrom, batchNorm, cast, celu, clip, concat, conv, convTranspose,
      cumulativeSum, depthToSpace, elementCount, equal, expand, expandDims, fill, flatten2d, floorDiv, gather,
      gelu, greater, greaterEqual, groupNorm, hardSwish, hardmax, identity, instanceNorm, isInfinite, isNaN,
      layerNorm, less, lessEqual, linear, localResponseNorm, logSoftmax, logicalAnd, logicalNot, logicalOr,
      logicalXor, lpNorm, matmul, maxPool, meanVarianceNorm, mish, mod, notEqual, oneHot, pad, prelu, range,
      reduceL1, reduceL2, reduceLogSum, reduceLogSumExp, reduceMax, reduceMean, reduceMin, reduceProduct,
      reduceSum, reduceSumSquare, relu6, reshape, resize, rmsNorm, select, selu, shape, shrink, sigmoidHard,
      sliceAxes, sliceByIndex, sliceBySize, softmax, softsign, spaceToDepth, split, squeeze, swish,
      thresholdedRelu, tile, transpose, triangle,
    ]

  private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  /// The kind with a name of MIL.
  ///
  /// - Throws: `AthanorError` with an empty location that lists the vocabulary, when there is none.
  package static func named(_ name: String) throws -> OperationKind {
    if let kind = byName[name] { return kind }
    let names = byName.keys.sorted()
    throw AthanorError(
      .unsupported, at: "", "there is no operation of this kind here",
      fix: AthanorError.suggestion(for: name, among: names) + "Known are \(names.joined(separator: ", ")).")
  }

  /// Arguments by the names of a file.
  ///
  /// - Throws: `AthanorError` with an empty location when there is no such argument.
  package func arguments(_ named: [String: Program.Argument]) throws -> [ArgumentName: Program.Argument] {
    var arguments: [ArgumentName: Program.Argument] = [:]
    for (name, argument) in named.sorted(by: { $0.key < $1.key }) {
      guard let known = ArgumentName(rawValue: name) else { throw unknownArgument(name) }
      arguments[known] = argument
    }
    return arguments
  }

  func unknownArgument(_ argument: String) -> AthanorError {
    AthanorError(
      .unsupported, at: "", "its argument \"\(argument)\" is not known",
      fix: "\(name) takes \(parameters.map(\.name.rawValue).joined(separator: ", ")).")
  }
}
