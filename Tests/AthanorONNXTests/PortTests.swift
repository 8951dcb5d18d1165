import Athanor
import AthanorCore
import AthanorONNX
import Foundation
import Testing

/// Inputs of any number of axes, open lengths and types of elements; models made by hand.
@Suite final class PortTests {
  private let path = NSTemporaryDirectory() + "athanor-\(UUID().uuidString).onnx"

  private let remedy = "Change the network so that it does without, or run the file in onnxruntime."

  deinit { try? FileManager.default.removeItem(atPath: path) }

  private func input(_ name: String, type: Int32 = 1, _ lengths: [Any]) -> OnnxValueInfo {
    .with { value in
      value.name = name
      value.type.tensor.dataType = type
      value.type.tensor.shape.lengths = lengths.map { length in
        .with { if let fixed = length as? Int { $0.value = Int64(fixed) } else { $0.name = length as? String ?? "" } }
      }
    }
  }

  private func node(
    _ type: String, _ inputs: [String] = ["x"], _ outputs: [String] = ["y"], _ attributes: [String: Int] = [:]
  ) -> OnnxNode {
    .with { node in
      (node.type, node.inputs, node.outputs) = (type, inputs, outputs)
      node.attributes = attributes.sorted { $0.key < $1.key }.map { pair in
        .with { ($0.name, $0.integer, $0.type) = (pair.key, Int64(pair.value), 2) }
      }
    }
  }

  private func integers(_ name: String, _ values: [Int64]) -> OnnxTensor {
    .with { ($0.name, $0.dataType, $0.shape, $0.int64S) = (name, 7, [Int64(values.count)], values) }
  }

  private func floats(_ name: String, _ shape: [Int64], _ values: [Float]) -> OnnxTensor {
    .with { ($0.name, $0.dataType, $0.shape, $0.floats) = (name, 1, shape, values) }
  }

  private func model(
    _ inputs: [OnnxValueInfo], _ nodes: [OnnxNode], _ constants: [OnnxTensor] = [], version: Int64 = 18
  ) throws -> Model {
    let model = OnnxModel.with { model in
      model.operatorSets = [.with { $0.version = version }]
      model.graph.inputs = inputs
      model.graph.nodes = nodes
      model.graph.initializers = constants
      model.graph.outputs = [.with { $0.name = nodes.last?.outputs.first ?? "" }]
    }
    try Data(model.serializedData()).write(to: URL(fileURLWithPath: path))
    return try Model(contentsOf: path, threads: 1)
  }

  private func refusal(
    _ inputs: [OnnxValueInfo], _ nodes: [OnnxNode], _ constants: [OnnxTensor] = [], version: Int64 = 18
  ) -> String {
    do {
      _ = try model(inputs, nodes, constants, version: version)
      return "no error"
    } catch {
      return "\(error)".replacingOccurrences(of: path + ": ", with: "")
    }
  }

  @Test func anyNumberOfAxes() throws {
    let number = try model([input("x", [])], [node("Neg")])
    #expect(number.inputs[0].lengths == [] && number.inputs[0].exampleAxis == nil && number.outputShape == [])
    #expect(try number.predict(Tensor(shape: [], [3])) == Tensor(shape: [], [-3]))
    let vector = try model([input("x", [3])], [node("Softmax")])
    #expect(vector.inputs[0].lengths == [3])
    #expect(try vector.predict(Tensor(shape: [3], [0, 0, 0])).floats == [1 / 3, 1 / 3, 1 / 3])
    let rows = try model([input("x", ["n"])], [node("Relu")])
    #expect(rows.inputs[0].lengths == [.batch] && rows.inputs[0].exampleAxis == 0)
    #expect(try rows.predict(Tensor(shape: [40], (0..<40).map { Float($0 - 1) })).floats[..<3] == [0, 0, 1])
    let matrix = try model([input("x", [3, 2])], [node("ReduceSum", ["x", "axes"])], [integers("axes", [0])])
    #expect(try matrix.predict(Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6])) == Tensor(shape: [1, 2], [9, 12]))
  }

