import AthanorKernels
import Testing

/// One convolution; padding is what `oh` and `ow` and the two pads imply.
struct ConvolutionCase: Sendable, CustomTestStringConvertible {
  var n = 1, h = 5, w = 5, ci = 1, kh = 3, kw = 3, co = 1
  var strides = (1, 1), dilations = (1, 1), padBefore = (0, 0), padAfter = (0, 0), groups = 1
  var relu = false, bias = true

  var testDescription: String {
    "\(n)x\(h)x\(w)x\(ci) * \(kh)x\(kw)x\(co) stride \(strides) dilation \(dilations) pad \(padBefore)\(padAfter) "
      + "groups \(groups)"
  }

  var shape: ath_conv2d_shape {
    let oh = (h + padBefore.0 + padAfter.0 - (kh - 1) * dilations.0 - 1) / strides.0 + 1
    let ow = (w + padBefore.1 + padAfter.1 - (kw - 1) * dilations.1 - 1) / strides.1 + 1
    return ath_conv2d_shape(
      n: Int64(n), h: Int64(h), w: Int64(w), ci: Int64(ci), kh: Int64(kh), kw: Int64(kw), co: Int64(co),
      oh: Int64(oh), ow: Int64(ow), stride_h: Int64(strides.0), stride_w: Int64(strides.1),
      dilation_h: Int64(dilations.0), dilation_w: Int64(dilations.1), pad_top: Int64(padBefore.0),
      pad_left: Int64(padBefore.1), groups: Int64(groups))
  }

  /// Channel counts around every vector width, then strides, dilation, groups and padding, then random mixtures.
  static let all: [ConvolutionCase] = {
    var cases: [ConvolutionCase] = []
    let channels = [1, 3, 5, 8, 15, 16, 17, 31, 33, 48, 63, 65, 80, 130]
    for (place, co) in channels.enumerated() {
      let ci = channels[(place * 5 + 2) % channels.count]
      cases.append(ConvolutionCase(n: 2, h: 7, w: 6, ci: ci, co: co, relu: place % 2 == 0))
    }
    cases += [
      ConvolutionCase(n: 3, h: 28, w: 28, ci: 1, kh: 5, kw: 5, co: 32, relu: true),
      ConvolutionCase(n: 9, h: 12, w: 12, ci: 32, co: 64, relu: true),
      ConvolutionCase(n: 7, h: 5, w: 5, ci: 64, kh: 1, kw: 1, co: 128),
      ConvolutionCase(n: 2, h: 9, w: 8, ci: 3, co: 17, padBefore: (1, 1), padAfter: (1, 1)),
      ConvolutionCase(n: 2, h: 9, w: 8, ci: 16, kh: 4, kw: 2, co: 16, padBefore: (1, 0), padAfter: (2, 1)),
      ConvolutionCase(n: 2, h: 9, w: 11, ci: 5, co: 33, strides: (2, 2), padBefore: (0, 1), padAfter: (1, 1)),
      ConvolutionCase(n: 2, h: 11, w: 9, ci: 16, co: 16, strides: (3, 2), dilations: (2, 1)),
      ConvolutionCase(n: 1, h: 13, w: 12, ci: 8, co: 24, dilations: (2, 3), padBefore: (2, 3), padAfter: (2, 3)),
      ConvolutionCase(n: 1, h: 12, w: 13, ci: 8, co: 24, strides: (2, 2), dilations: (2, 3), padBefore: (4, 1)),
      ConvolutionCase(n: 2, h: 6, w: 6, ci: 12, co: 20, padBefore: (1, 1), padAfter: (1, 1), groups: 4),
      ConvolutionCase(n: 2, h: 6, w: 7, ci: 33, co: 33, strides: (2, 1), padBefore: (1, 1), groups: 33),
      ConvolutionCase(n: 2, h: 6, w: 7, ci: 32, co: 64, padBefore: (1, 1), padAfter: (1, 1), groups: 32),
      ConvolutionCase(n: 3, h: 9, w: 11, ci: 48, co: 48, padBefore: (1, 1), padAfter: (1, 1), groups: 48, relu: true),
      ConvolutionCase(
        n: 2, h: 9, w: 7, ci: 21, kh: 3, kw: 7, co: 21, dilations: (2, 1), padBefore: (2, 4), padAfter: (1, 4),
        groups: 21),
      ConvolutionCase(
        n: 18, h: 4, w: 9, ci: 2, kh: 2, kw: 5, co: 2, strides: (3, 2), dilations: (1, 2), padBefore: (0, 5),
        padAfter: (1, 0), groups: 2),
      ConvolutionCase(n: 1, h: 1, w: 300, ci: 3, kh: 1, kw: 7, co: 19, padBefore: (0, 3), padAfter: (0, 3)),
      ConvolutionCase(n: 1, h: 1, w: 1, ci: 5, co: 5, padBefore: (1, 1), padAfter: (1, 1)),
      ConvolutionCase(n: 1, h: 5, w: 5, ci: 2, kh: 2, kw: 2, co: 3, strides: (4, 4)),
      ConvolutionCase(n: 1, h: 6, w: 6, ci: 512, co: 70, padBefore: (1, 1), padAfter: (1, 1)),
      ConvolutionCase(n: 1, h: 6, w: 6, ci: 20, co: 300, padBefore: (1, 1), padAfter: (1, 1)),
      // Rows so long that no band of them fits into a worker's buffer.
      ConvolutionCase(n: 1, h: 4, w: 3000, ci: 40, co: 18, padBefore: (1, 1), padAfter: (1, 1)),
    ]
    var random = Random(20)
    for _ in 0..<60 {
      let groups = [1, 1, 1, 2, 3][random.int(0...4)]
      var one = ConvolutionCase(n: random.int(1...6), h: random.int(3...15), w: random.int(3...15))
      one.groups = groups
      one.ci = groups * channels[random.int(0...9)]
      one.co = groups * channels[random.int(0...9)]
      (one.kh, one.kw) = (random.int(1...3), random.int(1...3))
      one.strides = (random.int(1...3), random.int(1...3))
      one.padBefore = (random.int(0...3), random.int(0...3))
      one.padAfter = (random.int(0...2), random.int(0...2))
      if one.h >= 5 && one.w >= 5 { one.dilations = (random.int(1...2), random.int(1...2)) }
      (one.relu, one.bias) = (random.int(0...1) == 1, random.int(0...1) == 1)
      cases.append(one)
    }
    return cases
  }()
}

