import Athanor
import Testing

@Suite("Callbacks that set the learning rate")
struct LearningRateCallbackTests {
  /// The rate after each epoch.
  private func rates(
    _ reducing: ReduceLROnPlateau, _ values: [Double], name: String = "val_loss", from first: Int = 1,
    resuming: Bool = false,
    in script: Script? = nil
  ) throws -> [Double] {
    let script = try script ?? Script()
    var rates: [Double] = []
    let watch = ClosureCallback(epochDidEnd: { _, _, context in rates.append(context.model.learningRate) })
    try script.run([reducing, watch], name, values, from: first, resuming: resuming)
    return rates
  }

  @Test("Reduced after so many epochs without improvement; 0 means 1")
  func patience() throws {
    #expect(
      try rates(ReduceLROnPlateau(factor: 0.5, patience: 2), [1, 2, 2, 2, 2, 0, 2]) == [
        0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125,
      ])
    #expect(try rates(ReduceLROnPlateau(factor: 0.5, patience: 1), [1, 2, 2]) == [0.5, 0.25, 0.125])
    #expect(try rates(ReduceLROnPlateau(factor: 0.5, patience: 0), [1, 2, 2]) == [0.5, 0.25, 0.125])
    #expect(
      try rates(ReduceLROnPlateau(monitor: .accuracy, factor: 0.5, patience: 1), [0.1, 0.2, 0.1], name: "accuracy") == [
        0.5, 0.5, 0.25,
      ])
  }

  @Test("minDelta, and NaN is never an improvement")
  func notANumber() throws {
    #expect(
      try rates(ReduceLROnPlateau(factor: 0.5, patience: 1), [1, .nan, 0.99995, 0.5]) == [0.5, 0.25, 0.125, 0.125])
  }

  @Test("During the cooldown nothing is counted")
  func cooldown() throws {
    // Reduced at epoch 2; epochs 3 and 4 are cooled down, at the end of the second of which counting begins again, as in Keras.
    #expect(
      try rates(ReduceLROnPlateau(factor: 0.5, patience: 1, cooldown: 2), [1, 2, 2, 2, 2, 2, 2])
        == [0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625])
    #expect(
      try rates(ReduceLROnPlateau(factor: 0.5, patience: 1, cooldown: 0), [1, 2, 2, 2]) == [0.5, 0.25, 0.125, 0.0625])
  }

  @Test("Never below its minimum, and it says when it can do nothing")
  func minimum() throws {
    #expect(
      try rates(ReduceLROnPlateau(factor: 0.1, patience: 1, minLearningRate: 0.2), [1, 2, 2, 2]) == [
        0.5, 0.2, 0.2, 0.2,
      ])
    let script = try Script()
    #expect(try rates(ReduceLROnPlateau(patience: 1, minLearningRate: 0.5), [1, 2, 2], in: script) == [0.5, 0.5, 0.5])
    #expect(
      script.messages == ["ReduceLROnPlateau: the learning rate, 0.5, is at its minimum and will never be reduced"])
  }

  @Test("It says when EarlyStopping ends the training first")
  func lessPatience() throws {
    let script = try Script()
    try script.run([EarlyStopping(patience: 3), ReduceLROnPlateau(patience: 3)], "val_loss", [1])
    #expect(
      script.messages
        == ["ReduceLROnPlateau: EarlyStopping has no more patience and ends the training before the rate is reduced"])
    let fine = try Script()
    try fine.run([EarlyStopping(patience: 4), ReduceLROnPlateau(patience: 3)], "val_loss", [1])
    try fine.run([EarlyStopping(monitor: .loss, patience: 1), ReduceLROnPlateau(patience: 3)], "val_loss", [1])
    #expect(fine.messages.isEmpty)
  }

  @Test("It remembers over a restart")
  func state() throws {
    let first = ReduceLROnPlateau(factor: 0.5, patience: 3)
    _ = try rates(first, [1, 2, 2])
    let second = ReduceLROnPlateau(factor: 0.5, patience: 3)
    second.state = first.state
    #expect(try rates(second, [1.5, 1.5], from: 4, resuming: true) == [0.25, 0.25])
    // Without resuming it begins anew.
    #expect(try rates(second, [9, 9, 9]) == [0.5, 0.5, 0.5])
  }

  @Test("The message gives epoch and rate")
  func message() throws {
    let script = try Script()
    try script.run([ReduceLROnPlateau(factor: 0.5, patience: 1)], "val_loss", [1, 2])
    #expect(script.messages == ["Epoch 2: learning rate reduced to 0.25"])
  }

  @Test("A scheduler sets the rate of each epoch, from the rate so far")
  func scheduler() throws {
    let script = try Script()
    var rates: [Double] = []
    let watch = ClosureCallback(epochDidEnd: { _, _, context in rates.append(context.model.learningRate) })
    try script.run(
      [LearningRateScheduler { epoch, rate in epoch < 3 ? rate : rate / 2 }, watch], "loss", [1, 1, 1, 1])
    #expect(rates == [0.5, 0.5, 0.25, 0.125])
    let model = try scriptedModel()
    let data = try Dataset(inputs: Tensor(shape: [1, 1], [1]), targets: Tensor(shape: [1, 1], [1]))
    let history = try model.fit(
      data, epochs: 3, callbacks: [LearningRateScheduler { epoch, _ in 1 / Double(epoch) }], verbose: .silent)
    #expect(history.epochs.map(\.learningRate) == [1, 0.5, 1.0 / 3])
  }

  @Test("The history holds the rate of the epoch, not the reduced one of the next")
  func history() throws {
    let model = try scriptedModel(rate: 3)
    let data = try Dataset(inputs: Tensor(shape: [2, 1], [1, 2]), targets: Tensor(shape: [2, 1], [1, 2]))
    let history = try model.fit(
      data, epochs: 3, callbacks: [ReduceLROnPlateau(monitor: .loss, factor: 0.5, patience: 1)], verbose: .silent)
    #expect(history.epochs.map(\.learningRate) == [3, 3, 1.5])
  }

  @Test("Wrong settings are errors before the first epoch")
  func errors() throws {
    func refuse(
      _ callback: any Callback, _ text: String, rate: LearningRate = 0.5,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let script = try Script(rate: rate)
      expectError(text, sourceLocation: sourceLocation) { try script.run([callback], "val_loss", [1]) }
    }
    try refuse(
      ReduceLROnPlateau(factor: 1),
      "ReduceLROnPlateau: factor is 1.0, patience 10, cooldown 0 and minLearningRate 0.0. Factor must lie between 0 and 1 and the others not be negative."
    )
    try refuse(
      ReduceLROnPlateau(patience: -1),
      "ReduceLROnPlateau: factor is 0.1, patience -1, cooldown 0 and minLearningRate 0.0. Factor must lie between 0 and 1 and the others not be negative."
    )
    try refuse(
      ReduceLROnPlateau(),
      "ReduceLROnPlateau: the optimizer has a learning-rate schedule, and both would set the rate. Give the optimizer a constant rate, or leave this callback out.",
      rate: .cosineDecay(initial: 0.1, steps: 9))
    try refuse(
      LearningRateScheduler { _, rate in rate },
      "LearningRateScheduler: the optimizer has a learning-rate schedule, and both would set the rate. Give the optimizer a constant rate, or leave this callback out.",
      rate: .piecewise(boundaries: [1], values: [1, 2]))
    try refuse(LearningRateScheduler { _, _ in .nan }, "LearningRateScheduler: it gave nan for epoch 1.")
  }
}
