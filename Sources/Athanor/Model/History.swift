/// The figures of a training, epoch by epoch.
///
/// - Example:
///   ```swift
///   let history = try model.fit(train, epochs: 10, validation: test)
///   print(history["val_accuracy"])
///   ```
public struct History: Hashable, Sendable, Codable {
  /// The figures of one epoch.
  public struct Epoch: Hashable, Sendable, Codable {
    /// The epoch's number, from 1.
    public let number: Int
    /// How long it took, validation included.
    public let seconds: Double
    /// The learning rate at its end.
    public let learningRate: Double
    /// Loss and metrics, those of the validation with `val_` before their names.
    public let logs: Logs

    package init(number: Int, seconds: Double, learningRate: Double, logs: Logs) {
      self.number = number
      self.seconds = seconds
      self.learningRate = learningRate
      self.logs = logs
    }
  }

  /// The epochs in order.
  public internal(set) var epochs: [Epoch] = []

  package init(epochs: [Epoch] = []) { self.epochs = epochs }

  /// One figure over the epochs; NaN where an epoch lacks it.
  public subscript(name: String) -> [Double] { epochs.map { $0.logs[name] ?? .nan } }
}

/// Loss and metrics by name, in the order in which they are shown.
///
/// `acc` and `accuracy` name the same metric.
public struct Logs: Hashable, Sendable, Codable {
  /// Names and figures in order.
  public private(set) var entries: [Entry] = []

  /// A name with its figure.
  public struct Entry: Hashable, Sendable, Codable {
    /// The name.
    public let name: String
    /// The figure.
    public let value: Double
  }

  /// No figures.
  public init() {}

  /// The names in order.
  public var names: [String] { entries.map(\.name) }

  /// The figure of a name; nil when there is none.
  public subscript(name: String) -> Double? {
    get {
      let name = Logs.canonical(name)
      return entries.first { $0.name == name }?.value
    }
    set {
      let name = Logs.canonical(name)
      let place = entries.firstIndex { $0.name == name }
      switch (place, newValue) {
      case (let place?, let value?): entries[place] = Entry(name: name, value: value)
      case (let place?, nil): entries.remove(at: place)
      case (nil, let value?): entries.append(Entry(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// Keras called accuracy `acc` until version 2.3.
  package static func canonical(_ name: String) -> String {
    switch name {
    case "acc": "accuracy"
    case "val_acc": "val_accuracy"
    case "lr": "learning_rate"
    default: name
    }
  }
}
