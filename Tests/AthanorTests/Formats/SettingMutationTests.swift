import Athanor
import Testing

@Suite("A reader accounts for every setting of a layer")
struct SettingMutationTests {
  /// A layer as files have it.
  struct Written: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let json: JSONValue

    init(_ name: String, _ json: JSONValue) {
      testDescription = name
      self.json = json
    }

    static var all: [Written] {
      get throws {
        let layers: [(String, any GeneralLayer)] =
          LayerCase.all.map { ($0.golden, $0.layer) } + MergeCase.all.map { ($0.golden, $0.layer) } + [
            (
              "dense_initializers",
              Dense(3, kernelInitializer: .normal(mean: 1, deviation: 0.5), biasInitializer: .constant(2))
            ),
            ("dense_uniform", Dense(3, kernelInitializer: .truncatedNormal(), biasInitializer: .uniform(0, 1))),
            ("dense_scaling", Dense(3, kernelInitializer: .varianceScaling(scale: 2, fan: .fanOut))),
            (
              "dense_penalties",
              Dense(
                3, kernelRegularizer: .l1l2(l1: 0.5, l2: 0.25), biasRegularizer: .l1(2), activityRegularizer: .l2(3),
                kernelConstraint: .minMaxNorm(minimum: 0.5, maximum: 2, rate: 0.25, axes: [0, 1]),
                biasConstraint: .maxNorm(3))
            ),
            (
              "batch_normalization_limits",
              BatchNormalization(betaConstraint: .unitNorm(), gammaConstraint: .nonNegative)
            ),
            ("dense_relu", Dense(3, activation: .relu(maximum: 2, slope: 0.5, threshold: 1))),
            ("dropout_noise", Dropout(0.5, noiseShape: [nil, 1, 1])),
          ]
        let operation =
          #"{"class_name":"ImportedOperation","config":{"name":"it","trainable":true,"dtype":"float32","operation":"prelu","#
          + #""arguments":{"x":{"input":0},"alpha":{"shape":[4]}},"layouts":["plain"],"results":1}}"#
        return try layers.map { Written($0, try $1.serialized(name: "it")) }
          + [Written("imported_operation", try JSONValue(parsing: operation, at: ""))]
      }
    }
  }

  private static let cases = Result { try Written.all }

  /// Settings that may be anything, and why.
  private static let neutral = [
    "trainable": "the reader of the network asks for it",
    "module": "the class says which one is meant",
    "registered_name": "the class says which one is meant",
    "seed": "the model has a seed of its own",
  ]

  private func read(_ json: JSONValue) throws -> (json: JSONValue, warnings: [String]) {
    let report = ReadingReport()
    let layer = try Configuration(json, at: "a", report: report).layer(0, customLayers: [])
    return (try layer.serialized(name: layer.name ?? ""), report.warnings.map(\.description))
  }

  /// Each scalar's path, and the value with another scalar in this place.
  private func mutations(_ json: JSONValue, _ path: [String] = []) -> [(path: [String], json: JSONValue)] {
    switch json {
    case .null: return [(path, "other".jsonValue)]
    case .flag(let flag): return [(path, .flag(!flag))]
    case .integer(let integer): return [(path, .integer(integer + 1))]
    case .number(let number): return [(path, .number(number + 1))]
    case .text(let text): return [(path, .text(text + "_x"))]
    case .array(let values):
      return values.indices.flatMap { index in
        mutations(values[index], path + ["\(index)"]).map { path, value in
          var copy = values
          copy[index] = value
          return (path, .array(copy))
        }
      }
    case .object(let values):
      return values.sorted { $0.key < $1.key }.flatMap { key, value in
        mutations(value, path + [key]).map { path, value in
          var copy = values
          copy[key] = value
          return (path, .object(copy))
        }
      }
    }
  }

  @Test("Another value is taken over, or an error or a warning names it", arguments: try cases.get())
  func scalars(_ layer: Written) throws {
    let written = try read(layer.json)
    #expect(written.warnings.isEmpty)
    var count = 0
    for (path, json) in mutations(layer.json) where path.first == "config" {
      count += 1
      let key = path[1]
      if let last = path.last, SettingMutationTests.neutral[last] != nil { continue }
      func isNamed(_ text: String) -> Bool {
        text.contains("config.\(key)") || text.contains("\(key) \"") || text.contains(" \(key) ")
      }
      do {
        let copy = try read(json)
        #expect(
          copy.json != written.json || copy.warnings.contains(where: isNamed),
          "\(path.joined(separator: ".")): \(copy.warnings)")
      } catch let error as AthanorError {
        #expect(isNamed(error.description), "\(path.joined(separator: ".")): \(error)")
      }
    }
    #expect(count >= 5)
  }

  @Test(
    "A setting that is not known is an error, in the settings of an initializer, regularizer or constraint a warning",
    arguments: try cases.get())
  func unknown(_ layer: Written) throws {
    guard case .object(var object) = layer.json, case .object(let settings) = object["config"] else {
      Issue.record("no object")
      return
    }
    object["config"] = .object(settings.merging(["depth": .integer(3)]) { $1 })
    expectError(
      "a.config.depth: \"depth\" is not known, and its value is 3. Save the model without it, or read it with a newer Athanor."
    ) { try read(.object(object)) }
    object["config"] = .object(settings.merging(["depth": .null]) { $1 })
    #expect(try read(.object(object)).warnings.isEmpty)
    for (key, value) in settings where key != "dtype" {
      guard case .object(var inner) = value, case .object(let parameters) = inner["config"] else { continue }
      inner["config"] = .object(parameters.merging(["depth": .integer(3)]) { $1 })
      object["config"] = .object(settings.merging([key: .object(inner)]) { $1 })
      let place = "a.config.\(key).config.depth: \"depth\" is not known"
      if ["initializer", "regularizer", "constraint"].contains(where: key.hasSuffix) {
        let warnings = try read(.object(object)).warnings
        #expect(warnings == ["\(place) and was not taken over: 3; predictions do not change."], "\(key)")
      } else {
        #expect(errorText { try read(.object(object)) }.hasPrefix("\(place), and its value is 3."), "\(key)")
      }
    }
  }

  @Test("Settings as older and newer versions of Keras write them")
  func versions() throws {
    func read(_ className: String, _ settings: String) throws -> (json: JSONValue, warnings: [String]) {
      try self.read(
        JSONValue(parsing: #"{"class_name":"\#(className)","config":{"name":"it",\#(settings)}}"#, at: "a"))
    }
    func same(_ className: String, _ settings: String, as layer: any GeneralLayer) throws {
      let read = try read(className, settings)
      #expect(try read.json == layer.serialized(name: "it"))
      #expect(read.warnings.isEmpty)
    }
    try same("LeakyReLU", #""alpha":0.25"#, as: LeakyReLU(slope: 0.25))
    try same(
      "BatchNormalization",
      #""axis":[-1],"momentum":0.9,"fused":true,"renorm":false,"renorm_momentum":0.99,"virtual_batch_size":null"#,
      as: BatchNormalization(momentum: 0.9))
    try same(
      "Dense",
      #""units":3,"batch_input_shape":[null,4],"dtype":{"class_name":"Policy","config":{"name":"float32"}},"bias_initializer":"zeros","#
        + #""quantization_config":null,"activation":{"class_name":"LeakyReLU","config":{"name":"l","dtype":"float32","alpha":0.5}}"#,
      as: Dense(3, activation: .leakyReLU(slope: 0.5)))
    try same(
      "Dense",
      #""units":3,"activation":{"class_name":"ReLU","config":{"name":"r","trainable":true,"max_value":6,"negative_slope":0.0,"threshold":0}},"#
        + #""kernel_initializer":{"class_name":"VarianceScaling","config":{"scale":2.0,"mode":"fan_out","distribution":"truncated_normal","seed":null}}"#,
      as: Dense(3, activation: .relu(maximum: 6), kernelInitializer: .varianceScaling(scale: 2, fan: .fanOut)))
    try same("Activation", #""activation":"hard_swish""#, as: Activation(.hardSilu))
    try same("Activation", #""activation":"softmax_v2""#, as: Activation(.softmax))
    try same(
      "Dense",
      #""units":3,"kernel_regularizer":{"class_name":"L1L2","config":{"l1":0.0,"l2":0.02}},"bias_regularizer":"l2","bias_constraint":"non_neg","#
        + #""activity_regularizer":{"class_name":"L1","config":{"l1":0.5}},"kernel_constraint":{"class_name":"MaxNorm","config":{"max_value":3,"axis":[0]}}"#,
      as: Dense(
        3, kernelRegularizer: .l1l2(l2: 0.02), biasRegularizer: .l2(), activityRegularizer: .l1(0.5),
        kernelConstraint: .maxNorm(3), biasConstraint: .nonNegative))
    try same("Rescaling", #""scale":[0.5,2],"offset":0"#, as: Rescaling([0.5, 2]))
    try same(
      "Dropout", #""rate":0.5,"noise_shape":[null,1,1,1],"seed":3"#, as: Dropout(0.5, noiseShape: [nil, 1, 1, 1]))
    try same(
      "SeparableConv2D",
      #""filters":4,"kernel_size":3,"groups":1,"kernel_initializer":{"class_name":"Zeros","config":{}}"#,
      as: SeparableConv2D(4, kernelSize: 3))
    try same("ZeroPadding2D", #""padding":[2,1]"#, as: ZeroPadding2D([2, 1]))
    try same("ZeroPadding2D", #""padding":3"#, as: ZeroPadding2D(3))

    let taken = "is not supported and was not taken over; predictions do not change."
    #expect(
      try read(
        "Dense",
        #""units":3,"kernel_regularizer":{"class_name":"OrthogonalRegularizer","config":{"factor":0.01,"mode":"rows"}},"#
          + #""kernel_constraint":"RadialConstraint""#
      ).warnings == [
        #"a.config.kernel_regularizer: {"class_name":"OrthogonalRegularizer","config":{"factor":0.01,"mode":"rows"}} \#(taken)"#,
        "a.config.kernel_constraint: RadialConstraint \(taken)",
      ])
    #expect(
      try read("Flatten", #""activity_regularizer":"l1""#).warnings == ["a.config.activity_regularizer: l1 \(taken)"])
    #expect(
      try read("BatchNormalization", #""moving_mean_initializer":"ones","synchronized":true"#).warnings
        == ["a.config.moving_mean_initializer: ones \(taken)", "a.config.synchronized: true \(taken)"])
    #expect(
      try read("Dense", #""units":3,"kernel_initializer":{"class_name":"Orthogonal","config":{"gain":1.0,"seed":7}}"#)
        .warnings
        == [
          "a.config.kernel_initializer: there is no initializer named \"Orthogonal\"; predictions do not change, but new weights "
            + "would begin otherwise."
        ])
    #expect(
      try read("Flatten", #""dtype":"mixed_float16""#).warnings
        == [
          "a.config.dtype: it is \"mixed_float16\", here and perhaps in further layers, but computations are done in float32."
        ])
    for (className, settings, text) in [
      ("Flatten", #""dtype":"int8""#, "a.config.dtype: float32 was expected but int8 was found."),
      (
        "Flatten", #""dtype":{"class_name":"QuantizedDTypePolicy","config":{"name":"int8_from_float32"}}"#,
        "a.config.dtype.class_name: DTypePolicy was expected but QuantizedDTypePolicy was found."
      ),
      ("Flatten", #""ragged":true"#, "a.config.ragged: false was expected but true was found."),
      ("BatchNormalization", #""renorm":true"#, "a.config.renorm: true is not supported. Save the model with false."),
      ("BatchNormalization", #""axis":[1,3]"#, "a.config.axis: one axis was expected but [1,3] was found."),
      (
        "Normalization", #""mean":[1]"#,
        "a.config.variance: numbers where there is a mean, and otherwise nothing, was expected but nothing was found."
      ),
      (
        "Conv2D", #""filters":1,"kernel_size":3,"data_format":"channels_first""#,
        "a.config.data_format: channels_first is not supported. Save the model with channels_last."
      ),
      ("Dense", #""units":3,"use_bias":"yes""#, "a.config.use_bias: true or false was expected but yes was found."),
      (
        "ZeroPadding2D", #""padding":[[1,2],[3]]"#,
        "a.config.padding: one integer, two, or two for each axis was expected but [[1,2],[3]] was found."
      ),
    ] {
      expectError(text) { try read(className, settings) }
    }
  }

  @Test("Channels along another axis than the last are an error when the layer is built")
  func axis() throws {
    let read = try Configuration(
      parsing: #"{"class_name":"BatchNormalization","config":{"axis":1}}"#, at: "a"
    ).layer(0, customLayers: [])
    #expect(try Model(input: [5], threads: 1, layers: [read]).outputShape.description == "(None, 5)")
    expectError(
      "batchnormalization_0 (layer 1, BatchNormalization): its channels lie along axis 1, but the input has shape (None, 5, 4). "
        + "Only the last axis is supported."
    ) { try Model(input: [5, 4], threads: 1, layers: [read]) }
  }

  @Test("What a file says of a model's training and is not taken over becomes a warning of the model")
  func training() throws {
    let text = #"""
      {"optimizer_config":{"class_name":"Adam","config":{"name":"a","learning_rate":0.5,"beta_3":0.5,"use_ema":false,"decay":0.0,
      "is_legacy_optimizer":false,"jit_compile":true,"amsgrad":false,"ema_momentum":0.99}},
      "loss":{"class_name":"Huber","config":{"name":"h","reduction":"sum","delta":2.0,"axis":-1}},
      "metrics":[{"class_name":"BinaryAccuracy","config":{"name":"b","dtype":"float32","threshold":0.25}},"mae"],
      "weighted_metrics":["acc"],"loss_weights":null,"run_eagerly":true,"steps_per_execution":1,"jit_compile":true,"device":"x"}
      """#
    let model = try Model(input: [2], threads: 1, layers: [Dense(1)])
    try model.compile(TrainingConfiguration(keras: Configuration(parsing: text, at: "a"), outputs: ["y"]))
    #expect(model.training?.metricNames.map(\.name) == ["b", "mae", "accuracy"])
    #expect(model.training?.loss.name == "h" && model.training?.loss.reduction == .sum)
    #expect(
      model.warnings == [
        "a.optimizer_config.config.beta_3: \"beta_3\" is not known and was not taken over: 0.5; predictions do not change.",
        "a.device: \"device\" is not known and was not taken over: x; predictions do not change.",
      ])
    // A schedule's settings too, and what Athanor's own form has.
    let rate = #"{"class_name":"ExponentialDecay","config":{"decay_rate":0.5,"decay_steps":3,"name":null,"speed":2}}"#
    let own =
      #"{"optimizer":{"class_name":"SGD","config":{"learning_rate":\#(rate)}},"goals":[{"loss":"mse","weight":1,"metrics":[],"x":1}]}"#
    try model.compile(TrainingConfiguration(Configuration(parsing: own, at: "b")))
    #expect(
      model.warnings.suffix(2) == [
        "b.optimizer.config.learning_rate.config.speed: \"speed\" is not known and was not taken over: 2; predictions do not change.",
        "b.goals[0].x: \"x\" is not known and was not taken over: 1; predictions do not change.",
      ])
  }
}
