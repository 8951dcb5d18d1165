import Athanor
import Foundation
import Testing

@Suite("Mixed examples")
struct MixingTests {
  /// Pictures whose bytes all say which example it is, of three classes in turn.
  private func pictures(_ count: Int, _ height: Int = 6, _ width: Int = 8) throws -> Dataset {
    let size = height * width
    return try Dataset(
      inputs: Tensor(shape: [count, height, width, 1], bytes: (0..<count * size).map { UInt8($0 / size * 10) }),
      targets: Tensor(shape: [count], integers: (0..<count).map { Int32($0 % 3) }),
      sampleWeights: (0..<count).map { Float($0 + 1) }, classNames: ["a", "b", "c"])
  }

  private struct Mixed: Equatable {
    var inputs: [UInt8]
    var targets: [Float]
    var weights: [Float]
  }

  private func batch(_ cursor: any DataCursor, _ mixing: Mixing, capacity: Int = 8) throws -> Mixed? {
    let batch = try Batch(mixing.ports, capacity: capacity)
    let count = try cursor.fill(batch)
    guard count > 0 else { return nil }
    return try Mixed(
      inputs: batch.withElements(.input, as: UInt8.self) { Array($0.prefix(count * 48)) },
      targets: batch.withElements(.target, as: Float.self) { Array($0.prefix(count * 3)) },
      weights: batch.withElements(.sampleWeights, as: Float.self) { Array($0.prefix(count)) })
  }

  private func batches(_ mixing: Mixing, _ pass: DataPass) throws -> [Mixed] {
    let cursor = try mixing.cursor(pass)
    var result: [Mixed] = []
    while let next = try batch(cursor, mixing) { result.append(next) }
    return result
  }

  @Test("MixUp: inputs, targets and weights are mixed by one share for each example")
  func mixUp() throws {
    let mixing = try Mixing(.mixUp(alpha: 1), of: pictures(24))
    #expect(mixing.classCount == 3 && mixing.exampleCount == 24 && mixing.ports.targets[0].lengths == [.batch, 3])
    let pass = try DataPass(seed: 5, batchSize: 8)
    var isMixed = false
    for (number, mixed) in try batches(mixing, pass).enumerated() {
      for example in 0..<8 {
        let own = number * 8 + example
        let row = Array(mixed.targets[3 * example..<3 * example + 3])
        #expect(abs(row.reduce(0, +) - 1) < 1e-6 && row.allSatisfy { $0 >= 0 })
        let pixels = Set(mixed.inputs[48 * example..<48 * example + 48])
        #expect(pixels.count == 1)
        // The weight w says which mixture it is: own * share + other * (1 - share) + 1.
        let place = Double(mixed.weights[example]) - 1
        #expect(abs(Double(try #require(pixels.first)) - 10 * place) <= 0.5 + 1e-4)
        isMixed = isMixed || (place != Double(own) && row.filter { $0 > 0 }.count == 2)
      }
    }
    #expect(isMixed)
  }

  @Test("CutMix: a rectangle of another picture; the share is that of the rest")
  func cutMix() throws {
    let mixing = try Mixing(.cutMix(), of: pictures(24))
    for (number, mixed) in try batches(mixing, DataPass(seed: 5, batchSize: 8)).enumerated() {
      for example in 0..<8 {
        let own = number * 8 + example
        let pixels = Array(mixed.inputs[48 * example..<48 * example + 48])
        let others = pixels.indices.filter { pixels[$0] != UInt8(own * 10) }
        #expect(Set(others.map { pixels[$0] }).count <= 1)
        #expect(Set(others.map { $0 / 8 }).count * Set(others.map { $0 % 8 }).count == others.count)
        var row: [Float] = [0, 0, 0]
        row[own % 3] += Float(48 - others.count) / 48
        if let other = others.first { row[Int(pixels[other]) / 10 % 3] += Float(others.count) / 48 }
        let isAlone = mixed.targets[3 * example + own % 3] == 1  // mixed with itself, or one of its class
        for (got, want) in zip(mixed.targets[3 * example..<3 * example + 3], row) {
          #expect(abs(got - want) < 1e-6 || isAlone)
        }
      }
    }
  }

