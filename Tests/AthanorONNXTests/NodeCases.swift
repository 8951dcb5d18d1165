import AthanorCore
import AthanorONNX
import Testing

/// What an attribute holds.
enum AttributeValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral {
  case number(Float)
  case integer(Int64)
  case text(String)
  case numbers([Float])
  case integers([Int64])
  case tensor(OnnxTensor)

  init(integerLiteral value: Int64) { self = .integer(value) }
  init(floatLiteral value: Float) { self = .number(value) }
  init(stringLiteral value: String) { self = .text(value) }

  /// The number of its type in the format.
  var type: Int32 {
    switch self {
    case .number: 1
    case .integer: 2
    case .text: 3
    case .tensor: 4
    case .numbers: 6
    case .integers: 7
    }
  }

  /// One of each type.
  static let all: [AttributeValue] = [
    0.37, 3, "surprise", .numbers([0.37, 1]), .integers([3, 1]), .tensor(.with { ($0.dataType, $0.floats) = (1, [3]) }),
  ]

  func fill(_ attribute: inout OnnxAttribute) {
    switch self {
    case .number(let value): attribute.number = value
    case .integer(let value): attribute.integer = value
    case .text(let value): attribute.text = Array(value.utf8).withUnsafeBytes { .init($0) }
    case .numbers(let values): attribute.numbers = values
    case .integers(let values): attribute.integers = values
    case .tensor(let tensor): attribute.tensor = tensor
    }
  }

  func attribute(_ name: String) -> OnnxAttribute {
    .with { attribute in
      (attribute.name, attribute.type) = (name, type)
      fill(&attribute)
    }
  }

  /// Other values of the same type.
  var others: [AttributeValue] {
    switch self {
    case .number(let value): [.number(value + 0.37), .number(-5)]
    case .integer(let value): [.integer(value + 1), .integer(value - 1), .integer(100), .integer(.min), .integer(.max)]
    case .text(let value): [.text(value + "_x"), .text(value.lowercased() + " "), ""]
    case .numbers(let values):
      values.indices.map { place in
        var copy = values
        copy[place] += 1
        return .numbers(copy)
      } + [.numbers(values + [1]), .numbers(Array(values.dropLast()))]
    case .integers(let values):
      values.indices.map { place in
        var copy = values
        copy[place] += 1
        return .integers(copy)
      } + [.integers(values + [1]), .integers(Array(values.dropLast())), .integers(values.map { _ in 20 })]
    case .tensor(let tensor):
      [.tensor(.with { ($0.dataType, $0.shape, $0.floats) = (1, tensor.shape, tensor.floats.map { $0 + 1 }) })]
    }
  }
}

/// A node on numbers and constants, with each attribute at a value at which it matters.
struct NodeCase: Sendable, CustomTestStringConvertible {
  enum Constant: Sendable {
    case numbers([Int64], [Float])
    case integers([Int64], [Int64])
    case flags([Int64], [Int32])

    func tensor(_ name: String) -> OnnxTensor {
      .with { tensor in
        tensor.name = name
        switch self {
        case .numbers(let shape, let values): (tensor.dataType, tensor.shape, tensor.floats) = (1, shape, values)
        case .integers(let shape, let values): (tensor.dataType, tensor.shape, tensor.int64S) = (7, shape, values)
        case .flags(let shape, let values): (tensor.dataType, tensor.shape, tensor.int32S) = (9, shape, values)
        }
      }
    }
  }

  let type: String
  var version: Int64 = 22
  /// 1 floating-point numbers, 6 integers, 9 flags.
  var dataType: Int32 = 1
  var shape: [Int] = [2, 3, 4, 5]
  var values: [Float]?
  /// The names of the inputs: `x` and those of the constants, `a`, `b`, `c`, `d`.
  var inputs = ["x"]
  var constants: [Constant] = []
  nonisolated(unsafe) var attributes: [(name: String, value: AttributeValue)] = []
  /// Attributes that change nothing at the values of the others.
  var neutral: Set<String> = []
  var resultCount = 1
  /// Whether it computes from constants alone.
  var isKnown = false

