import AthanorCore
import Testing

/// The optimizers' steps as Keras writes them, in double, over a few steps; each instruction set and number of threads.
@Suite(.serialized) struct OptimizationTests {
  private static let count = 20_003

  /// Runs `step` a few times on weights, gradients and slots, and compares the weights with those that `want` gives for one
  /// element's weight, gradient and slots.
  private func check(
    slots: Int, sourceLocation: SourceLocation = #_sourceLocation,
    step: (FlatKernels, [UnsafeMutableBufferPointer<Float>], Int) -> Void,
    want: (inout Double, Double, inout [Double], Int) -> Void
  ) throws {
    var random = Random(6)
    let start = (0..<Self.count).map { _ in Float(random.below(2001) - 1000) / 500 }
    let gradients = (0..<3).map { _ in (0..<Self.count).map { _ in Float(random.below(2001) - 1000) / 900 } }
    var wanted = start.map(Double.init)
    for place in wanted.indices {
      var state = [Double](repeating: 0, count: slots)
      for (number, gradient) in gradients.enumerated() {
        want(&wanted[place], Double(gradient[place]), &state, number + 1)
      }
    }
    for instructions in InstructionSet.available {
      for threads in [1, 4] {
        let kernels = try FlatKernels(pool: ThreadPool(threadCount: threads), instructions: instructions)
        let buffers = try (0..<slots + 2).map { _ in try NumberBuffer(byteCount: Self.count * 4) }
        let arrays = buffers.map { UnsafeMutableBufferPointer(rebasing: $0.floats[0..<Self.count]) }
        for place in 0..<Self.count { arrays[0][place] = start[place] }
        for (number, gradient) in gradients.enumerated() {
          for place in 0..<Self.count { arrays[1][place] = gradient[place] }
          step(kernels, arrays, number + 1)
        }
        let got = withExtendedLifetime(buffers) { arrays[0].map(Double.init) }
        #expect(difference(got, wanted) < 1e-6, "\(instructions), \(threads) threads", sourceLocation: sourceLocation)
      }
    }
  }

  @Test(arguments: [0.0, 0.9], [false, true])
  func sgd(momentum: Double, nesterov: Bool) throws {
    try check(slots: 1) { kernels, arrays, _ in
      kernels.sgd(
        arrays[0], arrays[1], velocity: momentum == 0 ? nil : arrays[2], rate: 0.1, decay: 0.02, momentum: momentum,
        nesterov: nesterov)
    } want: { weight, gradient, slots, _ in
      weight -= 0.1 * 0.02 * weight
      slots[0] = momentum * slots[0] - 0.1 * gradient
      weight += nesterov && momentum > 0 ? momentum * slots[0] - 0.1 * gradient : slots[0]
    }
  }

  @Test(arguments: [0.0, 0.8], [false, true])
  func rmsprop(momentum: Double, centered: Bool) throws {
    try check(slots: 3) { kernels, arrays, _ in
      kernels.rmsprop(
        arrays[0], arrays[1], square: arrays[2], average: centered ? arrays[3] : nil,
        velocity: momentum == 0 ? nil : arrays[4], rate: 0.01, decay: 0.1, rho: 0.7, momentum: momentum, epsilon: 1e-3)
    } want: { weight, gradient, slots, _ in
      weight -= 0.01 * 0.1 * weight
      slots[0] = 0.7 * slots[0] + 0.3 * gradient * gradient
      slots[1] = 0.7 * slots[1] + 0.3 * gradient
      let variance = slots[0] - (centered ? slots[1] * slots[1] : 0)
      slots[2] = momentum * slots[2] + 0.01 * gradient / (variance + 1e-3).squareRoot()
      weight -= slots[2]
    }
  }

  @Test func adam() throws {
    func alpha(_ number: Int) -> Double {
      let (first, second) = (
        (1...number).reduce(1.0) { product, _ in product * 0.8 },
        (1...number).reduce(1.0) { product, _ in product * 0.95 }
      )
      return 0.02 * (1 - second).squareRoot() / (1 - first)
    }
    try check(slots: 2) { kernels, arrays, number in
      kernels.adam(
        arrays[0], arrays[1], first: arrays[2], second: arrays[3], alpha: alpha(number), rate: 0.02, decay: 0.05,
        beta1: 0.8, beta2: 0.95, epsilon: 1e-4)
    } want: { weight, gradient, slots, number in
      weight -= 0.02 * 0.05 * weight
      slots[0] += (gradient - slots[0]) * 0.2
      slots[1] += (gradient * gradient - slots[1]) * 0.05
      weight -= slots[0] * alpha(number) / (slots[1].squareRoot() + 1e-4)
    }
  }

  @Test func sumsAndScales() throws {
    let buffer = try NumberBuffer(byteCount: Self.count * 4)
    let values = UnsafeMutableBufferPointer(rebasing: buffer.floats[0..<Self.count])
    for place in values.indices { values[place] = Float(place % 13) - 6 }
    let want = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    for threads in [1, 4] {
      let kernels = try FlatKernels(pool: ThreadPool(threadCount: threads))
      #expect(kernels.sumOfSquares(values) == want)
    }
    try FlatKernels(pool: ThreadPool(threadCount: 1)).scale(values, by: 0.5)
    #expect(values[0] == -3 && values[12] == 3 && values[Self.count - 1] == Float((Self.count - 1) % 13) / 2 - 3)
    withExtendedLifetime(buffer) {}
  }
}

@Suite struct LayoutTests {
  /// Arrays begin at multiples of 64 bytes, do not overlap and are found by name.
  @Test func arraysAreApart() {
    var layout = ArrayLayout()
    for (name, shape) in [("a", [3, 5]), ("b", []), ("c", [16]), ("d", [0, 4]), ("e", [1, 17])] {
      layout.append(name, shape)
    }
    #expect(layout.entries.map(\.offset) == [0, 16, 32, 48, 48])
    #expect(layout.entries.map(\.count) == [15, 1, 16, 0, 17])
    #expect(layout.count == 80)
    #expect(layout["c"]?.range == 32..<48 && layout["e"]?.shape == [1, 17] && layout["f"] == nil)
  }

  @Test func memoryBeginsAtZeroAndIsAligned() throws {
    for size in [0, 1, 64, 1000] {
      let buffer = try NumberBuffer(byteCount: size)
      #expect(buffer.byteCount >= size && Int(bitPattern: buffer.base) % 64 == 0)
      #expect(buffer.floats.allSatisfy { $0 == 0 })
    }
  }

  @Test func logitsAreFoundBehindTheirFunction() throws {
    let builder = GraphBuilder()
    let x = try builder.source(.input("x"), ValueType(.float32, [nil, 3]))
    #expect(try softmax(x).softmaxLogits?.id == x.id && sigmoid(x).sigmoidLogits?.id == x.id)
    #expect(try x.softmaxLogits == nil && relu(x).sigmoidLogits == nil && sigmoid(x).softmaxLogits == nil)
  }

  @Test func floatingPointOperationsAreCounted() throws {
    let plan = try Bench(SampleGraph.convolutional.forward()).plan
    let convolution = 2 * 3 * 9 * 8 * 4 * 3 * 3 * 2
    let products = 2 * 3 * (64 * 5 + 5 * 3)
    #expect(plan.floatingPointOperations == Double(convolution + products))
  }
}
