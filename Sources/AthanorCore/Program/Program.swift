/// A network in the exchange language, whose operations are Core ML's (MIL): what exporters translate and importers read.
package struct Program: Hashable, Sendable {
  /// A value that is given to the program.
  package struct Input: Hashable, Sendable {
    package var name: String
    package var dtype = DType.float32
    /// In the program's order (pictures: `[N, C, H, W]`).
    package var shape: [Int]
    /// The names of open lengths, by axis. There the shape has the length with which a file begins, or 0 where it has none.
    package var open: [Int: String] = [:]
    /// Whether pictures go in, so that the model takes `[H, W, C]`.
    package var isPicture = false

    package init(name: String, dtype: DType = .float32, shape: [Int], isPicture: Bool = false) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
      self.isPicture = isPicture
    }

    package var layout: Layout { isPicture ? .picture : .plain }

    /// The axes, in the program's order.
    package var axes: [Shape.Axis] {
      shape.enumerated().map { Shape.Axis($1, openNames: Set([open[$0]].compactMap(\.self))) }
    }

    /// The lengths in a graph.
    package var lengths: [Length] {
      layout.graphOrder(shape.enumerated().map { axis, length in open[axis].map(Length.open) ?? .fixed(length) })
    }
  }

  /// A value that an operation computes.
  package struct Result: Hashable, Sendable {
    package var name: String
    package var dtype = DType.float32
    /// In the program's order; nil where a file does not say.
    package var shape: Shape?

    package init(_ name: String, dtype: DType = .float32, shape: Shape? = nil) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }
  }

  /// What an operation reads: known numbers, or an input or result by name.
  package enum Operand: Hashable, Sendable {
    case constant(Tensor)
    case named(String)

    /// Whether the network computes it.
    package var isNamed: Bool { if case .named = self { true } else { false } }
  }

  /// An argument of an operation. Numbers, integers and flags may also be operands until the program is composed, because files
  /// compute shapes.
  package enum Argument: Hashable, Sendable {
    case operand(Operand)
    case operands([Operand])
    case number(Double)
    case integer(Int)
    case integers([Int])
    case flag(Bool)
    case text(String)

    /// Known numbers.
    package static func constant(_ tensor: Tensor) -> Argument { .operand(.constant(tensor)) }

    /// One known number, as a value without axes.
    package static func scalar(_ number: Double) -> Argument {
      .constant(Tensor(uncheckedShape: [], .float32([Float(number)])))
    }

    /// One of the texts that an argument may be.
    package static func choice(_ choice: some RawRepresentable<String>) -> Argument { .text(choice.rawValue) }

    package var operands: [Operand] {
      switch self {
      case .operand(let operand): [operand]
      case .operands(let operands): operands
      case .number, .integer, .integers, .flag, .text: []
      }
    }
  }

  /// One operation; its arguments are those that its kind declares.
  package struct Operation: Hashable, Sendable {
    package let kind: OperationKind
    /// The layer of a network, or the node of a file, that it stands for.
    package let name: String
    package private(set) var arguments: [ArgumentName: Argument]
    package let results: [Result]

    /// - Throws: `AthanorError` with an empty location when an argument is unknown, missing or of another type.
    package init(
      _ kind: OperationKind, name: String, _ arguments: [ArgumentName: Argument], results: [Result]
    ) throws {
      self.kind = kind
      self.name = name
      self.results = results
      self.arguments = [:]
      for (name, argument) in arguments.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        guard let parameter = kind.parameters.first(where: { $0.name == name }) else {
          throw kind.unknownArgument(name.rawValue)
        }
        self.arguments[name] = try parameter.checked(argument)
      }
      for parameter in kind.parameters where parameter.isRequired && self.arguments[parameter.name] == nil {
        throw AthanorError(.data, at: "", "its argument \"\(parameter.name.rawValue)\" is missing")
      }
      guard kind.resultCount ?? results.count == results.count, !results.isEmpty else {
        throw AthanorError(.data, at: "", "it has \(results.count) results but must have \(kind.resultCount ?? 1)")
      }
    }
  }

  package var inputs: [Input] = []
  /// In an order in which they can run.
  package var operations: [Operation] = []
  package var outputs: [Result] = []
  /// What a file calls its operations where it has words of its own, by their names; for messages.
  package var places: [String: String] = [:]

  package init(inputs: [Input] = [], operations: [Operation] = [], outputs: [Result] = []) {
    self.inputs = inputs
    self.operations = operations
    self.outputs = outputs
  }
}

extension Program {
  /// Calls an exporter's translation for each operation; its errors name the layer.
  package func translate(_ body: (Operation) throws -> Void) throws {
    for operation in operations {
      do {
        try body(operation)
      } catch let error as AthanorError {
        throw operation.name.isEmpty ? error : error.within("\(operation.name), export")
      }
    }
  }
}

// MARK: Reading arguments

extension Program.Operation {
  /// The arguments that are given, in the order of the parameters.
  package var given: [(name: ArgumentName, argument: Program.Argument)] {
    kind.parameters.compactMap { parameter in arguments[parameter.name].map { (parameter.name, $0) } }
  }

  package func has(_ argument: ArgumentName) -> Bool { arguments[argument] != nil }

