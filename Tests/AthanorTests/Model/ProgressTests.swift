import Athanor
import Testing

@Suite("What fit prints")
struct ProgressTests {
  private func logs(_ figures: [(String, Double)]) -> Logs {
    var logs = Logs()
    for (name, value) in figures { logs[name] = value }
    return logs
  }

  /// Two epochs of 12 batches at given times.
  private func printed(_ verbosity: Verbosity, isTerminal: Bool = false) -> String {
    var text = ""
    let printer = ProgressPrinter(verbosity, isTerminal: isTerminal, write: { text += $0 }, columns: { nil })
    printer.beginEpoch(1, of: 2, batches: 12)
    printer.batch(1, logs([("loss", 2.30259)]), 0.02)
    printer.batch(2, logs([("loss", 2.2)]), 0.04)  // too soon after the first
    printer.batch(6, logs([("loss", 1.5), ("accuracy", 0.5)]), 0.6)
    printer.endEpoch(logs([("loss", 1.25), ("accuracy", 0.625), ("val_loss", 0.00012345)]), 1.44, batches: 12)
    printer.say("Epoch 1: saved")
    printer.beginEpoch(2, of: 2, batches: 12)
    printer.batch(1, logs([("loss", 0)]), 130)
    printer.say("a callback says something")
    printer.endEpoch(logs([("loss", 0), ("accuracy", 1)]), 24, batches: 12)
    return text
  }

  @Test("0: nothing")
  func silent() {
    #expect(printed(0) == "")
    #expect(printed(.silent, isTerminal: true) == "")
  }

  @Test("1: a bar that is drawn again and again")
  func bar() {
    let expected = """
      Epoch 1/2
      < 1/12 ━─────────────────── 0s 20ms/step - loss: 2.3026\
      < 6/12 ━━━━━━━━━━────────── 0s 100ms/step - loss: 1.5000 - accuracy: 0.5000\
      <12/12 ━━━━━━━━━━━━━━━━━━━━ 1s 120ms/step - loss: 1.2500 - accuracy: 0.6250 - val_loss: 1.2345e-04
      Epoch 1: saved
      Epoch 2/2
      < 1/12 ━─────────────────── 23:50 130s/step - loss: 0.0000
      a callback says something
      <12/12 ━━━━━━━━━━━━━━━━━━━━ 24s 2s/step - loss: 0.0000 - accuracy: 1.0000

      """
    #expect(printed(1).replacing("\r", with: "<") == expected)
    #expect(printed(.auto, isTerminal: true) == printed(.bar))
  }

  @Test("2: Keras' line for each epoch")
  func line() {
    let expected = """
      Epoch 1/2
      12/12 - 1s - 120ms/step - loss: 1.2500 - accuracy: 0.6250 - val_loss: 1.2345e-04
      Epoch 1: saved
      Epoch 2/2
      a callback says something
      12/12 - 24s - 2s/step - loss: 0.0000 - accuracy: 1.0000

      """
    #expect(printed(2) == expected)
    #expect(printed(.auto, isTerminal: false) == printed(.line))
  }

  @Test("Time that is left, as Keras prints it")
  func timeLeft() {
    func left(_ seconds: Double) -> String {
      var text = ""
      let printer = ProgressPrinter(.bar, isTerminal: true, write: { text = $0 }, columns: { nil })
      printer.beginEpoch(1, of: 1, batches: 2)
      printer.batch(1, Logs(), seconds)
      return text.split(separator: " ").dropFirst(2).joined(separator: " ")
    }
    #expect(left(0.0004) == "0s 400us/step")
    #expect(left(0.04) == "0s 40ms/step")
    #expect(left(59.6) == "59s 60s/step")
    #expect(left(65) == "1:05 65s/step")
    #expect(left(7207) == "2:00:07 7207s/step")
  }

