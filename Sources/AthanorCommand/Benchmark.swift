import ArgumentParser
import Athanor
import AthanorKeras

struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time predictions or training steps on random data.",
    discussion: """
      Whole calls of predict are timed, for two seconds and at least 20 times after a warm-up; inputs are numbers from 0 to 1, integers \
      0 or 1. With --train these are steps of fit, each with gathering its batch: a network is compiled with Adam and categorical \
      crossentropy, a file's model as it was saved.
      """)

  @Argument(
    help: "A network (\(NetworkSource.names.joined(separator: ", "))), or a model: .h5, .mlpackage, .mlmodel or .onnx.",
    completion: .names(NetworkSource.names)) var model: String
  @Option(parsing: .unconditional, help: "How many examples one call or step computes.") var batch = 1
  @Option(
    name: .customLong("length"),
    help: "An open length besides the batch, NAME=N; by default 32; may be given several times.")
  var lengths: [OpenLength] = []
  @OptionGroup var computing: ThreadOptions
  @Flag(help: "Time training steps instead of predictions.") var train = false
  @Flag(help: "Print one JSON object.") var json = false

  /// `NAME=N`.
  struct OpenLength: ExpressibleByArgument {
    let name: String
    let length: Int

    init?(argument: String) {
      guard let sign = argument.lastIndex(of: "="), let length = Int(argument[argument.index(after: sign)...]),
        length > 0
      else { return nil }
      (name, self.length) = (String(argument[..<sign]), length)
    }
  }

  func validate() throws {
    guard (1...1 << 30).contains(batch) else { throw ValidationError("--batch must be at least 1 and at most 2^30.") }
  }

  func run() throws {
    let model = try NetworkSource.model(model, threads: computing.threads)
    try check(model.inputs)
    let times = try train ? stepTimes(model) : predictionTimes(model)
    let (median, slow) = (times.milliseconds(0.5), times.milliseconds(0.95))
    let rate = Double(batch) * 1000 / median
    let megabytes = Double(ProcessMemory.peakByteCount) / 1_048_576
    let instructions = try InstructionSet.chosen().rawValue
    let mode = train ? "train" : "predict"
    if json {
      return try Terminal.json([
        "model": self.model, "mode": mode, "batch": batch, "threads": model.threadCount,
        "instruction_set": instructions,
        "runs": times.count, "milliseconds": median, "milliseconds_p95": slow, "examples_per_second": rate,
        "peak_megabytes": megabytes,
      ])
    }
    Terminal.print(
      """
      \(self.model): \(mode), batch \(batch), \(model.threadCount) thread\(model.threadCount == 1 ? "" : "s"), \(instructions)
      \(String(format: "%.3f", median)) ms (median of \(times.count)), 95 % within \(String(format: "%.3f", slow)) ms
      \(String(format: "%.0f", rate)) examples a second, at most \(String(format: "%.0f", megabytes)) MB of memory
      """)
  }

  private func check(_ ports: [Port]) throws {
    let open = Set(ports.flatMap(\.lengths).filter { $0.fixed == nil })
    guard batch == 1 || open.contains(.batch) else {
      throw AthanorError(
        .argument, at: "--batch \(batch)", "the model's inputs have no axis of examples", fix: "Leave --batch out.")
    }
    let names = open.subtracting([.batch]).compactMap { if case .open(let name) = $0 { name } else { nil } }.sorted()
    if let unknown = lengths.first(where: { !names.contains($0.name) }) {
      throw AthanorError(
        .argument, at: "--length \(unknown.name)=\(unknown.length)", "the model has no open length \"\(unknown.name)\"",
        fix: AthanorError.suggestion(for: unknown.name, among: names)
          + (names.isEmpty ? "All its lengths are fixed." : "It has \(names.joined(separator: ", "))."))
    }
  }

  private var openLengths: [String: Int] {
    Dictionary(lengths.map { ($0.name, $0.length) }, uniquingKeysWith: { $1 })
  }

  // MARK: Timing

  private func predictionTimes(_ model: Model) throws -> Times {
    var data = RandomData(lengths: openLengths)
    let inputs = try data.inputs(model.inputs, examples: batch)
    var times = Times()
    while !times.areEnough {
      times.add(try ContinuousClock().measure { _ = try model.predict(inputs, batchSize: batch) })
    }
    return times
  }

  /// The times of the steps of `fit` itself, with all that it does between one batch and the next.
  private func stepTimes(_ model: Model) throws -> Times {
    if model.training == nil {
      guard NetworkSource.network(self.model) != nil else {
        throw AthanorError(
          .argument, at: self.model, "it has no loss and no optimizer, so no training step can be timed",
          fix: "Compile the model and save it again, or name a network.")
      }
      try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy)
    }
    var data = RandomData(lengths: openLengths)
    let timer = StepTimer()
    try model.fit(
      data.dataset(model, examples: 4 * batch), epochs: .max, batchSize: batch, callbacks: [timer], verbose: .silent)
    return timer.times
  }

  private final class StepTimer: Callback {
    var times = Times()
    private var start = ContinuousClock.now

    func epochDidBegin(_ epoch: Int, _ context: TrainingContext) { start = .now }

    func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) {
      times.add(.now - start)
      context.stopTraining = times.areEnough
      start = .now
    }
  }

  /// The times of runs that follow each other.
  private struct Times {
    private var warmUp = Duration.zero
    private var total = Duration.zero
    private var durations: [Duration] = []

    var count: Int { durations.count }
    var areEnough: Bool { total >= .seconds(2) && count >= 20 }

    /// Adds a run, unless it belongs to the warm-up: the first 0.2 seconds, and at least one run.
    mutating func add(_ duration: Duration) {
      guard warmUp >= .milliseconds(200) else { return warmUp += duration }
      total += duration
      durations.append(duration)
    }

    /// The time within which a share of the runs ended.
    func milliseconds(_ share: Double) -> Double {
      let place = Int((share * Double(count)).rounded(.up)) - 1
      return durations.sorted()[place] / .nanoseconds(1) * 1e-6
    }
  }
}
