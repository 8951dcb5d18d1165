import AthanorCore
import Foundation
import Testing

/// What the operations compute, against plain loops and small examples worked out by hand: finite differences and the
/// reference kernels would not notice an operation that hands its kernel the wrong lengths.
@Suite struct ForwardValueTests {
  /// The first result's numbers, in double, with inputs of batch 2.
  private func values(_ inputs: [(Shape, [Double])], _ build: ([Value]) throws -> Value) throws -> [Double] {
    let builder = GraphBuilder()
    let sources = try inputs.enumerated().map { place, input in
      try builder.source(.input("\(place)"), ValueType(.float32, input.0))
    }
    builder.setResult(.output("y"), try build(sources))
    let bench = try Bench(builder.graph, precision: .double)
    for (place, input) in inputs.enumerated() { try bench.set(.input("\(place)"), .real(input.1)) }
    bench.run()
    return try bench.numbers(.output("y"))
  }

  private func numbers(_ count: Int, seed: UInt64 = 1) -> [Double] {
    var random = Random(seed)
    return (0..<count).map { _ in Double(random.below(2001) - 1000) / 1000 }
  }

  struct WindowCase: Sendable, CustomTestStringConvertible {
    var size = [7, 10]
    let window: Window2D
    var groups = 1
    var testDescription: String { "\(size) \(window) \(groups)" }

    static let all: [WindowCase] = [
      ([3, 3], [1, 1], [1, 1]), ([2, 4], [3, 2], [1, 1]), ([3, 2], [1, 2], [2, 3]),
    ].flatMap {
      kernel, strides, dilations in
      [Window2D.Padding.valid, .same].flatMap { padding in
        [1, 2].map { groups in
          WindowCase(
            window: Window2D(kernel: kernel, strides: strides, dilations: dilations, padding: padding), groups: groups)
        }
      }
    }

    /// Places along an axis and the padding before the first, as TensorFlow documents them.
    func places(_ axis: Int) -> (count: Int, before: Int) {
      let (length, stride) = (size[axis], window.strides[axis])
      let reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1
      if window.padding == .valid { return (Int((Double(length - reach + 1) / Double(stride)).rounded(.up)), 0) }
      let missing = max(reach - (length % stride == 0 ? stride : length % stride), 0)
      return (Int((Double(length) / Double(stride)).rounded(.up)), missing / 2)
    }

    /// Calls `body` for each place: with the picture's pixels under it, and where in the window each is.
    func forEachPlace(_ body: (_ i: Int, _ j: Int, _ pixels: [(r: Int, s: Int, y: Int, x: Int)]) -> Void) {
      let (rows, columns) = (places(0), places(1))
      for i in 0..<rows.count {
        for j in 0..<columns.count {
          var pixels: [(Int, Int, Int, Int)] = []
          for r in 0..<window.kernel[0] {
            for s in 0..<window.kernel[1] {
              let y = i * window.strides[0] + r * window.dilations[0] - rows.before
              let x = j * window.strides[1] + s * window.dilations[1] - columns.before
              if (0..<size[0]).contains(y), (0..<size[1]).contains(x) { pixels.append((r, s, y, x)) }
            }
          }
          body(i, j, pixels)
        }
      }
    }
  }

  @Test(arguments: WindowCase.all)
  func convolution(_ aCase: WindowCase) throws {
    let (h, w, channels, filters) = (aCase.size[0], aCase.size[1], 4, 6)
    let (window, perGroup) = (aCase.window, channels / aCase.groups)
    let x = numbers(2 * h * w * channels)
    let weights = numbers(window.kernel[0] * window.kernel[1] * perGroup * filters, seed: 2)
    var want: [Double] = []
    for n in 0..<2 {
      aCase.forEachPlace { _, _, pixels in
        for k in 0..<filters {
          let first = k / (filters / aCase.groups) * perGroup
          var sum = 0.0
          for pixel in pixels {
            for c in 0..<perGroup {
              let weight = weights[((pixel.r * window.kernel[1] + pixel.s) * perGroup + c) * filters + k]
              sum += weight * x[((n * h + pixel.y) * w + pixel.x) * channels + first + c]
            }
          }
          want.append(sum)
        }
      }
    }
    let shape: Shape = [window.kernel[0], window.kernel[1], perGroup, filters]
    let got = try values([([nil, h, w, channels], x), (shape, weights)]) {
      try $0[0].conv2D($0[1], window, groups: aCase.groups)
    }
    #expect(difference(got, want) < 1e-13)
  }

