import AthanorCore
import Testing

@Suite struct RandomStreamTests {
  /// The known answers that the authors publish with Random123 (kat_vectors, philox4x32 10), as far as a stream can begin there:
  /// its counter starts at zero.
  @Test func firstWordsAreTheKnownAnswer() {
    var random = RandomStream(seed: 0, stream: 0)
    #expect(random.next() == 0xe169_c58d_6627_e8d5)
    #expect(random.next() == 0x9b00_dbd8_bc57_ac4c)
  }

  /// Philox-4x32-10 as its paper describes it, written down once more.
  private func philox(key: UInt64, high: UInt64, low: UInt64) -> [UInt64] {
    var counter = [low, low >> 32, high, high >> 32].map { UInt32(truncatingIfNeeded: $0) }
    var (key0, key1) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    for _ in 0..<10 {
      let first = counter[0].multipliedFullWidth(by: 0xD251_1F53)
      let second = counter[2].multipliedFullWidth(by: 0xCD9E_8D57)
      counter = [second.high ^ counter[1] ^ key0, second.low, first.high ^ counter[3] ^ key1, first.low]
      (key0, key1) = (key0 &+ 0x9E37_79B9, key1 &+ 0xBB67_AE85)
    }
    return [UInt64(counter[0]) | UInt64(counter[1]) << 32, UInt64(counter[2]) | UInt64(counter[3]) << 32]
  }

  /// The other two known answers, for the description itself.
  @Test func descriptionGivesTheKnownAnswers() {
    #expect(philox(key: .max, high: .max, low: .max) == [0x41c8_3b0e_408f_276d, 0x6d54_51fd_a20b_c7c6])
    #expect(
      philox(key: 0x299f_31d0_a409_3822, high: 0x0370_7344_1319_8a2e, low: 0x85a3_08d3_243f_6a88)
        == [0x94fd_cceb_d16c_fe09, 0x2412_6ea1_5001_e420])
  }

  @Test(arguments: [(UInt64(1), UInt64(0)), (0, 1), (0xfeed_f00d_dead_beef, 0x0123_4567_89ab_cdef), (.max, .max)])
  func streamsCountUp(seed: UInt64, stream: UInt64) {
    var random = RandomStream(seed: seed, stream: stream)
    for low in 0..<70 {
      for word in philox(key: seed, high: stream, low: UInt64(low)) { #expect(random.next() == word) }
    }
  }

  /// Streams of one seed have nothing in common, and a copy goes on by itself.
  @Test func splitting() {
    var streams = (0..<8).map { RandomStream(seed: 3, stream: UInt64($0)) }
    var seen: Set<UInt64> = []
    for index in streams.indices { for _ in 0..<1000 { seen.insert(streams[index].next()) } }
    #expect(seen.count == 8000)
    var copy = streams[0]
    let ahead = (0..<5).map { _ in copy.next() }
    #expect((0..<5).map { _ in streams[0].next() } == ahead)
  }

  @Test func uniformNumbersFillTheirRange() {
    var random = RandomStream(seed: 9, stream: 4)
    let count = 100_000
    var bins = [Int](repeating: 0, count: 10)
    for _ in 0..<count {
      let number = random.nextUniform()
      #expect(number >= 0 && number < 1 && number * 0x1p53 == (number * 0x1p53).rounded())
      bins[Int(number * 10)] += 1
    }
    // Five standard deviations of a binomial count.
    for bin in bins { #expect(abs(Double(bin) - 10_000) < 5 * (Double(count) * 0.1 * 0.9).squareRoot()) }
  }

  @Test func permutations() {
    var random = RandomStream(seed: 2, stream: 0)
    for count in [0, 1, 2, 100] { #expect(random.permutation(count).sorted() == Array(0..<count)) }
    var orders: [[Int]: Int] = [:]
    for _ in 0..<6000 { orders[random.permutation(3), default: 0] += 1 }
    #expect(orders.count == 6)
    for (_, count) in orders { #expect(abs(Double(count) - 1000) < 5 * (6000.0 / 6 * 5 / 6).squareRoot()) }
    // Known order: a change would reorder everybody's batches.
    random = RandomStream(seed: 1, stream: 0)
    #expect(random.permutation(10) == [2, 1, 5, 0, 7, 3, 4, 9, 6, 8])
  }
}

@Suite struct DropoutMaskTests {
  private func mask(
    _ graph: Graph, _ name: String = "y", count: Int, threads: Int = 1, instructions: InstructionSet = .best,
    precision: Precision = .single, seed: UInt64 = 1, step: UInt64 = 0
  ) throws -> [Bool] {
    let bench = try Bench(graph, precision: precision, instructions: instructions, threads: threads)
    try bench.set(.input("x"), .real([Double](repeating: 1, count: count)))
    bench.run(seed: seed, step: step)
    return try bench.numbers(.output(name)).map { $0 != 0 }
  }

  private func graph(_ count: Int, rate: Double) throws -> Graph {
    let builder = GraphBuilder(openLength: 1)
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, count]))
    builder.setResult(.output("y"), try x.droppedOut(rate))
    builder.setResult(.output("z"), try x.droppedOut(rate))
    return builder.graph
  }

  /// The share of elements that are dropped, within five standard deviations, and what the others are scaled to.
  @Test(arguments: [0.0, 0.1, 0.25, 0.5, 0.9])
  func rate(_ rate: Double) throws {
    let count = 100_000
    let bench = try Bench(try graph(count, rate: rate))
    try bench.set(.input("x"), .real([Double](repeating: 1, count: count)))
    bench.run(seed: 8, step: 1)
    let y = try bench.numbers(.output("y"))
    let dropped = y.count { $0 == 0 }
    #expect(abs(Double(dropped) - Double(count) * rate) <= 5 * (Double(count) * rate * (1 - rate)).squareRoot())
    #expect(Set(y).subtracting([0]) == [Double(Float(1 / (1 - rate)))])
  }

  @Test func maskFollowsFromSeedStepAndStreamAlone() throws {
    let count = 70_003
    let graph = try graph(count, rate: 0.5)
    let mask = try mask(graph, count: count)
    for threads in [2, 4] { #expect(try self.mask(graph, count: count, threads: threads) == mask) }
    for instructions in InstructionSet.available {
      #expect(try self.mask(graph, count: count, instructions: instructions) == mask)
    }
    #expect(try self.mask(graph, count: count, precision: .double) == mask)
    // Others are independent: they agree on half of the places.
    let others = [
      try self.mask(graph, "z", count: count), try self.mask(graph, count: count, seed: 2),
      try self.mask(graph, count: count, step: 1),
    ]
    for other in others {
      let agreeing = zip(mask, other).count { $0 == $1 }
      #expect(abs(Double(agreeing) - Double(count) / 2) < 5 * (Double(count) / 4).squareRoot())
    }
  }
}
