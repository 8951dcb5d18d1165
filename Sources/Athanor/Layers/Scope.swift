/// A weight that a layer has declared.
package struct WeightDeclaration: Hashable, Sendable {
  /// `layer/weight`
  package let name: String
  package let layer: String
  package let shape: [Int]
  package let initializer: Initializer
  /// Whether gradients train it; a state otherwise.
  package let isParameter: Bool
  /// What is added to the loss for it.
  package var regularizer: Regularizer?
  /// What it is limited to after each step.
  package var constraint: Constraint?
}

extension WeightStore {
  /// A store of weights, in this order: parameters, then states.
  ///
  /// - Throws: `AthanorError` when memory is not available.
  package convenience init(_ weights: [WeightDeclaration]) throws {
    var (parameters, states) = (ArrayLayout(), ArrayLayout())
    for weight in weights {
      if weight.isParameter {
        parameters.append(weight.name, weight.shape)
      } else {
        states.append(weight.name, weight.shape)
      }
    }
    try self.init(parameters: parameters, states: states)
  }
}

extension WeightMap {
  /// Gives a weight its first numbers, which follow from the seed and the weight's place in the model alone.
  package func initialize(_ weight: WeightDeclaration, place: Int, seed: UInt64) {
    guard let span = self[weight.name] else { return }
    var random = RandomStream(seed: seed, stream: 1 << 32 | UInt64(place))
    _ = values(of: span).update(fromContentsOf: weight.initializer.values(weight.shape, &random))
  }
}

/// The memory of a weight: weights of the same storage are one.
package struct WeightStorage: Hashable, Sendable {
  let store: ObjectIdentifier
  let offset: Int
}

/// Where a layer declares its weights while the network is built.
public struct Scope {
  /// Whether the graph being built is for training (dropout drops, batch normalisation looks at the batch).
  public package(set) var isTraining: Bool
  /// Whether the layer being built is trained; false where it is frozen.
  public private(set) var isTrainable = true
  package let builder: GraphBuilder
  package private(set) var weights: [WeightDeclaration] = []
  private var places: [String: Int] = [:]
  /// The path of layers, outermost first.
  private var path: [String] = []
  /// The paths of the layers that are not trained.
  private let frozen: Set<String>
  /// The weights that the present call of a layer has declared.
  private var declared: Set<String> = []
  /// The states as the calls so far leave them, and which state a value is.
  private var states: [String: Value] = [:]
  private var stateNames: [ValueID: String] = [:]
  /// The masks of the inputs of the layer being built, and those that it has set for its results.
  private var masks: (inputs: [ValueID: Value], results: [ValueID: Value]) = ([:], [:])
  /// What the layers add to the loss.
  package private(set) var losses: [Value] = []
  /// The paths of the layers at which masks were lost.
  package private(set) var lostMasks: [String] = []
  /// Where the weights of models within the network lie, and the name of the first weight that was declared there.
  private let storage: [String: WeightStorage]
  private var storedNames: [WeightStorage: String] = [:]
  /// The weights that lie where another one lies, with its name: two models that share weights are two ways to one weight.
  package private(set) var aliases: [String: String] = [:]

  package init(
    isTraining: Bool, builder: GraphBuilder, frozen: Set<String> = [], storage: [String: WeightStorage] = [:]
  ) {
    self.isTraining = isTraining
    self.builder = builder
    self.frozen = frozen
    self.storage = storage
  }

  /// More elements than this are a mistake, and would overflow sizes in bytes.
  static let limit = 1 << 40

  /// Declares a weight. A layer that is called again gets the weights of its first call.
  ///
  /// - Parameters:
  ///   - name: Its name within the layer, for example `kernel`.
  ///   - shape: Its shape; every length at least 1.
  ///   - initializer: Its numbers before training.
  ///   - isTrainable: False for moving averages, which change by `update` alone.
  /// - Throws: `AthanorError` when a length is not positive, the name is taken, or an earlier call declared another shape.
  public mutating func weight(
    _ name: String, shape: [Int], initializer: Initializer = .glorotUniform, isTrainable: Bool = true
  ) throws -> Value {
    try declare(name, shape, initializer, isTrainable: isTrainable)
  }

