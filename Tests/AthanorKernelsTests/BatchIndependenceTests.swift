import AthanorKernels
import Testing

/// One example's bits do not depend on the batch in which it is computed: the order of additions follows from the shape of one
/// example alone.
@Suite struct BatchIndependenceTests {
  private static let batches = [1, 7, 32, 33]

  /// Computes the batches with teams of 1 and 2 threads and compares the first example's bits.
  private func expectSameFirstExample(
    _ count: Int, _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (_ batch: Int, Pool) -> [Float]
  ) throws {
    var first: [Float]?
    for threads in [1, 2] {
      let pool = try Pool(threads)
      for batch in Self.batches {
        let example = Array(body(batch, pool).prefix(count))
        if let first {
          #expect(identical(example, first), "\(what), batch \(batch)", sourceLocation: sourceLocation)
        } else {
          first = example
        }
      }
    }
  }

  /// Narrow and wide, around the lengths at which sums are cut.
  @Test(arguments: Table.all, [1, 10, 128, 257, 272, 320, 512])
  func matrixProducts(table: Table, columns: Int) throws {
    for inner in [1, 255, 256, 257, 300, 341, 342, 1000] {
      for isTransposed in [false, true] {
        var random = Random(3)
        let a = Buffer(random.floats(33 * inner)), b = Buffer(random.floats(inner * columns))
        let bias = Buffer(random.floats(columns))
        try expectSameFirstExample(columns, "[N, \(inner)] [\(inner), \(columns)]") { batch, pool in
          let c = Buffer<Float>(undefined: batch * columns)
          var args = ath_matmul_args()
          (args.batch, args.m, args.n, args.k) = (1, Int64(batch), Int64(columns), Int64(inner))
          args.transpose_b = isTransposed
          (args.a, args.b) = (UnsafeRawPointer(a.pointer), UnsafeRawPointer(b.pointer))
          (args.bias, args.c) = (UnsafeRawPointer(bias.pointer), UnsafeMutableRawPointer(c.pointer))
          call(table.kernels.matmul, args, on: pool, keeping: [a, b, bias, c])
          return c.values
        }
      }
    }
  }

  @Test(arguments: Table.all, ConvolutionCase.all)
  func convolutions(table: Table, one: ConvolutionCase) throws {
    var random = Random(4)
    let x = Buffer(random.floats(33 * one.h * one.w * one.ci))
    let weights = Buffer(random.floats(one.kh * one.kw * one.ci / one.groups * one.co)),
      bias = Buffer(random.floats(one.co))
    let count = Int(one.shape.oh * one.shape.ow) * one.co
    try expectSameFirstExample(count, one.testDescription) { batch, pool in
      var shape = one.shape
      shape.n = Int64(batch)
      let y = Buffer<Float>(undefined: batch * count)
      var args = ath_conv2d_forward_args(
        shape: shape, x: x.pointer, weights: weights.pointer, bias: one.bias ? bias.pointer : nil, y: y.pointer,
        activation: one.relu ? ATH_ACTIVATION_RELU : ATH_ACTIVATION_NONE, scratch: nil)
      let memory = scratch(table.kernels.conv2d_forward_scratch_bytes(&args))
      args.scratch = UnsafeMutableRawPointer(memory.pointer)
      call(table.kernels.conv2d_forward, args, on: pool, keeping: [x, weights, bias, y, memory])
      return y.values
    }
  }

  /// Windows of three rows, so that bands of a large batch's images begin at odd rows.
  private static let pooled = [
    PooledCase(
      convolution: ConvolutionCase(h: 30, w: 30, ci: 32, co: 64, padBefore: (1, 1), padAfter: (1, 1)), size: (3, 3),
      strides: (3, 3)),
    PooledCase(convolution: ConvolutionCase(h: 29, w: 23, ci: 48, co: 48), padBefore: (1, 1)),
  ]

  @Test(arguments: Table.all, PooledCase.all + pooled)
  func pooledConvolutions(table: Table, one: PooledCase) throws {
    let convolution = one.convolution
    var random = Random(5)
    let x = Buffer(random.floats(33 * convolution.h * convolution.w * convolution.ci))
    let weights = Buffer(random.floats(convolution.kh * convolution.kw * convolution.ci * convolution.co))
    let count = Int(one.pool.oh * one.pool.ow * one.pool.c)
    try expectSameFirstExample(count, one.testDescription) { batch, pool in
      var (shape, pooling) = (convolution.shape, one.pool)
      (shape.n, pooling.n) = (Int64(batch), Int64(batch))
      let y = Buffer<Float>(undefined: batch * count)
      var args = ath_conv2d_pooled_forward_args(
        shape: shape, pool: pooling, x: x.pointer, weights: weights.pointer, bias: nil, activation: ATH_ACTIVATION_RELU,
        y: y.pointer, index: nil, scratch: nil)
      let memory = scratch(table.kernels.conv2d_pooled_forward_scratch_bytes(&args))
      args.scratch = UnsafeMutableRawPointer(memory.pointer)
      call(table.kernels.conv2d_pooled_forward, args, on: pool, keeping: [x, weights, y, memory])
      return y.values
    }
  }

  /// Sums of large numbers of either sign that nearly cancel, so that another order of additions shows after rounding.
  @Test(arguments: Table.all, [1, 3, 64])
  func reductions(table: Table, inner: Int) throws {
    let axis = 160_000 / inner
    var random = Random(6)
    let example = (0..<axis * inner).map { _ in random.float() * (random.int(0...1) == 0 ? 1e-4 : 1e9) }
    let mirrored = example.map { abs($0) > 1 ? -$0 : $0 }
    let x = Buffer(
      Array(repeatElement(example, count: 33).joined()).enumerated().map { place, value in
        // The large numbers of the first half come back, negated, in the second: what is left are the small ones.
        let here = place % (axis * inner)
        return here < axis / 2 * inner ? value : mirrored[here - axis / 2 * inner]
      })
    for function in [ATH_REDUCE_SUM, ATH_REDUCE_MEAN, ATH_REDUCE_MAX] {
      try expectSameFirstExample(inner, "reduction \(function.rawValue) of [\(axis), \(inner)]") { batch, pool in
        let y = Buffer<Float>(undefined: batch * inner)
        var args = ath_reduce_args(
          function: function, outer: Int64(batch), axis: Int64(axis), inner: Int64(inner), x: x.pointer, y: y.pointer,
          scratch: nil)
        let memory = scratch(table.kernels.reduce_scratch_bytes(&args))
        args.scratch = UnsafeMutableRawPointer(memory.pointer)
        call(table.kernels.reduce, args, on: pool, keeping: [x, y, memory])
        #expect(y.isGuardIntact && memory.isGuardIntact)
        return y.values
      }
    }
  }
}
