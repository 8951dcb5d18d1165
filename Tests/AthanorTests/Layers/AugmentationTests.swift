import Athanor
import Foundation
import Testing

@Suite("Augmentation")
struct AugmentationTests {
  /// What layers make of pictures in training, one forward pass after the other.
  private func augmented(
    _ layers: [any Layer], _ pictures: Tensor, seed: UInt64 = 3, passes: Int = 1, threads: Int = 1
  ) throws -> [[Float]] {
    let input = Input(Array(pictures.shape.dropFirst()))
    let output = layers.reduce(input) { $1($0, training: true) }
    let model = try Model(inputs: [input], outputs: [output], seed: seed, threads: threads)
    return try (0..<passes).map { _ in try model.predict(pictures, batchSize: pictures.shape[0]).floats }
  }

  /// As many copies of one picture with different pixels, `[N, height, width, channels]`.
  private func copies(_ count: Int, _ height: Int, _ width: Int, _ channels: Int = 1) throws -> Tensor {
    let size = height * width * channels
    let picture = (0..<size).map { Float($0 + 1) / Float(size + 1) }
    return try Tensor(
      shape: [count, height, width, channels], (0..<count).flatMap { _ in picture })
  }

  private func parts(_ values: [Float], _ count: Int) -> [[Float]] {
    let size = values.count / count
    return (0..<count).map { Array(values[$0 * size..<($0 + 1) * size]) }
  }

  private static let all: [any Layer] = [
    RandomFlip(), RandomRotation(0.1), RandomTranslation(heightFactor: 0.2, widthFactor: 0.2),
    RandomZoom(heightFactor: 0.3), RandomContrast(0.5), RandomBrightness(0.3), RandomErasing(),
    RandomCrop(height: 4, width: 4), GaussianNoise(0.2),
  ]

  @Test(
    "Pictures of a batch differ, each pass and seed gives others, and any number of threads the same", arguments: all)
  func seeds(_ layer: any Layer) throws {
    let pictures = try copies(12, 6, 6)
    let first = try augmented([layer], pictures, passes: 2)
    #expect(Set(parts(first[0], 12)).count > 1)
    #expect(first[0] != first[1])
    #expect(try augmented([layer], pictures, passes: 2) == first)
    #expect(try augmented([layer], pictures, passes: 2, threads: 3) == first)
    #expect(try augmented([layer], pictures, seed: 4)[0] != first[0])
    #expect(first[0].allSatisfy { $0.isFinite })
  }

  @Test("Prediction and evaluation are of the pictures as they are", arguments: all)
  func inference(_ layer: any Layer) throws {
    let pictures = try copies(2, 6, 6)
    let whole = try Model(input: [6, 6, 1], layers: [layer, Flatten()])
    guard layer.kind != "RandomCrop" else { return }
    #expect(try whole.predict(pictures).floats == pictures.floats)
    try whole.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(inputs: pictures, targets: Tensor(shape: [2, 36], pictures.floats))
    #expect(try whole.evaluate(data)["loss"] == 0)
  }

  @Test("Flips: a picture or its mirror image, each half of the time, both directions by themselves")
  func flips() throws {
    let count = 2000
    let pictures = try copies(count, 2, 3)
    let picture = Array(pictures.floats[..<6])
    func rows(_ order: [Int]) -> [Float] { order.map { picture[$0] } }
    let plain = rows([0, 1, 2, 3, 4, 5])
    let (mirrored, turned, both) = (rows([2, 1, 0, 5, 4, 3]), rows([3, 4, 5, 0, 1, 2]), rows([5, 4, 3, 2, 1, 0]))
    for (mode, kinds) in [
      (RandomFlip.Mode.horizontal, [plain, mirrored]), (.vertical, [plain, turned]),
      (.horizontalAndVertical, [plain, mirrored, turned, both]),
    ] {
      let found = parts(try augmented([RandomFlip(mode)], pictures)[0], count)
      #expect(Set(found) == Set(kinds))
      let share = Double(count) / Double(kinds.count)
      // Five standard deviations.
      for kind in kinds { #expect(abs(Double(found.count { $0 == kind }) - share) < 5 * share.squareRoot()) }
    }
  }

  @Test("What is drawn fills its bounds evenly")
  func distribution() throws {
    let count = 4000
    let pictures = try Tensor(shape: [count, 1, 1, 1], [Float](repeating: 0.5, count: count))
    let brightness = try augmented([RandomBrightness([-0.1, 0.3])], pictures)[0].map { Double($0) - 0.5 }
    #expect(brightness.allSatisfy { $0 >= -0.1001 && $0 < 0.3001 })
    for quarter in 0..<4 {
      let low = -0.1 + 0.1 * Double(quarter)
      let share = brightness.count { $0 >= low && $0 < low + 0.1 }
      #expect(abs(share - 1000) < 5 * 28)  // binomial: a deviation of 27.4
    }
    let noise = try augmented([GaussianNoise(0.5)], pictures)[0].map { Double($0) - 0.5 }
    let mean = noise.reduce(0, +) / Double(count)
    let deviation = (noise.map { $0 * $0 }.reduce(0, +) / Double(count)).squareRoot()
    #expect(abs(mean) < 5 * 0.5 / Double(count).squareRoot() && abs(deviation - 0.5) < 0.03)
    #expect(abs(noise.count { abs($0) < 0.5 } - 2731) < 150)  // 68.27 % within one deviation
  }

  @Test("A translation by whole pixels moves them, and a number for both is -number ... number")
  func translation() throws {
    let pictures = try copies(1, 2, 4)
    let moved = try augmented(
      [RandomTranslation(heightFactor: 0, widthFactor: [0.25, 0.25], fillMode: .constant, fillValue: -1)], pictures)[0]
    let p = pictures.floats
    #expect(moved == [-1, p[0], p[1], p[2], -1, p[4], p[5], p[6]])
    let factor: RandomFactor = 0.25
    #expect(factor.description == "-0.25 ... 0.25" && RandomFactor(-0.25).lower == -0.25)
    #expect(
      RandomFactor(0.5...1).description == "0.5 ... 1.0" && ([3, 1] as RandomFactor).description == "1.0 ... 3.0")
  }

