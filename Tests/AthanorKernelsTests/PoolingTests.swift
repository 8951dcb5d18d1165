import AthanorKernels
import Testing

struct PoolingCase: Sendable, CustomTestStringConvertible {
  var n = 2, h = 6, w = 6, c = 5, kernel = (2, 2), strides = (2, 2), padBefore = (0, 0), padAfter = (0, 0)

  var testDescription: String {
    "\(n)x\(h)x\(w)x\(c) window \(kernel) strides \(strides) pad \(padBefore)\(padAfter)"
  }

  var shape: ath_pool2d_shape {
    let oh = (h + padBefore.0 + padAfter.0 - kernel.0) / strides.0 + 1
    let ow = (w + padBefore.1 + padAfter.1 - kernel.1) / strides.1 + 1
    return ath_pool2d_shape(
      n: Int64(n), h: Int64(h), w: Int64(w), c: Int64(c), kh: Int64(kernel.0), kw: Int64(kernel.1), oh: Int64(oh),
      ow: Int64(ow), stride_h: Int64(strides.0), stride_w: Int64(strides.1), pad_top: Int64(padBefore.0),
      pad_left: Int64(padBefore.1))
  }

  static let all: [PoolingCase] =
    [1, 3, 8, 16, 17, 31, 33, 65].map { PoolingCase(c: $0) } + [
      PoolingCase(n: 3, h: 24, w: 24, c: 32),
      PoolingCase(h: 7, w: 5),  // a last row and column that no window covers
      PoolingCase(h: 7, w: 5, padAfter: (1, 1)),
      PoolingCase(h: 7, w: 6, c: 18, padBefore: (1, 1), padAfter: (1, 1)),
      PoolingCase(h: 7, w: 8, c: 18, kernel: (3, 3), strides: (1, 2), padBefore: (1, 1), padAfter: (1, 1)),
      PoolingCase(h: 9, w: 9, c: 20, kernel: (2, 3), strides: (4, 3)),
      PoolingCase(n: 3, h: 12, w: 13, c: 37, kernel: (3, 3), strides: (2, 2), padBefore: (0, 1), padAfter: (1, 1)),
      PoolingCase(h: 8, w: 8, c: 16, kernel: (3, 2), strides: (1, 1)),
      PoolingCase(h: 5, w: 5, c: 34, kernel: (5, 5), strides: (5, 5)),
      PoolingCase(n: 1, h: 1, w: 9, c: 2, kernel: (1, 2), strides: (1, 2)),
    ]
}

@Suite struct PoolingTests {
  /// Few different values, so that windows hold equals; negative ones and a NaN here and there.
  private func values(_ count: Int) -> [Float] {
    var random = Random(5)
    return (0..<count).map { _ in random.int(0...60) == 0 ? .nan : Float(random.int(-4...4)) }
  }

  /// The maximum by the contract's words: places in reading order, first among equals, NaN greater than everything.
  private func expected(_ one: PoolingCase, _ x: [Float]) -> (y: [Float], index: [UInt16]) {
    let s = one.shape
    var y: [Float] = [], index: [UInt16] = []
    for b in 0..<one.n {
      for i in 0..<Int(s.oh) {
        for j in 0..<Int(s.ow) {
          for c in 0..<one.c {
            var best: (value: Float, place: Int)?
            for r in 0..<one.kernel.0 {
              for t in 0..<one.kernel.1 {
                let (row, column) = (i * one.strides.0 + r - one.padBefore.0, j * one.strides.1 + t - one.padBefore.1)
                guard row >= 0, row < one.h, column >= 0, column < one.w else { continue }
                let value = x[((b * one.h + row) * one.w + column) * one.c + c]
                guard let known = best else {
                  best = (value, r * one.kernel.1 + t)
                  continue
                }
                if value > known.value || (value.isNaN && !known.value.isNaN) { best = (value, r * one.kernel.1 + t) }
              }
            }
            y.append(best?.value ?? 0)
            index.append(UInt16(best?.place ?? 0))
          }
        }
      }
    }
    return (y, index)
  }

