import Athanor
import AthanorCore

/// What there is to say of an operation of MIL: how the exchange language writes it where it does so with others, and what is not read of it.
package struct ProgramSpelling: Sendable {
  package let name: String
  /// What is read of it, for people; empty for all.
  package let limits: String
  private let arguments: Set<String>
  /// nil where the operation has its name and arguments in the exchange language.
  private let write: (@Sendable (inout SpelledOperation) throws -> Void)?

  private init(
    _ name: String, _ arguments: Set<String>, limits: String = "",
    _ write: @escaping @Sendable (inout SpelledOperation) throws -> Void
  ) {
    (self.name, self.limits, self.arguments, self.write) = (name, limits, arguments, write)
  }

  private init(_ name: String, limits: String) {
    (self.name, self.limits, arguments, write) = (name, limits, [], nil)
  }

  /// The names of all operations that are read.
  package static let operationNames =
    Set(all.map(\.name)).union(OperationKind.all.filter(\.isInMIL).map(\.name)).sorted()

  /// Operations of the exchange language that MIL has not, or with other arguments.
  private static let foreign = Set(OperationKind.all.filter { !$0.isInMIL }.map(\.name))

  private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  /// Adds the same in the exchange language, and nothing where the operation has its name there.
  ///
  /// - Throws: `AthanorError` with an empty location when an argument is not known, missing or of another form.
  static func spell(_ operation: inout SpelledOperation) throws {
    guard !foreign.contains(operation.kind) else {
      throw AthanorError(
        .unsupported, at: "", "there is no operation of this kind here",
        fix: "Convert the model to an older version of Core ML.")
    }
    guard let spelling = byName[operation.kind], let write = spelling.write else { return }
    if let name = operation.arguments.keys.sorted().first(where: { !spelling.arguments.contains($0) }) {
      throw AthanorError(
        .unsupported, at: "", "its argument \"\(name)\" is not known",
        fix: "\(spelling.name) takes \(spelling.arguments.sorted().joined(separator: ", ")).")
    }
    try write(&operation)
  }

  /// The table.
  package static let all: [ProgramSpelling] = [
    .init(
      "conv_transpose", ["x", "weight", "bias", "pad", "output_shape", "pad_type", "strides", "dilations", "groups"],
      limits: "two dimensions; known weights; an `output_shape` that its other arguments give"
    ) { try $0.transposedConvolution() },
    .init("crop", ["x", "crop_height", "crop_width"]) {
      let (rows, columns) = (try $0.integers("crop_height", count: 2), try $0.integers("crop_width", count: 2))
      let isWhole = [1, 1, rows[1] == 0 ? 1 : 0, columns[1] == 0 ? 1 : 0]
      try $0.add(
        .sliceByIndex,
        [
          .x: $0.required("x"), .begin: .integers([0, 0, rows[0], columns[0]]),
          .end: .integers([0, 0, -rows[1], -columns[1]]), .beginMask: .integers([1, 1, 0, 0]),
          .endMask: .integers(isWhole),
        ])
    },
    .init("linear_activation", ["x", "alpha", "beta"]) {
      let (alpha, beta) = (try $0.number("alpha"), try $0.number("beta", 0))
      let scaled = try $0.add(.binary(.multiply), [.x: $0.required("x"), .y: .scalar(alpha)], isLast: false)
      try $0.add(.binary(.add), [.x: scaled, .y: .scalar(beta)])
    },
    .init("pixel_shuffle", ["x", "upscale_factor"]) {
      try $0.add(
        .depthToSpace,
        [
          .x: $0.required("x"), .blockSize: .integer($0.integer("upscale_factor")),
          .mode: .choice(OperationKind.BlockOrder.channelsFirst),
        ])
    },
    .init("range_1d", ["start", "end", "step"], limits: "known numbers") {
      try $0.add(.range, [.begin: $0.required("start"), .end: $0.required("end"), .stride: $0.required("step")])
    },
    .init("reduce_argmax", ["x", "axis", "keep_dims", "output_dtype"]) { try $0.places(.argMax) },
    .init("reduce_argmin", ["x", "axis", "keep_dims", "output_dtype"]) { try $0.places(.argMin) },
    .init("softplus_parametric", ["x", "alpha", "beta"]) {
      let (alpha, beta) = (try $0.channels("alpha"), try $0.channels("beta"))
      let scaled = try $0.add(.binary(.multiply), [.x: $0.required("x"), .y: beta], isLast: false)
      let bent = try $0.add(.unary(.softplus), [.x: scaled], isLast: false)
      try $0.add(.binary(.multiply), [.x: bent, .y: alpha])
    },
    .init("stack", ["values", "axis"]) {
      let axis = try $0.integer("axis")
      var rows: [Program.Operand] = []
      for value in try $0.required("values").operands {
        rows += try $0.add(.expandDims, [.x: .operand(value), .axes: .integers([axis])], isLast: false).operands
      }
      try $0.add(.concat, [.values: .operands(rows), .axis: .integer(axis)])
    },
    .init("threshold", ["x", "alpha"]) {
      try $0.add(.binary(.maximum), [.x: $0.required("x"), .y: .scalar($0.number("alpha"))])
    },
    .init(
      "upsample_bilinear",
      ["x", "scale_factor_height", "scale_factor_width", "align_corners", "half_pixel_centers"],
      limits: "not both of `align_corners` and `half_pixel_centers`"
    ) {
      let aligns = try $0.number("align_corners", 1) != 0
      let hasCentres = try $0.number("half_pixel_centers", aligns ? 0 : 1) != 0
      guard !aligns || !hasCentres else {
        throw AthanorError(.unsupported, at: "", "it aligns corners and centres")
      }
      try $0.upsample(.linear, aligns ? .alignCorners : hasCentres ? .halfPixel : .asymmetric)
    },
    .init("upsample_nearest_neighbor", ["x", "scale_factor_height", "scale_factor_width"]) {
      try $0.upsample(.nearest, .asymmetric)
    },
    .init("avg_pool", limits: "two dimensions"),
    .init("cast", limits: "to fp16 and fp32 (kept in 32 bits), int32, uint8 and bool"),
    .init("conv", limits: "two dimensions; known weights"),
    .init("elu", limits: "an `alpha` of 0 or more"),
    .init("fill", limits: "known shapes"),
    .init("gather", limits: "known places, or rows of a known table; no `batch_dims`"),
    .init("leaky_relu", limits: "an `alpha` of 0 or more"),
    .init("linear", limits: "known weights"),
    .init("local_response_norm", limits: "a `size` of 256 at most"),
    .init("max_pool", limits: "two dimensions"),
    .init("one_hot", limits: "a new last axis"),
    .init("prelu", limits: "inputs of two or four axes"),
    .init("reduce_prod", limits: "axes of 256 places at most"),
    .init("select", limits: "both choices of one type: floating-point numbers, or int32"),
    .init("shape", limits: "open lengths only of the examples"),
    .init("tile", limits: "known repeats"),
  ].sorted { $0.name < $1.name }
}