  @Test("A quarter turn is one against the clock, as Keras says")
  func quarterTurn() throws {
    let pictures = try copies(1, 2, 2)
    let p = pictures.floats
    let turned = try augmented([RandomRotation([0.25, 0.25], interpolation: .nearest)], pictures)[0]
    #expect(turned == [p[1], p[3], p[0], p[2]])
  }

  @Test("Maps in a row with the same fill are sampled once, so that there and back is the picture itself")
  func combined() throws {
    let pictures = try copies(2, 6, 7)
    func close(_ layers: [any Layer]) throws -> Double {
      let found = try augmented(layers, pictures)[0]
      return zip(found, pictures.floats).map { Double(abs($0 - $1)) }.max() ?? 1
    }
    let (there, back) = (
      RandomRotation([0.1, 0.1], fillMode: .nearest), RandomRotation([-0.1, -0.1], fillMode: .nearest)
    )
    #expect(try close([there, back]) < 1e-5)
    #expect(
      try close([
        RandomTranslation(heightFactor: [0.3, 0.3], widthFactor: [-0.25, -0.25]),
        RandomZoom(heightFactor: [0.25, 0.25]),
        RandomZoom(heightFactor: [-0.2, -0.2]),
        RandomTranslation(heightFactor: [-0.3, -0.3], widthFactor: [0.25, 0.25]),
      ]) < 1e-5)
    // Another fill is another sampling.
    #expect(try close([there, RandomRotation([-0.1, -0.1], fillMode: .wrap)]) > 0.01)
    // The maps do not commute: a shift, then a quarter turn against the clock, as one after the other.
    let both = try augmented(
      [
        RandomTranslation(heightFactor: 0, widthFactor: [0.5, 0.5], fillMode: .constant),
        RandomRotation([0.25, 0.25], fillMode: .constant),
      ], copies(1, 2, 2))[0]
    let p = try copies(1, 2, 2).floats
    expectClose(both, [p[0], p[2], 0, 0].map(Double.init), "both")
  }

  @Test("A crop is a part of its picture, and all places occur")
  func crops() throws {
    let pictures = try copies(300, 3, 4)
    let picture = Array(pictures.floats[..<12])
    let found = Set(parts(try augmented([RandomCrop(height: 2, width: 2)], pictures)[0], 300))
    let places = (0..<2).flatMap { top in
      (0..<3).map { left in [0, 1, 4, 5].map { picture[$0 + top * 4 + left] } }
    }
    #expect(found == Set(places))
    // In prediction the largest part in the middle, resized.
    let model = try Model(input: [3, 4, 1], layers: [RandomCrop(height: 1, width: 2), Flatten()])
    #expect(model.outputShape.description == "(None, 2)")
    let middle = Array(picture[0..<8])
    let halves = [[0, 1, 4, 5], [2, 3, 6, 7]].map { $0.map { middle[$0] }.reduce(0, +) / 4 }
    expectClose(try model.predict(copies(1, 3, 4)).floats, halves.map(Double.init), "middle")
  }

  @Test("An erased rectangle has the size that the scale says, and the share of pictures that the factor says")
  func erasing() throws {
    let count = 1000
    let pictures = try copies(count, 8, 10, 3)
    let layer = RandomErasing([0.25, 0.25], scale: [0.25, 0.25], fillValue: [0, 0.5, 1])
    let found = parts(try augmented([layer], pictures)[0], count)
    let picture = Array(pictures.floats[..<240])
    var erased = 0
    for one in found where one != picture {
      erased += 1
      let changed = (0..<80).filter { place in one[3 * place..<3 * place + 3].elementsEqual([0, 0.5, 1]) }
      #expect(Set(changed.map { $0 / 10 }).count == 4 && Set(changed.map { $0 % 10 }).count == 5 && changed.count == 20)
      for place in 0..<80 where !changed.contains(place) {
        #expect(one[3 * place..<3 * place + 3] == picture[3 * place..<3 * place + 3])
      }
    }
    #expect(abs(erased - 250) < 70)  // five standard deviations
    let noise = parts(try augmented([RandomErasing([1, 1], scale: [1, 1])], pictures)[0], count)
    #expect(noise.allSatisfy { $0.allSatisfy { (0...1).contains($0) } } && Set(noise).count == count)
  }

  @Test("A further output, or a frozen layer, changes nothing")
  func independence() throws {
    let pictures = try copies(4, 6, 6)
    func result(more: Bool) throws -> [Float] {
      let input = Input([6, 6, 1])
      let noisy = GaussianNoise(0.3)(input, training: true)
      let other = RandomRotation(0.2, name: "other")(input, training: true)
      let model = try Model(inputs: [input], outputs: more ? [noisy, other] : [noisy], seed: 5)
      let results = try model.predict([model.inputs[0].name: pictures])
      return try #require(results[model.outputs[0].name]).floats
    }
    #expect(try result(more: true) == result(more: false))
    let network = try Sequential(input: [6, 6, 1], seed: 1) {
      RandomTranslation(heightFactor: 0.2, widthFactor: 0.2)
      Flatten()
      Dense(3)
    }
    try network.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(inputs: pictures, targets: Tensor(shape: [4, 3], [Float](repeating: 1, count: 12)))
    let plain = try network.gradients(data).loss
    #expect(try network.evaluate(data)["loss"] != plain)
  }

  @Test("Layers for pictures of a size stand in front of a network")
  func convenience() throws {
    let model = try Sequential(input: [10, 20, 1]) {
      Augmentation.layers(height: 10, width: 20, horizontalFlip: true)
      Flatten()
      Dense(2)
    }
    #expect(
      model.summaryRows.map(\.kind)
        == ["RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "Flatten", "Dense"])
    #expect(Augmentation.layers(height: 10, width: 20).count == 3)
    let moved = Augmentation.layers(height: 10, width: 20).compactMap { $0 as? RandomTranslation }.first
    #expect(moved?.heightFactor.upper == 0.1 && moved?.widthFactor.upper == 0.05 && moved?.fillMode == .nearest)
    #expect(moved?.interpolation == .nearest)
    let large = Augmentation.layers(height: 64, width: 80).compactMap { $0 as? RandomTranslation }.first
    #expect(large?.heightFactor.upper == 0.08 && large?.interpolation == .bilinear)
  }

  @Test("What makes no sense is refused")
  func errors() {
    func refuse(_ layer: any Layer, _ text: String, input: [Int] = [4, 4, 1]) {
      let name = layer.automaticName
      expectError("\(name) (layer 1, \(layer.kind)): \(text)") { try Model(input: input, layers: [layer]) }
    }
    refuse(
      RandomRotation([0.1, 0.2, 0.3]),
      "factor is [0.1, 0.2, 0.3] but must be one or two numbers from -1000000.0 to 1000000.0.")
    refuse(
      RandomRotation(RandomFactor(.nan)), "factor is nan but must be one or two numbers from -1000000.0 to 1000000.0.")
    refuse(
      RandomTranslation(heightFactor: 0, widthFactor: 1.5),
      "widthFactor is 1.5 but must be one or two numbers from -1.0 to 1.0.")
    refuse(
      RandomContrast(lower: 0.3, upper: 0.2),
      "lower is 0.3 and upper 0.2. upper must lie in 0 ... 1, and lower in -upper ... upper.")
    refuse(RandomBrightness(2), "factor is 2.0 but must be one or two numbers from -1.0 to 1.0.")
    refuse(RandomErasing(scale: [-1, 0]), "scale is [-1.0, 0.0] but must be one or two numbers from 0.0 to 1.0.")
    refuse(
      RandomErasing(fillValue: [1, 2, 3]),
      "fillValue is [1.0, 2.0, 3.0], but the input has shape (None, 4, 4, 1). Give one finite number, or one for each of three channels."
    )
    refuse(GaussianNoise(-1), "deviation is -1.0 but must be at least 0 and at most 1.")
    refuse(RandomCrop(height: 0, width: 3), "size is [0, 3] but must be one or two numbers of at least 1.")
    refuse(Resizing(height: 3, width: 0), "size is [3, 0] but must be one or two numbers of at least 1.")
    refuse(
      RandomFlip(),
      "input has shape (9,) but 3 axes (height, width, channels) are needed. "
        + "Give it pictures of height, width and channels.", input: [9])
    expectError(
      "it (Resizing): its filter is area, for which Keras has no name. Use ResizingFilter.antialiasedBilinear, which is similar."
    ) { try Resizing(height: 2, width: 2, filter: .area).serialized(name: "it") }
  }
}
