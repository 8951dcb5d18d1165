import ArgumentParser
import Athanor
import AthanorDatasets
import Foundation

extension TutorialNetwork: ExpressibleByArgument {}

/// Trains one of the tutorial's networks: what the peers' scripts do, with the same figures.
struct NetworkBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "network")

  @Argument var network: TutorialNetwork
  @Argument var folder: String
  @Argument var epochs: Int
  @Argument var seed: UInt64
  @Option var threads: Int?

  struct Figures: Encodable {
    var epoch_seconds: [Double] = []
    var val_accuracy: [Double] = []
    var val_loss: [Double] = []
    var first_step_seconds = 0.0
    var predict_seconds = 0.0
    var latency_seconds = 0.0
    var peak_megabytes = 0.0
  }

  func run() async throws {
    let (train, test) = try await MNIST.load(dataDirectory: folder)
    let model = try network.model(seed: seed, threads: threads)
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    var figures = Figures()
    let firstStep = FirstStep()
    let history = try model.fit(
      train, epochs: epochs, batchSize: 200, validation: test, callbacks: [firstStep], verbose: .silent)
    figures.first_step_seconds = firstStep.seconds
    for epoch in history.epochs {
      figures.epoch_seconds.append(epoch.seconds)
      figures.val_accuracy.append(epoch.logs["val_accuracy"] ?? .nan)
      figures.val_loss.append(epoch.logs["val_loss"] ?? .nan)
    }
    _ = try model.predict(test, batchSize: 200)
    figures.predict_seconds = try medianSeconds(3) { _ = try model.predict(test, batchSize: 200) }
    let one = test.slice(0..<1)
    for _ in 0..<10 { _ = try model.predict(one) }
    figures.latency_seconds = try medianSeconds(300) { _ = try model.predict(one) }
    figures.peak_megabytes = peakMegabytes()
    try Benchmarks.report(figures)
  }
}

private func peakMegabytes() -> Double {
  var usage = rusage()
  #if canImport(Darwin)
    getrusage(RUSAGE_SELF, &usage)
    return Double(usage.ru_maxrss) / 1_048_576  // counted in bytes
  #else
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024  // counted in kilobytes
  #endif
}

/// Notes when the first step has ended.
private final class FirstStep: Callback {
  var seconds = 0.0
  func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) {
    guard seconds == 0 else { return }
    seconds = Double((ContinuousClock().now - Benchmarks.start) / .nanoseconds(1)) * 1e-9
  }
}
