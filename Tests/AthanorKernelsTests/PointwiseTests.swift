import AthanorKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension ath_unary: @retroactive CustomTestStringConvertible {
  public var testDescription: String { "unary \(rawValue)" }
  static let all = (0..<ATH_UNARY_COUNT.rawValue).map { ath_unary($0) }
}

private let alpha = 0.3

/// f and f' in double, written from their definitions and not from the kernels.
private func exact(_ f: ath_unary, _ x: Double) -> (value: Double, derivative: Double) {
  let sigmoid = x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x))
  let normal = erfc(-x / 2.0.squareRoot()) / 2
  switch f {
  case ATH_UNARY_IDENTITY: return (x, 1)
  case ATH_UNARY_NEGATE: return (-x, -1)
  case ATH_UNARY_ABS: return (abs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
  case ATH_UNARY_SIGN: return (x > 0 ? 1 : x < 0 ? -1 : 0, 0)
  case ATH_UNARY_SQUARE: return (x * x, 2 * x)
  case ATH_UNARY_SQRT: return (x.squareRoot(), 0.5 / x.squareRoot())
  case ATH_UNARY_RSQRT: return (1 / x.squareRoot(), -0.5 / (x * x.squareRoot()))
  case ATH_UNARY_RECIPROCAL: return (1 / x, -1 / (x * x))
  case ATH_UNARY_EXP: return (exp(x), exp(x))
  case ATH_UNARY_LOG: return (log(x), 1 / x)
  case ATH_UNARY_RELU: return (x < 0 ? 0 : x, x > 0 ? 1 : 0)
  case ATH_UNARY_LEAKY_RELU: return x < 0 ? (alpha * x, alpha) : (x, 1)
  case ATH_UNARY_ELU: return x < 0 ? (alpha * expm1(x), alpha * exp(x)) : (x, 1)
  case ATH_UNARY_SIGMOID: return (sigmoid, sigmoid * (1 - sigmoid))
  case ATH_UNARY_TANH: return (tanh(x), 1 - tanh(x) * tanh(x))
  case ATH_UNARY_SOFTPLUS: return (max(x, 0) + log1p(exp(-abs(x))), sigmoid)
  case ATH_UNARY_SILU: return (x * sigmoid, sigmoid * (1 + x * (1 - sigmoid)))
  case ATH_UNARY_GELU: return (x * normal, normal + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
  case ATH_UNARY_ERF: return (erf(x), 2 / Double.pi.squareRoot() * exp(-x * x))
  default:
    let c = (2 / Double.pi).squareRoot(), t = tanh(c * (x + 0.044715 * x * x * x))
    return (x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x) / 2)
  }
}

@Suite struct UnaryTests {
  private func needsPositive(_ f: ath_unary) -> Bool {
    [ATH_UNARY_SQRT, ATH_UNARY_RSQRT, ATH_UNARY_RECIPROCAL, ATH_UNARY_LOG].contains(f)
  }

  /// Dense around zero and far out, at a count that leaves a rest for every vector width.
  private func inputs(_ f: ath_unary) -> [Float] {
    var random = Random(1)
    var values = random.floats(1001, -1...1) + random.floats(1000, -12...12) + random.floats(40_002, -90...90)
    values += [0, 1e-3, 1e-6, -1e-6, 1e-12, -1e-12, 88.7, -87.3, -103, 127, -127]
    return needsPositive(f) ? values.map { abs($0) + 1e-3 } : values
  }

