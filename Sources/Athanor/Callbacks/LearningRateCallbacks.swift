/// Lowers the learning rate when a figure has not improved for some epochs. Source: `keras.callbacks.ReduceLROnPlateau`.
///
/// - Example:
///   ```swift
///   ReduceLROnPlateau(monitor: .validationLoss, factor: 0.2, patience: 5, minLearningRate: 1e-5)
///   ```
public final class ReduceLROnPlateau: Callback {
  private let monitor: Monitor
  private let factor: Double
  private let patience: Int
  private let mode: MonitorMode
  private let minDelta: Double
  private let cooldown: Int
  private let minLearningRate: Double
  private var improvement: Improvement?
  private var best = Double.nan
  private var waited = 0
  private var cooling = 0

  /// Watches a figure.
  ///
  /// - Parameters:
  ///   - monitor: The figure.
  ///   - factor: What the rate is multiplied by.
  ///   - patience: How many epochs in a row may pass without improvement; 0 means the same as 1.
  ///   - mode: Which way is better.
  ///   - minDelta: How much better counts as better.
  ///   - cooldown: How many epochs after a reduction are not counted.
  ///   - minLearningRate: Below this the rate is never set.
  public init(
    monitor: Monitor = .validationLoss, factor: Double = 0.1, patience: Int = 10, mode: MonitorMode = .auto,
    minDelta: Double = 1e-4, cooldown: Int = 0, minLearningRate: Double = 0
  ) {
    self.monitor = monitor
    self.factor = factor
    self.patience = patience
    self.mode = mode
    self.minDelta = minDelta
    self.cooldown = cooldown
    self.minLearningRate = minLearningRate
  }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    guard factor > 0, factor < 1, patience >= 0, cooldown >= 0, minLearningRate >= 0 else {
      throw AthanorError(
        .argument, at: "ReduceLROnPlateau",
        "factor is \(factor), patience \(patience), cooldown \(cooldown) and minLearningRate \(minLearningRate)",
        fix: "Factor must lie between 0 and 1 and the others not be negative.")
    }
    try requireConstantRate("ReduceLROnPlateau", context)
    let improvement = try Improvement(monitor, mode, minDelta: minDelta, "ReduceLROnPlateau", context)
    self.improvement = improvement
    if context.model.learningRate <= minLearningRate {
      context.message(
        "ReduceLROnPlateau: the learning rate, \(context.model.learningRate), is at its minimum and will never be reduced"
      )
    }
    for case let stopping as EarlyStopping in context.callbacks
    where stopping.endsTraining(of: monitor, within: patience) {
      context.message(
        "ReduceLROnPlateau: EarlyStopping has no more patience and ends the training before the rate is reduced")
    }
    if !context.isResuming || best.isNaN {
      best = improvement.worst
      waited = 0
      cooling = 0
    }
  }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    guard let improvement, let value = logs[monitor.name] else { return }
    if cooling > 0 {
      cooling -= 1
      waited = 0
    }
    if improvement.isBetter(value, than: best) {
      best = value
      waited = 0
    } else if cooling == 0 {
      waited += 1
      let rate = context.model.learningRate
      if waited >= max(patience, 1), rate > minLearningRate {
        context.model.learningRate = max(rate * factor, minLearningRate)
        context.message("Epoch \(epoch): learning rate reduced to \(context.model.learningRate)")
        cooling = cooldown
        waited = 0
      }
    }
  }

  public var state: [String: Double] {
    get { ["best": best, "waited": Double(waited), "cooling": Double(cooling)] }
    set {
      best = newValue["best"] ?? .nan
      waited = Int(exactly: newValue["waited"] ?? 0) ?? 0
      cooling = Int(exactly: newValue["cooling"] ?? 0) ?? 0
    }
  }
}

/// Sets the learning rate before each epoch. Source: `keras.callbacks.LearningRateScheduler`.
///
/// - Example:
///   ```swift
///   LearningRateScheduler { epoch, rate in epoch <= 10 ? rate : rate * 0.9 }
///   ```
public final class LearningRateScheduler: Callback {
  private let schedule: (_ epoch: Int, _ rate: Double) -> Double

  /// - Parameter schedule: The epoch, counted from 1, and the rate so far to the rate of this epoch.
  public init(_ schedule: @escaping (_ epoch: Int, _ rate: Double) -> Double) { self.schedule = schedule }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    try requireConstantRate("LearningRateScheduler", context)
  }

  public func epochDidBegin(_ epoch: Int, _ context: TrainingContext) throws {
    let rate = schedule(epoch, context.model.learningRate)
    guard rate >= 0, rate.isFinite else {
      throw AthanorError(.argument, at: "LearningRateScheduler", "it gave \(rate) for epoch \(epoch)")
    }
    context.model.learningRate = rate
  }
}

private func requireConstantRate(_ who: String, _ context: TrainingContext) throws {
  if case .constant = context.model.training?.optimizer.learningRate { return }
  throw AthanorError(
    .argument, at: who, "the optimizer has a learning-rate schedule, and both would set the rate",
    fix: "Give the optimizer a constant rate, or leave this callback out.")
}