  var testDescription: String { "\(type) of set \(version)" }

  init(
    _ type: String, _ attributes: [(String, AttributeValue)] = [], _ constants: [Constant] = [],
    change: (inout NodeCase) -> Void = { _ in }
  ) {
    self.type = type
    self.attributes = attributes.map { ($0.0, $0.1) }
    self.constants = constants
    inputs += zip(["a", "b", "c", "d"], constants).map { $0.0 }
    change(&self)
  }

  var node: OnnxNode {
    .with { node in
      (node.type, node.name, node.inputs) = (type, "n", inputs)
      node.outputs = (0..<resultCount).map { "r\($0)" }
      node.attributes = attributes.map { $0.value.attribute($0.name) }
    }
  }

  func model(_ node: OnnxNode) -> OnnxModel {
    .with { file in
      file.operatorSets = [.with { $0.version = version }]
      file.graph.inputs = [
        .with { input in
          (input.name, input.type.tensor.dataType) = ("x", dataType)
          input.type.tensor.shape.lengths = shape.map { length in .with { $0.value = Int64(length) } }
        }
      ]
      file.graph.initializers = zip(["a", "b", "c", "d"], constants).map { $1.tensor($0) }
      file.graph.nodes = [node]
      file.graph.outputs = [.with { $0.name = "r0" }]
      guard isKnown else { return }
      // What the node computes, beside the model's input.
      file.graph.initializers.append(Constant.integers([1], [-1]).tensor("all"))
      file.graph.nodes += [
        .with { ($0.type, $0.inputs, $0.outputs) = ("Reshape", ["x", "all"], ["row"]) },
        .with {
          ($0.type, $0.inputs, $0.outputs) = ("Cast", ["r0"], ["numbers"])
          $0.attributes = [AttributeValue.integer(1).attribute("to")]
        },
        .with { ($0.type, $0.inputs, $0.outputs) = ("Reshape", ["numbers", "all"], ["known"]) },
        .with {
          ($0.type, $0.inputs, $0.outputs) = ("Concat", ["row", "known"], ["y"])
          $0.attributes = [AttributeValue.integer(0).attribute("axis")]
        },
      ]
      file.graph.outputs = [.with { $0.name = "y" }]
    }
  }

  var data: Tensor {
    let numbers = values ?? (0..<shape.reduce(1, *)).map { (place: Int) -> Float in Float(place * 31 % 7) / 3 - 0.9 }
    return switch dataType {
    case 6: Tensor(uncheckedShape: shape, .int32(numbers.map { Int32($0) }))
    case 9: Tensor(uncheckedShape: shape, .uint8(numbers.map { $0 > 0 ? 1 : 0 }))
    default: Tensor(uncheckedShape: shape, .float32(numbers))
    }
  }

  static let all: [NodeCase] = windows + normalizations + reductions + arrangements + functions + plain

  private static func row(_ count: Int64, from first: Float = 0.3) -> Constant {
    .numbers([count], (0..<count).map { (place: Int64) -> Float in Float(place * 5 % 7) / 5 + first })
  }

  private static func kernel(_ shape: [Int64]) -> Constant {
    .numbers(shape, (0..<shape.reduce(1, *)).map { (place: Int64) -> Float in Float(place * 5 % 7) / 5 - 0.4 })
  }

  private static let window: [(String, AttributeValue)] = [
    ("auto_pad", "NOTSET"), ("kernel_shape", .integers([2, 3])), ("pads", .integers([1, 0, 0, 1])),
    ("strides", .integers([1, 2])),
  ]

