/// An operation of an imported network for which there is no other layer.
///
/// It computes what the operation's kind composes, from inputs in the given layouts. Arguments of several known numbers are weights; the
/// layer knows their shapes.
package struct ImportedOperation: GeneralLayer {
  /// Its operands are the inputs by place, and names of weights.
  private var operation: Program.Operation?
  /// The shapes of known numbers, as the operation has them.
  private var shapes: [String: [Int]]
  /// How the inputs lie.
  private var layouts: [Layout]
  /// The length by which the operation's arguments speak of the batch.
  private var batch = 1
  package let name: String?

  private static let mostNumbers = 1 << 26
  private static let mostResults = 1 << 16

  /// - Parameters:
  ///   - operation: With all known numbers put in.
  ///   - inputs: The names of the values that the operation reads.
  ///   - layouts: How they lie in the graph.
  ///   - batch: The length that the file has for its batch; 1 where that is open.
  /// - Throws: `AthanorError` with an empty location when an operand is not among the inputs.
  init(_ operation: Program.Operation, inputs: [String], layouts: [Layout], batch: Int) throws {
    var shapes: [String: [Int]] = [:]
    let settings = Set(operation.kind.parameters.filter(\.isSetting).compactMap { operation.constant($0.name) })
    self.operation = try operation.replacing { operand in
      switch operand {
      case .named(let name):
        guard let place = inputs.firstIndex(of: name) else {
          throw AthanorError(.data, at: "", "it reads \"\(name)\", which is not there")
        }
        return .named("\(place)")
      case .constant(let tensor):
        guard tensor.count > 1, !settings.contains(tensor) else { return operand }
        let name = "weight \(shapes.count)"
        shapes[name] = tensor.shape
        return .named(name)
      }
    }
    self.shapes = shapes
    self.layouts = layouts
    self.batch = batch
    name = nil
  }

  package var kind: String { operation.map { "\($0.kind) operation" } ?? ImportedOperation.className }

  package func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value] {
    guard let written = operation, inputs.count == layouts.count else {
      throw AthanorError(
        .argument, at: "", "it was called with \(inputs.count) inputs but takes \(layouts.count)")
    }
    var values: [String: ImportedValue] = [:]
    for (place, (value, layout)) in zip(inputs, layouts).enumerated() {
      guard layout.accepts(value.shape) else {
        throw AthanorError(.shape, at: "", "its input of shape \(value.shape) cannot lie as \(layout.serialized)")
      }
      values["\(place)"] = ImportedValue(value, layout: layout)
    }
    let weights = WeightCollector(scope)
    defer { scope = weights.scope }
    // What the numbers are, the weights say.
    let operation = try written.replacing { operand in
      guard case .named(let name) = operand, let shape = shapes[name] else { return operand }
      return .constant(Tensor(zeros: shape))
    }
    let site = try ImportSite(operation, values, batch: batch, scope.builder) { name, tensor in
      try weights.scope.weight(name, shape: tensor.shape, initializer: .zeros)
    }
    return try site.results().map { try site.value($0) }
  }

  /// The scope while the operation declares its weights.
  private final class WeightCollector {
    var scope: Scope
    init(_ scope: Scope) { self.scope = scope }
  }
}

/// A layer that Athanor's own files can hold, but Keras' cannot.
package protocol NativeLayer: SerializableLayer {}

extension ImportedOperation: NativeLayer {
  package init(unconfigured name: String) {
    self.name = name
    shapes = [:]
    layouts = []
  }

  /// `{"operation":"mul","arguments":{"x":{"input":0},"y":{"shape":[4]}},"layouts":["plain"],"results":1}`; a single known number, and settings, stand
  /// beside their shape.
  package mutating func configure(_ settings: inout Settings) throws {
    var operationName = operation?.kind.name ?? ""
    var list = layouts.map(\.serialized)
    var arguments = Dictionary((operation?.given ?? []).map { ($0.name.rawValue, json($0.argument)) }) { $1 }
    var count = operation?.results.count ?? 0
    try settings.field("operation", &operationName)
    try settings.field("layouts", &list)
    try settings.field("arguments", &arguments)
    try settings.field("results", &count)
    if batch != 1 || settings.source != nil { try settings.field("batch", &batch, default: 1) }
    guard batch > 0 else {
      throw settings.source?.error("batch", expected: "a length of 1 or more")
        ?? AthanorError(.data, at: "", "its batch is \(batch)")
    }
    if let source = settings.source { try read(operationName, list, count, source) }
  }

  private func json(_ argument: Program.Argument) -> JSONValue {
    switch argument {
    case .operand(let operand): json(operand)
    case .operands(let operands): .array(operands.map(json))
    case .number(let number): .number(number)
    case .integer(let integer): .integer(integer)
    case .integers(let integers): integers.jsonValue
    case .flag(let flag): .flag(flag)
    case .text(let text): .text(text)
    }
  }

