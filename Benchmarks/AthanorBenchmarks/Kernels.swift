import ArgumentParser
import AthanorCore
import AthanorKernels
import Foundation
import PeakArithmetic

/// The machine's peak of multiply-adds, on one core and on all.
struct PeakBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "peak")

  func run() throws { try Benchmarks.report(["one_core": Peak.gigaflops(threads: 1), "all_cores": Peak.all]) }
}

enum Peak {
  static let all = gigaflops(threads: ThreadPool.coreCount)

  /// The best of some rounds, in 10^9 operations a second.
  static func gigaflops(threads: Int) -> Double {
    guard let pool = ath_pool_create(Int32(threads)) else { return .nan }
    defer { ath_pool_destroy(pool) }
    let rounds = 40_000
    let operations = peak_arithmetic(1) * Double(rounds * threads)
    let best = (0..<7).map { _ in
      seconds { ath_pool_run(pool, Int64(threads), { _, _, _ in _ = peak_arithmetic(40_000) }, nil) }
    }.min()
    return operations / (best ?? .nan) * 1e-9
  }
}

/// Each pass of the two networks' convolutions and products at batch 200, and of shapes that no kernel was made for.
struct KernelBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "kernels")

  @Option(help: "The instruction set: reference, avx2, avx512 or neon; the best by default.") var instructions: String?
  @Option(help: "Only shapes with this in their names.") var only = ""
  @Option var threads = ThreadPool.coreCount

  struct Figures: Encodable {
    let name: String
    let pass: String
    let gigaflops: Double
    let milliseconds: Double
  }

  /// The kernels of an instruction set, and a team of threads.
  static func kernels(_ instructions: String?, threads: Int) throws -> (ath_kernel_table, OpaquePointer) {
    let sets = ["reference", "neon", "avx2", "avx512"]
    let set = instructions.flatMap { sets.firstIndex(of: $0) }.map { ath_instructions(UInt32($0)) }
    guard let table = ath_kernels_f32(set ?? ath_best_instructions()), let pool = ath_pool_create(Int32(threads)) else {
      throw ValidationError("This machine has no such instructions.")
    }
    return (table.pointee, pool)
  }

  func run() throws {
    let (kernels, pool) = try Self.kernels(instructions, threads: threads)
    defer { ath_pool_destroy(pool) }
    var figures: [Figures] = []
    for shape in BenchmarkShape.all where only.isEmpty || shape.name.contains(only) {
      figures += shape.measure(kernels, pool)
    }
    try Benchmarks.report(figures)
  }
}

/// A convolution [n, h, w, ci] -> co, or a product when h is 0.
struct BenchmarkShape {
  let name: String
  var n: Int64 = 200
  let h, w, ci, k, co: Int64
  var stride: Int64 = 1, pad: Int64 = 0, groups: Int64 = 1

  static let all = [
    BenchmarkShape(name: "28x28x1 * 5x5x32", h: 28, w: 28, ci: 1, k: 5, co: 32),
    BenchmarkShape(name: "12x12x32 * 3x3x64", h: 12, w: 12, ci: 32, k: 3, co: 64),
    BenchmarkShape(name: "5x5x64 * 1x1x128", h: 5, w: 5, ci: 64, k: 1, co: 128),
    BenchmarkShape(name: "28x28x1 * 3x3x32", h: 28, w: 28, ci: 1, k: 3, co: 32),
    BenchmarkShape(name: "26x26x32 * 3x3x64", h: 26, w: 26, ci: 32, k: 3, co: 64),
    BenchmarkShape(name: "matmul 200x9216x128", h: 0, w: 0, ci: 9216, k: 0, co: 128),
    BenchmarkShape(name: "matmul 200x512x128", h: 0, w: 0, ci: 512, k: 0, co: 128),
    BenchmarkShape(name: "56x56x64 * 3x3x64 same", n: 16, h: 56, w: 56, ci: 64, k: 3, co: 64, pad: 1),
    BenchmarkShape(name: "28x28x48 * 3x3x80 stride 2", n: 64, h: 28, w: 28, ci: 48, k: 3, co: 80, stride: 2, pad: 1),
    BenchmarkShape(name: "14x14x37 * 3x3x53 same", n: 64, h: 14, w: 14, ci: 37, k: 3, co: 53, pad: 1),
    BenchmarkShape(name: "28x28x64 * 3x3x64 4 groups", n: 64, h: 28, w: 28, ci: 64, k: 3, co: 64, pad: 1, groups: 4),
    BenchmarkShape(name: "28x28x64 * 3x3 depthwise", n: 64, h: 28, w: 28, ci: 64, k: 3, co: 64, pad: 1, groups: 64),
  ]

