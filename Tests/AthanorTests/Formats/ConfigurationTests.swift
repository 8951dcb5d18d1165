import Athanor
import Testing

@Suite("Configurations")
struct ConfigurationTests {
  private func configuration(_ text: String) throws -> Configuration {
    try Configuration(parsing: text, at: "a.h5, config")
  }

  @Test("Values of each type")
  func values() throws {
    let read = try configuration(
      #"{"i":3,"f":2.0,"n":0.5,"t":true,"one":1,"s":"x","list":[1,2],"deep":[[1],[2.5,3]],"null":null,"o":{"k":7}}"#)
    #expect(try read.integer("i") == 3)
    #expect(try read.integer("f") == 2)
    #expect(try read.integer("null", default: 5) == 5)
    #expect(try read.number("i") == 3)
    #expect(try read.number("n") == 0.5)
    #expect(try read.number("none", default: 0.25) == 0.25)
    #expect(try read.flag("t"))
    #expect(try read.flag("one"))
    #expect(try read.text("s") == "x")
    #expect(try read.integers("list") == [1, 2])
    #expect(try read.numbers("deep") == [1, 2.5, 3])
    #expect(try read.numbers("n") == [0.5])
    #expect(try read.numbers("null") == nil)
    #expect(try read.size("i").pair == [3, 3])
    #expect(try read.size("list").pair == [1, 2])
    #expect(try read.nested("o").integer("k") == 7)
    #expect(try read.nested("null").values.isEmpty)
    #expect(read.isMissing("null") && read.isMissing("none") && !read.isMissing("i"))
    #expect(read["i"] == .integer(3))
  }

  @Test("Errors name the place, what was expected and what was found")
  func errors() throws {
    let long = String(repeating: "x", count: 100)
    let read = try configuration(#"{"n":0.5,"s":"x","list":[1,2.5],"long":"\#(long)","o":{"k":"v"},"three":[1,2,3]}"#)
    expectError("a.h5, config.n: an integer was expected but 0.5 was found.") { try read.integer("n") }
    expectError("a.h5, config.none: an integer was expected but nothing was found.") { try read.integer("none") }
    expectError("a.h5, config.s: a number was expected but x was found.") { try read.number("s") }
    expectError("a.h5, config.n: true or false was expected but 0.5 was found.") { try read.flag("n") }
    expectError("a.h5, config.list: a text was expected but [1,2.5] was found.") { try read.text("list") }
    expectError("a.h5, config.list: a list of integers was expected but [1,2.5] was found.") {
      try read.integers("list")
    }
    expectError("a.h5, config.o: a number or a list of numbers was expected but {\"k\":\"v\"} was found.") {
      try read.numbers("o")
    }
    expectError("a.h5, config.three: one or two integers was expected but [1,2,3] was found.") {
      try read.size("three")
    }
    expectError("a.h5, config.o.k: an integer was expected but v was found.") { try read.nested("o").integer("k") }
    expectError("a.h5, config.s: it is not a JSON object. The file is damaged or of another kind.") {
      try read.nested("s")
    }
    expectError("a.h5, config.long: a number was expected but \(long.prefix(80))... was found.") {
      try read.number("long")
    }
    expectError("a.h5, config.s: \"valid\" or \"same\" was expected but x was found.") {
      try Padding.read("s", in: read, default: .same)
    }
    expectError(
      "a.h5, config.data_format: channels_first is not supported. Save the model with channels_last."
    ) { try Flatten(reading: configuration(#"{"data_format":"channels_first"}"#), name: "flatten") }
  }
}

@Suite("What model files say of layers and training")
struct SerializationTests {
  /// A layer of a user's own.
  struct Scale: Layer, SerializableLayer {
    var factor: Double
    let name: String?

    init(_ factor: Double, name: String? = nil) {
      self.factor = factor
      self.name = name
    }

    init(unconfigured name: String) { self.init(1, name: name) }

    mutating func configure(_ settings: inout Settings) throws { try settings.field("factor", &factor) }

    func build(_ input: Value, _ scope: inout Scope) throws -> Value { try input * factor }
  }

  private func reread(_ json: JSONValue, _ custom: [any SerializableLayer.Type] = []) throws -> any GeneralLayer {
    try Configuration(parsing: json.description, at: "a, layers[4]").layer(4, customLayers: custom)
  }

  @Test("Every layer is made from its settings again", arguments: LayerCase.all)
  func layers(_ layer: LayerCase) throws {
    let json = try layer.layer.serialized(name: "it")
    let copy = try reread(json)
    #expect(copy.name == "it")
    #expect(copy.kind == layer.layer.kind)
    #expect(try copy.serialized(name: "it") == json)
  }

  @Test("Every layer is in the list of those that files may name, once")
  func list() {
    let names = serializableLayers.map { $0.className }
    let native = serializableLayers.filter { $0 is any NativeLayer.Type }.map { $0.className }
    #expect(native == ["ImportedOperation"])
    #expect(Set(names) == Set(LayerCase.all.map(\.layer.kind) + MergeCase.all.map(\.layer.kind) + native))
    #expect(Set(names).count == names.count)
  }

  @Test("A layer of one's own")
  func customLayer() throws {
    let json = try Scale(0.1).serialized(name: "scale_1")
    #expect(
      json.description
        == #"{"class_name":"Scale","config":{"dtype":{"class_name":"DTypePolicy","config":{"name":"float32"},"#
        + #""module":"keras","registered_name":null},"factor":0.1,"name":"scale_1","trainable":true}}"#)
    #expect(try reread(json, [Scale.self]) as? Scale == Scale(0.1, name: "scale_1"))
    #expect(errorText { try reread(json) }.hasPrefix("a, layers[4]: there is no layer named \"Scale\". "))
    expectError("a, layers[4].config.factor: a number was expected but nothing was found.") {
      try reread(.object(["class_name": .text("Scale"), "config": .object([:])]), [Scale.self])
    }
    let nameless = try reread(
      .object(["class_name": .text("Scale"), "config": .object(["factor": .integer(2)])]), [Scale.self])
    #expect(nameless.name == "scale_4")
  }

  @Test("A setting that is not finite is written and read")
  func notFinite() throws {
    let copy = try #require(try reread(Dropout(.nan).serialized(name: "drop")) as? Dropout)
    #expect(copy.rate.isNaN)
  }

  @Test(
    "Every learning rate, exactly",
    arguments: [
      0.1, .constant(Double(Float(0.1))), .constant(1 / 3), .exponentialDecay(initial: 0.3, steps: 7, rate: 0.9),
      .exponentialDecay(initial: 1, steps: 1, rate: 0.1, staircase: true),
      .cosineDecay(initial: 0.02, steps: 30, alpha: 0.1), .piecewise(boundaries: [3, 5], values: [1, 0.5, 0.1]),
      .warmUp(steps: 4, then: .cosineDecay(initial: 0.02, steps: 30)), .warmUp(steps: 4, then: 0.25),
      .warmUp(steps: 4, then: .constant(Double(Float(0.1)))),
      .warmUp(steps: 2, then: .warmUp(steps: 3, then: .piecewise(boundaries: [9], values: [1, 0.5]))),
    ] as [LearningRate])
  func learningRates(_ rate: LearningRate) throws {
    let json = try JSONValue(parsing: #require(rate.serialized).description, at: "rate")
    #expect(try LearningRate(serialized: json, at: "rate") == rate)
  }

  @Test("Optimizer, losses and metrics, in Keras' form and in Athanor's")
  func training() throws {
    let given = TrainingConfiguration(
      optimizer: .adamW(learningRate: 0.3, weightDecay: 0.01, clipping: .norm(2)),
      goals: [
        Goal(
          loss: .huber(delta: 0.25), weight: 0.25, metrics: [.accuracy, .topKAccuracy(3), .loss(.meanAbsoluteError)])
      ])
    let keras = try #require(given.kerasTrainingConfiguration(outputs: nil))
    for read in try [
      TrainingConfiguration(keras: Configuration(parsing: keras.description, at: "a"), outputs: ["y"]),
      TrainingConfiguration(Configuration(parsing: given.serialized.description, at: "a")),
    ] {
      #expect(read.optimizer == given.optimizer)
      #expect(read.goals.count == 1 && read.goals[0].weight == 0.25)
      #expect(read.goals[0].loss?.serialized == given.goals[0].loss?.serialized)
      #expect(read.goals[0].metrics.map(\.name) == ["accuracy", "top_3_accuracy", "mean_absolute_error"])
    }
    // What has no name in files leaves Keras' whole configuration out, and is a name alone in Athanor's.
    let custom = TrainingConfiguration(
      optimizer: .sgd(), goals: [Goal(loss: Loss("own") { try $0 - $1 }, weight: 0.5), Goal()])
    #expect(custom.kerasTrainingConfiguration(outputs: nil) == nil)
    expectError("a.goals[0].loss: \"own\" is known to the program alone that wrote it.") {
      try TrainingConfiguration(Configuration(parsing: custom.serialized.description, at: "a"))
    }
    // Also under the name of one that files know.
    let huber = Loss("huber") { try $0 - $1 }
    let accuracy = Metric.mean("accuracy") { try $0 - $1 }
    for goal in [
      Goal(loss: huber), Goal(loss: .meanSquaredError, metrics: [accuracy]),
      Goal(loss: .meanSquaredError, metrics: [.loss(huber)]),
    ] {
      let custom = TrainingConfiguration(optimizer: .sgd(), goals: [goal])
      #expect(custom.kerasTrainingConfiguration(outputs: nil) == nil)
      #expect(throws: AthanorError.self) {
        try TrainingConfiguration(Configuration(parsing: custom.serialized.description, at: "a"))
      }
    }
  }
}
