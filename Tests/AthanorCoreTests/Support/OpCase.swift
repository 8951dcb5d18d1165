import AthanorCore
import Testing

/// One thing that a graph can compute, with numbers for it: the fast kernels are compared with the reference on it, and its
/// gradient with finite differences.
struct OpCase: Sendable, CustomTestStringConvertible {
  struct Input: Sendable {
    let type: ValueType
    let filling: Filling
    /// Whether a gradient is wanted for it.
    let isDifferentiable: Bool

    static func numbers(_ shape: Shape, _ filling: Filling = .spread()) -> Input {
      Input(type: ValueType(.float32, shape), filling: filling, isDifferentiable: true)
    }

    /// Numbers for which there is no gradient.
    static func fixed(_ shape: Shape, _ filling: Filling = .spread()) -> Input {
      Input(type: ValueType(.float32, shape), filling: filling, isDifferentiable: false)
    }

    static func integers(_ shape: Shape, _ filling: Filling) -> Input {
      Input(type: ValueType(.int32, shape), filling: filling, isDifferentiable: false)
    }

    static func bytes(_ shape: Shape) -> Input {
      Input(type: ValueType(.uint8, shape), filling: .bytes, isDifferentiable: false)
    }
  }

  let label: String
  let inputs: [Input]
  /// Big enough to be shared by threads, and too big (or not smooth enough) for finite differences.
  var skipsDifferences = false
  /// The compiler's passes are applied, as for a network.
  var isFused = false
  /// Of the single-precision kernels, relative to the largest number.
  var tolerance = 5e-6
  /// The results, of which the first is differentiated.
  let build: @Sendable ([Value]) throws -> [Value]

  init(
    _ label: String, _ inputs: [Input], skipsDifferences: Bool = false, isFused: Bool = false, tolerance: Double = 5e-6,
    results build: @escaping @Sendable ([Value]) throws -> [Value]
  ) {
    self.label = label
    self.inputs = inputs
    self.skipsDifferences = skipsDifferences
    self.isFused = isFused
    self.tolerance = tolerance
    self.build = build
  }

  init(
    _ label: String, _ inputs: [Input], skipsDifferences: Bool = false, isFused: Bool = false, tolerance: Double = 5e-6,
    _ build: @escaping @Sendable ([Value]) throws -> Value
  ) {
    self.init(label, inputs, skipsDifferences: skipsDifferences, isFused: isFused, tolerance: tolerance) {
      [try build($0)]
    }
  }

  var testDescription: String { label }

  /// The places of the inputs for which a gradient is wanted.
  var differentiable: [Int] { inputs.indices.filter { inputs[$0].isDifferentiable } }

  static let all: [OpCase] =
    convolution + pooling + pooledConvolution + pointwise + layout + products + reductions + classes + others

  func source(_ place: Int, isParameter: Bool) -> Source {
    isParameter ? .parameter("input\(place)") : .input("input\(place)")
  }

  /// The graph: results `y0`, `y1`, ..., and `loss`, the sum of `y0` times given numbers; with the gradients of `loss` for the
  /// inputs at the places in `parameters`.
  func graph(parameters: [Int], gradients: Bool, batch: Int = 3) throws -> Graph {
    var builder = GraphBuilder(openLength: batch)
    let values = try inputs.enumerated().map { place, input in
      try builder.source(source(place, isParameter: parameters.contains(place)), input.type)
    }
    let results = try build(values)
    for (place, value) in results.enumerated() { builder.setResult(.output("y\(place)"), value) }
    if let y = results.first, y.type.dtype == .float32 {
      let weights = try builder.source(.input("weights"), y.type)
      builder.setResult(.output("loss"), try (y * weights).sum(axes: Array(0..<y.shape.rank)))
    }
    if isFused { builder = GraphBuilder(try Passes.fuseBiasAndActivation(builder.graph)) }
    if gradients, let loss = builder.graph.results.first(where: { $0.result == .output("loss") }) {
      try builder.addGradients(of: Value(builder, loss.value))
      if isFused { builder = GraphBuilder(try Passes.finish(builder.graph)) }
    }
    return try Passes.removeUnused(builder.graph)
  }

  /// What the sources of `graph` hold.
  func contents(of graph: Graph, batch: Int) -> [Source: Numbers] {
    var random = Random(UInt64(batch) + 10)
    var result: [Source: Numbers] = [:]
    for (place, input) in inputs.enumerated() {
      let numbers = input.filling.numbers(input.type, batch: batch, &random)
      for source in [source(place, isParameter: true), source(place, isParameter: false)]
      where graph.sources[source] != nil { result[source] = numbers }
    }
    if let weights = graph.sources[.input("weights")] {
      result[.input("weights")] = Filling.awayFromZero.numbers(graph.type(of: weights), batch: batch, &random)
    }
    return result
  }
}
