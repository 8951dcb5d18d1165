import Athanor
import AthanorArchives
import AthanorKeras
import Foundation
import Testing

/// What Keras computes from the files of models with several inputs and outputs.
private struct FunctionalGolden: Decodable {
  let inputs: [KerasGolden.Array]
  let targets: [KerasGolden.Array]?
  let predictions: [KerasGolden.Array]
  let furtherPredictions: [KerasGolden.Array]?

  static func of(_ name: String) throws -> FunctionalGolden {
    let data = try Data(contentsOf: goldenFolder.appendingPathComponent("functional.json"))
    return try #require(try JSONDecoder().decode([String: FunctionalGolden].self, from: data)[name])
  }
}

private func farthest(_ actual: Tensor, _ expected: KerasGolden.Array) -> Double {
  guard actual.shape == expected.shape else { return .infinity }
  return zip(actual.floats, expected.values).map { abs(Double($0) - $1) }.max() ?? .infinity
}

@Suite("Functional models in Keras' files")
struct FunctionalFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func outputs(_ model: Model, _ golden: FunctionalGolden) throws -> [Tensor] {
    let names = model.inputs.map(\.name)
    let inputs = try Dictionary(uniqueKeysWithValues: zip(names, golden.inputs.map { try $0.tensor }))
    let outputs = try model.predict(inputs)
    return try model.outputs.map { try #require(outputs[$0.name]) }
  }

  private func check(_ model: Model, _ golden: FunctionalGolden, _ what: Comment) throws {
    for (actual, expected) in try zip(outputs(model, golden), golden.predictions) {
      #expect(farthest(actual, expected) < 2e-6, what)
    }
  }

