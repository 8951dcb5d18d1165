import ArgumentParser
import Athanor
import AthanorDatasets
import Foundation

extension NetworkTemplate: ExpressibleByArgument {}

/// Trains one of the tutorial's networks: what the peers' scripts do, with the same figures.
struct NetworkBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "network")

  @Argument var network: NetworkTemplate
  @Argument var folder: String
  @Argument var epochs: Int
  @Argument var seed: UInt64
  @Option var threads: Int?

  struct Figures: Encodable {
    var epochSeconds: [Double] = []
    var valAccuracy: [Double] = []
    var valLoss: [Double] = []
    var firstStepSeconds = 0.0
    var predictSeconds = 0.0
    var latencySeconds = 0.0
    var peakMegabytes = 0.0
  }

  func run() async throws {
    let (train, test) = try await MNIST.load(dataDirectory: folder)
    let model = try network.model(seed: seed, threads: threads)
    try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy, metrics: [.accuracy])
    var figures = Figures()
    let firstStep = FirstStep()
    let history = try model.fit(
      train, epochs: epochs, batchSize: 200, validation: test, callbacks: [firstStep], verbose: .silent)
    figures.firstStepSeconds = firstStep.seconds
    for epoch in history.epochs {
      figures.epochSeconds.append(epoch.seconds)
      figures.valAccuracy.append(epoch.logs["val_accuracy"] ?? .nan)
      figures.valLoss.append(epoch.logs["val_loss"] ?? .nan)
    }
    _ = try model.predict(test, batchSize: 200)
    figures.predictSeconds = try medianSeconds(3) { _ = try model.predict(test, batchSize: 200) }
    let one = test.slice(0..<1)
    for _ in 0..<10 { _ = try model.predict(one) }
    figures.latencySeconds = try medianSeconds(300) { _ = try model.predict(one) }
    figures.peakMegabytes = Double(ProcessMemory.peakByteCount) / 1_048_576
    try Benchmarks.report(figures)
  }
}

/// Notes when the first step has ended.
private final class FirstStep: Callback {
  var seconds = 0.0
  func batchDidEnd(_ batch: Int, _ logs: Logs, _ context: TrainingContext) {
    guard seconds == 0 else { return }
    seconds = Double((ContinuousClock().now - Benchmarks.start) / .nanoseconds(1)) * 1e-9
  }
}
