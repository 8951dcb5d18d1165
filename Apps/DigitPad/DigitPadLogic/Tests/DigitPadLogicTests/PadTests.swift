import Testing

@testable import DigitPadLogic

/// The state behind the window, with a network that the test holds back.
@MainActor struct PadTests {
  /// Says 1 for upright pictures and 7 for others; waits for `release` before each answer, if it is held.
  private actor Network: DigitClassifier {
    private(set) var count = 0
    private var isHeld: Bool
    private var fails = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(isHeld: Bool = false) { self.isHeld = isHeld }

    func probabilities(of picture: [UInt8]) async throws -> [Int64: Double] {
      count += 1
      if isHeld { await withCheckedContinuation { waiting.append($0) } }
      if fails { throw PadError.result("nothing") }
      let columns = Set(picture.indices.filter { picture[$0] > 25 }.map { $0 % 28 }).count
      let best: Int64 = columns < 10 ? 1 : 7
      return Dictionary(uniqueKeysWithValues: (Int64(0)..<10).map { ($0, $0 == best ? 0.91 : 0.01) })
    }

    func release() {
      isHeld = false
      for continuation in waiting { continuation.resume() }
      waiting = []
    }

    func fail(_ fails: Bool) { self.fails = fails }

    func hasBeenAsked() async { while count == 0 { await Task.yield() } }
  }

  private func pad(_ network: Network) async -> Pad {
    let pad = Pad()
    await pad.load { network }
    return pad
  }

  private func upright(_ pad: Pad) { pad.drag(from: Point(0.5, 0.2), to: Point(0.5, 0.8)) }
  private func level(_ pad: Pad) { pad.drag(from: Point(0.2, 0.3), to: Point(0.8, 0.3)) }

  @Test func readsWhileDrawingAndAnnouncesAfterwards() async {
    let pad = await pad(Network())
    #expect(pad.isReady && pad.reading == nil && pad.message == nil)
    upright(pad)
    await pad.task?.value
    #expect(pad.reading?.best.digit == 1 && pad.reading?.picture.count == 784)
    #expect(pad.announcement == nil)
    pad.endStroke()
    #expect(pad.announcement == "1, 91 percent.")
  }

  @Test func announcesWhenTheAnswerComesAfterTheStroke() async {
    let network = Network(isHeld: true)
    let pad = await pad(network)
    upright(pad)
    await network.hasBeenAsked()
    pad.endStroke()
    #expect(pad.announcement == nil)
    await network.release()
    await pad.task?.value
    #expect(pad.announcement == "1, 91 percent.")
  }

  /// Ten changes while the network is busy make one further prediction: of the newest drawing.
  @Test func theNewestDrawingWins() async {
    let network = Network(isHeld: true)
    let pad = await pad(network)
    upright(pad)
    await network.hasBeenAsked()
    for step in 1...10 { pad.drag(from: Point(0.2, 0.3), to: Point(0.2 + 0.06 * Double(step), 0.3)) }
    await network.release()
    await pad.task?.value
    #expect(await network.count == 2)
    #expect(pad.reading?.best.digit == 7)
  }

  @Test func aClearedCanvasStaysWithoutAnswer() async {
    let network = Network(isHeld: true)
    let pad = await pad(network)
    upright(pad)
    await network.hasBeenAsked()
    pad.clear()
    await network.release()
    await pad.task?.value
    #expect(pad.reading == nil && pad.announcement == nil)
    #expect(await network.count == 1)
    pad.undo()
    await pad.task?.value
    #expect(pad.reading?.best.digit == 1)
    pad.undo()
    #expect(pad.reading == nil && pad.sketch.canRedo)
    pad.redo()
    await pad.task?.value
    #expect(pad.reading?.best.digit == 1)
  }

  @Test func whatWasDrawnBeforeTheModelCameIsRead() async {
    let pad = Pad()
    level(pad)
    pad.endStroke()
    #expect(pad.reading == nil && !pad.isReady)
    await pad.load { Network() }
    await pad.task?.value
    #expect(pad.reading?.best.digit == 7 && pad.announcement == "7, 91 percent.")
  }

  @Test func aModelThatDoesNotLoadIsSaidAndTriedAgain() async {
    let pad = Pad()
    await pad.load { throw PadError.modelMissing }
    #expect(pad.message == PadError.modelMissing.localizedDescription && !pad.isReady)
    upright(pad)
    #expect(pad.task == nil)
    await pad.load { Network() }
    #expect(pad.message == nil && pad.isReady)
    await pad.task?.value
    #expect(pad.reading?.best.digit == 1)
  }

  @Test func anErrorIsShownUntilTheNextAnswer() async {
    let network = Network()
    let pad = await pad(network)
    await network.fail(true)
    upright(pad)
    await pad.task?.value
    #expect(pad.message == "The model gave nothing. Renew it with \"make app-model\"." && pad.reading == nil)
    await network.fail(false)
    level(pad)
    await pad.task?.value
    #expect(pad.message == nil && pad.reading?.best.digit == 7)
  }
}
