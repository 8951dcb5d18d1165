import ArgumentParser
import Foundation

/// Prints measurements as JSON; Benchmarks/run.py runs it in turn with the peers.
@main struct Benchmarks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "athanor-benchmarks", abstract: "Measure Athanor; each command prints one JSON object.",
    subcommands: [
      NetworkBenchmark.self, KernelBenchmark.self, PointwiseBenchmark.self, BatchBenchmark.self, PeakBenchmark.self,
    ])

  /// When the program began, for the time to the first step.
  nonisolated static let start = ContinuousClock().now

  static func main() async {
    _ = start
    await main(nil)
  }

  static func report(_ figures: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(figures), as: UTF8.self))
  }
}

/// Seconds that something takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  Double(try ContinuousClock().measure(body) / .nanoseconds(1)) * 1e-9
}

/// The median of so many times.
func medianSeconds(_ runs: Int, _ body: () throws -> Void) rethrows -> Double {
  try (0..<runs).map { _ in try seconds(body) }.sorted()[runs / 2]
}
