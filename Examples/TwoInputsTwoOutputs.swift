import Athanor

/// A functional model with a skip connection, two inputs and two outputs: what a picture and an age say of a kind and a size.
public enum TwoInputsTwoOutputs {
  /// Describes the model.
  public static func model() throws -> Model {
    let picture = Input([16, 16, 3], name: "picture"), age = Input([1], name: "age")
    var x = Conv2D(8, kernelSize: 3, padding: .same, activation: .relu)(picture)
    x = Add()(x, Conv2D(8, kernelSize: 3, padding: .same)(x))
    x = Concatenate()(GlobalAveragePooling2D()(x), age)
    let kind = Dense(3, activation: .softmax, name: "kind")(x), size = Dense(1, name: "size")(x)
    return try Model(inputs: [picture, age], outputs: [kind, size], seed: 1)
  }

  /// Trains it on made-up data.
  public static func run() throws -> History {
    let model = try model()
    print(model.summary())
    try model.compile(
      optimizer: .adam(learningRate: 0.01),
      losses: ["kind": .sparseCategoricalCrossentropy, "size": .meanSquaredError], lossWeights: ["size": 0.1],
      metrics: ["kind": [.accuracy]])

    // The kind is the brightest colour; the size grows with age and brightness.
    var random = RandomStream(seed: 2, stream: 0)
    var (pixels, ages, kinds, sizes) = ([Float](), [Float](), [Int32](), [Float]())
    for example in 0..<120 {
      let (kind, age) = (example % 3, Float(random.nextUniform()))
      for pixel in 0..<16 * 16 * 3 { pixels.append(Float(random.nextUniform()) + (pixel % 3 == kind ? 0.5 : 0)) }
      ages.append(age)
      kinds.append(Int32(kind))
      sizes.append(2 * age + 1)
    }
    let data = try Dataset(
      inputs: [
        "picture": Tensor(shape: [120, 16, 16, 3], pixels), "age": Tensor(shape: [120, 1], ages),
      ],
      targets: ["kind": Tensor(shape: [120], integers: kinds), "size": Tensor(shape: [120, 1], sizes)],
      sampleWeights: ["size": ages.map { $0 + 0.5 }])
    let history = try model.fit(data, epochs: 20, batchSize: 20, verbose: .line)
    let results = try model.predict([
      "picture": Tensor(shape: [1, 16, 16, 3], Array(pixels.prefix(16 * 16 * 3))), "age": Tensor(shape: [1, 1], [0.5]),
    ])
    print(results["kind"]?.floats ?? [], results["size"]?.floats ?? [])
    return history
  }
}
