import Athanor
import Foundation
import Testing

@Suite("Functional models")
struct FunctionalModelTests {
  // MARK: Errors

  @Test("The first error is kept with the layer and the place of its call")
  func firstError() {
    let x = Input([4], name: "x")
    let wrong = Conv2D(3, kernelSize: 3, name: "look")(x, file: "App/Main.swift", line: 12)
    let later = Dense(2)(Flatten()(wrong))
    let text =
      "look (Conv2D, called at App/Main.swift:12): input has shape (4,) but 3 axes (height, width, channels) are needed. Give it pictures of height, width and channels."
    #expect(later.description == text)
    #expect(later.shape == nil)
    #expect(later.dtype == nil)
    let second = Dense(0)(x)
    expectError(text) { try Model(inputs: [x], outputs: [later]) }
    expectError(text) { try Model(inputs: [x], outputs: [Dense(1)(x), later + second, wrong]) }
    expectError(
      "Dense called at App/Main.swift:3: units is 0 but must be at least 1."
    ) { try Model(inputs: [x], outputs: [Dense(0)(x, file: "App/Main.swift", line: 3), later]) }
  }

  @Test("An input that is wrong, missing, listed twice or has the name of another")
  func inputErrors() {
    let (x, y) = (Input([4], name: "x"), Input([3], name: "y"))
    let joined = Concatenate()(x, y)
    expectError(
      "Model: an output is computed from the input \"y\" of type float32(None, 3), which is not listed. List it among inputs:."
    ) { try Model(inputs: [x], outputs: [joined]) }
    expectError("Model: input 3 is listed twice. List each input once.") {
      try Model(inputs: [x, y, x], outputs: [joined])
    }
    let other = Input([4], name: "x")
    expectError("input \"x\": its name is taken or empty. Give each input a name of its own.") {
      try Model(inputs: [x, other], outputs: [x + other])
    }
    expectError("Model: it has 1 inputs and 0 outputs. Give at least one of each.") {
      try Model(inputs: [x], outputs: [])
    }
    let impossible = Input([4, 0], name: "empty")
    expectError(
      "input \"empty\": its shape is (4, 0) but each length must be at least 1, and all together fit into memory. Give the shape of one example without the batch, for example [28, 28, 1]."
    ) { try Model(inputs: [impossible], outputs: [Flatten()(impossible)]) }
    expectError("input \"n\": its elements are of type float64. Use float32, int32 or uint8.") {
      try Model(inputs: [Input([2], dtype: .float64, name: "n")], outputs: [x])
    }
  }

  @Test("A name used twice is an error that advises sharing")
  func nameTwice() {
    let x = Input([4])
    let y = Dense(4, name: "same")(Dense(4, name: "same")(x))
    expectError(
      "layer \"same\": its name is taken, empty or contains a slash. Give each layer a name of its own; for one set of weights in several places make one SharedLayer."
    ) { try Model(inputs: [x], outputs: [y]) }
  }

  @Test("Layers called on the wrong number of symbols")
  func arity() throws {
    let (x, y) = (Input([4], name: "x"), Input([4], name: "y"))
    let dense = SharedLayer(Dense(2))
    expectError(
      "Dense called at App/Main.swift:5: it was called with 2 inputs but takes one. Join them first, for example by a Concatenate layer."
    ) { try Model(inputs: [x, y], outputs: [dense(x, y, file: "App/Main.swift", line: 5)]) }
    let inner = try Model(inputs: [x, y], outputs: [x + y], name: "inner")
    let z = Input([4], name: "z")
    expectError(
      "inner (Functional, called at App/Main.swift:6): it was called with 1 inputs but takes 2. Call it on one symbol for each input."
    ) { try Model(inputs: [z], outputs: [inner(z, file: "App/Main.swift", line: 6)]) }
    let long = Input([5], name: "long")
    expectError(
      "inner (Functional, called at App/Main.swift:7): input \"y\" is of type float32(None, 5) but the model takes float32(None, 4). Call it on a symbol of that shape."
    ) { try Model(inputs: [z, long], outputs: [inner(z, long, file: "App/Main.swift", line: 7)]) }
  }

  // MARK: Sharing

