import AthanorKernels
import Testing

@Suite struct DropoutTests {
  /// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10).
  @Test(arguments: [
    (UInt64(0), UInt64(0), UInt64(0), [UInt32(0x6627_e8d5), 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    (.max, .max, .max, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    (
      0x299f_31d0_a409_3822, 0x0370_7344_1319_8a2e, 0x85a3_08d3_243f_6a88,
      [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    ),
  ])
  func philoxKnownAnswers(key: UInt64, high: UInt64, low: UInt64, want: [UInt32]) {
    var words = [UInt32](repeating: 0, count: 4)
    ath_philox4x32(key, high, low, &words)
    #expect(words == want)
  }

  private func run(
    _ table: Table, _ x: [Float], rate: Double, key: UInt64, counter: UInt64, on pool: Pool
  ) -> (y: [Float], mask: [UInt8]) {
    let source = Buffer(x), y = Buffer<Float>(undefined: x.count), mask = Buffer<UInt8>(undefined: x.count)
    let inPlace = Buffer(x)
    var args = ath_dropout_args(
      count: Int64(x.count), rate: rate, key: key, counter: counter, x: source.pointer, y: y.pointer,
      mask: mask.pointer)
    call(table.kernels.dropout, args, on: pool, keeping: [source, y, mask])
    (args.x, args.y) = (UnsafeRawPointer(inPlace.pointer), UnsafeMutableRawPointer(inPlace.pointer))
    call(table.kernels.dropout, args, on: pool, keeping: [inPlace, mask])
    #expect(identical(inPlace.values, y.values) && y.isGuardIntact && mask.isGuardIntact)
    return (y.values, mask.values)
  }

  @Test(arguments: Table.all, [1, 7, 8, 127, 128, 129, 70_003])
  func followsTheContract(table: Table, count: Int) throws {
    var random = Random(3)
    let x = random.floats(count)
    for (rate, key, counter) in [
      (0.5, UInt64(42), UInt64(7)), (0.25, 0x1234_5678_9abc_def0, 0xfeed_f00d_0000_0001), (0.0, 1, 2),
      (0.9, .max, .max),
    ] {
      let threshold = UInt32((rate * 65536).rounded())
      var wantMask: [UInt8] = []
      for e in 0..<count {
        var words = [UInt32](repeating: 0, count: 4)
        ath_philox4x32(key, counter, UInt64(e / 8), &words)
        let bits = e % 8
        wantMask.append((words[bits / 2] >> (bits % 2 * 16)) & 0xffff >= threshold ? 1 : 0)
      }
      let scale = Float(1 / (1 - rate))
      let want = zip(x, wantMask).map { $1 == 1 ? $0 * scale : 0 }
      for threads in [1, 2, 4] {
        let got = run(table, x, rate: rate, key: key, counter: counter, on: try Pool(threads))
        #expect(got.mask == wantMask)
        #expect(got.y == want)
      }
    }
  }

  @Test(arguments: Table.all)
  func keepsTheRightShare(table: Table) throws {
    let count = 400_000, rate = 0.3
    let x = [Float](repeating: 1, count: count)
    let one = run(table, x, rate: rate, key: 1, counter: 0, on: try Pool(2))
    let other = run(table, x, rate: rate, key: 1, counter: 1, on: try Pool(2))
    let kept = one.mask.reduce(0) { $0 + Int($1) }
    // Five standard deviations of a binomial count.
    let deviation = (Double(count) * rate * (1 - rate)).squareRoot()
    #expect(abs(Double(kept) - Double(count) * (1 - rate)) < 5 * deviation)
    let both = zip(one.mask, other.mask).reduce(0) { $0 + Int($1.0 & $1.1) }
    let share = (1 - rate) * (1 - rate)
    #expect(abs(Double(both) - Double(count) * share) < 5 * (Double(count) * share * (1 - share)).squareRoot())
    let neighbours = zip(one.mask, one.mask.dropFirst()).reduce(0) { $0 + Int($1.0 & $1.1) }
    #expect(abs(Double(neighbours) - Double(count) * share) < 8 * (Double(count) * share * (1 - share)).squareRoot())
  }

  @Test(arguments: Table.all, [1, 33, 50_001])
  func gradient(table: Table, count: Int) throws {
    var random = Random(4)
    var gradients = random.floats(count)
    gradients[0] = .infinity  // must vanish where the mask is 0
    let masks = (0..<count).map { UInt8(($0 + 1) % 3 == 0 ? 1 : 0) }
    let want = zip(gradients, masks).map { $1 == 1 ? $0 * Float(1 / (1 - 0.2)) : 0 }
    let mask = Buffer(masks)
    for threads in [1, 2, 4] {
      let dy = Buffer(gradients), dx = Buffer<Float>(undefined: count)
      var args = ath_dropout_gradient_args(
        count: Int64(count), rate: 0.2, dy: dy.pointer, mask: mask.pointer, dx: dx.pointer)
      call(table.kernels.dropout_gradient, args, on: try Pool(threads), keeping: [dy, mask, dx])
      #expect(dx.values == want && dx.isGuardIntact)
      args.dx = UnsafeMutableRawPointer(dy.pointer)
      call(table.kernels.dropout_gradient, args, on: try Pool(threads), keeping: [dy, mask])
      #expect(dy.values == want)
    }
  }
}
