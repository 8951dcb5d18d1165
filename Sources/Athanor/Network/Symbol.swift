/// A value of a network that is being described: an input, or a result of a layer that was called.
///
/// A symbol has identity: two inputs of the same shape differ. It knows its shape, or keeps the first error that led to it, which
/// `Model(inputs:outputs:)` throws.
///
/// - Example:
///   ```swift
///   let picture = Input([32, 32, 3], name: "picture")
///   let x = Conv2D(16, kernelSize: 3, padding: .same)(picture)
///   print(x)  // float32(None, 32, 32, 16)
///   ```
public class Symbol: @unchecked Sendable, Hashable, CustomStringConvertible {  // immutable
  package enum Origin: Sendable {
    case input(Port?)
    case result(LayerCall, index: Int)
  }

  package let origin: Origin
  /// The type in the declared graph, or why there is none.
  package let outcome: Result<ValueType, AthanorError>

  fileprivate init(_ origin: Origin, _ outcome: Result<ValueType, AthanorError>) {
    self.origin = origin
    self.outcome = outcome
  }

  /// The lengths of the axes, nil for open ones; nil where an error has occurred.
  public var shape: Shape? { try? outcome.get().shape }

  /// The type of the elements; nil where an error has occurred.
  public var dtype: DType? { try? outcome.get().dtype }

  /// Symbols are equal when they are the same object.
  public static func == (left: Symbol, right: Symbol) -> Bool { left === right }

  /// Hashes the identity.
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

  /// The type, or the error.
  public var description: String {
    switch outcome {
    case .success(let type): type.description
    case .failure(let error): error.description
    }
  }
}

/// The place where data enter a network: a symbol for functional models, or the first entry of a `Sequential`. Source: `keras.Input`.
///
/// Elements of type float32 may be given as bytes, which are multiplied by the model's `pixelScale`; inputs of other types take the
/// elements as they are.
///
/// - Throws: when the model is made: `AthanorError` if a length is not positive; when built as a layer: if it is not the first.
/// - Example:
///   ```swift
///   let steps = Input([nil, 8], name: "steps")  // [N, T, 8] with an open number of time steps
///   let model = try Sequential {
///     Input([28, 28, 1])
///     Flatten()
///     Dense(10, activation: .softmax)
///   }
///   ```
public final class Input: Symbol, Layer, @unchecked Sendable {  // immutable
  /// The lengths of one example.
  public let exampleLengths: [Length]
  public let name: String?
  /// The type of the elements.
  public let elementType: DType

  /// Describes an input.
  ///
  /// - Parameters:
  ///   - shape: The lengths of one example, without the batch; nil for an open one. Open lengths are named by their axis, and those of one
  ///     name are equal in a call.
  ///   - dtype: The type of the elements: float32, int32 or uint8.
  ///   - name: Its name; nil to be named by its position.
  public convenience init(_ shape: [Int?], dtype: DType = .float32, name: String? = nil) {
    self.init(
      lengths: shape.enumerated().map { $1.map(Length.fixed) ?? .open("length_\($0 + 1)") }, dtype: dtype, name: name)
  }

  /// Describes an input whose open lengths have names.
  ///
  /// - Parameters:
  ///   - lengths: The lengths of one example, without the batch.
  ///   - dtype: The type of the elements: float32, int32 or uint8.
  ///   - name: Its name; nil to be named by its position.
  public convenience init(lengths: [Length], dtype: DType = .float32, name: String? = nil) {
    self.init(port: Port(name: name ?? "", dtype: dtype, lengths: [.batch] + lengths), name: name)
  }

  package init(port: Port, name: String?) {
    exampleLengths = port.exampleLengths
    elementType = port.dtype
    self.name = name
    super.init(.input(port), Input.check(port, name))
  }

  private static func check(_ port: Port, _ name: String?) -> Result<ValueType, AthanorError> {
    let fixed = port.exampleLengths.compactMap(\.fixed)
    guard fixed.allSatisfy({ $0 > 0 }), Tensor.elementCount(of: fixed).map({ $0 <= Scope.limit }) == true else {
      return .failure(
        AthanorError(
          .shape, at: name.map { "input \"\($0)\"" } ?? "input",
          "its shape is \(Shape.text(port.exampleLengths.map(\.fixed))) but each length must be at least 1, and all together "
            + "fit into memory",
          fix: "Give the shape of one example without the batch, for example [28, 28, 1]."))
    }
    guard [.float32, .int32, .uint8].contains(port.dtype) else {
      return .failure(
        AthanorError(
          .argument, at: name.map { "input \"\($0)\"" } ?? "input", "its elements are of type \(port.dtype.rawValue)",
          fix: "Use float32, int32 or uint8."))
    }
    return .success(port.declaredType)
  }

  public func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    throw AthanorError(
      .argument, at: "", "an Input stands behind other layers, but it says where data enter",
      code: "Make it the first layer, or use Reshape(\(exampleLengths)) to change a shape.")
  }
}

