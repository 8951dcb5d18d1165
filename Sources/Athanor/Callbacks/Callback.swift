/// Takes part in a training: is told when it begins and ends, and of each epoch and batch. Every method defaults to nothing.
///
/// - Example:
///   ```swift
///   final class Announcer: Callback {
///     func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {
///       print("epoch \(epoch):", logs["val_accuracy"] ?? .nan)
///     }
///   }
///   ```
public protocol Callback: AnyObject {
  /// Before the first epoch. Wrong settings (an unknown monitor) are reported here, before any work is done.
  func trainingDidBegin(_ context: TrainingContext) throws
  /// Before an epoch, counted from 1.
  func epochDidBegin(_ epoch: Int, _ context: TrainingContext) throws
  /// After a batch, counted from 1 within its epoch; `logs` holds the means of the epoch so far.
  func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws
  /// After an epoch and its validation.
  func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws
  /// After the last epoch, however training ended, unless by an error.
  func trainingDidEnd(_ context: TrainingContext) throws

  /// What the callback remembers, for checkpoints: a resumed training goes on as if it had never stopped.
  var state: [String: Double] { get set }
  /// What it remembers besides in arrays, by name, for the checkpoints that can hold them (`.safetensors`).
  var arrays: [String: [Float]] { get set }
  /// Whether it saves the model: such callbacks are told after all others, so that what they save is complete.
  var savesModel: Bool { get }
}

extension Callback {
  public func trainingDidBegin(_ context: TrainingContext) throws {}
  public func epochDidBegin(_ epoch: Int, _ context: TrainingContext) throws {}
  public func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) throws {}
  public func epochDidEnd(_ epoch: Int, _ logs: Logs, _ context: TrainingContext) throws {}
  public func trainingDidEnd(_ context: TrainingContext) throws {}
  public var state: [String: Double] {
    get { [:] }
    set {}
  }
  public var arrays: [String: [Float]] {
    get { [:] }
    set {}
  }
  public var savesModel: Bool { false }
}

/// What callbacks see of a training.
public final class TrainingContext {
  /// The model that is being trained.
  public let model: Model
  /// The number of the last epoch.
  public let epochs: Int
  /// The number of batches in an epoch; nil in the first one of a source that does not know it.
  public internal(set) var batchesPerEpoch: Int?
  /// Whether this run goes on from a checkpoint.
  public let isResuming: Bool
  /// The names that can be monitored.
  public let monitors: [String]
  /// Set it to end training after this batch or epoch.
  public var stopTraining = false
  let callbacks: [any Callback]
  let say: (String) -> Void

  package init(
    model: Model, epochs: Int, batchesPerEpoch: Int?, isResuming: Bool, monitors: [String], callbacks: [any Callback],
    say: @escaping (String) -> Void
  ) {
    self.model = model
    self.epochs = epochs
    self.batchesPerEpoch = batchesPerEpoch
    self.isResuming = isResuming
    self.monitors = monitors
    self.callbacks = callbacks
    self.say = say
  }

  /// Prints a line, unless training is silent.
  public func message(_ text: String) { say(text) }

  /// Writes into the model's progress what callbacks remember; called before the model is saved.
  public func captureState() {
    for (index, callback) in callbacks.enumerated() {
      let key = TrainingContext.key(index, callback)
      model.progress.callbacks[key] = callback.state
      let arrays = callback.arrays
      model.progress.callbackArrays[key] = arrays.isEmpty ? nil : arrays
    }
  }

  static func key(_ index: Int, _ callback: any Callback) -> String {
    "\(index) \(String(describing: type(of: callback)))"
  }
}

/// A figure to watch: `.validationLoss`, `.accuracy`, or any name in the logs, as text.
public struct Monitor: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// Its name in the logs.
  public let name: String

  /// A figure by its name in the logs; `acc` means `accuracy`.
  public init(_ name: String) { self.name = Logs.canonical(name) }
  /// A figure by its name in the logs.
  public init(stringLiteral value: String) { self.init(value) }

  /// The loss on the training data.
  public static let loss = Monitor("loss")
  /// The accuracy on the training data.
  public static let accuracy = Monitor("accuracy")
  /// The loss on the validation data.
  public static let validationLoss = Monitor("val_loss")
  /// The accuracy on the validation data.
  public static let validationAccuracy = Monitor("val_accuracy")

  public var description: String { name }
}

/// Which way a monitored figure should go.
public enum MonitorMode: Hashable, Sendable {
  /// As the metric itself says: losses down, accuracies up.
  case auto
  /// Lower is better.
  case min
  /// Higher is better.
  case max
}

/// Whether a monitored figure has improved; NaN never has.
struct Improvement {
  let monitor: Monitor
  let isHigherBetter: Bool
  let minDelta: Double

  /// - Throws: `AthanorError` when nothing of this name is logged.
  init(_ monitor: Monitor, _ mode: MonitorMode, minDelta: Double = 0, _ who: String, _ context: TrainingContext) throws
  {
    guard context.monitors.contains(monitor.name) else {
      let needsValidation = monitor.name.hasPrefix("val_") && !context.monitors.contains { $0.hasPrefix("val_") }
      throw AthanorError(
        .argument, at: who, "nothing named \"\(monitor.name)\" is measured in this training",
        fix: (needsValidation
          ? "Give validation data to fit. " : AthanorError.suggestion(for: monitor.name, among: context.monitors))
          + "It can monitor \(context.monitors.joined(separator: ", ")).")
    }
    self.monitor = monitor
    self.minDelta = abs(minDelta)
    switch mode {
    case .min: isHigherBetter = false
    case .max: isHigherBetter = true
    case .auto:
      let name = monitor.name.hasPrefix("val_") ? String(monitor.name.dropFirst(4)) : monitor.name
      isHigherBetter = context.model.training?.isHigherBetter(name) == true
    }
  }

  var worst: Double { isHigherBetter ? -.infinity : .infinity }

  func isBetter(_ value: Double, than best: Double) -> Bool {
    isHigherBetter ? value - minDelta > best : value + minDelta < best
  }
}