  /// Whether an argument changes the results, beside the others that are given.
  package func counts(_ argument: ArgumentName) -> Bool {
    switch kind.parameters.first(where: { $0.name == argument })?.effect {
    case .always?: true
    case .never?, nil: false
    case .when(let other, let value)?:
      (arguments[other] ?? kind.parameters.first { $0.name == other }?.standard) == value
    }
  }

  /// The argument as given, else its default.
  private func read<Content>(_ name: ArgumentName, _ content: (Program.Argument) -> Content?) throws -> Content {
    guard let argument = arguments[name] ?? kind.parameters.first(where: { $0.name == name })?.standard else {
      throw AthanorError(.data, at: "", "its argument \"\(name.rawValue)\" is missing")
    }
    if let content = content(argument) { return content }
    throw AthanorError(
      .unsupported, at: "", "its argument \"\(name.rawValue)\" is computed by the network, but must be known before")
  }

  package func operands(_ name: ArgumentName) -> [Program.Operand] { arguments[name]?.operands ?? [] }

  package func operand(_ name: ArgumentName) throws -> Program.Operand { try read(name) { $0.operands.first } }

  /// The values that the network computes among the arguments, in the order of the parameters.
  package var computedNames: [String] {
    kind.parameters.flatMap { operands($0.name) }.compactMap { if case .named(let name) = $0 { name } else { nil } }
  }

  /// Known numbers; nil when the argument is not given or computed by the network.
  package func constant(_ name: ArgumentName) -> Tensor? {
    if case .constant(let tensor)? = operands(name).first { tensor } else { nil }
  }

  package func required(_ name: ArgumentName) throws -> Tensor {
    try read(name) { if case .operand(.constant(let tensor)) = $0 { tensor } else { nil } }
  }

  /// Known numbers; nil when the argument is not given.
  package func tensor(_ name: ArgumentName) throws -> Tensor? { try has(name) ? required(name) : nil }

  package func number(_ name: ArgumentName) throws -> Double {
    let number = try read(name) { if case .number(let number) = $0 { number } else { nil } }
    // Files have numbers of 32 bits; what they mean is the shortest of the numbers that are the same there.
    let single = Float(number)
    return Double(single) == number ? Double("\(single)") ?? number : number
  }

  package func integer(_ name: ArgumentName) throws -> Int {
    try read(name) { if case .integer(let integer) = $0 { integer } else { nil } }
  }

  package func flag(_ name: ArgumentName) throws -> Bool {
    try read(name) { if case .flag(let flag) = $0 { flag } else { nil } }
  }

  package func text(_ name: ArgumentName) throws -> String {
    try read(name) { if case .text(let text) = $0 { text } else { nil } }
  }

  package func choice<Choice: RawRepresentable<String>>(_ name: ArgumentName, _ type: Choice.Type) throws -> Choice {
    try read(name) { if case .text(let text) = $0 { Choice(rawValue: text) } else { nil } }
  }

  package func integers(_ name: ArgumentName) throws -> [Int] {
    try read(name) { if case .integers(let integers) = $0 { integers } else { nil } }
  }

  /// The same operation with another argument.
  ///
  /// - Throws: `AthanorError` with an empty location when the argument is not of this kind.
  package func with(_ name: ArgumentName, _ argument: Program.Argument) throws -> Program.Operation {
    try Program.Operation(kind, name: self.name, arguments.merging([name: argument]) { $1 }, results: results)
  }

  /// The same operation with its operands replaced.
  ///
  /// - Throws: `AthanorError` when an operand is not what the argument needs.
  package func replacing(_ replacement: (Program.Operand) throws -> Program.Operand) throws -> Program.Operation {
    var result = self
    for (name, argument) in arguments {
      guard let parameter = kind.parameters.first(where: { $0.name == name }) else { continue }
      switch argument {
      case .operand(let operand): result.arguments[name] = try parameter.checked(.operand(replacement(operand)))
      case .operands(let operands): result.arguments[name] = .operands(try operands.map(replacement))
      case .number, .integer, .integers, .flag, .text: break
      }
    }
    return result
  }
}

extension Tensor {
  /// The elements in 64-bit floating point, which holds each of them exactly.
  package var doubles: [Double] {
    switch storage {
    case .float32(let values): values.map { Double($0) }
    case .float64(let values): values
    case .int32(let values): values.map { Double($0) }
    case .uint8(let values): values.map { Double($0) }
    }
  }

  /// The elements as integers; numbers that are none are cut.
  package var integers: [Int] {
    if case .int32(let values) = storage { return values.map { Int($0) } }
    return floats.map { Int(exactly: $0.rounded(.towardZero)) ?? 0 }
  }

  /// The elements as integers; nil where a number is none.
  package var exactIntegers: [Int]? {
    if dtype == .int32 { return integers }
    let exact = floats.compactMap { Int(exactly: $0) }
    return exact.count == count ? exact : nil
  }

  /// The same elements without the axes of length 1 in front, which say nothing when shapes are broadcast.
  package var trimmed: Tensor { reshaped(to: Array(shape.drop { $0 == 1 })) }

  /// The same elements under another shape with the same count.
  package func reshaped(to shape: [Int]) -> Tensor { Tensor(uncheckedShape: shape, storage) }
}