/// A layer of a functional model, with the identity that decides which calls share weights.
package final class LayerCell: Sendable {
  let layer: any GeneralLayer

  init(_ layer: any GeneralLayer) { self.layer = layer }
}

/// One call of a layer on symbols.
package final class LayerCall: @unchecked Sendable {  // immutable until its release
  let cell: LayerCell
  private(set) var arguments: [Symbol]
  /// Whether the layer is built for training, whatever the rest of the network is built for.
  let isTraining: Bool?
  /// `file:line`
  let place: String

  private init(_ cell: LayerCell, _ arguments: [Symbol], _ isTraining: Bool?, _ place: String) {
    self.cell = cell
    self.arguments = arguments
    self.isTraining = isTraining
    self.place = place
  }

  /// Releases the calls before this one from a list: each releasing the one before it would take a stack as deep as the network.
  deinit {
    var pending = arguments
    arguments = []
    var symbol: Symbol?
    while !pending.isEmpty {
      symbol = pending.removeLast()
      guard isKnownUniquelyReferenced(&symbol), case .result(var call, _)? = symbol?.origin else { continue }
      symbol = nil  // the call's other owner
      guard isKnownUniquelyReferenced(&call) else { continue }
      pending += call.arguments
      call.arguments = []
    }
  }

  /// The results of a call; one symbol that keeps the error when it fails.
  static func results(
    _ cell: LayerCell, _ arguments: [Symbol], _ isTraining: Bool?, _ file: StaticString, _ line: UInt
  ) -> [Symbol] {
    let call = LayerCall(cell, arguments, isTraining, "\(file):\(line)")
    do {
      let types = try call.resultTypes()
      return types.enumerated().map { Symbol(.result(call, index: $0), .success($1)) }
    } catch {
      return [Symbol(.result(call, index: 0), .failure(error))]
    }
  }

  private func resultTypes() throws(AthanorError) -> [ValueType] {
    var types: [ValueType] = []
    for argument in arguments { types.append(try argument.outcome.get()) }
    do {
      let builder = GraphBuilder()
      let values = try types.enumerated().map { try builder.source(.input("argument\($0)"), $1) }
      var scope = Scope(isTraining: isTraining ?? true, builder: builder)
      return try cell.layer.build(values, &scope).map(\.type)
    } catch {
      let kind = cell.layer.kind
      let name = cell.layer.name.map { "\($0) (\(kind), called at \(place))" } ?? "\(kind) called at \(place)"
      guard let error = error as? AthanorError else {
        throw AthanorError(.argument, at: name, "\(error)")
      }
      throw error.within(name)
    }
  }
}

/// One layer that is called several times with one set of weights.
///
/// Layers are values: an ordinary layer called twice is two layers.
///
/// - Example:
///   ```swift
///   let encode = SharedLayer(Dense(64, activation: .relu))
///   let distance = Subtract()(encode(left), encode(right))
///   ```
public struct SharedLayer: Sendable {
  private let cell: LayerCell

  /// Gives a layer identity.
  public init(_ layer: any GeneralLayer) { cell = LayerCell(layer) }

  /// Calls the layer on one or several symbols and returns its first result.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs.
  ///   - training: Whether this call is built for training; nil to follow the model.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func callAsFunction(
    _ inputs: Symbol..., training: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> Symbol {
    LayerCall.results(cell, inputs, training, file, line)[0]
  }
}

extension Layer {
  /// Calls the layer on a symbol: a layer of its own in the model.
  ///
  /// - Parameters:
  ///   - input: The layer's input.
  ///   - training: Whether this call is built for training (`true`: a dropout always drops); nil to follow the model.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func callAsFunction(
    _ input: Symbol, training: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> Symbol {
    LayerCall.results(LayerCell(self), [input], training, file, line)[0]
  }
}

extension MergingLayer {
  /// Calls the layer on symbols: a layer of its own in the model.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func callAsFunction(_ inputs: Symbol..., file: StaticString = #fileID, line: UInt = #line) -> Symbol {
    LayerCall.results(LayerCell(self), inputs, nil, file, line)[0]
  }

  /// Calls the layer on an array of symbols: a layer of its own in the model.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func callAsFunction(_ inputs: [Symbol], file: StaticString = #fileID, line: UInt = #line) -> Symbol {
    LayerCall.results(LayerCell(self), inputs, nil, file, line)[0]
  }
}

extension GeneralLayer {
  /// Calls the layer on symbols and returns all of its results.
  ///
  /// - Parameters:
  ///   - inputs: The layer's inputs.
  ///   - training: Whether this call is built for training; nil to follow the model.
  ///   - file: The file of the call, for messages.
  ///   - line: The line of the call, for messages.
  public func results(
    of inputs: [Symbol], training: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> [Symbol] {
    LayerCall.results(LayerCell(self), inputs, training, file, line)
  }
}