  @Test func openLengths() throws {
    let model = try model(
      [input("x", ["n", "time", 2]), input("z", ["n", "time", 2])], [node("Add", ["x", "z"])])
    #expect(model.inputs.map(\.lengths) == [[.batch, .open("time"), 2], [.batch, .open("time"), 2]])
    for time in [3, 5] {
      let x = Tensor(uncheckedShape: [2, time, 2], .float32((0..<4 * time).map { Float($0) }))
      #expect(try model.predict(["x": x, "z": x])["y"]?.floats == x.floats.map { 2 * $0 })
    }
    let error = #expect(throws: AthanorError.self) {
      try model.predict(["x": Tensor(zeros: [2, 3, 2]), "z": Tensor(zeros: [2, 4, 2])])
    }
    #expect(
      error?.description
        == "predict: open length \"time\" is 3 in input \"x\" but 4 in \"z\". Make them equal, or give the inputs open lengths of different names: Input(lengths: [.open(\"...\")])."
    )
    // Lengths without a name have that of their input and axis; a name is nobody else's.
    let unnamed = try self.model([input("x", ["", "", 2]), input("z", [4, "batch"])], [node("Relu")])
    #expect(unnamed.inputs.map(\.lengths) == [[.batch, .open("x_1"), 2], [4, .open("batch_")]])
  }

  @Test func integers() throws {
    let shaped = try model(
      [input("x", type: 7, ["n", 4])], [node("Reshape", ["x", "shape"])], [integers("shape", [0, 2, 2])])
    #expect(shaped.inputs[0].dtype == .int32 && shaped.outputs[0].dtype == .int32)
    let classes = try Tensor(shape: [1, 4], integers: [1, -2, .max, .min])
    #expect(try shaped.predict(classes) == Tensor(shape: [1, 2, 2], integers: [1, -2, .max, .min]))
    let bytes = try model([input("x", type: 2, [2])], [node("Cast", ["x"], ["y"], ["to": 1])])
    #expect(bytes.inputs[0].dtype == .uint8)
    #expect(try bytes.predict(Tensor(shape: [2], bytes: [0, 255])) == Tensor(shape: [2], [0, 255]))
    let half = try model([input("x", type: 10, [2])], [node("Relu")])
    #expect(half.inputs[0].dtype == .float32)
    #expect(
      refusal([input("x", type: 6, [2])], [node("Relu")])
        == "node \"y\" (Relu): input is of type int32 but numbers of type float32 are needed. Convert it first.")
    #expect(
      refusal([input("x", type: 6, [2])], [node("Cast", ["x"], ["y"], ["to": 8])])
        == "node \"y\" (Cast): it casts to string, which is not supported. " + remedy)
    #expect(
      refusal([input("x", [2])], [node("Pow", ["two", "x"])], [integers("two", [2, 3])])
        == "node \"y\" (Pow): its powers are those of integers, which are integers again. " + remedy)
  }

  /// What known integers of a type become, beside the model's input of zeros.
  private func known(_ type: Int32, _ nodes: [OnnxNode], _ a: [Int32], _ b: [Int32]) throws -> [Float] {
    func tensor(_ name: String, _ values: [Int32]) -> OnnxTensor {
      .with { tensor in
        (tensor.name, tensor.dataType, tensor.shape) = (name, type, [Int64(values.count)])
        if [7, 12, 13].contains(type) {
          (tensor.int64S, tensor.uint64S) = type == 7 ? (values.map { Int64($0) }, []) : ([], values.map { UInt64($0) })
        } else {
          tensor.int32S = values
        }
      }
    }
    let ends = [node("Identity", ["c"], ["d"]), node("Cast", ["d"], ["e"], ["to": 1]), node("Add", ["x", "e"])]
    return try model([input("x", [a.count])], nodes + ends, [tensor("a", a), tensor("b", b)])
      .predict(Tensor(zeros: [a.count])).floats
  }

  /// As NumPy has them.
  @Test func shortIntegersWrapAround() throws {
    func binary(_ kind: String) -> [OnnxNode] { [node(kind, ["a", "b"], ["c"])] }
    #expect(try known(2, binary("Add"), [200, 3], [200, 4]) == [144, 7])
    #expect(try known(2, binary("Sub"), [3, 9], [5, 4]) == [254, 5])
    #expect(try known(3, binary("Mul"), [100, -128], [3, -1]) == [44, -128])
    #expect(try known(4, binary("Add"), [65_535, 1], [2, 1]) == [1, 2])
    #expect(try known(5, binary("Mul"), [300, 2], [300, 2]) == [24_464, 4])
    #expect(try known(3, [node("Neg", ["a"], ["c"])], [-128, 5], [0, 0]) == [-128, -5])
    #expect(try known(2, binary("Pow"), [20, 3], [2, 5]) == [144, 243])
    // The type goes with the values.
    let chain = [
      node("Identity", ["a"], ["i"]), node("Concat", ["i", "b"], ["j"], ["axis": 0]),
      node("Add", ["j", "j"], ["c"]),
    ]
    #expect(
      try model(
        [input("x", [2])],
        chain + [node("Cast", ["c"], ["e"], ["to": 1]), node("Add", ["x", "e"])],
        [
          .with { ($0.name, $0.dataType, $0.shape, $0.int32S) = ("a", 2, [1], [130]) },
          .with { ($0.name, $0.dataType, $0.shape, $0.int32S) = ("b", 2, [1], [7]) },
        ]
      ).predict(Tensor(zeros: [2])).floats == [4, 14])
    func refused(_ type: Int32, _ kind: String, _ a: [Int32], _ b: [Int32]) -> String {
      do { return "\(try known(type, binary(kind), a, b))" } catch {
        return "\(error)".replacingOccurrences(of: path + ": ", with: "")
      }
    }
    #expect(
      refused(6, "Add", [.max], [1])
        == "node \"c\" (Add): it computes 2147483648.0, which does not fit 32-bit integers. " + remedy)
    #expect(
      refused(12, "Sub", [3], [5])
        == "node \"c\" (Sub): it computes -2 in uint32, which wraps around to a number beyond 32 bits. Export the model with signed integers."
    )
    #expect(
      refusal([input("x", type: 2, [2])], [node("Add", ["x", "x"])])
        == "node \"y\" (Add): its input 1 is computed in uint8, in which only known numbers are combined. Cast it to float32 before."
    )
  }

  @Test func knownIntegers() throws {
    func binary(_ kind: String) -> [OnnxNode] { [node(kind, ["a", "b"], ["c"])] }
    #expect(try known(7, binary("Max"), [3, -4, 5], [2, -1, 5]) == [3, -1, 5])
    #expect(try known(6, binary("Min"), [3, -4, 5], [2, -1, 5]) == [2, -4, 5])
    #expect(
      try known(7, binary("Pow"), [2, -3, 2, -1, 1, 0], [10, 3, -1, 2_000_001, -5, 0]) == [1024, -27, 0, -1, 1, 1])
    #expect(try known(7, [node("Neg", ["a"], ["c"])], [7, -2], [0, 0]) == [-7, 2])
    #expect(throws: AthanorError.self) { try known(7, binary("Pow"), [0], [-1]) }
  }

  /// A fixed first length is that of a batch, which may be any, as long as examples stay apart.
  @Test func fixedBatches() throws {
    let shape = integers("shape", [4, 3, 2])
    let model = try model(
      [input("x", [4, 6]), input("z", [4, 6])],
      [
        node("Add", ["x", "z"], ["a"]), node("Reshape", ["a", "shape"], ["b"]), node("Expand", ["b", "shape"], ["c"]),
        node("Reshape", ["c", "flat"]),
      ], [shape, integers("flat", [4, -1])])
    #expect(model.inputs.map(\.lengths) == [[.batch, 6], [.batch, 6]] && model.outputs[0].lengths == [.batch, 6])
    for count in [1, 4, 7] {
      let x = Tensor(uncheckedShape: [count, 6], .float32((0..<6 * count).map { Float($0) }))
      #expect(try model.predict(["x": x, "z": x])["y"] == Tensor(shape: x.shape, x.floats.map { 2 * $0 }))
    }
    let saved = path + ".safetensors"
    defer { try? FileManager.default.removeItem(atPath: saved) }
    try model.save(to: saved)
    let x = Tensor(uncheckedShape: [2, 6], .float32((0..<12).map { Float($0) }))
    #expect(try Model(contentsOf: saved, threads: 1).predict(["x": x, "z": x])["y"]?.shape == [2, 6])
    // Its length counts as the file has it.
    let share = try self.model(
      [input("x", [4, 2])],
      [
        node("Shape", ["x"], ["s"]), node("Gather", ["s", "first"], ["n"]), node("Cast", ["n"], ["f"], ["to": 1]),
        node("Div", ["x", "f"]),
      ], [integers("first", [0])])
    #expect(try share.predict(Tensor(shape: [1, 2], [8, 4])).floats == [2, 1])
    // Where examples do not stay apart, all lengths are the file's.
    for (nodes, constants) in [
      ([node("Reshape", ["x", "row"])], [integers("row", [1, -1])]),
      ([node("ReduceSum", ["x", "first"])], [integers("first", [0])]),
      ([node("Add", ["x", "each"])], [floats("each", [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])]),
    ] {
      let fixed = try self.model([input("x", [4, 2])], nodes, constants)
      #expect(fixed.inputs[0].lengths == [4, 2] && fixed.inputs[0].exampleAxis == nil)
    }
    let sum = try self.model([input("x", [4, 2])], [node("ReduceSum", ["x", "first"])], [integers("first", [0])])
    let data = try Dataset(inputs: Tensor(zeros: [8, 2]), targets: Tensor(zeros: [8, 2]))
    let error = #expect(throws: AthanorError.self) { try sum.predict(data) }
    #expect(
      error?.description
        == "predict: the model takes no data sets: its input \"input_layer\" has just the shape (4, 2), and no axis for examples, because an operation does not leave them apart. Predict with tensors of just this shape, or export the model with an open batch."
    )
  }

  /// One row of all examples is none for each.
  @Test func rowsOfOpenBatches() throws {
    #expect(
      refusal([input("x", ["n", 2])], [node("Reshape", ["x", "row"])], [integers("row", [1, -1])])
        == "node \"y\" (Reshape): shape (None, 2) is to become [1, -1], but the batch must stay an axis of its own. "
        + ImportSite.closedLengths)
  }

  @Test func newerOperatorSets() throws {
    let newest = Int64(OnnxFiles.newestOperatorSet)
    #expect(try model([input("x", [2])], [node("Relu")], version: newest).inputs.count == 1)
    #expect(
      refusal([input("x", [2])], [node("Relu")], version: newest + 1)
        == "it has operator set 29, but those up to 28 are known. Export it with opset_version=28 or an older one.")
  }

  @Test func whatDoesNotFit() {
    let big = integers("big", [.max])
    #expect(
      refusal([input("x", [2])], [node("Add", ["x", "big"])], [big])
        == "node \"y\" (Add): its input 2, \"big\", holds 9223372036854775807, which does not fit 32-bit integers. Give integers from -2147483648 to 2147483647."
    )
    #expect(
      refusal(
        [input("x", [2])],
        [node("Constant", [], ["c"], ["value_int": 1 << 40]), node("Reshape", ["x", "c"])])
        == "node \"y\" (Reshape): shape (2,) is to become [1099511627776], but the same elements are needed, and the same open lengths. "
        + remedy
    )
    let huge = OnnxTensor.with { ($0.name, $0.dataType, $0.doubles) = ("d", 11, [1e300]) }
    #expect(
      refusal([input("x", [2])], [node("Add", ["x", "d"])], [huge])
        == "tensor \"d\": holds 1e+300, which does not fit 32-bit floating point. Export the model with weights of float32."
    )
    #expect(
      refusal([input("x", type: 8, [2])], [node("Relu")])
        == "input \"x\": has elements of the type string. Export the model with inputs of floating-point numbers, integers or flags."
    )
    #expect(
      refusal([.with { ($0.name, $0.type.tensor.dataType) = ("x", 1) }], [node("Relu")])
        == "input \"x\": has no shape in the file. Export the model with shapes.")
    #expect(
      refusal([.with { $0.name = "x" }], [node("Relu")])
        == "input \"x\": is no tensor. Export the model with shapes.")
    #expect(
      refusal([input("x", [2, 0])], [node("Relu")])
        == "input \"x\": has the shape (2, 0). Each length must be at least 1.")
    #expect(refusal([], [node("Constant", [], ["y"], ["value_int": 1])]) == "it has no inputs. " + remedy)
  }

  /// Programs write the largest integer for the end of an axis.
  @Test func slices() throws {
    let constants = { (starts: [Int64], ends: [Int64], axes: [Int64]) in
      [self.integers("starts", starts), self.integers("ends", ends), self.integers("axes", axes)]
    }
    let node = node("Slice", ["x", "starts", "ends", "axes"])
    let last = try model([input("x", [3, 2])], [node], constants([1, 1], [.max, .max], [0, 1]))
    #expect(try last.predict(Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6])) == Tensor(shape: [2, 1], [4, 6]))
    let whole = try model([input("x", ["n", 2])], [node], constants([0], [.max], [0]))
    #expect(try whole.predict(Tensor(shape: [2, 2], [1, 2, 3, 4])).floats == [1, 2, 3, 4])
    #expect(
      refusal([input("x", ["n", 2])], [node], constants([0], [1], [0]))
        == "node \"y\" (Slice): it takes a part of axis 0, whose length is open. " + remedy)
  }

  @Test func operatorsThatBroadcast() throws {
    // A third operand of one column is added to each row's columns.
    let gemm = try model(
      [input("x", [2, 2])], [node("Gemm", ["x", "b", "c"], ["y"], ["transA": 1])],
      [floats("b", [2, 2], [1, 0, 0, 1]), floats("c", [2, 1], [10, 20])])
    #expect(try gemm.predict(Tensor(shape: [2, 2], [1, 2, 3, 4])).floats == [11, 13, 22, 24])
    let slopes = try model([input("x", [2, 2])], [node("PRelu", ["x", "s"])], [floats("s", [2, 1], [2, 3])])
    #expect(try slopes.predict(Tensor(shape: [2, 2], [-1, 1, -1, 1])).floats == [-2, 1, -3, 1])
    let shares = try model([input("x", [1, 2, 2])], [node("Softmax", ["x"], ["y"], ["axis": 1])], version: 11)
    #expect(try shares.predict(Tensor(shape: [1, 2, 2], [0, 0, 0, 0])).floats == [0.25, 0.25, 0.25, 0.25])
    let mean = try model([input("x", [1, 1, 2, 1, 2])], [node("GlobalAveragePool")])
    #expect(try mean.predict(Tensor(shape: [1, 1, 2, 1, 2], [1, 2, 3, 4])) == Tensor(shape: [1, 1, 1, 1, 1], [2.5]))
    let length = try model(
      [input("x", [3, 2])], [node("Shape", ["x"], ["s"], ["start": -1]), node("Reshape", ["x", "s2"])],
      [integers("s2", [2, 3])])
    #expect(try length.predict(Tensor(zeros: [3, 2])).shape == [2, 3])
    let parts = try model([input("x", [5])], [node("Split", ["x"], ["y", "z"], ["num_outputs": 2])])
    #expect(try parts.predict(Tensor(shape: [5], [1, 2, 3, 4, 5])).floats == [1, 2, 3])
  }
}
