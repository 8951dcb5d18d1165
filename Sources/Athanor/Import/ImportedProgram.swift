/// What was read from a file of another program, in the language in which operations are exported: Core ML's (MIL). Readers of
/// other formats translate into it, as exporters translate from it.
package struct ImportedProgram: Hashable, Sendable {
  /// A known argument.
  package enum Constant: Hashable, Sendable {
    case numbers(Tensor)
    case text(String)
  }

  package struct Operation: Hashable, Sendable {
    /// MIL's name: `conv`, `linear`, ...
    package var type: String
    /// Its name in the file.
    package var name: String
    /// The names of values and constants, by argument. Lists have several.
    package var arguments: [String: [String]]
    package var outputs: [String]

    package init(_ type: String, name: String, arguments: [String: [String]], outputs: [String]) {
      self.type = type
      self.name = name
      self.arguments = arguments
      self.outputs = outputs
    }
  }

  /// What goes in.
  package struct Input: Hashable, Sendable {
    package var name: String
    /// With the batch as first length, in the program's order (pictures: channels first).
    package var shape: [Int]
    /// Whether pictures go in, so that the model takes `[H, W, C]`.
    package var isPicture: Bool

    package init(name: String, shape: [Int], isPicture: Bool) {
      self.name = name
      self.shape = shape
      self.isPicture = isPicture
    }

    /// The shape of one example for `Model`.
    package var exampleShape: [Int] { isPicture ? [shape[2], shape[3], shape[1]] : Array(shape.dropFirst()) }
  }

  package var input: Input
  package var constants: [String: Constant]
  /// In an order in which they can run.
  package var operations: [Operation]
  package var output: String
  /// What a picture's bytes are multiplied by as they go in: 1 unless the program begins with that. nil for numbers.
  package private(set) var pixelScale: Float?

  package init(input: Input, constants: [String: Constant], operations: [Operation], output: String) {
    self.input = input
    self.constants = constants
    self.operations = operations
    self.output = output
    takeOutPixelScale()
  }

  /// A multiplication of the picture at the beginning becomes the model's scale for bytes. Conversions before it say nothing here.
  private mutating func takeOutPixelScale() {
    guard input.isPicture else { return }
    pixelScale = 1
    while let first = onlyReader, ["cast", "identity"].contains(operations[first].type) { takeOut(first) }
    guard let place = onlyReader, operations[place].type == "mul",
      let other = ["x", "y"].flatMap({ operations[place].arguments[$0] ?? [] }).first(where: { $0 != input.name }),
      case .numbers(let factor) = constants[other], factor.count == 1, factor.floats[0].isFinite, factor.floats[0] != 0
    else { return }
    pixelScale = factor.floats[0]
    takeOut(place)
  }

  /// The one operation that reads the input, if its result can take the input's place.
  private var onlyReader: Int? {
    let readers = operations.indices.filter { index in
      operations[index].arguments.values.contains { $0.contains(input.name) }
    }
    guard readers.count == 1, input.name != output, operations[readers[0]].outputs.count == 1,
      operations[readers[0]].outputs != [output]
    else { return nil }
    return readers[0]
  }

  /// Removes an operation; who read its result reads the input.
  private mutating func takeOut(_ place: Int) {
    let result = operations.remove(at: place).outputs[0]
    for index in operations.indices {
      for (key, names) in operations[index].arguments {
        operations[index].arguments[key] = names.map { $0 == result ? input.name : $0 }
      }
    }
  }
}

/// A network that another program described: what `Model(contentsOf:)` makes of a Core ML or ONNX file.
///
/// Its weights can be trained further. Source: MIL, the language of Core ML's ML Programs.
///
/// - Throws: when built: `AthanorError` that names the operation, when there is none of its kind here.
/// - Example:
///   ```swift
///   let model = try Model(contentsOf: "Digits.mlpackage")
///   print(model.layers[0].kind)  // ImportedNetwork
///   ```
public struct ImportedNetwork: Layer {
  package let program: ImportedProgram
  public let name: String?

  package init(_ program: ImportedProgram, name: String? = nil) {
    self.program = program
    self.name = name
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    var builder = ImportBuilder(program, scope)
    defer { scope = builder.scope }
    return try builder.build(input)
  }
}