  @Test("An ordinary layer called twice is two layers, a shared one is one")
  func sharing() throws {
    let (x, y) = (Input([3], name: "x"), Input([3], name: "y"))
    let dense = Dense(2)
    let apart = try Model(inputs: [x, y], outputs: [dense(x) + dense(y)])
    #expect(apart.weights.map(\.name) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"])
    let shared = SharedLayer(dense)
    let together = try Model(inputs: [x, y], outputs: [shared(x) - shared(y)])
    #expect(together.weights.map(\.name) == ["dense/kernel", "dense/bias"])
    #expect(together.parameterCount == 8)
    let same = try noise([5, 3])
    let difference = try #require(try together.predict(["x": same, "y": same])["subtract"])
    #expect(difference.floats.allSatisfy { $0 == 0 })
    let sum = try #require(try apart.predict(["x": same, "y": same])["add"])
    #expect(sum.floats.contains { $0 != 0 })
  }

  @Test("A shared layer on other sizes is an error")
  func sharedOnOtherSizes() {
    let (x, y) = (Input([3], name: "x"), Input([4], name: "y"))
    let shared = SharedLayer(Dense(2))
    expectError(
      "dense (layer 1, Dense): weight \"kernel\" has shape (3, 2) in the layer's first call but would have (4, 2) in this one. Call a shared layer with inputs of the same sizes."
    ) { try Model(inputs: [x, y], outputs: [shared(x) + shared(y)]) }
  }

  @Test("Operators are layers")
  func operators() throws {
    let (x, y) = (Input([2], name: "x"), Input([2], name: "y"))
    let model = try Model(inputs: [x, y], outputs: [x + y, x - y, x * y])
    #expect(model.layers.map(\.kind) == ["Add", "Subtract", "Multiply"])
    let results = try model.predict(["x": Tensor(shape: [1, 2], [5, -2]), "y": Tensor(shape: [1, 2], [3, 4])])
    #expect(results.mapValues(\.floats) == ["add": [8, 2], "subtract": [2, -6], "multiply": [15, -8]])
  }

  @Test("Symbols print their type, inputs have identity")
  func symbols() throws {
    let x = Input([nil, 8], name: "steps")
    #expect(x.description == "float32(None, None, 8)")
    #expect(Dense(3)(x).shape == [nil, nil, 3])
    #expect(x != Input([nil, 8], name: "steps"))
    let count = Input([], dtype: .int32)
    #expect(count.description == "int32(None,)")
    let model = try Model(inputs: [x], outputs: [Dense(3, name: "out")(x)])
    #expect(model.inputs.map(\.description) == ["steps: float32(None, None, 8)"])
    #expect(model.outputs.map(\.description) == ["out: float32(None, None, 3)"])
  }

  @Test("An output may be given twice, and be an input")
  func passedThrough() throws {
    let x = Input([2], name: "x")
    let y = Dense(2, name: "y")(x)
    let model = try Model(inputs: [x], outputs: [y, x, y])
    #expect(model.outputs.map(\.name) == ["y", "x", "y_1"])
    let input = try noise([3, 2])
    let results = try model.predict(["x": input])
    #expect(results["x"] == input)
    #expect(results["y"] == results["y_1"])
    #expect(results["y"] != input)
  }

  @Test("A dropout called with training: true drops in predictions, each time with another mask")
  func trainingInPrediction() throws {
    let x = Input([500])
    let dropped = try Model(inputs: [x], outputs: [Dropout(0.5)(x, training: true)])
    let ones = try Tensor(shape: [2, 500], [Float](repeating: 1, count: 1000))
    let result = try dropped.predict(ones).floats
    #expect(Set(result) == [0, 2])
    #expect((400...600).contains(result.count { $0 == 0 }))
    let predictor = try dropped.predictor()
    let further = try [dropped.predict(ones), predictor.predict(ones), predictor.predict(ones)].map(\.floats)
    #expect(result != further[0])
    #expect(further[1] != further[2])
    #expect(further.allSatisfy { Set($0) == [0, 2] })
    // Whether there were predictions between the steps says nothing to training.
    let again = try Model(inputs: [x], outputs: [Dropout(0.5)(x, training: true)])
    for model in [dropped, again] { try model.compile(loss: Loss("first") { y, _ in try y.sum(axes: [1]) }) }
    let data = try Dataset(inputs: ones, targets: ones)
    #expect(try dropped.gradients(data).loss == again.gradients(data).loss)
    let never = try Model(inputs: [x], outputs: [Dropout(0.5)(x, training: false)])
    try never.compile(loss: Loss("sum") { y, _ in try y.sum(axes: [1]) })
    #expect(try never.gradients(Dataset(inputs: ones, targets: ones)).loss == 500)
    let usual = try Model(inputs: [x], outputs: [Dropout(0.5)(x)])
    #expect(try usual.predict(ones) == ones)
  }

