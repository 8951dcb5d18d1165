import Athanor
import AthanorCore
import Foundation
import Testing

/// Programs made by hand, and the layers that they become.
@Suite("Imported layers")
struct ImportedLayersTests {
  private typealias Arguments = [ArgumentName: Program.Argument]

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func x(_ name: String = "x") -> Program.Argument { .operand(.named(name)) }

  private func numbers(_ shape: [Int], seed: UInt64 = 1) throws -> Program.Argument {
    .constant(try noise(shape, seed: seed))
  }

  private func operation(
    _ kind: OperationKind, _ arguments: Arguments, _ result: String, named name: String? = nil
  ) throws -> Program.Operation {
    try Program.Operation(kind, name: name ?? result, arguments, results: [Program.Result(result)])
  }

  private func model(
    _ inputs: [Program.Input], _ operations: [Program.Operation], outputs: [String] = ["y"]
  ) throws -> Model {
    let program = Program(inputs: inputs, operations: operations, outputs: outputs.map { Program.Result($0) })
    return try Model(ModelRecipe(program, name: "test"), threads: 1)
  }

  private func layers(_ model: Model) -> [String] {
    model.summaryRows.map { "\($0.name) (\($0.kind)) \($0.output) \($0.parameters)" }
  }

  private func reload(_ model: Model) throws -> Model {
    try model.save(to: folder.path("a.safetensors"))
    return try Model(contentsOf: folder.path("a.safetensors"), threads: 1)
  }

  /// Convolution, normalisation, an operation without a layer of its own, and a product, for pictures with their channels first.
  private func mixed() throws -> Model {
    try model(
      [.init(name: "x", shape: [1, 2, 6, 5])],
      [
        operation(
          .conv,
          [
            .x: x(), .weight: numbers([4, 2, 3, 3]), .bias: numbers([4], seed: 2), .pad: .integers([1, 0, 1, 1]),
            .padType: .choice(OperationKind.PadType.custom),
          ], "a", named: "block/first_conv"),
        operation(
          .batchNorm,
          [
            .x: x("a"), .mean: numbers([4], seed: 3), .variance: .constant(Tensor(shape: [4], [1, 2, 3, 0.5])),
            .gamma: numbers([4], seed: 4), .beta: numbers([4], seed: 5), .epsilon: .number(Double(Float(0.001))),
          ], "b"),
        operation(.prelu, [.x: x("b"), .alpha: numbers([4], seed: 6)], "c", named: "slopes"),
        operation(.reshape, [.x: x("c"), .shape: .integers([1, -1])], "d"),
        operation(.linear, [.x: x("d"), .weight: numbers([3, 4 * 5 * 5], seed: 7), .bias: numbers([3])], "e"),
        operation(.softmax, [.x: x("e")], "y"),
      ])
  }

