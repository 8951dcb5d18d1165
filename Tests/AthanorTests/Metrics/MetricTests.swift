import Athanor
import Testing

@Suite("Metrics")
struct MetricTests {
  struct Golden: Decodable {
    let prediction: GoldenArray
    let target: GoldenArray
    let value: Double
    let weights: GoldenArray?
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    let metric: Metric
    let name: String
    var isSparse = false
    var testDescription: String { golden }
  }

  static let cases =
    [
      Case(golden: "accuracy_categorical", metric: .accuracy, name: "accuracy"),
      Case(golden: "accuracy_sparse", metric: .accuracy, name: "accuracy", isSparse: true),
      Case(golden: "accuracy_binary", metric: .accuracy, name: "accuracy", isSparse: true),
      Case(golden: "accuracy_binary", metric: .accuracy, name: "accuracy"),
      Case(golden: "top_3_categorical", metric: .topKAccuracy(3), name: "top_3_accuracy"),
      Case(golden: "top_2_sparse", metric: .topKAccuracy(2), name: "top_2_accuracy", isSparse: true),
      Case(golden: "precision", metric: .precision, name: "precision"),
      Case(golden: "precision_threshold", metric: .precision(threshold: 0.7), name: "precision"),
      Case(golden: "recall", metric: .recall, name: "recall"),
      Case(golden: "recall_threshold", metric: .recall(threshold: 0.3), name: "recall", isSparse: true),
      Case(golden: "mean_absolute_error", metric: .loss(.meanAbsoluteError), name: "mean_absolute_error"),
      Case(golden: "auc", metric: .auc(), name: "auc", isSparse: true),
      Case(golden: "auc_weighted", metric: .auc(), name: "auc"),
      Case(golden: "auc_multi_label", metric: .auc(curve: .pr, isMultiLabel: true), name: "auc"),
      Case(golden: "auc_logits", metric: .auc(fromLogits: true), name: "auc"),
      Case(golden: "auc_thresholds", metric: .auc(thresholds: [0.9, 0.2, 0.31]), name: "auc"),
      Case(
        golden: "sensitivity_at_specificity", metric: .sensitivityAtSpecificity(0.6), name: "sensitivity_at_specificity"
      ),
      Case(
        golden: "specificity_at_sensitivity", metric: .specificityAtSensitivity(0.7), name: "specificity_at_sensitivity"
      ),
      Case(golden: "precision_at_recall", metric: .precisionAtRecall(0.7), name: "precision_at_recall"),
      Case(
        golden: "recall_at_precision",
        metric: .recallAtPrecision(0.6, thresholdCount: 30, classID: 1), name: "recall_at_precision"),
      Case(golden: "binary_accuracy_several", metric: .binaryAccuracy(threshold: 0.3), name: "binary_accuracy"),
      Case(golden: "binary_accuracy_weighted", metric: .binaryAccuracy(), name: "binary_accuracy"),
      Case(
        golden: "sparse_accuracy_weighted", metric: .sparseCategoricalAccuracy, name: "sparse_categorical_accuracy",
        isSparse: true),
      Case(golden: "accuracy_categorical", metric: .categoricalAccuracy, name: "categorical_accuracy"),
      Case(golden: "top_2_sparse", metric: .sparseTopKAccuracy(2), name: "top_2_accuracy", isSparse: true),
      Case(golden: "exact_accuracy", metric: .exactAccuracy, name: "accuracy"),
      Case(golden: "true_positives", metric: .truePositives(), name: "true_positives"),
      Case(golden: "true_negatives_threshold", metric: .trueNegatives(threshold: 0.3), name: "true_negatives"),
      Case(golden: "false_positives_weighted", metric: .falsePositives(), name: "false_positives"),
      Case(golden: "false_negatives", metric: .falseNegatives(), name: "false_negatives"),
      Case(golden: "precision_top_k", metric: .precision(topK: 2), name: "precision"),
      Case(golden: "precision_class", metric: .precision(threshold: 0.4, classID: 2), name: "precision"),
      Case(golden: "recall_top_k_class", metric: .recall(topK: 3, classID: 1), name: "recall"),
      Case(golden: "recall_weighted", metric: .recall, name: "recall"),
      Case(golden: "f1_micro", metric: .f1Score(average: .micro), name: "f1_score"),
      Case(golden: "f1_macro", metric: .f1Score(average: .macro), name: "f1_score"),
      Case(golden: "f1_weighted", metric: .f1Score(average: .weighted), name: "f1_score"),
      Case(golden: "fbeta_threshold", metric: .fBetaScore(beta: 2, threshold: 0.4), name: "fbeta_score"),
      Case(golden: "f1_weighted_samples", metric: .f1Score(threshold: 0.5), name: "f1_score"),
      Case(golden: "root_mean_squared_error", metric: .rootMeanSquaredError, name: "root_mean_squared_error"),
      Case(golden: "root_mean_squared_error_weighted", metric: .rootMeanSquaredError, name: "root_mean_squared_error"),
      Case(golden: "cosine_similarity", metric: .cosineSimilarity, name: "cosine_similarity"),
      Case(golden: "r2", metric: .r2Score(), name: "r2_score"),
      Case(
        golden: "r2_variance_weighted", metric: .r2Score(average: .varianceWeighted, regressorCount: 2),
        name: "r2_score"),
      Case(golden: "r2_weighted_samples", metric: .r2Score(), name: "r2_score"),
      Case(golden: "mean_squared_error_weighted", metric: .loss(.meanSquaredError), name: "mean_squared_error"),
      Case(golden: "log_cosh", metric: .loss(.logCosh).named("near"), name: "near"),
    ]
    + [("interpolation", Metric.Summation.interpolation), ("minoring", .minoring), ("majoring", .majoring)].flatMap {
      name, summation in
      [("roc", Metric.Curve.roc), ("pr", .pr), ("prgain", .prGain)].map { curveName, curve in
        Case(
          golden: "auc_\(curveName)_\(name)",
          metric: .auc(curve: curve, thresholdCount: 50, summation: summation), name: "auc")
      }
    }

