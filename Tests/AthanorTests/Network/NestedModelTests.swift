import Athanor
import Testing

@Suite("Models within models")
struct NestedModelTests {
  private func base() throws -> Model {
    try Sequential(input: [4], name: "base", seed: 3) {
      Dense(5, activation: .tanh, name: "first")
      BatchNormalization(name: "norm")
      Dense(3, activation: .tanh, name: "second")
    }
  }

  private func data(_ width: Int) throws -> Dataset {
    try Dataset(inputs: noise([6, 4]), targets: noise([6, width], seed: 9))
  }

  @Test("A model that is called shares its weights, also when it is called twice")
  func sharing() throws {
    let base = try base()
    let (left, right) = (Input([4], name: "left"), Input([4], name: "right"))
    let model = try Model(
      inputs: [left, right], outputs: [Dense(1, name: "head")(base(left) - base(right))], seed: 5)
    #expect(model.layers.map(\.kind) == ["Sequential", "Subtract", "Dense"])
    #expect(model.parameterCount == base.parameterCount + 4)
    #expect(model.weights.prefix(3).map(\.name) == ["base/first/kernel", "base/first/bias", "base/norm/gamma"])
    #expect(model.weights.prefix(base.weights.count).map(\.tensor) == base.weights.map(\.tensor))
    // Training one moves the other.
    try model.compile(optimizer: .adam(learningRate: 0.1), loss: .meanSquaredError)
    let before = weightBits(base)
    try model.trainOnBatch(
      Dataset(inputs: ["left": noise([6, 4]), "right": noise([6, 4], seed: 2)], targets: ["head": noise([6, 1])]))
    #expect(zip(before, weightBits(base)).allSatisfy { $0 != $1 })
    #expect(model.weights.prefix(base.weights.count).map(\.tensor) == base.weights.map(\.tensor))
    try base.setWeights(["second/bias": Tensor(shape: [3], [7, 8, 9])])
    #expect(model.weights.first { $0.name == "base/second/bias" }?.tensor.floats == [7, 8, 9])
  }