  func measure(_ kernels: ath_kernel_table, _ pool: OpaquePointer) -> [KernelBenchmark.Figures] {
    h == 0 ? products(kernels, pool) : convolutions(kernels, pool)
  }

  private func figures(_ pass: String, _ flops: Double, _ body: () -> Void) -> KernelBenchmark.Figures {
    body()
    let once = seconds(body)
    let time = medianSeconds(max(5, min(200, Int(0.3 / max(once, 1e-6)))), body)
    return KernelBenchmark.Figures(name: name, pass: pass, gigaflops: flops / time * 1e-9, milliseconds: time * 1e3)
  }

  private func convolutions(_ kernels: ath_kernel_table, _ pool: OpaquePointer) -> [KernelBenchmark.Figures] {
    let (oh, ow) = ((h + 2 * pad - k) / stride + 1, (w + 2 * pad - k) / stride + 1)
    let shape = ath_conv2d_shape(
      n: n, h: h, w: w, ci: ci, kh: k, kw: k, co: co, oh: oh, ow: ow, stride_h: stride, stride_w: stride, dilation_h: 1,
      dilation_w: 1, pad_top: pad, pad_left: pad, groups: groups)
    let flops = 2 * Double(n * oh * ow * co) * Double(k * k * ci / groups)
    let x = Memory(n * h * w * ci), y = Memory(n * oh * ow * co), weights = Memory(k * k * ci / groups * co)
    let bias = Memory(co), dx = Memory(x.count), dweights = Memory(weights.count)
    var forward = ath_conv2d_forward_args(
      shape: shape, x: x.base, weights: weights.base, bias: bias.base, y: y.base, activation: ATH_ACTIVATION_NONE,
      scratch: nil)
    var input = ath_conv2d_input_gradient_args(
      shape: shape, dy: y.base, weights: weights.base, dx: dx.base, scratch: nil)
    var weight = ath_conv2d_weight_gradient_args(
      shape: shape, x: x.base, dy: y.base, dweights: dweights.base, dbias: bias.base, scratch: nil)
    let scratch = Memory(
      Int64(
        max(
          kernels.conv2d_forward_scratch_bytes(&forward), kernels.conv2d_input_gradient_scratch_bytes(&input),
          kernels.conv2d_weight_gradient_scratch_bytes(&weight)) / 4 + 16))
    (forward.scratch, input.scratch, weight.scratch) = (scratch.base, scratch.base, scratch.base)
    let owners = [x, y, weights, bias, dx, dweights, scratch]
    return withExtendedLifetime(owners) {
      [
        figures("forward", flops) { kernels.conv2d_forward(&forward, pool) },
        figures("input gradient", flops) { kernels.conv2d_input_gradient(&input, pool) },
        figures("weight gradient", flops) { kernels.conv2d_weight_gradient(&weight, pool) },
      ]
    }
  }

  private func products(_ kernels: ath_kernel_table, _ pool: OpaquePointer) -> [KernelBenchmark.Figures] {
    let x = Memory(n * ci), weights = Memory(ci * co), y = Memory(n * co)
    func product(
      _ pass: String, _ m: Int64, _ columns: Int64, _ steps: Int64, _ a: Memory, _ b: Memory, _ c: Memory,
      transposeA: Bool = false, transposeB: Bool = false
    ) -> KernelBenchmark.Figures {
      var arguments = ath_matmul_args(
        batch: 1, m: m, n: columns, k: steps, transpose_a: transposeA, transpose_b: transposeB, a: a.base, b: b.base,
        bias: nil, c: c.base, activation: ATH_ACTIVATION_NONE, scratch: nil)
      let scratch = Memory(Int64(kernels.matmul_scratch_bytes(&arguments) / 4 + 16))
      arguments.scratch = UnsafeMutableRawPointer(scratch.base)
      return withExtendedLifetime([a, b, c, scratch]) {
        figures(pass, 2 * Double(m * columns * steps)) { kernels.matmul(&arguments, pool) }
      }
    }
    return [
      product("forward", n, co, ci, x, weights, y),
      product("input gradient", n, ci, co, y, weights, x, transposeB: true),
      product("weight gradient", ci, co, n, x, y, weights, transposeA: true),
    ]
  }
}

/// Numbers of a range of length 1, by default of both signs, aligned as kernels want them.
final class Memory {
  let count: Int64
  let base: UnsafeMutableRawPointer

  init(_ count: Int64, from start: Float = -0.5) {
    self.count = count
    base = UnsafeMutableRawPointer.allocate(byteCount: max(64, Int(count) * 4), alignment: 64)
    for place in 0..<Int(count) {
      base.storeBytes(of: Float((place &* 7919) % 1009) / 1009 + start, toByteOffset: place * 4, as: Float.self)
    }
  }

  deinit { base.deallocate() }
}