  @Test(arguments: Table.all, ath_unary.all)
  func value(table: Table, function: ath_unary) throws {
    let input = inputs(function)
    let x = Buffer(input)
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer<Float>(undefined: input.count), inPlace = Buffer(input)
      var args = ath_unary_args(
        function: function, count: Int64(input.count), alpha: alpha, x: x.pointer, y: y.pointer)
      call(table.kernels.unary, args, on: pool, keeping: [x, y])
      (args.x, args.y) = (UnsafeRawPointer(inPlace.pointer), UnsafeMutableRawPointer(inPlace.pointer))
      call(table.kernels.unary, args, on: pool, keeping: [inPlace])
      #expect(y.isGuardIntact && identical(y.values, inPlace.values))
      return [y.values]
    }
    #expect(agree)
    let want = input.map { exact(function, Double($0)).value }
    // Four roundings of the result; GELU and its kin multiply x by 1 + (something near -1), which loses |x| roundoffs;
    // numbers below the normal range are as coarse as 2^-149, and SiLU multiplies one by x.
    let cancels = [ATH_UNARY_GELU, ATH_UNARY_GELU_TANH].contains(function)
    let allowed = { (place: Int) in
      4 * roundoff * abs(want[place]) + (cancels ? 4 * roundoff * abs(Double(input[place])) : 0)
        + 0x1p-149 * max(1, abs(Double(input[place])))
    }
    for place in want.indices where abs(want[place]) > Double(Float.greatestFiniteMagnitude) {
      #expect(got[0][place] == .infinity)
    }
    let finite = want.indices.filter { abs(want[$0]) <= Double(Float.greatestFiniteMagnitude) }
    #expect(worst(finite.map { got[0][$0] }, finite.map { want[$0] }) { allowed(finite[$0]) } <= 1)
  }

  @Test(arguments: Table.all, ath_unary.all)
  func gradient(table: Table, function: ath_unary) throws {
    // y = 0 or 1 by rounding says nothing about x, so that functions that saturate are tested where they do not.
    let input = inputs(function).filter { abs($0) < 8 && abs($0) > 1e-5 }
    var random = Random(2)
    let gradients = random.floats(input.count)
    let y = Buffer(input.map { Float(exact(function, Double($0)).value) }), x = Buffer(input)
    let dy = Buffer(gradients)
    let reads = ath_unary_gradient_reads(function)
    let (got, agree) = try onEveryTeam { pool in
      let dx = Buffer<Float>(undefined: input.count), inPlace = Buffer(gradients)
      var args = ath_unary_gradient_args(
        function: function, count: Int64(input.count), alpha: alpha, x: reads == ATH_READS_X ? x.pointer : nil,
        y: reads == ATH_READS_Y ? y.pointer : nil, dy: dy.pointer, dx: dx.pointer)
      call(table.kernels.unary_gradient, args, on: pool, keeping: [x, y, dy, dx])
      (args.dy, args.dx) = (UnsafeRawPointer(inPlace.pointer), UnsafeMutableRawPointer(inPlace.pointer))
      call(table.kernels.unary_gradient, args, on: pool, keeping: [x, y, inPlace])
      #expect(dx.isGuardIntact && identical(dx.values, inPlace.values))
      return [dx.values]
    }
    #expect(agree)
    let want = input.indices.map { exact(function, Double(input[$0])).derivative * Double(gradients[$0]) }
    // A derivative computed from a rounded y carries that rounding: 1 - y^2 and the like lose up to |y| roundoffs; three
    // times 1 / sqrt(x) has three of them. The tanh form has terms as large as x^3 that cancel.
    let allowed = { (place: Int) in
      let slope = abs(Double(gradients[place]))
      let scale = function == ATH_UNARY_GELU_TANH || function == ATH_UNARY_GELU || function == ATH_UNARY_SILU ? 60.0 : 4
      return 8 * roundoff * abs(want[place]) + scale * roundoff * slope
    }
    #expect(worst(got[0], want, allowed: allowed) <= 1)
  }

  @Test(arguments: Table.all)
  func extremes(table: Table) throws {
    let pool = try Pool(1)
    // 17 of each so that both the vectors and the rest see them.
    func apply(_ f: ath_unary, _ value: Float) -> [Float] {
      let x = Buffer([Float](repeating: value, count: 17)), y = Buffer<Float>(undefined: 17)
      let args = ath_unary_args(function: f, count: 17, alpha: alpha, x: x.pointer, y: y.pointer)
      call(table.kernels.unary, args, on: pool, keeping: [x, y])
      return y.values
    }
    for function in ath_unary.all where function != ATH_UNARY_SIGN {
      #expect(apply(function, .nan).allSatisfy { $0.isNaN }, "NaN through \(function.rawValue)")
    }
    let infinity = Float.infinity
    let cases: [(ath_unary, Float, Float)] = [
      (ATH_UNARY_EXP, infinity, infinity), (ATH_UNARY_EXP, -infinity, 0), (ATH_UNARY_EXP, 89, infinity),
      (ATH_UNARY_EXP, -104.5, 0), (ATH_UNARY_EXP, 0, 1), (ATH_UNARY_EXP, -103.5, 0x1p-149),
      (ATH_UNARY_SIGMOID, infinity, 1), (ATH_UNARY_SIGMOID, -infinity, 0), (ATH_UNARY_SIGMOID, 0, 0.5),
      (ATH_UNARY_TANH, infinity, 1), (ATH_UNARY_TANH, -infinity, -1), (ATH_UNARY_TANH, 1e-30, 1e-30),
      (ATH_UNARY_TANH, -1e-30, -1e-30), (ATH_UNARY_TANH, 50, 1), (ATH_UNARY_ELU, -infinity, -0.3),
      (ATH_UNARY_RELU, -infinity, 0), (ATH_UNARY_RELU, infinity, infinity), (ATH_UNARY_SOFTPLUS, infinity, infinity),
      (ATH_UNARY_SOFTPLUS, -infinity, 0), (ATH_UNARY_SOFTPLUS, 200, 200), (ATH_UNARY_LOG, 0, -infinity),
    ]
    for (function, x, y) in cases {
      #expect(apply(function, x).allSatisfy { $0 == y }, "\(function.rawValue) of \(x): \(apply(function, x)[0])")
    }
  }

  @Test(arguments: Table.all)
  func blockedReluGradientIsZero(table: Table) throws {
    let pool = try Pool(1)
    let y = Buffer<Float>([0, 0, 1, 2]), dy = Buffer<Float>([.infinity, .nan, .infinity, 3])
    let dx = Buffer<Float>(undefined: 4)
    let args = ath_unary_gradient_args(
      function: ATH_UNARY_RELU, count: 4, alpha: 0, x: nil, y: y.pointer, dy: dy.pointer, dx: dx.pointer)
    call(table.kernels.unary_gradient, args, on: pool, keeping: [y, dy, dx])
    #expect(dx.values == [0, 0, .infinity, 3])
  }
}

