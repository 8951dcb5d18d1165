import Athanor
import AthanorCore
import AthanorKeras
import Testing

/// Layers that Keras does not have are refused by its files, by name.
@Suite struct ImportedOperationTests {
  @Test func refusal() throws {
    let folder = try TemporaryFolder()
    let x = Program.Argument.operand(.named("x"))
    let program = Program(
      inputs: [.init(name: "x", shape: [1, 4])],
      operations: [
        try Program.Operation(
          .linear, name: "dense", [.x: x, .weight: .constant(noise([3, 4]))], results: [Program.Result("a")]),
        try Program.Operation(
          .layerNorm, name: "norm", [.x: .operand(.named("a")), .gamma: .constant(noise([3]))],
          results: [Program.Result("y")]),
      ], outputs: [Program.Result("y")])
    let model = try Model(ModelRecipe(program, name: "test"), threads: 1)
    let expected =
      "norm (layer_norm operation): it has no Keras name. Save it as .safetensors, or its weights alone as .weights.h5."
    #expect(folder.errorText { try model.save(to: folder.path("a.h5")) } == expected)
    #expect(try folder.contents == [])
    let checkpoint = ModelCheckpoint(folder.path("a.h5"))
    try model.compile(optimizer: .sgd(), loss: .meanSquaredError)
    let data = try Dataset(inputs: noise([4, 4]), targets: noise([4, 3]))
    #expect(
      folder.errorText { try model.fit(data, callbacks: [checkpoint], verbose: .silent) }.hasSuffix(expected))
    // Its weights alone are arrays like any others.
    try model.fit(
      data, callbacks: [ModelCheckpoint(folder.path("w.h5"), weightsOnly: true)], verbose: .silent)
    let copy = try Model(ModelRecipe(program, name: "test"), threads: 1)
    try copy.loadWeights(from: folder.path("w.h5"))
    #expect(weightBits(copy) == weightBits(model))
    // What has Keras' layers alone is saved as they are.
    let part = try model.truncated(after: "dense")
    try part.save(to: folder.path("part.h5"))
    #expect(try Model(contentsOf: folder.path("part.h5"), threads: 1).summary() == part.summary())
  }
}
