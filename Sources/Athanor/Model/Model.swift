/// A network with its weights: defined layer by layer, trained, evaluated, used for prediction, saved.
///
/// A model is not shared between tasks; `predictor()` makes an immutable copy that is. With the same seed the same program gives the same
/// numbers, at any number of threads.
///
/// - Example:
///   ```swift
///   let model = try Sequential(input: [28, 28, 1]) {
///     Conv2D(32, kernelSize: 5, activation: .relu)
///     MaxPooling2D(2)
///     Flatten()
///     Dense(10, activation: .softmax)
///   }
///   print(model.summary())
///   ```
public final class Model {
  /// The model's name, as the summary and files show it.
  public let name: String
  /// From which all random numbers follow: first weights, dropout, shuffling.
  public let seed: UInt64
  package private(set) var network: Network
  package private(set) var built: Network.Built
  package private(set) var weightMemory: WeightMemory
  package var training: Training?
  package let pool: ThreadPool
  package var workspaces: [WorkspaceKey: Workspace] = [:]
  /// Where training stands: what a checkpoint needs besides weights to go on as if it had never stopped.
  package var progress: TrainingProgress
  /// What the bytes of pictures are multiplied by as they go in: 1/255 at first, then what the data of `fit` said. Files and exports
  /// keep it, so that every program sees the pixels that training saw.
  public package(set) var pixelScale: Float = 1 / 255
  /// The names of the classes in the order of the outputs, where the file that the model was read from has them.
  public package(set) var classNames: [String]?
  /// Where to note how long each operation takes; nil, as at first, for nowhere.
  public var profile: Profile?
  /// Where `fit` prints to.
  package var write: (String) -> Void = ProgressPrinter.standardOutput

  package struct WorkspaceKey: Hashable {
    package enum Purpose: Hashable { case train, evaluate, predict }
    let purpose: Purpose
    let batchSize: Int
    let feed: Network.Feed
  }

  /// Makes a model of layers one after another.
  ///
  /// - Parameters:
  ///   - input: The shape of one example, without the batch: `[28, 28, 1]`. May be nil when the first layer is an `Input`.
  ///   - name: The model's name.
  ///   - seed: From which all random numbers follow.
  ///   - threads: How many threads compute; nil for one per core.
  ///   - layers: The layers, in order.
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  public convenience init(
    input: [Int]? = nil, name: String = "sequential", seed: UInt64 = 0, threads: Int? = nil,
    @SequentialBuilder _ layers: () -> [any Layer] = { [] }
  ) throws {
    try self.init(input: input, name: name, seed: seed, threads: threads, layers: layers())
  }

  /// Makes a model of an array of layers.
  ///
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  public init(
    input: [Int]? = nil, name: String = "sequential", seed: UInt64 = 0, threads: Int? = nil, layers: [any Layer]
  ) throws {
    var layers = layers
    var shape = input
    var inputName = "input_layer"
    if let first = layers.first as? Input {
      guard input == nil || input == first.shape else {
        throw AthanorError(
          .argument, at: "Sequential", "input: is \(input ?? []) but the first layer is Input(\(first.shape))",
          fix: "Give the shape once.")
      }
      shape = first.shape
      inputName = first.name ?? inputName
      layers.removeFirst()
    }
    guard let shape else {
      throw AthanorError(
        .argument, at: "Sequential", "the shape of its input is not known",
        fix: "Write Sequential(input: [28, 28, 1]) or begin with Input([28, 28, 1]).")
    }
    var network = try Network(inputShape: shape, inputName: inputName)
    for layer in layers { try network.append(layer) }
    self.name = name
    self.seed = seed
    self.network = network
    built = try Model.build(network)
    weightMemory = try WeightMemory(built.weights)
    weightMemory.initialize(seed: seed)
    pool = try ThreadPool(threadCount: threads ?? ThreadPool.coreCount)
    progress = TrainingProgress(seed: seed)
  }

  private static func build(_ network: Network) throws -> Network.Built {
    let builder = GraphBuilder()
    let input = try builder.source(.input("input"), ValueType(.float32, Shape([nil] + network.inputShape)))
    return try network.build(input, isTraining: true)
  }

  /// Adds a layer at the end; weights that exist keep their numbers.
  ///
  /// - Throws: `AthanorError` that names the layer, when it does not accept the output so far; the model is then unchanged.
  public func add(_ layer: any Layer) throws {
    var larger = network
    try larger.append(layer)
    let largerBuilt = try Model.build(larger)
    let memory = try WeightMemory(largerBuilt.weights)
    memory.initialize(seed: seed)
    memory.copy(from: weightMemory)
    network = larger
    built = largerBuilt
    weightMemory = memory
    training = nil
    workspaces = [:]
  }

  /// The shape of one example that goes in.
  public var inputShape: [Int] { network.inputShape }
  /// The shape of what comes out, nil for the batch.
  public var outputShape: Shape { built.output.shape }
  /// The layers in order.
  public var layers: [any Layer] { network.entries.map(\.layer) }
  /// How many threads compute.
  public var threadCount: Int { pool.threadCount }
  /// How many numbers the weights have in all.
  public var parameterCount: Int { built.weights.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  /// All weights in the order of the layers.
  public var weights: [Weight] {
    built.weights.map { weight in
      Weight(
        name: weight.name,
        tensor: Tensor(uncheckedShape: weight.shape, .float32(Array(weightMemory.values(of: weight)))),
        isTrainable: weight.isTrainable)
    }
  }

  /// Replaces weights by name; others stay.
  ///
  /// - Throws: `AthanorError` when there is no weight of a name or a shape differs; then nothing is changed.
  public func setWeights(_ tensors: [String: Tensor]) throws {
    let known = Dictionary(built.weights.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      guard let weight = known[name] else {
        throw AthanorError(
          .argument, at: "weight \"\(name)\"", "the model has no weight of this name",
          fix: AthanorError.suggestion(for: name, among: Array(known.keys).sorted()) + "See model.weights.")
      }
      guard weight.shape == tensor.shape else {
        throw AthanorError(
          .shape, at: "weight \"\(name)\"",
          "the model's has shape \(Shape.text(weight.shape)) but \(Shape.text(tensor.shape)) was given",
          fix: "The file or array belongs to another network.")
      }
    }
    for (name, tensor) in tensors {
      if let weight = known[name] { _ = weightMemory.values(of: weight).update(fromContentsOf: tensor.floats) }
    }
  }

  /// The workspace for a plan, made at its first use.
  package func workspace(_ purpose: WorkspaceKey.Purpose, batchSize: Int, feed: Network.Feed) throws -> Workspace {
    let key = WorkspaceKey(purpose: purpose, batchSize: batchSize, feed: feed)
    if let present = workspaces[key] { return present }
    let graph: Graph
    switch purpose {
    case .predict: graph = try network.predictionGraph(feed)
    case .train, .evaluate:
      let training = try requireCompiled()
      graph = try network.lossGraph(
        feed, loss: training.loss, metrics: training.metrics, isTraining: purpose == .train)
    }
    let plan = try Plan(
      graph, batchSize: batchSize, parameters: weightMemory.parameters, states: weightMemory.states)
    let workspace = try Workspace(plan)
    // A program that predicts at ever new batch sizes must not collect plans without end.
    if workspaces.count >= 16 { workspaces = [:] }
    workspaces[key] = workspace
    return workspace
  }
}

/// Layers one after another, each fed with what the one before gives: `keras.Sequential`.
public typealias Sequential = Model
