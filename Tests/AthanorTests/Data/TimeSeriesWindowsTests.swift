import Athanor
import Testing

@Suite("Windows over a time series")
struct TimeSeriesWindowsTests {
  private func batches(_ windows: TimeSeriesWindows, _ pass: DataPass) throws -> [(inputs: [Int32], targets: [Int32])] {
    let cursor = windows.cursor(pass)
    let batch = try Batch(windows.ports, capacity: pass.batchSize)
    var result: [(inputs: [Int32], targets: [Int32])] = []
    while true {
      let count = try cursor.fill(batch)
      guard count > 0 else { return result }
      let steps = windows.ports.inputs[0].exampleLengths.compactMap(\.fixed).reduce(1, *)
      let inputs = try batch.withElements(.input, as: Int32.self) { Array($0.prefix(count * steps)) }
      let targets =
        windows.ports.targets.isEmpty
        ? [] : try batch.withElements(.target, as: Int32.self) { Array($0.prefix(count)) }
      result.append((inputs, targets))
    }
  }

  private let series = Tensor(uncheckedShape: [20], .int32(Array(0..<20)))

  /// As `keras.utils.timeseries_dataset_from_array` computes starts and steps.
  @Test("Windows and their targets")
  func windows() throws {
    let targets = Tensor(uncheckedShape: [20], .int32((0..<20).map { $0 * 10 }))
    let windows = try TimeSeriesWindows(
      series, targets: targets, sequenceLength: 3, sequenceStride: 2, samplingRate: 2, startIndex: 1, endIndex: 15)
    #expect(windows.exampleCount == 5)
    let found = try batches(windows, DataPass(batchSize: 3))
    #expect(found.map(\.inputs) == [[1, 3, 5, 3, 5, 7, 5, 7, 9], [7, 9, 11, 9, 11, 13]])
    #expect(found.map(\.targets) == [[10, 30, 50], [70, 90]])
    let whole = try TimeSeriesWindows(series, sequenceLength: 19)
    #expect(try batches(whole, DataPass(batchSize: 9)).map(\.inputs) == [Array(0..<19) + Array(1..<20)])
  }

  private struct Golden: Decodable {
    struct Case: Decodable {
      let length, stride, rate, start: Int
      let end, targets: Int?
      let shape: [Int]
      let inputs: [Int32]
      let found: [Int32]?
    }
    let series: [Case]
  }

  @Test("Windows and targets are those of Keras")
  func keras() throws {
    let golden: Golden = try goldens("texts_and_series")
    #expect(golden.series.count == 6)
    let series = try Tensor(shape: [20, 2], integers: Array(0..<40))
    for known in golden.series {
      let windows = try TimeSeriesWindows(
        series, targets: known.targets.map { try Tensor(shape: [$0], integers: (0..<Int32($0)).map { $0 + 100 }) },
        sequenceLength: known.length, sequenceStride: known.stride, samplingRate: known.rate, startIndex: known.start,
        endIndex: known.end)
      let found = try batches(windows, DataPass(batchSize: 100))
      #expect(found.count == 1 && found[0].inputs == known.inputs, "\(known)")
      #expect(found[0].targets == known.found ?? [] && windows.exampleCount == known.shape[0], "\(known)")
    }
  }

  @Test("Orders are by seed and pass, shares are the whole, and a cursor moves")
  func cursors() throws {
    let windows = try TimeSeriesWindows(series, targets: series, sequenceLength: 4)
    func targets(_ pass: DataPass) throws -> [[Int32]] { try batches(windows, pass).map(\.targets) }
    let first = try targets(DataPass(number: 1, seed: 3, shuffle: true, batchSize: 5))
    #expect(first.flatMap { $0 }.sorted() == Array(0..<17) && first.flatMap { $0 } != Array(0..<17))
    #expect(try targets(DataPass(number: 1, seed: 3, shuffle: true, batchSize: 5)) == first)
    #expect(try targets(DataPass(number: 2, seed: 3, shuffle: true, batchSize: 5)) != first)
    let shares = try (0..<2).map {
      try targets(DataPass(number: 1, seed: 3, shuffle: true, batchSize: 5, share: $0, shareCount: 2))
    }
    #expect(shares == [[first[0], first[2]], [first[1], first[3]]])
    let pass = try DataPass(number: 1, seed: 3, shuffle: true, batchSize: 5)
    let cursor = windows.cursor(pass)
    try cursor.move(to: ["batch": 2])
    let batch = try Batch(windows.ports, capacity: 5)
    #expect(try cursor.fill(batch) == 5)
    #expect(try batch.withElements(.target, as: Int32.self) { Array($0) } == first[2])
    #expect(throws: AthanorError.self) { try cursor.move(to: ["batch": 9]) }
  }

  @Test("A model learns from windows")
  func learning() throws {
    let numbers = (0..<200).map { Float($0 % 10) / 10 }
    let series = try Tensor(shape: [200, 1], numbers)
    let targets = try Tensor(shape: [196, 1], Array(numbers.dropFirst(4)))
    let windows = try TimeSeriesWindows(series, targets: targets, sequenceLength: 4)
    let model = try Model(
      input: [4, 1], seed: 1, threads: 1, layers: [Flatten(), Dense(16, activation: .relu), Dense(1)])
    try model.compile(optimizer: .adam(learningRate: 0.01), loss: .meanSquaredError)
    try model.fit(windows, epochs: 40, batchSize: 16, verbose: .silent)
    // The variance of the series is 0.08.
    let losses = model.history.epochs.compactMap { $0.logs["loss"] }
    #expect(losses.count == 40 && losses[39] < 0.04, "\(losses)")
  }

  private func refusal(_ body: () throws -> TimeSeriesWindows) -> String {
    do {
      _ = try body()
      return "none"
    } catch {
      return "\(error)"
    }
  }

  @Test("What gives no window is refused")
  func refused() {
    #expect(
      refusal { try TimeSeriesWindows(series, sequenceLength: 0) }
        == "TimeSeriesWindows: sequenceLength is 0. Give a number of at least 1.")
    #expect(
      refusal { try TimeSeriesWindows(series, sequenceLength: 8, samplingRate: 3) }
        == "TimeSeriesWindows: there is no window of 8 steps at distance 3 in 20 steps. Use shorter windows, or give more steps."
    )
    #expect(
      refusal { try TimeSeriesWindows(series, sequenceLength: 2, startIndex: 5, endIndex: 30) }
        == "TimeSeriesWindows: steps 5 to 30 are to be used of a series of 20. Give a start of at least 0, and an end behind it and "
        + "within the series.")
  }
}
