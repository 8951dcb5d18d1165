import Athanor
import AthanorCoreML
import Foundation
import Testing

/// Operations of ML Programs that the exchange language writes with others.
@Suite("Spellings of ML Programs")
struct SpellingTests {
  private func constant(_ kind: ProtoTensorValue.OneOf_Kind, _ type: Int32, _ shape: [Int]) -> ProtoArgument {
    var value = ProtoValue()
    value.type.tensor = .with {
      ($0.dataType, $0.rank) = (type, Int64(shape.count))
      $0.dimensions = shape.map { length in .with { $0.constant.size = UInt64(length) } }
    }
    value.immediate.tensor.kind = kind
    return .with { $0.bindings = [.with { $0.value = value }] }
  }

  private func integers(_ numbers: [Int32]) -> ProtoArgument {
    constant(.int32S(.with { $0.values = numbers }), 23, numbers.count == 1 ? [] : [numbers.count])
  }

  private func floats(_ numbers: [Float]) -> ProtoArgument {
    constant(.floats(.with { $0.values = numbers }), 11, numbers.count == 1 ? [] : [numbers.count])
  }

  private func text(_ text: String) -> ProtoArgument { constant(.strings(.with { $0.values = [text] }), 2, []) }

  private func flag(_ flag: Bool) -> ProtoArgument { constant(.bools(.with { $0.values = [flag] }), 1, []) }

  /// What an operation makes of `[1, C, H, W]` with the numbers 0, 1, ...
  private func result(
    _ kind: String, _ shape: [Int], _ arguments: [String: ProtoArgument], takesX: Bool = true
  ) throws -> Tensor {
    var model = ProtoModel()
    model.version = 6
    model.description_p.inputs = [
      .with { ($0.name, $0.type.array.shape, $0.type.array.dataType) = ("x", shape.map { Int64($0) }, 65568) }
    ]
    model.description_p.outputs = [.with { $0.name = "y" }]
    let type = ProtoValueType.with {
      $0.tensor = .with {
        ($0.dataType, $0.rank) = (11, Int64(shape.count))
        $0.dimensions = shape.map { length in .with { $0.constant.size = UInt64(length) } }
      }
    }
    let x = ProtoArgument.with { $0.bindings = [.with { $0.name = "x" }] }
    var function = ProtoFunction()
    function.opset = "CoreML5"
    function.inputs = [.with { ($0.name, $0.type) = ("x", type) }]
    function.blocks["CoreML5"] = .with {
      $0.outputs = ["y"]
      $0.operations = [
        .with {
          ($0.type, $0.outputs) = (kind, [.with { $0.name = "y" }])
          $0.inputs = (takesX ? ["x": x] : [:]).merging(arguments) { $1 }
        }
      ]
    }
    model.program.functions["main"] = function
    let file = try CoreMLFile(model: model.serializedBytes(), weights: [], path: "a.mlpackage")
    let count = shape.reduce(1, *)
    return try Model(file.recipe(), threads: 1).predict(Tensor(shape: shape, (0..<count).map { Float($0) }))
  }

