import AthanorCore
import Testing

/// A graph with memory of its own, ready to be filled, run and read.
final class Bench {
  let plan: Plan
  let workspace: Workspace
  let memory: ModelMemory
  let pool: ThreadPool
  private var weights: WeightMap { memory.weights }

  init(
    _ graph: Graph, precision: Precision = .single, instructions: InstructionSet = .best,
    threads: Int = 1
  ) throws {
    memory = try ModelMemory(Bench.weights(graph, precision), elementBytes: precision == .double ? 8 : 4)
    plan = try Plan(graph, weights: memory.weights, precision: precision, instructions: instructions)
    workspace = try Workspace(plan)
    pool = try ThreadPool(threadCount: threads)
  }

  /// The weights of a graph in the order in which it declares them.
  static func weights(_ graph: Graph, _ precision: Precision = .single) throws -> WeightMap {
    var (parameters, states) = (ArrayLayout(), ArrayLayout())
    for (source, value) in graph.sources.sorted(by: { $0.value < $1.value }) {
      let shape = graph.type(of: value).shape.sizes
      switch source {
      case .parameter(let name): parameters.append(name, shape)
      case .state(let name): states.append(name, shape)
      case .input: break
      }
    }
    return WeightMap(
      try WeightStore(parameters: parameters, states: states, elementBytes: precision == .double ? 8 : 4))
  }

  private func bytes(_ buffer: NumberBuffer, _ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
    let size = plan.precision == .double ? 8 : 4
    return UnsafeMutableRawBufferPointer(start: buffer.base + offset * size, count: count * size)
  }

  private func bytes(_ source: Source) -> UnsafeMutableRawBufferPointer? {
    switch source {
    case .input(let name): workspace.input(name)
    case .parameter(let name), .state(let name):
      weights[name].map { bytes(weights.stores[0].numbers, $0.offset, $0.count) }
    }
  }

  func set(_ source: Source, _ numbers: Numbers) throws {
    let target = try #require(bytes(source), "\(source) is not in the plan")
    let content = numbers.bytes(plan.precision)
    try #require(target.count == content.count, "\(source)")
    target.copyBytes(from: content)
  }

  func set(_ contents: [Source: Numbers]) throws { for (source, numbers) in contents { try set(source, numbers) } }

  /// One element of a parameter of a plan in double.
  func double(_ name: String, _ place: Int) throws -> UnsafeMutablePointer<Double> {
    let span = try #require(weights[name])
    return weights.stores[0].numbers.base.assumingMemoryBound(to: Double.self) + span.offset + place
  }

  func run(seed: UInt64 = 0, step: UInt64 = 0) { workspace.run(memory, pool: pool, seed: seed, step: step) }

  /// A result as it lies in memory.
  func bytes(_ result: GraphResult) throws -> [UInt8] {
    switch result {
    case .output(let name): Array(try #require(workspace.output(name)))
    case .gradient(let name): Array(try bytes(memory.gradients, #require(weights[name])))
    case .update(let name): Array(try bytes(memory.updates, #require(weights[name])))
    }
  }

  private func bytes(_ buffer: NumberBuffer, _ span: WeightMap.Span) -> UnsafeMutableRawBufferPointer {
    bytes(buffer, span.gradientOffset, span.count)
  }

  func numbers(_ result: GraphResult) throws -> [Double] {
    let value = try #require(plan.graph.results.first { $0.result == result }).value
    return Numbers.values(try bytes(result), plan.graph.type(of: value).dtype, plan.precision)
  }

  /// Every result, as numbers.
  func results() throws -> [GraphResult: [Double]] {
    Dictionary(uniqueKeysWithValues: try plan.graph.results.map { ($0.result, try numbers($0.result)) })
  }
}

/// The sources of a graph filled with numbers that follow from their names alone, so that two graphs with the same sources
/// get the same; integers are class numbers below 3.
func contents(of graph: Graph, batch: Int) -> [Source: Numbers] {
  var result: [Source: Numbers] = [:]
  for (source, value) in graph.sources {
    let type = graph.type(of: value)
    var random = Random("\(source)".utf8.reduce(1469) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
    let filling: Filling =
      switch type.dtype {
      case .float32, .float64: .spread()
      case .int32: .classes(3)
      case .uint8, .uint16: .bytes
      }
    result[source] = filling.numbers(type, batch: batch, &random)
  }
  return result
}

/// The largest |got - want|, divided by 1 + the largest |want|; infinite when a NaN or an infinity is on one side alone.
func difference(_ got: [Double], _ want: [Double]) -> Double {
  guard got.count == want.count else { return .infinity }
  let scale = 1 + (want.filter(\.isFinite).map { Swift.abs($0) }.max() ?? 0)
  var worst = 0.0
  for (value, wanted) in zip(got, want) where value != wanted && !(value.isNaN && wanted.isNaN) {
    let error = Swift.abs(value - wanted) / scale
    worst = error.isNaN ? .infinity : Swift.max(worst, error)
  }
  return worst
}
