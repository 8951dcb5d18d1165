import ArgumentParser
import Athanor
import AthanorCore
import AthanorDatasets

/// What a training step costs at batch sizes from 1 to 1,024, on digits that come with Athanor.
struct BatchBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "batches")

  @Argument var network: NetworkTemplate

  struct Figures: Encodable {
    let batch: Int
    let microsecondsForAnImage: Double
    let megabytes: Double
  }

  func run() async throws {
    let (train, _) = try Digits.load()
    var figures: [Figures] = []
    for batch in [1, 2, 8, 32, 128, 200, 512, 1024] {
      let model = try network.model()
      try model.compile(optimizer: .adam(), loss: .categoricalCrossentropy)
      let part = train.slice(0..<batch)
      let time = try medianSeconds(max(5, 400 / batch)) { _ = try model.trainOnBatch(part) }
      let bytes = model.workspaceByteCount
      figures.append(
        Figures(batch: batch, microsecondsForAnImage: time / Double(batch) * 1e6, megabytes: Double(bytes) * 1e-6))
    }
    try Benchmarks.report(figures)
  }
}
