import Athanor
import Testing

@Suite("EarlyStopping")
struct EarlyStoppingTests {
  /// The last epoch of a training with these values of a figure.
  private func last(_ stopping: EarlyStopping, _ values: [Double], of name: String = "val_loss") throws -> Int {
    let script = try Script()
    try script.run([stopping], name, values)
    #expect(stopping.stoppedEpoch == (script.epochs.count < values.count ? script.epochs.count : stopping.stoppedEpoch))
    return script.epochs.last ?? 0
  }

  @Test(
    "Patience counts epochs in a row without improvement; 0 means 1",
    arguments: [(0, 3), (1, 3), (2, 6), (3, 8)])
  func patience(_ patience: Int, _ expected: Int) throws {
    // Better, better, worse, better, worse, worse, worse, worse.
    let values = [1, 0.5, 0.7, 0.4, 0.9, 0.8, 0.7, 0.6, 0.1]
    let stopping = EarlyStopping(patience: patience)
    // With patience 3 the third epoch in a row without improvement is the seventh.
    #expect(try last(stopping, values) == (patience == 3 ? 7 : expected))
  }

  @Test("Equal is not better, nor is less than minDelta")
  func equal() throws {
    #expect(try last(EarlyStopping(patience: 1), [1, 1, 0.5]) == 2)
    #expect(try last(EarlyStopping(minDelta: 0.2, patience: 1), [1, 0.9, 0.5]) == 2)
    #expect(try last(EarlyStopping(minDelta: -0.2, patience: 1), [1, 0.7, 0.6, 0.1]) == 3)
  }

