import Athanor
import Testing

/// Gradients of whole models beside four-point finite differences, in double.
@Suite("Gradients of functional models in double")
struct GradientCheckTests {
  private static let programs: [String] = [
    "two inputs and outputs", "shared layer", "shared normalization", "nested twice", "merges",
  ]

  private func model(_ program: String) throws -> (Model, [String: Loss], [String: Double]) {
    let (x, y) = (Input([4], name: "x"), Input([4], name: "y"))
    switch program {
    case "two inputs and outputs":
      let picture = Input([5, 4, 2], name: "picture")
      var z = Conv2D(3, kernelSize: 3, padding: .same, activation: .tanh)(picture)
      z = Add()(z, Conv2D(3, kernelSize: 3, padding: .same)(z))
      z = Concatenate()(GlobalAveragePooling2D()(z), x)
      let outputs = [Dense(3, activation: .softmax, name: "kind")(z), Dense(1, name: "size")(z)]
      return (
        try Model(inputs: [picture, x], outputs: outputs, seed: 1),
        ["kind": .sparseCategoricalCrossentropy, "size": .meanSquaredError], ["size": 0.25]
      )
    case "shared layer":
      let encode = SharedLayer(Dense(3, activation: .tanh))
      let (a, b) = (encode(x), encode(y))
      let z = Concatenate()(a - b, Dot(axes: 1, normalize: true)(a, b))
      return (
        try Model(inputs: [x, y], outputs: [Dense(1, activation: .sigmoid, name: "same")(z)], seed: 2),
        ["same": .binaryCrossentropy], [:]
      )
    case "shared normalization":
      let norm = SharedLayer(BatchNormalization())
      return (
        try Model(inputs: [x, y], outputs: [Dense(2, name: "z")(norm(x) * norm(y))], seed: 3),
        ["z": .meanSquaredError], [:]
      )
    case "nested twice":
      let inner = try Sequential(input: [4], name: "inner", seed: 4) {
        Dense(4, activation: .tanh)
        BatchNormalization()
      }
      let middle = try Model(inputs: [x], outputs: [inner(inner(x))], name: "middle")
      return (
        try Model(inputs: [x, y], outputs: [Dense(2, name: "z")(middle(x) + inner(y))], seed: 5),
        ["z": .huber], [:]
      )
    default:
      let (a, b) = (Dense(4)(x), Dense(4)(y))
      let z = [Average()(a, b), Maximum()(a, b), Minimum()(a, b), Multiply()(a, b), Subtract()(a, b)]
      return (
        try Model(inputs: [x, y], outputs: [Concatenate(name: "z")(z)], seed: 6), ["z": .meanSquaredError], [:]
      )
    }
  }

  @Test("Four-point finite differences", arguments: programs)
  func differences(_ program: String) throws {
    let (model, losses, lossWeights) = try model(program)
    try model.compile(losses: losses, lossWeights: lossWeights)
    let goals = try #require(model.training).goals
    var feed = model.network.plainFeed(examples: 6)
    feed.targets = model.outputs.map { port in
      let isClasses = losses[port.name]?.targets == .classes
      return Feed.Target(
        dtype: isClasses ? .int32 : .float32, exampleShape: isClasses ? [] : port.exampleLengths.compactMap(\.fixed))
    }
    let graph = try model.network.lossGraph(feed, goals, isTraining: true)
    let memory = try doubles(of: model)
    let workspace = try Workspace(Plan(graph, weights: memory.weights, precision: .double))
    let pool = try ThreadPool(threadCount: 1)
    var random = RandomStream(seed: 3, stream: 5)
    for (name, operand) in workspace.plan.inputs {
      let place = try #require(workspace.input(name))
      if operand.dtype == .int32 {
        for (index, _) in place.bindMemory(to: Int32.self).enumerated() {
          place.bindMemory(to: Int32.self)[index] = Int32(index % 3)
        }
      } else {
        for index in place.bindMemory(to: Double.self).indices {
          place.bindMemory(to: Double.self)[index] = random.nextUniform()
        }
      }
    }
    func loss() throws -> Double {
      workspace.run(memory, pool: pool)
      return try #require(workspace.output(Slot.loss.key)).bindMemory(to: Double.self)[0]
    }
    _ = try loss()
    let parameters = memory.weights.spans.filter(\.isParameter)
    let analytic = parameters.map { span in
      (0..<span.count).map { memory.gradients.base.assumingMemoryBound(to: Double.self)[span.gradientOffset + $0] }
    }
    #expect(Set(parameters.map(\.name)) == graph.gradientNames)
    for (span, expected) in zip(parameters, analytic) {
      let numbers = memory.weights.stores[span.store].numbers.base.assumingMemoryBound(to: Double.self) + span.offset
      for place in 0..<span.count {
        let (h, value) = (2e-4, numbers[place])
        func at(_ steps: Double) throws -> Double {
          numbers[place] = value + steps * h
          defer { numbers[place] = value }
          return try loss()
        }
        let slope = try (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h)
        #expect((slope - expected[place]).magnitude < 2e-8 * (1 + slope.magnitude), "\(span.name) \(place)")
      }
    }
  }

  /// The model's weights in double, in one store, as a plan in double reads them.
  private func doubles(of model: Model) throws -> ModelMemory {
    var (parameters, states) = (ArrayLayout(), ArrayLayout())
    for weight in model.weights {
      if weight.isParameter {
        parameters.append(weight.name, weight.tensor.shape)
      } else {
        states.append(weight.name, weight.tensor.shape)
      }
    }
    let map = WeightMap(try WeightStore(parameters: parameters, states: states, elementBytes: 8))
    for weight in model.weights {
      let span = try #require(map[weight.name])
      let numbers = map.stores[0].numbers.base.assumingMemoryBound(to: Double.self) + span.offset
      for (place, value) in weight.tensor.floats.enumerated() { numbers[place] = Double(value) }
    }
    return try ModelMemory(map, elementBytes: 8)
  }
}

extension Graph {
  fileprivate var gradientNames: Set<String> {
    Set(results.compactMap { if case .gradient(let name) = $0.result { name } else { nil } })
  }
}