/// Inputs, and by the double reference: the results, and for each the sum of the magnitudes of its terms.
private struct Prepared {
  let shape: ath_conv2d_shape
  let x, weights, bias, dy: [Float]
  var y: [Double] = [], yMagnitude: [Double] = []
  var dx: [Double] = [], dxMagnitude: [Double] = []
  var dweights: [Double] = [], dweightsMagnitude: [Double] = []
  var dbias: [Double] = [], dbiasMagnitude: [Double] = []

  init(_ one: ConvolutionCase) throws {
    shape = one.shape
    var random = Random(7)
    x = random.floats(one.n * one.h * one.w * one.ci)
    weights = random.floats(one.kh * one.kw * one.ci / one.groups * one.co)
    bias = random.floats(one.co)
    dy = random.floats(one.n * Int(shape.oh * shape.ow) * one.co)
    let pool = try Pool(2)
    (y, dx, dweights, dbias) = run(one, pool, magnitude: false)
    (yMagnitude, dxMagnitude, dweightsMagnitude, dbiasMagnitude) = run(one, pool, magnitude: true)
  }

  private func run(
    _ one: ConvolutionCase, _ pool: Pool, magnitude: Bool
  ) -> ([Double], [Double], [Double], [Double]) {
    let copy = { (values: [Float]) in Buffer(magnitude ? values.doubles.map(abs) : values.doubles) }
    let (x, weights, bias, dy) = (copy(self.x), copy(self.weights), copy(self.bias), copy(self.dy))
    let y = Buffer<Double>(undefined: self.dy.count), dx = Buffer<Double>(undefined: self.x.count)
    let dweights = Buffer<Double>(undefined: self.weights.count), dbias = Buffer<Double>(undefined: one.co)
    let forward = ath_conv2d_forward_args(
      shape: shape, x: x.pointer, weights: weights.pointer, bias: one.bias ? bias.pointer : nil, y: y.pointer,
      activation: one.relu ? ATH_ACTIVATION_RELU : ATH_ACTIVATION_NONE, scratch: nil)
    call(Table.double.conv2d_forward, forward, on: pool, keeping: [x, weights, bias, y])
    let input = ath_conv2d_input_gradient_args(
      shape: shape, dy: dy.pointer, weights: weights.pointer, dx: dx.pointer, scratch: nil)
    call(Table.double.conv2d_input_gradient, input, on: pool, keeping: [dy, weights, dx])
    let gradient = ath_conv2d_weight_gradient_args(
      shape: shape, x: x.pointer, dy: dy.pointer, dweights: dweights.pointer, dbias: dbias.pointer, scratch: nil)
    call(Table.double.conv2d_weight_gradient, gradient, on: pool, keeping: [x, dy, dweights, dbias])
    return (y.values, dx.values, dweights.values, dbias.values)
  }
}