  private func json(_ operand: Program.Operand) -> JSONValue {
    switch operand {
    case .constant(let tensor):
      ["shape": tensor.shape.jsonValue, "numbers": tensor.floats.map { Double($0) }.jsonValue].jsonValue
    case .named(let name): shapes[name].map { ["shape": $0].jsonValue } ?? ["input": Int(name)].jsonValue
    }
  }

  private mutating func read(
    _ operationName: String, _ list: [JSONValue], _ count: Int, _ configuration: Configuration
  ) throws {
    let kind: OperationKind
    do { kind = try OperationKind.named(operationName) } catch let error as AthanorError {
      throw error.within(configuration.location(of: "operation"))
    }
    layouts = try list.map { json in
      guard let layout = Layout(json) else { throw configuration.error("layouts", expected: "a list of layouts") }
      return layout
    }
    guard !layouts.isEmpty else { throw configuration.error("layouts", expected: "a list of layouts") }
    let given = try configuration.nested("arguments")
    var reader = ArgumentReader(inputCount: layouts.count)
    var arguments: [String: Program.Argument] = [:]
    for key in given.values.keys.sorted() {
      guard let parameter = kind.parameters.first(where: { $0.name.rawValue == key }) else {
        throw given.error(key, expected: "no such argument of \(kind)")
      }
      arguments[key] = try reader.argument(parameter.form, given, key)
    }
    guard (1...ImportedOperation.mostResults).contains(count) else {
      throw configuration.error("results", expected: "a number from 1 to \(ImportedOperation.mostResults)")
    }
    do {
      operation = try Program.Operation(
        kind, name: name ?? "", kind.arguments(arguments), results: (0..<count).map { Program.Result("\($0)") })
    } catch let error as AthanorError {
      throw error.within(given.location)
    }
    shapes = reader.shapes
  }

  /// Reads arguments, which nothing vouches for.
  private struct ArgumentReader {
    let inputCount: Int
    var shapes: [String: [Int]] = [:]

    mutating func argument(_ form: Parameter.Form, _ json: Configuration, _ key: String) throws -> Program.Argument {
      switch form {
      case .value:
        return .operand(try operand(Configuration(json[key], at: json.location(of: key), report: json.report)))
      case .values: return .operands(try json.objects(key).map { try operand($0) })
      case .number: return .number(try json.number(key))
      case .integer: return .integer(try json.integer(key))
      case .integers: return .integers(try json.integers(key))
      case .flag: return .flag(try json.flag(key))
      case .text: return .text(try json.text(key))
      }
    }

    private mutating func operand(_ json: Configuration) throws -> Program.Operand {
      guard json.isMissing("input") else {
        let place = try json.integer("input")
        guard (0..<inputCount).contains(place) else { throw json.error("input", expected: "the place of an input") }
        try json.requireAllRead()
        return .named("\(place)")
      }
      let shape = try json.integers("shape")
      guard let count = Tensor.elementCount(of: shape), count <= ImportedOperation.mostNumbers else {
        throw json.error("shape", expected: "the shape of at most \(ImportedOperation.mostNumbers) numbers")
      }
      guard count > 1, json.isMissing("numbers") else {
        let numbers = try json.numbers("numbers") ?? []
        guard numbers.count == count else { throw json.error("numbers", expected: "a list of \(count) numbers") }
        try json.requireAllRead()
        return .constant(Tensor(uncheckedShape: shape, .float32(numbers.map { Float($0) })))
      }
      try json.requireAllRead()
      let name = "weight \(shapes.count)"
      shapes[name] = shape
      return .named(name)
    }
  }
}

extension Layout {
  /// `"plain"`, `"picture"`, or height, width and channels of the picture that was flattened.
  fileprivate var serialized: JSONValue {
    switch self {
    case .plain: "plain".jsonValue
    case .picture: "picture".jsonValue
    case .flattened(let height, let width, let channels): [height, width, channels].jsonValue
    }
  }

  fileprivate init?(_ json: JSONValue) {
    switch json {
    case Layout.plain.serialized: self = .plain
    case Layout.picture.serialized: self = .picture
    default:
      guard let lengths = json.integers, lengths.count == 3, lengths.allSatisfy({ $0 > 0 }) else { return nil }
      self = .flattened(height: lengths[0], width: lengths[1], channels: lengths[2])
    }
  }

  /// Whether a value of the graph can lie like this.
  fileprivate func accepts(_ shape: Shape) -> Bool {
    switch self {
    case .plain: true
    case .picture: shape.rank == 4
    case .flattened(let height, let width, let channels):
      shape.rank == 2 && Tensor.elementCount(of: [height, width, channels]) == shape[1]
    }
  }
}