/// An operation of a file that is written with others.
struct SpelledOperation {
  let kind: String
  let arguments: [String: Program.Argument]
  let result: String
  /// The lengths of the input, where they are fixed.
  let inputShape: [Int]?
  private(set) var names: UniqueNames
  private(set) var operations: [Program.Operation] = []

  init(
    _ kind: String, _ arguments: [String: Program.Argument], result: String, inputShape: [Int]?, names: UniqueNames
  ) {
    (self.kind, self.arguments, self.result, self.inputShape, self.names) = (kind, arguments, result, inputShape, names)
  }

  func required(_ name: String) throws -> Program.Argument {
    guard let argument = arguments[name] else {
      throw AthanorError(.data, at: "", "its argument \"\(name)\" is missing")
    }
    return argument
  }

  private func tensor(_ name: String) throws -> Tensor {
    guard case .operand(.constant(let tensor)) = try required(name) else {
      throw AthanorError(.unsupported, at: "", "its argument \"\(name)\" must be a constant")
    }
    return tensor
  }

  func integers(_ name: String, count: Int, _ standard: [Int]? = nil) throws -> [Int] {
    if let standard, arguments[name] == nil { return standard }
    let tensor = try tensor(name)
    guard let integers = tensor.exactIntegers else {
      throw AthanorError(.data, at: "", "its argument \"\(name)\" must be \(count == 1 ? "an integer" : "integers")")
    }
    guard integers.count == count else {
      throw AthanorError(.data, at: "", "its argument \"\(name)\" has \(integers.count) numbers, not \(count)")
    }
    return integers
  }

  func integer(_ name: String) throws -> Int { try integers(name, count: 1)[0] }