  mutating func declare(
    _ name: String, _ shape: [Int], _ initializer: Initializer, isTrainable: Bool = true,
    regularizer: Regularizer? = nil, constraint: Constraint? = nil
  ) throws -> Value {
    guard shape.allSatisfy({ $0 > 0 }), Tensor.elementCount(of: shape).map({ $0 <= Scope.limit }) == true else {
      throw AthanorError(
        .shape, at: "", "weight \"\(name)\" would have shape \(Shape.text(shape))",
        fix: "Each length must be at least 1, and all together fit into memory.")
    }
    let fullName = storedName((path + [name]).joined(separator: "/"))
    guard declared.insert(fullName).inserted else {
      throw AthanorError(
        .argument, at: "", "weight \"\(name)\" is declared twice", fix: "Give each weight of a layer its own name.")
    }
    if let place = places[fullName] {
      guard weights[place].shape == shape else {
        throw AthanorError(
          .shape, at: "",
          "weight \"\(name)\" has shape \(Shape.text(weights[place].shape)) in the layer's first call but would have "
            + "\(Shape.text(shape)) in this one",
          fix: "Call a shared layer with inputs of the same sizes.")
      }
    } else {
      places[fullName] = weights.count
      weights.append(
        WeightDeclaration(
          name: fullName, layer: path.joined(separator: "/"), shape: shape, initializer: initializer,
          isParameter: isTrainable, regularizer: regularizer, constraint: constraint))
    }
    if let state = states[fullName] { return state }
    let value = try builder.source(
      isTrainable ? .parameter(fullName) : .state(fullName), ValueType(.float32, Shape(shape)))
    if !isTrainable { stateNames[value.id] = fullName }
    return value
  }

  /// The name of the weight that lies where this one does.
  private mutating func storedName(_ name: String) -> String {
    guard let place = storage[name] else { return name }
    guard let first = storedNames[place] else {
      storedNames[place] = name
      return name
    }
    if first != name { aliases[name] = first }
    return first
  }

  /// Sets the content of a weight that is not trained after a forward pass of training. Updates of a layer that is called several
  /// times follow one another.
  public mutating func update(_ weight: Value, to value: Value) {
    guard let name = stateNames[weight.id] else { return }
    builder.setResult(.update(name), value)
    states[name] = value
    stateNames[value.id] = name
  }

  /// Builds a layer inside of this one; its weights are named `outer/inner/weight`.
  ///
  /// - Throws: `AthanorError` when the layer does not accept its input.
  public mutating func build(_ layer: any Layer, _ input: Value, name: String? = nil) throws -> Value {
    try enter(name ?? layer.name ?? layer.automaticName) { try layer.build(input, &$0) }
  }

  /// Adds a number, `[]`, to the loss that is minimised and reported, in training and in `evaluate`.
  public mutating func addLoss(_ loss: Value) { losses.append(loss) }

  /// The mask of one of the layer's inputs, `[N]` or `[N, T]`: 1 for what counts and 0 for what does not; nil when all counts.
  public func mask(of input: Value) -> Value? { masks.inputs[input.id] }

  /// Gives a result of the layer a mask of its own, `[N]` or `[N, T]`: 1 for what counts and 0 for what does not.
  public mutating func setMask(_ mask: Value, of result: Value) { masks.results[result.id] = mask }

  /// Builds one call of a network's layer: the weights that it declares may be those of an earlier call.
  mutating func call(
    _ layer: any GeneralLayer, _ inputs: [MaskedValue], name: String, isTraining: Bool?
  ) throws -> [MaskedValue] {
    let outer = (declared, self.isTraining, masks)
    declared = []
    self.isTraining = isTraining ?? self.isTraining
    masks = ([:], [:])
    for input in inputs { masks.inputs[input.value.id] = input.mask }
    defer { (declared, self.isTraining, masks) = outer }
    return try enter(name) { (scope: inout Scope) -> [MaskedValue] in
      let results = try layer.build(inputs.map(\.value), &scope)
      var passed: Value?
      switch layer.maskRule {
      case .passes: passed = try MaskedValue.union(inputs.map(\.mask))
      case .consumes: break
      case .stops:
        if scope.masks.results.isEmpty, inputs.contains(where: { $0.mask != nil }) {
          scope.lostMasks.append(scope.path.joined(separator: "/"))
        }
      }
      return results.map { MaskedValue(value: $0, mask: scope.masks.results[$0.id] ?? passed) }
    }
  }

  private mutating func enter<Result>(_ name: String, _ body: (inout Scope) throws -> Result) rethrows -> Result {
    let outer = (builder.origin, isTrainable)
    path.append(name)
    builder.origin = path.joined(separator: "/")
    isTrainable = isTrainable && !frozen.contains(builder.origin)
    defer {
      path.removeLast()
      (builder.origin, isTrainable) = outer
    }
    return try body(&self)
  }
}
