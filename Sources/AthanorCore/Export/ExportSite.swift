/// A value of a program that is being exported: known numbers, or the result of an operation.
///
/// Operations are written in one language, Core ML's (MIL); exporters of other formats translate it.
package struct ExportValue: Sendable {
  package enum Content: Sendable {
    case constant(Tensor)
    case named(String)
  }

  /// How the elements lie in the program. Its pictures have their channels first (NCHW), the graph's last (NHWC).
  package enum Order: Hashable, Sendable {
    /// As in the graph.
    case plain
    /// A picture `[N, H, W, C]` that lies as `[N, C, H, W]`.
    case channelsFirst
    /// `[N, H * W * C]`, flattened from a picture of these lengths while its channels came first.
    case flattened(height: Int, width: Int, channels: Int)
  }

  package let content: Content
  /// The shape in the graph, with the batch bound.
  package let shape: [Int]
  package var order = Order.plain

  package init(_ content: Content, shape: [Int], order: Order = .plain) {
    self.content = content
    self.shape = shape
    self.order = order
  }

  /// The shape in the program.
  package var programShape: [Int] {
    order == .channelsFirst ? [shape[0], shape[3], shape[1], shape[2]] : shape
  }

  /// The numbers, when they are known.
  package var constant: Tensor? {
    if case .constant(let tensor) = content { tensor } else { nil }
  }
}

/// An argument of an operation.
package enum ExportArgument {
  case value(ExportValue)
  case values([ExportValue])
  case number(Double)
  case integer(Int)
  case integers([Int])
  case flag(Bool)
  case text(String)
}

/// Writes operations; every exporter is one.
package protocol ExportEmitter: AnyObject {
  /// Adds an operation and returns its result, whose shape is the program's.
  func emit(_ operation: String, _ arguments: [(String, ExportArgument)], shape: [Int]) -> ExportValue
}

/// What an operation's export facet sees.
package struct ExportSite {
  package let inputs: [ExportValue]
  /// The shapes of the results in the graph, with the batch bound.
  package let outputShapes: [[Int]]
  package let emitter: any ExportEmitter

  package init(inputs: [ExportValue], outputShapes: [[Int]], emitter: any ExportEmitter) {
    self.inputs = inputs
    self.outputShapes = outputShapes
    self.emitter = emitter
  }

  /// Adds an operation whose result lies in the given order and has the given shape in the graph.
  package func emit(
    _ operation: String, _ arguments: [(String, ExportArgument)], shape: [Int],
    order: ExportValue.Order = .plain
  ) -> ExportValue {
    let result = ExportValue(.named(""), shape: shape, order: order)
    let value = emitter.emit(operation, arguments, shape: result.programShape)
    return ExportValue(value.content, shape: shape, order: order)
  }

  /// The value as the graph has it.
  package func plain(_ value: ExportValue) -> ExportValue {
    switch value.order {
    case .plain: return value
    case .channelsFirst:
      return emit("transpose", [("x", .value(value)), ("perm", .integers([0, 2, 3, 1]))], shape: value.shape)
    case .flattened(let height, let width, let channels):
      let batch = value.shape[0]
      let picture = emit(
        "reshape", [("x", .value(value)), ("shape", .integers([batch, channels, height, width]))],
        shape: [batch, height, width, channels], order: .channelsFirst)
      return emit(
        "reshape", [("x", .value(plain(picture))), ("shape", .integers(value.shape))], shape: value.shape)
    }
  }

  /// A picture with its channels first.
  package func channelsFirst(_ value: ExportValue) -> ExportValue {
    guard value.order != .channelsFirst else { return value }
    return emit(
      "transpose", [("x", .value(plain(value))), ("perm", .integers([0, 3, 1, 2]))], shape: value.shape,
      order: .channelsFirst)
  }

  /// For what is done element by element: the inputs in one order, and that order. Pictures stay with their channels first as long
  /// as everything else is a number or one number for each channel.
  package func aligned() -> (values: [ExportValue], order: ExportValue.Order) {
    func goesAlong(_ value: ExportValue) -> Bool {
      value.order == .channelsFirst || value.shape.isEmpty || (value.shape.count == 1 && value.constant != nil)
    }
    guard inputs.contains(where: { $0.order == .channelsFirst }), inputs.allSatisfy(goesAlong) else {
      if inputs.count == 1, case .flattened = inputs[0].order { return (inputs, inputs[0].order) }
      return (inputs.map(plain), .plain)
    }
    let values = inputs.map { value in
      guard value.shape.count == 1, value.order == .plain, let numbers = value.constant else { return value }
      let tensor = Tensor(uncheckedShape: [value.shape[0], 1, 1], .float32(numbers.floats))
      return ExportValue(.constant(tensor), shape: tensor.shape)
    }
    return (values, .channelsFirst)
  }

  /// The numbers of an input that programs take only as a constant.
  ///
  /// - Throws: `AthanorError` when it is computed.
  package func constant(_ input: Int, _ what: String) throws -> Tensor {
    if let tensor = inputs[input].constant { return tensor }
    throw AthanorError(
      .unsupported, at: "", "\(what) is computed by the network, but must be known before it is exported",
      fix: "Use a weight there.")
  }

  /// The error of an operation that exists only while training.
  package func onlyWhileTraining(_ name: String) -> AthanorError {
    AthanorError(
      .unsupported, at: "", "\(name) exists only while training", fix: "Export the network that predicts.")
  }
}