  /// A loss that goes with every target.
  static let nothing = Loss("nothing") { prediction, _ in try prediction.sum(axes: Array(1..<prediction.shape.rank)) }

  /// A network that gives out what it gets.
  private func echo(_ width: Int, _ metrics: [Metric], weighted: [Metric] = []) throws -> Model {
    let model = try Model(input: [width], layers: [])
    try model.add(Activation(.linear))
    try model.compile(loss: Self.nothing, metrics: metrics, weightedMetrics: weighted)
    return model
  }

  @Test("Figures over several batches are those of Keras", arguments: cases)
  func parity(_ test: Case) throws {
    let all = try goldens("metrics", as: [String: Golden].self)
    #expect(Set(all.keys) == Set(Self.cases.map(\.golden)))
    let golden = try #require(all[test.golden])
    let isWeighted = golden.weights != nil
    let model = try echo(
      golden.prediction.shape[1], isWeighted ? [] : [test.metric], weighted: isWeighted ? [test.metric] : [])
    let data = try Dataset(
      inputs: golden.prediction.tensor, targets: test.isSparse ? golden.target.integers : golden.target.tensor,
      sampleWeights: golden.weights?.floats)
    for batchSize in [13, 8, 1] {
      let logs = try model.evaluate(data, batchSize: batchSize)
      #expect(logs.names == ["loss", test.name])
      let tolerance = 1e-6 * max(1, golden.value.magnitude)
      #expect((try #require(logs[test.name]) - golden.value).magnitude < tolerance, "batch size \(batchSize)")
    }
  }

  @Test("One column of class numbers means the same as none")
  func columnOfClasses() throws {
    let golden = try #require(try goldens("metrics", as: [String: Golden].self)["accuracy_sparse"])
    let model = try echo(6, [.accuracy])
    let column = try Tensor(shape: [13, 1], integers: golden.target.values.map { Int32($0) })
    let bytes = try Tensor(shape: [13], bytes: golden.target.values.map { UInt8($0) })
    for targets in [column, bytes] {
      let logs = try model.evaluate(Dataset(inputs: golden.prediction.tensor, targets: targets))
      #expect((try #require(logs["accuracy"]) - golden.value).magnitude < 1e-6)
    }
  }

  @Test("Nothing above the threshold, and nothing that should be: both shares are zero, not NaN")
  func empty() throws {
    let model = try echo(2, [.precision, .recall])
    let logs = try model.evaluate(
      Dataset(inputs: Tensor(shape: [2, 2], [0, 0.1, 0.2, 0.3]), targets: Tensor(shape: [2, 2], [0, 0, 0, 0])))
    #expect(logs["precision"] == 0)
    #expect(logs["recall"] == 0)
  }

