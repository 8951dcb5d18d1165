import Athanor
import Testing

/// A small model that is compiled with a metric, for trainings whose figures are scripted.
func scriptedModel(rate: LearningRate = 0.5) throws -> Model {
  let model = try Sequential(input: [1], threads: 1) { Dense(1, useBias: false) }
  try model.compile(
    optimizer: .sgd(learningRate: rate), loss: .meanSquaredError, metrics: [.accuracy, .loss(.meanAbsoluteError)])
  model.write = { _ in }
  return model
}

/// A training whose figures are given instead of measured: tells callbacks of one epoch after another until one stops.
final class Script {
  let model: Model
  private(set) var messages: [String] = []
  private(set) var context: TrainingContext?
  /// The epochs that were run, in order.
  private(set) var epochs: [Int] = []

  init(rate: LearningRate = 0.5) throws { model = try scriptedModel(rate: rate) }

  static let figures = ["loss", "accuracy", "mean_absolute_error"]

  /// Runs epochs in which one figure has these values; the model's weight is the epoch's number, so that it can be seen which was put back.
  @discardableResult
  func run(
    _ callbacks: [any Callback], _ name: String, _ values: [Double], from first: Int = 1, resuming: Bool = false,
    validates: Bool = true
  ) throws -> TrainingContext {
    let context = TrainingContext(
      model: model, epochs: first + values.count - 1, batchesPerEpoch: 4, isResuming: resuming,
      monitors: Script.figures + (validates ? Script.figures.map { "val_" + $0 } : []), callbacks: callbacks
    ) { [unowned self] in messages.append($0) }
    self.context = context
    for callback in callbacks { try callback.trainingDidBegin(context) }
    for (epoch, value) in zip(first..., values) where !context.stopTraining {
      epochs.append(epoch)
      for callback in callbacks { try callback.epochDidBegin(epoch, context) }
      weight = Float(epoch)
      model.progress.epoch = epoch
      var logs = Logs()
      logs[name] = value
      for callback in callbacks { try callback.epochDidEnd(epoch, logs, context) }
    }
    for callback in callbacks { try callback.trainingDidEnd(context) }
    return context
  }

  var weight: Float {
    get { model.weights[0].tensor.floats[0] }
    set { model.restore([model.weights[0].name: [newValue]]) }
  }
}