  func number(_ name: String, _ standard: Double? = nil) throws -> Double {
    if let standard, arguments[name] == nil { return standard }
    let tensor = try tensor(name)
    guard tensor.count == 1, tensor.floats[0].isFinite, abs(tensor.floats[0]) < 1e9 else {
      throw AthanorError(.data, at: "", "its argument \"\(name)\" must be one number")
    }
    return Double(tensor.floats[0])
  }

  /// One number, or one for each channel, which is the second axis.
  func channels(_ name: String) throws -> Program.Argument {
    let tensor = try tensor(name)
    guard let rank = inputShape?.count, rank > 2, tensor.count > 1 else { return .constant(tensor) }
    return .constant(tensor.reshaped(to: [tensor.count] + [Int](repeating: 1, count: rank - 2)))
  }

  /// - Parameter isLast: Whether the result is the file's operation's.
  @discardableResult
  mutating func add(
    _ kind: OperationKind, _ arguments: [ArgumentName: Program.Argument], isLast: Bool = true
  ) throws -> Program.Argument {
    let name = isLast ? result : names.new(result)
    operations.append(try Program.Operation(kind, name: result, arguments, results: [Program.Result(name)]))
    return .operand(.named(name))
  }

  /// The place of the largest or smallest number, in whichever type of integers that holds it.
  mutating func places(_ kind: OperationKind) throws {
    var rest = arguments
    if let type = rest.removeValue(forKey: "output_dtype"), ![.text("int32"), .text("uint16")].contains(type) {
      throw AthanorError(.unsupported, at: "", "its argument \"output_dtype\" is \(type), but must be int32 or uint16")
    }
    try add(kind, kind.arguments(rest))
  }

  mutating func upsample(_ mode: OperationKind.ResizeMode, _ coordinates: OperationKind.ResizeCoordinates) throws {
    let scales = [try number("scale_factor_height", 1), try number("scale_factor_width", 1)]
    // An input with open lengths is a picture.
    let rank = inputShape?.count ?? 4
    guard rank > 2 else { throw AthanorError(.unsupported, at: "", "its input must have height and width") }
    var arguments: [ArgumentName: Program.Argument] = [
      .x: try required("x"), .axes: .integers([rank - 2, rank - 1]), .mode: .choice(mode),
      .coordinates: .choice(coordinates), .nearest: .choice(OperationKind.ResizeRounding.floor),
    ]
    // Where the lengths are known, their ratio counts and not the factor, which converters round up a little.
    if let input = inputShape {
      arguments[.size] = .integers(zip(input.suffix(2), scales).map { Int((Double($0) * $1).rounded(.down)) })
    } else {
      arguments[.scales] = .constant(Tensor(uncheckedShape: [2], .float32(scales.map { Float($0) })))
    }
    try add(.resize, arguments)
  }

  /// The shape of the result is said once more; another one than the arguments give would need further padding.
  mutating func transposedConvolution() throws {
    var rest = arguments
    rest["output_shape"] = nil
    if arguments["output_shape"] != nil {
      let wanted = try integers("output_shape", count: 4)
      let size = try tensor("weight").shape
      guard let input = inputShape, input.count == 4, size.count == 4 else {
        throw AthanorError(
          .unsupported, at: "", "its output_shape is \(wanted), but the shape of its input is not known")
      }
      let strides = try integers("strides", count: 2, [1, 1])
      let dilations = try integers("dilations", count: 2, [1, 1])
      var pads = [0, 0, 0, 0]
      switch arguments["pad_type"] {
      case .text("custom"): pads = try integers("pad", count: 4, pads)
      case .text("valid"), nil: break
      default: throw AthanorError(.unsupported, at: "", "it has an output_shape and pads as \"same\"")
      }
      let given = (0..<2).map { axis -> Int in
        let reach = (input[2 + axis] - 1) * strides[axis] + (size[2 + axis] - 1) * dilations[axis]
        return reach + 1 - pads[2 * axis] - pads[2 * axis + 1]
      }
      let groups = arguments["groups"] == nil ? 1 : try integer("groups")
      let shape = [input[0], size[1] * groups] + given
      guard wanted == shape else {
        throw AthanorError(
          .unsupported, at: "",
          "its output_shape is \(wanted), but its other arguments give \(shape)",
          fix: "Convert the model without an output padding.")
      }
    }
    try add(.convTranspose, OperationKind.convTranspose.arguments(rest))
  }
}
