import ArgumentParser
import AthanorKernels

/// Every pointwise function and its gradient on arrays that a second-level cache holds, on one thread.
struct PointwiseBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "pointwise")

  @Option(help: "The instruction set: reference, avx2, avx512 or neon; the best by default.") var instructions: String?

  struct Figures: Encodable {
    let name: String
    /// 10^9 bytes a second, read and written.
    let value, gradient: Double
  }

  func run() throws {
    let (kernels, pool) = try KernelBenchmark.kernels(instructions, threads: 1)
    defer { ath_pool_destroy(pool) }
    let count: Int64 = 65_536
    let x = Memory(count, from: 1e-3), y = Memory(count), dy = Memory(count)
    func rate(_ bytes: Int64, _ body: () -> Void) -> Double {
      body()
      return Double(bytes * count) / medianSeconds(201, body) * 1e-9
    }
    let figures = (0..<UInt32(ATH_UNARY_COUNT)).compactMap(ath_unary.init).map { function in
      var value = ath_unary_args(function: function, count: count, alpha: 0.3, x: x.base, y: y.base)
      var gradient = ath_unary_gradient_args(
        function: function, count: count, alpha: 0.3, x: x.base, y: x.base, dy: dy.base, dx: y.base)
      let readsTwo = [ATH_READS_X, ATH_READS_Y].contains(ath_unary_gradient_reads(function))
      return withExtendedLifetime([x, y, dy]) {
        Figures(
          name: String(cString: ath_unary_name(function)), value: rate(8) { kernels.unary(&value, pool) },
          gradient: rate(readsTwo ? 12 : 8) { kernels.unary_gradient(&gradient, pool) })
      }
    }
    try Benchmarks.report(figures)
  }
}
