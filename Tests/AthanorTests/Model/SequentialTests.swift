import Athanor
import Testing

@Suite("Sequential")
struct SequentialTests {
  private func network(dropout: Bool = false, wide: Bool = true, blocks: Int = 2, tail: [any Layer] = []) throws
    -> Model
  {
    try Sequential(input: [12, 10, 1]) {
      for block in 0..<blocks {
        Conv2D(4 * (block + 1), kernelSize: 3, padding: .same)
        if dropout { Dropout(0.5) }
      }
      Flatten()
      if wide {
        Dense(9)
      } else {
        Dense(3)
        Activation(.relu)
      }
      tail
      [Dense(5), Dense(2)]
    }
  }

  private func names(_ model: Model) -> [String] { model.summaryRows.map(\.name) }

  @Test("if, if/else, for, arrays and switch within the braces")
  func builder() throws {
    #expect(try names(network()) == ["conv2d", "conv2d_1", "flatten", "dense", "dense_1", "dense_2"])
    #expect(
      try names(network(dropout: true, wide: false))
        == ["conv2d", "dropout", "conv2d_1", "dropout_1", "flatten", "dense", "activation", "dense_1", "dense_2"])
    #expect(
      try names(network(blocks: 0, tail: [Dense(4), Dropout(0.1)])) == [
        "flatten", "dense", "dense_1", "dropout", "dense_2", "dense_3",
      ])
    #expect(try network(wide: true).outputShape == [nil, 2])
    #expect(try [NetworkTemplate.malireddi, .chollet].map { try $0.layers().count } == [12, 8])
  }

  @Test("Layers added one by one make the same network with the same weights")
  func add() throws {
    let whole = try network(dropout: true)
    let model = try Sequential(input: [12, 10, 1])
    for layer in whole.layers { try model.add(layer) }
    #expect(model.summary() == whole.summary())
    #expect(model.weights == whole.weights)
  }

  @Test("Adding a layer keeps the numbers of those that are there")
  func addKeeps() throws {
    let model = try Sequential(input: [3]) { Dense(2) }
    try model.setWeights(["dense/bias": Tensor(shape: [2], [7, 8])])
    try model.add(Dense(2))
    #expect(model.weights[1].tensor.floats == [7, 8])
    #expect(model.weights.map(\.name) == ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"])
    let text = errorText { try model.add(Conv2D(1, kernelSize: 1)) }
    #expect(text.hasPrefix("conv2d (layer 3, Conv2D): "))
    #expect(names(model) == ["dense", "dense_1"])
    #expect(try model.predict(noise([1, 3])).shape == [1, 2])
  }

  @Test("Names are by kind and position, whatever else the program has made")
  func naming() throws {
    _ = try network()
    let model = try Sequential {
      Input([6, 6, 1], name: "picture")
      Conv2D(1, kernelSize: 1)
      Conv2D(1, kernelSize: 1, name: "mine")
      Conv2D(1, kernelSize: 1, name: "conv2d_1")
      Conv2D(1, kernelSize: 1)
      LeakyReLU()
      GlobalAveragePooling2D()
    }
    #expect(names(model) == ["conv2d", "mine", "conv2d_1", "conv2d_2", "leaky_re_lu", "global_average_pooling2d"])
    #expect(model.inputShape == [6, 6, 1])
    #expect(model.network.inputs[0].name == "picture")
    expectError(
      "layer \"a\": its name is taken, empty or contains a slash. Give each layer a name of its own; for one set of weights in several places make one SharedLayer."
    ) {
      try Sequential(input: [2]) {
        Dense(1, name: "a"); Dense(1, name: "a")
      }
    }
    expectError(
      "layer \"a/b\": its name is taken, empty or contains a slash. Give each layer a name of its own; for one set of weights in several places make one SharedLayer."
    ) {
      try Sequential(input: [2]) { Dense(1, name: "a/b") }
    }
    expectError(
      "layer \"\": its name is taken, empty or contains a slash. Give each layer a name of its own; for one set of weights in several places make one SharedLayer."
    ) {
      try Sequential(input: [2]) { Dense(1, name: "") }
    }
  }

  @Test("A layer of one's own, with a layer inside")
  func custom() throws {
    struct Residual: Layer {
      let units: Int
      func build(_ input: Value, _ scope: inout Scope) throws -> Value {
        let factor = try scope.weight("factor", shape: [1], initializer: .constant(2))
        let inner = try scope.build(Dense(units, kernelInitializer: .ones), input, name: "inner")
        return try input * factor + inner  // [N, units]
      }
    }
    let model = try Sequential(input: [3]) {
      Residual(units: 3)
      Residual(units: 3)
    }
    #expect(names(model) == ["residual", "residual_1"])
    #expect(
      model.weights.prefix(3).map(\.name) == ["residual/factor", "residual/inner/kernel", "residual/inner/bias"])
    #expect(model.summaryRows.map(\.parameters) == [13, 13])
    #expect(try model.predict(Tensor(shape: [1, 3], [1, 2, 3])).floats == [46, 50, 54])
    expectError(
      "residual (layer 1, Residual): add was given shapes (None, 4) and (None, 3), which do not broadcast. Axes are compared from the last; each pair must be equal or one of them 1, and at most 6 axes are possible."
    ) { try Sequential(input: [4]) { Residual(units: 3) } }
    struct Twice: Layer {
      func build(_ input: Value, _ scope: inout Scope) throws -> Value {
        _ = try scope.weight("w", shape: [1])
        return try input * scope.weight("w", shape: [1])
      }
    }
    expectError("twice (layer 1, Twice): weight \"w\" is declared twice. Give each weight of a layer its own name.") {
      try Sequential(input: [4]) { Twice() }
    }
  }

  @Test("Where the shape of the input comes from")
  func inputs() throws {
    #expect(
      try Sequential(input: [4]) {
        Input([4]); Dense(1)
      }.inputShape == [4])
    expectError(
      "Sequential: the shape of its input is not known. Write Sequential(input: [28, 28, 1]) or begin with Input([28, 28, 1])."
    ) { try Sequential { Dense(1) } }
    expectError("Sequential: input: is [3] but the first layer is Input([4]). Give the shape once.") {
      try Sequential(input: [3]) {
        Input([4]); Dense(1)
      }
    }
    expectError(
      "input (layer 2, Input): an Input stands behind other layers, but it says where data enter. Make it the first layer, or use Reshape([4]) to change a shape."
    ) {
      try Sequential(input: [3]) {
        Dense(1); Input([4])
      }
    }
    expectError(
      "input: its shape is (3, 0) but each length must be at least 1, and all together fit into memory. Give the shape of one example without the batch, for example [28, 28, 1]."
    ) { try Sequential(input: [3, 0]) { Flatten() } }
    expectError("threads: 0 threads were asked for. Give a number from 1 to 256.") {
      try Sequential(input: [3], threads: 0) { Dense(1) }
    }
    expectError("compile: the model has no layers. Add layers first.") {
      try Sequential(input: [3]).compile(loss: .meanSquaredError)
    }
    expectError("model \"sequential\": it has no loss yet. Call model.compile(optimizer: .adam(), loss: ...) first.") {
      try Sequential(input: [3]) { Dense(1) }.evaluate(Dataset(inputs: noise([1, 3]), targets: noise([1, 1])))
    }
  }

  @Test("Wrong parameters and shapes: where, what came, what is needed, how to mend it")
  func layerErrors() {
    func refuse(_ input: [Int], _ layer: any Layer, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
      expectError(text, sourceLocation: sourceLocation) { try Sequential(input: input) { layer } }
    }
    refuse([3], Dense(0), "dense (layer 1, Dense): units is 0 but must be at least 1.")
    refuse(
      [], Dense(2), "dense (layer 1, Dense): input has shape (None,) but at least 2 axes (batch, features) are needed.")
    refuse(
      [28, 28], Conv2D(3, kernelSize: 5),
      "conv2d (layer 1, Conv2D): input has shape (28, 28) but 3 axes (height, width, channels) are needed. Add Reshape([28, 28, 1]) before it."
    )
    refuse(
      [784], Conv2D(3, kernelSize: 5),
      "conv2d (layer 1, Conv2D): input has shape (784,) but 3 axes (height, width, channels) are needed. Give it pictures of height, width and channels."
    )
    refuse(
      [4, 4, 1], Conv2D(3, kernelSize: 5),
      "conv2d (layer 1, Conv2D): a kernel of 5x5 does not fit into a picture of 4x4. Use a smaller one, padding \"same\", or fewer pooling layers before it."
    )
    refuse(
      [4, 4, 1], Conv2D(3, kernelSize: 3, dilation: 2),
      "conv2d (layer 1, Conv2D): a kernel of 3x3 (dilated by [2, 2]) does not fit into a picture of 4x4. Use a smaller one, padding \"same\", or fewer pooling layers before it."
    )
    refuse([4, 4, 1], Conv2D(0, kernelSize: 3), "conv2d (layer 1, Conv2D): filters is 0 but must be at least 1.")
    refuse(
      [4, 4, 1], Conv2D(1, kernelSize: 0),
      "conv2d (layer 1, Conv2D): kernelSize is [0] but must be one or two numbers of at least 1.")
    refuse(
      [4, 4, 1], Conv2D(1, kernelSize: [1, 2, 3]),
      "conv2d (layer 1, Conv2D): kernelSize is [1, 2, 3] but must be one or two numbers of at least 1.")
    refuse(
      [4, 4, 1], Conv2D(1, kernelSize: 3, strides: [1, -1]),
      "conv2d (layer 1, Conv2D): strides is [1, -1] but must be one or two numbers of at least 1.")
    refuse(
      [4, 4, 1], Conv2D(1, kernelSize: 3, dilation: 0),
      "conv2d (layer 1, Conv2D): dilation is [0] but must be one or two numbers of at least 1.")
    refuse(
      [4, 4, 3], Conv2D(4, kernelSize: 3, groups: 2),
      "conv2d (layer 1, Conv2D): 3 input channels and 4 filters cannot be split into 2 groups. Both must be multiples of groups."
    )
    refuse(
      [4, 4, 3], Conv2D(4, kernelSize: 3, groups: 0),
      "conv2d (layer 1, Conv2D): 3 input channels and 4 filters cannot be split into 0 groups. Both must be multiples of groups."
    )
    refuse(
      [5, 5], MaxPooling2D(2),
      "max_pooling2d (layer 1, MaxPooling2D): input has shape (5, 5) but 3 axes (height, width, channels) are needed. Add Reshape([5, 5, 1]) before it."
    )
    refuse(
      [1, 5, 1], MaxPooling2D(2),
      "max_pooling2d (layer 1, MaxPooling2D): a pooling window of 2x2 does not fit into a picture of 1x5. Use a smaller one, padding \"same\", or fewer pooling layers before it."
    )
    refuse(
      [5, 5, 1], MaxPooling2D(0),
      "max_pooling2d (layer 1, MaxPooling2D): poolSize is [0] but must be one or two numbers of at least 1.")
    refuse(
      [5, 5, 1], AveragePooling2D(2, strides: 0),
      "average_pooling2d (layer 1, AveragePooling2D): strides is [0] but must be one or two numbers of at least 1.")
    refuse(
      [5], GlobalAveragePooling2D(),
      "global_average_pooling2d (layer 1, GlobalAveragePooling2D): input has shape (5,) but 3 axes (height, width, channels) are needed. Give it pictures of height, width and channels."
    )
    refuse(
      [5], GlobalMaxPooling2D(),
      "global_max_pooling2d (layer 1, GlobalMaxPooling2D): input has shape (5,) but 3 axes (height, width, channels) are needed. Give it pictures of height, width and channels."
    )
    refuse([5], Dropout(1), "dropout (layer 1, Dropout): rate is 1.0 but must be at least 0 and below 1.")
    refuse([5], Dropout(-0.1), "dropout (layer 1, Dropout): rate is -0.1 but must be at least 0 and below 1.")
    refuse([5], Dropout(.nan), "dropout (layer 1, Dropout): rate is nan but must be at least 0 and below 1.")
    refuse(
      [5], BatchNormalization(momentum: 1.5),
      "batch_normalization (layer 1, BatchNormalization): momentum is 1.5 and epsilon 0.001. Momentum must lie in 0 ... 1 and epsilon be positive."
    )
    refuse(
      [5], BatchNormalization(epsilon: 0),
      "batch_normalization (layer 1, BatchNormalization): momentum is 0.99 and epsilon 0.0. Momentum must lie in 0 ... 1 and epsilon be positive."
    )
    refuse(
      [], BatchNormalization(),
      "batch_normalization (layer 1, BatchNormalization): input has shape (None,) but at least 2 axes are needed.")
    refuse(
      [5], LeakyReLU(slope: -1),
      "leaky_re_lu (layer 1, LeakyReLU): leakyRelu's slope is -1.0 but must be 0 or more. Give for example 0.3.")
    refuse(
      [5], Activation(.elu(alpha: -1)),
      "activation (layer 1, Activation): elu's alpha is -1.0 but must be 0 or more. Give for example 1.")
    refuse(
      [5], ReLU(maximum: -1),
      "re_lu (layer 1, ReLU): maximum is -1.0, slope 0.0 and threshold 0.0. Maximum and slope must be 0 or more, slope and threshold finite."
    )
    refuse(
      [5], Softmax(axis: 0),
      "softmax (layer 1, Softmax): axis 0 of shape (None, 5) counts the examples. Give an axis from 1 to 1, or from -1 backwards."
    )
    refuse(
      [5], PReLU(sharedAxes: [2]),
      "p_re_lu (layer 1, PReLU): sharedAxes is [2], but the input has shape (None, 5). Give axes from 1 to 1.")
    refuse(
      [5, 5, 2], DepthwiseConv2D(kernelSize: 3, depthMultiplier: 0),
      "depthwise_conv2d (layer 1, DepthwiseConv2D): depthMultiplier is 0 but must be at least 1.")
    refuse(
      [5, 5, 2], DepthwiseConv2D(kernelSize: 6),
      "depthwise_conv2d (layer 1, DepthwiseConv2D): a kernel of 6x6 does not fit into a picture of 5x5. Use a smaller one, padding \"same\", or fewer pooling layers before it."
    )
    refuse(
      [5, 5, 2], SeparableConv2D(0, kernelSize: 3),
      "separable_conv2d (layer 1, SeparableConv2D): filters is 0 but must be at least 1.")
    refuse(
      [5, 5, 2], Cropping2D(top: 2, bottom: 3, left: 0, right: 0),
      "cropping2d (layer 1, Cropping2D): cropping by [2, 3], [0, 0] leaves nothing of shape (None, 5, 5, 2). Take less away."
    )
    refuse(
      [5, 5, 2], UpSampling2D(0),
      "up_sampling2d (layer 1, UpSampling2D): size is [0] but must be one or two numbers of at least 1.")
    refuse(
      [5, 2], Rescaling([1, 2, 3]),
      "rescaling (layer 1, Rescaling): scale is [1.0, 2.0, 3.0], but one finite number or 2 are needed for shape (None, 5, 2)."
    )
    refuse(
      [12], Reshape([5, 3]),
      "reshape (layer 1, Reshape): 12 elements of shape (12,) cannot be seen as (5, 3), which has 15. Choose lengths with the same product."
    )
    refuse(
      [12], Reshape([5, -1]),
      "reshape (layer 1, Reshape): 12 elements of shape (12,) cannot be seen as (5, 2), which has 10. Choose lengths with the same product."
    )
    refuse(
      [12], Reshape([-1, -1]),
      "reshape (layer 1, Reshape): targetShape is [-1, -1] but lengths must be at least 1, with at most one -1.")
    refuse(
      [12], Reshape([0]),
      "reshape (layer 1, Reshape): targetShape is [0] but lengths must be at least 1, with at most one -1.")
    refuse(
      [12], ZeroPadding2D(1),
      "zero_padding2d (layer 1, ZeroPadding2D): input has shape (12,) but 3 axes (height, width, channels) are needed. Give it pictures of height, width and channels."
    )
    refuse(
      [2, 2, 1], ZeroPadding2D(-1),
      "zero_padding2d (layer 1, ZeroPadding2D): padding is [-1, -1], [-1, -1] but must lie in 0 ... 65535.")
  }

  @Test("Lengths that overflow are errors, not traps")
  func hugeLengths() {
    let huge = Int.max / 2
    let cases: [([Int], any Layer)] = [
      ([huge], Dense(1)), ([3], Dense(huge)), ([huge, 4], Flatten()), ([4], Reshape([huge, 4])),
      ([4], Reshape([huge, -1, 4])), ([4, 4, 1], ZeroPadding2D(Size2D(huge, 1))),
      ([4, 4, 1], Conv2D(1, kernelSize: Size2D(huge, huge))), ([4, 4, 1], Conv2D(huge, kernelSize: 3)),
      ([4, 4, 1], Conv2D(1, kernelSize: 3, dilation: Size2D(huge, 1))),
      ([4, 4, 1], MaxPooling2D(Size2D(1, huge), padding: .same)),
      ([4, 4, 1], AveragePooling2D(2, strides: Size2D(1, huge))),
    ]
    for (input, layer) in cases {
      let text = errorText { try Sequential(input: input) { layer } }
      #expect(text != "(no error)" && !text.hasPrefix("(another error)"), "\(layer)")
    }
    func refuse(_ input: [Int], _ layer: any Layer, _ text: String) {
      expectError(text) { try Sequential(input: input) { layer } }
    }
    refuse(
      [4], Reshape([huge, 4]),
      "reshape (layer 1, Reshape): targetShape is [\(huge), 4] but lengths must be at least 1, with at most one -1.")
    refuse(
      [4, 4, 1], MaxPooling2D(70_000),
      "max_pooling2d (layer 1, MaxPooling2D): poolSize is [70000] but must be at most 65535.")
    refuse(
      [3], Dense(huge),
      "dense (layer 1, Dense): weight \"kernel\" would have shape (3, \(huge)). Each length must be at least 1, and all "
        + "together fit into memory.")
  }

  @Test("Names of activations")
  func activationNames() throws {
    for function in ActivationFunction.all { #expect(try ActivationFunction.named(function.name) == function) }
    #expect(try ActivationFunction.named("swish") == .silu)
    #expect(ActivationFunction.leakyReLU(slope: 0.2) == .leakyReLU && ActivationFunction.elu(alpha: 2) != .elu)
    expectError(
      "activation \"rellu\": there is no activation of this name. Did you mean \"relu\"? Known are linear, relu, sigmoid, tanh, softmax, softplus, silu, gelu, elu, leaky_relu, relu6, hard_sigmoid, "
        + "hard_silu, selu, exponential, softsign, mish, log_softmax, celu, hard_tanh, hard_shrink, soft_shrink, tanh_shrink, log_sigmoid, "
        + "sparse_sigmoid, sparse_plus, squareplus, glu, legacy_hard_sigmoid."
    ) { try ActivationFunction.named("rellu") }
  }

  @Test("Weights are replaced by name, all or none")
  func setWeights() throws {
    let model = try Sequential(input: [3]) { Dense(2) }
    let before = model.weights
    let bias = try Tensor(shape: [2], [1, 2])
    expectError(
      "weight \"dense/kernell\": the model has no weight of this name. Did you mean \"dense/kernel\"? See model.weights."
    ) { try model.setWeights(["dense/bias": bias, "dense/kernell": bias]) }
    expectError(
      "weight \"dense/kernel\": the model's has shape (3, 2) but (2,) was given. The file or array belongs to another network."
    ) { try model.setWeights(["dense/bias": bias, "dense/kernel": bias]) }
    #expect(model.weights == before)
    try model.setWeights(["dense/bias": bias])
    #expect(model.weights[1].tensor == bias)
    #expect(model.weights[0] == before[0])
  }
}