  @Test("Calling a model gives what its own prediction gives, and nested names go down")
  func nestedTwice() throws {
    let base = try base()
    let x = Input([4], name: "x")
    let middle = try Model(inputs: [x], outputs: [base(x) * base(x)], name: "middle")
    let y = Input([4], name: "y")
    let outer = try Model(inputs: [y], outputs: [Dense(2, name: "head")(middle(y))], name: "outer")
    #expect(outer.weights.first?.name == "middle/base/first/kernel")
    #expect(
      outer.layerPaths
        == [
          "middle", "middle/base", "middle/base/first", "middle/base/norm", "middle/base/second", "middle/multiply",
          "head",
        ]
    )
    let input = try noise([5, 4])
    let squared = try base.predict(input).floats.map { Double($0) * Double($0) }
    expectClose(try middle.predict(input).floats, squared)
    let identity = try Tensor(shape: [3, 2], [1, 0, 0, 1, 0, 0])
    try outer.setWeights(["head/kernel": identity, "middle/base/norm/beta": Tensor(shape: [5], [1, 2, 3, 4, 5])])
    #expect(base.weights.first { $0.name == "norm/beta" }?.tensor.floats == [1, 2, 3, 4, 5])
    let inner = try middle.predict(input).floats
    let expected = stride(from: 0, to: 15, by: 3).flatMap { [Double(inner[$0]), Double(inner[$0 + 1])] }
    expectClose(try outer.predict(input).floats, expected)
    try outer.compile(optimizer: .sgd(learningRate: 0.1), loss: .meanSquaredError)
    let before = weightBits(base)
    try outer.trainOnBatch(data(2))
    #expect(zip(before, weightBits(base)).allSatisfy { $0 != $1 })
  }

  /// The same numbers as with a SharedLayer, where there is one set of weights for certain.
  @Test("A model that is reached on two ways has one gradient, and its averages move twice")
  func twoWays() throws {
    func train(_ model: Model) throws -> Gradients {
      try model.setWeights([
        "head/kernel": noise([3, 2], seed: 20), "head/bias": Tensor(shape: [2], [0.5, -0.5]),
      ])
      try model.compile(optimizer: .adamW(learningRate: 0.1, weightDecay: 0.1), loss: .meanSquaredError)
      let gradients = try model.gradients(data(2))
      try model.apply(gradients)
      try model.trainOnBatch(data(2))
      return gradients
    }
    let x = Input([4], name: "x")
    let dense = SharedLayer(Dense(3, activation: .tanh, kernelInitializer: .constant(0.25), name: "dense"))
    let norm = SharedLayer(BatchNormalization(name: "norm"))
    let expected = try Model(
      inputs: [x], outputs: [Dense(2, name: "head")(Activation(.tanh)(norm(dense(x))) * norm(dense(x)))])
    let base = try Sequential(input: [4], name: "base") {
      Dense(3, activation: .tanh, kernelInitializer: .constant(0.25), name: "dense")
      BatchNormalization(name: "norm")
    }
    let y = Input([4], name: "y")
    let middle = try Model(inputs: [y], outputs: [Activation(.tanh)(base(y))], name: "middle")
    let part = try base.truncated(after: "norm", name: "part")
    for (other, name) in [(base, "base"), (part, "part")] {
      try base.setWeights(
        Dictionary(
          uniqueKeysWithValues: expected.weights.filter { !$0.name.hasPrefix("head/") }.map { ($0.name, $0.tensor) }))
      let model = try Model(inputs: [x], outputs: [Dense(2, name: "head")(middle(x) * other(x))])
      #expect(model.parameterCount == expected.parameterCount)
      let (actual, wanted) = (try train(model), try train(expected))
      #expect(actual.weightNames.count == 6)
      #expect(actual["middle/base/dense/kernel"] == wanted["dense/kernel"])
      #expect(actual["middle/base/norm/gamma"] == wanted["norm/gamma"])
      for weight in base.weights {
        #expect(expected.weights.first { $0.name == weight.name }?.tensor == weight.tensor, "\(name) \(weight.name)")
      }
      // The part that is left when one way is cut off.
      let cut = try model.truncated(after: name)
      #expect(try cut.predict(noise([2, 4])) == other.predict(noise([2, 4])))
      try model.freeze(name)
      #expect(try model.gradients(data(2)).weightNames == ["head/kernel", "head/bias"])
    }
  }

  @Test("A Sequential may contain a model")
  func inSequential() throws {
    let base = try base()
    let model = try Sequential(input: [4]) {
      base
      Dense(2, name: "head")
    }
    #expect(model.layers.map(\.kind) == ["Sequential", "Dense"])
    #expect(model.network.isChain)
    try model.compile(optimizer: .sgd(learningRate: 0.1), loss: .meanSquaredError)
    let before = weightBits(base)
    try model.trainOnBatch(data(2))
    #expect(zip(before, weightBits(base)).allSatisfy { $0 != $1 })
    // A layer that is added keeps the sharing.
    try model.add(Activation(.tanh))
    try base.setWeights(["second/bias": Tensor(shape: [3], [7, 8, 9])])
    #expect(model.weights.first { $0.name == "base/second/bias" }?.tensor.floats == [7, 8, 9])
    expectError(
      "model \"base\": another model uses it, so nothing can be added to it. Add layers before it is called."
    ) { try base.add(Dense(1)) }
  }

  @Test("A cut model shares weights with the whole")
  func truncated() throws {
    let base = try base()
    let part = try base.truncated(after: "norm", name: "features")
    #expect(part.name == "features")
    #expect(part.layers.map(\.kind) == ["Dense", "BatchNormalization"])
    #expect(part.outputShape == [nil, 5])
    #expect(part.weights.map(\.tensor) == base.weights.prefix(6).map(\.tensor))
    try part.compile(optimizer: .adam(), loss: .meanSquaredError)
    let before = weightBits(base)
    try part.trainOnBatch(data(5))
    let after = weightBits(base)
    #expect(zip(before, after).prefix(6).allSatisfy { $0 != $1 })
    #expect(zip(before, after).dropFirst(6).allSatisfy { $0 == $1 })
    try base.compile(optimizer: .sgd(learningRate: 0.1), loss: .meanSquaredError)
    try base.trainOnBatch(data(3))
    #expect(weightBits(part) == Array(weightBits(base).prefix(6)))
    expectError(
      "layer \"nrm\": the model has no layer of this name. Did you mean \"norm\"? It has first, norm, second."
    ) { try base.truncated(after: "nrm") }
  }

  @Test("A new head on a cut and frozen base leaves the base as it is")
  func transfer() throws {
    let base = try base()
    let features = try base.truncated(after: "norm", name: "features")
    let x = Input([4], name: "x")
    let model = try Model(inputs: [x], outputs: [Dense(2, name: "head")(features(x))])
    try model.freeze("features")
    try model.compile(optimizer: .adamW(learningRate: 0.1, weightDecay: 0.5), loss: .meanSquaredError)
    let before = weightBits(base)
    try model.fit(data(2), epochs: 3, verbose: .silent)
    #expect(weightBits(base) == before)
    #expect(model.frozenLayers == ["features", "features/first", "features/norm"])
  }

  @Test("What a model freezes stays frozen where it is called")
  func frozenStaysFrozen() throws {
    let base = try base()
    try base.freeze("first")
    let x = Input([4], name: "x")
    let model = try Model(inputs: [x], outputs: [base(x)])
    #expect(model.frozenLayers == ["base/first"])
    #expect(
      model.weights.filter(\.isTrainable).map(\.name)
        == ["base/norm/gamma", "base/norm/beta", "base/second/kernel", "base/second/bias"])
    try model.unfreeze("base/first")
    #expect(model.frozenLayers.isEmpty)
    #expect(base.frozenLayers == ["first"])
  }

  @Test("A model of several outputs gives all of them")
  func severalOutputs() throws {
    let x = Input([4], name: "x")
    let inner = try Model(
      inputs: [x], outputs: [Dense(2, name: "a")(x), Dense(3, name: "b")(x)], name: "inner")
    let y = Input([4], name: "y")
    let results = inner.outputs(of: [y])
    #expect(results.map(\.shape) == [[nil, 2], [nil, 3]])
    let model = try Model(inputs: [y], outputs: [Concatenate(name: "joined")(results)])
    let input = try noise([2, 4])
    let (whole, parts) = (try model.predict(input).floats, try inner.predict(["x": input]))
    let (a, b) = (try #require(parts["a"]).floats, try #require(parts["b"]).floats)
    #expect(whole == Array(a[..<2] + b[..<3] + a[2...] + b[3...]))
    let both = try Model(inputs: [y], outputs: results)
    #expect(both.outputs.map(\.name) == ["inner", "inner_1"])
    #expect(both.network.calls.count == 1)
  }

  @Test("The summary of a model that is no chain says what is connected to what")
  func summary() throws {
    let base = try base()
    let (picture, age) = (Input([6, 6, 2], name: "picture"), Input([4], name: "age"))
    let encode = SharedLayer(Dense(4, name: "encode"))
    let x = GlobalAveragePooling2D()(Conv2D(4, kernelSize: 3, name: "look")(picture))
    let model = try Model(
      inputs: [picture, age], outputs: [Concatenate(name: "joined")(encode(x), encode(age), base(age))], name: "people")
    try model.freeze("base")
    #expect(
      model.summary() == """
        Model: "people"
        _______________________________________________________________________________________________________________________
        Layer (type)                                       Output Shape              Param #      Connected to
        =======================================================================================================================
        picture (Input)                                    (None, 6, 6, 2)           0
        _______________________________________________________________________________________________________________________
        age (Input)                                        (None, 4)                 0
        _______________________________________________________________________________________________________________________
        look (Conv2D)                                      (None, 4, 4, 4)           76           picture
        _______________________________________________________________________________________________________________________
        global_average_pooling2d (GlobalAveragePooling2D)  (None, 4)                 0            look
        _______________________________________________________________________________________________________________________
        encode (Dense)                                     (None, 4)                 20           global_average_pooling2d, age
        _______________________________________________________________________________________________________________________
        base (Sequential) (frozen)                         (None, 3)                 63           age
        _______________________________________________________________________________________________________________________
        joined (Concatenate)                               (None, 11)                0            encode, encode, base
        =======================================================================================================================
        Total params: 159
        Trainable params: 96
        Non-trainable params: 63
        _______________________________________________________________________________________________________________________
        """)
  }

  @Test("Models without names are numbered within a third")
  func unnamed() throws {
    let (x, y) = (Input([4]), Input([4]))
    let (left, right) = try (Sequential(input: [4]) { Dense(3) }, Sequential(input: [4]) { Dense(3) })
    let joined = try Model(inputs: [x, y], outputs: [left(x) + right(y)])
    let both = try Model(inputs: [x, y], outputs: [joined.outputs(of: [x, y])[0] + left(x)])
    #expect(left.name == "sequential" && joined.name == "functional")
    #expect(joined.network.entries.map(\.name) == ["sequential", "sequential_1", "add"])
    #expect(both.network.entries.map(\.name) == ["functional", "sequential", "add"])
    // A name that was given stays, and clashes.
    let named = try (0..<2).map { _ in try Sequential(input: [4], name: "tower") { Dense(3) } }
    #expect(
      throws: AthanorError(
        .argument, at: "layer \"tower\"", "its name is taken, empty or contains a slash",
        fix: "Give each layer a name of its own; for one set of weights in several places make one SharedLayer.")
    ) { try Model(inputs: [x], outputs: [named[0](x) + named[1](x)]) }
  }
}
