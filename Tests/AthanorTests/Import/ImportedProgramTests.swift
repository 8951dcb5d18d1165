import Athanor
import Testing

/// Programs as readers hand them over, made by hand.
@Suite("Imported programs")
struct ImportedProgramTests {
  private func numbers(_ shape: [Int], _ values: [Float]) throws -> ImportedProgram.Constant {
    .numbers(try Tensor(shape: shape, values))
  }

  private func integers(_ values: [Int32]) throws -> ImportedProgram.Constant {
    .numbers(try Tensor(shape: [values.count], integers: values))
  }

  private func model(
    _ shape: [Int], isPicture: Bool = false, _ constants: [String: ImportedProgram.Constant],
    _ operations: [ImportedProgram.Operation], output: String = "y"
  ) throws -> Model {
    let program = ImportedProgram(
      input: .init(name: "x", shape: shape, isPicture: isPicture), constants: constants, operations: operations,
      output: output)
    return try Model(ModelRecipe(program, name: "test"), threads: 1)
  }

  private func operation(_ type: String, _ arguments: [String: [String]], _ outputs: [String] = ["y"])
    -> ImportedProgram.Operation
  {
    .init(type, name: outputs[0], arguments: arguments, outputs: outputs)
  }

  /// The error of building a network of one operation.
  private func refusal(
    _ type: String, _ arguments: [String: [String]], _ constants: [String: ImportedProgram.Constant] = [:],
    shape: [Int] = [1, 2, 4, 4], output: String = "y"
  ) -> String {
    do {
      _ = try model(shape, constants, [operation(type, arguments)], output: output)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test("A padding wider than the kernel gives results of the bias alone at the border")
  func widePadding() throws {
    let constants = [
      "w": try numbers([1, 1, 1, 1], [2]), "b": try numbers([1], [0.5]), "pad": try integers([1, 0, 2, 1]),
      "custom": .text("custom"),
    ]
    let conv = operation("conv", ["x": ["x"], "weight": ["w"], "bias": ["b"], "pad": ["pad"], "pad_type": ["custom"]])
    let result = try model([1, 1, 1, 2], constants, [conv]).predict(Tensor(shape: [1, 1, 1, 2], [3, 4]))
    #expect(result.shape == [1, 1, 2, 5])
    #expect(result.floats == [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 6.5, 8.5, 0.5])
  }

  @Test("A dense layer behind a flattened picture sees its numbers in the program's order")
  func flattened() throws {
    // Channels first: the picture's numbers are weighed by 1, 4, 16, ... in the order channel, row, column.
    let constants = [
      "shape": try integers([1, -1]),
      "w": try numbers([1, 8], [1, 4, 16, 64, 256, 1024, 4096, 16384]),
    ]
    let operations = [
      operation("relu", ["x": ["x"]], ["a"]), operation("reshape", ["x": ["a"], "shape": ["shape"]], ["b"]),
      operation("linear", ["x": ["b"], "weight": ["w"]]),
    ]
    let plain = try model([1, 2, 2, 2], constants, operations)
    #expect(try plain.predict(Tensor(shape: [1, 2, 2, 2], [1, 2, 3, 0, 1, 3, 0, 2])).floats == [36153])
    // The same picture with its channels last.
    let picture = try model([1, 2, 2, 2], isPicture: true, constants, operations)
    #expect(picture.inputShape == [2, 2, 2] && picture.pixelScale == 1)
    #expect(try picture.predict(Tensor(shape: [1, 2, 2, 2], [1, 1, 2, 3, 3, 0, 0, 2])).floats == [36153])
  }

  @Test("Arithmetic on shapes is done while reading")
  func shapes() throws {
    let constants = [
      "zero": try integers([0]), "rest": try integers([-1]), "axis": try integers([0]),
    ]
    let operations = [
      operation("shape", ["x": ["x"]], ["s"]),
      operation("gather", ["x": ["s"], "indices": ["zero"], "axis": ["axis"]], ["n"]),
      operation("concat", ["values": ["n", "rest"], "axis": ["axis"]], ["t"]),
      operation("reshape", ["x": ["x"], "shape": ["t"]]),
    ]
    let result = try model([1, 2, 3], constants, operations).predict(Tensor(zeros: [4, 2, 3]))
    // What a hostile file may put there must not trap: products of lengths that overflow, and arrays without numbers.
    let hostile: [String: ImportedProgram.Constant] = [
      "lengths": try integers([.max, .max, .max, -1]), "one": try numbers([1], [0]), "none": try numbers([0], []),
    ]
    let reshape = operation("reshape", ["x": ["one"], "shape": ["lengths"]])
    #expect(throws: AthanorError.self) { _ = try model([1, 2, 3], hostile, [reshape]) }
    let add = operation("add", ["x": ["one"], "y": ["none"]])
    #expect(try model([1, 2, 3], hostile, [add]).outputShape == [0])
    #expect(result.shape == [4, 6])
  }

  @Test("Flattening from an axis counted from the end")
  func flattening() throws {
    let flatten = operation("flatten2d", ["x": ["x"], "axis": ["a"]])
    let result = try model([1, 2, 3], ["a": integers([-2])], [flatten]).predict(Tensor(zeros: [4, 2, 3]))
    #expect(result.shape == [4, 6])
  }

  @Test("No operation but softsign is read as softsign, and none that messages name is unknown")
  func knownOperations() throws {
    let inputs: [Float] = [-2, 0.5, 3]
    let known = try #require(refusal("none", ["x": ["x"]]).split(separator: "Known are ").last)
    let types = known.split(separator: ".")[0].split(separator: ", ").map(String.init)
    #expect(types.count > 40 && types.contains("softsign"))
    for type in types {
      let text = refusal(type, ["x": ["x"]], shape: [1, 3])
      #expect(!text.contains("there is no operation of this kind here"), "\(type)")
      guard text == "no error" else { continue }
      let result = try model([1, 3], [:], [operation(type, ["x": ["x"]])]).predict(Tensor(shape: [1, 3], inputs))
      #expect((result.floats == inputs.map { $0 / (abs($0) + 1) }) == (type == "softsign"), "\(type)")
    }
  }

  @Test("What cannot be read is named, with what can")
  func refusals() throws {
    let unknown = refusal("softmaxx", ["x": ["x"]])
    #expect(
      unknown.hasPrefix(
        "network (layer 1, ImportedNetwork): y (softmaxx): there is no operation of this kind here. Did you mean \"softmax\"? "
          + "Known are abs, add, avg_pool, batch_norm, "))
    #expect(
      refusal("reshape", ["x": ["x"], "shape": ["s"]], ["s": try integers([2, 16])])
        == "network (layer 1, ImportedNetwork): y (reshape): shape (None, 2, 4, 4) is to become [2, 16], but the batch must "
        + "stay an axis of its own.")
    #expect(
      refusal("relu", ["x": ["z"]])
        == "network (layer 1, ImportedNetwork): y (relu): nothing before it computes \"z\". The file is damaged.")
    #expect(
      refusal("relu", ["x": ["x"]], output: "z")
        == "network (layer 1, ImportedNetwork): output \"z\": nothing computes it from the input. The file is damaged.")
    #expect(
      refusal(
        "max_pool", ["x": ["x"], "kernel_sizes": ["k"], "pad": ["p"], "pad_type": ["t"]],
        ["k": try integers([2, 2]), "p": try integers([0, 9, 0, 0]), "t": .text("custom")])
        == "network (layer 1, ImportedNetwork): y (max_pool): it pads [0, 0] before and [9, 0] behind, which does not go with a "
        + "window of [2, 2].")
    #expect(
      refusal("reduce_mean", ["x": ["x"], "axes": ["a"]], ["a": try integers([0])])
        == "network (layer 1, ImportedNetwork): y (reduce_mean): it goes along the batch; examples are computed each by itself."
    )
    #expect(
      refusal("batch_norm", ["x": ["x"], "mean": ["m"], "variance": ["m"]], ["m": try numbers([3], [1, 1, 1])])
        == "network (layer 1, ImportedNetwork): y (batch_norm): its 3 means do not go with an input of shape (None, 2, 4, 4)."
    )
  }
}