  @Test("Operations become the layers that compute the same, and the rest layers of its own")
  func kinds() throws {
    let model = try mixed()
    #expect(
      layers(model) == [
        "permute (Permute) (None, 6, 5, 2) 0", "zero_padding2d (ZeroPadding2D) (None, 7, 7, 2) 0",
        "block.first (Conv2D) (None, 5, 5, 4) 76", "b (BatchNormalization) (None, 5, 5, 4) 16",
        "slopes (prelu operation) (None, 5, 5, 4) 4", "d (Flatten) (None, 100) 0", "e (Dense) (None, 3) 303",
      ])
    #expect((model.layers[6] as? Dense)?.activation == .softmax)
    #expect((model.layers[3] as? BatchNormalization)?.epsilon == 0.001)
    #expect(model.weights.filter { !$0.isTrainable }.map(\.name) == ["b/moving_mean", "b/moving_variance"])
    #expect(model.inputs.map(\.name) == ["input_layer"] && model.outputs.map(\.name) == ["e"])
  }

  @Test("An imported model is cut, frozen, trained, saved and read again with the same bits")
  func life() throws {
    let model = try mixed()
    let inputs = try noise([6, 2, 6, 5], seed: 11)
    #expect(try model.truncated(after: "slopes").predict(inputs).shape == [6, 5, 5, 4])
    try model.freeze("block.first")
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .sparseCategoricalCrossentropy)
    let data = try Dataset(inputs: inputs, targets: Tensor(shape: [6], integers: [0, 1, 2, 0, 1, 2]))
    let before = Dictionary(uniqueKeysWithValues: model.weights.map { ($0.name, $0.tensor) })
    try model.fit(data, epochs: 3, batchSize: 3, verbose: .silent)
    let moved = model.weights.filter { $0.tensor != before[$0.name] }.map(\.name)
    #expect(
      moved == [
        "b/gamma", "b/beta", "b/moving_mean", "b/moving_variance", "slopes/alpha", "e/kernel", "e/bias",
      ])
    let copy = try reload(model)
    #expect(copy.summary() == model.summary() && copy.frozenLayers == ["block.first"])
    #expect(weightBits(copy) == weightBits(model))
    #expect(try copy.predict(inputs) == model.predict(inputs))
    for model in [model, copy] { try model.fit(data, epochs: 5, batchSize: 3, verbose: .silent, resume: true) }
    #expect(weightBits(copy) == weightBits(model))
  }

  @Test("The numbers of each operation without a layer, before and after a file")
  func operations() throws {
    let input = Program.Input(name: "x", shape: [1, 3, 4])
    let half = Program.Argument.scalar(0.5), two = Program.Argument.scalar(2)
    let cases: [(OperationKind, Arguments, kind: String, parameters: Int)] = [
      (.layerNorm, [.x: x(), .axes: .integers([-1]), .gamma: try numbers([4])], "layer_norm operation", 4),
      (.relu6, [.x: x()], "ReLU", 0),
      (.sigmoidHard, [.x: x(), .alpha: .number(0.3)], "Rescaling", 0),
      (.gelu, [.x: x(), .mode: .choice(OperationKind.GeluMode.tanh)], "gelu operation", 0),
      (try .binary(.multiply), [.x: x(), .y: try numbers([3, 1])], "mul operation", 3),
      (try .binary(.power), [.x: x(), .y: two], "pow operation", 0),
      (try .binary(.subtract), [.x: half, .y: x()], "sub operation", 0),
      (try .binary(.multiply), [.x: x(), .y: half], "Rescaling", 0),
      (.clip, [.x: x(), .alpha: .number(-0.25)], "clip operation", 0),
      (.reduceSum, [.x: x(), .axes: .integers([2])], "reduce_sum operation", 0),
      (
        .sliceBySize, [.x: x(), .begin: .integers([0, 1, 0]), .size: .integers([-1, 2, 3])], "slice_by_size operation",
        0
      ),
    ]
    for (kind, arguments, name, parameters) in cases {
      let model = try model([input], [operation(kind, arguments, "y")])
      let row = try #require(model.summaryRows.first)
      #expect(row.kind == name && row.parameters == parameters, "\(kind)")
      let x = try noise([2, 3, 4], seed: 8)
      let result = try model.predict(x)
      #expect(try reload(model).predict(x) == result && result.floats.contains { $0 != result.floats[0] }, "\(kind)")
    }
    let model = try model([input], [operation(.binary(.multiply), [.x: x(), .y: numbers([3, 1])], "y")])
    let factors = try noise([3, 1]).floats
    let inputs = try noise([2, 3, 4], seed: 8)
    #expect(try model.predict(inputs).floats == inputs.floats.enumerated().map { $1 * factors[$0 / 4 % 3] })
  }

  @Test("Several results, and an operation that reads a value twice")
  func severalResults() throws {
    let split = try Program.Operation(
      .split, name: "parts", [.x: x(), .axis: .integer(1)], results: [Program.Result("a"), Program.Result("b")])
    let model = try model(
      [.init(name: "x", shape: [1, 4])],
      [
        split, operation(.binary(.multiply), [.x: x("b"), .y: x("b")], "c"),
        operation(.matmul, [.x: x("a"), .y: numbers([2, 2])], "d"),
        operation(.binary(.add), [.x: x("d"), .y: x("c")], "y"),
      ], outputs: ["y", "c", "a"])
    #expect(model.outputs.map(\.name) == ["y", "c", "a"])
    #expect(model.summaryRows.map(\.kind) == ["Input", "split operation", "Multiply", "Dense", "Add"])
    #expect(model.summaryRows[2].connectedTo == ["parts", "parts"])
    let copy = try reload(model)
    let inputs = ["input_layer": try noise([3, 4])]
    let (results, again) = (try model.predict(inputs), try copy.predict(inputs))
    #expect(results == again)
    let numbers = try noise([3, 4]).floats
    #expect(results["c"]?.floats == [2, 3, 6, 7, 10, 11].map { numbers[$0] * numbers[$0] })
    #expect(results["a"]?.floats == [0, 1, 4, 5, 8, 9].map { numbers[$0] })
  }

  @Test("Numbers that two operations read become a weight of each")
  func sharedNumbers() throws {
    let kernel = try numbers([3, 4])
    let model = try model(
      [.init(name: "left", shape: [1, 4]), .init(name: "right", shape: [1, 4])],
      [
        operation(.linear, [.x: x("left"), .weight: kernel], "a"),
        operation(.linear, [.x: x("right"), .weight: kernel], "b"),
        operation(.binary(.subtract), [.x: x("a"), .y: x("b")], "y"),
      ])
    #expect(
      layers(model).suffix(3) == ["a (Dense) (None, 3) 12", "b (Dense) (None, 3) 12", "y (Subtract) (None, 3) 0"])
    let same = try noise([2, 4], seed: 5)
    #expect(try model.predict(["left": same, "right": same])["y"]?.floats == [Float](repeating: 0, count: 6))
  }

  @Test("An activation joins the layer before it, unless something else reads that layer")
  func activations() throws {
    let product = try operation(.linear, [.x: x(), .weight: numbers([3, 4])], "a")
    let relu = try operation(.unary(.relu), [.x: x("a")], "y")
    let input = Program.Input(name: "x", shape: [1, 4])
    let alone = try model([input], [product, relu])
    #expect(layers(alone) == ["a (Dense) (None, 3) 12"])
    #expect((alone.layers[0] as? Dense)?.activation == .relu)
    #expect(
      layers(try model([input], [product, relu], outputs: ["y", "a"])).dropFirst().map(\.description) == [
        "a (Dense) (None, 3) 12", "y (Activation) (None, 3) 0",
      ])
    // What nothing reads is left out, and an operation that changes nothing is no layer.
    let copy = try operation(.identity, [.x: x("a")], "copy")
    let unused = try operation(.unary(.tanh), [.x: x("copy")], "unused")
    let last = try operation(.unary(.leakyRelu), [.x: x("copy"), .alpha: .number(Double(Float(0.3)))], "y")
    let slope = try model([input], [product, copy, unused, last])
    #expect(layers(slope) == ["a (Dense) (None, 3) 12", "y (Activation) (None, 3) 0"])
    #expect((slope.layers[1] as? Activation)?.function == .leakyReLU(slope: 0.3))
  }

  @Test("A bias that is added to a product, and an axis that rows are given for a normalisation, are part of the layer")
  func joinedOperations() throws {
    let model = try model(
      [.init(name: "x", shape: [1, 4])],
      [
        operation(.matmul, [.x: x(), .y: numbers([4, 3])], "a"),
        operation(.binary(.add), [.x: numbers([3], seed: 2), .y: x("a")], "b"),
        operation(.expandDims, [.x: x("b"), .axes: .integers([-1])], "c"),
        operation(
          .batchNorm, [.x: x("c"), .mean: numbers([3], seed: 3), .variance: .constant(Tensor(shape: [3], [1, 2, 3]))],
          "d", named: "norm"),
        operation(.squeeze, [.x: x("d"), .axes: .integers([-1])], "y"),
      ])
    #expect(layers(model) == ["a (Dense) (None, 3) 15", "y (BatchNormalization) (None, 3) 6"])
    let (kernel, bias, mean) = (
      try noise([4, 3]).floats, try noise([3], seed: 2).floats, try noise([3], seed: 3).floats
    )
    let inputs = try noise([1, 4], seed: 9)
    let expected = (0..<3).map { unit -> Float in
      let sum = (0..<4).reduce(bias[unit]) { $0 + inputs.floats[$1] * kernel[$1 * 3 + unit] }
      return (sum - mean[unit]) / (Float(unit + 1) + 1e-5).squareRoot()
    }
    expectClose(try model.predict(inputs).floats, expected.map { Double($0) }, "rows")
    // Over other axes the channels are moved behind them and back.
    let columns = try self.model(
      [.init(name: "x", shape: [1, 3, 5])],
      [
        operation(
          .batchNorm, [.x: x(), .mean: numbers([3], seed: 3), .variance: .constant(Tensor(shape: [3], [1, 2, 3]))], "y")
      ])
    #expect(columns.summaryRows.map(\.kind) == ["Permute", "BatchNormalization", "Permute"])
    let result = try columns.predict(noise([1, 3, 5], seed: 9)).floats
    let plain = try noise([1, 3, 5], seed: 9).floats
    expectClose(
      result,
      plain.enumerated().map { index, number in
        Double((number - mean[index / 5]) / (Float(index / 5 + 1) + 1e-5).squareRoot())
      }, "columns")
  }

  @Test("A result in the program's order of axes is one for the network too")
  func outputs() throws {
    let model = try model(
      [.init(name: "x", shape: [1, 2, 4, 3], isPicture: true)],
      [
        operation(.unary(.tanh), [.x: x()], "a"), operation(.reshape, [.x: x("a"), .shape: .integers([0, -1])], "y"),
      ], outputs: ["a", "y"])
    #expect(
      model.summaryRows.map(\.kind) == ["Input", "Activation", "Flatten", "Permute", "Reshape", "Permute", "Flatten"])
    let results = try model.predict(["input_layer": noise([2, 4, 3, 2])])
    #expect(results["a"]?.shape == [2, 2, 4, 3] && results["y"]?.floats == results["a"]?.floats)
  }

  @Test("Names of operations that layers cannot have")
  func names() throws {
    func relu(_ result: String, _ input: String, named name: String) throws -> Program.Operation {
      try operation(.unary(.square), [.x: x(input)], result, named: name)
    }
    let model = try model(
      [.init(name: "x", shape: [1, 2])],
      [
        relu("a", "x", named: "/net//one"), relu("b", "a", named: "net.one"), relu("c", "b", named: ""),
        relu("d", "c", named: "dense_square"), relu("e", "d", named: "dense_square"), relu("y", "e", named: "square"),
      ])
    #expect(model.summaryRows.map(\.name) == ["net.one", "square_1", "square_2", "dense", "dense_square", "square"])
  }

  @Test("A file that says impossible things of an operation is an error, never a crash")
  func hostile() throws {
    try mixed().save(to: folder.path("good.safetensors"))
    let good = try SafetensorsReader(folder.path("good.safetensors"))
    let tensors = try good.entries.keys.map { SafetensorsSource($0, try good.tensor($0)) }
    let text = try #require(good.metadata["model"])
    func error(_ old: String, _ new: String) throws -> String {
      #expect(text.contains(old), "\(old)")
      let changed = ["athanor": "1", "model": text.replacingOccurrences(of: old, with: new)]
      try SafetensorsWriter.write(tensors, metadata: changed, to: folder.path("a.safetensors"))
      do {
        _ = try Model(contentsOf: folder.path("a.safetensors"), threads: 1)
        return "no error"
      } catch {
        return "\(error)".replacingOccurrences(of: folder.path("a.safetensors"), with: "FILE")
      }
    }
    let place = "FILE, model.network.layers[4].config"
    #expect(
      try error(#""operation":"prelu""#, #""operation":"shout""#).hasPrefix(
        "\(place).operation: there is no operation of this kind here. "))
    #expect(
      try error(#""alpha":{"shape":[4]}"#, #""gamma":{"shape":[4]}"#)
        == "\(place).arguments.gamma: no such argument of prelu was expected but {\"shape\":[4]} was found.")
    #expect(
      try error(#""alpha":{"shape":[4]},"#, "") == "\(place).arguments: its argument \"alpha\" is missing.")
    #expect(
      try error(#""alpha":{"shape":[4]}"#, #""alpha":{"shape":[1099511627776]}"#)
        == "\(place).arguments.alpha.shape: the shape of at most 67108864 numbers was expected but [1099511627776] was found."
    )
    #expect(
      try error(#""alpha":{"shape":[4]}"#, #""alpha":{"numbers":[],"shape":[1]}"#)
        == "\(place).arguments.alpha.numbers: a list of 1 numbers was expected but [] was found.")
    #expect(
      try error(#""x":{"input":0}"#, #""x":{"input":1}"#)
        == "\(place).arguments.x.input: the place of an input was expected but 1 was found.")
    #expect(
      try error(#""layouts":["picture"]"#, #""layouts":["tall"]"#)
        == "\(place).layouts: a list of layouts was expected but [\"tall\"] was found.")
    #expect(
      try error(#""layouts":["picture"]"#, #""layouts":[[2,2,9]]"#)
        == "FILE: slopes (layer 5, prelu operation): its input of shape (None, 5, 5, 4) cannot lie as [2,2,9].")
    #expect(
      try error(#""layouts":["picture"]"#, #""layouts":["picture","plain"]"#)
        == "FILE: slopes (layer 5, prelu operation): it was called with 1 inputs but takes 2.")
    #expect(
      try error(#""results":1"#, #""results":1099511627776"#)
        == "\(place).results: a number from 1 to 65536 was expected but 1099511627776 was found.")
    #expect(
      try error(#""results":1"#, #""results":2"#)
        == "\(place).arguments: it has 2 results but must have 1.")
  }

  @Test("Values of an operation's description replaced at random")
  func mutated() throws {
    let input = Program.Input(name: "x", shape: [1, 3, 4, 2], isPicture: true)
    let model = try model(
      [input],
      [
        operation(.layerNorm, [.x: x(), .axes: .integers([-1]), .gamma: numbers([2])], "a"),
        operation(.binary(.multiply), [.x: x("a"), .y: numbers([3, 1, 1])], "b"),
        operation(
          .maxPool,
          [
            .x: x("b"), .kernelSizes: .integers([2, 2]), .pad: .integers([1, 1, 0, 0]),
            .padType: .choice(OperationKind.PadType.custom),
          ], "c"),
        operation(.reduceMax, [.x: x("c"), .axes: .integers([1]), .keepDims: .flag(true)], "d"),
        operation(.sliceByIndex, [.x: x("d"), .begin: .integers([0, 0, 1]), .end: .integers([1, 1, 3])], "e"),
        operation(.clip, [.x: x("e"), .alpha: .number(-1), .beta: .number(1)], "y"),
      ])
    try model.save(to: folder.path("good.safetensors"))
    let good = try SafetensorsReader(folder.path("good.safetensors"))
    let tensors = try good.entries.keys.map { SafetensorsSource($0, try good.tensor($0)) }
    let json = try JSONValue(parsing: #require(good.metadata["model"]), at: "model")
    var random = RandomStream(seed: 23, stream: 1)
    let others: [JSONValue] = [
      .null, .flag(true), .integer(-1), .integer(0), .integer(1), .integer(3), .integer(1 << 40), .integer(.max),
      .integer(.min), .number(-0.5), .text("nan"), .text("picture"), .text("softmax"), .text("conv"), .text("split"),
      .text("concat"), .text("batch_norm"), .text("tile"), .array([]), .object([:]),
      .array([.integer(0), .integer(2)]),
      .array([.integer(.max)]), .object(["shape": .array([.integer(5), .integer(2)])]), .object(["input": .integer(0)]),
    ]
    func replaced(_ value: JSONValue, _ share: Double) -> JSONValue {
      if random.nextUniform() < share { return others[Int(random.nextUniform() * Double(others.count))] }
      switch value {
      case .array(let values): return .array(values.map { replaced($0, share) })
      case .object(let values):
        let changed = values.sorted { $0.key < $1.key }.map { ($0.key, replaced($0.value, share)) }
        return .object(Dictionary(changed) { $1 })
      default: return value
      }
    }
    var read = 0
    for _ in 0..<3000 {
      // The settings of one operation; all else is the business of other tests.
      guard case .object(var root) = json, case .object(var network) = root["network"],
        case .array(var layers) = network["layers"]
      else { continue }
      let place = Int(random.nextUniform() * Double(layers.count))
      guard case .object(var layer) = layers[place], case .object(var settings) = layer["config"],
        layer["class_name"] == .text("ImportedOperation")
      else { continue }
      for key in ["operation", "arguments", "layouts", "results"] {
        settings[key] = settings[key].map { replaced($0, 0.06) }
      }
      layer["config"] = .object(settings)
      layers[place] = .object(layer)
      network["layers"] = .array(layers)
      root["network"] = .object(network)
      let metadata = ["athanor": "1", "model": JSONValue.object(root).description]
      try SafetensorsWriter.write(tensors, metadata: metadata, to: folder.path("a.safetensors"))
      guard let copy = try? Model(contentsOf: folder.path("a.safetensors"), threads: 1) else { continue }
      read += 1
      _ = try? copy.predict(noise([2, 4, 2, 3]))
    }
    #expect(read > 300 && read < 2700, "\(read)")
  }
}
