import AthanorKernels
import Testing

@Suite struct ReductionTests {
  private static let shapes: [(Int, Int, Int)] = [
    (1, 1, 1), (1, 7, 1), (3, 5, 17), (40, 33, 1), (1, 100_003, 1), (1, 3000, 33), (3, 2001, 20), (20, 7, 1000),
    (2, 1, 5), (1, 40_000, 3),
  ]

  @Test(arguments: Table.all, shapes)
  func reduce(table: Table, shape: (outer: Int, axis: Int, inner: Int)) throws {
    var random = Random(8)
    let input = random.floats(shape.outer * shape.axis * shape.inner)
    let x = Buffer(input)
    for function in [ATH_REDUCE_SUM, ATH_REDUCE_MEAN, ATH_REDUCE_MAX] {
      var want: [Double] = []
      for o in 0..<shape.outer {
        for i in 0..<shape.inner {
          let values = (0..<shape.axis).map { Double(input[(o * shape.axis + $0) * shape.inner + i]) }
          let sum = values.reduce(0, +)
          want.append(
            function == ATH_REDUCE_SUM
              ? sum : function == ATH_REDUCE_MEAN ? sum / Double(shape.axis) : values.max() ?? 0)
        }
      }
      let (got, agree) = try onEveryTeam { pool in
        let y = Buffer<Float>(undefined: shape.outer * shape.inner)
        var args = ath_reduce_args(
          function: function, outer: Int64(shape.outer), axis: Int64(shape.axis), inner: Int64(shape.inner),
          x: x.pointer, y: y.pointer, scratch: nil)
        let memory = scratch(table.kernels.reduce_scratch_bytes(&args))
        args.scratch = UnsafeMutableRawPointer(memory.pointer)
        call(table.kernels.reduce, args, on: pool, keeping: [x, y, memory])
        #expect(y.isGuardIntact && memory.isGuardIntact)
        return [y.values]
      }
      #expect(agree)
      // Sums are kept in double: one rounding at the end.
      #expect(worst(got[0], want) { roundoff * abs(want[$0]) + 1e-12 } <= 1, "\(function.rawValue)")
    }
  }

  @Test(arguments: Table.all)
  func maximumKeepsNaN(table: Table) throws {
    let x = Buffer<Float>([1, .nan, 3, 4, 5, 6]), y = Buffer<Float>(undefined: 2)
    var args = ath_reduce_args(
      function: ATH_REDUCE_MAX, outer: 2, axis: 3, inner: 1, x: x.pointer, y: y.pointer, scratch: nil)
    let memory = scratch(table.kernels.reduce_scratch_bytes(&args))
    args.scratch = UnsafeMutableRawPointer(memory.pointer)
    call(table.kernels.reduce, args, on: try Pool(1), keeping: [x, y, memory])
    #expect(y.values[0].isNaN && y.values[1] == 6)
  }

  @Test(arguments: Table.all)
  func argMax(table: Table) throws {
    let rows: [[Float]] = [
      [1, 5, 5, 2], [-3, -1, -2, -9], [1, .nan, 9, .nan], [.nan, 1, 2, 3], [-.infinity, -.infinity, -1e30, 0],
      [.infinity, 1, .infinity, 2],
    ]
    let x = Buffer(rows.flatMap { $0 }), y = Buffer<Int32>(undefined: 6)
    let args = ath_arg_max_args(rows: 6, columns: 4, x: x.pointer, y: y.pointer)
    call(table.kernels.arg_max, args, on: try Pool(2), keeping: [x, y])
    #expect(y.values == [1, 1, 1, 0, 3, 0] && y.isGuardIntact)
  }

  @Test(arguments: Table.all)
  func oneHot(table: Table) throws {
    let index = Buffer<Int32>([0, 2, -1, 3]), y = Buffer<Float>(undefined: 12)
    let args = ath_one_hot_args(rows: 4, columns: 3, index: index.pointer, y: y.pointer)
    call(table.kernels.one_hot, args, on: try Pool(1), keeping: [index, y])
    #expect(y.values == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  }

  @Test(arguments: Table.all)
  func inTopK(table: Table) throws {
    let rows: [[Float]] = [
      [4, 3, 2, 1], [4, 3, 2, 1], [4, 4, 4, 1], [1, 2, 3, .nan], [1, 2, 3, 4], [.infinity, 1, 2, 0], [1, 2, 3, 4],
    ]
    let x = Buffer(rows.flatMap { $0 }), index = Buffer<Int32>([1, 2, 2, 3, -1, 0, 4])
    let y = Buffer<Float>(undefined: 7)
    let args = ath_in_top_k_args(rows: 7, columns: 4, k: 2, x: x.pointer, index: index.pointer, y: y.pointer)
    call(table.kernels.in_top_k, args, on: try Pool(1), keeping: [x, index, y])
    #expect(y.values == [1, 0, 1, 0, 0, 0, 0])
  }

  @Test(arguments: Table.all, [0, 1, 15, 1000, 300_007])
  func sumOfSquares(table: Table, count: Int) throws {
    var random = Random(6)
    let input = random.floats(count)
    let x = Buffer(input)
    let args = ath_sum_of_squares_args(count: Int64(count), x: x.pointer)
    let sums = try [1, 2, 4].map { call(table.kernels.sum_of_squares, args, on: try Pool($0), keeping: [x]) }
    let want = input.reduce(0.0) { $0 + Double($1) * Double($1) }
    #expect(sums[0] == sums[1] && sums[0] == sums[2])
    #expect(abs(sums[0] - want) <= Double(count + 1) * 0x1p-53 * want * 2)
  }

  @Test(arguments: Table.all, [0, 5, 16, 16_500, 199_999])
  func firstNonFinite(table: Table, place: Int) throws {
    let pool = try Pool(2)
    for bad in [Float.nan, .infinity, -.infinity] {
      var input = [Float](repeating: .greatestFiniteMagnitude, count: 200_000)
      let clean = Buffer(input)
      let none = ath_first_non_finite_args(count: 200_000, x: clean.pointer)
      #expect(call(table.kernels.first_non_finite, none, on: pool, keeping: [clean]) == -1)
      input[place] = bad
      input[199_999] = bad
      let x = Buffer(input)
      let args = ath_first_non_finite_args(count: 200_000, x: x.pointer)
      #expect(call(table.kernels.first_non_finite, args, on: pool, keeping: [x]) == place)
    }
  }
}
