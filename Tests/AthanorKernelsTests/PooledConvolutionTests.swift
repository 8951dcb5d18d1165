import AthanorKernels
import Testing

/// A convolution before a max-pooling.
struct PooledCase: Sendable, CustomTestStringConvertible {
  var convolution: ConvolutionCase
  var size = (2, 2), strides = (2, 2), padBefore = (0, 0), padAfter = (0, 0)
  var relu = true
  /// The input is taken for a ReLU's result.
  var masksInput: Bool { zeros % 2 == 1 }
  /// One gradient in so many is zero, as behind a dropout.
  var zeros = 3

  var testDescription: String { "\(convolution.testDescription), pooling \(size) stride \(strides) pad \(padBefore)" }

  var pool: ath_pool2d_shape {
    let y = convolution.shape
    let oh = (Int(y.oh) + padBefore.0 + padAfter.0 - size.0) / strides.0 + 1
    let ow = (Int(y.ow) + padBefore.1 + padAfter.1 - size.1) / strides.1 + 1
    return ath_pool2d_shape(
      n: y.n, h: y.oh, w: y.ow, c: y.co, kh: Int64(size.0), kw: Int64(size.1), oh: Int64(oh), ow: Int64(ow),
      stride_h: Int64(strides.0), stride_w: Int64(strides.1), pad_top: Int64(padBefore.0), pad_left: Int64(padBefore.1))
  }

  static let all: [PooledCase] = {
    var cases = [
      PooledCase(convolution: ConvolutionCase(n: 3, h: 28, w: 28, ci: 1, kh: 5, kw: 5, co: 32)),
      PooledCase(convolution: ConvolutionCase(n: 5, h: 12, w: 12, ci: 32, co: 64)),
      PooledCase(convolution: ConvolutionCase(n: 2, h: 26, w: 26, ci: 32, co: 64), zeros: 1000),
      PooledCase(convolution: ConvolutionCase(n: 7, h: 5, w: 5, ci: 64, kh: 1, kw: 1, co: 128)),
      PooledCase(convolution: ConvolutionCase(n: 1, h: 9, w: 9, ci: 130, co: 17), relu: false),
      PooledCase(
        convolution: ConvolutionCase(n: 2, h: 9, w: 8, ci: 3, co: 17, padBefore: (1, 1), padAfter: (1, 1)),
        padAfter: (1, 0)),
      PooledCase(
        convolution: ConvolutionCase(
          n: 2, h: 7, w: 8, ci: 20, kh: 4, kw: 2, co: 33, padBefore: (1, 0), padAfter: (2, 1)),
        size: (3, 2), strides: (3, 4), padBefore: (1, 0)),
      PooledCase(
        convolution: ConvolutionCase(n: 1, h: 2, w: 2, ci: 5, co: 5, padBefore: (2, 2), padAfter: (2, 2)), size: (1, 3),
        strides: (1, 3)),
      PooledCase(convolution: ConvolutionCase(n: 3, h: 6, w: 6, ci: 16, kh: 3, kw: 3, co: 16), size: (4, 4)),
    ]
    var random = Random(21)
    let channels = [1, 3, 8, 15, 16, 17, 31, 40, 64, 70]
    for _ in 0..<30 {
      var one = ConvolutionCase(n: random.int(1...20), h: random.int(5...15), w: random.int(5...15))
      (one.ci, one.co) = (channels[random.int(0...9)], channels[random.int(0...9)])
      (one.kh, one.kw) = (random.int(1...3), random.int(1...3))
      (one.padBefore, one.padAfter) = ((random.int(0...2), random.int(0...2)), (random.int(0...2), random.int(0...2)))
      var pooled = PooledCase(convolution: one, size: (random.int(1...3), random.int(1...3)))
      pooled.strides = (pooled.size.0 + random.int(0...1), pooled.size.1 + random.int(0...1))
      (pooled.relu, pooled.zeros) = (random.int(0...1) == 1, random.int(1...4))
      cases.append(pooled)
    }
    return cases
  }()
}

@Suite struct PooledConvolutionTests {
  /// Each instruction set against the double reference (which writes dy out), at 1, 2 and 4 threads.
  @Test(arguments: Table.all, PooledCase.all)
  func matchesDoubleReference(table: Table, one: PooledCase) throws {
    let (shape, pool) = (one.convolution.shape, one.pool)
    var random = Random(3)
    let x = random.floats(Int(shape.n * shape.h * shape.w * shape.ci))
    let weights = random.floats(Int(shape.kh * shape.kw * shape.ci * shape.co))
    let pooled = random.floats(Int(pool.n * pool.oh * pool.ow * pool.c))
    let dpooled = random.floats(pooled.count).map { one.zeros > 1 && random.int(1...one.zeros) == 1 ? 0 : $0 }
    let y = Buffer<Float>(random.floats(Int(pool.n * pool.h * pool.w * pool.c)))
    let index = Buffer<UInt16>(undefined: pooled.count)
    let scratchPooled = Buffer<Float>(undefined: pooled.count)
    let two = try Pool(2)
    let pooling = ath_max_pool2d_forward_args(shape: pool, x: y.pointer, y: scratchPooled.pointer, index: index.pointer)
    call(Table.all[0].kernels.max_pool2d_forward, pooling, on: two, keeping: [y, scratchPooled, index])

    let want = gradients(
      Table.double, one, two, Buffer(x.doubles), Buffer(weights.doubles), Buffer(pooled.doubles),
      Buffer(dpooled.doubles), index)
    let magnitude = gradients(
      Table.double, one, two, Buffer(x.doubles.map { abs($0) + 1e-9 }), Buffer(weights.doubles.map(abs)),
      Buffer(pooled.doubles),
      Buffer(dpooled.doubles.map(abs)), index)
    let (got, agree) = try onEveryTeam { team in
      gradients(table.kernels, one, team, Buffer(x), Buffer(weights), Buffer(pooled), Buffer(dpooled), index)
    }
    #expect(agree, "results depend on the number of threads")
    let terms = [Int(shape.kh * shape.kw * shape.co), Int(shape.n * shape.oh * shape.ow), pooled.count]
    for (place, name) in ["dx", "dweights", "dbias"].enumerated() {
      let allowed = { (e: Int) in Double(terms[place] + 19) * roundoff * magnitude[place][e] + 1e-30 }
      #expect(worst(got[place], want[place], allowed: allowed) <= 1, "\(name)")
    }
  }

