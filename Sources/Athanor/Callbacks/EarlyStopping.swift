/// Ends training when a figure has not improved for some epochs. Source: `keras.callbacks.EarlyStopping`.
///
/// `patience` counts epochs in a row without improvement, as today's Keras does: with 1, training ends after the first. Older
/// Keras (before 2017's version 2.0.9), and the tutorial that says "fails to improve for two consecutive epochs" of
/// `patience=1`, counted one more: that run is `patience: 2` here.
///
/// - Example:
///   ```swift
///   EarlyStopping(monitor: .validationLoss, patience: 3, restoreBestWeights: true)
///   ```
public final class EarlyStopping: Callback {
  private let monitor: Monitor
  private let minDelta: Double
  private let patience: Int
  private let mode: MonitorMode
  private let baseline: Double?
  private let restoreBestWeights: Bool
  private let startFromEpoch: Int
  private var improvement: Improvement?
  private var best = Double.nan
  private var bestEpoch = 0
  private var waited = 0
  /// By name; none in checkpoints of the model that has them.
  private var bestWeights: [String: [Float]]?
  private var isBestCurrent = false
  /// The epoch after which training was ended; 0 when it ran to its end.
  public private(set) var stoppedEpoch = 0

  /// Watches a figure.
  ///
  /// - Parameters:
  ///   - monitor: The figure.
  ///   - minDelta: How much better counts as better.
  ///   - patience: How many epochs in a row may pass without improvement; 0 means the same as 1.
  ///   - mode: Which way is better.
  ///   - baseline: Nothing counts as improvement of patience until it is better than this.
  ///   - restoreBestWeights: Whether the weights of the best epoch are put back at the end, also when training ran to its end.
  ///     `.safetensors` checkpoints hold them; `.h5` ones do not: after resuming from one of another epoch, only later improvements can be
  ///     put back.
  ///   - startFromEpoch: How many epochs are not looked at.
  public init(
    monitor: Monitor = .validationLoss, minDelta: Double = 0, patience: Int = 0, mode: MonitorMode = .auto,
    baseline: Double? = nil, restoreBestWeights: Bool = false, startFromEpoch: Int = 0
  ) {
    self.monitor = monitor
    self.minDelta = minDelta
    self.patience = patience
    self.mode = mode
    self.baseline = baseline
    self.restoreBestWeights = restoreBestWeights
    self.startFromEpoch = startFromEpoch
  }

  /// Whether it watches the same figure and may end the training before, or when, another has waited so long.
  func endsTraining(of monitor: Monitor, within patience: Int) -> Bool {
    monitor == self.monitor && max(self.patience, 1) <= max(patience, 1)
  }

  public func trainingDidBegin(_ context: TrainingContext) throws {
    guard patience >= 0 else {
      throw AthanorError(.argument, at: "EarlyStopping", "patience is \(patience) but must be zero or more")
    }
    let improvement = try Improvement(monitor, mode, minDelta: minDelta, "EarlyStopping", context)
    self.improvement = improvement
    stoppedEpoch = 0
    if context.isResuming, !best.isNaN {
      let progress = context.model.progress
      try bestWeights.map(context.model.checkSnapshot)
      if restoreBestWeights, bestEpoch > 0, isBestCurrent || bestEpoch == progress.epoch && progress.batch == 0 {
        remember(context.model)
      }
      // The checkpoint was written at the end of the epoch that ended the training: it is not to go on.
      if waited >= max(patience, 1) {
        stoppedEpoch = progress.epoch
        context.stopTraining = true
      }
    } else {
      best = improvement.worst
      bestEpoch = 0
      waited = 0
      (bestWeights, isBestCurrent) = (nil, false)
    }
  }

  private func remember(_ model: Model) {
    bestWeights = model.snapshot()
    isBestCurrent = true
  }

  public func epochDidBegin(_ epoch: Int, _ context: TrainingContext) { isBestCurrent = false }

  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
    guard let improvement, let value = logs[monitor.name], epoch > startFromEpoch else { return }
    if restoreBestWeights, bestEpoch == 0 {
      bestEpoch = epoch
      remember(context.model)
    }
    waited += 1
    if improvement.isBetter(value, than: best) {
      best = value
      bestEpoch = epoch
      if restoreBestWeights { remember(context.model) }
      if baseline.map({ improvement.isBetter(value, than: $0) }) ?? true { waited = 0 }
      if waited == 0 { return }
    }
    if waited >= max(patience, 1) {
      stoppedEpoch = epoch
      context.stopTraining = true
    }
  }

  public func trainingDidEnd(_ context: TrainingContext) throws {
    if stoppedEpoch > 0 { context.message("Epoch \(stoppedEpoch): early stopping") }
    guard restoreBestWeights, bestEpoch > 0 else { return }
    guard let bestWeights else {
      return context.message(
        "The last weights are kept: the checkpoint that was resumed does not hold those of the best epoch, \(bestEpoch) "
          + "(.safetensors checkpoints do)")
    }
    context.message("Restoring the weights of the best epoch, \(bestEpoch)")
    context.model.restore(bestWeights)
    isBestCurrent = true
  }

  public var state: [String: Double] {
    get {
      [
        "best": best, "bestEpoch": Double(bestEpoch), "waited": Double(waited),
        "isBestCurrent": isBestCurrent ? 1 : 0,
      ]
    }
    set {
      best = newValue["best"] ?? .nan
      bestEpoch = Int(exactly: newValue["bestEpoch"] ?? 0) ?? 0
      waited = Int(exactly: newValue["waited"] ?? 0) ?? 0
      isBestCurrent = newValue["isBestCurrent"] == 1
    }
  }

  public var arrays: [String: [Float]] {
    get { isBestCurrent ? [:] : bestWeights ?? [:] }
    set { bestWeights = newValue.isEmpty ? nil : newValue }
  }
}
