extension Program {
  /// Takes a multiplication of the picture at the program's beginning out of it: it is the model's scale for bytes. Conversions before it
  /// say nothing here.
  ///
  /// - Returns: The factor, 1 when the program begins otherwise; nil where numbers go in.
  package mutating func takePixelScale() throws -> Float? {
    guard inputs.count == 1, inputs[0].isPicture else { return nil }
    while let first = onlyReader, [.cast, .identity].contains(operations[first].kind) { try takeOut(first) }
    guard let place = onlyReader, operations[place].kind.function == .binary(.multiply) else { return 1 }
    let operands = operations[place].operands(.x) + operations[place].operands(.y)
    guard case .constant(let factor) = operands.first(where: { $0 != .named(inputs[0].name) }), factor.count == 1,
      factor.floats[0].isFinite, factor.floats[0] != 0
    else { return 1 }
    try takeOut(place)
    return factor.floats[0]
  }

  /// The one operation that reads the input, if its result can take the input's place.
  private var onlyReader: Int? {
    let readers = operations.indices.filter { index in
      operations[index].kind.parameters.contains {
        operations[index].operands($0.name).contains(.named(inputs[0].name))
      }
    }
    guard readers.count == 1, case let results = operations[readers[0]].results, results.count == 1,
      !outputs.contains(where: { [inputs[0].name, results[0].name].contains($0.name) })
    else { return nil }
    return readers[0]
  }

  /// Removes an operation; who read its result reads the input.
  private mutating func takeOut(_ place: Int) throws {
    let result = operations.remove(at: place).results[0].name
    let input = inputs[0].name
    operations = try operations.map { try $0.replacing { $0 == .named(result) ? .named(input) : $0 } }
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
public struct ImportedNetwork: GeneralLayer {
  package let program: Program
  public let name: String?

  package init(_ program: Program, name: String? = nil) {
    self.program = program
    self.name = name
  }

  public func build(_ inputs: [Value], _ scope: inout Scope) throws -> [Value] {
    let weights = WeightCollector(scope)
    defer { scope = weights.scope }
    let composer = ProgramComposer(program, scope.builder) { name, tensor in
      let numbers = tensor.floats
      return try weights.scope.weight(
        name, shape: tensor.shape, initializer: Initializer("Imported") { _, _ in numbers })
    }
    return try composer.compose(inputs)
  }

  /// The network that consists of this layer alone.
  ///
  /// - Throws: `AthanorError` when an input is impossible.
  package func network() throws -> Network {
    let isSingle = program.inputs.count == 1
    let ports = program.inputs.map { input in
      Port(
        name: isSingle ? "input_layer" : input.name, dtype: input.dtype,
        lengths: [.batch] + input.exampleShape.map(Length.fixed))
    }
    return try Network(self, inputs: ports, outputs: program.outputs.map(\.name))
  }

  /// The scope while operations declare their weights.
  private final class WeightCollector {
    var scope: Scope
    init(_ scope: Scope) { self.scope = scope }
  }
}