  @Test("NaN is never an improvement, and does not become the best")
  func notANumber() throws {
    #expect(try last(EarlyStopping(patience: 2), [.nan, 1, .nan, 0.5, .nan, .nan, 0.1]) == 6)
    #expect(try last(EarlyStopping(patience: 1), [.nan, 1]) == 1)
    #expect(
      try last(EarlyStopping(monitor: .validationAccuracy, patience: 2), [0.5, .nan, .nan, 0.9], of: "val_accuracy")
        == 3)
  }

  @Test("The direction is the metric's: accuracy up, losses and errors down")
  func direction() throws {
    #expect(try last(EarlyStopping(monitor: .accuracy, patience: 1), [0.1, 0.2, 0.3, 0.2, 0.9], of: "accuracy") == 4)
    #expect(
      try last(EarlyStopping(monitor: "val_acc", patience: 1), [0.1, 0.2, 0.3, 0.2, 0.9], of: "val_accuracy") == 4)
    #expect(try last(EarlyStopping(monitor: "acc", patience: 1), [0.3, 0.2, 0.9], of: "accuracy") == 2)
    #expect(
      try last(
        EarlyStopping(monitor: "val_mean_absolute_error", patience: 1), [3, 2, 1, 2], of: "val_mean_absolute_error")
        == 4)
    #expect(try last(EarlyStopping(monitor: .loss, patience: 1, mode: .max), [1, 2, 3, 2, 9], of: "loss") == 4)
    #expect(try last(EarlyStopping(monitor: .accuracy, patience: 1, mode: .min), [1, 0.5, 0.6], of: "accuracy") == 3)
  }

  @Test("Below the baseline nothing counts, but the best is remembered")
  func baseline() throws {
    #expect(try last(EarlyStopping(patience: 3, baseline: 0.5), [1, 0.9, 0.8, 0.1]) == 3)
    #expect(try last(EarlyStopping(patience: 3, baseline: 0.5), [1, 0.9, 0.4, 0.45, 0.45, 0.45, 0.1]) == 6)
  }

  @Test("Epochs up to startFromEpoch are not looked at")
  func startFromEpoch() throws {
    #expect(try last(EarlyStopping(patience: 1, startFromEpoch: 3), [0.1, 0.2, 0.3, 0.4, 0.5]) == 5)
  }

  @Test("The best weights come back when it stopped, and also when training ran to its end")
  func restores() throws {
    let stopped = try Script()
    try stopped.run([EarlyStopping(patience: 2, restoreBestWeights: true)], "val_loss", [3, 1, 2, 2, 0])
    #expect(stopped.epochs.last == 4 && stopped.weight == 2)
    #expect(stopped.messages == ["Epoch 4: early stopping", "Restoring the weights of the best epoch, 2"])

    let ended = try Script()
    try ended.run([EarlyStopping(patience: 9, restoreBestWeights: true)], "val_loss", [3, 1, 2, 2])
    #expect(ended.weight == 2)
    #expect(ended.messages == ["Restoring the weights of the best epoch, 2"])

    let kept = try Script()
    try kept.run([EarlyStopping(patience: 9)], "val_loss", [3, 1, 2, 2])
    #expect(kept.weight == 4 && kept.messages.isEmpty)

    let never = try Script()
    try never.run([EarlyStopping(patience: 9, restoreBestWeights: true)], "val_loss", [.nan, .nan])
    #expect(never.weight == 1)
  }

  @Test("A new fit begins anew, a resumed one remembers")
  func again() throws {
    let stopping = EarlyStopping(patience: 2, restoreBestWeights: true)
    let script = try Script()
    try script.run([stopping], "val_loss", [1, 2])
    try script.run([stopping], "val_loss", [9, 8, 7])
    #expect(script.epochs == [1, 2, 1, 2, 3])

    let first = EarlyStopping(patience: 3, restoreBestWeights: true)
    try script.run([first], "val_loss", [2, 1, 5])
    let second = EarlyStopping(patience: 3, restoreBestWeights: true)
    second.state = first.state.merging(["isBestCurrent": 0]) { $1 }  // as a checkpoint within the third epoch has it
    let resumed = try Script()
    resumed.model.progress.epoch = 3
    try resumed.run([second], "val_loss", [4, 3, 2], from: 4, resuming: true)
    #expect(resumed.epochs == [4, 5])  // epochs 3, 4 and 5 were no better than epoch 2
    #expect(resumed.weight == 5)
    #expect(
      resumed.messages.last
        == "The last weights are kept: the checkpoint that was resumed does not hold those of the best epoch, 2 "
        + "(.safetensors checkpoints do)")

    // Those of a checkpoint that holds them are put back, and are no more in checkpoints of the model that has them.
    let third = EarlyStopping(patience: 3, restoreBestWeights: true)
    third.state = second.state.merging(["waited": 1, "isBestCurrent": 0]) { $1 }
    third.arrays = ["dense/kernel": [2]]
    #expect(third.arrays == ["dense/kernel": [2]])
    let other = try Script()
    try other.run([third], "val_loss", [4, 3, 2], from: 4, resuming: true)
    #expect(other.epochs == [4, 5] && other.weight == 2)
    #expect(third.arrays == [:] && third.state["isBestCurrent"] == 1)
  }

  @Test("Resumed from the checkpoint of its best epoch it has those weights")
  func resumedAtBest() throws {
    let script = try Script()
    let stopping = EarlyStopping(patience: 2, restoreBestWeights: true)
    stopping.state = ["best": 1, "bestEpoch": 7, "waited": 0]
    script.model.progress.epoch = 7
    script.weight = 7
    try script.run([stopping], "val_loss", [2, 2, 2], from: 8, resuming: true)
    #expect(script.epochs == [8, 9] && script.weight == 7)
  }

  @Test("Resumed from the checkpoint at which it stopped it does not go on, unless it has more patience")
  func resumedWhenDone() throws {
    for (patience, epochs) in [(2, []), (3, [6])] {
      let stopping = EarlyStopping(patience: patience)
      stopping.state = ["best": 1, "bestEpoch": 3, "waited": 2]
      let script = try Script()
      script.model.progress.epoch = 5
      try script.run([stopping], "val_loss", [2, 2], from: 6, resuming: true)
      #expect(script.epochs == epochs)
    }
  }

  @Test("A damaged state is no trap")
  func damagedState() {
    let stopping = EarlyStopping()
    stopping.state = ["best": .nan, "bestEpoch": .nan, "waited": .infinity]
    #expect(stopping.state["waited"] == 0)
    let reducing = ReduceLROnPlateau()
    reducing.state = ["waited": .nan, "cooling": 1e300]
    #expect(reducing.state["cooling"] == 0)
  }

  @Test("Wrong settings are errors before the first epoch")
  func errors() throws {
    func refuse(
      _ callback: any Callback, _ text: String, validates: Bool = true,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let script = try Script()
      expectError(text, sourceLocation: sourceLocation) {
        try script.run([callback], "loss", [1], validates: validates)
      }
      #expect(script.epochs.isEmpty, sourceLocation: sourceLocation)
    }
    try refuse(EarlyStopping(patience: -1), "EarlyStopping: patience is -1 but must be zero or more.")
    try refuse(
      EarlyStopping(monitor: "val_los"),
      "EarlyStopping: nothing named \"val_los\" is measured in this training. Did you mean \"val_loss\"? It can monitor loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      EarlyStopping(monitor: "val_acc"),
      "EarlyStopping: nothing named \"val_accuracy\" is measured in this training. Give validation data to fit. It can monitor loss, accuracy, mean_absolute_error.",
      validates: false)
    try refuse(
      EarlyStopping(monitor: "auc"),
      "EarlyStopping: nothing named \"auc\" is measured in this training. It can monitor loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      ReduceLROnPlateau(monitor: "auc"),
      "ReduceLROnPlateau: nothing named \"auc\" is measured in this training. It can monitor loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
    try refuse(
      ModelCheckpoint("x", monitor: "auc", saveBestOnly: true, format: TextFormat()),
      "ModelCheckpoint: nothing named \"auc\" is measured in this training. It can monitor loss, accuracy, mean_absolute_error, val_loss, val_accuracy, val_mean_absolute_error."
    )
  }

  @Test("fit without a metric of this name fails before the first batch")
  func inFit() throws {
    let model = try scriptedModel()
    let data = try Dataset(inputs: Tensor(shape: [2, 1], [1, 2]), targets: Tensor(shape: [2, 1], [1, 2]))
    expectError(
      "EarlyStopping: nothing named \"val_accuracy\" is measured in this training. Give validation data to fit. It can monitor loss, accuracy, mean_absolute_error."
    ) {
      try model.fit(data, epochs: 3, callbacks: [EarlyStopping(monitor: "val_acc")], verbose: .silent)
    }
    #expect(model.step == 0)
    // With so large a rate each epoch is worse than the one before: the tutorial's patience of 1 ends it after the second.
    try model.compile(optimizer: .sgd(learningRate: 3), loss: .meanSquaredError)
    let stopping = EarlyStopping(monitor: .loss, patience: 1)
    #expect(try model.fit(data, epochs: 9, callbacks: [stopping], verbose: .silent).epochs.count == 2)
    #expect(stopping.stoppedEpoch == 2)
  }
}