  /// The fused forward pass gives the very bits of a convolution followed by a pooling.
  @Test(arguments: Table.all, PooledCase.all)
  func forwardIsConvolutionThenPooling(table: Table, one: PooledCase) throws {
    let (kernels, shape, pool) = (table.kernels, one.convolution.shape, one.pool)
    let count = Int(pool.n * pool.oh * pool.ow * pool.c)
    var random = Random(4)
    let x = Buffer(random.floats(Int(shape.n * shape.h * shape.w * shape.ci)))
    let weights = Buffer(random.floats(Int(shape.kh * shape.kw * shape.ci * shape.co)))
    let bias = Buffer(random.floats(one.convolution.co))
    let activation = one.relu ? ATH_ACTIVATION_RELU : ATH_ACTIVATION_NONE
    let owners: [AnyObject] = [x, weights, bias]
    let (got, agree) = try onEveryTeam { team in
      let y = Buffer<Float>(undefined: count), index = Buffer<UInt16>(undefined: count)
      var fused = ath_conv2d_pooled_forward_args(
        shape: shape, pool: pool, x: x.pointer, weights: weights.pointer, bias: bias.pointer, activation: activation,
        y: y.pointer, index: index.pointer, scratch: nil)
      let memory = scratch(kernels.conv2d_pooled_forward_scratch_bytes(&fused))
      fused.scratch = UnsafeMutableRawPointer(memory.pointer)
      call(kernels.conv2d_pooled_forward, fused, on: team, keeping: owners + [y, index, memory])
      for intact in [memory.isGuardIntact, y.isGuardIntact, index.isGuardIntact] { #expect(intact, "overrun") }
      return [y.values, index.values.map(Float.init)]
    }
    #expect(agree, "results depend on the number of threads")

    let team = try Pool(2)
    let between = Buffer<Float>(undefined: Int(pool.n * pool.h * pool.w * pool.c))
    let y = Buffer<Float>(undefined: count), index = Buffer<UInt16>(undefined: count)
    var forward = ath_conv2d_forward_args(
      shape: shape, x: x.pointer, weights: weights.pointer, bias: bias.pointer, y: between.pointer,
      activation: activation, scratch: nil)
    let memory = scratch(kernels.conv2d_forward_scratch_bytes(&forward))
    forward.scratch = UnsafeMutableRawPointer(memory.pointer)
    call(kernels.conv2d_forward, forward, on: team, keeping: owners + [between, memory])
    let pooling = ath_max_pool2d_forward_args(shape: pool, x: between.pointer, y: y.pointer, index: index.pointer)
    call(kernels.max_pool2d_forward, pooling, on: team, keeping: [between, y, index])
    #expect(identical(got[0], y.values))
    #expect(identical(got[1], index.values.map(Float.init)))
  }

  private func gradients<Element: Real>(
    _ kernels: ath_kernel_table, _ one: PooledCase, _ pool: Pool, _ x: Buffer<Element>, _ weights: Buffer<Element>,
    _ pooled: Buffer<Element>, _ dpooled: Buffer<Element>, _ index: Buffer<UInt16>
  ) -> [[Element]] {
    let dx = Buffer<Element>(undefined: x.count), dweights = Buffer<Element>(undefined: weights.count)
    let dbias = Buffer<Element>(undefined: one.convolution.co)
    let dy = ath_pooled_gradient(
      shape: one.pool, dpooled: dpooled.pointer, index: index.pointer, pooled: one.relu ? pooled.pointer : nil)
    let owners: [AnyObject] = [x, weights, pooled, dpooled, index, dx, dweights, dbias]

    var input = ath_conv2d_pooled_input_gradient_args(
      shape: one.convolution.shape, dy: dy, weights: weights.pointer,
      relu: one.masksInput ? x.pointer : nil, dx: dx.pointer, scratch: nil)
    let scratch1 = scratch(kernels.conv2d_pooled_input_gradient_scratch_bytes(&input))
    input.scratch = UnsafeMutableRawPointer(scratch1.pointer)
    call(kernels.conv2d_pooled_input_gradient, input, on: pool, keeping: owners + [scratch1])

    var gradient = ath_conv2d_pooled_weight_gradient_args(
      shape: one.convolution.shape, dy: dy, x: x.pointer, dweights: dweights.pointer, dbias: dbias.pointer, scratch: nil
    )
    let scratch2 = scratch(kernels.conv2d_pooled_weight_gradient_scratch_bytes(&gradient))
    gradient.scratch = UnsafeMutableRawPointer(scratch2.pointer)
    call(kernels.conv2d_pooled_weight_gradient, gradient, on: pool, keeping: owners + [scratch2])
    for intact in [scratch1, scratch2].map(\.isGuardIntact) { #expect(intact, "scratch overrun") }
    for intact in [dx, dweights, dbias].map(\.isGuardIntact) { #expect(intact, "result overrun") }
    return [dx.values, dweights.values, dbias.values]
  }
}
