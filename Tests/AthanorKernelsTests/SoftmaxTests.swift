import AthanorKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct SoftmaxTests {
  private static let shapes: [(Int, Int)] = [
    (1, 1), (7, 2), (200, 10), (33, 16), (5, 17), (3, 33), (2, 1000), (3000, 5),
  ]

  /// Row by row in double.
  private func softmax(_ x: [Float], _ columns: Int) -> [Double] {
    stride(from: 0, to: x.count, by: columns).flatMap { row in
      let values = x[row..<row + columns].map(Double.init)
      let top = values.max() ?? 0
      let powers = values.map { exp($0 - top) }, sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    }
  }

  @Test(arguments: Table.all, shapes)
  func softmax(table: Table, shape: (rows: Int, columns: Int)) throws {
    var random = Random(1)
    let input = random.floats(shape.rows * shape.columns, -20...20)
    let gradients = random.floats(input.count)
    let want = softmax(input, shape.columns)
    let (rows, columns) = (Int64(shape.rows), Int64(shape.columns))
    let x = Buffer(input), dy = Buffer(gradients), probabilities = Buffer(want.map(Float.init))
    let (got, agree) = try onEveryTeam { pool in
      let y = Buffer<Float>(undefined: input.count), inPlace = Buffer(input)
      let dx = Buffer<Float>(undefined: input.count), dInPlace = Buffer(gradients)
      let forward = table.kernels.softmax!, backward = table.kernels.softmax_gradient!
      call(
        forward, ath_softmax_args(rows: rows, columns: columns, x: x.pointer, y: y.pointer), on: pool, keeping: [x, y])
      call(
        forward, ath_softmax_args(rows: rows, columns: columns, x: inPlace.pointer, y: inPlace.pointer), on: pool,
        keeping: [inPlace])
      call(
        backward,
        ath_softmax_gradient_args(
          rows: rows, columns: columns, y: probabilities.pointer, dy: dy.pointer, dx: dx.pointer), on: pool,
        keeping: [probabilities, dy, dx])
      call(
        backward,
        ath_softmax_gradient_args(
          rows: rows, columns: columns, y: probabilities.pointer, dy: dInPlace.pointer, dx: dInPlace.pointer), on: pool,
        keeping: [probabilities, dInPlace])
      #expect(identical(y.values, inPlace.values) && identical(dx.values, dInPlace.values))
      #expect(y.isGuardIntact && dx.isGuardIntact && inPlace.isGuardIntact)
      return [y.values, dx.values]
    }
    #expect(agree)
    // exp of a difference up to 40 that carries one rounding: 40 roundoffs; then the sum and the division.
    let sumTerms = Double(shape.columns + 48)
    #expect(worst(got[0], want) { want[$0] * sumTerms * roundoff } <= 1)

    let p = probabilities.values
    var wantDx: [Double] = [], magnitude: [Double] = []
    for row in 0..<shape.rows {
      let places = row * shape.columns..<(row + 1) * shape.columns
      let sum = places.reduce(0.0) { $0 + Double(p[$1]) * Double(gradients[$1]) }
      wantDx += places.map { Double(p[$0]) * (Double(gradients[$0]) - sum) }
      magnitude += places.map { Double(p[$0]) }
    }
    #expect(worst(got[1], wantDx) { 8 * roundoff * magnitude[$0] + 1e-30 } <= 1)
  }

  @Test(arguments: Table.all, shapes)
  func crossentropy(table: Table, shape: (rows: Int, columns: Int)) throws {
    for dense in [false, true] { try checkCrossentropy(table, shape, dense: dense) }
  }

  private func checkCrossentropy(_ table: Table, _ shape: (rows: Int, columns: Int), dense: Bool) throws {
    var random = Random(2)
    let (rows, columns) = (Int64(shape.rows), Int64(shape.columns))
    let input = random.floats(shape.rows * shape.columns, -20...20)
    // Soft labels with weights that do not add up to 1, some of them 0.
    let targets = (0..<input.count).map { _ in random.int(0...2) == 0 ? 0 : random.float(0...1) }
    let classes = (0..<shape.rows).map { $0 % 11 == 10 ? Int32(-1) : Int32(random.int(0...shape.columns - 1)) }
    let lossGradients = random.floats(shape.rows)
    let want = softmax(input, shape.columns)
    var wantLoss: [Double] = [], wantDx: [Double] = [], lossScale: [Double] = []
    for row in 0..<shape.rows {
      let places = row * shape.columns..<(row + 1) * shape.columns
      let target = places.map { place in
        dense ? Double(targets[place]) : Int(classes[row]) == place % shape.columns ? 1 : 0
      }
      let top = Double(input[places].max() ?? 0)
      let logSum = log(places.reduce(0.0) { $0 + exp(Double(input[$1]) - top) })
      let total = target.reduce(0, +)
      wantLoss.append(zip(places, target).reduce(0) { $0 + $1.1 * (logSum - Double(input[$1.0]) + top) })
      lossScale.append(total * (40 + logSum) + 1e-20)
      wantDx += zip(places, target).map { (want[$0] * total - $1) * Double(lossGradients[row]) }
    }
    let logits = Buffer(input), target = Buffer(targets), index = Buffer(classes), dloss = Buffer(lossGradients)
    let (got, agree) = try onEveryTeam { pool in
      let loss = Buffer<Float>(undefined: shape.rows), probabilities = Buffer<Float>(undefined: input.count)
      let inPlace = Buffer(input), loss2 = Buffer<Float>(undefined: shape.rows)
      var args = ath_softmax_crossentropy_args(
        rows: rows, columns: columns, logits: logits.pointer, target: dense ? target.pointer : nil,
        index: dense ? nil : index.pointer, loss: loss.pointer, probabilities: probabilities.pointer)
      call(table.kernels.softmax_crossentropy, args, on: pool, keeping: [logits, target, index, loss, probabilities])
      args.logits = UnsafeRawPointer(inPlace.pointer)
      args.probabilities = UnsafeMutableRawPointer(inPlace.pointer)
      args.loss = UnsafeMutableRawPointer(loss2.pointer)
      call(table.kernels.softmax_crossentropy, args, on: pool, keeping: [target, index, loss2, inPlace])
      #expect(identical(probabilities.values, inPlace.values) && identical(loss.values, loss2.values))
      let dx = Buffer<Float>(undefined: input.count)
      var gradient = ath_softmax_crossentropy_gradient_args(
        rows: rows, columns: columns, probabilities: probabilities.pointer, target: dense ? target.pointer : nil,
        index: dense ? nil : index.pointer, dloss: dloss.pointer, dlogits: dx.pointer)
      let backward = try #require(table.kernels.softmax_crossentropy_gradient)
      call(backward, gradient, on: pool, keeping: [probabilities, target, index, dloss, dx])
      gradient.probabilities = UnsafeRawPointer(inPlace.pointer)
      gradient.dlogits = UnsafeMutableRawPointer(inPlace.pointer)
      call(backward, gradient, on: pool, keeping: [inPlace, target, index, dloss])
      #expect(identical(dx.values, inPlace.values))
      #expect(loss.isGuardIntact && probabilities.isGuardIntact && dx.isGuardIntact)
      return [loss.values, probabilities.values, dx.values]
    }
    #expect(agree)
    let terms = Double(shape.columns + 48)
    #expect(worst(got[0], wantLoss) { terms * roundoff * lossScale[$0] } <= 1)
    #expect(worst(got[1], want) { want[$0] * terms * roundoff } <= 1)
    #expect(worst(got[2], wantDx) { _ in terms * roundoff * Double(dense ? shape.columns : 1) } <= 1)
  }

  @Test(arguments: Table.all)
  func impossibleClassesCountNothing(table: Table) throws {
    let pool = try Pool(1)
    let logits = Buffer<Float>([0, -.infinity, 1]), target = Buffer<Float>([1, 0, 0])
    let loss = Buffer<Float>(undefined: 1), probabilities = Buffer<Float>(undefined: 3)
    let args = ath_softmax_crossentropy_args(
      rows: 1, columns: 3, logits: logits.pointer, target: target.pointer, index: nil, loss: loss.pointer,
      probabilities: probabilities.pointer)
    call(table.kernels.softmax_crossentropy, args, on: pool, keeping: [logits, target, loss, probabilities])
    #expect(abs(Double(loss.values[0]) - log(1 + exp(1))) < 1e-6)
    #expect(probabilities.values[1] == 0)
  }
}