@Suite struct BinaryTests {
  private func exact(_ f: ath_binary, _ a: Float, _ b: Float) -> Float {
    switch f {
    case ATH_BINARY_ADD: return a + b
    case ATH_BINARY_SUBTRACT: return a - b
    case ATH_BINARY_MULTIPLY: return a * b
    case ATH_BINARY_DIVIDE: return a / b
    case ATH_BINARY_MAXIMUM: return a.isNaN || b.isNaN ? .nan : max(a, b)
    case ATH_BINARY_MINIMUM: return a.isNaN || b.isNaN ? .nan : min(a, b)
    case ATH_BINARY_POWER: return Float(pow(Double(a), Double(b)))
    case ATH_BINARY_EQUAL: return a == b ? 1 : 0
    case ATH_BINARY_GREATER: return a > b ? 1 : 0
    default: return a >= b ? 1 : 0
    }
  }

  /// Result axes, and the strides of both sides over them.
  private static let layouts: [(dims: [Int], a: [Int], b: [Int])] = [
    ([], [], []),
    ([1, 1], [1, 1], [1, 1]),
    ([1003], [1], [1]),
    ([50_001], [1], [0]),
    ([50_001], [0], [1]),
    ([7, 5, 33], [165, 33, 1], [0, 0, 1]),  // a bias
    ([7, 5, 33], [0, 0, 1], [165, 33, 1]),
    ([300, 70], [70, 1], [1, 0]),  // one value a row
    ([4, 3, 5], [1, 4, 12], [15, 5, 1]),  // a transposed
    ([2, 3, 4, 2, 3, 2], [144, 48, 12, 6, 2, 1], [0, 4, 1, 0, 0, 0]),
    ([3, 0, 2], [0, 2, 1], [0, 2, 1]),
  ]

