import Athanor
import AthanorKeras
import Foundation
import Testing

/// A layer with the shape of an example that it accepts.
struct SavedLayer: Sendable, CustomTestStringConvertible {
  let input: [Int]
  let layer: any Layer
  var testDescription: String { "\(layer)" }

  init(_ layer: any Layer, _ input: [Int] = [7, 6, 4]) {
    self.layer = layer
    self.input = input
  }

  static let all: [SavedLayer] =
    [
      SavedLayer(Conv2D(6, kernelSize: 3)),
      SavedLayer(
        Conv2D(
          4, kernelSize: [2, 3], strides: [2, 1], padding: .same, groups: 2, activation: .gelu, useBias: false,
          kernelInitializer: .heNormal)),
      SavedLayer(
        Conv2D(
          3, kernelSize: 2, dilation: [1, 2], kernelInitializer: .truncatedNormal(mean: 0.1, deviation: 0.3),
          biasInitializer: .constant(0.7))),
      SavedLayer(MaxPooling2D()), SavedLayer(MaxPooling2D([3, 2], strides: [1, 2], padding: .same)),
      SavedLayer(AveragePooling2D(2, strides: 1)), SavedLayer(AveragePooling2D([2, 3], padding: .same)),
      SavedLayer(GlobalAveragePooling2D()), SavedLayer(GlobalAveragePooling2D(keepAxes: true)),
      SavedLayer(GlobalMaxPooling2D()), SavedLayer(GlobalMaxPooling2D(keepAxes: true)),
      SavedLayer(Dropout(0.37)), SavedLayer(Flatten()), SavedLayer(Reshape([6, -1, 2])),
      SavedLayer(RepeatVector(4), [5]), SavedLayer(Masking(maskValue: -0.5), [3, 5]),
      SavedLayer(Permute([2, 3, 1])),
      SavedLayer(ZeroPadding2D(2)), SavedLayer(ZeroPadding2D(top: 0, bottom: 1, left: 2, right: 3)),
      SavedLayer(BatchNormalization()),
      SavedLayer(BatchNormalization(momentum: 0.9, epsilon: 1e-5, center: false, scale: false)),
      SavedLayer(BatchNormalization(scale: false), [5]),
      SavedLayer(ActivityRegularization(l1: 0.5, l2: 0.25)),
      SavedLayer(
        BatchNormalization(
          betaInitializer: .constant(0.5), gammaRegularizer: .l2(0.25), betaConstraint: .maxNorm(2),
          gammaConstraint: .nonNegative)),
      SavedLayer(
        Dense(
          2, kernelRegularizer: .l1l2(l1: 0.5, l2: 0.25), biasRegularizer: .l1(2), activityRegularizer: .l2(3),
          kernelConstraint: .minMaxNorm(minimum: 0.5, maximum: 2, rate: 0.25, axes: [1]), biasConstraint: .unitNorm()),
        [5]),
      SavedLayer(Conv2D(2, kernelSize: 1, kernelConstraint: .maxNorm(3, axes: [0, 1, 2]))),
      SavedLayer(Rescaling(0.25)), SavedLayer(Rescaling(2, offset: [1, 2, 3, -4])),
      SavedLayer(Normalization(mean: [0.5], variance: [2])), SavedLayer(Normalization(name: nil)),
      SavedLayer(Normalization(mean: [1, 2, 3, 4], variance: [4, 3, 2, 1])),
      SavedLayer(DepthwiseConv2D(kernelSize: 3)),
      SavedLayer(
        DepthwiseConv2D(
          kernelSize: [2, 3], strides: 2, padding: .same, depthMultiplier: 3, activation: .hardSilu, useBias: false,
          depthwiseInitializer: .varianceScaling(scale: 2, fan: .fanOut))),
      SavedLayer(SeparableConv2D(3, kernelSize: 3)),
      SavedLayer(SeparableConv2D(3, kernelSize: 2, depthMultiplier: 2, activation: .relu(maximum: 6), useBias: false)),
      SavedLayer(Cropping2D(1)), SavedLayer(Cropping2D(top: 0, bottom: 1, left: 2, right: 3)),
      SavedLayer(UpSampling2D([3, 2])), SavedLayer(PReLU()), SavedLayer(PReLU(sharedAxes: [1, 2])),
      SavedLayer(ELU(alpha: 0.5)), SavedLayer(Softmax()), SavedLayer(Softmax(axis: 1)),
      SavedLayer(Rescaling([1, 0.5, 2, 3], offset: [1])), SavedLayer(Dropout(0.5, noiseShape: [nil, 1, 1, 4])),
      SavedLayer(RandomFlip()), SavedLayer(RandomFlip(.vertical)),
      SavedLayer(RandomRotation(0.1, fillMode: .wrap, interpolation: .nearest)),
      SavedLayer(RandomTranslation(heightFactor: 0.1, widthFactor: [-0.2, 0], fillMode: .constant, fillValue: 0.5)),
      SavedLayer(RandomZoom(heightFactor: [0.1, 0.2], fillMode: .nearest)),
      SavedLayer(RandomZoom(heightFactor: 0.5, widthFactor: 0.25)),
      SavedLayer(RandomContrast(lower: 0.1, upper: 0.3)), SavedLayer(RandomBrightness(0.2, valueRange: -1...2)),
      SavedLayer(RandomErasing()), SavedLayer(RandomErasing([0.25, 0.5], scale: 0.5, fillValue: [0.5])),
      SavedLayer(RandomErasing(0.5, fillValue: [0, 1, 2], valueRange: 0...255), [7, 6, 3]),
      SavedLayer(RandomCrop(height: 3, width: 4)), SavedLayer(GaussianNoise(0.25)),
      SavedLayer(Resizing(height: 9, width: 5)),
      SavedLayer(Resizing(height: 3, width: 3, filter: .antialiasedBilinear)),
      SavedLayer(Resizing(height: 9, width: 3, filter: .nearest)),
      SavedLayer(ReLU(maximum: 2, slope: 0.5, threshold: 1)),
      SavedLayer(ReLU()), SavedLayer(ReLU(maximum: 6)), SavedLayer(LeakyReLU()), SavedLayer(LeakyReLU(slope: 0.01)),
      SavedLayer(Activation(.elu(alpha: 0.3))), SavedLayer(Activation(.leakyReLU(slope: 0.05))),
      SavedLayer(Dense(3, activation: .elu(alpha: 0.7)), [5]),
      SavedLayer(Conv2D(2, kernelSize: 1, activation: .leakyReLU(slope: 0.4))),
      SavedLayer(Dense(4, useBias: false, kernelInitializer: .uniform(-0.2, 0.3)), [5]),
      SavedLayer(Dense(2, kernelInitializer: .normal(mean: 1, deviation: 0.1)), [3, 5]),
      SavedLayer(Embedding(9, 3), [4]),
      SavedLayer(
        Embedding(
          9, 2, maskZero: true, embeddingsInitializer: .heNormal, embeddingsRegularizer: .l2(0.5),
          embeddingsConstraint: .maxNorm(2)), [4]),
      SavedLayer(CategoryEncoding(5), [3]), SavedLayer(CategoryEncoding(5, outputMode: .oneHot), [1]),
      SavedLayer(CategoryEncoding(4, outputMode: .count), [3]),
    ]
    + ActivationFunction.all.filter { !ActivationFunction.namesBeyondKeras.contains($0.name) }
    .map { SavedLayer(Activation($0)) }
    + [
      Initializer.zeros, .ones, .glorotUniform, .glorotNormal, .heUniform, .heNormal, .lecunUniform, .lecunNormal,
    ].map { SavedLayer(Dense(2, kernelInitializer: $0), [5]) }
}

