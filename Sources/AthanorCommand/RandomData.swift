import Athanor

/// Random inputs and targets that a model accepts.
package struct RandomData {
  /// Open lengths besides the batch, by name; 32 where not given.
  private let lengths: [String: Int]
  private var random = RandomStream(seed: 0, stream: 3 << 32)

  package init(lengths: [String: Int] = [:]) { self.lengths = lengths }

  /// Floating-point numbers in 0 ... 1, and integers 0 or 1, for each input.
  ///
  /// - Throws: `AthanorError` when an input would be very large.
  package mutating func inputs(_ ports: [Port], examples: Int) throws -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for port in ports {
      let shape = port.lengths.map { length in
        switch length {
        case .fixed(let length): length
        case .batch: examples
        case .open(let name): lengths[name] ?? 32
        }
      }
      guard let count = Tensor.elementCount(of: shape), count <= 1 << 30 else {
        throw AthanorError(
          .argument, at: "input \"\(port.name)\"", "shape \(Shape.text(shape)) has more than 2^30 elements",
          fix: "Give a smaller --batch or --length.")
      }
      tensors[port.name] =
        switch port.dtype {
        case .float32, .float64: try Tensor(shape: shape, numbers(count))
        case .uint8: try Tensor(shape: shape, bytes: integers(count, below: 2).map { UInt8($0) })
        case .int32, .uint16: try Tensor(shape: shape, integers: integers(count, below: 2))
        }
    }
    return tensors
  }

  /// Examples with class numbers or numbers as targets, as each output's loss takes them, for a compiled model.
  ///
  /// - Throws: `AthanorError` when an input would be very large or the model does not accept its length.
  package mutating func dataset(_ model: Model, examples: Int) throws -> Dataset {
    let inputs = try inputs(model.inputs, examples: examples)
    let shapes = try model.predict(self.inputs(model.inputs, examples: 1)).mapValues(\.shape)
    var targets: [String: Tensor] = [:]
    for (port, goal) in zip(model.outputs, model.training?.goals ?? []) where goal.isUsed {
      let shape = [examples] + (shapes[port.name]?.dropFirst() ?? [])
      if let kind = goal.loss?.targets, kind != .numbers, shape.count > 1 {
        let rows = Array(shape.dropLast())
        targets[port.name] = try Tensor(
          shape: rows, integers: integers(rows.reduce(1, *), below: max(1, shape[shape.count - 1])))
      } else {
        targets[port.name] = try Tensor(shape: shape, numbers(shape.reduce(1, *)))
      }
    }
    return try Dataset(inputs: inputs, targets: targets)
  }

  private mutating func numbers(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float(random.nextUniform()) }
  }

  private mutating func integers(_ count: Int, below bound: Int) -> [Int32] {
    (0..<count).map { _ in Int32(random.next(upperBound: UInt64(bound))) }
  }
}
