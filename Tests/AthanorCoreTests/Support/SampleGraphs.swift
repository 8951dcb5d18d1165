import AthanorCore

/// Whole networks, each with its loss, for what is true of any graph.
enum SampleGraph: String, CaseIterable, Sendable {
  case convolutional, residual, attention, shared

  /// The forward part, with result `loss`.
  func forward(batch: Int = 3) throws -> Graph {
    let builder = GraphBuilder(openLength: batch)
    let loss =
      switch self {
      case .convolutional: try convolutional(builder)
      case .residual: try residual(builder)
      case .attention: try attention(builder)
      case .shared: try shared(builder)
      }
    builder.setResult(.output("loss"), loss)
    return builder.graph
  }

  /// With gradients, by no pass or by those that a model uses.
  func training(isFused: Bool, batch: Int = 3) throws -> Graph {
    let forward = try isFused ? Passes.fuseBiasAndActivation(forward(batch: batch)) : forward(batch: batch)
    let gradients = try withGradients(forward)
    guard isFused else { return gradients }
    return try Passes.finish(gradients)
  }

  private func convolutional(_ builder: GraphBuilder) throws -> Value {
    func weight(_ name: String, _ shape: Shape) throws -> Value {
      try builder.source(.parameter(name), ValueType(.float32, shape))
    }
    let pixels = try builder.source(.input("pixels"), ValueType(.uint8, [nil, 9, 8, 2]))
    let target = try builder.source(.input("target"), ValueType(.int32, [nil]))
    builder.origin = "input"
    var x = try pixels.converted(scale: 1 / 255)  // [N, 9, 8, 2]
    builder.origin = "conv2d"
    let window = Window2D(kernel: [3, 3], strides: [1, 1], padding: .same)
    x = try relu(x.conv2D(weight("conv2d/kernel", [3, 3, 2, 4]), window, groups: 1) + weight("conv2d/bias", [4]))
    builder.origin = "max_pooling2d"
    x = try x.maxPooled(Window2D(kernel: [2, 2], strides: [2, 2], padding: .valid))  // [N, 4, 4, 4]
    builder.origin = "dropout"
    x = try x.droppedOut(0.25)
    builder.origin = "flatten"
    x = try x.reshaped([nil, 64])
    builder.origin = "dense"
    x = try relu(x.matmul(weight("dense/kernel", [64, 5])) + weight("dense/bias", [5]))  // [N, 5]
    builder.origin = "dense_1"
    x = try x.matmul(weight("dense_1/kernel", [5, 3])) + weight("dense_1/bias", [3])  // [N, 3]
    builder.origin = "metric accuracy"
    builder.setResult(.output("accuracy"), try x.inTopK(1, target).sum(axes: [0]))
    builder.origin = "loss"
    return try x.softmaxCrossentropy(target).mean(axes: [0])
  }

  private func residual(_ builder: GraphBuilder) throws -> Value {
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 5, 6, 3]))
    let average = try builder.source(.state("average"), ValueType(.float32, [3]))
    let kernel = try builder.source(.parameter("kernel"), ValueType(.float32, [3, 3, 3, 3]))
    let gamma = try builder.source(.parameter("gamma"), ValueType(.float32, [3]))
    let window = Window2D(kernel: [3, 3], strides: [1, 1], padding: .same)
    let block = try relu(x.conv2D(kernel, window, groups: 1))
    let (y, mean, _) = try block.batchNormalized(gamma: gamma, beta: nil, epsilon: 1e-3)
    builder.setResult(.update("average"), try average * 0.9 + mean * 0.1)
    let again = try relu(y.conv2D(kernel, window, groups: 1) + block) + x
    let pooled = try again.averagePooled(Window2D(kernel: [3, 2], strides: [2, 2], padding: .same))
    builder.setResult(.output("pooled"), pooled)
    return try square(pooled).mean(axes: [0, 1, 2, 3])
  }

  private func attention(_ builder: GraphBuilder) throws -> Value {
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 4, 6]))
    func projected(_ name: String) throws -> Value {
      try x.matmul(builder.source(.parameter(name), ValueType(.float32, [6, 6])))
    }
    let scores = try projected("query").matmul(projected("key").transposed([0, 2, 1])) / 6.0.squareRoot()
    let mixed = try softmax(scores).matmul(projected("value"))  // [N, 4, 6]
    let joined = try concatenate([x, gelu(mixed)]).reshaped([nil, 48])
    return try (joined.max(axes: [1]) - sigmoid(joined).sum(axes: [1])).mean(axes: [0])
  }

  /// Weights, gradients and results that are the same value, or views of one another.
  private func shared(_ builder: GraphBuilder) throws -> Value {
    let a = try builder.source(.parameter("a"), ValueType(.float32, [2, 3]))
    let b = try builder.source(.parameter("b"), ValueType(.float32, [2, 3]))
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 6]))
    let flat = try (a + b).reshaped([6])
    builder.setResult(.output("weight"), a)
    builder.setResult(.output("weight seen otherwise"), try b.reshaped([3, 2]))
    builder.setResult(.output("sum"), flat)
    builder.setResult(.output("sum again"), flat)
    builder.setResult(.output("input"), x)
    return try (exp(x * flat) * x).mean(axes: [0, 1])
  }
}

/// The graph with the gradients of its result `loss`.
func withGradients(_ graph: Graph) throws -> Graph {
  let builder = GraphBuilder(graph)
  if let loss = graph.results.first(where: { $0.result == .output("loss") }) {
    try builder.addGradients(of: Value(builder, loss.value))
  }
  return builder.graph
}