  @Test(arguments: WindowCase.all.filter { $0.groups == 1 && $0.window.dilations == [1, 1] })
  func pooling(_ aCase: WindowCase) throws {
    let (h, w, channels) = (aCase.size[0], aCase.size[1], 3)
    let x = numbers(2 * h * w * channels)
    var (largest, means): ([Double], [Double]) = ([], [])
    for n in 0..<2 {
      aCase.forEachPlace { _, _, pixels in
        for c in 0..<channels {
          let seen = pixels.map { x[((n * h + $0.y) * w + $0.x) * channels + c] }
          largest.append(seen.max() ?? 0)
          means.append(seen.reduce(0, +) / Double(seen.count))
        }
      }
    }
    let input: (Shape, [Double]) = ([nil, h, w, channels], x)
    #expect(try values([input]) { try $0[0].maxPooled(aCase.window) } == largest)
    #expect(try difference(values([input]) { try $0[0].averagePooled(aCase.window) }, means) < 1e-14)
  }

  @Test func products() throws {
    let (a, b) = (numbers(2 * 3 * 4), numbers(2 * 4 * 5, seed: 2))
    // c[n, i, j] = sum over k of a[n, i, k] * b[n, k, j]
    func product(_ n: Int, _ i: Int, _ j: Int, sharedB: Bool) -> Double {
      var sum = 0.0
      for k in 0..<4 {
        let (left, right) = ((n * 3 + i) * 4 + k, ((sharedB ? 0 : n) * 4 + k) * 5 + j)
        sum += a[left] * b[right]
      }
      return sum
    }
    func all(sharedB: Bool) -> [Double] {
      (0..<2).flatMap { n in
        (0..<3).flatMap { i in (0..<5).map { product(n, i, $0, sharedB: sharedB) } }
      }
    }
    let rows = try values([([nil, 3, 4], a), ([4, 5], Array(b[..<20]))]) { try $0[0].matmul($0[1]) }
    #expect(difference(rows, all(sharedB: true)) < 1e-14)
    let batched: [(Shape, [Double])] = [([nil, 3, 4], a), ([nil, 4, 5], b)]
    #expect(try difference(values(batched) { try $0[0].matmul($0[1]) }, all(sharedB: false)) < 1e-14)
    for (transposeA, transposeB) in [(true, false), (false, true), (true, true)] {
      let got = try values(batched) {
        let left = transposeA ? try $0[0].transposed([0, 2, 1]) : $0[0]
        let right = transposeB ? try $0[1].transposed([0, 2, 1]) : $0[1]
        return try left.apply(MatMul(transposeA: transposeA, transposeB: transposeB, isBatched: true), right)
      }
      #expect(difference(got, all(sharedB: false)) < 1e-14)
    }
    // a^T b, summed over the batch, and a b^T.
    let columns = try values([([nil, 3, 4], a), ([nil, 3, 4], a)]) { try $0[0].apply(MatMul(transposeA: true), $0[1]) }
    var gram = [Double](repeating: 0, count: 16)
    for row in 0..<6 { for e in 0..<16 { gram[e] += a[row * 4 + e / 4] * a[row * 4 + e % 4] } }
    #expect(difference(columns, gram) < 1e-14)
    let outer = try values([([nil, 4], Array(a[..<8])), ([3, 4], Array(a[8..<20]))]) {
      try $0[0].apply(MatMul(transposeB: true), $0[1])
    }
    var dots = [Double](repeating: 0, count: 6)
    for k in 0..<4 { for e in 0..<6 { dots[e] += a[e / 3 * 4 + k] * a[8 + e % 3 * 4 + k] } }
    #expect(difference(outer, dots) < 1e-14)
  }

