import AthanorKernels
import Testing

struct MatmulCase: Sendable, CustomTestStringConvertible {
  var batch = 1, m = 1, n = 1, k = 1
  var transposes = (false, false)
  var bias = true, relu = false

  var testDescription: String { "\(batch) x [\(m), \(k)] [\(k), \(n)] transposes \(transposes)" }

  static let all: [MatmulCase] = {
    let sizes = [1, 3, 5, 8, 16, 17, 31, 33, 65, 130]
    var cases: [MatmulCase] = []
    var random = Random(3)
    for a in [false, true] {
      for b in [false, true] {
        for m in sizes {
          cases.append(
            MatmulCase(
              m: m, n: sizes[random.int(0...9)], k: sizes[random.int(0...9)], transposes: (a, b),
              bias: random.int(0...1) == 1, relu: random.int(0...1) == 1))
        }
        cases.append(MatmulCase(batch: 3, m: 7, n: 21, k: 13, transposes: (a, b)))
        cases.append(MatmulCase(m: 1, n: 10, k: 128, transposes: (a, b)))
        cases.append(MatmulCase(m: 200, n: 10, k: 128, transposes: (a, b)))
        cases.append(MatmulCase(m: 52, n: 70, k: 2500, transposes: (a, b), relu: true))  // several stretches of k
        cases.append(MatmulCase(m: 1, n: 128, k: 2500, transposes: (a, b), relu: true))
        cases.append(MatmulCase(m: 300, n: 700, k: 12, transposes: (a, b)))
        cases.append(MatmulCase(m: 4, n: 7, k: 0, transposes: (a, b)))
      }
    }
    return cases
  }()
}

@Suite struct MatmulTests {
  @Test(arguments: Table.all, MatmulCase.all)
  func matchesDoubleReference(table: Table, one: MatmulCase) throws {
    var random = Random(11)
    let a = random.floats(one.batch * one.m * one.k), b = random.floats(one.batch * one.k * one.n)
    let bias = random.floats(one.n)
    let count = one.batch * one.m * one.n
    var args = ath_matmul_args()
    (args.batch, args.m, args.n, args.k) = (Int64(one.batch), Int64(one.m), Int64(one.n), Int64(one.k))
    (args.transpose_a, args.transpose_b) = one.transposes
    args.activation = one.relu ? ATH_ACTIVATION_RELU : ATH_ACTIVATION_NONE

    let pool = try Pool(2)
    var exact: [[Double]] = []
    for values in [[a, b, bias].map(\.doubles), [a, b, bias].map { $0.doubles.map(abs) }] {
      let inputs = values.map { Buffer($0) }, c = Buffer<Double>(undefined: count)
      var copy = args
      (copy.a, copy.b) = (UnsafeRawPointer(inputs[0].pointer), UnsafeRawPointer(inputs[1].pointer))
      copy.bias = one.bias ? UnsafeRawPointer(inputs[2].pointer) : nil
      copy.c = UnsafeMutableRawPointer(c.pointer)
      call(Table.double.matmul, copy, on: pool, keeping: inputs + [c])
      exact.append(c.values)
    }
    let inputs = [a, b, bias].map { Buffer($0) }
    let (got, agree) = try onEveryTeam { pool in
      let c = Buffer<Float>(undefined: count)
      var copy = args
      (copy.a, copy.b) = (UnsafeRawPointer(inputs[0].pointer), UnsafeRawPointer(inputs[1].pointer))
      copy.bias = one.bias ? UnsafeRawPointer(inputs[2].pointer) : nil
      copy.c = UnsafeMutableRawPointer(c.pointer)
      let memory = scratch(table.kernels.matmul_scratch_bytes(&copy))
      copy.scratch = UnsafeMutableRawPointer(memory.pointer)
      call(table.kernels.matmul, copy, on: pool, keeping: inputs + [c, memory])
      #expect(memory.isGuardIntact && c.isGuardIntact)
      return [c.values]
    }
    #expect(agree, "results depend on the number of threads")
    let allowed = { (place: Int) in Double(one.k + 3) * roundoff * exact[1][place] + 1e-30 }
    #expect(worst(got[0], exact[0], allowed: allowed) <= 1)
  }

  @Test(arguments: [false, true], [false, true])
  func doubleReferenceByHand(transposeA: Bool, transposeB: Bool) throws {
    let pool = try Pool(1)
    let a = Buffer<Double>(transposeA ? [1, 4, 2, 5, 3, 6] : [1, 2, 3, 4, 5, 6])  // [[1, 2, 3], [4, 5, 6]]
    let b = Buffer<Double>(transposeB ? [7, 9, 11, 8, 10, 12] : [7, 8, 9, 10, 11, 12])  // [[7, 8], [9, 10], [11, 12]]
    let c = Buffer<Double>(undefined: 4), bias = Buffer<Double>([0, -100])
    let args = ath_matmul_args(
      batch: 1, m: 2, n: 2, k: 3, transpose_a: transposeA, transpose_b: transposeB, a: a.pointer, b: b.pointer,
      bias: bias.pointer, c: c.pointer, activation: ATH_ACTIVATION_RELU, scratch: nil)
    call(Table.double.matmul, args, on: pool, keeping: [a, b, c, bias])
    #expect(c.values == [58, 0, 139, 54])
  }
}