  @Test("Directions: figures up, losses down")
  func directions() {
    for metric in [Metric.accuracy, .topKAccuracy(), .precision, .recall] { #expect(metric.direction == .higher) }
    #expect(Metric.loss(.meanSquaredError).direction == .lower)
    #expect(Metric("acc", statistics: { prediction, _ in prediction }, result: { _, _ in 0 }).name == "accuracy")
  }

  @Test("A metric of one's own is exact over uneven batches")
  func custom() throws {
    let model = try echo(2, [.mean("mean_output") { prediction, _ in prediction }])
    let data = try Dataset(
      inputs: Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 9]), targets: Tensor(shape: [3, 2], [0, 0, 0, 0, 0, 0]))
    #expect(try model.evaluate(data, batchSize: 2)["mean_output"] == 4)
  }

  @Test("A metric without weights beside the same with weights, under Keras' names")
  func weightedNames() throws {
    let golden = try #require(try goldens("metrics", as: [String: Golden].self)["binary_accuracy_weighted"])
    let model = try echo(
      4, [.binaryAccuracy(), .precision], weighted: [.binaryAccuracy(), .recall, .binaryAccuracy().named("mine")])
    let data = try Dataset(
      inputs: golden.prediction.tensor, targets: golden.target.tensor, sampleWeights: golden.weights?.floats)
    let logs = try model.evaluate(data)
    #expect(logs.names == ["loss", "binary_accuracy", "precision", "weighted_binary_accuracy", "recall", "mine"])
    #expect(logs["weighted_binary_accuracy"] == logs["mine"])
    #expect(logs["binary_accuracy"] != logs["mine"])
    // Without weights in the data every example counts once.
    let plain = try model.evaluate(Dataset(inputs: golden.prediction.tensor, targets: golden.target.tensor))
    #expect(plain["weighted_binary_accuracy"] == plain["binary_accuracy"])
  }

  @Test("Errors")
  func errors() throws {
    let model = try Model(input: [3], layers: [Dense(4)])
    expectError("compile: metric \"accuracy\" is given twice. Name each metric once.") {
      try model.compile(loss: .meanSquaredError, metrics: [.accuracy, .accuracy])
    }
    expectError("topKAccuracy: k is 0 but must be at least 1.") {
      try model.compile(loss: .meanSquaredError, metrics: [.topKAccuracy(0)])
    }
    expectError("metric wrong: its sums have shape (None, 4) but must be a vector [K]. Sum over the batch.") {
      try model.compile(
        loss: .meanSquaredError,
        metrics: [Metric("wrong", statistics: { prediction, _ in prediction }, result: { _, _ in 0 })])
    }
    expectError(
      "compile: a metric is named \"loss\". Choose a name without commas that is not \"loss\" or \"learning_rate\" and does not begin with \"val_\"."
    ) {
      try model.compile(
        loss: .meanSquaredError,
        metrics: [Metric("loss", statistics: { prediction, _ in prediction }, result: { _, _ in 0 })])
    }
    expectError(
      "compile: metric \"own\" takes no sample weights. Give it among metrics, or make it by Metric.mean."
    ) {
      try model.compile(
        loss: .meanSquaredError,
        weightedMetrics: [Metric("own", statistics: { prediction, _ in prediction }, result: { _, _ in 0 })])
    }
    expectError("precision: topK is 5 but there are 4 classes.") {
      try model.compile(loss: .meanSquaredError, metrics: [.precision(topK: 5)])
    }
    expectError("recall: classID is 4 but there are 4 classes.") {
      try model.compile(loss: .meanSquaredError, metrics: [.recall(classID: 4)])
    }
    expectError("auc: thresholdCount is 1 but must be at least 2.") {
      try model.compile(loss: .meanSquaredError, metrics: [.auc(thresholdCount: 1)])
    }
  }

  @Test("Names that would be mistaken for others are refused")
  func names() throws {
    let model = try Model(input: [3], layers: [Dense(4)])
    for name in ["loss", "lr", "val_loss", "val_mine", "a,b", "a\nb", ""] {
      let metric = Metric.mean(name) { prediction, _ in prediction }
      let text = errorText { try model.compile(loss: .meanSquaredError, metrics: [metric]) }
      #expect(text.hasPrefix("compile: a metric is named "))
    }
    expectError("compile: metric \"accuracy\" is given twice. Name each metric once.") {
      try model.compile(loss: .meanSquaredError, metrics: [.accuracy, .mean("acc") { prediction, _ in prediction }])
    }
  }

  @Test("Confusion matrix")
  func confusion() throws {
    let matrix = try ConfusionMatrix(targets: [0, 1, 1, 2, 2, 2], predictions: [0, 1, 0, 2, 2, 0], classCount: 3)
    #expect(matrix.counts == [[1, 0, 0], [1, 1, 0], [1, 0, 2]])
    #expect(matrix.accuracy == 4.0 / 6)
    #expect(try ConfusionMatrix(targets: [], predictions: [], classCount: 2).accuracy == 0)
    expectError(
      "ConfusionMatrix: 1 targets and 0 predictions of 2 classes. Give one prediction for each target and at least one class."
    ) { try ConfusionMatrix(targets: [0], predictions: [], classCount: 2) }
    expectError("ConfusionMatrix: example 1 is of class 1 and was taken for 2, but there are 2 classes.") {
      try ConfusionMatrix(targets: [0, 1], predictions: [0, 2], classCount: 2)
    }
  }
}