@Suite struct ConvolutionTests {
  /// |computed - exact| <= (terms + 1) * roundoff * sum of the terms' magnitudes, whatever the order of addition
  /// (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); 2 more for bias and partial sums.
  private func bound(_ terms: Int, _ magnitudes: [Double]) -> (Int) -> Double {
    { place in Double(terms + 3) * roundoff * magnitudes[place] + 1e-30 }
  }

  @Test(arguments: Table.all, ConvolutionCase.all)
  func matchesDoubleReference(table: Table, one: ConvolutionCase) throws {
    let want = try Prepared(one)
    let kernels = table.kernels
    let (x, weights) = (Buffer(want.x), Buffer(want.weights))
    let (bias, dy) = (Buffer(want.bias), Buffer(want.dy))
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer<Float>(undefined: want.dy.count), dx = Buffer<Float>(undefined: want.x.count)
      let dweights = Buffer<Float>(undefined: want.weights.count), dbias = Buffer<Float>(undefined: one.co)
      var forward = ath_conv2d_forward_args(
        shape: want.shape, x: x.pointer, weights: weights.pointer, bias: one.bias ? bias.pointer : nil, y: y.pointer,
        activation: one.relu ? ATH_ACTIVATION_RELU : ATH_ACTIVATION_NONE, scratch: nil)
      let scratch1 = scratch(kernels.conv2d_forward_scratch_bytes(&forward))
      forward.scratch = UnsafeMutableRawPointer(scratch1.pointer)
      call(kernels.conv2d_forward, forward, on: pool, keeping: [x, weights, bias, y, scratch1])

      var input = ath_conv2d_input_gradient_args(
        shape: want.shape, dy: dy.pointer, weights: weights.pointer, dx: dx.pointer, scratch: nil)
      let scratch2 = scratch(kernels.conv2d_input_gradient_scratch_bytes(&input))
      input.scratch = UnsafeMutableRawPointer(scratch2.pointer)
      call(kernels.conv2d_input_gradient, input, on: pool, keeping: [dy, weights, dx, scratch2])

      var gradient = ath_conv2d_weight_gradient_args(
        shape: want.shape, x: x.pointer, dy: dy.pointer, dweights: dweights.pointer, dbias: dbias.pointer,
        scratch: nil)
      let scratch3 = scratch(kernels.conv2d_weight_gradient_scratch_bytes(&gradient))
      gradient.scratch = UnsafeMutableRawPointer(scratch3.pointer)
      call(kernels.conv2d_weight_gradient, gradient, on: pool, keeping: [x, dy, dweights, dbias, scratch3])
      for intact in [scratch1, scratch2, scratch3].map(\.isGuardIntact) { #expect(intact, "scratch overrun") }
      for intact in [y, dx, dweights, dbias].map(\.isGuardIntact) { #expect(intact, "result overrun") }
      return [y.values, dx.values, dweights.values, dbias.values]
    }
    #expect(agree, "results depend on the number of threads")
    let kernel = one.kh * one.kw
    let pixels = one.n * Int(want.shape.oh * want.shape.ow)
    #expect(worst(got[0], want.y, allowed: bound(kernel * one.ci / one.groups, want.yMagnitude)) <= 1, "y")
    #expect(worst(got[1], want.dx, allowed: bound(kernel * one.co / one.groups, want.dxMagnitude)) <= 1, "dx")
    #expect(worst(got[2], want.dweights, allowed: bound(pixels, want.dweightsMagnitude)) <= 1, "dweights")
    #expect(worst(got[3], want.dbias, allowed: bound(pixels, want.dbiasMagnitude)) <= 1, "dbias")
  }

  /// The double reference itself, against sums written out by hand.
  @Test func doubleReferenceByHand() throws {
    let pool = try Pool(1)
    let x = Buffer<Double>([1, 2, 3, 4, 5, 6, 7, 8, 9])
    let weights = Buffer<Double>([1, 10, 100, 1000]), bias = Buffer<Double>([0.5])
    let y = Buffer<Double>(undefined: 4)
    let shape = ConvolutionCase(n: 1, h: 3, w: 3, ci: 1, kh: 2, kw: 2, co: 1).shape
    let forward = ath_conv2d_forward_args(
      shape: shape, x: x.pointer, weights: weights.pointer, bias: bias.pointer, y: y.pointer,
      activation: ATH_ACTIVATION_NONE, scratch: nil)
    call(Table.double.conv2d_forward, forward, on: pool, keeping: [x, weights, bias, y])
    #expect(y.values == [5421.5, 6532.5, 8754.5, 9865.5])

    let dy = Buffer<Double>([1, 2, 3, 4]), dx = Buffer<Double>(undefined: 9)
    let input = ath_conv2d_input_gradient_args(
      shape: shape, dy: dy.pointer, weights: weights.pointer, dx: dx.pointer, scratch: nil)
    call(Table.double.conv2d_input_gradient, input, on: pool, keeping: [dy, weights, dx])
    #expect(dx.values == [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000])

    let dweights = Buffer<Double>(undefined: 4), dbias = Buffer<Double>(undefined: 1)
    let gradient = ath_conv2d_weight_gradient_args(
      shape: shape, x: x.pointer, dy: dy.pointer, dweights: dweights.pointer, dbias: dbias.pointer, scratch: nil)
    call(Table.double.conv2d_weight_gradient, gradient, on: pool, keeping: [x, dy, dweights, dbias])
    #expect(dweights.values == [37, 47, 67, 77])
    #expect(dbias.values == [10])
  }

  /// A NaN input reaches every output that it touches, through the fused ReLU too.
  @Test(arguments: Table.all)
  func nanPassesThroughRelu(table: Table) throws {
    let pool = try Pool(1)
    let x = Buffer<Float>([1, .nan, -1, -1]), weights = Buffer<Float>(Array(repeating: 1, count: 20))
    let y = Buffer<Float>(undefined: 80)
    var one = ConvolutionCase(n: 1, h: 2, w: 2, ci: 1, kh: 1, kw: 1, co: 20)
    one.relu = true
    var forward = ath_conv2d_forward_args(
      shape: one.shape, x: x.pointer, weights: weights.pointer, bias: nil, y: y.pointer,
      activation: ATH_ACTIVATION_RELU, scratch: nil)
    let memory = scratch(table.kernels.conv2d_forward_scratch_bytes(&forward))
    forward.scratch = UnsafeMutableRawPointer(memory.pointer)
    call(table.kernels.conv2d_forward, forward, on: pool, keeping: [x, weights, y, memory])
    #expect(y.values[0..<20].allSatisfy { $0 == 1 })
    #expect(y.values[20..<40].allSatisfy { $0.isNaN })
    #expect(y.values[40...].allSatisfy { $0 == 0 })
  }
}