  @Test(arguments: Table.all, PoolingCase.all)
  func maximum(table: Table, one: PoolingCase) throws {
    let input = values(one.n * one.h * one.w * one.c)
    let (wantY, wantIndex) = expected(one, input)
    let x = Buffer(input)
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer<Float>(undefined: wantY.count), index = Buffer<UInt16>(undefined: wantY.count)
      let other = Buffer<Float>(undefined: wantY.count)
      let args = ath_max_pool2d_forward_args(shape: one.shape, x: x.pointer, y: y.pointer, index: index.pointer)
      call(table.kernels.max_pool2d_forward, args, on: pool, keeping: [x, y, index])
      let bare = ath_max_pool2d_forward_args(shape: one.shape, x: x.pointer, y: other.pointer, index: nil)
      call(table.kernels.max_pool2d_forward, bare, on: pool, keeping: [x, other])
      #expect(y.isGuardIntact && index.isGuardIntact)
      #expect(identical(y.values, other.values), "without an index")
      return [y.values, index.values.map(Float.init)]
    }
    #expect(agree)
    #expect(worst(got[0], wantY.doubles) { _ in 1e-30 } == 0)
    #expect(got[1] == wantIndex.map(Float.init))
  }

  @Test(arguments: Table.all, PoolingCase.all)
  func maximumGradient(table: Table, one: PoolingCase) throws {
    for behindRelu in [false, true] { try checkGradient(table, one, behindRelu) }
  }

  private func checkGradient(_ table: Table, _ one: PoolingCase, _ behindRelu: Bool) throws {
    let input = values(one.n * one.h * one.w * one.c)
    let s = one.shape
    let (pooled, places) = expected(one, input)
    // Powers of two: sums of overlapping windows are exact in any order.
    let gradients = (0..<pooled.count).map { Float(1 << ($0 % 11)) }
    var want = [Float](repeating: 0, count: input.count)
    for place in pooled.indices where !(behindRelu && pooled[place] <= 0) {
      let c = place % one.c, j = place / one.c % Int(s.ow), i = place / one.c / Int(s.ow) % Int(s.oh)
      let b = place / (one.c * Int(s.ow * s.oh))
      let row = i * one.strides.0 - one.padBefore.0 + Int(places[place]) / one.kernel.1
      let column = j * one.strides.1 - one.padBefore.1 + Int(places[place]) % one.kernel.1
      want[((b * one.h + row) * one.w + column) * one.c + c] += gradients[place]
    }
    let (dy, index, y) = (Buffer(gradients), Buffer(places), Buffer(pooled))
    let (got, agree) = try onEveryTeam { pool in
      let dx = Buffer<Float>(undefined: input.count)
      let args = ath_max_pool2d_gradient_args(
        shape: s, dy: dy.pointer, index: index.pointer, y: behindRelu ? y.pointer : nil, dx: dx.pointer)
      call(table.kernels.max_pool2d_gradient, args, on: pool, keeping: [dy, index, y, dx])
      #expect(dx.isGuardIntact)
      return [dx.values]
    }
    #expect(agree)
    #expect(got[0] == want)
  }

  /// Windows that overlap add in the reference's order, bit for bit.
  @Test(arguments: Table.all, PoolingCase.all.filter { $0.kernel.0 > $0.strides.0 || $0.kernel.1 > $0.strides.1 })
  func overlappingGradient(table: Table, one: PoolingCase) throws {
    let input = values(one.n * one.h * one.w * one.c)
    let (pooled, places) = expected(one, input)
    var random = Random(8)
    let (dy, index, y) = (Buffer(random.floats(pooled.count)), Buffer(places), Buffer(pooled))
    let pool = try Pool(1)
    let results = [table, Table.all[0]].map { table in
      let dx = Buffer<Float>(undefined: input.count)
      let args = ath_max_pool2d_gradient_args(
        shape: one.shape, dy: dy.pointer, index: index.pointer, y: y.pointer, dx: dx.pointer)
      call(table.kernels.max_pool2d_gradient, args, on: pool, keeping: [dy, index, y, dx])
      return dx.values
    }
    #expect(identical(results[0], results[1]))
  }

  @Test(arguments: Table.all, PoolingCase.all)
  func average(table: Table, one: PoolingCase) throws {
    let s = one.shape
    var random = Random(9)
    let input = random.floats(one.n * one.h * one.w * one.c)
    let gradients = random.floats(one.n * Int(s.oh * s.ow) * one.c)
    var wantY = [Double](repeating: 0, count: gradients.count)
    var wantDx = [Double](repeating: 0, count: input.count)
    for place in gradients.indices {
      let c = place % one.c, j = place / one.c % Int(s.ow), i = place / one.c / Int(s.ow) % Int(s.oh)
      let b = place / (one.c * Int(s.ow * s.oh))
      var covered: [Int] = []
      for r in 0..<one.kernel.0 {
        for t in 0..<one.kernel.1 {
          let (row, column) = (i * one.strides.0 + r - one.padBefore.0, j * one.strides.1 + t - one.padBefore.1)
          guard row >= 0, row < one.h, column >= 0, column < one.w else { continue }
          covered.append(((b * one.h + row) * one.w + column) * one.c + c)
        }
      }
      wantY[place] = covered.reduce(0) { $0 + Double(input[$1]) } / Double(covered.count)
      for x in covered { wantDx[x] += Double(gradients[place]) / Double(covered.count) }
    }
    let x = Buffer(input), dy = Buffer(gradients)
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer<Float>(undefined: gradients.count), dx = Buffer<Float>(undefined: input.count)
      call(
        table.kernels.average_pool2d_forward,
        ath_average_pool2d_forward_args(shape: s, x: x.pointer, y: y.pointer), on: pool, keeping: [x, y])
      call(
        table.kernels.average_pool2d_gradient,
        ath_average_pool2d_gradient_args(shape: s, dy: dy.pointer, dx: dx.pointer), on: pool, keeping: [dy, dx])
      #expect(y.isGuardIntact && dx.isGuardIntact)
      return [y.values, dx.values]
    }
    #expect(agree)
    let terms = Double(one.kernel.0 * one.kernel.1)
    #expect(worst(got[0], wantY) { _ in (terms + 2) * roundoff } <= 1)
    #expect(worst(got[1], wantDx) { _ in (terms + 2) * terms * roundoff } <= 1)
  }
}
