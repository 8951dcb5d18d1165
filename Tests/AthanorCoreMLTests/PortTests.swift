import Athanor
import AthanorCore
import AthanorCoreML
import Foundation
import SwiftProtobuf
import Testing

/// Inputs of any number of axes, open lengths and integers, in both of Core ML's formats; models made by hand.
@Suite struct PortTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ file: ProtoModel) throws -> Model {
    let path = "\(folder.path)/a.mlmodel"
    try Data(file.serializedData()).write(to: URL(fileURLWithPath: path))
    return try Model(contentsOf: path, threads: 1)
  }

  private func refusal(_ file: ProtoModel) -> String {
    errorText { _ = try read(file) }.replacingOccurrences(of: "\(folder.path)/a.mlmodel: ", with: "")
  }

  /// An ML Program of one operation on `x`, nil for an open length.
  private func program(_ type: Int32, _ lengths: [Int?], _ operation: String, _ texts: [String: String] = [:])
    -> ProtoModel
  {
    .with { model in
      model.description_p.inputs = [
        .with {
          ($0.name, $0.type.array.dataType) = ("x", type == 23 ? 131_104 : 65_568)
          $0.type.array.shape = lengths.map { Int64($0 ?? 3) }
        }
      ]
      model.description_p.outputs = [.with { $0.name = "y" }]
      var function = ProtoFunction()
      function.opset = "CoreML5"
      function.inputs = [
        .with { input in
          input.name = "x"
          input.type.tensor.dataType = type
          input.type.tensor.rank = Int64(lengths.count)
          input.type.tensor.dimensions = lengths.map { length in
            .with { if let length { $0.constant.size = UInt64(length) } else { $0.unknown = .init() } }
          }
        }
      ]
      function.blocks["CoreML5"] = .with { block in
        block.outputs = ["y"]
        block.operations = [
          .with { message in
            message.type = operation
            message.inputs = ["x": .with { $0.bindings = [.with { $0.name = "x" }] }]
            for (name, text) in texts {
              message.inputs[name] = .with {
                $0.bindings = [.with { $0.value.immediate.tensor.strings.values = [text] }]
              }
            }
            message.outputs = [.with { $0.name = "y" }]
          }
        ]
      }
      model.program.functions["main"] = function
    }
  }

  @Test func anyNumberOfAxes() throws {
    let number = try read(program(11, [], "relu"))
    #expect(number.inputs[0].lengths == [] && number.inputs[0].exampleAxis == nil)
    #expect(try number.predict(Tensor(shape: [], [-1])) == Tensor(shape: [], [0]))
    #expect(try read(program(11, [3], "relu")).inputs[0].lengths == [3])
    #expect(try read(program(11, [1, 3], "relu")).inputs[0].lengths == [.batch, 3])
    #expect(try read(program(10, [5, 3], "relu")).inputs[0].lengths == [.batch, 3])
    #expect(try read(program(10, [5, 1], "squeeze")).inputs[0].lengths == [5, 1])
  }

  @Test func openLengths() throws {
    let model = try read(program(11, [1, nil, 2], "relu"))
    #expect(model.inputs[0].lengths == [.batch, .open("x_1"), 2])
    for time in [2, 5] {
      #expect(try model.predict(Tensor(zeros: [4, time, 2])).shape == [4, time, 2])
    }
    #expect(try read(program(11, [nil, 2], "relu")).inputs[0].lengths == [.batch, 2])
    // What cannot stay open has the length that the description begins with.
    #expect(try read(program(11, [1, nil, 1], "squeeze")).inputs[0].lengths == [1, 3, 1])
  }

  @Test func integers() throws {
    let kept = try read(program(23, [2], "identity"))
    #expect(kept.inputs[0].dtype == .int32 && kept.outputs[0].dtype == .int32)
    #expect(try kept.predict(Tensor(shape: [2], integers: [.min, .max])).storage == .int32([.min, .max]))
    let cast = try read(program(23, [2], "cast", ["dtype": "fp32"]))
    #expect(try cast.predict(Tensor(shape: [2], integers: [-3, 4])) == Tensor(shape: [2], [-3, 4]))
    #expect(
      refusal(program(23, [2], "relu"))
        == "y (relu): input is of type int32 but numbers of type float32 are needed. Convert it first.")
    #expect(
      refusal(program(12, [2], "relu"))
        == "input \"x\": is no tensor of a type that can be read. Numbers of 16 or 32 bits (float16, float32, int32) can be."
    )
  }

  /// Constants of 64 bits, or of 32 without a sign, are not cut.
  @Test func constantsThatDoNotFit() throws {
    var model = program(11, [2], "add")
    let value = ProtoValue.with {
      $0.type.tensor.dataType = 24
      $0.immediate.tensor.int64S.values = [1 << 40]
    }
    model.program.functions["main"]?.blocks["CoreML5"]?.operations[0].inputs["y"] = .with {
      $0.bindings = [.with { $0.value = value }]
    }
    #expect(
      refusal(model)
        == "y (add): a constant holds 1099511627776, which does not fit 32-bit integers. Give integers from -2147483648 to 2147483647."
    )
    var bytes = value
    bytes.type.tensor.dataType = 33
    bytes.immediate.tensor.bytes.values = Data([255, 255, 255, 255])
    model.program.functions["main"]?.blocks["CoreML5"]?.operations[0].inputs["y"] = .with {
      $0.bindings = [.with { $0.value = bytes }]
    }
    #expect(
      refusal(model)
        == "y (add): a constant holds 4294967295, which does not fit 32-bit integers. Give integers from -2147483648 to 2147483647."
    )
  }

  /// A neural network that doubles an array.
  private func network(_ change: (inout ProtoArrayType) -> Void) -> ProtoModel {
    .with { model in
      model.description_p.inputs = [
        .with {
          $0.name = "x"
          $0.type.array.shape = [1, 3, 2]
          $0.type.array.dataType = 65_568
          change(&$0.type.array)
        }
      ]
      model.description_p.outputs = [.with { $0.name = "y" }]
      model.neuralNetwork.arrayShapes = 1
      model.neuralNetwork.layers = [
        .with { layer in
          (layer.name, layer.inputs, layer.outputs) = ("twice", ["x"], ["y"])
          layer.multiply.alpha = 2
        }
      ]
    }
  }

  @Test func neuralNetworks() throws {
    #expect(try read(network { _ in }).inputs[0].lengths == [.batch, 3, 2])
    let ranges = [(1, 1), (1, -1), (2, 2)].map { range in
      ProtoSizeRange.with { ($0.lower, $0.upper) = (UInt64(range.0), Int64(range.1)) }
    }
    #expect(try read(network { $0.range.lengths = ranges }).inputs[0].lengths == [.batch, .open("x_1"), 2])
    let shapes = [[1, 3, 2], [1, 3, 4]].map { lengths in
      ProtoArrayType.Shape.with { $0.lengths = lengths.map { Int64($0) } }
    }
    #expect(try read(network { $0.shapes.shapes = shapes }).inputs[0].lengths == [.batch, 3, .open("x_2")])
    let integers = try read(network { $0.dataType = 131_104 })
    #expect(integers.inputs[0].dtype == .int32)
    let result = try integers.predict(Tensor(shape: [1, 3, 2], integers: [1, 2, 3, 4, 5, 6]))
    #expect(result == Tensor(uncheckedShape: [1, 3, 2], .float32([2, 4, 6, 8, 10, 12])))
    #expect(
      refusal(network { $0.dataType = 131_080 })
        == "input \"x\": has elements of the type 131080. Floating-point numbers and 32-bit integers can be read.")
  }
}