  private static let windows = [
    NodeCase("AveragePool", window + [("ceil_mode", 1), ("count_include_pad", 1), ("dilations", .integers([1, 1]))]),
    NodeCase("MaxPool", window + [("dilations", .integers([1, 1])), ("storage_order", 1)]),
    NodeCase("MaxPool", [("ceil_mode", 1), ("kernel_shape", .integers([2, 2])), ("strides", .integers([1, 2]))]),
    NodeCase(
      "MaxPool", [("auto_pad", "SAME_LOWER"), ("kernel_shape", .integers([2, 2])), ("strides", .integers([1, 3]))]),
    NodeCase("Conv", window + [("dilations", .integers([2, 1])), ("group", 3)], [kernel([3, 1, 2, 3]), row(3)]),
    NodeCase(
      "ConvTranspose",
      [
        ("auto_pad", "NOTSET"), ("kernel_shape", .integers([2, 3])), ("pads", .integers([1, 0, 0, 1])),
        ("strides", .integers([2, 2])), ("dilations", .integers([1, 2])), ("output_padding", .integers([1, 0])),
        ("group", 3),
      ], [kernel([3, 1, 2, 3]), row(3)]),
    NodeCase(
      "ConvTranspose", [("output_shape", .integers([8, 11])), ("strides", .integers([2, 2]))], [kernel([3, 1, 2, 3])]
    ) { $0.neutral = ["pads"] },
    NodeCase("GlobalAveragePool"), NodeCase("GlobalMaxPool"), NodeCase("GlobalLpPool", [("p", 1)]),
    NodeCase("LRN", [("size", 3), ("alpha", 0.5), ("beta", 0.6), ("bias", 2.0)]),
    NodeCase("Gemm", [("alpha", 0.5), ("beta", 2.0), ("transA", 1), ("transB", 1)], [kernel([5, 4]), row(5)]) {
      $0.shape = [4, 3]
    },
    NodeCase("MatMul", [], [kernel([5, 2])]),
  ]

  private static let normalizations =
    [
      NodeCase(
        "BatchNormalization", [("epsilon", 0.2), ("momentum", 0.5), ("training_mode", 0)],
        [row(3), row(3), row(3), row(3)]),
      NodeCase(
        "BatchNormalization", [("epsilon", 0.2), ("is_test", 1), ("spatial", 1)], [row(3), row(3), row(3), row(3)]
      ) { $0.version = 6 },
      NodeCase("Dropout", [("seed", 3)], [.numbers([], [0.4]), .flags([], [0])]),
      NodeCase("Dropout", [("ratio", 0.4), ("is_test", 1)]) { $0.version = 6 },
      NodeCase("GroupNormalization", [("epsilon", 0.2), ("num_groups", 3), ("stash_type", 1)], [row(3), row(3)]),
      NodeCase("GroupNormalization", [("epsilon", 0.2), ("num_groups", 3)], [row(3), row(3)]) { $0.version = 18 },
      NodeCase("InstanceNormalization", [("epsilon", 0.2)], [row(3), row(3)]),
      NodeCase("LayerNormalization", [("axis", -1), ("epsilon", 0.2), ("stash_type", 1)], [row(5), row(5)]),
      NodeCase("LpNormalization", [("axis", 1), ("p", 1)]),
      NodeCase("MeanVarianceNormalization", [("axes", .integers([0, 2]))]),
      NodeCase("RMSNormalization", [("axis", -1), ("epsilon", 0.2), ("stash_type", 1)], [row(5)]) { $0.version = 23 },
    ]
    + ["Softmax", "LogSoftmax", "Hardmax"].flatMap { type in
      [NodeCase(type, [("axis", 1)]), NodeCase(type, [("axis", 2)]) { $0.version = 11 }]
    }

  private static let reductions =
    [
      "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
      "ReduceSum", "ReduceSumSquare",
    ].flatMap { type in
      [
        NodeCase(type, [("keepdims", 0)], [.integers([1], [1])]) {
          // It is asked for no axes at all.
          $0.neutral = ["noop_with_empty_axes"]
          $0.values = positive
        },
        NodeCase(type, [("noop_with_empty_axes", 1)]) {
          $0.neutral = ["keepdims"]
          $0.values = positive
        },
        NodeCase(type, [("axes", .integers([1, 3])), ("keepdims", 0)]) {
          $0.version = 11
          $0.values = positive
        },
      ]
    } + [
      NodeCase("ArgMax", [("axis", 1), ("keepdims", 0), ("select_last_index", 1)]) { $0.values = twice },
      NodeCase("ArgMin", [("axis", 1), ("keepdims", 0), ("select_last_index", 1)]) { $0.values = twice },
      NodeCase("CumSum", [("exclusive", 1), ("reverse", 1)], [.integers([], [1])]),
    ]