  @Test("Equal passes give equal batches, other passes and seeds others, and shares are the batches of the whole")
  func passes() throws {
    for method in [Mixing.Method.mixUp(alpha: 0.4), .cutMix()] {
      let mixing = try Mixing(method, of: pictures(24))
      func whole(_ number: Int, _ seed: UInt64) throws -> [Mixed] {
        try batches(mixing, DataPass(number: number, seed: seed, shuffle: true, batchSize: 8))
      }
      let first = try whole(1, 3)
      #expect(try whole(1, 3) == first && whole(2, 3) != first && whole(1, 4) != first)
      let shares = try (0..<2).map {
        try batches(mixing, DataPass(seed: 3, shuffle: true, batchSize: 8, share: $0, shareCount: 2))
      }
      #expect([shares[0][0], shares[1][0], shares[0][1]] == first)
      // A position lies behind a batch.
      let pass = try DataPass(seed: 3, shuffle: true, batchSize: 8)
      let (cursor, moved) = (try mixing.cursor(pass), try mixing.cursor(pass))
      _ = try batch(cursor, mixing)
      try moved.move(to: try #require(cursor.position))
      #expect(try batch(moved, mixing) == first[1])
    }
  }

  @Test("Shares follow Beta(a, a)")
  func beta() {
    for a in [0.01, 0.2, 1, 4] {
      var random = RandomStream(seed: 1, stream: 9)
      let count = 20_000
      let shares = (0..<count).map { _ in random.nextBeta(a) }
      #expect(shares.allSatisfy { (0...1).contains($0) })
      let mean = shares.reduce(0, +) / Double(count)
      let squares: [Double] = shares.map { (share: Double) -> Double in (share - mean) * (share - mean) }
      let variance = squares.reduce(0, +) / Double(count)
      let expected = 1 / (4 * (2 * a + 1))
      #expect(abs(mean - 0.5) < 5 * (expected / Double(count)).squareRoot(), "\(a)")
      #expect(abs(variance / expected - 1) < 0.05, "\(a)")
    }
  }

  private func network() throws -> Model {
    let model = try Sequential(input: [6, 8, 1], seed: 2, threads: 1) {
      Augmentation.layers(height: 6, width: 8, horizontalFlip: true)
      RandomErasing(0.5)
      GaussianNoise(0.1)
      Flatten()
      Dense(3, activation: .softmax)
    }
    try model.compile(
      optimizer: .adam(learningRate: 0.01), loss: .categoricalCrossentropy, metrics: [.accuracy])
    return model
  }

  @Test(
    "Losses and metrics take mixed rows in training and class numbers in validation; a resumed training is the same")
  func training() throws {
    var digits = try pictures(20)
    digits.picturePreparation = .digit
    let (train, plain) = (try Mixing(.cutMix(), of: digits), try pictures(9))
    func fit(_ model: Model, _ callbacks: [any Callback] = [], resume: Bool = false) throws -> History {
      try model.fit(
        train, epochs: 3, batchSize: 6, validation: plain, callbacks: callbacks, verbose: .silent, resume: resume)
    }
    let whole = try network()
    let history = try fit(whole)
    #expect(history.epochs.count == 3 && history["val_accuracy"].allSatisfy { (0...1).contains($0) })
    #expect(whole.pixelScale == 1 / 255 && whole.classNames == ["a", "b", "c"] && whole.picturePreparation == .digit)
    let stop = ClosureCallback(batchDidEnd: { batch, _, context in
      if context.model.progress.epoch == 1, batch == 2 { context.stopTraining = true }
    })
    let interrupted = try network()
    _ = try fit(interrupted, [stop])
    let folder = try TemporaryFolder()
    try interrupted.save(to: folder.path("stopped.safetensors"))
    let resumed = try Model(contentsOf: folder.path("stopped.safetensors"), threads: 3)
    _ = try fit(resumed, resume: true)
    #expect(weightBits(resumed) == weightBits(whole))
  }

  @Test("What cannot be mixed is refused")
  func errors() throws {
    let data = try pictures(4)
    expectError("Mixing: alpha is 0.0. Give a positive number, for example 0.2.") {
      try Mixing(.mixUp(alpha: 0), of: data)
    }
    let rows = try Dataset(
      inputs: Tensor(shape: [2, 3], [1, 2, 3, 4, 5, 6]), targets: Tensor(shape: [2], integers: [0, 1]))
    #expect(
      errorText { try Mixing(.cutMix(), of: rows) }.hasSuffix(
        "Give pictures of height, width and channels, or use MixUp."))
    let words = try Dataset(
      inputs: Tensor(shape: [2, 1], integers: [1, 2]), targets: Tensor(shape: [2], integers: [0, 1]))
    expectError("Mixing: input \"\" has elements of type int32. Mix numbers or bytes.") {
      try Mixing(.mixUp(), of: words)
    }
    let few = try Mixing(.mixUp(), of: data, classCount: 2)
    expectError(
      "example 2 is of class 2 but classes 0 to 1 are mixed. Give Mixing the number of classes as classCount."
    ) {
      try few.cursor(DataPass()).fill(Batch(few.ports, capacity: 4))
    }
  }
}