  @Test(".keras: two inputs and outputs, shared and nested layers, operations on symbols; also through each format")
  func functional() throws {
    let golden = try FunctionalGolden.of("functional")
    let model = try Model(contentsOf: AthanorKerasTests.golden("functional.keras"), threads: 1)
    #expect(model.warnings.isEmpty)
    #expect(model.inputs.map(\.name) == ["picture", "age"] && model.outputs.map(\.name) == ["kind", "size"])
    #expect(model.frozenLayers == ["block/inner"])
    try check(model, golden, "Keras' file")
    for name in ["a.keras", "a.h5", "a.safetensors"] {
      try model.save(to: folder.path(name))
      let copy = try Model(contentsOf: folder.path(name), threads: 1)
      try check(copy, golden, "\(name)")
      #expect(weightBits(copy).values.map(\.count).reduce(0, +) == model.parameterCount)
      #expect(copy.frozenLayers == model.frozenLayers)
      #expect(try slotBits(copy).map { $0.reduce(0) { $0 &+ UInt64($1) } } == slotSums(model), "\(name)")
    }
    try model.save(to: folder.path("a.json"))
    try model.save(to: folder.path("a.weights.h5"))
    let parts = try Model(contentsOf: folder.path("a.json"), threads: 1)
    #expect(
      parts.warnings == [
        "\(folder.path("a.json")): it holds the architecture alone, so the weights are new. Load them with loadWeights(from:)."
      ])
    // New weights begin as those of a model that is defined in code.
    let new = Dictionary(uniqueKeysWithValues: parts.weights.map { ($0.name, $0.tensor.floats) })
    #expect(new["block/normal/moving_variance"] == [1, 1] && new["chain/conv2d/bias"] == [0, 0, 0])
    #expect(try #require(new["block/inner/kernel"]).allSatisfy { $0 != 0 })
    try parts.loadWeights(from: folder.path("a.weights.h5"))
    try check(parts, golden, ".json and .weights.h5")
    try parts.loadWeights(from: AthanorKerasTests.golden("functional.keras"))
    try check(parts, golden, "the weights of a .keras file")
  }

  /// Sums do not depend on the order in which weights lie.
  private func slotSums(_ model: Model) throws -> [UInt64] {
    try slotBits(model).map { $0.reduce(0) { $0 &+ UInt64($1) } }
  }

  @Test("Training goes on from .keras as in Keras: losses, weights of losses, frozen layers, the optimizer's state")
  func training() throws {
    let golden = try FunctionalGolden.of("functional")
    let model = try Model(contentsOf: AthanorKerasTests.golden("functional.keras"), threads: 1)
    let training = try #require(model.training)
    #expect(training.goals.map(\.weight) == [1, 0.5])
    #expect(training.goals.map { $0.metrics.map(\.name) } == [["accuracy"], ["mean_absolute_error"]])
    let targets = try #require(golden.targets)
    let data = try Dataset(
      inputs: ["picture": golden.inputs[0].tensor, "age": golden.inputs[1].tensor],
      targets: ["kind": targets[0].integers, "size": targets[1].tensor])
    try model.fit(data, epochs: 1, batchSize: 4, shuffle: false, verbose: .silent)
    for (actual, expected) in try zip(outputs(model, golden), #require(golden.furtherPredictions)) {
      #expect(farthest(actual, expected) < 1e-5)
    }
  }

  @Test("Layers of one shape side by side, some frozen, in a model within the model: .h5 and .weights.h5 of Keras")
  func orders() throws {
    let golden = try FunctionalGolden.of("orders")
    let model = try Model(contentsOf: AthanorKerasTests.golden("orders.h5"), threads: 1)
    try check(model, golden, ".h5")
    #expect(model.frozenLayers == ["inside/c", "inside/norm"])
    let x = Input([4], name: "x")
    let a = Dense(4, name: "a"), b = Dense(4, name: "b"), c = Dense(4, name: "c")
    let joined = Concatenate(name: "join")(BatchNormalization(name: "norm")(c(b(x))), a(x))
    let inside = try Model(inputs: [x], outputs: [joined], name: "inside", threads: 1)
    let z = Input([4], name: "z")
    let sum = Add(name: "sum")(inside(z), inside(Dense(4, name: "neck")(z)))
    let own = try Model(inputs: [z], outputs: [Dense(3, name: "head")(sum)], threads: 1)
    try own.loadWeights(from: AthanorKerasTests.golden("orders.weights.h5"))
    try check(own, golden, ".weights.h5")
    // In the legacy file what is frozen decides the order.
    try own.freeze("inside/c", "inside/norm")
    try own.loadWeights(from: AthanorKerasTests.golden("orders.h5"))
    try check(own, golden, ".h5 into a model of the program's")
    for name in ["a.h5", "a.keras"] {
      try own.save(to: folder.path(name))
      try check(Model(contentsOf: folder.path(name), threads: 1), golden, "\(name)")
    }
    // Keras writes the arrays at these places.
    try own.save(to: folder.path("a.weights.h5"))
    let (ours, theirs) = try (
      HDF5Group.read(folder.path("a.weights.h5")), HDF5Group.read(AthanorKerasTests.golden("orders.weights.h5"))
    )
    #expect(ours.tensors.map(\.name) == theirs.tensors.map(\.name))
    #expect(ours.tensors.map { bits($0.tensor) } == theirs.tensors.map { bits($0.tensor) })
  }

  @Test("Integers go into Rescaling and Normalization as numbers", arguments: [DType.uint8, .int32])
  func integers(_ dtype: DType) throws {
    let model = try Sequential(seed: 1, threads: 1) {
      Input([4], dtype: dtype)
      Rescaling(0.5, offset: [-1])
      Normalization(mean: [1], variance: [4])
    }
    model.classNames = ["a", "b", "c", "d"]
    model.declaredOutputKind = .softmax
    let x = try Tensor(shape: [1, 4], storage: dtype == .uint8 ? .uint8([0, 2, 4, 255]) : .int32([0, 2, 4, 255]))
    #expect(try model.predict(x).floats == [-1, -0.5, 0, 62.75])
    for name in ["a.keras", "a.h5", "a.safetensors"] {
      try model.save(to: folder.path(name))
      let copy = try Model(contentsOf: folder.path(name), threads: 1)
      #expect(try copy.predict(x).floats == [-1, -0.5, 0, 62.75] && copy.classNames == model.classNames, "\(name)")
      #expect(copy.outputKind == .softmax, "\(name)")
    }
  }

  @Test("What Keras' files cannot hold is refused by name")
  func refused() throws {
    let x = Input([4], name: "x")
    let noisy = try Model(inputs: [x], outputs: [Dropout(0.5, name: "noise")(x, training: true)], threads: 1)
    for name in ["a.keras", "a.h5", "a.json"] {
      #expect(
        folder.errorText { try noisy.save(to: folder.path(name)) }
          == "noise (Dropout): it is called with training: true, which Keras' files cannot hold. Save the model as .safetensors."
      )
    }
    #expect(
      folder.errorText { try noisy.loadWeights(from: folder.path("a.json")) }
        == "a.json: a .json file holds no weights. Give the file that has them, such as .weights.h5.")
  }
}