  /// The largest and the smallest number come several times.
  private static let twice = (0..<120).map { (place: Int) -> Float in Float(place * 31 % 7 % 2) }
  private static let positive = (0..<120).map { (place: Int) -> Float in Float(place * 31 % 7) / 3 + 1.1 }

  private static let arrangements =
    [
      NodeCase("Concat", [("axis", 1)], [kernel([2, 1, 4, 5])]),
      NodeCase("DepthToSpace", [("blocksize", 2), ("mode", "CRD")]) { $0.shape = [2, 8, 2, 3] },
      NodeCase("SpaceToDepth", [("blocksize", 2)]) { $0.shape = [2, 3, 4, 6] },
      NodeCase("SpaceToDepth", [("blocksize", 2), ("mode", "DCR")]) { ($0.shape, $0.version) = ([2, 3, 4, 6], 28) },
      NodeCase("Expand", [], [.integers([5], [2, 2, 3, 4, 5])]),
      NodeCase("Flatten", [("axis", 2)]),
      NodeCase("Gather", [("axis", 2)], [.integers([2], [1, -1])]),
      NodeCase("OneHot", [("axis", -1)], [.integers([], [4]), .numbers([2], [0.1, 2])]) {
        ($0.dataType, $0.shape, $0.values) = (6, [2, 3], [0, 1, 2, 3, -1, 1])
      },
      NodeCase("Pad", [("mode", "edge")], [.integers([8], [0, 0, 1, 0, 0, 0, 0, 2])]),
      NodeCase("Pad", [("mode", "constant"), ("pads", .integers([0, 0, 1, 0, 0, 0, 0, 2])), ("value", 0.5)]) {
        $0.version = 2
      },
      NodeCase("Reshape", [("allowzero", 0)], [.integers([3], [0, 3, -1])]),
      NodeCase(
        "Resize",
        [
          ("antialias", 0), ("axes", .integers([2, 3])), ("coordinate_transformation_mode", "asymmetric"),
          ("cubic_coeff_a", -0.6), ("exclude_outside", 1), ("keep_aspect_ratio_policy", "stretch"), ("mode", "cubic"),
        ], [.numbers([0], []), .numbers([2], [1.5, 2.5])]
      ) { $0.neutral = ["extrapolation_value", "nearest_mode"] },
      NodeCase(
        "Resize",
        [
          ("axes", .integers([2, 3])), ("coordinate_transformation_mode", "half_pixel"),
          ("keep_aspect_ratio_policy", "not_larger"), ("mode", "nearest"), ("nearest_mode", "floor"),
        ], [.numbers([0], []), .numbers([0], []), .integers([2], [7, 13])]
      ) { $0.neutral = ["extrapolation_value", "cubic_coeff_a", "exclude_outside"] },
      NodeCase("Upsample", [("mode", "linear"), ("scales", .numbers([1, 1, 2, 1.5]))]) { $0.version = 7 },
      NodeCase("Upsample", [("mode", "linear")], [.numbers([4], [1, 1, 2, 1.5])]) { $0.version = 9 },
      NodeCase(
        "Slice", [],
        [.integers([2], [1, 0]), .integers([2], [3, 4]), .integers([2], [1, 3]), .integers([2], [1, 2])]),
      NodeCase(
        "Slice", [("axes", .integers([1, 3])), ("ends", .integers([2, 4])), ("starts", .integers([1, 2]))]
      ) { $0.version = 1 },
      NodeCase("Split", [("axis", 1), ("num_outputs", 2)]) { $0.resultCount = 2 },
      NodeCase("Split", [("axis", 1), ("split", .integers([1, 2]))]) { ($0.version, $0.resultCount) = (11, 2) },
      NodeCase("Squeeze", [("axes", .integers([1]))]) { ($0.version, $0.shape) = (11, [2, 1, 3, 1]) },
      NodeCase("Squeeze", [], [.integers([1], [1])]) { $0.shape = [2, 1, 3, 1] },
      NodeCase("Unsqueeze", [("axes", .integers([1]))]) { $0.version = 11 },
      NodeCase("Unsqueeze", [], [.integers([1], [1])]),
      NodeCase("Tile", [], [.integers([4], [1, 2, 1, 1])]),
      NodeCase("Transpose", [("perm", .integers([0, 2, 3, 1]))]),
      NodeCase("Trilu", [("upper", 0)], [.integers([], [1])]),
      NodeCase("Shape", [("end", 3), ("start", 1)], [kernel([3, 4, 2, 5])], change: known),
      NodeCase("Size", [], [kernel([3, 4])], change: known),
      NodeCase("Range", [], [.numbers([], [1]), .numbers([], [4]), .numbers([], [0.5])], change: known),
      NodeCase(
        "ConstantOfShape", [("value", .tensor(.with { ($0.dataType, $0.shape, $0.floats) = (1, [1], [2.5]) }))],
        [.integers([1], [3])], change: known),
    ]
    + ([
      ("value", .tensor(.with { ($0.dataType, $0.shape, $0.floats) = (1, [2], [2.5, 1]) })), ("value_float", 0.5),
      ("value_int", 3), ("value_floats", .numbers([0.5, 2])), ("value_ints", .integers([3, 1])),
    ] as [(String, AttributeValue)]).map { NodeCase("Constant", [$0], change: known) }

