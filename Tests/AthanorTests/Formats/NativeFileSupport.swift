import Athanor
import Foundation

/// A layer of a program's own.
struct NoisyScale: Layer, SerializableLayer {
  var factor: Double
  let name: String?

  init(_ factor: Double, name: String? = nil) {
    self.factor = factor
    self.name = name
  }

  init(unconfigured name: String) { self.init(1, name: name) }

  mutating func configure(_ settings: inout Settings) throws { try settings.field("factor", &factor) }

  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let gain = try scope.weight("gain", shape: [1], initializer: .ones)
    return try scope.build(Dropout(0.25, name: "noise"), input * gain * factor)
  }
}

/// Models of every shape that files must hold.
enum NativeModels {
  static func chain() throws -> Model {
    let model = try Sequential(input: [9, 8, 2], name: "net", seed: .max - 3, threads: 1) {
      Conv2D(5, kernelSize: 3, activation: .relu)
      BatchNormalization()
      MaxPooling2D(2)
      NoisyScale(1 / 3)
      Flatten()
      Dense(7, activation: .elu(alpha: 0.6))
      Dropout(0.5)
      Dense(4, activation: .softmax)
    }
    model.pixelScale = 1 / 127.5
    model.classNames = ["a", "b \"c\"", "c, d", "d/é"]
    try model.freeze("conv2d", "batch_normalization")
    try model.compile(
      optimizer: .adamW(learningRate: .warmUp(steps: 3, then: .constant(1 / 300)), clipping: .globalNorm(0.3)),
      loss: .sparseCategoricalCrossentropy, metrics: [.accuracy, .topKAccuracy(2)])
    return model
  }

  /// Two inputs of several types, two outputs, merging layers, and calls that are always built for training.
  static func twoByTwo() throws -> Model {
    let picture = Input([6, 6, 2], name: "picture"), kind = Input([3], dtype: .int32, name: "kind/of")
    var x = Conv2D(4, kernelSize: 3, padding: .same, activation: .relu)(picture)
    x = Add()(x, Conv2D(4, kernelSize: 3, padding: .same)(x))
    x = Dropout(0.2)(x, training: true)
    let numbers = SmallTable()(kind)
    x = Concatenate()(GlobalAveragePooling2D()(x), numbers)
    let name = Dense(3, activation: .softmax, name: "name")(x), size = Dense(1, name: "size")(x)
    let model = try Model(inputs: [picture, kind], outputs: [name, size], seed: 7, threads: 1)
    try model.compile(
      optimizer: .rmsprop(learningRate: .cosineDecay(initial: 0.01, steps: 50), momentum: 0.5, centered: true),
      losses: ["name": .sparseCategoricalCrossentropy, "size": .huber(delta: 0.4)], lossWeights: ["size": 0.1],
      metrics: ["name": [.accuracy], "size": [.loss(.meanAbsoluteError)]])
    return model
  }

  /// Integers to numbers, without weights.
  struct SmallTable: Layer, SerializableLayer {
    let name: String?
    init(name: String? = nil) { self.name = name }
    init(unconfigured name: String) { self.init(name: name) }
    mutating func configure(_ settings: inout Settings) {}
    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input.converted() * 0.125 }
  }

  /// One set of weights called twice, batch normalisation among them.
  static func shared() throws -> Model {
    let left = Input([5], name: "left"), right = Input([5], name: "right")
    let (encode, normalize) = (SharedLayer(Dense(4, activation: .tanh)), SharedLayer(BatchNormalization()))
    let distance = Subtract()(normalize(encode(left)), normalize(encode(right)))
    let model = try Model(inputs: [left, right], outputs: [Dense(1, activation: .sigmoid)(distance)], threads: 1)
    try model.compile(optimizer: .sgd(learningRate: 0.1, momentum: 0.9), loss: .binaryCrossentropy)
    return model
  }

  /// Models within models: one called twice, a part that was cut, and another model that holds the first as well.
  static func nested() throws -> Model {
    let base = try Sequential(input: [5], name: "base", seed: 3, threads: 1) {
      Dense(6, activation: .relu)
      BatchNormalization()
      Dense(4)
    }
    let middle = Input([5])
    let outer = try Model(inputs: [middle], outputs: [Dense(2)(base(middle))], name: "outer", seed: 5, threads: 1)
    let x = Input([5]), y = Input([5])
    let part = try base.truncated(after: "batch_normalization", name: "part")
    let joined = Concatenate()(base(x), base(y), part(x), outer(y))
    let model = try Model(inputs: [x, y], outputs: [Dense(1)(joined)], name: "all", seed: 9, threads: 1)
    try model.freeze("base/dense", "outer")
    try model.compile(optimizer: .adam(clipping: .globalNorm(0.1)), loss: .meanSquaredError)
    return model
  }

  /// An open number of time steps.
  static func open() throws -> Model {
    let steps = Input([nil, 3], name: "steps")
    let model = try Model(inputs: [steps], outputs: [Dense(2)(Dense(4, activation: .relu)(steps))], threads: 1)
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    return model
  }

  static let all: [String: @Sendable () throws -> Model] = [
    "chain": chain, "two by two": twoByTwo, "shared": shared, "nested": nested, "open": open,
  ]

  static let custom: [any SerializableLayer.Type] = [NoisyScale.self, SmallTable.self]

  /// Examples for any of them.
  static func data(_ model: Model, _ count: Int, seed: UInt64 = 1) throws -> Dataset {
    var inputs: [String: Tensor] = [:]
    for (index, port) in model.inputs.enumerated() {
      let shape = [count] + port.exampleLengths.map { $0.fixed ?? 5 }
      inputs[port.name] =
        port.dtype == .int32
        ? try Tensor(shape: shape, integers: (0..<shape.reduce(1, *)).map { Int32($0 * 5 % 7) })
        : try noise(shape, seed: seed + UInt64(index))
    }
    var targets: [String: Tensor] = [:]
    for port in model.outputs {
      let shape = port.exampleLengths.map { $0.fixed ?? 5 }
      targets[port.name] =
        shape.last ?? 1 > 2
        ? try Tensor(shape: [count], integers: (0..<count).map { Int32($0 * 7 % (shape.last ?? 1)) })
        : try Tensor(shape: [count] + shape, noise([count] + shape, seed: seed + 50).floats.map { $0 > 0 ? 1 : 0 })
    }
    return try Dataset(inputs: inputs, targets: targets)
  }

  /// The bits of the optimizer's state, by slot and weight.
  static func slotBits(_ model: Model) -> [String: [UInt32]] {
    guard let training = model.training else { return [:] }
    var bits: [String: [UInt32]] = [:]
    for (slot, numbers) in zip(training.optimizer.rule.slotNames, training.slots) {
      for span in model.weightMap.spans where span.isParameter {
        bits["\(slot)/\(span.name)"] = numbers.floats[span.gradientOffset..<span.gradientOffset + span.count].map(
          \.bitPattern)
      }
    }
    return bits
  }
}
