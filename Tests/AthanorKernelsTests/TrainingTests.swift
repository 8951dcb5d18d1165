import AthanorKernels
import Testing

/// Optimisers, step after step against the same formulas in double.
@Suite struct OptimizerTests {
  private static let count = 40_003, steps = 5

  /// Weights, gradient by step, and zeroed slots.
  private static let start: (weights: [Float], gradients: [[Float]]) = {
    var random = Random(12)
    return (random.floats(count), (0..<steps).map { _ in random.floats(count) })
  }()

  /// Runs `step` on float buffers for every team and compares the weights with those of `exact`.
  private func check(
    slots: Int, step: (Int, Buffer<Float>, Buffer<Float>, [Buffer<Float>], Pool) -> Void,
    exact: (Int, Double, inout Double, inout [Double]) -> Void
  ) throws {
    let (weights, gradients) = Self.start
    let (got, agree) = try onEveryTeam { pool in
      let w = Buffer(weights), state = (0..<slots).map { _ in Buffer([Float](repeating: 0, count: Self.count)) }
      for t in 0..<Self.steps { step(t, Buffer(gradients[t]), w, state, pool) }
      #expect(w.isGuardIntact && state.allSatisfy { $0.isGuardIntact })
      return [w.values]
    }
    #expect(agree)
    let want = (0..<Self.count).map { e in
      var w = Double(weights[e]), state = [Double](repeating: 0, count: slots)
      for t in 0..<Self.steps { exact(t, Double(gradients[t][e]), &w, &state) }
      return w
    }
    // Weights up to 1 are rounded once or twice a step, steps of at most 0.2 carry a dozen roundings.
    #expect(worst(got[0], want) { _ in Double(Self.steps) * (2 + 12 * 0.2) * 2 * roundoff } <= 1)
  }

  @Test(arguments: Table.all, [(0, false), (0, true), (0.9, false), (0.9, true)])
  func sgd(table: Table, variant: (momentum: Double, nesterov: Bool)) throws {
    let (momentum, nesterov) = variant
    let (rate, decay) = (0.05, 0.01)
    try check(slots: 1) { _, g, w, state, pool in
      let args = ath_sgd_args(
        count: Int64(Self.count), rate: rate, decay: decay, momentum: momentum, nesterov: nesterov, gradient: g.pointer,
        weights: w.pointer, velocity: momentum == 0 ? nil : state[0].pointer)
      call(table.kernels.sgd, args, on: pool, keeping: [g, w] + state)
    } exact: { _, g, w, state in
      w -= rate * decay * w
      state[0] = momentum * state[0] - rate * g
      w += nesterov && momentum != 0 ? momentum * state[0] - rate * g : state[0]
    }
  }

  @Test(arguments: Table.all, [(0, false), (0, true), (0.5, false), (0.5, true)])
  func rmsprop(table: Table, variant: (momentum: Double, centered: Bool)) throws {
    let (momentum, centered) = variant
    let (rate, decay, rho, epsilon) = (0.01, 0.02, 0.9, 1e-3)
    try check(slots: 3) { _, g, w, state, pool in
      let args = ath_rmsprop_args(
        count: Int64(Self.count), rate: rate, decay: decay, rho: rho, momentum: momentum, epsilon: epsilon,
        gradient: g.pointer, weights: w.pointer, square: state[0].pointer,
        average: centered ? state[1].pointer : nil, velocity: momentum == 0 ? nil : state[2].pointer)
      call(table.kernels.rmsprop, args, on: pool, keeping: [g, w] + state)
    } exact: { _, g, w, state in
      w -= rate * decay * w
      state[0] = rho * state[0] + (1 - rho) * g * g
      state[1] = centered ? rho * state[1] + (1 - rho) * g : 0
      let step = rate * g / (state[0] - state[1] * state[1] + epsilon).squareRoot()
      state[2] = momentum * state[2] + step
      w -= state[2]
    }
  }

  @Test(arguments: Table.all, [0.0, 0.1])
  func adam(table: Table, decay: Double) throws {
    let (rate, beta1, beta2, epsilon) = (0.01, 0.9, 0.999, 1e-7)
    func alpha(_ t: Int) -> Double {
      var (power1, power2) = (1.0, 1.0)
      for _ in 0...t { (power1, power2) = (power1 * beta1, power2 * beta2) }
      return rate * (1 - power2).squareRoot() / (1 - power1)
    }
    try check(slots: 2) { t, g, w, state, pool in
      let args = ath_adam_args(
        count: Int64(Self.count), alpha: alpha(t), rate: rate, decay: decay, beta1: beta1, beta2: beta2,
        epsilon: epsilon, gradient: g.pointer, weights: w.pointer, first: state[0].pointer, second: state[1].pointer)
      call(table.kernels.adam, args, on: pool, keeping: [g, w] + state)
    } exact: { t, g, w, state in
      w -= rate * decay * w
      state[0] += (g - state[0]) * (1 - beta1)
      state[1] += (g * g - state[1]) * (1 - beta2)
      w -= state[0] * alpha(t) / (state[1].squareRoot() + epsilon)
    }
  }
}

@Suite struct BatchNormTests {
  private static let variants: [(Int, Int, Bool)] = [
    (1, 3, false), (9, 1, true), (50, 17, false), (5000, 33, false), (5000, 33, true), (20_000, 8, false),
  ]

