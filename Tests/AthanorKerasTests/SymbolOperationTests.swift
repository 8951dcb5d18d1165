import Athanor
import Foundation
import Testing

/// Functional models in JSON, with operations on symbols and merging layers.
@Suite("Sums and products in functional models")
struct SymbolOperationTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func input(_ name: String, _ shape: String, _ dtype: String) -> String {
    #"{"class_name":"InputLayer","config":{"batch_shape":\#(shape),"dtype":"\#(dtype)","name":"\#(name)"},"name":"\#(name)","inbound_nodes":[]}"#
  }

  private func tensor(_ name: String, _ dtype: String = "float32") -> String {
    #"{"class_name":"__keras_tensor__","config":{"shape":[null,2],"dtype":"\#(dtype)","keras_history":["\#(name)",0,0]}}"#
  }

  /// - Parameter module: `layers`, or `src.ops.numpy` for an operation.
  private func call(_ className: String, _ name: String, _ module: String, _ arguments: [String]) -> String {
    #"{"class_name":"\#(className)","module":"keras.\#(module)","config":{"name":"\#(name)"},"name":"\#(name)","inbound_nodes":[{"args":[\#(arguments.joined(separator: ","))],"kwargs":{}}]}"#
  }

  private func model(_ layers: [String], inputs: [String], output: String) throws -> Model {
    let ends = inputs.map { #"["\#($0)",0,0]"# }.joined(separator: ",")
    let json =
      #"{"class_name":"Functional","config":{"name":"m","layers":[\#(layers.joined(separator: ","))],"input_layers":[\#(ends)],"output_layers":[["\#(output)",0,0]]}}"#
    try Data(json.utf8).write(to: folder.url.appendingPathComponent("m.json"))
    return try Model(contentsOf: folder.path("m.json"), threads: 1)
  }

  @Test("Integers are merged as integers, with numbers as numbers")
  func integers() throws {
    let (a, b) = (
      try Tensor(shape: [2, 2], integers: [1, -2, 3, 40]), try Tensor(shape: [2, 2], integers: [5, 6, -7, 8])
    )
    for (className, expected) in [
      ("Add", [6, 4, -4, 48]), ("Subtract", [-4, -8, 10, 32]), ("Multiply", [5, -12, -21, 320]),
      ("Maximum", [5, 6, 3, 40]), ("Minimum", [1, -2, -7, 8]),
    ] as [(String, [Float])] {
      for module in ["layers", "src.ops.numpy"] {
        let arguments = [tensor("a", "int32"), tensor("b", "int32")]
        let model = try model(
          [
            input("a", "[null,2]", "int32"), input("b", "[null,2]", "int32"),
            call(className, "y", module, module == "layers" ? ["[\(arguments.joined(separator: ","))]"] : arguments),
          ], inputs: ["a", "b"], output: "y")
        let result = try #require(model.predict(["a": a, "b": b])["y"])
        #expect(result.dtype == .int32 && result.floats == expected, "\(className), \(module)")
      }
    }
    let mean = try model(
      [
        input("a", "[null,2]", "int32"), input("b", "[null,2]", "int32"),
        call("Average", "y", "layers", ["[\(tensor("a", "int32")),\(tensor("b", "int32"))]"]),
      ], inputs: ["a", "b"], output: "y")
    #expect(try mean.predict(["a": a, "b": b])["y"]?.floats == [3, 2, -2, 24])
    let mixed = try model(
      [
        input("a", "[null,2]", "int32"), input("b", "[null,2]", "float32"),
        call("Multiply", "y", "layers", ["[\(tensor("a", "int32")),\(tensor("b"))]"]),
      ], inputs: ["a", "b"], output: "y")
    let halves = try Tensor(shape: [2, 2], [0.5, 0.5, 0.5, 0.25])
    #expect(try mixed.predict(["a": a, "b": halves])["y"]?.floats == [0.5, -1, 1.5, 10])
  }

  @Test("Short integers wrap around in Keras and are refused, unless a number with a fraction is among them")
  func shortIntegers() throws {
    func scaled(_ className: String, _ number: String, _ dtype: String) throws -> Model {
      try model(
        [
          input("a", "[null,2]", dtype), call(className, "y", "src.ops.numpy", [tensor("a", dtype), number]),
        ], inputs: ["a"], output: "y")
    }
    #expect(
      folder.errorText { try scaled("Multiply", "2", "uint8") }
        == "m.json.config.layers[1]: the operation \"Multiply\" of integers of type uint8, which wrap around, on symbols is not supported. "
        + "Make it a layer; supported are sums, differences and products with a tensor or a number, and activations.")
    let bytes = try Tensor(shape: [1, 2], bytes: [200, 7])
    #expect(try scaled("Multiply", "0.5", "uint8").predict(bytes).floats == [100, 3.5])
    #expect(try scaled("TrueDivide", "2", "uint8").predict(bytes).floats == [100, 3.5])
    #expect(try scaled("Add", "3", "int32").predict(Tensor(shape: [1, 2], integers: [1, -9])).floats == [4, -6])
    #expect(
      folder.errorText {
        try model(
          [
            input("a", "[null,2]", "uint8"), input("b", "[null,2]", "uint8"),
            call("Add", "y", "layers", ["[\(tensor("a", "uint8")),\(tensor("b", "uint8"))]"]),
          ], inputs: ["a", "b"], output: "y")
      }.hasSuffix("all of its inputs are bytes, which wrap around at 256. Put a Rescaling layer before one of them."))
  }

  @Test("Names that differ in the normal form alone are two layers, with a warning")
  func normalForms() throws {
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    let model = try model(
      [
        input("a", "[null,2]", "float32"), call("Relu", decomposed, "src.ops.nn", [tensor("a")]),
        call("Negative", "unused", "src.ops.numpy", [tensor("a")]).replacingOccurrences(of: "Negative", with: "Tanh"),
        call("Sigmoid", composed, "src.ops.nn", [tensor(decomposed)]),
        call("Add", "y", "src.ops.numpy", [tensor(composed), tensor(decomposed)]),
        call("Add", "z", "src.ops.numpy", [tensor("unused"), tensor("y")]),
      ], inputs: ["a"], output: "z")
    #expect(
      model.warnings.first
        == "\(folder.path("m.json")).config: the layer \"\(composed)\" is called \"\(composed)_1\" here."
        || model.warnings.first
          == "\(folder.path("m.json")).config: the layer \"\(composed)\" is called \"\(decomposed)_1\" here."
    )
    let y = try model.predict(Tensor(shape: [1, 2], [2, -1])).floats
    let expected = [2.0, -1.0].map { x in tanh(x) + max(x, 0) + 1 / (1 + exp(-max(x, 0))) }
    #expect(zip(y, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 })
  }

  @Test("Models that call a model twice, which calls one twice, and so on, are refused before they are built")
  func exponential() throws {
    func level(_ depth: Int) -> String {
      let inner =
        depth == 0
        ? #"{"class_name":"Activation","config":{"name":"f","activation":"relu"},"name":"f","inbound_nodes":[{"args":[\#(tensor("a"))],"kwargs":{}},{"args":[\#(tensor("f"))],"kwargs":{}}]}"#
        : level(depth - 1).dropLast()
          + #","name":"f","inbound_nodes":[{"args":[\#(tensor("a"))],"kwargs":{}},{"args":[\#(tensor("f"))],"kwargs":{}}]}"#
      return
        #"{"class_name":"Functional","config":{"name":"f","layers":[\#(input("a", "[null,2]", "float32")),\#(inner)],"input_layers":[["a",0,0]],"output_layers":[["f",1,0]]}}"#
    }
    func load(_ depth: Int) throws -> Model {
      try Data(level(depth).utf8).write(to: folder.url.appendingPathComponent("m.json"))
      return try Model(contentsOf: folder.path("m.json"), threads: 1)
    }
    #expect(try load(2).predict(Tensor(shape: [1, 2], [3, -4])).floats == [3, 0])
    #expect(folder.errorText { try load(20) }.hasSuffix("it has more than 50000 calls. The file is damaged."))
  }
}