  private static func known(_ node: inout NodeCase) {
    node.isKnown = true
    node.inputs.removeFirst()
  }

  private static let functions: [NodeCase] =
    [
      NodeCase("Cast", [("to", 9)]),
      NodeCase("CastLike", [], [.flags([1], [1])]),
      NodeCase("Celu", [("alpha", 0.5)]), NodeCase("Elu", [("alpha", 0.5)]), NodeCase("LeakyRelu", [("alpha", 0.5)]),
      NodeCase("Swish", [("alpha", 0.5)]) { $0.version = 24 },
      NodeCase("ThresholdedRelu", [("alpha", 0.3)]),
      NodeCase("Clip", [], [.numbers([], [-0.2]), .numbers([], [0.4])]),
      NodeCase("Clip", [("max", 0.4), ("min", -0.2)]) { $0.version = 6 },
      NodeCase("Gelu", [("approximate", "tanh")]),
      NodeCase("HardSigmoid", [("alpha", 0.3), ("beta", 0.4)]),
      NodeCase("IsInf", [("detect_negative", 0), ("detect_positive", 1)]) {
        ($0.shape, $0.values) = ([1, 3], [.infinity, -.infinity, 1])
      },
      NodeCase("Mod", [("fmod", 1)], [row(5, from: -0.5)]),
      NodeCase("PRelu", [], [.numbers([3, 1, 1], [0.1, 0.2, 0.3])]),
      NodeCase("Selu", [("alpha", 1.5), ("gamma", 1.1)]),
      NodeCase("Shrink", [("bias", 0.1), ("lambd", 0.3)]),
      NodeCase("Where", [], [.flags([5], [0, 1, 0, 1, 1]), row(5)]) { $0.inputs = ["a", "x", "b"] },
      NodeCase("Not") { $0.dataType = 9 },
    ]
    + ["And", "Or", "Xor"].map { NodeCase($0, [], [.flags([5], [0, 1, 0, 1, 1])]) { $0.dataType = 9 } }
    + [
      "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Equal", "Greater", "GreaterOrEqual", "Less",
      "LessOrEqual",
    ].map { NodeCase($0, [], [row(5)]) }

  /// Those of one input and no attribute.
  private static let plain = [
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor",
    "HardSwish", "Identity", "IsNaN", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin",
    "Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh",
  ].map { NodeCase($0) }
}
