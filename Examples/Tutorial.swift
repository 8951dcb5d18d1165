import Athanor
import Foundation

/// The programs of the tutorial and of the guides in `Sources/Athanor/Athanor.docc`, as far as they need the library alone.
public enum Tutorial {
  /// Both networks, and their summaries side by side.
  public static func networks() throws -> (malireddi: Model, chollet: Model) {
    let malireddi = try Sequential(input: [28, 28, 1], name: "malireddi", seed: 1) {
      Conv2D(32, kernelSize: 5, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.5)
      Conv2D(64, kernelSize: 3, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.2)
      Conv2D(128, kernelSize: 1, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.2)
      Flatten()
      Dense(128, activation: .relu)
      Dense(10, activation: .softmax)
    }

    let chollet = try Sequential(input: [28, 28, 1], name: "chollet", seed: 1) {
      Conv2D(32, kernelSize: 3, activation: .relu)
      Conv2D(64, kernelSize: 3, activation: .relu)
      MaxPooling2D(2)
      Dropout(0.25)
      Flatten()
      Dense(128, activation: .relu)
      Dropout(0.5)
      Dense(10, activation: .softmax)
    }

    print(SummaryComparison([malireddi, chollet]).text(width: 80))
    return (malireddi, chollet)
  }

  /// Trains a network, keeps its best checkpoint and draws its curves.
  public static func train(_ model: Model, on train: Dataset, validation: Dataset, folder: String) throws -> History {
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])

    let history = try model.fit(
      train, epochs: 10, batchSize: 200, validation: validation,
      callbacks: [
        ModelCheckpoint(folder + "/best.safetensors", monitor: .validationLoss, saveBestOnly: true),
        EarlyStopping(monitor: .validationLoss, patience: 2),
      ])

    let curves = try TrainingCurves(history).svg()
    try curves.write(toFile: folder + "/curves.svg", atomically: true, encoding: .utf8)
    return history
  }

  /// Counts which digits are taken for which; returns the accuracy and the figure.
  public static func evaluate(_ model: Model, on test: Dataset) throws -> (accuracy: Double, figure: String) {
    let logs = try model.evaluate(test, batchSize: 200)
    print(logs["loss"] ?? .nan, logs["accuracy"] ?? .nan)

    let probabilities = try model.predict(test, batchSize: 200).floats  // 10 for each picture
    let predictions = (0..<test.count).map { picture in
      (0..<10).max { probabilities[10 * picture + $0] < probabilities[10 * picture + $1] } ?? 0
    }
    let matrix = try ConfusionMatrix(
      targets: test.targets.floats.map { Int($0) }, predictions: predictions, classCount: 10)
    let figure = try ConfusionMatrixFigure(counts: matrix.counts).svg()
    return (matrix.accuracy, figure)
  }

  /// The filters of the first convolution, and what it makes of a picture `[1, 28, 28, 1]`.
  public static func look(into model: Model, at digit: Tensor) throws -> (filters: String, maps: String) {
    let filters = try FiltersFigure(model).svg()
    let maps = try FeatureMapsFigure(model, picture: digit).svg()
    return (filters, maps)
  }

  /// The probabilities of a drawing on a canvas of 280 x 280 gray pixels; nil when nothing is drawn.
  public static func read(_ canvas: [UInt8], with model: Model) throws -> [Float]? {
    guard let digit = DigitPreparation.prepared(gray: canvas, width: 280, height: 280) else { return nil }
    let picture = try Tensor(shape: [1, 28, 28, 1], bytes: digit)
    return try model.predict(picture).floats
  }

  /// Trains for two epochs, and goes on from the file to the fourth.
  public static func resume(_ model: Model, data: Dataset, folder: String) throws -> Model {
    try model.fit(
      data, epochs: 2, batchSize: 20, callbacks: [ModelCheckpoint(folder + "/last.safetensors", monitor: .loss)])

    let resumed = try Model(contentsOf: folder + "/last.safetensors")
    try resumed.fit(
      data, epochs: 4, batchSize: 20, callbacks: [ModelCheckpoint(folder + "/last.safetensors", monitor: .loss)],
      resume: true)
    return resumed
  }

  /// Saves a model with a layer of its own and reads it again.
  public static func ownLayer(folder: String) throws -> (Model, Model) {
    let model = try Sequential(input: [4]) {
      Dense(8, activation: .relu)
      Scale()
      Dense(1)
    }
    try model.save(to: folder + "/scaled.safetensors")
    let copy = try Model(contentsOf: folder + "/scaled.safetensors", custom: [Scale.self])
    return (model, copy)
  }
}

/// Multiplies its input by a number that is learned.
struct Scale: Layer, SerializableLayer {
  var name: String?

  init(name: String? = nil) { self.name = name }

  func build(_ input: Value, _ scope: inout Scope) throws -> Value {
    let factor = try scope.weight("factor", shape: [1], initializer: .ones)
    return try input * factor  // [N, ...]
  }

  // For files: an empty layer, and the settings that files hold. This one has none.
  init(unconfigured name: String) { self.init(name: name) }

  mutating func configure(_ settings: inout Settings) throws {}
}
