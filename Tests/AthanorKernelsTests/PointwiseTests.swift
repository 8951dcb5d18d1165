import AthanorKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension ath_unary: @retroactive CustomTestStringConvertible {
  public var testDescription: String { String(cString: ath_unary_name(self)) }
  static let all = (0..<UInt32(ATH_UNARY_COUNT)).compactMap(ath_unary.init)
}

private let alpha = 0.3

/// f and f' in double, written from their definitions and not from the kernels.
private func exact(_ f: ath_unary, _ x: Double) -> (value: Double, derivative: Double) {
  let sigmoid = x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x))
  let normal = erfc(-x / 2.0.squareRoot()) / 2
  switch f {
  case .negate: return (-x, -1)
  case .abs: return (abs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
  case .sign: return (x > 0 ? 1 : x < 0 ? -1 : 0, 0)
  case .square: return (x * x, 2 * x)
  case .sqrt: return (x.squareRoot(), 0.5 / x.squareRoot())
  case .rsqrt: return (1 / x.squareRoot(), -0.5 / (x * x.squareRoot()))
  case .reciprocal: return (1 / x, -1 / (x * x))
  case .exp: return (exp(x), exp(x))
  case .log: return (log(x), 1 / x)
  case .relu: return (x < 0 ? 0 : x, x > 0 ? 1 : 0)
  case .leakyRelu: return x < 0 ? (alpha * x, alpha) : (x, 1)
  case .elu: return x < 0 ? (alpha * expm1(x), alpha * exp(x)) : (x, 1)
  case .sigmoid: return (sigmoid, sigmoid * (1 - sigmoid))
  case .tanh: return (tanh(x), 1 - tanh(x) * tanh(x))
  case .softplus: return (max(x, 0) + log1p(exp(-abs(x))), sigmoid)
  case .silu: return (x * sigmoid, sigmoid * (1 + x * (1 - sigmoid)))
  case .gelu: return (x * normal, normal + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
  case .erf: return (erf(x), 2 / Double.pi.squareRoot() * exp(-x * x))
  case .sin: return (sin(x), cos(x))
  case .cos: return (cos(x), -sin(x))
  case .tan: return (tan(x), 1 + tan(x) * tan(x))
  case .asin: return (asin(x), 1 / ((1 - x) * (1 + x)).squareRoot())
  case .acos: return (acos(x), -1 / ((1 - x) * (1 + x)).squareRoot())
  case .atan: return (atan(x), 1 / (1 + x * x))
  case .sinh: return (sinh(x), cosh(x))
  case .cosh: return (cosh(x), sinh(x))
  case .atanh: return (atanh(x), 1 / ((1 - x) * (1 + x)))
  case .floor: return (floor(x), 0)
  case .ceil: return (ceil(x), 0)
  case .round: return (rint(x), 0)
  case .geluTanh:
    let c = (2 / Double.pi).squareRoot(), t = tanh(c * (x + 0.044715 * x * x * x))
    return (x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x) / 2)
  }
}

@Suite struct UnaryTests {
  private func needsPositive(_ f: ath_unary) -> Bool {
    [.sqrt, .rsqrt, .reciprocal, .log].contains(f)
  }

  /// Dense around zero and far out, at a count that leaves a rest for every vector width.
  private func inputs(_ f: ath_unary) -> [Float] {
    var random = Random(1)
    var values = random.floats(1001, -1...1) + random.floats(1000, -12...12) + random.floats(40_002, -90...90)
    values += [0, 1e-3, 1e-6, -1e-6, 1e-12, -1e-12, 88.7, -87.3, -103, 127, -127]
    // Beyond 1 and -1 there is no such angle, and close to them the slope is as steep as rounding makes it.
    if [.asin, .acos, .atanh].contains(f) { return values.map { $0 / 130 } }
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
    // Four roundings of the result, eight with the normal distribution in it; the tanh form of GELU has an exponential of
    // 1.6 x, which loses |x| roundoffs; numbers below the normal range are as coarse as 2^-149, and SiLU multiplies one by x.
    let roundings = function == .gelu ? 8.0 : 4
    let cancels = function == .geluTanh
    let allowed = { (place: Int) in
      roundings * roundoff * abs(want[place]) + (cancels ? 4 * roundoff * abs(Double(input[place])) : 0)
        + 0x1p-149 * max(1, abs(Double(input[place])))
    }
    for place in want.indices where abs(want[place]) > Double(Float.greatestFiniteMagnitude) {
      #expect(got[0][place] == (want[place] > 0 ? .infinity : -.infinity))
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
      let scale = [.geluTanh, .gelu, .silu].contains(function) ? 60.0 : 4
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
    for function in ath_unary.all where function != .sign {
      #expect(apply(function, .nan).allSatisfy { $0.isNaN }, "NaN through \(function.testDescription)")
    }
    let infinity = Float.infinity
    let cases: [(ath_unary, Float, Float)] = [
      (.exp, infinity, infinity), (.exp, -infinity, 0), (.exp, 89, infinity),
      (.exp, -104.5, 0), (.exp, 0, 1), (.exp, -103.5, 0x1p-149),
      (.sigmoid, infinity, 1), (.sigmoid, -infinity, 0), (.sigmoid, 0, 0.5),
      (.tanh, infinity, 1), (.tanh, -infinity, -1), (.tanh, 1e-30, 1e-30),
      (.tanh, -1e-30, -1e-30), (.tanh, 50, 1), (.elu, -infinity, -0.3),
      (.relu, -infinity, 0), (.relu, infinity, infinity), (.softplus, infinity, infinity),
      (.softplus, -infinity, 0), (.softplus, 200, 200), (.log, 0, -infinity), (.log, -0.0, -infinity),
      (.log, infinity, infinity), (.log, 1, 0), (.log, 0x1p-149, -103.27893), (.erf, infinity, 1),
      (.erf, -infinity, -1),
      (.erf, 0x1p-140, 0x1.21p-140), (.gelu, infinity, infinity), (.gelu, 100, 100), (.gelu, -100, 0),
    ]
    for (function, x, y) in cases {
      #expect(
        apply(function, x).allSatisfy { $0 == y }, "\(function.testDescription) of \(x): \(apply(function, x)[0])")
    }
  }

