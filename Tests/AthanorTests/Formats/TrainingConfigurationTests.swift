import Athanor
import Testing

@Suite("What files say of training")
struct TrainingConfigurationTests {
  private func read(_ text: String, outputs: [String] = ["y"]) throws -> TrainingConfiguration {
    try TrainingConfiguration(keras: Configuration(parsing: text, at: "a"), outputs: outputs)
  }

  private func optimizer(_ name: String, _ settings: String) throws -> (optimizer: Optimizer, warnings: [String]) {
    let configuration = try read(
      #"{"optimizer_config":{"class_name":"\#(name)","config":{"learning_rate":0.5,\#(settings)}},"loss":"mse"}"#)
    return (configuration.optimizer, configuration.warnings.map(\.description))
  }

  private func loss(_ json: String) throws -> Loss {
    try Loss(serialized: JSONValue(parsing: json, at: "l"), at: "l")
  }

  private func metric(_ json: String) throws -> Metric {
    try Metric(serialized: JSONValue(parsing: json, at: "m"), at: "m")
  }

  @Test("Settings of optimizers that are honoured")
  func optimizers() throws {
    let pairs: [(String, String, Optimizer)] = [
      ("Adam", #""amsgrad":true,"decay":0"#, .adam(learningRate: 0.5, amsgrad: true)),
      ("SGD", #""decay":0.25"#, .sgd(learningRate: .inverseTimeDecay(initial: 0.5, steps: 1, rate: 0.25))),
      (
        "SGD", #""clipnorm":2,"clipvalue":0.5,"momentum":0.9"#,
        .sgd(learningRate: 0.5, momentum: 0.9, clipping: .sequence([.value(0.5), .norm(2)]))
      ),
      ("RMSprop", #""gradient_accumulation_steps":3"#, Optimizer.rmsprop(learningRate: 0.5).accumulating(3)),
      (
        "Adamax", #""use_ema":true,"ema_momentum":0.5,"ema_overwrite_frequency":7"#,
        Optimizer.adamax(learningRate: 0.5).averaging(.init(momentum: 0.5, frequency: 7))
      ),
      ("Ftrl", #""l1_regularization_strength":0.25,"beta":1"#, .ftrl(learningRate: 0.5, l1: 0.25, beta: 1)),
      ("Custom>Lion", #""name":"x""#, .lion(learningRate: 0.5)),
    ]
    for (name, settings, expected) in pairs {
      let read = try optimizer(name, settings)
      #expect(read.optimizer == expected, "\(name) \(settings)")
      #expect(read.warnings == [])
    }
  }

  @Test("The optimizer within one that scales the loss is used, with a warning")
  func lossScale() throws {
    for key in ["inner_optimizer", "optimizer"] {
      let text =
        #"{"optimizer_config":{"class_name":"LossScaleOptimizer","config":{"name":"s","initial_scale":32768.0,"dynamic":true,"#
        + #""dynamic_growth_steps":2000,"\#(key)":{"class_name":"Nadam","config":{"learning_rate":0.5}}}},"loss":"mse"}"#
      let configuration = try read(text)
      #expect(configuration.optimizer == .nadam(learningRate: 0.5))
      #expect(
        configuration.warnings.map(\.description) == [
          "a.optimizer_config.class_name: the loss is not scaled, because computations are done in float32; its inner optimizer is used."
        ])
    }
  }

  @Test("An optimizer by its name alone, or without settings, has those that Keras begins with")
  func optimizerNames() throws {
    let standard: [(String, Optimizer)] = [
      ("sgd", .sgd()), ("rmsprop", .rmsprop()), ("adam", .adam()), ("AdamW", .adamW()), ("adamax", .adamax()),
      ("nadam", .nadam()), ("Adagrad", .adagrad()), ("adadelta", .adadelta()), ("ftrl", .ftrl()), ("lion", .lion()),
    ]
    for (name, expected) in standard {
      for json in [
        "\"\(name)\"", #"{"class_name":"\#(name)"}"#, #"{"class_name":"\#(name)","config":{"name":"mine"}}"#,
      ] {
        for key in ["optimizer", "optimizer_config"] {
          let read = try read(#"{"\#(key)":\#(json),"loss":"mse","metrics":["mae"]}"#)
          #expect(read.optimizer == expected, "\(json)")
          #expect(read.warnings == [])
        }
      }
    }
    #expect(try optimizer("AdamW", #""weight_decay":null"#).optimizer.weightDecay == 0)
    expectError(
      "a.optimizer.class_name: SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl or Lion was expected but mine was found."
    ) { try read(#"{"optimizer":"mine","loss":"mse"}"#) }
  }

  @Test("A configuration without an optimizer, which Keras writes after it has saved the model as .h5")
  func noOptimizer() {
    expectError("a: it names no optimizer.") { try read(#"{"loss":"mse"}"#) }
  }

  @Test("Where the older optimizers added epsilon to the root, a warning says so")
  func olderEpsilon() throws {
    for (name, settings, isOlder) in [
      ("RMSprop", #""decay":0.0,"momentum":0.0"#, true), ("RMSprop", #""decay":0.0,"momentum":0.5"#, false),
      ("RMSprop", #""momentum":0.0"#, false), ("Adagrad", #""decay":0.0"#, true), ("Adadelta", #""decay":0.0"#, false),
      ("SGD", #""decay":0.0"#, false),
    ] {
      let warning =
        "a.optimizer_config.config.epsilon: the older \(name) added it to the root, and here it is added under the root, so that training "
        + "goes on a little differently."
      #expect(try optimizer(name, settings).warnings == (isOlder ? [warning] : []), "\(name) \(settings)")
    }
  }

  @Test("A list of metrics holds for each output in the older Keras, for one after another in the newer")
  func metricLists() throws {
    func names(_ metrics: String, isOld: Bool) throws -> [[String]] {
      let json = #"{"optimizer":"sgd","loss":"mse","metrics":\#(metrics)}"#
      return try TrainingConfiguration(
        keras: Configuration(parsing: json, at: "a"), outputs: ["x", "y"], isOld: isOld
      ).goals.map { $0.metrics.map(\.name) }
    }
    #expect(try names(#"["mae","mse"]"#, isOld: true) == [["mae", "mse"], ["mae", "mse"]])
    #expect(try names(#"["mae","mse"]"#, isOld: false) == [["mae"], ["mse"]])
    #expect(try names(#"["mae"]"#, isOld: true) == [["mae"], ["mae"]])
    #expect(try names(#"[["mae","mse"],[]]"#, isOld: true) == [["mae", "mse"], []])
    expectError("a.metrics: a list of 2 values was expected but [\"mae\"] was found.") {
      try names(#"["mae"]"#, isOld: false)
    }
  }

  @Test("Optimizers that are not known, or whose formula was another one, leave the model uncompiled")
  func unknownOptimizers() throws {
    for name in ["Adafactor", "Muon"] {
      expectError(
        "a.optimizer_config.class_name: SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl or Lion was expected but \(name) was found."
      ) { try optimizer(name, #""name":"x""#) }
    }
    let schedule =
      #""decay":0.1,"learning_rate":{"class_name":"InverseTimeDecay","config":{"initial_learning_rate":1,"decay_steps":2,"decay_rate":3}}"#
    expectError("a.optimizer_config.config.decay: 0 beside a schedule was expected but 0.1 was found.") {
      try read(#"{"optimizer_config":{"class_name":"SGD","config":{\#(schedule)}},"loss":"mse"}"#)
    }
  }

  @Test("Two limits of gradients have no form in Keras' files, and one in Athanor's")
  func twoLimits() throws {
    let given = TrainingConfiguration(
      optimizer: .sgd(clipping: .sequence([.value(0.5), .globalNorm(2)])), goals: [Goal(loss: .meanSquaredError)])
    #expect(given.kerasTrainingConfiguration(outputs: nil) == nil)
    let own = try TrainingConfiguration(Configuration(parsing: given.serialized.description, at: "a"))
    #expect(own.optimizer == given.optimizer)
  }

  @Test("Every name of a loss in files")
  func lossNames() throws {
    let names: [(String, Loss)] = [
      ("mse", .meanSquaredError), ("MSE", .meanSquaredError), ("MeanSquaredError", .meanSquaredError),
      ("mae", .meanAbsoluteError), ("mape", .meanAbsolutePercentageError), ("MSLE", .meanSquaredLogarithmicError),
      ("bce", .binaryCrossentropy), ("kld", .klDivergence), ("kullback_leibler_divergence", .klDivergence),
      ("kl_divergence", .klDivergence), ("KLDivergence", .klDivergence), ("logcosh", .logCosh),
      ("log_cosh", .logCosh), ("huber_loss", .huber), ("cosine_proximity", .cosineSimilarity),
    ]
    for (name, expected) in names {
      #expect(try loss("\"\(name)\"").serialized == expected.serialized, "\(name)")
      let function = #"{"class_name":"function","config":"\#(name)","module":"builtins","registered_name":"function"}"#
      #expect(try loss(function).serialized == expected.serialized, "\(name)")
    }
    let wrapped =
      #"{"class_name":"LossFunctionWrapper","config":{"fn":"mean_absolute_error","name":"far","reduction":"auto"}}"#
    #expect(try loss(wrapped).serialized == Loss.meanAbsoluteError.named("far").serialized)
  }

  @Test("Settings of losses that are not supported are named")
  func lossErrors() {
    let reductions =
      #""sum_over_batch_size", "mean", "sum", "mean_with_sample_weight" was expected"#
    for (settings, text) in [
      (#""reduction":"none""#, "l.reduction: \(reductions) but none was found."),
      (#""reduction":null"#, "l.reduction: \(reductions) but null was found."),
      (#""axis":1"#, "l.axis: 1 is not supported. Save the model with -1."),
    ] {
      expectError(text) { try loss(#"{"class_name":"MeanSquaredError","config":{\#(settings)}}"#) }
    }
    expectError("l.fn: mean_squared_error was expected but huber was found.") {
      try loss(#"{"class_name":"MeanSquaredError","config":{"fn":"huber"}}"#)
    }
    for name in ["dice", "ctc", "circle"] {
      expectError(
        "l: there is no loss named \"\(name)\"."
      ) { try loss("\"\(name)\"") }
    }
  }

  @Test("Every form of a metric in files, under the name that Keras gives it")
  func metricNames() throws {
    let names: [(String, Metric)] = [
      (#""accuracy""#, .accuracy), (#""acc""#, .accuracy), (#""Accuracy""#, .accuracy.named("Accuracy")),
      (#"{"class_name":"Accuracy","config":{"name":"a","dtype":"float32"}}"#, .exactAccuracy.named("a")),
      (#""binary_accuracy""#, .binaryAccuracy()), (#""mse""#, .loss(.meanSquaredError).named("mse")),
      (#""MeanSquaredError""#, .loss(.meanSquaredError).named("MeanSquaredError")),
      (#""AUC""#, .auc().named("AUC")), (#""auc""#, .auc()), (#""Precision""#, .precision.named("Precision")),
      (
        #"{"class_name":"MeanMetricWrapper","config":{"name":"accuracy","dtype":"float32","fn":"sparse_categorical_accuracy"}}"#,
        .sparseCategoricalAccuracy.named("accuracy")
      ),
      (
        #"{"class_name":"MeanMetricWrapper","config":{"name":"b","fn":{"class_name":"function","config":"binary_accuracy"},"threshold":0.25}}"#,
        .binaryAccuracy(threshold: 0.25).named("b")
      ),
      (
        #"{"class_name":"function","config":"huber","module":"builtins","registered_name":"function"}"#, .loss(.huber)
      ),
      (
        #"{"class_name":"Recall","config":{"name":"recall_1","thresholds":[0.3],"top_k":null,"class_id":2}}"#,
        .recall(threshold: 0.3, classID: 2).named("recall_1")
      ),
      (#"{"class_name":"R2Score","config":{}}"#, .r2Score()),
    ]
    for (text, expected) in names {
      let read = try metric(text)
      #expect(read.name == expected.name && read.serialized == expected.serialized, "\(text)")
    }
  }

  @Test("Metrics that give no single number, and others that are not known")
  func metricErrors() {
    for (text, error) in [
      (
        #"{"class_name":"F1Score","config":{"average":null}}"#,
        #"m.average: "micro", "macro" or "weighted", which gives one number, was expected but null was found."#
      ),
      (
        #"{"class_name":"R2Score","config":{"class_aggregation":null}}"#,
        #"m.class_aggregation: "uniform_average" or "variance_weighted_average", which gives one number, was expected but null was found."#
      ),
      (
        #"{"class_name":"TruePositives","config":{"thresholds":[0.1,0.2]}}"#,
        "m.thresholds: TruePositives has 2 thresholds but only one is supported. Give one metric for each threshold."
      ),
      (
        #"{"class_name":"AUC","config":{"label_weights":[1,2]}}"#,
        "m.label_weights: null was expected but [1,2] was found."
      ),
      (
        #"{"class_name":"AUC","config":{"curve":"ROCK"}}"#,
        #"m.curve: "ROC", "PR" or "PRGAIN" was expected but ROCK was found."#
      ),
      (
        #""MeanIoU""#,
        "m: there is no metric named \"MeanIoU\"."
      ),
    ] {
      expectError(error) { try metric(text) }
    }
  }

  @Test("Weights of losses and weighted metrics, by output and for a single one")
  func weights() throws {
    let single = try read(
      #"{"optimizer":{"class_name":"SGD","config":{"learning_rate":0.5}},"loss":"mse","loss_weights":[0.5],"metrics":["mae"],"weighted_metrics":["mae"]}"#
    )
    #expect(single.goals[0].weight == 0.5 && single.warnings == [])
    let model = try Sequential(input: [2], threads: 1) { Dense(1) }
    try model.compile(single)
    let data = try Dataset(
      inputs: noise([3, 2]), targets: Tensor(shape: [3, 1], [1, 2, 3]), sampleWeights: [1, 0, 0])
    let logs = try model.evaluate(data)
    #expect(logs.names == ["loss", "mae", "weighted_mae"])
    let first = try model.evaluate(data.slice(0..<1))
    #expect(logs["weighted_mae"] == first["mae"])
    #expect(abs(try #require(logs["loss"]) * 3 - #require(first["loss"])) < 1e-6)
    let several = try read(
      #"{"optimizer":{"class_name":"SGD","config":{"learning_rate":0.5}},"loss":{"a":"mse","b":"mae"},"loss_weights":{"a":0.25,"b":2},"metrics":{"b":["mse"]},"weighted_metrics":{"a":["mse"],"b":["mse"]}}"#,
      outputs: ["a", "b"])
    #expect(several.goals.map(\.weight) == [0.25, 2])
    let written = try #require(several.kerasCompileConfiguration(outputs: ["a", "b"]))
    let again = try read(written.description, outputs: ["a", "b"])
    #expect(again.serialized == several.serialized)
    let own = try TrainingConfiguration(Configuration(parsing: several.serialized.description, at: "a"))
    #expect(own.serialized == several.serialized)
    let x = Input([2])
    let pair = try Model(inputs: [x], outputs: [Dense(1, name: "a")(x), Dense(1, name: "b")(x)])
    try pair.compile(several)
    #expect(pair.training?.metricNames.map(\.name) == ["a_mse", "b_mse", "b_weighted_mse"])
  }
}