  @Test("A bar fits its terminal: it gets shorter, then the last figures are left out, then the time; the end is whole")
  func narrow() {
    func line(_ columns: Int?, batches: Int? = 12) -> String {
      var text = ""
      let printer = ProgressPrinter(.bar, isTerminal: true, write: { text = $0 }, columns: { columns })
      printer.beginEpoch(1, of: 1, batches: batches)
      printer.batch(6, logs([("loss", 1.5), ("accuracy", 0.5)]), 0.6)
      return String(text.dropFirst())
    }
    let whole = " 6/12 ━━━━━━━━━━────────── 0s 100ms/step - loss: 1.5000 - accuracy: 0.5000"
    #expect(line(nil) == whole && line(200) == whole && line(whole.count + 1) == whole)
    #expect(line(whole.count) == " 6/12 ━━━━━━━━━────────── 0s 100ms/step - loss: 1.5000 - accuracy: 0.5000")
    #expect(line(60) == " 6/12 ━━─── 0s 100ms/step - loss: 1.5000 - accuracy: 0.5000")
    #expect(line(50) == " 6/12 ━━━━━━━─────── 0s 100ms/step - loss: 1.5000")
    #expect(line(30) == " 6/12 ━━━━───── 0s 100ms/step")
    #expect(line(10) == " 6/12 ━━─")
    #expect(line(40, batches: nil) == "      6/Unknown 1s 100ms/step")
    for columns in 1...90 { #expect(line(columns).count < max(columns, 1) || columns == 1) }
    var text = ""
    let printer = ProgressPrinter(.bar, isTerminal: true, write: { text += $0 }, columns: { 20 })
    printer.beginEpoch(1, of: 1, batches: 12)
    printer.endEpoch(logs([("loss", 1.5)]), 1, batches: 12)
    #expect(text == "Epoch 1/1\n\r12/12 ━━━━━━━━━━━━━━━━━━━━ 1s 83ms/step - loss: 1.5000\n")
  }

  @Test("fit prints through it")
  func fit() throws {
    let model = try Sequential(input: [2]) { Dense(1) }
    try model.compile(optimizer: .sgd(learningRate: 0), loss: .meanSquaredError)
    try model.setWeights(["dense/kernel": Tensor(shape: [2, 1], [0, 0])])
    let data = try Dataset(inputs: noise([5, 2]), targets: Tensor(shape: [5, 1], [1, 1, 1, 1, 1]))
    let output = Output()
    output.listen(to: model)
    try model.fit(data, epochs: 2, batchSize: 2, validation: data, verbose: 2)
    let lines = output.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 5 && lines[0] == "Epoch 1/2" && lines[2] == "Epoch 2/2" && lines[4] == "")
    #expect(lines[1].wholeMatch(of: /3\/3 - \d+s - \d+[mu]?s\/step - loss: 1\.0000 - val_loss: 1\.0000/) != nil)
    output.text = ""
    try model.fit(data, epochs: 2, batchSize: 2, verbose: 0)
    #expect(output.text == "")
    try model.fit(data, epochs: 1, batchSize: 2, verbose: 1)
    #expect(output.text.hasPrefix("Epoch 1/1\n\r1/3 ━━━━━━──────────────"))
    #expect(output.text.contains("\r3/3 ━━━━━━━━━━━━━━━━━━━━ "))
    #expect(output.text.hasSuffix(" - loss: 1.0000\n") || output.text.hasSuffix(" \n"))
  }

  @Test("History and logs")
  func history() throws {
    var first = logs([("loss", 2), ("acc", 0.5)])
    #expect(first.names == ["loss", "accuracy"])
    #expect(first["acc"] == 0.5 && first["accuracy"] == 0.5 && first["val_acc"] == nil)
    first["acc"] = 0.75
    first["lr"] = 0.1
    #expect(first.entries.map(\.value) == [2, 0.75, 0.1])
    first["loss"] = nil
    #expect(first.names == ["accuracy", "learning_rate"])
    let history = History(epochs: [
      .init(number: 1, seconds: 1, learningRate: 0.1, logs: first),
      .init(number: 2, seconds: 1, learningRate: 0.1, logs: Logs()),
    ])
    #expect(history["acc"][0] == 0.75 && history["accuracy"][1].isNaN)
  }
}
