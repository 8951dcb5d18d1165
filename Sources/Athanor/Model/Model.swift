/// A network with its weights: defined layer by layer or by calling layers on symbols, trained, evaluated, used for prediction, saved.
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
  /// The name that was given when the model was made.
  let givenName: String?
  /// How the model was made.
  package let form: Form
  /// The seed of all random numbers: first weights, dropout, shuffling.
  public let seed: UInt64
  package private(set) var network: Network
  /// The network's graph before any data are seen: weights and shapes.
  package private(set) var built: Network.Built
  package private(set) var memory: ModelMemory
  /// The layers that are not trained, by path.
  package private(set) var frozen: Set<String>
  package private(set) var training: Training?
  package let pool: ThreadPool
  private var planCache = PlanCache()
  private var workspace: Workspace?
  var predictionPasses = PredictionPasses()
  private var calledAs: LayerCell?
  /// Puts training where a file says it stood, once the model is compiled; nil where that is done or there is nothing. It changes
  /// nothing when it throws.
  package var pendingState: ((Model) throws -> Void)?
  /// Whether `progress` was read from a file.
  package var hasLoadedProgress = false
  /// Where training stands: what a checkpoint needs besides weights to go on as if it had never stopped.
  package var progress: TrainingProgress
  /// Factor applied to bytes given for float32 inputs; 1/255 until `fit` adopts the data set's `inputScale`. Files and exports keep it,
  /// so that every program sees the pixels that training saw.
  public package(set) var pixelScale: Float = 1 / 255
  /// The names of the classes in the order of the outputs, from the data set that the model was trained with or the file that it was
  /// read from. Files and exports keep them.
  public package(set) var classNames: [String]?
  /// How pictures are prepared for the model: that of the data set that it was trained with, or what the file says that it was read from.
  /// Files and exports keep it, and `athanor predict` does it.
  public var picturePreparation: PicturePreparation?
  /// How rows of a table become the model's inputs; nil for a model that was not made for a table. Files and exports keep it, and
  /// `athanor predict` uses it.
  public package(set) var tableEncoding: TableEncoding?
  /// How texts become the numbers of words that the model takes, where you give it; files and exports keep it.
  public var textVectorization: TextVectorization?
  /// What the file says that the outputs are; nil where it leaves that to the last operations.
  package var declaredOutputKind: OutputKind?
  /// What does not stop the model but may not be what was meant: which settings of a file that concern training alone were not taken
  /// over, why a model that was read from a file is not compiled, and at which layers masks are lost.
  public var warnings: [String] { foundWarnings.map(\.description) }
  /// The same as errors that did not stop the model.
  package private(set) var foundWarnings: [AthanorError] = []
  /// Receives the time of each operation; nil to measure nothing.
  public var profile: Profile?
  /// Prints what `fit` reports.
  package var write: (String) -> Void = ProgressPrinter.standardOutput

  // MARK: Making

  /// Makes a model of layers one after another.
  ///
  /// - Parameters:
  ///   - input: The shape of one example, without the batch: `[28, 28, 1]`. May be nil when the first layer is an `Input`.
  ///   - name: The model's name; nil for `sequential`. A model without a name is numbered among the layers of another one.
  ///   - seed: The seed of all random numbers.
  ///   - threads: The number of threads that compute; nil for one per core.
  ///   - layers: The layers, in order.
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  public convenience init(
    input: [Int]? = nil, name: String? = nil, seed: UInt64 = 0, threads: Int? = nil,
    @SequentialBuilder _ layers: () throws -> [any GeneralLayer] = { [] }
  ) throws {
    try self.init(input: input, name: name, seed: seed, threads: threads, layers: layers())
  }

  /// Makes a model of an array of layers.
  ///
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  public convenience init(
    input: [Int]? = nil, name: String? = nil, seed: UInt64 = 0, threads: Int? = nil,
    layers: [any GeneralLayer]
  ) throws {
    let first = layers.first as? Input
    if let first, let input, first.exampleLengths != input.map(Length.fixed) {
      throw AthanorError(
        .argument, at: "Sequential", "input: is \(input) but the first layer is Input(\(first.exampleLengths))",
        fix: "Give the shape once.")
    }
    guard let entry = first ?? input.map({ Input($0) }) else {
      throw AthanorError(
        .argument, at: "Sequential", "the shape of its input is not known",
        code: "Write Sequential(input: [28, 28, 1]) or begin with Input([28, 28, 1]).")
    }
    var network = try Network(input: entry)
    for layer in layers.dropFirst(first == nil ? 0 : 1) { try network.append(layer) }
    try self.init(network, name: name, form: .sequential, seed: seed, threads: threads)
  }

  /// Makes a functional model: what lies between inputs and outputs.
  ///
  /// - Parameters:
  ///   - inputs: Where data enter.
  ///   - outputs: What the model computes; each is named by its layer.
  ///   - name: The model's name; nil for `functional`. A model without a name is numbered among the layers of another one.
  ///   - seed: The seed of all random numbers.
  ///   - threads: The number of threads that compute; nil for one per core.
  /// - Throws: `AthanorError` that names the layer, when one did not accept its input, an output needs an input that is not listed, or a
  ///   name is used twice.
  /// - Example:
  ///   ```swift
  ///   let x = Input([4])
  ///   let y = Dense(1)(x) + Dense(1, activation: .tanh)(x)
  ///   let model = try Model(inputs: [x], outputs: [y])
  ///   ```
  public convenience init(
    inputs: [Symbol], outputs: [Symbol], name: String? = nil, seed: UInt64 = 0, threads: Int? = nil
  ) throws {
    try self.init(
      Network(inputs: inputs, outputs: outputs), name: name, form: .functional, seed: seed, threads: threads)
  }

  /// Makes a model of a network.
  ///
  /// - Parameters:
  ///   - shared: Weights that exist, by their names here; the others are made and initialised.
  ///   - frozen: The layers that are not trained, besides those that models within the network do not train.
  /// - Throws: `AthanorError` that names the layer, when one does not accept its input.
  package init(
    _ network: Network, name: String?, form: Form? = nil, seed: UInt64 = 0, threads: Int? = nil,
    sharing shared: WeightMap? = nil, frozen: Set<String> = []
  ) throws {
    let built = try network.declared()
    let nested = network.nestedNetworks
    let names = built.weights.map(\.name) + built.aliases.keys.sorted()
    let map = try shared?.keeping(names) ?? Model.weights(of: built, nested, seed: seed)
    self.form = form ?? Form(of: network)
    givenName = name
    self.name = name ?? self.form.rawValue.snakeCased
    self.seed = seed
    self.network = network
    self.built = built
    self.frozen = nested.reduce(into: frozen) { frozen, entry in
      frozen.formUnion(entry.value.frozen.map { "\(entry.key)/\($0)" })
    }
    memory = try ModelMemory(map, withGradients: false)
    pool = try ThreadPool(threadCount: threads ?? ThreadPool.coreCount)
    progress = TrainingProgress(seed: seed)
    foundWarnings = Model.maskWarnings(built)
  }

  private static func maskWarnings(_ built: Network.Built) -> [AthanorError] {
    built.lostMasks.map { layer in
      AthanorError(
        .unsupported, at: "layer \"\(layer)\"",
        "a mask arrives here but does not go through the layer, so everything behind it counts",
        fix: "Give the data set masks for the outputs behind it if that is not meant.")
    }
  }

  /// Adds warnings, each once.
  package func warn(of errors: [AthanorError]) {
    for error in errors where !foundWarnings.contains(error) { foundWarnings.append(error) }
  }

  /// The weights of models in the network, and a new store for all others.
  private static func weights(
    of built: Network.Built, _ nested: [String: NestedNetwork], seed: UInt64
  ) throws -> WeightMap {
    func sharedSpan(_ weight: String) -> (map: WeightMap, name: String)? {
      guard let slash = weight.firstIndex(of: "/"), let model = nested[String(weight[..<slash])] else { return nil }
      return (model.weights, String(weight[weight.index(after: slash)...]))
    }
    let own = try WeightStore(built.weights.filter { sharedSpan($0.name) == nil })
    var map = WeightMap()
    for (place, weight) in built.weights.enumerated() {
      if let (other, name) = sharedSpan(weight.name) {
        map.append(weight.name, from: other, name: name)
        continue
      }
      map.append(weight.name, of: own, entry: weight.name)
      map.initialize(weight, place: place, seed: seed)
    }
    // A part of the network may reach a weight by another name.
    for (alias, _) in built.aliases.sorted(by: { $0.key < $1.key }) {
      if let (other, name) = sharedSpan(alias) { map.append(alias, from: other, name: name) }
    }
    return map
  }

  /// Adds a layer at the end of a `Sequential`; weights that exist keep their numbers.
  ///
  /// - Throws: `AthanorError` that names the layer, when it does not accept the output so far, the model is no chain of layers, or another
  ///   model uses it already; the model is then unchanged.
  public func add(_ layer: any GeneralLayer) throws {
    guard network.isChain, calledAs == nil else {
      throw AthanorError(
        .argument, at: "model \"\(name)\"",
        calledAs == nil
          ? "it is no chain of layers, so nothing can be added at its end"
          : "another model uses it, so nothing can be added to it",
        fix: calledAs == nil ? "Call layers on symbols and make a new Model." : "Add layers before it is called.")
    }
    var larger = network
    try larger.append(layer)
    let model = try Model(larger, name: givenName, form: form, seed: seed, threads: 1, frozen: frozen)
    model.copyWeights(from: self)
    (network, built, memory, frozen) = (larger, model.built, model.memory, model.frozen)
    warn(of: model.foundWarnings)
    training = nil
    discardPlans()
  }

  /// The model as a layer of others; the same for each call.
  package var cell: LayerCell {
    if let calledAs { return calledAs }
    let cell = LayerCell(
      NestedNetwork(name: givenName, form: form, network: network, weights: memory.weights, frozen: frozen))
    calledAs = cell
    return cell
  }

  /// The ways to make a model, by the names of Keras' classes.
  package enum Form: String, Sendable {
    case sequential = "Sequential"
    case functional = "Functional"

    /// The form of a network that a file holds.
    package init(of network: Network) { self = network.isChain ? .sequential : .functional }
  }

  // MARK: Facts

  /// The inputs: names, element types and lengths.
  public var inputs: [Port] { network.inputs }
  /// The outputs: names, element types and lengths.
  public var outputs: [Port] {
    zip(network.outputs, built.outputs).map { Port(name: $0.name, $1.type) }
  }
  /// The shape of one example of the (first) input; 0 for an open length.
  public var inputShape: [Int] { network.inputs[0].exampleLengths.map { $0.fixed ?? 0 } }
  /// The shape of the (first) output, nil for open lengths.
  public var outputShape: Shape { Shape(built.outputs[0].shape.lengths) }
  /// The layers in order.
  public var layers: [any GeneralLayer] { network.entries.map(\.layer) }
  /// The number of threads that compute.
  public var threadCount: Int { pool.threadCount }
  /// The number of elements of all weights.
  public var parameterCount: Int { built.weights.reduce(0) { $0 + $1.shape.reduce(1, *) } }

  // MARK: Training

  /// Sets or removes loss, metrics and optimizer.
  package func setTraining(_ training: Training?) throws {
    if training != nil { memory = try ModelMemory(memory.weights) }
    self.training = training
    progress = TrainingProgress(seed: seed)
    hasLoadedProgress = false
    discardPlans()
  }

  /// Stops training layers: their weights stay as they are, whatever the optimizer, and a frozen `BatchNormalization` runs as in
  /// prediction. Weights are not moved, and the optimizer's state stays.
  ///
  /// - Parameter layers: Names of layers; `model/layer` for a layer of a model within this one.
  /// - Throws: `AthanorError` when there is no layer of a name.
  /// - Example:
  ///   ```swift
  ///   try model.freeze("base")
  ///   try model.freeze { $0.hasPrefix("conv2d") }
  ///   ```
  public func freeze(_ layers: String...) throws { try setFrozen(layers, true) }

  /// Trains layers again that were frozen.
  ///
  /// - Parameter layers: Names of layers, as for `freeze`.
  /// - Throws: `AthanorError` when there is no layer of a name.
  public func unfreeze(_ layers: String...) throws { try setFrozen(layers, false) }

  /// Stops training the layers whose name fulfils a condition.
  public func freeze(where condition: (_ name: String) throws -> Bool) rethrows {
    frozen.formUnion(try layerPaths.filter(condition))
    discardPlans()
  }

  /// Trains the layers again whose name fulfils a condition.
  public func unfreeze(where condition: (_ name: String) throws -> Bool) rethrows {
    frozen.subtract(try layerPaths.filter(condition))
    discardPlans()
  }

  /// The names of the layers that are not trained.
  public var frozenLayers: [String] { layerPaths.filter { Network.isFrozen($0, frozen) } }

  /// The layers' names, those of models within this one behind a slash.
  package var layerPaths: [String] { network.layerPaths }

  private func setFrozen(_ layers: [String], _ isFrozen: Bool) throws {
    let known = layerPaths
    for layer in layers where !known.contains(layer) {
      throw AthanorError(
        .argument, at: "layer \"\(layer)\"", "the model has no layer of this name",
        fix: AthanorError.suggestion(for: layer, among: known) + "It has \(known.joined(separator: ", ")).")
    }
    if isFrozen { frozen.formUnion(layers) } else { frozen.subtract(layers) }
    discardPlans()
  }

  // MARK: Plans

  package enum Purpose: Hashable {
    /// A step of `fit`: where random layers come before all weights, what they do is a plan of its own.
    case fit
    /// A forward and a backward pass in one.
    case train
    case evaluate
    case predict
  }

  /// The workspace, turned to the plan for a purpose and a kind of data.
  package func workspace(_ purpose: Purpose, _ feed: Feed) throws -> Workspace {
    try workspace(plans(purpose, feed).main)
  }

  /// The plans for a purpose and a kind of data.
  func plans(_ purpose: Purpose, _ feed: Feed) throws -> Plans {
    try planCache.plans(PlanCache.Key(purpose: purpose, feed: feed)) {
      let weights = memory.weights
      let graph: Graph
      switch purpose {
      case .predict: graph = try network.predictionGraph(feed)
      case .fit, .train, .evaluate:
        graph = try network.lossGraph(
          feed, try requireCompiled().goals, isTraining: purpose != .evaluate, frozen: frozen)
      }
      let inputs = Set(network.inputs.indices.map { Slot.input($0).key })
      guard purpose == .fit, threadCount > 1,
        let split = try SplitGraph(graph, inputs: inputs, name: { Slot.prepared($0).key })
      else { return try Plans(main: Plan(graph, weights: weights)) }
      return try Plans(
        preparation: Plan(split.preparation, weights: weights), main: Plan(split.step, weights: weights))
    }
  }

  /// The workspace, turned to a plan.
  func workspace(_ plan: Plan) throws -> Workspace {
    if let workspace {
      if workspace.plan !== plan { try workspace.use(plan) }
      return workspace
    }
    let workspace = try Workspace(plan)
    self.workspace = workspace
    return workspace
  }

  /// The bytes of the workspace, for values and the kernels' scratch memory.
  package var workspaceByteCount: Int { workspace?.byteCount ?? 0 }

  private func discardPlans() {
    planCache = PlanCache()
    workspace = nil
  }
}

/// Layers one after another, each fed with the result of the one before: `keras.Sequential`.
public typealias Sequential = Model
