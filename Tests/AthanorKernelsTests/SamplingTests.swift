import AthanorKernels
import Foundation
import Testing

@Suite struct RandomNumberTests {
  @Test(arguments: Table.all, [1, 3, 4, 63, 129, 30_001])
  func followTheContract(table: Table, count: Int) throws {
    for normal in [false, true] {
      var want: [Double] = []
      for e in 0..<count {
        var words = [UInt32](repeating: 0, count: 4)
        ath_philox4x32(9, 4, UInt64(e / 4), &words)
        let numbers = words.map { Double($0 >> 8) }
        let pair = e % 4 / 2 * 2
        let radius = (-2 * log((numbers[pair] + 1) * 0x1p-24)).squareRoot()
        let turn = 2 * Double.pi * numbers[pair + 1] * 0x1p-24
        want.append(normal ? radius * (e % 2 == 0 ? cos(turn) : sin(turn)) : numbers[e % 4] * 0x1p-24)
      }
      let (results, agree) = try onEveryTeam { pool in
        let y = Buffer<Float>(undefined: count)
        let args = ath_random_numbers_args(count: Int64(count), normal: normal, key: 9, counter: 4, y: y.pointer)
        call(table.kernels.random_numbers, args, on: pool, keeping: [y])
        #expect(y.isGuardIntact)
        return [y.values]
      }
      #expect(agree)
      // The angle has the rounding of its representation.
      #expect(worst(results[0], want) { _ in normal ? 32 * roundoff : roundoff } <= 1)
    }
  }
}

@Suite struct AffineSampleTests {
  private static let modes = [ATH_FILL_CONSTANT, ATH_FILL_REFLECT, ATH_FILL_WRAP, ATH_FILL_NEAREST]

  /// The place that stands for another, by walking along the picture that is repeated; nil for the fill value.
  private func place(_ index: Int, _ size: Int, _ mode: ath_fill_mode) -> Int? {
    if (0..<size).contains(index) { return index }
    if mode == ATH_FILL_CONSTANT { return nil }
    if mode == ATH_FILL_NEAREST { return index < 0 ? 0 : size - 1 }
    let period = Array(0..<size) + (mode == ATH_FILL_REFLECT ? (0..<size).reversed() : [])
    return period[((index % period.count) + period.count) % period.count]
  }

  private func want(_ s: ath_affine_shape, _ x: [Float], _ matrix: [Float]) -> [Double] {
    var result: [Double] = []
    for b in 0..<Int(s.n) {
      let m = (0..<6).map { Double(matrix[6 * b + $0]) }
      for i in 0..<Int(s.oh) {
        for j in 0..<Int(s.ow) {
          let u = m[0] * Double(j) + m[1] * Double(i) + m[2]
          let v = m[3] * Double(j) + m[4] * Double(i) + m[5]
          for c in 0..<Int(s.c) {
            func pixel(_ row: Int, _ column: Int) -> Double {
              guard let row = place(row, Int(s.h), s.fill), let column = place(column, Int(s.w), s.fill) else {
                return s.fill_value
              }
              return Double(x[((b * Int(s.h) + row) * Int(s.w) + column) * Int(s.c) + c])
            }
            if s.bilinear {
              let (left, top) = (floor(u), floor(v))
              var sum = 0.0
              for (row, a) in [(top, 1 - (v - top)), (top + 1, v - top)] {
                for (column, w) in [(left, 1 - (u - left)), (left + 1, u - left)] {
                  sum += a * w * pixel(Int(row), Int(column))
                }
              }
              result.append(sum)
            } else {
              result.append(pixel(Int(v.rounded()), Int(u.rounded())))
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: Table.all, 0..<4)
  func followsTheContract(table: Table, mode: Int) throws {
    var random = Random(UInt64(mode))
    for bilinear in [false, true] {
      for (n, h, w, c, oh, ow) in [(3, 5, 7, 1, 5, 7), (2, 9, 4, 3, 6, 11), (1, 1, 1, 2, 3, 2), (2, 40, 37, 5, 40, 37)]
      {
        let shape = ath_affine_shape(
          n: Int64(n), h: Int64(h), w: Int64(w), c: Int64(c), oh: Int64(oh), ow: Int64(ow), bilinear: bilinear,
          fill: Self.modes[mode], fill_value: 0.25)
        let x = random.floats(n * h * w * c), dy = random.floats(n * oh * ow * c)
        // Far outside too, and halves, which are rounded away from zero.
        let matrix = (0..<n).flatMap { $0 == 0 ? random.floats(6, -3...3) : [1, 0, -0.5, 0, -1, Float(h) - 0.5] }
        let source = Buffer(x), given = Buffer(matrix), gradient = Buffer(dy)
        let (results, agree) = try onEveryTeam { pool in
          let y = Buffer<Float>(undefined: n * oh * ow * c), dx = Buffer<Float>(undefined: x.count)
          let args = ath_affine_sample_args(shape: shape, x: source.pointer, matrix: given.pointer, y: y.pointer)
          call(table.kernels.affine_sample, args, on: pool, keeping: [source, given, y])
          let back = ath_affine_sample_gradient_args(
            shape: shape, dy: gradient.pointer, matrix: given.pointer, dx: dx.pointer)
          call(table.kernels.affine_sample_gradient, back, on: pool, keeping: [gradient, given, dx])
          #expect(y.isGuardIntact && dx.isGuardIntact)
          return [y.values, dx.values]
        }
        #expect(agree)
        #expect(worst(results[0], want(shape, x, matrix)) { _ in 8 * roundoff } <= 1)
        // The gradient is the transpose: (A x) . dy = x . (A' dy), but for what the fill value adds.
        var plain = shape
        plain.fill_value = 0
        let forward = zip(want(plain, x, matrix), dy).reduce(0) { $0 + $1.0 * Double($1.1) }
        let backward = zip(x, results[1]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(forward - backward) < 1e-4)
      }
    }
  }

  /// Numbers that are no places are filled like any others.
  @Test func takesAnyMatrix() throws {
    let x = Buffer<Float>([1, 2, 3, 4])
    for mode in Self.modes {
      for value in [Float.nan, .infinity, -.infinity, 1e30] {
        let y = Buffer<Float>(undefined: 4)
        let matrix = Buffer<Float>([1, 0, value, value, 1, 0])
        let args = ath_affine_sample_args(
          shape: ath_affine_shape(n: 1, h: 2, w: 2, c: 1, oh: 2, ow: 2, bilinear: true, fill: mode, fill_value: 1),
          x: x.pointer, matrix: matrix.pointer, y: y.pointer)
        call(Table.all[0].kernels.affine_sample, args, on: try Pool(1), keeping: [x, matrix, y])
        #expect(y.isGuardIntact)
      }
    }
  }
}