  /// Floats of all sizes and both signs, evenly spread over their bit patterns: the bound that `vector/math.inc.h` states.
  @Test(arguments: Table.all, [ath_unary.exp, .log, .sigmoid, .tanh, .softplus, .silu, .gelu, .erf])
  func everySize(table: Table, function: ath_unary) throws {
    let input = stride(from: UInt32(0), to: UInt32.max - 16_411, by: 16_411).map(Float.init(bitPattern:))
    let x = Buffer(input), y = Buffer<Float>(undefined: input.count)
    let args = ath_unary_args(function: function, count: Int64(input.count), alpha: 0, x: x.pointer, y: y.pointer)
    call(table.kernels.unary, args, on: try Pool(1), keeping: [x, y])
    let bound = function == .gelu ? 0x1p-21 : 0x1p-22
    var wrong: [String] = []
    for (x, y) in zip(input, y.values) {
      let want = exact(function, Double(x)).value
      let isRight: Bool
      if want.isNaN {
        isRight = y.isNaN
      } else if abs(want) > Double(Float.greatestFiniteMagnitude) {
        isRight = y == (want < 0 ? -.infinity : .infinity)
      } else {
        let allowed = bound * abs(want) + 0x1p-149 * min(max(1, abs(Double(x))), 128)
        isRight = abs(Double(y) - want) <= allowed
      }
      if !isRight { wrong.append("\(x): \(y) instead of \(want)") }
    }
    #expect(wrong.isEmpty, "\(wrong.count), first \(wrong.prefix(3))")
  }

  @Test(arguments: Table.all)
  func signOfZero(table: Table) throws {
    for function in [ath_unary.erf, .tanh, .gelu, .silu, .elu, .sqrt] {
      let x = Buffer([Float](repeating: -0.0, count: 17)), y = Buffer<Float>(undefined: 17)
      let args = ath_unary_args(function: function, count: 17, alpha: alpha, x: x.pointer, y: y.pointer)
      call(table.kernels.unary, args, on: try Pool(1), keeping: [x, y])
      #expect(y.values.allSatisfy { $0 == 0 && $0.sign == .minus }, "\(function.testDescription)")
    }
  }

  @Test(arguments: Table.all)
  func blockedReluGradientIsZero(table: Table) throws {
    let pool = try Pool(1)
    let y = Buffer<Float>([0, 0, 1, 2]), dy = Buffer<Float>([.infinity, .nan, .infinity, 3])
    let dx = Buffer<Float>(undefined: 4)
    let args = ath_unary_gradient_args(
      function: .relu, count: 4, alpha: 0, x: nil, y: y.pointer, dy: dy.pointer, dx: dx.pointer)
    call(table.kernels.unary_gradient, args, on: pool, keeping: [y, dy, dx])
    #expect(dx.values == [0, 0, .infinity, 3])
  }
}

@Suite struct BinaryTests {
  private func exact(_ f: ath_binary, _ a: Float, _ b: Float) -> Float {
    switch f {
    case .add: return a + b
    case .subtract: return a - b
    case .multiply: return a * b
    case .divide: return a / b
    case .maximum: return a.isNaN || b.isNaN ? .nan : max(a, b)
    case .minimum: return a.isNaN || b.isNaN ? .nan : min(a, b)
    case .power: return Float(pow(Double(a), Double(b)))
    case .equal: return a == b ? 1 : 0
    case .greater: return a > b ? 1 : 0
    case .greaterEqual: return a >= b ? 1 : 0
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

  @Test(arguments: Table.all, (0..<UInt32(ATH_BINARY_COUNT)).compactMap(ath_binary.init))
  func value(table: Table, function: ath_binary) throws {
    for layout in Self.layouts {
      let count = layout.dims.reduce(1, *)
      var random = Random(4)
      let size = { (strides: [Int]) in zip(layout.dims, strides).reduce(1) { $0 + max(0, $1.0 - 1) * $1.1 } }
      let positive = function == .power
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
    (args.function, args.rank) = (.multiply, 1)
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