  @Test("A new output leaves the masks of the others as they were, and each call has masks of its own")
  func masks() throws {
    let ones = try Tensor(shape: [1, 1], [1])
    func mask(_ hasMore: Bool, _ kernel: String = "dense/kernel") throws -> Tensor {
      let x = Input([1], name: "x")
      let drop = SharedLayer(Dropout(0.5, name: "drop"))
      func branch(_ name: String) -> Symbol {
        drop(Dense(400, useBias: false, kernelInitializer: .ones, name: name)(x))
      }
      let sum = Add(name: "sum")(branch("dense"), branch("other"))
      let model = try Model(inputs: [x], outputs: hasMore ? [sum, Dropout(0.5, name: "more")(x)] : [sum], seed: 3)
      try model.compile(losses: ["sum": Loss("total") { y, _ in try y.sum(axes: [1]) }])
      let targets = try Tensor(shape: [1, 400], [Float](repeating: 0, count: 400))
      return try #require(
        try model.gradients(Dataset(inputs: ["x": ones], targets: ["sum": targets]))[kernel])
    }
    let alone = try mask(false)
    #expect(Set(alone.floats) == [0, 2])
    #expect(try mask(true) == alone)
    #expect(try mask(false, "other/kernel") != alone)
  }

  // MARK: Sequential

  private struct Refusal: Error {}

  @Test("try works inside of Sequential's braces")
  func tryInBraces() throws {
    func layer(_ isGood: Bool) throws -> Dense {
      guard isGood else { throw Refusal() }
      return Dense(2)
    }
    let model = try Sequential(input: [3]) {
      try layer(true)
      Activation(.relu)
    }
    #expect(model.layers.count == 2)
    #expect(throws: Refusal.self) { try Sequential(input: [3]) { try layer(false) } }
  }

  @Test("Input stands first in Sequential, once")
  func inputInSequential() throws {
    let model = try Sequential {
      Input([3], name: "row")
      Dense(2)
    }
    #expect(model.inputs.map(\.name) == ["row"])
    #expect(model.layers.map(\.kind) == ["Dense"])
    expectError(
      "input (layer 2, Input): an Input stands behind other layers, but it says where data enter. Make it the first layer, or use Reshape([2]) to change a shape."
    ) {
      try Sequential(input: [3]) {
        Dense(2)
        Input([2])
      }
    }
    expectError("Sequential: input: is [4] but the first layer is Input([3]). Give the shape once.") {
      try Sequential(input: [4]) { Input([3]) }
    }
    expectError(
      "Sequential: the shape of its input is not known. Write Sequential(input: [28, 28, 1]) or begin with Input([28, 28, 1])."
    ) { try Sequential { Dense(2) } }
  }

  // MARK: Size

  /// Runs on a thread with the smallest stack that threads have by default (macOS).
  private func onSmallStack(_ body: @escaping @Sendable () throws -> Void) throws {
    let finished = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var result: Result<Void, any Error> = .success(())
    let thread = Thread {
      result = Result { try body() }
      finished.signal()
    }
    thread.stackSize = 512 << 10
    thread.start()
    finished.wait()
    try result.get()
  }

  @Test("A chain of 3,000 layers is made, computed and released, on a small stack")
  func deep() throws {
    try onSmallStack {
      let x = Input([2], name: "x")
      var y: Symbol = x
      for _ in 0..<3000 { y = Activation(.relu)(y) }
      let model = try Model(inputs: [x], outputs: [y])
      #expect(model.layers.count == 3000)
      #expect(model.outputs.map(\.name) == ["activation_2999"])
      #expect(try model.predict(Tensor(shape: [1, 2], [1, -1])).floats == [1, 0])
      #expect(try model.truncated(after: "activation_1499").layers.count == 1500)
    }
  }

  @Test("A network in which every layer reads two before it is made and computed")
  func wide() throws {
    let x = Input([2], name: "x")
    var (a, b): (Symbol, Symbol) = (x, Activation(.linear)(x))
    // Each path counts: without memory of what is known there would be 2^500 of them.
    for _ in 0..<500 { (a, b) = (b, Average()(a, b)) }
    let model = try Model(inputs: [x], outputs: [b])
    #expect(model.layers.count == 501)
    expectClose(try model.predict(Tensor(shape: [1, 2], [1, -3])).floats, [1, -3])
    var row: [Symbol] = (0..<200).map { Dense(2, name: "unit\($0)")(x) }
    row.append(x)
    let wide = try Model(inputs: [x], outputs: [Add()(row)])
    #expect(wide.weights.count == 400)
    #expect(try wide.predict(noise([3, 2])).shape == [3, 2])
  }
}