  @Test func values() throws {
    #expect(
      try result("crop", [1, 1, 3, 3], ["crop_height": integers([1, 0]), "crop_width": integers([0, 1])]).floats == [
        3, 4, 6, 7,
      ])
    #expect(try result("linear_activation", [1, 3], ["alpha": floats([2]), "beta": floats([1])]).floats == [1, 3, 5])
    #expect(try result("threshold", [1, 3], ["alpha": floats([1.5])]).floats == [1.5, 1.5, 2])
    #expect(
      try result("pixel_shuffle", [1, 4, 1, 2], ["upscale_factor": integers([2])]).floats == [0, 2, 1, 3, 4, 6, 5, 7])
    #expect(
      try result(
        "upsample_nearest_neighbor", [1, 1, 1, 2],
        ["scale_factor_height": floats([2]), "scale_factor_width": floats([1.5])]
      )
      .floats == [0, 0, 1, 0, 0, 1])
    let factor = ["scale_factor_width": floats([2])]
    // Corners are aligned unless it says otherwise.
    #expect(
      largestDifference(try result("upsample_bilinear", [1, 1, 1, 2], factor).floats, [0, 1 / 3, 2 / 3, 1]) < 1e-6)
    let centres = factor.merging(["align_corners": flag(false)]) { $1 }
    #expect(try result("upsample_bilinear", [1, 1, 1, 2], centres).floats == [0, 0.25, 0.75, 1])
    let neither = centres.merging(["half_pixel_centers": flag(false)]) { $1 }
    #expect(try result("upsample_bilinear", [1, 1, 1, 2], neither).floats == [0, 0.5, 1, 1])
    let soft = try result("softplus_parametric", [1, 2, 1, 1], ["alpha": floats([2, 3]), "beta": floats([1, 2])]).floats
    #expect(largestDifference(soft, [2 * logf(2), 3 * logf(1 + expf(2))]) < 1e-5)
    #expect(try result("floor_div", [1, 4], ["y": floats([-2])]).floats == [0, -1, -1, -2])
    // Values take turns along the axis.
    let twice = ProtoArgument.with { $0.bindings = [.with { $0.name = "x" }, .with { $0.name = "x" }] }
    for (axis, want) in [(1, [0, 1, 0, 1, 2, 3, 2, 3]), (2, [0, 0, 1, 1, 2, 2, 3, 3])] {
      let joined = try result(
        "concat", [1, 2, 2], ["values": twice, "axis": integers([Int32(axis)]), "interleave": flag(true)], takesX: false
      )
      #expect(joined.floats == want.map { Float($0) })
    }
    // The mean of the channels at each place is 1 and 2, their deviation 1.
    let normalized = try result(
      "layer_norm", [1, 2, 1, 2],
      [
        "axes": constant(.int32S(.with { $0.values = [1] }), 23, [1]), "gamma": floats([1, 2]), "beta": floats([0, 3]),
        "epsilon": floats([1e-9]),
      ])
    #expect(largestDifference(normalized.floats, [-1, -1, 5, 5]) < 1e-5)
    for type in ["int32", "uint16"] {
      #expect(
        try result("reduce_argmax", [1, 3], ["axis": integers([1]), "output_dtype": text(type)]).floats == [2])
    }
    #expect(
      errorText { _ = try result("reduce_argmin", [1, 3], ["output_dtype": text("int8")]) }
        == "a.mlpackage: y (reduce_argmin): its argument \"output_dtype\" is the text \"int8\", but must be int32 or uint16."
    )
    #expect(
      errorText { _ = try result("pixel_shuffle", [1, 4, 1, 2], ["upscale_factor": floats([2.5])]) }
        == "a.mlpackage: y (pixel_shuffle): its argument \"upscale_factor\" must be an integer.")
    #expect(
      errorText {
        _ = try result("crop", [1, 1, 3, 3], ["crop_height": floats([1, 0.5]), "crop_width": integers([0, 1])])
      }
        == "a.mlpackage: y (crop): its argument \"crop_height\" must be integers.")
    #expect(
      errorText { _ = try result("softmax", [1, 3], ["axis": floats([0.5])]) }
        == "a.mlpackage: y (softmax): its argument \"axis\" is an array of shape () but must be an integer.")
    #expect(
      errorText { _ = try result("mish", [1, 3], [:]) }
        == "a.mlpackage: y (mish): there is no operation of this kind here. Convert the model to an older version of Core ML."
    )
    #expect(
      errorText { _ = try result("threshold", [1, 3], ["alpha": floats([1]), "beta": floats([1])]) }
        == "a.mlpackage: y (threshold): its argument \"beta\" is not known. threshold takes alpha, x.")
    #expect(
      errorText { _ = try result("upsample_bilinear", [1, 1, 1, 2], ["half_pixel_centers": flag(true)]) }
        == "a.mlpackage: y (upsample_bilinear): it aligns corners and centres.")
  }
}