  @Test func layout() throws {
    // x[n, i, j] = 100 n + 10 i + j
    let x: (Shape, [Double]) = ([nil, 2, 3], [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112])
    #expect(try values([x]) { try $0[0].reshaped([nil, 6]) } == x.1)
    #expect(
      try values([x]) { try $0[0].transposed([2, 0, 1]) } == [0, 10, 100, 110, 1, 11, 101, 111, 2, 12, 102, 112])
    #expect(try values([x]) { try $0[0].sliced(start: [0, 1, 1], lengths: [nil, 1, 2]) } == [11, 12, 111, 112])
    #expect(
      try values([x]) { try $0[0].padded(before: [0, 1, 0], after: [0, 0, 1]) }
        == [0, 0, 0, 0, 0, 1, 2, 0, 10, 11, 12, 0, 0, 0, 0, 0, 100, 101, 102, 0, 110, 111, 112, 0])
    let y: (Shape, [Double]) = ([nil, 2, 1], [-1, -2, -3, -4])
    #expect(
      try values([x, y]) { try concatenate($0) }
        == [0, 1, 2, -1, 10, 11, 12, -2, 100, 101, 102, -3, 110, 111, 112, -4])
    let z: (Shape, [Double]) = ([nil, 1, 3], [7, 8, 9, 4, 5, 6])
    #expect(
      try values([z, x]) { try concatenate($0, axis: 1) }
        == [7, 8, 9, 0, 1, 2, 10, 11, 12, 4, 5, 6, 100, 101, 102, 110, 111, 112])
    #expect(
      try values([([2, 1], [3, 4])]) { try $0[0].apply(BroadcastTo(shape: [2, 2, 2])) } == [3, 3, 4, 4, 3, 3, 4, 4])
    #expect(
      try values([x, ([2, 1], [1000, 2000])]) { try $0[0] + $0[1] }
        == [1000, 1001, 1002, 2010, 2011, 2012, 1100, 1101, 1102, 2110, 2111, 2112])
  }

  @Test func reductions() throws {
    let x: (Shape, [Double]) = ([nil, 2, 3], [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 118])
    #expect(try values([x]) { try $0[0].sum(axes: [2]) } == [3, 33, 303, 339])
    #expect(try values([x]) { try $0[0].sum(axes: [0]) } == [100, 102, 104, 120, 122, 130])
    #expect(try values([x]) { try $0[0].mean(axes: [1]) } == [5, 6, 7, 105, 106, 110])
    #expect(try values([x]) { try $0[0].mean(axes: [0, 2]) } == [51, 62])
    #expect(try values([x]) { try $0[0].max(axes: [1, 2]) } == [12, 118])
    #expect(try values([x]) { try $0[0].max(axes: [0]) } == [100, 101, 102, 110, 111, 118])
    #expect(try values([x]) { try $0[0].apply(DivideByCount(axes: 0..<2)) } == x.1.map { $0 / 4 })
  }

  @Test func classes() throws {
    let x: (Shape, [Double]) = ([nil, 3], [0, 1, 2, 5, 5, -100])
    let sum = 1 + exp(1.0) + exp(2.0)
    let probabilities = [1 / sum, exp(1.0) / sum, exp(2.0) / sum, 0.5, 0.5, 0]
    #expect(try difference(values([x]) { try softmax($0[0]) }, probabilities) < 1e-15)
    let losses = try values([x, ([nil, 3], [0, 0, 1, 0.5, 0.5, 0])]) { try $0[0].softmaxCrossentropy($0[1]) }
    #expect(difference(losses, [log(sum) - 2, log(2.0)]) < 1e-15)
    #expect(try values([x]) { try $0[0].argMax() } == [2, 0])
    #expect(try values([x]) { try $0[0].argMax().oneHot(4) } == [0, 0, 1, 0, 1, 0, 0, 0])
    #expect(try values([x]) { try $0[0].inTopK(1, $0[0].argMax()) } == [1, 1])
    #expect(try values([x]) { try $0[0].inTopK(1, (-$0[0]).argMax()) } == [0, 0])
    #expect(try values([x]) { try $0[0].inTopK(3, (-$0[0]).argMax()) } == [1, 1])
  }

  @Test func batchNormalization() throws {
    let x: (Shape, [Double]) = ([nil, 2, 2], [1, 10, 2, 10, 3, 20, 6, 20])
    let parts: [(Shape, [Double])] = [x, ([2], [2, 3]), ([2], [5, 7])]
    func part(_ place: Int) throws -> [Double] {
      try values(parts) {
        let (y, mean, variance) = try $0[0].batchNormalized(gamma: $0[1], beta: $0[2], epsilon: 0.5)
        return [y, mean, variance][place]
      }
    }
    #expect(try part(1) == [3, 15] && part(2) == [3.5, 25])
    let deviation = 25.5.squareRoot()
    var want: [Double] = []
    for (place, value) in [1.0, 2, 3, 6].enumerated() {
      want.append(5 + 2 * (value - 3) / 2)
      want.append(7 + 3 * (place < 2 ? -5.0 : 5.0) / deviation)
    }
    #expect(try difference(part(0), want) < 1e-14)
  }

  @Test func cumulativeSums() throws {
    let x = [1.0, 2, 3, 4, 5, 6]
    func sums(_ shape: Shape, _ op: CumulativeSum) throws -> [Double] {
      try values([(shape, x)]) { try $0[0].apply(op) }
    }
    #expect(try sums([nil, 3], CumulativeSum(axis: 1)) == [1, 3, 6, 4, 9, 15])
    #expect(try sums([nil, 3], CumulativeSum(axis: 0)) == [1, 2, 3, 5, 7, 9])
    #expect(try sums([nil, 3], CumulativeSum(axis: 1, isReversed: true)) == [6, 5, 3, 15, 11, 6])
    #expect(try sums([nil, 3], CumulativeSum(axis: 1, isExclusive: true)) == [0, 1, 3, 0, 4, 9])
    #expect(try sums([nil, 3], CumulativeSum(axis: 1, isExclusive: true, isReversed: true)) == [5, 3, 0, 11, 6, 0])
    #expect(try sums([1, 3, 2], CumulativeSum(axis: 1)) == [1, 2, 4, 6, 9, 12])
  }

  @Test func choices() throws {
    let x: (Shape, [Double]) = ([nil, 3, 2], (1...12).map { Double($0) })
    #expect(try values([x]) { try $0[0].taking([2, 0, 0], axis: 1) } == [5, 6, 1, 2, 1, 2, 11, 12, 7, 8, 7, 8])
    let row: (Shape, [Double]) = ([nil, 2], [1, 0, .nan, -0.0])
    let infinity = Double.infinity
    #expect(
      try values([row]) { try $0[0].builder.constant(7).chosen(where: $0[0], else: $0[0].builder.constant(-infinity)) }
        == [7, -infinity, 7, -infinity])
    let numbers: (Shape, [Double]) = ([nil, 3], [-1.7, 1.7, 300.5, -0.5, 3e9, .nan])
    #expect(try values([numbers]) { try $0[0].asIntegers().converted() } == [-1, 1, 300, 0, 2_147_483_647, 0])
    #expect(try values([numbers]) { try $0[0].asIntegers(.uint8).converted() } == [255, 1, 44, 0, 255, 0])
    #expect(try values([row]) { try $0[0].flags.converted() } == [1, 0, 1, 0])
    #expect(
      try values([([nil, 2], [1, 2, 3, 4])]) { try $0[0].apply(Pad(before: [0, 1], after: [0, 0], value: 9)) }
        == [9, 1, 2, 9, 3, 4])
  }

  /// Each pixel spreads a kernel's worth of numbers; what is cut off is not there.
  @Test func transposedConvolution() throws {
    let x: (Shape, [Double]) = ([nil, 1, 2, 1], [1, 2, 3, 4])
    let weights: (Shape, [Double]) = ([1, 3, 2, 1], [1, 10, 2, 20, 3, 30])
    func result(_ padding: Window2D.Padding) throws -> [Double] {
      try values([x, weights]) {
        try $0[0].apply(Conv2DTransposeOp(window: Window2D(kernel: [1, 3], strides: [1, 2], padding: padding)), $0[1])
      }
    }
    let whole = [1.0, 10, 2, 20, 5, 50, 4, 40, 6, 60, 3, 30, 6, 60, 13, 130, 8, 80, 12, 120]
    #expect(try result(.valid) == whole)
    #expect(
      try result(.explicit(before: [0, 1], after: [0, 2])) == [2, 20, 5, 50, 6, 60, 13, 130])
  }

  /// Each function at a few points, from the formula in the kernels' list.
  @Test(arguments: UnaryFunction.allCases)
  func functions(_ function: UnaryFunction) throws {
    let alpha = 0.25
    let formula: (Double) -> Double =
      switch function {
      case .negate: { -$0 }
      case .abs: { Swift.abs($0) }
      case .sign: { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
      case .square: { $0 * $0 }
      case .sqrt: { $0.squareRoot() }
      case .rsqrt: { 1 / $0.squareRoot() }
      case .reciprocal: { 1 / $0 }
      case .exp: { exp($0) }
      case .log: { log($0) }
      case .relu: { $0 > 0 ? $0 : 0 }
      case .leakyRelu: { $0 < 0 ? alpha * $0 : $0 }
      case .elu: { $0 < 0 ? alpha * (exp($0) - 1) : $0 }
      case .sigmoid: { 1 / (1 + exp(-$0)) }
      case .tanh: { (exp($0) - exp(-$0)) / (exp($0) + exp(-$0)) }
      case .softplus: { log(1 + exp($0)) }
      case .silu: { $0 / (1 + exp(-$0)) }
      case .erf: { 1 - erfc($0) }
      case .sin: { sin($0) }
      case .cos: { cos($0) }
      case .tan: { sin($0) / cos($0) }
      case .asin: { asin($0) }
      case .acos: { acos($0) }
      case .atan: { atan($0) }
      case .sinh: { (exp($0) - exp(-$0)) / 2 }
      case .cosh: { (exp($0) + exp(-$0)) / 2 }
      case .atanh: { log((1 + $0) / (1 - $0)) / 2 }
      case .floor: { $0.rounded(.down) }
      case .ceil: { $0.rounded(.up) }
      case .round: { $0.rounded(.toNearestOrEven) }
      case .gelu: { $0 * erfc(-$0 / 2.0.squareRoot()) / 2 }
      case .geluTanh: { $0 / (1 + exp(-2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }
      }
    let points: [Double] =
      function == .sqrt || function == .rsqrt || function == .log
      ? [0.1, 0.5, 1, 2, 3, 7]
      : [.asin, .acos, .atanh].contains(function)
        ? [-0.98, -0.7, -0.01, 0.02, 0.5, 0.9] : [-3, -0.7, -0.01, 0.02, 0.9, 4]
    let got = try values([([nil, 3], points)]) { try $0[0].unary(function, alpha: alpha) }
    #expect(difference(got, points.map(formula)) < 1e-14)
  }

  @Test(arguments: BinaryFunction.allCases)
  func functionsOfTwo(_ function: BinaryFunction) throws {
    let (a, b) = ([3.0, 2, 0.5, 7], [2.0, 2, 3, -1])
    let formula: (Double, Double) -> Double =
      switch function {
      case .add: { $0 + $1 }
      case .subtract: { $0 - $1 }
      case .multiply: { $0 * $1 }
      case .divide: { $0 / $1 }
      case .maximum: { Swift.max($0, $1) }
      case .minimum: { Swift.min($0, $1) }
      case .power: { exp($1 * log($0)) }
      case .equal: { $0 == $1 ? 1 : 0 }
      case .greater: { $0 > $1 ? 1 : 0 }
      case .greaterEqual: { $0 >= $1 ? 1 : 0 }
      }
    let got = try values([([nil, 2], a), ([nil, 2], b)]) { try $0[0].binary(function, $0[1]) }
    #expect(difference(got, zip(a, b).map(formula)) < 1e-14)
  }
}