  @Test(arguments: Table.all, 0..<Int(ATH_BINARY_COUNT.rawValue))
  func value(table: Table, number: Int) throws {
    let function = ath_binary(UInt32(number))
    for layout in Self.layouts {
      let count = layout.dims.reduce(1, *)
      var random = Random(4)
      let size = { (strides: [Int]) in zip(layout.dims, strides).reduce(1) { $0 + max(0, $1.0 - 1) * $1.1 } }
      let positive = function == ATH_BINARY_POWER
      let values = { (count: Int) in
        (0..<count).map { _ in
          random.int(0...40) == 0 && !positive ? Float.nan : Float(random.int(positive ? 1...9 : -9...9)) / 4
        }
      }
      let (left, right) = (values(size(layout.a)), values(size(layout.b)))
      let a = Buffer(left), b = Buffer(right)
      var want: [Float] = []
      for place in 0..<count {
        var rest = place, x = 0, y = 0
        for axis in layout.dims.indices.reversed() {
          x += rest % layout.dims[axis] * layout.a[axis]
          y += rest % layout.dims[axis] * layout.b[axis]
          rest /= layout.dims[axis]
        }
        want.append(exact(function, left[x], right[y]))
      }
      var args = ath_binary_args()
      (args.function, args.rank) = (function, Int32(layout.dims.count))
      setAxes(&args.dims, layout.dims)
      setAxes(&args.a_strides, layout.a)
      setAxes(&args.b_strides, layout.b)
      (args.a, args.b) = (UnsafeRawPointer(a.pointer), UnsafeRawPointer(b.pointer))
      let (got, agree) = try onEveryTeam { pool in
        let y = Buffer<Float>(undefined: count)
        args.y = UnsafeMutableRawPointer(y.pointer)
        call(table.kernels.binary, args, on: pool, keeping: [a, b, y])
        #expect(y.isGuardIntact)
        return [y.values]
      }
      #expect(agree)
      let allowed = positive ? 2 * roundoff : 0
      #expect(worst(got[0], want.doubles) { allowed * Double(abs(want[$0])) + 1e-30 } <= 1, "\(layout.dims)")
    }
  }

  @Test(arguments: Table.all)
  func inPlace(table: Table) throws {
    let pool = try Pool(2)
    let a = Buffer((0..<40_000).map(Float.init)), b = Buffer([Float](repeating: 2, count: 40_000))
    var args = ath_binary_args()
    (args.function, args.rank) = (ATH_BINARY_MULTIPLY, 1)
    (args.dims.0, args.a_strides.0, args.b_strides.0) = (40_000, 1, 1)
    (args.a, args.b) = (UnsafeRawPointer(a.pointer), UnsafeRawPointer(b.pointer))
    args.y = UnsafeMutableRawPointer(a.pointer)
    call(table.kernels.binary, args, on: pool, keeping: [a, b])
    #expect(a.values == (0..<40_000).map { Float(2 * $0) })
  }
}

/// Copies an array into one of C's fixed arrays, which Swift sees as tuples.
func setAxes<Axes>(_ axes: inout Axes, _ values: [Int]) {
  withUnsafeMutableBytes(of: &axes) { bytes in
    for (axis, value) in values.enumerated() {
      bytes.storeBytes(of: Int64(value), toByteOffset: 8 * axis, as: Int64.self)
    }
  }
}