  /// plain: without gamma and beta.
  @Test(arguments: Table.all, variants)
  func forwardAndGradient(table: Table, variant: (rows: Int, channels: Int, plain: Bool)) throws {
    let (rows, channels, plain) = variant
    var random = Random(13)
    // Far from zero, so that a variance from the sums of squares in float would show.
    let input = random.floats(rows * channels, 9...11), gradients = random.floats(rows * channels)
    let weight = random.floats(channels), shift = random.floats(channels)
    let epsilon = 1e-3
    let mean = (0..<channels).map { c in (0..<rows).reduce(0.0) { $0 + Double(input[$1 * channels + c]) } / Double(rows)
    }
    let variance = (0..<channels).map { c in
      (0..<rows).reduce(0.0) { sum, r in
        let d = Double(input[r * channels + c]) - mean[c]
        return sum + d * d
      } / Double(rows)
    }
    let gammas = (0..<channels).map { plain ? 1 : Double(weight[$0]) }
    let normal = input.indices.map {
      (Double(input[$0]) - mean[$0 % channels]) / (variance[$0 % channels] + epsilon).squareRoot()
    }
    let wantY = input.indices.map { gammas[$0 % channels] * normal[$0] + (plain ? 0 : Double(shift[$0 % channels])) }
    var wantBeta = [Double](repeating: 0, count: channels), wantGamma = wantBeta
    for place in gradients.indices {
      wantBeta[place % channels] += Double(gradients[place])
      wantGamma[place % channels] += Double(gradients[place]) * normal[place]
    }
    let inverse = variance.map { 1 / ($0 + epsilon).squareRoot() }
    let wantDx = input.indices.map { place in
      let c = place % channels, n = Double(rows)
      return gammas[c] * inverse[c] / n * (n * Double(gradients[place]) - wantBeta[c] - normal[place] * wantGamma[c])
    }

    let x = Buffer(input), dy = Buffer(gradients), gamma = Buffer(weight), beta = Buffer(shift)
    let savedMean = Buffer(mean.map(Float.init)), savedVariance = Buffer(variance.map(Float.init))
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer(input)  // in place
      let newMean = Buffer<Float>(undefined: channels), newVariance = Buffer<Float>(undefined: channels)
      var forward = ath_batch_norm_forward_args(
        rows: Int64(rows), channels: Int64(channels), epsilon: epsilon, x: y.pointer,
        gamma: plain ? nil : gamma.pointer, beta: plain ? nil : beta.pointer, y: y.pointer, mean: newMean.pointer,
        variance: newVariance.pointer, scratch: nil)
      let memory = scratch(table.kernels.batch_norm_forward_scratch_bytes(&forward))
      forward.scratch = UnsafeMutableRawPointer(memory.pointer)
      call(
        table.kernels.batch_norm_forward, forward, on: pool,
        keeping: [y, gamma, beta, newMean, newVariance, memory])

      let dx = Buffer<Float>(undefined: input.count)
      let dgamma = Buffer<Float>(undefined: channels), dbeta = Buffer<Float>(undefined: channels)
      var gradient = ath_batch_norm_gradient_args(
        rows: Int64(rows), channels: Int64(channels), epsilon: epsilon, x: x.pointer,
        gamma: plain ? nil : gamma.pointer, mean: savedMean.pointer, variance: savedVariance.pointer, dy: dy.pointer,
        dx: dx.pointer, dgamma: dgamma.pointer, dbeta: dbeta.pointer, scratch: nil)
      let memory2 = scratch(table.kernels.batch_norm_gradient_scratch_bytes(&gradient))
      gradient.scratch = UnsafeMutableRawPointer(memory2.pointer)
      call(
        table.kernels.batch_norm_gradient, gradient, on: pool,
        keeping: [x, gamma, savedMean, savedVariance, dy, dx, dgamma, dbeta, memory2])
      for intact in [y, dx, dgamma, dbeta, newMean, newVariance].map(\.isGuardIntact) { #expect(intact) }
      #expect(memory.isGuardIntact && memory2.isGuardIntact)
      return [y.values, newMean.values, newVariance.values, dx.values, dgamma.values, dbeta.values]
    }
    #expect(agree)
    // x and its mean are near 10 and carry a rounding each, which the division by the deviation enlarges.
    let loss = { (place: Int) in 12 * 2 * roundoff * inverse[place % channels] }
    #expect(worst(got[0], wantY) { loss($0) * abs(gammas[$0 % channels]) + 8 * roundoff * (abs(wantY[$0]) + 2) } <= 1)
    #expect(worst(got[1], mean) { roundoff * abs(mean[$0]) } <= 1)
    // The variance is taken about the rounded mean, which adds the square of that rounding.
    #expect(worst(got[2], variance) { 4 * roundoff * variance[$0] + 1e-10 } <= 1)
    let rowsLost = Double(rows)
    #expect(
      worst(got[3], wantDx) {
        (abs(gammas[$0 % channels]) + 1) * inverse[$0 % channels] * (loss($0) + 16 * roundoff) * 4
      } <= 1)
    #expect(worst(got[4], wantGamma) { rowsLost * (loss($0) + 8 * roundoff) } <= 1)
    #expect(worst(got[5], wantBeta) { roundoff * abs(wantBeta[$0]) + 1e-12 } <= 1)
  }
}