@Suite("A saved model is the same when it is read back")
struct RoundTripTests {
  private func reread(_ model: Model, in folder: TemporaryFolder) throws -> Model {
    let path = folder.path("model.h5")
    try model.save(to: path)
    return try Model(contentsOf: path, threads: 1)
  }

  @Test("Every layer", arguments: SavedLayer.all)
  func layers(_ saved: SavedLayer) throws {
    let folder = try TemporaryFolder()
    let model = try Model(input: saved.input, name: "net", seed: 3, threads: 1, layers: [saved.layer])
    try fillWeights(model)
    let copy = try reread(model, in: folder)
    #expect(copy.summary() == model.summary())
    #expect(copy.inputShape == model.inputShape)
    #expect(weightBits(copy) == weightBits(model))
    let inputs = try noise([3] + saved.input)
    #expect(bits(try copy.predict(inputs)) == bits(try model.predict(inputs)))
    #expect(copy.training == nil)
    // What the layer is made of; the name is now given, and an even size may be written with both of its numbers.
    #expect(try description(copy) == description(model))
  }

  @Test("A checkpoint that the format cannot hold is refused before the first epoch")
  func unsavable() throws {
    struct Twice: Layer {
      func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * 2 }
    }
    let folder = try TemporaryFolder()
    let model = try Model(input: [2], threads: 1, layers: [Dense(1), Twice()])
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(inputs: Tensor(shape: [1, 2], [1, 2]), targets: Tensor(shape: [1, 1], [1]))
    let before = model.weights
    #expect(
      folder.errorText {
        _ = try model.fit(data, callbacks: [ModelCheckpoint(folder.path("a.h5"), monitor: .loss)], verbose: .silent)
      }.contains("twice (Twice): files have no name for this layer"))
    #expect(model.weights == before)
  }

  @Test("What bytes were multiplied by in training")
  func pixelScale() throws {
    let folder = try TemporaryFolder()
    let model = try Model(input: [2], threads: 1, layers: [Dense(1)])
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let bytes = try Tensor(shape: [4, 2], bytes: [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(try reread(model, in: folder).pixelScale == Float(1) / 255)
    _ = try model.fit(
      Dataset(inputs: bytes, targets: Tensor(shape: [4, 1], [1, 2, 3, 4]), inputScale: 1 / 128), verbose: .silent)
    let copy = try reread(model, in: folder)
    #expect(copy.pixelScale == 0.0078125)
    #expect(try bits(copy.predict(bytes)) == bits(model.predict(bytes, inputScale: 1 / 128)))
    #expect(try bits(copy.predictor().predict(bytes)) == bits(model.predict(bytes)))
    // Data that say nothing of their scale are taken as the model was trained.
    let plain = try Dataset(inputs: bytes, targets: Tensor(shape: [4, 1], [1, 2, 3, 4]))
    #expect(try bits(copy.predict(plain)) == bits(model.predict(bytes)))
    let given = try Dataset(inputs: bytes, targets: plain.targets, inputScale: 1 / 128)
    #expect(try copy.evaluate(plain)["loss"] == copy.evaluate(given)["loss"])
  }

  /// What the file would say of the architecture.
  private func description(_ model: Model) throws -> String {
    guard case .text(let text) = try KerasFile.contents(of: model, weightsOnly: false).attributes["model_config"] else {
      return "nothing"
    }
    return text
  }

  @Test("Every layer that files may name is among the cases")
  func allLayers() {
    let tested = Set(SavedLayer.all.map { String(describing: type(of: $0.layer)) })
    for kind in serializableLayers where kind is any Layer.Type {
      #expect(tested.contains(String(describing: kind)), "\(kind)")
    }
  }

  private func compiled(
    _ optimizer: Optimizer = .sgd(), _ loss: Loss = .meanSquaredError, _ metrics: [Metric] = []
  ) throws -> Model {
    let model = try Sequential(input: [5], name: "net", seed: 9, threads: 1) {
      Dense(4, activation: .tanh)
      Dense(3, activation: .softmax)
    }
    try model.compile(optimizer: optimizer, loss: loss, metrics: metrics)
    return model
  }

  private static let everyOptimizer: [Optimizer] =
    [
      .sgd(), .sgd(learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01, clipping: .value(0.5)),
      .rmsprop(), .rmsprop(rho: 0.8, momentum: 0.3, epsilon: 1e-6, centered: true, clipping: .norm(2)),
      .rmsprop(centered: true), .adam(), .adam(beta1: 0.8, beta2: 0.99, epsilon: 1e-5, weightDecay: 0.02),
      .adam(clipping: .globalNorm(1.25)), .adamW(), .adamW(learningRate: 0.3, weightDecay: 0),
      .adam(amsgrad: true), .adamW(amsgrad: true), .adamax(beta1: 0.8, clipping: .norm(1)), .nadam(epsilon: 1e-3),
      .adagrad(initialAccumulator: 0.3), .adadelta(rho: 0.8),
      .ftrl(learningRatePower: -0.4, initialAccumulator: 0.2, l1: 0.01, l2: 0.02, l2Shrinkage: 0.03, beta: 0.04),
      .lion(beta1: 0.8, beta2: 0.7), Optimizer.adam().accumulating(4),
      Optimizer.sgd(momentum: 0.5).averaging(.init(momentum: 0.8, frequency: 2)),
      Optimizer.adam(amsgrad: true).accumulating(3).averaging(.init()),
    ]
    + rates.map { Optimizer.adam(learningRate: $0) }

  private static let rates: [LearningRate] = [
    0.1, .constant(Double(Float(0.1))), .constant(1 / 3),
    .exponentialDecay(initial: 0.3, steps: 7, rate: 0.9),
    .exponentialDecay(initial: 1, steps: 1, rate: 0.1, staircase: true),
    .cosineDecay(initial: 0.02, steps: 30), .cosineDecay(initial: 0.02, steps: 30, alpha: 0.1),
    .cosineRestarts(initial: 0.2, steps: 3, stepFactor: 1.5, rateFactor: 0.9, alpha: 0.1),
    .polynomialDecay(initial: 0.2, steps: 5, end: 0.1, power: 2, cycle: true),
    .inverseTimeDecay(initial: 0.2, steps: 2, rate: 0.3, staircase: true),
    .warmUp(steps: 4, from: 0.125, then: .cosineDecay(initial: 0.02, steps: 30)),
    .piecewise(boundaries: [3, 5], values: [1, 0.5, 0.1]), .piecewise(boundaries: [], values: [0.7]),
    .warmUp(steps: 4, then: .cosineDecay(initial: 0.02, steps: 30, alpha: 0.1)), .warmUp(steps: 4, then: 0.25),
    .warmUp(steps: 3, then: .exponentialDecay(initial: 0.3, steps: 7, rate: 0.9)),
    .warmUp(steps: 2, then: .warmUp(steps: 3, then: .piecewise(boundaries: [9], values: [1, 0.5]))),
  ]

  private func data() throws -> Dataset {
    try Dataset(inputs: noise([12, 5], seed: 2), targets: noise([12, 3], seed: 3))
  }

  @Test("Every optimizer, with its state, and training goes on alike", arguments: everyOptimizer)
  func optimizers(_ optimizer: Optimizer) throws {
    let folder = try TemporaryFolder()
    let model = try compiled(optimizer)
    try model.fit(data(), epochs: 2, batchSize: 5, verbose: .silent)
    let copy = try reread(model, in: folder)
    #expect(copy.training?.optimizer == optimizer)
    #expect(try slotBits(copy) == slotBits(model))
    #expect(copy.step == 6)
    #expect(copy.progress == model.progress)
    #expect(copy.seed == 9)
    try model.trainOnBatch(data())
    try copy.trainOnBatch(data())
    #expect(weightBits(copy) == weightBits(model))
  }

  private static let everyLoss: [Loss] =
    Loss.all + [
      .huber(delta: 0.3), .meanSquaredError.named("mine"), .meanAbsoluteError.reduced(by: .sum),
      .categoricalCrossentropy(fromLogits: true, labelSmoothing: 0.25), .binaryCrossentropy(labelSmoothing: 0.125),
      Loss.sparseCategoricalCrossentropy(ignoredClass: -1).reduced(by: .meanWithSampleWeight),
      .categoricalFocalCrossentropy(alpha: [0.1, 0.2, 0.3], gamma: 1.5, fromLogits: true, labelSmoothing: 0.5),
      Loss.binaryFocalCrossentropy(alpha: 0.75, gamma: 3).reduced(by: .mean),
    ]

  @Test("Every loss", arguments: everyLoss.indices)
  func losses(_ index: Int) throws {
    let folder = try TemporaryFolder()
    let loss = Self.everyLoss[index]
    let written = try #require(loss.serialized)
    let copy = try reread(compiled(.sgd(), loss), in: folder)
    #expect(copy.training?.loss.serialized == written)
    #expect(copy.training?.loss.name == loss.name)
    #expect(copy.training?.loss.reduction == loss.reduction)
    #expect(copy.warnings.isEmpty)
  }

  private static let everyMetric: [Metric] =
    Metric.all + [
      .topKAccuracy(2), .precision(threshold: 0.36), .recall(threshold: 0.3, topK: 2, classID: 1),
      .loss(.huber(delta: 0.3)), .binaryAccuracy(threshold: 0.25).named("share"), .falseNegatives(threshold: 0.2),
      .auc(curve: .pr, thresholdCount: 30, summation: .minoring, isMultiLabel: true, fromLogits: true),
      .auc(thresholds: [0.25, 0.3]), .recallAtPrecision(0.75, thresholdCount: 20, classID: 2),
      .f1Score(average: .weighted, threshold: 0.25), .fBetaScore(beta: 2, average: .micro),
      .r2Score(average: .varianceWeighted, regressorCount: 1), .loss(.binaryCrossentropy(labelSmoothing: 0.5)),
    ]

  @Test("Every metric, losses among them, with and without sample weights", arguments: everyMetric.indices)
  func metrics(_ index: Int) throws {
    let folder = try TemporaryFolder()
    let metric = Self.everyMetric[index]
    let classes = try Dataset(
      inputs: noise([12, 5], seed: 2), targets: Tensor(shape: [12], integers: (0..<12).map { Int32($0 * 5 % 3) }),
      sampleWeights: (0..<12).map { Float($0) / 4 })
    let model = try compiled(.sgd(), .categoricalCrossentropy)
    try model.compile(
      optimizer: .sgd(), loss: .categoricalCrossentropy, metrics: [metric], weightedMetrics: [metric])
    let copy = try reread(model, in: folder)
    let read = try #require(copy.training?.metrics)
    #expect(read.map(\.name) == [metric.name, metric.name])
    #expect(read.map(\.serialized) == [metric.serialized, metric.serialized])
    #expect(read[0].serialized != nil)
    #expect(read[0].direction == metric.direction)
    let logs = try model.evaluate(classes)
    #expect(try copy.evaluate(classes) == logs)
    #expect(logs.names == ["loss", metric.name, "weighted_\(metric.name)"])
    #expect(copy.warnings.isEmpty)
  }

  @Test("A rate set by hand and what the callbacks know stay")
  func fixedRate() throws {
    let folder = try TemporaryFolder()
    let model = try compiled(.sgd(learningRate: .cosineDecay(initial: 0.1, steps: 5)))
    model.learningRate = 1.0 / 7
    model.progress.callbacks["0 EarlyStopping"] = ["best": .infinity, "waited": 2]
    let copy = try reread(model, in: folder)
    #expect(copy.learningRate == 1.0 / 7)
    #expect(copy.progress == model.progress)
  }

  @Test("compiled: false leaves loss and optimizer out")
  func notCompiled() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("model.h5")
    try compiled().save(to: path)
    #expect(try Model(contentsOf: path, compiled: false).training == nil)
  }

  @Test("Names in the file are those that Keras writes")
  func names() throws {
    let model = try Sequential(input: [6, 6, 1], name: "net", threads: 1) {
      Conv2D(2, kernelSize: 3)
      BatchNormalization()
      Flatten()
      Dense(2)
      Dense(2, name: "last")
    }
    try model.compile(optimizer: .adamW(), loss: .meanSquaredError)
    let root = try KerasFile.contents(of: model, weightsOnly: false)
    #expect(
      root.attributes.keys.sorted() == ["athanor_state", "backend", "keras_version", "model_config", "training_config"])
    #expect(root.groups.keys.sorted() == ["model_weights", "optimizer_weights"])
    let weights = try #require(root.groups["model_weights"])
    #expect(weights.attributes["layer_names"] == .texts(["conv2d", "batch_normalization", "flatten", "dense", "last"]))
    #expect(
      weights.groups["batch_normalization"]?.attributes["weight_names"]
        == .texts(["gamma", "beta", "moving_mean", "moving_variance"].map { "net/batch_normalization/\($0)" }))
    #expect(weights.groups["flatten"]?.attributes["weight_names"] == .texts([]))
    #expect(weights.array(at: "dense/net/dense/kernel")?.shape == [32, 2])
    let optimizer = try #require(root.groups["optimizer_weights"])
    guard case .texts(let names) = optimizer.attributes["weight_names"] else {
      Issue.record("no names")
      return
    }
    #expect(
      names.prefix(5) == [
        "adam_w/iteration", "adam_w/learning_rate", "adam_w/net_conv2d_kernel_momentum",
        "adam_w/net_conv2d_kernel_velocity", "adam_w/net_conv2d_bias_momentum",
      ])
    #expect(optimizer.array(at: "adam_w/iteration")?.storage == .int32([0]))
  }

  @Test("The same model gives the same bytes")
  func bytes() throws {
    let folder = try TemporaryFolder()
    for name in ["a.h5", "b.hdf5"] { try compiled().save(to: folder.path(name)) }
    #expect(
      try Data(contentsOf: folder.url.appendingPathComponent("a.h5"))
        == Data(contentsOf: folder.url.appendingPathComponent("b.hdf5")))
  }

  @Test("JSON as Foundation writes it, with whole numbers for 1.0, as in files of earlier versions")
  func foundation() throws {
    let folder = try TemporaryFolder()
    let model = try Sequential(input: [5, 4, 2], name: "net", threads: 1) {
      Rescaling(2, offset: [1, 3])
      Conv2D(2, kernelSize: 1, activation: .leakyReLU(slope: 2), kernelInitializer: .constant(1))
      BatchNormalization(momentum: 1, center: false)
      Dropout(0)
      Flatten()
      Dense(3, activation: .softmax, useBias: false)
    }
    try model.compile(
      optimizer: .rmsprop(
        learningRate: .warmUp(steps: 2, then: .exponentialDecay(initial: 1, steps: 7, rate: 1)), momentum: 1,
        centered: true, clipping: .norm(2)),
      loss: .huber(delta: 2), metrics: [.accuracy, .topKAccuracy(2)])
    let contents = try KerasFile.contents(of: model, weightsOnly: false)
    var root = contents
    for name in ["model_config", "training_config", "athanor_learning_rate"] {
      guard case .text(let text) = root.attributes[name] else { throw CocoaError(.featureUnsupported) }
      let data = try JSONSerialization.data(
        withJSONObject: JSONSerialization.jsonObject(with: Data(text.utf8)), options: [.sortedKeys])
      root.attributes[name] = .text(String(decoding: data, as: UTF8.self))
      #expect(root.attributes[name] != contents.attributes[name])
    }
    try root.write(folder.path("a.h5"))
    let copy = try Model(contentsOf: folder.path("a.h5"), threads: 1)
    #expect(copy.training?.optimizer == model.training?.optimizer)
    #expect(try KerasFile.contents(of: copy, weightsOnly: false).attributes == contents.attributes)
  }

  @Test("Weights alone go from file to model")
  func weightsOnly() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("weights.h5")
    let (model, other) = (try compiled(), try compiled())
    try fillWeights(model)
    try KerasFiles.format.write(model, to: path, weightsOnly: true)
    try other.loadWeights(from: path)
    #expect(weightBits(other) == weightBits(model))
    #expect(
      folder.errorText { try Model(contentsOf: path) }
        == "weights.h5: it holds no model, only arrays. Define the model in code and call loadWeights(from:).")
  }

  @Test("What files have no name for is refused when it is saved")
  func unknown() throws {
    struct Twice: Layer {
      func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input + input }
    }
    let folder = try TemporaryFolder()
    func save(_ layer: any Layer, as name: String = "a.h5") throws -> String {
      let model = try Model(input: [4], threads: 1, layers: [layer])
      return folder.errorText { try model.save(to: folder.path(name)) }
    }
    #expect(
      try save(Twice())
        == "twice (Twice): files have no name for this layer. Let it conform to SerializableLayer, or save its weights alone as .weights.h5."
    )
    #expect(
      try save(Dense(1), as: "a.txt")
        == "a.txt: models are saved into files that end in .safetensors, .h5, .hdf5, .keras, .json. "
        + "Give the file one of these endings."
    )
    let cube = ActivationFunction("cube") { try $0 * $0 * $0 }
    #expect(
      try save(Dense(1, activation: cube))
        == "dense (Dense): files have no name for the activation \"cube\". "
        + "Write it as a layer of your own that conforms to SerializableLayer, or save its weights alone as .weights.h5."
    )
    #expect(try folder.contents.isEmpty)
  }
}
