/// Windows over a time series as a data source: each example is a stretch of the series, and perhaps a target.
///
/// Window k begins at step `startIndex + k * sequenceStride` and holds the steps that follow it at the distance `samplingRate`; its target is
/// element `k * sequenceStride` of the targets, counted from `startIndex` too. The series stays in memory once, however much windows
/// overlap. Source: `keras.utils.timeseries_dataset_from_array`.
///
/// - Example:
///   ```swift
///   // The next value after ten: targets are the series ten steps later.
///   let windows = try TimeSeriesWindows(
///     series.prefix(count - 10), targets: series.suffix(count - 10), sequenceLength: 10)
///   try model.fit(windows, epochs: 5)  // inputs [N, 10, C]
///   ```
public struct TimeSeriesWindows: DataSource, Sendable {
  private let series: Tensor
  private let targets: Tensor?
  private let sequenceLength: Int
  private let samplingRate: Int
  /// The first step of each window.
  private let starts: [Int]
  private let startIndex: Int

  /// The windows, `[N, sequenceLength, ...]`, and their targets `[N, ...]`.
  public let ports: DataPorts
  /// The number of windows.
  public var exampleCount: Int? { starts.count }

  /// Describes windows over a series.
  ///
  /// - Parameters:
  ///   - series: The values, `[T, ...]`.
  ///   - targets: The target of the window that begins at each step, `[T', ...]`; nil for windows to predict.
  ///   - sequenceLength: The number of steps of a window.
  ///   - sequenceStride: The distance of one window's first step from that of the next.
  ///   - samplingRate: The distance of a window's steps.
  ///   - startIndex: The first step of the series that is used.
  ///   - endIndex: The step behind the last one that is used; nil for the series' end.
  /// - Throws: `AthanorError` when a number is out of range or there is no window.
  public init(
    _ series: Tensor, targets: Tensor? = nil, sequenceLength: Int, sequenceStride: Int = 1, samplingRate: Int = 1,
    startIndex: Int = 0, endIndex: Int? = nil
  ) throws {
    let count = series.shape.first ?? 0
    let end = endIndex ?? count
    let numbers = [
      ("sequenceLength", sequenceLength), ("sequenceStride", sequenceStride), ("samplingRate", samplingRate),
    ]
    if let wrong = numbers.first(where: { $0.1 < 1 || $0.1 > 1 << 30 }) {
      throw AthanorError(
        .argument, at: "TimeSeriesWindows", "\(wrong.0) is \(wrong.1)", fix: "Give a number of at least 1.")
    }
    guard startIndex >= 0, startIndex < end, end <= count else {
      throw AthanorError(
        .argument, at: "TimeSeriesWindows", "steps \(startIndex) to \(end) are to be used of a series of \(count)",
        fix: "Give a start of at least 0, and an end behind it and within the series.")
    }
    var positions = end - startIndex - (sequenceLength - 1) * samplingRate
    if let targets {
      // Targets are counted from the same start.
      positions = min(positions, (targets.shape.first ?? 0) - startIndex)
    }
    guard positions > 0 else {
      throw AthanorError(
        .data, at: "TimeSeriesWindows",
        "there is no window of \(sequenceLength) steps at distance \(samplingRate) in \(end - startIndex) steps"
          + (targets.map { " with \($0.shape.first ?? 0) targets" } ?? ""),
        fix: "Use shorter windows, or give more steps.")
    }
    self.series = series
    self.targets = targets
    self.sequenceLength = sequenceLength
    self.samplingRate = samplingRate
    self.startIndex = startIndex
    starts = Array(stride(from: startIndex, to: startIndex + positions, by: sequenceStride))
    let example = [.batch, .fixed(sequenceLength)] + series.shape.dropFirst().map(Length.fixed)
    ports = DataPorts(
      inputs: [Port(dtype: series.dtype, lengths: example)],
      targets: targets.map { [Port(dtype: $0.dtype, lengths: [.batch] + $0.shape.dropFirst().map(Length.fixed))] } ?? []
    )
  }

  /// A cursor over the windows: in their order, or in one that follows from the seed and the pass's number.
  public func cursor(_ pass: DataPass) -> any DataCursor { Cursor(self, pass) }

  private final class Cursor: DataCursor {
    private let windows: TimeSeriesWindows
    private let pass: DataPass
    private let order: [Int]
    private var batch: Int

    init(_ windows: TimeSeriesWindows, _ pass: DataPass) {
      self.windows = windows
      self.pass = pass
      order = pass.order(of: windows.starts.count)
      batch = pass.share
    }

    func fill(_ target: Batch) throws -> Int {
      let first = batch * pass.batchSize
      guard first < order.count else { return 0 }
      let starts = order[first..<min(first + pass.batchSize, order.count)].map { windows.starts[$0] }
      let steps = starts.flatMap { start in (0..<windows.sequenceLength).map { start + $0 * windows.samplingRate } }
      try target.copy(steps, of: windows.series, to: .input)
      if let targets = windows.targets { try target.copy(starts, of: targets, to: .target) }
      batch += pass.shareCount
      return starts.count
    }

    var position: [String: Int]? { ["batch": batch] }

    func move(to position: [String: Int]) throws {
      batch = try pass.batch(at: position, of: pass.batchCount(of: order.count))
    }
  }
}
