import AthanorKernels
import Testing

/// Pointwise kernels run at the speed of memory, in place as well: each is compared with a plain negation out of place, which
/// every compiler vectorises, in the same process. The bound is four times as long; a scalar loop takes ten times and more.
@Suite(.serialized) struct VectorisationTests {
  private static let count = 65_536

  /// The shortest of many runs, in clock ticks.
  private func shortest(_ body: () -> Void) -> Duration {
    let clock = ContinuousClock()
    body()
    return (0..<60).map { _ in clock.measure(body) }.min() ?? .zero
  }

  @Test(arguments: Table.all)
  func pointwiseKernels(table: Table) throws {
    let pool = try Pool(1)
    let count = Self.count
    var random = Random(7)
    // 1 and -1 stay what they are through every function here, however often it is applied.
    let signs = (0..<count).map { _ in random.int(0...1) == 0 ? Float(-1) : 1 }
    let x = Buffer(signs), dy = Buffer([Float](repeating: 1, count: count)), y = Buffer<Float>(undefined: count)
    let mask = Buffer(signs.map { UInt8($0 > 0 ? 1 : 0) })
    let kernels = table.kernels
    func unary(_ function: ath_unary, _ result: Buffer<Float>) -> Duration {
      let args = ath_unary_args(
        function: function, count: Int64(count), alpha: 1, x: x.pointer, y: result.pointer)
      return shortest { call(kernels.unary, args, on: pool, keeping: [x, result]) }
    }
    func gradient(_ function: ath_unary, _ result: Buffer<Float>) -> Duration {
      let args = ath_unary_gradient_args(
        function: function, count: Int64(count), alpha: 1, x: x.pointer, y: x.pointer, dy: dy.pointer,
        dx: result.pointer)
      return shortest { call(kernels.unary_gradient, args, on: pool, keeping: [x, dy, result]) }
    }
    func binary(_ function: ath_binary, _ result: Buffer<Float>) -> Duration {
      var args = ath_binary_args()
      (args.function, args.rank, args.dims.0, args.a_strides.0, args.b_strides.0) = (function, 1, Int64(count), 1, 1)
      (args.a, args.b) = (UnsafeRawPointer(x.pointer), UnsafeRawPointer(dy.pointer))
      args.y = UnsafeMutableRawPointer(result.pointer)
      return shortest { call(kernels.binary, args, on: pool, keeping: [x, dy, result]) }
    }
    func dropoutGradient(_ result: Buffer<Float>) -> Duration {
      let args = ath_dropout_gradient_args(
        count: Int64(count), rate: 0, dy: dy.pointer, mask: mask.pointer, dx: result.pointer)
      return shortest { call(kernels.dropout_gradient, args, on: pool, keeping: [dy, mask, result]) }
    }
    let bound = unary(ATH_UNARY_NEGATE, y) * 4
    let times: [(String, Duration)] = [
      ("ReLU's gradient", gradient(ATH_UNARY_RELU, y)),
      ("dropout's gradient", dropoutGradient(y)),
      ("leaky ReLU in place", unary(ATH_UNARY_LEAKY_RELU, x)),
      ("sign in place", unary(ATH_UNARY_SIGN, x)),
      ("product in place", binary(ATH_BINARY_MULTIPLY, x)),
      ("maximum in place", binary(ATH_BINARY_MAXIMUM, y)),
      ("leaky ReLU's gradient in place", gradient(ATH_UNARY_LEAKY_RELU, dy)),
      ("square's gradient", gradient(ATH_UNARY_SQUARE, y)),
      ("ReLU's gradient in place", gradient(ATH_UNARY_RELU, dy)),
      ("dropout's gradient in place", dropoutGradient(dy)),
    ]
    for (name, time) in times { #expect(time <= bound, "\(name): \(time), at most \(bound)") }
  }
}
